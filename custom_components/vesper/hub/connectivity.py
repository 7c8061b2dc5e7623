"""Decide which devices are online, by the broker link and by timeouts."""

import asyncio
from collections.abc import Mapping

from homeassistant.components import mqtt
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback

from ..const import LOGGER
from ..model.device import Device
from ..model.fleet import Fleet
from ..protocol.topics import link_topic
from .broker_link import BrokerLink
from .change_handler import ChangeHandler
from .health_checks import HealthChecks
from .listeners import Listeners
from .offline_monitor import OfflineMonitor
from .outage_monitor import OutageMonitor


class Connectivity:
    """The broker link and the monitor of silent devices, which depends on it."""

    def __init__(  # noqa: PLR0913  # all that depends on them
        self,
        hass: HomeAssistant,
        devices: Mapping[str, Device],
        *,
        changes: ChangeHandler,
        fleet: Fleet,
        health_checks: HealthChecks,
        listeners: Listeners,
        outages: OutageMonitor,
        prefix: str,
        timeout: int,
    ) -> None:
        """Set the devices, what depends on them, and the timeout in seconds."""
        self._hass = hass
        self._devices = devices
        self._changes = changes
        self._fleet = fleet
        self._health_checks = health_checks
        self._listeners = listeners
        self._outages = outages
        self._closed = False
        self._link_change: asyncio.Task[None] | None = None
        self._link = BrokerLink(hass, link_topic(prefix), self._async_link_changed)
        self.connected = False
        """Whether the broker link is up."""
        self.monitor = OfflineMonitor(
            hass,
            timeout,
            async_broker_responds=self._link.async_responds,
            async_timed_out=self._async_timed_out,
            async_evaluate=outages.async_evaluate,
        )

    @callback
    def async_setup(self) -> None:
        """Set whether the link is up, before there are devices."""
        self.connected = mqtt.is_connected(self._hass)

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Follow the link and monitor the devices; returns what ends the first."""
        stop = self._link.async_start()
        if self.connected:
            self.monitor.async_resume(self._devices)
        return stop

    @callback
    def async_close(self) -> None:
        """Handle no more changes."""
        self._closed = True
        self.monitor.async_pause()

    @callback
    def _async_link_changed(self, connected: bool) -> None:  # noqa: FBT001
        """Handle a change of the broker link.

        Without a link, silence says nothing about the devices. When Home Assistant
        stops, MQTT ends before us, which says nothing either.
        """
        if self._closed or self._hass.is_stopping or connected is self.connected:
            return
        self.connected = connected
        self._listeners.async_notify_fleet()
        if connected:
            LOGGER.info("The link to the MQTT broker is up again")
            # Later, as MQTT has enough to do in this turn of the loop.
            self._hass.loop.call_soon(self._async_resume_monitor)
            step = Device.broker_connected
        else:
            LOGGER.info("The link to the MQTT broker is down")
            self.monitor.async_pause()
            self._health_checks.async_clear()
            step = Device.broker_disconnected
        # This replaces a change that has not reached all devices yet.
        if self._link_change is not None:
            self._link_change.cancel()
        self._link_change = self._changes.async_change(self._devices.values(), step)

    @callback
    def _async_resume_monitor(self) -> None:
        """Monitor all devices again, if the link is still up."""
        if self.connected and not self._closed:
            self.monitor.async_resume(self._devices)

    @callback
    def _async_timed_out(self, device_id: str) -> None:
        """Handle a device that timed out."""
        device = self._devices[device_id]
        # It was offline before the link was lost, and is only monitored again.
        if device.online is False:
            return
        self._health_checks.async_discard(device_id)
        # One that was offline before Home Assistant started was reported then.
        if device.was_online is not False:
            self._outages.async_went_offline(
                device_id,
                self._fleet.online_in_use
                if device.online and not device.in_maintenance
                else None,
            )
        self._changes.async_handle(device, device.mark_offline())
