"""Test the availability of a device as JSON."""

import pytest

from custom_components.vesper.model.availability import MAX_KEPT, MONTH, WINDOWS
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


@pytest.mark.parametrize(
    ("start", "recovery", "counted"),
    [
        (NOW - WINDOWS[MONTH] - 1, None, 0),
        (NOW - WINDOWS[MONTH], 50, 1),
        (NOW, 50, 1),
        (NOW + 1, None, 0),
    ],
)
def test_ends_of_the_month(start: int, recovery: int | None, counted: int) -> None:
    """What began at its ends counts, nothing beyond."""
    device = Device(device_id="bell")
    device.availability.restore({"outages": [start, 51, 50, 0]})
    report = availability_report(device, NOW)
    assert report["mean_time_to_recover"] == recovery
    assert report["outages"]["month"] == counted
