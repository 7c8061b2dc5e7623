"""Keep the last messages of a device as they came, and count them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from .messages import NO_EVENTS

#: How many messages of a device are kept.
KEPT = 10

#: In bytes: what is longer is kept only up to here; no firmware sends as much.
MAX_KEPT_BYTES = 2048

#: What a `Record` is made of, for it is made only when it is asked for.
type Noted = tuple[float, str, bool, bytes, bytes]


class Record(NamedTuple):
    """One message as it came."""

    received_at: float
    """In seconds since 1970."""
    source: str
    """The last level of its topic."""
    live: bool
    text: bytes
    """Its payload, without the events that it repeated."""
    events: bytes
    """What it repeated: one object for all messages that do."""

    @property
    def payload(self) -> bytes:
        """Return the payload as it came, of one far too long the beginning."""
        if not self.events:
            return self.text
        head, _, tail = self.text.partition(NO_EVENTS)
        return head + self.events + tail


@dataclass(eq=False, slots=True)
class Received:
    """What came from one device: how much, and the last of it."""

    live: int = 0
    """How many messages were no replay of what the broker had kept."""
    retained: int = 0
    posts: int = 0
    """How many of the live ones were posted over HTTP."""
    last: list[Noted] = field(default_factory=list)
    """The newest last."""
    heartbeat: Noted | None = None
    """The last heartbeat that could be read."""

    @property
    def total(self) -> int:
        """Return how many messages came."""
        return self.live + self.retained

    def note(self, noted: Noted) -> None:
        """Count a message and keep it in place of the oldest.

        Every heartbeat comes by here.
        """
        if noted[2]:
            self.live += 1
        else:
            self.retained += 1
        last = self.last
        last.append(noted)
        if len(last) > KEPT:
            del last[0]

    def records(self) -> Iterator[Record]:
        """Yield the last messages, the newest last."""
        return (Record(*noted) for noted in self.last)
