"""Two states at once, and second events."""

from http import HTTPStatus
import logging
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.vesper.const import CONF_HTTP_KEY
from custom_components.vesper.hub.api_key import digest_of
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from tests.automation import Automation, automate, devices
from tests.common import BELL, BOOT, HTTP_FAIL, WIFI_UP, Vesper, log_entry, logged

KEY = "a key of the tests"


@pytest.fixture
def entry(entry: MockConfigEntry, hass: HomeAssistant) -> MockConfigEntry:
    """Enable posts."""
    hass.config_entries.async_update_entry(
        entry, options={CONF_HTTP_KEY: digest_of(KEY)}
    )
    return entry


async def _triggers(vesper: Vesper, *names: str) -> list[Automation]:
    """Return automations that these triggers of the bell run."""
    target = devices(vesper.hass)
    return [await automate(vesper.hass, name, target) for name in names]


async def test_a_post_while_the_link_is_down(
    vesper: Vesper, hass_client_no_auth: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It monitors no device until the link is back."""
    # It fails to log calls with a clock that was set meanwhile.
    caplog.set_level(logging.WARNING, "aiohttp.access")
    await vesper.heartbeat(uptime=5)
    await vesper.heartbeat("silent", uptime=5)
    client = await hass_client_no_auth()
    (went_offline,) = await _triggers(vesper, "went_offline")
    await vesper.disconnect_broker()
    for device_id in (BELL, "new"):
        response = await client.post(
            "/api/vesper/heartbeat",
            json={"device_id": device_id, "uptime": 6},
            headers={"Authorization": f"Bearer {KEY}"},
        )
        assert response.status == HTTPStatus.OK
    for _ in range(10):
        await vesper.advance(60)
    shown = {
        device_id: vesper.value("connectivity", device_id)
        for device_id in (BELL, "silent", "new")
    }
    assert set(shown.values()) == {STATE_UNAVAILABLE}
    await vesper.reconnect_broker()
    await vesper.advance(89)
    assert [vesper.value("connectivity", device_id) for device_id in shown] == [
        *("on", "on", "on")
    ]
    assert went_offline.take() == []
    await vesper.advance(2)
    assert [vesper.value("connectivity", device_id) for device_id in shown] == [
        *("off", "off", "off")
    ]
    assert len(went_offline.take()) == 1


@pytest.mark.parametrize("log", [[BOOT], [BOOT, WIFI_UP, HTTP_FAIL]])
async def test_a_restored_device_whose_first_log_comes_later(
    vesper: Vesper, log: list[Any]
) -> None:
    """Its entries are old, with its boot."""
    await vesper.heartbeat(uptime=3600)
    (restarted,) = await _triggers(vesper, "restarted")
    await vesper.reload()
    for wait in (30, 30):
        await vesper.advance(wait)
        await vesper.heartbeat(uptime=3630)
        await vesper.heartbeat()
    await vesper.advance(30)
    await vesper.heartbeat(uptime=3690, recent_events=log)
    assert vesper.value("device_log") == STATE_UNKNOWN
    assert restarted.take() == []
    await vesper.heartbeat(uptime=3690, recent_events=[*log, HTTP_FAIL])
    assert vesper.state("device_log").attributes["event_type"] == "http_fail"
    assert restarted.take() == []


async def test_a_restored_log_that_is_repeated_later(vesper: Vesper) -> None:
    """What was logged meanwhile is new, with its boot."""
    await vesper.heartbeat(uptime=3600, recent_events=[BOOT, WIFI_UP])
    (restarted,) = await _triggers(vesper, "restarted")
    await vesper.reload()
    await vesper.advance(30)
    await vesper.heartbeat(heap_free=170_000)
    assert vesper.value("device_log") == STATE_UNKNOWN
    assert restarted.take() == []
    await vesper.heartbeat(recent_events=[BOOT, WIFI_UP, log_entry(1, 9)])
    assert vesper.state("device_log").attributes["reason"] == "BROWN_OUT"
    assert len(restarted.take()) == 1


@pytest.mark.parametrize(
    "later",
    [
        {},
        {"heap_free": 160_000},
        {"heap_min_free": 140_000},
        {"firmware_version": "1.3.0"},
        {"recent_events": [BOOT, WIFI_UP, log_entry(1, 9)]},
        {"recent_events": [BOOT, WIFI_UP, log_entry(1, 9), HTTP_FAIL]},
    ],
)
async def test_a_boot_in_the_log_then_heartbeats_without_it(
    vesper: Vesper, later: dict[str, Any]
) -> None:
    """It is one restart, whatever changes later."""
    await vesper.heartbeat(
        uptime=3600, heap_free=170_000, recent_events=[BOOT, WIFI_UP]
    )
    (restarted,) = await _triggers(vesper, "restarted")
    await vesper.advance(30)
    await vesper.heartbeat(recent_events=[BOOT, WIFI_UP, log_entry(1, 9)])
    assert len(restarted.take()) == 1
    for wait in (10, 30, 60):
        await vesper.advance(wait)
        await vesper.heartbeat(**later)
    assert restarted.take() == []


async def test_a_device_that_was_removed_and_is_back(vesper: Vesper) -> None:
    """Rhythm, uptime and alerts are forgotten."""
    await vesper.heartbeat(uptime=5000, recent_events=[BOOT])
    for uptime in (300, 600, 900, 1200, 1500):
        await vesper.advance(300)
        await vesper.heartbeat(uptime=uptime - 300, recent_events=[BOOT])
    await vesper.alert("SD", "FAILED")
    await vesper.advance(901)
    assert vesper.value("connectivity") == "off"
    fired = vesper.state("device_log")
    await vesper.hub.async_remove_device(BELL)
    await vesper.hass.async_block_till_done()
    await vesper.heartbeat(uptime=10, recent_events=[BOOT, WIFI_UP])
    assert vesper.state("device_log").attributes == fired.attributes
    assert vesper.value("device_log") == fired.state
    assert vesper.value("health") == "ok"
    assert "alert_SD" not in vesper.values()
    (restarted,) = await _triggers(vesper, "restarted")
    await vesper.advance(30)
    await vesper.heartbeat(uptime=1)
    assert len(restarted.take()) == 1
    await vesper.advance(89)
    assert vesper.value("connectivity") == "on"
    await vesper.advance(2)
    assert vesper.value("connectivity") == "off"


@pytest.mark.parametrize(("pause", "lines"), [(599, 1), (600, 2), (700, 2)])
async def test_restarts_are_logged_once_in_ten_minutes(
    vesper: Vesper, caplog: pytest.LogCaptureFixture, pause: int, lines: int
) -> None:
    """A restart loop does not fill the log."""
    await vesper.heartbeat(uptime=5000)
    (restarted,) = await _triggers(vesper, "restarted")
    await vesper.advance(30)
    await vesper.heartbeat(uptime=2)
    await vesper.advance(pause)
    await vesper.heartbeat(uptime=1)
    assert len(restarted.take()) == 2
    assert logged(caplog).count("Device bell has restarted") == lines


async def test_a_restart_of_a_device_that_is_back(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged again, however soon."""
    for _ in range(2):
        await vesper.heartbeat(uptime=5000)
        await vesper.heartbeat(uptime=2)
        await vesper.advance(91)
        await vesper.hub.async_remove_device(BELL)
    assert logged(caplog).count("Device bell has restarted") == 2
