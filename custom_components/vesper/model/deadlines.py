"""Order devices by when they time out."""

from collections.abc import Iterable
from heapq import heappop, heappush, heapreplace

_NOT_QUEUED = float("inf")


class DeadlineQueue:
    """The devices that are monitored, and when each times out.

    A device is queued by its deadline, and requeued when that has come if it was heard
    since. So a message costs the same among ten devices as among ten thousand.

    Times are seconds of a monotonic clock: a jump of the wall clock makes no outage and
    hides none.
    """

    def __init__(self, timeout: float) -> None:
        """Set the seconds of silence after which a device times out."""
        self.timeout = timeout
        self._restarted_at = float("-inf")
        """When all devices were given their full timeout."""
        self._heard: dict[str, float] = {}
        self._extended: dict[str, float] = {}
        """The timeouts of the devices with a slower rhythm, in seconds."""
        self._extended_until: dict[str, float] = {}
        """When those of them that are monitored time out."""
        self._queue: list[tuple[float, str]] = []
        """A heap of deadlines; an entry that is not in `_queued` is void."""
        self._queued: dict[str, float] = {}

    def __len__(self) -> int:
        """Return how many devices are monitored."""
        return len(self._heard)

    def __contains__(self, device_id: str) -> bool:
        """Return whether a device is monitored."""
        return device_id in self._heard

    def touch(self, device_id: str, now: float) -> None:
        """Give a device a new, full timeout."""
        self._heard[device_id] = now
        deadline = now + self.timeout
        # Its extended timeout may have ended, so that it is due before it is queued.
        if self._queued.get(device_id, _NOT_QUEUED) > deadline:
            self._queued[device_id] = deadline
            heappush(self._queue, (deadline, device_id))

    def extend_timeout(self, device_id: str, timeout: float, now: float) -> None:
        """Give a device a longer timeout from now on; a shorter one ends that."""
        if timeout > self.timeout:
            self._extended[device_id] = timeout
            self._extended_until[device_id] = now + timeout
        else:
            self._extended.pop(device_id, None)
            self._extended_until.pop(device_id, None)

    def restart(self, device_ids: Iterable[str], now: float) -> None:
        """Monitor exactly these devices, each with its full timeout."""
        wanted = set(device_ids)
        for device_id in self._heard.keys() - wanted:
            self._remove(device_id)
        self._restarted_at = now
        for device_id in wanted - self._heard.keys():
            self.touch(device_id, now)
        self._extended_until = {
            device_id: now + timeout
            for device_id, timeout in self._extended.items()
            if device_id in self._heard
        }

    def discard(self, device_id: str) -> None:
        """Stop monitoring a device and forget its rhythm."""
        self._remove(device_id)
        self._extended.pop(device_id, None)

    def postpone(self, now: float) -> bool:
        """Requeue the first device if it was heard since, and return whether it was.

        Call this until it returns False: each call is short, and there may be one for
        each device.
        """
        queue = self._queue
        if not queue or queue[0][0] > now:
            return False
        deadline, device_id = queue[0]
        if self._queued.get(device_id) != deadline:
            heappop(queue)
            return True
        if (due := self._deadline(device_id)) == deadline:
            return False
        self._queued[device_id] = due
        heapreplace(queue, (due, device_id))
        return True

    def pop_due(self, now: float) -> str | None:
        """Return a device that has timed out and stop monitoring it, or None."""
        while self.postpone(now):
            pass
        if not self._queue or self._queue[0][0] > now:
            return None
        _, device_id = heappop(self._queue)
        self._remove(device_id)
        return device_id

    @property
    def next_deadline(self) -> float | None:
        """Return the earliest time at which a device may time out, None without any."""
        return self._queue[0][0] if self._heard else None

    def _remove(self, device_id: str) -> None:
        """Stop monitoring a device; its rhythm is kept."""
        for known in (self._heard, self._extended_until, self._queued):
            known.pop(device_id, None)

    def _deadline(self, device_id: str) -> float:
        """Return when a device times out."""
        heard = max(self._heard[device_id], self._restarted_at)
        return max(heard + self.timeout, self._extended_until.get(device_id, 0))
