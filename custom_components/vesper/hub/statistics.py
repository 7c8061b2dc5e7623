"""Count the messages and faults of all devices."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_track_time_interval

from ..model.device import Device
from ..protocol.fields import FaultKind
from .receiver import MessageReceiver

MINUTE = timedelta(minutes=1)


class Statistics:
    """The counts of messages and of their faults."""

    def __init__(
        self,
        hass: HomeAssistant,
        devices: Mapping[str, Device],
        receiver: MessageReceiver,
    ) -> None:
        """Set the devices, and what receives their messages."""
        self._hass = hass
        self._devices = devices
        self._receiver = receiver
        self._before = 0
        self._last_minute: int | None = None

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Count once a minute; returns what ends that."""
        return async_track_time_interval(self._hass, self._async_count, MINUTE)

    @property
    def per_minute(self) -> int:
        """Return how many messages arrived in the last minute.

        That is the last whole one. During the first minute, return those that have
        arrived so far.
        """
        if self._last_minute is None:
            return self._receiver.received
        return self._last_minute

    @property
    def malformed(self) -> Counter[FaultKind]:
        """Return how often each kind of fault occurred."""
        kinds = self._receiver.stray_faults.malformed
        for device in self._devices.values():
            kinds.update(device.faults.malformed)
        return kinds

    @callback
    def _async_count(self, _now: datetime) -> None:
        """Count the messages of the last minute."""
        received = self._receiver.received
        self._last_minute, self._before = received - self._before, received
