"""Time bursts of heartbeats that come through a real broker and socket."""

import asyncio
import time

from homeassistant.components import mqtt
from homeassistant.core import HomeAssistant, callback

from . import home
from .sender import SENTINEL, Burst, Sender

#: In seconds: a burst that takes longer has been lost.
PATIENCE = 120


class Bursts:
    """Bursts that a sender publishes, one after the other."""

    def __init__(self, sender: Sender) -> None:
        """Take who sends."""
        self._sender = sender
        self._came = asyncio.Event()
        self._ended = 0.0

    async def listen(self, hass: HomeAssistant) -> None:
        """Hear of the end of each burst from now on."""
        await home.subscribe(hass, SENTINEL, self._end)

    @callback
    def _end(self, _: mqtt.ReceiveMessage) -> None:
        """Note that all of a burst is there."""
        self._ended = time.thread_time()
        self._came.set()

    async def time(self, burst: Burst) -> float:
        """Have a burst sent, and return the microseconds of each of its heartbeats.

        They are those of the event loop's thread until the message after the last has
        come. Raises TimeoutError where that does not come.
        """
        self._came.clear()
        start = time.thread_time()
        self._sender.send(burst)
        async with asyncio.timeout(PATIENCE):
            await self._came.wait()
        return (self._ended - start) / (burst.devices * burst.each) * 1e6
