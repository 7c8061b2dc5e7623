"""The blueprint "A Vesper device is unstable"."""

import pytest

from homeassistant.core import HomeAssistant
from tests.automation import devices
from tests.common import Vesper

from .common import let_pass, running, use

pytestmark = pytest.mark.usefixtures("as_installed", "waiting_runs")

UNSTABLE = ("Vesper bell is unstable", "This changes too often: `S'D`")
STABLE = (
    "Vesper bell is stable again",
    "Nothing that was unstable has changed for an hour.",
)


async def flap(vesper: Vesper) -> None:
    """Change alerts until they are unstable."""
    for subsystem in ("S`D", "Net"):
        for state in ("WARNING", "CLEARED") * 3:
            await vesper.alert(subsystem, state)
            await vesper.advance(1)


async def test_unstable(hass: HomeAssistant, vesper: Vesper) -> None:
    """Becoming unstable and stable notify once each."""
    await vesper.heartbeat()
    notifications = await use(hass, "device_unstable", devices=devices(hass))
    await flap(vesper)
    assert notifications.take() == [UNSTABLE]
    await let_pass(vesper, 30)
    assert notifications.take() == []
    await let_pass(vesper, 31)
    assert notifications.take() == [STABLE]
    assert running(hass) == 0


async def test_all_that_is_unstable(hass: HomeAssistant, vesper: Vesper) -> None:
    """What is unstable is listed."""
    await vesper.heartbeat(uptime=500)
    notifications = await use(hass, "device_unstable", devices=devices(hass))
    for uptime in (9, 8, 7, 6):
        await vesper.advance(60)
        await vesper.heartbeat(uptime=uptime)
    assert notifications.take() == [
        ("Vesper bell is unstable", "This changes too often: `restarts`")
    ]


async def test_over_a_reload(hass: HomeAssistant, vesper: Vesper) -> None:
    """What was reported is reported to be over."""
    await vesper.heartbeat()
    notifications = await use(hass, "device_unstable", devices=devices(hass))
    await flap(vesper)
    await vesper.reload()
    assert notifications.take() == [UNSTABLE]
    await let_pass(vesper, 61)
    assert notifications.take() == [STABLE]


async def test_without_recovery(hass: HomeAssistant, vesper: Vesper) -> None:
    """The notification of the end can be turned off."""
    await vesper.heartbeat()
    notifications = await use(
        hass, "device_unstable", devices=devices(hass), recovery=False
    )
    await flap(vesper)
    await let_pass(vesper, 61)
    assert notifications.take() == [UNSTABLE]
