"""Tell the restarts of a device from two devices that share one id."""

from dataclasses import dataclass
from typing import NamedTuple

from ..protocol.codes import ResetReason

#: In seconds: a time of boot, or an uptime, that differs by no more than this is that
#: of the same boot, told late.
UPTIME_JITTER = 5

#: So many restarts within so many seconds are a loop.
LOOP_RESTARTS = 4
LOOP_SECONDS = 3600

#: So many returns to an earlier boot within so many seconds take a second device; one
#: is what a message makes that comes late.
MIX_RETURNS = 2
MIX_SECONDS = 600

#: How many boots beside the current one are kept in mind.
_BOOTS = 3


class Restart(NamedTuple):
    """One restart, with what the device gave as its reason."""

    at: float
    """When it was seen, in seconds since 1970."""
    reason: int
    """Code of `esp_reset_reason()`."""


@dataclass(eq=False, slots=True)
class Restarts:
    """The last restarts of whatever speaks under one id.

    A device only ever starts later, so a time of boot that comes back is another
    device's. A step of the wall clock moves the time of boot too, but not back and
    forth between those of boots that were seen.
    """

    _last: tuple[Restart, ...] = ()
    _boots: tuple[float, ...] = ()
    """When it had started before the current boot, in seconds since 1970."""
    _returns: tuple[float, ...] = ()
    """When an earlier boot came back."""

    def note(self, now: float, reason: int | None, *, boot_before: float) -> None:
        """Take in a restart, and when the boot had begun that it ended."""
        if reason is None:
            reason = ResetReason.UNDETERMINED
        restart = Restart(at=now, reason=reason)
        self._last = (*self._last, restart)[-LOOP_RESTARTS:]
        self._boots = (*self._boots, boot_before)[-_BOOTS:]

    def return_to(self, boot: float, now: float, *, boot_before: float) -> bool:
        """Tell whether a time of boot is one that was left before; it is so no more."""
        for known in self._boots:
            if abs(boot - known) <= UPTIME_JITTER:
                others = (other for other in self._boots if other != known)
                self._boots = (*others, boot_before)
                if boot < boot_before:
                    self._returns = (*self._returns, now)[-MIX_RETURNS:]
                return True
        return False

    def loop(self, now: float) -> tuple[Restart, ...]:
        """Return the last restarts if so many of them lie within an hour, else none."""
        last = self._last
        if len(last) == LOOP_RESTARTS and 0 <= now - last[0].at <= LOOP_SECONDS:
            return last
        return ()

    def are_mixed(self, now: float) -> bool:
        """Tell whether what is heard is more than one device.

        Once that was seen, it is so for as long after the last return.
        """
        if len(self._returns) < MIX_RETURNS:
            return False
        first, last = self._returns
        return last - first <= MIX_SECONDS and 0 <= now - last <= MIX_SECONDS
