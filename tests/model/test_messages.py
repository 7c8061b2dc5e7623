"""What bytes are parsed to, and that no bytes make a parser raise (section 1)."""

from collections.abc import Callable
import json
import re
from typing import Any

from hypothesis import example, given, strategies as st
import orjson
import pytest

from custom_components.vesper.protocol.codes import RecentEvent
from custom_components.vesper.protocol.messages import (
    MAX_ALERT_BYTES,
    MAX_CODE,
    MAX_EVENT_DATA,
    MAX_EVENTS,
    MAX_HEAP,
    MAX_HEARTBEAT_BYTES,
    MAX_INFO_BYTES,
    MAX_INFO_DEPTH,
    MAX_TEXT_LENGTH,
    MAX_UPTIME,
    Alert,
    Fault,
    FaultKind,
    Heartbeat,
    Info,
    Malformed,
    Message,
    parse_alert,
    parse_heartbeat,
    parse_info,
)
from custom_components.vesper.protocol.severity import Severity

from .strategies import (
    DEVICE_ID,
    Json,
    alert,
    encode,
    heartbeat,
    info,
    json_values,
    likely_objects,
)

type Parse = Callable[[bytes, str], Message]

INVALID = FaultKind.INVALID

#: Everything that the longest reason can hold: two quotes of 40 escaped characters.
LONGEST_REASON = 1000

every_parser = pytest.mark.parametrize(
    "parse",
    [
        pytest.param(parse_heartbeat, id="heartbeat"),
        pytest.param(parse_alert, id="alert"),
        pytest.param(parse_info, id="info"),
    ],
)

#: What is no name: not text, too long or empty, or not to be printed in one line.
not_a_name = pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("x" * 65, id="65-characters"),
        pytest.param("a\nb", id="line-break"),
        pytest.param("a\x00b", id="nul"),
        pytest.param("a\x1b[31mb", id="terminal-escape"),
        pytest.param("a\u202eb", id="right-to-left-override"),
        pytest.param("a\u2028b", id="line-separator"),
        pytest.param(7, id="number"),
        pytest.param(True, id="true"),
        pytest.param(["x"], id="list"),
        pytest.param({"x": 1}, id="object"),
    ],
)

#: The longest name, and one in other letters than ours.
a_name = pytest.mark.parametrize(
    "value",
    [
        pytest.param("x", id="one-character"),
        pytest.param("x" * 64, id="64-characters"),
        pytest.param("é" * 64, id="64-characters-not-ascii"),
        pytest.param("SD card / slot 2", id="with-spaces"),
    ],
)


def faults_of(message: Message) -> list[Fault]:
    """Return what is wrong with a message, where it is not looked into yet too."""
    if isinstance(message, Heartbeat):
        return [*message.faults, *message.settled()[1], *message.events()[1]]
    return message.faults


def found(message: Message) -> list[tuple[str, FaultKind]]:
    """Return where a message is wrong, and in what way."""
    return [(fault.path, fault.kind) for fault in faults_of(message)]


def beat(**fields: object) -> Heartbeat:
    """Return the heartbeat with these fields, which must be one."""
    message = heartbeat(**fields)
    assert isinstance(message, Heartbeat)
    return message


def said(message: Heartbeat) -> dict[str, Any]:
    """Return what a heartbeat says, without what it leaves out."""
    fields = {
        "uptime": message.uptime,
        "heap_free": message.heap_free,
        "recent_events": message.events()[0],
        **message.settled()[0],
    }
    return {name: value for name, value in fields.items() if value is not None}


def transition(**fields: object) -> Alert:
    """Return the alert with these fields besides the required ones."""
    message = parse_alert(
        encode({"subsystem": "FileManager", "state": "WARNING", **fields}), DEVICE_ID
    )
    assert isinstance(message, Alert)
    return message


def activity(kind: str, **payload: object) -> Info:
    """Return the info of a type with its details, which must be one."""
    message = info(kind, **payload)
    assert isinstance(message, Info)
    return message


# Any message


@every_parser
@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        pytest.param(b"", FaultKind.NOT_JSON, id="empty"),
        pytest.param(b"online", FaultKind.NOT_JSON, id="plain-text"),
        pytest.param(b"{", FaultKind.NOT_JSON, id="cut-off"),
        pytest.param(b'{"type": "a"} {}', FaultKind.NOT_JSON, id="two-objects"),
        pytest.param(b"\xff\xfe", FaultKind.NOT_JSON, id="not-utf-8"),
        pytest.param(b"\xef\xbb\xbf{}", FaultKind.NOT_JSON, id="byte-order-mark"),
        pytest.param(b'{"a": NaN}', FaultKind.NOT_JSON, id="nan"),
        pytest.param(b'{"a": -Infinity}', FaultKind.NOT_JSON, id="infinity"),
        pytest.param(b'{"a": 1e999}', FaultKind.NOT_JSON, id="beyond-any-float"),
        pytest.param(b'{"a": "\\ud800"}', FaultKind.NOT_JSON, id="lone-surrogate"),
        pytest.param(b'{"a": "\x01"}', FaultKind.NOT_JSON, id="raw-control-character"),
        pytest.param(b"[" * 2000 + b"]" * 2000, FaultKind.NOT_JSON, id="deep-lists"),
        pytest.param(b"[" * 1000 + b"]" * 1000, FaultKind.NOT_OBJECT, id="less-deep"),
        pytest.param(b"null", FaultKind.NOT_OBJECT, id="null"),
        pytest.param(b"12", FaultKind.NOT_OBJECT, id="number"),
        pytest.param(b'"text"', FaultKind.NOT_OBJECT, id="text"),
        pytest.param(b'[{"uptime": 1}]', FaultKind.NOT_OBJECT, id="list"),
    ],
)
def test_what_is_no_json_object_is_malformed(
    parse: Parse, payload: bytes, kind: FaultKind
) -> None:
    """The whole payload is named, and what is wrong with it."""
    message = parse(payload, DEVICE_ID)
    assert isinstance(message, Malformed)
    assert found(message) == [("", kind)]


@pytest.mark.parametrize(
    ("parse", "fields", "limit"),
    [
        pytest.param(parse_heartbeat, {}, MAX_HEARTBEAT_BYTES, id="heartbeat"),
        pytest.param(
            parse_alert,
            {"subsystem": "a", "state": "FAILED"},
            MAX_ALERT_BYTES,
            id="alert",
        ),
        pytest.param(parse_info, {"type": "a"}, MAX_INFO_BYTES, id="info"),
    ],
)
def test_the_size_of_a_payload_is_bounded(
    parse: Parse, fields: dict[str, str], limit: int
) -> None:
    """The largest one is taken, one byte more is not even looked at."""
    payload = encode(fields)
    assert not parse(payload.ljust(limit), DEVICE_ID).faults
    assert found(parse(payload.ljust(limit + 1), DEVICE_ID)) == [
        ("", FaultKind.TOO_LARGE)
    ]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(
            parse_info(b" " * 5000, DEVICE_ID),
            "must be at most 4096 bytes, is 5000",
            id="too-large",
        ),
        pytest.param(
            parse_info(b'"' + b"x" * 99 + b'"', DEVICE_ID),
            f"must be a JSON object, is '{'x' * 40}'",
            id="not-an-object",
        ),
        pytest.param(
            parse_info(b"{}", DEVICE_ID), "must be there, is not", id="missing"
        ),
        pytest.param(
            heartbeat(uptime=-1),
            f"must be a whole number from 0 to {MAX_UPTIME}, is -1",
            id="number",
        ),
        pytest.param(
            heartbeat(fw=["1.0.0"]),
            "must be 1 to 64 printable characters, is a list",
            id="name",
        ),
        pytest.param(
            alert("FileManager", "PURPLE\u00e9"),
            r"must be one of WARNING, CRITICAL, FAILED, CLEARED, is 'PURPLE\xe9'",
            id="state",
        ),
        pytest.param(
            heartbeat(device_id={}),
            "must be 'chapel', is an object",
            id="mismatch",
        ),
    ],
)
def test_a_fault_says_what_is_wanted_and_what_is_there(
    message: Message, reason: str
) -> None:
    """A person can mend the device by what the log says."""
    assert [fault.reason for fault in faults_of(message)] == [reason]


# Heartbeats


def test_a_heartbeat_of_the_first_firmware_says_little() -> None:
    """Each field is optional, and what is absent is no fault."""
    message = beat(device_id="chapel", uptime=3600, firmware_version="1.0.0")
    assert said(message) == {"uptime": 3600, "firmware_version": "1.0.0"}
    assert not found(message)
    assert said(beat()) == {}
    assert not found(beat())


#: A heartbeat of firmware 1.1.0, and what it says.
IN_FULL: dict[str, Json] = {
    "device_id": "chapel",
    "uptime": 3600,
    "reset_reason": 1,
    "heap_free": 170_000,
    "heap_min_free": 150_000,
    "last_disconnect_code": 255,
    "recent_events": [
        {"t": 1, "d0": 1, "d1": 0, "ts": 0, "up": 0},
        {"t": 2, "d0": 65483, "d1": 0, "ts": 1_800_000_000, "up": 3},
    ],
    "firmware_version": "1.1.0",
}
SAID_IN_FULL: dict[str, object] = {
    "uptime": 3600,
    "reset_reason": 1,
    "heap_free": 170_000,
    "heap_min_free": 150_000,
    "last_disconnect_code": 255,
    "recent_events": (
        RecentEvent(tag=1, d0=1, d1=0, ts=0, up=0),
        RecentEvent(tag=2, d0=65483, d1=0, ts=1_800_000_000, up=3),
    ),
    "firmware_version": "1.1.0",
}
each_field = pytest.mark.parametrize("field", SAID_IN_FULL)


def test_a_heartbeat_in_full() -> None:
    """All that firmware sends is taken without a fault."""
    message = beat(**IN_FULL)
    assert said(message) == SAID_IN_FULL
    assert not found(message)


def test_a_heartbeat_may_come_in_an_envelope() -> None:
    """An object as the payload of another one is the heartbeat."""
    message = beat(payload=IN_FULL)
    assert said(message) == SAID_IN_FULL
    assert not found(message)


@pytest.mark.parametrize("payload", [None, 7, "text", []])
def test_what_is_no_envelope_is_an_unknown_field(payload: Json) -> None:
    """Whatever else is called payload is passed over."""
    message = beat(uptime=7, payload=payload)
    assert said(message) == {"uptime": 7}
    assert not found(message)


def test_fields_beside_an_envelope_are_not_lost() -> None:
    """An object called payload takes nothing away from the heartbeat around it."""
    assert beat(uptime=7, payload={"volume": 3}).uptime == 7


@pytest.mark.parametrize("uptime", [0, 1, MAX_UPTIME])
def test_uptimes_that_are_taken(uptime: int) -> None:
    """Whole seconds, as many as 32 bits hold."""
    message = beat(uptime=uptime)
    assert said(message) == {"uptime": uptime}
    assert not found(message)


@pytest.mark.parametrize(
    "uptime",
    [
        pytest.param(-1, id="negative"),
        pytest.param(MAX_UPTIME + 1, id="over-32-bits"),
        pytest.param(2**64, id="over-64-bits"),
        pytest.param(10**300, id="300-digits"),
        pytest.param(1.5, id="fraction"),
        pytest.param(60.0, id="float"),
        pytest.param(True, id="true"),
        pytest.param(False, id="false"),
        pytest.param("60", id="text"),
        pytest.param([60], id="list"),
        pytest.param({"s": 60}, id="object"),
    ],
)
def test_uptimes_that_are_refused(uptime: Json) -> None:
    """Anything else is named, and the rest of the heartbeat is taken."""
    message = beat(uptime=uptime, firmware_version="1.1.0")
    assert said(message) == {"firmware_version": "1.1.0"}
    assert found(message) == [("uptime", INVALID)]


@each_field
@pytest.mark.parametrize("is_null", [True, False], ids=["null", "absent"])
def test_each_field_may_be_missing(field: str, *, is_null: bool) -> None:
    """It says nothing then; that is no fault, and the others are taken."""
    fields = IN_FULL | {field: None}
    if not is_null:
        del fields[field]
    message = beat(**fields)
    expected = dict(SAID_IN_FULL)
    del expected[field]
    assert said(message) == expected
    assert not found(message)


@each_field
@pytest.mark.parametrize(
    "value", [True, -1, 1.5, "", {}, 2**32], ids=lambda value: f"{value!r}"
)
def test_each_field_may_be_bad(field: str, value: Json) -> None:
    """It is named, and the others are taken."""
    message = beat(**IN_FULL | {field: value})
    expected = dict(SAID_IN_FULL)
    del expected[field]
    assert said(message) == expected
    assert found(message) == [(field, INVALID)]


def test_all_fields_may_be_bad() -> None:
    """Each of them is named."""
    message = beat(**dict.fromkeys(SAID_IN_FULL, "\n"))
    assert said(message) == {}
    assert sorted(found(message)) == sorted((field, INVALID) for field in SAID_IN_FULL)


@pytest.mark.parametrize(
    ("field", "most"),
    [
        ("reset_reason", MAX_CODE),
        ("last_disconnect_code", MAX_CODE),
        ("heap_free", MAX_HEAP),
        ("heap_min_free", MAX_HEAP),
    ],
)
def test_a_number_is_bounded(field: str, most: int) -> None:
    """From 0 up to the most that can be meant; one more is named."""
    for value in (0, 1, most):
        message = beat(**{field: value})
        assert said(message) == {field: value}
        assert not found(message)
    message = beat(**{field: most + 1})
    assert said(message) == {}
    assert found(message) == [(field, INVALID)]


def test_null_stands_for_an_absent_id() -> None:
    """A field that is null says nothing, and that is no fault."""
    assert not found(beat(device_id=None, fw=None, fw_version=None, version=None))


@pytest.mark.parametrize("field", ["firmware_version", "fw_version", "fw", "version"])
def test_the_firmware_version_has_four_spellings(field: str) -> None:
    """Each of them is the version."""
    assert said(beat(**{field: "1.1.0"})) == {"firmware_version": "1.1.0"}


@pytest.mark.parametrize("useless", [None, 2, ""], ids=["null", "number", "empty"])
def test_the_first_usable_spelling_of_the_version_counts(useless: Json) -> None:
    """One that can't be used does not hide the next."""
    message = beat(firmware_version=useless, fw="1.1.0", version="0.9")
    assert said(message) == {"firmware_version": "1.1.0"}


@a_name
def test_firmware_versions_that_are_taken(value: str) -> None:
    """Any short text in one line."""
    assert said(beat(firmware_version=value)) == {"firmware_version": value}


@not_a_name
def test_firmware_versions_that_are_refused(value: Json) -> None:
    """Anything else is named, and the rest of the heartbeat is taken."""
    message = beat(uptime=7, firmware_version=value)
    assert said(message) == {"uptime": 7}
    assert found(message) == [("firmware_version", INVALID)]


def test_the_device_id_may_be_the_topics() -> None:
    """The usual heartbeat names its device once more."""
    assert not beat(device_id=DEVICE_ID).faults


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"device_id": "hall"}, id="another"),
        pytest.param({"device_id": "CHAPEL"}, id="other-case"),
        pytest.param({"device_id": ""}, id="empty"),
        pytest.param({"device_id": 7}, id="number"),
        pytest.param({"device_id": False}, id="false"),
        pytest.param({"payload": {"device_id": "hall"}}, id="in-the-envelope"),
        pytest.param({"device_id": "hall", "payload": {}}, id="beside-the-envelope"),
    ],
)
def test_a_heartbeat_of_another_device_is_malformed(fields: dict[str, Json]) -> None:
    """What it says is of nobody knows whom, so none of it is taken."""
    message = heartbeat(uptime=7, **fields)
    assert isinstance(message, Malformed)
    assert found(message) == [("device_id", FaultKind.MISMATCH)]


def test_the_senders_level_is_quoted_in_a_fault() -> None:
    """A topic is written by strangers too: no log line is of their making."""
    message = parse_heartbeat(b'{"device_id": "hall"}', "x\nERROR" + "y" * 9000)
    (fault,) = message.faults
    assert fault.reason.isprintable()
    assert len(fault.reason) < LONGEST_REASON


# Recent events

GOOD: dict[str, Json] = {"t": 3, "d0": 200, "d1": 0, "ts": 1_800_000_000, "up": 60}
TAKEN = RecentEvent(tag=3, d0=200, d1=0, ts=1_800_000_000, up=60)


def events_in(*items: Json) -> tuple[object, list[tuple[str, FaultKind]]]:
    """Return the events of a heartbeat with these entries, and what is wrong."""
    message = beat(recent_events=list(items))
    events, faults = message.events()
    return events, [(fault.path, fault.kind) for fault in faults]


def test_no_events_are_no_fault() -> None:
    """A buffer may be empty, which is not the same as none."""
    assert events_in() == ((), [])
    assert beat().events() == (None, [])


def test_events_stay_in_their_order() -> None:
    """The oldest is the first; what is told twice has happened twice."""
    later = RecentEvent(tag=1, d0=9, d1=0, ts=0, up=0)
    entry: Json = {"t": 1, "d0": 9, "d1": 0, "ts": 0, "up": 0}
    assert events_in(GOOD, GOOD, entry) == ((TAKEN, TAKEN, later), [])


def test_unknown_tags_and_fields_of_events_are_kept_and_ignored() -> None:
    """What the next firmware adds is no fault."""
    event = RecentEvent(tag=77, d0=200, d1=0, ts=1_800_000_000, up=60)
    assert events_in(GOOD | {"t": 77, "x": []}) == ((event,), [])


@pytest.mark.parametrize("field", GOOD)
@pytest.mark.parametrize(
    "value",
    [None, True, "1", 1.0, [], {}, [[1]], MAX_EVENT_DATA + 1, -MAX_EVENT_DATA - 1],
    ids=lambda value: f"{value!r}",
)
def test_a_bad_event_is_named_with_its_path(field: str, value: Json) -> None:
    """The others are taken."""
    assert events_in(GOOD, GOOD | {field: value}, GOOD) == (
        (TAKEN, TAKEN),
        [(f"recent_events[1].{field}", INVALID)],
    )


@pytest.mark.parametrize("field", GOOD)
def test_an_event_without_a_field_is_named_with_its_path(field: str) -> None:
    """Nobody knows what it would have been."""
    entry = {name: value for name, value in GOOD.items() if name != field}
    assert events_in(GOOD, GOOD, GOOD, entry) == (
        (TAKEN, TAKEN, TAKEN),
        [(f"recent_events[3].{field}", INVALID)],
    )


def test_each_fault_of_an_event_is_named() -> None:
    """Two faults are two things to mend."""
    assert events_in(GOOD | {"d0": "x", "up": None})[1] == [
        ("recent_events[0].d0", INVALID),
        ("recent_events[0].up", INVALID),
    ]


@pytest.mark.parametrize("item", [None, 7, "EVT_BOOT", True, [], [GOOD]], ids=repr)
def test_what_is_no_event_is_named_with_its_position(item: Json) -> None:
    """The others are taken."""
    assert events_in(item, GOOD) == ((TAKEN,), [("recent_events[0]", INVALID)])


def test_the_number_of_events_is_bounded() -> None:
    """Of more than any firmware keeps the newest are taken, and that is named."""
    assert events_in(*[GOOD] * MAX_EVENTS) == ((TAKEN,) * MAX_EVENTS, [])
    bad = GOOD | {"d0": None}
    assert events_in(bad, *[GOOD] * (MAX_EVENTS - 1), bad) == (
        (TAKEN,) * (MAX_EVENTS - 1),
        [
            ("recent_events", FaultKind.TOO_MANY),
            (f"recent_events[{MAX_EVENTS}].d0", INVALID),
        ],
    )


@pytest.mark.parametrize(
    ("path", "counted"),
    [
        ("recent_events[3].d0", "recent_events[].d0"),
        ("recent_events[63]", "recent_events[]"),
        ("recent_events", "recent_events"),
        ("payload.melody_uid", "payload.melody_uid"),
        ("", ""),
    ],
)
def test_a_fault_is_counted_without_positions(path: str, counted: str) -> None:
    """An entry moves forward in the buffer with each new one behind it."""
    assert Fault(path=path, kind=INVALID, reason="").field == counted


# Alerts


@pytest.mark.parametrize(
    ("state", "severity"),
    [
        ("WARNING", Severity.WARNING),
        ("CRITICAL", Severity.CRITICAL),
        ("FAILED", Severity.FAILED),
        ("CLEARED", Severity.OK),
        ("HEALTHY", Severity.OK),
        ("OK", Severity.OK),
        ("warning", Severity.WARNING),
        ("Critical", Severity.CRITICAL),
        ("fAILED", Severity.FAILED),
        ("cleared", Severity.OK),
        ("Healthy", Severity.OK),
        ("ok", Severity.OK),
    ],
)
def test_states_are_known_in_any_case(state: str, severity: Severity) -> None:
    """Three states raise an alert, three words end it."""
    message = transition(state=state)
    assert message.severity is severity
    assert not message.faults


def test_severities_rank_from_well_to_worst() -> None:
    """The worst of several is the greatest; entities show the names in lower case."""
    assert [severity.key for severity in sorted(Severity)] == [
        "ok",
        "warning",
        "critical",
        "failed",
    ]


@pytest.mark.parametrize(
    "state", ["PURPLE", "", " OK", "OK\n", "CLEARED.", "O" * 65, 0, False, [], {}]
)
def test_any_other_state_is_refused(state: Json) -> None:
    """What is not known never reads as all clear."""
    message = parse_alert(encode({"subsystem": "a", "state": state}), DEVICE_ID)
    assert isinstance(message, Malformed)
    assert found(message) == [("state", INVALID)]


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        pytest.param({"state": "OK"}, "subsystem", id="no-subsystem"),
        pytest.param({"subsystem": None, "state": "OK"}, "subsystem", id="null-for-it"),
        pytest.param({"subsystem": "a"}, "state", id="no-state"),
        pytest.param({"subsystem": "a", "state": None}, "state", id="null-for-state"),
    ],
)
def test_subsystem_and_state_are_required(
    fields: dict[str, Json], missing: str
) -> None:
    """An alert without one of them says nothing, and what it lacks is named."""
    message = parse_alert(encode(fields), DEVICE_ID)
    assert isinstance(message, Malformed)
    assert found(message) == [(missing, FaultKind.MISSING)]


def test_each_fault_of_an_alert_is_named() -> None:
    """Two faults are two things to mend."""
    message = parse_alert(b'{"state": "PURPLE"}', DEVICE_ID)
    assert found(message) == [("subsystem", FaultKind.MISSING), ("state", INVALID)]


@a_name
def test_subsystems_that_are_taken(value: str) -> None:
    """The name stays as the device wrote it."""
    assert transition(subsystem=value).subsystem == value


def test_the_case_of_a_subsystem_is_kept() -> None:
    """Names that differ in case are different subsystems."""
    assert transition(subsystem="fileManager").subsystem == "fileManager"


@not_a_name
def test_subsystems_that_are_refused(value: Json) -> None:
    """An alert of nobody is no alert."""
    message = parse_alert(encode({"subsystem": value, "state": "FAILED"}), DEVICE_ID)
    assert isinstance(message, Malformed)
    assert found(message) == [("subsystem", INVALID)]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        pytest.param({"msg": "SD mount failed"}, "SD mount failed", id="text"),
        pytest.param({}, "", id="absent"),
        pytest.param({"msg": None}, "", id="null"),
        pytest.param({"msg": ""}, "", id="empty"),
        pytest.param({"msg": "a\nb\x00c\u202ed"}, "a b c d", id="in-one-line"),
        pytest.param({"msg": "x" * 1024}, "x" * 1024, id="longest"),
        pytest.param({"msg": "x" * 1025}, "x" * 1023 + "…", id="cut"),
    ],
)
def test_the_text_of_an_alert(fields: dict[str, Json], text: str) -> None:
    """It is shown in one line of bounded length, and its absence is no fault."""
    message = transition(**fields)
    assert message.message == text
    assert not message.faults


@pytest.mark.parametrize("msg", [7, True, ["SD"], {"text": "SD"}])
def test_a_bad_text_does_not_lose_the_alert(msg: Json) -> None:
    """The alert is raised without it, and the bad field is named."""
    message = transition(msg=msg)
    assert (message.severity, message.message) == (Severity.WARNING, "")
    assert found(message) == [("msg", INVALID)]


# Info


def test_an_info_has_a_type_and_details() -> None:
    """Whatever the details are, they are handed on."""
    message = activity("volume", level=7, zones=["nave", "yard"])
    assert message.type == "volume"
    assert message.payload == {"level": 7, "zones": ["nave", "yard"]}
    assert not message.faults


@pytest.mark.parametrize("payload", [b"", b', "payload": null'], ids=["absent", "null"])
def test_an_info_may_have_no_details(payload: bytes) -> None:
    """The type alone tells enough."""
    message = parse_info(b'{"type": "playback_stopped"' + payload + b"}", DEVICE_ID)
    assert message == Info(type="playback_stopped", payload={}, faults=[])


@a_name
def test_types_that_are_taken(value: str) -> None:
    """Firmware may tell of things that nobody has thought of yet."""
    assert activity(value).type == value


@not_a_name
def test_types_that_are_refused(value: Json) -> None:
    """What can't be named can't be told of."""
    message = parse_info(encode({"type": value}), DEVICE_ID)
    assert isinstance(message, Malformed)
    assert found(message) == [("type", INVALID)]


@pytest.mark.parametrize("fields", [{}, {"type": None}], ids=["absent", "null"])
def test_the_type_is_required(fields: dict[str, Json]) -> None:
    """Details of nothing say nothing."""
    message = parse_info(encode({"payload": {}} | fields), DEVICE_ID)
    assert isinstance(message, Malformed)
    assert found(message) == [("type", FaultKind.MISSING)]


@pytest.mark.parametrize("payload", [7, True, "ABC123", ["ABC123"]])
def test_bad_details_do_not_lose_the_info(payload: Json) -> None:
    """The type is taken without them, and the bad field is named."""
    message = parse_info(
        encode({"type": "playback_started", "payload": payload}), DEVICE_ID
    )
    assert isinstance(message, Info)
    assert (message.type, message.payload) == ("playback_started", {})
    assert found(message) == [("payload", INVALID)]


def nested(levels: int) -> dict[str, Any]:
    """Return an object that nests so many levels, lists and objects in turn."""
    value: Any = 0
    for level in range(levels - 1):
        value = {"a": value} if level % 2 else [0, value]
    return {"a": value}


def test_details_may_nest_eight_levels() -> None:
    """Nobody means more."""
    deepest = nested(MAX_INFO_DEPTH)
    assert activity("a", **deepest).payload == deepest


@pytest.mark.parametrize("levels", [MAX_INFO_DEPTH + 1, 500])
def test_details_that_nest_deeper_are_left_out(levels: int) -> None:
    """What Home Assistant could not write is named instead."""
    message = activity("a", **nested(levels))
    assert message.payload == {}
    assert found(message) == [("payload", INVALID)]


@a_name
def test_melodies_that_are_taken(value: str) -> None:
    """The melody is known by its uid."""
    message = activity("playback_started", melody_uid=value)
    assert message.melody_uid == value
    assert not message.faults


@not_a_name
def test_melodies_that_are_refused(value: Json) -> None:
    """Something plays all the same, and the bad field is named."""
    message = activity("playback_started", melody_uid=value)
    assert (message.type, message.melody_uid) == ("playback_started", None)
    assert found(message) == [("payload.melody_uid", INVALID)]


@pytest.mark.parametrize("payload", [{}, {"melody_uid": None}], ids=["absent", "null"])
def test_no_melody_is_no_fault(payload: dict[str, Json]) -> None:
    """What stops has no melody to name."""
    message = activity("playback_stopped", **payload)
    assert message.melody_uid is None
    assert not message.faults


# Properties


def depth(value: object) -> int:
    """Return how many levels a value nests, without recursion."""
    levels, layer = 0, [value]
    while layer := [child for child in layer if isinstance(child, dict | list)]:
        levels += 1
        layer = [
            inner
            for child in layer
            for inner in (child.values() if isinstance(child, dict) else child)
        ]
    return levels


def is_name(text: object) -> bool:
    """Tell whether a text is 1 to 64 printable characters, and not blank."""
    return (
        isinstance(text, str)
        and 1 <= len(text) <= 64
        and text.isprintable()
        and bool(text.strip())
    )


def assert_safe(message: Message) -> None:
    """Check that whatever comes out of a parser is bounded and can be shown."""
    assert len(faults_of(message)) < 400
    for fault in faults_of(message):
        assert fault.path.isprintable()
        assert len(fault.path) <= 64
        assert fault.reason.isprintable()
        assert len(fault.reason) <= LONGEST_REASON
    match message:
        case Heartbeat():
            fields = said(message)
            version, events = (
                fields.pop(name, None) for name in ("firmware_version", "recent_events")
            )
            assert version is None or is_name(version)
            assert all(type(value) is int for value in fields.values())
            assert all(0 <= value < 2**32 for value in fields.values())
            assert events is None or len(events) <= MAX_EVENTS
        case Alert(subsystem=subsystem, message=text):
            assert is_name(subsystem)
            assert text == "" or text.isprintable()
            assert len(text) <= MAX_TEXT_LENGTH
        case Info(type=kind, payload=payload, melody_uid=melody):
            assert is_name(kind)
            assert melody is None or is_name(melody)
            assert depth(payload) <= MAX_INFO_DEPTH
            assert orjson.dumps(payload), "Home Assistant can't write it"
        case Malformed():
            assert message.faults


@every_parser
@given(st.binary(max_size=300) | json_values.map(encode) | likely_objects.map(encode))
@example(b"[" * 200_000)
@example(b'{"":' * 3000 + b"0" + b"}" * 3000)
@example(b'{"payload":' * 1000 + b"0" + b"}" * 1000)
@example(b'{"type":"a","payload":' + b'{"a":' * 600 + b"0" + b"}" * 601)
@example(b'{"uptime": ' + b"9" * 4000 + b"}")
@example(b'{"uptime": 1, "uptime": [], "type": "a", "type": "b"}')
@example(b'{"uptime": NaN, "type": Infinity}')
@example(b'{"type": "\\ud800\\u0000"}')
def test_no_bytes_make_a_parser_raise(parse: Parse, payload: bytes) -> None:
    """Whatever a sender sends, what comes out is bounded and can be shown."""
    assert_safe(parse(payload, DEVICE_ID))


@every_parser
@given(likely_objects, st.data())
def test_no_damage_on_the_way_makes_a_parser_raise(
    parse: Parse, fields: dict[str, Json], data: st.DataObject
) -> None:
    """A payload cut off or with some bytes changed does no harm either."""
    payload = bytearray(encode(fields))
    for _ in range(data.draw(st.integers(0, 3))):
        index = data.draw(st.integers(0, len(payload) - 1))
        payload[index] = data.draw(st.integers(0, 255))
    assert_safe(
        parse(bytes(payload[: data.draw(st.integers(0, len(payload)))]), DEVICE_ID)
    )


@every_parser
@given(st.text())
def test_no_topic_makes_a_parser_raise(parse: Parse, device_id: str) -> None:
    """A sender that is no device is parsed before it is refused."""
    assert_safe(parse(b'{"device_id": "hall"}', device_id))


def decoded(value: Json) -> Any:
    """Return a value as it comes out of JSON, where whole numbers have 64 bits."""
    return orjson.loads(encode(value))


@given(json_values)
def test_any_uptime_leaves_the_version(value: Json) -> None:
    """The uptime is taken or named, and the other field is taken in any case."""
    message = beat(uptime=value, firmware_version="1.1.0")
    uptime = decoded(value)
    is_good = type(uptime) is int and 0 <= uptime <= MAX_UPTIME
    expected = {"firmware_version": "1.1.0"} | ({"uptime": uptime} if is_good else {})
    assert said(message) == expected
    assert bool(found(message)) is not (is_good or value is None)


@given(json_values)
def test_any_version_leaves_the_uptime(value: Json) -> None:
    """The version is taken or named, and the other field is taken in any case."""
    message = beat(uptime=7, firmware_version=value)
    expected = {"uptime": 7} | ({"firmware_version": value} if is_name(value) else {})
    assert said(message) == expected
    assert bool(found(message)) is not (is_name(value) or value is None)


@each_field
@given(value=json_values)
def test_any_value_of_a_field_leaves_the_others(field: str, value: Json) -> None:
    """It is taken or named, and neither it nor a fault touches another field."""
    message = beat(**IN_FULL | {field: value})
    other = {name: one for name, one in SAID_IN_FULL.items() if name != field}
    assert said(message).items() >= other.items()
    assert all(re.match(rf"{field}\b", path) for path, _ in found(message))
    assert (field in said(message)) or found(message) or value is None
    assert_safe(message)


@given(st.dictionaries(st.text(), json_values))
def test_any_unknown_fields_leave_a_heartbeat(fields: dict[str, Json]) -> None:
    """What the next firmware adds does no harm to what is known."""
    known = {"device_id": DEVICE_ID, "uptime": 7, "firmware_version": "1.1.0"}
    message = parse_heartbeat(
        json.dumps({"payload": None} | fields | known).encode(), DEVICE_ID
    )
    assert isinstance(message, Heartbeat)
    assert said(message).items() >= {"uptime": 7, "firmware_version": "1.1.0"}.items()


@given(json_values)
def test_any_text_leaves_the_alert(value: Json) -> None:
    """Subsystem and state are taken whatever stands beside them."""
    message = transition(msg=value)
    assert (message.subsystem, message.severity) == ("FileManager", Severity.WARNING)
    assert bool(message.faults) is not (value is None or isinstance(value, str))
    assert_safe(message)


@given(json_values, json_values)
def test_any_subsystem_and_state_are_taken_or_named(
    subsystem: Json, state: Json
) -> None:
    """An alert comes out exactly where both can be used."""
    message = parse_alert(encode({"subsystem": subsystem, "state": state}), DEVICE_ID)
    is_known = isinstance(state, str) and state.upper() in {
        *("WARNING", "CRITICAL", "FAILED"),
        *("CLEARED", "HEALTHY", "OK"),
    }
    assert isinstance(message, Alert) is (is_name(subsystem) and is_known)
    bad = {"subsystem": not is_name(subsystem), "state": not is_known}
    assert [path for path, _ in found(message)] == [
        path for path, is_bad in bad.items() if is_bad
    ]


@given(json_values)
def test_any_details_leave_the_info(value: Json) -> None:
    """The type is taken whatever stands beside it."""
    message = parse_info(
        encode({"type": "playback_started", "payload": value}), DEVICE_ID
    )
    assert isinstance(message, Info)
    assert message.type == "playback_started"
    is_good = isinstance(value, dict) and depth(value) <= MAX_INFO_DEPTH
    assert message.payload == (decoded(value) if is_good else {})
    assert_safe(message)
