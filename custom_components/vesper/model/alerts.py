"""Keep the active alerts of one device: current state, never a log."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TypeGuard

from ..protocol.messages import RETAINED_ALERT, Alert, Fault, FaultKind
from ..protocol.severity import Severity
from .change import Change, Changes

#: A device with more subsystems than this is not one of ours (protocol, section 1).
MAX_SUBSYSTEMS = 32

#: What a person notes on an alert is a line, not a report.
MAX_NOTE_LENGTH = 255


def is_note(value: object) -> TypeGuard[str]:
    """Tell whether a value is one line of text, which may be empty."""
    return (
        isinstance(value, str) and len(value) <= MAX_NOTE_LENGTH and value.isprintable()
    )


class ClosedBy(StrEnum):
    """What closed an alert without a word of its device."""

    ACTION = "action"
    """A person has said that it is over."""
    RESTART = "restart"
    """The device has restarted and not raised it again in time."""


#: What most devices have of it, so that they share it.
NOBODY: Mapping[str, ClosedBy] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class ActiveAlert:
    """The trouble of one subsystem as it stands now."""

    subsystem: str
    severity: Severity
    message: str
    updated_at: datetime
    confirmed: bool
    """Whether the device itself has said so since the last gap in what we heard."""
    acknowledged: bool = False
    """Whether a person knows of it, and of nothing worse."""
    note: str = ""
    """What that person had to say about it."""

    def as_json(self) -> dict[str, str | bool]:
        """Return the alert as the API shows it (protocol, section 5)."""
        return {
            "subsystem": self.subsystem,
            "state": self.severity.name,
            "message": self.message,
            "updated_at": self.updated_at.isoformat(),
            "confirmed": self.confirmed,
            "acknowledged": self.acknowledged,
            "note": self.note,
        }


@dataclass(eq=False, kw_only=True, slots=True)
class Alerts:
    """The active set of one device, and the subsystems that it ever spoke of."""

    active: dict[str, ActiveAlert] = field(default_factory=dict)
    """The active set, by subsystem."""
    subsystems: tuple[str, ...] = ()
    """Every subsystem that ever raised an alert, in that order."""
    unheard: frozenset[str] = frozenset()
    """Those known from before, of which it has not spoken since."""
    awaited: frozenset[str] = frozenset()
    """Those whose active alert is from before the last restart of the device: it is to
    be raised again, or closed in the end. To be kept when the active set is."""
    closed_by: Mapping[str, ClosedBy] = NOBODY
    """What closed the last alert of a subsystem, where that was not the device."""
    just_closed: tuple[str, ...] = ()
    """The subsystems whose alerts were closed last."""

    @property
    def severity(self) -> Severity:
        """Return the severity of the worst active alert."""
        return max(
            (alert.severity for alert in self.active.values()), default=Severity.OK
        )

    def as_json(self) -> list[dict[str, str | bool]]:
        """Return the active alerts as the API shows them, the worst first."""
        return [
            alert.as_json()
            for alert in sorted(
                self.active.values(),
                key=lambda alert: (-alert.severity, alert.subsystem),
            )
        ]

    def apply(self, alert: Alert, *, live: bool, now: float) -> Changes:
        """Take a transition of a subsystem in, or the same state told again."""
        subsystem = alert.subsystem
        worst = self.severity
        known = self.active.get(subsystem)
        if not live and known and (alert.severity is Severity.OK or known.confirmed):
            # Of an unknown age: it must not end an alert, nor outdo what was heard.
            alert.faults.append(RETAINED_ALERT)
            return Change.NOTHING
        if alert.severity is Severity.OK:
            if known is None and not (live and subsystem in self.unheard):
                return Change.NOTHING
            self.unheard -= {subsystem}
            self.awaited -= {subsystem}
            self.active.pop(subsystem, None)
            return self._changed(worst)
        change = Change.NOTHING
        self.unheard -= {subsystem}
        if subsystem not in self.subsystems:
            if len(self.subsystems) >= MAX_SUBSYSTEMS:
                alert.faults.append(
                    Fault(
                        path="subsystem",
                        kind=FaultKind.TOO_MANY,
                        reason=f"must be one of at most {MAX_SUBSYSTEMS} of a device",
                    )
                )
                return Change.NOTHING
            self.subsystems += (subsystem,)
            change = Change.SUBSYSTEMS
        self.awaited -= {subsystem}
        if subsystem in self.closed_by:
            left = {
                name: by for name, by in self.closed_by.items() if name != subsystem
            }
            self.closed_by = left
        # What a person knows of holds until it gets worse.
        acknowledged = known if known and alert.severity <= known.severity else None
        self.active[subsystem] = ActiveAlert(
            subsystem=subsystem,
            severity=alert.severity,
            message=alert.message,
            updated_at=datetime.fromtimestamp(int(now), UTC),
            confirmed=live,
            acknowledged=acknowledged is not None and acknowledged.acknowledged,
            note=acknowledged.note if acknowledged else "",
        )
        return change | self._changed(worst)

    def unconfirm(self) -> Changes:
        """Mark the alerts as not confirmed until the device speaks of them again."""
        return self._unconfirm(self.active.values())

    def restart(self, started: float, surely_before: float) -> Changes:
        """Wait for what the device had raised before it started anew.

        It starts out healthy, and says nothing of what is no longer wrong. What came
        between the two times may be of either boot: it is not confirmed, and stays.
        """
        earlier = [
            alert
            for alert in self.active.values()
            if alert.updated_at.timestamp() < started
        ]
        self.awaited |= {
            alert.subsystem
            for alert in earlier
            if alert.updated_at.timestamp() < surely_before
        }
        return self._unconfirm(earlier)

    def close_awaited(self) -> Changes:
        """Close what the device has not raised again since it started anew."""
        change = self._close(
            tuple(name for name in self.active if name in self.awaited),
            ClosedBy.RESTART,
        )
        self.unheard -= self.awaited
        self.awaited = frozenset()
        return change

    def close(self, subsystem: str) -> Changes:
        """Take a person's word that an alert is over, where there is one."""
        if subsystem not in self.active:
            return Change.NOTHING
        self.awaited -= {subsystem}
        return self._close((subsystem,), ClosedBy.ACTION)

    def acknowledge(self, subsystem: str, note: str) -> Changes:
        """Take in that a person knows of an alert, where there is one."""
        if (alert := self.active.get(subsystem)) is None:
            return Change.NOTHING
        self.active[subsystem] = replace(alert, acknowledged=True, note=note)
        return Change.ALERTS

    def _close(self, subsystems: tuple[str, ...], closed_by: ClosedBy) -> Changes:
        """Close alerts without a word of the device."""
        worst = self.severity
        for subsystem in subsystems:
            del self.active[subsystem]
            self.closed_by = {**self.closed_by, subsystem: closed_by}
        self.just_closed = subsystems
        return Change.ALERT_CLOSED | self._changed(worst)

    def _unconfirm(self, alerts: Iterable[ActiveAlert]) -> Changes:
        """Mark some of the alerts as not confirmed."""
        confirmed = [alert for alert in alerts if alert.confirmed]
        for alert in confirmed:
            self.active[alert.subsystem] = replace(alert, confirmed=False)
        return Change.ALERTS if confirmed else Change.NOTHING

    def _changed(self, before: Severity) -> Changes:
        """Return what a change of the active set changed, given the worst before."""
        now = self.severity
        if now is before:
            return Change.ALERTS
        if Severity.OK in (now, before):
            return Change.ALERTS | Change.SEVERITY | Change.PROBLEM
        return Change.ALERTS | Change.SEVERITY
