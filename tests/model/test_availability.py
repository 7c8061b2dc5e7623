"""Test the availability against a count of each second."""

from array import array
from dataclasses import dataclass, field
import json
import sys
from typing import Any

from hypothesis import given, settings, strategies as st
import orjson
import pytest

from custom_components.vesper.model.availability import (
    MAX_KEPT,
    WINDOWS,
    AvailabilityHistory,
    Cause,
    DeviceRestart,
    Window,
)

HOUR = 3600
DAY = 24 * HOUR

MIDNIGHT = 1_900_000_000 // DAY * DAY


@dataclass
class Timeline:
    """The device second by second."""

    now: int = MIDNIGHT
    monotonic: int = 1000
    observed: bool = False
    online: bool | None = None
    heard: int | None = None
    """When it was heard last, by the wall clock."""
    observed_since: int | None = None
    seconds: dict[int, bool | None] = field(default_factory=dict)
    outages: list[tuple[int, int | None]] = field(default_factory=list)
    """The start and the end of each."""
    availability: AvailabilityHistory = field(default_factory=AvailabilityHistory)

    def pass_time(self, seconds: int) -> None:
        """Let the device stay as it is."""
        for second in range(self.now, self.now + seconds):
            self.seconds[second] = self.online if self.observed else None
        self.now += seconds
        self.monotonic += seconds
        self.availability.advance(self.now, self.monotonic)

    def hear(self) -> None:
        """Let the device send a message."""
        self.heard, self.online = self.now, True
        if self.outages and self.outages[-1][1] is None:
            self.outages[-1] = (self.outages[-1][0], self.now)
            if not self.downtime(*self.outages[-1]):
                # It was silent before it was observed.
                del self.outages[-1]
        self._update()

    def restart(self) -> None:
        """Restart Home Assistant with what is stored."""
        stored = json.loads(json.dumps(self.availability.as_json()))
        self.availability = AvailabilityHistory()
        self.availability.restore(stored)
        self.online = self.heard = None
        self.observed_since = self.now if self.observed else None
        self.monotonic = 1000
        self._update()

    def time_out(self) -> None:
        """Declare the device offline."""
        self.online = False
        if self.observed:
            self._go_offline()
        self._update()

    def observe(self, *, observed: bool) -> None:
        """Begin or end to observe the device."""
        if observed and not self.observed:
            self.observed_since = self.now
        was_observed, self.observed = self.observed, observed
        if observed and not was_observed and self.online is False:
            self._go_offline()
        self._update()

    def _go_offline(self) -> None:
        """Count the silence as downtime."""
        assert self.observed_since is not None
        start = max(self.observed_since, self.heard or 0)
        for second in range(start, self.now):
            self.seconds[second] = False
        if not self.outages or self.outages[-1][1] is not None:
            self.outages.append((start, None))

    def _update(self) -> None:
        """Update the availability."""
        since = None if self.heard is None else self.now - self.heard
        self.availability.update(
            observed=self.observed,
            online=self.online,
            heard=None if since is None else self.monotonic - since,
            now=self.now,
            monotonic=self.monotonic,
        )

    def count(self, window: str) -> Window:
        """Return what was observed."""
        begin = self.now - WINDOWS[window]
        known = {
            second: online
            for second, online in self.seconds.items()
            if second >= begin and online is not None
        }
        observed, online = len(known), sum(known.values())
        if observed < HOUR or min(known) > self.now - WINDOWS[window] / 2:
            return Window(observed, online, None)
        return Window(observed, online, online / observed)

    def downtime(self, start: int, end: int | None) -> int:
        """Return the offline seconds of an outage."""
        end = self.now if end is None else end
        return sum(self.seconds.get(one) is False for one in range(start, end))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "hear",
                "hear",
                "time out",
                "time out",
                "pause",
                "resume",
                "restart",
            ]
        ),
        st.sampled_from([1, 30, 90, 600, HOUR, 5 * HOUR, DAY, 9 * DAY]),
    ),
    max_size=25,
)


@settings(deadline=None)
@given(STEPS)
def test_each_second_counts_once(steps: list[tuple[str, int]]) -> None:
    """Ratios and outages are those of the single seconds."""
    line = Timeline()
    line.observe(observed=True)
    for step, seconds in steps:
        match step:
            case "hear":
                line.hear()
            case "time out" if line.online is not False:
                line.time_out()
            case "pause" | "resume":
                line.observe(observed=step == "resume")
            case "restart":
                line.restart()
        line.pass_time(seconds)
    # Then windows begin with a bucket.
    line.pass_time(-line.now % DAY)
    availability = line.availability
    for window in WINDOWS:
        assert availability.window(window, line.now) == line.count(window)
    assert [
        (outage.start, outage.end, outage.seconds) for outage in availability.outages
    ] == [
        (start, end, line.downtime(start, end))
        for start, end in line.outages[-MAX_KEPT:]
        if start is not None
    ]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([True, True, False]),
            st.sampled_from([True, False, None]),
            st.integers(0, 40_000),
            st.sampled_from(
                [0, 0, 0, -7200, 7200, -40 * DAY, 40 * DAY, 70 * 365 * DAY]
            ),
        ),
        max_size=30,
    )
)
def test_wall_clock_that_jumps(
    steps: list[tuple[bool, bool | None, int, int]],
) -> None:
    """Nothing counts twice, and all is restored."""
    availability = AvailabilityHistory()
    now, monotonic = MIDNIGHT, 0
    heard: int | None = None
    for observed, online, seconds, jump in steps:
        heard = monotonic if online else heard
        availability.update(
            observed=observed, online=online, heard=heard, now=now, monotonic=monotonic
        )
        now += seconds + jump
        monotonic += seconds
        availability.advance(now, monotonic)
        for window in WINDOWS:
            observed_seconds, online_seconds, ratio = availability.window(window, now)
            assert 0 <= online_seconds <= observed_seconds <= monotonic
            assert ratio is None or 0 <= ratio <= 1
        stored = json.loads(json.dumps(availability.as_json()))
        back = AvailabilityHistory()
        back.restore(stored)
        assert back.as_json() == stored
        for window in WINDOWS:
            assert back.window(window, now) == availability.window(window, now)


def test_causes() -> None:
    """They are the device, the fleet, or unknown."""
    line = Timeline()
    line.observe(observed=True)
    line.pass_time(90)
    line.time_out()
    for _ in range(2):
        line.hear()
        line.pass_time(90)
        line.time_out()
    line.availability.record_fleet_outage()
    line.hear()
    line.availability.record_fleet_outage()
    causes = [outage.cause for outage in line.availability.outages]
    assert causes == [Cause.UNKNOWN, Cause.DEVICE, Cause.FLEET_OUTAGE]


def test_nothing_is_known_of_a_short_time() -> None:
    """A window needs an hour, and its first half."""
    line = Timeline()
    line.observe(observed=True)
    line.hear()
    line.pass_time(12 * HOUR - 1)
    assert line.availability.window("day", line.now).ratio is None
    line.pass_time(1)
    assert line.availability.window("day", line.now).ratio == 1
    assert line.availability.window("week", line.now).ratio is None
    line.observe(observed=False)
    line.pass_time(23 * HOUR + 1)
    assert line.availability.window("day", line.now).observed == HOUR - 1
    assert line.availability.window("day", line.now).ratio is None


def test_it_stays_small() -> None:
    """All together takes less than 2 and 1.5 kB."""
    line = Timeline()
    line.observe(observed=True)
    for number in range(40):
        line.hear()
        line.pass_time(23 * HOUR)
        line.time_out()
        line.pass_time(HOUR)
        line.availability.record_restart(number % 16 or None, line.now)
    availability = line.availability
    assert len(availability.outages) == len(availability.restarts) == MAX_KEPT
    assert availability.restarts[-1] == DeviceRestart(time=line.now, code=7)
    assert availability.restarts[-8].code is None
    parts: list[object] = [availability]
    parts += [getattr(availability, name) for name in AvailabilityHistory.__slots__]
    for buckets in (availability._hours, availability._days):  # noqa: SLF001
        parts.append(buckets._rows)  # noqa: SLF001
    assert sum(sys.getsizeof(part) for part in parts) < 2_000
    assert len(orjson.dumps(availability.as_json())) < 1_500


@pytest.mark.parametrize(
    "bad", [None, {}, "x", [-1, 1, 1], [1, 2**32], [1, 2.5], [True], [1, "2"], [[]]]
)
@pytest.mark.parametrize("name", ["hours", "days", "outages", "restarts"])
def test_a_bad_list_loses_nothing_else(name: str, bad: object) -> None:
    """It is skipped, the others are restored."""
    line = Timeline()
    line.observe(observed=True)
    line.hear()
    line.pass_time(HOUR)
    line.time_out()
    line.availability.record_restart(4, line.now)
    stored: dict[str, Any] = line.availability.as_json()
    back = AvailabilityHistory()
    back.restore(stored | {name: bad})
    restored = back.as_json()
    assert restored == stored | {name: []}


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("hours", [1000, 3600, -1]),
        ("hours", [1000, 3600, 3601]),
        ("hours", [1000, -1, -2]),
        ("hours", [1000, 3600, 0, 0, 3600, 0]),
        ("hours", [1000, 3600, 0, -1, 3600, 0]),
        ("hours", [2**32 // 3600 + 1, 3600, 0]),
        ("hours", [1000, 2**31 + 1, 0]),
        ("outages", [1000, 1, 1, 3]),
        ("outages", [1000, 1, -1, 0]),
        ("outages", [1000, -1001, 1, 0]),
        ("outages", [1000, 1, 1, 0, -1001, 1, 1, 0]),
        ("outages", [2**32, 1, 1, 0]),
        ("restarts", [1000, -1]),
        ("restarts", [2**70, 1]),
    ],
)
def test_rows_that_can_not_be(name: str, bad: list[int]) -> None:
    """A list with one of them is skipped."""
    back = AvailabilityHistory()
    back.restore({name: bad})
    assert back.as_json() == AvailabilityHistory().as_json()


def test_the_ends_of_what_can_be() -> None:
    """The highest and lowest numbers are restored."""
    most = {
        "hours": [1, 2**31, 2**31, 2**32 // 3600 - 1, 0, 0],
        "outages": [1, 1, 0, 0, 2**32 - 2, 1, 2**32 - 1, 2],
        "restarts": [2**32 - 1, 2**32 - 1],
    }
    back = AvailabilityHistory()
    back.restore(most | {"outages": [*most["outages"], 1, 1, 1]})
    assert back.as_json() == most | {"days": []}
    assert back.outages[0].end == 1


def test_more_than_is_kept_is_restored() -> None:
    """The last ones are kept."""
    more = MAX_KEPT + 1
    back = AvailabilityHistory()
    back.restore(
        {"outages": [1000, 2, 1, 0] * more, "restarts": [1000, 4] * more},
    )
    kept = [1000 * number for number in range(2, more + 1)]
    assert [outage.start for outage in back.outages] == kept
    assert [restart.time for restart in back.restarts] == kept


def test_silent_before_it_is_observed() -> None:
    """Heard at once, it was in no outage."""
    line = Timeline()
    line.observe(observed=True)
    line.time_out()
    line.hear()
    assert line.availability.outages == []
    line.pass_time(HOUR)
    line.time_out()
    line.pass_time(1)
    line.hear()
    assert len(line.availability.outages) == 1


@pytest.mark.parametrize("behind", [3 * DAY, 40 * DAY, 50_000 * DAY])
def test_a_clock_that_is_about_to_be_set(behind: int) -> None:
    """What was observed before is kept."""
    availability = AvailabilityHistory()
    now = 30_000 * DAY
    availability.update(observed=True, online=True, heard=0, now=now, monotonic=0)
    hours = 36 * 24
    for number in range(1, hours + 1):
        availability.advance(now + number * HOUR, number * HOUR)
    now, monotonic = now + hours * HOUR, hours * HOUR
    before = [availability.window(name, now) for name in ("day", "week", "month")]
    for number in range(1, 11):
        wrong = max(0, now - behind) + number * 60
        availability.advance(wrong, monotonic + number * 60)
    after = [availability.window(name, now) for name in ("day", "week", "month")]
    for shown, known in zip(after, before, strict=True):
        # A day that is still kept has these minutes twice.
        assert shown.observed - known.observed in (0, 600)
        assert shown.ratio == known.ratio == 1


@pytest.mark.parametrize("online", [True, False])
def test_a_clock_that_was_ahead_for_days(*, online: bool) -> None:
    """Ten right minutes later, it makes room."""
    availability = AvailabilityHistory()
    fast = 31_000 * DAY
    availability.update(observed=True, online=online, heard=0, now=fast, monotonic=0)
    for number in range(1, 50):
        availability.advance(fast + number * HOUR, number * HOUR)
    now, monotonic = 30_000 * DAY, 49 * HOUR
    for number in range(1, 24 * 4 + 1):
        availability.advance(now + number * 900, monotonic + number * 900)
    day = availability.window("day", now + DAY)
    assert day == Window(DAY, DAY if online else 0, int(online))


@pytest.mark.parametrize("now", [30, 90])
def test_a_clock_that_begins_in_1970(now: int) -> None:
    """An outage begins with it at the earliest."""
    availability = AvailabilityHistory()
    availability.update(observed=True, online=True, heard=10, now=0, monotonic=10)
    availability.update(
        observed=True, online=False, heard=10, now=now, monotonic=10 + 90
    )
    (outage,) = availability.outages
    assert (outage.start, outage.seconds) == (0, 90)


def test_hours_in_the_future() -> None:
    """They make room for those since."""
    availability = AvailabilityHistory()
    hour = 1_000_000 * HOUR
    availability.update(observed=True, online=True, heard=0, now=hour, monotonic=0)
    for number in range(1, 60):
        # The wall clock was fast for the first hours.
        fast = 40 * DAY if number <= 10 else 0
        availability.advance(hour + number * HOUR + fast, number * HOUR)
    now = hour + 59 * HOUR
    assert availability.window("day", now) == Window(DAY, DAY, 1)
    assert len(availability.as_json()["hours"]) == 3 * 25


@pytest.mark.parametrize(("window", "back"), [("day", 24), ("month", 5 * 24)])
def test_a_clock_that_is_set_back(window: str, back: int) -> None:
    """The windows until then are known too."""
    availability = AvailabilityHistory()
    availability.update(observed=True, online=True, heard=0, now=MIDNIGHT, monotonic=0)
    for number in range(1, 50 * 24 + 1):
        availability.advance(MIDNIGHT + number * HOUR, number * HOUR)
    now = MIDNIGHT + (50 * 24 - back) * HOUR
    seconds = WINDOWS[window]
    assert availability.window(window, now) == Window(seconds, seconds, 1)
    assert availability.window(window, now - DAY).observed < seconds


@pytest.mark.parametrize(("window", "hours"), [("day", 3), ("week", 24), ("month", 48)])
def test_a_period_that_begins_now(window: str, hours: int) -> None:
    """What was counted of it is not shown."""
    line = Timeline()
    line.observe(observed=True)
    line.hear()
    line.pass_time(hours * HOUR)
    line.availability.advance(line.now + 60, line.monotonic + 60)
    assert line.availability.window(window, line.now).observed == hours * HOUR
    assert line.availability.window(window, line.now + 1).observed > hours * HOUR


def observe(*changes: tuple[int, bool]) -> AvailabilityHistory:
    """Return what was observed, by seconds after midnight."""
    availability = AvailabilityHistory()
    for second, online in changes:
        availability.update(
            observed=True,
            online=online,
            heard=second,
            now=MIDNIGHT + second,
            monotonic=second,
        )
    return availability


def test_both_boards_of_a_device() -> None:
    """It was online while one of them was."""
    old = observe((0, True), (2 * HOUR, False), (3 * HOUR + 900, False))
    new = observe((HOUR + 1800, True), (4 * HOUR, True))
    new.merge(old)
    # In the second hour both were online, in the third only the new one.
    assert new.as_json()["hours"] == [
        *(MIDNIGHT // HOUR, HOUR, 0),
        *(1, HOUR, 0),
        *(1, HOUR, 0),
        *(1, HOUR, 0),
    ]
    assert new.window("day", MIDNIGHT + 4 * HOUR) == Window(4 * HOUR, 4 * HOUR, None)
    one = observe((0, True), (900, False), (HOUR, False))
    one.merge(observe((1800, True), (2700, True)))
    assert one.as_json()["hours"] == [MIDNIGHT // HOUR, HOUR, 1800]


def test_merged_hours_are_the_last() -> None:
    """No more are kept than of one device."""
    old = observe(*((number * HOUR, True) for number in range(41)))
    new = observe(*((number * HOUR, True) for number in range(40, 81)))
    new.merge(old)
    rows = new._hours._rows  # noqa: SLF001
    assert len(array("I", rows)) == 3 * 48
    now = MIDNIGHT + 80 * HOUR
    assert new.window("day", now) == Window(DAY, DAY, 1)
    # Of the second day, each has observed a part.
    assert new.window("week", now).observed == (24 + 16 + 24 + 8) * HOUR
