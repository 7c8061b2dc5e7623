"""What automations know of alerts that flap."""

from copy import deepcopy
from typing import Any

import pytest

from custom_components.vesper.const import DOMAIN
from homeassistant.core import HomeAssistant
from tests.automation import automate, devices
from tests.common import BELL, FLEET, Vesper

from .test_stability import flap, issues, set_maintenance, wait_for_an_hour

CRITICAL = {"severity": "critical"}


async def stay_online(vesper: Vesper, minutes: int) -> None:
    """Let minutes pass, with heartbeats."""
    for _ in range(minutes):
        await vesper.heartbeat()
        await vesper.advance(60)


async def kill(hass: HomeAssistant, storage: dict[str, Any]) -> None:
    """Restart the entry with what was stored before."""
    stored = deepcopy(storage[f"{DOMAIN}.{FLEET}"])
    assert await hass.config_entries.async_unload(FLEET)
    storage[f"{DOMAIN}.{FLEET}"] = stored
    assert await hass.config_entries.async_setup(FLEET)


async def test_an_end_after_a_lower_severity(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """It has the severity that triggers were told."""
    await vesper.heartbeat()
    raised = await automate(hass, "alert_raised", devices(hass), CRITICAL)
    cleared = await automate(hass, "alert_cleared", devices(hass))
    for state in ("FAILED", "CLEARED", "WARNING"):
        await vesper.alert("SD", state)
        await vesper.advance_exactly(0.5)
    await stay_online(vesper, 3)
    (alert,) = vesper.hub.devices[BELL].alerts.as_json()
    assert alert["announced"] == "FAILED"
    await vesper.alert("SD", "CLEARED")
    assert [run["to_state"] for run in raised.take()] == ["failed"]
    (run,) = cleared.take()
    assert (run["from_state"], run["announced"]) == ("warning", "failed")


async def test_an_end_after_it_has_flapped(hass: HomeAssistant, vesper: Vesper) -> None:
    """Hours later, it has the severity that was told."""
    await vesper.heartbeat()
    raised = await automate(hass, "alert_raised", devices(hass), CRITICAL)
    cleared = await automate(hass, "alert_cleared", devices(hass))
    for _ in range(10):
        for state in ("FAILED", "CLEARED"):
            await vesper.alert("SD", state)
            await vesper.advance_exactly(0.5)
    await vesper.alert("SD", "WARNING")
    await wait_for_an_hour(vesper)
    await wait_for_an_hour(vesper)
    assert vesper.hub.devices[BELL].stability is None
    await vesper.reload()
    await vesper.alert("SD", "CLEARED")
    assert len(raised.take()) == 1
    (run,) = cleared.take()
    assert run["announced"] == "failed"


async def test_a_severity_that_flaps_over_a_restart(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """It is not told again."""
    await vesper.heartbeat()
    raised = await automate(hass, "alert_raised", devices(hass))
    for state in ("WARNING", "FAILED") * 4:
        await vesper.alert("SD", state)
        await vesper.advance_exactly(0.5)
    assert [run["to_state"] for run in raised.take()][:2] == ["warning", "failed"]
    assert len(issues(hass)) == 1
    await vesper.reload()
    for state in ("WARNING", "FAILED"):
        await vesper.alert("SD", state)
        await vesper.advance_exactly(0.5)
    await vesper.call("vesper.acknowledge_alert", **devices(hass), subsystem="SD")
    await wait_for_an_hour(vesper)
    assert raised.take() == []
    assert issues(hass) == []


async def test_killed_after_it_has_settled(
    hass: HomeAssistant, vesper: Vesper, hass_storage: dict[str, Any]
) -> None:
    """What was told is not told again."""
    await vesper.heartbeat()
    cleared = await automate(hass, "alert_cleared", devices(hass))
    await flap(vesper, 10)
    await wait_for_an_hour(vesper)
    assert len(cleared.take()) == 1
    await kill(hass, hass_storage)
    await wait_for_an_hour(vesper)
    assert cleared.take() == []


async def test_killed_while_it_stands(
    hass: HomeAssistant, vesper: Vesper, hass_storage: dict[str, Any]
) -> None:
    """One that stands is told once."""
    await vesper.heartbeat()
    raised = await automate(hass, "alert_raised", devices(hass))
    await flap(vesper, 10)
    await vesper.alert("SD", "WARNING")
    assert len(raised.take()) == 1
    await wait_for_an_hour(vesper)
    assert len(raised.take()) == 1
    await kill(hass, hass_storage)
    await wait_for_an_hour(vesper)
    assert raised.take() == []


async def test_a_short_alert_over_a_restart(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Its end is told two seconds after the start."""
    await vesper.heartbeat()
    cleared = await automate(hass, "alert_cleared", devices(hass))
    await vesper.alert("SD", "WARNING")
    await vesper.alert("SD", "CLEARED")
    await vesper.reload()
    assert cleared.take() == []
    await vesper.advance(3)
    assert len(cleared.take()) == 1


async def test_the_issue_is_there_after_a_reload(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """It does not wait for the next check."""
    await vesper.heartbeat()
    await flap(vesper, 10)
    await vesper.reload()
    assert [issue["alerts"] for issue in issues(hass)] == ["20"]


async def test_a_quiet_hour_in_maintenance(hass: HomeAssistant, vesper: Vesper) -> None:
    """The issue ends; what is active is told afterwards."""
    await vesper.heartbeat()
    raised = await automate(hass, "alert_raised", devices(hass))
    await flap(vesper, 10)
    await vesper.alert("SD", "WARNING")
    await set_maintenance(vesper, 3)
    await wait_for_an_hour(vesper)
    assert issues(hass) == []
    assert len(raised.take()) == 1
    await set_maintenance(vesper, 0)
    await stay_online(vesper, 2)
    assert len(raised.take()) == 1
    assert vesper.hub.devices[BELL].stability is None


async def test_worse_in_a_quiet_hour_in_maintenance(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """It is told once, at the end."""
    await vesper.heartbeat()
    raised = await automate(hass, "alert_raised", devices(hass))
    await flap(vesper, 10)
    await vesper.alert("SD", "WARNING")
    await set_maintenance(vesper, 3)
    await vesper.alert("SD", "CRITICAL")
    await wait_for_an_hour(vesper)
    raised.take()
    await set_maintenance(vesper, 0)
    await stay_online(vesper, 2)
    assert [run["to_state"] for run in raised.take()] == ["critical"]


async def test_raised_again_after_maintenance(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """After one that ended, it is new."""
    await vesper.heartbeat()
    lasting = await automate(hass, "alert_raised", devices(hass), {"for": 300})
    raised = await automate(hass, "alert_raised", devices(hass))
    cleared = await automate(hass, "alert_cleared", devices(hass))
    await flap(vesper, 10)
    await vesper.alert("SD", "WARNING")
    await set_maintenance(vesper, 1)
    await vesper.alert("SD", "CLEARED")
    await set_maintenance(vesper, 0)
    assert len(cleared.take()) == 1
    raised.take()
    await vesper.heartbeat()
    await vesper.alert("SD", "WARNING", "stands")
    assert [run["message"] for run in raised.take()] == ["stands"]
    await stay_online(vesper, 6)
    assert [run["message"] for run in lasting.take()] == ["stands"]
    assert cleared.take() == []


@pytest.mark.parametrize("last", ["CLEARED", "WARNING"])
async def test_it_has_to_be_there_when_it_has_lasted(
    hass: HomeAssistant, vesper: Vesper, last: str
) -> None:
    """If over or less severe, it is not told."""
    await vesper.heartbeat()
    options = CRITICAL | {"for": {"minutes": 5}}
    lasting = await automate(hass, "alert_raised", devices(hass), options)
    for _ in range(5):
        for state in ("CRITICAL", last):
            await vesper.alert("SD", state)
            await vesper.advance_exactly(0.5)
    await stay_online(vesper, 10)
    await vesper.alert("SD", "WARNING")
    await vesper.alert("SD", last)
    assert lasting.take() == []
    # It is told once it is there again, as it is then.
    await vesper.alert("SD", "CRITICAL", "again")
    (run,) = lasting.take()
    assert (run["message"], run["to_state"]) == ("again", "critical")
    await vesper.alert("SD", last)
    await vesper.alert("SD", "CRITICAL")
    await stay_online(vesper, 10)
    assert lasting.take() == []


async def test_it_has_lasted_and_returns_worse(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Then it has to last again."""
    await vesper.heartbeat()
    options = {"for": {"minutes": 5}}
    lasting = await automate(hass, "alert_raised", devices(hass), options)
    await flap(vesper, 10)
    await stay_online(vesper, 6)
    await vesper.alert("SD", "FAILED")
    await stay_online(vesper, 4)
    assert lasting.take() == []
    await stay_online(vesper, 1)
    await vesper.advance(1)
    assert [run["to_state"] for run in lasting.take()] == ["failed"]


async def test_it_has_lasted_and_returns_retained(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """It is told after the quiet hour, at once."""
    await vesper.heartbeat()
    options = {"for": {"minutes": 5}}
    lasting = await automate(hass, "alert_raised", devices(hass), options)
    await flap(vesper, 10)
    await stay_online(vesper, 6)
    await vesper.alert("SD", "WARNING", retain=True)
    assert lasting.take() == []
    await stay_online(vesper, 56)
    assert len(lasting.take()) == 1
    await stay_online(vesper, 6)
    assert lasting.take() == []


async def test_it_has_lasted_and_is_over(hass: HomeAssistant, vesper: Vesper) -> None:
    """After the quiet hour, nothing waits for it."""
    await vesper.heartbeat()
    options = {"for": {"minutes": 5}}
    lasting = await automate(hass, "alert_raised", devices(hass), options)
    await flap(vesper, 10)
    await wait_for_an_hour(vesper)
    await wait_for_an_hour(vesper)
    await vesper.alert("SD", "WARNING")
    assert lasting.take() == []
    await stay_online(vesper, 6)
    assert len(lasting.take()) == 1


async def test_one_is_acknowledged_while_it_flaps(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """The trigger says so."""
    await vesper.heartbeat()
    options = {"for": {"minutes": 5}}
    lasting = await automate(hass, "alert_raised", devices(hass), options)
    await flap(vesper, 10)
    await vesper.alert("SD", "WARNING", "stands")
    await vesper.call("vesper.acknowledge_alert", **devices(hass), subsystem="SD")
    await stay_online(vesper, 6)
    (run,) = lasting.take()
    assert (run["message"], run["acknowledged"]) == ("stands", True)


async def test_it_stands_for_longer_than_the_quiet_hour(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """The time counts from the first raise."""
    await vesper.heartbeat()
    options = {"for": {"hours": 2}}
    lasting = await automate(hass, "alert_raised", devices(hass), options)
    await flap(vesper, 10)
    await vesper.alert("SD", "WARNING")
    await stay_online(vesper, 119)
    assert lasting.take() == []
    await stay_online(vesper, 1)
    assert len(lasting.take()) == 1


async def test_each_change_of_one_that_flaps(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """With `flapping`, it lasts only while it is there."""
    await vesper.heartbeat()
    options = {"for": {"minutes": 5}, "flapping": True}
    lasting = await automate(hass, "alert_raised", devices(hass), options)
    await flap(vesper, 10)
    await vesper.alert("SD", "WARNING")
    await vesper.advance(200)
    await vesper.heartbeat()
    await vesper.alert("SD", "CLEARED")
    await stay_online(vesper, 10)
    await vesper.alert("SD", "WARNING")
    assert lasting.take() == []
    assert lasting.detach is not None
    lasting.detach()


async def test_an_automation_that_ends_meanwhile(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """It waits for nothing more."""
    await vesper.heartbeat()
    options = {"for": {"minutes": 5}}
    lasting = await automate(hass, "alert_raised", devices(hass), options)
    await flap(vesper, 10)
    await stay_online(vesper, 6)
    assert lasting.detach is not None
    lasting.detach()
    await vesper.alert("SD", "WARNING")
    await stay_online(vesper, 6)
    assert lasting.take() == []


async def test_a_lasting_alert_while_the_entry_is_unloaded(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """It is taken to be there."""
    await vesper.heartbeat()
    options = {"for": {"minutes": 5}}
    lasting = await automate(hass, "alert_raised", devices(hass), options)
    await flap(vesper, 10)
    assert await hass.config_entries.async_unload(FLEET)
    await vesper.advance(301)
    assert len(lasting.take()) == 1
    assert await hass.config_entries.async_setup(FLEET)
