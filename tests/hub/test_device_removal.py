"""Test the removal of a device by its page."""

import asyncio
from collections.abc import Iterator
import logging
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import async_fire_mqtt_message
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.vesper.const import DEFAULT_HEARTBEAT_TIMEOUT, DOMAIN
from homeassistant.components.mqtt import MQTT_CONNECTION_STATE
from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.setup import async_setup_component
from tests.common import BELL, FLEET, Vesper

ONLINE = "device_online"
FLEET_STAYS = "fleet_stays"


@pytest.fixture(autouse=True)
def no_errors_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Allow errors of rejected removals, but no others."""
    yield
    assert {
        record.name
        for record in caplog.get_records("call")
        if record.levelno >= logging.ERROR
    } <= {"homeassistant.components.websocket_api.http.connection"}


@pytest.fixture
def retained(vesper: Vesper) -> list[Any]:
    """Return the arguments of what was published retained.

    The broker sends it to all subscribers.
    """
    vesper.mqtt.async_publish.reset_mock()
    published: list[Any] = []

    async def _publish(*args: Any, **_: Any) -> None:
        if args[3]:
            published.append(args)
            async_fire_mqtt_message(vesper.hass, args[0], args[1])

    vesper.mqtt.async_publish.side_effect = _publish
    return published


class Page:
    """A device's page with its button to remove it."""

    def __init__(self, vesper: Vesper, hass_ws_client: WebSocketGenerator) -> None:
        """Take the Vesper helper."""
        self._vesper = vesper
        self._connect = hass_ws_client

    def device(self, device_id: str = BELL) -> dr.AnyDeviceEntry | None:
        """Return the registered device, None if there is none."""
        return dr.async_get(self._vesper.hass).async_get_device_by_identifier(
            (DOMAIN, f"{FLEET}/fleet" if device_id == FLEET else device_id),
            self._vesper.entry.entry_id,
        )

    async def remove(self, device_id: str = BELL) -> dict[str, Any]:
        """Remove a device and return the response."""
        device = self.device(device_id)
        assert device is not None
        client = await self._connect(self._vesper.hass)
        answer: dict[str, Any] = await client.remove_device(device.id)
        await self._vesper.hass.async_block_till_done()
        return answer


@pytest.fixture
async def page(
    hass: HomeAssistant, vesper: Vesper, hass_ws_client: WebSocketGenerator
) -> Page:
    """Open the page of devices."""
    assert await async_setup_component(hass, "config", {})
    return Page(vesper, hass_ws_client)


async def test_refused_while_online(
    vesper: Vesper, page: Page, retained: list[Any]
) -> None:
    """An online device can't be removed."""
    await vesper.heartbeat()
    answer = await page.remove()
    assert not answer["success"]
    assert answer["error"]["translation_key"] == ONLINE
    assert page.device() is not None
    assert vesper.value("connectivity") == STATE_ON
    assert not retained


async def test_offline_device(vesper: Vesper, page: Page, retained: list[Any]) -> None:
    """It is removed with its state and retained messages."""
    await vesper.heartbeat()
    await vesper.heartbeat("other")
    await vesper.alert("SD", "FAILED")
    keys = vesper.keys()
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT - 1)
    await vesper.heartbeat("other")
    await vesper.advance(2)
    assert vesper.value("connectivity") == STATE_OFF
    assert vesper.value("devices_with_alerts", FLEET) == "1"

    answer = await page.remove()
    assert answer["success"]
    assert retained == [("vesper/bell/status/heartbeat", b"", 0, True)]
    assert page.device() is None
    assert not vesper.keys()
    assert not [name for name in vesper.hass.states.async_entity_ids() if BELL in name]
    assert list(vesper.hub.devices) == ["other"]
    assert vesper.value("devices", FLEET) == "1"
    assert vesper.value("devices_with_alerts", FLEET) == "0"
    assert vesper.value("fleet_health", FLEET) == "ok"

    # The broker sends the empty payload to all clients, including ours.
    await vesper.publish(BELL, "heartbeat", b"")
    await vesper.publish(BELL, "heartbeat", b"", retain=True)
    await vesper.advance(2 * DEFAULT_HEARTBEAT_TIMEOUT)
    await vesper.reload()
    assert page.device() is None

    await vesper.heartbeat(uptime=5)
    assert page.device() is not None
    assert vesper.keys() == keys - {"alert_SD"}
    assert vesper.value("connectivity") == STATE_ON
    assert vesper.value("health") == "ok"
    await vesper.alert("SD", "WARNING")
    assert vesper.keys() == keys
    assert vesper.value("alert_SD") == "warning"


async def test_message_during_removal(vesper: Vesper, page: Page) -> None:
    """A message before the broker's response keeps the device."""
    await vesper.heartbeat()
    await vesper.alert("SD", "FAILED")
    keys = vesper.keys()
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT + 1)

    async def _send_heartbeat(topic: str, *_: Any, **__: Any) -> None:
        await vesper.heartbeat(uptime=5)
        async_fire_mqtt_message(vesper.hass, topic, b"")

    vesper.mqtt.async_publish.side_effect = _send_heartbeat
    assert (await page.remove())["error"]["translation_key"] == ONLINE
    assert vesper.keys() == keys
    assert vesper.value("connectivity") == STATE_ON
    assert vesper.value("alert_SD") == "failed"


@pytest.mark.usefixtures("retained")
async def test_removed_and_back_between_two_chunks(vesper: Vesper) -> None:
    """A new device gets no notification for its predecessor."""
    for device_id in ("bell-1", "bell-2"):
        await vesper.heartbeat(device_id)
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT + 1)
    await vesper.disconnect_broker()
    with patch("custom_components.vesper.hub.chunks.CHUNK", 0):
        async_dispatcher_send(vesper.hass, MQTT_CONNECTION_STATE, True)  # noqa: FBT003
        await vesper.hub.async_remove_device("bell-2")
        async_fire_mqtt_message(vesper.hass, "vesper/bell-2/status/heartbeat", "{}")
        await vesper.hass.async_block_till_done()
    assert vesper.value("connectivity", "bell-2") == STATE_ON
    assert vesper.value("devices_online", FLEET) == "1"


async def test_removed_during_set_up(vesper: Vesper, page: Page) -> None:
    """A device removed during set-up is added again completely."""
    await vesper.heartbeat()
    before = page.device()
    assert before is not None
    hass = vesper.hass
    registry, forward = (
        dr.async_get(hass),
        hass.config_entries.async_forward_entry_setups,
    )

    async def _remove_and_forward(*args: Any) -> None:
        registry.async_remove_device(before.id)
        await forward(*args)

    with patch.object(
        hass.config_entries, "async_forward_entry_setups", _remove_and_forward
    ):
        await hass.config_entries.async_reload(vesper.entry.entry_id)
    await hass.async_block_till_done()
    after = page.device()
    assert after is not None
    entities = er.async_entries_for_device(
        er.async_get(hass), after.id, include_disabled_entities=True
    )
    assert vesper.entity_id("connectivity") in {one.entity_id for one in entities}


@pytest.mark.usefixtures("retained")
async def test_message_right_after_removal(vesper: Vesper) -> None:
    """A message after the removal adds a new device."""
    await vesper.heartbeat()
    await vesper.alert("SD", "FAILED")
    keys = vesper.keys()
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT + 1)

    await vesper.hub.async_remove_device(BELL)
    async_fire_mqtt_message(vesper.hass, "vesper/bell/status/heartbeat", "{}")
    await vesper.hass.async_block_till_done()
    assert vesper.keys() == keys - {"alert_SD"}
    assert STATE_UNAVAILABLE not in vesper.values().values()
    assert vesper.value("connectivity") == STATE_ON


async def test_device_without_live_message(
    vesper: Vesper, page: Page, retained: list[Any]
) -> None:
    """A device known by retained messages can be removed."""
    await vesper.heartbeat(retain=True)
    assert vesper.value("connectivity") == STATE_UNKNOWN
    assert (await page.remove())["success"]
    assert page.device() is None
    assert len(retained) == 1
    # Nothing waits for it any more.
    await vesper.advance(2 * DEFAULT_HEARTBEAT_TIMEOUT)
    assert page.device() is None


async def test_refused_while_disconnected(
    vesper: Vesper, page: Page, retained: list[Any]
) -> None:
    """No device is removed while the broker is disconnected."""
    await vesper.heartbeat()
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT + 1)
    await vesper.disconnect_broker()
    answer = await page.remove()
    assert not answer["success"]
    assert answer["error"]["translation_domain"] == DOMAIN
    assert answer["error"]["translation_key"] == "link_down"
    assert "no link to the MQTT broker" in answer["error"]["message"]
    assert page.device() is not None
    assert not retained

    await vesper.reconnect_broker()
    assert (await page.remove())["success"]
    assert len(retained) == 1


async def test_refused_while_not_loaded(
    vesper: Vesper, page: Page, retained: list[Any]
) -> None:
    """No device is removed while the entry is unloaded."""
    await vesper.heartbeat()
    assert await vesper.hass.config_entries.async_unload(vesper.entry.entry_id)
    answer = await page.remove()
    assert not answer["success"]
    assert answer["error"]["translation_domain"] == DOMAIN
    assert answer["error"]["translation_key"] == "not_loaded"
    assert page.device() is not None
    assert not retained


async def test_fleet_stays(vesper: Vesper, page: Page, retained: list[Any]) -> None:
    """The device of all devices can't be removed."""
    answer = await page.remove(FLEET)
    assert not answer["success"]
    assert answer["error"]["translation_key"] == FLEET_STAYS
    assert page.device(FLEET) is not None
    assert vesper.value("devices", FLEET) == "0"
    assert not retained


async def test_device_of_another_integration(vesper: Vesper, page: Page) -> None:
    """A device of another integration can't be removed."""
    device = dr.async_get(vesper.hass).async_get_or_create(
        config_entry_id=vesper.entry.entry_id, identifiers={("elsewhere", "1")}
    )
    await vesper.reload()
    assert not vesper.hub.devices
    client = await page._connect(vesper.hass)  # noqa: SLF001
    answer = await client.remove_device(device.id)
    assert answer["error"]["translation_key"] == FLEET_STAYS


async def test_device_unknown_to_the_hub(
    vesper: Vesper, page: Page, retained: list[Any]
) -> None:
    """A device only in the registry can be removed."""
    dr.async_get(vesper.hass).async_get_or_create(
        config_entry_id=vesper.entry.entry_id, identifiers={(DOMAIN, "ghost")}
    )
    assert "ghost" not in vesper.hub.devices
    assert (await page.remove("ghost"))["success"]
    assert page.device("ghost") is None
    assert retained == [("vesper/ghost/status/heartbeat", b"", 0, True)]


async def test_device_of_the_broker_alone(vesper: Vesper, retained: list[Any]) -> None:
    """A retained message without a device is cleared."""
    await vesper.hub.async_remove_device("ghost")
    assert retained == [("vesper/ghost/status/heartbeat", b"", 0, True)]


@pytest.mark.parametrize(
    ("topic", "retain"),
    [
        ("vesper/bell/status/heartbeat", True),
        ("vesper/bell/status/alerts", False),
        ("vesper/other/status/heartbeat", False),
    ],
)
async def test_refused_by_the_broker(
    vesper: Vesper, page: Page, topic: str, *, retain: bool
) -> None:
    """Without the message back in time, the device stays."""
    await vesper.heartbeat()
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT + 1)

    async def _refuse(*_: Any, **__: Any) -> None:
        async_fire_mqtt_message(vesper.hass, topic, b"", retain=retain)

    vesper.mqtt.async_publish.side_effect = _refuse
    removal = vesper.hass.async_create_task(vesper.hub.async_remove_device(BELL))
    for seconds in (0, 4.9):
        vesper.freezer.tick(seconds)
        for _ in range(10):
            await asyncio.sleep(0)
        assert not removal.done()
    vesper.freezer.tick(0.2)
    with pytest.raises(HomeAssistantError) as error:
        await removal
    assert error.value.translation_key == "not_cleared"
    assert "mosquitto_pub -r -n -t vesper/bell/status/heartbeat" in str(error.value)
    assert page.device() is not None
    assert vesper.value("connectivity") == STATE_OFF
