"""Link devices to the Vesper dashboard."""

import asyncio

from homeassistant.components.lovelace import LOVELACE_DATA
from homeassistant.const import EVENT_LOVELACE_UPDATED
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr

from ..model.device import Device
from .chunks import async_in_chunks
from .listeners import Listeners
from .registry import DeviceRegistry, device_id_of

STRATEGY = "custom:vesper"

#: Where Home Assistant shows the dashboard that has no path of its own.
_DEFAULT_PATH = "lovelace"


class DashboardLinks:
    """The links from device pages to the Vesper dashboard.

    Without such a dashboard there are none. Its view `device` shows the device whose
    registry id is in the address.
    """

    _task: asyncio.Task[None]

    def __init__(
        self,
        hass: HomeAssistant,
        entry_id: str,
        registry: DeviceRegistry,
        listeners: Listeners,
    ) -> None:
        """Set the config entry of the devices."""
        self._hass = hass
        self._entry_id = entry_id
        self._registry = registry
        self._listeners = listeners
        self._path: str | None = None
        """The path of the dashboard, None without one."""
        self._reading: str | None = None
        """The path of the dashboard that is being read."""
        self._outdated = True

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Update the links until the result is called."""
        unsubscribe = (
            self._hass.bus.async_listen(
                EVENT_LOVELACE_UPDATED, self._async_dashboard_changed
            ),
            self._listeners.async_listen_new_devices(self._async_device_added),
        )
        self._task = self._async_create_task()

        @callback
        def _async_stop() -> None:
            """Stop, also in the middle of an update."""
            for stop in unsubscribe:
                stop()
            self._task.cancel()

        return _async_stop

    @callback
    def _async_create_task(self) -> asyncio.Task[None]:
        """Start an update."""
        return self._hass.async_create_task(
            self._async_update(), "vesper dashboard links"
        )

    @callback
    def _async_dashboard_changed(self, event: Event) -> None:
        """Start an update, or repeat the one under way.

        Reading a YAML file that is newer than the clock reports a change each time.
        """
        if (event.data["url_path"] or _DEFAULT_PATH) == self._reading:
            return
        self._outdated = True
        if self._task.done():
            self._task = self._async_create_task()

    @callback
    def _async_device_added(self, device: Device) -> None:
        """Link a new device."""
        self._async_link(self._registry.async_entry(device).id)

    async def _async_update(self) -> None:
        """Find the dashboard, and link all devices to it."""
        registry = dr.async_get(self._hass)
        while self._outdated:
            self._outdated = False
            self._path = await self._async_find()
            entries = dr.async_entries_for_config_entry(registry, self._entry_id)
            async for entry in async_in_chunks(entries):
                self._async_link(entry.id)

    async def _async_find(self) -> str | None:
        """Return the path of the first Vesper dashboard."""
        dashboards = self._hass.data[LOVELACE_DATA].dashboards
        for url_path, dashboard in tuple(dashboards.items()):
            self._reading = path = url_path or _DEFAULT_PATH
            try:
                config = await dashboard.async_load(force=False)
            except HomeAssistantError, OSError:
                # It is empty, or Home Assistant reports the error when it is opened.
                continue
            finally:
                self._reading = None
            match config:
                case {"strategy": {"type": type_}} if type_ == STRATEGY:
                    return path
        return None

    @callback
    def _async_link(self, registry_id: str) -> None:
        """Set the link of a device or the fleet."""
        registry = dr.async_get(self._hass)
        entry = registry.async_get(registry_id)
        if not isinstance(entry, dr.DeviceEntry):
            return  # It was removed meanwhile.
        url = None
        if self._path is not None:
            url = f"homeassistant://{self._path}"
            if device_id_of(entry) is not None:
                url += f"/device?id={registry_id}"
        if entry.configuration_url != url:
            registry.async_update_device(registry_id, configuration_url=url)
