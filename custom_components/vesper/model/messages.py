"""Turn what devices publish into messages, and name what was wrong with it.

The one parser of the protocol, section 1: bytes go in, a message comes out, and
nothing that a device sends makes it raise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeGuard

import orjson

from .severity import Severity

#: Far over what firmware sends (a heartbeat with 16 events is 1 kB), in bytes.
MAX_HEARTBEAT_BYTES = 16 * 1024
MAX_ALERT_BYTES = 4 * 1024
MAX_INFO_BYTES = 4 * 1024

#: In characters: names and ids are refused beyond it, an alert's text is cut.
MAX_NAME_LENGTH = 64
MAX_TEXT_LENGTH = 1024

#: Seconds since boot fit in 32 bits on every device.
MAX_UPTIME = 2**32 - 1

#: Home Assistant can't write what nests hundreds of levels deep; nobody means more.
MAX_INFO_DEPTH = 8

FIRMWARE_VERSION_NAMES = ("firmware_version", "fw_version", "fw", "version")

#: What ends an alert: CLEARED is what firmware says, the others are taken for it.
_CLEARED = frozenset({"CLEARED", "HEALTHY", "OK"})
_RAISED = {
    severity.name: severity for severity in Severity if severity is not Severity.OK
}


class FaultKind(StrEnum):
    """What can be wrong with a message or a field of it."""

    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    NOT_OBJECT = "not_object"
    MISSING = "missing"
    INVALID = "invalid"
    MISMATCH = "mismatch"
    RETAINED = "retained"
    TOO_MANY = "too_many"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One thing that is wrong: where, of what kind, and in words what was wanted."""

    path: str
    kind: FaultKind
    reason: str


@dataclass(kw_only=True, slots=True)
class Heartbeat:
    """What a heartbeat says; None where it says nothing or nothing that can be used.

    Not frozen: one is made for every heartbeat, and freezing would triple that.
    """

    uptime: int | None
    """Seconds since the device started."""
    firmware_version: str | None
    faults: list[Fault]


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """A transition of one subsystem; severity OK is its end."""

    subsystem: str
    severity: Severity
    message: str
    faults: list[Fault]


@dataclass(frozen=True, kw_only=True, slots=True)
class Info:
    """Something that happened on the device, with whatever it says of it."""

    type: str
    payload: Mapping[str, Any]
    faults: list[Fault]

    @property
    def melody_uid(self) -> str | None:
        """Return the melody it names, None where it names none that can be used."""
        uid = self.payload.get("melody_uid")
        return uid if _is_name(uid) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Malformed:
    """A message that says nothing usable, for the reasons in its faults."""

    faults: list[Fault]


#: An info message tells of a moment, so one that the broker kept says nothing.
RETAINED_INFO = Fault(
    path="", kind=FaultKind.RETAINED, reason="must not be retained: it is of a moment"
)

#: What the broker kept of alerts is of an unknown age too, and may be over, or back.
RETAINED_ALERT = Fault(
    path="",
    kind=FaultKind.RETAINED,
    reason="must not be retained: it is older than what is known",
)

type Message = Heartbeat | Alert | Info | Malformed
type Parser = Callable[[bytes, str], Message]


def parse_heartbeat(payload: bytes, device_id: str) -> Heartbeat | Malformed:
    """Parse the payload of `status/heartbeat`, sent by the device of that id.

    A bad field is left out and named in the faults; the others are taken.
    """
    faults: list[Fault] = []
    if (data := _load(payload, MAX_HEARTBEAT_BYTES, faults)) is None:
        return Malformed(faults=faults)
    claimed = data.get("device_id")
    if type(envelope := data.get("payload")) is dict:
        data |= envelope
        if claimed is None or claimed == device_id:
            claimed = data.get("device_id")
    if claimed is not None and claimed != device_id:
        faults.append(
            Fault(
                path="device_id",
                kind=FaultKind.MISMATCH,
                reason=f"must be the topic's {_quote(device_id)}, is {_quote(claimed)}",
            )
        )
        return Malformed(faults=faults)
    return Heartbeat(
        uptime=_natural(data, "uptime", MAX_UPTIME, faults),
        firmware_version=_first_name(data, FIRMWARE_VERSION_NAMES, faults),
        faults=faults,
    )


def parse_alert(payload: bytes, _device_id: str) -> Alert | Malformed:
    """Parse the payload of `status/alerts`.

    A state that is not known is refused, so that it can't read as "all clear".
    """
    faults: list[Fault] = []
    if (data := _load(payload, MAX_ALERT_BYTES, faults)) is None:
        return Malformed(faults=faults)
    subsystem = _required_name(data, "subsystem", faults)
    severity = _severity(data, faults)
    if subsystem is None or severity is None:
        return Malformed(faults=faults)
    return Alert(
        subsystem=subsystem,
        severity=severity,
        message=_text(data, "msg", faults),
        faults=faults,
    )


def parse_info(payload: bytes, _device_id: str) -> Info | Malformed:
    """Parse the payload of `status/info`."""
    faults: list[Fault] = []
    if (data := _load(payload, MAX_INFO_BYTES, faults)) is None:
        return Malformed(faults=faults)
    if (kind := _required_name(data, "type", faults)) is None:
        return Malformed(faults=faults)
    details = data.get("payload")
    if details is None:
        details = {}
    elif not isinstance(details, dict):
        faults.append(_invalid("payload", "an object", details))
        details = {}
    elif _is_deeper(details, MAX_INFO_DEPTH):
        faults.append(
            _invalid("payload", f"at most {MAX_INFO_DEPTH} levels deep", details)
        )
        details = {}
    info = Info(type=kind, payload=details, faults=faults)
    if (uid := details.get("melody_uid")) is not None and info.melody_uid is None:
        faults.append(_invalid("payload.melody_uid", _NAME_WANTED, uid))
    return info


def _load(payload: bytes, limit: int, faults: list[Fault]) -> dict[str, Any] | None:
    """Return the JSON object in a payload, None where there is none."""
    if len(payload) > limit:
        faults.append(
            Fault(
                path="",
                kind=FaultKind.TOO_LARGE,
                reason=f"must be at most {limit} bytes, is {len(payload)}",
            )
        )
        return None
    try:
        data = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        faults.append(
            Fault(path="", kind=FaultKind.NOT_JSON, reason=f"must be JSON: {error}")
        )
        return None
    if type(data) is not dict:
        faults.append(
            Fault(
                path="",
                kind=FaultKind.NOT_OBJECT,
                reason=f"must be a JSON object, is {_quote(data)}",
            )
        )
        return None
    return data


def _natural(
    data: dict[str, Any], name: str, most: int, faults: list[Fault]
) -> int | None:
    """Return a whole number from 0 to most, None where there is none."""
    value = data.get(name)
    # `type() is` and not `isinstance`: true and false are no numbers here.
    if type(value) is int and 0 <= value <= most:
        return value
    if value is not None:
        faults.append(_invalid(name, f"a whole number from 0 to {most}", value))
    return None


def _first_name(
    data: dict[str, Any], names: tuple[str, ...], faults: list[Fault]
) -> str | None:
    """Return the first usable name among the spellings of a field."""
    for name in names:
        if (value := data.get(name)) is not None:
            if _is_name(value):
                return value
            faults.append(_invalid(name, _NAME_WANTED, value))
    return None


_NAME_WANTED = f"1 to {MAX_NAME_LENGTH} printable characters"


def _is_name(value: object) -> TypeGuard[str]:
    """Tell whether a value is a string that can name something."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= MAX_NAME_LENGTH
        and value.isprintable()
        and not value.isspace()
    )


def _required_name(data: dict[str, Any], name: str, faults: list[Fault]) -> str | None:
    """Return a name that must be there, None where it is not."""
    value = data.get(name)
    if _is_name(value):
        return value
    if value is None:
        faults.append(
            Fault(path=name, kind=FaultKind.MISSING, reason="must be there, is not")
        )
    else:
        faults.append(_invalid(name, _NAME_WANTED, value))
    return None


def _severity(data: dict[str, Any], faults: list[Fault]) -> Severity | None:
    """Return the severity an alert's state stands for, None where it is not known."""
    state = _required_name(data, "state", faults)
    if state is None:
        return None
    if (known := state.upper()) in _CLEARED:
        return Severity.OK
    if (severity := _RAISED.get(known)) is None:
        wanted = ", ".join([*_RAISED, "CLEARED"])
        faults.append(_invalid("state", f"one of {wanted}", state))
    return severity


def _text(data: dict[str, Any], name: str, faults: list[Fault]) -> str:
    """Return a text in one line, cut to what is shown; "" where there is none."""
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        faults.append(_invalid(name, "text", value))
        return ""
    line = "".join(char if char.isprintable() else " " for char in value)
    return line if len(line) <= MAX_TEXT_LENGTH else line[: MAX_TEXT_LENGTH - 1] + "…"


def _is_deeper(value: object, levels: int) -> bool:
    """Tell whether a value nests more than so many levels."""
    match value:
        case dict():
            children = list(value.values())
        case list():
            children = value
        case _:
            return False
    return levels == 0 or any(_is_deeper(child, levels - 1) for child in children)


def _invalid(path: str, wanted: str, value: object) -> Fault:
    """Return the fault of a field that is not what it must be."""
    return Fault(
        path=path,
        kind=FaultKind.INVALID,
        reason=f"must be {wanted}, is {_quote(value)}",
    )


def _quote(value: object) -> str:
    """Return a value as a log line can hold it: short, in one line."""
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return ascii(value[:40])
        case _:
            return str(value)
