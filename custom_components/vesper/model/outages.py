"""Detect outages of the fleet."""

from collections import OrderedDict
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

#: Fewer devices than this are no outage, however small the fleet.
MIN_LOST = 3

#: In seconds: maintenance that ends within this, ends for all devices together.
MAINTENANCE_DELAY = 1


@dataclass(eq=False, kw_only=True, slots=True)
class Outage:
    """The loss of most online devices within one timeout."""

    since: float
    """When the first device was lost, in seconds since 1970."""
    started: float
    """The same by the monotonic clock, as all other times."""
    window_end: float
    """A device that goes offline before this belongs to the outage."""
    online_before: int | None
    """None if it is not known any more, after a restart of Home Assistant."""
    lost: int
    known: set[str]
    """The lost devices that were not removed since."""
    offline: set[str]
    """Those of them that are still offline."""
    added: set[str]
    """Those that were lost since this was emptied last."""
    half_back: float | None = None
    """Since when at least half of them are back or removed."""

    @property
    def seconds(self) -> float | None:
        """Return how long it lasted, until half were back.

        None while they are not.
        """
        return None if self.half_back is None else self.half_back - self.started

    @property
    def until(self) -> float | None:
        """Return when half were back, in seconds since 1970."""
        return None if self.seconds is None else self.since + self.seconds

    def grow(
        self, lost: AbstractSet[str], online_before: int, window_end: float
    ) -> None:
        """Add most of the devices that were online."""
        if self.online_before is not None:
            self.online_before = online_before + len(self.offline)
        self.offline |= lost
        self.added |= lost
        self.known = self.offline.copy()
        self.lost = len(self.known)
        self.window_end = window_end
        self.half_back = None

    def add(self, device_id: str, *, was_counted: bool) -> None:
        """Add a lost device.

        One that had come back and is lost again is not counted twice. `was_counted` is
        whether it is one of those that were online before.
        """
        if device_id not in self.known:
            self.lost += 1
            self.known.add(device_id)
            if self.online_before is not None and not was_counted:
                self.online_before += 1
        self.offline.add(device_id)
        self.added.add(device_id)
        if 2 * len(self.offline) > len(self.known):
            self.half_back = None

    def came_online(self, device_id: str, now: float) -> None:
        """Handle a device that is back or removed."""
        self.offline.discard(device_id)
        self.added.discard(device_id)
        self.update(now)

    def update(self, now: float) -> None:
        """Begin the end if half are back."""
        if self.half_back is None and 2 * len(self.offline) <= len(self.known):
            self.half_back = now


class Outages:
    """The offline devices, alone or in an outage.

    A device that goes offline may be part of an outage until one timeout, the window,
    has passed. Only then is it reported alone. An outage ends when all of its devices
    are back, or one timeout after half of them are. If most of those that are online
    are lost meanwhile, it grows. Devices that have gone offline in maintenance are lost
    when it ends. Times are seconds of a monotonic clock.
    """

    def __init__(self, timeout: float) -> None:
        """Set the common timeout, in seconds."""
        self.current: Outage | None = None
        self._timeout = timeout
        # When each went offline, and how many were online right before. All of them
        # were online when the first one went offline, because coming online and timing
        # out again takes longer than the window. None if its maintenance has ended.
        self._window: OrderedDict[str, tuple[float, int | None]] = OrderedDict()
        self._alone: OrderedDict[str, None] = OrderedDict()
        self._complete_at = float("-inf")
        """Until then, more maintenance may end."""

    def went_offline(
        self, device_id: str, now: float, online_before: int | None
    ) -> None:
        """Handle a device that went offline.

        `online_before` is how many devices were online right before, this one included,
        or None if it was not known to be online. Then it is not part of an outage.
        """
        outage = self.current
        if online_before is None:
            self._alone[device_id] = None
        elif outage and now < outage.window_end:
            outage.add(device_id, was_counted=True)
        else:
            self._window[device_id] = (now, online_before)

    def maintenance_ended(self, device_id: str, now: float) -> None:
        """Handle a device offline when its maintenance ends."""
        outage = self.current
        self._alone.pop(device_id, None)
        self._complete_at = now + MAINTENANCE_DELAY
        if outage and now < outage.window_end:
            outage.add(device_id, was_counted=False)
        else:
            self._window[device_id] = (now, None)

    def came_online(self, device_id: str, now: float) -> None:
        """Handle a device that is online again."""
        self._window.pop(device_id, None)
        self._alone.pop(device_id, None)
        if self.current is not None:
            self.current.came_online(device_id, now)

    def discard(self, device_id: str, now: float) -> None:
        """Handle the removal of a device."""
        if self.current is not None:
            self.current.known.discard(device_id)
        self.came_online(device_id, now)

    def end_outage(self, now: float) -> Outage | None:
        """Return the outage that is over now, if any."""
        ends = self._outage_ends
        if ends is None or ends > now:
            return None
        outage, self.current = self.current, None
        return outage

    def start_outage(
        self, now: float, wall_clock: float, online: int = 0
    ) -> Outage | None:
        """Return the outage that starts or grows now.

        `wall_clock` is the same time in seconds since 1970, and `online` how many
        devices are online now.
        """
        self._close_window(now)
        if len(self._window) < MIN_LOST or now < self._complete_at:
            return None
        first, _ = next(iter(self._window.values()))
        online_before = self._online_before(online)
        if 2 * len(self._window) <= online_before:
            return None
        if self.current is not None:
            self.current.grow(self._window.keys(), online_before, first + self._timeout)
            self._window.clear()
            return self.current
        self.current = Outage(
            since=wall_clock - (now - first),
            started=first,
            window_end=first + self._timeout,
            online_before=online_before,
            lost=len(self._window),
            known=(known := set(self._window)),
            offline=known.copy(),
            added=known.copy(),
        )
        self._window.clear()
        return self.current

    def restore(
        self,
        since: float,
        offline: set[str],
        *,
        now: float,
        wall_clock: float,
    ) -> None:
        """Resume an outage that began before a restart.

        Those that were back before it are forgotten.
        """
        started = now - max(0, wall_clock - since)
        self.current = Outage(
            since=since,
            started=started,
            window_end=started + self._timeout,
            online_before=None,
            lost=len(offline),
            known=offline.copy(),
            offline=offline,
            added=offline.copy(),
        )

    def pop_alone(self, now: float) -> str | None:
        """Return the next device that is offline alone.

        During an outage, the others wait for its end.
        """
        self._close_window(now)
        if self.current is not None or not self._alone:
            return None
        return self._alone.popitem(last=False)[0]

    def clear(self) -> None:
        """Forget all devices."""
        self.current = None
        self._window.clear()
        self._alone.clear()

    def next_deadline(self, now: float) -> float | None:
        """Return when to evaluate next, if known."""
        if now < self._complete_at:
            return self._complete_at
        if self.current is not None:
            return self._outage_ends
        if not self._window:
            return None
        return next(iter(self._window.values()))[0] + self._timeout

    def _online_before(self, online: int) -> int:
        """Return how many devices were online before.

        Those that were in maintenance count as if they had been until it ended.
        """
        counts = [count for _, count in self._window.values() if count is not None]
        ended = len(self._window) - len(counts)
        if not ended:
            return counts[0]
        # Those that are still online may have been in maintenance as well.
        return max(online + len(counts), *counts[:1], 0) + ended

    @property
    def _outage_ends(self) -> float | None:
        """Return when it ends, None while it goes on."""
        if self.current is None or (half_back := self.current.half_back) is None:
            return None
        return half_back + self._timeout if self.current.offline else half_back

    def _close_window(self, now: float) -> None:
        """Move devices whose window has passed to `_alone`."""
        while self._window:
            device_id, (when, _) = next(iter(self._window.items()))
            if when + self._timeout > now:
                return
            del self._window[device_id]
            self._alone[device_id] = None
