"""Watch a fleet with a coordinator for each device.

Core's integrations do it in this way.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, override

from homeassistant.components import mqtt
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util.json import json_loads_object

from .const import DOMAIN, LOGGER, TIMEOUT

PLATFORMS = [Platform.BINARY_SENSOR, Platform.SENSOR]

type CoordinatedConfigEntry = ConfigEntry[Fleet]


class Coordinator(DataUpdateCoordinator[dict[str, Any]]):
    """The last heartbeat of a device."""

    def __init__(
        self, hass: HomeAssistant, entry: CoordinatedConfigEntry, device_id: str
    ) -> None:
        """Begin without a heartbeat."""
        super().__init__(hass, LOGGER, config_entry=entry, name=f"{DOMAIN} {device_id}")
        self.device_id = device_id
        self.online = False
        self._cancel_timeout: CALLBACK_TYPE | None = None

    @callback
    def async_receive(self, data: dict[str, Any]) -> None:
        """Handle a heartbeat, and restart the timeout."""
        if self._cancel_timeout is not None:
            self._cancel_timeout()
        self._cancel_timeout = async_call_later(
            self.hass, TIMEOUT, self._async_timed_out
        )
        self.online = True
        self.async_set_updated_data(data)

    @callback
    def _async_timed_out(self, _now: datetime) -> None:
        """Mark the device offline."""
        self._cancel_timeout = None
        self.online = False
        self.async_update_listeners()

    @override
    async def async_shutdown(self) -> None:
        """Cancel the timeout."""
        await super().async_shutdown()
        if self._cancel_timeout is not None:
            self._cancel_timeout()


class Fleet:
    """The coordinators of all devices."""

    def __init__(self, hass: HomeAssistant, entry: CoordinatedConfigEntry) -> None:
        """Begin without a device."""
        self._hass = hass
        self._entry = entry
        self.coordinators: dict[str, Coordinator] = {}
        self.listeners: list[Callable[[Coordinator], None]] = []

    @callback
    def async_receive(self, message: mqtt.ReceiveMessage) -> None:
        """Handle a heartbeat, also of a new device."""
        device_id = message.topic.rsplit("/", 3)[1]
        coordinator = self.coordinators.get(device_id)
        if is_new := coordinator is None:
            coordinator = Coordinator(self._hass, self._entry, device_id)
            self.coordinators[device_id] = coordinator
        coordinator.async_receive(json_loads_object(message.payload))
        if is_new:
            for listener in self.listeners:
                listener(coordinator)


async def async_setup_entry(hass: HomeAssistant, entry: CoordinatedConfigEntry) -> bool:
    """Subscribe to the heartbeats under the entry's prefix."""
    await mqtt.async_wait_for_mqtt_client(hass)
    fleet = entry.runtime_data = Fleet(hass, entry)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    topic = f"{entry.data['prefix']}/+/status/heartbeat"
    entry.async_on_unload(
        await mqtt.async_subscribe(hass, topic, fleet.async_receive, 1)
    )
    return True
