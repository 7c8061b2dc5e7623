"""Keep the active alerts of a device.

They are its current state, not a log.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeGuard

from ..protocol.alert import RETAINED_ALERT, Alert
from ..protocol.fields import Fault, FaultKind
from ..protocol.severity import Severity
from .active_alert import ActiveAlert
from .change import Change
from .lost_alerts import LostAlerts

#: Maximum number of subsystems of a device with a sensor (docs/protocol.md, "Alert").
MAX_SUBSYSTEMS = 32

#: Maximum number that is kept by name: those with a sensor or an active alert.
MAX_ACTIVE = 64

#: In seconds: an alert that arrived this close to the computed boot time may be from
#: before or after the restart.
BEFORE_BOOT = 2
AFTER_BOOT = 3

#: Such an alert is closed after this multiple of the usual time.
EITHER_BOOT_FACTOR = 3

#: In seconds: a device that posts may have no MQTT to raise its alerts again.
MAX_POSTPONEMENT = 86_400

#: In characters: a note on an alert is one line.
MAX_NOTE_LENGTH = 255


def is_note(value: object) -> TypeGuard[str]:
    """Return whether a value is one line of text."""
    return (
        isinstance(value, str) and len(value) <= MAX_NOTE_LENGTH and value.isprintable()
    )


class ClosedBy(StrEnum):
    """What closed an alert not cleared by the device."""

    ACTION = "action"
    """A user, with an action."""
    RESTART = "restart"
    """The device restarted and did not raise it again in time."""


@dataclass(eq=False, kw_only=True, slots=True)
class Alerts:
    """The active alerts and subsystems of one device."""

    active: dict[str, ActiveAlert] = field(default_factory=dict)
    """The active alerts, by subsystem."""
    further: Severity = Severity.OK
    """The worst severity of the alerts beyond the limit, which are not kept."""
    subsystems: tuple[str, ...] = ()
    """The subsystems with a sensor; those that are OK are in the order in which they
    became so."""
    replaced: str | None = None
    """The subsystem that lost its sensor to the last one of `subsystems`."""
    unknown: frozenset[str] = frozenset()
    """The subsystems of which it is not known whether they have an alert."""
    unconfirmed_since_restart: frozenset[str] = frozenset()
    """Those with an alert from before the last restart of the device, which it raises
    again or which is closed in the end."""
    of_either_boot: frozenset[str] = frozenset()
    """Those of them whose alert may also be from after it."""
    closed_by: Mapping[str, ClosedBy] = field(default_factory=dict)
    """What closed the last alert of a subsystem, where the device did not clear it."""
    last_closed: tuple[ActiveAlert, ...] = ()
    """The alerts that were closed last."""
    lost: LostAlerts = field(default_factory=LostAlerts)
    _timeout_start: float | None = None
    """The time since which the device could raise its alerts again after a restart;
    None until its next live heartbeat."""
    _is_timeout_uptime: bool = False
    _restarted_at: float | None = None
    """When its restart was seen, by the monotonic clock; None if it was restored."""

    @property
    def severity(self) -> Severity:
        """Return the worst severity of the active alerts."""
        return max([self.further, *(one.severity for one in self.active.values())])

    def as_json(self) -> list[dict[str, str | bool | None]]:
        """Return the alerts for the API, the worst first."""
        return [
            alert.as_json()
            for alert in sorted(
                self.active.values(),
                key=lambda alert: (-alert.severity, alert.subsystem),
            )
        ]

    def apply(
        self,
        alert: Alert,
        *,
        live: bool,
        now: float,
        monotonic: float,
        suppressed: bool,
    ) -> Change:
        """Apply an alert and return what changed.

        A retained one is of unknown age: it neither ends an alert nor replaces what a
        live message reported.
        """
        known = self.active.get(alert.subsystem)
        if not live and known and (alert.severity is Severity.OK or known.confirmed):
            alert.faults.append(RETAINED_ALERT)
            return Change.NOTHING
        if alert.severity is Severity.OK:
            return self._clear(alert.subsystem, live=live)
        return self._raise(
            alert,
            known,
            live=live,
            now=now,
            monotonic=monotonic,
            suppressed=suppressed,
        )

    def _clear(self, subsystem: str, *, live: bool) -> Change:
        """Remove the alert of a subsystem, if any."""
        if subsystem not in self.active and not (live and subsystem in self.unknown):
            return Change.NOTHING
        self.unknown -= {subsystem}
        self.unconfirmed_since_restart -= {subsystem}
        return self._remove((subsystem,))

    def _raise(  # noqa: PLR0913  # all that is known of an alert
        self,
        alert: Alert,
        known: ActiveAlert | None,
        *,
        live: bool,
        now: float,
        monotonic: float,
        suppressed: bool,
    ) -> Change:
        """Add or replace the alert of a subsystem."""
        subsystem, worst = alert.subsystem, self.severity
        change = self._add_subsystem(subsystem)
        kept = self.active.keys() | self.subsystems
        if subsystem not in kept and len(kept) >= MAX_ACTIVE:
            return self._raise_further(alert)
        self.unknown -= {subsystem}
        self.unconfirmed_since_restart -= {subsystem}
        self.closed_by = {
            name: cause
            for name, cause in self.closed_by.items()
            if name != subsystem and name in self.subsystems
        }
        time = datetime.fromtimestamp(int(now), UTC)
        # An acknowledgement holds until the alert gets worse.
        no_worse = known if known and alert.severity <= known.severity else None
        announced = known.announced if known else Severity.OK
        is_announced = no_worse is None and live and not suppressed
        if is_announced:
            announced = max(announced, alert.severity)
        self.active[subsystem] = ActiveAlert(
            subsystem=subsystem,
            severity=alert.severity,
            message=alert.message,
            updated_at=time,
            received=monotonic,
            confirmed=live,
            acknowledged=no_worse is not None and no_worse.acknowledged,
            acknowledged_by=no_worse.acknowledged_by if no_worse else None,
            acknowledged_at=no_worse.acknowledged_at if no_worse else None,
            note=no_worse.note if no_worse else "",
            raised_at=known.raised_at if known else time,
            worsened_at=no_worse.worsened_at if no_worse else time,
            critical_at=_critical_at(known, alert.severity, time),
            announced=announced,
            suppressed=known is not None and known.suppressed and not is_announced,
        )
        return change | self._change(worst)

    def announce(self, subsystem: str, severity: Severity) -> None:
        """Record the severity that triggers know of, if worse."""
        alert = self.active.get(subsystem)
        if alert is not None and alert.announced < severity:
            self.active[subsystem] = replace(alert, announced=severity)

    def suppress(self, subsystem: str) -> None:
        """Record that no trigger knows of an alert."""
        self.active[subsystem] = replace(self.active[subsystem], suppressed=True)

    def _add_subsystem(self, subsystem: str) -> Change:
        """Give a subsystem a sensor, if there is room.

        If all places are taken, it takes the place of the one that has been OK for
        longest.
        """
        if subsystem in self.subsystems:
            return Change.NOTHING
        self.replaced = None
        if len(self.subsystems) >= MAX_SUBSYSTEMS:
            taken = self.active.keys() | self.unknown
            self.replaced = next(
                (name for name in self.subsystems if name not in taken), None
            )
            if self.replaced is None:
                return Change.NOTHING
        self.subsystems = (
            *(name for name in self.subsystems if name != self.replaced),
            subsystem,
        )
        return Change.SUBSYSTEMS

    def _raise_further(self, alert: Alert) -> Change:
        """Count the severity of an alert beyond the limit."""
        alert.faults.append(
            Fault(
                path="subsystem",
                kind=FaultKind.TOO_MANY,
                reason=f"is over the limit of {MAX_ACTIVE} per device",
            )
        )
        worst = self.severity
        self.further = max(self.further, alert.severity)
        return Change.NOTHING if self.severity is worst else self._change(worst)

    def _remove(self, subsystems: tuple[str, ...]) -> Change:
        """Remove the alerts of subsystems that are OK now."""
        worst, change = self.severity, Change.NOTHING
        for subsystem in subsystems:
            self.active.pop(subsystem, None)
        ended = tuple(name for name in subsystems if name in self.subsystems)
        self.subsystems = (
            *(name for name in self.subsystems if name not in ended),
            *ended,
        )
        if self.further and len(self.active) < MAX_ACTIVE:
            # Only the device knows which of them are still active.
            self.further = Severity.OK
            change = Change.HEALTH_CHECK_DUE
        return change | self._change(worst)

    def unconfirm(self) -> Change:
        """Mark all alerts as unconfirmed."""
        return self._unconfirm(self.active.values())

    def restart(self, boot: float, now: float, monotonic: float) -> Change:
        """Mark the alerts from before a restart as unconfirmed.

        Firmware starts out healthy and does not clear what it raised before. The time
        of boot is one of the monotonic clock.
        """
        arrived = {
            subsystem: (
                monotonic - max(0, now - alert.updated_at.timestamp())
                if alert.received is None
                else alert.received
            )
            for subsystem, alert in self.active.items()
        }
        earlier = {name for name, at in arrived.items() if at <= boot + AFTER_BOOT}
        surely = {name for name, at in arrived.items() if at < boot - BEFORE_BOOT}
        self.of_either_boot = (self.of_either_boot | earlier) - surely
        self.unconfirmed_since_restart |= earlier
        self._restarted_at = monotonic
        return self._unconfirm([self.active[name] for name in earlier])

    def reset_timeout(self) -> None:
        """Reset the timeout of alerts from before a restart."""
        self._timeout_start = None

    def postpone_timeout(self, monotonic: float) -> None:
        """Reset the timeout within a day after a restart."""
        if self._restarted_at is None:
            self._restarted_at = monotonic
        if monotonic - self._restarted_at < MAX_POSTPONEMENT:
            self.reset_timeout()

    def close_overdue(self, time: float, seconds: int, *, is_uptime: bool) -> Change:
        """Close alerts not raised again after a restart.

        The time is its uptime, which no jump of a clock distorts, or that of the
        monotonic clock if it has none.
        """
        if self._timeout_start is None or is_uptime is not self._is_timeout_uptime:
            self._timeout_start, self._is_timeout_uptime = time, is_uptime
        elapsed = time - self._timeout_start
        if elapsed < seconds:
            return Change.NOTHING
        overdue = self.unconfirmed_since_restart
        if elapsed < EITHER_BOOT_FACTOR * seconds:
            overdue -= self.of_either_boot
        if not overdue:
            return Change.NOTHING
        self.unknown -= overdue
        self.unconfirmed_since_restart -= overdue
        return self._close(
            tuple(name for name in self.active if name in overdue), ClosedBy.RESTART
        )

    def close(self, subsystem: str) -> Change:
        """Close an alert on behalf of a user."""
        if subsystem not in self.active:
            return Change.NOTHING
        self.unconfirmed_since_restart -= {subsystem}
        return self._close((subsystem,), ClosedBy.ACTION)

    def forget(self, subsystem: str) -> Change:
        """Forget a subsystem whose sensor was removed.

        Its alert, if any, stays active.
        """
        if subsystem not in self.subsystems:
            return Change.NOTHING
        self.subsystems = tuple(name for name in self.subsystems if name != subsystem)
        self.unknown -= {subsystem}
        return Change.ALERTS

    def acknowledge(
        self, subsystem: str, note: str, user: str | None, now: float | None
    ) -> Change:
        """Acknowledge an alert, or without a time not."""
        if (alert := self.active.get(subsystem)) is None:
            return Change.NOTHING
        self.active[subsystem] = alert.with_acknowledgement(note, user, now)
        return Change.ALERTS

    def _close(self, subsystems: tuple[str, ...], closed_by: ClosedBy) -> Change:
        """Close alerts that the device did not clear."""
        self.last_closed = tuple(self.active[name] for name in subsystems)
        self.closed_by = {**self.closed_by, **dict.fromkeys(subsystems, closed_by)}
        return Change.ALERT_CLOSED | self._remove(subsystems)

    def _unconfirm(self, alerts: Iterable[ActiveAlert]) -> Change:
        """Mark some alerts as unconfirmed."""
        confirmed = [alert for alert in alerts if alert.confirmed]
        for alert in confirmed:
            self.active[alert.subsystem] = replace(alert, confirmed=False)
        return Change.ALERTS if confirmed else Change.NOTHING

    def _change(self, before: Severity) -> Change:
        """Return what changed, given the worst severity before."""
        now = self.severity
        if now is before:
            return Change.ALERTS
        if Severity.OK in (now, before):
            return Change.ALERTS | Change.SEVERITY | Change.PROBLEM
        return Change.ALERTS | Change.SEVERITY


def _critical_at(
    known: ActiveAlert | None, severity: Severity, time: datetime
) -> datetime | None:
    """Return since when an alert is critical."""
    if severity < Severity.CRITICAL:
        return None
    return (known and known.critical_at) or time
