"""Test what is stored and what a restart restores."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
import logging
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_mqtt_message,
)

from custom_components.vesper.const import (
    CONF_HEARTBEAT_TIMEOUT,
    DEFAULT_HEARTBEAT_TIMEOUT,
    DOMAIN,
    MIN_HEARTBEAT_TIMEOUT,
)
from custom_components.vesper.hub.hub import VesperHub
from custom_components.vesper.model.change import Change
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.snapshot import serialize
from homeassistant.const import (
    EVENT_HOMEASSISTANT_FINAL_WRITE,
    EVENT_STATE_CHANGED,
    STATE_OFF,
    STATE_ON,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from tests.automation import automate, devices, registered_id
from tests.common import (
    BELL,
    BOOT,
    EVERYTHING,
    FLEET,
    HTTP_FAIL,
    WIFI_UP,
    Vesper,
    Writes,
    logged,
)

KEY = f"{DOMAIN}.{FLEET}"

#: In seconds: urgent changes are stored within one.
AT_ONCE = 1

#: In seconds: all other changes are, with a margin.
AT_LAST = 15 * 60 + 1


class Disk:
    """The stored data of the integration."""

    def __init__(self, vesper: Vesper, storage: dict[str, Any]) -> None:
        """Take the storage of Home Assistant."""
        self._vesper = vesper
        self._storage = storage

    @property
    def devices(self) -> dict[str, Any]:
        """Return the stored devices."""
        file = self._storage.get(KEY, {"data": {"devices": {}}})
        devices: dict[str, Any] = file["data"]["devices"]
        return devices

    @property
    def alerts(self) -> list[tuple[str, str]]:
        """Return the stored alerts of the bell."""
        return [
            (alert["subsystem"], alert["state"])
            for alert in self.devices[BELL]["alerts"]
        ]

    @asynccontextmanager
    async def killed(self) -> AsyncIterator[None]:
        """Kill Home Assistant and start it from the store."""
        saved = deepcopy(self._storage.get(KEY))
        entry_id = self._vesper.entry.entry_id
        config_entries = self._vesper.hass.config_entries
        assert await config_entries.async_unload(entry_id)
        if saved is None:
            self._storage.pop(KEY, None)
        else:
            self._storage[KEY] = saved
        yield
        assert await config_entries.async_setup(entry_id)
        await self._vesper.hass.async_block_till_done()


def listen(hub: VesperHub, notified: list[Change], listens_to: Change) -> None:
    """Add each change of the bell to a list."""
    hub.listeners.async_listen(
        hub.devices[BELL], listens_to, lambda change, _context: notified.append(change)
    )


async def let_rest(vesper: Vesper) -> None:
    """Let a device be in maintenance, and save it.

    Then nothing changes with time, not even the availability.
    """
    await vesper.heartbeat(uptime=5, retain=True)
    await vesper.call(
        "vesper.set_maintenance",
        device_id=registered_id(vesper.hass, BELL),
        duration={"days": 1},
    )
    await vesper.advance(91)
    await vesper.advance(AT_LAST)


@pytest.fixture
def disk(vesper: Vesper, hass_storage: dict[str, Any]) -> Disk:
    """Return the stored data."""
    return Disk(vesper, hass_storage)


# When


async def test_a_transition_is_on_disk_at_once(vesper: Vesper, disk: Disk) -> None:
    """An alert's change is stored within a second."""
    for state, alerts in (
        ("WARNING", [("SD", "WARNING")]),
        ("FAILED", [("SD", "FAILED")]),
        ("CLEARED", []),
    ):
        await vesper.alert("SD", state, "SD mount failed")
        await vesper.advance(AT_ONCE)
        assert disk.alerts == alerts
    assert disk.devices[BELL]["subsystems"] == ["SD"]


async def test_no_transition_of_a_storm_is_put_off(vesper: Vesper, disk: Disk) -> None:
    """Many changes do not delay the save."""
    for number in range(30):
        state = ("WARNING", "CRITICAL", "FAILED")[number % 3]
        await vesper.alert("SD", state)
        wanted = ("SD", state)
        await vesper.alert("other", state)
        for _ in range(4):
            await vesper.advance(0.25)
            if wanted in disk.alerts:
                break
        else:
            pytest.fail("not on disk within a second")


async def test_a_new_device_is_on_disk_at_once(vesper: Vesper, disk: Disk) -> None:
    """A device known by retained messages is stored too."""
    await vesper.heartbeat()
    await vesper.heartbeat("other", retain=True)
    await vesper.advance(AT_ONCE)
    assert set(disk.devices) == {BELL, "other"}


async def test_a_kill_makes_nothing_happen_again(
    hass: HomeAssistant, vesper: Vesper, disk: Disk
) -> None:
    """An automation does not run again after a kill."""
    await vesper.heartbeat(uptime=3600)
    automations = {
        kind: await automate(hass, kind, devices(hass))
        for kind in ("restarted", "went_offline", "came_online")
    }

    def triggered() -> list[str]:
        return [kind for kind, automation in automations.items() if automation.take()]

    await vesper.advance(AT_ONCE)
    await vesper.heartbeat(uptime=5)
    assert triggered() == ["restarted"]
    await vesper.advance(AT_ONCE)
    async with disk.killed():
        pass
    await vesper.heartbeat(uptime=10)
    assert triggered() == []
    await vesper.advance(91)
    assert triggered() == ["went_offline"]
    await vesper.advance(AT_ONCE)
    async with disk.killed():
        pass
    await vesper.advance(91)
    assert triggered() == []
    await vesper.heartbeat(uptime=200)
    assert triggered() == ["came_online"]
    await vesper.advance(AT_ONCE)
    async with disk.killed():
        pass
    await vesper.heartbeat(uptime=210)
    assert triggered() == []


async def test_a_heartbeat_is_not_saved_by_itself(vesper: Vesper, disk: Disk) -> None:
    """Its values are stored after 15 minutes at most."""
    await vesper.heartbeat(**EVERYTHING)
    await vesper.advance(AT_ONCE)
    with patch("homeassistant.helpers.storage.Store.async_save") as save:
        for _ in range(10):
            await vesper.advance(30)
            await vesper.heartbeat(**EVERYTHING | {"uptime": 3650, "heap_free": 7})
            await vesper.info("playback_started", {"melody_uid": "ABC123"})
        assert not save.called
    await vesper.advance(AT_LAST)
    saved = disk.devices[BELL]
    assert saved["uptime"] == 3650
    assert saved["telemetry"]["heap_free"] == 7


async def test_what_has_not_changed_is_not_written(vesper: Vesper) -> None:
    """Nothing is written while nothing changes."""
    await let_rest(vesper)
    with patch("homeassistant.helpers.storage.Store.async_save") as save:
        await vesper.advance(AT_LAST)
    assert not save.called


@pytest.mark.parametrize("wait", [AT_ONCE, 0], ids=["written", "scheduled"])
async def test_saved_when_home_assistant_stops(
    hass: HomeAssistant,
    vesper: Vesper,
    disk: Disk,
    caplog: pytest.LogCaptureFixture,
    wait: float,
) -> None:
    """MQTT stopping does not change the stored devices."""
    await vesper.report_everything()
    await vesper.advance(wait)
    await vesper.heartbeat(uptime=3650)
    hass.set_state(CoreState.stopping)
    await vesper.disconnect_broker()
    hass.set_state(CoreState.final_write)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
    await hass.async_block_till_done()
    hass.set_state(CoreState.running)
    assert disk.devices[BELL]["uptime"] == 3650
    assert disk.devices[BELL]["playing"] is True
    assert not [line for line in caplog.records if line.levelno >= logging.ERROR]


async def test_not_saved_unchanged_when_home_assistant_stops(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """The final write leaves out what is stored already."""
    await let_rest(vesper)
    with patch("homeassistant.helpers.storage.Store.async_save") as save:
        hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
        await hass.async_block_till_done()
    assert not save.called


async def test_no_save_at_the_interval_while_home_assistant_stops(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Only the final write follows."""
    await vesper.heartbeat()
    await vesper.advance(AT_ONCE)
    hass._cancel_cancellable_timers()  # noqa: SLF001  # as when it stops
    with patch("homeassistant.helpers.storage.Store.async_save") as save:
        await vesper.advance(AT_LAST)
    assert not save.called


async def test_a_fleet_is_saved_in_chunks(vesper: Vesper, disk: Disk) -> None:
    """All devices are stored, except those removed meanwhile."""
    ids = {f"bell-{number}" for number in range(5)}
    for device_id in ids:
        await vesper.heartbeat(device_id)
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT + 1)
    hub = vesper.hub
    serialized: list[str] = []
    removed: set[str] = set()

    def serialize_and_remove(device: Device, *clocks: float) -> bytes:
        """Remove two devices while another one is serialized."""
        serialized.append(device.device_id)
        if len(serialized) == 2:
            removed.update({serialized[0], min(ids.difference(serialized))})
            for device_id in removed:
                hub._remove(device_id)  # noqa: SLF001
        return serialize(device, *clocks)

    with (
        patch("custom_components.vesper.hub.chunks.CHUNK", 0),
        patch(
            "custom_components.vesper.hub.store.serialize",
            side_effect=serialize_and_remove,
        ),
    ):
        await vesper.advance(AT_LAST)
        await vesper.advance(AT_ONCE)
        assert set(disk.devices) == ids - removed
        await vesper.reload()
    assert len(removed) == 2
    assert set(hub.devices) == set(vesper.hub.devices) == ids - removed


# A restart


async def test_all_is_there_at_once(
    hass: HomeAssistant, vesper: Vesper, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    """Each entity shows its last value at once."""
    await vesper.report_everything()
    await vesper.advance(870)
    await vesper.heartbeat(**EVERYTHING | {"uptime": 3600 + 870})
    await vesper.info("playback_started", {"melody_uid": "ABC123"})
    await vesper.advance(31)
    before, keys = vesper.values(), vesper.keys()
    assert STATE_UNAVAILABLE not in before.values()

    async with disk.killed():
        caplog.clear()
        changes = async_capture_events(hass, EVENT_STATE_CHANGED)
        notified: list[Change] = []
    hub = vesper.hub
    listen(hub, notified, ~Change.NOTHING)
    assert vesper.values() == before | {"connectivity": STATE_UNKNOWN}
    assert vesper.keys() == keys
    assert vesper.state("alert_FileManager").attributes["confirmed"] is False
    assert vesper.state("alert_FileManager").attributes["message"] == "SD mount failed"
    assert vesper.value("devices_with_alerts", FLEET) == "1"
    assert not notified
    assert not logged(caplog)
    # From missing or unavailable to its restored value: nothing fires.
    assert {
        change.data["old_state"].state
        for change in changes
        if change.data["old_state"] is not None
    } <= {STATE_UNAVAILABLE, STATE_UNKNOWN}


async def test_connectivity_after_a_restart(vesper: Vesper, disk: Disk) -> None:
    """It is unknown until a live message or timeout."""
    await vesper.heartbeat(uptime=5)
    await vesper.heartbeat("other", uptime=5)
    await vesper.advance(AT_ONCE)
    async with disk.killed():
        pass
    await vesper.heartbeat(uptime=5, retain=True)
    assert vesper.value("connectivity") == STATE_UNKNOWN
    changes: list[Change] = []
    hub = vesper.hub
    listen(hub, changes, ~Change.NOTHING)
    await vesper.heartbeat(uptime=5)
    assert vesper.value("connectivity") == STATE_ON
    assert not any(change & Change.CAME_ONLINE for change in changes)
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT + 1)
    assert vesper.value("connectivity", "other") == STATE_OFF


async def test_playback_after_a_restart(vesper: Vesper) -> None:
    """It is restored until the device's first message."""
    await vesper.report_everything()
    await vesper.reload()
    assert (vesper.value("playing"), vesper.value("melody")) == (STATE_ON, "ABC123")
    await vesper.heartbeat(uptime=3600, retain=True)
    assert vesper.value("playing") == STATE_ON
    await vesper.heartbeat(uptime=3600)
    assert vesper.value("playing") == STATE_UNKNOWN
    assert vesper.value("melody") == STATE_UNKNOWN


async def test_restarted_while_we_were_away(vesper: Vesper) -> None:
    """The first heartbeat shows the restart at any uptime."""
    await vesper.report_everything()
    await vesper.reload()
    vesper.freezer.tick(86_400)
    changes: list[Change] = []
    hub = vesper.hub
    listen(hub, changes, Change.RESTART)
    await vesper.heartbeat(uptime=4000)
    assert len(changes) == 1
    assert vesper.value("playing") == STATE_OFF


async def test_log_after_a_restart(vesper: Vesper) -> None:
    """New entries fire once; a retained log fires nothing."""
    log = [BOOT, WIFI_UP]
    await vesper.heartbeat(uptime=5, recent_events=log)
    await vesper.reload()
    await vesper.heartbeat(uptime=5, retain=True, recent_events=[*log, WIFI_UP])
    assert vesper.value("device_log") == STATE_UNKNOWN
    await vesper.heartbeat(uptime=5, recent_events=[*log, HTTP_FAIL])
    assert vesper.state("device_log").attributes["event_type"] == "http_fail"


async def test_options_keep_everything(
    hass: HomeAssistant, vesper: Vesper, writes: Writes
) -> None:
    """A reload by changed options keeps the state."""
    await vesper.report_everything()
    before = vesper.values()
    hass.config_entries.async_update_entry(
        vesper.entry, options={CONF_HEARTBEAT_TIMEOUT: MIN_HEARTBEAT_TIMEOUT}
    )
    await vesper.reload()
    assert vesper.values() == before | {"connectivity": STATE_UNKNOWN}
    writes.take()
    await vesper.heartbeat(**EVERYTHING, recent_events=[BOOT, WIFI_UP, HTTP_FAIL])
    assert set(writes.take()) == {
        *(vesper.entity_id(key) for key in ("connectivity", "playing", "melody")),
        vesper.entity_id("devices_online", FLEET),
    }


# The registries and the store


async def test_a_device_that_only_the_store_knows(
    hass: HomeAssistant,
    vesper: Vesper,
    disk: Disk,
    device_registry: dr.DeviceRegistry,
) -> None:
    """A device that the registry lost is registered again."""
    await vesper.alert("SD", "WARNING", "gone")
    await vesper.heartbeat(fw="1.2")
    await vesper.advance(AT_LAST)
    before = vesper.keys()
    async with disk.killed():
        device = device_registry.async_get_device_by_identifier((DOMAIN, BELL), FLEET)
        assert device is not None
        device_registry.async_remove_device(device.id)
        await hass.async_block_till_done()
        assert not vesper.keys()
    assert vesper.keys() == before
    assert vesper.value("alert_SD") == "warning"
    device = device_registry.async_get_device_by_identifier((DOMAIN, BELL), FLEET)
    assert device is not None
    assert device.sw_version == "1.2"


async def test_a_device_that_only_the_registries_know(
    vesper: Vesper, disk: Disk
) -> None:
    """Its alert sensors are unknown until the device reports."""
    async with disk.killed():
        # None of this is stored.
        assert await vesper.hass.config_entries.async_setup(FLEET)
        await vesper.alert("SD", "WARNING")
        await vesper.heartbeat(fw="1.2")
        assert await vesper.hass.config_entries.async_unload(FLEET)
        disk._storage.pop(KEY)  # noqa: SLF001
    assert vesper.value("alert_SD") == STATE_UNKNOWN
    assert vesper.hub.devices[BELL].telemetry.firmware_version == "1.2"
    await vesper.reload()
    assert vesper.value("alert_SD") == STATE_UNKNOWN, "it has not reported yet"
    await vesper.alert("SD", "CLEARED")
    assert vesper.value("alert_SD") == "ok"
    await vesper.reload()
    assert vesper.value("alert_SD") == "ok"


async def test_the_registry_knows_the_firmware_better(
    vesper: Vesper, disk: Disk, device_registry: dr.DeviceRegistry
) -> None:
    """An outdated firmware version is corrected."""
    await vesper.heartbeat(fw="2")
    await vesper.advance(AT_ONCE)
    async with disk.killed():
        device = device_registry.async_get_device_by_identifier((DOMAIN, BELL), FLEET)
        assert device is not None
        device_registry.async_update_device(device.id, sw_version="1")
    await vesper.heartbeat(fw="2")
    device = device_registry.async_get_device_by_identifier((DOMAIN, BELL), FLEET)
    assert device is not None
    assert device.sw_version == "2"


async def test_removed_from_the_registry(
    hass: HomeAssistant,
    vesper: Vesper,
    disk: Disk,
    device_registry: dr.DeviceRegistry,
) -> None:
    """The device is removed from the store too."""
    await vesper.alert("SD", "FAILED")
    await vesper.heartbeat("other")
    await vesper.advance(AT_ONCE)
    device = device_registry.async_get_device_by_identifier((DOMAIN, BELL), FLEET)
    assert device is not None
    device_registry.async_remove_device(device.id)
    await hass.async_block_till_done()
    assert list(vesper.hub.devices) == ["other"]
    assert vesper.value("devices_with_alerts", FLEET) == "0"
    await vesper.advance(AT_ONCE)
    assert list(disk.devices) == ["other"]

    await vesper.heartbeat()
    assert vesper.value("connectivity") == STATE_ON
    assert vesper.value("health") == "ok"


async def test_removal_of_another_device(
    hass: HomeAssistant, vesper: Vesper, device_registry: dr.DeviceRegistry
) -> None:
    """Removals of other, fleet and unknown devices are ignored."""
    await vesper.heartbeat()
    other = MockConfigEntry(domain="other")
    other.add_to_hass(hass)
    for identifier in (("other", BELL), (DOMAIN, "ghost")):
        device = device_registry.async_get_or_create(
            config_entry_id=FLEET, identifiers={identifier}
        )
        device_registry.async_update_device(device.id, name="to be removed")
        device_registry.async_remove_device(device.id)
    await hass.async_block_till_done()
    assert list(vesper.hub.devices) == [BELL]
    assert vesper.value("connectivity") == STATE_ON


async def test_removed_and_back_at_once(
    hass: HomeAssistant, vesper: Vesper, disk: Disk
) -> None:
    """The new device is stored."""
    await vesper.alert("SD", "FAILED")
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT + 1)
    await vesper.hub.async_remove_device(BELL)
    async_fire_mqtt_message(hass, "vesper/bell/status/heartbeat", "{}")
    await hass.async_block_till_done()
    await vesper.advance(AT_ONCE)
    assert disk.alerts == []
    assert list(vesper.hub.devices) == [BELL]


@pytest.mark.parametrize("seconds", [0, AT_ONCE])
async def test_removed_after_a_restart(
    vesper: Vesper, disk: Disk, seconds: float
) -> None:
    """A device is removed even if not saved since."""
    await vesper.heartbeat()
    await vesper.advance(AT_ONCE)
    await vesper.reload()
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT + 1)
    await vesper.hub.async_remove_device(BELL)
    await vesper.advance(seconds)
    await vesper.reload()
    assert disk.devices == {}
    assert not vesper.hub.devices


async def test_entities_keep_their_ids(
    vesper: Vesper, disk: Disk, entity_registry: er.EntityRegistry
) -> None:
    """A kill before registries are saved duplicates no entity."""
    await vesper.report_everything()
    await vesper.advance(AT_ONCE)
    entries = er.async_entries_for_config_entry(entity_registry, FLEET)
    before = {entity.unique_id: entity.entity_id for entity in entries}
    async with disk.killed():
        pass
    entries = er.async_entries_for_config_entry(entity_registry, FLEET)
    assert {entity.unique_id: entity.entity_id for entity in entries} == before


async def test_remove_entry(
    hass: HomeAssistant, vesper: Vesper, hass_storage: dict[str, Any]
) -> None:
    """The file is removed with the entry."""
    await vesper.alert("SD", "FAILED")
    await hass.config_entries.async_remove(FLEET)
    await hass.async_block_till_done()
    await vesper.advance(AT_LAST)
    assert KEY not in hass_storage


# Versions


@pytest.mark.parametrize("minor_version", [0, 9])
async def test_any_minor_version_is_taken(
    vesper: Vesper, disk: Disk, hass_storage: dict[str, Any], minor_version: int
) -> None:
    """Missing and unknown fields are accepted."""
    await vesper.alert("SD", "FAILED")
    await vesper.heartbeat(**EVERYTHING)
    await vesper.advance(AT_LAST)
    async with disk.killed():
        file = hass_storage[KEY]
        file["minor_version"] = minor_version
        for saved in file["data"]["devices"].values():
            saved.pop("uptime")
            saved["unheard_of"] = [1]
            for alert in saved["alerts"]:
                alert.pop("acknowledged")
    assert vesper.value("alert_SD") == "failed"
    assert vesper.value("reset_reason") == "power_on"
    assert hass_storage[KEY]["minor_version"] == 1


async def test_one_bad_device_does_not_lose_the_others(
    vesper: Vesper,
    disk: Disk,
    hass_storage: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is rejected, with one log line for all."""
    await vesper.alert("SD", "FAILED")
    await vesper.advance(AT_ONCE)
    async with disk.killed():
        devices = hass_storage[KEY]["data"]["devices"]
        devices |= {"no id\n": {}, "hall": [], "tower": None}
        caplog.clear()
    assert vesper.value("alert_SD") == "failed"
    assert list(vesper.hub.devices) == [BELL]
    (line,) = logged(caplog)
    assert line.startswith("3 of the stored devices can't be read")
    assert r"'no id\n'" in line
