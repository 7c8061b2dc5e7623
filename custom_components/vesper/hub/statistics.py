"""Count the messages of all devices, and how many arrive in a minute."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_track_time_interval

from ..model.device import Device
from ..model.fault_counter import FaultCounter
from ..model.message_log import MessageLog
from ..protocol.fields import FaultKind
from .chunks import async_in_chunks

MINUTE = timedelta(minutes=1)


class Statistics:
    """The counters of all devices, added up on request."""

    def __init__(
        self,
        hass: HomeAssistant,
        devices: Mapping[str, Device],
        stray_faults: FaultCounter,
    ) -> None:
        """Set the devices, and the faults of messages that made no device."""
        self._hass = hass
        self._devices = devices
        self._stray_faults = stray_faults
        self._before: dict[MessageLog, int] = {}
        self._last_minute: int | None = None

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Count once a minute; returns what ends that."""
        return async_track_time_interval(self._hass, self._async_count, MINUTE)

    @property
    def per_minute(self) -> int:
        """Return how many messages arrived in the last whole minute.

        In the first minute, how many have arrived so far.
        """
        if self._last_minute is not None:
            return self._last_minute
        return sum(device.message_log.total for device in self._devices.values())

    @property
    def malformed(self) -> Counter[FaultKind]:
        """Return how often each kind of fault occurred."""
        kinds = self._stray_faults.malformed
        for device in self._devices.values():
            kinds.update(device.faults.malformed)
        return kinds

    async def _async_count(self, _now: datetime) -> None:
        """Count the messages of all devices, in chunks."""
        new, totals = 0, dict[MessageLog, int]()
        async for device in async_in_chunks(tuple(self._devices.values())):
            log = device.message_log
            total = totals[log] = log.total
            new += total - self._before.get(log, 0)
        self._last_minute, self._before = new, totals
