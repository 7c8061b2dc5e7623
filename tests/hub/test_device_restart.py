"""Alerts that are not raised again after a restart."""

import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.vesper.const import CONF_CLOSE_AFTER
from homeassistant.const import EVENT_STATE_CHANGED
from tests.common import BELL, Vesper, log_entry, logged


async def restart(vesper: Vesper) -> None:
    """Restart a bell; raise one of two alerts again."""
    await vesper.heartbeat(uptime=5000)
    await vesper.alert("SD", "WARNING", "SD mount failed")
    await vesper.alert("Clock", "CRITICAL", "NTP sync failed")
    await vesper.advance(30)
    await vesper.heartbeat(uptime=10)
    await vesper.alert("Clock", "CRITICAL", "NTP sync failed")


async def run(vesper: Vesper, first: int, last: int) -> None:
    """Send heartbeats from one uptime to another."""
    for uptime in range(first, last + 1, 30):
        await vesper.advance(30)
        await vesper.heartbeat(uptime=uptime)


async def test_closed_after_ten_minutes(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """Sensor, activity event and log show the cause."""
    await restart(vesper)
    await run(vesper, 40, 580)
    shown = vesper.state("alert_SD")
    assert shown.state == "warning"
    assert shown.attributes["confirmed"] is False
    assert "closed_by" not in shown.attributes
    caplog.clear()
    await run(vesper, 610, 610)
    shown = vesper.state("alert_SD")
    assert shown.state == "ok"
    assert shown.attributes["closed_by"] == "restart"
    assert not shown.attributes.keys() & {"message", "updated_at", "confirmed"}
    assert vesper.value("alert_Clock") == "critical"
    assert vesper.value("active_alerts") == "1"
    event = vesper.state("activity").attributes
    assert (event["event_type"], event["subsystem"], event["cause"]) == (
        "alert_closed",
        "SD",
        "restart",
    )
    assert logged(caplog) == [
        "Alerts of device bell are closed by restart, not by the device: SD"
    ]

    await vesper.alert("SD", "WARNING", "SD mount failed")
    shown = vesper.state("alert_SD")
    assert shown.state == "warning"
    assert "closed_by" not in shown.attributes
    await vesper.alert("SD", "CLEARED")
    assert "closed_by" not in vesper.state("alert_SD").attributes


async def test_one_event_for_each(vesper: Vesper) -> None:
    """Each closed alert fires an event of its own."""
    await vesper.heartbeat(uptime=5000)
    await vesper.alert("SD", "WARNING")
    await vesper.alert("Clock", "CRITICAL")
    await vesper.advance(30)
    await vesper.heartbeat(uptime=10)
    changes = async_capture_events(vesper.hass, EVENT_STATE_CHANGED)
    await run(vesper, 40, 610)
    assert [
        change.data["new_state"].attributes["subsystem"]
        for change in changes
        if change.data["entity_id"] == vesper.entity_id("activity")
    ] == ["SD", "Clock"]
    assert vesper.value("health") == "ok"


@pytest.mark.parametrize(
    ("minutes", "uptime", "state"),
    [(1, 69, "warning"), (1, 70, "ok"), (0, 10_000_000, "warning")],
)
async def test_the_time_of_the_options(
    vesper: Vesper, minutes: int, uptime: int, state: str
) -> None:
    """The option sets the time; 0 keeps alerts forever."""
    vesper.hass.config_entries.async_update_entry(
        vesper.entry, options={CONF_CLOSE_AFTER: minutes}
    )
    await vesper.reload()
    await restart(vesper)
    await vesper.heartbeat(uptime=uptime)
    assert vesper.value("alert_SD") == state


async def test_a_twin_closes_no_alert(vesper: Vesper) -> None:
    """Two devices with one id start no alert timeout."""
    await vesper.heartbeat(uptime=100_000)
    await vesper.alert("FileManager", "FAILED")
    await vesper.advance(30)
    for number in range(60):
        await vesper.heartbeat(uptime=2 + 30 * number)
        await vesper.heartbeat(uptime=100_030 + 30 * number)
        await vesper.advance(30)
    assert vesper.value("alert_FileManager") == "failed"


@pytest.mark.parametrize("before", [-2, 0, 2])
async def test_an_alert_of_either_boot(vesper: Vesper, before: int) -> None:
    """It is closed after three times the usual time."""
    await vesper.heartbeat(uptime=5000)
    await vesper.advance(30)
    await vesper.alert("FileManager", "FAILED")
    await vesper.advance(10)
    await vesper.heartbeat(uptime=10 - before)
    await run(vesper, 40, 1780)
    state = vesper.state("alert_FileManager")
    assert (state.state, state.attributes["confirmed"]) == ("failed", False)
    await run(vesper, 1820, 1820)
    assert vesper.value("alert_FileManager") == "ok"


async def test_an_alert_after_the_boot(vesper: Vesper) -> None:
    """It is of this boot, and stays."""
    await vesper.heartbeat(uptime=5000)
    await vesper.advance(30)
    await vesper.alert("FileManager", "FAILED")
    await vesper.advance(10)
    await vesper.heartbeat(uptime=14)
    await run(vesper, 44, 2000)
    state = vesper.state("alert_FileManager")
    assert (state.state, state.attributes["confirmed"]) == ("failed", True)


@pytest.mark.parametrize("jump", [-3600, -600, 600, 2_400_000_000])
async def test_the_wall_clock_is_set(vesper: Vesper, jump: int) -> None:
    """The monotonic clock orders alerts and boots."""
    await vesper.heartbeat(uptime=5000)
    await vesper.alert("SD", "WARNING")
    await vesper.advance(30)
    with vesper.wall_clock_set(jump):
        await vesper.advance(30)
        await vesper.heartbeat(uptime=20)
        await vesper.alert("Clock", "CRITICAL")
        await run(vesper, 50, 650)
    assert vesper.value("alert_SD") == "ok"
    assert vesper.value("alert_Clock") == "critical"
    assert vesper.state("alert_Clock").attributes["confirmed"] is True


async def test_a_device_without_uptime(vesper: Vesper) -> None:
    """Its time runs from the boot in its log."""
    await vesper.heartbeat(recent_events=[])
    await vesper.alert("SD", "WARNING")
    await vesper.advance(30)
    log = [log_entry(1, 1)]
    await vesper.heartbeat(recent_events=log)
    assert vesper.state("alert_SD").attributes["confirmed"] is False
    for _ in range(19):
        await vesper.advance(30)
        await vesper.heartbeat(recent_events=log)
    assert vesper.value("alert_SD") == "warning"
    await vesper.advance(30)
    await vesper.heartbeat(recent_events=log)
    assert vesper.value("alert_SD") == "ok"


@pytest.mark.parametrize("uptime", [300, 570])
async def test_a_restart_while_home_assistant_did_not_run(
    vesper: Vesper, uptime: int
) -> None:
    """It is detected without a boot in the log."""
    log = [log_entry(5, 1, 404, up=40)]
    await vesper.heartbeat(uptime=200, recent_events=log)
    await vesper.alert("SD", "WARNING")
    assert await vesper.hass.config_entries.async_unload(vesper.entry.entry_id)
    await vesper.advance(600)
    assert await vesper.hass.config_entries.async_setup(vesper.entry.entry_id)
    await vesper.heartbeat(uptime=uptime, recent_events=log)
    await run(vesper, uptime + 30, uptime + 630)
    assert vesper.value("alert_SD") == "ok"
    assert vesper.state("alert_SD").attributes["closed_by"] == "restart"


async def test_a_spare_device_with_the_same_id(vesper: Vesper) -> None:
    """Its second heartbeat shows the replacement."""
    await vesper.alert("SD", "WARNING")
    await vesper.advance(10)
    await vesper.heartbeat(uptime=5000, recent_events=[log_entry(5, 1, 404, up=40)])
    await vesper.advance(300)
    log = [log_entry(1, 4)]
    await vesper.heartbeat(uptime=90_000, recent_events=log)
    assert vesper.value("connectivity") == "off"
    await vesper.advance(30)
    await vesper.heartbeat(uptime=90_030, recent_events=log)
    await run(vesper, 90_060, 90_660)
    assert vesper.value("connectivity") == "on"
    assert vesper.value("alert_SD") == "ok"
    assert vesper.state("alert_SD").attributes["closed_by"] == "restart"


async def test_home_assistant_stood_still(vesper: Vesper) -> None:
    """A paused machine is no restart of the device."""
    await vesper.heartbeat(uptime=5000, recent_events=[log_entry(1, 4)])
    await vesper.alert("SD", "WARNING")
    await run(vesper, 5330, 6500)
    assert vesper.value("connectivity") == "on"
    state = vesper.state("alert_SD")
    assert (state.state, state.attributes["confirmed"]) == ("warning", True)


async def test_a_first_heartbeat_that_was_queued(vesper: Vesper) -> None:
    """The next ones show that it was late."""
    log = [log_entry(1, 4)]
    await vesper.heartbeat(uptime=5000, recent_events=[log_entry(1, 1)])
    await vesper.advance(400)
    await vesper.heartbeat(uptime=10, recent_events=log)
    await vesper.alert("SD", "WARNING")
    for uptime in range(200, 2300, 30):
        await vesper.heartbeat(uptime=uptime, recent_events=log)
        await vesper.advance(30)
    state = vesper.state("alert_SD")
    assert (state.state, state.attributes["confirmed"]) == ("warning", True)


@pytest.mark.parametrize("uptime", [0, 100])
async def test_a_device_without_a_clock(vesper: Vesper, uptime: int) -> None:
    """Only its log shows a restart."""
    first, second = [log_entry(1, 1)], [log_entry(1, 4)]
    await vesper.heartbeat(uptime=uptime, recent_events=first)
    await vesper.alert("SD", "WARNING")
    for _ in range(5):
        await vesper.advance(30)
        await vesper.heartbeat(uptime=uptime, recent_events=first)
    assert vesper.state("alert_SD").attributes["confirmed"] is True
    for _ in range(20):
        await vesper.advance(30)
        await vesper.heartbeat(uptime=uptime, recent_events=second)
        assert vesper.value("alert_SD") == "warning"
    assert vesper.state("alert_SD").attributes["confirmed"] is False
    await vesper.advance(30)
    await vesper.heartbeat(uptime=uptime, recent_events=second)
    assert vesper.value("alert_SD") == "ok"


async def test_a_heartbeat_of_the_boot_before(vesper: Vesper) -> None:
    """It is late, and nothing is closed too early."""
    await restart(vesper)
    await run(vesper, 40, 70)
    await vesper.heartbeat(uptime=4990)
    assert vesper.hub.devices[BELL].message_log.stale == {"late": 1}
    await run(vesper, 100, 580)
    assert vesper.value("alert_SD") == "warning"
    await run(vesper, 610, 610)
    assert vesper.value("alert_SD") == "ok"


async def test_the_option_is_for_known_devices_too(vesper: Vesper) -> None:
    """The option applies to restored devices."""
    await vesper.heartbeat()
    vesper.hass.config_entries.async_update_entry(
        vesper.entry, options={CONF_CLOSE_AFTER: 7}
    )
    await vesper.reload()
    await vesper.heartbeat("new")
    devices = vesper.hub.devices
    assert devices[BELL].close_after == devices["new"].close_after == 7 * 60


async def test_a_disconnect_restarts_the_alert_timeout(vesper: Vesper) -> None:
    """Alerts raised while disconnected may have been missed."""
    await restart(vesper)
    await vesper.disconnect_broker()
    await vesper.advance(3600)
    await vesper.reconnect_broker()
    await vesper.heartbeat(uptime=3610)
    await run(vesper, 3640, 4180)
    assert vesper.value("alert_SD") == "warning"
    await run(vesper, 4210, 4210)
    assert vesper.value("alert_SD") == "ok"
