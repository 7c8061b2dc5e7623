"""Watch a fleet as core's integrations do: one coordinator for each device."""

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
    """What a device said last, pushed by it."""

    def __init__(
        self, hass: HomeAssistant, entry: CoordinatedConfigEntry, device_id: str
    ) -> None:
        """Begin without a word of the device."""
        super().__init__(hass, LOGGER, config_entry=entry, name=f"{DOMAIN} {device_id}")
        self.device_id = device_id
        self.online = False
        self._stop_waiting: CALLBACK_TYPE | None = None

    @callback
    def async_receive(self, data: dict[str, Any]) -> None:
        """Take in a heartbeat, and wait anew for the next one."""
        if self._stop_waiting is not None:
            self._stop_waiting()
        self._stop_waiting = async_call_later(self.hass, TIMEOUT, self._async_silent)
        self.online = True
        self.async_set_updated_data(data)

    @callback
    def _async_silent(self, _now: datetime) -> None:
        """Take the device for offline."""
        self._stop_waiting = None
        self.online = False
        self.async_update_listeners()

    @override
    async def async_shutdown(self) -> None:
        """Wait no longer."""
        await super().async_shutdown()
        if self._stop_waiting is not None:
            self._stop_waiting()


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
        """Pass a heartbeat on to its device, which it may make."""
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
    """Follow the heartbeats under the entry's prefix."""
    await mqtt.async_wait_for_mqtt_client(hass)
    fleet = entry.runtime_data = Fleet(hass, entry)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    topic = f"{entry.data['prefix']}/+/status/heartbeat"
    entry.async_on_unload(
        await mqtt.async_subscribe(hass, topic, fleet.async_receive, 1)
    )
    return True
