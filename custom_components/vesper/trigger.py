"""Provides triggers for Vesper devices."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, override

import voluptuous as vol

from homeassistant.const import CONF_OPTIONS
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.trigger import Trigger

from .const import DOMAIN
from .hub.alert_options import (
    ALERT_OPTIONS,
    CONF_FLAPPING,
    CONF_SEVERITY,
    FLAPPING_OPTION,
    SUBSYSTEM_OPTIONS,
    is_alert_selected,
    is_subsystem_selected,
)
from .hub.device_trigger import LASTING_OPTIONS, DeviceTrigger
from .hub.hub import VesperConfigEntry
from .hub.lasting_trigger import FOR_OPTION, Begun, LastingTrigger
from .hub.occurrences import PublishedOccurrence
from .hub.trigger_base import VesperTrigger, target_schema
from .model.active_alert import ActiveAlert
from .model.device import Device
from .model.occurrence import (
    Occurrence,
    OccurrenceKind,
    alert_occurrence,
    connectivity_occurrence,
)
from .protocol.codes import ResetReason, keys_of

CONF_REASONS: Final = "reasons"


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
        "ended_at",
        "announced",
        "acknowledged",
        "acknowledged_by",
    )

    @override
    def _matches(self, occurrence: Occurrence) -> bool:
        """Return whether the subsystem is selected."""
        return is_subsystem_selected(self._options, occurrence.subsystem)

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


class BecameStableTrigger(VesperTrigger):
    """Trigger when an unstable device is stable again."""

    kind = OccurrenceKind.BECAME_STABLE
    _variables = ()


class BecameUnstableTrigger(VesperTrigger):
    """Trigger when a device becomes unstable."""

    kind = OccurrenceKind.BECAME_UNSTABLE
    _variables = ()


class ConnectivityTrigger(DeviceTrigger):
    """Trigger when the connectivity of a device changes."""

    _schema = target_schema(LASTING_OPTIONS)

    @override
    def _is_so(self, device: Device) -> bool | None:
        """Return whether the connectivity is that of the trigger."""
        online = self.kind is OccurrenceKind.CAME_ONLINE
        return None if device.was_online is None else device.was_online is online


class CameOnlineTrigger(ConnectivityTrigger):
    """Trigger when an offline device is online again."""

    kind = OccurrenceKind.CAME_ONLINE
    _opposite = OccurrenceKind.WENT_OFFLINE
    _variables = (
        "from_state",
        "to_state",
        "offline_since",
        "outage_since",
        "outage_until",
    )

    @override
    def _begun(self, device: Device) -> Iterator[tuple[Occurrence, float]]:
        """Yield that a device came online after an outage."""
        occurrence = connectivity_occurrence(
            device.device_id, before=False, after=bool(device.was_online)
        )
        since = device.connectivity_since
        if occurrence and since is not None and device.availability.outages:
            yield occurrence, since


class FleetOutageTrigger(LastingTrigger):
    """Trigger when most devices go offline together."""

    kind = OccurrenceKind.FLEET_OUTAGE
    _opposite = OccurrenceKind.FLEET_OUTAGE_ENDED
    _schema = vol.Schema({vol.Required(CONF_OPTIONS, default={}): FOR_OPTION})
    _variables = ("lost", "online_before", "area", "floor")

    @override
    def _is_targeted(self, registry_id: str) -> bool:
        """Return True: it is for all fleets."""
        return True

    @override
    def _lasting(self) -> Iterator[Begun]:
        """Yield the outages of all fleets."""
        entries: list[VesperConfigEntry]
        entries = self._hass.config_entries.async_loaded_entries(DOMAIN)
        for hub in (entry.runtime_data for entry in entries):
            if (outage := hub.outages.current) is not None:
                occurrence, since = outage
                published = PublishedOccurrence(
                    registry_id=hub.registry.fleet_id,
                    occurrence=occurrence,
                    suppressed=False,
                    context=None,
                )
                yield since, hub, published

    @override
    def _current(self, registry_id: str, occurrence: Occurrence) -> Occurrence | None:
        """Return the outage as it is by now."""
        for _, hub, published in self._lasting():
            if hub.registry.fleet_id == registry_id:
                return published.occurrence
        return occurrence


class FleetOutageEndedTrigger(VesperTrigger):
    """Trigger when a fleet outage has ended."""

    kind = OccurrenceKind.FLEET_OUTAGE_ENDED
    _schema = vol.Schema({vol.Required(CONF_OPTIONS, default={}): {}})
    _variables = (
        "lost",
        "online_before",
        "duration",
        "still_offline",
        "still_offline_names",
        "area",
        "floor",
    )

    @override
    def _is_targeted(self, registry_id: str) -> bool:
        """Return True: it is for all fleets."""
        return True


class RestartedTrigger(VesperTrigger):
    """Trigger when a device has restarted."""

    kind = OccurrenceKind.RESTARTED
    _schema = target_schema(
        {
            vol.Optional(CONF_REASONS, default=[]): vol.All(
                cv.ensure_list, [vol.In(keys_of(ResetReason))]
            )
        }
    )
    _variables = ("reason",)

    @override
    def _matches(self, occurrence: Occurrence) -> bool:
        """Return whether the reason is selected."""
        reasons = self._options[CONF_REASONS]
        return not reasons or occurrence.reason in reasons


class PlaybackTrigger(DeviceTrigger):
    """Trigger when a device starts or stops playing."""

    _schema = target_schema(LASTING_OPTIONS)

    @override
    def _is_so(self, device: Device) -> bool | None:
        """Return whether the playback is that of the trigger."""
        playing = self.kind is OccurrenceKind.STARTED_PLAYING
        known = device.playback.playing
        return None if known is None else known is playing


class StartedPlayingTrigger(PlaybackTrigger):
    """Trigger when a device starts to play a melody."""

    kind = OccurrenceKind.STARTED_PLAYING
    _opposite = OccurrenceKind.STOPPED_PLAYING
    _variables = ("melody", "from_state", "to_state")


class StoppedPlayingTrigger(PlaybackTrigger):
    """Trigger when a device stops playing."""

    kind = OccurrenceKind.STOPPED_PLAYING
    _opposite = OccurrenceKind.STARTED_PLAYING
    _variables = ("melody", "from_state", "to_state", "reason")


class WentOfflineTrigger(ConnectivityTrigger):
    """Trigger when an online device has timed out."""

    kind = OccurrenceKind.WENT_OFFLINE
    _opposite = OccurrenceKind.CAME_ONLINE
    _variables = (
        "from_state",
        "to_state",
        "last_seen",
        "outage_since",
        "outage_until",
    )

    @override
    def _of(self, device: Device, occurrence: Occurrence) -> Occurrence | None:
        """Return it with the fleet outage, if any."""
        current = super()._of(device, occurrence)
        return current and replace(
            current,
            outage_since=device.outage_since,
            outage_until=device.outage_until,
        )

    @override
    def _begun(self, device: Device) -> Iterator[tuple[Occurrence, float]]:
        """Yield that a device went offline, if published."""
        occurrence = connectivity_occurrence(
            device.device_id,
            before=True,
            after=device.offline_since is None,
            last_seen=device.last_seen,
        )
        if occurrence and device.offline_since is not None:
            yield occurrence, device.offline_since


TRIGGERS: dict[str, type[Trigger]] = {
    trigger.kind.value: trigger
    for trigger in (
        AlertAcknowledgedTrigger,
        AlertClearedTrigger,
        AlertRaisedTrigger,
        BecameStableTrigger,
        BecameUnstableTrigger,
        CameOnlineTrigger,
        FleetOutageEndedTrigger,
        FleetOutageTrigger,
        RestartedTrigger,
        StartedPlayingTrigger,
        StoppedPlayingTrigger,
        WentOfflineTrigger,
    )
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers for Vesper devices."""
    return TRIGGERS
