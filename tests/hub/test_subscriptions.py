"""A refused topic is left out, and named."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
import itertools
import logging
from math import ceil
import time
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockMqttReasonCode,
)

from custom_components.vesper.const import CONF_PREFIX, DOMAIN
from custom_components.vesper.diagnostics import async_get_config_entry_diagnostics
from custom_components.vesper.hub.subscriptions import SHORT_CONNECTION
from custom_components.vesper.protocol.topics import STATUS_TOPICS
from homeassistant.components import mqtt
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_DISCOVERY, STATE_OFF, STATE_ON
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.dispatcher import async_dispatcher_send
from tests.common import BELL, FLEET, Vesper, logged, reload_mqtt

ALERTS = "vesper/+/status/alerts"
HEARTBEAT = "vesper/+/status/heartbeat"
INFO = "vesper/+/status/info"
OTHER = "other/+"
NORTH = "north/vesper"

#: In seconds: Home Assistant tries to connect every ten.
RECONNECT = 10
#: In seconds: two refused connections, one without the topics, and two for each topic.
SEARCH = 150


@pytest.fixture
def mqtt_config_entry_options() -> dict[str, Any]:
    """Turn the discovery off.

    It subscribes to topics of Vesper, too, and also to many others. So a broker that
    disconnects at a topic which is not allowed works with Home Assistant only without.
    """
    return {CONF_DISCOVERY: False, mqtt.CONF_BIRTH_MESSAGE: {}}


type Answer = Callable[..., tuple[int, int]]


class Broker:
    """A broker that disconnects at a subscription."""

    def __init__(self, vesper: Vesper) -> None:
        """Take the client that is connected."""
        self._vesper = vesper
        self._client = vesper.mqtt._mqttc  # noqa: SLF001
        self._grant: Answer = self._client.subscribe.side_effect
        self._client.subscribe.side_effect = self._subscribe
        self._mids = itertools.count(10_000)
        self._down = 0.0
        self.refused: set[str] = set()
        self.closed = 0
        """How often it has closed the connection."""
        self.connected = True
        self.silent = False
        """Whether it does not respond to subscriptions."""

    async def run(self, seconds: float) -> None:
        """Let time go by, with new connections."""
        for _ in range(round(seconds * 4)):
            self._vesper.freezer.tick(0.25)
            for _ in range(30):
                await asyncio.sleep(0)
            self._down = 0 if self.connected else self._down + 0.25
            if self._down >= RECONNECT:
                self.connect()

    def connect(self) -> None:
        """Accept the connection."""
        self.connected = self._vesper.mqtt.connected = True
        self._client.on_connect(self._client, None, 0, MockMqttReasonCode())

    def close(self) -> None:
        """Close the connection."""
        if self.connected:
            self.closed += 1
            self.connected = self._vesper.mqtt.connected = False
            self._client.on_disconnect(self._client, None, 0, MockMqttReasonCode())

    def subscribed(self, topic: str) -> int:
        """Return how often a topic was subscribed."""
        calls = self._client.subscribe.call_args_list
        count = [call.args[0] for call in calls].count(topic)
        self._client.subscribe.call_args_list = [
            call for call in calls if call.args[0] != topic
        ]
        return count

    def _subscribe(self, topics: Any, *args: Any, **kwargs: Any) -> tuple[int, int]:
        """Grant a subscription, or close the connection."""
        if not self.connected:
            return 4, 0
        if self.silent:
            return 0, next(self._mids)
        if isinstance(topics, str) and topics in self.refused:
            asyncio.get_running_loop().call_soon(self.close)
            return 0, next(self._mids)
        return self._grant(topics, *args, **kwargs)


@pytest.fixture
async def broker(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> AsyncGenerator[Broker]:
    """Return the broker, with a connection that lasts."""
    await vesper.finish_subscriptions()
    broker = Broker(vesper)
    await broker.run(20)
    yield broker
    # Home Assistant sends once more on a connection that it has just lost.
    records = caplog.get_records("call")
    records[:] = [
        record
        for record in records
        if not record.name.startswith("homeassistant.components.mqtt")
    ]


def _named(vesper: Vesper, key: str = "subscription_refused") -> dict[str, str]:
    """Return the topics that repair issues name."""
    return {
        issue_id: issue.translation_placeholders["topic"]
        for (domain, issue_id), issue in ir.async_get(vesper.hass).issues.items()
        if domain == DOMAIN
        and issue.active
        and issue.translation_key == key
        and issue.translation_placeholders
    }


def _searching(vesper: Vesper) -> bool:
    """Return whether refused topics are searched for."""
    return vesper.hub.subscriptions.searching


async def _connect_briefly(broker: Broker, seconds: float = 1) -> None:
    """Accept a connection and close it again."""
    broker.connect()
    await broker.run(seconds)
    broker.close()
    await broker.run(0.25)


async def _topics(vesper: Vesper) -> dict[str, Any]:
    """Return what the diagnostics say of the topics."""
    downloaded = await async_get_config_entry_diagnostics(vesper.hass, vesper.entry)
    topics: dict[str, Any] = downloaded["topics"]
    return topics


async def _refused(vesper: Vesper) -> set[str]:
    """Return the topics that diagnostics call refused."""
    topics = await _topics(vesper)
    return {topic["topic"] for topic in topics.values() if topic["refused"]}


async def test_last_messages(vesper: Vesper) -> None:
    """Any message counts, live, retained, malformed or empty."""
    names = ("heartbeat", "alerts", "info")

    async def _last() -> list[str | None]:
        topics = await _topics(vesper)
        assert {topics[name]["topic"] for name in names} == {HEARTBEAT, ALERTS, INFO}
        return [topics[name]["last_message"] for name in names]

    assert await _last() == [None, None, None]
    vesper.freezer.move_to("2026-11-28T12:00:00Z")
    await vesper.heartbeat("tower", retain=True)
    assert await _last() == ["2026-11-28T12:00:00+00:00", None, None]
    vesper.freezer.move_to("2026-11-28T12:00:01Z")
    await vesper.publish("tower", "info", b"")
    vesper.freezer.move_to("2026-11-28T12:00:02Z")
    await vesper.publish("unknown", "alerts", b"no JSON")
    assert await _last() == [
        "2026-11-28T12:00:00+00:00",
        "2026-11-28T12:00:02+00:00",
        "2026-11-28T12:00:01+00:00",
    ]
    await vesper.reload()
    assert await _last() == [None, None, None]


@pytest.mark.parametrize(
    ("refused", "left_out"),
    [
        ({ALERTS}, {"alerts": ALERTS}),
        ({HEARTBEAT}, {"heartbeat": HEARTBEAT}),
        ({INFO, ALERTS}, {"info": INFO, "alerts": ALERTS}),
    ],
)
async def test_a_refused_topic(
    vesper: Vesper,
    broker: Broker,
    caplog: pytest.LogCaptureFixture,
    refused: set[str],
    left_out: dict[str, str],
) -> None:
    """It is left out until the reload."""
    broker.refused = refused
    broker.close()
    await broker.run(RECONNECT + 2)
    broker.closed = 0
    assert vesper.value("mqtt_link", FLEET) == STATE_OFF
    await broker.run(SEARCH)
    assert broker.closed == 1 + 2 * len(refused)
    link = STATE_OFF if HEARTBEAT in refused else STATE_ON
    assert vesper.value("mqtt_link", FLEET) == link
    assert await _refused(vesper) == refused
    assert _named(vesper) == {
        f"subscription_refused/{FLEET}/{name}": topic
        for name, topic in left_out.items()
    }
    assert len(logged(caplog, logging.WARNING)) == len(refused)

    for _ in range(3):
        broker.close()
        await broker.run(60)
    assert broker.closed == 4 + 2 * len(refused)
    before = await _topics(vesper)
    vesper.freezer.tick(60)
    for name in before:
        await vesper.publish("tower", name, b"{}")
    after = await _topics(vesper)
    assert {name for name in after if after[name] == before[name]} == {*left_out}

    broker.refused = set()
    await vesper.reload()
    await vesper.finish_subscriptions()
    assert not _named(vesper)
    assert not await _refused(vesper)
    assert broker.subscribed(ALERTS)


@pytest.mark.parametrize("refused", [ALERTS, "north/vesper/+/status/alerts"])
async def test_a_refused_topic_of_one_entry(
    vesper: Vesper, broker: Broker, refused: str
) -> None:
    """Those of the other entry are subscribed again."""
    north = MockConfigEntry(
        domain=DOMAIN, unique_id=NORTH, data={CONF_PREFIX: NORTH}, entry_id="northentry"
    )
    north.add_to_hass(vesper.hass)
    assert await vesper.hass.config_entries.async_setup(north.entry_id)
    await vesper.finish_subscriptions()
    await broker.run(20)
    broker.refused = {refused}
    broker.close()
    await broker.run(2 * SEARCH)
    assert broker.closed == 1 + 2 + 2
    assert [*_named(vesper).values()] == [refused]
    topics = {
        subscription.topic
        for entry in (vesper.entry, north)
        for source in STATUS_TOPICS
        if (subscription := entry.runtime_data.subscriptions[source]).is_subscribed
    }
    prefixes = ("vesper", NORTH)
    wanted = {source.of(prefix, "+") for source in STATUS_TOPICS for prefix in prefixes}
    assert topics == wanted - {refused}


async def test_no_device_is_offline_meanwhile(vesper: Vesper, broker: Broker) -> None:
    """Devices have a full timeout after a search."""
    await vesper.heartbeat()
    broker.refused = {ALERTS}
    broker.close()
    await broker.run(RECONNECT + SEARCH + 20)
    assert vesper.value("connectivity") == "on"
    await vesper.advance(60)
    assert vesper.value("connectivity") == "off"


async def test_without_the_topic_of_questions(vesper: Vesper, broker: Broker) -> None:
    """The link counts as up while MQTT is connected."""
    broker.refused = {INFO}
    broker.close()
    await broker.run(RECONNECT + SEARCH)
    await vesper.heartbeat()
    closed = broker.closed
    await vesper.advance(91)
    assert vesper.value("connectivity") == "off"
    assert vesper.value("mqtt_link", FLEET) == STATE_ON
    assert broker.closed == closed


async def test_something_else_is_refused(vesper: Vesper, broker: Broker) -> None:
    """All are subscribed again, for an hour at least."""
    unsubscribe = await mqtt.async_subscribe(vesper.hass, OTHER, lambda _: None)
    broker.refused = {OTHER}
    await broker.run(5 * RECONNECT)
    assert vesper.value("mqtt_link", FLEET) == STATE_OFF
    await broker.run(4 * RECONNECT)
    assert not _searching(vesper)
    broker.subscribed(ALERTS)
    await broker.run(200)
    assert broker.closed > 20
    assert not _searching(vesper)
    vesper.freezer.tick(3600)
    await broker.run(RECONNECT + 5)
    assert _searching(vesper)
    assert not _named(vesper)
    broker.refused = set()
    broker.close()
    unsubscribe()
    await broker.run(SEARCH)
    assert vesper.value("mqtt_link", FLEET) == STATE_ON
    assert broker.subscribed(ALERTS)
    await vesper.alert("FileManager", "WARNING")
    assert vesper.value("alert_FileManager") == "warning"


@pytest.mark.parametrize(("early", "is_searched"), [(0.25, False), (0, True)])
async def test_the_next_search(
    vesper: Vesper, broker: Broker, early: float, *, is_searched: bool
) -> None:
    """It begins an hour after one was given up."""
    # Sums of quarters of a second are exact.
    vesper.freezer.move_to(datetime.fromtimestamp(ceil(time.time()), UTC))
    broker.close()
    for _ in range(2):
        await _connect_briefly(broker)
    for _ in range(3):
        assert _searching(vesper)
        assert not _of_vesper(vesper)
        await _connect_briefly(broker)
    ended = time.monotonic()
    broker.connect()
    await broker.run(1)
    assert not _searching(vesper)
    assert sorted(_of_vesper(vesper)) == [ALERTS, HEARTBEAT, INFO]

    vesper.freezer.tick(3500)
    # This one was long, so two more have to be short.
    broker.close()
    await _connect_briefly(broker)
    vesper.freezer.tick(ended + 3600 - early - 5 - time.monotonic())
    assert not _searching(vesper)
    broker.connect()
    await broker.run(5)
    broker.close()
    assert _searching(vesper) is is_searched


async def test_a_broker_that_is_down_after_a_search(
    vesper: Vesper, broker: Broker
) -> None:
    """Its first short connection may be a coincidence."""
    broker.close()
    for _ in range(5):
        await _connect_briefly(broker)
    vesper.freezer.tick(3600)
    await _connect_briefly(broker)
    assert not _searching(vesper)
    await _connect_briefly(broker)
    assert _searching(vesper)


async def test_a_search_is_as_short_as_possible(vesper: Vesper, broker: Broker) -> None:
    """Once a connection has lasted, no topic waits."""
    broker.close()
    for _ in range(2):
        await _connect_briefly(broker)
    broker.connect()
    await broker.run(SHORT_CONNECTION - 1)
    assert not _of_vesper(vesper)
    # MQTT waits before it subscribes to each of the three.
    await broker.run(5)
    assert sorted(_of_vesper(vesper)) == [ALERTS, HEARTBEAT, INFO]
    assert not _searching(vesper)


@pytest.mark.parametrize(("seconds", "is_refused"), [(1.75, True), (2, False)])
async def test_a_topic_without_a_response(
    vesper: Vesper, broker: Broker, seconds: float, *, is_refused: bool
) -> None:
    """The connection has to end within two seconds."""
    # Sums of quarters of a second are exact.
    vesper.freezer.move_to(datetime.fromtimestamp(ceil(time.time()), UTC))
    broker.close()
    for _ in range(2):
        await _connect_briefly(broker)
    broker.silent = True
    for _ in range(2):
        broker.connect()
        while not _of_vesper(vesper):
            await broker.run(0.25)
        assert _of_vesper(vesper) == [HEARTBEAT]
        await broker.run(seconds)
        broker.close()
        # A quarter of a second later it is noticed.
        await broker.run(0.25)
    assert await _refused(vesper) == ({HEARTBEAT} if is_refused else set())


async def test_a_broker_without_responses(vesper: Vesper, broker: Broker) -> None:
    """All topics are subscribed one after another."""
    broker.close()
    for _ in range(2):
        await _connect_briefly(broker)
    broker.silent = True
    broker.connect()
    await broker.run(SHORT_CONNECTION + 5)
    assert _of_vesper(vesper) == [HEARTBEAT]
    await broker.run(SHORT_CONNECTION)
    assert {*_of_vesper(vesper)} == {HEARTBEAT, ALERTS}
    assert _searching(vesper)
    await broker.run(2 * SHORT_CONNECTION)
    assert not _searching(vesper)
    assert not await _refused(vesper)


async def test_what_was_sent_right_before_explains_it(
    vesper: Vesper, broker: Broker
) -> None:
    """A refused message is not blamed on a topic."""
    await vesper.heartbeat()
    for _ in range(3):
        await vesper.hub.async_run_health_check(vesper.hub.devices[BELL])
        await broker.run(1)
        broker.close()
        await broker.run(RECONNECT + 2)
        assert not _searching(vesper)
        if _named(vesper, "refused"):
            break
    assert vesper.value("mqtt_link", FLEET) == STATE_ON


async def test_connections_that_last(vesper: Vesper, broker: Broker) -> None:
    """A connection lost later, or once, changes nothing."""
    for seconds in (30, 5, 30, 5, 30):
        broker.close()
        await broker.run(RECONNECT + seconds)
        assert not _searching(vesper)
    assert vesper.value("mqtt_link", FLEET) == STATE_ON


@pytest.mark.parametrize(
    ("seconds", "is_short"), [((14.75, 14.75), True), ((14.75, 15), False)]
)
async def test_connections_of_fifteen_seconds(
    vesper: Vesper, broker: Broker, seconds: tuple[float, ...], *, is_short: bool
) -> None:
    """They have lasted."""
    # Sums of quarters of a second are exact.
    vesper.freezer.move_to(datetime.fromtimestamp(ceil(time.time()), UTC))
    broker.close()
    for one in seconds:
        assert not _searching(vesper)
        await _connect_briefly(broker, one)
    assert _searching(vesper) is is_short


async def test_a_drop_during_a_search(vesper: Vesper, broker: Broker) -> None:
    """A connection that is lost leaves no topic out."""
    await vesper.heartbeat()
    for _ in range(3):
        broker.close()
        await broker.run(RECONNECT + 5)
    assert _searching(vesper)
    # Right before the response to the first topic.
    broker.refused = {HEARTBEAT}
    closed = broker.closed
    while broker.closed == closed:
        await broker.run(1)
    broker.refused = set()
    await broker.run(RECONNECT + SHORT_CONNECTION + 1)
    # Right after it.
    broker.close()
    while _searching(vesper):
        await broker.run(1)
    assert not _named(vesper)
    assert vesper.value("mqtt_link", FLEET) == STATE_ON
    assert vesper.value("connectivity") == "on"


async def test_a_refusal_after_a_search_without_one(
    vesper: Vesper, broker: Broker
) -> None:
    """It is found as soon as any other."""
    for _ in range(3):
        broker.close()
        await broker.run(RECONNECT + 5)
    assert _searching(vesper)
    await broker.run(SEARCH)
    assert not _searching(vesper)
    broker.refused = {ALERTS}
    broker.close()
    broker.closed = 0
    await broker.run(SEARCH)
    assert broker.closed == 4
    assert await _refused(vesper) == {ALERTS}


async def test_without_heartbeats(vesper: Vesper, broker: Broker) -> None:
    """No device is offline, as none can be heard."""
    await vesper.heartbeat()
    broker.refused = {HEARTBEAT}
    broker.close()
    await broker.run(SEARCH)
    assert await _refused(vesper) == {HEARTBEAT}
    for _ in range(2):
        await vesper.advance(200)
        assert vesper.value("connectivity") == "unavailable"
        broker.close()
        await broker.run(RECONNECT + 30)
    assert vesper.value("mqtt_link", FLEET) == STATE_OFF


async def test_unloaded_meanwhile(vesper: Vesper, broker: Broker) -> None:
    """The search ends with the entry."""
    broker.refused = {ALERTS}
    broker.close()
    await broker.run(2 * RECONNECT + 5)
    assert _searching(vesper)
    assert await vesper.hass.config_entries.async_unload(vesper.entry.entry_id)
    broker.subscribed(ALERTS)
    await broker.run(SEARCH)
    assert not broker.subscribed(ALERTS)
    assert not _named(vesper)


@pytest.mark.usefixtures("no_broker")
async def test_after_mqtt_was_reloaded(hass: HomeAssistant, vesper: Vesper) -> None:
    """Its new client has each subscription once."""

    def _subscribed() -> list[str]:
        client = hass.data["mqtt"].client.return_value
        topics = [subscription.topic for subscription in client.subscriptions]
        return sorted(topic for topic in topics if topic.startswith("vesper/"))

    for _ in range(3):
        await reload_mqtt(hass)
        assert _subscribed() == [ALERTS, HEARTBEAT, INFO]
        assert not _searching(vesper)
    await vesper.alert("FileManager", "WARNING")
    assert vesper.value("alert_FileManager") == "warning"
    for connected in (False, True, False):
        async_dispatcher_send(hass, mqtt.MQTT_CONNECTION_STATE, connected)
    assert _searching(vesper)
    assert not _subscribed()


@pytest.mark.parametrize("seconds", [5, 16.5])
async def test_mqtt_reloaded_meanwhile(
    vesper: Vesper, broker: Broker, seconds: float
) -> None:
    """No topic is blamed for that."""
    (entry,) = vesper.hass.config_entries.async_entries(mqtt.DOMAIN)
    assert isinstance(entry, MockConfigEntry)
    broker.refused = {ALERTS}
    broker.close()
    await broker.run(2 * RECONNECT)
    while not (_searching(vesper) and broker.connected):
        await broker.run(1)
    broker.refused = set()
    await broker.run(seconds)
    entry.mock_state(vesper.hass, ConfigEntryState.UNLOAD_IN_PROGRESS)
    broker.close()
    entry.mock_state(vesper.hass, ConfigEntryState.LOADED)
    await broker.run(RECONNECT + 2 * SHORT_CONNECTION)
    assert not _searching(vesper)
    assert not _named(vesper)
    assert vesper.value("mqtt_link", FLEET) == STATE_ON
    for name in ("alerts", "heartbeat", "info"):
        await vesper.publish("tower", name, b"{}")
    assert all(topic["last_message"] for topic in (await _topics(vesper)).values())


def _of_vesper(vesper: Vesper) -> list[str]:
    """Return the topics that MQTT would subscribe again."""
    return [
        one.topic
        for one in vesper.hass.data["mqtt"].client.return_value.subscriptions
        if one.topic.startswith("vesper/")
    ]


async def test_mqtt_unloads_slowly_during_a_search(
    vesper: Vesper, broker: Broker
) -> None:
    """No topic is subscribed meanwhile."""
    (entry,) = vesper.hass.config_entries.async_entries(mqtt.DOMAIN)
    assert isinstance(entry, MockConfigEntry)
    for _ in range(3):
        broker.close()
        await broker.run(RECONNECT + 5)
    assert _searching(vesper)
    entry.mock_state(vesper.hass, ConfigEntryState.UNLOAD_IN_PROGRESS)
    await broker.run(2 * SHORT_CONNECTION)
    assert not _of_vesper(vesper)
    broker.close()
    entry.mock_state(vesper.hass, ConfigEntryState.LOADED)
    await broker.run(SEARCH)
    assert sorted(_of_vesper(vesper)) == [ALERTS, HEARTBEAT, INFO]
    assert not _named(vesper)


async def test_mqtt_could_not_be_unloaded(vesper: Vesper, broker: Broker) -> None:
    """Its topics are subscribed again."""
    (entry,) = vesper.hass.config_entries.async_entries(mqtt.DOMAIN)
    assert isinstance(entry, MockConfigEntry)
    entry.mock_state(vesper.hass, ConfigEntryState.UNLOAD_IN_PROGRESS)
    assert not _of_vesper(vesper)
    entry.mock_state(vesper.hass, ConfigEntryState.FAILED_UNLOAD)
    await broker.run(5)
    assert sorted(_of_vesper(vesper)) == [ALERTS, HEARTBEAT, INFO]
    await vesper.alert("FileManager", "WARNING")
    assert vesper.value("alert_FileManager") == "warning"
    entry.mock_state(vesper.hass, ConfigEntryState.LOADED)


async def test_mqtt_reconnects_before_it_could_not_be_unloaded(
    vesper: Vesper, broker: Broker
) -> None:
    """Its connection began when it did."""
    (entry,) = vesper.hass.config_entries.async_entries(mqtt.DOMAIN)
    assert isinstance(entry, MockConfigEntry)
    broker.close()
    await _connect_briefly(broker)
    broker.connect()
    entry.mock_state(vesper.hass, ConfigEntryState.UNLOAD_IN_PROGRESS)
    broker.close()
    broker.connect()
    await broker.run(10)
    entry.mock_state(vesper.hass, ConfigEntryState.FAILED_UNLOAD)
    await broker.run(10)
    broker.close()
    assert not _searching(vesper)
    entry.mock_state(vesper.hass, ConfigEntryState.LOADED)


async def test_mqtt_unloads_during_a_question(vesper: Vesper, broker: Broker) -> None:
    """Its next client does not have the question."""
    (entry,) = vesper.hass.config_entries.async_entries(mqtt.DOMAIN)
    assert isinstance(entry, MockConfigEntry)
    await vesper.heartbeat()
    broker.silent = True
    await broker.run(92)
    assert _of_vesper(vesper).count(INFO) == 2
    entry.mock_state(vesper.hass, ConfigEntryState.UNLOAD_IN_PROGRESS)
    assert not _of_vesper(vesper)
    broker.silent = False
    broker.close()
    entry.mock_state(vesper.hass, ConfigEntryState.LOADED)
    await broker.run(RECONNECT + 5)
    assert sorted(_of_vesper(vesper)) == [ALERTS, HEARTBEAT, INFO]


@pytest.mark.usefixtures("no_broker")
async def test_the_mqtt_entry_is_followed_once(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """What follows it ends with the entry of Vesper."""
    (entry,) = hass.config_entries.async_entries(mqtt.DOMAIN)

    def _followers() -> int:
        assert entry._on_state_change is not None  # noqa: SLF001
        return len(entry._on_state_change)  # noqa: SLF001

    before = _followers()
    for _ in range(2):
        await reload_mqtt(hass)
        await vesper.reload()
        assert _followers() == before
