"""Unstable devices and flapping alerts, from messages to notifications."""

from collections.abc import Awaitable, Callable
from copy import deepcopy
from typing import Any

import pytest

from custom_components.vesper.const import DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from tests.automation import automate, devices, registered_id
from tests.common import BELL, FLEET, Vesper

HOUR = 3600


def issues(hass: HomeAssistant) -> list[dict[str, Any]]:
    """Return the placeholders of active issues, without links."""
    return [
        {
            name: value
            for name, value in (issue.translation_placeholders or {}).items()
            if name != "url"
        }
        for (domain, _), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and issue.active and issue.translation_key == "unstable"
    ]


async def flap(vesper: Vesper, times: int, *, seconds: float = 0.5) -> None:
    """Raise and clear an alert so many times."""
    for _ in range(times):
        for state in ("WARNING", "CLEARED"):
            await vesper.alert("SD", state, "no card")
            assert vesper.value("alert_SD") == {"CLEARED": "ok"}.get(state, "warning")
            await vesper.advance_exactly(seconds)


async def wait_for_an_hour(vesper: Vesper) -> None:
    """Let an hour pass, with heartbeats."""
    for _ in range(HOUR // 60 + 1):
        await vesper.heartbeat()
        await vesper.advance(60)


async def test_three_hundred_flaps(hass: HomeAssistant, vesper: Vesper) -> None:
    """They trigger twice and raise one repair issue."""
    await vesper.heartbeat()
    raised = await automate(hass, "alert_raised", devices(hass))
    cleared = await automate(hass, "alert_cleared", devices(hass))
    await flap(vesper, 300)
    assert len(raised.take()) == 1
    assert cleared.take() == []
    await wait_for_an_hour(vesper)
    (run,) = cleared.take()
    assert (run["subsystem"], run["announced"]) == ("SD", "warning")
    assert raised.take() == []
    assert issues(hass) == []


async def test_a_repair_issue(hass: HomeAssistant, vesper: Vesper) -> None:
    """It counts the changes until a quiet hour."""
    await vesper.heartbeat()
    await flap(vesper, 2)
    await vesper.alert("SD", "WARNING")
    assert issues(hass) == []
    await vesper.alert("SD", "CLEARED")
    assert issues(hass) == [
        {"device": "Vesper bell", "alerts": "6", "connectivity": "0"}
    ]
    await flap(vesper, 1)
    await vesper.advance(60)
    (issue,) = issues(hass)
    assert issue["alerts"] == "8"
    assert vesper.state("connectivity").attributes["unstable"] == ["SD"]
    await wait_for_an_hour(vesper)
    assert issues(hass) == []
    assert "unstable" not in vesper.state("connectivity").attributes


async def test_unstable_connectivity(hass: HomeAssistant, vesper: Vesper) -> None:
    """Each change still triggers, and says so."""
    await vesper.heartbeat()
    went_offline = await automate(hass, "went_offline", devices(hass))
    for _ in range(4):
        await vesper.advance(91)
        await vesper.heartbeat()
    runs = went_offline.take()
    assert [run["unstable"] for run in runs] == [[], [], [], ["connectivity"]]
    await vesper.advance(60)
    assert issues(hass) == [
        {"device": "Vesper bell", "alerts": "0", "connectivity": "8"}
    ]


async def test_a_trigger_for_each_change(hass: HomeAssistant, vesper: Vesper) -> None:
    """With the option it runs each time."""
    await vesper.heartbeat()
    options = {"flapping": True}
    raised = await automate(hass, "alert_raised", devices(hass), options)
    cleared = await automate(hass, "alert_cleared", devices(hass), options)
    await flap(vesper, 10)
    assert (len(raised.take()), len(cleared.take())) == (10, 10)
    await wait_for_an_hour(vesper)
    assert (raised.take(), cleared.take()) == ([], [])


async def test_a_flapping_alert_gets_worse(hass: HomeAssistant, vesper: Vesper) -> None:
    """It triggers at once."""
    await vesper.heartbeat()
    raised = await automate(hass, "alert_raised", devices(hass))
    await flap(vesper, 10)
    assert len(raised.take()) == 1
    await vesper.alert("SD", "FAILED")
    assert [run["to_state"] for run in raised.take()] == ["failed"]


async def test_a_flapping_alert_that_has_to_last(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Its ends do not cancel the timer."""
    await vesper.heartbeat()
    raised = await automate(hass, "alert_raised", devices(hass), {"for": 600})
    await flap(vesper, 10)
    await vesper.alert("SD", "WARNING")
    await vesper.advance(600)
    assert len(raised.take()) == 1


async def test_an_alert_that_flapped_and_stands(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """A trigger with a duration runs, whatever happened before."""
    await vesper.heartbeat()
    raised = await automate(hass, "alert_raised", devices(hass), {"for": 600})
    for state in ("FAILED", "CLEARED") * 3:
        await vesper.alert("SD", state)
        await vesper.advance(60)
    await vesper.alert("SD", "FAILED")
    await vesper.advance(600)
    assert len(raised.take()) == 1


async def test_an_alert_that_stands_after_it_flapped(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """It triggers once more, also what was added meanwhile."""
    await vesper.heartbeat()
    raised = await automate(hass, "alert_raised", devices(hass))
    await flap(vesper, 10)
    later = await automate(hass, "alert_raised", devices(hass))
    await vesper.alert("SD", "WARNING", "no card")
    assert (len(raised.take()), later.take()) == (1, [])
    await wait_for_an_hour(vesper)
    assert [run["message"] for run in raised.take()] == ["no card"]
    assert len(later.take()) == 1


async def test_severity_that_flaps(hass: HomeAssistant, vesper: Vesper) -> None:
    """It triggers until unstable, and in the end."""
    await vesper.heartbeat()
    raised = await automate(hass, "alert_raised", devices(hass))
    for state in ("WARNING", "CRITICAL") * 300:
        await vesper.alert("SD", state)
        await vesper.advance_exactly(0.5)
    states = [run["to_state"] for run in raised.take()]
    assert states == ["warning", "critical", "critical"]
    await wait_for_an_hour(vesper)
    assert len(raised.take()) == 1


async def set_maintenance(vesper: Vesper, hours: float) -> None:
    """Begin or end maintenance."""
    await vesper.call(
        "vesper.set_maintenance", **devices(vesper.hass), duration={"hours": hours}
    )


async def set_disabled(vesper: Vesper, hours: float) -> None:
    """Disable the device, or enable it."""
    dr.async_get(vesper.hass).async_update_device(
        registered_id(vesper.hass),
        disabled_by=dr.DeviceEntryDisabler.USER if hours else None,
    )
    await vesper.hass.async_block_till_done()


@pytest.mark.parametrize("suppress", [set_maintenance, set_disabled])
@pytest.mark.parametrize("changes", [(), ("CRITICAL", "CLEARED")])
async def test_suppressed_while_an_end_is_held(
    hass: HomeAssistant,
    vesper: Vesper,
    suppress: Callable[[Vesper, float], Awaitable[None]],
    changes: tuple[str, ...],
) -> None:
    """It is reported afterwards, whatever happened meanwhile."""
    await vesper.heartbeat()
    cleared = await automate(hass, "alert_cleared", devices(hass))
    await flap(vesper, 10)
    await suppress(vesper, 3)
    for state in changes:
        await vesper.alert("SD", state)
        await vesper.advance(60)
    for _ in range(2):
        await wait_for_an_hour(vesper)
    assert cleared.take() == []
    await suppress(vesper, 0)
    await vesper.heartbeat()
    await vesper.advance(61)
    (run,) = cleared.take()
    assert run["announced"] == "warning"


async def test_maintenance_makes_nothing_unstable(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Alerts and restarts are expected then."""
    await vesper.heartbeat()
    await set_maintenance(vesper, 3)
    await flap(vesper, 10)
    for _ in range(4):
        await vesper.advance(91)
        await vesper.heartbeat()
    assert vesper.hub.devices[BELL].stability is None
    assert issues(hass) == []


async def test_fleet_outages_make_no_device_unstable(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """They are reported as outages."""
    for _ in range(5):
        for device_id in (BELL, "hall", "school", "tower"):
            await vesper.heartbeat(device_id)
        await vesper.advance(91)
        await vesper.advance(91)
    assert issues(hass) == []


async def test_killed_after_an_end_was_published(
    hass: HomeAssistant, vesper: Vesper, hass_storage: dict[str, Any]
) -> None:
    """It is not published again after the start."""
    await vesper.heartbeat()
    await flap(vesper, 10)
    await vesper.alert("SD", "WARNING")
    await vesper.call("vesper.clear_alert", **devices(hass), subsystem="SD")
    await vesper.advance(1)
    stored = deepcopy(hass_storage[f"{DOMAIN}.{FLEET}"])
    assert await hass.config_entries.async_unload(FLEET)
    hass_storage[f"{DOMAIN}.{FLEET}"] = stored
    assert await hass.config_entries.async_setup(FLEET)
    cleared = await automate(hass, "alert_cleared", devices(hass))
    await wait_for_an_hour(vesper)
    assert cleared.take() == []


async def test_a_short_alert(hass: HomeAssistant, vesper: Vesper) -> None:
    """Its end triggers after two seconds."""
    await vesper.heartbeat()
    cleared = await automate(hass, "alert_cleared", devices(hass))
    await vesper.alert("SD", "WARNING")
    await vesper.alert("SD", "CLEARED")
    await vesper.advance_exactly(1.9)
    assert cleared.take() == []
    await vesper.advance_exactly(0.2)
    assert len(cleared.take()) == 1


async def test_devices_settle_by_themselves(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Each device settles at its own time."""
    for device_id in (BELL, "tower"):
        await vesper.heartbeat(device_id)
    cleared = await automate(hass, "alert_cleared", devices(hass, [FLEET]))
    for device_id in (BELL, "tower"):
        await vesper.alert("SD", "WARNING", device_id=device_id)
        await vesper.alert("SD", "CLEARED", device_id=device_id)
        await vesper.advance_exactly(1)
    assert cleared.take() == []
    await vesper.advance_exactly(0.5)
    assert [run["vesper_id"] for run in cleared.take()] == [BELL]
    await vesper.advance_exactly(1)
    assert [run["vesper_id"] for run in cleared.take()] == ["tower"]


async def test_a_restart_while_it_flaps(hass: HomeAssistant, vesper: Vesper) -> None:
    """What was reported is reported to be over."""
    await vesper.heartbeat()
    cleared = await automate(hass, "alert_cleared", devices(hass))
    await flap(vesper, 10)
    await vesper.reload()
    assert cleared.take() == []
    await wait_for_an_hour(vesper)
    (run,) = cleared.take()
    assert (run["subsystem"], run["from_state"]) == ("SD", "warning")


async def test_a_restart_while_it_is_active(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """It goes on as the alert that was reported."""
    await vesper.heartbeat()
    raised = await automate(hass, "alert_raised", devices(hass))
    cleared = await automate(hass, "alert_cleared", devices(hass))
    await flap(vesper, 10)
    await vesper.alert("SD", "WARNING")
    raised.take()
    await vesper.reload()
    await wait_for_an_hour(vesper)
    assert (len(raised.take()), cleared.take()) == (1, [])
    await vesper.alert("SD", "CLEARED")
    assert len(cleared.take()) == 1


async def test_a_closed_entry(hass: HomeAssistant, vesper: Vesper) -> None:
    """Nothing settles after it was unloaded."""
    await vesper.heartbeat()
    cleared = await automate(hass, "alert_cleared", devices(hass))
    await flap(vesper, 1)
    assert await hass.config_entries.async_unload(FLEET)
    await vesper.advance(2 * HOUR)
    assert cleared.take() == []
    assert await hass.config_entries.async_setup(FLEET)


async def test_a_restart_while_it_is_unstable(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """The repair issue stays until a quiet hour."""
    await vesper.heartbeat()
    await flap(vesper, 10)
    await vesper.advance(HOUR / 2)
    await vesper.reload()
    await vesper.advance(60)
    assert [issue["alerts"] for issue in issues(hass)] == ["20"]
    assert vesper.state("connectivity").attributes["unstable"] == ["SD"]
    await vesper.advance(HOUR / 2)
    assert issues(hass) == []


@pytest.mark.parametrize(
    "unstable",
    [
        None,
        7,
        [7],
        [[]],
        [["SD", 7]],
        [["SD", 7, "x"]],
        [["", 7, 1e300]],
        [["\n", 7, 7.0]],
    ],
)
async def test_bad_stored_changes(
    vesper: Vesper, hass_storage: dict[str, Any], unstable: object
) -> None:
    """They are skipped."""
    await vesper.heartbeat()
    await flap(vesper, 10)
    await vesper.hass.config_entries.async_unload(FLEET)
    file = hass_storage[f"{DOMAIN}.{FLEET}"]["data"]["devices"][BELL]
    assert [(key, count) for key, count, _ in file["unstable"]] == [("SD", 20)]
    file["unstable"] = unstable
    await vesper.hass.config_entries.async_setup(FLEET)
    assert vesper.hub.devices[BELL].unstable == []


@pytest.mark.parametrize("ended_at", [None, "x", 1e300])
async def test_an_end_without_a_time(
    vesper: Vesper, hass_storage: dict[str, Any], ended_at: object
) -> None:
    """A stored end with a bad time is skipped."""
    await vesper.heartbeat()
    await flap(vesper, 10)
    await vesper.hass.config_entries.async_unload(FLEET)
    (held,) = hass_storage[f"{DOMAIN}.{FLEET}"]["data"]["devices"][BELL]["held"]
    held["ended_at"] = ended_at
    await vesper.hass.config_entries.async_setup(FLEET)
    stability = vesper.hub.devices[BELL].stability
    assert stability is not None
    assert not stability.held


@pytest.mark.parametrize("held", [None, 7, [7], [{"subsystem": 7}], [{}]])
async def test_bad_stored_ends(
    vesper: Vesper, hass_storage: dict[str, Any], held: object
) -> None:
    """They are skipped."""
    await vesper.heartbeat()
    await flap(vesper, 10)
    await vesper.hass.config_entries.async_unload(FLEET)
    file = hass_storage[f"{DOMAIN}.{FLEET}"]["data"]["devices"][BELL]
    assert len(file["held"]) == 1
    file["held"] = held
    await vesper.hass.config_entries.async_setup(FLEET)
    stability = vesper.hub.devices[BELL].stability
    assert stability is not None
    assert not stability.held
