"""The blueprint "A Vesper device is offline"."""

import pytest

from custom_components.vesper.hub.entity_set import EntitySet
from homeassistant.core import HomeAssistant
from tests.automation import devices, registered_id
from tests.common import FLEET, Vesper

from .common import add_helpers, running, use

pytestmark = pytest.mark.usefixtures("as_installed", "waiting_runs")


@pytest.mark.parametrize("entity_set", [EntitySet.ESSENTIAL])
async def test_many_devices_offline(hass: HomeAssistant, vesper: Vesper) -> None:
    """Devices that stay offline take no place from others."""
    for number in range(30):
        await vesper.heartbeat(f"bell-{number}")
    notifications = await use(
        hass, "device_offline", devices={"device_id": [registered_id(hass, FLEET)]}
    )
    await vesper.advance(91)
    await vesper.advance(301)
    assert notifications.take() == [
        (
            "Vesper: 30 devices are offline",
            "They went offline together. 30 were online before.",
        )
    ]
    assert running(hass) == 0


async def test_offline_with_helpers(hass: HomeAssistant, vesper: Vesper) -> None:
    """A ping does not bring the device back online."""
    await vesper.heartbeat()
    await add_helpers(hass, vesper)
    notifications = await use(hass, "device_offline", devices=devices(hass))
    await vesper.advance(91)
    await vesper.advance(301)
    assert notifications.take() == [
        ("Vesper bell is offline", "It was last seen 7 minutes ago.")
    ]
    await vesper.heartbeat()
    assert len(notifications.take()) == 1


async def test_offline(hass: HomeAssistant, vesper: Vesper) -> None:
    """An offline device and its return notify once each."""
    await vesper.heartbeat()
    notifications = await use(
        hass, "device_offline", devices=devices(hass), duration={"minutes": 10}
    )
    await vesper.advance(91)
    await vesper.advance(599)
    await vesper.heartbeat()
    assert notifications.take() == []
    await vesper.advance(91)
    await vesper.advance(600)
    assert notifications.take() == [
        ("Vesper bell is offline", "It was last seen 12 minutes ago.")
    ]
    await vesper.advance(3600)
    assert notifications.take() == []
    await vesper.heartbeat()
    assert notifications.take() == [
        ("Vesper bell is online again", "It sends messages again.")
    ]
    await vesper.heartbeat()
    assert notifications.take() == []
    assert running(hass) == 0


async def test_offline_over_a_gap(hass: HomeAssistant, vesper: Vesper) -> None:
    """A reconnect to the broker is no return."""
    await vesper.heartbeat()
    notifications = await use(hass, "device_offline", devices=devices(hass))
    await vesper.advance(91)
    await vesper.advance(300)
    assert len(notifications.take()) == 1
    await vesper.disconnect_broker()
    await vesper.reconnect_broker()
    await vesper.reload()
    await vesper.advance(91)
    assert notifications.take() == []
    await vesper.heartbeat()
    assert len(notifications.take()) == 1


async def test_offline_without_return(hass: HomeAssistant, vesper: Vesper) -> None:
    """The notification of the return can be turned off."""
    await vesper.heartbeat()
    notifications = await use(
        hass, "device_offline", devices=devices(hass), recovery=False, duration=0
    )
    await vesper.advance(91)
    assert len(notifications.take()) == 1
    await vesper.heartbeat()
    assert notifications.take() == []
