"""Track alerts that could not be read."""

from dataclasses import dataclass

from ..protocol.alert import UnreadableAlert
from .change import Change

#: In seconds: if the response to a health check is unreadable too, the device is not
#: asked again before this time has passed.
REQUEST_INTERVAL = 60


@dataclass(eq=False, kw_only=True, slots=True)
class LostAlerts:
    """Whether the last alert of a device was unreadable."""

    fields: frozenset[str] = frozenset()
    """The fields that were wrong, "" for the payload as a whole; empty if it was read.
    """
    _requested_at: float = float("-inf")
    """When a health check was requested last, in seconds since 1970."""

    def record(self, alert: UnreadableAlert, now: float) -> Change:
        """Record an alert that was lost."""
        change = self._set(frozenset(fault.field for fault in alert.faults))
        # The lower bound covers a wall clock that was set back.
        if not 0 <= now - self._requested_at < REQUEST_INTERVAL:
            self._requested_at = now
            change |= Change.HEALTH_CHECK_DUE
        return change

    def end(self) -> Change:
        """Handle an alert that was read."""
        return self._set(frozenset())

    def _set(self, fields: frozenset[str]) -> Change:
        """Set the fields that were wrong."""
        if fields == self.fields:
            return Change.NOTHING
        self.fields = fields
        return Change.ALERT_LOST
