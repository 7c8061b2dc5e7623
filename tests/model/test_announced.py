"""What triggers know of, and since when."""

from dataclasses import replace
from typing import Any

from hypothesis import given, strategies as st
import orjson
import pytest

from custom_components.vesper.model.alerts import MAX_ACTIVE, ClosedBy
from custom_components.vesper.model.announced import Announced, Begun
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.occurrence import (
    Occurrence,
    OccurrenceKind,
    StopReason,
    connectivity_occurrence,
    maintenance_occurrence,
    playback_occurrence,
)
from custom_components.vesper.model.snapshot import deserialize, serialize
from tests.strategies import DEVICE_ID, Json, json_values

from .common import NOW

RAISED = Occurrence(
    kind=OccurrenceKind.ALERT_RAISED, device_id=DEVICE_ID, subsystem="SD"
)


def end(subsystem: str = "SD", **changes: Any) -> Occurrence:
    """Return the end of an alert."""
    occurrence = Occurrence(
        kind=OccurrenceKind.ALERT_CLEARED,
        device_id=DEVICE_ID,
        subsystem=subsystem,
        from_state="critical",
        to_state="ok",
        message="broken",
        reason="cleared",
        raised_at=NOW - 60,
        worsened_at=NOW - 30,
        critical_at=NOW - 45,
        ended_at=NOW,
        announced="failed",
        acknowledged=True,
        acknowledged_by="Anna",
    )
    return replace(occurrence, **changes)


def playback(
    *,
    before: bool | None = None,
    after: bool = True,
    melody: str | None = "A",
    reason: StopReason = StopReason.STOPPED,
) -> Occurrence:
    """Return that something has started or stopped."""
    occurrence = playback_occurrence(
        DEVICE_ID, before=before, after=after, melody=melody, reason=reason
    )
    assert occurrence is not None
    return occurrence


def restored(announced: Announced) -> Announced:
    """Return it after a restart of Home Assistant."""
    device = Device(device_id=DEVICE_ID, announced=announced)
    return deserialize(DEVICE_ID, orjson.loads(serialize(device, NOW, NOW))).announced


def ends(announced: Announced) -> tuple[list[Begun], list[Begun]]:
    """Return the settled ends and each end."""
    return [*announced.ends(each=False)], [*announced.ends(each=True)]


def test_the_end_of_an_alert() -> None:
    """It is known until the alert is raised again."""
    announced = Announced()
    announced.record(end(), NOW, suppressed=False)
    assert ends(announced) == ([(end(), NOW)], [(end(), NOW)])
    announced.record(RAISED, NOW, suppressed=True)
    assert ends(announced) == ([], [])


def test_the_end_of_an_alert_in_maintenance() -> None:
    """Triggers know neither of it nor of one before."""
    announced = Announced()
    announced.record(end(), NOW, suppressed=False)
    announced.record(end(), NOW + 60, suppressed=True)
    assert ends(announced) == ([], [])


def test_the_end_of_an_alert_that_flaps() -> None:
    """Others know of it only when it has settled."""
    announced = Announced()
    announced.record(end(), NOW - 60, suppressed=False)
    held = end(held=True)
    announced.record(held, NOW, suppressed=False)
    assert ends(announced) == ([], [(held, NOW)])
    settled = end(settled=True, raised_at=NOW - 3600)
    announced.record(settled, NOW + 3600, suppressed=False)
    assert ends(announced) == ([(settled, NOW + 3600)], [(held, NOW)])
    assert ends(restored(announced)) == ends(announced)
    announced.record(RAISED, NOW, suppressed=False)
    assert ends(announced) == ([], [])


def test_the_oldest_ends_make_room() -> None:
    """A device can't fill the store."""
    announced = Announced()
    for number in range(MAX_ACTIVE + 10):
        announced.record(end(f"S{number}"), NOW + number, suppressed=False)
    announced.record(end("S10"), NOW + 99, suppressed=False)
    announced.record(end("S99"), NOW + 100, suppressed=False)
    for known in ends(announced):
        names = [occurrence.subsystem for occurrence, _ in known]
        assert len(names) == MAX_ACTIVE
        assert names[0] == "S12"
        assert names[-2:] == ["S10", "S99"]


def test_other_occurrences_are_not_kept() -> None:
    """They are part of the state of the device."""
    announced = Announced()
    restart = Occurrence(kind=OccurrenceKind.RESTARTED, device_id=DEVICE_ID)
    announced.record(restart, NOW, suppressed=False)
    assert announced.playback is None
    assert ends(announced) == ([], [])


def test_playback() -> None:
    """The same melody after a gap goes on."""
    announced = Announced()
    announced.record(playback(before=False), NOW, suppressed=False)
    announced.record(playback(), NOW + 60, suppressed=False)
    assert announced.playback == (playback(before=False), NOW)
    other = playback(melody="B")
    announced.record(other, NOW + 120, suppressed=False)
    assert announced.playback == (other, NOW + 120)
    stopped = playback(before=True, after=False, melody="B")
    announced.record(stopped, NOW + 180, suppressed=False)
    assert announced.playback == (stopped, NOW + 180)
    announced.record(playback(), NOW + 240, suppressed=True)
    assert announced.playback is None


@pytest.mark.parametrize(
    "occurrence",
    [
        end(),
        end(reason=ClosedBy.RESTART, message=""),
        end(reason=ClosedBy.ACTION, acknowledged=False, acknowledged_by=None),
        end(announced=None, from_state="warning", critical_at=None),
        end(held=True),
        end(settled=True),
    ],
)
def test_ends_are_restored(occurrence: Occurrence) -> None:
    """With all that triggers show of them."""
    announced = Announced()
    announced.record(occurrence, NOW + 5, suppressed=False)
    assert ends(restored(announced)) == ends(announced)


@pytest.mark.parametrize(
    "occurrence",
    [
        playback(),
        playback(before=True, melody=None),
        playback(before=False),
        playback(before=True, after=False),
        playback(before=True, after=False, reason=StopReason.RESTART),
    ],
)
def test_playback_is_restored(occurrence: Occurrence) -> None:
    """With all that triggers show of it."""
    announced = Announced()
    announced.record(occurrence, NOW, suppressed=False)
    assert restored(announced).playback == (occurrence, NOW)


def came_online(**changes: Any) -> Occurrence:
    """Return that the device came online."""
    occurrence = connectivity_occurrence(
        DEVICE_ID, before=False, after=True, offline_since=NOW - 60
    )
    assert occurrence is not None
    return replace(occurrence, **changes)


def test_what_is_over_in_maintenance() -> None:
    """Only what triggers knew before is kept."""
    announced = Announced()
    for at in (NOW - 10, NOW):
        announced.record(maintenance_occurrence(DEVICE_ID, 1), at, suppressed=True)
    for occurrence in (
        came_online(outage_since=NOW - 60, outage_until=NOW),
        end(),
        end("Net", announced=None),
        end(announced="warning"),
    ):
        announced.record(occurrence, NOW, suppressed=True)
    back = restored(announced)
    assert back.maintenance_since == announced.maintenance_since == NOW - 10
    assert back.over == announced.over
    assert [*back.over.values()] == [
        came_online(outage_since=NOW - 60, outage_until=NOW),
        end(),
    ]
    announced.record(maintenance_occurrence(DEVICE_ID, None), NOW, suppressed=False)
    assert announced.maintenance_since is None


def test_much_is_over_in_maintenance() -> None:
    """The oldest makes room."""
    announced = Announced()
    for number in range(MAX_ACTIVE + 5):
        announced.record(end(f"S{number}"), NOW, suppressed=True)
    assert len(announced.over) == MAX_ACTIVE + 1
    assert "S4" in announced.over
    assert "S3" not in announced.over
    assert restored(announced).over == announced.over


def test_an_older_store() -> None:
    """Nothing is known of what it does not have."""
    announced = deserialize(DEVICE_ID, {"was_playing": True}).announced
    assert announced.playback is None
    assert ends(announced) == ([], [])


rows = st.fixed_dictionaries(
    {},
    optional={
        "subsystem": json_values | st.just("SD"),
        "state": json_values | st.sampled_from(["WARNING", "CLEARED"]),
        "from_state": json_values | st.just("playing"),
        "to_state": json_values | st.sampled_from(["playing", "stopped"]),
        "since": json_values | st.just(NOW),
        "ended_at": json_values | st.just(NOW),
        "offline_since": json_values | st.just(NOW),
        **dict.fromkeys(("melody", "reason", "held", "settled"), json_values),
    },
)


@given(
    ended=json_values | st.lists(rows | json_values, max_size=3 * MAX_ACTIVE),
    playing=json_values | rows,
)
def test_any_stored_data(ended: Json, playing: Json) -> None:
    """What is read is bounded and stored again."""
    data = {"ended": ended, "announced_playback": playing, "over": ended}
    announced = deserialize(DEVICE_ID, data).announced
    assert all(len(known) <= MAX_ACTIVE for known in ends(announced))
    again = restored(announced)
    assert ends(again) == ends(announced)
    assert again.playback == announced.playback
    assert again.over == announced.over
    assert len(again.over) <= MAX_ACTIVE + 1
