"""Triggers with a duration or for several devices."""

from copy import deepcopy
from typing import Any
from unittest.mock import patch

import pytest

from custom_components.vesper.const import DOMAIN
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.helpers import area_registry as ar, device_registry as dr
from tests.automation import Automation, automate, devices, registered_id
from tests.common import BELL, FLEET, Vesper, report, wait

from .test_stability import flap, set_maintenance

BELLS = ("gate", "hall", "tower")
MINUTES = {"for": {"minutes": 5}}


async def automate_all(
    hass: HomeAssistant, trigger: str, behavior: str, **options: Any
) -> Automation:
    """Make an automation for all bells."""
    options |= {"behavior": behavior}
    return await automate(hass, trigger, devices(hass, BELLS), options)


async def set_maintenance_of(vesper: Vesper, device_id: str, *, hours: int) -> None:
    """Begin or end the maintenance of a device."""
    target = devices(vesper.hass, [device_id])
    await vesper.call("vesper.set_maintenance", **target, duration={"hours": hours})


def ids(automation: Automation) -> list[str]:
    """Return the devices of the last runs."""
    return [run["vesper_id"] for run in automation.take()]


@pytest.mark.parametrize("options", [{}, MINUTES])
async def test_all_offline(
    hass: HomeAssistant, vesper: Vesper, options: dict[str, Any]
) -> None:
    """The last one that goes offline triggers."""
    await report(vesper, *BELLS)
    everyone = await automate_all(hass, "went_offline", "all", **options)
    first = await automate_all(hass, "went_offline", "first", **options)
    await wait(vesper, 120, "hall", "tower")
    await wait(vesper, 120, "tower")
    lasting = 300 if options else 0
    await wait(vesper, lasting, "tower")
    assert ids(first) == ["gate"]
    assert ids(everyone) == []
    await wait(vesper, 91 + lasting)
    assert ids(everyone) == ["tower"]
    assert ids(first) == []


async def test_one_of_all_is_back(hass: HomeAssistant, vesper: Vesper) -> None:
    """The duration begins again."""
    await report(vesper, *BELLS)
    everyone = await automate_all(hass, "went_offline", "all", **MINUTES)
    first = await automate_all(hass, "went_offline", "first", **MINUTES)
    await wait(vesper, 200)
    await report(vesper, "hall")
    await wait(vesper, 200, "hall")
    assert len(ids(first)) == 1
    assert ids(everyone) == []
    await wait(vesper, 300)
    assert ids(everyone) == []
    await wait(vesper, 120)
    assert ids(everyone) == ["hall"]


async def test_those_in_maintenance_do_not_count(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """All the others are all."""
    await report(vesper, *BELLS, BELL)
    await set_maintenance_of(vesper, "gate", hours=1)
    everyone = await automate_all(hass, "went_offline", "all")
    nobody = await automate(
        hass, "went_offline", devices(hass, ["gate"]), {"behavior": "all"}
    )
    await wait(vesper, 91, "gate", BELL)
    assert len(ids(everyone)) == 1
    await wait(vesper, 91)
    assert ids(nobody) == []
    assert ids(everyone) == []


async def test_alerts_of_all(hass: HomeAssistant, vesper: Vesper) -> None:
    """A device counts once, whatever it raises."""
    await report(vesper, *BELLS)
    severity = {"severity": "critical"}
    everyone = await automate_all(hass, "alert_raised", "all", **severity)
    first = await automate_all(hass, "alert_raised", "first", **severity)
    over = await automate_all(hass, "alert_cleared", "all")
    for device_id in ("gate", "hall"):
        await vesper.alert("SD", "CRITICAL", device_id=device_id)
        await vesper.alert("SD", "FAILED", device_id=device_id)
        await vesper.alert("Player", "CRITICAL", device_id=device_id)
    await vesper.alert("SD", "WARNING", device_id="tower")
    assert ids(first) == ["gate"]
    assert ids(everyone) == []
    await vesper.alert("SD", "CRITICAL", device_id="tower")
    assert ids(everyone) == ["tower"]
    await vesper.alert("SD", "FAILED", device_id="tower")
    await vesper.advance(3)
    for device_id in BELLS:
        await vesper.alert("SD", "CLEARED", device_id=device_id)
    await vesper.alert("Player", "CLEARED", device_id="gate")
    assert ids(over) == []
    await vesper.alert("Player", "CLEARED", device_id="hall")
    assert ids(over) == ["hall"]
    assert ids(everyone) == ids(first) == []


async def test_an_end_that_lasts(hass: HomeAssistant, vesper: Vesper) -> None:
    """A new alert ends it."""
    await vesper.heartbeat()
    cleared = await automate(hass, "alert_cleared", devices(hass), MINUTES)
    for _ in range(2):
        await vesper.alert("SD", "WARNING")
        await wait(vesper, 120, BELL)
        await vesper.alert("SD", "CLEARED")
        await wait(vesper, 120, BELL)
    assert cleared.take() == []
    await wait(vesper, 210, BELL)
    assert len(cleared.take()) == 1


async def test_playback_that_lasts(hass: HomeAssistant, vesper: Vesper) -> None:
    """It may also be that nothing is played."""
    await vesper.heartbeat()
    started = await automate(hass, "started_playing", devices(hass), MINUTES)
    stopped = await automate(hass, "stopped_playing", devices(hass), MINUTES)
    for seconds in (120, 330):
        await vesper.info("playback_started", {"melody_uid": "ABC"})
        await wait(vesper, seconds, BELL)
        assert len(started.take()) == (seconds > 300)
        await vesper.info("playback_stopped")
        await wait(vesper, seconds, BELL)
        assert len(stopped.take()) == (seconds > 300)
    await vesper.info("playback_started", {"melody_uid": "ABC"})
    await vesper.advance(91)
    await wait(vesper, 330, BELL)
    assert started.take() == []


async def test_an_automation_that_is_saved(hass: HomeAssistant, vesper: Vesper) -> None:
    """What began before goes on, and runs once."""
    await report(vesper, BELL, *BELLS)
    await vesper.alert("SD", "WARNING")
    await vesper.advance(91)
    await report(vesper, "hall")
    await wait(vesper, 119, BELL, "hall")
    begun = [
        await automate(hass, trigger, devices(hass, [BELL, *BELLS]), MINUTES)
        for trigger in ("went_offline", "came_online", "alert_raised")
    ]
    await wait(vesper, 240, BELL, "hall")
    assert all(run["offline_since"] is not None for run in begun[1].runs)
    offline, online, raised = (sorted(ids(automation)) for automation in begun)
    assert offline == ["gate", "tower"]
    assert online == [BELL, "hall"]
    assert raised == [BELL]
    for trigger in ("went_offline", "came_online", "alert_raised"):
        again = await automate(hass, trigger, devices(hass, [BELL, *BELLS]), MINUTES)
        await wait(vesper, 330, BELL, "hall")
        assert ids(again) == []


async def test_what_began_in_maintenance(hass: HomeAssistant, vesper: Vesper) -> None:
    """The duration counts from the end of the maintenance."""
    await vesper.heartbeat()
    await set_maintenance(vesper, 1)
    await vesper.alert("SD", "WARNING")
    await vesper.advance(91)
    begun = [
        await automate(hass, trigger, devices(hass), MINUTES)
        for trigger in ("went_offline", "came_online", "alert_raised")
    ]
    await wait(vesper, 330)
    assert [automation.take() for automation in begun] == [[], [], []]
    await set_maintenance(vesper, 0)
    await wait(vesper, 270)
    assert [automation.take() for automation in begun] == [[], [], []]
    await wait(vesper, 60)
    assert [len(automation.take()) for automation in begun] == [1, 0, 1]


async def start(hass: HomeAssistant) -> None:
    """End the start of Home Assistant."""
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await hass.async_block_till_done()


@pytest.mark.parametrize("behavior", ["each", "first", "all"])
@pytest.mark.parametrize("seconds", [60, 400])
async def test_a_restart_of_home_assistant(
    hass: HomeAssistant, vesper: Vesper, seconds: int, behavior: str
) -> None:
    """The duration goes on, also while it is down."""
    await report(vesper, *BELLS)
    await vesper.advance(91)
    await vesper.advance(90)
    assert await hass.config_entries.async_unload(FLEET)
    hass.set_state(CoreState.starting)
    await vesper.advance(seconds)
    assert await hass.config_entries.async_setup(FLEET)
    automation = await automate_all(hass, "went_offline", behavior, **MINUTES)
    await start(hass)
    runs = 3 if behavior == "each" else 1
    await vesper.advance(1)
    assert len(automation.take()) == (runs if seconds == 400 else 0)
    await vesper.advance(240)
    assert len(automation.take()) == (0 if seconds == 400 else runs)
    # An automation that is saved later does not make up for it.
    await vesper.advance(300)
    later = await automate_all(hass, "went_offline", behavior, **MINUTES)
    await vesper.advance(301)
    assert later.take() == automation.take() == []


@pytest.mark.parametrize("seconds", [60, 400])
async def test_a_reload_ends_no_downtime(
    hass: HomeAssistant, vesper: Vesper, seconds: int
) -> None:
    """What was missed meanwhile is not made up for."""
    await report(vesper, *BELLS)
    await vesper.advance(91)
    await vesper.advance(90)
    assert await hass.config_entries.async_unload(FLEET)
    await vesper.advance(seconds)
    assert await hass.config_entries.async_setup(FLEET)
    automation = await automate_all(hass, "went_offline", "each", **MINUTES)
    await vesper.advance(1)
    assert automation.take() == []
    await vesper.advance(240)
    assert len(automation.take()) == (3 if seconds == 60 else 0)


async def test_a_downtime_of_unknown_length(
    hass: HomeAssistant, vesper: Vesper, hass_storage: dict[str, Any]
) -> None:
    """What has lasted is not made up for."""
    await report(vesper, *BELLS)
    await vesper.advance(91)
    assert await hass.config_entries.async_unload(FLEET)
    hass.set_state(CoreState.starting)
    del hass_storage[f"{DOMAIN}.{FLEET}"]["data"]["saved_at"]
    await vesper.advance(400)
    assert await hass.config_entries.async_setup(FLEET)
    automation = await automate_all(hass, "went_offline", "each", **MINUTES)
    await start(hass)
    await vesper.advance(301)
    assert automation.take() == []


async def test_an_entry_that_is_loaded_later(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """The duration goes on from then."""
    await report(vesper, *BELLS)
    await vesper.advance(91)
    assert await hass.config_entries.async_unload(FLEET)
    automation = await automate_all(hass, "went_offline", "all", **MINUTES)
    assert await hass.config_entries.async_setup(FLEET)
    await vesper.advance(301)
    assert len(automation.take()) == 1
    await vesper.reload()
    await vesper.advance(301)
    assert automation.take() == []


async def test_a_device_that_is_not_known_yet(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """It counts neither for all nor for the first."""
    await vesper.heartbeat(retain=True)
    await report(vesper, "hall")
    automation = await automate(
        hass, "went_offline", devices(hass, [BELL, "hall"]), {"behavior": "all"}
    )
    await vesper.advance(60)
    await vesper.advance(31)
    assert ids(automation) == ["hall"]


async def test_flapping_alerts_of_all(hass: HomeAssistant, vesper: Vesper) -> None:
    """The alert has to be there in the end."""
    await vesper.heartbeat()
    options = MINUTES | {"behavior": "all"}
    automation = await automate(hass, "alert_raised", devices(hass), options)
    await flap(vesper, 10)
    await vesper.alert("SD", "WARNING")
    await wait(vesper, 330, BELL)
    assert len(automation.take()) <= 1
    assert automation.detach is not None
    automation.detach()


async def test_a_removed_device(hass: HomeAssistant, vesper: Vesper) -> None:
    """It is not one of all any more."""
    await report(vesper, *BELLS)
    automation = await automate_all(hass, "went_offline", "all", **MINUTES)
    await wait(vesper, 120)
    device = dr.async_get(hass).async_get(registered_id(hass, "gate"))
    assert device is not None
    dr.async_get(hass).async_remove_device(device.id)
    await hass.async_block_till_done()
    await wait(vesper, 330)
    assert len(ids(automation)) == 1


async def test_all_are_in_maintenance_in_the_end(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Then it is not true for all."""
    await report(vesper, BELL)
    options = MINUTES | {"behavior": "all"}
    automation = await automate(hass, "went_offline", devices(hass), options)
    await vesper.advance(91)
    await set_maintenance(vesper, 1)
    await vesper.advance(301)
    assert automation.take() == []


async def test_what_is_lost_while_all_last(hass: HomeAssistant, vesper: Vesper) -> None:
    """One that is added does not begin it again."""
    await report(vesper, *BELLS)
    await set_maintenance_of(vesper, "gate", hours=1)
    automation = await automate_all(hass, "went_offline", "all", **MINUTES)
    await wait(vesper, 91, "gate")
    await wait(vesper, 120, "gate")
    await set_maintenance_of(vesper, "gate", hours=0)
    assert ids(automation) == []
    await wait(vesper, 91)
    await wait(vesper, 300)
    assert ids(automation) == ["gate"]


async def test_which_alerts_are_resumed(hass: HomeAssistant, vesper: Vesper) -> None:
    """Those that are severe enough, and ran triggers."""
    await vesper.heartbeat()
    await vesper.alert("SD", "WARNING")
    await vesper.alert("Player", "CRITICAL")
    await vesper.alert("Net", "CRITICAL", retain=True)
    options = MINUTES | {"severity": "critical"}
    automation = await automate(hass, "alert_raised", devices(hass), options)
    await wait(vesper, 330, BELL)
    assert [run["subsystem"] for run in automation.take()] == ["Player"]


async def lose_all(vesper: Vesper) -> None:
    """Lose most of four devices, later the last."""
    await report(vesper, *BELLS, BELL)
    await wait(vesper, 60, BELL)
    await vesper.advance(31)


async def test_an_outage_that_lasts(hass: HomeAssistant, vesper: Vesper) -> None:
    """It has what it lost by then, and where."""
    area = ar.async_get(hass).async_create("Tower")
    await report(vesper, *BELLS)
    for device_id in BELLS:
        dr.async_get(hass).async_update_device(
            registered_id(hass, device_id), area_id=area.id
        )
    lasting = await automate(hass, "fleet_outage", options=MINUTES)
    short = await automate(hass, "fleet_outage", options={"for": {"minutes": 1}})
    await lose_all(vesper)
    await vesper.advance(59)
    await vesper.advance(2)
    (run,) = short.take()
    assert (run["lost"], run["online_before"], run["area"]) == (4, 4, None)
    await wait(vesper, 120)
    await wait(vesper, 240, *BELLS, BELL)
    assert lasting.take() == short.take() == []


async def test_where_an_outage_that_grows_is(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Also after a restart, which forgets only one number."""
    area = ar.async_get(hass).async_create("Tower")
    await report(vesper, *BELLS)
    for device_id in BELLS:
        dr.async_get(hass).async_update_device(
            registered_id(hass, device_id), area_id=area.id
        )
    at_once = await automate(hass, "fleet_outage")
    lasting = await automate(hass, "fleet_outage", options=MINUTES)
    await vesper.advance(91)
    await vesper.advance(150)
    assert len(at_once.take()) == 1
    await vesper.reload()
    assert lasting.take() == []
    later = await automate(hass, "fleet_outage", options=MINUTES)
    await vesper.advance(152)
    (run,) = lasting.take()
    assert (run["lost"], run["online_before"], run["area"]) == (3, None, "Tower")
    assert len(later.take()) == 1
    assert at_once.take() == []


async def test_an_outage_that_is_over_but_not_reported(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """It has not lasted until now."""
    await report(vesper, *BELLS)
    lasting = await automate(hass, "fleet_outage", options={"for": 101})
    at_once = await automate(hass, "fleet_outage")
    over = await automate(hass, "fleet_outage_ended")
    await vesper.advance(91)
    await vesper.advance(10)
    await report(vesper, "gate", "hall")
    await vesper.advance(50)
    await report(vesper, "gate", "hall")
    # To find out where they are takes some turns of the event loop.
    with patch("custom_components.vesper.hub.chunks.CHUNK", 0):
        await vesper.advance_exactly(41)
    assert len(over.take()) == len(at_once.take()) == 1
    assert lasting.take() == []


async def test_an_outage_while_the_entry_is_not_loaded(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """It is taken to go on."""
    lasting = await automate(hass, "fleet_outage", options=MINUTES)
    await lose_all(vesper)
    assert await hass.config_entries.async_unload(FLEET)
    await vesper.advance(301)
    (run,) = lasting.take()
    assert (run["lost"], run["online_before"]) == (3, 4)


async def test_killed_after_it_has_run(
    hass: HomeAssistant, vesper: Vesper, hass_storage: dict[str, Any]
) -> None:
    """It does not run again after a second."""
    await report(vesper, *BELLS)
    offline = await automate_all(hass, "went_offline", "each", **MINUTES)
    outage = await automate(hass, "fleet_outage", options=MINUTES)
    await vesper.advance(91)
    await vesper.advance(300)
    assert len(offline.take()) == 3
    assert len(outage.take()) == 1
    await vesper.advance(1)
    stored = deepcopy(hass_storage[f"{DOMAIN}.{FLEET}"])
    assert await hass.config_entries.async_unload(FLEET)
    hass_storage[f"{DOMAIN}.{FLEET}"] = stored
    hass.set_state(CoreState.starting)
    assert await hass.config_entries.async_setup(FLEET)
    await start(hass)
    await vesper.advance(1)
    assert offline.take() == outage.take() == []
