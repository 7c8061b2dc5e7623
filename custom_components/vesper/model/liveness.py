"""Know which device is due to be declared offline, and when the next one will be."""

from collections import OrderedDict
from collections.abc import Iterable


class Liveness:
    """Who was heard when, the longest silent first.

    Times are seconds of a monotonic clock: a jump of the wall clock makes no outage
    and hides none. Each call costs the same for ten devices and for ten thousand.
    """

    def __init__(self, timeout: float) -> None:
        """Take the seconds of silence after which a device is due."""
        self._timeout = timeout
        self._heard: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """Return how many devices are watched."""
        return len(self._heard)

    def __contains__(self, device_id: str) -> bool:
        """Tell whether a device is watched."""
        return device_id in self._heard

    def touch(self, device_id: str, now: float) -> None:
        """Give a device a fresh, full timeout."""
        self._heard[device_id] = now
        self._heard.move_to_end(device_id)

    def restart(self, device_ids: Iterable[str], now: float) -> None:
        """Watch exactly these devices, each with a fresh, full timeout."""
        self._heard = OrderedDict.fromkeys(device_ids, now)

    def discard(self, device_id: str) -> None:
        """Stop watching a device, whether it was watched or not."""
        self._heard.pop(device_id, None)

    def pop_due(self, now: float) -> str | None:
        """Stop watching the longest silent device if it is due, and return it."""
        deadline = self.next_deadline
        if deadline is None or deadline > now:
            return None
        return self._heard.popitem(last=False)[0]

    @property
    def next_deadline(self) -> float | None:
        """Return when the next device is due, None while nobody is watched."""
        if not self._heard:
            return None
        return next(iter(self._heard.values())) + self._timeout
