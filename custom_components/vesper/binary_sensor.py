"""Binary sensors of Vesper devices and their fleet."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .entity import (
    Availability,
    VesperEntity,
    VesperEntityDescription,
    VesperFleetEntityDescription,
    VesperFleetValueEntity,
    async_add_device_entities,
)
from .hub.hub import VesperConfigEntry
from .model.change import Change
from .model.device import Device
from .protocol.severity import Severity

# Entities are updated by the hub.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class VesperBinarySensorDescription(
    VesperEntityDescription, BinarySensorEntityDescription
):
    """Describe a binary sensor of a device."""

    value_fn: Callable[[Device], bool | None]


@dataclass(frozen=True, kw_only=True)
class VesperFleetBinarySensorDescription(
    VesperFleetEntityDescription, BinarySensorEntityDescription
):
    """Describe a binary sensor of the fleet."""


def _connectivity(device: Device) -> Mapping[str, Any]:
    """Return what else is known of the device."""
    attributes: dict[str, Any] = {}
    if device.online is False and device.last_seen is not None:
        attributes["last_seen"] = dt_util.utc_from_timestamp(int(device.last_seen))
    if device.online is False and device.offline_acknowledged:
        attributes["acknowledged"] = True
        attributes["acknowledged_by"] = device.offline_acknowledged_by
    if (until := device.maintenance_until) is not None:
        attributes["maintenance_until"] = dt_util.utc_from_timestamp(until)
    if unstable := device.unstable:
        attributes["unstable"] = unstable
    return attributes


DESCRIPTIONS: tuple[VesperBinarySensorDescription, ...] = (
    VesperBinarySensorDescription(
        key="connectivity",
        translation_key="connectivity",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        entity_category=EntityCategory.DIAGNOSTIC,
        changes=(
            Change.CONNECTIVITY
            | Change.MAINTENANCE
            | Change.OFFLINE_ACKNOWLEDGED
            | Change.UNSTABLE
        ),
        availability=Availability.LINKED,
        value_fn=lambda device: device.online,
        attributes_fn=_connectivity,
    ),
    VesperBinarySensorDescription(
        key="playing",
        translation_key="playing",
        device_class=BinarySensorDeviceClass.RUNNING,
        changes=Change.PLAYING,
        availability=Availability.ONLINE,
        value_fn=lambda device: device.playback.playing,
    ),
    VesperBinarySensorDescription(
        key="problem",
        translation_key="problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        changes=Change.PROBLEM,
        value_fn=lambda device: device.has_problem,
    ),
)

FLEET_DESCRIPTIONS: tuple[VesperFleetBinarySensorDescription, ...] = (
    VesperFleetBinarySensorDescription(
        key="fleet_problem",
        translation_key="fleet_problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        value_fn=lambda hub: hub.fleet.health != Severity.OK.key,
    ),
    VesperFleetBinarySensorDescription(
        key="mqtt_link",
        translation_key="mqtt_link",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        value_fn=lambda hub: hub.connected,
        attributes_fn=lambda hub: {"prefix": hub.prefix, "site": hub.registry.site},
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: VesperConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the binary sensors."""
    async_add_entities(
        VesperFleetBinarySensor(entry, description)
        for description in FLEET_DESCRIPTIONS
    )
    await async_add_device_entities(
        entry, async_add_entities, VesperBinarySensor, DESCRIPTIONS
    )


class VesperBinarySensor(VesperEntity, BinarySensorEntity):
    """A binary sensor of a device."""

    entity_description: VesperBinarySensorDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Return whether it is on, None while unknown."""
        return self.entity_description.value_fn(self.device)


class VesperFleetBinarySensor(VesperFleetValueEntity, BinarySensorEntity):
    """A binary sensor of the fleet."""

    entity_description: VesperFleetBinarySensorDescription

    @property
    @override
    def is_on(self) -> bool:
        """Return whether it is on."""
        return bool(self.value)
