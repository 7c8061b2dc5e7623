"""Learn how often a device sends heartbeats."""

from dataclasses import dataclass

#: The lower quartile of so many gaps is the rhythm: outages and lost heartbeats do not
#: change it.
KEPT_GAPS = 8

#: With fewer, outages of a new device could be taken for its rhythm.
MIN_GAPS = 4

#: A device that is silent for so many of its gaps has missed more than one heartbeat.
GAPS_PER_TIMEOUT = 3

#: In seconds: a shorter gap is none, a longer one is an outage.
MIN_GAP = 1
MAX_GAP = 3600

#: In seconds: no device times out later.
MAX_TIMEOUT = 3600


@dataclass(eq=False, slots=True)
class Rhythm:
    """The rhythm of the heartbeats of one device, over MQTT and HTTP.

    Times are seconds of a monotonic clock: a jump of the wall clock makes no gap.
    """

    gaps: tuple[int, ...] = ()
    """The seconds between its last heartbeats, the newest last."""
    _last: float | None = None

    @property
    def timeout(self) -> int:
        """Return the seconds of silence that the rhythm allows, 0 without one."""
        if len(self.gaps) < MIN_GAPS:
            return 0
        quartile = sorted(self.gaps)[(len(self.gaps) - 1) // 4]
        return min(GAPS_PER_TIMEOUT * quartile, MAX_TIMEOUT)

    def record(self, now: float) -> None:
        """Record a heartbeat."""
        last = self._last
        # One that is delivered twice is one.
        if last is not None and now - last < MIN_GAP:
            return
        self._last = now
        if last is not None and (gap := now - last) <= MAX_GAP:
            self.gaps = (*self.gaps[1 - KEPT_GAPS :], round(gap))

    def interrupt(self) -> None:
        """Handle a gap in what is received, which is none of the device."""
        self._last = None
