"""The sensor of the alert of one subsystem."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import callback

from .entity import MORE_INFO, VesperEntity, VesperEntityDescription
from .hub.hub import VesperHub
from .hub.registry import ALERT_KEY, ALERT_TRANSLATION_KEY
from .model.active_alert import ActiveAlert
from .model.alerts import ClosedBy
from .model.change import Change
from .model.device import Device
from .protocol.severity import Severity

SEVERITIES = [severity.key for severity in Severity]


@dataclass(frozen=True, kw_only=True)
class VesperAlertSensorDescription(VesperEntityDescription, SensorEntityDescription):
    """Describe the sensor of a subsystem."""


class VesperAlertSensor(VesperEntity, SensorEntity):
    """A sensor with the state of one subsystem."""

    entity_description: VesperAlertSensorDescription
    _unrecorded_attributes = frozenset(MORE_INFO)

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
        attributes = {"subsystem": self._subsystem, **MORE_INFO}
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
