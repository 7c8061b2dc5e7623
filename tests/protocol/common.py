"""Helpers of the protocol's tests."""

import orjson
import pytest

from custom_components.vesper.protocol.alert import Alert
from custom_components.vesper.protocol.fields import (
    MAX_TEXT_LENGTH,
    FaultKind,
    Malformed,
)
from custom_components.vesper.protocol.heartbeat import Heartbeat
from custom_components.vesper.protocol.info import MAX_INFO_DEPTH, Info
from custom_components.vesper.protocol.message import Message
from custom_components.vesper.protocol.recent_events import MAX_EVENTS, decode_events

INVALID = FaultKind.INVALID

#: Everything that the longest reason can hold: two quotes of 40 escaped characters.
LONGEST_REASON = 1000

#: Invalid names: no text, too long, empty, or not printable in one line.
not_a_name = pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param(" ", id="blank"),
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

#: The longest name, and one in another script.
a_name = pytest.mark.parametrize(
    "value",
    [
        pytest.param("x", id="one-character"),
        pytest.param("x" * 64, id="64-characters"),
        pytest.param("é" * 64, id="64-characters-not-ascii"),
        pytest.param("SD card / slot 2", id="with-spaces"),
    ],
)


def found(message: Message) -> list[tuple[str, FaultKind]]:
    """Return the path and kind of a message's faults."""
    return [(fault.path, fault.kind) for fault in message.faults]


def is_name(text: object) -> bool:
    """Return whether a value is a valid name.

    That is a text of 1 to 64 printable characters, and not blank.
    """
    return (
        isinstance(text, str)
        and 1 <= len(text) <= 64
        and text.isprintable()
        and bool(text.strip())
    )


def values(message: Heartbeat) -> dict[str, object]:
    """Return the fields that a heartbeat has.

    Its events are decoded to entries.
    """
    fields = {
        "uptime": message.uptime,
        "heap_free": message.heap_free,
        "heap_min_free": message.heap_min_free,
        "reset_reason": message.reset_reason,
        "last_disconnect_code": message.last_disconnect_code,
        "firmware_version": message.firmware_version,
        "recent_events": (
            None
            if message.recent_events is None
            else decode_events(message.recent_events)
        ),
    }
    return {name: value for name, value in fields.items() if value is not None}


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


def assert_safe(message: Message) -> None:
    """Check that a parser's result is bounded and printable."""
    assert len(message.faults) < 400
    for fault in message.faults:
        assert fault.path.isprintable()
        assert len(fault.path) <= 64
        assert fault.reason.isprintable()
        assert len(fault.reason) <= LONGEST_REASON
    match message:
        case Heartbeat():
            fields = values(message)
            version = fields.pop("firmware_version", None)
            events = fields.pop("recent_events", ())
            assert version is None or is_name(version)
            for value in fields.values():
                assert type(value) is int
                assert 0 <= value < 2**32
            assert isinstance(events, tuple)
            assert len(events) <= MAX_EVENTS
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
