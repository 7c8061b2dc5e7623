"""Keep the availability of devices up to date."""

from collections.abc import Mapping
from datetime import datetime
from time import monotonic, time
from typing import Any

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_track_utc_time_change

from ..model.availability import MONTH
from ..model.availability_report import availability_report
from ..model.change import Change
from ..model.device import Device
from .chunks import async_in_chunks
from .listeners import Listeners


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


class Insight:
    """Update the availability each hour.

    It changes with time alone, also of a device whose connectivity stays as it is.
    """

    def __init__(
        self, hass: HomeAssistant, devices: Mapping[str, Device], listeners: Listeners
    ) -> None:
        """Set the devices, and the listeners that are notified."""
        self._hass = hass
        self._devices = devices
        self._listeners = listeners
        self.fleet_ratio: float | None = None
        """The share of the observed time of the last 30 days in which the devices were
        online; None while it is known of none."""

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Update each hour; returns what ends that."""
        return async_track_utc_time_change(
            self._hass, self.async_update, minute=0, second=0
        )

    async def async_update(self, _now: datetime | None = None) -> None:
        """Update all devices, then the fleet."""
        observed = online = 0
        async for device in async_in_chunks(tuple(self._devices.values())):
            if self._devices.get(device.device_id) is not device:
                continue
            now = time()
            device.availability.advance(now, monotonic())
            month = device.availability.window(MONTH, now)
            if month.ratio is not None and not device.disabled:
                observed += month.observed
                online += month.online
            self._listeners.async_notify(device, Change.AVAILABILITY, None)
        self.fleet_ratio = online / observed if observed else None
        self._listeners.async_notify_fleet()
