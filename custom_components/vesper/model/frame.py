"""Recognize a heartbeat that says what one before it said, but for what drifts."""

from dataclasses import dataclass
import re
from sys import intern
from typing import Self

from ..protocol.messages import EVENTS, MAX_HEAP, MAX_UPTIME, Heartbeat, parse_heartbeat

#: In bytes: of what is longer no more than this is kept; no firmware sends as much.
MAX_KEPT_BYTES = 2048

#: The two numbers that drift, each where it is told first.
_UPTIME = re.compile(rb'"uptime"\s*:\s*(\d+)')
_HEAP_FREE = re.compile(rb'"heap_free"\s*:\s*(\d+)')

#: What stands in their place to see whether they are what the parser reads.
_OTHER_UPTIME, _OTHER_HEAP = 1, 2

#: In digits, as many as either can have.
_MOST_DIGITS = 10

#: No number in JSON begins with it, but for this one alone.
_ZERO = ord("0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """A heartbeat with two blanks in it: the uptime and the free heap.

    A device says the same every 30 seconds, but for these. To see that is far cheaper
    than to parse the text again, and to keep it is all that is to be kept.
    It is no parser: what it takes for the same, the parser has read before.
    """

    text: bytes
    """The heartbeat that it was made from."""
    first_at: int
    first_end: int
    second_at: int
    second_end: int
    """Where in the text the two numbers are."""
    uptime_is_first: bool
    settled_as_told: tuple[object, ...]
    """What it says of what hardly ever changes, as it came."""

    @classmethod
    def of(cls, heartbeat: Heartbeat, device_id: str) -> Self | None:
        """Return the frame of a heartbeat of a device, None where it has none.

        It has one where it is without fault and other numbers in the blanks would
        change what the parser reads of these two, and nothing else.
        """
        text = heartbeat.payload
        if heartbeat.faults or len(text) > MAX_KEPT_BYTES - 2 * _MOST_DIGITS:
            return None
        uptime, heap_free = _UPTIME.search(text), _HEAP_FREE.search(text)
        if uptime is None or heap_free is None:
            return None
        blanks = sorted((uptime.span(1), heap_free.span(1)))
        (first_at, first_end), (second_at, second_end) = blanks
        frame = cls(
            text=text,
            first_at=first_at,
            first_end=first_end,
            second_at=second_at,
            second_end=second_end,
            uptime_is_first=uptime.span() < heap_free.span(),
            settled_as_told=tuple(
                intern(told) if type(told) is str else told
                for told in heartbeat.settled_as_told
            ),
        )
        other = parse_heartbeat(
            frame.filled_in(_OTHER_UPTIME, _OTHER_HEAP), device_id, b""
        )
        whole = parse_heartbeat(text, device_id, b"")
        if (
            isinstance(other, Heartbeat)
            and isinstance(whole, Heartbeat)
            and not other.faults
            # Of what is known as 1, true is a fault that nobody has looked at.
            and not whole.settled()[1]
            and (other.uptime, other.heap_free) == (_OTHER_UPTIME, _OTHER_HEAP)
            and other.settled_as_told == whole.settled_as_told
            and other.data.get("recent_events") == whole.data.get("recent_events")
        ):
            return frame
        return None

    def filled_in(self, uptime: int, heap_free: int) -> bytes:
        """Return the heartbeat with these numbers in the blanks."""
        first, second = uptime, heap_free
        if not self.uptime_is_first:
            first, second = second, first
        text = self.text
        return b"%b%d%b%d%b" % (
            text[: self.first_at],
            first,
            text[self.first_end : self.second_at],
            second,
            text[self.second_end :],
        )

    def heartbeat(self, payload: bytes, uptime: int, heap_free: int) -> Heartbeat:
        """Return what the parser would, of a payload that was read so."""
        return Heartbeat(
            uptime,
            heap_free,
            self.settled_as_told,
            payload,
            payload,
            b"",
            payload.find(EVENTS),
            None,
            [],
            in_frame=True,
        )

    def read(self, payload: bytes) -> tuple[int, int] | None:
        """Return uptime in seconds and free heap in bytes of a payload in this frame.

        None where it is another one, or a number is not one that the parser takes as it
        stands. Every heartbeat comes by here.
        """
        text = self.text
        head, tail = text[: self.first_at], text[self.second_end :]
        if (
            len(payload) > len(text) + 2 * _MOST_DIGITS
            or not payload.startswith(head)
            or not payload.endswith(tail)
        ):
            return None
        first, middle, second = payload[len(head) : -len(tail)].partition(
            text[self.first_end : self.second_at]
        )
        if (
            not middle
            or not first.isdigit()
            or not second.isdigit()
            or first[0] == _ZERO
            or second[0] == _ZERO
        ):
            return None
        uptime, heap_free = int(first), int(second)
        if not self.uptime_is_first:
            uptime, heap_free = heap_free, uptime
        if uptime > MAX_UPTIME or heap_free > MAX_HEAP:
            return None
        return uptime, heap_free
