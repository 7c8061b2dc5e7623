"""Whether devices are online."""

from typing import override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import CoordinatedConfigEntry
from .entity import CoordinatedEntity, async_add_of_each

DESCRIPTIONS = (
    BinarySensorEntityDescription(
        key="connectivity", device_class=BinarySensorDeviceClass.CONNECTIVITY
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: CoordinatedConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add one for each device."""
    async_add_of_each(entry, async_add_entities, CoordinatedBinarySensor, DESCRIPTIONS)


class CoordinatedBinarySensor(CoordinatedEntity, BinarySensorEntity):
    """Whether a device is online."""

    @property
    @override
    def is_on(self) -> bool:
        """Return it."""
        return self.coordinator.online
