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
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN, LOGGER
from ..protocol.topics import HEARTBEAT, INFO, STATUS_TOPICS, StatusTopic
from .refusals import REFUSAL_TIME
from .repair_issue import async_raise_issue, issue_id_of

ISSUE_SUBSCRIPTION_REFUSED = "subscription_refused"

#: In seconds: a connection that ends earlier may have been closed because of a
#: subscription. MQTT subscribes within a second after it has connected, or within ten
#: more if it still waits for a response on an earlier connection.
SHORT_CONNECTION = 15

#: In a row: one may be a coincidence.
MAX_SHORT_CONNECTIONS = 2
MAX_HANG_UPS = 2

#: Held by the entry that tries a topic: with two at once, both would be refused.
DATA_SEARCH: HassKey[asyncio.Lock] = HassKey(f"{DOMAIN}_subscription_search")

#: In seconds: if something else closes the connections, no topic is left out again.
SEARCH_INTERVAL = 3600


async def async_subscribe(
    hass: HomeAssistant,
    topic: str,
    message_callback: Callable[[mqtt.ReceiveMessage], None],
    qos: int,
    on_response: CALLBACK_TYPE,
) -> ExitStack:
    """Subscribe to a topic; closing the stack ends that.

    Raises HomeAssistantError if MQTT is not set up any more.
    """
    stack = ExitStack()
    stack.callback(await mqtt.async_subscribe(hass, topic, message_callback, qos, None))
    # MQTT uses the highest QoS that any subscriber of the topic has.
    for any_qos in range(3):
        stack.callback(mqtt.async_on_subscribe_done(hass, topic, any_qos, on_response))
    return stack


class Subscription:
    """The subscription of one status topic of all devices."""

    __slots__ = ("_end", "granted", "last_message", "refused", "source", "topic")

    def __init__(self, source: StatusTopic, prefix: str) -> None:
        """Set the topic, which is not subscribed yet."""
        self.source = source
        self.topic = source.of(prefix, "+")
        self.last_message: float | None = None
        """When any device sent the last message, in seconds since 1970."""
        self.granted = False
        """Whether there was a response; not known while MQTT waits for others."""
        self.refused = False
        """Whether it is left out because the broker refuses it."""
        self._end: ExitStack | None = None

    @property
    def is_subscribed(self) -> bool:
        """Return whether it is subscribed."""
        return self._end is not None

    async def async_subscribe(
        self,
        hass: HomeAssistant,
        message_callback: Callable[[mqtt.ReceiveMessage], None],
        on_granted: CALLBACK_TYPE,
    ) -> None:
        """Subscribe to the topic."""

        @callback
        def _async_granted() -> None:
            """Record the response."""
            self.granted = True
            on_granted()

        self._end = await async_subscribe(
            hass, self.topic, message_callback, self.source.qos, _async_granted
        )
        self.granted = False

    @callback
    def async_unsubscribe(self) -> None:
        """Unsubscribe from the topic, if it is subscribed."""
        if self._end is not None:
            self._end.close()
            self._end = None


type MessageCallbackFactory = Callable[
    [Subscription], Callable[[mqtt.ReceiveMessage], None]
]


class Subscriptions:
    """The subscriptions that the broker does not refuse.

    MQTT does not tell whether a subscription was granted. A broker that responds with a
    refusal just sends no messages. But some, such as RabbitMQ, close the connection
    instead, and MQTT repeats all subscriptions with the next one: all MQTT entities of
    Home Assistant would be unavailable for good. So after two short connections in a
    row, all topics are left out. When a connection stays open, they are subscribed one
    by one. A topic at which it is closed twice instead of a response is left out until
    the integration is reloaded.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry_id: str,
        prefix: str,
        message_callback: MessageCallbackFactory,
    ) -> None:
        """Set the prefix, and what makes the callbacks."""
        self._hass = hass
        self._entry_id = entry_id
        self._message_callback = message_callback
        self._subscriptions: Mapping[StatusTopic, Subscription] = {
            source: Subscription(source, prefix) for source in STATUS_TOPICS
        }
        self._connected, self._disconnected = asyncio.Event(), asyncio.Event()
        self._settled = asyncio.Event()
        """Set by the response to a subscription, and by the end of the connection."""
        self._connected_at: float
        self._short_connections = 0
        self._next_search = float("-inf")
        self._unloading = False
        """Whether the MQTT entry was unloaded and has not connected again."""
        self._search: asyncio.Task[None] | None = None
        self._async_searched: CALLBACK_TYPE
        self._async_unloading: CALLBACK_TYPE
        self._followed: dict[str, CALLBACK_TYPE] = {}
        """What stops following each MQTT entry."""

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

    @property
    def is_receiving(self) -> bool:
        """Return whether heartbeats can arrive while MQTT is connected."""
        return not self.searching and not self[HEARTBEAT].refused

    async def async_start(self) -> None:
        """Subscribe to all topics.

        Raises HomeAssistantError if MQTT is not set up any more.
        """
        self._async_follow_mqtt()
        await self._async_subscribe_missing()

    @callback
    def async_listen(
        self, *, async_searched: CALLBACK_TYPE, async_unloading: CALLBACK_TYPE
    ) -> None:
        """Set what is called back."""
        self._async_searched = async_searched
        self._async_unloading = async_unloading

    @callback
    def async_connected(self) -> None:
        """Handle a new connection."""
        self._unloading = False
        self._disconnected.clear()
        self._connected.set()
        self._connected_at = monotonic()
        self._async_follow_mqtt()
        if not self.searching:
            self._hass.async_create_task(
                self._async_subscribe_missing(), "Vesper subscriptions"
            )

    @callback
    def async_disconnected(self, *, explained: bool) -> None:
        """Handle the end of a connection.

        `explained` is whether something was sent that the broker may refuse.
        """
        if not self._connected.is_set():  # it was not when the entry was set up
            return
        self._async_interrupt()
        if explained or self.searching:
            return
        now = monotonic()
        is_short = now - self._connected_at < SHORT_CONNECTION
        self._short_connections = self._short_connections + 1 if is_short else 0
        if (
            self._short_connections >= MAX_SHORT_CONNECTIONS
            and now >= self._next_search
        ):
            self._async_unsubscribe_all()
            self._search = self._hass.async_create_background_task(
                self._async_search_refused(), "Vesper refused subscriptions"
            )

    @callback
    def async_close(self) -> None:
        """Unsubscribe from all topics, and delete the repair issues."""
        if self._search is not None:
            self._search.cancel()
        for stop in self._followed.values():
            stop()
        self._async_unsubscribe_all()
        for source in STATUS_TOPICS:
            ir.async_delete_issue(self._hass, DOMAIN, self._issue_id(source))

    @callback
    def _async_follow_mqtt(self) -> None:
        """Follow the MQTT entry."""
        for entry in self._hass.config_entries.async_entries(mqtt.DOMAIN):
            if entry.entry_id not in self._followed:
                self._followed[entry.entry_id] = entry.async_on_state_change(
                    partial(self._async_mqtt_changed, entry)
                )

    @callback
    def _async_mqtt_changed(self, entry: ConfigEntry) -> None:
        """Unsubscribe before the MQTT entry is unloaded.

        Otherwise its next client has the subscriptions, too, and can't end them.
        """
        if entry.state is ConfigEntryState.UNLOAD_IN_PROGRESS:
            self._unloading = True
            self._async_interrupt()
            self._async_unsubscribe_all()
            self._async_unloading()
        elif self._unloading and entry.state is ConfigEntryState.FAILED_UNLOAD:
            # Its client is still connected.
            self.async_connected()

    @callback
    def _async_interrupt(self) -> None:
        """Let nothing wait for a response of the broker."""
        self._connected.clear()
        self._disconnected.set()
        self._settled.set()

    async def _async_subscribe(self, subscription: Subscription) -> None:
        """Subscribe to a topic."""
        await subscription.async_subscribe(
            self._hass, self._message_callback(subscription), self._settled.set
        )

    async def _async_subscribe_missing(self) -> None:
        """Subscribe to the topics that are missing."""
        for subscription in self._subscriptions.values():
            if not subscription.is_subscribed and not subscription.refused:
                await self._async_subscribe(subscription)

    @callback
    def _async_unsubscribe_all(self) -> None:
        """Unsubscribe from all topics."""
        for subscription in self._subscriptions.values():
            subscription.async_unsubscribe()

    async def _async_search_refused(self) -> None:
        """Find the refused topics, and subscribe to the others."""
        lock = self._hass.data.setdefault(DATA_SEARCH, asyncio.Lock())
        try:
            for subscription in self._subscriptions.values():
                async with lock:
                    is_connected = await self._async_try(subscription)
                if not is_connected:
                    break
            await self._connected.wait()
            await self._async_subscribe_missing()
        finally:
            self._short_connections = 0
            self._search = None
            self._async_searched()

    async def _async_try(self, subscription: Subscription) -> bool:
        """Subscribe to a topic, unless the broker refuses it.

        Returns False if the connection is closed without it, too.
        """
        # While the link counts as down, nothing else is sent that may be refused.
        for _ in range(MAX_HANG_UPS):
            if not await self._async_is_stable():
                self._next_search = monotonic() + SEARCH_INTERVAL
                return False
            await self._async_subscribe(subscription)
            if not await self._async_hangs_up(subscription):
                return True
            subscription.async_unsubscribe()
        subscription.refused = True
        self._async_raise(subscription)
        return True

    async def _async_is_stable(self) -> bool:
        """Return whether a connection stays open."""
        # With the first one, MQTT may still subscribe to what it had begun with.
        for _ in range(1 + MAX_SHORT_CONNECTIONS):
            await self._connected.wait()
            age = monotonic() - self._connected_at
            try:
                async with asyncio.timeout(max(0, SHORT_CONNECTION - age)):
                    await self._disconnected.wait()
            except TimeoutError:
                return True
        return False

    async def _async_hangs_up(self, subscription: Subscription) -> bool:
        """Return whether the broker hangs up instead of responding."""
        subscribed_at = monotonic()
        # MQTT itself waits for a response for ten seconds at most.
        while not subscription.granted and self._connected.is_set():
            self._settled.clear()
            await self._settled.wait()
        return not (
            subscription.granted
            or self._unloading
            or monotonic() - subscribed_at > REFUSAL_TIME
        )

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
            entry_id=self._entry_id,
            issue_id=self._issue_id(subscription.source),
            key=ISSUE_SUBSCRIPTION_REFUSED,
            placeholders={"topic": subscription.topic},
            severity=ir.IssueSeverity.ERROR,
        )

    def _issue_id(self, source: StatusTopic) -> str:
        """Return the id of a repair issue."""
        return issue_id_of(ISSUE_SUBSCRIPTION_REFUSED, self._entry_id, source.name)
