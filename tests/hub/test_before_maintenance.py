"""What began before maintenance and lasts over its end."""

import pytest

from homeassistant.core import HomeAssistant
from tests.automation import Automation, automate, devices
from tests.common import BELL, FLEET, Vesper, report, wait

from .test_stability import set_maintenance

MINUTES = {"for": {"minutes": 5}}

#: In seconds: maintenance that is over before the five minutes are, and after.
LENGTHS = pytest.mark.parametrize("length", [60, 1200])


async def raise_alert(hass: HomeAssistant, vesper: Vesper) -> Automation:
    """Raise an alert two minutes before maintenance."""
    await report(vesper, BELL)
    automation = await automate(hass, "alert_raised", devices(hass), MINUTES)
    await vesper.alert("SD", "CRITICAL", "no card")
    await wait(vesper, 120, BELL)
    await set_maintenance(vesper, 1)
    return automation


@LENGTHS
async def test_an_active_alert(
    hass: HomeAssistant, vesper: Vesper, length: int
) -> None:
    """It runs the trigger once."""
    automation = await raise_alert(hass, vesper)
    await wait(vesper, length, BELL)
    assert automation.take() == []
    await set_maintenance(vesper, 0)
    await wait(vesper, 1200, BELL)
    (run,) = automation.take()
    assert (run["subsystem"], run["to_state"]) == ("SD", "critical")


@LENGTHS
async def test_an_ended_alert(hass: HomeAssistant, vesper: Vesper, length: int) -> None:
    """It runs the trigger once."""
    await report(vesper, BELL)
    await vesper.alert("SD", "CRITICAL")
    await wait(vesper, 60, BELL)
    automation = await automate(hass, "alert_cleared", devices(hass), MINUTES)
    await vesper.alert("SD", "CLEARED")
    await wait(vesper, 120, BELL)
    await set_maintenance(vesper, 1)
    await wait(vesper, length, BELL)
    assert automation.take() == []
    await set_maintenance(vesper, 0)
    await wait(vesper, 1200, BELL)
    (run,) = automation.take()
    assert run["subsystem"] == "SD"


@LENGTHS
async def test_an_offline_device(
    hass: HomeAssistant, vesper: Vesper, length: int
) -> None:
    """It runs the trigger once."""
    await report(vesper, BELL)
    automation = await automate(hass, "went_offline", devices(hass), MINUTES)
    await wait(vesper, 150)
    await set_maintenance(vesper, 1)
    await wait(vesper, length)
    assert automation.take() == []
    await set_maintenance(vesper, 0)
    await wait(vesper, 1200)
    assert len(automation.take()) == 1


async def test_a_device_that_is_back(hass: HomeAssistant, vesper: Vesper) -> None:
    """It runs the trigger once."""
    await report(vesper, BELL)
    automation = await automate(hass, "came_online", devices(hass), MINUTES)
    await wait(vesper, 150)
    await wait(vesper, 60, BELL)
    await set_maintenance(vesper, 1)
    await wait(vesper, 1200, BELL)
    assert automation.take() == []
    await set_maintenance(vesper, 0)
    await wait(vesper, 1200, BELL)
    assert len(automation.take()) == 1


async def test_what_is_over_in_maintenance(hass: HomeAssistant, vesper: Vesper) -> None:
    """It runs no trigger."""
    automation = await raise_alert(hass, vesper)
    await wait(vesper, 1200, BELL)
    await vesper.alert("SD", "CLEARED")
    await set_maintenance(vesper, 0)
    await wait(vesper, 1200, BELL)
    assert automation.take() == []


async def test_what_was_reported_before(hass: HomeAssistant, vesper: Vesper) -> None:
    """It does not run the trigger again."""
    await report(vesper, BELL)
    automation = await automate(hass, "alert_raised", devices(hass), MINUTES)
    await vesper.alert("SD", "CRITICAL")
    await wait(vesper, 600, BELL)
    assert len(automation.take()) == 1
    await set_maintenance(vesper, 1)
    await wait(vesper, 1200, BELL)
    await set_maintenance(vesper, 0)
    await wait(vesper, 1200, BELL)
    assert automation.take() == []


async def test_a_device_that_is_not_targeted(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """It runs no trigger."""
    await report(vesper, BELL, "other")
    target = devices(hass, ["other"])
    automation = await automate(hass, "alert_raised", target, MINUTES)
    await vesper.alert("SD", "CRITICAL")
    await wait(vesper, 120, BELL)
    await set_maintenance(vesper, 1)
    await wait(vesper, 1200, BELL)
    await set_maintenance(vesper, 0)
    await wait(vesper, 10, BELL)
    assert automation.take() == []


async def test_a_reload_in_maintenance(hass: HomeAssistant, vesper: Vesper) -> None:
    """The trigger runs once all the same."""
    automation = await raise_alert(hass, vesper)
    await wait(vesper, 1200, BELL)
    await vesper.finish_subscriptions()
    assert await hass.config_entries.async_reload(FLEET)
    await report(vesper, BELL)
    await set_maintenance(vesper, 0)
    await wait(vesper, 1200, BELL)
    assert len(automation.take()) == 1
