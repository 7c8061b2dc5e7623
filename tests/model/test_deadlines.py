"""Deadlines of devices (docs/protocol.md)."""

from hypothesis import given, strategies as st

from custom_components.vesper.model.deadlines import Deadlines

TIMEOUT = 90.0
DEVICES = ["chapel", "hall", "school", "tower"]


def pop_all_due(deadlines: Deadlines, now: float) -> list[str]:
    """Return all due devices and stop monitoring them."""
    due = deadlines.due(now)
    assert all(deadlines.pop(device_id, now) for device_id in due)
    return due


def test_no_devices() -> None:
    """Without devices there is no deadline."""
    deadlines = Deadlines(TIMEOUT)
    assert deadlines.next_deadline is None
    assert deadlines.due(1e9) == []
    assert len(deadlines) == 0


def test_a_device_is_due_after_the_full_timeout() -> None:
    """Not a moment before, and at the very moment."""
    deadlines = Deadlines(TIMEOUT)
    deadlines.touch("chapel", 10.0)
    assert "chapel" in deadlines
    assert "hall" not in deadlines
    assert deadlines.next_deadline == 100.0
    assert deadlines.due(99.999) == []
    assert not deadlines.pop("chapel", 99.999)
    assert deadlines.due(100.0) == ["chapel"]
    assert deadlines.pop("chapel", 100.0)


def test_a_device_is_due_once() -> None:
    """A device is not monitored after its timeout."""
    deadlines = Deadlines(TIMEOUT)
    deadlines.touch("chapel", 0.0)
    assert pop_all_due(deadlines, 1000.0) == ["chapel"]
    assert len(deadlines) == 0
    assert not deadlines.pop("chapel", 1000.0)


def test_the_earliest_is_first() -> None:
    """Due devices are ordered by their last message."""
    deadlines = Deadlines(TIMEOUT)
    for now, device_id in enumerate(["chapel", "hall", "tower", "chapel"]):
        deadlines.touch(device_id, now)
    assert deadlines.next_deadline == 91.0
    assert pop_all_due(deadlines, 1000.0) == ["hall", "tower", "chapel"]


def test_heard_meanwhile() -> None:
    """A device heard meanwhile has not timed out."""
    deadlines = Deadlines(TIMEOUT)
    deadlines.touch("chapel", 0.0)
    assert deadlines.due(90.0) == ["chapel"]
    deadlines.touch("chapel", 90.0)
    assert not deadlines.pop("chapel", 90.0)


def test_a_restart_gives_all_a_full_timeout() -> None:
    """Once the link is back, no device is due."""
    deadlines = Deadlines(TIMEOUT)
    deadlines.touch("chapel", 0.0)
    deadlines.touch("removed", 0.0)
    deadlines.reset(["chapel", "hall"], 500.0)
    assert deadlines.due(589.0) == []
    assert pop_all_due(deadlines, 590.0) == ["chapel", "hall"]


def test_an_extended_timeout() -> None:
    """A device with a slower rhythm gets more time."""
    deadlines = Deadlines(TIMEOUT)
    deadlines.set_timeout("chapel", 900.0)
    assert "chapel" not in deadlines
    deadlines.touch("chapel", 1.0)
    assert deadlines.next_deadline == 901.0
    deadlines.reset(["chapel"], 1000.0)
    assert deadlines.next_deadline == 1900.0


def test_an_extended_timeout_ends() -> None:
    """The usual timeout applies again to a faster rhythm."""
    deadlines = Deadlines(TIMEOUT)
    deadlines.set_timeout("chapel", 900.0)
    deadlines.set_timeout("chapel", 60.0)
    deadlines.touch("chapel", 10.0)
    assert deadlines.next_deadline == 100.0


def test_a_device_that_was_removed_has_no_extended_timeout() -> None:
    """It is new if it is ever heard again."""
    deadlines = Deadlines(TIMEOUT)
    deadlines.set_timeout("chapel", 900.0)
    deadlines.discard("chapel")
    deadlines.touch("chapel", 1.0)
    assert deadlines.next_deadline == 91.0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["touch", "extend", "discard", "restart", "pop"]),
            st.sampled_from(DEVICES),
            st.sampled_from([0.0, 1.0, 45.0, 89.0, 90.0, 300.0]),
            st.sampled_from([0.0, 90.0, 91.0, 400.0]),
        ),
        max_size=40,
    )
)
def test_any_order_of_calls(
    calls: list[tuple[str, str, float, float]],
) -> None:
    """No device times out early, and none is forgotten."""
    deadlines, now = Deadlines(TIMEOUT), 0.0
    expected: dict[str, float] = {}
    timeouts = dict.fromkeys(DEVICES, TIMEOUT)
    for call, device_id, wait, timeout in calls:
        now += wait
        match call:
            case "touch":
                deadlines.touch(device_id, now)
                expected[device_id] = now + timeouts[device_id]
            case "extend":
                deadlines.set_timeout(device_id, timeout)
                timeouts[device_id] = max(timeout, TIMEOUT)
            case "discard":
                deadlines.discard(device_id)
                expected.pop(device_id, None)
                timeouts[device_id] = TIMEOUT
            case "restart":
                deadlines.reset(DEVICES[:2], now)
                expected = {known: now + timeouts[known] for known in DEVICES[:2]}
            case "pop":
                for due in pop_all_due(deadlines, now):
                    del expected[due]
        assert len(deadlines) == len(expected)
        assert deadlines.next_deadline == min(expected.values(), default=None)
        assert set(deadlines.due(now)) == {
            known for known, deadline in expected.items() if deadline <= now
        }
