"""Bare binary sensors."""

from typing import Any

from homeassistant.components.binary_sensor import BinarySensorEntity
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import BareEntity, async_add_bare_entities


class BareBinarySensor(BareEntity, BinarySensorEntity):
    """A binary sensor that is on."""

    _attr_is_on = True


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConfigEntry[Any],
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add them."""
    await async_add_bare_entities(
        entry, async_add_entities, BareBinarySensor, Platform.BINARY_SENSOR
    )
