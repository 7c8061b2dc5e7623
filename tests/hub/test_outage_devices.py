"""Devices that leave an outage, and what is left."""

import asyncio
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import (
    async_fire_time_changed,
)

from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
)
from tests.automation import automate, devices, registered_id
from tests.common import FLEET, Vesper, logged, report

from .outages import OVER, bells, last_event, lose


async def test_those_removed_end_it(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """The outage ends when all lost devices are removed.

    It may have lasted for no time.
    """
    await report(vesper, *bells(3))
    await vesper.advance(91)
    vesper.mqtt.async_publish.side_effect = None
    for device_id in bells(3):
        assert last_event(vesper) == {
            "event_type": "started",
            "lost": 3,
            "online_before": 3,
        }
        await vesper.hub.async_remove_device(device_id)
    await vesper.advance(0)
    assert last_event(vesper) == {
        "event_type": "ended",
        "lost": 3,
        "online_before": 3,
        "duration": 0,
        "still_offline": 0,
    }
    assert logged(caplog)[-1] == OVER.format(0, 0, 3)


async def test_unload_ends_the_wait(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is logged after unload."""
    await report(vesper, *bells(2))
    await vesper.advance(91)
    caplog.clear()
    await vesper.hass.config_entries.async_unload(vesper.entry.entry_id)
    vesper.freezer.tick(1000)
    async_fire_time_changed(vesper.hass)
    await vesper.hass.async_block_till_done()
    assert logged(caplog) == []


async def test_unload_while_devices_are_logged(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are not logged any more."""
    await report(vesper, *bells(40), *(f"lost-{number}" for number in range(20)))
    await vesper.advance(60)
    await report(vesper, *bells(40))
    await vesper.advance(31)
    await report(vesper, *bells(40))
    caplog.clear()
    with patch("custom_components.vesper.hub.chunks.CHUNK", 0):
        vesper.freezer.tick(90)
        async_fire_time_changed(vesper.hass)
        for _ in range(1000):
            if logged(caplog):
                break
            await asyncio.sleep(0)
        vesper.hub.outages.async_close()
        count = len(logged(caplog))
        await vesper.hass.async_block_till_done()
    # The next one had its turn.
    assert 0 < count <= len(logged(caplog)) <= count + 1
    await vesper.hass.config_entries.async_unload(FLEET)


async def test_a_lost_device_that_is_removed(vesper: Vesper) -> None:
    """It is no longer among the others."""
    area = ar.async_get(vesper.hass).async_create("Tower")
    await report(vesper, *bells(4))
    for device_id in bells(3):
        dr.async_get(vesper.hass).async_update_device(
            registered_id(vesper.hass, device_id), area_id=area.id
        )
    await vesper.advance(91)
    assert "area" not in vesper.state("outage", FLEET).attributes
    await vesper.hub.async_remove_device("bell-3")
    await report(vesper, *bells(3))
    await vesper.advance(0)
    state = vesper.state("outage", FLEET)
    assert (state.attributes["event_type"], state.attributes["area"]) == (
        "ended",
        "Tower",
    )


async def test_maintenance_in_an_outage(vesper: Vesper) -> None:
    """A device in maintenance no longer counts."""
    await report(vesper, *bells(4))
    await vesper.advance(91)
    await vesper.call(
        "vesper.set_maintenance",
        **devices(vesper.hass, ["bell-3"]),
        duration={"hours": 1},
    )
    await report(vesper, *bells(3))
    await vesper.advance(0)
    over = last_event(vesper)
    assert over is not None
    assert (over["event_type"], over["still_offline"]) == ("ended", 0)


async def test_what_is_left_after_an_outage(vesper: Vesper) -> None:
    """Those back or in maintenance do not know it."""
    await lose(vesper, 4)
    target = devices(vesper.hass, ["bell-3"])
    await vesper.call("vesper.set_maintenance", **target, duration={"hours": 1})
    await report(vesper, *bells(3))
    await vesper.call("vesper.set_maintenance", **target, duration={"hours": 0})
    went = await automate(vesper.hass, "went_offline", devices(vesper.hass, bells(4)))
    came = await automate(vesper.hass, "came_online", devices(vesper.hass, bells(4)))
    await report(vesper, "bell-3")
    for device_id in bells(3):
        others = [one for one in bells(4) if one != device_id]
        for _ in range(4):
            await vesper.advance(46)
            await report(vesper, *others)
        await report(vesper, device_id)
    runs = went.take()
    assert [run["vesper_id"] for run in runs] == bells(3)
    runs += came.take()
    assert len(runs) == 3 + 4
    assert {run["outage_since"] for run in runs} == {None}


async def test_removed_while_it_is_recorded(vesper: Vesper) -> None:
    """What is left to record is not theirs."""
    await report(vesper, *bells(20))
    with patch("custom_components.vesper.hub.chunks.CHUNK", 0):
        vesper.freezer.tick(91)
        async_fire_time_changed(vesper.hass)
        for _ in range(1000):
            if vesper.hub.outages.current is not None:
                break
            await asyncio.sleep(0)
        assert vesper.hub.outages.current is not None
        registry = dr.async_get(vesper.hass)
        for device_id in bells(20):
            registry.async_remove_device(registered_id(vesper.hass, device_id))
        await vesper.hass.async_block_till_done()
    assert not vesper.hub.devices


async def test_back_in_maintenance(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not logged as online again."""
    await vesper.heartbeat("bell")
    await vesper.advance(91)
    await vesper.advance(91)
    await vesper.call(
        "vesper.set_maintenance",
        **devices(vesper.hass, ["bell"]),
        duration={"hours": 1},
    )
    caplog.clear()
    await vesper.heartbeat("bell")
    assert vesper.value("connectivity", "bell") == "on"
    assert logged(caplog) == []
