"""Know which devices somebody works on, and when that is over."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from math import ceil
from time import time
from typing import Final

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from ..model.change import Changes
from ..model.device import Device

type _Step = Callable[[Device], Changes]

#: For so long somebody works on a device who has not said for how long.
DEFAULT_MAINTENANCE: Final = timedelta(hours=1)


class Maintenance:
    """The maintenance of all devices, and one timer for the first that is over.

    The devices themselves know until when it lasts, by the wall clock, for that is kept
    over a restart.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        devices: Mapping[str, Device],
        async_change: Callable[[Iterable[Device], _Step], None],
    ) -> None:
        """Take the devices, which may come and go, and what changes some of them."""
        self._hass = hass
        self._devices = devices
        self._async_change = async_change
        self._timer: CALLBACK_TYPE | None = None

    @callback
    def async_start(self) -> None:
        """End what is over by now, and the rest when it is."""
        self._async_arm()

    @callback
    def async_close(self) -> None:
        """End nothing any more."""
        if self._timer is not None:
            self._timer()
            self._timer = None

    @callback
    def async_set(self, devices: Iterable[Device], duration: timedelta) -> None:
        """Have devices be worked on for so long from now; no time at all ends it."""
        # Whole seconds, so that the timer and what is saved mean the same moment.
        until = ceil(time() + duration.total_seconds()) if duration else None
        self._async_change(devices, lambda device: device.set_maintenance(until))
        self._async_arm()

    @callback
    def _async_arm(self) -> None:
        """Set the timer for the first that is over, if there is any."""
        self.async_close()
        first = min(
            (
                until
                for device in self._devices.values()
                if (until := device.maintenance_until) is not None
            ),
            default=None,
        )
        if first is not None:
            self._timer = async_track_point_in_utc_time(
                self._hass, self._async_end_due, dt_util.utc_from_timestamp(first)
            )

    @callback
    def _async_end_due(self, _now: datetime) -> None:
        """End what is over."""
        self._timer = None
        now = time()
        due = [
            device
            for device in self._devices.values()
            if device.in_maintenance and not device.muted(now)
        ]
        self._async_change(due, lambda device: device.set_maintenance(None))
        self._async_arm()
