"""The fleet's entities, and the devices in the registry."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er

from .common import BELL, FLEET, Vesper, Writes


def registered(
    vesper: Vesper, device_registry: dr.DeviceRegistry, device_id: str
) -> dr.DeviceEntry:
    """Return the registry entry of a device or fleet."""
    if device_id == FLEET:
        device_id = f"{FLEET}/fleet"
    entry = device_registry.async_get_device_by_identifier(
        ("vesper", device_id), vesper.entry.entry_id
    )
    assert isinstance(entry, dr.DeviceEntry)
    return entry


async def test_counts(vesper: Vesper) -> None:
    """They count devices, online ones and those with alerts."""

    def counts() -> tuple[str, ...]:
        keys = ("devices", "devices_online", "devices_offline", "devices_with_alerts")
        return tuple(vesper.value(key, FLEET) for key in keys)

    def health() -> tuple[str, str]:
        return vesper.value("fleet_health", FLEET), vesper.value("fleet_problem", FLEET)

    assert counts() == ("0", "0", "0", "0")
    assert health() == ("ok", "off")
    await vesper.heartbeat("first")
    await vesper.heartbeat("second", retain=True)
    assert counts() == ("2", "1", "0", "0")
    await vesper.alert("FileManager", "WARNING", device_id="first")
    await vesper.alert("Network", "CRITICAL", device_id="third")
    assert counts() == ("3", "2", "0", "2")
    assert health() == ("critical", "on")
    await vesper.alert("Audio", "FAILED", device_id="first")
    assert counts() == ("3", "2", "0", "2")
    assert health() == ("failed", "on")
    await vesper.alert("Audio", "CLEARED", device_id="first")
    await vesper.alert("FileManager", "CLEARED", device_id="first")
    assert counts() == ("3", "2", "0", "1")
    assert health() == ("critical", "on")
    await vesper.advance(91)
    assert counts() == ("3", "0", "3", "1")
    assert health() == ("critical", "on")
    await vesper.alert("Network", "WARNING", device_id="third")
    assert counts() == ("3", "1", "2", "1")
    assert health() == ("offline", "on")
    await vesper.alert("Network", "CLEARED", device_id="third")
    assert health() == ("offline", "on")
    await vesper.heartbeat("first")
    await vesper.heartbeat("second")
    assert counts() == ("3", "3", "0", "0")
    assert health() == ("ok", "off")


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_a_device_in_maintenance_is_not_missing(vesper: Vesper) -> None:
    """It is expected to be offline."""
    await vesper.heartbeat()
    await vesper.call("switch.turn_on", entity_id=vesper.entity_id("maintenance"))
    await vesper.advance(91)
    assert vesper.value("problem") == "off"
    assert vesper.value("connectivity") == "off"
    assert vesper.value("devices_offline", FLEET) == "0"
    assert vesper.value("fleet_health", FLEET) == "ok"
    await vesper.call("switch.turn_off", entity_id=vesper.entity_id("maintenance"))
    await vesper.hass.async_block_till_done()
    assert vesper.value("problem") == "on"
    assert vesper.value("devices_offline", FLEET) == "1"
    assert vesper.value("fleet_health", FLEET) == "offline"


async def test_one_write_for_many(
    hass: HomeAssistant, vesper: Vesper, writes: Writes
) -> None:
    """The fleet is written once for many changes."""
    for number in range(10):
        await vesper.heartbeat(f"bell-{number}", retain=number > 1)
    writes.take()
    await vesper.advance(91)
    assert vesper.value("devices_online", FLEET) == "0"
    # The list of problems is updated once a second.
    await vesper.advance(1)
    written = [
        entity_id for entity_id in writes.take() if "vesper_bell" not in entity_id
    ]
    fleet = (
        *("devices_offline", "devices_online", "fleet_health", "fleet_problem"),
        "problems",
    )
    assert written == sorted(vesper.entity_id(key, FLEET) for key in fleet)


async def test_devices_of_the_registry(
    vesper: Vesper, device_registry: dr.DeviceRegistry
) -> None:
    """The fleet is a service that connects the devices."""
    await vesper.heartbeat(firmware_version="1.2.0")
    fleet = registered(vesper, device_registry, FLEET)
    assert fleet.entry_type is dr.DeviceEntryType.SERVICE
    assert fleet.name == "All Vesper devices"
    assert fleet.manufacturer == "Bell Systems"
    assert fleet.model is None
    assert fleet.via_device_id is None

    bell = registered(vesper, device_registry, BELL)
    assert bell.entry_type is None
    assert bell.name == "Vesper bell"
    assert bell.manufacturer == "Bell Systems"
    assert bell.model == "Vesper"
    assert bell.serial_number == BELL
    assert bell.sw_version == "1.2.0"
    assert bell.via_device_id == fleet.id


async def test_entities_belong_to_their_device(
    vesper: Vesper,
    device_registry: dr.DeviceRegistry,
    entity_registry: er.EntityRegistry,
) -> None:
    """Each entity has its own device."""
    await vesper.report_everything()
    entities = er.async_entries_for_config_entry(entity_registry, vesper.entry.entry_id)
    for device_id in (BELL, FLEET):
        device = registered(vesper, device_registry, device_id)
        own = [entity for entity in entities if entity.device_id == device.id]
        assert {entity.entity_id for entity in own} == {
            vesper.entity_id(key, device_id) for key in vesper.keys(device_id)
        }
        assert all(entity.has_entity_name for entity in own)
    assert {entity.device_id for entity in entities} == {
        registered(vesper, device_registry, BELL).id,
        registered(vesper, device_registry, FLEET).id,
    }


@pytest.mark.parametrize("name", ["firmware_version", "fw_version", "fw", "version"])
async def test_firmware_version(
    hass: HomeAssistant, vesper: Vesper, device_registry: dr.DeviceRegistry, name: str
) -> None:
    """The software version is updated only when it changes."""

    def version() -> str | None:
        return registered(vesper, device_registry, BELL).sw_version

    await vesper.heartbeat()
    assert version() is None
    version_1_2: dict[str, Any] = {name: "1.2.0"}
    await vesper.heartbeat(**version_1_2)
    assert version() == "1.2.0"

    updates = async_capture_events(hass, dr.EVENT_DEVICE_REGISTRY_UPDATED)
    heartbeats: list[dict[str, Any]] = [
        {name: "1.2.0"},
        {},
        {name: None},
        {name: ""},
        {name: 2},
        {name: {"major": 2}},
        {name: "2\n0"},
        {name: "2" * 65},
    ]
    for fields in heartbeats:
        await vesper.heartbeat(uptime=5, **fields)
        await vesper.heartbeat(retain=True, uptime=5, **fields)
    assert version() == "1.2.0"
    assert updates == []

    version_1_10: dict[str, Any] = {name: "1.10"}
    await vesper.heartbeat(**version_1_10)
    assert version() == "1.10"
    assert len(updates) == 1


async def test_known_after_a_reload(
    hass: HomeAssistant, vesper: Vesper, device_registry: dr.DeviceRegistry
) -> None:
    """A device is restored before its first message."""
    await vesper.heartbeat(firmware_version="1.2.0")
    before = vesper.keys()
    updates = async_capture_events(hass, dr.EVENT_DEVICE_REGISTRY_UPDATED)
    await vesper.reload()
    assert vesper.keys() == before
    assert vesper.value("connectivity") == "unknown"
    assert vesper.value("devices", FLEET) == "1"
    await vesper.heartbeat(firmware_version="1.2.0")
    assert vesper.value("connectivity") == "on"
    assert registered(vesper, device_registry, BELL).sw_version == "1.2.0"
    assert updates == []


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_rename(vesper: Vesper, entity_registry: er.EntityRegistry) -> None:
    """Renamed entities are updated under their new ids only."""
    await vesper.report_everything()
    await vesper.info("playback_stopped")
    await vesper.alert("FileManager", "CLEARED")
    renamed = {}
    for device_id in (BELL, FLEET):
        for key in vesper.keys(device_id):
            old = vesper.entity_id(key, device_id)
            renamed[old] = f"{old.split('.')[0]}.mine_{device_id}_{key.lower()}"
            entity_registry.async_update_entity(old, new_entity_id=renamed[old])
    await vesper.hass.async_block_till_done()

    await vesper.advance(91)
    assert vesper.value("connectivity") == "off"
    assert vesper.value("devices_online", FLEET) == "0"
    await vesper.report_everything()
    await vesper.alert("Network", "FAILED")
    for old, new in renamed.items():
        assert vesper.hass.states.get(old) is None
        assert vesper.hass.states.get(new) is not None
    seen = vesper.values()
    assert seen.pop("activity") == vesper.state("activity").last_changed.isoformat(
        timespec="milliseconds"
    )
    assert seen.pop("last_seen")
    assert seen.pop("boot_time")
    assert seen.pop("device_log")
    assert seen == {
        "active_alerts": "2",
        "alert_FileManager": "warning",
        "alert_Network": "failed",
        "availability": "unknown",
        "connectivity": "on",
        "health": "failed",
        "heap_free": "166.015625",
        "heap_min_free": "147.0",
        "last_disconnect": "silent_death",
        "maintenance": "off",
        "melody": "ABC123",
        "playing": "on",
        "problem": "on",
        "reset_reason": "power_on",
        "restarts": "0",
        "run_health_check": "unknown",
        "wifi_signal": "-53",
    }
    assert vesper.value("fleet_health", FLEET) == "failed"
    await vesper.disconnect_broker()
    assert vesper.value("connectivity") == "unavailable"
    link = vesper.state("mqtt_link", FLEET)
    assert (link.state, link.attributes["prefix"]) == ("off", "vesper")


async def test_ids_that_run_into_one_another(vesper: Vesper) -> None:
    """Ids with the same prefix have their own entities."""
    await vesper.alert("health", "WARNING", device_id="bell")
    await vesper.heartbeat("bell_alert")
    assert vesper.hass.states.get("sensor.vesper_bell_alert_health") is not None
    assert vesper.hass.states.get("sensor.vesper_bell_health_2") is not None


async def test_the_id_of_the_fleet(vesper: Vesper) -> None:
    """A device with its id is not the fleet."""
    await vesper.heartbeat(FLEET)
    state = vesper.hass.states.get("binary_sensor.vesper_fleet_connectivity")
    assert state is not None
    assert state.state == "on"
    assert vesper.value("devices", FLEET) == "1"
