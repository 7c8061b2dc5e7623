"""Know whether messages get through between the broker and Home Assistant."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from homeassistant.components import mqtt
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback

from ..const import LOGGER

#: In seconds. An answer takes milliseconds; a verdict waits no longer for it.
ANSWER_TIME = 2
#: In seconds, for the first question, for which nobody waits. MQTT itself gives up
#: after ten, and then returns as if it had an answer.
FIRST_ANSWER_TIME = 8
#: In seconds, between two questions to a broker that does not answer.
PATIENCE = 10


class Link:
    """The link to the broker: up while MQTT is connected and the broker answers.

    A frozen broker, or a cable pulled beyond the next switch, ends no connection:
    MQTT takes up to two of its keepalives to notice, two minutes as a rule, and devices
    would be offline by then that live and speak. So before silence counts the broker is
    asked for a sign of life: a message at QoS 1, which it has to acknowledge whether it
    allows it or not. With the answer has come all that it had sent before.
    """

    def __init__(
        self, hass: HomeAssistant, topic: str, async_changed: Callable[[bool], None]
    ) -> None:
        """Take the topic of the questions, and whom to tell that the link changed."""
        self._hass = hass
        self._topic = topic
        self._async_changed = async_changed
        self._answers: bool | None = None
        """Whether the broker answers questions: None until it was asked the first one.

        One that does not, or hangs up at them, is asked no more.
        """
        self._asking = False
        self._task: asyncio.Task[None] | None = None

    @callback
    def async_follow(self) -> CALLBACK_TYPE:
        """Tell of the link as it is and as it changes; returns what ends that."""
        unsubscribe = mqtt.async_subscribe_connection_status(
            self._hass, self._async_status_changed
        )
        self._async_status_changed(mqtt.is_connected(self._hass))

        @callback
        def _async_unfollow() -> None:
            unsubscribe()
            self._async_stop()

        return _async_unfollow

    async def async_answers(self) -> bool:
        """Ask the broker for a sign of life; without one the link is down.

        It is back once the broker gives one.

        Where the broker has never given one, the word of MQTT has to do.
        """
        if not self._answers or await self._async_ask(ANSWER_TIME):
            return True
        LOGGER.info("The MQTT broker does not answer")
        self._async_changed(False)  # noqa: FBT003
        self._async_start(self._async_until_it_answers())
        return False

    @callback
    def _async_status_changed(self, connected: bool) -> None:  # noqa: FBT001
        """Take in that MQTT has connected, or lost the connection."""
        if self._asking and not connected:
            # Did the question make the broker hang up? The next first one will tell.
            self._answers = None if self._answers else False
        self._async_stop()
        self._async_changed(connected)
        if connected and self._answers is None:
            self._async_start(self._async_ask_first())

    @callback
    def _async_start(self, task: Coroutine[Any, Any, None]) -> None:
        """Do what nobody waits for, until the connection changes."""
        self._task = self._hass.async_create_background_task(task, "Vesper's link")

    @callback
    def _async_stop(self) -> None:
        """End what is under way."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _async_ask_first(self) -> None:
        """Find out whether this broker answers questions."""
        self._answers = False
        self._answers = await self._async_ask(FIRST_ANSWER_TIME)

    async def _async_until_it_answers(self) -> None:
        """Ask again and again; the link is back with the answer."""
        answered = False
        while not answered:
            await asyncio.sleep(PATIENCE)
            answered = await self._async_ask(ANSWER_TIME)
        self._async_changed(True)  # noqa: FBT003

    async def _async_ask(self, seconds: float) -> bool:
        """Ask the broker for a sign of life, and return whether it came in time."""
        self._asking = True
        question = self._hass.async_create_background_task(
            mqtt.async_publish(self._hass, self._topic, b"", qos=1, retain=False),
            "Vesper asks the broker",
        )
        try:
            # In two halves: an event loop that was held up, and could hear no answer,
            # hears it in the second.
            for _ in range(2):
                await asyncio.wait([question], timeout=seconds / 2)
            return question.done() and question.exception() is None
        finally:
            question.cancel()
            self._asking = False
