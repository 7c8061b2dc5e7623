"""Rates and delays of less than a second."""

from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.vesper.const import DOMAIN
from custom_components.vesper.hub.chunks import async_in_chunks
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from tests.common import BELL, FLEET, Vesper, Writes


@pytest.fixture
def platforms() -> list[Platform]:
    """Set up only the entities that are compared."""
    return [Platform.BINARY_SENSOR, Platform.SENSOR]


def _asked(vesper: Vesper) -> list[str]:
    """Return the devices asked since the last call."""
    publish = vesper.mqtt._mqttc.publish  # noqa: SLF001
    asked = [call.args[0].split("/")[1] for call in publish.call_args_list]
    publish.reset_mock()
    return asked


async def test_chunks(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    """After five milliseconds a new chunk begins."""
    turns: list[None] = []
    seen = []
    hass.loop.call_soon(turns.append, None)
    async for number in async_in_chunks(range(8)):
        seen.append((number, len(turns)))
        if turns:
            turns.clear()
            hass.loop.call_soon(turns.append, None)
        freezer.tick(0.002)
    assert seen == [(0, 0), (1, 0), (2, 0), (3, 1), (4, 0), (5, 0), (6, 1), (7, 0)]


async def test_one_health_check_each_fiftieth_of_a_second(vesper: Vesper) -> None:
    """At most 20 devices a second check themselves."""
    device_ids = ["first", "second", "third"]
    for device_id in device_ids:
        await vesper.heartbeat(device_id)
    for device_id in device_ids:
        await vesper.advance_exactly(0.049)
        assert _asked(vesper) == []
        await vesper.advance_exactly(0.002)
        assert _asked(vesper) == [device_id]
    await vesper.advance_exactly(1)
    await vesper.advance_exactly(0.03)
    assert _asked(vesper) == []
    await vesper.heartbeat("later")
    await vesper.advance_exactly(0.049)
    assert _asked(vesper) == [], "after a pause, the first one waits as well"
    await vesper.advance_exactly(0.002)
    assert _asked(vesper) == ["later"]


async def test_timeouts_within_half_a_second(vesper: Vesper, writes: Writes) -> None:
    """They are handled together, and none is early."""
    for device_id in ("first", "second", "third"):
        await vesper.heartbeat(device_id)
        await vesper.advance_exactly(0.2)
    await vesper.advance_exactly(0.2)
    await vesper.heartbeat("fourth")

    def offline() -> list[str]:
        return [
            device_id
            for device_id in vesper.hub.devices
            if vesper.value("connectivity", device_id) == "off"
        ]

    await vesper.advance_exactly(89.19)
    assert offline() == []
    await vesper.advance_exactly(0.02)
    assert offline() == ["first"]
    await vesper.advance_exactly(0.48)
    assert offline() == ["first"]
    writes.take()
    await vesper.advance_exactly(0.03)
    assert offline() == ["first", "second", "third"]
    count = vesper.entity_id("devices_online", FLEET)
    assert writes.take().count(count) == 1
    await vesper.advance_exactly(0.48)
    assert offline() == ["first", "second", "third"]
    await vesper.advance_exactly(0.03)
    assert offline() == ["first", "second", "third", "fourth"]


async def test_a_timeout_to_the_second(vesper: Vesper) -> None:
    """At its end the device is offline already."""
    vesper.freezer.move_to("2030-01-01T12:00:00Z")
    await vesper.heartbeat()
    await vesper.advance(89)
    assert vesper.value("connectivity") == "on"
    await vesper.advance(1)
    assert vesper.value("connectivity") == "off"


async def test_half_a_second_before_a_save(
    vesper: Vesper, hass_storage: dict[str, Any]
) -> None:
    """It begins with the first of the changes."""

    def stored() -> set[tuple[str, str]]:
        devices = hass_storage[f"{DOMAIN}.{FLEET}"]["data"]["devices"]
        return {
            (device_id, alert["subsystem"])
            for device_id, device in devices.items()
            for alert in device["alerts"]
        }

    await vesper.heartbeat()
    await vesper.advance_exactly(1)
    await vesper.alert("SD", "WARNING")
    await vesper.advance_exactly(0.3)
    await vesper.alert("Player", "WARNING")
    await vesper.alert("SD", "WARNING", device_id="other")
    await vesper.advance_exactly(0.19)
    assert stored() == set()
    await vesper.advance_exactly(0.02)
    assert stored() == {(BELL, "SD"), (BELL, "Player"), ("other", "SD")}
    await vesper.alert("Player", "CLEARED")
    await vesper.advance_exactly(0.49)
    assert (BELL, "Player") in stored()
    await vesper.advance_exactly(0.02)
    assert stored() == {(BELL, "SD"), ("other", "SD")}
