"""Parse posted heartbeats."""

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.protocol.fields import FaultKind
from custom_components.vesper.protocol.heartbeat import Heartbeat, parse_heartbeat
from custom_components.vesper.protocol.post import parse_post
from custom_components.vesper.protocol.topics import is_device_id
from tests.strategies import DEVICE_ID, Json, encode, json_values, likely_objects

likely_posts = st.builds(
    dict.__or__,
    likely_objects,
    st.fixed_dictionaries(
        {}, optional={"device_id": st.just(DEVICE_ID), "uptime": st.just(7)}
    ),
)


@given(st.binary() | json_values.map(encode))
def test_no_bytes_make_it_raise(payload: bytes) -> None:
    """Any post is a heartbeat or has a fault."""
    post = parse_post(payload)
    assert post.faults or is_device_id(post.device_id)


@given(likely_posts)
def test_no_fault_is_overlooked(fields: dict[str, Json]) -> None:
    """A post without faults is a valid heartbeat."""
    payload = encode(fields)
    post = parse_post(payload)
    assert post.payload == payload
    if post.faults:
        return
    message = parse_heartbeat(payload, post.device_id)
    assert isinstance(message, Heartbeat)
    assert message.faults == []
    assert message.uptime is not None


@given(likely_posts)
def test_what_is_accepted_by_mqtt_is_a_good_post(fields: dict[str, Json]) -> None:
    """Only device and uptime are required."""
    payload = encode(fields)
    message = parse_heartbeat(payload, DEVICE_ID)
    faults = parse_post(payload).faults
    missing = [fault for fault in faults if fault.kind is FaultKind.MISSING]
    if not message.faults:
        assert faults == missing
    assert {fault.path for fault in missing} <= {"device_id", "uptime"}


@pytest.mark.parametrize(
    ("payload", "device_id", "faults"),
    [
        pytest.param(b'{"device_id":"chapel","uptime":7}', DEVICE_ID, [], id="good"),
        pytest.param(
            b'{"payload":{"device_id":"chapel","uptime":7}}',
            DEVICE_ID,
            [],
            id="envelope",
        ),
        pytest.param(b"[]", "", [("", FaultKind.NOT_OBJECT)], id="no-object"),
        pytest.param(
            b"{}",
            "",
            [("device_id", FaultKind.MISSING), ("uptime", FaultKind.MISSING)],
            id="empty",
        ),
        pytest.param(
            b'{"device_id":"a/b","uptime":7}',
            "",
            [("device_id", FaultKind.INVALID)],
            id="no-device-id",
        ),
        pytest.param(
            b'{"device_id":7,"uptime":7}',
            "",
            [("device_id", FaultKind.INVALID)],
            id="number-as-device-id",
        ),
        pytest.param(
            b'{"device_id":"chapel","uptime":-1}',
            DEVICE_ID,
            [("uptime", FaultKind.INVALID)],
            id="bad-uptime",
        ),
        pytest.param(
            b'{"device_id":"chapel","uptime":7,"payload":{"device_id":"hall"}}',
            DEVICE_ID,
            [("device_id", FaultKind.MISMATCH)],
            id="two-devices",
        ),
    ],
)
def test_each_fault_of_a_post_is_named(
    payload: bytes, device_id: str, faults: list[tuple[str, FaultKind]]
) -> None:
    """The response names every fault."""
    post = parse_post(payload)
    assert post.device_id == device_id
    assert [(fault.path, fault.kind) for fault in post.faults] == faults
