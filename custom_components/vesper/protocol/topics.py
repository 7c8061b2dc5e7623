"""Name the topics of a fleet and check what stands in for their levels."""

from dataclasses import dataclass
from enum import StrEnum
import re

from .alert import parse_alert
from .heartbeat import parse_heartbeat
from .info import parse_info
from .message import Parser

DEFAULT_PREFIX = "vesper"

#: In characters; MQTT would take more, but no broker's administrator would.
MAX_PREFIX_LENGTH = 255

#: A dot or two alone would be another place in the path of a URL.
_DEVICE_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.:-]{1,64}")
DEVICE_ID_WANTED = "1 to 64 of A-Z a-z 0-9 _ . : -"


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One of the ways on which messages come."""

    name: str
    """What its messages are called where they are kept and counted."""
    parse: Parser


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusTopic(Source):
    """One of the topics that a device speaks on, named by its last level.

    Protocol, section 1.
    """

    qos: int

    def of(self, prefix: str, device_id: str) -> str:
        """Return the topic of one device, or of all with `+` in place of its id."""
        return f"{prefix}/{device_id}/status/{self.name}"

    def device_id_at(self, prefix: str) -> slice:
        """Return where in its topics the device is named."""
        before, after = self.of(prefix, "+").split("+")
        return slice(len(before), -len(after))


HEARTBEAT = StatusTopic(name="heartbeat", qos=1, parse=parse_heartbeat)
STATUS_TOPICS = (
    HEARTBEAT,
    StatusTopic(name="alerts", qos=1, parse=parse_alert),
    StatusTopic(name="info", qos=0, parse=parse_info),
)


def control_topic(prefix: str, device_id: str) -> str:
    """Return the topic on which a device takes commands."""
    return f"{prefix}/{device_id}/control"


def link_topic(prefix: str) -> str:
    """Return the topic of our questions to the broker.

    It is no device's, whose id can't be that, and is allowed to us where commands are.
    """
    return control_topic(prefix, "~")


class PrefixProblem(StrEnum):
    """What can be wrong with a topic prefix."""

    EMPTY = "prefix_empty"
    WILDCARD = "prefix_wildcard"
    SLASH = "prefix_slash"
    SYSTEM = "prefix_system"
    CHARACTERS = "prefix_characters"
    TOO_LONG = "prefix_too_long"


def prefix_problem(prefix: str) -> PrefixProblem | None:
    """Return what is wrong with a topic prefix, None when it can be used.

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
    return next((problem for problem, is_so in problems.items() if is_so), None)


def is_device_id(text: str) -> bool:
    """Tell whether a level can be the id of a device (protocol, section 1)."""
    return _DEVICE_ID.fullmatch(text) is not None
