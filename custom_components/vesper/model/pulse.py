"""Take in heartbeats that change nothing that is told, by touching next to nothing.

Among many devices it is not the steps that cost, but all that has to be fetched from
memory for them. So all that such a heartbeat is compared with, and leaves behind, lies
together in one buffer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import Struct

from ..protocol.messages import Heartbeat
from .frame import Frame

#: How many heartbeats are kept.
KEPT = 10

#: When the last one came, by the wall clock and the monotonic one, and how many did.
_LAST = Struct("=ddQ")
#: That, and the bounds of the calm: until when, the start of the device from and to,
#: the free heap from and to.
_STATE = Struct("=ddQdddII")
_CALM_AT = _LAST.size
_CALM = Struct("=dddII")
#: Of each that is kept: when it came, its uptime, its free heap.
_BEAT = Struct("=dII")
_BEATS_AT, _BEAT_SIZE = _STATE.size, _BEAT.size

_NEVER = float("-inf")


def _empty() -> bytearray:
    """Return the buffer of a pulse without heartbeats."""
    buffer = bytearray(_BEATS_AT + KEPT * _BEAT_SIZE)
    _STATE.pack_into(buffer, 0, _NEVER, _NEVER, 0, _NEVER, 0, 0, 0, 0)
    return buffer


@dataclass(frozen=True, kw_only=True, slots=True)
class Calm:
    """The bounds within which a heartbeat in the frame changes nothing that is told."""

    until: float
    """In seconds since 1970, as all times here but `heard`."""
    started: tuple[float, float]
    """When the device has started: from, to."""
    heap_free: tuple[int, int]
    """In bytes: from, to."""


@dataclass(eq=False, slots=True)
class Pulse:
    """Live heartbeats in a row that are all in one frame."""

    frame: Frame
    ahead: bool = False
    """Whether the newest one was taken in by nobody else."""
    _buffer: bytearray = field(default_factory=_empty)

    def beat(self, now: float, heard: float, uptime: int, heap_free: int) -> bool:
        """Take in one heartbeat in the frame, if it changes nothing that is told.

        `heard` is the same time as `now`, in seconds of a monotonic clock. Every
        heartbeat comes by here.
        """
        buffer = self._buffer
        last, _, count, until, earliest, latest, least, most = _STATE.unpack_from(
            buffer
        )
        if not (
            # The lower bound lets the telling go on after the wall clock was set back.
            last <= now < until
            and earliest <= now - uptime <= latest
            and least <= heap_free <= most
        ):
            return False
        _LAST.pack_into(buffer, 0, now, heard, count + 1)
        _BEAT.pack_into(
            buffer, _BEATS_AT + count % KEPT * _BEAT_SIZE, now, uptime, heap_free
        )
        self.ahead = True
        return True

    def add(self, now: float, heard: float, heartbeat: Heartbeat) -> None:
        """Keep a heartbeat in the frame that somebody else takes in."""
        count = self.count
        _LAST.pack_into(self._buffer, 0, now, heard, count + 1)
        _BEAT.pack_into(
            self._buffer,
            _BEATS_AT + count % KEPT * _BEAT_SIZE,
            now,
            heartbeat.uptime,
            heartbeat.heap_free,
        )

    def calm_down(self, calm: Calm) -> None:
        """Let what comes within these bounds be taken in here from now on."""
        _CALM.pack_into(
            self._buffer, _CALM_AT, calm.until, *calm.started, *calm.heap_free
        )

    def wake(self) -> None:
        """Let whatever comes next be looked into."""
        _CALM.pack_into(self._buffer, _CALM_AT, _NEVER, 0, 0, 0, 0)

    @property
    def count(self) -> int:
        """Return how many heartbeats came."""
        count: int = _LAST.unpack_from(self._buffer)[2]
        return count

    @property
    def heard(self) -> float:
        """Return when the newest one came, in seconds of a monotonic clock."""
        heard: float = _LAST.unpack_from(self._buffer)[1]
        return heard

    @property
    def beats(self) -> Iterator[tuple[float, int, int]]:
        """Return when each kept one came, its uptime and free heap, the newest last.

        In seconds since 1970, seconds and bytes.
        """
        count = self.count
        return map(self._beat, range(max(0, count - KEPT), count))

    @property
    def newest(self) -> tuple[float, int, int]:
        """Return the newest of them."""
        return self._beat(self.count - 1)

    def _beat(self, number: int) -> tuple[float, int, int]:
        """Return one of them, by how many came before it."""
        beat: tuple[float, int, int] = _BEAT.unpack_from(
            self._buffer, _BEATS_AT + number % KEPT * _BEAT_SIZE
        )
        return beat
