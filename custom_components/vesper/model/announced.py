"""Keep what triggers know of, and since when."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from .alerts import MAX_ACTIVE
from .occurrence import Occurrence, OccurrenceKind

type Begun = tuple[Occurrence, float]
"""What has begun, and when triggers knew of it, in seconds since 1970."""

_PLAYBACK = (OccurrenceKind.STARTED_PLAYING, OccurrenceKind.STOPPED_PLAYING)


@dataclass(eq=False, slots=True)
class Announced:
    """The ends of alerts and the playback.

    Of what was suppressed, triggers do not know.
    """

    playback: Begun | None = None
    """What has started or stopped."""
    maintenance_since: float | None = None
    """When maintenance began."""
    over: dict[str, Occurrence] = field(default_factory=dict)
    """What triggers knew of and was over in maintenance: ends of alerts by subsystem,
    and that it came online by an empty name."""
    _ended: dict[str, Begun] = field(default_factory=dict)
    """The ends of alerts that are not held, by subsystem."""
    _ended_each: dict[str, Begun] = field(default_factory=dict)
    """Those of which triggers know that want each change of an alert that flaps."""

    def record(self, occurrence: Occurrence, now: float, *, suppressed: bool) -> None:
        """Record what was published."""
        self._record_over(occurrence, now, suppressed=suppressed)
        if occurrence.kind in _PLAYBACK:
            self._record_playback(occurrence, now, suppressed=suppressed)
        elif occurrence.kind is OccurrenceKind.ALERT_RAISED:
            self._discard(occurrence.subsystem or "")
        elif occurrence.kind is OccurrenceKind.ALERT_CLEARED:
            if suppressed:
                self._discard(occurrence.subsystem or "")
            else:
                self.record_end(occurrence, now)

    def record_end(self, occurrence: Occurrence, since: float) -> None:
        """Record the end of an alert."""
        subsystem = occurrence.subsystem or ""
        if not occurrence.settled:
            self._discard(subsystem)
            _add(self._ended_each, subsystem, (occurrence, since))
        if not occurrence.held:
            _add(self._ended, subsystem, (occurrence, since))

    def ends(self, *, each: bool) -> Iterable[Begun]:
        """Return the ends of alerts, also those held."""
        return (self._ended_each if each else self._ended).values()

    def all_ends(self) -> list[Begun]:
        """Return each end once."""
        held = [begun for begun in self._ended_each.values() if begun[0].held]
        # An end that is held discards what has settled before.
        return [*held, *self._ended.values()]

    def _record_over(
        self, occurrence: Occurrence, now: float, *, suppressed: bool
    ) -> None:
        """Record what is over in maintenance."""
        name = occurrence.subsystem or ""
        match occurrence.kind:
            case OccurrenceKind.MAINTENANCE_STARTED:
                self.maintenance_since = self.maintenance_since or now
            case OccurrenceKind.MAINTENANCE_ENDED:
                self.maintenance_since = None
            case OccurrenceKind.WENT_OFFLINE:
                self.over.pop(name, None)
            case OccurrenceKind.ALERT_CLEARED | OccurrenceKind.CAME_ONLINE if (
                suppressed and (occurrence.announced or occurrence.offline_since)
            ):
                self.over.setdefault(name, occurrence)
                if len(self.over) > MAX_ACTIVE + 1:
                    del self.over[next(iter(self.over))]

    def _record_playback(
        self, occurrence: Occurrence, now: float, *, suppressed: bool
    ) -> None:
        """Record playback, unless it goes on after a gap."""
        known = self.playback and self.playback[0]
        if known is None or not occurrence.continues(known):
            self.playback = None if suppressed else (occurrence, now)

    def _discard(self, subsystem: str) -> None:
        """Discard the end of an alert."""
        self._ended.pop(subsystem, None)
        self._ended_each.pop(subsystem, None)


def _add(ends: dict[str, Begun], subsystem: str, begun: Begun) -> None:
    """Add an end; the oldest makes room."""
    ends.pop(subsystem, None)
    if len(ends) >= MAX_ACTIVE:
        del ends[next(iter(ends))]
    ends[subsystem] = begun
