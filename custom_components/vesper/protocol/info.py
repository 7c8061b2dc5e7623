"""Parse info messages (docs/protocol.md, "Info")."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .fields import (
    Fault,
    FaultKind,
    Malformed,
    invalid,
    is_name,
    load_object,
    optional_name,
    required_name,
)

MAX_INFO_BYTES = 4 * 1024

#: Home Assistant can't write values with hundreds of levels.
MAX_INFO_DEPTH = 8

#: An info message reports an event, so a retained one is of no use.
RETAINED_INFO = Fault(
    path="",
    kind=FaultKind.RETAINED,
    reason="must not be retained: it reports an event, not a state",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Info:
    """Something that happened on the device."""

    type: str
    payload: Mapping[str, Any]
    faults: list[Fault]

    @property
    def melody_uid(self) -> str | None:
        """Return the melody, None without a valid one."""
        uid = self.payload.get("melody_uid")
        return uid if is_name(uid) else None


def parse_info(
    payload: bytes, device_id: str, known_events: bytes = b""
) -> Info | Malformed:
    """Parse the payload of `status/info`."""
    faults: list[Fault] = []
    if (data := load_object(payload, MAX_INFO_BYTES, faults)) is None:
        return Malformed(faults=faults)
    if (kind := required_name(data, "type", faults)) is None:
        return Malformed(faults=faults)
    details = _details(data, faults)
    optional_name("payload.melody_uid", details.get("melody_uid"), faults)
    return Info(type=kind, payload=details, faults=faults)


def _details(data: dict[str, Any], faults: list[Fault]) -> dict[str, Any]:
    """Return the inner payload, empty if it is invalid."""
    details = data.get("payload")
    if details is None:
        return {}
    if not isinstance(details, dict):
        faults.append(invalid("payload", "an object", details))
        return {}
    if _is_deeper(details, MAX_INFO_DEPTH):
        faults.append(
            invalid("payload", f"at most {MAX_INFO_DEPTH} levels deep", details)
        )
        return {}
    return details


def _is_deeper(value: object, levels: int) -> bool:
    """Return whether a value has more levels than `levels`."""
    match value:
        case dict():
            children = list(value.values())
        case list():
            children = value
        case _:
            return False
    return levels == 0 or any(_is_deeper(child, levels - 1) for child in children)
