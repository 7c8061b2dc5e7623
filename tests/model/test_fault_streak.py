"""Streaks of malformed heartbeats."""

import pytest

from custom_components.vesper.model.fault_streak import (
    LASTING_COUNT,
    LASTING_SECONDS,
    FaultStreak,
)
from custom_components.vesper.protocol.fields import Fault, FaultKind


def fault(path: str) -> Fault:
    """Return a fault at a path."""
    return Fault(path=path, kind=FaultKind.INVALID, reason="")


@pytest.mark.parametrize(
    ("times", "lasting"),
    [
        pytest.param([0], False, id="one"),
        pytest.param([0, LASTING_SECONDS], False, id="few-but-long"),
        pytest.param([0, 1, 2, 3, 4], False, id="many-but-short"),
        pytest.param([0, 300, LASTING_SECONDS - 1], False, id="almost"),
        pytest.param([0, 300, LASTING_SECONDS], True, id="long-enough"),
        pytest.param([0, 300, LASTING_SECONDS, -60], False, id="clock-set-back"),
    ],
)
def test_a_lasting_streak(times: list[float], *, lasting: bool) -> None:
    """It has a minimum of heartbeats and of time."""
    streak = FaultStreak(began=0.0, last=0.0)
    for now in times:
        streak.add([fault("uptime")], now)
    assert streak.lasting is lasting
    assert streak.count == len(times)


def test_the_fields_of_all_heartbeats_are_named() -> None:
    """Entries of a list count as one field."""
    streak = FaultStreak(began=0.0, last=0.0)
    for path in ("uptime", "recent_events[2].d0", "recent_events[3].d0", ""):
        streak.add([fault(path)], 0.0)
    assert streak.fields == {"uptime", "recent_events[].d0", ""}
    assert LASTING_COUNT == 3
