"""Name topics, and check prefixes and device ids."""

from dataclasses import dataclass
from enum import StrEnum
import re

from .alert import parse_alert
from .heartbeat import parse_heartbeat
from .info import parse_info
from .message import Parser

DEFAULT_PREFIX = "vesper"

#: In characters; MQTT allows more.
MAX_PREFIX_LENGTH = 255

#: Not one or two dots alone, which have a meaning in the path of a URL.
_DEVICE_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.:-]{1,64}")
DEVICE_ID_WANTED = "1 to 64 of A-Z a-z 0-9 _ . : -"


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A way in which messages arrive."""

    name: str
    """The name under which its messages are recorded and counted."""
    parse: Parser


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusTopic(Source):
    """A topic that devices publish on (docs/protocol.md, "Topics").

    Its name is the last level.
    """

    qos: int

    def of(self, prefix: str, device_id: str) -> str:
        """Return the topic of a device.

        With `+` as the id, it is the topic of all devices.
        """
        return f"{prefix}/{device_id}/status/{self.name}"

    def device_id_at(self, prefix: str) -> slice:
        """Return where the device id is in a topic."""
        before, after = self.of(prefix, "+").split("+")
        return slice(len(before), -len(after))


HEARTBEAT = StatusTopic(name="heartbeat", qos=1, parse=parse_heartbeat)
INFO = StatusTopic(name="info", qos=0, parse=parse_info)
STATUS_TOPICS = (
    HEARTBEAT,
    StatusTopic(name="alerts", qos=1, parse=parse_alert),
    INFO,
)


def control_topic(prefix: str, device_id: str) -> str:
    """Return the topic for commands to a device."""
    return f"{prefix}/{device_id}/control"


class PrefixProblem(StrEnum):
    """What can be wrong with a topic prefix."""

    EMPTY = "prefix_empty"
    WILDCARD = "prefix_wildcard"
    SLASH = "prefix_slash"
    SYSTEM = "prefix_system"
    CHARACTERS = "prefix_characters"
    TOO_LONG = "prefix_too_long"
    IN_USE = "prefix_in_use"
    OVERLAPS = "prefix_overlaps"


def prefix_problem(prefix: str) -> PrefixProblem | None:
    """Return what is wrong with a prefix, if anything.

    A prefix is one or more levels, such as `vesper` or `site1/vesper`.
    """
    problems = {
        PrefixProblem.EMPTY: not prefix,
        PrefixProblem.WILDCARD: "+" in prefix or "#" in prefix,
        PrefixProblem.SLASH: not all(prefix.split("/")),
        PrefixProblem.SYSTEM: prefix.startswith("$"),
        PrefixProblem.CHARACTERS: not prefix.isprintable(),
        PrefixProblem.TOO_LONG: len(prefix) > MAX_PREFIX_LENGTH,
    }
    return next((problem for problem, found in problems.items() if found), None)


def overlap(prefix: str, other: str) -> bool:
    """Return whether one prefix begins with the other.

    It does so by whole levels. Their devices have different topics, but in access lists
    and other tools, the topics below the shorter prefix include those of the longer.
    """
    one, another = f"{prefix}/", f"{other}/"
    return one.startswith(another) or another.startswith(one)


def is_device_id(text: str) -> bool:
    """Return whether a text is a device id.

    See docs/protocol.md, "Device ids".
    """
    return _DEVICE_ID.fullmatch(text) is not None
