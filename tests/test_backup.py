"""Test the backups of Home Assistant."""

# ruff: noqa: ASYNC240  # blocking file access is fine in a test

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
import gzip
import io
import json
from pathlib import Path
import tarfile
import threading
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_mqtt_message,
    async_fire_time_changed,
)

from custom_components.vesper.backup import async_pre_backup
from custom_components.vesper.const import CONF_PREFIX, DOMAIN
from custom_components.vesper.hub.store import ISSUE_NOT_WRITTEN, VesperStore
from homeassistant.components.backup import BackupManagerError, manager
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util.file import WriteError, write_utf8_file_atomic
from tests.automation import registered_id, take_turns
from tests.common import BELL, EVERYTHING, FLEET, Vesper

NAME = f"{DOMAIN}.{FLEET}"
ISSUE = f"{ISSUE_NOT_WRITTEN}/{FLEET}"
STORE = f".storage/{NAME}"
WRITE = "homeassistant.helpers.storage.write_utf8_file_atomic"

#: In seconds: changes of alerts are stored within one, all others at the interval.
AT_ONCE = 1
AT_LAST = 15 * 60 + 1


@pytest.fixture
def hass_storage() -> dict[str, Any]:
    """Use real files for Home Assistant's stores."""
    return {}


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Return a configuration directory of the test."""
    return hass_tmp_config_dir


@pytest.fixture
def path(hass: HomeAssistant) -> Path:
    """Return the path of the store."""
    return Path(hass.config.path(STORE))


@pytest.fixture(autouse=True)
async def backups(hass: HomeAssistant, vesper: Vesper) -> None:
    """Set up Home Assistant's backups."""
    assert await async_setup_component(hass, "backup", {})
    await hass.async_block_till_done()


async def _back_up(vesper: Vesper) -> dict[str, Any]:
    """Make a backup and return the devices in it."""
    await vesper.call("backup.create")
    return _devices_in_backup(vesper)


def _devices_in_backup(vesper: Vesper, store: str = STORE) -> dict[str, Any]:
    """Return the devices in the backup that was made."""
    (backup,) = Path(vesper.hass.config.path("backups")).glob("*.tar")
    files = gzip.decompress(_read(backup.read_bytes(), "homeassistant.tar.gz"))
    return _devices(_read(files, f"data/{store}"))


def _read(archive_content: bytes, name: str) -> bytes:
    """Return the content of a file in an archive."""
    with tarfile.open(fileobj=io.BytesIO(archive_content)) as archive:
        (member,) = (
            member
            for member in archive.getmembers()
            if member.name.removeprefix("./") == name
        )
        file = archive.extractfile(member)
        assert file is not None
        return file.read()


def _devices(content: bytes) -> dict[str, Any]:
    """Return the devices in a file."""
    devices: dict[str, Any] = json.loads(content)["data"]["devices"]
    return devices


@asynccontextmanager
async def _while_read(vesper: Vesper) -> AsyncIterator[None]:
    """Make a backup, which reads files at the end."""
    reading = asyncio.Event()
    go_on = threading.Event()
    add = manager.atomic_contents_add

    def _wait_and_add(**arguments: Any) -> None:
        vesper.hass.loop.call_soon_threadsafe(reading.set)
        assert go_on.wait(60)
        add(**arguments)

    with patch.object(manager, "atomic_contents_add", _wait_and_add):
        backup = asyncio.create_task(vesper.call("backup.create"))
        try:
            await reading.wait()
            yield
        finally:
            go_on.set()
            await backup


@contextmanager
def _full_disk(path: Path) -> Iterator[None]:
    """Let writes of a file fail."""

    def _write(name: str, *args: Any, **kwargs: Any) -> None:
        if name == str(path):
            raise WriteError(OSError("disk full"))
        write_utf8_file_atomic(name, *args, **kwargs)

    with patch(WRITE, _write):
        yield


def _raise_alert(hass: HomeAssistant) -> None:
    """Publish an alert, without waiting for what follows."""
    payload = json.dumps({"subsystem": "SD", "state": "FAILED"})
    async_fire_mqtt_message(hass, f"vesper/{BELL}/status/alerts", payload)


async def _pass_time(vesper: Vesper, seconds: float) -> None:
    """Let time pass, without waiting for the backup."""
    vesper.freezer.tick(seconds)
    async_fire_time_changed(vesper.hass)
    await take_turns()


async def test_all_that_is_known(vesper: Vesper) -> None:
    """Even what was not stored yet is in it."""
    await vesper.report_everything()
    await vesper.call(
        "vesper.acknowledge_alert",
        device_id=registered_id(vesper.hass, BELL),
        note="spare part is ordered",
    )
    await vesper.advance(AT_ONCE)
    await vesper.heartbeat(**EVERYTHING | {"uptime": 3650})
    await vesper.heartbeat("hall", uptime=5)

    devices = await _back_up(vesper)
    assert set(devices) == {BELL, "hall"}
    assert devices[BELL]["uptime"] == 3650
    assert devices[BELL]["telemetry"]["last_disconnect_code"] == 255
    (alert,) = devices[BELL]["alerts"]
    assert alert["subsystem"] == "FileManager"
    assert alert["note"] == "spare part is ordered"
    assert devices[BELL]["availability"]


async def test_several_entries(
    hass: HomeAssistant, vesper: Vesper, mqtt_mock: Any, freezer: FrozenDateTimeFactory
) -> None:
    """The devices of each are in the backup."""
    entry = MockConfigEntry(
        domain=DOMAIN, data={CONF_PREFIX: "north/vesper"}, entry_id="northentry"
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    north = Vesper(hass, entry, mqtt_mock, freezer)
    await vesper.heartbeat(uptime=5)
    await north.heartbeat(uptime=7)
    assert (await _back_up(vesper))[BELL]["uptime"] == 5
    devices = _devices_in_backup(vesper, f".storage/{DOMAIN}.{entry.entry_id}")
    assert devices[BELL]["uptime"] == 7
    # All of them store changes at once again.
    await north.alert("SD", "FAILED")
    await vesper.advance(AT_ONCE)
    stored = Path(hass.config.path(f".storage/{DOMAIN}.{entry.entry_id}"))
    assert _devices(stored.read_bytes())[BELL]["alerts"]
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_nothing_is_replaced_while_it_is_read(
    vesper: Vesper, hass: HomeAssistant, path: Path
) -> None:
    """Changes are stored within a second after the backup."""
    await vesper.heartbeat()
    async with _while_read(vesper):
        before = path.read_bytes()
        with patch.object(VesperStore, "_async_write_data") as write:
            _raise_alert(hass)
            await take_turns()
            await _pass_time(vesper, AT_ONCE)
            assert vesper.value("alert_SD") == "failed"
        assert not write.called
        assert path.read_bytes() == before
    assert _devices_in_backup(vesper) == _devices(before)
    await vesper.advance(AT_ONCE)
    assert _devices(path.read_bytes())[BELL]["alerts"]


async def test_nothing_is_written_after_an_idle_backup(
    vesper: Vesper, path: Path
) -> None:
    """Without a change the file stays as it is."""
    await vesper.heartbeat()
    await _back_up(vesper)
    with patch(WRITE) as write:
        await vesper.advance(AT_ONCE)
    assert not write.called
    # The backup over, changes are stored at once again.
    await vesper.alert("SD", "FAILED")
    await vesper.advance(AT_ONCE)
    assert _devices(path.read_bytes())[BELL]["alerts"]


async def test_waits_for_an_earlier_write(
    vesper: Vesper, hass: HomeAssistant, path: Path
) -> None:
    """The backup begins when the file is written."""
    await vesper.heartbeat()
    await vesper.advance(AT_ONCE)
    writing = asyncio.Event()
    go_on = threading.Event()

    def _write_later(*args: Any, **kwargs: Any) -> None:
        if args[0].endswith(NAME):
            hass.loop.call_soon_threadsafe(writing.set)
            assert go_on.wait(60)
        write_utf8_file_atomic(*args, **kwargs)

    with patch(WRITE, _write_later):
        _raise_alert(hass)
        await _pass_time(vesper, AT_ONCE)
        await writing.wait()
        begin = asyncio.create_task(async_pre_backup(hass))
        try:
            await take_turns()
            assert not begin.done()
        finally:
            go_on.set()
            await begin
    assert _devices(path.read_bytes())[BELL]["alerts"]


async def test_a_disk_that_cannot_be_written(
    vesper: Vesper,
    path: Path,
    issue_registry: ir.IssueRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """There is no backup, and the error says why."""
    await vesper.heartbeat()
    await vesper.advance(AT_ONCE)
    with _full_disk(path):
        _raise_alert(vesper.hass)
        with pytest.raises(BackupManagerError, match=rf"{NAME} can't be written"):
            await vesper.call("backup.create")
        await vesper.advance(AT_ONCE)
    assert not [*Path(vesper.hass.config.path("backups")).glob("*.tar")]
    assert issue_registry.async_get_issue(DOMAIN, ISSUE)
    caplog.clear()

    await vesper.alert("Player", "WARNING")
    await vesper.advance(AT_ONCE)
    assert len(_devices(path.read_bytes())[BELL]["alerts"]) == 2
    assert not issue_registry.async_get_issue(DOMAIN, ISSUE)


async def test_a_backup_that_never_begins(
    vesper: Vesper, hass: HomeAssistant, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Changes are stored at once again.

    The Supervisor does not call `async_post_backup` then.
    """
    await vesper.heartbeat()
    with (
        _full_disk(path),
        pytest.raises(HomeAssistantError, match=rf"{NAME} can't be written"),
    ):
        await async_pre_backup(hass)
    caplog.clear()
    await vesper.alert("SD", "FAILED")
    await vesper.advance(AT_ONCE)
    assert _devices(path.read_bytes())[BELL]["alerts"]


async def _stop(vesper: Vesper) -> None:
    """Let Home Assistant write for the last time."""
    vesper.hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
    await vesper.hass.async_block_till_done()


async def _unload(vesper: Vesper) -> None:
    """Unload the entry."""
    assert await vesper.hass.config_entries.async_unload(FLEET)


async def _reach_interval(vesper: Vesper) -> None:
    """Let time pass until everything is saved."""
    await vesper.advance(AT_LAST)


@pytest.mark.parametrize("end", [_stop, _unload, _reach_interval])
async def test_a_backup_that_never_ends(
    vesper: Vesper, hass: HomeAssistant, path: Path, end: Callable[[Vesper], Any]
) -> None:
    """Changes are stored all the same, later."""
    await vesper.heartbeat()
    await async_pre_backup(hass)
    await vesper.alert("SD", "FAILED")
    await vesper.advance(AT_ONCE)
    assert not _devices(path.read_bytes())[BELL]["alerts"]
    await end(vesper)
    assert _devices(path.read_bytes())[BELL]["alerts"]


async def test_a_backup_without_end_does_not_last(
    vesper: Vesper, hass: HomeAssistant, path: Path
) -> None:
    """After the interval changes are stored at once again."""
    await vesper.heartbeat()
    await async_pre_backup(hass)
    await vesper.advance(AT_LAST)
    await vesper.alert("SD", "FAILED")
    await vesper.advance(AT_ONCE)
    assert _devices(path.read_bytes())[BELL]["alerts"]


async def test_an_entry_that_is_not_loaded(vesper: Vesper) -> None:
    """What it stored is in the backup."""
    await vesper.alert("SD", "FAILED")
    await _unload(vesper)
    assert (await _back_up(vesper))[BELL]["alerts"]


async def test_reloaded_while_it_is_read(
    vesper: Vesper, hass: HomeAssistant, path: Path
) -> None:
    """The reloaded entry stores changes at once."""
    await vesper.heartbeat()
    async with _while_read(vesper):
        assert await hass.config_entries.async_reload(FLEET)
        _raise_alert(hass)
        await take_turns()
    await vesper.advance(AT_ONCE)
    assert _devices(path.read_bytes())[BELL]["alerts"]
