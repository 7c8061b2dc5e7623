"""Blueprints that are run by hand."""

from typing import Any

import pytest

from homeassistant.components import automation
from homeassistant.core import HomeAssistant
from tests.automation import devices
from tests.common import Vesper, logged

from .common import running, use

pytestmark = pytest.mark.usefixtures("as_installed", "waiting_runs")

QUIET = {"quiet_from": "00:00:00", "quiet_until": "23:59:59"}


async def run_by_hand(hass: HomeAssistant) -> None:
    """Choose "Run actions" in the menu of the automation."""
    (entity_id,) = hass.states.async_entity_ids(automation.DOMAIN)
    await hass.services.async_call(
        automation.DOMAIN,
        "trigger",
        {"entity_id": entity_id, "skip_condition": True},
        blocking=True,
    )
    await hass.async_block_till_done()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("device_in_trouble", {}),
        ("device_in_trouble", QUIET),
        ("device_offline", {}),
        ("device_unstable", {}),
        ("escalate_alert", {}),
        ("escalate_alert", QUIET),
    ],
)
async def test_a_notification(
    hass: HomeAssistant,
    vesper: Vesper,
    caplog: pytest.LogCaptureFixture,
    name: str,
    options: dict[str, Any],
) -> None:
    """It says that it is a test."""
    await vesper.heartbeat()
    await vesper.alert("SD", "CRITICAL")
    notifications = await use(hass, name, devices=devices(hass), **options)
    caplog.clear()
    await run_by_hand(hass)
    (state,) = hass.states.async_all(automation.DOMAIN)
    assert notifications.take() == [
        (
            f"Test of {state.name}",
            "The automation was run by hand. Nothing has happened.",
        )
    ]
    assert running(hass) == 0
    assert not [one for one in caplog.records if one.levelname in ("WARNING", "ERROR")]
    assert logged(caplog) == []


async def test_daily_health(hass: HomeAssistant, vesper: Vesper) -> None:
    """It is sent, also without problems."""
    await vesper.heartbeat()
    notifications = await use(hass, "health_digest")
    await run_by_hand(hass)
    assert notifications.take() == [
        ("Vesper: no problems", "No alert is active, and no device is offline.")
    ]
