"""Describe the occurrences that automations may act on.

Each is one real change, and neither a repeated message nor a gap in the messages.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ..protocol.codes import ResetReason, key_of
from ..protocol.severity import Severity
from .active_alert import ActiveAlert
from .alerts import ClosedBy

#: The reason if the device itself cleared an alert.
CLEARED = "cleared"

#: The values of connectivity and playback in `from_state` and `to_state`.
_CONNECTIVITY = {False: "offline", True: "online"}
PLAYBACK_STATES: Final = {None: None, False: "stopped", True: "playing"}


class OccurrenceKind(StrEnum):
    """The kinds of occurrences."""

    ALERT_ACKNOWLEDGED = "alert_acknowledged"
    ALERT_CLEARED = "alert_cleared"
    ALERT_RAISED = "alert_raised"
    ALERT_UNACKNOWLEDGED = "alert_unacknowledged"
    BECAME_STABLE = "became_stable"
    BECAME_UNSTABLE = "became_unstable"
    CAME_ONLINE = "came_online"
    FLEET_OUTAGE = "fleet_outage"
    FLEET_OUTAGE_ENDED = "fleet_outage_ended"
    MAINTENANCE_ENDED = "maintenance_ended"
    MAINTENANCE_STARTED = "maintenance_started"
    OFFLINE_ACKNOWLEDGED = "offline_acknowledged"
    OFFLINE_UNACKNOWLEDGED = "offline_unacknowledged"
    RESTARTED = "restarted"
    STARTED_PLAYING = "started_playing"
    STOPPED_PLAYING = "stopped_playing"
    WENT_OFFLINE = "went_offline"


#: What a user did has no trigger, except that an alert is acknowledged.
BY_USER = frozenset(
    {
        OccurrenceKind.ALERT_UNACKNOWLEDGED,
        OccurrenceKind.MAINTENANCE_ENDED,
        OccurrenceKind.MAINTENANCE_STARTED,
        OccurrenceKind.OFFLINE_ACKNOWLEDGED,
        OccurrenceKind.OFFLINE_UNACKNOWLEDGED,
    }
)


class StopReason(StrEnum):
    """What ended a melody."""

    RESTART = "restart"
    """The device has restarted."""
    STOPPED = "stopped"
    """The device reported it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Occurrence:
    """One thing that happened.

    A field that its kind does not use is None.
    """

    kind: OccurrenceKind
    device_id: str | None
    """None where it happened to the whole fleet."""
    subsystem: str | None = None
    from_state: str | None = None
    """The severity, connectivity or playback before; None if it is not known."""
    to_state: str | None = None
    message: str | None = None
    """The message of the alert."""
    note: str | None = None
    """The note of the user who has acknowledged the alert."""
    reason: str | None = None
    """Of a restart, a key of `ResetReason`; of an alert, `cleared` or a `ClosedBy`; of
    a melody, a `StopReason`."""
    melody: str | None = None
    """What started or stopped playing, where it is known."""
    until: float | None = None
    """When the maintenance ends, in seconds since 1970."""
    raised_at: float | None = None
    """When an alert that ended or was acknowledged had begun."""
    worsened_at: float | None = None
    """When it had begun or, if it was later, got worse last."""
    critical_at: float | None = None
    """Since when it was critical or failed; None if it was not."""
    ended_at: float | None = None
    """When it ended; what is reported of one that flapped is later."""
    announced: str | None = None
    """The worst severity at which its raise ran triggers; None if none did."""
    acknowledged: bool | None = None
    """Whether a user knows of an alert, of one that was acknowledged knew before."""
    acknowledged_by: str | None = None
    """The name of that user; None where an automation has acknowledged it."""
    last_seen: float | None = None
    """When a device that went offline was seen last."""
    offline_since: float | None = None
    """When a device that came online went offline; None if that ran no triggers."""
    outage_since: float | None = None
    """When the fleet outage began in which the device was lost."""
    outage_until: float | None = None
    """When that was over, if it was when the device came online."""
    lost: int | None = None
    """How many devices a fleet outage has lost."""
    online_before: int | None = None
    """How many devices were online before it; None after a restart in it."""
    duration: int | None = None
    """How many seconds it has lasted, until the last device was back."""
    still_offline: int | None = None
    """How many of its devices were not back when it was over."""
    still_offline_names: tuple[str, ...] | None = None
    """The names of some of them."""
    area: str | None = None
    """The name of the area where all of the lost devices are."""
    floor: str | None = None
    """The name of the floor where all of them are."""
    held: bool = False
    """Whether triggers are not to know of it, because the alert flaps."""
    settled: bool = False
    """Whether it was held before, and the alert no longer flaps."""
    maintenance_since: float | None = None
    """When the maintenance began that has ended, or in which it ended."""
    postponed: bool = False
    """Whether it happened in maintenance, which is over now."""

    def continues(self, before: Occurrence) -> bool:
        """Return whether a melody goes on after a gap.

        It does if the device reports the same one.
        """
        return (
            self.kind is before.kind is OccurrenceKind.STARTED_PLAYING
            and self.from_state is None
            and self.melody == before.melody
        )


def alert_occurrence(
    device_id: str,
    before: ActiveAlert | None,
    after: ActiveAlert | None,
    closed_by: ClosedBy | None = None,
) -> Occurrence | None:
    """Return the occurrence of a change of an alert.

    An alert that gets worse is raised again, one that gets better is not.
    """
    was = before.severity if before else Severity.OK
    now = after.severity if after else Severity.OK
    if after and now > was:
        return Occurrence(
            kind=OccurrenceKind.ALERT_RAISED,
            device_id=device_id,
            subsystem=after.subsystem,
            from_state=was.key,
            to_state=now.key,
            message=after.message,
            acknowledged=after.acknowledged,
        )
    if before and not after:
        return Occurrence(
            kind=OccurrenceKind.ALERT_CLEARED,
            device_id=device_id,
            subsystem=before.subsystem,
            from_state=was.key,
            to_state=now.key,
            message=before.message,
            reason=closed_by or CLEARED,
            raised_at=before.raised_at.timestamp(),
            worsened_at=before.worsened_at.timestamp(),
            critical_at=(
                before.critical_at.timestamp() if before.critical_at else None
            ),
            announced=before.announced.key if before.announced else None,
            acknowledged=before.acknowledged,
            acknowledged_by=before.acknowledged_by,
        )
    return None


def acknowledged_occurrence(
    device_id: str, before: ActiveAlert, after: ActiveAlert, held: Occurrence | None
) -> Occurrence:
    """Return the occurrence of the acknowledgement of an alert.

    If it flaps, triggers know of an earlier one, whose end is held.
    """
    begun = held or alert_occurrence(device_id, after, None)
    if TYPE_CHECKING:
        assert begun is not None
    return Occurrence(
        kind=OccurrenceKind.ALERT_ACKNOWLEDGED,
        device_id=device_id,
        subsystem=after.subsystem,
        to_state=after.severity.key,
        message=after.message,
        note=after.note,
        raised_at=begun.raised_at,
        worsened_at=begun.worsened_at,
        critical_at=begun.critical_at,
        announced=after.announced.key if after.announced else None,
        acknowledged=before.acknowledged,
        acknowledged_by=after.acknowledged_by,
    )


def connectivity_occurrence(
    device_id: str,
    *,
    before: bool | None,
    after: bool,
    last_seen: float | None = None,
    offline_since: float | None = None,
) -> Occurrence | None:
    """Return the occurrence of a change of connectivity.

    A device whose connectivity was not known before has none.
    """
    if before is None or before is after:
        return None
    return Occurrence(
        kind=OccurrenceKind.CAME_ONLINE if after else OccurrenceKind.WENT_OFFLINE,
        device_id=device_id,
        from_state=_CONNECTIVITY[before],
        to_state=_CONNECTIVITY[after],
        last_seen=None if after else last_seen,
        offline_since=offline_since if after else None,
    )


def playback_occurrence(
    device_id: str,
    *,
    before: bool | None,
    after: bool | None,
    melody: str | None,
    reason: StopReason,
) -> Occurrence | None:
    """Return the occurrence of a change of playback.

    None means unknown. Playback that becomes unknown has not stopped.
    """
    if not after and (not before or after is None):
        return None
    return Occurrence(
        kind=(
            OccurrenceKind.STARTED_PLAYING if after else OccurrenceKind.STOPPED_PLAYING
        ),
        device_id=device_id,
        from_state=PLAYBACK_STATES[before],
        to_state=PLAYBACK_STATES[after],
        reason=None if after else reason,
        melody=melody,
    )


def restart_occurrence(device_id: str, code: int | None) -> Occurrence:
    """Return the occurrence of a restart."""
    return Occurrence(
        kind=OccurrenceKind.RESTARTED,
        device_id=device_id,
        reason=None if code is None else key_of(ResetReason, code),
    )


def maintenance_occurrence(
    device_id: str, until: float | None, since: float | None = None
) -> Occurrence:
    """Return the occurrence of a change of maintenance."""
    return Occurrence(
        kind=(
            OccurrenceKind.MAINTENANCE_ENDED
            if until is None
            else OccurrenceKind.MAINTENANCE_STARTED
        ),
        device_id=device_id,
        until=until,
        maintenance_since=since,
    )
