"""Many devices lost at once are one outage."""

import asyncio
from copy import deepcopy
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import (
    async_capture_events,
    async_fire_time_changed,
)

from custom_components.vesper.const import DOMAIN, EVENT_OCCURRENCE
from custom_components.vesper.model.availability import Cause
from homeassistant.const import STATE_UNKNOWN
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    floor_registry as fr,
)
from tests.automation import automate, described, devices, registered_id
from tests.common import FLEET, Vesper, logged

STARTED = "Outage: {} of {} online devices went offline within 90 s"
OVER = "The outage ended after {} s: {} of the {} lost devices are still offline"


def bells(count: int) -> list[str]:
    """Return the ids of so many devices."""
    return [f"bell-{number}" for number in range(count)]


async def send_heartbeats(vesper: Vesper, *device_ids: str) -> None:
    """Let devices send a heartbeat."""
    for device_id in device_ids:
        await vesper.heartbeat(device_id)


def last_event(vesper: Vesper) -> dict[str, Any] | None:
    """Return the last event of the fleet, if any."""
    state = vesper.state("outage", FLEET)
    if state.state == STATE_UNKNOWN:
        return None
    names = ("event_type", "lost", "online_before", "duration", "still_offline")
    return {name: state.attributes[name] for name in names if name in state.attributes}


async def test_an_outage_from_beginning_to_end(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """Start and end have one event and line each."""
    await send_heartbeats(vesper, *bells(10))
    await vesper.advance(60)
    await send_heartbeats(vesper, *bells(2))
    caplog.clear()
    await vesper.advance(31)
    assert last_event(vesper) == {
        "event_type": "started",
        "lost": 8,
        "online_before": 10,
    }
    assert logged(caplog) == [STARTED.format(8, 10)]
    assert [one.levelname for one in caplog.records if one.name[:6] == "custom"] == [
        "WARNING"
    ]
    for _ in range(4):
        await send_heartbeats(vesper, *bells(5))
        await vesper.advance(60)
    assert last_event(vesper) == {
        "event_type": "started",
        "lost": 8,
        "online_before": 10,
    }
    await send_heartbeats(vesper, "bell-9")
    for _ in range(2):
        await vesper.advance(44)
        await send_heartbeats(vesper, *bells(5), "bell-9")
        assert len(logged(caplog)) == 1
    await vesper.advance(3)
    over = {
        "event_type": "ended",
        "lost": 8,
        "online_before": 10,
        "duration": 240,
        "still_offline": 4,
    }
    assert last_event(vesper) == over
    assert logged(caplog) == [STARTED.format(8, 10), OVER.format(240, 4, 8)]
    await send_heartbeats(vesper, *bells(10))
    await vesper.advance(60)
    assert last_event(vesper) == over
    assert len(logged(caplog)) == 2


async def test_all_at_once_are_counted(vesper: Vesper) -> None:
    """All are counted, even if notified in several chunks."""
    await send_heartbeats(vesper, *bells(20))
    with patch("custom_components.vesper.hub.chunks.CHUNK", 0):
        await vesper.advance(91)
        for _ in range(20):
            await vesper.hass.async_block_till_done()
    assert last_event(vesper) == {
        "event_type": "started",
        "lost": 20,
        "online_before": 20,
    }


async def test_one_after_the_other(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """Devices that time out later belong to one outage."""
    for device_id in bells(5):
        await send_heartbeats(vesper, device_id)
        await vesper.advance(10)
    caplog.clear()
    await vesper.advance(40)
    assert last_event(vesper) is None
    await vesper.advance(10)
    assert last_event(vesper) is None
    await vesper.advance(11)
    assert last_event(vesper) == {
        "event_type": "started",
        "lost": 3,
        "online_before": 5,
    }
    await vesper.advance(20)
    await vesper.advance(1000)
    assert logged(caplog) == [STARTED.format(3, 5)]
    await send_heartbeats(vesper, *bells(5))
    await vesper.advance(0)
    over = last_event(vesper)
    assert over is not None
    assert (over["event_type"], over["lost"]) == ("ended", 5)


@pytest.mark.parametrize(("online", "lost"), [(2, 2), (6, 3), (10, 1)])
async def test_few_offline_devices_are_logged_separately(
    vesper: Vesper, caplog: pytest.LogCaptureFixture, online: int, lost: int
) -> None:
    """Each is logged when it can't be an outage."""
    await send_heartbeats(vesper, *bells(online))
    await vesper.advance(60)
    await send_heartbeats(vesper, *bells(online)[lost:])
    caplog.clear()
    await vesper.advance(31)
    assert vesper.value("devices_online", FLEET) == str(online - lost)
    for _ in range(2):
        await send_heartbeats(vesper, *bells(online)[lost:])
        await vesper.advance(44)
    assert logged(caplog) == []
    await send_heartbeats(vesper, *bells(online)[lost:])
    await vesper.advance(3)
    assert logged(caplog) == [
        f"Device {device_id} is offline: no message in time"
        for device_id in bells(lost)
    ]
    assert last_event(vesper) is None
    caplog.clear()
    await send_heartbeats(vesper, *bells(online))
    assert logged(caplog) == [
        f"Device {device_id} is online again" for device_id in bells(lost)
    ]


async def test_one_that_is_soon_back(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """A short time offline is not logged."""
    await send_heartbeats(vesper, "bell")
    caplog.clear()
    await vesper.advance(91)
    assert vesper.value("connectivity") == "off"
    await send_heartbeats(vesper, "bell")
    await vesper.advance(60)
    await send_heartbeats(vesper, "bell")
    await vesper.advance(60)
    assert logged(caplog) == []


async def test_no_line_of_a_single_device_while_it_lasts(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """Single devices are logged after the outage."""
    await send_heartbeats(vesper, "old", *bells(9))
    await vesper.advance(60)
    await send_heartbeats(vesper, *bells(9))
    await vesper.advance(31)
    await vesper.advance(29)
    await send_heartbeats(vesper, *bells(9))
    await vesper.advance(61)
    assert logged(caplog)[-1] == "Device old is offline: no message in time"
    await send_heartbeats(vesper, *bells(3))
    caplog.clear()
    await vesper.advance(30)
    await send_heartbeats(vesper, "old", *bells(3))
    await vesper.advance(60)
    for _ in range(3):
        await send_heartbeats(vesper, "old", *bells(2))
        await vesper.advance(60)
    assert vesper.value("connectivity", "old") == "on"
    assert vesper.value("connectivity", "bell-2") == "off"
    assert logged(caplog) == [STARTED.format(6, 9)]
    await send_heartbeats(vesper, *bells(6)[3:])
    await vesper.advance(60)
    await send_heartbeats(vesper, "old", *bells(6)[3:], *bells(2))
    assert len(logged(caplog)) == 1
    await vesper.advance(31)
    assert logged(caplog)[1:] == [
        OVER.format(240, 3, 6),
        "Device bell-2 is offline: no message in time",
    ]


async def test_a_disconnect_is_no_outage(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """Devices that stay offline after the reconnect are one."""
    await send_heartbeats(vesper, *bells(10))
    caplog.clear()
    await vesper.disconnect_broker()
    await vesper.advance(3600)
    assert last_event(vesper) is None
    await vesper.reconnect_broker()
    await vesper.advance(60)
    await send_heartbeats(vesper, *bells(4))
    await vesper.advance(31)
    assert last_event(vesper) == {
        "event_type": "started",
        "lost": 6,
        "online_before": 10,
    }
    assert logged(caplog) == [
        "The link to the MQTT broker is down",
        "The link to the MQTT broker is up again",
        STARTED.format(6, 10),
    ]


async def test_offline_is_logged_once(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """A reconnect does not log it again."""
    await send_heartbeats(vesper, "bell")
    await vesper.advance(91)
    await vesper.advance(91)
    caplog.clear()
    await vesper.disconnect_broker()
    await vesper.reconnect_broker()
    await vesper.advance(1000)
    assert [line for line in logged(caplog) if "offline" in line] == []


async def test_lost_while_home_assistant_restarts(vesper: Vesper) -> None:
    """Those that were online before are lost together."""
    await send_heartbeats(vesper, *bells(5))
    await vesper.call(
        "vesper.set_maintenance",
        **devices(vesper.hass, ["bell-4"]),
        duration={"hours": 1},
    )
    await vesper.reload()
    await vesper.advance(91)
    assert last_event(vesper) == {
        "event_type": "started",
        "lost": 4,
        "online_before": 4,
    }


async def test_who_was_not_online_is_not_lost(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """Devices with unknown connectivity are not lost."""
    for device_id in bells(5):
        await vesper.heartbeat(device_id, retain=True)
    await vesper.reload()
    caplog.clear()
    await vesper.advance(91)
    assert last_event(vesper) is None
    assert logged(caplog) == [
        f"Device {device_id} is offline: no message in time" for device_id in bells(5)
    ]


async def test_those_removed_end_it(vesper: Vesper) -> None:
    """The outage ends when all lost devices are removed."""
    await send_heartbeats(vesper, *bells(3))
    await vesper.advance(91)
    vesper.mqtt.async_publish.side_effect = None
    for device_id in bells(3):
        assert last_event(vesper) == {
            "event_type": "started",
            "lost": 3,
            "online_before": 3,
        }
        await vesper.hub.async_remove_device(device_id)
    await vesper.advance(0)
    over = last_event(vesper)
    assert over is not None
    assert over["event_type"] == "ended"


async def test_unload_ends_the_wait(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is logged after unload."""
    await send_heartbeats(vesper, *bells(2))
    await vesper.advance(91)
    caplog.clear()
    await vesper.hass.config_entries.async_unload(vesper.entry.entry_id)
    vesper.freezer.tick(1000)
    async_fire_time_changed(vesper.hass)
    await vesper.hass.async_block_till_done()
    assert logged(caplog) == []


@pytest.mark.parametrize(
    ("areas", "common"),
    [
        (["Tower"] * 4, {"area": "Tower", "floor": "North"}),
        (["Tower", "Gate"] * 2, {"floor": "North"}),
        (["Tower", "Gate", "Cellar", "Tower"], {}),
        (["Cellar"] * 4, {"area": "Cellar"}),
        (["Cellar", "Attic"] * 2, {}),
        (["Tower", "Tower", "Tower", None], {}),
        ([None] * 4, {}),
    ],
)
async def test_what_the_lost_devices_have_in_common(
    vesper: Vesper, areas: list[str | None], common: dict[str, str]
) -> None:
    """It is in event, trigger variables and logbook."""
    hass = vesper.hass
    floor = fr.async_get(hass).async_create("North").floor_id
    for name in ("Tower", "Gate"):
        ar.async_get(hass).async_create(name, floor_id=floor)
    for name in ("Cellar", "Attic"):
        ar.async_get(hass).async_create(name)
    await send_heartbeats(vesper, *bells(5))
    for device_id, place in zip(bells(4), areas, strict=True):
        area = ar.async_get(hass).async_get_area_by_name(place) if place else None
        dr.async_get(hass).async_update_device(
            registered_id(hass, device_id), area_id=area.id if area else None
        )
    outage = await automate(hass, "fleet_outage")
    logged_events = async_capture_events(hass, EVENT_OCCURRENCE)
    await vesper.advance(60)
    await send_heartbeats(vesper, "bell-4")
    await vesper.advance(31)
    (run,) = outage.take()
    assert {"area": run["area"], "floor": run["floor"]} == {
        "area": None,
        "floor": None,
    } | common
    names = ("area", "floor")
    shown = vesper.state("outage", FLEET).attributes
    assert {name: shown[name] for name in names if name in shown} == common
    (line,) = described(
        hass, [event for event in logged_events if event.data["kind"] == "fleet_outage"]
    )
    assert line["entity_id"] == vesper.entity_id("outage", FLEET)
    places = {"area": ", all in {area}", "floor": ", all on floor {floor}"}
    end = next((text for name, text in places.items() if name in common), "")
    assert line["message"] == (
        "lost 4 of 5 online devices at once" + end.format(**common)
    )


async def test_places_of_slow_devices(vesper: Vesper) -> None:
    """One with fewer heartbeats is not lost."""
    hass = vesper.hass
    area = ar.async_get(hass).async_create("Tower").id
    for _ in range(8):
        await send_heartbeats(vesper, *bells(4))
        await vesper.advance(20)
    # With these, its timeout is three minutes.
    for _ in range(5):
        await send_heartbeats(vesper, "slow", *bells(4))
        await vesper.advance(30)
        await send_heartbeats(vesper, *bells(4))
        await vesper.advance(30)
    for device_id in bells(4):
        dr.async_get(hass).async_update_device(
            registered_id(hass, device_id), area_id=area
        )
    await send_heartbeats(vesper, *bells(4))
    await vesper.advance(10)
    await send_heartbeats(vesper, "slow")
    outage = await automate(hass, "fleet_outage")
    await vesper.advance(81)
    (run,) = outage.take()
    assert run["area"] == "Tower"


async def test_killed_in_an_outage(
    vesper: Vesper, hass_storage: dict[str, Any]
) -> None:
    """It stays the cause."""
    await send_heartbeats(vesper, *bells(4))
    await vesper.advance(91)
    await vesper.advance(1)
    stored = deepcopy(hass_storage[f"{DOMAIN}.{FLEET}"])
    assert await vesper.hass.config_entries.async_unload(FLEET)
    hass_storage[f"{DOMAIN}.{FLEET}"] = stored
    assert await vesper.hass.config_entries.async_setup(FLEET)
    causes = [
        [outage.cause for outage in device.availability.outages]
        for device in vesper.hub.devices.values()
    ]
    assert causes == [[Cause.FLEET_OUTAGE]] * 4


async def test_devices_that_time_out_a_little_later(vesper: Vesper) -> None:
    """The start names no place if they are elsewhere."""
    for name, ids in (("North", bells(5)), ("South", ["bell-5", "bell-6"])):
        area = ar.async_get(vesper.hass).async_create(name)
        await send_heartbeats(vesper, *ids)
        for device_id in ids:
            dr.async_get(vesper.hass).async_update_device(
                registered_id(vesper.hass, device_id), area_id=area.id
            )
        await vesper.advance(20)
    await vesper.advance(51)
    state = vesper.state("outage", FLEET)
    assert (state.attributes["event_type"], state.attributes["lost"]) == ("started", 5)
    assert "area" not in state.attributes


async def test_a_lost_device_that_is_removed(vesper: Vesper) -> None:
    """It is no longer among the others."""
    area = ar.async_get(vesper.hass).async_create("Tower")
    await send_heartbeats(vesper, *bells(4))
    for device_id in bells(3):
        dr.async_get(vesper.hass).async_update_device(
            registered_id(vesper.hass, device_id), area_id=area.id
        )
    await vesper.advance(91)
    assert "area" not in vesper.state("outage", FLEET).attributes
    await vesper.hub.async_remove_device("bell-3")
    await send_heartbeats(vesper, *bells(3))
    await vesper.advance(0)
    state = vesper.state("outage", FLEET)
    assert (state.attributes["event_type"], state.attributes["area"]) == (
        "ended",
        "Tower",
    )


async def test_two_outages_before_a_restart(
    vesper: Vesper, hass_storage: dict[str, Any]
) -> None:
    """Of two in the store, the last goes on."""
    await send_heartbeats(vesper, *bells(8))
    await vesper.advance(91)
    await vesper.advance(1)
    stored = deepcopy(hass_storage[f"{DOMAIN}.{FLEET}"])
    assert await vesper.hass.config_entries.async_unload(FLEET)
    for device_id in bells(4):
        stored["data"]["devices"][device_id]["outage_since"] -= 1000
    hass_storage[f"{DOMAIN}.{FLEET}"] = stored
    assert await vesper.hass.config_entries.async_setup(FLEET)
    came = await automate(vesper.hass, "came_online", devices(vesper.hass, bells(8)))
    await send_heartbeats(vesper, *bells(8))
    since = {run["vesper_id"]: run["outage_since"] for run in came.take()}
    assert {since[device_id] for device_id in bells(4)} == {None}
    assert None not in {since[device_id] for device_id in bells(8)[4:]}
    await vesper.advance(0)
    over = last_event(vesper)
    assert over is not None
    assert (over["event_type"], over["lost"], over["still_offline"]) == ("ended", 4, 0)


async def test_maintenance_in_an_outage(vesper: Vesper) -> None:
    """A device in maintenance no longer counts."""
    await send_heartbeats(vesper, *bells(4))
    await vesper.advance(91)
    await vesper.call(
        "vesper.set_maintenance",
        **devices(vesper.hass, ["bell-3"]),
        duration={"hours": 1},
    )
    await send_heartbeats(vesper, *bells(3))
    await vesper.advance(0)
    over = last_event(vesper)
    assert over is not None
    assert (over["event_type"], over["still_offline"]) == ("ended", 0)


async def test_the_logbook_of_an_outage(vesper: Vesper) -> None:
    """Its end is a sentence too."""
    events = async_capture_events(vesper.hass, EVENT_OCCURRENCE)
    await send_heartbeats(vesper, *bells(4))
    for back in (4, 3):
        await vesper.advance(91)
        events.clear()
        await send_heartbeats(vesper, *bells(back))
        await vesper.advance(60)
        await send_heartbeats(vesper, *bells(back))
        await vesper.advance(31)
        lines = [
            line
            for line in described(vesper.hass, events)
            if line["name"] == "All Vesper devices"
        ]
        end = {
            4: ("is over the outage: all lost devices are back", "mdi:lan-check"),
            3: (
                "is over the outage: of the 4 lost devices, 1 are still offline",
                "mdi:lan-pending",
            ),
        }[back]
        assert [(line["message"], line["icon"]) for line in lines] == [end]
        await send_heartbeats(vesper, *bells(4))


async def lose(vesper: Vesper, count: int) -> None:
    """Lose so many devices in an outage."""
    await send_heartbeats(vesper, *bells(count))
    await vesper.advance(91)


async def put(vesper: Vesper, place: str, *device_ids: str) -> None:
    """Put devices into an area."""
    area = ar.async_get(vesper.hass).async_get_or_create(place)
    for device_id in device_ids:
        dr.async_get(vesper.hass).async_update_device(
            registered_id(vesper.hass, device_id), area_id=area.id
        )


async def test_those_back_before_a_restart(vesper: Vesper) -> None:
    """Only the others count as lost after it."""
    await lose(vesper, 5)
    await send_heartbeats(vesper, "bell-0")
    await vesper.reload()
    await send_heartbeats(vesper, *bells(5))
    await vesper.advance(0)
    over = last_event(vesper)
    assert over is not None
    assert (over["event_type"], over["lost"]) == ("ended", 4)


async def test_what_is_left_after_an_outage(vesper: Vesper) -> None:
    """Those back or in maintenance do not know it."""
    await lose(vesper, 4)
    target = devices(vesper.hass, ["bell-3"])
    await vesper.call("vesper.set_maintenance", **target, duration={"hours": 1})
    await send_heartbeats(vesper, *bells(3))
    await vesper.call("vesper.set_maintenance", **target, duration={"hours": 0})
    went = await automate(vesper.hass, "went_offline", devices(vesper.hass, bells(4)))
    came = await automate(vesper.hass, "came_online", devices(vesper.hass, bells(4)))
    await send_heartbeats(vesper, "bell-3")
    for device_id in bells(3):
        others = [one for one in bells(4) if one != device_id]
        for _ in range(4):
            await vesper.advance(46)
            await send_heartbeats(vesper, *others)
        await send_heartbeats(vesper, device_id)
    runs = went.take()
    assert [run["vesper_id"] for run in runs] == bells(3)
    runs += came.take()
    assert len(runs) == 3 + 4
    assert {run["outage_since"] for run in runs} == {None}


async def test_a_restart_after_an_outage(vesper: Vesper) -> None:
    """It does not go on for those still offline."""
    await lose(vesper, 4)
    await vesper.advance(60)
    for _ in range(3):
        await send_heartbeats(vesper, *bells(2))
        await vesper.advance(46)
    over = last_event(vesper)
    assert over is not None
    assert over["event_type"] == "ended"
    lasting = await automate(vesper.hass, "fleet_outage", options={"for": 300})
    came = await automate(vesper.hass, "came_online", devices(vesper.hass, bells(4)))
    await vesper.reload()
    await vesper.advance(301)
    await send_heartbeats(vesper, *bells(4))
    await vesper.advance(1)
    assert lasting.take() == []
    assert last_event(vesper) == over
    since = {run["vesper_id"]: run["outage_since"] for run in came.take()}
    assert since["bell-2"] is not None
    assert since["bell-2"] == since["bell-3"]


async def test_removed_while_it_is_recorded(vesper: Vesper) -> None:
    """What is left to record is not theirs."""
    await send_heartbeats(vesper, *bells(20))
    with patch("custom_components.vesper.hub.chunks.CHUNK", 0):
        vesper.freezer.tick(91)
        async_fire_time_changed(vesper.hass)
        for _ in range(1000):
            if vesper.hub.outages.current is not None:
                break
            await asyncio.sleep(0)
        assert vesper.hub.outages.current is not None
        registry = dr.async_get(vesper.hass)
        for device_id in bells(20):
            registry.async_remove_device(registered_id(vesper.hass, device_id))
        await vesper.hass.async_block_till_done()
    assert not vesper.hub.devices


@pytest.mark.parametrize(
    ("silence", "common"), [(20, "North"), (45, "North"), (46, None), (80, None)]
)
async def test_who_may_be_lost_too(
    vesper: Vesper, silence: int, common: str | None
) -> None:
    """Those not heard for over half the timeout."""
    await send_heartbeats(vesper, "old", *bells(5))
    await put(vesper, "Attic", "old")
    await put(vesper, "North", *bells(4))
    await put(vesper, "South", "bell-4")
    for _ in range(8):
        await vesper.advance(20)
        await send_heartbeats(vesper, *bells(5))
    assert vesper.value("connectivity", "old") == "off"
    await vesper.advance(91 - silence)
    await send_heartbeats(vesper, "bell-4")
    outage = await automate(vesper.hass, "fleet_outage")
    lasting = await automate(vesper.hass, "fleet_outage", options={"for": 60})
    await vesper.advance(silence)
    assert [run["area"] for run in outage.take()] == [common]
    await send_heartbeats(vesper, "bell-4")
    await vesper.advance(60)
    # In the end, only those that were lost matter.
    assert [run["area"] for run in lasting.take()] == ["North"]


async def test_where_an_outage_was(vesper: Vesper) -> None:
    """At its end, only those that were lost matter."""
    await send_heartbeats(vesper, *bells(5))
    await put(vesper, "North", *bells(4))
    await vesper.advance(60)
    await send_heartbeats(vesper, "bell-4")
    await vesper.advance(31)
    await vesper.advance(30)
    ended = await automate(vesper.hass, "fleet_outage_ended")
    await send_heartbeats(vesper, *bells(4))
    await vesper.advance(0)
    assert [run["area"] for run in ended.take()] == ["North"]


async def test_names_of_those_still_offline(vesper: Vesper) -> None:
    """The first are listed, in order."""
    await lose(vesper, 8)
    ended = await automate(vesper.hass, "fleet_outage_ended")
    with patch("custom_components.vesper.hub.outage_monitor.MAX_NAMES", 3):
        for _ in range(3):
            await send_heartbeats(vesper, *bells(4))
            await vesper.advance(46)
    (run,) = ended.take()
    assert run["still_offline"] == 4
    assert run["still_offline_names"] == tuple(
        f"Vesper {device_id}" for device_id in bells(7)[4:]
    )


async def test_back_in_maintenance(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not logged as online again."""
    await vesper.heartbeat("bell")
    await vesper.advance(91)
    await vesper.advance(91)
    await vesper.call(
        "vesper.set_maintenance",
        **devices(vesper.hass, ["bell"]),
        duration={"hours": 1},
    )
    caplog.clear()
    await vesper.heartbeat("bell")
    assert vesper.value("connectivity", "bell") == "on"
    assert logged(caplog) == []
