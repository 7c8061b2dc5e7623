"""Keep what a device tells of itself in its heartbeats, and tell what changed of it."""

from dataclasses import dataclass, field

from .change import Change
from .codes import EventTag, RecentEvent, rssi_dbm
from .messages import Fault, Heartbeat

#: In bytes: with less than this free, allocations of the network stack begin to fail.
LOW_HEAP = 16 * 1024

#: In seconds: what drifts is told anew at most this often, unless it means trouble.
DRIFT_INTERVAL = 60

#: In seconds: the time of boot is worked out anew at each heartbeat, which comes sooner
#: or later; a move within this is the way's, not the device's.
BOOT_TIME_JITTER = 60

#: No payload has it, least of all where its events begin.
_NEVER = b"\0"

#: The fields that hardly ever change, each with what its change is called.
SETTLED_FIELDS = {
    "firmware_version": Change.FIRMWARE,
    "heap_min_free": Change.HEAP_MIN_FREE,
    "last_disconnect_code": Change.DISCONNECT,
    "reset_reason": Change.RESET_REASON,
}


@dataclass(eq=False, kw_only=True, slots=True)
class Diagnostics:
    """What heartbeats tell; None where one never told, as firmware 1.0.0 of most."""

    firmware_version: str | None = None
    reset_reason: int | None = None
    """Code of `esp_reset_reason()` at the last boot."""
    last_disconnect_code: int | None = None
    """Code of the last loss of the Wi-Fi, `wifi_err_reason_t` or 255."""
    heap_free: int | None = None
    """Free heap in bytes, as last told."""
    heap_min_free: int | None = None
    """Least free heap since boot, in bytes."""
    boot_time: float | None = None
    """When the device started, in seconds since 1970."""
    rssi: int | None = None
    """Signal of the Wi-Fi when it last connected, in dBm."""
    has_log: bool = False
    """Whether it has ever told its own ring buffer."""
    events: tuple[RecentEvent, ...] = ()
    """The device's own ring buffer, the oldest first."""
    new_events: tuple[RecentEvent, ...] = ()
    """What the last change of the ring buffer brought; nothing at first sight."""
    known_events: bytes = b""
    """The ring buffer as it stands in a heartbeat, for the parser to leave out."""
    _settled_as_told: tuple[object, ...] = ()
    _events_as_told: bytes = _NEVER
    _events_faults: list[Fault] = field(default_factory=list)
    _heap_told: int | None = None
    _heap_told_at: float = float("-inf")

    def apply(self, heartbeat: Heartbeat, *, live: bool, now: float) -> Change:
        """Take in what a heartbeat tells; what it leaves out stays as it was.

        Every heartbeat pays for each step here: what came as it came before is not
        looked into, and flags are joined only where needed.
        """
        change = Change.NOTHING
        if heartbeat.settled_as_told != self._settled_as_told:
            change = self._settle(heartbeat)
        heap_free = heartbeat.heap_free
        if heap_free is not None:
            self.heap_free = heap_free
            told = self._heap_told
            # What drifted since it was told is due in the end, also if it rests by now.
            if heap_free != told and (
                # The lower bound lets the telling go on after the clock was set back.
                not 0 <= now - self._heap_told_at < DRIFT_INTERVAL
                or told is None
                or (told < LOW_HEAP) is not (heap_free < LOW_HEAP)
            ):
                self._heap_told, self._heap_told_at = heap_free, now
                change |= Change.HEAP_FREE
        # A kept heartbeat is of an unknown age: its uptime tells of no moment.
        uptime = heartbeat.uptime
        if live and uptime is not None:
            started = now - uptime
            if (
                self.boot_time is None
                or not -BOOT_TIME_JITTER <= started - self.boot_time <= BOOT_TIME_JITTER
            ):
                self.boot_time = started
                change |= Change.BOOT_TIME
        if heartbeat.events_at >= 0:
            if not heartbeat.payload.startswith(
                self._events_as_told, heartbeat.events_at
            ):
                change |= self._log(heartbeat, live=live)
            elif self._events_faults:
                heartbeat.faults += self._events_faults
        return change

    def restart(self, heartbeat: Heartbeat, change: Change, now: float) -> Change:
        """Take in a restart, given what its heartbeat changed."""
        if (uptime := heartbeat.uptime) is not None:
            self.boot_time = now - uptime
            change |= Change.BOOT_TIME
        # A boot logs itself, so a log without a new one in it was emptied, and has
        # come to the same again: without a clock one boot looks like another.
        new_events = self.new_events if change & Change.DEVICE_LOG else ()
        if (
            heartbeat.events_at >= 0
            and not _tells_of_boot(new_events)
            and _tells_of_boot(self.events)
        ):
            self.new_events = self.events
            change |= Change.DEVICE_LOG
        return change

    def _settle(self, heartbeat: Heartbeat) -> Change:
        """Take in the fields that hardly ever change."""
        told, faults = heartbeat.settled()
        heartbeat.faults += faults
        # What is bad is looked into each time: so it is counted, and `true`, which
        # equals 1 and is none, does not stand for it.
        self._settled_as_told = () if faults else heartbeat.settled_as_told
        change = Change.NOTHING
        for name, flag in SETTLED_FIELDS.items():
            value = getattr(told, name)
            if value is not None and value != getattr(self, name):
                setattr(self, name, value)
                change |= flag
        return change

    def _log(self, heartbeat: Heartbeat, *, live: bool) -> Change:
        """Take in a ring buffer that has changed, and find what is new in it.

        One that the broker kept may be older than what is known.
        """
        first_sight = not self.has_log
        if not (live or first_sight):
            return Change.NOTHING
        events, faults = heartbeat.events()
        heartbeat.faults += faults
        # A list of nothing but bad entries is no log: it would make all seem new later.
        if events is None or (faults and not events):
            return Change.NOTHING
        self._events_as_told, self._events_faults = heartbeat.events_as_told(), faults
        self.known_events = heartbeat.events_member()
        self.has_log = True
        known, self.events = self.events, events
        if first_sight:
            # None of it is news, also where the device turns out to have just started.
            heartbeat.events_at = -1
            self.new_events = ()
        else:
            self.new_events = new_in(known, events)
        change = Change.DEVICE_LOG if self.new_events else Change.NOTHING
        signals = [event.d0 for event in events if event.tag == EventTag.WIFI_UP]
        if signals and (rssi := rssi_dbm(signals[-1])) != self.rssi:
            self.rssi = rssi
            change |= Change.WIFI_SIGNAL
        return change


def _tells_of_boot(events: tuple[RecentEvent, ...]) -> bool:
    """Tell whether there is a boot among some events."""
    return any(event.tag == EventTag.BOOT for event in events)


def new_in(
    known: tuple[RecentEvent, ...], events: tuple[RecentEvent, ...]
) -> tuple[RecentEvent, ...]:
    """Return what a ring buffer holds beyond what it held before, the oldest first.

    What it held stands at its beginning, less what fell out; where it does not, all of
    that fell out, or a restart has emptied it. Entries alone do not tell: a boot before
    the clock is set looks like the one before.
    """
    for fallen_out in range(len(known)):
        left = known[fallen_out:]
        if events[: len(left)] == left:
            return events[len(left) :]
    return events
