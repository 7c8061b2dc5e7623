"""Maintenance: a device is shown, but triggers nothing."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import (
    async_fire_time_changed,
    snapshot_platform,
)
from syrupy.assertion import SnapshotAssertion

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from tests.automation import automate, devices
from tests.common import BELL, FLEET, Vesper, logged

OTHERS = ("hall", "tower", "gate")


async def set_maintenance(vesper: Vesper, *device_ids: str, **duration: int) -> None:
    """Put devices into maintenance for so long."""
    target = devices(vesper.hass, device_ids or (BELL,))
    await vesper.call("vesper.set_maintenance", **target, duration=duration)
    await vesper.hass.async_block_till_done()


def until(vesper: Vesper) -> datetime | None:
    """Return the end of maintenance, if it is on."""
    shown = vesper.state("maintenance")
    end: datetime | None = shown.attributes.get("until")
    assert (shown.state == "on") is (end is not None)
    return end


@pytest.mark.parametrize("platforms", [[Platform.SWITCH]])
async def test_all(
    hass: HomeAssistant,
    vesper: Vesper,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
) -> None:
    """Registry entries and states match the snapshot."""
    vesper.freezer.move_to("2030-01-01T12:00:00Z")
    await vesper.report_everything()
    await set_maintenance(vesper, hours=2)
    await snapshot_platform(hass, entity_registry, snapshot, vesper.entry.entry_id)


async def test_switch(vesper: Vesper) -> None:
    """It sets an hour, but keeps a longer time."""
    await vesper.heartbeat()
    switch = {"entity_id": vesper.entity_id("maintenance")}
    assert until(vesper) is None
    began = dt_util.utcnow()
    await vesper.call("switch.turn_on", **switch)
    end = until(vesper)
    assert end is not None
    assert timedelta(hours=1) <= end - began < timedelta(hours=1, seconds=1)
    # Where there is no switch, it is known too.
    connectivity = vesper.state("connectivity").attributes
    assert connectivity["maintenance_until"] == end
    await vesper.call("switch.turn_off", **switch)
    assert until(vesper) is None
    assert "maintenance_until" not in vesper.state("connectivity").attributes

    await set_maintenance(vesper, days=2)
    end = until(vesper)
    await vesper.call("switch.turn_on", **switch)
    assert until(vesper) == end
    await set_maintenance(vesper, minutes=5)
    assert until(vesper) != end
    await set_maintenance(vesper, seconds=0)
    assert until(vesper) is None


@pytest.mark.parametrize("is_local", [False, True])
async def test_keep_what_ends_later(vesper: Vesper, *, is_local: bool) -> None:
    """Maintenance is kept that ends after the given time."""
    for device_id in (BELL, "hall"):
        await vesper.heartbeat(device_id)
    await set_maintenance(vesper, hours=3)
    end = until(vesper)
    limit = dt_util.now() + timedelta(hours=2)
    keep_after = str(limit.replace(tzinfo=None) if is_local else limit)
    target = devices(vesper.hass, (BELL, "hall"))
    for hours, expected in ((1, True), (0, False)):
        await vesper.call(
            "vesper.set_maintenance",
            **target,
            duration={"hours": hours},
            keep_after=keep_after,
        )
        assert until(vesper) == end
        assert vesper.hub.devices["hall"].in_maintenance is expected
    await vesper.call(
        "vesper.set_maintenance", **target, duration=0, keep_after=str(end)
    )
    assert until(vesper) is None


async def test_it_ends_by_itself(vesper: Vesper) -> None:
    """Each device has its own end, by one timer."""
    for device_id in (BELL, "hall", "tower"):
        await vesper.heartbeat(device_id)
    await set_maintenance(vesper, "hall", minutes=20)
    await set_maintenance(vesper, BELL, minutes=10)
    await set_maintenance(vesper, "tower", minutes=10)

    def shown() -> list[str]:
        return [
            device_id
            for device_id in (BELL, "hall", "tower")
            if vesper.value("maintenance", device_id) == "on"
        ]

    await vesper.advance(599)
    assert shown() == [BELL, "hall", "tower"]
    await vesper.advance(2)
    assert shown() == ["hall"]
    await vesper.advance(600)
    assert shown() == []


async def test_it_survives_a_restart(vesper: Vesper) -> None:
    """It continues after a reload if it isn't over."""
    await vesper.heartbeat()
    await set_maintenance(vesper, hours=1)
    end = until(vesper)
    await vesper.reload()
    assert until(vesper) == end
    await vesper.finish_subscriptions()
    assert await vesper.hass.config_entries.async_unload(vesper.entry.entry_id)
    vesper.freezer.tick(3601)
    assert await vesper.hass.config_entries.async_setup(vesper.entry.entry_id)
    await vesper.hass.async_block_till_done()
    await vesper.advance(1)
    assert until(vesper) is None


async def test_it_starts_no_automation(hass: HomeAssistant, vesper: Vesper) -> None:
    """Changes are shown, but trigger nothing."""
    await vesper.heartbeat(uptime=5000)
    automations = [
        await automate(hass, trigger, devices(hass))
        for trigger in ("alert_raised", "alert_cleared", "came_online", "went_offline")
    ]
    await set_maintenance(vesper, hours=1)
    await vesper.alert("FileManager", "WARNING")
    assert vesper.value("alert_FileManager") == "warning"
    assert vesper.value("problem") == "on"
    await vesper.alert("FileManager", "CLEARED")
    await vesper.advance(91)
    assert vesper.value("connectivity") == "off"
    await vesper.heartbeat(uptime=5200)
    assert [automation.take() for automation in automations] == [[], [], [], []]

    await vesper.advance(3600)
    assert until(vesper) is None
    for automation in automations:
        automation.take()
    await vesper.heartbeat(uptime=8800)
    await vesper.alert("FileManager", "WARNING")
    assert [len(automation.take()) for automation in automations] == [1, 0, 1, 0]
    for automation in automations:
        assert automation.detach is not None
        automation.detach()


@pytest.mark.parametrize(
    ("before", "meanwhile", "expected"),
    [
        pytest.param("", "WARNING", ["ok warning"], id="raised"),
        pytest.param("", "WARNING FAILED", ["ok failed"], id="worse"),
        pytest.param("", "FAILED WARNING", ["ok warning"], id="better"),
        pytest.param("", "WARNING CLEARED", [], id="over"),
        pytest.param("WARNING", "", [], id="known"),
        pytest.param("WARNING", "WARNING", [], id="repeated"),
        pytest.param("WARNING", "FAILED", ["warning failed"], id="known, worse"),
        pytest.param("WARNING", "FAILED WARNING", [], id="known, as before"),
        pytest.param("WARNING", "CLEARED WARNING", ["ok warning"], id="new"),
    ],
)
@pytest.mark.parametrize("restart", [False, True])
async def test_alerts_that_are_left(
    vesper: Vesper, before: str, meanwhile: str, expected: list[str], *, restart: bool
) -> None:
    """Its end runs triggers once for new alerts."""
    await vesper.heartbeat()
    raised = await automate(vesper.hass, "alert_raised", devices(vesper.hass))
    for state in before.split():
        await vesper.alert("SD", state)
    assert len(raised.take()) == len(before.split())
    await set_maintenance(vesper, hours=1)
    for state in meanwhile.split():
        await vesper.alert("SD", state)
    assert raised.take() == []
    if restart:
        await vesper.reload()
    await set_maintenance(vesper, hours=0)
    runs = [f"{run['from_state']} {run['to_state']}" for run in raised.take()]
    assert runs == expected

    # Not again.
    await vesper.reload()
    for hours in (1, 0):
        await set_maintenance(vesper, hours=hours)
    await vesper.advance(3601)
    assert raised.take() == []


async def test_acknowledged_meanwhile(hass: HomeAssistant, vesper: Vesper) -> None:
    """An alert that a user knows runs nothing."""
    await vesper.heartbeat()
    raised = await automate(hass, "alert_raised", devices(hass))
    await set_maintenance(vesper, hours=1)
    await vesper.alert("SD", "WARNING")
    await vesper.call("vesper.acknowledge_alert", **devices(hass), subsystem="SD")
    await set_maintenance(vesper, hours=0)
    assert raised.take() == []
    await vesper.alert("SD", "CRITICAL")
    assert [run["from_state"] for run in raised.take()] == ["warning"]


async def test_one_of_two_is_acknowledged_meanwhile(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """The other one runs triggers."""
    await vesper.heartbeat()
    raised = await automate(hass, "alert_raised", devices(hass))
    await set_maintenance(vesper, hours=1)
    for subsystem in ("SD", "Net", "Player"):
        await vesper.alert(subsystem, "WARNING")
    await vesper.call("vesper.acknowledge_alert", **devices(hass), subsystem="SD")
    await set_maintenance(vesper, hours=0)
    assert [run["subsystem"] for run in raised.take()] == ["Net", "Player"]


async def test_unloaded_while_it_ends(hass: HomeAssistant, vesper: Vesper) -> None:
    """The others run triggers after the next start."""
    everyone = [f"bell-{number}" for number in range(60)]
    for device_id in everyone:
        await vesper.heartbeat(device_id)
    raised = await automate(hass, "alert_raised", devices(hass, everyone))
    await set_maintenance(vesper, *everyone, minutes=10)
    for device_id in everyone:
        await vesper.alert("SD", "WARNING", device_id=device_id)
    with patch("custom_components.vesper.hub.chunks.CHUNK", 0):
        vesper.freezer.tick(601)
        async_fire_time_changed(hass)
        assert await hass.config_entries.async_unload(FLEET)
        await hass.async_block_till_done()
    told = [run["vesper_id"] for run in raised.take()]
    assert 0 < len(told) < len(everyone)
    assert await hass.config_entries.async_setup(FLEET)
    await vesper.advance(1)
    told += [run["vesper_id"] for run in raised.take()]
    assert sorted(told) == sorted(everyone)


async def test_worse_after_its_end(hass: HomeAssistant, vesper: Vesper) -> None:
    """What gets worse before the timer is known."""
    await vesper.heartbeat()
    raised = await automate(hass, "alert_raised", devices(hass))
    await set_maintenance(vesper, minutes=10)
    await vesper.alert("SD", "WARNING")
    vesper.freezer.tick(601)
    await vesper.alert("SD", "CRITICAL")
    await vesper.advance(0)
    assert until(vesper) is None
    assert [run["to_state"] for run in raised.take()] == ["critical"]


async def test_offline_afterwards(hass: HomeAssistant, vesper: Vesper) -> None:
    """A device still offline runs triggers once."""
    vesper.freezer.move_to("2030-01-01T12:00:00Z")
    await vesper.heartbeat(uptime=5000)
    went = await automate(hass, "went_offline", devices(hass))
    came = await automate(hass, "came_online", devices(hass))
    await set_maintenance(vesper, hours=1)
    await vesper.advance(91)
    went_at = dt_util.utcnow()
    assert went.take() == []
    await vesper.advance(3600)
    (run,) = went.take()
    assert (run["from_state"], run["to_state"]) == ("online", "offline")
    assert run["last_seen"] == went_at - timedelta(seconds=91)

    await vesper.reload()
    await vesper.advance(91)
    for hours in (1, 0):
        await set_maintenance(vesper, hours=hours)
    assert went.take() == []
    await vesper.heartbeat(uptime=5000 + 91 + 3600 + 91)
    assert [run["offline_since"] for run in came.take()] == [went_at]


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("over", [False, True])
async def test_offline_over_a_restart(
    hass: HomeAssistant, vesper: Vesper, *, over: bool, back: bool
) -> None:
    """They run once it is known whether it is."""
    await vesper.heartbeat()
    went = await automate(hass, "went_offline", devices(hass))
    came = await automate(hass, "came_online", devices(hass))
    await set_maintenance(vesper, hours=1)
    await vesper.advance(91)
    if over:
        assert await hass.config_entries.async_unload(vesper.entry.entry_id)
        vesper.freezer.tick(3601)
        assert await hass.config_entries.async_setup(vesper.entry.entry_id)
    else:
        await vesper.reload()
        await set_maintenance(vesper, hours=0)
    await vesper.advance(1)
    assert until(vesper) is None
    assert went.take() == []
    if back:
        await vesper.heartbeat()
        assert [run["offline_since"] for run in came.take()] == [None]
    for seconds in (60, 31):
        await vesper.advance(seconds)
        if back:
            await vesper.heartbeat()
    assert len(went.take()) == (not back)
    await vesper.reload()
    await vesper.advance(91)
    assert len(went.take()) == back


async def test_online_again_meanwhile(hass: HomeAssistant, vesper: Vesper) -> None:
    """A device that is back runs nothing."""
    await vesper.heartbeat()
    went = await automate(hass, "went_offline", devices(hass))
    await set_maintenance(vesper, hours=1)
    await vesper.advance(91)
    await vesper.heartbeat()
    await set_maintenance(vesper, hours=0)
    assert went.take() == []


async def test_for_begins_with_its_end(hass: HomeAssistant, vesper: Vesper) -> None:
    """What is left has to last from then on."""
    await vesper.heartbeat()
    target = devices(hass)
    raised = await automate(hass, "alert_raised", target, {"for": 300})
    went = await automate(hass, "went_offline", target, {"for": 300})
    await set_maintenance(vesper, hours=1)
    await vesper.alert("SD", "WARNING")
    await vesper.advance(600)
    await set_maintenance(vesper, hours=0)
    await vesper.advance(298)
    assert (raised.take(), went.take()) == ([], [])
    await vesper.advance(3)
    assert (len(raised.take()), len(went.take())) == (1, 1)


async def test_disabled_meanwhile(hass: HomeAssistant, vesper: Vesper) -> None:
    """A disabled device runs nothing, also once enabled."""
    await vesper.heartbeat()
    automations = [
        await automate(hass, trigger, devices(hass))
        for trigger in ("alert_raised", "went_offline")
    ]
    device = vesper.hub.devices[BELL]
    await set_maintenance(vesper, hours=1)
    vesper.hub.async_change([device], lambda bell: bell.set_disabled(disabled=True))
    await vesper.alert("SD", "WARNING")
    await vesper.advance(91)
    assert device.online is False
    vesper.hub.async_change([device], lambda bell: bell.set_disabled(disabled=False))
    await set_maintenance(vesper, hours=0)
    assert [automation.take() for automation in automations] == [[], []]


async def test_its_alerts_do_not_count(vesper: Vesper) -> None:
    """The fleet's health is that of its other devices."""

    def shown() -> tuple[str, ...]:
        return tuple(
            vesper.value(key, FLEET)
            for key in (
                "devices",
                "devices_online",
                "devices_with_alerts",
                "fleet_health",
                "fleet_problem",
            )
        )

    await vesper.heartbeat("hall")
    await vesper.alert("SD", "FAILED")
    assert shown() == ("2", "2", "1", "failed", "on")
    await set_maintenance(vesper, hours=1)
    assert shown() == ("2", "2", "0", "ok", "off")
    await vesper.alert("Network", "CRITICAL")
    await vesper.alert("Network", "WARNING", device_id="hall")
    assert shown() == ("2", "2", "1", "warning", "on")
    await set_maintenance(vesper, hours=0)
    assert shown() == ("2", "2", "2", "failed", "on")


async def test_its_timeout_is_no_outage(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """Devices in maintenance are logged singly, without an outage."""
    for device_id in (BELL, *OTHERS):
        await vesper.heartbeat(device_id)
    await set_maintenance(vesper, *OTHERS, hours=1)
    await vesper.advance(91)
    assert vesper.value("outage", FLEET) == "unknown"
    assert vesper.value("connectivity", "hall") == "off"
    assert sorted(logged(caplog)) == [
        f"Device {device_id} is offline: no message in time"
        for device_id in sorted(OTHERS)
    ]


async def test_the_others_make_an_outage_alone(vesper: Vesper) -> None:
    """A device in maintenance does not count for outages."""
    for device_id in (BELL, *OTHERS):
        await vesper.heartbeat(device_id)
    for number in range(5):
        await vesper.heartbeat(f"spare-{number}")
    spares = [f"spare-{number}" for number in range(5)]
    await set_maintenance(vesper, *spares, hours=1)
    await vesper.advance(60)
    for device_id in (BELL, *spares):
        await vesper.heartbeat(device_id)
    await vesper.advance(31)
    outage = vesper.state("outage", FLEET).attributes
    assert (outage["event_type"], outage["lost"], outage["online_before"]) == (
        "started",
        3,
        4,
    )


async def test_it_ends_an_outage(vesper: Vesper) -> None:
    """Devices put into maintenance are no longer lost."""
    for device_id in OTHERS:
        await vesper.heartbeat(device_id)
    await vesper.advance(91)
    assert vesper.state("outage", FLEET).attributes["event_type"] == "started"
    await set_maintenance(vesper, *OTHERS, hours=1)
    await vesper.advance(0)
    assert vesper.state("outage", FLEET).attributes["event_type"] == "ended"


async def test_it_is_on_disk_at_once(
    vesper: Vesper, hass_storage: dict[str, Any]
) -> None:
    """It is stored within a second."""
    await vesper.heartbeat()
    await vesper.advance(1)
    await set_maintenance(vesper, hours=1)
    await vesper.advance(1)
    saved = hass_storage[f"vesper.{FLEET}"]["data"]["devices"]
    assert BELL in str(saved)
    assert "maintenance_until" in str(saved)


async def test_a_device_that_goes_meanwhile(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """A removed device is no longer in maintenance."""
    await vesper.heartbeat()
    await set_maintenance(vesper, hours=1)
    await vesper.advance(91)
    await vesper.hub.async_remove_device(BELL)
    await vesper.advance(3600)
    assert not vesper.hub.devices


async def test_the_clock_was_set_back(vesper: Vesper) -> None:
    """Maintenance beyond the longest time ahead is over."""
    vesper.freezer.move_to("2030-01-01T12:00:00.25Z")
    await vesper.heartbeat()
    await vesper.call(
        "vesper.set_maintenance", **devices(vesper.hass), duration={"days": 30}
    )
    await vesper.hass.async_block_till_done()
    assert vesper.value("maintenance") == "on"
    await vesper.advance(0)
    assert vesper.value("maintenance") == "on"
    with vesper.wall_clock_set(-86_400):
        await vesper.reload()
        await vesper.advance(1)
        assert vesper.value("maintenance") == "off"


@pytest.mark.parametrize(("back", "shown"), [(0.2, "on"), (0.25, "off")])
async def test_the_clock_was_set_back_by_less_than_a_second(
    vesper: Vesper, back: float, shown: str
) -> None:
    """The longest time is rounded up to a second."""
    vesper.freezer.move_to("2030-01-01T12:00:00.25Z")
    await vesper.heartbeat()
    await set_maintenance(vesper, days=30)
    with vesper.wall_clock_set(-back):
        await vesper.reload()
        await vesper.advance(0)
        assert vesper.value("maintenance") == shown


async def test_it_ends_at_its_end(vesper: Vesper) -> None:
    """At this moment it is over already."""
    vesper.freezer.move_to("2030-01-01T12:00:00Z")
    await vesper.heartbeat()
    await set_maintenance(vesper, minutes=10)
    await vesper.advance(599)
    assert until(vesper) is not None
    await vesper.advance(1)
    assert until(vesper) is None


async def test_extended_while_others_end(vesper: Vesper) -> None:
    """The device stays in maintenance."""
    everyone = (BELL, *OTHERS)
    for device_id in everyone:
        await vesper.heartbeat(device_id)
    await set_maintenance(vesper, *everyone, minutes=10)

    def shown() -> list[str]:
        return [vesper.value("maintenance", device_id) for device_id in everyone]

    last = vesper.hub.devices[everyone[-1]]
    with patch("custom_components.vesper.hub.chunks.CHUNK", 0):
        vesper.freezer.tick(601)
        async_fire_time_changed(vesper.hass)
        for _ in range(30):
            if shown() != ["on"] * 4:
                break
            await asyncio.sleep(0)
        assert shown() == ["off", "on", "on", "on"]
        vesper.hub.maintenance.async_set(
            [last], timedelta(hours=1), user=None, context=None
        )
        await vesper.hass.async_block_till_done()
    assert shown() == ["off", "off", "off", "on"]
