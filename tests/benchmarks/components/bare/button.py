"""Bare buttons."""

from typing import Any

from homeassistant.components.button import ButtonEntity
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import BareEntity, async_add_bare_entities


class BareButton(BareEntity, ButtonEntity):
    """A button that was never pressed."""


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConfigEntry[Any],
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add them."""
    await async_add_bare_entities(
        entry, async_add_entities, BareButton, Platform.BUTTON
    )
