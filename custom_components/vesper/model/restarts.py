"""Detect restarts and shared ids (docs/liveness.md, "Restarts")."""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import NamedTuple

from ..protocol.codes import ResetReason
from .telemetry import BOOT_TIME_JITTER

#: In seconds: boot times, or uptimes, that differ by at most this are the same.
UPTIME_JITTER = 5

#: In seconds: the same uptime again after more than this is a replayed message.
REPLAY_SECONDS = 2

#: In seconds: the firmware's counter of milliseconds since boot has 32 bits.
COUNTER_SECONDS = 2**32 / 1000

#: This many restarts within this many seconds are a restart loop.
LOOP_RESTARTS = 4
LOOP_SECONDS = 3600

#: How many restarts are remembered, to name the reasons of those within an hour.
KEPT_RESTARTS = 20

#: This many returns to an earlier boot within this many seconds mean that two devices
#: use the id. A single return may be a message that was delivered late.
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
    """Another device with the same id has sent it, or it was delivered late."""
    OVERRUN = auto()
    """It is the same boot, but the counter of milliseconds began again at 0."""


class Stale(StrEnum):
    """Why a live heartbeat is out of date."""

    LATE = "late"
    """A newer one arrived before it."""
    REPLAYED = "replayed"
    """It was sent again, for example by a bridge to another broker."""


class Restart(NamedTuple):
    """One restart and the reason that the device reported."""

    at: float
    """When it was detected, in seconds since 1970."""
    reason: int
    """Code of `esp_reset_reason()`."""


@dataclass(eq=False, kw_only=True, slots=True)
class Restarts:
    """The uptime of a device and its last restarts.

    Boot times of one device only increase. If an earlier one comes back, another device
    uses the id. `started`, `_returns` and `Restart.at` are seconds since 1970, all
    other times seconds of the monotonic clock.
    """

    uptime: int | None = None
    """The uptime in the last live heartbeat that had one, in seconds."""
    started: float = 0.0
    """When the device started, computed from that uptime, in seconds since 1970."""
    grew: bool = False
    """Whether the uptime has grown since boot; some firmware always sends the same."""
    has_clock: bool = False
    """Whether the uptime was ever seen to change."""
    _last: tuple[Restart, ...] = ()
    _boots: tuple[float, ...] = ()
    """When earlier boots began."""
    _returns: tuple[float, ...] = ()
    """When an earlier boot returned, in seconds since 1970."""
    heard: float | None = None
    """When the last live heartbeat with an uptime arrived; None if restored."""
    _earliest: float = float("-inf")
    """The earliest boot time computed from the heartbeats of this boot: the one that
    was delayed least."""
    _late: tuple[tuple[float, int], ...] = ()
    """The boot times and uptimes of the last late heartbeats."""
    _heard_since_late: bool = False
    """Whether the current boot was heard since the last late heartbeat."""

    def detect_stale(
        self, uptime: int | None, now: float, monotonic: float
    ) -> Stale | None:
        """Return why a live heartbeat is stale, or None.

        An uptime only grows with time, unless the device has restarted since the last
        heartbeat. A late heartbeat is recorded: a second one may show that its boot is
        still running.
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
        """Return which boot a heartbeat belongs to.

        The heartbeat is live and not stale. `changed` is whether any telemetry has
        changed, `boot_logged` whether the event log has a new boot. If an earlier boot
        has come back, that is recorded.
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
                # The uptime is too high. Without a new boot in the log, the clock of
                # Home Assistant stood still or was set back, or the last heartbeat was
                # delayed.
                limit = max(BOOT_TIME_JITTER, elapsed / 100)
                return Boot.NEW if boot_logged and -later > limit else Boot.SAME
            has_clock = self.has_clock or uptime != last
            if has_clock and self._began_again(last, uptime, elapsed):
                return Boot.NEW
        # Not if the uptime shows the same boot: a boot may be logged late, when the
        # restart is known already.
        return Boot.NEW if boot_logged else Boot.SAME

    def update(self, uptime: int, now: float, monotonic: float, boot: Boot) -> None:
        """Remember the uptime of a live heartbeat."""
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
        """Return when the device booted, by the monotonic clock."""
        boot = monotonic
        if uptime is not None and (self.has_clock or uptime != self.uptime):
            boot -= uptime
        # Another device that has replaced it may run for longer.
        return boot if self.heard is None else max(boot, self.heard)

    def record(
        self,
        now: float,
        monotonic: float,
        reason: int | None,
        *,
        in_maintenance: bool = False,
    ) -> None:
        """Record a restart; call it before `update`.

        One in maintenance is part of no restart loop.
        """
        if reason is None:
            reason = ResetReason.UNDETERMINED
        if not in_maintenance:
            self._last = (*self._last, Restart(at=now, reason=reason))[-KEPT_RESTARTS:]
        self._boots = (*self._boots, self._boot(now, monotonic))[-_BOOTS:]

    def loop(self, now: float) -> tuple[Restart, ...]:
        """Return the restarts of a restart loop, if any."""
        recent = self.recent(now)
        return recent if len(recent) >= LOOP_RESTARTS and recent[0].at <= now else ()

    def recent(self, now: float) -> tuple[Restart, ...]:
        """Return the restarts that count for a loop."""
        return tuple(
            restart for restart in self._last if now - restart.at <= LOOP_SECONDS
        )

    def is_id_shared(self, now: float) -> bool:
        """Return whether more than one device uses the id.

        It counts as shared for `SHARED_SECONDS` after the last return.
        """
        if len(self._returns) < SHARED_RETURNS:
            return False
        first, last = self._returns
        return last - first <= SHARED_SECONDS and 0 <= now - last <= SHARED_SECONDS

    def _elapsed(self, now: float, monotonic: float) -> float:
        """Return the seconds since the last uptime was received.

        After a restart of Home Assistant, the wall clock is used.
        """
        if self.heard is None:
            return max(0.0, now - self.started - (self.uptime or 0))
        return max(0.0, monotonic - self.heard)

    def _boot(self, now: float, monotonic: float) -> float:
        """Return the boot time that the last heartbeat gives."""
        if self.heard is None or self.uptime is None:
            return monotonic - (now - self.started)
        return self.heard - self.uptime

    def _is_too_early(self, boot: float, elapsed: float) -> bool:
        """Return whether a boot time is too early.

        Delays of messages and the drift of clocks can't explain it then.
        """
        return boot < self._earliest - max(BOOT_TIME_JITTER, elapsed / 100)

    def _record_late(self, uptime: int, boot: float) -> bool:
        """Record a late heartbeat; return whether its boot continues.

        Delayed messages give unrelated boot times. If two late heartbeats give the same
        one, that boot is still running: on another device if the current boot was heard
        between them. Otherwise this device was replaced, or it restarted while the wall
        clock was wrong.
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
        """Return whether the counter of milliseconds has overrun."""
        expected = last + elapsed - COUNTER_SECONDS
        return abs(uptime - expected) <= max(UPTIME_JITTER, elapsed / 100)

    @staticmethod
    def _began_again(last: int, uptime: int, elapsed: float) -> bool:
        """Return whether the device restarted without a lower uptime.

        Then the uptime is less than the time that has passed. If it has grown, the boot
        time must also have moved by more than delays and the drift of clocks explain.
        """
        if uptime == last:
            return uptime + UPTIME_JITTER < elapsed
        later = elapsed - (uptime - last)
        return uptime <= elapsed + UPTIME_JITTER and later > max(
            BOOT_TIME_JITTER, uptime / 100
        )

    def _record_return(self, boot: float, now: float, monotonic: float) -> bool:
        """Return whether an earlier boot has come back.

        If it has, it is the current boot again.
        """
        current = self._boot(now, monotonic)
        for known in self._boots:
            if abs(boot - known) <= UPTIME_JITTER:
                others = (other for other in self._boots if other != known)
                self._boots = (*others, current)
                if boot < current:
                    self._returns = (*self._returns, now)[-SHARED_RETURNS:]
                return True
        return False
