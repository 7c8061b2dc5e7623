"""Subscribe to the status topics."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from time import monotonic

from homeassistant.components import mqtt
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from ..const import DOMAIN, LOGGER
from ..protocol.topics import INFO, STATUS_TOPICS, StatusTopic
from .issues import async_raise_issue
from .refusals import REFUSAL_TIME

ISSUE_SUBSCRIPTION_REFUSED = "subscription_refused"

#: In seconds: a connection that ends earlier may have been closed because of a
#: subscription. MQTT subscribes within a second, or within ten more if it still waits
#: for a response to an earlier subscription, and publishes its birth message later.
SHORT_CONNECTION = 15

#: One may be a coincidence, in a row.
MAX_SHORT_CONNECTIONS = 2

#: In seconds: if something else closes the connections, no topic is left out again.
SEARCH_INTERVAL = 3600


class Subscription:
    """The subscription of one status topic of all devices."""

    __slots__ = ("last_message", "refused", "source", "topic", "unsubscribe")

    def __init__(self, source: StatusTopic, prefix: str) -> None:
        """Set the topic, which is not subscribed yet."""
        self.source = source
        self.topic = source.of(prefix, "+")
        self.last_message: float | None = None
        """When any device sent the last message, in seconds since 1970."""
        self.refused = False
        """Whether it is left out because the broker refuses it."""
        self.unsubscribe: CALLBACK_TYPE | None = None


type MessageCallbackFactory = Callable[
    [Subscription], Callable[[mqtt.ReceiveMessage], None]
]


class Subscriptions:
    """The subscriptions that the broker does not refuse.

    MQTT does not tell whether a subscription was granted. A broker that responds with a
    refusal just sends no messages. But some, such as RabbitMQ, close the connection,
    and MQTT repeats all subscriptions with the next one: all MQTT entities of Home
    Assistant would be unavailable for good. So after two connections in a row that were
    closed early, all topics are left out. If the next connection stays open, they are
    subscribed one by one; the one with which it is closed stays left out until the
    integration is reloaded.
    """

    def __init__(
        self, hass: HomeAssistant, prefix: str, message_callback: MessageCallbackFactory
    ) -> None:
        """Set the prefix, and what makes the callbacks."""
        self._hass = hass
        self._message_callback = message_callback
        self._subscriptions: Mapping[StatusTopic, Subscription] = {
            source: Subscription(source, prefix) for source in STATUS_TOPICS
        }
        self._connected, self._disconnected = asyncio.Event(), asyncio.Event()
        self._settled = asyncio.Event()
        """Set by the response to a subscription, and by the end of the connection."""
        self._since = 0.0
        """When the connection or its first subscription began."""
        self._short_connections = 0
        self._next_search = float("-inf")
        self._unloaded = False
        """Whether the MQTT entry was unloaded and has not connected again."""
        self._search: asyncio.Task[None] | None = None
        self._async_searched: Callable[[], None]
        self._stop_following: list[CALLBACK_TYPE] = []
        """What stops following the MQTT entry."""

    def __getitem__(self, source: StatusTopic) -> Subscription:
        """Return the subscription of a topic."""
        return self._subscriptions[source]

    @property
    def link_topic(self) -> str:
        """Return the topic to ask the broker with."""
        return self[INFO].topic

    @property
    def is_link_topic_refused(self) -> bool:
        """Return whether the broker can't be asked."""
        return self[INFO].refused

    @property
    def searching(self) -> bool:
        """Return whether refused topics are searched for."""
        return self._search is not None

    async def async_start(self) -> None:
        """Subscribe to all topics.

        Raises HomeAssistantError if MQTT is not set up any more.
        """
        self._async_follow_mqtt()
        await self._async_subscribe_all()

    @callback
    def async_listen_searched(self, async_searched: Callable[[], None]) -> None:
        """Set what is called after a search."""
        self._async_searched = async_searched

    @callback
    def async_connected(self) -> None:
        """Handle a new connection."""
        self._disconnected.clear()
        self._connected.set()
        self._since = monotonic()
        if self._unloaded:
            self._unloaded = False
            self._async_follow_mqtt()
            if not self.searching:
                self._hass.async_create_task(
                    self._async_subscribe_all(), "Vesper subscriptions"
                )

    @callback
    def async_disconnected(self, *, explained: bool) -> None:
        """Handle the end of a connection."""
        if not self._connected.is_set():  # it was not when the entry was set up
            return
        self._connected.clear()
        self._disconnected.set()
        self._settled.set()
        now = monotonic()
        if explained or self.searching or self._unloaded:
            return
        if now - self._since >= SHORT_CONNECTION:
            self._short_connections = 0
            return
        self._short_connections += 1
        if (
            self._short_connections >= MAX_SHORT_CONNECTIONS
            and now >= self._next_search
        ):
            self._next_search = now + SEARCH_INTERVAL
            self._async_unsubscribe_all()
            self._search = self._hass.async_create_background_task(
                self._async_search_refused(), "Vesper refused subscriptions"
            )

    @callback
    def async_close(self) -> None:
        """Unsubscribe from all topics, and delete the repair issues."""
        if self._search is not None:
            self._search.cancel()
        for stop in self._stop_following:
            stop()
        self._async_unsubscribe_all()
        for source in STATUS_TOPICS:
            ir.async_delete_issue(self._hass, DOMAIN, _issue_id(source))

    @callback
    def _async_follow_mqtt(self) -> None:
        """Follow the MQTT entry until it is unloaded."""
        for entry in self._hass.config_entries.async_entries(mqtt.DOMAIN):
            self._stop_following.append(
                entry.async_on_state_change(partial(self._async_mqtt_changed, entry))
            )

    @callback
    def _async_mqtt_changed(self, entry: ConfigEntry) -> None:
        """Unsubscribe before the MQTT entry is unloaded.

        Otherwise its next client has the subscriptions, too, and can't end them.
        """
        if entry.state is ConfigEntryState.UNLOAD_IN_PROGRESS:
            self._unloaded = True
            self._stop_following.clear()  # the entry does so itself
            self._async_unsubscribe_all()

    async def _async_subscribe(self, subscription: Subscription) -> None:
        """Subscribe to a topic."""
        subscription.unsubscribe = await mqtt.async_subscribe(
            self._hass,
            subscription.topic,
            self._message_callback(subscription),
            subscription.source.qos,
            None,
        )

    async def _async_subscribe_all(self) -> None:
        """Subscribe to the topics that are not refused."""
        for subscription in self._subscriptions.values():
            if subscription.unsubscribe is None and not subscription.refused:
                await self._async_subscribe(subscription)

    @callback
    def _async_unsubscribe(self, subscription: Subscription) -> None:
        """Unsubscribe from a topic, if it is subscribed."""
        if subscription.unsubscribe is not None:
            subscription.unsubscribe()
            subscription.unsubscribe = None

    @callback
    def _async_unsubscribe_all(self) -> None:
        """Unsubscribe from all topics."""
        for subscription in self._subscriptions.values():
            self._async_unsubscribe(subscription)

    async def _async_search_refused(self) -> None:
        """Find the refused topics, and subscribe to the others."""
        if await self._async_connects():
            for subscription in self._subscriptions.values():
                await self._async_try(subscription)
        await self._connected.wait()
        await self._async_subscribe_all()
        self._short_connections = 0
        self._search = None
        self._async_searched()

    async def _async_connects(self) -> bool:
        """Return whether a connection stays open without the topics."""
        # With the first one, MQTT may still subscribe to what it had begun with.
        for _ in range(MAX_SHORT_CONNECTIONS):
            await self._connected.wait()
            if await self._async_stays_connected(SHORT_CONNECTION):
                return True
        return False

    async def _async_stays_connected(self, seconds: float) -> bool:
        """Return whether the connection stays open for a time."""
        try:
            async with asyncio.timeout(seconds):
                await self._disconnected.wait()
        except TimeoutError:
            return True
        return False

    async def _async_try(self, subscription: Subscription) -> None:
        """Subscribe to a topic, unless the broker refuses it."""
        # While the link counts as down, nothing else is sent that explains it.
        if not await self._async_is_granted(subscription) and not self._unloaded:
            self._async_unsubscribe(subscription)
            subscription.refused = True
            self._async_raise(subscription)

    async def _async_is_granted(self, subscription: Subscription) -> bool:
        """Return whether the connection stays open with a topic."""
        await self._connected.wait()
        await self._async_subscribe(subscription)
        self._settled.clear()
        with ExitStack() as stack:
            # MQTT uses the highest QoS that any subscriber of the topic has.
            for qos in range(3):
                stack.callback(
                    mqtt.async_on_subscribe_done(
                        self._hass, subscription.topic, qos, self._settled.set
                    )
                )
            await self._settled.wait()
        return await self._async_stays_connected(REFUSAL_TIME)

    @callback
    def _async_raise(self, subscription: Subscription) -> None:
        """Raise the repair issue that names the topic."""
        LOGGER.warning(
            "The MQTT broker has closed the connection because of the subscription to "
            "%s; the repair issue says what to do",
            subscription.topic,
        )
        async_raise_issue(
            self._hass,
            key=ISSUE_SUBSCRIPTION_REFUSED,
            placeholders={"topic": subscription.topic},
            severity=ir.IssueSeverity.ERROR,
            issue_id=_issue_id(subscription.source),
        )


def _issue_id(source: StatusTopic) -> str:
    """Return the id of a repair issue."""
    return f"{ISSUE_SUBSCRIPTION_REFUSED}/{source.name}"
