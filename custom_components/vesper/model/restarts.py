"""Detect restarts of a device, and two devices that share one id."""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import NamedTuple

from ..protocol.codes import ResetReason
from .telemetry import BOOT_TIME_JITTER

#: In seconds: a boot time or an uptime that differs by no more is the same.
UPTIME_JITTER = 5

#: In seconds: the same uptime again after more than this is a replayed message.
REPLAY_SECONDS = 2

#: In seconds: the firmware's counter of milliseconds since boot has 32 bits.
COUNTER_SECONDS = 2**32 / 1000

#: So many restarts within so many seconds are a restart loop.
LOOP_RESTARTS = 4
LOOP_SECONDS = 3600

#: So many returns to an earlier boot within so many seconds are two devices; a single
#: one is a late message.
SHARED_RETURNS = 2
SHARED_SECONDS = 600

#: How many earlier boots are remembered.
_BOOTS = 3


class Boot(Enum):
    """Which boot of the device a heartbeat belongs to."""

    SAME = auto()
    NEW = auto()
    """The device has restarted."""
    EARLIER = auto()
    """It is another device with the same id, or a late message."""
    OVERRUN = auto()
    """It is the same one, whose counter of milliseconds began again at 0."""


class Stale(StrEnum):
    """Why a live heartbeat is out of date."""

    LATE = "late"
    """A newer one has overtaken it."""
    REPLAYED = "replayed"
    """It was sent again, such as by a bridge to another broker."""


class Restart(NamedTuple):
    """One restart and the reason that the device reported."""

    at: float
    """When it was detected, in seconds since 1970."""
    reason: int
    """Code of `esp_reset_reason()`."""


@dataclass(eq=False, kw_only=True, slots=True)
class Restarts:
    """The uptime of a device and its last restarts.

    A device only ever starts later, so a boot time that returns is another device's.
    All times but those that are stored are seconds of the monotonic clock.
    """

    uptime: int | None = None
    """Seconds since boot at the last live heartbeat."""
    started: float = 0.0
    """When the device started, by that heartbeat, in seconds since 1970."""
    grew: bool = False
    """Whether the uptime has grown since boot: some firmware always sends the same."""
    has_clock: bool = False
    """Whether the uptime was ever seen to change."""
    _last: tuple[Restart, ...] = ()
    _boots: tuple[float, ...] = ()
    """When earlier boots began."""
    _returns: tuple[float, ...] = ()
    """When an earlier boot returned, in seconds since 1970."""
    heard: float | None = None
    """When that heartbeat arrived; None if restored."""
    _earliest: float = float("-inf")
    """The earliest time of boot that the heartbeats of this boot gave: some arrive
    late."""
    _late: tuple[tuple[float, int], ...] = ()
    """The last late heartbeats: the time of boot and the uptime."""
    _heard_since_late: bool = False

    def detect_stale(
        self, uptime: int | None, now: float, monotonic: float
    ) -> Stale | None:
        """Return why a live heartbeat is stale, None if it is not.

        An uptime only grows with time, or begins again after the last heartbeat. A late
        one is recorded: its boot may be seen to go on.
        """
        last = self.uptime
        if uptime is None or last is None:
            return None
        elapsed, boot = self._elapsed(now, monotonic), monotonic - uptime
        if uptime > last and not self._is_too_early(boot, elapsed):
            return None
        if uptime == last:
            is_replayed = self.grew and elapsed > REPLAY_SECONDS
            return Stale.REPLAYED if is_replayed else None
        if (
            uptime <= elapsed + UPTIME_JITTER
            or any(abs(boot - other) <= UPTIME_JITTER for other in self._boots)
            or self._record_late(uptime, boot)
        ):
            return None
        return Stale.LATE

    def detect_boot(
        self,
        uptime: int | None,
        now: float,
        monotonic: float,
        *,
        changed: bool,
        boot_logged: bool,
    ) -> Boot:
        """Return which boot a live heartbeat belongs to, which is not stale.

        The return of an earlier boot is recorded. Given is whether any telemetry has
        changed, and whether a boot is new in the event log.
        """
        last = self.uptime
        if uptime is not None and last is not None:
            elapsed = self._elapsed(now, monotonic)
            later = elapsed - (uptime - last)
            fell = uptime < last
            if (
                not fell
                and abs(later) <= UPTIME_JITTER
                and (uptime > last or not changed)
            ):
                return Boot.SAME
            boot = monotonic - uptime
            if abs(later) > UPTIME_JITTER and self._record_return(boot, now, monotonic):
                return Boot.EARLIER
            if fell:
                overran = not boot_logged and self._overran(last, uptime, elapsed)
                return Boot.OVERRUN if overran else Boot.NEW
            if later < 0:
                # Without a new boot, the clock of Home Assistant stood still or was set
                # back, or the last heartbeat arrived late.
                limit = max(BOOT_TIME_JITTER, elapsed / 100)
                return Boot.NEW if boot_logged and -later > limit else Boot.SAME
            has_clock = self.has_clock or uptime != last
            if has_clock and self._began_again(last, uptime, elapsed):
                return Boot.NEW
        # A boot may be logged late, when the restart is known already.
        return Boot.NEW if boot_logged else Boot.SAME

    def update(self, uptime: int, now: float, monotonic: float, boot: Boot) -> None:
        """Remember the uptime of a live heartbeat, and whether it grew."""
        last = self.uptime
        started = monotonic - uptime
        is_known = boot is Boot.SAME and self.heard is not None
        self._earliest = min(self._earliest, started) if is_known else started
        self.has_clock |= last is not None and uptime != last
        self.grew = boot is not Boot.NEW and (
            self.grew or (last is not None and uptime > last)
        )
        self.heard, self._heard_since_late = monotonic, True
        self.uptime = uptime
        self.started = now - uptime

    def estimate_boot(self, uptime: int | None, monotonic: float) -> float:
        """Return when a device that has restarted began, by the monotonic clock."""
        boot = monotonic
        if uptime is not None and (self.has_clock or uptime != self.uptime):
            boot -= uptime
        # Another device that has replaced it may run for longer.
        return boot if self.heard is None else max(boot, self.heard)

    def record(self, now: float, monotonic: float, reason: int | None) -> None:
        """Record a restart, before the uptime of its heartbeat is remembered."""
        if reason is None:
            reason = ResetReason.UNDETERMINED
        self._last = (*self._last, Restart(at=now, reason=reason))[-LOOP_RESTARTS:]
        self._boots = (*self._boots, self._boot(now, monotonic))[-_BOOTS:]

    def loop(self, now: float) -> tuple[Restart, ...]:
        """Return the last restarts if they are a restart loop, else none."""
        last = self._last
        if len(last) == LOOP_RESTARTS and 0 <= now - last[0].at <= LOOP_SECONDS:
            return last
        return ()

    def is_id_shared(self, now: float) -> bool:
        """Return whether more than one device uses the id.

        It stays so for as long after the last return.
        """
        if len(self._returns) < SHARED_RETURNS:
            return False
        first, last = self._returns
        return last - first <= SHARED_SECONDS and 0 <= now - last <= SHARED_SECONDS

    def _elapsed(self, now: float, monotonic: float) -> float:
        """Return the seconds since the last live heartbeat with an uptime.

        Over a restart of Home Assistant they are those of the wall clock.
        """
        if self.heard is None:
            return max(0.0, now - self.started - (self.uptime or 0))
        return max(0.0, monotonic - self.heard)

    def _boot(self, now: float, monotonic: float) -> float:
        """Return when the device started, by its last heartbeat."""
        if self.heard is None or self.uptime is None:
            return monotonic - (now - self.started)
        return self.heard - self.uptime

    def _is_too_early(self, boot: float, elapsed: float) -> bool:
        """Return whether a time of boot is earlier than delays and drift explain."""
        return boot < self._earliest - max(BOOT_TIME_JITTER, elapsed / 100)

    def _record_late(self, uptime: int, boot: float) -> bool:
        """Record a late heartbeat, and return whether its boot goes on.

        Messages that are delivered late have no time of boot in common. One that goes
        on is another device's if the current one was heard in between; otherwise this
        device was replaced, or has restarted while the wall clock was wrong.
        """
        if any(
            abs(boot - other) <= UPTIME_JITTER and uptime > seen + UPTIME_JITTER
            for other, seen in self._late
        ):
            if self._heard_since_late:
                self._boots = (*self._boots, boot)[-_BOOTS:]
            self._late = ()
            return True
        self._late = (*self._late, (boot, uptime))[-_BOOTS:]
        self._heard_since_late = False
        return False

    @staticmethod
    def _overran(last: int, uptime: int, elapsed: float) -> bool:
        """Return whether the counter of milliseconds began again at 0 meanwhile."""
        expected = last + elapsed - COUNTER_SECONDS
        return abs(uptime - expected) <= max(UPTIME_JITTER, elapsed / 100)

    @staticmethod
    def _began_again(last: int, uptime: int, elapsed: float) -> bool:
        """Return whether an uptime that did not fall began again between messages.

        It is less than the time that has passed. Where it grew past the last one, the
        time of boot is later by more than delays and the drift of clocks explain.
        """
        if uptime == last:
            return uptime + UPTIME_JITTER < elapsed
        later = elapsed - (uptime - last)
        return uptime <= elapsed + UPTIME_JITTER and later > max(
            BOOT_TIME_JITTER, uptime / 100
        )

    def _record_return(self, boot: float, now: float, monotonic: float) -> bool:
        """Make an earlier boot the current one, and return whether it was one."""
        current = self._boot(now, monotonic)
        for known in self._boots:
            if abs(boot - known) <= UPTIME_JITTER:
                others = (other for other in self._boots if other != known)
                self._boots = (*others, current)
                if boot < current:
                    self._returns = (*self._returns, now)[-SHARED_RETURNS:]
                return True
        return False
