"""Test when repair issues of devices come and go."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import (
    async_capture_events,
    async_fire_time_changed,
)

import custom_components.vesper
from custom_components.vesper.const import DOMAIN
from custom_components.vesper.hub.issues import ISSUES
from custom_components.vesper.hub.prefix_check import ISSUE_NO_DEVICES
from custom_components.vesper.model.alerts import MAX_ACTIVE
from custom_components.vesper.model.fault_streak import LASTING_SECONDS
from custom_components.vesper.model.heap_trend import MIN_WINDOW
from custom_components.vesper.model.restarts import LOOP_SECONDS, SHARED_SECONDS
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from tests.automation import devices
from tests.common import BELL, EVERYTHING, Vesper, Writes
from tests.rig.firmware import Firmware

CHECK = 60
PACKAGE = Path(custom_components.vesper.__file__).parent
NAME = f"Vesper {BELL}"


def _issues(hass: HomeAssistant) -> list[ir.IssueEntry]:
    """Return the active issues, with their fields checked."""
    severities = {description.key: description.severity for description in ISSUES}
    issues = [
        issue
        for issue in ir.async_get(hass).issues.values()
        if issue.translation_key != ISSUE_NO_DEVICES
    ]
    for issue in issues:
        assert issue.domain == DOMAIN
        assert issue.active
        assert not issue.is_fixable
        assert not issue.is_persistent
        assert issue.translation_key is not None
        assert issue.severity is severities[issue.translation_key]
    return issues


def _placeholders(hass: HomeAssistant) -> dict[str, dict[str, str]]:
    """Return the placeholders of the active issues, by kind."""
    issues = _issues(hass)
    by_kind = {str(issue.translation_key): issue for issue in issues}
    assert len(by_kind) == len(issues)
    placeholders = {
        kind: dict(issue.translation_placeholders or {})
        for kind, issue in by_kind.items()
    }
    registry = dr.async_get(hass)
    for given in placeholders.values():
        device_id = given.pop("url").removeprefix("/config/devices/device/")
        assert registry.async_get(device_id) is not None, "the link leads to a device"
    return placeholders


async def _malform(
    vesper: Vesper, *payloads: bytes, seconds: int = LASTING_SECONDS + 60
) -> None:
    """Send malformed heartbeats for so many seconds."""
    for number in range(seconds // 30 + 1):
        await vesper.publish(BELL, "heartbeat", payloads[number % len(payloads)])
        await vesper.advance(30)


async def _restart(vesper: Vesper, *reasons: int) -> None:
    """Restart the bell once for each reason."""
    for reason in reasons:
        await vesper.heartbeat(uptime=110)
        await vesper.advance(60)
        await vesper.heartbeat(uptime=3, reset_reason=reason)
        await vesper.advance(60)


async def _leak(vesper: Vesper, *, seconds: int = 2 * MIN_WINDOW) -> None:
    """Decrease the free heap at a steady rate.

    It would be exhausted in ten hours.
    """
    for uptime in range(0, seconds + 1, 60):
        free = 180_000 - 5 * uptime
        await vesper.heartbeat(uptime=uptime, heap_free=free, heap_min_free=free)
        await vesper.advance(60)


async def _alternate(vesper: Vesper, *, seconds: int = 300) -> None:
    """Let two devices send with the bell's id."""
    for elapsed in range(0, seconds + 1, 30):
        await vesper.heartbeat(uptime=5000 + elapsed)
        await vesper.heartbeat(uptime=100 + elapsed)
        await vesper.advance(30)


# Malformed heartbeats


async def test_malformed_heartbeats(vesper: Vesper) -> None:
    """After ten minutes an issue names all faulty fields."""
    payloads = (
        b'{"uptime": "long", "heap_free": 5}',
        b'{"recent_events": [{"t": 1}], "uptime": -1}',
        b"no JSON [at](all)",
    )
    await _malform(vesper, *payloads, seconds=LASTING_SECONDS - 60)
    assert not _placeholders(vesper.hass)
    await _malform(vesper, *payloads, seconds=120)
    fields = [f"recent_events[].{name}" for name in ("d0", "d1", "ts", "up")]
    assert _placeholders(vesper.hass) == {
        "malformed_heartbeats": {
            "device": NAME,
            "fields": ", ".join(["payload", *fields, "uptime"]),
        }
    }

    await vesper.alert("SD", "WARNING")
    await vesper.info("volume")
    await vesper.heartbeat(retain=True, uptime=5)
    await vesper.advance(CHECK)
    assert _placeholders(vesper.hass), "none of these is a live heartbeat"
    await vesper.heartbeat(uptime=5)
    await vesper.advance(CHECK)
    assert not _placeholders(vesper.hass)


async def test_malformed_heartbeats_that_never_parse(vesper: Vesper) -> None:
    """The payload as a whole has the fault."""
    await vesper.heartbeat(uptime=5)
    await _malform(vesper, b"[1]")
    assert _placeholders(vesper.hass)["malformed_heartbeats"]["fields"] == "payload"


async def test_malformed_now_and_then(vesper: Vesper) -> None:
    """A valid heartbeat in between ends the streak."""
    for _ in range(4):
        await _malform(vesper, b'{"uptime": "long"}', seconds=LASTING_SECONDS - 60)
        await vesper.heartbeat(uptime=5)
    assert not _placeholders(vesper.hass)


async def test_other_malformed_messages(vesper: Vesper) -> None:
    """Other and retained messages raise no issue."""
    await vesper.heartbeat(uptime=5)
    for _ in range(LASTING_SECONDS // 30 + 4):
        await vesper.publish(BELL, "info", b"{}")
        await vesper.publish(BELL, "heartbeat", b"{", retain=True)
        await vesper.advance(30)
    assert not _placeholders(vesper.hass)


# Alerts that can't be read


async def test_lost_alert(vesper: Vesper) -> None:
    """At once, an issue names what was wrong."""
    await vesper.report_everything()
    before = vesper.values()
    await vesper.publish(BELL, "alerts", b'{"subsystem": "SD", "sta')
    assert _placeholders(vesper.hass) == {
        "lost_alert": {"device": NAME, "fields": "payload"}
    }
    await vesper.alert("", "?")
    assert _placeholders(vesper.hass)["lost_alert"]["fields"] == "state, subsystem"
    await vesper.heartbeat(uptime=3600)
    await vesper.advance(CHECK - 1)
    assert _placeholders(vesper.hass)
    assert vesper.values() == before, "no alert has changed"
    await vesper.alert("SD", "CLEARED")
    assert not _placeholders(vesper.hass)


async def test_lost_alert_that_was_kept(vesper: Vesper) -> None:
    """A retained alert may have been an alarm too."""
    await vesper.heartbeat(uptime=5)
    await vesper.publish(BELL, "alerts", b"{}", retain=True)
    assert list(_placeholders(vesper.hass)) == ["lost_alert"]
    await vesper.alert("Player", "CLEARED", retain=True)
    assert list(_placeholders(vesper.hass)) == ["lost_alert"]
    await vesper.alert("SD", "WARNING")
    assert not _placeholders(vesper.hass)


async def test_lost_alert_of_a_stranger(vesper: Vesper) -> None:
    """A sender of unreadable messages only is no device."""
    await vesper.publish(BELL, "alerts", b"{}")
    assert not _placeholders(vesper.hass)


# More alerts than are kept


async def test_more_alerts(vesper: Vesper) -> None:
    """An issue says that there are more alerts."""
    for number in range(MAX_ACTIVE):
        await vesper.alert(f"s{number}", "WARNING")
    await vesper.advance(CHECK)
    assert not _placeholders(vesper.hass)
    await vesper.alert("one more", "CRITICAL")
    await vesper.advance(CHECK)
    assert _placeholders(vesper.hass) == {
        "more_alerts": {"device": NAME, "limit": "64", "severity": "Critical"}
    }
    await vesper.alert("s7", "CLEARED")
    await vesper.advance(CHECK)
    assert not _placeholders(vesper.hass)


# Restart loop


async def test_restart_loop(vesper: Vesper) -> None:
    """It begins at once and ends within an hour."""
    await _restart(vesper, 4, 6, 4)
    assert not _placeholders(vesper.hass)
    await vesper.heartbeat(uptime=110)
    await vesper.heartbeat(uptime=3, reset_reason=9999)
    assert _placeholders(vesper.hass) == {
        "restart_loop": {
            "device": NAME,
            "reasons": "Crash \N{MULTIPLICATION SIGN}2, Task watchdog, Other (9999)",
            "restarts": "4",
        }
    }
    await vesper.advance(LOOP_SECONDS - 8 * 60)
    assert _placeholders(vesper.hass)
    await vesper.advance(4 * 60)
    assert not _placeholders(vesper.hass)


async def test_restart_loop_after_a_reload(vesper: Vesper) -> None:
    """It is still one."""
    await _restart(vesper, 4, 4, 4, 4)
    before = _placeholders(vesper.hass)
    assert before.keys() == {"restart_loop"}
    await vesper.reload()
    await vesper.advance(60)
    assert _placeholders(vesper.hass) == before


async def test_all_reasons_of_a_restart_loop(vesper: Vesper) -> None:
    """All restarts within an hour are counted."""
    await _restart(vesper, 9, 9, 4, 6, 4, 4)
    found = _placeholders(vesper.hass)["restart_loop"]
    times = "\N{MULTIPLICATION SIGN}"
    assert found["reasons"] == f"Crash {times}3, Brown-out {times}2, Task watchdog"
    assert found["restarts"] == "6"


async def test_restarts_in_maintenance(vesper: Vesper) -> None:
    """Whoever works on a device restarts it."""
    await _restart(vesper, 4)
    await vesper.call(
        "vesper.set_maintenance", **devices(vesper.hass), duration={"minutes": 30}
    )
    await _restart(vesper, 4, 4, 4, 4)
    assert not _placeholders(vesper.hass)
    await vesper.call(
        "vesper.set_maintenance", **devices(vesper.hass), duration={"minutes": 0}
    )
    await _restart(vesper, 6, 6)
    assert not _placeholders(vesper.hass)
    await _restart(vesper, 6)
    assert _placeholders(vesper.hass)["restart_loop"] == {
        "device": NAME,
        "reasons": "Task watchdog \N{MULTIPLICATION SIGN}3, Crash",
        "restarts": "4",
    }


# Two devices with one id


async def test_shared_id(vesper: Vesper, caplog: pytest.LogCaptureFixture) -> None:
    """Two alternating uptimes are reported, but not as restarts."""
    await _alternate(vesper)
    assert _placeholders(vesper.hass) == {
        "shared_id": {"device": NAME, "device_id": BELL}
    }
    assert "has restarted" not in caplog.text
    for _ in range(3):
        await vesper.advance(CHECK)
        await vesper.heartbeat(uptime=10_000)
    assert _placeholders(vesper.hass)
    await vesper.advance(SHARED_SECONDS)
    assert not _placeholders(vesper.hass)


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_values_of_two_devices(vesper: Vesper, writes: Writes) -> None:
    """They do not alternate while both use the id."""
    await _alternate(vesper)
    writes.take()
    for number in range(20):
        await vesper.advance(15)
        first: dict[str, Any] = {
            "uptime": 5345 + 30 * number,
            "heap_free": 90_000,
            "reset_reason": 1,
        }
        await vesper.heartbeat(**first)
        await vesper.advance(15)
        second: dict[str, Any] = {
            "uptime": 460 + 30 * number,
            "heap_free": 20_000,
            "reset_reason": 4,
        }
        await vesper.heartbeat(**second)
        assert vesper.value("connectivity") == "on"
    assert set(writes.take()) <= {vesper.entity_id("last_seen")}
    assert _placeholders(vesper.hass)


async def test_clock_set(vesper: Vesper) -> None:
    """A step of the wall clock raises no issue."""
    await vesper.heartbeat(uptime=5000)
    await vesper.heartbeat(uptime=100)
    for uptime, step in ((130, -4900), (160, 4900), (190, -3600), (220, 3600)):
        await vesper.advance(30)
        with vesper.wall_clock_set(step):
            await vesper.heartbeat(uptime=uptime)
            await vesper.advance(CHECK)
            assert not _placeholders(vesper.hass)


# Heap


async def test_heap_exhaustion(vesper: Vesper) -> None:
    """A leak is reported with the hours left."""
    await _leak(vesper, seconds=MIN_WINDOW - 60)
    assert not _placeholders(vesper.hass)
    updates = async_capture_events(vesper.hass, ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED)
    for uptime in range(MIN_WINDOW, 9 * 3600, 60):
        free = 180_000 - 5 * uptime
        await vesper.heartbeat(uptime=uptime, heap_free=free, heap_min_free=free)
        await vesper.advance(60)
        hours = round((36_000 - uptime) / 3600)
        placeholders = _placeholders(vesper.hass)["heap_exhaustion"]
        assert placeholders["device"] == NAME
        assert abs(int(placeholders["hours"]) - hours) <= 1
    assert len(updates) <= 12, "it is written when the hours change, not each minute"

    await vesper.heartbeat(uptime=2, heap_free=180_000, heap_min_free=180_000)
    assert not _placeholders(vesper.hass), "a restart gives all back"


async def test_heap_that_rests(vesper: Vesper) -> None:
    """The issue is removed once the leak has stopped."""
    await _leak(vesper)
    assert "heap_exhaustion" in _placeholders(vesper.hass)
    for uptime in range(2 * MIN_WINDOW, 5 * MIN_WINDOW, 60):
        await vesper.heartbeat(uptime=uptime, heap_free=165_000, heap_min_free=162_000)
        await vesper.advance(60)
    assert not _placeholders(vesper.hass)


# Lifetime of the issues


async def test_device_in_order(vesper: Vesper) -> None:
    """A simulated device that sometimes restarts raises no issue."""
    firmware = Firmware(BELL, booted=-1000.0)
    for now in range(0, 4 * 3600, 30):
        if now % 5400 == 5370:
            firmware.restart()
        for message in firmware.tick(now):
            topic = message.topic.rpartition("/")[2]
            await vesper.publish(BELL, topic, message.payload)
        await vesper.advance(30)
        assert not _placeholders(vesper.hass)


async def test_name_of_the_device(vesper: Vesper) -> None:
    """The issue has the current name of the device."""
    await _malform(vesper, b"{")
    assert not _placeholders(vesper.hass), "it never became a device"
    await vesper.heartbeat(uptime=5)
    await _malform(vesper, b"{")
    registry = dr.async_get(vesper.hass)
    (device,) = (
        entry
        for entry in dr.async_entries_for_config_entry(registry, vesper.entry.entry_id)
        if (DOMAIN, BELL) in entry.identifiers
    )
    registry.async_update_device(device.id, name_by_user="Chapel")
    await vesper.advance(CHECK)
    assert _placeholders(vesper.hass)["malformed_heartbeats"]["device"] == "Chapel"
    registry.async_remove_device(device.id)
    await vesper.advance(CHECK)
    assert not _placeholders(vesper.hass)


async def test_ignored_incident(vesper: Vesper) -> None:
    """An ignored issue is ignored until the next incident."""
    await vesper.heartbeat(uptime=5)
    await _malform(vesper, b"{")
    (first,) = _issues(vesper.hass)
    ir.async_ignore_issue(vesper.hass, DOMAIN, first.issue_id, ignore=True)
    await _malform(vesper, b"{", b'{"uptime": "x"}', seconds=300)
    (same,) = _issues(vesper.hass)
    assert same.issue_id == first.issue_id
    assert same.dismissed_version is not None
    assert same.translation_placeholders != first.translation_placeholders

    await vesper.heartbeat(uptime=5)
    await _malform(vesper, b"{")
    (second,) = _issues(vesper.hass)
    assert second.issue_id != first.issue_id
    assert second.dismissed_version is None


def _keys(hass: HomeAssistant) -> list[list[str]]:
    """Return the keys and devices of the issues."""
    return sorted(issue.issue_id.split("/")[:3:2] for issue in _issues(hass))


async def test_several_at_once(vesper: Vesper) -> None:
    """Each device has its own issues."""
    await _restart(vesper, 9, 9, 9, 9)
    found = _placeholders(vesper.hass)["restart_loop"]
    assert found["reasons"] == "Brown-out \N{MULTIPLICATION SIGN}4"
    await vesper.heartbeat("hall", uptime=5)
    for _ in range(LASTING_SECONDS // 30 + 2):
        await vesper.publish("hall", "heartbeat", b"{")
        await vesper.publish(BELL, "heartbeat", b"{")
        await vesper.advance(30)
    assert _keys(vesper.hass) == [
        ["malformed_heartbeats", BELL],
        ["malformed_heartbeats", "hall"],
        ["restart_loop", BELL],
    ]
    await vesper.heartbeat(uptime=600)
    await vesper.advance(CHECK)
    assert _keys(vesper.hass) == [
        ["malformed_heartbeats", "hall"],
        ["restart_loop", BELL],
    ]


async def test_removed_device(vesper: Vesper) -> None:
    """The issues of a device are removed with it."""
    await _restart(vesper, 4, 4, 4, 4)
    await vesper.heartbeat("hall", uptime=5)
    assert _placeholders(vesper.hass)
    await vesper.advance(3600)
    await vesper.hub.async_remove_device(BELL)
    assert not _placeholders(vesper.hass)
    await vesper.advance(CHECK)
    assert not _placeholders(vesper.hass)


async def test_removed_entry(vesper: Vesper) -> None:
    """The issues are removed with the entry."""
    await _alternate(vesper)
    assert _placeholders(vesper.hass)
    assert await vesper.hass.config_entries.async_unload(vesper.entry.entry_id)
    assert not _placeholders(vesper.hass)


async def test_unload_ends_checks_in_hand(vesper: Vesper) -> None:
    """Checks queued at unload raise no issue."""
    for device_id in ("hall", BELL):
        await vesper.heartbeat(device_id, uptime=5)
    await _malform(vesper, b"{", seconds=LASTING_SECONDS - 30)
    await vesper.publish(BELL, "heartbeat", b"{")
    vesper.freezer.tick(CHECK)
    with patch("custom_components.vesper.hub.chunks.CHUNK", 0):
        async_fire_time_changed(vesper.hass)
        assert await vesper.hass.config_entries.async_unload(vesper.entry.entry_id)
        await vesper.hass.async_block_till_done()
    assert not _placeholders(vesper.hass)


async def test_left_by_the_last_run(vesper: Vesper) -> None:
    """Stored issues of old incidents are removed, others stay."""
    others = [
        (DOMAIN, "rejected/fleet"),
        (DOMAIN, "restart_loop/north/bell/1"),
        ("other", "restart_loop/fleet/bell/1"),
    ]
    old = [
        (DOMAIN, "restart_loop/fleet/bell/2"),
        (DOMAIN, "unstable/fleet/bell/1"),
    ]
    for domain, issue_id in (*others, *old):
        ir.async_create_issue(
            vesper.hass,
            domain,
            issue_id,
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key="x",
        )
    await vesper.reload()
    assert list(ir.async_get(vesper.hass).issues) == others


def test_texts_name_their_figures() -> None:
    """The texts have the durations of the code."""
    texts = json.loads((PACKAGE / "translations" / "en.json").read_bytes())["issues"]
    minutes = f"{LASTING_SECONDS // 60} minutes"
    assert minutes in texts["malformed_heartbeats"]["description"]
    minutes = f"{SHARED_SECONDS // 60} minutes"
    assert minutes in texts["shared_id"]["description"]
    assert LOOP_SECONDS == 3600
    assert "within an hour" in texts["restart_loop"]["description"]


async def test_nothing_is_written_for_devices_in_order(vesper: Vesper) -> None:
    """The checks of healthy devices write nothing."""
    for number in range(5):
        await vesper.heartbeat(f"bell-{number}", **EVERYTHING)
    updates = async_capture_events(vesper.hass, ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED)
    for _ in range(5):
        await vesper.advance(CHECK)
    assert not updates
