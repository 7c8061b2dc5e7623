"""Devices that are back get health checks in turn."""

import json
import logging
from typing import Any

import pytest

from homeassistant.exceptions import HomeAssistantError
from tests.common import BELL, Vesper, logged


class Asked:
    """The devices that received a health check."""

    def __init__(self, vesper: Vesper) -> None:
        """Record the commands published by the MQTT client."""
        self._vesper = vesper
        self._publish = vesper.mqtt._mqttc.publish  # noqa: SLF001

    async def take(self, seconds: float = 10) -> list[str]:
        """Advance the time in short steps."""
        self._publish.reset_mock()
        for _ in range(round(seconds / 0.05)):
            await self._vesper.advance(0.05)
        return self.now()

    def now(self) -> list[str]:
        """Return the devices asked since `take` was last called."""
        asked = []
        for call in self._publish.call_args_list:
            topic, payload, qos, retain = call.args[:4]
            assert json.loads(payload) == {"v": 2, "cmd": "system.health"}
            assert (qos, retain) == (0, False)
            asked.append(topic.removeprefix("vesper/").removesuffix("/control"))
        return asked


@pytest.fixture
def asked(vesper: Vesper, caplog: pytest.LogCaptureFixture) -> Asked:
    """Record which devices are asked."""
    caplog.set_level(logging.DEBUG, "custom_components")
    return Asked(vesper)


MESSAGES: list[tuple[str, Any]] = [
    ("heartbeat", {"uptime": 5}),
    ("alerts", {"subsystem": "SD", "state": "WARNING"}),
    ("info", {"type": "volume"}),
    ("heartbeat", {"device_id": "another"}),
]


@pytest.mark.parametrize(("topic", "message"), MESSAGES)
async def test_a_new_device_is_asked_once(
    vesper: Vesper, asked: Asked, topic: str, message: Any
) -> None:
    """The first live message of any kind causes it."""
    await vesper.heartbeat(retain=True)
    assert await asked.take(1) == []
    payload = json.dumps(message).encode()
    for _ in range(3):
        await vesper.publish(BELL, topic, payload)
    assert await asked.take(1) == [BELL]
    await vesper.publish(BELL, topic, payload)
    assert await asked.take(1) == []


async def test_a_device_whose_alert_is_lost_is_asked(
    vesper: Vesper, asked: Asked
) -> None:
    """It is asked at once, but not repeatedly.

    Its answer may be lost as well.
    """
    await vesper.heartbeat()
    assert await asked.take(1) == [BELL]
    await vesper.publish(BELL, "alerts", b'{"subsystem": "SD", "state": "FAI')
    assert await asked.take(1) == [BELL]
    await vesper.alert("Player", "WARNING")
    await vesper.publish(BELL, "alerts", b'{"subsystem": "SD", "state": "FAI')
    assert await asked.take(1) == []
    await vesper.advance(60)
    await vesper.publish(BELL, "alerts", b'{"subsystem": "SD", "state": "FAI')
    assert await asked.take(1) == [BELL]


async def test_a_device_that_is_back_is_asked(vesper: Vesper, asked: Asked) -> None:
    """Its alerts may have been missed."""
    await vesper.heartbeat()
    assert await asked.take(1) == [BELL]
    await vesper.advance(91)
    assert await asked.take(1) == []
    await vesper.heartbeat()
    assert await asked.take(1) == [BELL]


async def test_after_a_reconnect(vesper: Vesper, asked: Asked) -> None:
    """Each device is asked with its first message."""
    await vesper.heartbeat()
    await vesper.heartbeat("other")
    assert sorted(await asked.take(1)) == [BELL, "other"]
    await vesper.disconnect_broker()
    await vesper.reconnect_broker()
    await vesper.heartbeat(retain=True)
    assert await asked.take(1) == []
    for _ in range(2):
        await vesper.heartbeat()
    assert await asked.take(1) == [BELL]


async def test_after_a_reload(vesper: Vesper, asked: Asked) -> None:
    """Messages during the reload may have been missed too."""
    await vesper.heartbeat()
    assert await asked.take(1) == [BELL]
    await vesper.reload()
    assert await asked.take(1) == []
    await vesper.heartbeat()
    assert await asked.take(1) == [BELL]


async def test_no_more_than_twenty_a_second(vesper: Vesper, asked: Asked) -> None:
    """Devices are asked in the order of their messages."""
    device_ids = [f"bell-{number}" for number in range(50)]
    for device_id in device_ids:
        await vesper.heartbeat(device_id)
    assert await asked.take(1) == device_ids[:20]
    assert await asked.take(1) == device_ids[20:40]
    assert await asked.take(1) == device_ids[40:]
    assert await asked.take(1) == []


async def test_no_health_check_while_disconnected(vesper: Vesper, asked: Asked) -> None:
    """The queue is cleared; later messages are asked again."""
    for number in range(50):
        await vesper.heartbeat(f"bell-{number}")
    await vesper.disconnect_broker()
    assert await asked.take(1) == []
    await vesper.reconnect_broker()
    assert await asked.take(1) == []
    await vesper.heartbeat("bell-7")
    assert await asked.take(1) == ["bell-7"]


async def test_message_while_disconnected(vesper: Vesper, asked: Asked) -> None:
    """A message received while disconnected is asked later."""
    await vesper.disconnect_broker()
    await vesper.heartbeat()
    assert await asked.take(1) == []
    await vesper.reconnect_broker()
    await vesper.heartbeat()
    assert await asked.take(1) == [BELL]


async def test_offline_or_removed_device_is_not_asked(
    vesper: Vesper, asked: Asked
) -> None:
    """An offline or removed device leaves the queue."""
    for device_id in ("first", "removed", "last"):
        await vesper.heartbeat(device_id, retain=True)
    await vesper.advance(60)
    for device_id in ("first", "removed", "last"):
        await vesper.heartbeat(device_id)
    vesper.freezer.tick(0)
    vesper.hub._monitor._async_time_out(vesper.hub.devices["first"], 0)  # noqa: SLF001
    vesper.hub._monitor._async_time_out(vesper.hub.devices["removed"], 0)  # noqa: SLF001
    await vesper.hub.async_remove_device("removed")
    assert await asked.take(1) == ["last"]


async def test_all_queued_devices_removed(vesper: Vesper, asked: Asked) -> None:
    """The timer handles an empty queue."""
    await vesper.heartbeat()
    vesper.hub._monitor._async_time_out(vesper.hub.devices[BELL], 0)  # noqa: SLF001
    assert await asked.take(1) == []
    await vesper.heartbeat()
    assert await asked.take(1) == [BELL]


async def test_no_health_check_after_unload(vesper: Vesper, asked: Asked) -> None:
    """The queue is cleared with the entry."""
    await vesper.heartbeat()
    await vesper.hass.config_entries.async_unload(vesper.entry.entry_id)
    assert await asked.take(1) == []


async def test_failures(
    vesper: Vesper, asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    """After a failed request the next device is asked."""
    vesper.mqtt.async_publish.side_effect = HomeAssistantError("full")
    await vesper.heartbeat("unlucky")
    await asked.take(1)
    assert "Health check of unlucky failed: full" in caplog.text
    assert not logged(caplog, logging.WARNING)
    vesper.mqtt.async_publish.side_effect = None
    await vesper.heartbeat("lucky")
    assert await asked.take(1) == ["lucky"]
