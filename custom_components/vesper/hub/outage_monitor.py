"""Report outages, and devices that go offline alone."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from heapq import nsmallest
from time import monotonic, time
from typing import Any

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from ..const import LOGGER
from ..model.device import Device
from ..model.fleet import Fleet
from ..model.occurrence import Occurrence, OccurrenceKind
from ..model.outages import Outage, Outages
from .chunks import async_in_chunks
from .occurrences import Occurrences
from .places import async_common_place
from .registry import DeviceRegistry

type OutageCallback = Callable[[str, dict[str, Any]], None]

#: Maximum number of names of devices that are still offline after an outage.
MAX_NAMES = 50


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
        fleet: Fleet,
        occurrences: Occurrences,
        registry: DeviceRegistry,
        async_save_soon: Callable[[str], None],
        timeout: float,
    ) -> None:
        """Set the devices, and their timeout in seconds."""
        self._hass = hass
        self._devices = devices
        self._fleet = fleet
        self._occurrences = occurrences
        self._registry = registry
        self._async_save_soon = async_save_soon
        self._timeout = timeout
        self._outages = Outages(timeout)
        self._logged: set[str] = set()
        self._listeners: list[OutageCallback] = []
        self._timer: CALLBACK_TYPE | None = None
        self._notifying = asyncio.Lock()
        self._place: dict[str, str] = {}
        """Where all devices of the current outage are."""

    @callback
    def async_listen(self, listener: OutageCallback) -> CALLBACK_TYPE:
        """Call back when an outage starts or ends.

        The listener gets `started` or `ended`, and the figures of the outage.
        """
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    @property
    def current(self) -> tuple[Occurrence, float] | None:
        """Return the outage that goes on, and its start.

        In seconds since 1970.
        """
        outage = self._outages.current
        if outage is None or outage.half_back is not None:
            return None
        figures = {**_figures(outage), **self._place}
        occurrence = Occurrence(
            kind=OccurrenceKind.FLEET_OUTAGE, device_id=None, **figures
        )
        return occurrence, outage.since

    @property
    def until(self) -> float | None:
        """Return when half of the lost were back.

        In seconds since 1970; None while they are not, or without an outage.
        """
        outage = self._outages.current
        return None if outage is None else outage.until

    @callback
    def async_restore(self) -> None:
        """Resume the outage from before a restart."""
        lost = {
            device.device_id: device.outage_since
            for device in self._devices.values()
            if device.outage_since is not None and device.outage_until is None
        }
        if not lost:
            return
        since = max(lost.values())
        last = {device_id for device_id, when in lost.items() if when == since}
        for device_id in lost.keys() - last:
            self._devices[device_id].outage_since = None
        self._outages.restore(since, last, now=monotonic(), wall_clock=time())
        self.async_evaluate()

    @callback
    def async_went_offline(self, device_id: str, online_before: int | None) -> None:
        """Handle a device that went offline; `async_evaluate` reports it.

        `online_before` is how many devices were online right before, this one included,
        or None if it was not known to be online.
        """
        self._outages.went_offline(device_id, monotonic(), online_before)

    @callback
    def async_maintenance_ended(self, device_id: str) -> None:
        """Handle a device offline when its maintenance ends."""
        self._outages.maintenance_ended(device_id, monotonic())
        self._async_set_timer()

    @callback
    def async_evaluate(self) -> None:
        """Report outages, and devices offline alone."""
        now = monotonic()
        if outage := self._outages.end_outage(now):
            self._async_end(outage)
        unheard = sum(device.is_unheard for device in self._devices.values())
        online = self._fleet.online_in_use + unheard
        if outage := self._outages.start_outage(now, time(), online):
            LOGGER.warning(
                "Outage: %s of %s online devices went offline within %s s",
                outage.lost,
                outage.online_before,
                self._timeout,
            )
            self._async_report("started", outage)
        self._hass.async_create_task(self._async_follow_up(), "Vesper outage monitor")

    @callback
    def async_came_online(self, device: Device) -> None:
        """Handle a device that is online again."""
        device_id = device.device_id
        if device_id in self._logged:
            self._logged.remove(device_id)
            if self._outages.current is None:
                LOGGER.info("Device %s is online again", device_id)
        device.outage_since = device.outage_until = None
        self._outages.came_online(device_id, monotonic())
        self._async_set_timer()

    @callback
    def async_discard(self, device_id: str) -> None:
        """Discard a device, which may end an outage."""
        self._logged.discard(device_id)
        device = self._devices.get(device_id)
        if device is not None and device.outage_since is not None:
            # It was reported together with others, so its return is not.
            device.outage_since = device.outage_until = device.offline_since = None
        self._outages.discard(device_id, monotonic())
        self._async_set_timer()

    @callback
    def async_close(self) -> None:
        """Stop reporting."""
        self._outages.clear()
        if self._timer is not None:
            self._timer()
            self._timer = None

    @callback
    def _async_end(self, outage: Outage) -> None:
        """Report the end of an outage.

        Its devices that are still offline know of it until they are back.
        """
        LOGGER.info(
            "The outage ended after %s s: %s of the %s lost devices are still offline",
            int(outage.seconds or 0),
            len(outage.offline),
            outage.lost,
        )
        for device_id in outage.offline:
            self._devices[device_id].outage_until = outage.until
        self._async_report("ended", outage)

    @callback
    def _async_report(self, event_type: str, outage: Outage) -> None:
        """Report the start or the end of an outage."""
        self._hass.async_create_task(
            self._async_notify(event_type, outage), f"Vesper outage {event_type}"
        )

    async def _async_notify(self, event_type: str, outage: Outage) -> None:
        """Notify the listeners and publish."""
        started = event_type == "started"
        # One at a time, so that no end is reported before its start.
        async with self._notifying:
            place = await self._async_place(outage, overdue=started)
            figures = {**_figures(outage), **place}
            names = None
            if started:
                kind = OccurrenceKind.FLEET_OUTAGE
            else:
                kind = OccurrenceKind.FLEET_OUTAGE_ENDED
                figures["duration"] = int(outage.seconds or 0)
                figures["still_offline"] = len(outage.offline)
                names = await self._async_names(outage)
                # In chunks as well: to serialize a device takes 50 µs.
                async for device_id in async_in_chunks(outage.offline):
                    self._async_save_soon(device_id)
            since = dt_util.utc_from_timestamp(int(outage.since))
            for listener in tuple(self._listeners):
                listener(event_type, {"since": since, **figures})
            self._occurrences.async_publish(
                self._registry.fleet_id,
                Occurrence(
                    kind=kind, device_id=None, still_offline_names=names, **figures
                ),
                suppressed=False,
            )

    async def _async_place(self, outage: Outage, *, overdue: bool) -> dict[str, str]:
        """Return where all lost devices are.

        In chunks: for 10,000 devices it takes 50 ms.
        """
        entries = [
            self._registry.async_entry(device)
            async for device in async_in_chunks(tuple(self._devices.values()))
            if self._devices.get(device.device_id) is device
            and (
                device.device_id in outage.known
                or (overdue and self._is_overdue(device))
            )
        ]
        return async_common_place(self._hass, entries)

    async def _async_names(self, outage: Outage) -> tuple[str, ...]:
        """Return the names of devices still offline."""
        names = [
            self._registry.name_of(device_id)
            async for device_id in async_in_chunks(outage.offline)
        ]
        return tuple(nsmallest(MAX_NAMES, names))

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
        grown: Outage | None = None
        async for device_id, outage in async_in_chunks(self._added()):
            device = self._devices[device_id]
            device.outage_since = outage.since
            device.availability.record_fleet_outage()
            self._async_save_soon(device_id)
            grown = outage
        if grown is not None:
            async with self._notifying:
                self._place = await self._async_place(grown, overdue=False)
        async for device_id in async_in_chunks(self._alone()):
            # It may have been logged in maintenance.
            if device_id not in self._logged:
                self._logged.add(device_id)
                LOGGER.info("Device %s is offline: no message in time", device_id)
        self._async_set_timer()

    def _added(self) -> Iterator[tuple[str, Outage]]:
        """Yield the devices that have not recorded the outage."""
        while (outage := self._outages.current) is not None and outage.added:
            yield outage.added.pop(), outage

    def _alone(self) -> Iterator[str]:
        """Yield offline devices that belong to no outage."""
        while (device_id := self._outages.pop_alone(monotonic())) is not None:
            yield device_id

    @callback
    def _async_set_timer(self) -> None:
        """Set the timer for what ends next, if anything."""
        if self._timer is not None:
            self._timer()
            self._timer = None
        now = monotonic()
        if (deadline := self._outages.next_deadline(now)) is not None:
            self._timer = async_call_later(
                self._hass, max(0, deadline - now), self._async_deadline
            )

    @callback
    def _async_deadline(self, _now: datetime) -> None:
        """Report what has ended."""
        self._timer = None
        self.async_evaluate()


def _figures(outage: Outage) -> dict[str, Any]:
    """Return the numbers of devices of an outage."""
    return {"lost": outage.lost, "online_before": outage.online_before}
