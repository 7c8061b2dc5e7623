"""The timeout of devices with a slower rhythm (docs/liveness.md)."""

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.model.rhythm import MAX_GAP, Rhythm


def rhythm_of(*times: float) -> Rhythm:
    """Return the rhythm of heartbeats at some times."""
    rhythm = Rhythm()
    for now in times:
        rhythm.record(now)
    return rhythm


@pytest.mark.parametrize(
    ("times", "timeout"),
    [
        pytest.param([], 0, id="none"),
        pytest.param([0], 0, id="one"),
        pytest.param([0, 300, 600, 900], 0, id="three gaps"),
        pytest.param([0, 300, 600, 900, 1200], 900, id="four gaps"),
        pytest.param([0, 300, 330, 630, 930], 90, id="outages of a new device"),
        pytest.param([0, 300, 600, 600.5, 900, 1200], 900, id="delivered twice"),
        pytest.param([0, 300, 600, 8600, 8900, 9200], 900, id="an outage"),
        pytest.param([0, 29.6, 59.2, 88.8, 118.4], 90, id="in whole seconds"),
        pytest.param([0, 1, 2, 3, 4], 3, id="a second"),
        pytest.param([0.9 * n for n in range(9)], 6, id="each other one is none"),
        pytest.param([0, 1300, 2600, 3900, 5200], 3600, id="an hour at most"),
        pytest.param([MAX_GAP * n for n in range(5)], 3600, id="the longest gap"),
        pytest.param([(MAX_GAP + 1) * n for n in range(5)], 0, id="a longer one"),
    ],
)
def test_the_timeout(times: list[float], timeout: int) -> None:
    """It is three times the gaps' lower quartile."""
    assert rhythm_of(*times).timeout == timeout


def test_the_last_eight_gaps_count() -> None:
    """A slower rhythm counts after seven gaps."""
    rhythm = rhythm_of(*range(0, 300, 30))
    timeouts = []
    for number in range(1, 9):
        rhythm.record(270 + 300 * number)
        timeouts.append(rhythm.timeout)
    assert timeouts == [90] * 6 + [900] * 2
    assert len(rhythm.gaps) == 8


def test_what_is_not_received_is_no_gap() -> None:
    """While the link is down, heartbeats are lost."""
    rhythm = rhythm_of(0, 30)
    rhythm.interrupt()
    rhythm.record(600)
    rhythm.record(630)
    assert rhythm.gaps == (30, 30)


@given(st.lists(st.floats(0, 2 * MAX_GAP), max_size=30))
def test_the_timeout_of_any_rhythm(gaps: list[float]) -> None:
    """A timeout is none or within its bounds.

    They are three times the shortest gap, and an hour.
    """
    now, rhythm = 0.0, Rhythm()
    rhythm.record(now)
    for gap in gaps:
        now += gap
        rhythm.record(now)
        assert rhythm.timeout <= 3600
        if rhythm.timeout:
            assert rhythm.timeout >= min(3 * min(rhythm.gaps), 3600)
