"""What was reported before maintenance is over in it."""

import pytest

from homeassistant.core import HomeAssistant
from tests.automation import devices
from tests.common import BELL, Vesper, wait

from .common import act, use

pytestmark = pytest.mark.usefixtures("as_installed", "waiting_runs")


async def set_maintenance(vesper: Vesper, *, hours: int) -> None:
    """Begin or end maintenance."""
    await act(vesper, "set_maintenance", duration={"hours": hours})


@pytest.mark.parametrize("reload", [True, False])
async def test_an_alert(hass: HomeAssistant, vesper: Vesper, *, reload: bool) -> None:
    """Its end is reported once maintenance has ended."""
    await vesper.heartbeat()
    notifications = await use(hass, "device_in_trouble", devices=devices(hass))
    for subsystem in ("SD", "Net", "Fan"):
        await vesper.alert(subsystem, "WARNING")
    await wait(vesper, 60, BELL)
    assert len(notifications.take()) == 3
    await set_maintenance(vesper, hours=2)
    await wait(vesper, 60, BELL)
    await vesper.alert("New", "WARNING")
    for state in ("CLEARED", "WARNING", "CLEARED"):
        await vesper.alert("SD", state)
    for state in ("CLEARED", "WARNING"):
        await vesper.alert("Fan", state)
    await vesper.alert("New", "CLEARED")
    if reload:
        await vesper.reload()
        await vesper.heartbeat()
    await set_maintenance(vesper, hours=1)
    await wait(vesper, 60, BELL)
    assert notifications.take() == []
    await set_maintenance(vesper, hours=0)
    assert notifications.take() == [
        ("Vesper bell has recovered", "`SD` is OK again"),
        ("Vesper bell has a problem", "`Fan` is warning"),
    ]
    await set_maintenance(vesper, hours=1)
    await set_maintenance(vesper, hours=0)
    assert notifications.take() == []


@pytest.mark.parametrize("minutes", [10, 40])
async def test_an_escalated_alert(
    hass: HomeAssistant, vesper: Vesper, minutes: int
) -> None:
    """Only if it was escalated before."""
    await vesper.heartbeat()
    notifications = await use(hass, "escalate_alert", devices=devices(hass))
    await vesper.alert("SD", "CRITICAL")
    await wait(vesper, 60 * minutes, BELL)
    assert len(notifications.take()) == (minutes == 40)
    await set_maintenance(vesper, hours=2)
    await wait(vesper, 3600, BELL)
    await vesper.alert("SD", "CLEARED")
    await set_maintenance(vesper, hours=0)
    expected = [("Vesper bell has recovered", "`SD` is OK again")]
    assert notifications.take() == (expected if minutes == 40 else [])


@pytest.mark.parametrize("minutes", [4, 10])
@pytest.mark.parametrize("reload", [True, False])
async def test_an_offline_device(
    hass: HomeAssistant, vesper: Vesper, minutes: int, *, reload: bool
) -> None:
    """Only if that was reported before."""
    await vesper.heartbeat()
    notifications = await use(hass, "device_offline", devices=devices(hass))
    await vesper.advance(91)
    await wait(vesper, 60 * minutes)
    assert len(notifications.take()) == (minutes == 10)
    await set_maintenance(vesper, hours=2)
    await wait(vesper, 3600)
    await wait(vesper, 60, BELL)
    if reload:
        await vesper.reload()
    assert notifications.take() == []
    await set_maintenance(vesper, hours=0)
    expected = [("Vesper bell is online again", "It sends messages again.")]
    assert notifications.take() == (expected if minutes == 10 else [])
    await wait(vesper, 600, BELL)
    assert notifications.take() == []


async def test_offline_again(hass: HomeAssistant, vesper: Vesper) -> None:
    """That is reported in its place."""
    await vesper.heartbeat()
    notifications = await use(hass, "device_offline", devices=devices(hass))
    await vesper.advance(91)
    await wait(vesper, 600)
    assert len(notifications.take()) == 1
    await set_maintenance(vesper, hours=2)
    await wait(vesper, 60, BELL)
    await wait(vesper, 600)
    await set_maintenance(vesper, hours=0)
    assert notifications.take() == []
    await wait(vesper, 301)
    assert [title for title, _ in notifications.take()] == ["Vesper bell is offline"]
