"""The triggers for devices that become unstable or stable."""

from collections.abc import Awaitable, Callable

import pytest

from homeassistant.core import HomeAssistant
from tests.automation import Automation, automate, devices
from tests.common import Vesper

from .test_stability import (
    HOUR,
    flap,
    issues,
    set_disabled,
    set_maintenance,
    wait_for_an_hour,
)


@pytest.fixture
async def unstable(hass: HomeAssistant, vesper: Vesper) -> Automation:
    """Return an automation for a device that becomes unstable."""
    await vesper.heartbeat()
    return await automate(hass, "became_unstable", devices(hass))


@pytest.fixture
async def stable(hass: HomeAssistant, unstable: Automation) -> Automation:
    """Return an automation for a device that becomes stable."""
    return await automate(hass, "became_stable", devices(hass))


async def test_alerts(vesper: Vesper, unstable: Automation, stable: Automation) -> None:
    """It triggers once, whatever else is unstable later."""
    await flap(vesper, 3)
    (run,) = unstable.take()
    assert run["unstable"] == ["SD"]
    for state in ("WARNING", "CLEARED") * 3:
        await vesper.alert("Net", state)
    await flap(vesper, 3)
    assert vesper.state("connectivity").attributes["unstable"] == ["SD", "Net"]
    assert unstable.take() == stable.take() == []
    await wait_for_an_hour(vesper)
    (run,) = stable.take()
    assert run["unstable"] == []
    await wait_for_an_hour(vesper)
    assert unstable.take() == stable.take() == []
    await flap(vesper, 3)
    assert len(unstable.take()) == 1


async def test_connectivity(vesper: Vesper, unstable: Automation) -> None:
    """It is unstable after six changes."""
    for _ in range(3):
        assert unstable.take() == []
        await vesper.advance(91)
        await vesper.heartbeat()
    (run,) = unstable.take()
    assert run["unstable"] == ["connectivity"]


async def test_restarts(
    hass: HomeAssistant, vesper: Vesper, unstable: Automation, stable: Automation
) -> None:
    """A restart loop has an issue of its own."""
    await vesper.heartbeat(uptime=500)
    for uptime in (9, 8, 7, 6):
        assert unstable.take() == []
        await vesper.advance(60)
        await vesper.heartbeat(uptime=uptime)
    (run,) = unstable.take()
    assert run["unstable"] == ["restarts"]
    await vesper.advance(60)
    assert issues(hass) == []
    await wait_for_an_hour(vesper)
    assert len(stable.take()) == 1


async def test_a_restart_of_home_assistant(
    vesper: Vesper, unstable: Automation, stable: Automation
) -> None:
    """It is known after it what was unstable before."""
    await flap(vesper, 3)
    unstable.take()
    await vesper.reload()
    await vesper.advance(HOUR / 2)
    await vesper.heartbeat()
    assert unstable.take() == stable.take() == []
    await vesper.advance(HOUR / 2)
    assert len(stable.take()) == 1
    await vesper.reload()
    await wait_for_an_hour(vesper)
    assert unstable.take() == stable.take() == []


@pytest.mark.parametrize("suppress", [set_maintenance, set_disabled])
@pytest.mark.parametrize("reload", [False, True])
async def test_stable_in_maintenance(
    vesper: Vesper,
    unstable: Automation,
    stable: Automation,
    suppress: Callable[[Vesper, float], Awaitable[None]],
    *,
    reload: bool,
) -> None:
    """It triggers within a minute after its end."""
    await flap(vesper, 3)
    await suppress(vesper, 3)
    await wait_for_an_hour(vesper)
    await wait_for_an_hour(vesper)
    if reload:
        await vesper.reload()
    assert stable.take() == []
    await suppress(vesper, 0)
    await vesper.heartbeat()
    await vesper.advance(61)
    assert len(stable.take()) == 1
    assert len(unstable.take()) == 1


async def test_unstable_again_after_maintenance(
    vesper: Vesper, unstable: Automation, stable: Automation
) -> None:
    """What triggers know of does not trigger again."""
    await flap(vesper, 3)
    await set_maintenance(vesper, 3)
    await wait_for_an_hour(vesper)
    await wait_for_an_hour(vesper)
    await set_maintenance(vesper, 0)
    await flap(vesper, 3)
    assert len(unstable.take()) == 1
    assert stable.take() == []
