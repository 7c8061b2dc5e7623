"""Entities that do nothing, as the least possible cost.

They have the platforms, units and device classes of Vesper's, of which Home Assistant
makes its own work.
"""

import asyncio
from collections.abc import Callable
from itertools import batched
from typing import Any

from custom_components.vesper import DESCRIPTIONS
from custom_components.vesper.entity import ENTITIES_PER_CHUNK
from custom_components.vesper.hub.entity_set import EntitySet
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.SENSOR,
    Platform.SWITCH,
]


async def async_setup_entry(hass: HomeAssistant, entry: ConfigEntry[Any]) -> bool:
    """Add the entities that the entry names."""
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: ConfigEntry[Any]) -> bool:
    """Remove the entities."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


class BareEntity(Entity):
    """An entity with a name and a device."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, device_id: str, description: EntityDescription) -> None:
        """Set the device's id and the description."""
        self.entity_description = description
        self._attr_unique_id = f"{device_id}_{description.key}"
        self._attr_name = description.key
        self._attr_device_info = DeviceInfo(
            identifiers={("bare", device_id)}, name=device_id
        )


async def async_add_bare_entities(
    entry: ConfigEntry[Any],
    async_add_entities: AddConfigEntryEntitiesCallback,
    entity_class: Callable[..., BareEntity],
    platform: Platform,
) -> None:
    """Add as many entities per device as Vesper has."""
    descriptions = EntitySet(entry.data["entities"]).select(DESCRIPTIONS[platform])
    if not descriptions:
        return
    devices_per_chunk = max(1, ENTITIES_PER_CHUNK // len(descriptions))
    device_ids = (f"bare-{number:05d}" for number in range(entry.data["devices"]))
    for chunk in batched(device_ids, devices_per_chunk, strict=False):
        await asyncio.sleep(0)
        async_add_entities(
            entity_class(device_id, description)
            for device_id in chunk
            for description in descriptions
        )
