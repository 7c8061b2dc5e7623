"""The last messages of a device, and their counts."""

from hypothesis import given, strategies as st
import orjson
import pytest

from custom_components.vesper.model.message_log import (
    MAX_KEPT_BYTES,
    MAX_MESSAGES,
    MessageLog,
    Record,
)
from custom_components.vesper.protocol.heartbeat import Heartbeat, parse_heartbeat
from tests.strategies import DEVICE_ID

EVENTS = b'[{"t":1,"d0":4,"d1":0,"ts":0,"up":0}]'


def record(
    stored: bytes = b"{}",
    *,
    source: str = "info",
    live: bool = True,
    events: bytes = b"",
    at: float = 0.0,
) -> Record:
    """Return the record of a message."""
    return Record(at, source, live, stored, events)


@given(st.lists(st.booleans(), max_size=30))
def test_live_and_retained_messages_are_counted_apart(messages: list[bool]) -> None:
    """The total includes both."""
    log = MessageLog()
    for live in messages:
        log.record(record(live=live), is_heartbeat=False)
    assert log.live == messages.count(True)
    assert log.retained == messages.count(False)
    assert log.total == len(messages)


@pytest.mark.parametrize("count", [0, 1, MAX_MESSAGES, MAX_MESSAGES + 3])
def test_the_last_messages_are_kept(count: int) -> None:
    """The newest is the last."""
    log = MessageLog()
    for number in range(count):
        log.record(record(b"%d" % number), is_heartbeat=False)
    assert [one.payload for one in log.records()] == [
        b"%d" % number for number in range(max(0, count - MAX_MESSAGES), count)
    ]


def test_there_may_be_no_heartbeat() -> None:
    """Other messages are not stored as one."""
    log = MessageLog()
    log.record(record(), is_heartbeat=False)
    assert log.heartbeat is None


def test_the_last_heartbeat_is_kept_beyond_that() -> None:
    """Other messages do not replace it."""
    log = MessageLog()
    for at in (1.0, 2.0):
        log.record(record(source="heartbeat", at=at), is_heartbeat=True)
    for at in range(3, 30):
        log.record(record(at=at), is_heartbeat=False)
    assert log.heartbeat == record(source="heartbeat", at=2.0)
    assert log.heartbeat not in log.records()


def test_a_record_has_the_payload_as_it_was_received() -> None:
    """Repeated entries are put back in their place."""
    payload = b'{"uptime":1,"recent_events":' + EVENTS + b',"x":[]}'
    message = parse_heartbeat(payload, DEVICE_ID, EVENTS)
    assert isinstance(message, Heartbeat)
    assert message.payload != payload
    assert record(message.payload, events=EVENTS).payload == payload
    assert record(payload).payload == payload


def test_a_record_without_repeated_entries_is_left_alone() -> None:
    """A device may send null itself."""
    payload = b'{"recent_events":null}'
    assert record(payload).payload == payload


def test_a_record_may_be_cut_before_its_entries() -> None:
    """They are not put anywhere else then."""
    payload = orjson.dumps({"x": "y" * MAX_KEPT_BYTES, "recent_events": None})
    stored = payload[:MAX_KEPT_BYTES]
    assert record(stored, events=EVENTS).payload == stored
