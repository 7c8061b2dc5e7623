"""Predict when the heap is used up."""

from dataclasses import dataclass

#: In seconds: a heap that is used up within this time is reported.
HORIZON = 24 * 3600

#: In seconds: nothing is predicted from less, because starting up uses memory too.
MIN_WINDOW = 1800

#: In seconds: only this time is looked at, so that a leak which begins after weeks is
#: not averaged out.
MAX_WINDOW = 2 * HORIZON

#: At least 1/20 of the free heap must be lost; normal use varies by less.
MIN_PART = 20

#: Maximum number of points that are kept of one boot.
MAX_POINTS = 16


@dataclass(eq=False, slots=True)
class HeapTrend:
    """The low-water mark of the free heap over uptime.

    The mark is in bytes, the uptime in seconds.
    """

    _points: tuple[tuple[int, int], ...] = ()
    """Uptime in seconds and mark, the oldest first: the first sample and each fall."""
    _returned: int = 0
    """The most bytes that became free again: as much is normal use, not a leak."""

    def clear(self) -> None:
        """Forget all samples, since another boot follows."""
        self._points = ()
        self._returned = 0

    def sample(self, uptime: int, *, free: int | None, least: int | None) -> None:
        """Add a sample of the free heap.

        `least` is its low-water mark. Without the mark, the least free heap of all
        samples is used.
        """
        sizes = [size for size in (free, least) if size is not None]
        points = self._points
        if not points:
            self._points = ((uptime, min(sizes)),)
            return
        mark = points[-1][1]
        if least is not None and least > mark:
            # It never rises within a boot, so a restart was missed.
            self.clear()
            self._points = ((uptime, least),)
            return
        if (fallen := min(sizes)) < mark:
            mark = fallen
            self._points = (*points, (uptime, mark))
            if len(points) == MAX_POINTS:
                self._thin()
        self._returned = max(self._returned, min(max(sizes), points[0][1]) - mark)

    def seconds_left(self, uptime: int) -> float | None:
        """Return the seconds until the heap is used up.

        Return None if there is no leak. The slope is that of the whole window or of its
        later half, whichever is smaller: a mark that fell after the start and then
        stays is no leak.
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
        """Return the mark at an uptime.

        The uptime must not be before the first sample.
        """
        return next(mark for at, mark in reversed(self._points) if at <= uptime)

    def _thin(self) -> None:
        """Drop the point whose neighbors are closest.

        So the points stay evenly spaced.
        """
        points = self._points
        inner = range(1, len(points) - 1)
        at = min(inner, key=lambda at: points[at + 1][0] - points[at - 1][0])
        self._points = points[:at] + points[at + 1 :]
