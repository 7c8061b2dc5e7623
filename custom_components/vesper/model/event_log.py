"""Keep the device's own ring buffer and find what is new in it."""

from dataclasses import dataclass

from ..protocol.recent_events import (
    RecentEvent,
    contains_boot,
    decode_events,
    new_events,
    oldest_first,
)


@dataclass(eq=False, slots=True)
class EventLog:
    """The ring buffer as the device reported it last."""

    text: bytes = b""
    """The entries as `encode_events` returns them, "" until they are reported.

    Kept as text: 0.8 kB for 16 entries, which are 3 kB as objects.
    """
    new: tuple[RecentEvent, ...] = ()
    """The entries that were added last, the oldest first."""

    @property
    def is_known(self) -> bool:
        """Return whether the device ever reported it."""
        return self.text != b""

    @property
    def events(self) -> tuple[RecentEvent, ...]:
        """Return all entries in the order of the device."""
        return decode_events(self.text) if self.text else ()

    def apply(self, text: bytes, *, live: bool) -> tuple[RecentEvent, ...]:
        """Apply the entries of a heartbeat and return those that were not known.

        All are returned the first time, and none of them is new: they may be old.
        A retained heartbeat may be older than what is known and changes nothing then.
        """
        if text == self.text:
            self.new = ()
            return ()
        if not self.is_known:
            self.text = text
            return oldest_first(self.events)
        if not live:
            return ()
        before, self.text = self.events, text
        self.new = new_events(before, self.events)
        return self.new

    def restart(self) -> bool:
        """Make all entries new where a restart has emptied the log and refilled it.

        A boot logs itself. Where none is new, the log was emptied and filled with the
        same entries: without a clock, one boot looks like another. Returns whether
        that is so.
        """
        events = self.events
        if contains_boot(self.new) or not contains_boot(events):
            return False
        self.new = oldest_first(events)
        return True
