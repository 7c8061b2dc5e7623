"""Binary sensors of a device, from message to state."""

import pytest
from pytest_homeassistant_custom_component.common import snapshot_platform
from syrupy.assertion import SnapshotAssertion

from custom_components.vesper.const import DEFAULT_HEARTBEAT_TIMEOUT
from homeassistant.const import STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from .common import Vesper


@pytest.mark.parametrize("platforms", [[Platform.BINARY_SENSOR]])
async def test_all(
    hass: HomeAssistant,
    vesper: Vesper,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
) -> None:
    """Registry entries and states match the snapshot."""
    await vesper.report_everything()
    await snapshot_platform(hass, entity_registry, snapshot, vesper.entry.entry_id)


async def test_connectivity_shows_last_seen_while_offline(vesper: Vesper) -> None:
    """The attribute exists only while the device is offline."""
    await vesper.heartbeat(retain=True)
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT + 1)
    assert vesper.value("connectivity") == "off"
    assert "last_seen" not in vesper.state("connectivity").attributes, "it never was"
    await vesper.heartbeat()
    last_seen = dt_util.utcnow().replace(microsecond=0)
    assert "last_seen" not in vesper.state("connectivity").attributes
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT + 1)
    assert vesper.state("connectivity").attributes["last_seen"] == last_seen


async def test_problem(vesper: Vesper) -> None:
    """It is on with any alert or while offline."""
    await vesper.heartbeat()
    assert vesper.value("problem") == "off"
    await vesper.alert("FileManager", "WARNING")
    await vesper.alert("Network", "FAILED")
    assert vesper.value("problem") == "on"
    await vesper.alert("Network", "CLEARED")
    assert vesper.value("problem") == "on"
    await vesper.alert("FileManager", "CLEARED")
    assert vesper.value("problem") == "off"
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT + 1)
    assert vesper.value("problem") == "on"
    await vesper.alert("Network", "FAILED")
    assert vesper.value("problem") == "on"
    await vesper.alert("Network", "CLEARED")
    assert vesper.value("problem") == "off"


async def test_playing(vesper: Vesper) -> None:
    """It follows the playback that the device reports."""
    await vesper.heartbeat()
    assert vesper.value("playing") == STATE_UNKNOWN
    await vesper.info("playback_stopped")
    assert vesper.value("playing") == "off"
    await vesper.info("playback_started", {"melody_uid": "ABC123"})
    assert vesper.value("playing") == "on"
    await vesper.info("volume_changed", {"volume": 3})
    assert vesper.value("playing") == "on"
    await vesper.info("playback_stopped", {"melody_uid": "ABC123"})
    assert vesper.value("playing") == "off"


async def test_a_restart_ends_playback(vesper: Vesper) -> None:
    """A missed `playback_stopped` does not show playback forever."""
    await vesper.report_everything()
    await vesper.heartbeat(uptime=3595)
    assert vesper.value("playing") == "on"
    await vesper.advance(30)
    await vesper.heartbeat(uptime=10)
    assert vesper.value("playing") == "off"
    assert vesper.value("melody") == STATE_UNKNOWN


async def test_a_timeout_ends_playback(vesper: Vesper) -> None:
    """Playback is unknown after a timeout."""
    await vesper.report_everything()
    await vesper.advance(91)
    await vesper.heartbeat(uptime=3700)
    assert vesper.value("playing") == STATE_UNKNOWN
    assert vesper.value("melody") == STATE_UNKNOWN
