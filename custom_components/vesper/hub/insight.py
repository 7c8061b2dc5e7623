"""Keep the availability of devices up to date."""

from time import monotonic, time
from typing import Any

from ..model.availability_report import availability_report
from ..model.device import Device


def update_availability(device: Device) -> None:
    """Observe a device as it is now."""
    device.availability.update(
        observed=device.is_observed,
        online=device.online,
        heard=device.heard,
        now=time(),
        monotonic=monotonic(),
    )


def current_report(device: Device) -> dict[str, Any]:
    """Return the availability of a device until now."""
    now = time()
    device.availability.advance(now, monotonic())
    return availability_report(device, now)
