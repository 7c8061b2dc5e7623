"""Ask devices that are back to check themselves, not all at once."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_call_later

from ..const import LOGGER

#: In seconds: no more than 20 devices a second check themselves, and answer.
INTERVAL = 0.05


class HealthChecks:
    """The devices that are to be asked, each once, and one timer while there are any.

    What they said while nobody could hear them is lost; a health check says it again.
    """

    def __init__(
        self, hass: HomeAssistant, async_ask: Callable[[str], Awaitable[None]]
    ) -> None:
        """Take what asks a device, by its id."""
        self._hass = hass
        self._async_ask = async_ask
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._timer: CALLBACK_TYPE | None = None
        self._failing = False

    @callback
    def async_add(self, device_id: str) -> None:
        """Ask a device when it is its turn."""
        self._waiting[device_id] = None
        self._async_arm()

    @callback
    def async_discard(self, device_id: str) -> None:
        """Do not ask a device that is away."""
        self._waiting.pop(device_id, None)

    @callback
    def async_clear(self) -> None:
        """Ask nobody: there is no way to them."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer()
            self._timer = None

    @callback
    def _async_arm(self) -> None:
        """Set the timer for the next device, unless it is set or nobody waits."""
        if self._timer is None and self._waiting:
            self._timer = async_call_later(self._hass, INTERVAL, self._async_next)

    @callback
    def _async_next(self, _now: datetime) -> None:
        """Ask the next device."""
        self._timer = None
        if self._waiting:
            device_id, _ = self._waiting.popitem(last=False)
            self._hass.async_create_task(
                self._async_try(device_id), f"Vesper health check of {device_id}"
            )
        self._async_arm()

    async def _async_try(self, device_id: str) -> None:
        """Ask a device, and log the first failure of a row."""
        try:
            await self._async_ask(device_id)
        except HomeAssistantError as error:
            if not self._failing:
                LOGGER.debug("Device %s can't be asked: %s", device_id, error)
            self._failing = True
        else:
            self._failing = False
