"""Entities that do nothing: the least that so many of them cost Home Assistant."""

import asyncio
from collections.abc import Callable
from itertools import batched
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.SENSOR,
    Platform.SWITCH,
]
#: In one call, as the integration does it: the event loop has turns between them.
DEVICES_AT_A_TIME = 20


async def async_setup_entry(hass: HomeAssistant, entry: ConfigEntry[Any]) -> bool:
    """Add the entities that the entry names."""
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: ConfigEntry[Any]) -> bool:
    """Take the entities away."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


class BareEntity(Entity):
    """An entity with a name and a device."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, device_id: str, key: str, *, enabled: bool) -> None:
        """Take the device's id, and the key, which is the name too."""
        self._attr_unique_id = f"{device_id}_{key}"
        self._attr_name = key
        self._attr_entity_registry_enabled_default = enabled
        self._attr_device_info = DeviceInfo(
            identifiers={("bare", device_id)}, name=device_id
        )


async def async_add_bare_entities(
    entry: ConfigEntry[Any],
    async_add_entities: AddConfigEntryEntitiesCallback,
    entity_class: Callable[..., BareEntity],
    platform: Platform,
) -> None:
    """Add as many entities of each device as the entry says."""
    enabled, disabled = entry.data["entities"].get(platform, (0, 0))
    device_ids = (f"bare-{number:05d}" for number in range(entry.data["devices"]))
    for some in batched(device_ids, DEVICES_AT_A_TIME, strict=False):
        async_add_entities(
            entity_class(device_id, f"{platform} {number}", enabled=number < enabled)
            for device_id in some
            for number in range(enabled + disabled)
        )
        await asyncio.sleep(0)
