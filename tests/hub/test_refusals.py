"""Test that refused messages are not sent for ever."""

import asyncio
import logging
from unittest.mock import Mock

import pytest

from custom_components.vesper.const import DOMAIN
from custom_components.vesper.hub.subscriptions import SHORT_CONNECTION
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from tests.common import BELL, FLEET, Vesper, logged

CONTROL = "vesper/bell/control"
HEARTBEAT = "vesper/bell/status/heartbeat"
INFO = "vesper/+/status/info"


class Broker:
    """A broker that closes the connection over a topic."""

    def __init__(self, vesper: Vesper) -> None:
        """Take the client that is connected."""
        self._vesper = vesper
        self._client = vesper.mqtt._mqttc  # noqa: SLF001

    def used(self, topic: str) -> int:
        """Return a topic's uses since the last call."""
        calls = (
            *self._client.publish.call_args_list,
            *self._client.subscribe.call_args_list,
        )
        self._client.reset_mock()
        return [call.args[0] for call in calls].count(topic)

    async def close_connection(self, after: float) -> None:
        """Close the connection, and accept it again."""
        self._vesper.freezer.tick(after)
        await self._vesper.disconnect_broker()
        await self._vesper.advance(1)
        await self._vesper.reconnect_broker()
        await self._vesper.finish_subscriptions()
        self._client.reset_mock()
        self._vesper.freezer.tick(SHORT_CONNECTION)


@pytest.fixture
async def broker(vesper: Vesper) -> Broker:
    """Return the broker, when all topics are subscribed."""
    await vesper.finish_subscriptions()
    return Broker(vesper)


def _named(vesper: Vesper) -> list[str]:
    """Return the topics that repair issues name."""
    return [
        issue.translation_placeholders["topic"]
        for (domain, _), issue in ir.async_get(vesper.hass).issues.items()
        if domain == DOMAIN and issue.active and issue.translation_placeholders
    ]


async def _request_health_check(vesper: Vesper, broker: Broker) -> int:
    """Send a heartbeat and return the number of requests."""
    await vesper.heartbeat()
    await vesper.advance(0.05)
    return broker.used(CONTROL)


async def test_health_checks(
    vesper: Vesper, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    """None is requested any more after the second time."""
    for _ in range(2):
        assert not _named(vesper)
        assert await _request_health_check(vesper, broker) == 1
        await broker.close_connection(after=1)
    assert _named(vesper) == [CONTROL]
    (line,) = logged(caplog, logging.WARNING)
    assert f"closed the connection 2 times right after {CONTROL} was used" in line
    for _ in range(3):
        assert await _request_health_check(vesper, broker) == 0
        await broker.close_connection(after=1)
    assert vesper.value("connectivity") == "on"
    with pytest.raises(HomeAssistantError) as error:
        await vesper.hub.async_run_health_check(vesper.hub.devices[BELL])
    assert error.value.translation_key == "refused"
    assert error.value.translation_placeholders == {"topic": CONTROL}

    await vesper.reload()
    assert not _named(vesper)
    assert await _request_health_check(vesper, broker) == 1


@pytest.mark.parametrize(("after", "is_refused"), [(1.9, True), (2.1, False)])
async def test_a_connection_that_is_lost_later(
    vesper: Vesper, broker: Broker, after: float, *, is_refused: bool
) -> None:
    """It says nothing of what was sent before."""
    for _ in range(2):
        await _request_health_check(vesper, broker)
        await broker.close_connection(after=after)
    assert _named(vesper) == [CONTROL] * is_refused
    assert await _request_health_check(vesper, broker) == (not is_refused)


@pytest.mark.parametrize(
    ("after", "pause", "is_refused"),
    [
        pytest.param(2, 0, True, id="two-seconds"),
        pytest.param(1, 3582, True, id="almost-an-hour-later"),
        pytest.param(1, 3583, False, id="an-hour-later"),
    ],
)
async def test_exact_times(
    vesper: Vesper, broker: Broker, after: int, pause: int, *, is_refused: bool
) -> None:
    """Two seconds are right after, an hour is later."""
    vesper.freezer.move_to("2030-01-01T12:00:00Z")
    await vesper.heartbeat()
    await vesper.advance(1)
    device = vesper.hub.devices[BELL]
    for seconds in (pause, 0):
        await vesper.hub.async_run_health_check(device)
        # 16 more seconds go by until the next one.
        await broker.close_connection(after=after)
        vesper.freezer.tick(seconds)
    assert _named(vesper) == [CONTROL] * is_refused


@pytest.mark.parametrize(("pause", "is_refused"), [(3597, True), (3598, False)])
async def test_an_hour_later(
    vesper: Vesper, broker: Broker, pause: int, *, is_refused: bool
) -> None:
    """It was a coincidence.

    Reconnecting takes the other two seconds.
    """
    for _ in range(2):
        assert await _request_health_check(vesper, broker) == 1
        await broker.close_connection(after=1)
        await vesper.advance(pause - SHORT_CONNECTION)
    assert _named(vesper) == [CONTROL] * is_refused
    assert await _request_health_check(vesper, broker) == (not is_refused)


async def test_what_was_sent_counts_once(vesper: Vesper, broker: Broker) -> None:
    """Another disconnect right after it does not count."""
    await _request_health_check(vesper, broker)
    for _ in range(3):
        await vesper.disconnect_broker()
        await vesper.reconnect_broker()
    assert not _named(vesper)


async def test_removal(vesper: Vesper, broker: Broker) -> None:
    """A retained heartbeat is not cleared again."""
    await vesper.heartbeat(retain=True)
    await vesper.advance(91)
    client = vesper.mqtt._mqttc  # noqa: SLF001
    publish = client.publish.side_effect
    for _ in range(2):
        client.publish.side_effect = lambda *_: Mock(mid=7, rc=0)
        # Not of Home Assistant, which would wait for it while time stands still.
        removal = asyncio.create_task(vesper.hub.async_remove_device(BELL))
        await asyncio.sleep(0)
        await broker.close_connection(after=1)
        vesper.freezer.tick(5)
        with pytest.raises(HomeAssistantError) as error:
            await removal
        assert error.value.translation_key == "not_cleared"
        client.publish.side_effect = publish
    assert _named(vesper) == [HEARTBEAT]
    with pytest.raises(HomeAssistantError) as error:
        await vesper.hub.async_remove_device(BELL)
    assert error.value.translation_key == "refused"
    assert broker.used(HEARTBEAT) == 0
    assert await _request_health_check(vesper, broker) == 1


async def test_questions_about_the_link(vesper: Vesper, broker: Broker) -> None:
    """The link counts as up while MQTT is connected."""
    for times in (1, 2):
        await vesper.heartbeat()
        await vesper.advance(10)
        broker.used(INFO)
        await vesper.advance(81)
        assert broker.used(INFO) == 1
        await broker.close_connection(after=1)
        assert _named(vesper) == [INFO] * (times - 1)
    await vesper.heartbeat()
    await vesper.advance(10)
    broker.used(INFO)
    await vesper.advance(81)
    assert broker.used(INFO) == 0
    assert vesper.value("connectivity") == "off"
    assert vesper.value("mqtt_link", FLEET) == "on"
    await vesper.disconnect_broker()
    assert vesper.value("connectivity") == STATE_UNAVAILABLE
