"""Serialize what triggers know of and deserialize it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..protocol.fields import is_name
from .alerts import MAX_ACTIVE
from .announced import Announced, Begun
from .occurrence import (
    PLAYBACK_STATES,
    Occurrence,
    OccurrenceKind,
    StopReason,
    connectivity_occurrence,
    playback_occurrence,
)
from .stored_alerts import restored_end, stored_end
from .stored_fields import is_time, some


def stored_announced(announced: Announced) -> dict[str, Any]:
    """Return what is stored, without what is empty."""
    data: dict[str, Any] = {}
    if ends := announced.all_ends():
        data["ended"] = [_ended(*begun) for begun in ends]
    if announced.playback is not None:
        data["announced_playback"] = _playback(*announced.playback)
    if announced.maintenance_since is not None:
        data["maintenance_since"] = announced.maintenance_since
    if announced.over:
        data["over"] = [_over(occurrence) for occurrence in announced.over.values()]
    return data


def restored_announced(device_id: str, data: Mapping[str, Any]) -> Announced:
    """Return what was stored."""
    since = data.get("maintenance_since")
    announced = Announced(
        playback=_restored_playback(device_id, data.get("announced_playback")),
        maintenance_since=since if is_time(since) else None,
    )
    for item in some(data.get("over"), MAX_ACTIVE + 1):
        if (occurrence := _restored_over(device_id, item)) is not None:
            announced.over[occurrence.subsystem or ""] = occurrence
    for item in some(data.get("ended"), 2 * MAX_ACTIVE):
        occurrence = restored_end(device_id, item)
        if occurrence is not None and is_time(since := item.get("since")):
            occurrence = replace(
                occurrence,
                held=item.get("held") is True,
                settled=item.get("settled") is True,
            )
            announced.record_end(occurrence, since)
    return announced


def _ended(occurrence: Occurrence, since: float) -> dict[str, Any]:
    """Return the end of an alert to store."""
    return {
        **stored_end(occurrence),
        "since": since,
        "held": occurrence.held,
        "settled": occurrence.settled,
    }


def _over(occurrence: Occurrence) -> dict[str, Any]:
    """Return what is over in maintenance to store."""
    if occurrence.kind is OccurrenceKind.ALERT_CLEARED:
        return stored_end(occurrence)
    return {
        "offline_since": occurrence.offline_since,
        "outage_since": occurrence.outage_since,
        "outage_until": occurrence.outage_until,
    }


def _restored_over(device_id: str, item: object) -> Occurrence | None:
    """Return what is over in maintenance, if valid."""
    if not isinstance(item, dict) or not is_time(since := item.get("offline_since")):
        return restored_end(device_id, item)
    occurrence = connectivity_occurrence(
        device_id, before=False, after=True, offline_since=since
    )
    outage_since, outage_until = item.get("outage_since"), item.get("outage_until")
    return occurrence and replace(
        occurrence,
        outage_since=outage_since if is_time(outage_since) else None,
        outage_until=outage_until if is_time(outage_until) else None,
    )


def _playback(occurrence: Occurrence, since: float) -> dict[str, Any]:
    """Return what has started or stopped to store."""
    return {
        "from_state": occurrence.from_state,
        "to_state": occurrence.to_state,
        "melody": occurrence.melody,
        "reason": occurrence.reason,
        "since": since,
    }


def _restored_playback(device_id: str, item: object) -> Begun | None:
    """Return stored playback, None if it is invalid."""
    if not isinstance(item, dict) or not is_time(since := item.get("since")):
        return None
    melody, reason = item.get("melody"), item.get("reason")
    is_restart = reason == StopReason.RESTART
    occurrence = playback_occurrence(
        device_id,
        before=_playing(item.get("from_state")),
        after=_playing(item.get("to_state")),
        melody=melody if is_name(melody) else None,
        reason=StopReason.RESTART if is_restart else StopReason.STOPPED,
    )
    return (occurrence, since) if occurrence else None


def _playing(state: object) -> bool | None:
    """Return whether it plays in a state."""
    return next((key for key, value in PLAYBACK_STATES.items() if value == state), None)
