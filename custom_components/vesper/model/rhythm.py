"""Learn how often a device sends heartbeats (docs/liveness.md)."""

from dataclasses import dataclass

#: The rhythm is the lower quartile of this many gaps, which outages and lost heartbeats
#: do not change.
KEPT_GAPS = 8

#: With fewer gaps, outages of a new device could count as its rhythm.
MIN_GAPS = 4

#: The timeout is this many gaps: a device that sends nothing for as long has missed
#: more than one heartbeat.
GAPS_PER_TIMEOUT = 3

#: In seconds: after less than this, a heartbeat is a duplicate delivery; a longer gap
#: is an outage.
MIN_GAP = 1
MAX_GAP = 3600

#: In seconds.
MAX_TIMEOUT = 3600


@dataclass(eq=False, slots=True)
class Rhythm:
    """The rhythm of one device's heartbeats.

    It covers MQTT and HTTP. Times are seconds of a monotonic clock, so a jump of the
    wall clock makes no gap.
    """

    gaps: tuple[int, ...] = ()
    """The seconds between its last heartbeats, the newest last."""
    _last: float | None = None

    @property
    def timeout(self) -> int:
        """Return the timeout in seconds, 0 while unknown."""
        if len(self.gaps) < MIN_GAPS:
            return 0
        quartile = sorted(self.gaps)[(len(self.gaps) - 1) // 4]
        return min(GAPS_PER_TIMEOUT * quartile, MAX_TIMEOUT)

    def record(self, now: float) -> None:
        """Record a heartbeat."""
        last = self._last
        # Ignore a duplicate delivery.
        if last is not None and now - last < MIN_GAP:
            return
        self._last = now
        if last is not None and (gap := now - last) <= MAX_GAP:
            self.gaps = (*self.gaps[1 - KEPT_GAPS :], round(gap))

    def interrupt(self) -> None:
        """Handle a gap that the device did not cause."""
        self._last = None
