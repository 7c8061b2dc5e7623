"""Know which device is due to be declared offline, and when to look next."""

from collections.abc import Callable, Iterable
from heapq import heappop, heappush, heapreplace

#: In place of when a device is looked at that is not queued.
_NOT_QUEUED = float("inf")


class Liveness:
    """Who was heard when, and who has been silent for too long.

    Each device is queued by when it would be due had it not been heard any more, and
    is put off when it comes to that: so a device that is heard costs nothing here,
    among ten as among ten thousand, and is looked at once a timeout.

    Most devices have the same timeout, and those few with a slower rhythm of their own
    are given more.

    Times are seconds of a monotonic clock: a jump of the wall clock makes no outage
    and hides none.
    """

    def __init__(
        self,
        timeout: float,
        is_patient_with: Callable[[str], bool] = lambda _: True,
        heard_at: Callable[[str], float] = lambda _: float("-inf"),
    ) -> None:
        """Take the seconds of silence after which a device is due.

        Whether one of a slower rhythm has it still is asked when its timeout is over,
        and so is when a device was heard last, besides what is told here.
        """
        self.timeout = timeout
        self._is_patient_with = is_patient_with
        self._heard_at = heard_at
        self._restarted = float("-inf")
        """When the watch over all began anew."""
        self._heard: dict[str, float] = {}
        self._patience: dict[str, float] = {}
        """The seconds that those of a slower rhythm are given instead."""
        self._until: dict[str, float] = {}
        """When the patience with those of them that are watched is over."""
        self._queue: list[tuple[float, str]] = []
        """A heap of when to look at whom; void where it is not as in `_queued`."""
        self._queued: dict[str, float] = {}

    def __len__(self) -> int:
        """Return how many devices are watched."""
        return len(self._heard)

    def __contains__(self, device_id: str) -> bool:
        """Tell whether a device is watched."""
        return device_id in self._heard

    def touch(self, device_id: str, now: float) -> None:
        """Give a device a fresh, full timeout."""
        self._heard[device_id] = now
        deadline = now + self.timeout
        # One that was waited for with more patience is due earlier than it is queued.
        if self._queued.get(device_id, _NOT_QUEUED) > deadline:
            self._queued[device_id] = deadline
            heappush(self._queue, (deadline, device_id))

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
        wanted = set(device_ids)
        for device_id in self._heard.keys() - wanted:
            self._forget(device_id)
        # For those that are watched already nothing is made anew, however many.
        self._restarted = now
        for device_id in wanted - self._heard.keys():
            self.touch(device_id, now)
        self._until = {
            device_id: now + patience
            for device_id, patience in self._patience.items()
            if device_id in self._heard
        }

    def discard(self, device_id: str) -> None:
        """Stop watching a device, whether it was watched or not."""
        self._forget(device_id)
        self._patience.pop(device_id, None)

    def postpone(self, now: float) -> bool:
        """Put off whoever would be due first, if heard since; return whether so.

        To be called until it returns False: one step costs little, and there may be
        one for each device.
        """
        queue = self._queue
        if not queue or queue[0][0] > now:
            return False
        deadline, device_id = queue[0]
        if self._queued.get(device_id) != deadline:
            heappop(queue)
            return True
        if (due := self._due_at(device_id)) == deadline:
            return False
        self._queued[device_id] = due
        heapreplace(queue, (due, device_id))
        return True

    def pop_due(self, now: float) -> str | None:
        """Stop watching a device that is due, and return it; None where nobody is."""
        while self.postpone(now):
            pass
        if not self._queue or self._queue[0][0] > now:
            return None
        _, device_id = heappop(self._queue)
        self._forget(device_id)
        return device_id

    @property
    def next_deadline(self) -> float | None:
        """Return until when nobody is due, None while nobody is watched.

        Whoever was heard since, or has a slower rhythm, may not be due then either.
        """
        return self._queue[0][0] if self._heard else None

    def _forget(self, device_id: str) -> None:
        """Stop watching a device; its rhythm is known should it be watched again."""
        for known in (self._heard, self._until, self._queued):
            known.pop(device_id, None)

    def _due_at(self, device_id: str) -> float:
        """Return when a device is due."""
        heard = max(self._heard[device_id], self._heard_at(device_id), self._restarted)
        due = heard + self.timeout
        if (until := self._until.get(device_id, due)) > due:
            if self._is_patient_with(device_id):
                return until
            del self._until[device_id]
        return due
