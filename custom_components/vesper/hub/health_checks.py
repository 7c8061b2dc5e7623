"""Request health checks of one device after another."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_call_later

from ..const import LOGGER

#: In seconds, between two requests: at most 20 devices a second have to respond.
INTERVAL = 0.05


class HealthChecks:
    """A queue of devices whose health check is due.

    Alerts that a device raised while no messages arrived are lost; after a health check
    it may raise them again.
    """

    def __init__(
        self, hass: HomeAssistant, async_request: Callable[[str], Awaitable[None]]
    ) -> None:
        """Set what requests the health check of a device."""
        self._hass = hass
        self._async_request = async_request
        self._queue: OrderedDict[str, None] = OrderedDict()
        self._timer: CALLBACK_TYPE | None = None

    @callback
    def async_add(self, device_id: str) -> None:
        """Add a device to the queue."""
        self._queue[device_id] = None
        self._async_set_timer()

    @callback
    def async_discard(self, device_id: str) -> None:
        """Remove a device from the queue."""
        self._queue.pop(device_id, None)

    @callback
    def async_clear(self) -> None:
        """Empty the queue."""
        self._queue.clear()
        if self._timer is not None:
            self._timer()
            self._timer = None

    @callback
    def _async_set_timer(self) -> None:
        """Set the timer for the next device, if needed."""
        if self._timer is None and self._queue:
            self._timer = async_call_later(self._hass, INTERVAL, self._async_next)

    @callback
    def _async_next(self, _now: datetime) -> None:
        """Request the health check of the next device."""
        self._timer = None
        if self._queue:
            device_id, _ = self._queue.popitem(last=False)
            self._hass.async_create_task(
                self._async_try(device_id), f"Vesper health check of {device_id}"
            )
        self._async_set_timer()

    async def _async_try(self, device_id: str) -> None:
        """Request a health check, and log a failure."""
        try:
            await self._async_request(device_id)
        except HomeAssistantError as error:
            LOGGER.debug("Health check of %s failed: %s", device_id, error)
