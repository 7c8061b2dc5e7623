"""Monitor the link between the broker and Home Assistant."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from homeassistant.components import mqtt
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback

from ..const import LOGGER

#: In seconds: a response takes milliseconds, and nothing is decided before it.
RESPONSE_TIMEOUT = 2
#: In seconds, for the first question, for which nothing waits. MQTT itself gives up
#: after ten, and then returns as if there was a response.
FIRST_RESPONSE_TIMEOUT = 8
#: In seconds, between two questions to a broker that does not respond.
RETRY_INTERVAL = 10


class BrokerLink:
    """The link to the broker: up while MQTT is connected and the broker responds.

    A frozen broker, or a cable pulled behind the next switch, ends no connection: MQTT
    takes up to two of its keepalives to detect it, usually two minutes, and devices
    that are online would time out before. So the broker is asked first, by a message
    at QoS 1, which it must acknowledge whether it allows it or not. With the
    acknowledgement, all that it had sent before has arrived.
    """

    def __init__(
        self, hass: HomeAssistant, topic: str, async_changed: Callable[[bool], None]
    ) -> None:
        """Set the topic of the questions, and what is called with each change."""
        self._hass = hass
        self._topic = topic
        self._async_changed = async_changed
        self._responds: bool | None = None
        """Whether the broker responds to questions: None until the first one.

        One that does not, or closes the connection, is not asked again.
        """
        self._asking = False
        self._task: asyncio.Task[None] | None = None

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Report the link as it is and as it changes; returns what ends that."""
        unsubscribe = mqtt.async_subscribe_connection_status(
            self._hass, self._async_connection_changed
        )
        self._async_connection_changed(mqtt.is_connected(self._hass))

        @callback
        def _async_stop() -> None:
            unsubscribe()
            self._async_cancel()

        return _async_stop

    async def async_responds(self) -> bool:
        """Return whether the broker responds; if not, the link is down until it does.

        A broker that never responded to a question is not asked.
        """
        if not self._responds or await self._async_ask(RESPONSE_TIMEOUT):
            return True
        LOGGER.info("The MQTT broker does not respond")
        self._async_changed(False)  # noqa: FBT003
        self._async_create_task(self._async_wait_for_response())
        return False

    @callback
    def _async_connection_changed(self, connected: bool) -> None:  # noqa: FBT001
        """Handle an MQTT connection change."""
        if self._asking and not connected:
            # The question may have closed the connection: the next first one decides.
            self._responds = None if self._responds else False
        self._async_cancel()
        self._async_changed(connected)
        if connected and self._responds is None:
            self._async_create_task(self._async_ask_first())

    @callback
    def _async_create_task(self, task: Coroutine[Any, Any, None]) -> None:
        """Run a task until the connection changes."""
        self._task = self._hass.async_create_background_task(task, "Vesper broker link")

    @callback
    def _async_cancel(self) -> None:
        """Cancel the task."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _async_ask_first(self) -> None:
        """Find out whether this broker responds to questions."""
        self._responds = False
        self._responds = await self._async_ask(FIRST_RESPONSE_TIMEOUT)

    async def _async_wait_for_response(self) -> None:
        """Ask until the broker responds; then the link is up again."""
        responded = False
        while not responded:
            await asyncio.sleep(RETRY_INTERVAL)
            responded = await self._async_ask(RESPONSE_TIMEOUT)
        self._async_changed(True)  # noqa: FBT003

    async def _async_ask(self, seconds: float) -> bool:
        """Ask the broker, and return whether it responded in time."""
        self._asking = True
        question = self._hass.async_create_background_task(
            mqtt.async_publish(self._hass, self._topic, b"", qos=1, retain=False),
            "Vesper question to the broker",
        )
        try:
            # In two halves: an event loop that was blocked gets the response in the
            # second one.
            for _ in range(2):
                await asyncio.wait([question], timeout=seconds / 2)
            return question.done() and question.exception() is None
        finally:
            question.cancel()
            self._asking = False
