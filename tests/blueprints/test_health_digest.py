"""The blueprint "Daily health of the Vesper devices"."""

import pytest

from custom_components.vesper.hub.entity_set import EntitySet
from homeassistant.core import HomeAssistant
from tests.common import BELL, FLEET, Vesper

from .common import LONG, OTHER, act, add_helpers, disable, use

pytestmark = pytest.mark.usefixtures("as_installed", "waiting_runs")


@pytest.fixture
async def morning(hass: HomeAssistant, vesper: Vesper) -> None:
    """Return three healthy devices, shortly before the digest."""
    await hass.config.async_set_time_zone("UTC")
    vesper.freezer.move_to("2026-11-22 07:58:00+00:00")
    # This moved the monotonic clock too, which never goes back while Vesper runs.
    await vesper.reload()
    for device_id in (BELL, "chapel", OTHER):
        await vesper.heartbeat(device_id)


async def test_digest_with_helpers(
    hass: HomeAssistant, vesper: Vesper, morning: None
) -> None:
    """Only Vesper's own entities are in the list."""
    await add_helpers(hass, vesper)
    notifications = await use(hass, "health_digest")
    await vesper.alert("SD", "CRITICAL")
    for _ in range(2):
        await vesper.advance(60)
        for device_id in (BELL, "chapel", OTHER):
            await vesper.heartbeat(device_id)
    assert notifications.take() == [
        ("Vesper: 1 problem", "- `Critical: Vesper bell, SD, since 2026-11-22 07:58`")
    ]


async def test_digest(hass: HomeAssistant, vesper: Vesper, morning: None) -> None:
    """It lists devices with problems only."""
    notifications = await use(hass, "health_digest")
    await vesper.alert("SD", "CRITICAL", "no card")
    await vesper.alert("Net", "WARNING", device_id=OTHER)
    await vesper.alert("Clock", "WARNING")
    await vesper.alert("Clock", "CLEARED")
    await vesper.heartbeat("attic", retain=True)
    await act(vesper, "acknowledge_alert", device_id=OTHER, subsystem="Net")
    await vesper.advance(60)
    for device_id in (BELL, OTHER):
        await vesper.heartbeat(device_id)
    await vesper.advance(40)
    assert notifications.take() == []
    await vesper.advance(20)
    ((title, message),) = notifications.take()
    assert title == "Vesper: 4 problems"
    assert message.splitlines() == [
        "- `Critical: Vesper bell, SD: no card, since 2026-11-22 07:58`",
        "- `Offline: Vesper attic`",
        "- `Offline: Vesper chapel, since 2026-11-22 07:58`",
        "- `Warning: Vesper tower, Net, since 2026-11-22 07:58` (acknowledged)",
    ]
    await vesper.advance(3600)
    assert notifications.take() == []


@pytest.mark.parametrize("entity_set", [EntitySet.ESSENTIAL])
async def test_digest_of_a_bad_day(
    hass: HomeAssistant, vesper: Vesper, morning: None
) -> None:
    """It lists the worst first and counts the rest."""
    notifications = await use(hass, "health_digest")
    for device in range(20):
        for subsystem in range(64):
            await vesper.alert(f"S{subsystem}", "WARNING", LONG, device_id=f"b{device}")
    await vesper.alert("Player", "FAILED")
    await vesper.advance(60)
    for device_id in (BELL, "chapel", OTHER, *(f"b{device}" for device in range(20))):
        await vesper.heartbeat(device_id)
    await vesper.advance(60)
    ((title, message),) = notifications.take()
    assert title == "Vesper: 1281 problems"
    first, *lines, last = message.splitlines()
    assert first == "- `Failed: Vesper bell, Player, since 2026-11-22 07:58`"
    assert last == f"- and {1280 - len(lines)} more"
    assert 3000 < len(message) < 4000


@pytest.mark.parametrize("all_well", [True, False])
async def test_digest_of_a_good_day(
    hass: HomeAssistant, vesper: Vesper, morning: None, *, all_well: bool
) -> None:
    """A healthy fleet notifies if chosen; maintenance is omitted."""
    notifications = await use(hass, "health_digest", all_well=all_well)
    await vesper.alert("SD", "CRITICAL", device_id="chapel")
    await act(vesper, "set_maintenance", device_id="chapel", duration={"hours": 1})
    for _ in range(2):
        await vesper.advance(60)
        for device_id in (BELL, OTHER):
            await vesper.heartbeat(device_id)
    well = ("Vesper: no problems", "No alert is active, and no device is offline.")
    assert notifications.take() == ([well] if all_well else [])


async def test_digest_while_disconnected(
    hass: HomeAssistant, vesper: Vesper, morning: None
) -> None:
    """It reports the disconnect, and no offline device."""
    notifications = await use(hass, "health_digest")
    await vesper.heartbeat("attic", retain=True)
    # Its name ends like the id of the problem that a device is offline.
    await vesper.alert("a/connectivity", "WARNING")
    await vesper.advance(95)
    assert vesper.value("fleet_health", FLEET) == "offline"
    await vesper.disconnect_broker()
    await vesper.advance(25)
    ((title, message),) = notifications.take()
    assert title == "Vesper: 2 problems"
    assert message.splitlines() == [
        "- There is no link to the broker, so it is unknown which devices are online",
        "- `Warning: Vesper bell, a/connectivity, since 2026-11-22 07:58`",
    ]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("problems", 'to-do list "Problems" of "All Vesper devices" is disabled'),
        ("mqtt_link", 'binary sensor "MQTT link" of "All Vesper devices" is disabled'),
    ],
)
async def test_digest_with_disabled_entities(
    hass: HomeAssistant, vesper: Vesper, morning: None, key: str, expected: str
) -> None:
    """It says which entity to enable."""
    notifications = await use(hass, "health_digest")
    disable(vesper, key, FLEET)
    await vesper.advance(120)
    ((title, message),) = notifications.take()
    assert title == "Vesper: 1 problem"
    assert message.startswith(f"- The {expected}, so ")
    assert message.endswith("Enable it under Settings > Devices & services > Entities")


async def test_digest_while_not_loaded(
    hass: HomeAssistant, vesper: Vesper, morning: None
) -> None:
    """It reports that Vesper is not loaded."""
    notifications = await use(hass, "health_digest")
    assert await hass.config_entries.async_unload(FLEET)
    await vesper.advance(120)
    ((_, message),) = notifications.take()
    assert message == "- Vesper is not loaded, so the states of its devices are unknown"
