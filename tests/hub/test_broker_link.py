"""Silence counts only while the broker responds."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
import itertools
from unittest.mock import Mock, patch

import pytest
from pytest_homeassistant_custom_component.common import async_fire_mqtt_message

from homeassistant.components import mqtt
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers.dispatcher import async_dispatcher_send
from tests.common import BELL, FLEET, Vesper, logged

TOPIC = "vesper/+/status/info"

#: The two halves of the time that the broker has for a response, the second one in two
#: parts, and in seconds.
FIRST_HALF, ALMOST, REST = 1.01, 0.98, 0.04


class Broker:
    """The broker, as far as it responds to questions."""

    def __init__(self, vesper: Vesper) -> None:
        """Take the client that asks it."""
        self._client = vesper.mqtt._mqttc  # noqa: SLF001
        self._client.reset_mock()
        self._mids = itertools.count(10_000)

    @property
    def questions(self) -> int:
        """Return how often it was asked."""
        return sum(
            call.args[0] == TOPIC for call in self._client.subscribe.call_args_list
        )

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Take what is sent, and respond to nothing."""
        subscribe = self._client.subscribe
        responds = subscribe.side_effect
        subscribe.side_effect = lambda *_, **__: (0, next(self._mids))
        yield
        subscribe.side_effect = responds


@pytest.fixture
async def broker(vesper: Vesper) -> Broker:
    """Return the broker, when all topics are subscribed."""
    await vesper.finish_subscriptions()
    return Broker(vesper)


async def wait(vesper: Vesper, *steps: float) -> None:
    """Let time go by without waiting for a response."""
    for seconds in steps:
        vesper.freezer.tick(seconds)
        for _ in range(30):
            await asyncio.sleep(0)


async def test_asked_when_a_device_is_due(vesper: Vesper, broker: Broker) -> None:
    """The broker is asked once, when devices are silent."""
    for _ in range(20):
        await vesper.heartbeat()
        await vesper.advance(60)
    assert broker.questions == 0
    await vesper.advance(3 * 60 + 1)
    assert vesper.value("connectivity") == "off"
    assert broker.questions == 1
    await vesper.advance(3600)
    assert broker.questions == 1


async def test_asks_by_no_message_and_keeps_the_subscription(
    vesper: Vesper, broker: Broker
) -> None:
    """It publishes nothing and misses no message.

    A broker may refuse what is published.
    """
    await vesper.heartbeat(retain=True)
    await vesper.advance(91)
    assert broker.questions == 1
    await vesper.advance(10)
    client = vesper.mqtt._mqttc  # noqa: SLF001
    assert not client.publish.called
    assert not client.unsubscribe.called
    assert client.subscribe.call_args.args == (TOPIC, 0), "it gets no higher QoS"
    await vesper.info("playback_started", {"melody_uid": "A"})
    assert vesper.value("playing") == "on"


@pytest.mark.parametrize("retain", [False, True])
@pytest.mark.parametrize("payload", [b"{}", b""])
async def test_a_message_since_then_proves_the_link(
    vesper: Vesper, broker: Broker, payload: bytes, *, retain: bool
) -> None:
    """Any message since a device was due is enough."""
    await vesper.heartbeat()
    vesper.freezer.tick(90.1)
    async_fire_mqtt_message(
        vesper.hass, "vesper/other/status/heartbeat", payload, 1, retain
    )
    with broker.frozen():
        await vesper.advance(1)
    assert vesper.value("connectivity") == "off"
    assert vesper.value("mqtt_link", FLEET) == "on"
    assert broker.questions == 0


async def test_a_message_at_the_moment_a_device_is_due(
    vesper: Vesper, broker: Broker
) -> None:
    """It is not from before, so it is enough."""
    vesper.freezer.move_to("2030-01-01T12:00:00Z")
    await vesper.heartbeat()
    vesper.freezer.tick(90)
    await vesper.heartbeat("other")
    await vesper.advance(1)
    assert vesper.value("connectivity") == "off"
    assert broker.questions == 0


async def test_a_message_from_before_proves_nothing(
    vesper: Vesper, broker: Broker
) -> None:
    """The broker may have frozen since."""
    await vesper.heartbeat()
    await vesper.advance(89)
    await vesper.heartbeat("other")
    with broker.frozen():
        await wait(vesper, 2, FIRST_HALF, ALMOST, REST)
        assert vesper.value("mqtt_link", FLEET) == "off"
        assert vesper.hub.devices[BELL].online


async def test_a_frozen_broker(
    vesper: Vesper, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    """It makes no device offline."""
    await vesper.heartbeat()
    await vesper.alert("FileManager", "WARNING")
    caplog.clear()
    with broker.frozen():
        await wait(vesper, 91, FIRST_HALF, ALMOST)
        assert vesper.value("mqtt_link", FLEET) == "on"
        await wait(vesper, REST)
        assert vesper.value("connectivity") == STATE_UNAVAILABLE
        assert vesper.value("mqtt_link", FLEET) == "off"
        assert vesper.value("alert_FileManager") == "warning"
        assert broker.questions == 1
        await wait(vesper, 30.01, 29.98)
        assert broker.questions == 1
        for number in range(2, 5):
            await wait(vesper, REST, FIRST_HALF, ALMOST, REST, 30.01, 29.98)
            assert broker.questions == number
        assert vesper.value("connectivity") == STATE_UNAVAILABLE
    await wait(vesper, REST, 1)
    assert vesper.value("connectivity") == "on"
    assert vesper.value("mqtt_link", FLEET) == "on"
    assert vesper.hub.devices[BELL].online
    assert logged(caplog) == [
        "The MQTT broker does not respond",
        "The link to the MQTT broker is down",
        "The link to the MQTT broker is up again",
    ]
    await vesper.advance(88)
    assert vesper.value("connectivity") == "on"
    await vesper.advance(3)
    assert vesper.value("connectivity") == "off"


async def test_a_message_of_a_frozen_broker(vesper: Vesper, broker: Broker) -> None:
    """Any message proves the link at once."""
    await vesper.heartbeat()
    await vesper.heartbeat("other")
    with broker.frozen():
        await wait(vesper, 91, FIRST_HALF, ALMOST, REST)
        assert vesper.value("mqtt_link", FLEET) == "off"
        await vesper.heartbeat("other")
        await wait(vesper, 0)
        assert vesper.value("mqtt_link", FLEET) == "on"
        assert vesper.value("connectivity") == "on"
        asked = broker.questions
        await wait(vesper, 60)
        assert broker.questions == asked


async def test_a_message_instead_of_a_response(vesper: Vesper, broker: Broker) -> None:
    """Its messages prove the link without a response."""
    await vesper.heartbeat()
    with broker.frozen():
        await wait(vesper, 91, FIRST_HALF)
        assert broker.questions == 1
        await vesper.heartbeat("other")
        await wait(vesper, 0)
        assert vesper.value("connectivity") == "off"
        assert vesper.value("mqtt_link", FLEET) == "on"


async def test_another_subscriber_of_a_higher_qos(
    vesper: Vesper, broker: Broker
) -> None:
    """The response at the higher QoS counts as well."""
    await mqtt.async_subscribe(vesper.hass, TOPIC, Mock(), 2)
    await vesper.heartbeat()
    await vesper.advance(91)
    assert vesper.value("connectivity") == "off"
    assert vesper.value("mqtt_link", FLEET) == "on"
    assert broker.questions == 2


async def test_mqtt_notices_it_too(vesper: Vesper, broker: Broker) -> None:
    """After the reconnect the old question is given up."""
    await vesper.heartbeat()
    with broker.frozen():
        await wait(vesper, 91, FIRST_HALF, ALMOST, REST)
        await vesper.disconnect_broker()
    await vesper.advance(11)  # MQTT waits no longer
    await vesper.reconnect_broker()
    assert vesper.value("connectivity") == "on"
    await vesper.finish_subscriptions()
    asked = broker.questions
    await vesper.advance(60)
    assert broker.questions == asked
    await vesper.advance(31)
    assert vesper.value("connectivity") == "off"


async def test_the_connection_ends_meanwhile(vesper: Vesper, broker: Broker) -> None:
    """A device that is due is not declared offline."""
    await vesper.heartbeat()
    with broker.frozen():
        await wait(vesper, 91, FIRST_HALF)
        await vesper.disconnect_broker()
        assert vesper.value("connectivity") == STATE_UNAVAILABLE
    await vesper.advance(11)
    await vesper.reconnect_broker()
    await vesper.finish_subscriptions()
    asked = broker.questions
    await vesper.advance(91)
    assert broker.questions == asked + 1
    assert vesper.value("connectivity") == "off"


async def test_a_response_of_before(vesper: Vesper, broker: Broker) -> None:
    """It proves nothing when the broker closes the connection."""
    await vesper.heartbeat()
    await vesper.advance(91)
    assert vesper.value("connectivity") == "off"
    assert broker.questions == 1
    await vesper.heartbeat()
    with broker.frozen():
        await wait(vesper, 91, FIRST_HALF)
        assert broker.questions == 2
        assert vesper.value("connectivity") == "on"
        await vesper.disconnect_broker()
        assert vesper.value("connectivity") == STATE_UNAVAILABLE
        assert vesper.hub.devices[BELL].online
        await wait(vesper, ALMOST, REST, 60)
        assert broker.questions == 2
    await vesper.advance(11)
    await vesper.reconnect_broker()
    assert vesper.value("connectivity") == "on"
    assert vesper.value("mqtt_link", FLEET) == "on"
    await vesper.finish_subscriptions()
    await vesper.advance(89)
    assert vesper.value("connectivity") == "on"
    await vesper.advance(2)
    assert vesper.value("connectivity") == "off"


async def test_mqtt_is_disabled_meanwhile(vesper: Vesper, broker: Broker) -> None:
    """It can't be asked, so no device is offline."""
    await vesper.heartbeat()
    with patch(
        "homeassistant.components.mqtt.client.mqtt_config_entry_enabled",
        return_value=False,
    ):
        await vesper.advance(91)
    assert vesper.value("connectivity") == STATE_UNAVAILABLE
    assert broker.questions == 0
    await wait(vesper, 30.01, 30.01, 1)
    assert broker.questions == 1
    assert vesper.value("connectivity") == "on"
    await vesper.advance(91)
    assert vesper.value("connectivity") == "off", "devices are monitored again"


async def test_closed_while_it_is_frozen(vesper: Vesper, broker: Broker) -> None:
    """An entry that is gone asks no more."""
    await vesper.heartbeat()
    with broker.frozen():
        await wait(vesper, 91, FIRST_HALF, ALMOST, REST)
        assert await vesper.hass.config_entries.async_unload(vesper.entry.entry_id)
        asked = broker.questions
        await wait(vesper, 60, 60)
        assert broker.questions == asked


async def test_a_link_that_comes_back_before_all_know_that_it_was_lost(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Devices that were not notified had a gap too."""
    for number in range(4):
        await vesper.heartbeat(f"bell-{number}", uptime=5)
        await vesper.alert("SD", "WARNING", device_id=f"bell-{number}")
    with patch("custom_components.vesper.hub.chunks.CHUNK", 0):
        async_dispatcher_send(hass, mqtt.MQTT_CONNECTION_STATE, False)  # noqa: FBT003
        await asyncio.sleep(0)
        async_dispatcher_send(hass, mqtt.MQTT_CONNECTION_STATE, True)  # noqa: FBT003
        for _ in range(10):  # a device a turn
            await asyncio.sleep(0)
    await hass.async_block_till_done()
    for number in range(4):
        device_id = f"bell-{number}"
        assert vesper.value("connectivity", device_id) == "on"
        assert vesper.hub.devices[device_id].link_up
        sensor = vesper.state("alert_SD", device_id)
        assert sensor.attributes["confirmed"] is False


async def test_a_link_that_is_lost_again_at_once(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """No device is monitored while there is no link."""
    await vesper.heartbeat(uptime=5)
    for connected in (False, True, False):
        async_dispatcher_send(hass, mqtt.MQTT_CONNECTION_STATE, connected)
    await hass.async_block_till_done()
    await vesper.advance(200)
    assert vesper.value("connectivity") == STATE_UNAVAILABLE
    assert vesper.hub.devices[BELL].online
