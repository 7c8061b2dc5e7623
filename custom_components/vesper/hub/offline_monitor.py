"""Decide which devices are online (docs/liveness.md, "Online")."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from time import monotonic, time

from homeassistant.components import mqtt
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from ..const import LOGGER
from ..model.deadlines import Deadlines
from ..model.device import Device
from ..model.fleet import Fleet
from .broker_link import BrokerLink
from .change_handler import ChangeHandler
from .chunks import async_in_chunks
from .health_checks import HealthChecks
from .listeners import Listeners
from .outage_monitor import OutageMonitor
from .refusals import Refusals
from .subscriptions import Subscriptions

#: In seconds: devices that time out within this are handled together.
MIN_INTERVAL = 0.5


class OfflineMonitor:
    """The broker link, and one timer for all devices.

    The timer is set to the earliest deadline. While the link is down it is off, because
    no message can arrive. A broker that does not respond delivers none either, so the
    link is checked before any device is declared offline.
    """

    def __init__(  # noqa: PLR0913  # all that depends on it
        self,
        hass: HomeAssistant,
        devices: Mapping[str, Device],
        *,
        changes: ChangeHandler,
        fleet: Fleet,
        health_checks: HealthChecks,
        listeners: Listeners,
        outages: OutageMonitor,
        refusals: Refusals,
        subscriptions: Subscriptions,
        timeout: int,
    ) -> None:
        """Set the devices, and what depends on them."""
        self._hass = hass
        self._devices = devices
        self._changes = changes
        self._fleet = fleet
        self._health_checks = health_checks
        self._listeners = listeners
        self._outages = outages
        self._link = BrokerLink(hass, subscriptions, refusals, self._async_link_changed)
        self._deadlines = Deadlines(timeout)
        self._running = self._closed = False
        self._timer: CALLBACK_TYPE | None = None
        self._check: asyncio.Task[None] | None = None
        self._link_change: asyncio.Task[None] | None = None
        self.connected = False
        """Whether the broker link is up."""

    @callback
    def async_setup(self) -> None:
        """Set whether the link is up."""
        self.connected = mqtt.is_connected(self._hass)

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Follow the link, until the returned callback is called."""
        stop = self._link.async_start()
        if self.connected:
            self._async_resume()
        return stop

    @callback
    def async_close(self) -> None:
        """Handle nothing more."""
        self._closed = True
        self._async_pause()

    @callback
    def async_message_received(self) -> None:
        """Record a message, also a retained one."""
        self._link.async_message_received()

    @callback
    def async_touch(self, device: Device) -> None:
        """Give a device a new, full timeout."""
        self.async_set_timeout(device)
        self._deadlines.touch(device.device_id, monotonic())
        if self._timer is None:
            self._async_set_timer()

    @callback
    def async_set_timeout(self, device: Device) -> None:
        """Set the timeout of a device by its rhythm."""
        self._deadlines.set_timeout(device.device_id, device.rhythm.timeout)

    @callback
    def async_discard(self, device_id: str) -> None:
        """Stop monitoring a device."""
        self._deadlines.discard(device_id)

    @callback
    def _async_link_changed(self, connected: bool) -> None:  # noqa: FBT001
        """Handle a change of the broker link.

        When Home Assistant stops, MQTT is stopped first; that is no lost link.
        """
        if self._closed or self._hass.is_stopping or connected is self.connected:
            return
        self.connected = connected
        self._listeners.async_notify_fleet()
        if connected:
            LOGGER.info("The link to the MQTT broker is up again")
            self._async_resume()
            step = Device.broker_connected
        else:
            LOGGER.info("The link to the MQTT broker is down")
            self._async_pause()
            self._health_checks.async_clear()
            step = Device.broker_disconnected
        # This replaces a change that has not reached all devices yet.
        if self._link_change is not None:
            self._link_change.cancel()
        self._link_change = self._changes.async_change(self._devices.values(), step)

    @callback
    def _async_resume(self) -> None:
        """Monitor all devices, each with its full timeout."""
        self._running = True
        self._deadlines.reset(self._devices, monotonic())
        self._async_set_timer()

    @callback
    def _async_pause(self) -> None:
        """Let no device time out."""
        self._running = False
        if self._timer is not None:
            self._timer()
            self._timer = None
        if self._check is not None:
            self._check.cancel()
            self._check = None

    @callback
    def _async_set_timer(self) -> None:
        """Set the timer, unless devices are checked right now."""
        if not self._running or self._timer is not None or self._check is not None:
            return
        if (deadline := self._deadlines.next_deadline) is not None:
            # Not longer than the shortest timeout: a device that is heard meanwhile may
            # have it.
            wait = min(deadline - monotonic(), self._deadlines.timeout)
            self._timer = async_call_later(
                self._hass, max(wait, MIN_INTERVAL), self._async_deadline
            )

    @callback
    def _async_deadline(self, _now: datetime) -> None:
        """Check whether a deadline has passed.

        Usually every device has been heard since the timer was set.
        """
        self._timer = None
        deadline = self._deadlines.next_deadline
        if deadline is not None and deadline <= monotonic():
            self._check = self._hass.async_create_task(
                self._async_check(deadline), "Vesper offline monitor", eager_start=False
            )
        else:
            self._async_set_timer()

    async def _async_check(self, deadline: float) -> None:
        """Check the link, then time out devices."""
        try:
            if await self._link.async_responds(deadline):
                due = self._deadlines.due(monotonic())
                await asyncio.sleep(0)
                unheard = sum(device.is_unheard for device in self._devices.values())
                async for device_id in async_in_chunks(due):
                    if self._deadlines.pop(device_id, monotonic()):
                        self._async_time_out(self._devices[device_id], unheard)
                await asyncio.sleep(0)
                self._outages.async_evaluate()
        finally:
            # A listener that raises must not end the monitoring of all devices.
            self._check = None
            self._async_set_timer()

    @callback
    def _async_time_out(self, device: Device, unheard: int) -> None:
        """Declare a device offline."""
        # It may have been offline already: when the link is back, all are monitored.
        if device.online is False:
            return
        self._health_checks.async_discard(device.device_id)
        # If it was offline before Home Assistant started, that was reported then.
        if device.was_online is not False and not device.disabled:
            self._outages.async_went_offline(
                device.device_id,
                self._fleet.online_in_use + unheard
                if device.was_online and not device.in_maintenance
                else None,
            )
        self._changes.async_handle(device, device.mark_offline(time()))
