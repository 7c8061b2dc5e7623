"""Bare sensors."""

from datetime import UTC, datetime
from typing import Any

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
)
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import BareEntity, async_add_bare_entities

_TIMES = (SensorDeviceClass.TIMESTAMP, SensorDeviceClass.UPTIME)
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


class BareSensor(BareEntity, SensorEntity):
    """A sensor that shows one value."""

    def __init__(self, device_id: str, description: SensorEntityDescription) -> None:
        """Set a value that the description allows."""
        super().__init__(device_id, description)
        self._attr_native_value = 1
        if description.options:
            self._attr_native_value = description.options[0]
        elif description.device_class in _TIMES:
            self._attr_native_value = _NOW


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConfigEntry[Any],
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add them."""
    await async_add_bare_entities(
        entry, async_add_entities, BareSensor, Platform.SENSOR
    )
