"""The trigger for an alert that is acknowledged."""

from datetime import timedelta
from typing import Any

import pytest

from homeassistant.core import Context, HomeAssistant
from homeassistant.util import dt as dt_util
from tests.automation import automate, devices
from tests.common import BELL, Vesper

from .test_stability import flap, set_maintenance, wait_for_an_hour


async def acknowledge(vesper: Vesper, **data: Any) -> None:
    """Acknowledge alerts of the bell."""
    await vesper.call("vesper.acknowledge_alert", **devices(vesper.hass), **data)


async def test_each_alert_once(hass: HomeAssistant, vesper: Vesper) -> None:
    """Another note triggers nothing, a worse alert does again."""
    for subsystem in ("SD", "Net"):
        await vesper.alert(subsystem, "WARNING")
    every = await automate(hass, "alert_acknowledged", devices(hass))
    one = await automate(
        hass, "alert_acknowledged", devices(hass), {"subsystems": ["Net"]}
    )
    await acknowledge(vesper, note="Anna")
    assert [run["subsystem"] for run in every.take()] == ["Net", "SD"]
    assert [run["note"] for run in one.take()] == ["Anna"]
    await acknowledge(vesper, note="Ben")
    assert every.take() == []
    await vesper.alert("SD", "FAILED")
    await acknowledge(vesper)
    assert [run["to_state"] for run in every.take()] == ["failed"]


async def test_by_whom(hass: HomeAssistant, vesper: Vesper) -> None:
    """It is known when the alert ends."""
    user = await hass.auth.async_create_user("Anna", group_ids=["system-admin"])
    await vesper.alert("SD", "WARNING")
    acknowledged = await automate(hass, "alert_acknowledged", devices(hass))
    cleared = await automate(hass, "alert_cleared", devices(hass))
    await hass.services.async_call(
        "vesper",
        "acknowledge_alert",
        devices(hass),
        blocking=True,
        context=Context(user_id=user.id),
    )
    await vesper.advance(60)
    await vesper.alert("SD", "CLEARED")
    for (run,) in (acknowledged.take(), cleared.take()):
        assert run["acknowledged_by"] == "Anna"
    await vesper.alert("SD", "WARNING")
    await vesper.advance(60)
    await vesper.alert("SD", "CLEARED")
    (run,) = cleared.take()
    assert (run["acknowledged"], run["acknowledged_by"]) == (False, None)


async def test_maintenance(hass: HomeAssistant, vesper: Vesper) -> None:
    """A device in maintenance triggers nothing."""
    await vesper.alert("SD", "WARNING")
    automation = await automate(hass, "alert_acknowledged", devices(hass))
    await set_maintenance(vesper, 1)
    await acknowledge(vesper)
    assert automation.take() == []


async def test_an_alert_that_flaps(hass: HomeAssistant, vesper: Vesper) -> None:
    """It began with the one of which triggers know."""
    await vesper.heartbeat()
    began = dt_util.utcnow().replace(microsecond=0)
    acknowledged = await automate(hass, "alert_acknowledged", devices(hass))
    await flap(vesper, 3)
    await flap(vesper, 7, seconds=30)
    await vesper.alert("SD", "WARNING")
    await acknowledge(vesper)
    (run,) = acknowledged.take()
    assert run["raised_at"] == run["worsened_at"] == began


@pytest.mark.parametrize("reload", [False, True])
async def test_an_acknowledged_alert_that_flaps(
    hass: HomeAssistant, vesper: Vesper, *, reload: bool
) -> None:
    """It is known when it is over."""
    await vesper.heartbeat()
    began = dt_util.utcnow().replace(microsecond=0)
    cleared = await automate(hass, "alert_cleared", devices(hass))
    await flap(vesper, 3)
    await vesper.alert("SD", "WARNING")
    await acknowledge(vesper)
    await vesper.alert("SD", "CLEARED")
    await flap(vesper, 5, seconds=30)
    if reload:
        await vesper.reload()
    await wait_for_an_hour(vesper)
    (run,) = cleared.take()
    assert run["acknowledged"]
    assert run["worsened_at"] == began
    assert run["ended_at"] - began >= timedelta(seconds=270)
    assert run["vesper_id"] == BELL
