"""Test the store with damaged files and failing disks."""

# ruff: noqa: ASYNC240  # blocking file access is fine in a test

import json
from pathlib import Path
import threading
from typing import Any
from unittest.mock import patch

import pytest

from custom_components.vesper.const import DOMAIN
from custom_components.vesper.hub.repair_issue import ENTRY_PATH
from custom_components.vesper.hub.store import ISSUE_DAMAGED, ISSUE_NOT_WRITTEN
from custom_components.vesper.model.availability import Cause
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.json import prepare_save_json
from homeassistant.util.file import WriteError, write_utf8_file_atomic
from tests.automation import registered_id
from tests.common import BELL, FLEET, Vesper

AT_LAST = 15 * 60 + 1


@pytest.fixture
def hass_storage() -> dict[str, Any]:
    """Use real files for Home Assistant's stores."""
    return {}


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Return a configuration directory of the test."""
    return hass_tmp_config_dir


@pytest.fixture(autouse=True)
def no_errors_logged() -> None:
    """Let Home Assistant log errors of files."""


@pytest.fixture
def path(hass: HomeAssistant) -> Path:
    """Return the path of the store."""
    return Path(hass.config.path(".storage", f"{DOMAIN}.{FLEET}"))


@pytest.fixture
async def stopped(hass: HomeAssistant, vesper: Vesper, path: Path) -> Vesper:
    """Return an unloaded fleet that saved an alert."""
    await vesper.alert("SD", "FAILED")
    assert await hass.config_entries.async_unload(FLEET)
    assert path.is_file()
    return vesper


def _backups(path: Path) -> list[Path]:
    """Return the backups of damaged files."""
    return [file for file in path.parent.iterdir() if ".corrupt." in file.name]


@pytest.mark.parametrize(
    "damaged",
    [
        "[]",
        "7",
        '"text"',
        "null",
        '{"version": 1}',
        '{"data": {"devices": {}}}',
        '{"version": "1", "minor_version": 1, "data": {}}',
        '{"version": 0, "minor_version": 1, "data": {"devices": {}}}',
        '{"version": 1, "minor_version": 1, "data": []}',
        '{"version": 1, "minor_version": 1, "data": 7}',
        '{"version": 1, "minor_version": 1, "data": {}}',
        '{"version": 1, "minor_version": 1, "data": {"devices": [{}]}}',
    ],
)
async def test_json_that_is_not_ours(
    hass: HomeAssistant,
    stopped: Vesper,
    path: Path,
    issue_registry: ir.IssueRegistry,
    damaged: str,
) -> None:
    """It is renamed and named in a repair issue."""
    path.write_text(damaged)
    assert await hass.config_entries.async_setup(FLEET)
    (backup,) = _backups(path)
    assert backup.read_text() == damaged
    issue = issue_registry.async_get_issue(DOMAIN, f"{ISSUE_DAMAGED}/{FLEET}")
    assert issue is not None
    assert issue.translation_placeholders == {
        "path": str(path),
        "kept": str(backup),
        "url": f"{ENTRY_PATH}#config_entry={FLEET}",
    }
    # It says where the data are, also after Home Assistant has restarted.
    assert issue.is_persistent
    assert stopped.value("alert_SD") == "unknown"

    await stopped.alert("SD", "WARNING")
    await stopped.reload()
    assert stopped.value("alert_SD") == "warning"
    assert _backups(path) == [backup]

    await hass.config_entries.async_remove(FLEET)
    assert not issue_registry.async_get_issue(DOMAIN, f"{ISSUE_DAMAGED}/{FLEET}")
    assert not path.exists()


@pytest.mark.parametrize(
    "damaged", [b"", b'{"version": 1, "data": {"dev', b"\xff\xfe", b"\0" * 4096]
)
async def test_no_json(
    hass: HomeAssistant,
    stopped: Vesper,
    path: Path,
    issue_registry: ir.IssueRegistry,
    damaged: bytes,
) -> None:
    """Home Assistant renames the file and raises an issue."""
    path.write_bytes(damaged)
    assert await hass.config_entries.async_setup(FLEET)
    (backup,) = _backups(path)
    assert backup.read_bytes() == damaged
    (issue,) = issue_registry.issues.values()
    assert issue.translation_key == "storage_corruption"
    assert issue.issue_domain == DOMAIN
    assert stopped.value("alert_SD") == "unknown"


async def test_a_newer_version_is_left_alone(
    hass: HomeAssistant, stopped: Vesper, path: Path
) -> None:
    """The entry does not load, and shows the reason."""
    newer = json.dumps(json.loads(path.read_text()) | {"version": 2})
    path.write_text(newer)
    assert not await hass.config_entries.async_setup(FLEET)
    assert stopped.entry.state is ConfigEntryState.SETUP_ERROR
    assert stopped.entry.error_reason_translation_key == "store_too_new"
    assert path.read_text() == newer
    assert not _backups(path)


async def test_a_file_that_cannot_be_read(
    hass: HomeAssistant, stopped: Vesper, path: Path
) -> None:
    """It is left alone and read again later."""
    with patch(
        "homeassistant.util.json.open", side_effect=PermissionError("no"), create=True
    ):
        assert not await hass.config_entries.async_setup(FLEET)
    assert stopped.entry.state is ConfigEntryState.SETUP_RETRY
    assert stopped.entry.error_reason_translation_key == "store_unreadable"
    assert await hass.config_entries.async_reload(FLEET)
    assert stopped.value("alert_SD") == "failed"
    assert not _backups(path)


async def test_a_damaged_file_that_cannot_be_kept(
    hass: HomeAssistant, stopped: Vesper, path: Path
) -> None:
    """It is not overwritten."""
    path.write_text("[]")
    with patch(
        "custom_components.vesper.hub.store.os.rename", side_effect=OSError("no")
    ):
        assert not await hass.config_entries.async_setup(FLEET)
    assert stopped.entry.state is ConfigEntryState.SETUP_RETRY
    assert stopped.entry.error_reason_translation_key == "store_unreadable"
    assert path.read_text() == "[]"
    await hass.config_entries.async_unload(FLEET)


@pytest.mark.parametrize("stops", [False, True])
@pytest.mark.parametrize("error", [WriteError("disk full"), OSError("read-only")])
async def test_a_disk_that_cannot_be_written(  # noqa: PLR0913  # two parameters
    hass: HomeAssistant,
    vesper: Vesper,
    path: Path,
    issue_registry: ir.IssueRegistry,
    error: Exception,
    *,
    stops: bool,
) -> None:
    """An issue is raised, and saving is retried."""

    def _write(name: str, *args: Any, **kwargs: Any) -> None:
        if name == str(path):
            raise error
        write_utf8_file_atomic(name, *args, **kwargs)

    with patch(
        "homeassistant.helpers.storage.write_utf8_file_atomic", side_effect=_write
    ) as write:
        await vesper.alert("SD", "FAILED")
        await vesper.advance(1)
        assert write.called
        issue = issue_registry.async_get_issue(DOMAIN, f"{ISSUE_NOT_WRITTEN}/{FLEET}")
        assert issue is not None
        assert issue.translation_placeholders == {
            "path": str(path),
            "error": str(error),
            "url": f"{ENTRY_PATH}#config_entry={FLEET}",
        }
        assert vesper.value("alert_SD") == "failed"
        # In maintenance, not even the availability changes.
        await vesper.call(
            "vesper.set_maintenance",
            device_id=registered_id(hass, BELL),
            duration={"days": 1},
        )
        await vesper.advance(91)
        write.reset_mock()
        await vesper.advance(AT_LAST)
        await hass.async_block_till_done(wait_background_tasks=True)
        assert write.called
    assert not path.exists()
    # Nothing has changed since, but saving is retried.
    if stops:
        hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
    else:
        await vesper.advance(AT_LAST)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert json.loads(path.read_text())["data"]["devices"][BELL]["alerts"]
    assert not issue_registry.async_get_issue(DOMAIN, f"{ISSUE_NOT_WRITTEN}/{FLEET}")
    with patch("homeassistant.helpers.storage.Store.async_save") as save:
        await vesper.advance(AT_LAST)
    assert not save.called


async def test_what_is_on_disk_is_json(vesper: Vesper, path: Path) -> None:
    """The file has the format of Home Assistant's storage."""
    await vesper.report_everything()
    await vesper.advance(1)
    file = json.loads(path.read_text())
    assert (file["version"], file["minor_version"]) == (1, 1)
    assert file["key"] == f"{DOMAIN}.{FLEET}"
    assert set(file["data"]["devices"]) == {BELL}
    assert [f.name for f in path.parent.glob("vesper*")] == [path.name]


async def test_a_file_of_a_version_without_availability(
    vesper: Vesper, stopped: Vesper, path: Path
) -> None:
    """All else is restored, and the history begins."""
    earlier = Path(__file__).with_name("stores") / "before_availability.json"
    path.write_text(earlier.read_text())
    vesper.freezer.move_to("2030-01-01T01:00:00Z")
    assert await vesper.hass.config_entries.async_setup(FLEET)
    await vesper.hass.async_block_till_done()
    assert vesper.value("alert_FileManager") == "warning"
    assert vesper.value("reset_reason") == "power_on"
    await vesper.heartbeat(uptime=7200)
    await vesper.advance(3600)
    history = vesper.hub.devices[BELL].availability
    assert [outage.cause for outage in history.outages] == [Cause.DEVICE]
    # The other device was offline before.
    (outage,) = vesper.hub.devices["tower"].availability.outages
    assert outage.end is None
    assert outage.cause is Cause.UNKNOWN
    assert await vesper.hass.config_entries.async_unload(FLEET)
    stored = json.loads(path.read_text())["data"]["devices"]
    assert stored[BELL]["availability"]["days"][1:] == [3600, 3600]


async def test_the_event_loop_does_not_wait_for_json(
    vesper: Vesper, path: Path
) -> None:
    """What is written is made in another thread."""
    threads = []

    def prepare(data: dict[str, Any], **options: Any) -> tuple[str, str | bytes]:
        if data["key"] == path.name:
            threads.append(threading.get_ident())
        return prepare_save_json(data, **options)

    with patch("homeassistant.helpers.json.prepare_save_json", prepare):
        await vesper.alert("SD", "FAILED")
        await vesper.advance(1)
    assert path.is_file()
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()
