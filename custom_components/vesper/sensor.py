"""Sensors of Vesper devices, their subsystems and their fleet."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import partial
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import (
    SIGNAL_STRENGTH_DECIBELS_MILLIWATT,
    EntityCategory,
    UnitOfInformation,
)
from homeassistant.core import HomeAssistant, callback
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
from .hub.hub import VesperConfigEntry, VesperHub
from .hub.registry import ALERT_KEY, ALERT_TRANSLATION_KEY, unique_id_of
from .model.alerts import ActiveAlert, ClosedBy
from .model.change import Change
from .model.device import Device
from .model.fleet import OFFLINE
from .protocol.codes import ResetReason, WifiReason, key_of, keys_of
from .protocol.severity import Severity

# Entities are updated by the hub.
PARALLEL_UPDATES = 0

SEVERITIES = [severity.key for severity in Severity]


@dataclass(frozen=True, kw_only=True)
class VesperSensorDescription(VesperEntityDescription, SensorEntityDescription):
    """Describe a sensor of a device."""

    value_fn: Callable[[Device], datetime | int | str | None]


@dataclass(frozen=True, kw_only=True)
class VesperAlertSensorDescription(VesperEntityDescription, SensorEntityDescription):
    """Describe the sensor of a subsystem."""


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
        attributes_fn=lambda device: {"alerts": device.alerts.as_json()},
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
                unique_id_of(device.device_id, ALERT_KEY + replaced)
            )
        hub.admission.async_admit_alert_sensor(
            unique_id_of(device.device_id, ALERT_KEY + subsystem),
            partial(_async_add_alert_sensor, device, subsystem),
        )

    async_add_entities(
        VesperFleetSensor(entry, description) for description in FLEET_DESCRIPTIONS
    )
    await async_add_device_entities(
        entry, async_add_entities, VesperSensor, DESCRIPTIONS
    )
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
    _unrecorded_attributes = frozenset({"alerts"})

    @property
    @override
    def native_value(self) -> datetime | int | str | None:
        """Return the value, None while it is not known."""
        return self.entity_description.value_fn(self.device)


class VesperAlertSensor(VesperEntity, SensorEntity):
    """A sensor with the state of one subsystem."""

    entity_description: VesperAlertSensorDescription

    def __init__(self, hub: VesperHub, device: Device, subsystem: str) -> None:
        """Set the subsystem, which is also the name."""
        super().__init__(
            hub,
            device,
            VesperAlertSensorDescription(
                key=ALERT_KEY + subsystem,
                translation_key=ALERT_TRANSLATION_KEY,
                name=subsystem,
                device_class=SensorDeviceClass.ENUM,
                entity_category=EntityCategory.DIAGNOSTIC,
                options=SEVERITIES,
                changes=Change.ALERTS,
            ),
        )
        self._subsystem = subsystem
        self._written = self._values()

    def _values(self) -> tuple[ActiveAlert | None, bool, ClosedBy | None]:
        """Return what the state and its attributes show.

        These are the alert, whether it is known, and what closed the last one.
        """
        alerts = self.device.alerts
        return (
            alerts.active.get(self._subsystem),
            self._subsystem not in alerts.unknown,
            alerts.closed_by.get(self._subsystem),
        )

    @property
    @override
    def native_value(self) -> str | None:
        """Return the severity of the alert, None while unknown."""
        alert, is_known, _ = self._written
        if alert is not None:
            return alert.severity.key
        return Severity.OK.key if is_known else None

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """Return the alert, or what closed the last one."""
        alert, _, closed_by = self._written
        attributes = {"subsystem": self._subsystem}
        if alert is None:
            return attributes | ({"closed_by": closed_by} if closed_by else {})
        return attributes | {
            "message": alert.message,
            "updated_at": alert.updated_at,
            "confirmed": alert.confirmed,
            "acknowledged": alert.acknowledged,
            "acknowledged_by": alert.acknowledged_by,
            "note": alert.note,
        }

    @override
    async def async_removed_from_registry(self) -> None:
        """Forget the subsystem until it raises an alert again."""
        self.hub.async_change(
            [self.device], lambda device: device.alerts.forget(self._subsystem)
        )

    @override
    @callback
    def async_device_changed(self, change: Change) -> None:
        """Write the state if this subsystem's alert has changed."""
        if (written := self._values()) != self._written:
            self._written = written
            self.async_write_ha_state()


class VesperFleetSensor(VesperFleetValueEntity, SensorEntity):
    """A sensor of the fleet."""

    entity_description: VesperFleetSensorDescription

    @property
    @override
    def native_value(self) -> int | str:
        """Return the value."""
        return self.value


def _key(table: type[IntEnum], code: int | None) -> str | None:
    """Return the state of a code, None without one."""
    return None if code is None else key_of(table, code)


def _code(code: int | None) -> Mapping[str, Any]:
    """Return the attribute of a code."""
    return {"code": code}


def _time(timestamp: float | None) -> datetime | None:
    """Return a point in time, to the second."""
    return None if timestamp is None else dt_util.utc_from_timestamp(int(timestamp))
