"""Sensors of Vesper devices, their subsystems and their fleet."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import partial
from time import time
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import (
    PERCENTAGE,
    SIGNAL_STRENGTH_DECIBELS_MILLIWATT,
    EntityCategory,
    UnitOfInformation,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .alert_sensor import SEVERITIES, VesperAlertSensor
from .entity import (
    MORE_INFO,
    Availability,
    VesperEntity,
    VesperEntityDescription,
    VesperFleetEntityDescription,
    VesperFleetValueEntity,
    async_add_device_entities,
)
from .hub.hub import VesperConfigEntry, VesperHub
from .hub.registry import ALERT_KEY, unique_id_of
from .model.availability import DAY, MONTH, WEEK
from .model.availability_report import percentage
from .model.change import Change
from .model.device import Device
from .model.fleet import OFFLINE
from .protocol.codes import ResetReason, WifiReason, key_of, keys_of

# Entities are updated by the hub.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class VesperSensorDescription(VesperEntityDescription, SensorEntityDescription):
    """Describe a sensor of a device."""

    value_fn: Callable[[Device], datetime | float | str | None]


@dataclass(frozen=True, kw_only=True)
class VesperFleetSensorDescription(
    VesperFleetEntityDescription, SensorEntityDescription
):
    """Describe a sensor of the fleet."""


DESCRIPTIONS: tuple[VesperSensorDescription, ...] = (
    VesperSensorDescription(
        key="active_alerts",
        translation_key="active_alerts",
        entity_category=EntityCategory.DIAGNOSTIC,
        # A measurement stays out of the logbook, which has a sentence for each alert.
        state_class=SensorStateClass.MEASUREMENT,
        changes=Change.ALERTS,
        value_fn=lambda device: len(device.alerts.active),
        attributes_fn=lambda device: {"alerts": device.alerts.as_json(), **MORE_INFO},
    ),
    VesperSensorDescription(
        key="availability",
        translation_key="availability",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=2,
        changes=Change.AVAILABILITY | Change.CONNECTIVITY,
        value_fn=lambda device: _availability(device, MONTH),
        attributes_fn=lambda device: {
            DAY: _availability(device, DAY),
            WEEK: _availability(device, WEEK),
        },
    ),
    VesperSensorDescription(
        key="boot_time",
        translation_key="boot_time",
        device_class=SensorDeviceClass.UPTIME,
        entity_category=EntityCategory.DIAGNOSTIC,
        changes=Change.BOOT_TIME,
        value_fn=lambda device: _time(device.telemetry.boot_time),
    ),
    VesperSensorDescription(
        key="health",
        translation_key="health",
        device_class=SensorDeviceClass.ENUM,
        options=SEVERITIES,
        changes=Change.SEVERITY,
        value_fn=lambda device: device.alerts.severity.key,
        attributes_fn=lambda _: MORE_INFO,
    ),
    VesperSensorDescription(
        key="heap_free",
        translation_key="heap_free",
        device_class=SensorDeviceClass.DATA_SIZE,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        suggested_unit_of_measurement=UnitOfInformation.KIBIBYTES,
        changes=Change.HEAP_FREE,
        availability=Availability.ONLINE,
        value_fn=lambda device: device.telemetry.heap_free,
    ),
    VesperSensorDescription(
        key="heap_min_free",
        translation_key="heap_min_free",
        device_class=SensorDeviceClass.DATA_SIZE,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        suggested_unit_of_measurement=UnitOfInformation.KIBIBYTES,
        changes=Change.HEAP_MIN_FREE,
        availability=Availability.ONLINE,
        value_fn=lambda device: device.telemetry.heap_min_free,
    ),
    VesperSensorDescription(
        key="last_disconnect",
        translation_key="last_disconnect",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        options=keys_of(WifiReason),
        changes=Change.DISCONNECT,
        # No reason is 0: it means that the Wi-Fi was not lost yet.
        value_fn=lambda device: _key(
            WifiReason, device.telemetry.last_disconnect_code or None
        ),
        attributes_fn=lambda device: _code(device.telemetry.last_disconnect_code),
    ),
    VesperSensorDescription(
        key="last_seen",
        translation_key="last_seen",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        changes=Change.LAST_SEEN,
        value_fn=lambda device: _time(device.last_seen),
    ),
    VesperSensorDescription(
        key="melody",
        translation_key="melody",
        changes=Change.MELODY,
        availability=Availability.ONLINE,
        value_fn=lambda device: device.playback.melody,
    ),
    VesperSensorDescription(
        key="reset_reason",
        translation_key="reset_reason",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=keys_of(ResetReason),
        changes=Change.RESET_REASON,
        value_fn=lambda device: _key(ResetReason, device.telemetry.reset_reason),
        attributes_fn=lambda device: _code(device.telemetry.reset_reason),
    ),
    VesperSensorDescription(
        key="restarts",
        translation_key="restarts",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        state_class=SensorStateClass.MEASUREMENT,
        changes=Change.AVAILABILITY | Change.RESTART,
        value_fn=lambda device: device.availability.count_restarts(MONTH, time()),
    ),
    VesperSensorDescription(
        key="wifi_signal",
        translation_key="wifi_signal",
        device_class=SensorDeviceClass.SIGNAL_STRENGTH,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        native_unit_of_measurement=SIGNAL_STRENGTH_DECIBELS_MILLIWATT,
        state_class=SensorStateClass.MEASUREMENT,
        changes=Change.WIFI_SIGNAL,
        availability=Availability.ONLINE,
        value_fn=lambda device: device.telemetry.rssi,
    ),
)

FLEET_DESCRIPTIONS: tuple[VesperFleetSensorDescription, ...] = (
    VesperFleetSensorDescription(
        key="devices",
        translation_key="devices",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda hub: hub.fleet.devices,
    ),
    VesperFleetSensorDescription(
        key="devices_offline",
        translation_key="devices_offline",
        state_class=SensorStateClass.MEASUREMENT,
        linked=True,
        value_fn=lambda hub: hub.fleet.offline,
    ),
    VesperFleetSensorDescription(
        key="devices_online",
        translation_key="devices_online",
        state_class=SensorStateClass.MEASUREMENT,
        linked=True,
        value_fn=lambda hub: hub.fleet.online,
    ),
    VesperFleetSensorDescription(
        key="devices_with_alerts",
        translation_key="devices_with_alerts",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda hub: hub.fleet.with_alerts,
    ),
    VesperFleetSensorDescription(
        key="fleet_availability",
        translation_key="fleet_availability",
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=2,
        value_fn=lambda hub: percentage(hub.insight.fleet_ratio),
    ),
    VesperFleetSensorDescription(
        key="fleet_health",
        translation_key="fleet_health",
        device_class=SensorDeviceClass.ENUM,
        options=[*SEVERITIES, OFFLINE],
        value_fn=lambda hub: hub.fleet.health,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: VesperConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the sensors."""
    hub = entry.runtime_data

    @callback
    def _async_add_alert_sensor(device: Device, subsystem: str) -> None:
        """Add an alert sensor, unless its device was removed."""
        if hub.devices.get(device.device_id) is device:
            async_add_entities([VesperAlertSensor(hub, device, subsystem)])

    @callback
    def _async_admit_alert_sensor(device: Device, subsystem: str) -> None:
        """Add an alert sensor once there is room."""
        if (replaced := device.alerts.replaced) is not None:
            hub.registry.async_discard_alert_sensor(device.device_id, replaced)
            hub.admission.async_discard_alert_sensor(
                unique_id_of(entry.entry_id, device.device_id, ALERT_KEY + replaced)
            )
        hub.admission.async_admit_alert_sensor(
            unique_id_of(entry.entry_id, device.device_id, ALERT_KEY + subsystem),
            partial(_async_add_alert_sensor, device, subsystem),
        )

    async_add_entities(
        VesperFleetSensor(entry, description) for description in FLEET_DESCRIPTIONS
    )
    await async_add_device_entities(entry, async_add_entities, _sensor, DESCRIPTIONS)
    if not hub.entity_set.has_alert_sensors:
        return
    entry.async_on_unload(
        hub.listeners.async_listen_new_subsystems(_async_admit_alert_sensor)
    )
    for device in tuple(hub.devices.values()):
        for subsystem in device.alerts.subsystems:
            _async_admit_alert_sensor(device, subsystem)
        await asyncio.sleep(0)


class VesperSensor(VesperEntity, SensorEntity):
    """A sensor of a device."""

    entity_description: VesperSensorDescription
    # Lists of texts are not for the recorder.
    _unrecorded_attributes = frozenset({"alerts", *MORE_INFO})

    @property
    @override
    def native_value(self) -> datetime | float | str | None:
        """Return the value, None while it is not known."""
        return self.entity_description.value_fn(self.device)


class VesperInsightSensor(VesperSensor):
    """A sensor of the availability or restarts.

    It is notified each hour, and written only if it has changed.
    """

    _written: tuple[object, object] | None = None

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the device."""
        self._written = self.native_value, self.extra_state_attributes
        await super().async_added_to_hass()

    @override
    @callback
    def async_device_changed(self, change: Change) -> None:
        """Write the state if it has changed."""
        written = self.native_value, self.extra_state_attributes
        if written != self._written:
            self._written = written
            self.async_write_ha_state()


class VesperFleetSensor(VesperFleetValueEntity, SensorEntity):
    """A sensor of the fleet."""

    entity_description: VesperFleetSensorDescription

    @property
    @override
    def native_value(self) -> float | str | None:
        """Return the value."""
        return self.value


def _sensor(
    hub: VesperHub, device: Device, description: VesperSensorDescription
) -> VesperSensor:
    """Return the sensor of a description."""
    if description.changes & Change.AVAILABILITY:
        return VesperInsightSensor(hub, device, description)
    return VesperSensor(hub, device, description)


def _availability(device: Device, window: str) -> float | None:
    """Return the availability in a window, in percent."""
    return percentage(device.availability.window(window, time()).ratio)


def _key(table: type[IntEnum], code: int | None) -> str | None:
    """Return the state of a code, None without one."""
    return None if code is None else key_of(table, code)


def _code(code: int | None) -> Mapping[str, Any]:
    """Return the attribute of a code."""
    return {"code": code}


def _time(timestamp: float | None) -> datetime | None:
    """Return a point in time, to the second."""
    return None if timestamp is None else dt_util.utc_from_timestamp(int(timestamp))
