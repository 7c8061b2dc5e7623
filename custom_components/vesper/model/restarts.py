"""Detect restarts of a device, and two devices that share one id."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from ..protocol.codes import ResetReason
from .telemetry import BOOT_TIME_JITTER

#: In seconds: a boot time or an uptime that differs by no more is the same.
UPTIME_JITTER = 5

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


class Restart(NamedTuple):
    """One restart and the reason that the device reported."""

    at: float
    """When it was detected, in seconds since 1970."""
    reason: int
    """Code of `esp_reset_reason()`."""


@dataclass(eq=False, kw_only=True, slots=True)
class Restarts:
    """The uptime of a device and its last restarts.

    A device only ever starts later, so a boot time that returns is another device's. A
    jump of the wall clock moves the boot time too, but not back and forth.
    """

    uptime: int | None = None
    """Seconds since boot at the last live heartbeat."""
    started: float = 0.0
    """When the device started, by that heartbeat, in seconds since 1970."""
    restored: bool = False
    """Whether the uptime is from before Home Assistant started."""
    _last: tuple[Restart, ...] = ()
    _boots: tuple[float, ...] = ()
    """When earlier boots began, in seconds since 1970."""
    _returns: tuple[float, ...] = ()
    """When an earlier boot returned."""

    def compare(
        self,
        uptime: int | None,
        now: float,
        *,
        changed: bool,
        boot_logged: bool,
        log_compared: bool,
    ) -> Boot:
        """Return which boot a live heartbeat belongs to; remember one that returned.

        Given is whether it changed any telemetry, whether a boot is new in the event
        log, and whether the event log could be compared with a known one.
        """
        last = self.uptime
        if uptime is not None and last is not None:
            boot = now - uptime
            later = boot - self.started
            fell = uptime < last - UPTIME_JITTER
            if (
                not fell
                and abs(later) <= UPTIME_JITTER
                and (uptime > last or not changed)
            ):
                return Boot.SAME
            if abs(later) > UPTIME_JITTER and self._return_to(boot, now):
                return Boot.EARLIER
            if fell or later < 0:
                return Boot.NEW if fell else Boot.SAME
            # It has run for less time than has passed since its last heartbeat.
            if uptime <= last and uptime + UPTIME_JITTER < later:
                return Boot.NEW
            # While Home Assistant did not run, the uptime may have grown past its last
            # value. The event log is a better sign, as the wall clock may have jumped.
            if self.restored and not log_compared and later > BOOT_TIME_JITTER:
                return Boot.NEW
        # A boot may be logged late, when the restart is known already.
        return Boot.NEW if boot_logged else Boot.SAME

    def update(self, uptime: int, now: float) -> None:
        """Remember the uptime of a live heartbeat."""
        self.uptime = uptime
        self.started = now - uptime
        self.restored = False

    def record(self, now: float, reason: int | None) -> None:
        """Record a restart, before the uptime of its heartbeat is remembered."""
        if reason is None:
            reason = ResetReason.UNDETERMINED
        self._last = (*self._last, Restart(at=now, reason=reason))[-LOOP_RESTARTS:]
        self._boots = (*self._boots, self.started)[-_BOOTS:]

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

    def _return_to(self, boot: float, now: float) -> bool:
        """Make an earlier boot the current one, and return whether it was one."""
        for known in self._boots:
            if abs(boot - known) <= UPTIME_JITTER:
                others = (other for other in self._boots if other != known)
                self._boots = (*others, self.started)
                if boot < self.started:
                    self._returns = (*self._returns, now)[-SHARED_RETURNS:]
                return True
        return False
