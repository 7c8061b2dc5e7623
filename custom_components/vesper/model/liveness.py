"""Know which device is due to be declared offline, and when to look next."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from heapq import heappop, heappush


class Liveness:
    """Who was heard when, the longest silent first.

    Most devices have the same timeout, and those few with a slower rhythm of their own
    are given more: these first go through the timeout as all others do, then wait in a
    heap until their patience is over too.

    Times are seconds of a monotonic clock: a jump of the wall clock makes no outage
    and hides none. A device that is heard costs the same among ten and ten thousand.
    """

    def __init__(
        self,
        timeout: float,
        is_patient_with: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Take the seconds of silence after which a device is due.

        Whether one of a slower rhythm has it still is asked when its timeout is over.
        """
        self.timeout = timeout
        self._is_patient_with = is_patient_with
        self._heard: OrderedDict[str, float] = OrderedDict()
        self._patience: dict[str, float] = {}
        """The seconds that those of a slower rhythm are given instead."""
        self._until: dict[str, float] = {}
        """When the patience with those of them that are watched is over."""
        self._waiting: list[tuple[float, str]] = []
        """A heap of such times; one whose device was heard since then is void."""

    def __len__(self) -> int:
        """Return how many devices are watched."""
        return len(self._heard) + sum(
            device_id not in self._heard for device_id in self._until
        )

    def __contains__(self, device_id: str) -> bool:
        """Tell whether a device is watched."""
        return device_id in self._heard or device_id in self._until

    def touch(self, device_id: str, now: float) -> None:
        """Give a device a fresh, full timeout."""
        self._heard[device_id] = now
        self._heard.move_to_end(device_id)

    def be_patient(self, device_id: str, patience: float, now: float) -> None:
        """Give a device that was just heard so many seconds, if over the timeout.

        It keeps them beside the timeout that each sign of life gives: it is due when
        both are over.
        """
        if patience > self.timeout:
            self._patience[device_id] = patience
            self._until[device_id] = now + patience
        else:
            self._patience.pop(device_id, None)
            self._until.pop(device_id, None)

    def restart(self, device_ids: Iterable[str], now: float) -> None:
        """Watch exactly these devices, each with all the seconds that it is given."""
        self._heard = OrderedDict.fromkeys(device_ids, now)
        self._until = {
            device_id: now + patience
            for device_id, patience in self._patience.items()
            if device_id in self._heard
        }
        self._waiting.clear()

    def discard(self, device_id: str) -> None:
        """Stop watching a device, whether it was watched or not."""
        self._heard.pop(device_id, None)
        self._patience.pop(device_id, None)
        self._until.pop(device_id, None)

    def pop_due(self, now: float) -> str | None:
        """Stop watching a device that is due, and return it; None where nobody is."""
        while self._heard:
            device_id, heard = next(iter(self._heard.items()))
            if heard + self.timeout > now:
                break
            del self._heard[device_id]
            until = self._until.get(device_id, now)
            if until <= now or not self._is_patient_with(device_id):
                self._until.pop(device_id, None)
                return device_id
            heappush(self._waiting, (until, device_id))
        while self._waiting and self._waiting[0][0] <= now:
            until, device_id = heappop(self._waiting)
            if device_id not in self._heard and self._until.get(device_id) == until:
                del self._until[device_id]
                return device_id
        return None

    @property
    def next_deadline(self) -> float | None:
        """Return until when nobody is due, None while nobody is watched.

        Whoever has the patience of a slower rhythm may not be due then either.
        """
        deadlines = [until for until, _ in self._waiting[:1]]
        if self._heard:
            deadlines.append(next(iter(self._heard.values())) + self.timeout)
        return min(deadlines, default=None)
