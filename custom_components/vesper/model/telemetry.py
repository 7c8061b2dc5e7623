"""Keep what a device tells of itself in its heartbeats, and tell what changed of it."""

from dataclasses import dataclass, field

from ..protocol.codes import EventTag, RecentEvent, rssi_dbm
from ..protocol.messages import MAX_HEAP, Heartbeat
from .change import Change, Changes
from .event_log import DeviceLog, tells_of_boot
from .frame import Frame
from .pulse import Calm
from .restarts import UPTIME_JITTER

#: In bytes: with less than this free, allocations of the network stack begin to fail.
LOW_HEAP = 16 * 1024

#: In seconds: what drifts is told anew at most this often, unless it means trouble.
DRIFT_INTERVAL = 60

#: In seconds: so often it is looked at where nobody is told, for its trend.
TREND_INTERVAL = 600

#: In seconds: the time of boot is worked out anew at each heartbeat, which comes sooner
#: or later; a move within this is the way's, not the device's.
BOOT_TIME_JITTER = 60

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
    log: DeviceLog = field(default_factory=DeviceLog)
    """The device's own ring buffer."""
    _settled_as_told: tuple[object, ...] = ()
    _heap_told: int | None = None
    _heap_told_at: float = float("-inf")

    def knows(self, heartbeat: Heartbeat) -> bool:
        """Tell whether a heartbeat says nothing new but for what drifts."""
        # Also of one in a frame: what the broker kept may have come in between.
        return heartbeat.settled_as_told == self._settled_as_told and (
            heartbeat.events_at < 0 or self.log.is_in(heartbeat)
        )

    def drift(self, heartbeat: Heartbeat, *, live: bool, now: float) -> Changes:
        """Take in what drifts from heartbeat to heartbeat."""
        change: Changes = Change.NOTHING
        heap_free, uptime = heartbeat.heap_free, heartbeat.uptime
        if heap_free is not None:
            self.heap_free = heap_free
            if self._is_heap_due(heap_free, now):
                self._heap_told, self._heap_told_at = heap_free, now
                change = Change.HEAP_FREE
        # A kept heartbeat is of an unknown age: its uptime tells of no moment.
        if live and uptime is not None and self._has_moved(now - uptime):
            self.boot_time = now - uptime
            change |= Change.BOOT_TIME
        return change

    def repeat(self, heartbeat: Heartbeat) -> None:
        """Take in a heartbeat that says nothing else that is new."""
        if heartbeat.events_at >= 0:
            self.log.repeat(heartbeat)

    def learn(self, heartbeat: Heartbeat, *, live: bool) -> Changes:
        """Take in what else a heartbeat tells; what it leaves out stays as it was.

        What came as it came before is not looked into.
        """
        change: Changes = Change.NOTHING
        if heartbeat.settled_as_told != self._settled_as_told:
            change = self._settle(heartbeat)
        if heartbeat.events_at >= 0:
            if self.log.is_in(heartbeat):
                # Of a log that was saved, this may not have been.
                if self.rssi is None:
                    change |= self._take_signal(self.log.events)
                self.log.repeat(heartbeat)
            else:
                change |= self._log(heartbeat, live=live)
        return change

    def move_to(self, heartbeat: Heartbeat, frame: Frame) -> None:
        """Keep what a heartbeat says where its frame does: it says what is known."""
        self._settled_as_told = frame.settled_as_told
        if heartbeat.events_at >= 0:
            self.log.move_to(heartbeat)

    def calm(
        self, started: float, until: float, now: float, *, watched: Changes
    ) -> Calm:
        """Return within which bounds what drifts is not to be told.

        Given are when the device has started, until when they may hold at most, and
        what is watched at all.
        """
        interval = DRIFT_INTERVAL if watched & Change.HEAP_FREE else TREND_INTERVAL
        told, due = self.heap_free or 0, self._heap_told_at + interval
        if not self._heap_told_at <= now < due:
            # It rests at what was told of it, and is told at once if it does not.
            heap_free = (told, told)
        elif told < LOW_HEAP:
            heap_free, until = (0, LOW_HEAP - 1), min(until, due)
        else:
            heap_free, until = (LOW_HEAP, MAX_HEAP), min(until, due)
        boot_time = started if self.boot_time is None else self.boot_time
        return Calm(
            until=until,
            # Two starts within it are not apart by more than what is taken for jitter.
            started=(
                max(started - UPTIME_JITTER / 2, boot_time - BOOT_TIME_JITTER),
                min(started + UPTIME_JITTER / 2, boot_time + BOOT_TIME_JITTER),
            ),
            heap_free=heap_free,
        )

    def _is_heap_due(self, heap_free: int, now: float) -> bool:
        """Tell whether the free heap is to be told anew.

        What drifted since it was told is due in the end, also if it rests by now.
        """
        told = self._heap_told
        return heap_free != told and (
            # The lower bound lets the telling go on after the clock was set back.
            not 0 <= now - self._heap_told_at < DRIFT_INTERVAL
            or told is None
            or (told < LOW_HEAP) is not (heap_free < LOW_HEAP)
        )

    def _has_moved(self, started: float) -> bool:
        """Tell whether this is another time of boot, in seconds since 1970."""
        boot_time = self.boot_time
        return (
            boot_time is None
            or not -BOOT_TIME_JITTER <= started - boot_time <= BOOT_TIME_JITTER
        )

    def restart(self, heartbeat: Heartbeat, change: Changes, now: float) -> Changes:
        """Take in a restart, given what its heartbeat changed."""
        if (uptime := heartbeat.uptime) is not None:
            self.boot_time = now - uptime
            change |= Change.BOOT_TIME
        new = self.log.new if change & Change.DEVICE_LOG else ()
        if (
            heartbeat.events_at >= 0
            # What is no log tells of no boot.
            and self.log.is_in(heartbeat)
            and not tells_of_boot(new)
            and self.log.begin_anew()
        ):
            change |= Change.DEVICE_LOG
        return change

    def _settle(self, heartbeat: Heartbeat) -> Changes:
        """Take in the fields that hardly ever change."""
        told, faults = heartbeat.settled(self._settled_as_told)
        heartbeat.faults += faults
        # What is bad is looked into each time: so it is counted.
        self._settled_as_told = () if faults else heartbeat.settled_as_told
        change: Changes = Change.NOTHING
        for name, value in told.items():
            if value != getattr(self, name):
                setattr(self, name, value)
                change |= SETTLED_FIELDS[name]
        return change

    def _log(self, heartbeat: Heartbeat, *, live: bool) -> Changes:
        """Take in a ring buffer that has changed."""
        if (events := self.log.change(heartbeat, live=live)) is None:
            return Change.NOTHING
        change: Changes = Change.DEVICE_LOG if self.log.new else Change.NOTHING
        return change | self._take_signal(events)

    def _take_signal(self, events: tuple[RecentEvent, ...]) -> Changes:
        """Take in the signal of the Wi-Fi, as the last of some events tells it."""
        signal = next(
            (event.d0 for event in reversed(events) if event.tag == EventTag.WIFI_UP),
            None,
        )
        if signal is not None and (rssi := rssi_dbm(signal)) != self.rssi:
            self.rssi = rssi
            return Change.WIFI_SIGNAL
        return Change.NOTHING
