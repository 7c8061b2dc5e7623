"""The availability histories of the devices of a benchmark."""

from collections.abc import Iterable

from custom_components.vesper.hub.insight import update_availability
from custom_components.vesper.model.availability import (
    DAY,
    MAX_KEPT,
    MONTH,
    WINDOWS,
    AvailabilityHistory,
)
from custom_components.vesper.model.device import Device

_HOUR = 3600
_DAY = WINDOWS[DAY]
_DAYS = WINDOWS[MONTH] // _DAY

#: In seconds, how long each outage was.
_OUTAGE = 312


def fill_histories(devices: Iterable[Device], now: float) -> None:
    """Give each device as much history as is kept.

    It was observed for a month, was offline every hour, and has as many outages and
    restarts as are kept.
    """
    hour, day = int(now) // _HOUR, int(now) // _DAY
    first = int(now) - MAX_KEPT * _DAY
    history = {
        "hours": [hour - 24, _HOUR, _OUTAGE] + 24 * [1, _HOUR, _OUTAGE],
        "days": [day - _DAYS, _DAY, _OUTAGE] + _DAYS * [1, _DAY, _OUTAGE],
        "outages": [first, _OUTAGE + 1, _OUTAGE, 0]
        + (MAX_KEPT - 1) * [_DAY, _OUTAGE + 1, _OUTAGE, 0],
        "restarts": [first, 4] + (MAX_KEPT - 1) * [_DAY, 4],
    }
    for device in devices:
        device.availability = AvailabilityHistory()
        device.availability.restore(history)
        update_availability(device)
