"""Ask of a posted heartbeat what MQTT asks of none, and know how often it may come.

HTTP has an answer, so a device learns at once what is wrong: a post is taken whole or
not at all (protocol, section 5).
"""

from dataclasses import dataclass
from statistics import median_low
from typing import Any

from ..protocol.messages import (
    MAX_HEARTBEAT_BYTES,
    Fault,
    FaultKind,
    Heartbeat,
    load_object,
    parse_heartbeat,
)
from ..protocol.topics import DEVICE_ID_WANTED, Source, is_device_id

POST = Source(name="post", parse=parse_heartbeat)

#: Each device may post so often within the window, in seconds.
MAX_POSTS = 10
POST_WINDOW = 60

#: How many gaps tell a rhythm: the middle of three minds neither an outage nor a retry.
KEPT_GAPS = 3

#: A device that is silent for so many of its gaps has missed more than one post.
GAPS_OF_PATIENCE = 3

#: In seconds: what is longer is an outage, and no rhythm that anybody could wait for.
MAX_GAP = 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """A posted heartbeat: whose it is by its own words, and all that is wrong."""

    device_id: str
    """"" where it names none that can be used."""
    payload: bytes
    faults: list[Fault]


@dataclass(eq=False, slots=True)
class Posts:
    """When one device posted.

    Times are seconds of a monotonic clock: a jump of the wall clock neither opens the
    window nor makes a gap.
    """

    gaps: tuple[float, ...] = ()
    """The seconds between its last accepted posts, the newest last."""
    _accepted: float | None = None
    _recent: tuple[float, ...] = ()

    @property
    def patience(self) -> float:
        """Return the seconds of silence that its rhythm allows, 0 without one."""
        return GAPS_OF_PATIENCE * median_low(self.gaps) if self.gaps else 0

    def wait(self, now: float) -> float:
        """Return in how many seconds it may post again, 0 where it may now."""
        if len(self._recent) < MAX_POSTS:
            return 0
        return max(0, self._recent[0] + POST_WINDOW - now)

    def note(self, now: float) -> None:
        """Count a post, accepted or not."""
        self._recent = (*self._recent[1 - MAX_POSTS :], now)

    def accept(self, now: float) -> None:
        """Take the time of an accepted post for its rhythm."""
        if self._accepted is not None and (gap := now - self._accepted) <= MAX_GAP:
            self.gaps = (*self.gaps[1 - KEPT_GAPS :], gap)
        self._accepted = now


def parse_post(payload: bytes) -> Post:
    """Parse a posted heartbeat with the one parser of heartbeats, and name every fault.

    It must say who it is from and its uptime, and no field of it may be bad.
    """
    faults: list[Fault] = []
    if (data := load_object(payload, MAX_HEARTBEAT_BYTES, faults)) is None:
        return Post(device_id="", payload=payload, faults=faults)
    told: Any = data.get("device_id")
    if told is None and type(envelope := data.get("payload")) is dict:
        told = envelope.get("device_id")
    is_usable = isinstance(told, str) and is_device_id(told)
    if told is None:
        faults.append(_missing("device_id"))
    elif not is_usable:
        faults.append(
            Fault(
                path="device_id",
                kind=FaultKind.INVALID,
                reason=f"must be {DEVICE_ID_WANTED}",
            )
        )
    # Whoever it says it is, so that nothing but two different ids in it is a mismatch.
    message = parse_heartbeat(payload, told)
    if isinstance(message, Heartbeat):
        if message.data.get("uptime") is None:
            faults.append(_missing("uptime"))
        faults += message.faults
        for _, others in (message.settled(), message.events()):
            faults += others
    else:
        faults += message.faults
    return Post(device_id=told if is_usable else "", payload=payload, faults=faults)


def _missing(name: str) -> Fault:
    """Return the fault of a field that must be there."""
    return Fault(path=name, kind=FaultKind.MISSING, reason="must be there, is not")
