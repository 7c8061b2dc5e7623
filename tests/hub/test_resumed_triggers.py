"""Ended alerts and playback that last over restarts."""

from copy import deepcopy
from typing import Any

import pytest

from custom_components.vesper.const import DOMAIN
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant
from tests.automation import Automation, automate, devices
from tests.common import BELL, FLEET, Vesper, report, wait

from .test_stability import set_maintenance

BELLS = ("gate", "hall", "tower")
MINUTES = {"for": {"minutes": 5}}


async def automate_all(
    hass: HomeAssistant, trigger: str, behavior: str = "each", **options: Any
) -> Automation:
    """Make an automation for all bells that waits."""
    options |= MINUTES | {"behavior": behavior}
    return await automate(hass, trigger, devices(hass, BELLS), options)


class Restart:
    """Restart Home Assistant."""

    def __init__(
        self, hass: HomeAssistant, vesper: Vesper, storage: dict[str, Any]
    ) -> None:
        """Set what is restarted."""
        self._hass = hass
        self._vesper = vesper
        self._storage = storage

    async def __call__(
        self,
        trigger: str,
        behavior: str = "each",
        *,
        seconds: float = 60,
        killed: bool = False,
    ) -> Automation:
        """Return the automation that is set up after it.

        If Home Assistant was killed, the store is as it was a second after the last
        change.
        """
        hass, key = self._hass, f"{DOMAIN}.{FLEET}"
        await self._vesper.finish_subscriptions()
        await self._vesper.advance(1)
        stored = deepcopy(self._storage[key])
        assert await hass.config_entries.async_unload(FLEET)
        if killed:
            self._storage[key] = stored
        hass.set_state(CoreState.starting)
        await self._vesper.advance(seconds)
        assert await hass.config_entries.async_setup(FLEET)
        automation = await automate_all(hass, trigger, behavior)
        hass.set_state(CoreState.running)
        hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
        await hass.async_block_till_done()
        return automation


@pytest.fixture
def restart(
    hass: HomeAssistant, vesper: Vesper, hass_storage: dict[str, Any]
) -> Restart:
    """Return what restarts Home Assistant."""
    return Restart(hass, vesper, hass_storage)


async def end_alerts(vesper: Vesper) -> None:
    """End an alert of each bell, 10 seconds apart."""
    await report(vesper, *BELLS)
    for device_id in BELLS:
        await vesper.alert("SD", "CRITICAL", "no card", device_id=device_id)
    await wait(vesper, 60, *BELLS)
    for device_id in BELLS:
        await vesper.advance(10)
        await vesper.alert("SD", "CLEARED", device_id=device_id)


def ids(automation: Automation) -> list[str]:
    """Return the devices of the last runs, sorted."""
    return sorted(run["vesper_id"] for run in automation.take())


def by_id(automation: Automation) -> list[dict[str, Any]]:
    """Return the last runs, sorted by device."""
    return sorted(automation.take(), key=lambda run: str(run["vesper_id"]))


# Ended alerts

#: Which bells run automations that are resumed: the first was OK before the others.
RESUMED = [("each", [*BELLS]), ("first", ["gate"]), ("all", ["tower"])]


@pytest.mark.parametrize(("behavior", "expected"), RESUMED)
async def test_an_automation_that_is_saved(
    hass: HomeAssistant, vesper: Vesper, behavior: str, expected: list[str]
) -> None:
    """The time goes on, and runs once."""
    await end_alerts(vesper)
    live = await automate_all(hass, "alert_cleared", behavior)
    await wait(vesper, 180, *BELLS)
    await vesper.reload()
    saved = await automate_all(hass, "alert_cleared", behavior)
    await wait(vesper, 90, *BELLS)
    assert ids(saved) == []
    await wait(vesper, 40, *BELLS)
    assert ids(saved) == ids(live) == expected
    again = await automate_all(hass, "alert_cleared", behavior)
    await wait(vesper, 330, *BELLS)
    assert ids(again) == ids(saved) == []


@pytest.mark.parametrize(("behavior", "expected"), RESUMED)
@pytest.mark.parametrize(
    "options",
    [
        {"seconds": seconds, "killed": killed}
        for seconds in (60, 400)
        for killed in (True, False)
    ],
)
async def test_an_end_over_a_restart(
    vesper: Vesper,
    restart: Restart,
    behavior: str,
    expected: list[str],
    options: dict[str, Any],
) -> None:
    """The time goes on, also while it is down."""
    await end_alerts(vesper)
    automation = await restart("alert_cleared", behavior, **options)
    await report(vesper, *BELLS)
    await vesper.advance(0)
    is_over = options["seconds"] == 400
    assert ids(automation) == (expected if is_over else [])
    await wait(vesper, 240, *BELLS)
    assert ids(automation) == ([] if is_over else expected)


async def test_an_end_that_has_just_lasted(hass: HomeAssistant, vesper: Vesper) -> None:
    """It was reported, unless there was no automation."""
    vesper.freezer.move_to("2030-01-01T12:00:00Z")
    await vesper.heartbeat()
    await vesper.alert("SD", "CRITICAL")
    await vesper.advance(10)
    await vesper.alert("SD", "CLEARED")
    await wait(vesper, 300, BELL)
    automation = await automate(hass, "alert_cleared", devices(hass), MINUTES)
    await wait(vesper, 10, BELL)
    assert automation.take() == []


async def test_the_variables_of_a_resumed_end(
    hass: HomeAssistant, vesper: Vesper, restart: Restart
) -> None:
    """They are as they would be without a restart."""
    await report(vesper, *BELLS)
    live = await automate_all(hass, "alert_cleared")
    await end_alerts(vesper)
    await wait(vesper, 300, *BELLS)
    before = [run for run in live.take() if run["vesper_id"] == "hall"]
    await end_alerts(vesper)
    automation = await restart("alert_cleared")
    await wait(vesper, 300, *BELLS)
    after = [run for run in automation.take() if run["vesper_id"] == "hall"]
    assert len(before) == len(after) == 1
    for run in before + after:
        # Alerts begin at whole seconds.
        assert 80 <= (run.pop("ended_at") - run.pop("raised_at")).total_seconds() < 81
        assert run.pop("worsened_at") == run.pop("critical_at")
    assert before == after
    assert after[0]["announced"] == "critical"
    assert after[0]["message"] == "no card"


async def test_an_end_that_does_not_last(hass: HomeAssistant, vesper: Vesper) -> None:
    """A new alert ends it, also a retained one."""
    await end_alerts(vesper)
    await vesper.alert("SD", "WARNING", device_id="gate")
    await vesper.reload()
    await vesper.alert("SD", "WARNING", device_id="hall", retain=True)
    automation = await automate_all(hass, "alert_cleared")
    await wait(vesper, 330, *BELLS)
    assert ids(automation) == ["tower"]


@pytest.mark.parametrize("before", [True, False])
async def test_an_end_in_maintenance(
    hass: HomeAssistant, vesper: Vesper, *, before: bool
) -> None:
    """The time counts from the end of maintenance.

    Triggers only know of it if they knew of the alert.
    """
    await vesper.heartbeat()
    if before:
        await vesper.alert("SD", "WARNING")
    await set_maintenance(vesper, 1)
    await vesper.alert("SD", "WARNING")
    await vesper.alert("SD", "CLEARED")
    await wait(vesper, 120, BELL)
    await set_maintenance(vesper, 0)
    automation = await automate(hass, "alert_cleared", devices(hass), MINUTES)
    await wait(vesper, 270, BELL)
    assert automation.take() == []
    await wait(vesper, 60, BELL)
    assert len(automation.take()) == before


async def test_ends_that_are_not_selected(hass: HomeAssistant, vesper: Vesper) -> None:
    """Only those of the subsystems count."""
    await vesper.heartbeat()
    for subsystem in ("SD", "Player"):
        await vesper.alert(subsystem, "WARNING")
    await vesper.advance(60)
    for subsystem in ("SD", "Player"):
        await vesper.alert(subsystem, "CLEARED")
    options = MINUTES | {"subsystems": ["Player"]}
    automation = await automate(hass, "alert_cleared", devices(hass), options)
    await wait(vesper, 330, BELL)
    assert [run["subsystem"] for run in automation.take()] == ["Player"]


async def test_a_short_alert(hass: HomeAssistant, vesper: Vesper) -> None:
    """Its end counts from when triggers know of it."""
    await vesper.heartbeat()
    await vesper.alert("SD", "WARNING")
    await vesper.alert("SD", "CLEARED")
    settled = await automate(hass, "alert_cleared", devices(hass), MINUTES)
    await vesper.advance(3)
    await vesper.reload()
    options = MINUTES | {"flapping": True}
    each = await automate(hass, "alert_cleared", devices(hass), options)
    for automation in (each, settled):
        assert automation.take() == []
    await wait(vesper, 270, BELL)
    await vesper.advance_exactly(28)
    assert (len(each.take()), len(settled.take())) == (1, 0)
    await vesper.advance_exactly(3)
    assert (len(each.take()), len(settled.take())) == (0, 1)


async def test_the_last_of_several_ends(hass: HomeAssistant, vesper: Vesper) -> None:
    """Only then the device has no alert any more."""
    await report(vesper, *BELLS)
    for subsystem in ("SD", "Player"):
        await vesper.alert(subsystem, "WARNING", device_id="gate")
    for subsystem in ("SD", "Player"):
        await wait(vesper, 120, *BELLS)
        await vesper.alert(subsystem, "CLEARED", device_id="gate")
    automation = await automate_all(hass, "alert_cleared", "all")
    await wait(vesper, 270, *BELLS)
    assert automation.take() == []
    await wait(vesper, 60, *BELLS)
    assert [run["subsystem"] for run in automation.take()] == ["Player"]


async def test_one_of_all_still_has_an_alert(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Then the time has not begun."""
    await end_alerts(vesper)
    await vesper.alert("Player", "WARNING", device_id="gate")
    automation = await automate_all(hass, "alert_cleared", "all")
    await wait(vesper, 330, *BELLS)
    assert ids(automation) == []


async def test_the_first_was_first_before(hass: HomeAssistant, vesper: Vesper) -> None:
    """One without any alert was the first."""
    await vesper.heartbeat("tower")
    await vesper.alert("SD", "WARNING", device_id="gate")
    await vesper.alert("SD", "WARNING", device_id="hall")
    await wait(vesper, 60, *BELLS)
    live = await automate_all(hass, "alert_cleared", "first")
    await vesper.alert("SD", "CLEARED", device_id="gate")
    saved = await automate_all(hass, "alert_cleared", "first")
    online = await automate_all(hass, "came_online", "first")
    await wait(vesper, 330, *BELLS)
    assert live.take() == saved.take() == online.take() == []


# Playback


async def play(vesper: Vesper, *device_ids: str, melody: str = "A") -> None:
    """Start a melody on bells."""
    for device_id in device_ids:
        await vesper.info(
            "playback_started", {"melody_uid": melody}, device_id=device_id
        )


async def stop(vesper: Vesper, *device_ids: str) -> None:
    """Stop the melody of bells."""
    for device_id in device_ids:
        await vesper.info("playback_stopped", device_id=device_id)


@pytest.mark.parametrize("behavior", ["each", "first", "all"])
async def test_playback_when_an_automation_is_saved(
    hass: HomeAssistant, vesper: Vesper, behavior: str
) -> None:
    """The time goes on."""
    for device_id in BELLS:
        await play(vesper, device_id)
        await vesper.advance(1)
    await wait(vesper, 180, *BELLS)
    started = await automate_all(hass, "started_playing", behavior)
    stopped = await automate_all(hass, "stopped_playing", behavior)
    await wait(vesper, 150, *BELLS)
    runs = started.take()
    assert len(runs) == (3 if behavior == "each" else 1)
    assert runs[0]["melody"] == "A"
    for device_id in BELLS:
        await stop(vesper, device_id)
        await vesper.advance(1)
    await wait(vesper, 180, *BELLS)
    saved = await automate_all(hass, "stopped_playing", behavior)
    assert stopped.take() == []
    await wait(vesper, 150, *BELLS)
    runs = by_id(saved)
    assert runs == by_id(stopped)
    assert len(runs) == (3 if behavior == "each" else 1)
    assert (runs[0]["melody"], runs[0]["reason"]) == ("A", "stopped")
    assert started.take() == []


@pytest.mark.parametrize("behavior", ["each", "first", "all"])
@pytest.mark.parametrize("killed", [True, False])
@pytest.mark.parametrize("trigger", ["started_playing", "stopped_playing"])
async def test_playback_that_is_reported_again(
    vesper: Vesper, restart: Restart, behavior: str, trigger: str, *, killed: bool
) -> None:
    """The time goes on over a restart."""
    await play(vesper, *BELLS)
    if trigger == "stopped_playing":
        await stop(vesper, *BELLS)
    automation = await restart(trigger, behavior, killed=killed)
    await report(vesper, *BELLS)
    await wait(vesper, 60, *BELLS)
    await (play if trigger == "started_playing" else stop)(vesper, *BELLS)
    await wait(vesper, 150, *BELLS)
    assert automation.take() == []
    await wait(vesper, 30, *BELLS)
    runs = automation.take()
    assert len(runs) == (3 if behavior == "each" else 1)
    assert {run["melody"] for run in runs} == {"A"}
    await wait(vesper, 330, *BELLS)
    assert automation.take() == []


@pytest.mark.parametrize("behavior", ["each", "first", "all"])
@pytest.mark.parametrize("seconds", [60, 400])
@pytest.mark.parametrize("trigger", ["started_playing", "stopped_playing"])
async def test_playback_that_is_not_reported_again(
    vesper: Vesper, restart: Restart, behavior: str, trigger: str, seconds: int
) -> None:
    """It is not known whether it has lasted."""
    await play(vesper, *BELLS)
    if trigger == "stopped_playing":
        await stop(vesper, *BELLS)
    automation = await restart(trigger, behavior, seconds=seconds)
    await vesper.advance(1)
    await wait(vesper, 330, *BELLS)
    assert automation.take() == []


async def test_another_melody_after_a_restart(vesper: Vesper, restart: Restart) -> None:
    """It has to last for the whole time."""
    await play(vesper, *BELLS)
    automation = await restart("started_playing")
    await play(vesper, "gate", melody="B")
    await stop(vesper, "hall")
    await wait(vesper, 270, *BELLS)
    assert automation.take() == []
    await wait(vesper, 60, *BELLS)
    (run,) = automation.take()
    assert (run["vesper_id"], run["melody"]) == ("gate", "B")


async def test_another_melody_in_a_disabled_device(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Triggers know only that the first has ended."""
    await play(vesper, *BELLS)
    device = vesper.hub.devices["gate"]
    device.set_disabled(disabled=True)
    await play(vesper, "gate", melody="B")
    device.set_disabled(disabled=False)
    automation = await automate_all(hass, "started_playing")
    await wait(vesper, 330, *BELLS)
    assert sorted(ids(automation)) == ["hall", "tower"]


async def test_playback_that_began_in_maintenance(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Triggers do not know of it."""
    await vesper.heartbeat()
    await set_maintenance(vesper, 1)
    await play(vesper, BELL)
    await set_maintenance(vesper, 0)
    automation = await automate(hass, "started_playing", devices(hass), MINUTES)
    await wait(vesper, 330, BELL)
    assert automation.take() == []
