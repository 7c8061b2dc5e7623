"""Turn what devices publish into messages, and name what was wrong with it.

The one parser of the protocol, section 1: bytes go in, a message comes out, and
nothing that a device sends makes it raise.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from operator import itemgetter
import re
from typing import Any, TypeGuard

import orjson

from .codes import RecentEvent
from .severity import Severity

#: Far over what firmware sends (a heartbeat with 16 events is 1 kB), in bytes.
MAX_HEARTBEAT_BYTES = 16 * 1024
MAX_ALERT_BYTES = 4 * 1024
MAX_INFO_BYTES = 4 * 1024

#: In characters: names and ids are refused beyond it, an alert's text is cut.
MAX_NAME_LENGTH = 64
MAX_TEXT_LENGTH = 1024

#: A ring buffer of 16 is what firmware sends.
MAX_EVENTS = 64

#: Far over any code that ESP-IDF knows.
MAX_CODE = 2**16 - 1

#: In bytes; no ESP32 has as much.
MAX_HEAP = 2**32 - 1

#: Data of events are unsigned numbers of 32 bits, or were meant to be.
MAX_EVENT_DATA = 2**32 - 1

#: Seconds since boot fit in 32 bits on every device.
MAX_UPTIME = 2**32 - 1

#: Home Assistant can't write what nests hundreds of levels deep; nobody means more.
MAX_INFO_DEPTH = 8

FIRMWARE_VERSION_NAMES = ("firmware_version", "fw_version", "fw", "version")

#: The numbers that hardly ever change, each with the most that it can be.
_SETTLED_NUMBERS = (
    ("reset_reason", MAX_CODE),
    ("last_disconnect_code", MAX_CODE),
    ("heap_min_free", MAX_HEAP),
)

#: All that `settled` is read from: while these stay as they came, so does it.
_SETTLED_NAMES = (*FIRMWARE_VERSION_NAMES, *dict(_SETTLED_NUMBERS))
_NUMBERS_AT = len(FIRMWARE_VERSION_NAMES)

#: How they come where a heartbeat tells none of them.
_NOTHING_SETTLED: tuple[object, ...] = (None,) * len(_SETTLED_NAMES)

#: What ends an alert: CLEARED is what firmware says, the others are taken for it.
_CLEARED = frozenset({"CLEARED", "HEALTHY", "OK"})
_RAISED = {
    severity.name: severity for severity in Severity if severity is not Severity.OK
}


#: Where in a heartbeat the ring buffer begins.
EVENTS = b'"recent_events"'

#: What stands in a heartbeat for events that it repeats and that are not parsed again.
NO_EVENTS = b'"recent_events":[]'

#: What an event holds, in the order of `RecentEvent`.
_EVENT_FIELDS = ("t", "d0", "d1", "ts", "up")
_event_fields_of = itemgetter(*_EVENT_FIELDS)

_POSITION = re.compile(r"\[\d+\]")


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

    @property
    def field(self) -> str:
        """Return the path without positions in lists, by which faults are counted."""
        return _POSITION.sub("[]", self.path)


@dataclass(slots=True)
class Heartbeat:
    """What a heartbeat says; None where it says nothing or nothing that can be used.

    Not frozen, which would triple what it costs to make. For the same reason what
    hardly ever changes is not looked into here: whoever keeps the last heartbeat
    compares it as it came, and asks for `settled` and `events` when it is not the same.
    Comparing what the events say would double the cost of a heartbeat.
    """

    uptime: int | None
    """Seconds since the device started."""
    heap_free: int | None
    """Free heap now, in bytes."""
    settled_as_told: tuple[object, ...]
    """The fields of `settled`, as they came."""
    payload: bytes
    text: bytes
    """The payload, without the events where they are known."""
    known_events: bytes
    """What the parser has left out there; "" where it has read all."""
    events_at: int
    """Where in the payload `recent_events` begins, -1 if it is not there."""
    _data: dict[str, Any] | None
    faults: list[Fault]
    in_frame: bool = False
    """Whether it is known to say what was said before, but for what drifts."""

    @property
    def is_log_known(self) -> bool:
        """Tell whether its events are known: the parser has left them out, or all."""
        return self.in_frame or self.known_events != b""

    @property
    def data(self) -> dict[str, Any]:
        """Return the object in the payload, without the events where they are known."""
        if self._data is None:
            self._data = _flattened(orjson.loads(self.text))
        return self._data

    def settled(
        self, known: tuple[object, ...] = ()
    ) -> tuple[dict[str, Any], list[Fault]]:
        """Return the fields that hardly ever change, by name, and what is wrong there.

        Left out are those that came as in `known`, which was without fault.
        """
        told: dict[str, Any] = {}
        faults: list[Fault] = []
        values, known = self.settled_as_told, known or _NOTHING_SETTLED
        if values[:_NUMBERS_AT] != known[:_NUMBERS_AT]:
            version = _first_name(
                zip(FIRMWARE_VERSION_NAMES, values[:_NUMBERS_AT], strict=True), faults
            )
            if version is not None:
                told["firmware_version"] = version
        for (name, most), value, before in zip(
            _SETTLED_NUMBERS, values[_NUMBERS_AT:], known[_NUMBERS_AT:], strict=True
        ):
            # Not by `!=`: true equals 1 and is no number.
            if value is not before:
                number = _natural(name, value, most, faults)
                if number is not None:
                    told[name] = number
        return told, faults

    def events_as_told(self) -> bytes:
        """Return the text of `recent_events`, and of any list that comes after it.

        A bad entry may hold brackets of its own, so the last one is what counts.
        """
        return self.payload[self.events_at : self.payload.rfind(b"]") + 1]

    def events_member(self) -> bytes:
        """Return the text of `recent_events`, "" where that is not all the text is.

        Only a text that is this one member in itself may be left out elsewhere.
        """
        text = self.events_as_told()
        try:
            member = orjson.loads(b"{%b}" % text)
        except orjson.JSONDecodeError:
            return b""
        return text if member == {"recent_events": self.data["recent_events"]} else b""

    def events(self) -> tuple[tuple[RecentEvent, ...] | None, list[Fault]]:
        """Return the ring buffer, None without one, and what is wrong with it."""
        faults: list[Fault] = []
        return parse_events(self.data.get("recent_events"), faults), faults


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
        return uid if is_name(uid) else None


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
type Parser = Callable[[bytes, str, bytes], Message]


def parse_heartbeat(
    payload: bytes, device_id: str, known_events: bytes = b""
) -> Heartbeat | Malformed:
    """Parse the payload of `status/heartbeat`, sent by the device of that id.

    A bad field is left out and named in the faults; the others are taken. The events
    that are known, as `Heartbeat.events_member` gives them, are not parsed again: they
    are most of a heartbeat, and mostly the same.
    """
    faults: list[Fault] = []
    events_at = payload.find(EVENTS)
    text = payload
    if (
        known_events
        and len(payload) <= MAX_HEARTBEAT_BYTES
        and payload.startswith(known_events, events_at)
    ):
        rest = payload[events_at + len(known_events) :]
        text = payload[:events_at] + NO_EVENTS + rest
    else:
        known_events = b""
    if (data := load_object(text, MAX_HEARTBEAT_BYTES, faults)) is None:
        return Malformed(faults=faults)
    claimed = data.get("device_id")
    if "payload" in data:
        data = _flattened(data)
        if claimed is None or claimed == device_id:
            claimed = data.get("device_id")
    if claimed is not None and claimed != device_id:
        faults.append(
            Fault(
                path="device_id",
                kind=FaultKind.MISMATCH,
                reason=f"must be {_quote(device_id)}, is {_quote(claimed)}",
            )
        )
        return Malformed(faults=faults)
    get = data.get
    uptime, heap_free = get("uptime"), get("heap_free")
    # Looked into right here: a call for each would cost more than the look.
    if type(uptime) is not int or not 0 <= uptime <= MAX_UPTIME:
        uptime = _natural("uptime", uptime, MAX_UPTIME, faults)
    if type(heap_free) is not int or not 0 <= heap_free <= MAX_HEAP:
        heap_free = _natural("heap_free", heap_free, MAX_HEAP, faults)
    return Heartbeat(
        uptime,
        heap_free,
        tuple(map(get, _SETTLED_NAMES)),
        payload,
        text,
        known_events,
        events_at,
        data,
        faults,
    )


def _flattened(data: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a heartbeat, out of the envelope where they are in one."""
    envelope = data.get("payload")
    return data | envelope if type(envelope) is dict else data


def parse_events(items: object, faults: list[Fault]) -> tuple[RecentEvent, ...] | None:
    """Parse the entries of `recent_events`; bad ones are left out and named.

    Of too many the newest are taken: a ring buffer has the oldest first.

    Returns None where there is no list of them.
    """
    if items is None:
        return None
    if not isinstance(items, list):
        faults.append(_invalid("recent_events", "a list", items))
        return None
    if len(items) > MAX_EVENTS:
        faults.append(
            Fault(
                path="recent_events",
                kind=FaultKind.TOO_MANY,
                reason=f"must be at most {MAX_EVENTS} events, are {len(items)}",
            )
        )
    oldest = max(0, len(items) - MAX_EVENTS)
    newest = items[oldest:]
    if (events := _all_well_formed(newest)) is not None:
        return events
    well_formed = []
    for index, item in enumerate(newest, oldest):
        path = f"recent_events[{index}]"
        if type(item) is not dict:
            faults.append(_invalid(path, "an object", item))
            continue
        event = RecentEvent._make(map(item.get, _EVENT_FIELDS))
        bad = [
            _invalid(f"{path}.{name}", "a whole number", value)
            for name, value in zip(_EVENT_FIELDS, event, strict=True)
            if type(value) is not int or not -MAX_EVENT_DATA <= value <= MAX_EVENT_DATA
        ]
        faults += bad
        if not bad:
            well_formed.append(event)
    return tuple(well_formed)


def _all_well_formed(items: list[Any]) -> tuple[RecentEvent, ...] | None:
    """Return all of some entries, None where there is none or any of them is bad.

    To look at all of them at once takes half the time of looking at each.
    """
    try:
        events = tuple(map(RecentEvent._make, map(_event_fields_of, items)))
    except KeyError, TypeError:
        return None
    numbers = tuple(chain.from_iterable(events))
    if (
        {*map(type, numbers)} == {int}
        and min(numbers) >= -MAX_EVENT_DATA
        and max(numbers) <= MAX_EVENT_DATA
    ):
        return events
    return None


def parse_alert(
    payload: bytes, _device_id: str, _known_events: bytes = b""
) -> Alert | Malformed:
    """Parse the payload of `status/alerts`.

    A state that is not known is refused, so that it can't read as "all clear".
    """
    faults: list[Fault] = []
    if (data := load_object(payload, MAX_ALERT_BYTES, faults)) is None:
        return Malformed(faults=faults)
    return read_alert(data, faults)


def read_alert(data: dict[str, Any], faults: list[Fault]) -> Alert | Malformed:
    """Read the object of an alert, and add to the faults what is wrong with it."""
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


def parse_info(
    payload: bytes, _device_id: str, _known_events: bytes = b""
) -> Info | Malformed:
    """Parse the payload of `status/info`."""
    faults: list[Fault] = []
    if (data := load_object(payload, MAX_INFO_BYTES, faults)) is None:
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


def load_object(
    payload: bytes, limit: int, faults: list[Fault]
) -> dict[str, Any] | None:
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


def _natural(name: str, value: object, most: int, faults: list[Fault]) -> int | None:
    """Return a whole number from 0 to most, None where there is none."""
    # `type() is` and not `isinstance`: true and false are no numbers here.
    if type(value) is int and 0 <= value <= most:
        return value
    if value is not None:
        faults.append(_invalid(name, f"a whole number from 0 to {most}", value))
    return None


def _first_name(
    spellings: Iterable[tuple[str, object]], faults: list[Fault]
) -> str | None:
    """Return the first usable name among the values of a field by its spellings."""
    for name, value in spellings:
        if value is not None:
            if is_name(value):
                return value
            faults.append(_invalid(name, _NAME_WANTED, value))
    return None


_NAME_WANTED = f"1 to {MAX_NAME_LENGTH} printable characters"


def is_name(value: object) -> TypeGuard[str]:
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
    if is_name(value):
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
