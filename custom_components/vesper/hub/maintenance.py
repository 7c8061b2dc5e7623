"""Start and end the maintenance of devices."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from math import ceil
from time import time
from typing import Final

from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, callback
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from ..model.change import Change
from ..model.device import Device
from .change_handler import ChangeHandler

#: How long maintenance lasts unless a user sets a duration.
DEFAULT_MAINTENANCE: Final = timedelta(hours=1)

#: Maintenance can be extended.
MAX_MAINTENANCE: Final = timedelta(days=30)


class Maintenance:
    """The maintenance of all devices.

    One timer waits for the first that ends. Each device knows its end by the wall
    clock, as that is stored.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        devices: Mapping[str, Device],
        changes: ChangeHandler,
    ) -> None:
        """Set the devices, and what changes some of them."""
        self._hass = hass
        self._devices = devices
        self._changes = changes
        self._timer: CALLBACK_TYPE | None = None

    @callback
    def async_start(self) -> None:
        """End the maintenance of devices from now on."""
        self._async_set_timer()

    @callback
    def async_close(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer()
            self._timer = None

    @callback
    def async_set(
        self,
        devices: Iterable[Device],
        duration: timedelta,
        *,
        user: str | None,
        context: Context | None,
    ) -> None:
        """Set devices in maintenance for a duration.

        Zero ends it. The name of the user is None where an automation does it.
        """
        # Whole seconds, so that the timer and the store mean the same moment.
        until = ceil(time() + duration.total_seconds()) if duration else None
        self._changes.async_change(
            devices, lambda device: device.set_maintenance(until, user), context
        )
        self._async_set_timer()

    @callback
    def _async_set_timer(self) -> None:
        """Set the timer for the next end of maintenance."""
        self.async_close()
        now = time()
        first = min(
            (
                now if _is_over(until, now) else until
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
        """End the maintenance whose time is over."""
        self._timer = None
        due = [device for device in self._devices.values() if _is_due(device)]
        # A user may extend it while others end.
        self._changes.async_change(
            due,
            lambda device: (
                device.set_maintenance(None) if _is_due(device) else Change.NOTHING
            ),
        )
        self._async_set_timer()


def _is_due(device: Device) -> bool:
    """Return whether the maintenance of a device should end."""
    until = device.maintenance_until
    return until is not None and _is_over(until, time())


def _is_over(until: float, now: float) -> bool:
    """Return whether maintenance is over.

    An end further away than `MAX_MAINTENANCE` means that the clock was set back; it
    then counts as over. The end is rounded up to a second.
    """
    return not now < until < now + MAX_MAINTENANCE.total_seconds() + 1
