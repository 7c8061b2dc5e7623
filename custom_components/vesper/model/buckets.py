"""Sum up seconds by the hour and day."""

from array import array
from bisect import bisect_left
from itertools import batched, pairwise
from operator import sub
from typing import ClassVar, Self

from .stored_rows import decode, encode, pack

#: The numbers of a row: the period, and its observed and online seconds.
_ROW = 3

#: In seconds: a clock that is behind for longer than this is taken to be right.
MAX_CLOCK_BEHIND = 600

#: The highest period, and the most seconds of one.
MAX_PERIOD = 2**32 // 3600
MAX_SECONDS = 2**31


class Buckets:
    """The observed and online seconds of the last periods.

    Periods begin at multiples of their length since 1970.
    """

    __slots__ = ("_rows",)

    length: ClassVar[int]
    """The length of a period, in seconds."""
    limit: ClassVar[int]
    """How many are kept."""
    stored: ClassVar[int]
    """How many are stored: as many as the windows need."""

    def __init__(self) -> None:
        """Begin without observations."""
        self._rows = b""

    def add(self, start: int, end: int, *, observed: int, online: int) -> None:
        """Add or subtract the seconds between two times.

        The times are in seconds since 1970. `observed` and `online` are 1, 0 or -1.
        """
        rows = array("I", self._rows)
        # What is older than all kept periods would be removed again.
        start = max(0, start, end - self.limit * self.length)
        for period in range(start // self.length, -(-end // self.length)):
            begin = period * self.length
            seconds = min(end, begin + self.length) - max(start, begin)
            at = _find(rows, period)
            # The wall clock may have been set since the seconds were added.
            total = min(max(0, rows[at + 1] + observed * seconds), MAX_SECONDS)
            rows[at + 1] = total
            rows[at + 2] = min(total, max(0, rows[at + 2] + online * seconds))
        current = end // self.length
        while len(rows) > _ROW * self.limit:
            # A period in the future was counted while the clock was ahead. If the first
            # one is new, the clock is behind, and is about to be set.
            is_new = rows[0] == current and rows[1] <= MAX_CLOCK_BEHIND
            if rows[-_ROW] > current and not is_new:
                del rows[-_ROW:]
            else:
                del rows[:_ROW]
        self._rows = rows.tobytes()

    def merge(self, other: Self) -> None:
        """Add the periods of the replaced device.

        A period is observed or online for as long as one of the two may have been.
        """
        rows = array("I", self._rows)
        for period, observed, online in batched(
            array("I", other._rows), _ROW, strict=True
        ):
            at = _find(rows, period)
            rows[at + 1] = max(rows[at + 1], observed)
            rows[at + 2] = min(rows[at + 1], rows[at + 2] + online)
        self._rows = rows[-_ROW * self.limit :].tobytes()

    def totals(self, seconds: int, now: int) -> tuple[float, float, int | None]:
        """Return the observed and online seconds of a window.

        The window ends now. Of a period that began before it, a share is counted. The
        last value is when the first observation began, as far as is known.
        """
        start = now - seconds
        rows = array("I", self._rows)
        periods, observed, online = (rows[at::_ROW] for at in range(_ROW))
        # A period in the future was counted while the clock was ahead.
        window = range(
            bisect_left(periods, start // self.length),
            bisect_left(periods, -(-now // self.length)),
        )
        seen = next((at for at in window if observed[at]), None)
        if seen is None:
            return 0.0, 0.0, None
        begin = periods[seen] * self.length
        end = min(begin + self.length, now)
        # Only the first one may have begun before the window.
        share = (end - max(begin, start)) / (end - begin)
        later = slice(seen + 1, window.stop)
        return (
            share * observed[seen] + sum(observed[later]),
            share * online[seen] + sum(online[later]),
            max(start, end - observed[seen]),
        )

    def as_json(self) -> list[int]:
        """Return what is stored: the newest periods.

        Each has the number of periods since the one before, and its observed and
        offline seconds. By no clock: one that is wrong must not empty the store.
        """
        rows = array("I", self._rows)[-_ROW * self.stored :]
        periods, observed, online = (rows[at::_ROW] for at in range(_ROW))
        return encode(periods, observed, map(sub, observed, online, strict=True))

    def restore(self, stored: object) -> None:
        """Restore what `as_json` returned.

        Raises OverflowError, TypeError or ValueError if it is bad.
        """
        periods, observed, offline = (
            column[-self.limit :] for column in decode(stored, _ROW)
        )
        # A clock that was set back counts some seconds twice.
        if (
            any(later <= period for period, later in pairwise(periods))
            or max(periods, default=0) > MAX_PERIOD
            or max(observed, default=0) > MAX_SECONDS
            or min(offline, default=0) < 0
        ):
            raise ValueError(stored)
        online = map(sub, observed, offline, strict=True)
        self._rows = pack(zip(periods, observed, online, strict=True))


class HourBuckets(Buckets):
    """The seconds of the last two days."""

    __slots__ = ()

    length = 3600
    limit = 48
    stored = 25


class DayBuckets(Buckets):
    """The seconds of the last five weeks."""

    __slots__ = ()

    length = 86_400
    limit = 35
    stored = 31


def _find(rows: array[int], period: int) -> int:
    """Return the index of a period's row, maybe new."""
    at = len(rows)
    while at and rows[at - _ROW] >= period:
        at -= _ROW
    if at == len(rows) or rows[at] != period:
        rows[at:at] = array("I", (period, 0, 0))
    return at
