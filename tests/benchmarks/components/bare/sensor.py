"""Bare sensors."""

from typing import Any

from homeassistant.components.sensor import SensorEntity
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import BareEntity, async_add_bare_entities


class BareSensor(BareEntity, SensorEntity):
    """A sensor that shows a number."""

    _attr_native_value = 1


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConfigEntry[Any],
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add them."""
    await async_add_bare_entities(
        entry, async_add_entities, BareSensor, Platform.SENSOR
    )
