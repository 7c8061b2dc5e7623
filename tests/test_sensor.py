"""Sensors of a device, from message to state."""

from collections import Counter
from typing import Any, get_type_hints

import pytest
from pytest_homeassistant_custom_component.common import (
    async_fire_mqtt_message,
    snapshot_platform,
)
from syrupy.assertion import SnapshotAssertion

from custom_components.vesper.protocol.heartbeat import Heartbeat
from homeassistant.const import STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from .common import (
    BELL,
    BOOT,
    EVERYTHING,
    HTTP_FAIL,
    WIFI_UP,
    Vesper,
    Writes,
    log_entry,
)

#: The sensors of the diagnostic fields of firmware 1.1.0.
OF_1_1_0 = {
    "heap_free",
    "heap_min_free",
    "last_disconnect",
    "reset_reason",
    "wifi_signal",
}

#: The numbers of a heartbeat that are the same in most of them. The entities of all
#: others must be throttled.
RARELY_CHANGED = {"heap_min_free", "last_disconnect_code", "reset_reason"}

RAISED = b'{"subsystem": "FileManager", "state": "WARNING"}'
CLEARED = b'{"subsystem": "FileManager", "state": "CLEARED"}'


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
@pytest.mark.parametrize("platforms", [[Platform.SENSOR]])
async def test_all(
    hass: HomeAssistant,
    vesper: Vesper,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
) -> None:
    """Registry entries and states match the snapshot."""
    vesper.freezer.move_to("2030-01-01T12:00:00.9Z")
    await vesper.report_everything()
    await snapshot_platform(hass, entity_registry, snapshot, vesper.entry.entry_id)


@pytest.mark.parametrize("key", ["last_seen", "wifi_signal"])
async def test_what_is_disabled_at_first(
    vesper: Vesper, entity_registry: er.EntityRegistry, key: str
) -> None:
    """A disabled entity is not written."""
    await vesper.heartbeat()
    entity = entity_registry.async_get(vesper.entity_id(key))
    assert entity is not None
    assert entity.disabled_by is er.RegistryEntryDisabler.INTEGRATION


@pytest.mark.parametrize("state", ["WARNING", "CRITICAL", "FAILED", "Failed"])
async def test_alert(vesper: Vesper, state: str) -> None:
    """The sensor of a subsystem shows severity and message."""
    vesper.freezer.move_to("2030-01-01T12:00:00.9Z")
    await vesper.alert("FileManager", state, "SD mount failed")
    shown = vesper.state("alert_FileManager")
    assert shown.state == state.lower()
    assert shown.name == "Vesper bell FileManager"
    attributes = ("message", "updated_at", "confirmed")
    assert [shown.attributes[name] for name in attributes] == [
        "SD mount failed",
        vesper.hub.devices[BELL].alerts.active["FileManager"].updated_at,
        True,
    ]
    assert shown.attributes["updated_at"].isoformat() == "2030-01-01T12:00:00+00:00"


@pytest.mark.parametrize("state", ["CLEARED", "HEALTHY", "OK", "cleared"])
async def test_alert_stays_when_cleared(vesper: Vesper, state: str) -> None:
    """It is ok then, without the alert's attributes."""
    await vesper.alert("FileManager", "WARNING", "SD mount failed")
    await vesper.alert("FileManager", state)
    shown = vesper.state("alert_FileManager")
    assert shown.state == "ok"
    assert not shown.attributes.keys() & {"message", "updated_at", "confirmed"}
    assert vesper.value("active_alerts") == "0"
    assert vesper.state("active_alerts").attributes["alerts"] == []

    await vesper.alert("FileManager", "FAILED")
    assert vesper.value("alert_FileManager") == "failed"
    assert vesper.state("alert_FileManager").attributes["message"] == ""


async def test_cleared_alone_makes_no_sensor(vesper: Vesper) -> None:
    """A subsystem without an alert has no sensor."""
    await vesper.alert("FileManager", "CLEARED")
    assert vesper.keys().isdisjoint({"alert_FileManager"})
    assert vesper.value("connectivity") == "on"


async def test_the_same_state_again(vesper: Vesper) -> None:
    """It updates message and time, and is no transition."""
    await vesper.alert("FileManager", "WARNING", "SD mount failed")
    before = vesper.state("alert_FileManager")
    await vesper.advance(10)
    await vesper.alert("FileManager", "WARNING", "SD still not there")
    after = vesper.state("alert_FileManager")
    assert after.attributes["message"] == "SD still not there"
    assert after.attributes["updated_at"] > before.attributes["updated_at"]
    assert after.last_changed == before.last_changed


async def test_subsystems_differ_by_case(vesper: Vesper) -> None:
    """The name of a subsystem is case-sensitive."""
    await vesper.alert("storage", "WARNING")
    await vesper.alert("Storage", "FAILED")
    await vesper.alert("Speicher für Töne / 2", "CRITICAL")
    assert vesper.value("alert_storage") == "warning"
    assert vesper.value("alert_Storage") == "failed"
    assert vesper.value("alert_Speicher für Töne / 2") == "critical"
    assert vesper.value("active_alerts") == "3"


async def test_health_and_active_alerts(vesper: Vesper) -> None:
    """Health is the worst alert, which is listed first."""
    vesper.freezer.move_to("2030-01-01T12:00:00Z")
    await vesper.heartbeat()
    assert vesper.value("health") == "ok"
    assert vesper.value("active_alerts") == "0"
    await vesper.alert("Network", "WARNING")
    await vesper.alert("FileManager", "FAILED", "SD mount failed")
    await vesper.alert("Audio", "CRITICAL")
    assert vesper.value("health") == "failed"
    assert vesper.value("active_alerts") == "3"
    time = "2030-01-01T12:00:00+00:00"
    assert vesper.state("active_alerts").attributes["alerts"] == [
        {
            "subsystem": subsystem,
            "state": state,
            "message": message,
            "updated_at": time,
            "confirmed": True,
            "acknowledged": False,
            "acknowledged_by": None,
            "acknowledged_at": None,
            "note": "",
            "raised_at": time,
            "worsened_at": time,
            "announced": state,
        }
        for subsystem, state, message in (
            ("FileManager", "FAILED", "SD mount failed"),
            ("Audio", "CRITICAL", ""),
            ("Network", "WARNING", ""),
        )
    ]
    await vesper.alert("FileManager", "CLEARED")
    assert vesper.value("health") == "critical"
    await vesper.alert("Audio", "WARNING")
    assert vesper.value("health") == "warning"


async def test_a_restart_leaves_alerts_unconfirmed(vesper: Vesper) -> None:
    """The firmware does not report them after a boot."""
    await vesper.report_everything()
    await vesper.advance(30)
    await vesper.heartbeat(uptime=10)
    assert vesper.value("alert_FileManager") == "warning"
    assert vesper.state("alert_FileManager").attributes["confirmed"] is False
    assert vesper.state("active_alerts").attributes["alerts"][0]["confirmed"] is False


async def test_melody(vesper: Vesper) -> None:
    """It is shown while it plays."""
    await vesper.heartbeat()
    assert vesper.value("melody") == STATE_UNKNOWN
    await vesper.info("playback_started", {"melody_uid": "ABC123"})
    assert vesper.value("melody") == "ABC123"
    await vesper.info("playback_started")
    assert vesper.value("melody") == STATE_UNKNOWN
    await vesper.info("playback_started", {"melody_uid": "DEF456"})
    assert vesper.value("melody") == "DEF456"
    await vesper.info("playback_stopped", {"melody_uid": "DEF456"})
    assert vesper.value("melody") == STATE_UNKNOWN


@pytest.mark.parametrize("is_known", [True, False])
async def test_raised_and_cleared_in_one_turn(
    hass: HomeAssistant, vesper: Vesper, *, is_known: bool
) -> None:
    """A sensor shows changes made while it is added."""
    if is_known:
        await vesper.heartbeat()
    for payload in (RAISED, CLEARED):
        async_fire_mqtt_message(hass, f"vesper/{BELL}/status/alerts", payload)
    await hass.async_block_till_done()
    assert vesper.value("alert_FileManager") == "ok"
    assert vesper.value("problem") == "off"


@pytest.mark.parametrize("is_known", [True, False])
async def test_many_subsystems_in_one_turn(
    hass: HomeAssistant, vesper: Vesper, *, is_known: bool
) -> None:
    """Each sensor shows the last state of its subsystem."""
    if is_known:
        await vesper.heartbeat()
    for state in ("WARNING", "CRITICAL"):
        for number in range(32):
            payload = f'{{"subsystem": "s{number}", "state": "{state}"}}'
            async_fire_mqtt_message(hass, f"vesper/{BELL}/status/alerts", payload)
    await hass.async_block_till_done()
    assert {vesper.value(f"alert_s{number}") for number in range(32)} == {"critical"}
    assert vesper.value("active_alerts") == "32"


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_last_seen(vesper: Vesper) -> None:
    """It is the time of the last live message."""
    vesper.freezer.move_to("2030-01-01T12:00:00.9Z")
    await vesper.heartbeat(retain=True)
    assert vesper.value("last_seen") == STATE_UNKNOWN
    await vesper.heartbeat()
    assert vesper.value("last_seen") == "2030-01-01T12:00:00+00:00"
    await vesper.advance(30)
    await vesper.heartbeat()
    assert vesper.value("last_seen") == "2030-01-01T12:00:00+00:00"
    await vesper.advance(91)
    # While offline it is exact.
    assert vesper.value("last_seen") == "2030-01-01T12:00:30+00:00"


@pytest.mark.parametrize(
    ("key", "attribute"), [("active_alerts", "alerts"), ("activity", "payload")]
)
async def test_what_is_not_for_the_recorder(
    vesper: Vesper, key: str, attribute: str
) -> None:
    """Lists and texts of a device are not recorded."""
    await vesper.report_everything()
    state = vesper.state(key)
    assert attribute in state.attributes
    assert state.state_info is not None
    assert attribute in state.state_info["unrecorded_attributes"]


# Telemetry


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_firmware_1_0_0(vesper: Vesper) -> None:
    """Its missing diagnostics are unknown, which is no fault."""
    vesper.freezer.move_to("2030-01-01T12:00:00.9Z")
    await vesper.heartbeat(device_id=BELL, uptime=3600, firmware_version="1.0.0")
    values = vesper.values()
    assert {values[key] for key in OF_1_1_0} == {STATE_UNKNOWN}
    assert values["device_log"] == STATE_UNKNOWN
    assert values["boot_time"] == "2030-01-01T11:00:00+00:00"
    assert values["connectivity"] == "on"
    for key in ("last_disconnect", "reset_reason"):
        assert vesper.state(key).attributes["code"] is None
    assert not vesper.hub.devices[BELL].faults


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_firmware_1_1_0(vesper: Vesper) -> None:
    """It sends all five, and each is decoded."""
    await vesper.heartbeat(
        device_id=BELL, **EVERYTHING, recent_events=[BOOT, WIFI_UP, HTTP_FAIL]
    )
    values = vesper.values()
    assert {key: values[key] for key in OF_1_1_0} == {
        "heap_free": "166.015625",
        "heap_min_free": "147.0",
        "last_disconnect": "silent_death",
        "reset_reason": "power_on",
        "wifi_signal": "-53",
    }
    assert not vesper.hub.devices[BELL].faults


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("heap_free", "heap_free"),
        ("heap_min_free", "heap_min_free"),
        ("last_disconnect_code", "last_disconnect"),
        ("recent_events", "wifi_signal"),
        ("reset_reason", "reset_reason"),
    ],
)
@pytest.mark.parametrize("value", [None, "1", -1, [None], "absent"], ids=repr)
async def test_an_absent_field(
    vesper: Vesper, field: str, key: str, value: Any
) -> None:
    """A value is unknown until sent, then kept."""
    in_full = EVERYTHING | {"recent_events": [BOOT, WIFI_UP]}
    fields = in_full | {field: value}
    if value == "absent":
        del fields[field]
    await vesper.heartbeat(**fields)
    values = vesper.values()
    assert {one for one in OF_1_1_0 if values[one] == STATE_UNKNOWN} == {key}
    is_fault = value not in (None, "absent")
    assert bool(vesper.hub.devices[BELL].faults) is is_fault

    await vesper.heartbeat(**in_full)
    await vesper.heartbeat(**fields)
    assert STATE_UNKNOWN not in {vesper.value(one) for one in OF_1_1_0}


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_what_changes_with_each_heartbeat(vesper: Vesper, writes: Writes) -> None:
    """No entity is written more than once a minute."""
    numbers = {
        name
        for name, hint in get_type_hints(Heartbeat).items()
        if hint in (int | None, float | None)
    }
    assert numbers <= EVERYTHING.keys()
    fields = EVERYTHING | {"recent_events": [BOOT, WIFI_UP]}
    await vesper.heartbeat(**fields)
    writes.take()
    for beat in range(1, 21):
        await vesper.advance(30)
        moved = {name: EVERYTHING[name] + beat % 3 for name in numbers - RARELY_CHANGED}
        moved["uptime"] = EVERYTHING["uptime"] + 30 * beat
        await vesper.heartbeat(**fields | moved)
    counts = Counter(writes.take())
    assert counts[vesper.entity_id("heap_free")] == 10
    assert {entity_id for entity_id, count in counts.items() if count > 10} == set()


@pytest.mark.parametrize(
    ("key", "field", "code", "state"),
    [
        ("reset_reason", "reset_reason", 0, "undetermined"),
        ("reset_reason", "reset_reason", 9, "brown_out"),
        ("reset_reason", "reset_reason", 15, "cpu_lockup"),
        ("reset_reason", "reset_reason", 16, "other"),
        ("reset_reason", "reset_reason", 65535, "other"),
        ("last_disconnect", "last_disconnect_code", 0, STATE_UNKNOWN),
        ("last_disconnect", "last_disconnect_code", 8, "assoc_leave"),
        ("last_disconnect", "last_disconnect_code", 200, "beacon_timeout"),
        ("last_disconnect", "last_disconnect_code", 255, "silent_death"),
        ("last_disconnect", "last_disconnect_code", 256, "other"),
    ],
)
async def test_codes(
    vesper: Vesper, key: str, field: str, code: int, state: str
) -> None:
    """A code is shown by name, with its number."""
    fields: dict[str, Any] = {field: code}
    await vesper.heartbeat(**fields)
    assert vesper.value(key) == state
    assert vesper.state(key).attributes["code"] == code


async def test_unnamed_codes_differ(vesper: Vesper) -> None:
    """The state is the same, the number is not."""
    await vesper.heartbeat(reset_reason=90)
    await vesper.heartbeat(reset_reason=91)
    assert vesper.value("reset_reason") == "other"
    assert vesper.state("reset_reason").attributes["code"] == 91


async def test_free_heap_is_current_after_the_device_was_offline(
    vesper: Vesper,
) -> None:
    """The first heartbeat after the return is shown."""
    await vesper.heartbeat(uptime=60, heap_free=170 * 1024)
    await vesper.advance(30)
    await vesper.heartbeat(uptime=90, heap_free=64 * 1024)
    await vesper.advance(91)
    await vesper.alert("SdCard", "WARNING")
    assert vesper.value("heap_free") == "64.0"
    await vesper.advance(30)
    await vesper.heartbeat(uptime=211, heap_free=170 * 1024)
    assert vesper.value("heap_free") == "170.0"


async def test_heap_is_shown_in_kib(vesper: Vesper) -> None:
    """Bytes are converted to KiB."""
    await vesper.heartbeat(heap_free=10 * 1024, heap_min_free=1024)
    for key, value in (("heap_free", "10.0"), ("heap_min_free", "1.0")):
        assert vesper.value(key) == value
        assert vesper.state(key).attributes["unit_of_measurement"] == "KiB"


async def test_boot_time(vesper: Vesper) -> None:
    """It is constant while the device runs."""
    vesper.freezer.move_to("2030-01-01T12:00:00.9Z")
    await vesper.heartbeat(retain=True, uptime=99)
    assert vesper.value("boot_time") == STATE_UNKNOWN
    await vesper.heartbeat(uptime=3600)
    assert vesper.value("boot_time") == "2030-01-01T11:00:00+00:00"
    await vesper.advance(30)
    await vesper.heartbeat(uptime=3625)
    assert vesper.value("boot_time") == "2030-01-01T11:00:00+00:00"
    await vesper.advance(3600)
    await vesper.heartbeat(uptime=30)
    assert vesper.value("boot_time") == "2030-01-01T13:00:00+00:00"


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_wifi_signal(vesper: Vesper) -> None:
    """It is that of the newest connection, if valid."""
    await vesper.heartbeat(recent_events=[BOOT])
    assert vesper.value("wifi_signal") == STATE_UNKNOWN
    await vesper.heartbeat(recent_events=[BOOT, WIFI_UP])
    assert vesper.value("wifi_signal") == "-53"
    weaker = log_entry(2, 65456, up=900)
    await vesper.heartbeat(recent_events=[BOOT, WIFI_UP, weaker, HTTP_FAIL])
    assert vesper.value("wifi_signal") == "-80"
    assert vesper.state("wifi_signal").attributes["unit_of_measurement"] == "dBm"
    await vesper.heartbeat(recent_events=[weaker, log_entry(2, 300, up=950)])
    assert vesper.value("wifi_signal") == STATE_UNKNOWN


@pytest.mark.parametrize("state", ["CLEARED", "FAILED"])
async def test_alert_sensor_that_a_user_removed(vesper: Vesper, state: str) -> None:
    """It stays away until its subsystem raises an alert."""
    await vesper.alert("FileManager", "WARNING")
    await vesper.alert("FileManager", state)
    registry = er.async_get(vesper.hass)
    registry.async_remove(vesper.entity_id("alert_FileManager"))
    await vesper.hass.async_block_till_done()
    shown = vesper.keys()
    assert "alert_FileManager" not in shown
    await vesper.reload()
    shown = vesper.keys()
    assert ("alert_FileManager" in shown) is (state == "FAILED")
    await vesper.alert("FileManager", "CRITICAL")
    registry.async_remove(vesper.entity_id("alert_FileManager"))
    await vesper.hass.async_block_till_done()
    assert vesper.value("health") == "critical"
    await vesper.alert("FileManager", "CLEARED")
    await vesper.alert("FileManager", "CRITICAL")
    assert vesper.value("alert_FileManager") == "critical"
