"""Test the limits of devices, subsystems and entities."""

from collections.abc import Iterator
import json
import logging
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import async_fire_mqtt_message

from custom_components.vesper.const import (
    CONF_ENTITIES,
    CONF_MAX_DEVICES,
    DEFAULT_MAX_DEVICES,
    DOMAIN,
)
from custom_components.vesper.hub.admission import (
    ISSUE_REJECTED,
    KEEP_ESSENTIAL,
    NO_ROOM,
    RAISE_LIMIT,
)
from custom_components.vesper.hub.entity_set import EntitySet
from custom_components.vesper.model.alerts import MAX_ACTIVE, MAX_SUBSYSTEMS
from custom_components.vesper.protocol.fields import FaultKind
from homeassistant.const import STATE_ON, STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from tests.common import BELL, FLEET, Vesper

pytestmark = pytest.mark.usefixtures("as_installed")

#: In seconds: when what was rejected is reviewed, and how long a silent device counts.
REVIEW = 2
REJECTED_TIMEOUT = 180

FLEET_ENTITIES = 10
DEVICE_ENTITIES = 9
DISABLED_ENTITIES = 10
"""The entities of a device that are enabled by default, and the others."""


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Keep a flood out of the slow debug log."""
    caplog.set_level(logging.INFO)


@pytest.fixture
def room(request: pytest.FixtureRequest) -> Iterator[int]:
    """Limit entities to the fleet's and a few more."""
    most = FLEET_ENTITIES + request.param
    name = "MAX_ENABLED_ENTITIES_PER_CONFIG_ENTRY"
    with (
        patch(f"homeassistant.helpers.entity_platform.{name}", most),
        patch(f"custom_components.vesper.hub.admission.{name}", most),
        patch("custom_components.vesper.hub.admission.RESERVED_FOR_ALERTS", 2),
    ):
        yield most


async def _limit(vesper: Vesper, devices: int) -> None:
    """Set the limit of devices."""
    vesper.hass.config_entries.async_update_entry(
        vesper.entry, options={CONF_MAX_DEVICES: devices}
    )
    await vesper.reload()


async def _flood(vesper: Vesper, count: int, name: str = "flood") -> None:
    """Let many ids send heartbeats in one turn."""
    for number in range(count):
        async_fire_mqtt_message(
            vesper.hass, f"vesper/{name}-{number}/status/heartbeat", "{}"
        )
    await vesper.hass.async_block_till_done()


def _placeholders(hass: HomeAssistant) -> dict[str, str] | None:
    """Return the repair issue's placeholders, if there is one."""
    issues = list(ir.async_get(hass).issues.values())
    if not issues:
        return None
    (issue,) = issues
    assert (issue.domain, issue.issue_id) == (DOMAIN, f"{ISSUE_REJECTED}/{FLEET}")
    assert issue.translation_key in (RAISE_LIMIT, KEEP_ESSENTIAL, NO_ROOM)
    assert issue.is_fixable is (issue.translation_key != NO_ROOM)
    assert issue.severity is ir.IssueSeverity.WARNING
    return issue.translation_placeholders


def _enabled(vesper: Vesper) -> int:
    """Return how many enabled entities the entry has."""
    entities = er.async_get(vesper.hass).entities
    return entities.get_enabled_count_for_config_entry_id(vesper.entry.entry_id)


async def test_counts_of_entities(vesper: Vesper) -> None:
    """The constants of this file match the integration."""
    assert len(vesper.keys(FLEET)) == FLEET_ENTITIES == _enabled(vesper)
    await vesper.heartbeat()
    assert _enabled(vesper) == FLEET_ENTITIES + DEVICE_ENTITIES
    assert len(vesper.keys()) == DEVICE_ENTITIES + DISABLED_ENTITIES


async def test_flood_of_devices(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """A flood is limited and causes a single issue."""
    await vesper.heartbeat(uptime=5)
    await vesper.alert("SD", "WARNING")
    await _flood(vesper, 10_000)
    assert len(vesper.hub.devices) == DEFAULT_MAX_DEVICES
    assert vesper.value("devices", FLEET) == str(DEFAULT_MAX_DEVICES)
    assert caplog.text.count("Not everything under vesper fits") == 1
    assert _placeholders(vesper.hass) is not None

    await vesper.advance(REVIEW)
    placeholders = _placeholders(vesper.hass)
    assert placeholders is not None
    assert placeholders["prefix"] == "vesper"
    assert placeholders["max_devices"] == str(DEFAULT_MAX_DEVICES)
    assert placeholders["devices"] == "≥ 1000", "the count is bounded"
    assert not vesper.hub.receiver.stray_faults

    await vesper.alert("SD", "CLEARED")
    await vesper.info("playback_started", {"melody_uid": "A"})
    assert vesper.value("connectivity") == STATE_ON
    assert vesper.value("alert_SD") == "ok"
    assert vesper.value("melody") == "A"


async def test_flood_of_names_that_are_none(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """Invalid ids are counted and not added as devices."""
    for number in range(100):
        await vesper.publish(f"böse {number}", "heartbeat", b"{}")
    assert not vesper.hub.devices
    assert vesper.hub.receiver.stray_faults == {
        ("heartbeat", "topic", FaultKind.INVALID): 100
    }
    assert caplog.text.count("Malformed") == 1
    assert _placeholders(vesper.hass) is None


async def test_issue_comes_and_goes(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """The repair issue follows the number of rejected devices."""
    await _limit(vesper, 1)
    await vesper.heartbeat()
    assert _placeholders(vesper.hass) is None
    await vesper.heartbeat("one")
    placeholders = _placeholders(vesper.hass)
    assert placeholders is not None
    assert placeholders["devices"] == "1"
    assert placeholders["max_devices"] == "1"

    await _flood(vesper, 3)
    await vesper.advance(REVIEW)
    placeholders = _placeholders(vesper.hass)
    assert placeholders is not None
    assert placeholders["devices"] == "4"

    for _ in range(REJECTED_TIMEOUT // 30):
        await vesper.advance(30)
        await vesper.heartbeat()
        await vesper.heartbeat("one")
    placeholders = _placeholders(vesper.hass)
    assert placeholders is not None
    assert placeholders["devices"] == "1", "the others went away"

    for _ in range(REJECTED_TIMEOUT // 30 + 1):
        await vesper.advance(30)
    assert _placeholders(vesper.hass) is None
    assert caplog.text.count("Not everything") == 1

    await vesper.heartbeat("one")
    assert _placeholders(vesper.hass) is not None
    assert caplog.text.count("Not everything") == 2, "it is news again"


@pytest.mark.parametrize("step", [2.01, 2.02])
async def test_a_rejected_device_that_is_silent(vesper: Vesper, step: float) -> None:
    """It counts for three minutes."""
    await _limit(vesper, 1)
    await vesper.heartbeat()
    await vesper.heartbeat("one")
    for _ in range(89):
        await vesper.advance_exactly(step)
    assert _placeholders(vesper.hass) is not None
    await vesper.advance_exactly(step)
    assert _placeholders(vesper.hass) is None


async def test_as_many_rejected_devices_as_are_counted(vesper: Vesper) -> None:
    """They are counted while they send something."""
    await _limit(vesper, 1)
    with patch("custom_components.vesper.hub.admission.MAX_REJECTED", 3):
        await _flood(vesper, 5)
        for _ in range(2):
            await vesper.advance(REJECTED_TIMEOUT - 10)
            placeholders = _placeholders(vesper.hass)
            assert placeholders is not None
            assert placeholders["devices"] == "≥ 3"
            await _flood(vesper, 5)


async def test_issue_goes_with_the_entry(vesper: Vesper) -> None:
    """The repair issue is removed with the entry."""
    await _limit(vesper, 1)
    await _flood(vesper, 2)
    assert _placeholders(vesper.hass) is not None
    assert await vesper.hass.config_entries.async_unload(vesper.entry.entry_id)
    assert _placeholders(vesper.hass) is None


async def test_limit_raised(vesper: Vesper) -> None:
    """A rejected device is added under a higher limit."""
    await _limit(vesper, 1)
    await _flood(vesper, 2)
    await _limit(vesper, 2)
    assert _placeholders(vesper.hass) is None
    await _flood(vesper, 2)
    assert list(vesper.hub.devices) == ["flood-0", "flood-1"]
    assert _placeholders(vesper.hass) is None


async def test_limit_lowered(vesper: Vesper) -> None:
    """A lower limit keeps the known devices."""
    await _flood(vesper, 5)
    await _limit(vesper, 2)
    assert len(vesper.hub.devices) == 5
    await _flood(vesper, 6)
    assert {vesper.value("connectivity", f"flood-{number}") for number in range(5)} == {
        STATE_ON
    }
    assert not vesper.keys("flood-5")
    placeholders = _placeholders(vesper.hass)
    assert placeholders is not None
    assert placeholders["devices"] == "1"


async def test_place_of_a_removed_device(vesper: Vesper) -> None:
    """A removed device makes room for a rejected one."""
    await _limit(vesper, 1)
    await vesper.heartbeat()
    await vesper.heartbeat("next")
    assert list(vesper.hub.devices) == [BELL]
    await vesper.advance(91)
    await vesper.hub.async_remove_device(BELL)
    await vesper.heartbeat("next")
    assert list(vesper.hub.devices) == ["next"]
    assert vesper.value("connectivity", "next") == STATE_ON
    await vesper.advance(REVIEW)
    assert _placeholders(vesper.hass) is None


async def test_flood_of_subsystems(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """A device has a limited number of active alerts."""
    for number in range(MAX_ACTIVE + 8):
        await vesper.alert(f"S{number}", "WARNING")
    await vesper.alert(f"S{MAX_ACTIVE}", "CLEARED")
    assert len(vesper.keys()) == DEVICE_ENTITIES + DISABLED_ENTITIES + MAX_SUBSYSTEMS
    assert vesper.value("active_alerts") == str(MAX_ACTIVE)
    faults = vesper.hub.devices[BELL].faults
    assert faults == {("alerts", "subsystem", FaultKind.TOO_MANY): 8}
    assert caplog.text.count("Malformed") == 1

    await vesper.alert("S0", "CRITICAL")
    await vesper.alert("S1", "CLEARED")
    assert vesper.value("alert_S0") == "critical"
    assert vesper.value("alert_S1") == "ok"
    assert vesper.value("active_alerts") == str(MAX_ACTIVE - 1)
    await vesper.alert("S999", "FAILED")
    assert vesper.value("alert_S999") == "failed", "it has the place of a healed one"


@pytest.mark.parametrize(
    ("room", "entity_set", "fits"),
    [
        (DEVICE_ENTITIES + 1, EntitySet.ALL, False),
        (DEVICE_ENTITIES + 2, EntitySet.ALL, True),
        (2, EntitySet.ESSENTIAL, False),
        (3, EntitySet.ESSENTIAL, True),
    ],
    indirect=["room"],
)
async def test_room_for_alert_sensors(
    room: int, vesper: Vesper, entity_set: EntitySet, *, fits: bool
) -> None:
    """It is reserved where each subsystem has a sensor."""
    vesper.hass.config_entries.async_update_entry(
        vesper.entry, options={CONF_ENTITIES: entity_set}
    )
    await vesper.reload()
    await vesper.heartbeat()
    assert (BELL in vesper.hub.devices) is fits
    assert (_placeholders(vesper.hass) is None) is fits
    assert _enabled(vesper) <= room


@pytest.mark.parametrize(
    "room", range(3 * DEVICE_ENTITIES - 1, 4 * DEVICE_ENTITIES - 1), indirect=True
)
async def test_all_entities_or_none(
    room: int, vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """A device has all of its entities or none."""
    await _flood(vesper, 20)
    keys = vesper.keys("flood-0")
    assert len(keys) == DEVICE_ENTITIES + DISABLED_ENTITIES
    assert 2 <= len(vesper.hub.devices) <= 3
    for number in range(20):
        device_id = f"flood-{number}"
        expected = keys if device_id in vesper.hub.devices else set()
        assert vesper.keys(device_id) == expected
    assert _enabled(vesper) <= room
    assert "Reached the maximum" not in caplog.text
    placeholders = _placeholders(vesper.hass)
    assert placeholders is not None
    assert placeholders["max_entities"] == str(room)


@pytest.mark.parametrize("room", [DEVICE_ENTITIES + 2], indirect=True)
async def test_alert_sensors_beyond(
    room: int, vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """An alert without a sensor still counts."""
    await vesper.heartbeat(uptime=5)
    await vesper.alert("first", "WARNING")
    await vesper.alert("second", "WARNING")
    assert _placeholders(vesper.hass) is None
    assert _enabled(vesper) == room

    await vesper.alert("third", "FAILED", "no voice")
    assert vesper.keys().isdisjoint({"alert_third"})
    assert vesper.value("health") == "failed"
    assert vesper.value("active_alerts") == "3"
    alerts = vesper.state("active_alerts").attributes["alerts"]
    assert alerts[0]["subsystem"] == "third"
    assert vesper.value("fleet_health", FLEET) == "failed"
    placeholders = _placeholders(vesper.hass)
    assert placeholders is not None
    assert placeholders["alert_sensors"] == "1"
    assert placeholders["devices"] == "0"
    assert "Reached the maximum" not in caplog.text

    await vesper.alert("third", "CLEARED")
    assert vesper.value("health") == "warning"
    assert vesper.value("active_alerts") == "2"


@pytest.mark.parametrize("room", [2 * DEVICE_ENTITIES + 3], indirect=True)
@pytest.mark.usefixtures("room")
async def test_alert_sensor_waits_for_room(vesper: Vesper) -> None:
    """The sensor is added when there is room."""
    await vesper.heartbeat("removed")
    await vesper.heartbeat()
    for subsystem in ("first", "second", "third"):
        await vesper.alert(subsystem, "WARNING", device_id="removed")
    await vesper.alert("SD", "WARNING")
    assert vesper.keys().isdisjoint({"alert_SD"})
    await vesper.alert("SD", "CRITICAL", "gone")

    await vesper.advance(91)
    await vesper.hub.async_remove_device("removed")
    await vesper.heartbeat()
    await vesper.advance(REVIEW)
    assert vesper.value("alert_SD") == "critical"
    assert vesper.state("alert_SD").attributes["message"] == "gone"
    assert _placeholders(vesper.hass) is None
    await vesper.alert("SD", "CLEARED")
    assert vesper.value("alert_SD") == "ok"


@pytest.mark.parametrize("room", [DEVICE_ENTITIES + 2], indirect=True)
@pytest.mark.usefixtures("room")
@pytest.mark.parametrize("freed", [1, 2])
async def test_as_many_waiting_sensors_as_fit(
    vesper: Vesper, entity_registry: er.EntityRegistry, freed: int
) -> None:
    """The first ones are added first."""
    await vesper.heartbeat(uptime=5)
    subsystems = ("first", "second", "third", "fourth", "fifth")
    for subsystem in subsystems:
        await vesper.alert(subsystem, "WARNING")
    for key in ("heap_free", "melody")[:freed]:
        entity_registry.async_update_entity(
            vesper.entity_id(key), disabled_by=er.RegistryEntryDisabler.USER
        )
    await vesper.advance(REVIEW)
    keys = vesper.keys()
    shown = [subsystem for subsystem in subsystems if f"alert_{subsystem}" in keys]
    assert shown == list(subsystems[: 2 + freed])
    placeholders = _placeholders(vesper.hass)
    assert placeholders is not None
    assert placeholders["alert_sensors"] == str(3 - freed)


@pytest.mark.parametrize("room", [DEVICE_ENTITIES + 3], indirect=True)
@pytest.mark.usefixtures("room")
async def test_waiting_for_a_device_that_went(vesper: Vesper) -> None:
    """No sensor is added for a removed device."""
    await vesper.heartbeat()
    for subsystem in ("first", "second", "third", "fourth"):
        await vesper.alert(subsystem, "WARNING")
    assert _placeholders(vesper.hass) is not None
    await vesper.advance(91)
    await vesper.hub.async_remove_device(BELL)
    await vesper.advance(REVIEW)
    assert _placeholders(vesper.hass) is None
    assert not vesper.keys()


@pytest.mark.parametrize("room", [DEVICE_ENTITIES + 2], indirect=True)
@pytest.mark.usefixtures("room")
async def test_waiting_sensors_are_bounded(vesper: Vesper) -> None:
    """A sensor whose place was taken stops waiting."""
    for number in range(MAX_SUBSYSTEMS):
        await vesper.alert(f"S{number}", "WARNING")
    for number in range(5, 20):
        await vesper.alert(f"S{number}", "CLEARED")
        await vesper.alert(f"In place of {number}", "WARNING")
    await vesper.advance(REVIEW)
    placeholders = _placeholders(vesper.hass)
    assert placeholders is not None
    assert placeholders["alert_sensors"] == str(MAX_SUBSYSTEMS - 2)


@pytest.mark.parametrize("room", [DEVICE_ENTITIES + 2], indirect=True)
async def test_known_alert_sensor_at_the_cap(room: int, vesper: Vesper) -> None:
    """A registered sensor is restored at the limit."""
    await vesper.heartbeat()
    await vesper.alert("first", "WARNING")
    await vesper.alert("second", "WARNING")
    assert _enabled(vesper) == room
    await vesper.reload()
    await vesper.alert("second", "FAILED")
    assert vesper.value("alert_second") == "failed"
    assert _placeholders(vesper.hass) is None


@pytest.mark.parametrize("room", [3 * DEVICE_ENTITIES + 2], indirect=True)
@pytest.mark.usefixtures("room")
async def test_known_devices_at_the_cap(vesper: Vesper) -> None:
    """A reload at the limit restores every known device."""
    await _flood(vesper, 5)
    assert len(vesper.hub.devices) == 3
    await vesper.reload()
    assert len(vesper.hub.devices) == 3
    await _flood(vesper, 5)
    for number in range(3):
        values = vesper.hass.states.async_all()
        assert (
            len(vesper.keys(f"flood-{number}")) == DEVICE_ENTITIES + DISABLED_ENTITIES
        )
        assert not [state for state in values if state.attributes.get("restored")]
        assert vesper.value("health", f"flood-{number}") != STATE_UNAVAILABLE


async def test_rejected_by_any_message(vesper: Vesper) -> None:
    """Any valid message of an unknown device is rejected."""
    await _limit(vesper, 1)
    await vesper.heartbeat()
    alert = json.dumps({"subsystem": "SD", "state": "FAILED"}).encode()
    await vesper.publish("none", "heartbeat", b"")
    await vesper.publish("none", "heartbeat", b"no JSON")
    await vesper.publish("none", "info", b'{"type": "x"}', retain=True)
    assert _placeholders(vesper.hass) is None
    await vesper.publish("one", "alerts", alert)
    await vesper.publish("two", "info", b'{"type": "x"}')
    await vesper.publish("three", "heartbeat", b"{}", retain=True)
    await vesper.advance(REVIEW)
    placeholders = _placeholders(vesper.hass)
    assert placeholders is not None
    assert placeholders["devices"] == "3"


@pytest.mark.parametrize("room", [10 * DEVICE_ENTITIES + 2], indirect=True)
@pytest.mark.usefixtures("room")
async def test_removed_devices_make_room(vesper: Vesper) -> None:
    """The entities reserved for removed devices are free again."""
    await _flood(vesper, 10, "old")
    assert len(vesper.hub.devices) == 10
    await vesper.advance(91)
    for number in range(8):
        await vesper.hub.async_remove_device(f"old-{number}")
    await _flood(vesper, 8, "new")
    assert len(vesper.hub.devices) == 10
