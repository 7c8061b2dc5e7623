"""A disabled device is followed, but otherwise ignored."""

import logging

import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.vesper.const import DOMAIN, EVENT_OCCURRENCE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from tests.automation import Automation, automate, devices, registered_id
from tests.common import BELL, FLEET, Vesper, logged

OTHERS = ("hall", "school", "tower")
USER = dr.DeviceEntryDisabler.USER


@pytest.fixture(autouse=True)
async def fleet(vesper: Vesper) -> None:
    """Let four devices be online."""
    for device_id in (BELL, *OTHERS):
        await vesper.heartbeat(device_id, uptime=5000)
    await vesper.advance(1)
    vesper.mqtt._mqttc.publish.reset_mock()  # noqa: SLF001


async def set_disabled(vesper: Vesper, *, by: dr.DeviceEntryDisabler | None) -> None:
    """Disable or enable the bell, as on its page."""
    registry = dr.async_get(vesper.hass)
    registry.async_update_device(registered_id(vesper.hass, BELL), disabled_by=by)
    await vesper.hass.async_block_till_done()


def fleet_values(vesper: Vesper) -> tuple[str, ...]:
    """Return what the fleet shows."""
    keys = ("devices", "devices_online", "devices_offline", "devices_with_alerts")
    return tuple(vesper.value(key, FLEET) for key in (*keys, "fleet_health"))


def issues(vesper: Vesper) -> list[str]:
    """Return the active repair issues."""
    return [
        issue_id
        for (domain, issue_id), issue in ir.async_get(vesper.hass).issues.items()
        if domain == DOMAIN and issue.active
    ]


async def others_go_on(vesper: Vesper, seconds: int) -> None:
    """Let all but the bell send heartbeats."""
    for _ in range(seconds // 30):
        await vesper.advance(30)
        for device_id in OTHERS:
            await vesper.heartbeat(device_id)


@pytest.mark.parametrize("reloaded", [False, True])
async def test_it_counts_nowhere(
    hass: HomeAssistant,
    vesper: Vesper,
    caplog: pytest.LogCaptureFixture,
    *,
    reloaded: bool,
) -> None:
    """It is in no sum, trigger, log or outage."""
    automations: list[Automation] = [
        await automate(hass, kind, devices(hass))
        for kind in ("alert_raised", "came_online", "restarted", "went_offline")
    ]
    occurred = async_capture_events(hass, EVENT_OCCURRENCE)
    await set_disabled(vesper, by=USER)
    if reloaded:
        await vesper.reload()
        for device_id in OTHERS:
            await vesper.heartbeat(device_id)
    caplog.clear()
    assert fleet_values(vesper) == ("3", "3", "0", "0", "ok")
    await vesper.heartbeat(uptime=5030)
    await vesper.alert("SD", "FAILED")
    await others_go_on(vesper, 60)
    await vesper.heartbeat(uptime=20)
    await others_go_on(vesper, 300)
    assert vesper.hub.devices[BELL].online is False
    assert vesper.hub.devices[BELL].alerts.active
    await vesper.heartbeat(uptime=400)
    assert fleet_values(vesper) == ("3", "3", "0", "0", "ok")
    assert not [run for automation in automations for run in automation.take()]
    assert not occurred
    assert not logged(caplog, logging.INFO)


async def test_its_repairs_end(vesper: Vesper) -> None:
    """None is raised for it either."""
    await vesper.publish(BELL, "alerts", b"no alert")
    assert issues(vesper)
    await set_disabled(vesper, by=USER)
    assert not issues(vesper)
    await vesper.publish(BELL, "alerts", b"{}")
    await others_go_on(vesper, 120)
    assert not issues(vesper)


async def test_it_is_not_asked(vesper: Vesper) -> None:
    """It is asked only when it counts again."""
    await set_disabled(vesper, by=USER)
    publish = vesper.mqtt._mqttc.publish  # noqa: SLF001
    await vesper.advance(91)
    for device_id in (BELL, *OTHERS):
        await vesper.heartbeat(device_id)
    for _ in range(20):
        await vesper.advance(0.05)
    topics = {call.args[0] for call in publish.call_args_list}
    assert topics == {f"vesper/{device_id}/control" for device_id in OTHERS}
    publish.reset_mock()
    await set_disabled(vesper, by=None)
    await vesper.advance(0.05)
    assert [call.args[0] for call in publish.call_args_list] == ["vesper/bell/control"]
    assert fleet_values(vesper)[0] == "4"


async def test_it_is_disabled_before_its_turn(vesper: Vesper) -> None:
    """A pending health check is not requested."""
    await vesper.disconnect_broker()
    await vesper.reconnect_broker()
    for device_id in (*OTHERS, BELL):
        await vesper.heartbeat(device_id)
    await set_disabled(vesper, by=USER)
    for _ in range(20):
        await vesper.advance(0.05)
    publish = vesper.mqtt._mqttc.publish  # noqa: SLF001
    topics = {call.args[0] for call in publish.call_args_list}
    assert topics == {f"vesper/{device_id}/control" for device_id in OTHERS}


async def test_it_is_in_no_outage(vesper: Vesper) -> None:
    """Only the three other devices are counted as lost."""
    await set_disabled(vesper, by=USER)
    await vesper.advance(91)
    assert vesper.state("outage", FLEET).attributes["lost"] == 3
    assert vesper.state("outage", FLEET).attributes["online_before"] == 3


async def test_it_is_disabled_twice(vesper: Vesper) -> None:
    """Another reason changes nothing."""
    await set_disabled(vesper, by=USER)
    await set_disabled(vesper, by=dr.DeviceEntryDisabler.INTEGRATION)
    assert fleet_values(vesper)[0] == "3"


async def test_a_device_that_is_not_followed(vesper: Vesper) -> None:
    """One that is only registered is nothing to ignore."""
    registry = dr.async_get(vesper.hass)
    entry = registry.async_get_or_create(
        config_entry_id=FLEET, identifiers={(DOMAIN, "ghost")}
    )
    registry.async_update_device(entry.id, disabled_by=USER)
    await vesper.hass.async_block_till_done()
    assert vesper.hub.fleet.devices == 4


async def test_the_device_of_the_fleet(vesper: Vesper) -> None:
    """It is no device that could be ignored."""
    registry = dr.async_get(vesper.hass)
    (entry,) = (
        entry
        for entry in dr.async_entries_for_config_entry(registry, FLEET)
        if entry.entry_type is dr.DeviceEntryType.SERVICE
    )
    registry.async_update_device(entry.id, disabled_by=USER)
    await vesper.hass.async_block_till_done()
    assert vesper.hub.fleet.devices == 4
