"""Transitions that trigger automations."""

from datetime import UTC, datetime

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.model.active_alert import ActiveAlert
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.occurrence import (
    OccurrenceKind,
    StopReason,
    alert_occurrence,
    connectivity_occurrence,
    playback_occurrence,
)
from custom_components.vesper.protocol.severity import Severity
from tests.strategies import DEVICE_ID, alert, heartbeat

severities = st.sampled_from(Severity)


def _active(severity: Severity) -> ActiveAlert | None:
    """Return an alert of this severity, None for ok."""
    if severity is Severity.OK:
        return None
    return ActiveAlert(
        subsystem="FileManager",
        severity=severity,
        message="SD mount failed",
        updated_at=datetime.fromtimestamp(0, UTC),
        confirmed=True,
        raised_at=datetime.fromtimestamp(0, UTC),
        worsened_at=datetime.fromtimestamp(0, UTC),
    )


@given(before=severities, after=severities)
def test_alert(before: Severity, after: Severity) -> None:
    """Only a worse or ended alert is an occurrence."""
    occurred = alert_occurrence(DEVICE_ID, _active(before), _active(after))
    if after > before:
        assert occurred is not None
        assert occurred.kind is OccurrenceKind.ALERT_RAISED
        assert occurred.reason is None
    elif before and not after:
        assert occurred is not None
        assert occurred.kind is OccurrenceKind.ALERT_CLEARED
        assert occurred.reason == "cleared"
    else:
        assert occurred is None
        return
    assert (occurred.from_state, occurred.to_state) == (before.key, after.key)
    assert (occurred.subsystem, occurred.message) == ("FileManager", "SD mount failed")


@given(st.lists(severities, min_size=1))
def test_alerts_are_published_in_turn(states: list[Severity]) -> None:
    """Occurrences alone show the active alert and the worst.

    Each transition starts where the one before ended, except for a fall that was no
    occurrence.
    """
    device = Device(device_id=DEVICE_ID)
    for now, severity in enumerate(states):
        name = severity.name if severity else "CLEARED"
        device.apply(alert("FileManager", name), live=True, now=now)
    known = Severity.OK
    for occurrence in device.occurrences:
        assert occurrence.from_state is not None
        assert occurrence.to_state is not None
        assert Severity[occurrence.from_state.upper()] <= known
        known = Severity[occurrence.to_state.upper()]
    assert bool(known) is bool(states[-1])
    assert known >= states[-1]


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (None, True, None),
        (None, False, None),
        (True, True, None),
        (False, False, None),
        (True, False, OccurrenceKind.WENT_OFFLINE),
        (False, True, OccurrenceKind.CAME_ONLINE),
    ],
)
def test_connectivity(
    *, before: bool | None, after: bool, kind: OccurrenceKind | None
) -> None:
    """Only a change of known connectivity is an occurrence."""
    occurred = connectivity_occurrence(DEVICE_ID, before=before, after=after)
    assert (occurred and occurred.kind) == kind


@pytest.mark.parametrize("was_online", [None, False, True])
@pytest.mark.parametrize("is_live", [False, True])
def test_what_was_known_before_we_started(
    *, was_online: bool | None, is_live: bool
) -> None:
    """Restored connectivity is compared with the new one."""
    device = Device(device_id=DEVICE_ID, was_online=was_online)
    for _ in range(2):
        if is_live:
            device.apply(heartbeat(), live=True, now=0)
        else:
            device.mark_offline(0)
    occurred = [occurrence.kind for occurrence in device.occurrences]
    if was_online is None or was_online is is_live:
        assert occurred == []
    elif is_live:
        assert occurred == [OccurrenceKind.CAME_ONLINE]
    else:
        assert occurred == [OccurrenceKind.WENT_OFFLINE]
    assert device.was_online is is_live


@pytest.mark.parametrize(
    ("before", "after", "kind", "states"),
    [
        (None, True, OccurrenceKind.STARTED_PLAYING, (None, "playing")),
        (False, True, OccurrenceKind.STARTED_PLAYING, ("stopped", "playing")),
        (True, True, OccurrenceKind.STARTED_PLAYING, ("playing", "playing")),
        (True, False, OccurrenceKind.STOPPED_PLAYING, ("playing", "stopped")),
        (None, False, None, None),
        (True, None, None, None),
        (False, None, None, None),
    ],
)
def test_playback(
    *,
    before: bool | None,
    after: bool | None,
    kind: OccurrenceKind | None,
    states: tuple[str | None, str | None] | None,
) -> None:
    """Unknown playback is neither a start nor a stop."""
    occurred = playback_occurrence(
        DEVICE_ID, before=before, after=after, melody="A", reason=StopReason.STOPPED
    )
    assert (occurred and occurred.kind) == kind
    assert (occurred and (occurred.from_state, occurred.to_state)) == states


@pytest.mark.parametrize(
    ("code", "reason"), [(None, None), (4, "panic"), (4711, "other")]
)
def test_restart(code: int | None, reason: str | None) -> None:
    """The reason of a restart is shown by name."""
    device = Device(device_id=DEVICE_ID)
    device.apply(heartbeat(uptime=3600, reset_reason=1), live=True, now=0)
    device.apply(heartbeat(uptime=5, reset_reason=code), live=True, now=10)
    (restarted,) = device.occurrences
    assert restarted.kind is OccurrenceKind.RESTARTED
    assert restarted.reason == reason


def test_a_retained_message_is_no_transition() -> None:
    """Retained messages set values without an occurrence."""
    device = Device(device_id=DEVICE_ID)
    device.apply(heartbeat(uptime=3600), live=True, now=0)
    device.apply(heartbeat(uptime=5), live=False, now=1)
    device.apply(alert("FileManager", "FAILED"), live=False, now=2)
    assert device.occurrences == ()
