"""Keep the last messages of a device as they came, and count them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from ..protocol.messages import NO_EVENTS
from ..protocol.topics import HEARTBEAT
from .pulse import KEPT, Pulse

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

    retained: int = 0
    posts: int = 0
    """How many of the live ones were posted over HTTP."""
    _live: int = 0
    """How many were live, but those of the last pulse."""
    _last: list[Noted | Pulse] = field(default_factory=list)
    """The newest last; pulses hold more than one, so there may be too many."""
    _heartbeat: Noted | Pulse | None = None
    """Where the last heartbeat is that could be read."""
    _pulse: Pulse | None = None

    @property
    def live(self) -> int:
        """Return how many messages were no replay of what the broker had kept."""
        return self._live + (self._pulse.count if self._pulse else 0)

    @property
    def total(self) -> int:
        """Return how many messages came."""
        return self.live + self.retained

    @property
    def heartbeat(self) -> Record | None:
        """Return the last heartbeat that could be read."""
        if self._heartbeat is None:
            return None
        return next(_newest_first(self._heartbeat))

    def note(self, noted: Noted, *, is_heartbeat: bool = False) -> None:
        """Count a message and keep it in place of the oldest."""
        if noted[2]:
            self._live += 1
        else:
            self.retained += 1
        if is_heartbeat:
            self._heartbeat = noted
        self._last.append(noted)
        del self._last[:-KEPT]

    def follow(self, pulse: Pulse) -> None:
        """Have the next heartbeats kept and counted in a pulse that has none yet."""
        self._live = self.live
        self._heartbeat = self._pulse = pulse
        self._last.append(pulse)
        del self._last[:-KEPT]

    def follows(self, pulse: Pulse) -> bool:
        """Tell whether the newest message is in a pulse."""
        return self._last[-1:] == [pulse]

    def records(self) -> Iterator[Record]:
        """Yield the last messages, the newest last."""
        newest = (
            record for item in reversed(self._last) for record in _newest_first(item)
        )
        return reversed(tuple(islice(newest, KEPT)))

    def drop_old(self) -> None:
        """Drop what is older than all that the newest pulse keeps."""
        if self._pulse is not None and self._pulse.count >= KEPT:
            del self._last[:-1]


def _newest_first(item: Noted | Pulse) -> Iterator[Record]:
    """Yield what is kept of a message, or of those in a pulse."""
    if not isinstance(item, Pulse):
        yield Record(*item)
        return
    for now, uptime, heap_free in reversed(tuple(item.beats)):
        text = item.frame.filled_in(uptime, heap_free)
        yield Record(now, HEARTBEAT.name, live=True, text=text, events=b"")
