"""Show a device, or the whole fleet, as entities."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from itertools import batched
from typing import override

from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .hub.hub import VesperConfigEntry, VesperHub
from .hub.registry import fleet_identifier, unique_id_of
from .model.change import Change, Changes
from .model.device import Device

#: Adding entities keeps the event loop; with so many at a time it gets a turn every
#: hundredth of a second or so.
ENTITIES_AT_A_TIME = 60


class Availability(Enum):
    """When an entity has something to tell."""

    ALWAYS = auto()
    """It tells of the past, or what was said last holds until the device says else."""
    LINKED = auto()
    """Not while the broker can't be reached."""
    ONLINE = auto()
    """Nor while the device is offline."""


AVAILABILITY_CHANGES = {
    Availability.ALWAYS: Change.NOTHING,
    Availability.LINKED: Change.CONNECTIVITY,
    Availability.ONLINE: Change.REACHABILITY,
}


@dataclass(frozen=True, kw_only=True)
class VesperEntityDescription(EntityDescription):
    """Describe an entity of a device: what it watches, and when it can tell."""

    watched: Changes = Change.NOTHING
    availability: Availability = Availability.ALWAYS

    @cached_property
    def concerned(self) -> Changes:
        """Return the changes that the entity is to be written for."""
        return self.watched | AVAILABILITY_CHANGES[self.availability]


class VesperEntity(Entity):
    """An entity of a device: written when what it watches has changed, not before.

    There are thousands of them, so none keeps what its device or description knows.
    """

    entity_description: VesperEntityDescription
    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(
        self, hub: VesperHub, device: Device, description: VesperEntityDescription
    ) -> None:
        """Take the device that the entity shows."""
        self.hub = hub
        self.device = device
        self.entity_description = description
        # It is registered already: to describe it anew for each of its entities would
        # take a quarter of the time in which they are added.
        self.device_entry = hub.registered(device)

    @property
    @override
    def unique_id(self) -> str:
        """Return the id that no other entity of the integration has."""
        return unique_id_of(self.device.device_id, self.entity_description.key)

    @property
    @override
    def available(self) -> bool:
        """Return whether the entity has something to tell."""
        availability = self.entity_description.availability
        if availability is Availability.ALWAYS:
            return True
        if availability is Availability.ONLINE and self.device.online is False:
            return False
        return self.hub.connected

    @property
    def watched(self) -> Changes:
        """Return the changes that concern the entity."""
        return self.entity_description.concerned

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the device."""
        self.hub.async_add_listener(self.device, self)

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Listen no more."""
        self.hub.async_remove_listener(self.device, self)

    @callback
    def async_entity_id_changed(self, old_entity_id: str) -> None:
        """Go on as before: nothing here depends on the entity id."""

    @callback
    def async_device_changed(self, change: Changes) -> None:
        """Show what has changed."""
        self.async_write_ha_state()


class VesperFleetEntity(Entity):
    """An entity of the whole fleet."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(
        self, entry: VesperConfigEntry, description: EntityDescription
    ) -> None:
        """Take the hub that knows the fleet."""
        self.hub = entry.runtime_data
        self.entity_description = description
        self._attr_unique_id = f"{entry.entry_id}_{description.key}"
        self._attr_device_info = DeviceInfo(
            identifiers={fleet_identifier(entry.entry_id)}
        )

    @callback
    def async_entity_id_changed(self, old_entity_id: str) -> None:
        """Go on as before: nothing here depends on the entity id."""


@dataclass(frozen=True, kw_only=True)
class VesperFleetEntityDescription(EntityDescription):
    """Describe an entity of the fleet: its value, and whether that takes a link."""

    linked: bool = False
    value_fn: Callable[[VesperHub], int | str | bool]


class VesperFleetValueEntity(VesperFleetEntity):
    """An entity of the fleet that shows a value."""

    entity_description: VesperFleetEntityDescription
    _shown: tuple[bool, int | str | bool] | None = None

    @property
    @override
    def available(self) -> bool:
        """Return whether the entity has something to tell."""
        return self.hub.connected or not self.entity_description.linked

    @property
    def value(self) -> int | str | bool:
        """Return what the entity tells of the fleet."""
        return self.entity_description.value_fn(self.hub)

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the fleet."""
        self._shown = (self.available, self.value)
        self.async_on_remove(self.hub.async_listen_fleet(self._async_fleet_changed))

    @callback
    def _async_fleet_changed(self) -> None:
        """Show the value, if it is another: most changes touch few of them."""
        if (shown := (self.available, self.value)) != self._shown:
            self._shown = shown
            self.async_write_ha_state()


async def async_add_device_entities[D: VesperEntityDescription](
    entry: VesperConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    entity_class: Callable[[VesperHub, Device, D], VesperEntity],
    descriptions: Sequence[D],
) -> None:
    """Add the described entities of every device, known now or later."""
    hub = entry.runtime_data
    if not (descriptions := hub.entity_set.of(descriptions)):
        return
    # Listening first: nobody is missed while the known ones are worked off.
    known = tuple(hub.devices.values())

    @callback
    def _async_add(*devices: Device) -> None:
        """Add the entities of some devices in one call."""
        async_add_entities(
            entity_class(hub, device, description)
            for device in devices
            for description in descriptions
        )

    entry.async_on_unload(hub.async_listen_for_devices(_async_add))
    devices_at_a_time = max(1, ENTITIES_AT_A_TIME // len(descriptions))
    for some in batched(known, devices_at_a_time, strict=False):
        # First of all: the platforms are set up in one turn.
        await asyncio.sleep(0)
        _async_add(*some)
