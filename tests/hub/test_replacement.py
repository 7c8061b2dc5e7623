"""Test the replacement of a device by another board."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockUser,
    async_fire_mqtt_message,
)
import voluptuous as vol

from custom_components.vesper.const import CONF_ENTITIES, DEFAULT_HEARTBEAT_TIMEOUT
from custom_components.vesper.hub.replacement import Replacements
from custom_components.vesper.model.alerts import MAX_SUBSYSTEMS
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNKNOWN
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
)
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
)
from homeassistant.util.file import WriteError
from tests.automation import automate, devices, registered_id
from tests.common import BELL, FLEET, Vesper

NEW = "new-bell_alert"
KEY = f"vesper.{FLEET}"
AT_ONCE = 1


def key_of(device_id: str, unique_id: str) -> str:
    """Return the key of an entity."""
    return unique_id.removeprefix(f"{FLEET}/{device_id}/")


def entities(hass: HomeAssistant, device_id: str) -> dict[str, er.RegistryEntry]:
    """Return the registered entities of a device by key."""
    return {
        key_of(device_id, entity.unique_id): entity
        for entity in er.async_entries_for_device(
            er.async_get(hass),
            registered_id(hass, device_id),
            include_disabled_entities=True,
        )
    }


def value(hass: HomeAssistant, key: str, device_id: str = NEW) -> str:
    """Return the state of an entity."""
    state = hass.states.get(entities(hass, device_id)[key].entity_id)
    assert state is not None
    return state.state


@pytest.fixture(autouse=True)
def cleared(vesper: Vesper) -> list[str]:
    """Return the topics whose retained message is cleared."""
    topics: list[str] = []

    async def _publish(*args: Any, **_: Any) -> None:
        if args[3]:
            topics.append(args[0])
            async_fire_mqtt_message(vesper.hass, args[0], args[1])

    vesper.mqtt.async_publish.side_effect = _publish
    return topics


@pytest.fixture(autouse=True)
async def broken(vesper: Vesper) -> None:
    """Have one device go offline, and another one online."""
    vesper.freezer.move_to("2030-01-01T12:00:00Z")
    await vesper.heartbeat(firmware_version="1.0.0", uptime=86_400)
    await vesper.alert("SD card!/ö", "CRITICAL", "no card")
    await vesper.alert("Network", "WARNING")
    await vesper.alert("Network", "CLEARED")
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT + 1)
    await vesper.heartbeat(NEW, firmware_version="2.0.0", uptime=60)


async def replace(vesper: Vesper, old: str = BELL, new: str = NEW) -> None:
    """Replace a device."""
    await vesper.call(
        "vesper.replace_device",
        old_device_id=registered_id(vesper.hass, old),
        new_device_id=registered_id(vesper.hass, new),
    )
    await vesper.hass.async_block_till_done()


async def test_entities(
    hass: HomeAssistant, vesper: Vesper, cleared: list[str]
) -> None:
    """The entities stay and show the new board."""
    registry, area = dr.async_get(hass), ar.async_get(hass).async_create("Chapel")
    old_id, new_id = registered_id(hass), registered_id(hass, NEW)
    registry.async_update_device(old_id, area_id=area.id, name_by_user="Big Ben")
    before = entities(hass, BELL)
    er.async_get(hass).async_update_entity(
        before["health"].entity_id,
        new_entity_id="sensor.my_health",
        name="My health",
        hidden_by=er.RegistryEntryHider.USER,
    )
    er.async_get(hass).async_update_entity(
        before["boot_time"].entity_id, disabled_by=er.RegistryEntryDisabler.USER
    )
    before = entities(hass, BELL)
    ended = await automate(hass, "came_online", {"device_id": old_id})

    await replace(vesper)
    after = entities(hass, NEW)
    assert {key: one.entity_id for key, one in after.items()} == {
        key: one.entity_id for key, one in before.items()
    }
    assert {key: one.id for key, one in after.items()} == {
        key: one.id for key, one in before.items()
    }
    health = after["health"]
    assert (health.entity_id, health.name) == ("sensor.my_health", "My health")
    assert health.hidden_by is er.RegistryEntryHider.USER
    assert after["boot_time"].disabled_by is er.RegistryEntryDisabler.USER
    assert not vesper.keys()
    device = registry.async_get(old_id)
    assert isinstance(device, dr.DeviceEntry)
    assert (device.area_id, device.name_by_user) == (area.id, "Big Ben")
    assert (device.serial_number, device.sw_version) == (NEW, "2.0.0")
    assert device.name == f"Vesper {NEW}"
    assert registered_id(hass, NEW) == old_id
    assert registry.async_get(new_id) is None
    assert list(vesper.hub.devices) == [NEW]
    assert vesper.value("devices", FLEET) == "1"
    assert cleared == [f"vesper/{BELL}/status/heartbeat"]

    assert value(hass, "connectivity") == STATE_UNKNOWN
    await vesper.heartbeat(NEW, uptime=90)
    assert value(hass, "connectivity") == STATE_ON
    # Its automations know that the old board went offline.
    assert [run["vesper_id"] for run in ended.take()] == [NEW]
    # Nothing of the old board is left at a restart, and it is new if it is heard.
    await vesper.reload()
    assert list(vesper.hub.devices) == [NEW]
    await vesper.heartbeat()
    assert registered_id(hass) != old_id
    await vesper.reload()
    assert set(vesper.hub.devices) == {BELL, NEW}
    assert entities(hass, NEW).keys() == after.keys()
    assert registered_id(hass, NEW) == old_id


async def test_alerts_are_those_of_a_restart(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """They stay while the new board may raise them."""
    await vesper.call(
        "vesper.acknowledge_alert",
        **devices(hass),
        subsystem="SD card!/ö",
        note="new one comes",
    )
    cleared = await automate(hass, "alert_cleared", devices(hass))
    await replace(vesper)
    state = hass.states.get(entities(hass, NEW)["alert_SD card!/ö"].entity_id)
    assert state is not None
    assert state.state == "critical"
    assert state.attributes["message"] == "no card"
    assert state.attributes["confirmed"] is False
    assert state.attributes["note"] == "new one comes"
    assert value(hass, "alert_Network") == "ok"
    assert value(hass, "health") == "critical"

    for uptime in range(90, 800, 30):
        await vesper.heartbeat(NEW, uptime=uptime)
        await vesper.advance(30)
    assert value(hass, "alert_SD card!/ö") == "ok"
    assert [run["subsystem"] for run in cleared.take()] == ["SD card!/ö"]


@pytest.mark.parametrize(("severity", "note"), [("WARNING", "Anna"), ("FAILED", "")])
async def test_alert_of_both(
    hass: HomeAssistant, vesper: Vesper, severity: str, note: str
) -> None:
    """The report of the new board continues the alert."""
    await vesper.call(
        "vesper.acknowledge_alert", **devices(hass), subsystem="SD card!/ö", note="Anna"
    )
    await vesper.alert("SD card!/ö", severity, "again", device_id=NEW)
    await replace(vesper)
    (alert,) = vesper.hub.devices[NEW].alerts.as_json()
    assert (alert["state"], alert["message"]) == (severity, "again")
    assert alert["raised_at"] == "2030-01-01T12:00:00+00:00"
    assert alert["acknowledged"] is bool(note)
    assert alert["note"] == note


async def test_alert_that_the_new_board_has_cleared(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """It is over, and triggers know of it."""
    await vesper.alert("SD card!/ö", "FAILED", device_id=NEW)
    await vesper.alert("SD card!/ö", "CLEARED", device_id=NEW)
    await vesper.advance(5)
    cleared = await automate(hass, "alert_cleared", devices(hass))
    await replace(vesper)
    await vesper.heartbeat(NEW)
    assert value(hass, "alert_SD card!/ö") == "ok"
    assert [run["subsystem"] for run in cleared.take()] == ["SD card!/ö"]


async def test_alert_of_the_new_board(hass: HomeAssistant, vesper: Vesper) -> None:
    """Its sensor moves to the device."""
    await vesper.alert("Clock", "FAILED", device_id=NEW)
    await replace(vesper)
    assert value(hass, "alert_Clock") == "failed"
    assert {"alert_Clock", "alert_Network", "alert_SD card!/ö"} <= entities(
        hass, NEW
    ).keys()


async def test_more_subsystems_than_sensors(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Those with an alert keep their sensors."""
    for number in range(MAX_SUBSYSTEMS):
        await vesper.alert(f"S{number}", "FAILED", device_id=NEW)
        await vesper.alert(f"S{number}", "CLEARED", device_id=NEW)
    await vesper.alert("S31", "FAILED", device_id=NEW)
    await replace(vesper)
    sensors = {key for key in entities(hass, NEW) if key.startswith("alert_")}
    assert sensors == {
        f"alert_{name}" for name in vesper.hub.devices[NEW].alerts.subsystems
    }
    assert len(sensors) == MAX_SUBSYSTEMS
    assert {"alert_S31", "alert_SD card!/ö"} <= sensors
    assert not vesper.hub.devices[NEW].alerts.unknown
    await vesper.reload()
    assert not vesper.hub.devices[NEW].alerts.unknown


async def test_more_alerts_than_are_kept(hass: HomeAssistant, vesper: Vesper) -> None:
    """The health includes those beyond the limit."""
    for number in range(64):
        await vesper.alert(f"S{number}", "WARNING", device_id=NEW)
    await replace(vesper)
    assert value(hass, "active_alerts") == "64"
    assert value(hass, "health") == "critical"


async def test_flapping_alert(hass: HomeAssistant, vesper: Vesper) -> None:
    """Triggers know of its end, which was held."""
    await vesper.heartbeat()
    for _ in range(4):
        await vesper.alert("Network", "FAILED")
        await vesper.alert("SD card!/ö", "CLEARED")
        await vesper.alert("Network", "CLEARED")
        await vesper.alert("SD card!/ö", "FAILED")
    cleared = await automate(hass, "alert_cleared", devices(hass))
    await vesper.advance(60)
    await vesper.heartbeat(NEW)
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT - 59)
    assert cleared.take() == []
    await replace(vesper)
    await vesper.heartbeat(NEW)
    assert [run["subsystem"] for run in cleared.take()] == ["Network"]
    assert vesper.hub.devices[NEW].unstable == []


@pytest.mark.parametrize(("hours", "kept"), [(0, 2), (1, 2), (3, 3)])
async def test_maintenance(
    hass: HomeAssistant, vesper: Vesper, hours: int, kept: int
) -> None:
    """That which ends last is kept."""
    for device_id, duration in ((BELL, 2), (NEW, hours)):
        await vesper.call(
            "vesper.set_maintenance",
            **devices(hass, [device_id]),
            duration={"hours": duration},
        )
    await replace(vesper)
    await vesper.heartbeat(NEW)
    await vesper.advance(kept * 3600 - 5)
    assert value(hass, "maintenance") == STATE_ON
    await vesper.advance(6)
    assert value(hass, "maintenance") == STATE_OFF


async def test_availability(vesper: Vesper) -> None:
    """It was available while one board was."""
    await vesper.heartbeat()
    for _ in range(60):
        await vesper.advance(60)
        await vesper.heartbeat(NEW)
    await replace(vesper)
    history = vesper.hub.devices[NEW].availability
    assert history.is_offline
    await vesper.heartbeat(NEW, uptime=5)
    now = vesper.hub.devices[NEW].last_seen
    assert now is not None
    first, last = history.outages
    assert (first.start, last.start) == (1893499200, 1893499291)
    assert last.end == now
    assert len(history.restarts) == 1
    day = history.window("day", now)
    assert 3600 <= day.online <= day.observed <= 3900


async def test_both_offline(hass: HomeAssistant, vesper: Vesper) -> None:
    """The outage ends with the new board."""
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT + 1)
    await replace(vesper)
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT + 1)
    assert value(hass, "connectivity") == STATE_OFF
    (outage,) = vesper.hub.devices[NEW].availability.outages
    assert outage.end is None
    await vesper.heartbeat(NEW)
    (outage,) = vesper.hub.devices[NEW].availability.outages
    assert outage.end is not None


async def test_twice(hass: HomeAssistant, vesper: Vesper) -> None:
    """A replaced device can be replaced again."""
    first = registered_id(hass)
    await replace(vesper)
    await vesper.advance(2 * DEFAULT_HEARTBEAT_TIMEOUT)
    await vesper.heartbeat("aaa")
    await replace(vesper, NEW, "aaa")
    await vesper.advance(2 * DEFAULT_HEARTBEAT_TIMEOUT)
    await vesper.heartbeat()
    await replace(vesper, "aaa", BELL)
    assert list(vesper.hub.devices) == [BELL]
    assert registered_id(hass) == first
    assert vesper.value("alert_SD card!/ö") == "critical"


async def test_by_a_device_that_is_stored_before_it(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Its entities move only once."""
    await vesper.heartbeat("tower")
    tower = registered_id(hass, "tower")
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT + 1)
    await vesper.heartbeat("tower-2")
    await replace(vesper, "tower", "tower-2")
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT + 1)
    await vesper.heartbeat(NEW)
    await replace(vesper, "tower-2", NEW)
    assert list(vesper.hub.devices) == [BELL, NEW]
    assert registered_id(hass, NEW) == tower


async def test_two_at_the_same_time(hass: HomeAssistant, vesper: Vesper) -> None:
    """They are replaced one after the other."""
    await vesper.heartbeat("tower")
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT + 1)
    await vesper.heartbeat("new-tower")
    ids = {name: registered_id(hass, name) for name in vesper.hub.devices}
    for old, new in ((BELL, NEW), ("tower", "new-tower")):
        hass.async_create_task(
            vesper.call(
                "vesper.replace_device", old_device_id=ids[old], new_device_id=ids[new]
            )
        )
    await hass.async_block_till_done()
    assert set(vesper.hub.devices) == {NEW, "new-tower"}


async def test_removal(hass: HomeAssistant, vesper: Vesper) -> None:
    """The new device can be removed."""
    await replace(vesper)
    dr.async_get(hass).async_remove_device(registered_id(hass, NEW))
    await hass.async_block_till_done()
    assert not vesper.hub.devices
    await vesper.reload()
    assert not vesper.hub.devices
    await vesper.heartbeat(NEW)
    assert value(hass, "connectivity") == STATE_ON
    assert "alert_Network" not in entities(hass, NEW)


async def test_essential_entities(hass: HomeAssistant, vesper: Vesper) -> None:
    """They are replaced too."""
    hass.config_entries.async_update_entry(
        vesper.entry, options={CONF_ENTITIES: "essential"}
    )
    await vesper.reload()
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT + 1)
    before = {key: one.entity_id for key, one in entities(hass, BELL).items()}
    await vesper.heartbeat(NEW)
    await replace(vesper)
    after = {key: one.entity_id for key, one in entities(hass, NEW).items()}
    assert after == before
    assert after.keys() == {"active_alerts", "connectivity", "health"}
    assert value(hass, "active_alerts") == "1"


async def test_disabled_device(hass: HomeAssistant, vesper: Vesper) -> None:
    """It stays disabled."""
    dr.async_get(hass).async_update_device(
        registered_id(hass), disabled_by=dr.DeviceEntryDisabler.USER
    )
    await hass.async_block_till_done()
    await replace(vesper)
    assert vesper.hub.devices[NEW].disabled


# Killed in between


@asynccontextmanager
async def killed(
    vesper: Vesper, storage: dict[str, Any], stored: dict[str, Any]
) -> AsyncIterator[None]:
    """Kill Home Assistant and start it again."""
    assert await vesper.hass.config_entries.async_unload(FLEET)
    storage[KEY] = stored
    yield
    assert await vesper.hass.config_entries.async_setup(FLEET)
    await vesper.hass.async_block_till_done()


async def stored_before_reload(
    vesper: Vesper, storage: dict[str, Any]
) -> dict[str, Any]:
    """Store a replacement that is not done."""
    with (
        patch.object(vesper.hass.config_entries, "async_reload", return_value=False),
        pytest.raises(HomeAssistantError) as error,
    ):
        await replace(vesper)
    assert error.value.translation_key == "not_running"
    stored: dict[str, Any] = deepcopy(storage[KEY])
    assert {*stored["data"]["devices"]} == {BELL, NEW}
    return stored


async def test_killed_before_the_reload(
    hass: HomeAssistant, vesper: Vesper, hass_storage: dict[str, Any]
) -> None:
    """The replacement is completed at the start."""
    old_id = registered_id(hass)
    async with killed(
        vesper, hass_storage, await stored_before_reload(vesper, hass_storage)
    ):
        pass
    assert list(vesper.hub.devices) == [NEW]
    assert registered_id(hass, NEW) == old_id
    assert value(hass, "alert_SD card!/ö") == "critical"


async def test_killed_after_the_registries_were_saved(
    hass: HomeAssistant, vesper: Vesper, hass_storage: dict[str, Any]
) -> None:
    """The replacement is completed once more in the store."""
    old_id = registered_id(hass)
    stored = await stored_before_reload(vesper, hass_storage)
    await vesper.reload()
    async with killed(vesper, hass_storage, stored):
        pass
    assert list(vesper.hub.devices) == [NEW]
    assert registered_id(hass, NEW) == old_id
    assert value(hass, "alert_SD card!/ö") == "critical"
    assert hass_storage[KEY]["data"]["devices"].keys() == {BELL, NEW}
    await vesper.advance(AT_ONCE)
    assert hass_storage[KEY]["data"]["devices"].keys() == {NEW}


@pytest.mark.parametrize("is_new_registered", [False, True])
async def test_killed_before_the_registries_were_saved(
    hass: HomeAssistant,
    vesper: Vesper,
    hass_storage: dict[str, Any],
    *,
    is_new_registered: bool,
) -> None:
    """The entities are moved again."""
    old_id = registered_id(hass)
    before = {key: one.entity_id for key, one in entities(hass, BELL).items()}
    with patch.object(Replacements, "_move_entities"):
        await replace(vesper)
        await vesper.advance(AT_ONCE)
    assert registered_id(hass) == old_id
    stored = deepcopy(hass_storage[KEY])
    assert stored["data"]["devices"][NEW]["registry_id"] == old_id
    # It was found in the registry and is empty.
    del stored["data"]["devices"][BELL]
    async with killed(vesper, hass_storage, stored):
        if not is_new_registered:
            dr.async_get(hass).async_remove_device(registered_id(hass, NEW))
    assert list(vesper.hub.devices) == [NEW]
    assert registered_id(hass, NEW) == old_id
    after = {key: one.entity_id for key, one in entities(hass, NEW).items()}
    assert after == before
    assert value(hass, "alert_SD card!/ö") == "critical"


@pytest.mark.parametrize(
    "change",
    [
        lambda devices: devices[NEW].update(replaces=NEW),
        lambda devices: devices[NEW].update(replaces="gone"),
        lambda devices: devices[NEW].update(replaces=5, registry_id=5),
        lambda devices: devices[NEW].update(registry_id="gone"),
        lambda devices: devices[NEW].update(registry_id="of another"),
        lambda devices: devices[NEW].update(registry_id="of the fleet"),
    ],
)
async def test_damaged_store(
    hass: HomeAssistant,
    vesper: Vesper,
    hass_storage: dict[str, Any],
    change: Callable[[dict[str, Any]], None],
) -> None:
    """What can't be replaced stays as it is."""
    await vesper.advance(AT_ONCE)
    stored = deepcopy(hass_storage[KEY])
    change(stored["data"]["devices"])
    other = MockConfigEntry()
    other.add_to_hass(hass)
    foreign = dr.async_get(hass).async_get_or_create(
        config_entry_id=other.entry_id, identifiers={("vesper", "foreign")}
    )
    new = stored["data"]["devices"][NEW]
    ids = {"of another": foreign.id, "of the fleet": registered_id(hass, FLEET)}
    new["registry_id"] = ids.get(new.get("registry_id"), new.get("registry_id"))
    before = registered_id(hass), registered_id(hass, NEW)
    async with killed(vesper, hass_storage, stored):
        pass
    assert set(vesper.hub.devices) == {BELL, NEW}
    assert (registered_id(hass), registered_id(hass, NEW)) == before


# Errors


async def refused(
    vesper: Vesper, old: str, new: str, kind: type[Exception] = ServiceValidationError
) -> Any:
    """Return the key of the error, which changes nothing."""
    before = {device_id: vesper.hub.devices.get(device_id) for device_id in (BELL, NEW)}
    with pytest.raises(kind) as error:
        await vesper.call("vesper.replace_device", old_device_id=old, new_device_id=new)
    assert before == {
        device_id: vesper.hub.devices.get(device_id) for device_id in (BELL, NEW)
    }
    assert all(device.replaces is None for device in vesper.hub.devices.values())
    assert isinstance(error.value, HomeAssistantError)
    return error.value.translation_key


async def test_refused(hass: HomeAssistant, vesper: Vesper, cleared: list[str]) -> None:
    """Devices that can't be replaced are an error."""
    await vesper.heartbeat("retained", retain=True)
    other = MockConfigEntry()
    other.add_to_hass(hass)
    foreign = dr.async_get(hass).async_get_or_create(
        config_entry_id=other.entry_id, identifiers={("other", "one")}
    )
    old, new = registered_id(hass), registered_id(hass, NEW)
    for first, second, key in (
        (old, old, "replaced_by_itself"),
        (new, old, "replaced_online"),
        (registered_id(hass, "retained"), new, "replaced_online"),
        (old, registered_id(hass, "retained"), "replacement_unknown"),
        (old, registered_id(hass, FLEET), "unknown_device"),
        (registered_id(hass, FLEET), new, "unknown_device"),
        (old, foreign.id, "unknown_device"),
        ("nothing", new, "unknown_device"),
    ):
        assert await refused(vesper, first, second) == key
    assert not cleared


async def test_entry_not_loaded(hass: HomeAssistant, vesper: Vesper) -> None:
    """Without an entry nothing is replaced."""
    old, new = registered_id(hass), registered_id(hass, NEW)
    assert await hass.config_entries.async_unload(FLEET)
    with pytest.raises(ServiceValidationError) as error:
        await vesper.call("vesper.replace_device", old_device_id=old, new_device_id=new)
    assert error.value.translation_key == "not_running"


async def test_entries_differ(hass: HomeAssistant, vesper: Vesper) -> None:
    """Devices of two entries can't replace each other."""
    other = MockConfigEntry(
        domain="vesper",
        data={"prefix": "other"},
        entry_id="other",
        state=ConfigEntryState.LOADED,
    )
    other.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id="other", identifiers={("vesper", NEW)}
    )
    hub = type(vesper.hub)(hass, other, {})
    hub.devices[NEW] = vesper.hub.devices[NEW]
    other.runtime_data = hub
    key = await refused(vesper, registered_id(hass), device.id)
    assert key == "different_entries"


async def test_link_down(hass: HomeAssistant, vesper: Vesper) -> None:
    """Without a link the heartbeat can't be cleared."""
    old, new = registered_id(hass), registered_id(hass, NEW)
    await vesper.disconnect_broker()
    assert await refused(vesper, old, new, HomeAssistantError) == "link_down"


async def test_heartbeat_not_cleared(hass: HomeAssistant, vesper: Vesper) -> None:
    """The old device would come back."""
    vesper.mqtt.async_publish.side_effect = None
    with patch("custom_components.vesper.hub.retained.TIMEOUT", 0):
        key = await refused(
            vesper, registered_id(hass), registered_id(hass, NEW), HomeAssistantError
        )
    assert key == "not_cleared"


async def test_online_again_while_cleared(hass: HomeAssistant, vesper: Vesper) -> None:
    """The old device is not replaced."""

    async def _publish(topic: str, *_: Any, **__: Any) -> None:
        await vesper.heartbeat()
        async_fire_mqtt_message(hass, topic, b"")

    vesper.mqtt.async_publish.side_effect = _publish
    key = await refused(vesper, registered_id(hass), registered_id(hass, NEW))
    assert key == "replaced_online"


async def test_online_again_while_saved(hass: HomeAssistant, vesper: Vesper) -> None:
    """The old device is never replaced."""
    saver = vesper.hub.replacements._saver  # noqa: SLF001
    save = saver.async_save_now

    async def _save() -> None:
        await save()
        await vesper.heartbeat()

    with patch.object(saver, "async_save_now", _save):
        key = await refused(vesper, registered_id(hass), registered_id(hass, NEW))
    assert key == "replaced_online"
    await vesper.reload()
    assert set(vesper.hub.devices) == {BELL, NEW}


async def test_store_not_written(
    hass: HomeAssistant, vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """What is not stored is not replaced."""
    with patch(
        "homeassistant.helpers.storage.Store._async_write_data", side_effect=WriteError
    ):
        key = await refused(
            vesper, registered_id(hass), registered_id(hass, NEW), HomeAssistantError
        )
    assert key == "not_saved"
    caplog.clear()
    await vesper.reload()
    assert set(vesper.hub.devices) == {BELL, NEW}


async def test_only_administrators(hass: HomeAssistant, vesper: Vesper) -> None:
    """It changes the registries."""
    user = MockUser().add_to_hass(hass)
    user.mock_policy({"entities": True})
    with pytest.raises(Unauthorized):
        await hass.services.async_call(
            "vesper",
            "replace_device",
            {
                "old_device_id": registered_id(hass),
                "new_device_id": registered_id(hass, NEW),
            },
            blocking=True,
            context=Context(user_id=user.id),
        )
    assert set(vesper.hub.devices) == {BELL, NEW}


async def test_bad_fields(vesper: Vesper) -> None:
    """Both devices are required."""
    with pytest.raises(vol.Invalid):
        await vesper.call("vesper.replace_device", old_device_id="a")
