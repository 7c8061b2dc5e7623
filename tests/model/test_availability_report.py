"""Test the availability of a device as JSON."""

import pytest

from custom_components.vesper.model.availability import MAX_KEPT
from custom_components.vesper.model.availability_report import availability_report
from custom_components.vesper.model.device import Device

DAY = 86_400
NOW = 20_000 * DAY


@pytest.mark.parametrize(
    ("outages", "days"), [(1, 10), (MAX_KEPT - 1, 10), (MAX_KEPT, 2)]
)
def test_mean_time_between_outages(outages: int, days: int) -> None:
    """If others may be forgotten, since the first."""
    device = Device(device_id="bell")
    started = [NOW - 2 * DAY, 1, 0, 0]
    device.availability.restore(
        {
            "days": [20_000 - 10, DAY, 0] + 9 * [1, DAY, 0],
            "outages": started + (outages - 1) * [60, 1, 0, 0],
        }
    )
    report = availability_report(device, NOW)
    assert report["outages"]["month"] == outages
    assert report["mean_time_between_outages"] == round(days * DAY / outages)
