"""Detect unstable devices and flapping alerts (docs/availability.md)."""

from collections.abc import Container
from dataclasses import dataclass, field, replace

from ..protocol.severity import Severity
from .alerts import MAX_ACTIVE
from .occurrence import CLEARED, Occurrence, OccurrenceKind

#: Connectivity, or the alert of a subsystem, is unstable once it has changed this often
#: within an hour.
MIN_CHANGES = 6

#: In seconds: it is stable again once it has not changed for this long.
QUIET = 3600

#: In seconds: an alert that ends earlier may be raised again at once.
MIN_LENGTH = 2

#: In place of a subsystem.
CONNECTIVITY = ""

_SEVERITIES = {severity.key: severity for severity in Severity}


@dataclass(eq=False, slots=True)
class Held:
    """The end of an alert, unknown to triggers."""

    occurrence: Occurrence
    until: float = 0
    """When it is published unless the alert is active then, by the monotonic clock."""


@dataclass(eq=False, slots=True)
class Stability:
    """What has changed about one device within an hour.

    While an alert flaps, its ends are held, and it is announced again only if it gets
    worse than what was announced. When it no longer flaps, its end is published if it
    is over. Times are those of the monotonic clock.
    """

    unstable: dict[str, int] = field(default_factory=dict)
    """The unstable subsystems or `CONNECTIVITY`, and how often each has changed."""
    held: dict[str, Held] = field(default_factory=dict)
    """The held ends of alerts, by subsystem."""
    _times: dict[str, tuple[float, ...]] = field(default_factory=dict)
    """When each has changed last, `MIN_CHANGES` times at most."""

    def record(self, occurrence: Occurrence, monotonic: float) -> Occurrence:
        """Record what may be a change.

        Return the occurrence, marked as held if triggers are not to know of it yet.
        """
        key = _key(occurrence)
        if key is None or not self._count(key, monotonic):
            return occurrence
        if key is CONNECTIVITY or not self._is_held(key, occurrence):
            self.held.pop(key, None)
            return occurrence
        self.hold(occurrence, monotonic)
        return replace(occurrence, held=True)

    def hold(self, occurrence: Occurrence, monotonic: float) -> None:
        """Hold the end of an alert, maybe for longer."""
        key = occurrence.subsystem or ""
        wait = QUIET if key in self.unstable else MIN_LENGTH
        held = self.held.setdefault(key, Held(occurrence))
        held.until = monotonic + wait

    def restore(self, key: str, count: int, last: float) -> None:
        """Restore what is unstable.

        `last` is when it changed last, in seconds since 1970 until `restart`.
        """
        self.unstable[key] = count
        self._times[key] = (last,)

    def restart(self, now: float, monotonic: float) -> None:
        """Continue after a restart of Home Assistant."""
        for key, times in self._times.items():
            self._times[key] = (monotonic - max(0, now - times[-1]),)
        for held in self.held.values():
            held.until = monotonic + QUIET

    def last_change(self, key: str) -> float:
        """Return when something unstable has changed last."""
        return self._times[key][-1]

    def settle(self, active: Container[str], monotonic: float) -> list[Occurrence]:
        """Forget what has not changed for long.

        `active` are the subsystems with an alert. Return the held ends that triggers
        have to know of now.
        """
        for key, times in tuple(self._times.items()):
            if monotonic - times[-1] >= QUIET:
                del self._times[key]
                self.unstable.pop(key, None)
        due = [key for key, held in self.held.items() if held.until <= monotonic]
        ended = [self.held.pop(key).occurrence for key in due]
        return [
            replace(occurrence, held=False, settled=True)
            for occurrence in ended
            if occurrence.subsystem not in active
        ]

    @property
    def deadline(self) -> float | None:
        """Return when to settle next; None if never."""
        ends = [times[-1] + QUIET for times in self._times.values()]
        ends += [held.until for held in self.held.values()]
        return min(ends, default=None)

    def _count(self, key: str, monotonic: float) -> bool:
        """Count a change, unless too many others are counted."""
        if key not in self._times and len(self._times) > MAX_ACTIVE:
            return False
        times = self._times.get(key, ())
        self._times[key] = times = (*times[1 - MIN_CHANGES :], monotonic)
        if key in self.unstable:
            self.unstable[key] += 1
        elif len(times) == MIN_CHANGES and monotonic - times[0] < QUIET:
            self.unstable[key] = MIN_CHANGES
        return True

    def _is_held(self, key: str, occurrence: Occurrence) -> bool:
        """Return whether the change of an alert is held."""
        if occurrence.kind is OccurrenceKind.ALERT_CLEARED:
            if occurrence.reason != CLEARED:
                return False
            times = self._times[key]
            is_short = len(times) > 1 and times[-1] - times[-2] < MIN_LENGTH
            return is_short or key in self.unstable or key in self.held
        if (held := self.held.get(key)) is None:
            return False
        announced = _SEVERITIES[held.occurrence.announced or Severity.OK.key]
        return _SEVERITIES[occurrence.to_state or Severity.OK.key] <= announced


def _key(occurrence: Occurrence) -> str | None:
    """Return what has changed, None for nothing that counts."""
    match occurrence.kind:
        case OccurrenceKind.ALERT_RAISED | OccurrenceKind.ALERT_CLEARED:
            return occurrence.subsystem
        case OccurrenceKind.CAME_ONLINE | OccurrenceKind.WENT_OFFLINE:
            return CONNECTIVITY
        case _:
            return None
