"""Tell what happens to devices that people may want to act on.

Each is one real transition: a repeat is none, nor is a gap in what we hear.
"""

from dataclasses import dataclass
from enum import StrEnum

from ..protocol.codes import ResetReason, key_of
from ..protocol.severity import Severity
from .alerts import ActiveAlert, ClosedBy

#: Why an alert ended that nothing else has closed: the device said so.
CLEARED = "cleared"

#: What connectivity and playback are called in `from_state` and `to_state`.
_CONNECTIVITY = {False: "offline", True: "online"}
_PLAYBACK = {None: None, False: "stopped", True: "playing"}


class OccurrenceKind(StrEnum):
    """What can happen; all but maintenance by the names of the triggers."""

    ALERT_CLEARED = "alert_cleared"
    ALERT_RAISED = "alert_raised"
    CAME_ONLINE = "came_online"
    FLEET_OUTAGE = "fleet_outage"
    MAINTENANCE_ENDED = "maintenance_ended"
    MAINTENANCE_STARTED = "maintenance_started"
    RESTARTED = "restarted"
    STARTED_PLAYING = "started_playing"
    STOPPED_PLAYING = "stopped_playing"
    WENT_OFFLINE = "went_offline"


class StopReason(StrEnum):
    """What ended a melody."""

    RESTART = "restart"
    """The device has restarted."""
    STOPPED = "stopped"
    """The device said so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Occurrence:
    """One thing that has happened; what does not suit its kind is None."""

    kind: OccurrenceKind
    device_id: str | None
    """None where it has happened to the whole fleet."""
    subsystem: str | None = None
    from_state: str | None = None
    """What was before: a severity, connectivity or playback; None if not known."""
    to_state: str | None = None
    message: str | None = None
    """What the device said of the alert."""
    reason: str | None = None
    """Why it restarted (a key of `ResetReason`), `cleared` or a
    `ClosedBy` of an alert, a `StopReason` of a melody."""
    melody: str | None = None
    """What began to play or ended, where that is known."""
    until: float | None = None
    """Until when somebody works on the device, in seconds since 1970."""
    lost: int | None = None
    """How many devices fell silent in an outage."""
    online_before: int | None = None
    """How many devices were online before it."""


def alert_occurrence(
    device_id: str,
    before: ActiveAlert | None,
    after: ActiveAlert | None,
    closed_by: ClosedBy | None = None,
) -> Occurrence | None:
    """Return what a change of a subsystem's alert amounts to.

    An alert that gets worse is raised again, one that gets better goes on.
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
        )
    return None


def connectivity_occurrence(
    device_id: str, *, before: bool | None, after: bool
) -> Occurrence | None:
    """Return what it amounts to that a device is online, or not, given the last word.

    Of one that was never heard of before there is nothing to tell.
    """
    if before is None or before is after:
        return None
    return Occurrence(
        kind=OccurrenceKind.CAME_ONLINE if after else OccurrenceKind.WENT_OFFLINE,
        device_id=device_id,
        from_state=_CONNECTIVITY[before],
        to_state=_CONNECTIVITY[after],
    )


def playback_occurrence(
    device_id: str,
    *,
    before: bool | None,
    after: bool | None,
    melody: str | None,
    reason: StopReason,
) -> Occurrence | None:
    """Return what it amounts to that a melody plays, or no longer; None is not known.

    No longer to know of one is no end of it.
    """
    if not after and (not before or after is None):
        return None
    return Occurrence(
        kind=(
            OccurrenceKind.STARTED_PLAYING if after else OccurrenceKind.STOPPED_PLAYING
        ),
        device_id=device_id,
        from_state=_PLAYBACK[before],
        to_state=_PLAYBACK[after],
        reason=None if after else reason,
        melody=melody,
    )


def restart_occurrence(device_id: str, code: int | None) -> Occurrence:
    """Return that a device has restarted, for the reason it gave if any."""
    return Occurrence(
        kind=OccurrenceKind.RESTARTED,
        device_id=device_id,
        reason=None if code is None else key_of(ResetReason, code),
    )


def maintenance_occurrence(device_id: str, until: float | None) -> Occurrence:
    """Return that somebody works on a device until then, or nobody any more."""
    return Occurrence(
        kind=(
            OccurrenceKind.MAINTENANCE_ENDED
            if until is None
            else OccurrenceKind.MAINTENANCE_STARTED
        ),
        device_id=device_id,
        until=until,
    )


def outage_occurrence(*, lost: int, online_before: int) -> Occurrence:
    """Return that most of the devices that were online have fallen silent."""
    return Occurrence(
        kind=OccurrenceKind.FLEET_OUTAGE,
        device_id=None,
        lost=lost,
        online_before=online_before,
    )
