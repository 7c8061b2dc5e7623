"""Limit how often a device posts."""

from dataclasses import dataclass

#: Each device may post so often within the window, in seconds.
MAX_POSTS = 10
POST_WINDOW = 60


@dataclass(eq=False, slots=True)
class PostLimit:
    """When one device posted, in seconds of a monotonic clock."""

    _recent: tuple[float, ...] = ()

    def wait(self, now: float) -> float:
        """Return in how many seconds it may post again, 0 for now."""
        if len(self._recent) < MAX_POSTS:
            return 0
        return max(0, self._recent[0] + POST_WINDOW - now)

    def record(self, now: float) -> None:
        """Record a post."""
        self._recent = (*self._recent[1 - MAX_POSTS :], now)
