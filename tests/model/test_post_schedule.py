"""How often devices may post, and their interval (docs/protocol.md)."""

import pytest

from custom_components.vesper.model.device import Device
from custom_components.vesper.model.message_log import Record
from custom_components.vesper.model.post_schedule import MAX_GAP, PostSchedule


def test_the_limit_is_ten_in_a_minute() -> None:
    """The next one is accepted a minute after the first."""
    schedule = PostSchedule()
    for now in range(10):
        assert schedule.wait(float(now)) == 0
        schedule.record(float(now), accepted=bool(now % 2))
    assert schedule.wait(9.0) == 51
    assert schedule.wait(59.5) == 0.5
    assert schedule.wait(60.0) == 0
    schedule.record(60.0, accepted=False)
    assert schedule.wait(60.0) == 1


@pytest.mark.parametrize(
    ("times", "timeout"),
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
def test_the_timeout(times: list[float], timeout: float) -> None:
    """Three times the median of the last three intervals."""
    schedule = PostSchedule()
    for now in times:
        schedule.record(float(now), accepted=True)
    assert schedule.timeout == timeout
    assert len(schedule.gaps) <= 3


def test_rejected_posts_have_no_rhythm() -> None:
    """They do not split the interval of accepted ones either."""
    schedule = PostSchedule()
    for now, accepted in [(0, True), (200, False), (300, False), (600, True)]:
        schedule.record(float(now), accepted=accepted)
    assert schedule.gaps == (600.0,)


@pytest.mark.parametrize(
    ("source", "live", "timeout"),
    [
        pytest.param(None, True, 1800, id="none"),
        pytest.param("post", True, 1800, id="post"),
        pytest.param("heartbeat", False, 1800, id="retained"),
        pytest.param("heartbeat", True, 0, id="mqtt"),
    ],
)
def test_the_timeout_of_a_device_is_that_of_its_last_heartbeat(
    source: str | None, timeout: float, *, live: bool
) -> None:
    """A live MQTT heartbeat ends the extended timeout."""
    device = Device(device_id="chapel", post_schedule=PostSchedule((600.0,)))
    if source is not None:
        record = Record(0.0, source, live, b"{}", b"")
        device.message_log.record(record, is_heartbeat=True)
    assert device.post_timeout == timeout
