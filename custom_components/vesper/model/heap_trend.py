"""Foresee when the heap of a device is used up."""

from dataclasses import dataclass

#: In seconds: what ends sooner than this is worth a person's while.
HORIZON = 24 * 3600

#: In seconds: nothing is foreseen from less, a start takes its time.
MIN_WINDOW = 1800

#: In seconds: a leak that begins after weeks of rest is not to be lost in them.
MAX_WINDOW = 2 * HORIZON

#: The part of what was free that has to be gone for good: one in so many. Use swings by
#: less, and who watches for the first time sees but the way down.
MIN_PART = 20

#: So many points are kept of one boot; each forecast looks at all of them.
MAX_POINTS = 16


@dataclass(eq=False, slots=True)
class HeapTrend:
    """How the low-water mark of the free heap has fallen since boot, in bytes.

    The mark goes down in steps, each kept with its uptime in seconds. One that rests
    costs nothing.
    """

    _points: tuple[tuple[int, int], ...] = ()
    """Uptime and mark, the oldest first: where the watch began, and its falls."""
    _returned: int = 0
    """The most that was free again of what had been gone: so much is swing, no leak."""

    def clear(self) -> None:
        """Begin anew: what comes is of another boot."""
        self._points = ()
        self._returned = 0

    def sample(self, uptime: int, *, free: int | None, least: int | None) -> None:
        """Take in what is free now and the low-water mark, as far as they are told.

        Without the mark, the least that was told to be free stands for it.
        """
        told = [size for size in (free, least) if size is not None]
        points = self._points
        if not points:
            self._points = ((uptime, min(told)),)
            return
        mark = points[-1][1]
        if least is not None and least > mark:
            # It never rises within a boot, so a restart went unseen.
            self.clear()
            self._points = ((uptime, least),)
            return
        if (fallen := min(told)) < mark:
            mark = fallen
            self._points = (*points, (uptime, mark))
            if len(points) == MAX_POINTS:
                self._thin()
        self._returned = max(self._returned, min(max(told), points[0][1]) - mark)

    def seconds_left(self, uptime: int) -> float | None:
        """Return in how many seconds nothing is left, None if that is not in sight.

        The mark goes on as in the whole window since the watch began, or as in its
        later half, whichever is gentler: what fell at the start and then rests is at
        rest.
        """
        if not self._points:
            return None
        window = min(uptime - self._points[0][0], MAX_WINDOW)
        first, mark = self._mark_at(uptime - window), self._points[-1][1]
        gone = first - mark
        if window < MIN_WINDOW or (gone - self._returned) * MIN_PART < first:
            return None
        half = window / 2
        slope = min(gone / window, (self._mark_at(uptime - half) - mark) / half)
        return mark / slope if slope > 0 else None

    def _mark_at(self, uptime: float) -> int:
        """Return the mark as it was at an uptime since the watch began."""
        return next(mark for at, mark in reversed(self._points) if at <= uptime)

    def _thin(self) -> None:
        """Drop the point whose neighbors are the closest, so that all spread evenly."""
        points = self._points
        inner = range(1, len(points) - 1)
        at = min(inner, key=lambda at: points[at + 1][0] - points[at - 1][0])
        self._points = points[:at] + points[at + 1 :]
