"""The blueprint "Maintenance of Vesper devices by a schedule"."""

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from homeassistant.core import CoreState, HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from tests.automation import devices
from tests.common import BELL, Vesper

from .common import OTHER, act, finish_start, running, set_up, until

pytestmark = pytest.mark.usefixtures("as_installed", "waiting_runs")

#: A Sunday.
DAY = "2026-11-22"


def week(*sunday: tuple[str, str]) -> dict[str, Any]:
    """Return the configuration of a schedule with these times."""
    return {
        "name": "Service",
        "monday": [{"from": "00:00:00", "to": "02:00:00"}],
        "sunday": [{"from": begin, "to": end} for begin, end in sunday],
    }


async def edit(hass: HomeAssistant, schedules: dict[str, Any]) -> None:
    """Edit the schedules."""
    with patch(
        "homeassistant.config.load_yaml_config_file",
        return_value={"schedule": schedules},
    ):
        await hass.services.async_call("schedule", "reload", blocking=True)
    await hass.async_block_till_done()


@pytest.fixture
async def schedule(hass: HomeAssistant, vesper: Vesper) -> AsyncGenerator[str]:
    """Return a schedule, before it begins."""
    await hass.config.async_set_time_zone("UTC")
    vesper.freezer.move_to(f"{DAY} 07:00:00+00:00")
    await vesper.reload()
    for device_id in (BELL, OTHER):
        await vesper.heartbeat(device_id)
    service = week(("08:00:00", "12:00:00"), ("22:00:00", "24:00:00"))
    assert await async_setup_component(
        hass, "schedule", {"schedule": {"service": service}}
    )
    await hass.async_block_till_done()
    yield "schedule.service"
    await edit(hass, {})


@pytest.fixture
async def in_use(hass: HomeAssistant, schedule: str) -> None:
    """Use the blueprint for one of two devices."""
    await set_up(
        hass, "scheduled_maintenance", devices=devices(hass), schedule=schedule
    )


def end(vesper: Vesper, device_id: str = BELL) -> datetime | None:
    """Return when the maintenance of a device ends."""
    until = vesper.hub.devices[device_id].maintenance_until
    return None if until is None else dt_util.utc_from_timestamp(until)


def at(time: str) -> datetime:
    """Return a minute after a time of the day."""
    return dt_util.as_utc(datetime.fromisoformat(f"{DAY} {time}+00:00")) + timedelta(
        minutes=1
    )


@pytest.mark.usefixtures("in_use")
async def test_schedule(hass: HomeAssistant, vesper: Vesper) -> None:
    """Maintenance begins and ends with it."""
    assert end(vesper) is None
    await until(vesper, "22 08:00:00")
    assert end(vesper) == at("12:00:00")
    assert end(vesper, OTHER) is None
    await until(vesper, "22 12:00:00")
    assert end(vesper) is None
    await until(vesper, "22 22:00:00")
    assert end(vesper) == at("23:59:00") + timedelta(minutes=1)
    await until(vesper, "23 00:00:00")
    assert end(vesper) == at("23:59:00") + timedelta(hours=2, minutes=1)
    await until(vesper, "23 02:00:00")
    assert end(vesper) is None
    assert running(hass) == 0


@pytest.mark.usefixtures("in_use")
@pytest.mark.parametrize("before", [True, False])
async def test_maintenance_of_a_person(vesper: Vesper, *, before: bool) -> None:
    """What ends later is not cut short."""
    if not before:
        await until(vesper, "22 08:00:00")
    await act(vesper, "set_maintenance", duration={"hours": 8})
    longer = end(vesper)
    assert longer is not None
    if before:
        await until(vesper, "22 08:00:00")
    assert end(vesper) == longer
    await until(vesper, "22 12:00:00")
    assert end(vesper) == longer


@pytest.mark.usefixtures("in_use")
async def test_shorter_maintenance_of_a_person(vesper: Vesper) -> None:
    """It is extended to the end of the schedule."""
    await act(vesper, "set_maintenance", duration={"hours": 2})
    await until(vesper, "22 08:00:00")
    assert end(vesper) == at("12:00:00")


@pytest.mark.usefixtures("in_use")
async def test_edited(hass: HomeAssistant, vesper: Vesper) -> None:
    """The end follows while the schedule is on."""
    await until(vesper, "22 08:00:00")
    for time in ("10:00:00", "14:00:00"):
        await edit(hass, {"service": week(("08:00:00", time))})
        assert end(vesper) == at(time)
    await edit(hass, {"service": week(("16:00:00", "18:00:00"))})
    assert end(vesper) is None
    await edit(hass, {"service": week(("08:00:00", "18:00:00"))})
    assert end(vesper) == at("18:00:00")
    await act(vesper, "set_maintenance", duration={"hours": 12})
    longer = end(vesper)
    await edit(hass, {"service": week()})
    assert end(vesper) == longer


async def test_start_of_home_assistant(
    hass: HomeAssistant, vesper: Vesper, schedule: str
) -> None:
    """Maintenance begins if the schedule is on."""
    await until(vesper, "22 09:00:00")
    hass.set_state(CoreState.not_running)
    await set_up(
        hass, "scheduled_maintenance", devices=devices(hass), schedule=schedule
    )
    assert end(vesper) is None
    await finish_start(hass)
    assert end(vesper) == at("12:00:00")


async def test_start_outside_of_it(
    hass: HomeAssistant, vesper: Vesper, schedule: str
) -> None:
    """Maintenance stays as it is."""
    await act(vesper, "set_maintenance", duration={"minutes": 10})
    hass.set_state(CoreState.not_running)
    await set_up(
        hass, "scheduled_maintenance", devices=devices(hass), schedule=schedule
    )
    before = end(vesper)
    await finish_start(hass)
    assert end(vesper) == before


@pytest.mark.usefixtures("in_use")
async def test_run_by_hand(hass: HomeAssistant, vesper: Vesper) -> None:
    """It begins maintenance for the rest of the time."""
    await until(vesper, "22 08:00:00")
    await act(vesper, "set_maintenance", duration=0)
    (automation,) = hass.states.async_entity_ids("automation")
    await vesper.call("automation.trigger", entity_id=automation)
    await hass.async_block_till_done()
    assert end(vesper) == at("12:00:00")


@pytest.mark.usefixtures("in_use")
async def test_by_hand_while_it_is_off(
    hass: HomeAssistant, vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """Maintenance that a person has set goes on."""
    await vesper.call("vesper.set_maintenance", **devices(hass), duration={"hours": 1})
    (automation,) = hass.states.async_entity_ids("automation")
    await vesper.call("automation.trigger", entity_id=automation)
    assert end(vesper) == at("07:59:00")
    assert [
        one for one in caplog.records if one.levelname in ("WARNING", "ERROR")
    ] == []
