"""Clear retained heartbeats from the broker."""

import asyncio

from homeassistant.components import mqtt
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError

from ..const import DOMAIN
from ..protocol.topics import HEARTBEAT
from .refusals import Refusals, SentKind

#: In seconds: the broker passes the empty message on within milliseconds.
TIMEOUT = 5


class RetainedHeartbeats:
    """Retained heartbeats, until the broker has cleared them.

    An empty message clears one. If the broker allows it, it sends it to all
    subscribers, including Home Assistant. The message has QoS 0, because the MQTT
    client would repeat any other after each reconnect, also to a broker that
    disconnects because of it.
    """

    def __init__(self, hass: HomeAssistant, prefix: str, refusals: Refusals) -> None:
        """Set the prefix of the topics."""
        self._hass = hass
        self._prefix = prefix
        self._refusals = refusals
        self._clearing: dict[str, asyncio.Event] = {}

    async def async_clear(self, device_id: str) -> None:
        """Clear the retained heartbeat of a device.

        Raises HomeAssistantError if the broker does not do so.
        """
        topic = HEARTBEAT.of(self._prefix, device_id)
        self._refusals.async_send(SentKind.CLEARING, topic)
        cleared = self._clearing.setdefault(device_id, asyncio.Event())
        try:
            async with asyncio.timeout(TIMEOUT):
                await mqtt.async_publish(self._hass, topic, b"", qos=0, retain=True)
                await cleared.wait()
        except TimeoutError:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="not_cleared",
                translation_placeholders={"device_id": device_id, "topic": topic},
            ) from None
        finally:
            self._clearing.pop(device_id, None)

    @callback
    def async_cleared(self, device_id: str) -> None:
        """Handle an empty heartbeat that the broker has sent."""
        if (cleared := self._clearing.get(device_id)) is not None:
            cleared.set()
