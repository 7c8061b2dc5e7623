"""Provides triggers for Vesper devices."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, override

import voluptuous as vol

from homeassistant.const import CONF_OPTIONS, CONF_TARGET
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.trigger import Trigger

from .hub.alert_triggers import (
    AlertAcknowledgedTrigger,
    AlertClearedTrigger,
    AlertRaisedTrigger,
)
from .hub.device_trigger import LASTING_OPTIONS, DeviceTrigger
from .hub.lasting_trigger import FOR_OPTION, Begun, LastingTrigger
from .hub.occurrences import PublishedOccurrence
from .hub.trigger_base import VesperTrigger, target_schema
from .model.device import Device
from .model.occurrence import (
    Occurrence,
    OccurrenceKind,
    connectivity_occurrence,
)
from .protocol.codes import ResetReason, keys_of

CONF_REASONS: Final = "reasons"


def _outage_schema(options: dict[vol.Marker, Any]) -> vol.Schema:
    """Return the schema of a trigger with these options."""
    return vol.Schema(
        {
            # The editor has none: it warns of each target that is not set.
            vol.Optional(CONF_TARGET): cv.TARGET_FIELDS,
            vol.Required(CONF_OPTIONS, default={}): options,
        }
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
        "maintenance_since",
        "offline_since",
        "outage_since",
        "outage_until",
    )

    @override
    def _begun(self, device: Device) -> Iterator[tuple[Occurrence, float]]:
        """Yield that a device came online after an outage."""
        since, outages = device.connectivity_since, device.availability.outages
        if since is None or not outages:
            return
        occurrence = connectivity_occurrence(
            device.device_id,
            before=False,
            after=bool(device.was_online),
            offline_since=outages[-1].start,
        )
        if occurrence is not None:
            yield occurrence, since


class OutageTrigger(VesperTrigger):
    """Trigger on an outage of a targeted site.

    A site is targeted if one of its devices is. Without a target, each site is.
    """

    @override
    def _is_targeted(self, registry_id: str) -> bool:
        """Return whether the site of a fleet is targeted."""
        if self._target.is_empty:
            return True
        registry = dr.async_get(self._hass)
        fleet = registry.async_get(registry_id)
        return fleet is not None and any(
            (device := registry.async_get(device_id))
            and device.config_entry_id == fleet.config_entry_id
            for device_id in self._target.device_ids
        )


class FleetOutageTrigger(OutageTrigger, LastingTrigger):
    """Trigger when most devices go offline together."""

    kind = OccurrenceKind.FLEET_OUTAGE
    _opposite = OccurrenceKind.FLEET_OUTAGE_ENDED
    _schema = _outage_schema(FOR_OPTION)
    _variables = ("lost", "online_before", "area", "floor")

    @override
    def _lasting(self) -> Iterator[Begun]:
        """Yield the outages of targeted sites."""
        for hub in self._hubs():
            outage = hub.outages.current
            if outage is not None and self._is_targeted(hub.registry.fleet_id):
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
        hubs = (hub for hub in self._hubs() if hub.registry.fleet_id == registry_id)
        if (hub := next(hubs, None)) is None:
            return occurrence
        outage = hub.outages.current
        return outage and outage[0]


class FleetOutageEndedTrigger(OutageTrigger):
    """Trigger when a fleet outage has ended."""

    kind = OccurrenceKind.FLEET_OUTAGE_ENDED
    _schema = _outage_schema({})
    _variables = (
        "lost",
        "online_before",
        "duration",
        "still_offline",
        "still_offline_names",
        "area",
        "floor",
    )


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
        # Until the first message, it is from before Home Assistant started.
        return self._is_wanted(device.playback.playing if device.online else None)

    @override
    def _was_so(self, device: Device) -> bool | None:
        """Return whether the last known playback is wanted."""
        return self._is_wanted(device.playback.was_playing)

    @override
    def _begun(self, device: Device) -> Iterator[tuple[Occurrence, float]]:
        """Yield what has started or stopped.

        It only lasts if it is known again when the time has passed.
        """
        begun = device.announced.playback
        if begun is not None and begun[0].kind is self.kind:
            yield begun

    def _is_wanted(self, playing: bool | None) -> bool | None:  # noqa: FBT001
        """Return whether playback is that of the trigger."""
        starts = self.kind is OccurrenceKind.STARTED_PLAYING
        return None if playing is None else playing is starts


class StartedPlayingTrigger(PlaybackTrigger):
    """Trigger when a device starts to play a melody."""

    kind = OccurrenceKind.STARTED_PLAYING
    _opposite = OccurrenceKind.STOPPED_PLAYING
    _variables = ("melody", "from_state", "to_state")

    @override
    def _lasts(self, before: Occurrence, occurrence: Occurrence) -> bool:
        """Return whether the same melody goes on."""
        return occurrence.continues(before)

    @override
    def _of(self, device: Device, occurrence: Occurrence) -> Occurrence | None:
        """Return the occurrence, if this melody plays."""
        is_same = device.playback.melody == occurrence.melody
        return super()._of(device, occurrence) if is_same else None


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
    def _current(self, registry_id: str, occurrence: Occurrence) -> Occurrence | None:
        """Return it with the fleet outage, if any."""
        current = super()._current(registry_id, occurrence)
        found = self._find(registry_id)
        if current is None or found is None:
            return current
        hub, device = found
        since, until = device.outage_since, device.outage_until
        if since is not None and until is None:
            # It is not over yet, but most devices are back.
            until = hub.outages.until
        return replace(current, outage_since=since, outage_until=until)

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
