"""Describe the alert of one subsystem."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from ..protocol.severity import Severity


@dataclass(frozen=True, kw_only=True, slots=True)
class ActiveAlert:
    """The alert of one subsystem as it is now."""

    subsystem: str
    severity: Severity
    message: str
    updated_at: datetime
    received: float | None = field(default=None, compare=False)
    """When it arrived, by the monotonic clock; None if it was restored."""
    confirmed: bool
    """Whether the device has reported it since the last gap."""
    acknowledged: bool = False
    """Whether a user knows of it, at this severity or a worse one."""
    acknowledged_by: str | None = None
    """The name of that user, None where an automation did it."""
    acknowledged_at: datetime | None = None
    """When it was acknowledged."""
    note: str = ""
    """The note of that user."""
    raised_at: datetime
    """When it began."""
    worsened_at: datetime
    """When it began or, if it was later, got worse last."""
    critical_at: datetime | None = None
    """Since when it is critical or failed; None if it is not."""
    announced: Severity = Severity.OK
    """The worst severity at which its raise ran triggers; OK if none did."""
    suppressed: bool = False
    """Whether it was raised in maintenance, and triggers have yet to know of it."""

    def with_acknowledgement(
        self, note: str, user: str | None, now: float | None
    ) -> ActiveAlert:
        """Return the alert acknowledged, or without a time not."""
        return replace(
            self,
            acknowledged=now is not None,
            acknowledged_by=user,
            acknowledged_at=None if now is None else datetime.fromtimestamp(now, UTC),
            note=note,
        )

    def as_json(self) -> dict[str, str | bool | None]:
        """Return the alert as the API shows it (docs/http-api.md)."""
        return {
            "subsystem": self.subsystem,
            "state": self.severity.name,
            "message": self.message,
            "updated_at": self.updated_at.isoformat(),
            "confirmed": self.confirmed,
            "acknowledged": self.acknowledged,
            "acknowledged_by": self.acknowledged_by,
            "acknowledged_at": at.isoformat() if (at := self.acknowledged_at) else None,
            "note": self.note,
            "raised_at": self.raised_at.isoformat(),
            "worsened_at": self.worsened_at.isoformat(),
            "announced": self.announced.name,
        }
