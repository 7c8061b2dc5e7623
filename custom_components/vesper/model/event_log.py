"""Keep the device's own ring buffer, and find what is new in it."""

from dataclasses import dataclass
import re
from typing import Self

import orjson

from ..protocol.codes import EventTag, RecentEvent
from ..protocol.messages import EVENTS, Fault, Heartbeat, parse_events

#: The text of a log without lists or objects in its entries. What nests is parsed, for
#: it may nest so deep that it can be read here, but not where it stands deeper.
_FLAT = re.compile(rb'"recent_events"\s*:\s*\[(?:[^][{}]|\{[^][{}]*\})*\]')


@dataclass(eq=False, slots=True)
class DeviceLog:
    """The ring buffer as the last heartbeat that changed it told it (protocol, 1).

    It is most of what a heartbeat says and mostly the same, so its text is kept where
    it came, and looked into when somebody asks.
    """

    changes: int = 0
    """How often it has changed."""
    new: tuple[RecentEvent, ...] = ()
    """What the last heartbeat brought, the oldest first; nothing at first sight."""
    _is_known: bool = False
    _saved: bytes | None = None
    """What was kept of it over a restart, while nobody has asked for it."""
    _payload: bytes = b""
    _begin: int = 0
    _end: int = 0
    """Where in the payload its text is; nowhere while it was told by no heartbeat."""
    _stands_alone: bool | None = False
    """Whether that text is `recent_events`, flat, and nothing else; None if nobody
    looked."""
    _events: tuple[RecentEvent, ...] | None = ()
    """What it says, None where the text tells: once it was told twice."""
    _faults: list[Fault] | None = None
    """What is wrong with it, None without a fault."""

    @classmethod
    def saved(cls, items: object) -> Self:
        """Return the log of which that was kept over a restart, be it good or not.

        It is most of what is kept of a device, so it is read when somebody asks, as
        its first heartbeat does: not at the start, when all of them are at once. Until
        then it is kept on as it was.
        """
        try:
            return cls(_saved=None if items is None else orjson.dumps(items))
        except orjson.JSONEncodeError:
            # A number that is far too large to be one of an event.
            return cls()

    @property
    def is_known(self) -> bool:
        """Tell whether the device has ever told it."""
        if self._saved is not None:
            items, self._saved = orjson.loads(self._saved), None
            self._read(items)
        return self._is_known

    def _read(self, items: object) -> None:
        """Take in what was kept, or nothing where anything is wrong with it.

        With a gap in it, the log would make old events look new.
        """
        faults: list[Fault] = []
        events = parse_events(items, faults)
        if events is None or faults:
            return
        self._is_known, self._events = True, events
        # Mostly the device tells the same again, letter by letter, and that is seen
        # without a look into what it tells.
        self._payload = b"%b:%b" % (EVENTS, self.as_saved())
        self._end = len(self._payload)
        self._stands_alone = None

    @property
    def events(self) -> tuple[RecentEvent, ...]:
        """Return all that is in it, the oldest first."""
        if not self.is_known:
            return ()
        if self._events is not None:
            return self._events
        member = orjson.loads(b"{%b}" % self._text)
        return parse_events(member["recent_events"], []) or ()

    def as_saved(self) -> bytes:
        """Return it as JSON, "" where it is not known.

        `parse_events` takes it without fault, if anybody has asked for it.
        """
        if self._saved is not None or not self._is_known:
            return self._saved or b""
        if self._events is None and not self._faults:
            return self._text.partition(b":")[2]
        return orjson.dumps([event.as_told() for event in self.events])

    @property
    def member(self) -> bytes:
        """Return its text for the parser to leave out, "" where it is not known so."""
        if not self._stands_alone:
            return b""
        # Whoever asks once asks again, and keeps it: one object for all.
        self._payload, self._begin, self._end = self._text, 0, self._end - self._begin
        return self._payload

    @property
    def _text(self) -> bytes:
        """Return the text of it."""
        return self._payload[self._begin : self._end]

    def is_in(self, heartbeat: Heartbeat) -> bool:
        """Tell whether a heartbeat that has a log has this one, letter by letter."""
        return heartbeat.is_log_known or (
            self.is_known
            and heartbeat.payload.startswith(self._text, heartbeat.events_at)
        )

    def repeat(self, heartbeat: Heartbeat) -> None:
        """Take in a heartbeat with the same log: what was wrong with it is so still."""
        self.new = ()
        if self._stands_alone is None:
            member = heartbeat.events_member()
            self._stands_alone = _FLAT.fullmatch(member) is not None
            if self._stands_alone:
                self._events = None
        if self._faults:
            heartbeat.faults += self._faults

    def move_to(self, heartbeat: Heartbeat) -> None:
        """Keep the text of it in the payload of another heartbeat that has it."""
        length = self._end - self._begin
        self._payload = heartbeat.payload
        self._begin = heartbeat.events_at
        self._end = self._begin + length

    def change(
        self, heartbeat: Heartbeat, *, live: bool
    ) -> tuple[RecentEvent, ...] | None:
        """Take in another log and return all that is in it; None where it can't count.

        One that the broker kept may be older than what is known.
        """
        first_sight = not self.is_known
        if not (live or first_sight):
            return None
        events, faults = heartbeat.events()
        heartbeat.faults += faults
        # A list of nothing but bad entries is no log: it would make all seem new later.
        if events is None or (faults and not events):
            return None
        # None of it is news at first sight, also where it turns out to be of a start.
        self.new = () if first_sight else new_in(self.events, events)
        self._is_known = True
        self.changes += 1
        self._faults = faults or None
        self._payload, self._begin = heartbeat.payload, heartbeat.events_at
        self._end = self._begin + len(heartbeat.events_as_told())
        # One that changes with each heartbeat is compared with this one soon.
        self._stands_alone, self._events = None, events
        if first_sight:
            heartbeat.events_at = -1
        return events

    def begin_anew(self) -> bool:
        """Take in that the device has restarted, and tell whether that made news.

        A boot logs itself, so a log without a new one in it was emptied, and has come
        to the same again: without a clock one boot looks like another.
        """
        events = self.events
        if not tells_of_boot(events):
            return False
        self.new = events
        return True


def tells_of_boot(events: tuple[RecentEvent, ...]) -> bool:
    """Tell whether there is a boot among some events."""
    return any(event.tag == EventTag.BOOT for event in events)


def new_in(
    known: tuple[RecentEvent, ...], events: tuple[RecentEvent, ...]
) -> tuple[RecentEvent, ...]:
    """Return what a ring buffer holds beyond what it held before, the oldest first.

    What it held stands at its beginning, less what fell out; where it does not, all of
    that fell out, or a restart has emptied it. Entries alone do not tell: a boot before
    the clock is set looks like the one before.
    """
    for fallen_out in range(len(known)):
        left = known[fallen_out:]
        if events[: len(left)] == left:
            return events[len(left) :]
    return events
