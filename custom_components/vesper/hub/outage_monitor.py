"""Report outages, and devices that go offline alone."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Any

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from ..const import LOGGER
from ..model.device import Device
from ..model.occurrence import Occurrence, OccurrenceKind
from ..model.outages import Outage, Outages
from .chunks import async_in_chunks
from .occurrences import Occurrences
from .places import async_common_place
from .registry import DeviceRegistry

type OutageCallback = Callable[[str, dict[str, Any]], None]


class OutageMonitor:
    """Report outages to listeners, triggers and in the log.

    An outage has one log line at its start and one at its end. So a device that goes
    offline is logged only once it can no longer be part of an outage. One timer does
    this for all devices.
    """

    def __init__(  # noqa: PLR0913  # all that an outage concerns
        self,
        hass: HomeAssistant,
        devices: Mapping[str, Device],
        *,
        occurrences: Occurrences,
        registry: DeviceRegistry,
        async_save_soon: Callable[[str], None],
        timeout: float,
    ) -> None:
        """Set the devices, and their timeout in seconds."""
        self._hass = hass
        self._devices = devices
        self._occurrences = occurrences
        self._registry = registry
        self._async_save_soon = async_save_soon
        self._timeout = timeout
        self._outages = Outages(timeout)
        self._logged: set[str] = set()
        self._listeners: list[OutageCallback] = []
        self._timer: CALLBACK_TYPE | None = None
        self._notifying = asyncio.Lock()

    @callback
    def async_listen(self, listener: OutageCallback) -> CALLBACK_TYPE:
        """Call back when an outage starts or ends.

        The listener gets `started` or `ended`, and the figures of the outage.
        """
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    @callback
    def async_went_offline(self, device_id: str, online_before: int | None) -> None:
        """Handle a device that went offline; `async_evaluate` reports it.

        `online_before` is how many devices were online right before, this one included,
        or None if it was not known to be online.
        """
        self._outages.went_offline(device_id, monotonic(), online_before)

    @callback
    def async_evaluate(self) -> None:
        """Report a new outage, and devices offline alone."""
        if outage := self._outages.start_outage(monotonic()):
            LOGGER.warning(
                "Outage: %s of %s online devices went offline within %s s",
                outage.lost,
                outage.online_before,
                self._timeout,
            )
            self._async_report("started", outage)
        self._hass.async_create_task(self._async_follow_up(), "Vesper outage monitor")

    @callback
    def async_came_online(self, device_id: str) -> None:
        """Handle a device that is online again."""
        if device_id in self._logged:
            self._logged.remove(device_id)
            if self._outages.current is None:
                LOGGER.info("Device %s is online again", device_id)
        self._async_end(self._outages.came_online(device_id))

    @callback
    def async_discard(self, device_id: str) -> None:
        """Discard a device, which may end an outage."""
        self._logged.discard(device_id)
        self._async_end(self._outages.discard(device_id))

    @callback
    def async_close(self) -> None:
        """Stop reporting."""
        self._outages.clear()
        if self._timer is not None:
            self._timer()
            self._timer = None

    @callback
    def _async_end(self, outage: Outage | None) -> None:
        """Report the end of an outage, if any."""
        if outage is None:
            return
        duration = round(monotonic() - outage.started)
        LOGGER.info(
            "The outage ended after %s s: %s of the %s lost devices are still offline",
            duration,
            len(outage.offline),
            outage.lost,
        )
        self._async_report("ended", outage, duration=duration)
        self.async_evaluate()

    @callback
    def _async_report(self, event_type: str, outage: Outage, **details: int) -> None:
        """Report the start or the end of an outage."""
        self._hass.async_create_task(
            self._async_notify(event_type, outage, details),
            f"Vesper outage {event_type}",
        )

    async def _async_notify(
        self, event_type: str, outage: Outage, details: dict[str, int]
    ) -> None:
        """Notify the listeners, and publish the start."""
        # In chunks: to find out where 10,000 devices are takes 50 ms. One at a time, so
        # that no end is reported before its start.
        async with self._notifying:
            entries = [
                self._registry.async_entry(device)
                async for device in async_in_chunks(tuple(self._devices.values()))
                if self._devices.get(device.device_id) is device
                and (
                    device.device_id in outage.known
                    or (event_type == "started" and self._is_overdue(device))
                )
            ]
            figures: dict[str, Any] = {
                "lost": outage.lost,
                "online_before": outage.online_before,
            } | async_common_place(self._hass, entries)
            for listener in tuple(self._listeners):
                listener(event_type, figures | details)
            if event_type == "started":
                self._occurrences.async_publish(
                    self._registry.fleet_id,
                    Occurrence(
                        kind=OccurrenceKind.FLEET_OUTAGE, device_id=None, **figures
                    ),
                    suppressed=False,
                )

    def _is_overdue(self, device: Device) -> bool:
        """Return whether a device may be lost too."""
        timeout = max(self._timeout, device.rhythm.timeout)
        return (
            device.online is True
            and device.heard is not None
            and monotonic() - device.heard > timeout / 2
        )

    async def _async_follow_up(self) -> None:
        """Record the outage, and log devices offline alone."""
        async for device_id in async_in_chunks(self._added()):
            self._devices[device_id].availability.record_fleet_outage()
            self._async_save_soon(device_id)
        async for device_id in async_in_chunks(self._alone()):
            self._logged.add(device_id)
            LOGGER.info("Device %s is offline: no message in time", device_id)
        self._async_set_timer()

    def _added(self) -> Iterator[str]:
        """Yield the devices that the outage has not recorded."""
        while (outage := self._outages.current) is not None and outage.added:
            yield outage.added.pop()

    def _alone(self) -> Iterator[str]:
        """Yield offline devices that belong to no outage."""
        while (device_id := self._outages.pop_alone(monotonic())) is not None:
            yield device_id

    @callback
    def _async_set_timer(self) -> None:
        """Set the timer for the next window, if needed."""
        deadline = self._outages.next_deadline
        if self._timer is None and deadline is not None:
            self._timer = async_call_later(
                self._hass, max(0, deadline - monotonic()), self._async_deadline
            )

    @callback
    def _async_deadline(self, _now: datetime) -> None:
        """Report the devices whose window has passed."""
        self._timer = None
        self.async_evaluate()
