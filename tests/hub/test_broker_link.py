"""Devices time out only while the broker responds."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
import itertools
from unittest.mock import Mock, patch

import pytest

from homeassistant.components import mqtt
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers.dispatcher import async_dispatcher_send
from tests.common import BELL, FLEET, Vesper, logged

QUESTION = ("vesper/~/control", b"", 1, False)


class Broker:
    """The broker, as far as it acknowledges messages."""

    def __init__(self, vesper: Vesper) -> None:
        """Take the client that publishes to it."""
        self._publish = vesper.mqtt._mqttc.publish  # noqa: SLF001
        self._publish.reset_mock()
        self._mids = itertools.count(10_000)

    @property
    def questions(self) -> int:
        """Return how many messages it received."""
        return sum(call.args[:4] == QUESTION for call in self._publish.call_args_list)

    @contextmanager
    def frozen(self, rc: int = 4) -> Iterator[None]:
        """Acknowledge nothing, and with 0 receive nothing either."""
        answers = self._publish.side_effect

        def publish(*args: object) -> object:
            # Only QoS 1 is acknowledged.
            if args[:4] != QUESTION:
                return answers(*args)
            return Mock(mid=next(self._mids), rc=rc)

        self._publish.side_effect = publish
        # Nothing has to wait for a response that does not come.
        with (
            patch("custom_components.vesper.hub.broker_link.RESPONSE_TIMEOUT", 0),
            patch("custom_components.vesper.hub.broker_link.FIRST_RESPONSE_TIMEOUT", 0),
        ):
            yield
        self._publish.side_effect = answers


@pytest.fixture
def broker(vesper: Vesper) -> Broker:
    """Return the broker, checked once at the start."""
    return Broker(vesper)


async def settle(vesper: Vesper) -> None:
    """Process responses that arrive at once."""
    for _ in range(5):
        await vesper.hass.async_block_till_done()


async def test_broker_is_checked_when_a_device_is_due(
    vesper: Vesper, broker: Broker
) -> None:
    """Only a due device causes a check, and only one."""
    for _ in range(20):
        await vesper.heartbeat()
        await vesper.advance(60)
    assert broker.questions == 0
    await vesper.advance(31)
    assert vesper.value("connectivity") == "off"
    assert broker.questions == 1
    await vesper.advance(3600)
    assert broker.questions == 1


async def test_a_frozen_broker(
    vesper: Vesper, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    """No device times out; each has a full timeout afterwards."""
    await vesper.heartbeat()
    await vesper.alert("FileManager", "WARNING")
    caplog.clear()
    with broker.frozen():
        await vesper.advance(91)
        assert vesper.value("connectivity") == STATE_UNAVAILABLE
        assert vesper.value("mqtt_link", FLEET) == "off"
        assert vesper.value("alert_FileManager") == "warning"
        for _ in range(3):
            await vesper.advance(11)
            await settle(vesper)
        assert vesper.value("connectivity") == STATE_UNAVAILABLE
        assert broker.questions > 2
    await vesper.advance(11)
    await vesper.hass.async_block_till_done(wait_background_tasks=True)
    assert vesper.value("connectivity") == "on"
    assert vesper.value("mqtt_link", FLEET) == "on"
    assert vesper.hub.devices[BELL].online
    assert logged(caplog) == [
        "The MQTT broker does not respond",
        "The link to the MQTT broker is down",
        "The link to the MQTT broker is up again",
    ]
    await vesper.advance(89)
    assert vesper.value("connectivity") == "on"
    await vesper.advance(2)
    assert vesper.value("connectivity") == "off"


async def test_mqtt_reports_the_disconnect_too(vesper: Vesper, broker: Broker) -> None:
    """No response is expected once the broker was restarted."""
    await vesper.heartbeat()
    with broker.frozen():
        await vesper.advance(91)
        await vesper.disconnect_broker()
    await vesper.reconnect_broker()
    assert vesper.value("connectivity") == "on"
    asked = broker.questions
    await vesper.advance(60)
    assert broker.questions == asked
    await vesper.advance(31)
    assert vesper.value("connectivity") == "off"


async def test_a_broker_that_never_answers(vesper: Vesper, broker: Broker) -> None:
    """Without responses the connection of MQTT counts."""
    with broker.frozen(rc=0):
        await vesper.reload()
        await settle(vesper)
        assert broker.questions == 1
        await vesper.heartbeat()
        await vesper.advance(91)
        assert vesper.value("connectivity") == "off"
        assert vesper.value("mqtt_link", FLEET) == "on"
        assert broker.questions == 1


async def test_the_first_check_closes_the_connection(
    vesper: Vesper, broker: Broker
) -> None:
    """The broker is not checked again after the reconnect."""
    with (
        broker.frozen(rc=0),
        patch("custom_components.vesper.hub.broker_link.FIRST_RESPONSE_TIMEOUT", 60),
    ):
        await vesper.reload()
        assert broker.questions == 1
        await vesper.disconnect_broker()
        await vesper.reconnect_broker()
        await settle(vesper)
        assert broker.questions == 1


async def test_closed_while_it_is_frozen(vesper: Vesper, broker: Broker) -> None:
    """No check follows once the entry is unloaded."""
    await vesper.heartbeat()
    with broker.frozen():
        await vesper.advance(91)
        assert await vesper.hass.config_entries.async_unload(vesper.entry.entry_id)
        asked = broker.questions
        await vesper.advance(60)
        await settle(vesper)
        assert broker.questions == asked


async def test_reconnect_while_disconnect_is_processed(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Devices not yet notified of the disconnect had a gap too."""
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


async def test_disconnect_right_after_reconnect(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """No device is monitored while disconnected."""
    await vesper.heartbeat(uptime=5)
    for connected in (False, True, False):
        async_dispatcher_send(hass, mqtt.MQTT_CONNECTION_STATE, connected)
    await hass.async_block_till_done()
    await vesper.advance(200)
    assert vesper.value("connectivity") == STATE_UNAVAILABLE
    assert vesper.hub.devices[BELL].online
