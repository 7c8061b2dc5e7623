"""Parse heartbeats."""

from dataclasses import replace
import json
import re
from typing import Any

from hypothesis import assume, example, given, settings, strategies as st
import orjson
import pytest

from custom_components.vesper.protocol.fields import FaultKind, Malformed
from custom_components.vesper.protocol.heartbeat import (
    MAX_CODE,
    MAX_HEAP,
    MAX_HEARTBEAT_BYTES,
    MAX_UPTIME,
    Heartbeat,
    parse_heartbeat,
    restore_events,
)
from custom_components.vesper.protocol.recent_events import RecentEvent
from tests.strategies import DEVICE_ID, Json, encode, heartbeat, json_values

from .common import (
    INVALID,
    LONGEST_REASON,
    a_name,
    assert_safe,
    found,
    is_name,
    not_a_name,
    values,
)


def parsed(**fields: object) -> Heartbeat:
    """Return a valid heartbeat with these fields."""
    message = heartbeat(**fields)
    assert isinstance(message, Heartbeat)
    return message


def test_a_heartbeat_of_the_first_firmware() -> None:
    """Every field is optional."""
    message = parsed(device_id="chapel", uptime=3600, firmware_version="1.0.0")
    assert values(message) == {"uptime": 3600, "firmware_version": "1.0.0"}
    assert not found(message)
    assert values(parsed()) == {}
    assert not found(parsed())


#: A heartbeat of firmware 1.1.0, and its values.
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
VALUES_IN_FULL: dict[str, object] = {
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
each_field = pytest.mark.parametrize("field", VALUES_IN_FULL)


def test_a_heartbeat_in_full() -> None:
    """All fields of the firmware are used."""
    message = parsed(**IN_FULL)
    assert values(message) == VALUES_IN_FULL
    assert not found(message)


def test_a_heartbeat_may_come_in_an_envelope() -> None:
    """An object in `payload` is the heartbeat."""
    message = parsed(payload=IN_FULL)
    assert values(message) == VALUES_IN_FULL
    assert not found(message)


@pytest.mark.parametrize("payload", [None, 7, "text", []])
def test_what_is_no_envelope_is_an_unknown_field(payload: Json) -> None:
    """Other values of `payload` are ignored."""
    message = parsed(uptime=7, payload=payload)
    assert values(message) == {"uptime": 7}
    assert not found(message)


def test_fields_beside_an_envelope_are_not_lost() -> None:
    """Fields around a `payload` object are used too."""
    assert parsed(uptime=7, payload={"volume": 3}).uptime == 7


@pytest.mark.parametrize("uptime", [0, 1, MAX_UPTIME])
def test_uptimes_that_are_accepted(uptime: int) -> None:
    """Whole seconds of 32 bits."""
    message = parsed(uptime=uptime)
    assert values(message) == {"uptime": uptime}
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
def test_uptimes_that_are_rejected(uptime: Json) -> None:
    """Others are named; the other fields are used."""
    message = parsed(uptime=uptime, firmware_version="1.1.0")
    assert values(message) == {"firmware_version": "1.1.0"}
    assert found(message) == [("uptime", INVALID)]


@each_field
@pytest.mark.parametrize("is_null", [True, False], ids=["null", "absent"])
def test_each_field_may_be_missing(field: str, *, is_null: bool) -> None:
    """An absent field is no fault."""
    fields = IN_FULL | {field: None}
    if not is_null:
        del fields[field]
    message = parsed(**fields)
    expected = dict(VALUES_IN_FULL)
    del expected[field]
    assert values(message) == expected
    assert not found(message)


@each_field
@pytest.mark.parametrize(
    "value", [True, -1, 1.5, "", {}, 2**32], ids=lambda value: f"{value!r}"
)
def test_each_field_may_be_bad(field: str, value: Json) -> None:
    """It is named, and the others are used."""
    message = parsed(**IN_FULL | {field: value})
    expected = dict(VALUES_IN_FULL)
    del expected[field]
    assert values(message) == expected
    assert found(message) == [(field, INVALID)]


def test_all_fields_may_be_bad() -> None:
    """Each of them is named."""
    message = parsed(**dict.fromkeys(VALUES_IN_FULL, "\n"))
    assert values(message) == {}
    assert sorted(found(message)) == sorted(
        (field, INVALID) for field in VALUES_IN_FULL
    )


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
    """A number over its maximum is rejected."""
    for value in (0, 1, most):
        message = parsed(**{field: value})
        assert values(message) == {field: value}
        assert not found(message)
    message = parsed(**{field: most + 1})
    assert values(message) == {}
    assert found(message) == [(field, INVALID)]


def test_null_stands_for_an_absent_id() -> None:
    """A field that is null is absent."""
    assert not found(parsed(device_id=None, fw=None, fw_version=None, version=None))


@pytest.mark.parametrize("field", ["firmware_version", "fw_version", "fw", "version"])
def test_the_firmware_version_has_four_spellings(field: str) -> None:
    """Each of them is the version."""
    assert values(parsed(**{field: "1.1.0"})) == {"firmware_version": "1.1.0"}


@pytest.mark.parametrize("useless", [None, 2, ""], ids=["null", "number", "empty"])
def test_the_first_usable_spelling_of_the_version_counts(useless: Json) -> None:
    """An invalid one does not hide the next."""
    message = parsed(firmware_version=useless, fw="1.1.0", version="0.9")
    assert values(message) == {"firmware_version": "1.1.0"}


@a_name
def test_firmware_versions_that_are_accepted(value: str) -> None:
    """Any short text in one line."""
    assert values(parsed(firmware_version=value)) == {"firmware_version": value}


@not_a_name
def test_firmware_versions_that_are_rejected(value: Json) -> None:
    """Others are named; the other fields are used."""
    message = parsed(uptime=7, firmware_version=value)
    assert values(message) == {"uptime": 7}
    assert found(message) == [("firmware_version", INVALID)]


def test_the_device_id_may_be_the_topics() -> None:
    """The usual heartbeat has the id of its topic."""
    assert not parsed(device_id=DEVICE_ID).faults


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
        *(
            pytest.param(
                {"device_id": other, "payload": {"device_id": DEVICE_ID}},
                id=f"{other}-beside-the-right-one",
            )
            for other in ("abbey", "hall")
        ),
    ],
)
def test_a_heartbeat_of_another_device_is_malformed(fields: dict[str, Json]) -> None:
    """None of its fields is used."""
    message = heartbeat(uptime=7, **fields)
    assert isinstance(message, Malformed)
    assert found(message) == [("device_id", FaultKind.MISMATCH)]


def test_the_senders_level_is_quoted_in_a_fault() -> None:
    """A topic can't inject a log line."""
    message = parse_heartbeat(b'{"device_id": "hall"}', "x\nERROR" + "y" * 9000)
    (fault,) = message.faults
    assert fault.reason.isprintable()
    assert len(fault.reason) < LONGEST_REASON


def decoded(value: Json) -> Any:
    """Return a value as decoded from JSON.

    Its whole numbers are those of 64 bits.
    """
    return orjson.loads(encode(value))


@given(json_values)
def test_any_uptime_leaves_the_version(value: Json) -> None:
    """The version is used with any uptime."""
    message = parsed(uptime=value, firmware_version="1.1.0")
    uptime = decoded(value)
    is_good = type(uptime) is int and 0 <= uptime <= MAX_UPTIME
    expected = {"firmware_version": "1.1.0"} | ({"uptime": uptime} if is_good else {})
    assert values(message) == expected
    assert bool(found(message)) is not (is_good or value is None)


@given(json_values)
def test_any_version_leaves_the_uptime(value: Json) -> None:
    """The uptime is used with any version."""
    message = parsed(uptime=7, firmware_version=value)
    expected = {"uptime": 7} | ({"firmware_version": value} if is_name(value) else {})
    assert values(message) == expected
    assert bool(found(message)) is not (is_name(value) or value is None)


@each_field
@given(value=json_values)
def test_any_value_of_a_field_leaves_the_others(field: str, value: Json) -> None:
    """Any value leaves the other fields unchanged."""
    message = parsed(**IN_FULL | {field: value})
    other = {name: one for name, one in VALUES_IN_FULL.items() if name != field}
    assert values(message).items() >= other.items()
    assert all(re.match(rf"{field}\b", path) for path, _ in found(message))
    assert (field in values(message)) or found(message) or value is None
    assert_safe(message)


@given(st.dictionaries(st.text(), json_values))
def test_any_unknown_fields_leave_a_heartbeat(fields: dict[str, Json]) -> None:
    """Fields of later firmware change no known field."""
    known = {"device_id": DEVICE_ID, "uptime": 7, "firmware_version": "1.1.0"}
    message = parse_heartbeat(
        json.dumps({"payload": None} | fields | known).encode(), DEVICE_ID
    )
    assert isinstance(message, Heartbeat)
    assert values(message).items() >= {"uptime": 7, "firmware_version": "1.1.0"}.items()


# Known entries are not parsed again

A = {"t": 1, "d0": 4, "d1": 0, "ts": 0, "up": 0}
B = {"t": 2, "d0": 65483, "d1": 0, "ts": 1_800_000_000, "up": 3}
BAD = A | {"d0": "x"}


def compact(value: object) -> bytes:
    """Return a value as firmware writes it."""
    return orjson.dumps(value)


def test_repeated_entries_are_replaced_in_the_payload() -> None:
    """The payload is stored without repeated entries."""
    known = compact([A, B])
    payload = compact({"uptime": 31, "recent_events": [A, B], "heap_free": 9})
    message = parse_heartbeat(payload, DEVICE_ID, known)
    assert isinstance(message, Heartbeat)
    assert message.payload == b'{"uptime":31,"recent_events":null,"heap_free":9}'
    assert message.recent_events == known
    assert (message.uptime, message.heap_free, message.faults) == (31, 9, [])
    assert restore_events(message.payload, known) == payload


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b'{"recent_events":[],"uptime":1}', id="empty"),
        pytest.param(b'{"recent_events":null,"uptime":1}', id="null"),
        pytest.param(b'{"uptime":1}', id="absent"),
        pytest.param(compact({"recent_events": [B, A]}), id="other-order"),
        pytest.param(compact({"recent_events": [A]}), id="fewer"),
        pytest.param(compact({"recent_events": [A, B, B]}), id="more"),
        pytest.param(encode({"recent_events": [A, B]}), id="white-space"),
        pytest.param(compact({"recent_events": [A, B, BAD]}), id="bad-entry"),
    ],
)
def test_a_payload_that_does_not_repeat_the_entries_is_unchanged(
    payload: bytes,
) -> None:
    """It is parsed in full."""
    message = parse_heartbeat(payload, DEVICE_ID, compact([A, B]))
    assert message == parse_heartbeat(payload, DEVICE_ID)
    assert isinstance(message, Heartbeat)
    assert message.payload == payload


@pytest.mark.parametrize("broken", [b",,", b"]", b'"uptime": ', b"\0"])
def test_repeated_entries_hide_no_broken_json(broken: bytes) -> None:
    """Invalid JSON stays invalid without the entries."""
    known = compact([A])
    payload = b'{"recent_events":' + known + broken + b"}"
    message = parse_heartbeat(payload, DEVICE_ID, known)
    assert found(message) == [("", FaultKind.NOT_JSON)]


def test_repeated_entries_make_no_payload_smaller() -> None:
    """The limit is that of the whole payload."""
    known = compact([A, B])
    payload = compact({"recent_events": [A, B]})
    for size in (MAX_HEARTBEAT_BYTES, MAX_HEARTBEAT_BYTES + 1):
        message = parse_heartbeat(payload.ljust(size), DEVICE_ID, known)
        assert bool(message.faults) is (size > MAX_HEARTBEAT_BYTES)


@pytest.mark.parametrize("known", [b"", b"[]"])
def test_an_empty_list_is_known_or_not(known: bytes) -> None:
    """An empty list can be repeated like any other."""
    message = parse_heartbeat(b'{"recent_events":[]}', DEVICE_ID, known)
    assert isinstance(message, Heartbeat)
    assert message.recent_events == b"[]"


entries: st.SearchStrategy[Json] = st.sampled_from([A, B, BAD, 7, None])
lists: st.SearchStrategy[Json] = st.lists(entries, max_size=3)
texts = st.sampled_from([compact, encode])


@st.composite
def objects(draw: st.DrawFn, depth: int = 2) -> bytes:
    """Draw an object with fields of a heartbeat.

    They are in any order, and may occur twice.
    """
    members = []
    for name in draw(
        st.lists(
            st.sampled_from(
                [
                    *["recent_events"] * 3,
                    *["payload"] * (2 if depth else 0),
                    "uptime",
                    "device_id",
                    "fw",
                    'x"recent_events',
                ]
            ),
            max_size=4,
        )
    ):
        match name:
            case "payload":
                value = draw(objects(depth - 1))
            case "recent_events" if depth and not draw(st.integers(0, 7)):
                value = draw(objects(depth - 1))
            case "recent_events" | 'x"recent_events':
                value = draw(texts)(draw(lists | st.none()))
            case "fw":
                value = compact(draw(st.sampled_from(["1.0", '"recent_events":[]'])))
            case "device_id":
                value = compact(draw(st.sampled_from([DEVICE_ID, "hall", None])))
            case _:
                value = compact(draw(st.sampled_from([1, -1, None])))
        space = draw(st.sampled_from([b"", b"", b"", b" "]))
        members.append(compact(name) + space + b":" + space + value)
    return b"{" + b",".join(members) + b"}"


damages = st.none() | st.tuples(st.integers(0, 400), st.binary(max_size=2))


@settings(max_examples=1500)
@given(objects(), lists.map(compact), damages)
@example(b'{"recent_events":[],"recent_events":null}', b"[]", None)
@example(b'{"recent_events":[],"recent_events":7}', b"[]", None)
@example(b'{"payload":{"recent_events":[]},"recent_events":7}', b"[]", None)
@example(b'{"payload":{"recent_events":[]},"device_id":"hall"}', b"[]", None)
@example(b'{"x":{"recent_events":[]}}', b"[]", None)
@example(b'{"recent_events":[]}', b"[", None)
def test_repeated_entries_change_nothing(
    payload: bytes, known: bytes, damage: tuple[int, bytes] | None
) -> None:
    """The heartbeat is the same, parsed again or not."""
    first = parse_heartbeat(b'{"recent_events":%b}' % known, DEVICE_ID)
    assume(isinstance(first, Heartbeat) and first.recent_events is not None)
    assert isinstance(first, Heartbeat)
    known_events = first.recent_events or b""
    if damage is not None:
        at, inserted = damage
        payload = payload[:at] + inserted + payload[at + len(inserted) :]
    whole = parse_heartbeat(payload, DEVICE_ID)
    message = parse_heartbeat(payload, DEVICE_ID, known_events)
    if isinstance(message, Heartbeat) and isinstance(whole, Heartbeat):
        assert replace(message, payload=payload) == whole
        if message.payload is not payload:
            assert restore_events(message.payload, known_events) == payload
        assert_safe(message)
    else:
        assert type(message) is type(whole)
        assert found(message) == found(whole)
