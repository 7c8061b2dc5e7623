"""Rules of all messages: no parser raises."""

from hypothesis import example, given, strategies as st
import pytest

from custom_components.vesper.protocol.alert import MAX_ALERT_BYTES, parse_alert
from custom_components.vesper.protocol.fields import FaultKind, Malformed
from custom_components.vesper.protocol.heartbeat import (
    MAX_HEARTBEAT_BYTES,
    MAX_UPTIME,
    parse_heartbeat,
)
from custom_components.vesper.protocol.info import MAX_INFO_BYTES, parse_info
from custom_components.vesper.protocol.message import Message, Parser
from tests.strategies import (
    DEVICE_ID,
    Json,
    alert,
    encode,
    heartbeat,
    json_values,
    likely_objects,
)

from .common import assert_safe, found

every_parser = pytest.mark.parametrize(
    "parse",
    [
        pytest.param(parse_heartbeat, id="heartbeat"),
        pytest.param(parse_alert, id="alert"),
        pytest.param(parse_info, id="info"),
    ],
)


@every_parser
@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        pytest.param(b"", FaultKind.NOT_JSON, id="empty"),
        pytest.param(b"online", FaultKind.NOT_JSON, id="plain-text"),
        pytest.param(b"{", FaultKind.NOT_JSON, id="cut-off"),
        pytest.param(b'{"type": "a"} {}', FaultKind.NOT_JSON, id="two-objects"),
        pytest.param(b"\xff\xfe", FaultKind.NOT_JSON, id="not-utf-8"),
        pytest.param(b"[" * 2000 + b"]" * 2000, FaultKind.NOT_JSON, id="deep-lists"),
        pytest.param(b"[" * 1000 + b"]" * 1000, FaultKind.NOT_OBJECT, id="less-deep"),
        pytest.param(b"null", FaultKind.NOT_OBJECT, id="null"),
        pytest.param(b"12", FaultKind.NOT_OBJECT, id="number"),
        pytest.param(b'"text"', FaultKind.NOT_OBJECT, id="text"),
        pytest.param(b'[{"uptime": 1}]', FaultKind.NOT_OBJECT, id="list"),
    ],
)
def test_what_is_no_json_object_is_malformed(
    parse: Parser, payload: bytes, kind: FaultKind
) -> None:
    """The fault is of the whole payload."""
    message = parse(payload, DEVICE_ID)
    assert isinstance(message, Malformed)
    assert found(message) == [("", kind)]


@pytest.mark.parametrize("parse", [parse_heartbeat, parse_info])
@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"\xef\xbb\xbf{}", id="byte-order-mark"),
        pytest.param(b'{"a": NaN}', id="nan"),
        pytest.param(b'{"a": -Infinity}', id="infinity"),
        pytest.param(b'{"a": 1e999}', id="beyond-any-float"),
        pytest.param(b'{"a": "\\ud800"}', id="lone-surrogate"),
        pytest.param(b'{"a": "\x01"}', id="raw-control-character"),
    ],
)
def test_a_damaged_object_is_malformed(parse: Parser, payload: bytes) -> None:
    """Only an alert is read although it is damaged.

    Nothing else needs to be: the next heartbeat comes soon.
    """
    message = parse(payload, DEVICE_ID)
    assert isinstance(message, Malformed)
    assert found(message) == [("", FaultKind.NOT_JSON)]
    message = parse_alert(payload, DEVICE_ID)
    assert found(message) == [
        ("subsystem", FaultKind.MISSING),
        ("state", FaultKind.MISSING),
    ]


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
    parse: Parser, fields: dict[str, str], limit: int
) -> None:
    """One byte more than the limit is too large."""
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
        pytest.param(parse_info(b"{}", DEVICE_ID), "is required", id="missing"),
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
def test_a_fault_names_the_expected_and_actual_value(
    message: Message, reason: str
) -> None:
    """The log shows how to repair the device."""
    assert [fault.reason for fault in message.faults] == [reason]


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
def test_no_bytes_make_a_parser_raise(parse: Parser, payload: bytes) -> None:
    """The result is bounded and printable for any bytes."""
    assert_safe(parse(payload, DEVICE_ID))


@every_parser
@given(likely_objects, st.data())
def test_no_damage_on_the_way_makes_a_parser_raise(
    parse: Parser, fields: dict[str, Json], data: st.DataObject
) -> None:
    """A truncated or changed payload raises nothing."""
    payload = bytearray(encode(fields))
    for _ in range(data.draw(st.integers(0, 3))):
        index = data.draw(st.integers(0, len(payload) - 1))
        payload[index] = data.draw(st.integers(0, 255))
    assert_safe(
        parse(bytes(payload[: data.draw(st.integers(0, len(payload)))]), DEVICE_ID)
    )


@every_parser
@given(st.text())
def test_no_topic_makes_a_parser_raise(parse: Parser, device_id: str) -> None:
    """A payload is parsed under any topic."""
    assert_safe(parse(b'{"device_id": "hall"}', device_id))
