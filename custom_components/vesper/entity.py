"""Base entities of the devices and of the fleet."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from itertools import batched
from typing import Any, override

from homeassistant.core import Context, callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .hub.hub import VesperConfigEntry, VesperHub
from .hub.registry import fleet_identifier, fleet_unique_id_of, unique_id_of
from .model.change import Change
from .model.device import Device

#: Names the element of `frontend/more-info.js` that the dialog of an entity shows.
MORE_INFO = {"custom_ui_more_info": "vesper-more-info"}

#: Adding entities blocks the event loop: this many take about 10 ms.
ENTITIES_PER_CHUNK = 60


class Availability(Enum):
    """When an entity is available."""

    ALWAYS = auto()
    """Always: its value stays true until the device reports another one."""
    LINKED = auto()
    """While the broker link is up."""
    ONLINE = auto()
    """While the broker link is up and the device is not offline."""


AVAILABILITY_CHANGES = {
    Availability.ALWAYS: Change.NOTHING,
    Availability.LINKED: Change.CONNECTIVITY,
    Availability.ONLINE: Change.REACHABILITY,
}


@dataclass(frozen=True, kw_only=True)
class VesperEntityDescription(EntityDescription):
    """Describe an entity of a device."""

    attributes_fn: Callable[[Device], Mapping[str, Any] | None] | None = None
    changes: Change = Change.NOTHING
    """The changes of its value."""
    availability: Availability = Availability.ALWAYS

    @cached_property
    def listens_to(self) -> Change:
        """Return the changes for which the state is written."""
        return self.changes | AVAILABILITY_CHANGES[self.availability]


class VesperEntity(Entity):
    """An entity of a device."""

    entity_description: VesperEntityDescription
    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(
        self, hub: VesperHub, device: Device, description: VesperEntityDescription
    ) -> None:
        """Set the device."""
        self.hub = hub
        self.device = device
        self.entity_description = description
        # Not `device_info`: registering the device for each entity would take a quarter
        # of the time that adding entities takes.
        self.device_entry = hub.registry.async_entry(device)

    @property
    @override
    def unique_id(self) -> str:
        """Return the unique id."""
        return unique_id_of(
            self.hub.registry.entry_id,
            self.device.device_id,
            self.entity_description.key,
        )

    @property
    @override
    def available(self) -> bool:
        """Return whether the entity is available."""
        availability = self.entity_description.availability
        if availability is Availability.ALWAYS:
            return True
        if availability is Availability.ONLINE and self.device.online is False:
            return False
        return self.hub.connected

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """Return the attributes."""
        attributes_fn = self.entity_description.attributes_fn
        return None if attributes_fn is None else attributes_fn(self.device)

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the device."""
        self.hub.listeners.async_listen(
            self.device, self.entity_description.listens_to, self._async_notified
        )

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Stop listening."""
        # Not `async_on_remove`, which would need 2 kB for the entities of a device.
        self.hub.listeners.async_remove(self.device, self._async_notified)

    @callback
    def async_entity_id_changed(self, old_entity_id: str) -> None:
        """Do nothing when the entity id has changed."""

    @callback
    def _async_notified(self, change: Change, context: Context | None) -> None:
        """Handle a change of the device.

        The context is that of the action that caused it, None without one.
        """
        if context is not None:
            self.async_set_context(context)
        else:
            # That of an earlier action would stay for five seconds.
            self._context = None
        self.async_device_changed(change)

    @callback
    def async_device_changed(self, change: Change) -> None:
        """Write the state."""
        self.async_write_ha_state()


class VesperFleetEntity(Entity):
    """An entity of the whole fleet."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(
        self, entry: VesperConfigEntry, description: EntityDescription
    ) -> None:
        """Set the fleet."""
        self.hub = entry.runtime_data
        self.entity_description = description
        self._attr_unique_id = fleet_unique_id_of(entry.entry_id, description.key)
        self._attr_device_info = DeviceInfo(
            identifiers={fleet_identifier(entry.entry_id)}
        )

    @callback
    def async_entity_id_changed(self, old_entity_id: str) -> None:
        """Do nothing when the entity id has changed."""


@dataclass(frozen=True, kw_only=True)
class VesperFleetEntityDescription(EntityDescription):
    """Describe an entity of the fleet."""

    linked: bool = False
    """Whether it is unavailable while the broker link is down."""
    value_fn: Callable[[VesperHub], float | str | bool | None]
    attributes_fn: Callable[[VesperHub], Mapping[str, Any]] = lambda _: {}


type FleetValue = tuple[bool, float | str | bool | None, Mapping[str, Any]]
"""Whether it is available, its value and its attributes."""


class VesperFleetValueEntity(VesperFleetEntity):
    """An entity of the fleet that shows a value."""

    entity_description: VesperFleetEntityDescription
    _written: FleetValue | None = None

    @property
    @override
    def available(self) -> bool:
        """Return whether the entity is available."""
        return self.hub.connected or not self.entity_description.linked

    @property
    def value(self) -> float | str | bool | None:
        """Return the value."""
        return self.entity_description.value_fn(self.hub)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """Return the attributes."""
        return self.entity_description.attributes_fn(self.hub)

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the fleet."""
        self._written = self._current()
        self.async_on_remove(
            self.hub.listeners.async_listen_fleet(self._async_fleet_changed)
        )

    @callback
    def _async_fleet_changed(self) -> None:
        """Write the state if it has changed."""
        if (written := self._current()) != self._written:
            self._written = written
            self.async_write_ha_state()

    def _current(self) -> FleetValue:
        """Return what the state shows."""
        return self.available, self.value, self.extra_state_attributes


async def async_add_device_entities[D: VesperEntityDescription](
    entry: VesperConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    entity_class: Callable[[VesperHub, Device, D], VesperEntity],
    descriptions: Sequence[D],
) -> None:
    """Add entities for all present and future devices."""
    hub = entry.runtime_data
    if not (descriptions := hub.entity_set.select(descriptions)):
        return
    # Devices that are added meanwhile are not among the known ones.
    known = tuple(hub.devices.values())

    @callback
    def _async_add(*devices: Device) -> None:
        """Add the entities of some devices."""
        async_add_entities(
            entity_class(hub, device, description)
            for device in devices
            for description in descriptions
        )

    entry.async_on_unload(hub.listeners.async_listen_new_devices(_async_add))
    devices_per_chunk = max(1, ENTITIES_PER_CHUNK // len(descriptions))
    for chunk in batched(known, devices_per_chunk, strict=False):
        # Also before the first chunk: otherwise the first chunks of all platforms would
        # run in one turn of the event loop.
        await asyncio.sleep(0)
        _async_add(*chunk)
