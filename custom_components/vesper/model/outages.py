"""Tell the outage of a fleet from devices that fall silent one by one."""

from collections import OrderedDict
from dataclasses import dataclass

#: Fewer devices than this are as many stories, however small the fleet.
LEAST_LOST = 3


@dataclass(eq=False, kw_only=True, slots=True)
class Outage:
    """Devices that fell silent together: most of those that were online."""

    started: float
    window_end: float
    """Who falls silent before this is lost by the same cause."""
    online_before: int
    lost: int
    known: set[str]
    """Those of the lost that were not removed since."""
    away: set[str]
    """Those of them that are not back."""

    @property
    def is_over(self) -> bool:
        """Return whether half of the lost are back, or nobody of them is left."""
        return 2 * len(self.away) <= len(self.known)

    def lose(self, device_id: str) -> None:
        """Count a device among the lost, also one that was back already."""
        if device_id not in self.known:
            self.lost += 1
            self.known.add(device_id)
        self.away.add(device_id)


class Outages:
    """Who fell silent, and whether that is one outage or as many stories.

    One timeout is the window: who fell silent in it may have been lost with others,
    and is nobody to tell of alone until it has passed. Times are seconds of a monotonic
    clock. Each call costs the same for ten devices and for ten thousand, spread over
    the silences that led to it.
    """

    def __init__(self, timeout: float) -> None:
        """Take the seconds of silence after which a device is offline."""
        self.current: Outage | None = None
        self._timeout = timeout
        # With when it was, and how many were online right before. Whoever is in here
        # was online when the first of them fell silent: to come online later and be
        # silent for a whole timeout takes longer than the window.
        self._window: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._alone: OrderedDict[str, None] = OrderedDict()

    def fell_silent(
        self, device_id: str, now: float, online_before: int | None
    ) -> None:
        """Take in that a device is offline.

        With it comes how many were online right before, itself included; None of a
        device that was not known to be online, which no outage has taken away.
        """
        outage = self.current
        if online_before is None:
            self._alone[device_id] = None
        elif outage and (now < outage.window_end or device_id in outage.known):
            outage.lose(device_id)
        else:
            self._window[device_id] = (now, online_before)

    def came_back(self, device_id: str) -> Outage | None:
        """Take in that a device is online again, and return the outage this ends."""
        self._window.pop(device_id, None)
        self._alone.pop(device_id, None)
        outage = self.current
        if outage is None:
            return None
        outage.away.discard(device_id)
        if not outage.is_over:
            return None
        self.current = None
        return outage

    def forget(self, device_id: str) -> Outage | None:
        """Take in that a device was removed, and return the outage this ends."""
        if self.current is not None:
            self.current.known.discard(device_id)
        return self.came_back(device_id)

    def find(self, now: float) -> Outage | None:
        """Return the outage that has started, None if none has."""
        self._slide(now)
        if self.current is not None or len(self._window) < LEAST_LOST:
            return None
        first, online_before = next(iter(self._window.values()))
        if 2 * len(self._window) <= online_before:
            return None
        self.current = Outage(
            started=now,
            window_end=first + self._timeout,
            online_before=online_before,
            lost=len(self._window),
            known=set(self._window),
            away=set(self._window),
        )
        self._window.clear()
        return self.current

    def pop_alone(self, now: float) -> str | None:
        """Return the next device that is offline for itself, None while none is.

        While an outage lasts, those who fall silent beside it have to wait.
        """
        self._slide(now)
        if self.current is not None or not self._alone:
            return None
        return self._alone.popitem(last=False)[0]

    def clear(self) -> None:
        """Forget everybody."""
        self.current = None
        self._window.clear()
        self._alone.clear()

    @property
    def next_deadline(self) -> float | None:
        """Return when the next window is over, None while there is none to wait for."""
        if self.current is not None or not self._window:
            return None
        return next(iter(self._window.values()))[0] + self._timeout

    def _slide(self, now: float) -> None:
        """Leave alone those whose window has passed."""
        while self._window:
            device_id, (when, _) = next(iter(self._window.items()))
            if when + self._timeout > now:
                return
            del self._window[device_id]
            self._alone[device_id] = None
