"""Run automations for alerts."""

from collections.abc import Iterator
from dataclasses import replace
from typing import override

from ..model.active_alert import ActiveAlert
from ..model.device import Device
from ..model.occurrence import Occurrence, OccurrenceKind, alert_occurrence
from .alert_options import (
    ALERT_OPTIONS,
    CONF_FLAPPING,
    CONF_SEVERITY,
    FLAPPING_OPTION,
    SUBSYSTEM_OPTIONS,
    is_alert_selected,
    is_subsystem_selected,
)
from .device_trigger import LASTING_OPTIONS, DeviceTrigger, begun_at
from .lasting_trigger import Begun
from .occurrences import PublishedOccurrence
from .trigger_base import VesperTrigger, target_schema


class AlertAcknowledgedTrigger(VesperTrigger):
    """Trigger when a user acknowledges an active alert."""

    kind = OccurrenceKind.ALERT_ACKNOWLEDGED
    _schema = target_schema(SUBSYSTEM_OPTIONS)
    _variables = (
        "subsystem",
        "to_state",
        "message",
        "note",
        "acknowledged_by",
        "raised_at",
        "worsened_at",
        "critical_at",
        "announced",
    )

    @override
    def _matches(self, occurrence: Occurrence) -> bool:
        """Return whether the subsystem is selected.

        Another note on an alert that is acknowledged triggers nothing.
        """
        return not occurrence.acknowledged and is_subsystem_selected(
            self._options, occurrence.subsystem
        )


class AlertClearedTrigger(DeviceTrigger):
    """Trigger when an active alert ends."""

    kind = OccurrenceKind.ALERT_CLEARED
    _opposite = OccurrenceKind.ALERT_RAISED
    _schema = target_schema({**SUBSYSTEM_OPTIONS, **FLAPPING_OPTION, **LASTING_OPTIONS})
    _variables = (
        "subsystem",
        "from_state",
        "to_state",
        "message",
        "reason",
        "raised_at",
        "worsened_at",
        "critical_at",
        "ended_at",
        "maintenance_since",
        "announced",
        "acknowledged",
        "acknowledged_by",
    )

    @override
    def _matches(self, occurrence: Occurrence) -> bool:
        """Return whether the subsystem is selected."""
        return is_subsystem_selected(self._options, occurrence.subsystem)

    @override
    def _begun(self, device: Device) -> Iterator[tuple[Occurrence, float]]:
        """Yield the ends of which triggers know."""
        is_each: bool = self._options[CONF_FLAPPING]
        for occurrence, since in device.announced.ends(each=is_each):
            if self._matches(occurrence) and self._of(device, occurrence):
                yield occurrence, since

    @override
    def _became_so(self, begun: list[Begun]) -> Begun:
        """Return the end of the last alert."""
        return max(begun, key=begun_at)

    @override
    def _of(self, device: Device, occurrence: Occurrence) -> Occurrence | None:
        """Return the occurrence, if there is no new alert."""
        return None if occurrence.subsystem in device.alerts.active else occurrence

    @override
    def _is_so(self, device: Device) -> bool:
        """Return whether a device has no selected alert."""
        return not any(
            is_subsystem_selected(self._options, subsystem)
            for subsystem in device.alerts.active
        )


class AlertRaisedTrigger(DeviceTrigger):
    """Trigger when an alert is raised or gets worse."""

    kind = OccurrenceKind.ALERT_RAISED
    _opposite = OccurrenceKind.ALERT_CLEARED
    _schema = target_schema({**ALERT_OPTIONS, **FLAPPING_OPTION, **LASTING_OPTIONS})
    _variables = ("subsystem", "from_state", "to_state", "message", "acknowledged")

    @override
    def _matches(self, occurrence: Occurrence) -> bool:
        """Return whether the subsystem and severity are selected."""
        return is_alert_selected(
            self._options, occurrence.subsystem, occurrence.to_state
        )

    @override
    def _lasts(self, before: Occurrence, occurrence: Occurrence) -> bool:
        """Return whether the timer goes on after a change.

        It does if the alert had the minimum severity all the time and is not worse than
        when the timer started. So an alert whose severity goes up and down still
        triggers in the end.
        """
        return (
            occurrence.kind is self.kind
            # One that has settled was there before.
            and is_alert_selected(
                self._options,
                occurrence.subsystem,
                occurrence.to_state if occurrence.settled else occurrence.from_state,
            )
            and is_alert_selected(
                {**self._options, CONF_SEVERITY: occurrence.to_state},
                occurrence.subsystem,
                before.to_state,
            )
        )

    @override
    def _of(self, device: Device, occurrence: Occurrence) -> Occurrence | None:
        """Return the current alert, if it is still selected."""
        alert = device.alerts.active.get(occurrence.subsystem or "")
        if alert is None or not is_alert_selected(
            self._options, alert.subsystem, alert.severity.key
        ):
            return None
        return replace(
            occurrence,
            to_state=alert.severity.key,
            message=alert.message,
            acknowledged=alert.acknowledged,
        )

    @override
    def _is_so(self, device: Device) -> bool:
        """Return whether a device has a selected alert."""
        return any(self._selected(device))

    @override
    def _is_new(self, published: PublishedOccurrence) -> bool:
        """Return whether the device had no selected alert before."""
        occurrence = published.occurrence
        device = self._device(published.registry_id)
        return (
            occurrence.settled
            or not is_alert_selected(
                self._options, occurrence.subsystem, occurrence.from_state
            )
        ) and not any(
            alert.subsystem != occurrence.subsystem
            for alert in (self._selected(device) if device else ())
        )

    @override
    def _begun(self, device: Device) -> Iterator[tuple[Occurrence, float]]:
        """Yield the alerts of which triggers know."""
        for alert in self._selected(device):
            occurrence = alert_occurrence(device.device_id, None, alert)
            if occurrence and is_alert_selected(
                self._options, alert.subsystem, alert.announced.key
            ):
                yield occurrence, alert.worsened_at.timestamp()

    def _selected(self, device: Device) -> Iterator[ActiveAlert]:
        """Yield the selected alerts of a device."""
        for alert in device.alerts.active.values():
            if is_alert_selected(self._options, alert.subsystem, alert.severity.key):
                yield alert

    @override
    def _may_return(self, device: Device, occurrence: Occurrence) -> bool:
        """Return whether the alert flaps."""
        return (
            not self._options.get(CONF_FLAPPING)
            and device.stability is not None
            and device.stability.counts_as_active(occurrence.subsystem or "")
        )
