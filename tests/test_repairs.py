"""Test the fixes of repair issues."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
import logging
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import (
    CLIENT_ID,
    MockConfigEntry,
    MockUser,
    async_fire_mqtt_message,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.vesper.const import (
    CONF_ENTITIES,
    CONF_HEARTBEAT_TIMEOUT,
    CONF_MAX_DEVICES,
    DOMAIN,
)
from custom_components.vesper.hub.admission import (
    ISSUE_REJECTED,
    KEEP_ESSENTIAL,
    NO_ROOM,
    RAISE_LIMIT,
)
from custom_components.vesper.hub.silent_devices import (
    ISSUE_MORE,
    ISSUE_SILENT,
    MAX_ISSUES,
)
from custom_components.vesper.hub.store import ISSUE_DAMAGED
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.setup import async_setup_component
from tests.automation import registered_id
from tests.common import BELL, FLEET, Vesper

CHECK = 60
TIMEOUT = 91
DAY = 86_400

FLEET_ENTITIES = 9
DEVICE_ENTITIES = 9

type Fix = Callable[[ir.IssueEntry], Awaitable[Dialog]]


class Dialog:
    """The dialog that fixes an issue."""

    def __init__(self, client: Any, step: dict[str, Any]) -> None:
        """Take the first step."""
        self._client = client
        self.step = step

    async def submit(self) -> dict[str, Any]:
        """Submit the form, and return what is shown next."""
        url = f"/api/repairs/issues/fix/{self.step['flow_id']}"
        response = await self._client.post(url, json={})
        assert response.status == HTTPStatus.OK
        self.step = await response.json()
        return self.step


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Keep a flood out of the slow debug log."""
    caplog.set_level(logging.INFO)
    # It can't log with the time frozen.
    caplog.set_level(logging.WARNING, "aiohttp.access")


@pytest.fixture
async def fix(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    hass_admin_user: MockUser,
) -> Fix:
    """Return what opens the dialog of an issue."""
    assert await async_setup_component(hass, "repairs", {})

    async def _fix(issue: ir.IssueEntry) -> Dialog:
        """Open the dialog, which asks for confirmation."""
        # A month later, the token of the fixture has expired.
        refresh = await hass.auth.async_create_refresh_token(hass_admin_user, CLIENT_ID)
        client = await hass_client(hass.auth.async_create_access_token(refresh))
        response = await client.post(
            "/api/repairs/issues/fix",
            json={"handler": DOMAIN, "issue_id": issue.issue_id},
        )
        assert response.status == HTTPStatus.OK
        step = await response.json()
        assert (step["type"], step["step_id"]) == ("form", "confirm")
        assert step["data_schema"] == []
        assert step["description_placeholders"] == issue.translation_placeholders
        return Dialog(client, step)

    return _fix


def _issues(hass: HomeAssistant, key: str) -> list[ir.IssueEntry]:
    """Return the active issues with these texts."""
    return [
        issue
        for issue in ir.async_get(hass).issues.values()
        if issue.active and issue.translation_key == key
    ]


def _issue(hass: HomeAssistant, key: str) -> ir.IssueEntry:
    """Return the only issue with these texts."""
    (issue,) = _issues(hass, key)
    return issue


async def _silence(vesper: Vesper, days: float = 30.0) -> None:
    """Let no device send anything for some days."""
    await vesper.advance(TIMEOUT)
    await vesper.advance(days * DAY)
    # The time is counted by the check of the store, and then noticed.
    await vesper.advance(15 * 60)
    await vesper.advance(CHECK)


def _silent(hass: HomeAssistant) -> list[str]:
    """Return the silent devices that have an issue."""
    return [
        str((issue.data or {})["device_id"]) for issue in _issues(hass, ISSUE_SILENT)
    ]


# Silent devices


async def test_delete_silent_device(vesper: Vesper, fix: Fix) -> None:
    """The fix deletes the device as its button does."""
    await vesper.heartbeat(uptime=5)
    await vesper.heartbeat("hall", uptime=5)
    await _silence(vesper, 29.9)
    assert not _silent(vesper.hass)
    await vesper.heartbeat("hall", uptime=30 * DAY)
    await vesper.advance(3 * 3600)
    await vesper.advance(CHECK)
    assert _silent(vesper.hass) == [BELL]
    issue = _issue(vesper.hass, ISSUE_SILENT)
    registry_id = registered_id(vesper.hass, BELL)
    assert issue.is_fixable
    assert issue.severity is ir.IssueSeverity.WARNING
    since = vesper.hub.devices[BELL].availability.outages[-1].start
    assert issue.issue_id == f"{ISSUE_SILENT}/{FLEET}/{BELL}/{since}"
    assert issue.translation_placeholders is not None
    day = issue.translation_placeholders["since"]
    assert issue.translation_placeholders == {
        "device": f"Vesper {BELL}",
        "since": day,
        "url": f"/config/devices/device/{registry_id}",
    }

    vesper.mqtt.async_publish.reset_mock()
    dialog = await fix(issue)
    assert BELL in vesper.hub.devices, "nothing happens before it is confirmed"
    assert (await dialog.submit())["type"] == "create_entry"
    topic, payload, _qos, retain = vesper.mqtt.async_publish.call_args.args
    assert (topic, payload) == (f"vesper/{BELL}/status/heartbeat", b"")
    assert retain is True
    assert list(vesper.hub.devices) == ["hall"]
    assert dr.async_get(vesper.hass).async_get(registry_id) is None
    assert not vesper.keys()
    await vesper.advance(CHECK)
    assert not _silent(vesper.hass)


async def test_it_came_online(vesper: Vesper, fix: Fix) -> None:
    """A device that is back is not deleted."""
    await vesper.heartbeat(uptime=5)
    await _silence(vesper)
    dialog = await fix(_issue(vesper.hass, ISSUE_SILENT))
    await vesper.heartbeat(uptime=5)
    step = await dialog.submit()
    assert step["errors"] == {"base": "device_online"}
    assert step["description_placeholders"]["device_id"] == BELL
    assert BELL in vesper.hub.devices
    await vesper.advance(CHECK)
    assert not _silent(vesper.hass)


async def test_broker_does_not_clear(vesper: Vesper, fix: Fix) -> None:
    """The form says why, and can be submitted again."""
    await vesper.heartbeat(uptime=5)
    await _silence(vesper)
    dialog = await fix(_issue(vesper.hass, ISSUE_SILENT))
    with (
        patch("custom_components.vesper.hub.retained.TIMEOUT", 0),
        patch("custom_components.vesper.hub.retained.mqtt.async_publish"),
    ):
        step = await dialog.submit()
    assert step["errors"] == {"base": "not_cleared"}
    topic = f"vesper/{BELL}/status/heartbeat"
    assert step["description_placeholders"]["topic"] == topic
    assert _silent(vesper.hass) == [BELL], "the issue stays"
    assert (await dialog.submit())["type"] == "create_entry"
    assert not vesper.hub.devices


@pytest.mark.parametrize("unloaded", [False, True])
async def test_can_not_be_done(vesper: Vesper, fix: Fix, unloaded: bool) -> None:  # noqa: FBT001
    """Without the broker or the entry, nothing is deleted."""
    await vesper.heartbeat(uptime=5)
    await _silence(vesper)
    dialog = await fix(_issue(vesper.hass, ISSUE_SILENT))
    if unloaded:
        assert await vesper.hass.config_entries.async_unload(FLEET)
        assert not _silent(vesper.hass)
    else:
        await vesper.disconnect_broker()
        await vesper.advance(CHECK)
        assert _silent(vesper.hass) == [BELL]
    reason = "not_running" if unloaded else "link_down"
    assert (await dialog.submit())["errors"] == {"base": reason}
    assert registered_id(vesper.hass, BELL)


async def test_other_error(vesper: Vesper, fix: Fix) -> None:
    """An error of another integration is shown."""
    await vesper.heartbeat(uptime=5)
    await _silence(vesper)
    dialog = await fix(_issue(vesper.hass, ISSUE_SILENT))
    with patch(
        "custom_components.vesper.hub.retained.mqtt.async_publish",
        side_effect=HomeAssistantError("MQTT is gone"),
    ):
        step = await dialog.submit()
    assert step["errors"] == {"base": "failed"}
    assert step["description_placeholders"] == {"error": "MQTT is gone"}


async def test_off_on_purpose(vesper: Vesper) -> None:
    """A device in maintenance or disabled has no issue."""
    for device_id in ("hall", "attic", BELL):
        await vesper.heartbeat(device_id, uptime=5)
    await _silence(vesper)
    assert sorted(_silent(vesper.hass)) == ["attic", BELL, "hall"]
    hall = registered_id(vesper.hass, "hall")
    await vesper.call("vesper.set_maintenance", device_id=hall, duration={"hours": 1})
    dr.async_get(vesper.hass).async_update_device(
        registered_id(vesper.hass, "attic"), disabled_by=dr.DeviceEntryDisabler.USER
    )
    await vesper.advance(CHECK)
    assert _silent(vesper.hass) == [BELL]


async def test_time_without_the_broker(vesper: Vesper) -> None:
    """Time without the broker does not count."""
    await vesper.heartbeat(uptime=5)
    await vesper.advance(TIMEOUT)
    await vesper.disconnect_broker()
    await vesper.advance(40 * DAY)
    await vesper.reconnect_broker()
    await _silence(vesper, 1)
    assert not _silent(vesper.hass)
    await _silence(vesper, 29)
    assert _silent(vesper.hass) == [BELL]


async def test_whole_fleet_is_off(vesper: Vesper) -> None:
    """The longest silent devices have issues."""
    names = [f"bell-{number:02}" for number in range(MAX_ISSUES + 3)]
    for name in reversed(names):
        await vesper.heartbeat(name, uptime=5)
        await vesper.advance(10)
    names.reverse()
    await _silence(vesper)
    assert _silent(vesper.hass) == names[:MAX_ISSUES]
    more = _issue(vesper.hass, ISSUE_MORE)
    assert not more.is_fixable
    assert more.translation_placeholders == {
        "fleet": "All Vesper devices",
        "limit": "10",
        "more": "3",
        "url": "/config/integrations/integration/vesper#config_entry=fleet",
    }

    first, second, *_ = _issues(vesper.hass, ISSUE_SILENT)
    ir.async_ignore_issue(vesper.hass, DOMAIN, first.issue_id, ignore=True)
    await vesper.advance(CHECK)
    assert sorted(_silent(vesper.hass)) == sorted(names[: MAX_ISSUES + 1])
    await vesper.reload()
    await vesper.advance(CHECK)
    raised = {issue.issue_id: issue for issue in _issues(vesper.hass, ISSUE_SILENT)}
    assert len(raised) == MAX_ISSUES + 1
    assert [
        issue_id for issue_id, issue in raised.items() if issue.dismissed_version
    ] == [first.issue_id], "it stays ignored"
    assert second.issue_id in raised

    ir.async_ignore_issue(vesper.hass, DOMAIN, first.issue_id, ignore=False)
    await vesper.advance(CHECK)
    assert sorted(_silent(vesper.hass)) == sorted(names[:MAX_ISSUES])
    for name in names[:3]:
        await vesper.heartbeat(name, uptime=5)
    await vesper.advance(CHECK)
    assert sorted(_silent(vesper.hass)) == sorted(names[3:])
    assert not _issues(vesper.hass, ISSUE_MORE)


async def test_ignored_issue_goes_with_the_entry(vesper: Vesper) -> None:
    """Unloading keeps an ignored issue, removal does not."""
    await vesper.heartbeat(uptime=5)
    await _silence(vesper)
    issue_id = _issue(vesper.hass, ISSUE_SILENT).issue_id
    ir.async_ignore_issue(vesper.hass, DOMAIN, issue_id, ignore=True)
    assert await vesper.hass.config_entries.async_unload(FLEET)
    assert _silent(vesper.hass) == [BELL]
    assert await vesper.hass.config_entries.async_remove(FLEET)
    assert not _silent(vesper.hass)


# Limits


async def _flood(vesper: Vesper, count: int) -> None:
    """Let many devices send heartbeats in one turn."""
    for number in range(count):
        async_fire_mqtt_message(
            vesper.hass, f"vesper/bell-{number}/status/heartbeat", "{}"
        )
    await vesper.hass.async_block_till_done()
    await vesper.advance(2)


def _set_options(vesper: Vesper, **options: Any) -> None:
    """Set options of the entry, which is not reloaded."""
    vesper.hass.config_entries.async_update_entry(vesper.entry, options=options)


@pytest.mark.usefixtures("as_installed")
async def test_raise_the_limit(vesper: Vesper, fix: Fix) -> None:
    """The fix raises the limit, with some room."""
    _set_options(vesper, max_devices=3, heartbeat_timeout=120)
    await vesper.reload()
    await _flood(vesper, 48)
    issue = _issue(vesper.hass, RAISE_LIMIT)
    assert issue.issue_id == f"{ISSUE_REJECTED}/{FLEET}"
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["devices"] == "45"
    assert issue.translation_placeholders["new_limit"] == "100", "48 and a tenth"

    dialog = await fix(issue)
    assert (await dialog.submit())["type"] == "create_entry"
    await vesper.hass.async_block_till_done()
    assert vesper.entry.options == {CONF_MAX_DEVICES: 100, CONF_HEARTBEAT_TIMEOUT: 120}
    assert not _issues(vesper.hass, RAISE_LIMIT)
    await _flood(vesper, 48)
    assert len(vesper.hub.devices) == 48
    assert not _issues(vesper.hass, RAISE_LIMIT)


async def test_limit_that_was_raised_meanwhile(vesper: Vesper, fix: Fix) -> None:
    """The fix does not lower a limit."""
    _set_options(vesper, max_devices=1)
    await vesper.reload()
    await _flood(vesper, 2)
    dialog = await fix(_issue(vesper.hass, RAISE_LIMIT))
    _set_options(vesper, max_devices=700)
    assert (await dialog.submit())["type"] == "create_entry"
    await vesper.hass.async_block_till_done()
    assert vesper.entry.options == {CONF_MAX_DEVICES: 700}


@pytest.mark.usefixtures("as_installed")
async def test_keep_the_essential_entities(vesper: Vesper, fix: Fix) -> None:
    """The fix keeps only the essential entities."""
    most = FLEET_ENTITIES + 3 * DEVICE_ENTITIES
    name = "MAX_ENABLED_ENTITIES_PER_CONFIG_ENTRY"
    with (
        patch(f"homeassistant.helpers.entity_platform.{name}", most),
        patch(f"custom_components.vesper.hub.admission.{name}", most),
        patch("custom_components.vesper.hub.admission.RESERVED_FOR_ALERTS", 0),
    ):
        _set_options(vesper, max_devices=4)
        await vesper.reload()
        await _flood(vesper, 5)
        issue = _issue(vesper.hass, KEEP_ESSENTIAL)
        assert issue.issue_id == f"{ISSUE_REJECTED}/{FLEET}"
        assert issue.translation_placeholders is not None
        assert issue.translation_placeholders["new_limit"] == "50"

        dialog = await fix(issue)
        assert (await dialog.submit())["type"] == "create_entry"
        await vesper.hass.async_block_till_done()
        assert vesper.entry.options == {
            CONF_ENTITIES: "essential",
            CONF_MAX_DEVICES: 50,
        }
        assert not _issues(vesper.hass, KEEP_ESSENTIAL)
        await _flood(vesper, 5)
        assert len(vesper.hub.devices) == 5
        assert vesper.keys("bell-4") == {"active_alerts", "connectivity", "health"}

        await _flood(vesper, 10)
        issue = _issue(vesper.hass, NO_ROOM)
        assert issue.issue_id == f"{ISSUE_REJECTED}/{FLEET}"
        assert not issue.is_fixable


async def test_no_higher_limit(vesper: Vesper) -> None:
    """At the highest limit, only fewer entities help."""
    with patch.dict(
        "custom_components.vesper.hub.entity_set._MAX_DEVICES",
        {"all": 2, "essential": 40},
    ):
        _set_options(vesper, max_devices=2)
        await vesper.reload()
        await _flood(vesper, 3)
        issue = _issue(vesper.hass, KEEP_ESSENTIAL)
        assert issue.translation_placeholders is not None
        assert issue.translation_placeholders["new_limit"] == "40", (
            "no more is possible"
        )
        await vesper.advance(TIMEOUT)
        await vesper.hub.async_remove_device("bell-0")
        await vesper.advance(2)
        assert _issues(vesper.hass, KEEP_ESSENTIAL), "it is not admitted yet"
        await vesper.heartbeat("bell-2")
        await vesper.advance(2)
        assert not _issues(vesper.hass, KEEP_ESSENTIAL)


# Damaged store


@pytest.mark.usefixtures("mqtt_mock")
async def test_damaged_store(
    hass: HomeAssistant, entry: MockConfigEntry, hass_storage: dict[str, Any], fix: Fix
) -> None:
    """The issue is gone when it was read."""
    key = f"{DOMAIN}.{FLEET}"
    hass_storage[key] = {"key": key, "version": 1, "minor_version": 1, "data": []}
    with patch("custom_components.vesper.hub.store.os.rename"):
        assert await hass.config_entries.async_setup(entry.entry_id)
    issue = _issue(hass, ISSUE_DAMAGED)
    assert issue.is_persistent
    dialog = await fix(issue)
    assert (await dialog.submit())["type"] == "create_entry"
    assert not _issues(hass, ISSUE_DAMAGED)
