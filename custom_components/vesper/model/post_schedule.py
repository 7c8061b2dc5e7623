"""Limit how often a device posts, and learn its rhythm."""

from dataclasses import dataclass
from statistics import median_low

#: Each device may post so often within the window, in seconds.
MAX_POSTS = 10
POST_WINDOW = 60

#: The median of so many gaps is the rhythm: it ignores one outage or one retry.
KEPT_GAPS = 3

#: A device that is silent for so many of its gaps has missed more than one post.
GAPS_PER_TIMEOUT = 3

#: In seconds: a longer gap is an outage.
MAX_GAP = 3600


@dataclass(eq=False, slots=True)
class PostSchedule:
    """When one device posted.

    Times are seconds of a monotonic clock: a jump of the wall clock neither lifts the
    limit nor makes a gap.
    """

    gaps: tuple[float, ...] = ()
    """The seconds between its last accepted posts, the newest last."""
    _accepted_at: float | None = None
    _recent: tuple[float, ...] = ()

    @property
    def timeout(self) -> float:
        """Return the seconds of silence that its rhythm allows, 0 without one."""
        return GAPS_PER_TIMEOUT * median_low(self.gaps) if self.gaps else 0

    def wait(self, now: float) -> float:
        """Return in how many seconds it may post again, 0 for now."""
        if len(self._recent) < MAX_POSTS:
            return 0
        return max(0, self._recent[0] + POST_WINDOW - now)

    def record(self, now: float, *, accepted: bool) -> None:
        """Record a post; the rhythm is that of the accepted ones."""
        self._recent = (*self._recent[1 - MAX_POSTS :], now)
        if accepted:
            last, self._accepted_at = self._accepted_at, now
            if last is not None and (gap := now - last) <= MAX_GAP:
                self.gaps = (*self.gaps[1 - KEPT_GAPS :], gap)
