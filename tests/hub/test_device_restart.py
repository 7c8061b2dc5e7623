"""Alerts that a device does not raise again after a restart."""

import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.vesper.const import CONF_CLOSE_AFTER
from homeassistant.const import EVENT_STATE_CHANGED
from tests.common import BELL, Vesper, logged


async def restart(vesper: Vesper) -> None:
    """Restart a bell with two alerts, and raise one of them again."""
    await vesper.heartbeat(uptime=5000)
    await vesper.alert("SD", "WARNING", "SD mount failed")
    await vesper.alert("Clock", "CRITICAL", "NTP sync failed")
    await vesper.advance(30)
    await vesper.heartbeat(uptime=10)
    await vesper.alert("Clock", "CRITICAL", "NTP sync failed")


async def run(vesper: Vesper, first: int, last: int) -> None:
    """Send the heartbeats of the bell from one uptime to another."""
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
    await vesper.heartbeat(uptime=610)
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


async def test_an_alert_right_before_a_crash_is_not_confirmed(vesper: Vesper) -> None:
    """It may be of either boot, so it is unconfirmed and stays."""
    await vesper.heartbeat(uptime=5000)
    await vesper.advance(30)
    await vesper.alert("FileManager", "FAILED")
    await vesper.advance(4)
    for uptime in (3, 700, 1400):
        await vesper.heartbeat(uptime=uptime)
        await vesper.advance(697)
    state = vesper.state("alert_FileManager")
    assert (state.state, state.attributes["confirmed"]) == ("failed", False)


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
    await vesper.heartbeat(uptime=4000)
    await run(vesper, 4030, 4570)
    assert vesper.value("alert_SD") == "warning"
    await run(vesper, 4600, 4600)
    assert vesper.value("alert_SD") == "ok"
