"""Keep the availability, outages and restarts of a device."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import batched
from typing import TYPE_CHECKING, NamedTuple, Self

from .buckets import DayBuckets, HourBuckets
from .stored_rows import decode, encode, pack

DAY, WEEK, MONTH = "day", "week", "month"

#: The windows in seconds, by the names that the API has for them.
WINDOWS = {DAY: 86_400, WEEK: 7 * 86_400, MONTH: 30 * 86_400}

#: In seconds: what was observed for less says nothing.
MIN_OBSERVED = 3600

#: Maximum number of outages, and of restarts, of a device.
MAX_KEPT = 20

#: How many numbers an outage and a restart have.
_OUTAGE = 4
_RESTART = 2

#: The highest number that is kept.
_MAX = 2**32 - 1

#: In place of the code of a reason that is not known.
_NO_CODE = _MAX


def _clock(now: float) -> int:
    """Return a time of the wall clock, within bounds."""
    return min(max(int(now), 0), _MAX)


def _columns(kept: bytes, size: int) -> list[array[int]]:
    """Return the columns of packed rows."""
    numbers = array("I", kept)
    return [numbers[at::size] for at in range(size)]


def _append(kept: bytes, row: Sequence[int]) -> bytes:
    """Return packed rows with a new one."""
    packed = array("I", row).tobytes()
    return (kept + packed)[-MAX_KEPT * len(packed) :]


class Cause(StrEnum):
    """What made a device go offline."""

    DEVICE = "device"
    """It was heard until then, and not lost together with others."""
    FLEET_OUTAGE = "fleet_outage"
    """It was lost together with most other devices."""
    UNKNOWN = "unknown"
    """It was not heard since its observation began."""


_CAUSES = tuple(Cause)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceOutage:
    """A time in which a device was offline."""

    start: int
    """In seconds since 1970."""
    end: int | None
    """None while it is offline."""
    seconds: int
    """How long it was offline and observed."""
    cause: Cause


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceRestart:
    """A restart of a device."""

    time: int
    """In seconds since 1970."""
    code: int | None
    """The code of its reason, as far as is known."""


class Window(NamedTuple):
    """What was observed in a time that ends now."""

    observed: int
    """In seconds."""
    online: int
    ratio: float | None
    """The share of the observed time in which the device was online.

    None if it was observed for less than an hour, or not in the first half.
    """


class AvailabilityHistory:
    """What was observed of one device.

    A device is observed while it could be heard: the broker link is up, and the device
    is neither in maintenance nor disabled. Other time counts for neither side. Only
    changes are handled, no heartbeats. Durations are those of the monotonic clock: a
    jump of the wall clock makes no downtime, it only moves where they are counted.
    """

    __slots__ = (
        "_counted",
        "_days",
        "_hours",
        "_observed_since",
        "_online",
        "_outages",
        "_restarts",
    )

    def __init__(self) -> None:
        """Begin without observations."""
        self._hours = HourBuckets()
        self._days = DayBuckets()
        self._outages = b""
        """The start, the end or 0, the seconds, and the index of the cause of each."""
        self._restarts = b""
        """The time and the code of each."""
        self._online: bool | None = None
        """None while it is not observed, or not known."""
        self._counted = 0
        """Until when the time is counted, by the monotonic clock."""
        self._observed_since: int | None = None
        """Since when it is observed, by that clock; None while it is not."""

    def update(
        self,
        *,
        observed: bool,
        online: bool | None,
        heard: float | None,
        now: float,
        monotonic: float,
    ) -> None:
        """Handle a device that may have changed.

        `heard` is when its last live message arrived, by the monotonic clock.
        """
        self.advance(now, monotonic)
        if online and self.is_offline:
            self._change_outage(end=_clock(now))
        if not observed:
            self._observed_since = self._online = None
            return
        if self._observed_since is None:
            self._observed_since = int(monotonic)
        if online is False and self._online is not False:
            self._go_offline(heard, _clock(now), int(monotonic))
        self._online = online

    def advance(self, now: float, monotonic: float) -> None:
        """Count the time until now."""
        seconds = int(monotonic) - self._counted
        self._counted = int(monotonic)
        if self._online is None or seconds <= 0:
            return
        self._count(_clock(now), seconds, observed=1, online=int(self._online))
        if not self._online:
            self._change_outage(seconds=seconds)

    def record_restart(self, code: int | None, now: float) -> None:
        """Record a restart, with the code of its reason."""
        row = (_clock(now), _NO_CODE if code is None else code)
        self._restarts = _append(self._restarts, row)

    def record_fleet_outage(self) -> None:
        """Record that it was lost in a fleet outage."""
        if self.is_offline:
            self._change_outage(cause=Cause.FLEET_OUTAGE)

    def merge(self, other: Self) -> None:
        """Add the history of the replaced device.

        Of outages that go on, the longest does so.
        """
        self._hours.merge(other._hours)
        self._days.merge(other._days)
        outages = sorted([*self._outage_rows(), *other._outage_rows()])
        ended = [row for row in outages if row[1]]
        rows = [*ended, *[row for row in outages if not row[1]][:1]][-MAX_KEPT:]
        self._outages = pack(rows)
        rows = sorted([*self._restart_rows(), *other._restart_rows()])[-MAX_KEPT:]
        self._restarts = pack(rows)

    @property
    def is_offline(self) -> bool:
        """Return whether the last outage goes on."""
        rows = array("I", self._outages)
        return bool(rows) and not rows[-3]

    @property
    def last_cause(self) -> Cause | None:
        """Return the cause of the last outage, if any."""
        rows = array("I", self._outages)
        return _CAUSES[rows[-1]] if rows else None

    @property
    def outages(self) -> list[DeviceOutage]:
        """Return the last outages, the oldest first."""
        return [
            DeviceOutage(
                start=start, end=end or None, seconds=seconds, cause=_CAUSES[cause]
            )
            for start, end, seconds, cause in self._outage_rows()
        ]

    @property
    def restarts(self) -> list[DeviceRestart]:
        """Return the last restarts, the oldest first."""
        return [
            DeviceRestart(time=time, code=None if code == _NO_CODE else code)
            for time, code in self._restart_rows()
        ]

    def window(self, name: str, now: float) -> Window:
        """Return what was observed in one of `WINDOWS`."""
        seconds = WINDOWS[name]
        observed, online, first = self._totals(seconds, now)
        ratio = None
        if first is not None and observed >= MIN_OBSERVED:
            ratio = online / observed if first <= now - seconds / 2 else None
        return Window(round(observed), round(online), ratio)

    def online_seconds(self, seconds: int, now: float) -> int:
        """Return how long it was online until now."""
        return round(self._totals(seconds, now)[1])

    def _totals(self, seconds: int, now: float) -> tuple[float, float, int | None]:
        """Return the totals of a time that ends now."""
        buckets = self._hours if seconds <= WINDOWS[DAY] else self._days
        return buckets.totals(seconds, _clock(now))

    def count_restarts(self, window: str, now: float) -> int:
        """Return how many restarts were in a window."""
        first = now - WINDOWS[window]
        return sum(first <= one.time <= now for one in self.restarts)

    def as_json(self) -> dict[str, list[int]]:
        """Return what is stored, as lists of numbers.

        An outage has its length in place of its end, which has more digits.
        """
        starts, ends, seconds, causes = _columns(self._outages, _OUTAGE)
        lengths = [
            end and end - start + 1 for start, end in zip(starts, ends, strict=True)
        ]
        return {
            "hours": self._hours.as_json(),
            "days": self._days.as_json(),
            "outages": encode(starts, lengths, seconds, causes),
            "restarts": encode(*_columns(self._restarts, _RESTART)),
        }

    def restore(self, data: Mapping[str, object]) -> None:
        """Restore what `as_json` returned; a bad list is skipped."""
        for name, restore in (
            ("hours", self._hours.restore),
            ("days", self._days.restore),
            ("outages", self._restore_outages),
            ("restarts", self._restore_restarts),
        ):
            with suppress(OverflowError, TypeError, ValueError):
                restore(data.get(name))

    def _restore_outages(self, stored: object) -> None:
        """Restore the outages."""
        starts, lengths, seconds, causes = (
            column[-MAX_KEPT:] for column in decode(stored, _OUTAGE)
        )
        if max(causes, default=0) >= len(_CAUSES):
            raise ValueError(stored)
        ends = [
            length and start + length - 1
            for start, length in zip(starts, lengths, strict=True)
        ]
        self._outages = pack(zip(starts, ends, seconds, causes, strict=True))

    def _restore_restarts(self, stored: object) -> None:
        """Restore the restarts."""
        times, codes = (column[-MAX_KEPT:] for column in decode(stored, _RESTART))
        self._restarts = pack(zip(times, codes, strict=True))

    def _outage_rows(self) -> Iterator[tuple[int, ...]]:
        """Yield the numbers of each outage."""
        return batched(array("I", self._outages), _OUTAGE, strict=True)

    def _restart_rows(self) -> Iterator[tuple[int, ...]]:
        """Yield the numbers of each restart."""
        return batched(array("I", self._restarts), _RESTART, strict=True)

    def _go_offline(self, heard: float | None, now: int, monotonic: int) -> None:
        """Count the silence as downtime, as an outage."""
        if TYPE_CHECKING:
            assert self._observed_since is not None
        is_heard = heard is not None and heard >= self._observed_since
        since = int(heard) if heard is not None and is_heard else self._observed_since
        silence = max(0, monotonic - since)
        # It was thought to be online, or was not known.
        if self._online:
            self._count(now, silence, observed=0, online=-1)
        else:
            self._count(now, silence, observed=1, online=0)
        if not self.is_offline:
            cause = Cause.DEVICE if is_heard else Cause.UNKNOWN
            row = (max(0, now - silence), 0, 0, _CAUSES.index(cause))
            self._outages = _append(self._outages, row)
        self._change_outage(seconds=silence)

    def _change_outage(
        self, *, end: int = 0, seconds: int = 0, cause: Cause | None = None
    ) -> None:
        """Change the last outage; seconds are added."""
        rows = array("I", self._outages)
        # The wall clock may have been set back since the start.
        rows[-3] = end and max(end, rows[-4])
        rows[-2] = min(rows[-2] + seconds, _MAX)
        # It was silent before it was observed, and is heard at once.
        if end and not rows[-2]:
            del rows[-_OUTAGE:]
        if cause is not None:
            rows[-1] = _CAUSES.index(cause)
        self._outages = rows.tobytes()

    def _count(self, end: int, seconds: int, *, observed: int, online: int) -> None:
        """Add or subtract seconds that end at a time."""
        for buckets in (self._hours, self._days):
            buckets.add(end - seconds, end, observed=observed, online=online)
