"""Monitor the link to the broker (docs/liveness.md, "Online")."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, suppress
from time import monotonic

from homeassistant.components import mqtt
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError

from ..const import LOGGER
from .refusals import Refusals, SentKind
from .subscriptions import Subscriptions, async_subscribe

#: In seconds: a response takes milliseconds.
RESPONSE_TIMEOUT = 2
#: In seconds, between two questions to a broker that does not respond. MQTT logs a
#: warning ten seconds after each of them.
RETRY_INTERVAL = 60


class BrokerLink:
    """The link to the broker, connected and responding.

    If the broker freezes, or a cable behind the next switch is unplugged, the
    connection stays open. MQTT detects that after up to two keep-alive intervals,
    usually two minutes, and devices that are online would time out before. So any
    message from the broker proves the link. Without one, the broker is asked: a topic
    is subscribed once more, and the broker has to acknowledge that. This needs no
    further rights, interrupts no messages, and is not repeated by the MQTT client. Once
    the acknowledgment has arrived, so has everything that the broker sent before it.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        subscriptions: Subscriptions,
        refusals: Refusals,
        async_changed: Callable[[bool], None],
    ) -> None:
        """Set the subscriptions, and the listener."""
        self._hass = hass
        self._refusals = refusals
        self._subscriptions = subscriptions
        self._topic = subscriptions.link_topic
        self._async_changed = async_changed
        self._last_message = float("-inf")
        self._response = asyncio.Event()
        self._question = ExitStack()
        """What ends the last question."""
        self._task: asyncio.Task[None] | None = None

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Report the link, until the returned callback is called."""
        unsubscribe = mqtt.async_subscribe_connection_status(
            self._hass, self._async_connection_changed
        )
        self._subscriptions.async_listen(
            async_searched=self._async_searched, async_unloading=self._async_unloading
        )
        self._async_connection_changed(mqtt.is_connected(self._hass))

        @callback
        def _async_stop() -> None:
            unsubscribe()
            self._async_cancel()

        return _async_stop

    @callback
    def async_message_received(self) -> None:
        """Record a message, which proves the link."""
        self._last_message = monotonic()
        self._response.set()

    async def async_responds(self, since: float) -> bool:
        """Return whether the broker responds.

        If it does not, the link is down until it does. It is asked only if no message
        was received since `since`, and never if it closes the connection because of the
        question.
        """
        if (
            self._last_message >= since
            or self._refusals.is_refused(SentKind.LINK_CHECK)
            or self._subscriptions.is_link_topic_refused
        ):
            return True
        # Only here, not at each repetition: if a frozen broker drops the connection,
        # the repeated question must not be blamed.
        self._refusals.async_send(SentKind.LINK_CHECK, self._topic)
        if await self._async_ask():
            return True
        LOGGER.info("The MQTT broker does not respond")
        self._async_changed(False)  # noqa: FBT003
        self._task = self._hass.async_create_background_task(
            self._async_wait_for_response(), "Vesper broker link"
        )
        return False

    @callback
    def _async_connection_changed(self, connected: bool) -> None:  # noqa: FBT001
        """Handle an MQTT connection change."""
        if connected:
            self._subscriptions.async_connected()
        else:
            explained = self._refusals.async_disconnected()
            self._subscriptions.async_disconnected(explained=explained)
        self._async_cancel()
        self._async_changed(connected and self._subscriptions.is_receiving)

    @callback
    def _async_searched(self) -> None:
        """Handle the end of a search for refused topics."""
        self._async_changed(
            mqtt.is_connected(self._hass) and self._subscriptions.is_receiving
        )

    @callback
    def _async_unloading(self) -> None:
        """End a question, which MQTT would repeat."""
        self._question.close()

    @callback
    def _async_cancel(self) -> None:
        """Stop waiting for a response."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _async_wait_for_response(self) -> None:
        """Ask until the broker responds."""
        while not (
            await self._async_response_within(RETRY_INTERVAL) or await self._async_ask()
        ):
            pass
        self._async_changed(True)  # noqa: FBT003

    async def _async_ask(self) -> bool:
        """Return whether the broker responds to a question."""
        self._response.clear()
        try:
            self._question = await async_subscribe(
                self._hass, self._topic, _async_ignore, 0, self._response.set
            )
        except HomeAssistantError:  # the MQTT entry was disabled right now
            return False
        with self._question:
            return await self._async_response_within(RESPONSE_TIMEOUT)

    async def _async_response_within(self, seconds: float) -> bool:
        """Return whether there is a response in time."""
        # In two halves: if the event loop was blocked in the first one, the response is
        # processed before the second one is over.
        for _ in range(2):
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds / 2):
                    await self._response.wait()
        return self._response.is_set()


@callback
def _async_ignore(_msg: mqtt.ReceiveMessage) -> None:
    """Ignore a message, which another subscription receives."""
