"""Outages over restarts of Home Assistant."""

from copy import deepcopy
from typing import Any

import pytest

from custom_components.vesper.const import CONF_PREFIX, DOMAIN
from custom_components.vesper.model.availability import Cause
from tests.automation import automate, devices
from tests.common import FLEET, Vesper, logged, report

from .outages import bells, last_event, lose


async def test_lost_while_home_assistant_restarts(vesper: Vesper) -> None:
    """Those that were online before are lost together."""
    await report(vesper, *bells(5))
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


async def reconfigure(vesper: Vesper, prefix: str) -> None:
    """Change the prefix of the entry."""
    form: Any = await vesper.entry.start_reconfigure_flow(vesper.hass)
    await vesper.hass.config_entries.flow.async_configure(
        form["flow_id"], {CONF_PREFIX: prefix}
    )
    await vesper.hass.async_block_till_done()


async def test_lost_with_another_prefix(vesper: Vesper) -> None:
    """A wrong prefix loses all devices together."""
    await report(vesper, *bells(4))
    await reconfigure(vesper, "north")
    assert last_event(vesper) is None
    await vesper.advance(91)
    assert last_event(vesper) == {
        "event_type": "started",
        "lost": 4,
        "online_before": 4,
    }


async def test_moved_to_another_prefix_in_maintenance(vesper: Vesper) -> None:
    """Devices that are moved in maintenance are not lost."""
    await report(vesper, *bells(4))
    all_bells = devices(vesper.hass, bells(4))
    await vesper.call("vesper.set_maintenance", **all_bells, duration={"hours": 1})
    await reconfigure(vesper, "north")
    await vesper.advance(91)
    assert vesper.value("connectivity", "bell-0") == "off"
    await report(vesper, *bells(4))
    assert vesper.value("connectivity", "bell-0") == "on"
    await vesper.call("vesper.set_maintenance", **all_bells, duration={"hours": 0})
    await vesper.advance(1)
    assert vesper.value("maintenance", "bell-0") == "off"
    assert last_event(vesper) is None


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


async def test_killed_in_an_outage(
    vesper: Vesper, hass_storage: dict[str, Any]
) -> None:
    """It stays the cause."""
    await report(vesper, *bells(4))
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


async def test_two_outages_before_a_restart(
    vesper: Vesper, hass_storage: dict[str, Any]
) -> None:
    """Of two in the store, the last goes on."""
    await report(vesper, *bells(8))
    await vesper.advance(91)
    await vesper.advance(1)
    stored = deepcopy(hass_storage[f"{DOMAIN}.{FLEET}"])
    assert await vesper.hass.config_entries.async_unload(FLEET)
    for device_id in bells(4):
        stored["data"]["devices"][device_id]["outage_since"] -= 1000
    hass_storage[f"{DOMAIN}.{FLEET}"] = stored
    assert await vesper.hass.config_entries.async_setup(FLEET)
    came = await automate(vesper.hass, "came_online", devices(vesper.hass, bells(8)))
    await report(vesper, *bells(8))
    since = {run["vesper_id"]: run["outage_since"] for run in came.take()}
    assert {since[device_id] for device_id in bells(4)} == {None}
    assert None not in {since[device_id] for device_id in bells(8)[4:]}
    await vesper.advance(0)
    over = last_event(vesper)
    assert over is not None
    assert (over["event_type"], over["lost"], over["still_offline"]) == ("ended", 4, 0)


async def test_those_back_before_a_restart(vesper: Vesper) -> None:
    """Only the others count as lost after it."""
    await lose(vesper, 5)
    await report(vesper, "bell-0")
    await vesper.reload()
    await report(vesper, *bells(5))
    await vesper.advance(0)
    over = last_event(vesper)
    assert over is not None
    assert (over["event_type"], over["lost"]) == ("ended", 4)


async def test_a_restart_after_an_outage(vesper: Vesper) -> None:
    """It does not go on for those still offline."""
    await lose(vesper, 4)
    await vesper.advance(60)
    for _ in range(3):
        await report(vesper, *bells(2))
        await vesper.advance(46)
    over = last_event(vesper)
    assert over is not None
    assert over["event_type"] == "ended"
    lasting = await automate(vesper.hass, "fleet_outage", options={"for": 300})
    came = await automate(vesper.hass, "came_online", devices(vesper.hass, bells(4)))
    await vesper.reload()
    await vesper.advance(301)
    await report(vesper, *bells(4))
    await vesper.advance(1)
    assert lasting.take() == []
    assert last_event(vesper) == over
    since = {run["vesper_id"]: run["outage_since"] for run in came.take()}
    assert since["bell-2"] is not None
    assert since["bell-2"] == since["bell-3"]
