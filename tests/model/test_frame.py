"""A heartbeat that is known but for two numbers."""

import json
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.model.frame import MAX_KEPT_BYTES, Frame
from custom_components.vesper.protocol.messages import (
    MAX_HEAP,
    MAX_UPTIME,
    RETAINED_INFO,
    Heartbeat,
    parse_heartbeat,
)

DEVICE_ID = "chapel"
WHOLE = b'{"device_id": "chapel", "uptime": 61, "x": [7], "heap_free": 4242, "y": {}}'


def frame_of(payload: bytes) -> Frame | None:
    """Return the frame of a payload that the parser takes."""
    heartbeat = parse_heartbeat(payload, DEVICE_ID)
    assert isinstance(heartbeat, Heartbeat)
    return Frame.of(heartbeat, DEVICE_ID)


def told(payload: bytes) -> tuple[object, ...]:
    """Return all that the parser takes from a payload."""
    heartbeat = parse_heartbeat(payload, DEVICE_ID)
    assert isinstance(heartbeat, Heartbeat)
    return all_of(heartbeat)


def all_of(heartbeat: Heartbeat) -> tuple[object, ...]:
    """Return all that a heartbeat says."""
    return (
        heartbeat.uptime,
        heartbeat.heap_free,
        heartbeat.settled(),
        heartbeat.events(),
        heartbeat.events_at,
        heartbeat.data,
    )


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(WHOLE, id="in-order"),
        pytest.param(b'{"heap_free":1,"uptime":2}', id="the-other-way-round"),
        pytest.param(b'{"payload":{"uptime":5,"heap_free":9}}', id="in-an-envelope"),
        pytest.param(
            b'{"x": "\\"uptime\\":5", "uptime": 1, "heap_free": 2}', id="also-in-a-text"
        ),
    ],
)
def test_reads_the_two_numbers_and_nothing_else(payload: bytes) -> None:
    """What it makes of others is what the parser makes of them."""
    frame = frame_of(payload)
    assert frame is not None
    for uptime, heap_free in [(7, 8), (61, 4242), (MAX_UPTIME, MAX_HEAP)]:
        other = frame.filled_in(uptime, heap_free)
        assert frame.read(other) == (uptime, heap_free)
        heartbeat = frame.heartbeat(other, uptime, heap_free)
        assert told(other) == all_of(heartbeat)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"{}", id="no-numbers"),
        pytest.param(b'{"uptime": 61}', id="no-heap"),
        pytest.param(b'{"heap_free": 61}', id="no-uptime"),
        pytest.param(b'{"uptime": 61, "heap_free": null}', id="heap-is-null"),
        pytest.param(b'{"uptime": 6.0, "heap_free": 1}', id="a-fraction"),
        pytest.param(b'{"uptime": 1, "uptime": 2, "heap_free": 1}', id="told-twice"),
        pytest.param(
            b'{"uptime": 61, "heap_free": 1, "reset_reason": true}', id="a-bad-field"
        ),
        pytest.param(b'{"x": {"uptime": 1}, "uptime": 2, "heap_free": 1}', id="inside"),
        pytest.param(
            b'{"uptime": 1, "heap_free": 2, "payload": {"uptime": 3}}', id="outside"
        ),
        pytest.param(
            b'{"uptime": 1, "heap_free": 1, "x": "%b"}' % (b"x" * MAX_KEPT_BYTES),
            id="too-long-to-be-kept",
        ),
    ],
)
def test_has_no_frame(payload: bytes) -> None:
    """Other numbers would not be the ones that the parser reads."""
    assert frame_of(payload) is None


def test_a_heartbeat_with_a_fault_has_no_frame() -> None:
    """Each one is counted, so each one is parsed."""
    heartbeat = parse_heartbeat(b'{"uptime": 61, "heap_free": 1}', DEVICE_ID)
    heartbeat.faults.append(RETAINED_INFO)
    assert isinstance(heartbeat, Heartbeat)
    assert Frame.of(heartbeat, DEVICE_ID) is None


@pytest.mark.parametrize(
    ("uptime", "heap_free"),
    [
        (b"-1", b"5"),
        (b"061", b"5"),
        (b"61", b"05"),
        (b"6.5", b"5"),
        (b"", b"5"),
        (b"61", b""),
        (b"61", b"true"),
        (b"61e3", b"5"),
        (b"%d" % (MAX_UPTIME + 1), b"5"),
        (b"61", b"%d" % (MAX_HEAP + 1)),
        (b"9" * 5000, b"5"),
        (b'61,"uptime":4', b"5"),
        ("٦".encode(), b"5"),
    ],
)
def test_leaves_to_the_parser_what_is_not_a_plain_number(
    uptime: bytes, heap_free: bytes
) -> None:
    """It refuses, or names, what a frame would have to judge."""
    frame = frame_of(WHOLE)
    assert frame is not None
    payload = WHOLE.replace(b"61", uptime).replace(b"4242", heap_free)
    assert frame.read(payload) is None


@pytest.mark.parametrize(
    "payload",
    [
        WHOLE.replace(b"[7]", b"[8]"),
        WHOLE.replace(b"chapel", b"school"),
        WHOLE.replace(b"{}", b"[]"),
        WHOLE[:-1],
        WHOLE + b" ",
        b"",
        WHOLE[:20],
        WHOLE[:34] + WHOLE[-12:],
    ],
)
def test_reads_nothing_of_another_heartbeat(payload: bytes) -> None:
    """One other letter is enough."""
    frame = frame_of(WHOLE)
    assert frame is not None
    assert frame.read(payload) is None


names = st.sampled_from(["uptime", "heap_free", "reset_reason", "recent_events", "x"])
numbers = st.integers(min_value=-1, max_value=2**33)
values = st.recursive(
    st.one_of(numbers, st.booleans(), st.none(), st.floats(allow_nan=False), names),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(names, inner, max_size=3)
    ),
    max_leaves=4,
)
objects = st.dictionaries(
    names | st.just("payload"), values | st.dictionaries(names, values), max_size=6
)


@given(
    data=objects
    | st.builds(
        lambda o, u, h: {**o, "uptime": u, "heap_free": h},
        objects,
        st.integers(0, 99),
        st.integers(0, 99),
    ),
    uptime=st.integers(0, 2**33),
    heap_free=st.integers(0, 2**33),
    indent=st.sampled_from([None, 1]),
)
def test_a_frame_agrees_with_the_parser(
    data: dict[str, Any], uptime: int, heap_free: int, indent: int | None
) -> None:
    """Of whatever has a frame, it reads what the parser reads, or nothing."""
    message = parse_heartbeat(json.dumps(data, indent=indent).encode(), DEVICE_ID)
    if not isinstance(message, Heartbeat):
        return
    message.faults += message.settled()[1] + message.events()[1]
    if (frame := Frame.of(message, DEVICE_ID)) is None:
        return
    payload = frame.filled_in(uptime, heap_free)
    if (read := frame.read(payload)) is not None:
        assert read == (uptime, heap_free)
        assert told(payload)[:2] == read
        assert told(payload)[2:4] == (message.settled(), message.events())
