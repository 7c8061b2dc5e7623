"""Keep the event log of a device."""

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

    They are kept as text, because 16 entries take 0.8 kB as text and 3 kB as objects.
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
        """Apply a heartbeat's entries and return the unknown ones.

        The first time, all are returned, but none counts as new, since they may be old.
        Later, a retained heartbeat changes nothing, since it may be older.
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
        """Handle a restart; return whether all entries are new.

        A boot adds an entry. If the log has one, but no new one, the restart has
        emptied the log and filled it with entries that look the same: without a clock,
        the entries of two boots do not differ.
        """
        events = self.events
        if contains_boot(self.new) or not contains_boot(events):
            return False
        self.new = oldest_first(events)
        return True
