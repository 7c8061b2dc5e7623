"""Count messages of a device and keep the last."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ..protocol.heartbeat import restore_events
from .restarts import Stale

#: How many messages are kept of each device.
MAX_MESSAGES = 10

#: In bytes: only the beginning of a longer payload is kept.
MAX_KEPT_BYTES = 2048


class Record(NamedTuple):
    """One message as it was received."""

    received_at: float
    """In seconds since 1970."""
    source: str
    """The last level of its topic, or `post`."""
    live: bool
    stored: bytes
    """The payload, without the entries of `recent_events` that it repeated."""
    events: bytes
    """Those entries, shared by all messages: ten copies would be 8 kB a device."""

    @property
    def payload(self) -> bytes:
        """Return the payload as received, cut if too long."""
        return restore_events(self.stored, self.events) if self.events else self.stored


@dataclass(eq=False, slots=True)
class MessageLog:
    """The message counts and last messages of one device."""

    live: int = 0
    """How many were live, not retained by the broker."""
    retained: int = 0
    posts: int = 0
    """How many of the live ones were posted over HTTP."""
    stale: Counter[Stale] = field(default_factory=Counter)
    """How many of the live ones were late or replayed heartbeats."""
    heartbeat: Record | None = None
    """The last heartbeat that could be parsed and was not stale."""
    _records: list[Record] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Return how many messages were received."""
        return self.live + self.retained

    def record(self, record: Record, *, is_heartbeat: bool) -> None:
        """Count a message and keep it."""
        if record.live:
            self.live += 1
        else:
            self.retained += 1
        if is_heartbeat:
            self.heartbeat = record
        self._records.append(record)
        del self._records[:-MAX_MESSAGES]

    def records(self) -> Iterator[Record]:
        """Yield the last messages, the newest last."""
        return iter(self._records)
