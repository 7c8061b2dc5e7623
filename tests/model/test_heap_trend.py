"""Forecasts of heap exhaustion, with and without a leak."""

from collections.abc import Callable, Iterator
import random

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.model.heap_trend import (
    HORIZON,
    MIN_WINDOW,
    HeapTrend,
)

HOUR = 3600
MAX_POINTS = 16
MIN_PART = 20
HEAP = 170_000
BOOTED = 100
"""The uptime at the first sample, in seconds."""

type Series = Callable[[float], float]
"""The free heap in bytes, so many seconds after the first sample."""


def forecasts(
    free_at: Series, seconds: float, *, reports_mark: bool = True
) -> Iterator[tuple[int, float]]:
    """Yield the minutes with a forecast, and the forecast.

    The device knows its low-water mark by itself, every few seconds.
    """
    trend = HeapTrend()
    mark = HEAP
    for now in range(0, round(seconds) + 1, 60):
        moments = range(max(0, now - 55), now + 1, 5)
        mark = min(mark, *(round(free_at(moment)) for moment in moments))
        trend.sample(
            BOOTED + now,
            free=round(free_at(now)),
            least=mark if reports_mark else None,
        )
        left = trend.seconds_left(BOOTED + now)
        if left is not None and left < HORIZON:
            yield now, left


def saw(period: float, amplitude: float, phase: float = 0.0) -> Series:
    """Return a sawtooth: heap that falls and recovers."""
    return lambda now: HEAP * (1 - amplitude * ((now / period + phase) % 1))


#: The device reports its low-water mark, or only its free heap.
either_way = pytest.mark.parametrize(
    "reports_mark", [True, False], ids=["mark", "free-only"]
)


@pytest.mark.parametrize("hours", [1, 3, 8, 20])
@either_way
def test_steady_leak(hours: int, *, reports_mark: bool) -> None:
    """A leak's end is foreseen early, within a twentieth."""
    end = hours * HOUR
    foreseen = list(
        forecasts(lambda now: HEAP * (1 - now / end), end, reports_mark=reports_mark)
    )
    earliest = max(MIN_WINDOW, end / MIN_PART)
    assert [now for now, _ in foreseen] == list(range(round(earliest), end + 1, 60))
    for now, left in foreseen:
        assert left == pytest.approx(end - now, rel=0.05, abs=60)


def test_slow_leak() -> None:
    """A leak of days is reported a day ahead."""
    end = 60 * HOUR
    foreseen = list(forecasts(lambda now: HEAP * (1 - now / end), end))
    assert foreseen[0][0] == pytest.approx(end - HORIZON, abs=300)
    assert len(foreseen) == pytest.approx(HORIZON / 60, abs=5)


@pytest.mark.parametrize("part", [0.04, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("minutes", [1, 5, 14])
@either_way
def test_drop_at_the_start(part: float, minutes: int, *, reports_mark: bool) -> None:
    """Heap that is allocated at boot is no leak."""

    def free_at(now: float) -> float:
        return HEAP * (1 - part * min(1, now / 60 / minutes))

    assert not list(forecasts(free_at, 6 * HOUR, reports_mark=reports_mark))


@either_way
def test_flat(*, reports_mark: bool) -> None:
    """A constant heap is no leak, even at 0."""
    assert not list(forecasts(lambda _: HEAP, 48 * HOUR, reports_mark=reports_mark))
    assert not list(forecasts(lambda _: 0, 48 * HOUR, reports_mark=reports_mark))


@pytest.mark.parametrize("part", [0.02, 0.2, 0.6])
@either_way
def test_noise(part: float, *, reports_mark: bool) -> None:
    """Drops that recover within a minute are no leak."""
    noise = random.Random(7)  # noqa: S311
    drawn = [HEAP * (1 - part * noise.random()) for _ in range(24 * 60 + 1)]
    foreseen = forecasts(
        lambda now: drawn[int(now // 60)], 24 * HOUR, reports_mark=reports_mark
    )
    assert not list(foreseen)


@pytest.mark.parametrize("period", [60, 600, 2000, HOUR, 6 * HOUR, 20 * HOUR])
@pytest.mark.parametrize("amplitude", [0.049, 0.1, 0.3, 0.6])
@pytest.mark.parametrize("phase", [0, 0.3, 0.9])
@either_way
def test_saw_tooth(
    period: float, amplitude: float, phase: float, *, reports_mark: bool
) -> None:
    """The second tooth ends a report of the first."""
    foreseen = forecasts(
        saw(period, amplitude, phase), 5 * period + HOUR, reports_mark=reports_mark
    )
    second_tooth_seen = period * (1 - phase) + 60
    for now, _ in foreseen:
        assert amplitude > 1 / MIN_PART
        assert now < second_tooth_seen


@given(
    st.floats(60, 20 * HOUR),
    st.floats(0, 0.7),
    st.floats(0, 1, exclude_max=True),
)
def test_any_saw_tooth(period: float, amplitude: float, phase: float) -> None:
    """No sawtooth is reported as a leak."""
    for now, _ in forecasts(saw(period, amplitude, phase), 3 * period):
        assert amplitude > 1 / MIN_PART
        assert now < period * (1 - phase) + 60


def test_slow_first_descent() -> None:
    """A slow first descent is reported until it recovers."""
    foreseen = [now for now, _ in forecasts(saw(6 * HOUR, 0.3), 30 * HOUR)]
    assert foreseen[0] == HOUR
    assert foreseen[-1] == 6 * HOUR - 60


@pytest.mark.parametrize("period", [600, HOUR])
@pytest.mark.parametrize("amplitude", [0.03, 0.1, 0.3])
@pytest.mark.parametrize("hours", [10, 20, 40])
@either_way
def test_leak_under_a_saw_tooth(
    period: float, amplitude: float, hours: int, *, reports_mark: bool
) -> None:
    """A leak is reported early and without a break."""
    tooth = saw(period, amplitude)
    end = hours * HOUR * (1 - amplitude)
    foreseen = list(
        forecasts(
            lambda now: tooth(now) - HEAP * now / hours / HOUR,
            end - period,
            reports_mark=reports_mark,
        )
    )
    beginning = next(now for now, _ in foreseen)
    assert beginning < max(end / 5, end - HORIZON)
    last = [(now, left) for now, left in foreseen if now > end / 2]
    assert len(last) == pytest.approx((end / 2 - period) / 60, abs=2)
    for now, left in last:
        assert left == pytest.approx(end - now, rel=0.25, abs=2 * period + 2 * HOUR)


def test_leak_that_stops() -> None:
    """A leak that stopped is not reported."""

    def free_at(now: float) -> float:
        return HEAP * (1 - min(now, 4 * HOUR) / 8 / HOUR)

    foreseen = [now for now, _ in forecasts(free_at, 24 * HOUR)]
    assert foreseen[0] == MIN_WINDOW
    # From then on, what fell in the later half of the window would last for a day.
    assert foreseen[-1] == pytest.approx(7 * HOUR, abs=HOUR / 4)


@pytest.mark.parametrize("rest", [10, 100, 1000])
def test_rest_before_a_leak(rest: int) -> None:
    """A late leak is reported hours ahead."""

    def free_at(now: float) -> float:
        return HEAP * (1 - max(0, now - rest * HOUR) / 20 / HOUR)

    foreseen = [now for now, _ in forecasts(free_at, (rest + 20) * HOUR)]
    assert (rest + 6) * HOUR < foreseen[0] < (rest + 15) * HOUR
    assert foreseen == list(range(foreseen[0], (rest + 20) * HOUR + 1, 60))


def test_mark_that_was_low_before() -> None:
    """A leak that reaches a low mark is found."""
    trend = HeapTrend()
    for minute in range(0, 300, 10):
        free = HEAP - 500 * minute
        trend.sample(60 * minute, free=free, least=min(60_000, free))
    left = trend.seconds_left(60 * 290)
    assert left is not None
    assert left < HORIZON


@pytest.mark.parametrize("close", range(2, MAX_POINTS))
def test_points_are_even(close: int) -> None:
    """The point with the closest neighbors is dropped."""
    uptimes = [100 * number for number in range(MAX_POINTS + 1)]
    uptimes[close] -= 90
    trend = HeapTrend()
    for number, uptime in enumerate(uptimes):
        trend.sample(uptime, free=None, least=HEAP - number)
    del uptimes[close - 1]
    assert [uptime for uptime, _ in trend._points] == uptimes  # noqa: SLF001


def test_another_boot() -> None:
    """A mark that rises is of another boot."""
    trend = HeapTrend()
    assert trend.seconds_left(MIN_WINDOW) is None, "nothing is known yet"

    def leak() -> None:
        for minute in range(0, 41, 10):
            least = HEAP - 1000 * minute
            trend.sample(60 * minute, free=None, least=least)
        assert trend.seconds_left(2400) is not None

    leak()
    trend.sample(2460, free=HEAP, least=HEAP)
    trend.sample(2520, free=HEAP, least=HEAP // 2)
    assert trend.seconds_left(2520) is None
    trend.clear()
    leak()
    trend.clear()
    trend.sample(2460, free=None, least=HEAP // 2)
    assert trend.seconds_left(2 * 2460) is None


@given(
    st.lists(
        st.tuples(
            st.integers(0, 4000),
            st.none() | st.integers(0, 2**32 - 1),
            st.integers(0, 2**32 - 1),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_any_series(samples: list[tuple[int, int | None, int, bool]]) -> None:
    """Few points are stored; no forecast is negative."""
    trend = HeapTrend()
    uptime = 0
    for step, least, free, clears in samples:
        uptime += step
        if clears and least is not None:
            trend.clear()
        trend.sample(uptime, free=free, least=least)
        assert len(trend._points) <= MAX_POINTS  # noqa: SLF001
        left = trend.seconds_left(uptime)
        assert left is None or left >= 0


@pytest.mark.parametrize(("gone", "is_leak"), [(999, False), (1000, True)])
def test_a_twentieth_is_lost(gone: int, *, is_leak: bool) -> None:
    """If nothing became free again, it is a leak.

    The next boot begins with nothing, too.
    """
    trend = HeapTrend()
    for _ in range(2):
        trend.sample(BOOTED, free=20_000, least=20_000)
        uptime = BOOTED + MIN_WINDOW
        trend.sample(uptime, free=20_000 - gone, least=20_000 - gone)
        assert (trend.seconds_left(uptime) is not None) is is_leak
        trend.clear()
