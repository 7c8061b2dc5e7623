"""Bare switches."""

from typing import Any

from homeassistant.components.switch import SwitchEntity
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import BareEntity, async_add_bare_entities


class BareSwitch(BareEntity, SwitchEntity):
    """A switch that is off."""

    _attr_is_on = False


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConfigEntry[Any],
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add them."""
    await async_add_bare_entities(
        entry, async_add_entities, BareSwitch, Platform.SWITCH
    )
