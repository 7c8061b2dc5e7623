"""Detect unstable devices and flapping alerts (docs/availability.md)."""

from dataclasses import dataclass, field, replace
from typing import Any

from ..protocol.severity import Severity
from .alerts import MAX_ACTIVE, Alerts
from .occurrence import CLEARED, Occurrence, OccurrenceKind, alert_occurrence
from .restarts import LOOP_RESTARTS

#: Connectivity, or the alert of a subsystem, is unstable once it has changed this often
#: within an hour.
MIN_CHANGES = 6

#: In seconds: it is stable again once it has not changed for this long.
QUIET = 3600

#: In seconds: an alert that ends earlier may be raised again at once.
MIN_LENGTH = 2

#: In seconds: what is due while occurrences are suppressed is postponed by this.
POSTPONEMENT = 60

#: In place of a subsystem, none of which has such a name.
CONNECTIVITY = ""
RESTARTS = " "

#: What users know them by.
NAMES = {CONNECTIVITY: "connectivity", RESTARTS: "restarts"}

_SEVERITIES = {severity.key: severity for severity in Severity}


def _severity(key: str | None) -> Severity:
    """Return a severity, OK without one."""
    return _SEVERITIES[key or Severity.OK.key]


def _acknowledgement(first: Occurrence, last: Occurrence) -> dict[str, Any]:
    """Return who knew of any of two alerts."""
    known = last if last.acknowledged else first
    return {
        "acknowledged": known.acknowledged,
        "acknowledged_by": known.acknowledged_by,
    }


@dataclass(eq=False, slots=True)
class Held:
    """The end of an alert, unknown to triggers."""

    occurrence: Occurrence
    until: float = 0
    """When it is published unless the alert is active then, by the monotonic clock."""


@dataclass(eq=False, slots=True)
class Stability:
    """What has changed about one device within an hour.

    While an alert flaps, its ends are held, so it counts as active for triggers, and it
    is announced again only if it gets worse than what was announced. Once it no longer
    flaps, it is published whether it is active. Times are those of the monotonic clock.
    """

    unstable: dict[str, int] = field(default_factory=dict)
    """The unstable subsystems, `CONNECTIVITY` or `RESTARTS`, and how often each has
    changed."""
    announced_unstable: bool = False
    """Whether triggers know that the device is unstable."""
    held: dict[str, Held] = field(default_factory=dict)
    """The held ends of alerts, by subsystem."""
    _times: dict[str, tuple[float, ...]] = field(default_factory=dict)
    """When each has changed last, `MIN_CHANGES` times at most."""
    _announced: dict[str, Severity] = field(default_factory=dict)
    """The worst published severity of each alert since its last published end."""
    _flapped: set[str] = field(default_factory=set)
    """What is no longer unstable, as triggers have yet to know."""
    _postponed_until: float = 0

    def record(self, occurrence: Occurrence, monotonic: float) -> Occurrence:
        """Record what may be a change.

        Return the occurrence, marked as held if triggers are not to know of it yet.
        """
        if occurrence.kind is OccurrenceKind.CAME_ONLINE:
            # It went offline before.
            self._count(CONNECTIVITY, monotonic, changes=2)
        elif occurrence.kind is OccurrenceKind.RESTARTED:
            self._count(RESTARTS, monotonic)
        elif occurrence.kind is OccurrenceKind.ALERT_RAISED:
            if self._is_raise_held(occurrence, monotonic):
                return replace(occurrence, held=True)
        elif occurrence.kind is OccurrenceKind.ALERT_CLEARED and self._is_end_held(
            occurrence, monotonic
        ):
            self.hold(occurrence, monotonic)
            return replace(occurrence, held=True)
        return occurrence

    def hold(self, occurrence: Occurrence, monotonic: float) -> None:
        """Hold the end of an alert, maybe for longer."""
        key = occurrence.subsystem or ""
        announced = _severity(occurrence.announced)
        if (held := self.held.get(key)) is None:
            held = self.held[key] = Held(occurrence)
        else:
            # Triggers know of the first of these alerts.
            announced = max(announced, _severity(held.occurrence.announced))
            held.occurrence = replace(
                occurrence,
                announced=announced.key if announced else None,
                raised_at=held.occurrence.raised_at,
                worsened_at=held.occurrence.worsened_at,
                critical_at=held.occurrence.critical_at or occurrence.critical_at,
                **_acknowledgement(held.occurrence, occurrence),
            )
        self._announced[key] = max(announced, self.announced(key))
        held.until = monotonic + self._wait(key)

    def counts_as_active(self, subsystem: str) -> bool:
        """Return whether triggers take an alert for active."""
        return subsystem in self.held or subsystem in self.unstable

    def restore(self, key: str, count: int, last: float) -> None:
        """Restore what is unstable.

        `last` is when it changed last, in seconds since 1970 until `restart`.
        """
        self.unstable[key] = count
        self._times[key] = (last,)

    def restart(self, alerts: Alerts, now: float, monotonic: float) -> None:
        """Continue after a restart of Home Assistant."""
        for key, times in self._times.items():
            self._times[key] = (monotonic - max(0, now - times[-1]),)
            if (alert := alerts.active.get(key)) is not None:
                self._announced[key] = max(alert.announced, self.announced(key))
        for key, held in self.held.items():
            held.until = monotonic + self._wait(key)

    def announced(self, key: str) -> Severity:
        """Return the worst severity that triggers know of."""
        return self._announced.get(key, Severity.OK)

    def forget(self, key: str) -> None:
        """Forget what was announced of an alert."""
        self._announced.pop(key, None)
        self._flapped.discard(key)

    def last_change(self, key: str) -> float:
        """Return when something unstable has changed last."""
        return self._times[key][-1]

    def end(self, key: str) -> None:
        """End an alert of which triggers knew."""
        self.held.pop(key, None)
        self.forget(key)

    def forget_quiet(self, monotonic: float) -> None:
        """Forget what has not changed for long."""
        for key, times in tuple(self._times.items()):
            if monotonic - times[-1] >= QUIET:
                del self._times[key]
                if self.unstable.pop(key, None) is not None:
                    self._flapped.add(key)

    def settle(
        self, device_id: str, alerts: Alerts, monotonic: float
    ) -> list[Occurrence]:
        """Return what triggers have to know of now.

        That is the held ends of alerts that are over, the alerts that are active after
        they have flapped, unless a user knows of them, and that the device is stable.
        """
        due = {key for key, held in self.held.items() if held.until <= monotonic}
        occurrences: list[Occurrence | None] = []
        for key in due | self._flapped:
            held, alert = self.held.pop(key, None), alerts.active.get(key)
            if alert is not None:
                announced = self.announced(key)
                if not alert.acknowledged and (
                    alert.severity > announced or key in self._flapped
                ):
                    announced = max(announced, alert.severity)
                    occurrences.append(alert_occurrence(device_id, None, alert))
                self._announced[key] = announced
                alerts.announce(key, announced)
            elif held is not None:
                self._announced.pop(key, None)
                occurrences.append(held.occurrence)
        self._flapped.clear()
        if self.announced_unstable and not self.unstable:
            self.announced_unstable = False
            occurrences.append(
                Occurrence(kind=OccurrenceKind.BECAME_STABLE, device_id=device_id)
            )
        for key in self._announced.keys() - self._times.keys() - self.held.keys():
            del self._announced[key]
        return [
            replace(occurrence, held=False, settled=True)
            for occurrence in occurrences
            if occurrence is not None
        ]

    def postpone(self, monotonic: float) -> None:
        """Settle later, as occurrences are suppressed."""
        self._postponed_until = monotonic + POSTPONEMENT

    @property
    def deadline(self) -> float | None:
        """Return when to settle next; None if never."""
        ends = [times[-1] + QUIET for times in self._times.values()]
        ends += [held.until for held in self.held.values()]
        if self._flapped or (self.announced_unstable and not self.unstable):
            ends.append(self._postponed_until)
        return max(min(ends), self._postponed_until) if ends else None

    def _wait(self, key: str) -> float:
        """Return how long an end is held, in seconds."""
        return QUIET if key in self.unstable else MIN_LENGTH

    def _count(self, key: str, monotonic: float, *, changes: int = 1) -> bool:
        """Count changes, unless too many others are counted."""
        if key not in self._times and len(self._times) > MAX_ACTIVE:
            return False
        limit = LOOP_RESTARTS if key == RESTARTS else MIN_CHANGES
        times = (*self._times.get(key, ()), *(monotonic,) * changes)[-limit:]
        self._times[key] = times
        if key in self.unstable:
            self.unstable[key] += changes
        elif len(times) == limit and monotonic - times[0] < QUIET:
            self.unstable[key] = limit
        return True

    def _is_raise_held(self, occurrence: Occurrence, monotonic: float) -> bool:
        """Return whether an alert was announced before."""
        key = occurrence.subsystem or ""
        severity = _severity(occurrence.to_state)
        announced = self.announced(key)
        was_announced = severity <= announced
        # If it has not ended, it got better before, which is no occurrence.
        got_better = was_announced and key not in self.held
        if not self._count(key, monotonic, changes=2 if got_better else 1):
            return False
        if was_announced and self.counts_as_active(key):
            if (held := self.held.get(key)) is not None:
                held.until = monotonic + self._wait(key)
            return True
        self.held.pop(key, None)
        # Otherwise it would be published again after maintenance.
        self._flapped.discard(key)
        self._announced[key] = max(announced, severity)
        return False

    def _is_end_held(self, occurrence: Occurrence, monotonic: float) -> bool:
        """Return whether an ended alert may come back.

        That which a user or a restart has ended is over.
        """
        key = occurrence.subsystem or ""
        last = self._times.get(key, (float("-inf"),))[-1]
        is_counted = self._count(key, monotonic)
        is_short = monotonic - last < MIN_LENGTH
        if (
            is_counted
            and occurrence.reason == CLEARED
            and (is_short or self.counts_as_active(key))
        ):
            return True
        self.end(key)
        return False
