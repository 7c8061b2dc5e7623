"""Report the availability of a device as JSON."""

from collections.abc import Sequence
from typing import Any

from ..protocol.codes import ResetReason, key_of
from .availability import (
    MAX_KEPT,
    MONTH,
    WINDOWS,
    AvailabilityHistory,
    DeviceOutage,
    DeviceRestart,
)
from .device import Device
from .report import iso_time


def availability_report(device: Device, now: float) -> dict[str, Any]:
    """Return how reliable a device was (docs/http-api.md).

    The availability is in percent, with two decimals, durations are in seconds. What is
    not known is None.
    """
    history = device.availability
    windows = {name: history.window(name, now) for name in WINDOWS}
    outages, restarts = history.outages, history.restarts
    lately = [one for one in outages if now - WINDOWS[MONTH] <= one.start <= now]
    over = [outage.seconds for outage in lately if outage.end is not None]
    return {
        "device_id": device.device_id,
        "availability": {
            name: percentage(window.ratio) for name, window in windows.items()
        },
        "observed": {name: window.observed for name, window in windows.items()},
        "outages": _counts([outage.start for outage in outages], now),
        "restarts": _counts([restart.time for restart in restarts], now),
        "mean_time_between_outages": _mean_time_between(history, lately, now),
        "mean_time_to_recover": round(sum(over) / len(over)) if over else None,
        "last_outages": [_outage(outage) for outage in reversed(outages)],
        "last_restarts": [_restart(restart) for restart in reversed(restarts)],
        "unstable": bool(device.unstable),
    }


def percentage(ratio: float | None) -> float | None:
    """Return a ratio in percent, with two decimals."""
    return None if ratio is None else round(100 * ratio, 2)


def _mean_time_between(
    history: AvailabilityHistory, outages: Sequence[DeviceOutage], now: float
) -> int | None:
    """Return the mean time between outages, None without any.

    If there were more than are kept, it is that since the first of those.
    """
    if not outages:
        return None
    seconds = WINDOWS[MONTH]
    if len(outages) == MAX_KEPT:
        seconds = round(now - outages[0].start)
    return round(history.online_seconds(seconds, now) / len(outages))


def _counts(times: Sequence[int], now: float) -> dict[str, int]:
    """Return how many times are in each window."""
    return {
        # Those in the future were recorded while the clock was ahead.
        name: sum(now - seconds <= time <= now for time in times)
        for name, seconds in WINDOWS.items()
    }


def _restart(restart: DeviceRestart) -> dict[str, str | None]:
    """Return a restart."""
    code = restart.code
    return {
        "time": iso_time(restart.time),
        "reason": None if code is None else key_of(ResetReason, code),
    }


def _outage(outage: DeviceOutage) -> dict[str, str | None]:
    """Return an outage."""
    return {
        "start": iso_time(outage.start),
        "end": iso_time(outage.end),
        "cause": outage.cause,
    }
