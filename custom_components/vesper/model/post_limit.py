"""Limit how often devices and addresses post."""

from collections import OrderedDict
from dataclasses import dataclass

#: Maximum number of posts of a device or an address within the window, in seconds.
MAX_POSTS = 10
POST_WINDOW = 60

#: Maximum number of addresses whose posts are counted, which limits memory.
MAX_ADDRESSES = 256


@dataclass(eq=False, slots=True)
class PostLimit:
    """When one device or address posted.

    Times are seconds of a monotonic clock.
    """

    _recent: tuple[float, ...] = ()

    def wait(self, now: float) -> float:
        """Return the seconds until another post is accepted."""
        if len(self._recent) < MAX_POSTS:
            return 0
        return max(0, self._recent[0] + POST_WINDOW - now)

    def record(self, now: float) -> None:
        """Record a post."""
        self._recent = (*self._recent[1 - MAX_POSTS :], now)


class AddressLimits:
    """The post limits of addresses.

    Only posts that are invalid or of an unknown device count.
    """

    def __init__(self) -> None:
        """Begin without posts."""
        self._limits: OrderedDict[str, PostLimit] = OrderedDict()

    def wait(self, address: str, now: float) -> float:
        """Return the seconds until such a post is accepted."""
        limit = self._limits.get(address)
        return 0 if limit is None else limit.wait(now)

    def record(self, address: str, now: float) -> None:
        """Record such a post."""
        self._limits.setdefault(address, PostLimit()).record(now)
        self._limits.move_to_end(address)
        if len(self._limits) > MAX_ADDRESSES:
            self._limits.popitem(last=False)
