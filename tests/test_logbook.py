"""The logbook: events of devices as sentences."""

from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.vesper.const import EVENT_OCCURRENCE
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er

from .automation import described, devices, registered_id
from .common import BELL, FLEET, Vesper


class Logbook:
    """The logbook lines of Vesper."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Start reading."""
        self._hass = hass
        self._events = async_capture_events(hass, EVENT_OCCURRENCE)

    def take(self) -> list[str]:
        """Return the lines since the last call."""
        return [f"{line['name']}: {line['message']}" for line in self.take_all()]

    def take_all(self) -> list[dict[str, str]]:
        """Return the whole lines since the last call."""
        lines = described(self._hass, self._events)
        self._events.clear()
        return lines


@pytest.fixture
def platforms() -> list[Platform]:
    """Set up few platforms: lines do not use entities."""
    return [Platform.SWITCH]


@pytest.fixture
async def logbook(hass: HomeAssistant, vesper: Vesper) -> Logbook:
    """Set up the logbook, with a renamed device."""
    await hass.config.async_set_time_zone("Europe/Athens")
    vesper.freezer.move_to("2030-01-01T12:00:00Z")
    await vesper.heartbeat(uptime=5000)
    dr.async_get(hass).async_update_device(
        registered_id(hass), name_by_user="Chapel bell"
    )
    return Logbook(hass)


async def test_alerts(hass: HomeAssistant, vesper: Vesper, logbook: Logbook) -> None:
    """Each transition is a line, and nothing else."""
    await vesper.alert("FileManager", "WARNING", "SD mount failed")
    await vesper.alert("FileManager", "WARNING", "SD mount failed again")
    await vesper.alert("FileManager", "CRITICAL", "SD card is gone")
    await vesper.alert("FileManager", "WARNING")
    await vesper.alert("FileManager", "FAILED")
    await vesper.advance(2)
    await vesper.alert("FileManager", "CLEARED")
    await vesper.alert("FileManager", "CLEARED")
    await vesper.alert("Network", "WARNING")
    network = {**devices(hass), "subsystem": "Network"}
    await vesper.call("vesper.acknowledge_alert", **network, note="Anna is on it")
    await vesper.call("vesper.acknowledge_alert", **network)
    await vesper.call("vesper.clear_alert", **devices(hass), subsystem="Network")
    assert logbook.take() == [
        "Chapel bell FileManager: raised a warning: SD mount failed",
        "Chapel bell FileManager: raised a critical alert: SD card is gone",
        "Chapel bell FileManager: has failed",
        "Chapel bell FileManager: is OK again",
        "Chapel bell Network: raised a warning",
        "Chapel bell Network: had its alert acknowledged: Anna is on it",
        "Chapel bell Network: had its alert acknowledged",
        "Chapel bell Network: had its alert cleared by an action",
    ]


async def test_restart(vesper: Vesper, logbook: Logbook) -> None:
    """The line has the reason if it is reported."""
    await vesper.alert("SD", "WARNING")
    logbook.take()
    await vesper.advance(30)
    await vesper.heartbeat(uptime=10, reset_reason=9)
    assert logbook.take() == ["Chapel bell: restarted: Brown-out"]
    for uptime in range(40, 700, 30):
        await vesper.advance(30)
        await vesper.heartbeat(uptime=uptime)
    assert logbook.take() == [
        "Chapel bell SD: had its alert closed: not raised again after a restart"
    ]
    await vesper.advance(30)
    await vesper.heartbeat(uptime=10)
    assert logbook.take() == ["Chapel bell: restarted"]


async def test_connectivity(vesper: Vesper, logbook: Logbook) -> None:
    """Devices that go offline or come online have lines."""
    await vesper.disconnect_broker()
    await vesper.reconnect_broker()
    await vesper.heartbeat(uptime=5001)
    assert logbook.take() == []
    await vesper.heartbeat("hall")
    await vesper.heartbeat("tower")
    await vesper.advance(91)
    assert logbook.take() == [
        "Chapel bell: went offline",
        "Vesper hall: went offline",
        "Vesper tower: went offline",
        "All Vesper devices: outage: 3 of 3 online devices went offline at once",
    ]
    await vesper.heartbeat(uptime=5100)
    assert logbook.take() == ["Chapel bell: came online"]


async def test_maintenance(
    hass: HomeAssistant, vesper: Vesper, logbook: Logbook
) -> None:
    """Its start, its end and events meanwhile have lines."""
    target = devices(hass)
    await vesper.call("vesper.set_maintenance", **target, duration={"hours": 1})
    await vesper.alert("SD", "WARNING")
    await vesper.call("vesper.set_maintenance", **target, duration={"hours": 0})
    await vesper.call("vesper.set_maintenance", **target, duration={"hours": 0})
    assert logbook.take() == [
        "Chapel bell: is in maintenance until 2030-01-01 15:00",
        "Chapel bell SD: raised a warning",
        "Chapel bell: is no longer in maintenance",
    ]


async def test_heartbeats_and_playback(vesper: Vesper, logbook: Logbook) -> None:
    """Frequent events and those of entities have no line."""
    for uptime in range(5000, 5600, 30):
        await vesper.advance(30)
        await vesper.heartbeat(uptime=uptime, heap_free=uptime)
    await vesper.info("playback_started", {"melody_uid": "ABC123"})
    await vesper.info("playback_stopped")
    assert logbook.take() == []


async def test_removed_device(vesper: Vesper, logbook: Logbook) -> None:
    """Its lines have its id."""
    await vesper.advance(91)
    await vesper.hub.async_remove_device(BELL)
    assert logbook.take() == ["bell: went offline"]


async def test_removed_fleet(
    hass: HomeAssistant, vesper: Vesper, logbook: Logbook
) -> None:
    """Its lines are still shown."""
    for device_id in ("hall", "tower"):
        await vesper.heartbeat(device_id)
    await vesper.advance(91)
    dr.async_get(hass).async_remove_device(registered_id(hass, FLEET))
    assert (
        logbook.take()[-1]
        == "Vesper: outage: 3 of 3 online devices went offline at once"
    )


@pytest.mark.parametrize(
    "platforms", [[Platform.BINARY_SENSOR, Platform.EVENT, Platform.SENSOR]]
)
async def test_entities(hass: HomeAssistant, vesper: Vesper, logbook: Logbook) -> None:
    """Each line has its entity and an icon."""

    def taken(key: str) -> list[tuple[str, str]]:
        """Return the sentences and icons, all of one entity."""
        lines = logbook.take_all()
        entity_ids = {line["entity_id"] for line in lines}
        assert entity_ids <= {vesper.entity_id(key)}
        return [(line["message"], line["icon"]) for line in lines]

    target = devices(hass)
    await vesper.alert("SD", "WARNING", "mount failed")
    await vesper.alert("SD", "FAILED")
    await vesper.call("vesper.acknowledge_alert", **target, subsystem="SD")
    await vesper.call("vesper.clear_alert", **target, subsystem="SD")
    assert taken("alert_SD") == [
        ("raised a warning: mount failed", "mdi:alert"),
        ("has failed", "mdi:close-octagon"),
        ("had its alert acknowledged", "mdi:bell-cog-outline"),
        ("had its alert cleared by an action", "mdi:bell-check-outline"),
    ]
    await vesper.call("vesper.set_maintenance", **target, duration={"hours": 1})
    await vesper.call("vesper.set_maintenance", **target, duration={"hours": 0})
    await vesper.advance(30)
    await vesper.heartbeat(uptime=10)
    assert taken("connectivity") == [
        ("is in maintenance until 2030-01-01 15:00", "mdi:wrench-clock"),
        ("is no longer in maintenance", "mdi:wrench-outline"),
        ("restarted", "mdi:restart"),
    ]


@pytest.mark.parametrize("platforms", [[Platform.BINARY_SENSOR, Platform.SENSOR]])
async def test_shown_by_the_state(
    hass: HomeAssistant, vesper: Vesper, logbook: Logbook
) -> None:
    """What the state shows is no line."""
    await vesper.alert("SD", "CRITICAL")
    await vesper.advance(2)
    logbook.take()
    await vesper.alert("SD", "CLEARED")
    await vesper.advance(91)
    await vesper.heartbeat(uptime=5090)
    assert logbook.take() == []

    for key in ("alert_SD", "connectivity"):
        er.async_get(hass).async_update_entity(
            vesper.entity_id(key), disabled_by=er.RegistryEntryDisabler.USER
        )
    await hass.async_block_till_done()
    await vesper.alert("SD", "CRITICAL")
    await vesper.advance(2)
    await vesper.alert("SD", "CLEARED")
    await vesper.advance(91)
    await vesper.heartbeat(uptime=5180)
    lines = logbook.take_all()
    assert [line["message"] for line in lines] == [
        "raised a critical alert",
        "is OK again",
        "went offline",
        "came online",
    ]
    assert not any("entity_id" in line for line in lines)


async def test_languages(hass: HomeAssistant, vesper: Vesper, logbook: Logbook) -> None:
    """The lines are in the language of Home Assistant."""
    texts = {
        "component.vesper.common.logbook_alert_raised_warning": "{subsystem} warnt",
        "component.vesper.common.sentence_detail": "{sentence} -> {detail}",
    }
    with patch(
        "custom_components.vesper.hub.texts.async_get_cached_translations",
        lambda _hass, language, _category, _domain: texts if language == "de" else {},
    ):
        hass.config.language = "de"
        await vesper.alert("SD", "WARNING", "{subsystem} is gone")
        assert logbook.take() == ["Chapel bell SD: SD warnt -> {subsystem} is gone"]
