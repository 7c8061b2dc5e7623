"""What is asked of posted heartbeats, and how often they may come (section 5)."""

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.model.device import Device
from custom_components.vesper.model.post_schedule import MAX_GAP, Posts, parse_post
from custom_components.vesper.protocol.messages import FaultKind, parse_heartbeat
from custom_components.vesper.protocol.topics import is_device_id

from .strategies import DEVICE_ID, Json, encode, json_values, likely_objects

likely_posts = st.builds(
    dict.__or__,
    likely_objects,
    st.fixed_dictionaries(
        {}, optional={"device_id": st.just(DEVICE_ID), "uptime": st.just(7)}
    ),
)


@given(st.binary() | json_values.map(encode))
def test_no_body_makes_it_raise(payload: bytes) -> None:
    """Whatever is posted is a heartbeat, or there is something wrong with it."""
    post = parse_post(payload)
    assert post.faults or is_device_id(post.device_id)


@given(likely_posts)
def test_no_fault_is_overlooked(fields: dict[str, Json]) -> None:
    """A post without a fault has none when it takes effect either."""
    payload = encode(fields)
    post = parse_post(payload)
    if post.faults:
        return
    message = parse_heartbeat(payload, post.device_id)
    device = Device(device_id=post.device_id)
    device.apply(message, live=True, now=0.0)
    assert message.faults == []
    assert device.uptime is not None


@given(likely_posts)
def test_what_mqtt_takes_whole_is_a_good_post(fields: dict[str, Json]) -> None:
    """Nothing is asked beyond the device and its uptime."""
    payload = encode(fields)
    message = parse_heartbeat(payload, DEVICE_ID)
    device = Device(device_id=DEVICE_ID)
    device.apply(message, live=True, now=0.0)
    faults = parse_post(payload).faults
    missing = [fault for fault in faults if fault.kind is FaultKind.MISSING]
    if not message.faults:
        assert faults == missing
    assert {fault.path for fault in missing} <= {"device_id", "uptime"}


def test_window() -> None:
    """Ten in any minute, then not before the first of them is a minute ago."""
    posts = Posts()
    for now in range(10):
        assert posts.wait(float(now)) == 0
        posts.note(float(now))
    assert posts.wait(9.0) == 51
    assert posts.wait(59.5) == 0.5
    assert posts.wait(60.0) == 0
    posts.note(60.0)
    assert posts.wait(60.0) == 1


@pytest.mark.parametrize(
    ("times", "patience"),
    [
        pytest.param([], 0, id="none"),
        pytest.param([0], 0, id="one"),
        pytest.param([0, 600], 1800, id="two"),
        pytest.param([0, 600, 8600], 1800, id="outage"),
        pytest.param([0, 600, 601, 1200], 1797, id="retry"),
        pytest.param([0, 600, 1200, 1300, 1400], 300, id="faster"),
        pytest.param([0, 100, 200, 800, 1400], 1800, id="slower"),
        pytest.param([0, MAX_GAP], 3 * MAX_GAP, id="longest"),
        pytest.param([0, MAX_GAP + 1], 0, id="too long"),
        pytest.param([0, 600, MAX_GAP + 601], 1800, id="long outage"),
    ],
)
def test_patience(times: list[float], patience: float) -> None:
    """Three times the middle of the last three gaps."""
    posts = Posts()
    for now in times:
        posts.accept(float(now))
    assert posts.patience == patience
    assert len(posts.gaps) <= 3
