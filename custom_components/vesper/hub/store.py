"""Keep on disk what must not be lost in a restart."""

import asyncio
from collections.abc import Iterable, Mapping, Set as AbstractSet
from datetime import datetime, timedelta
from io import BytesIO
import os
from typing import Any, NoReturn, override

import orjson

from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.exceptions import (
    ConfigEntryError,
    ConfigEntryNotReady,
    HomeAssistantError,
    UnsupportedStorageVersionError,
)
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_call_later, async_track_time_interval
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
from homeassistant.util.file import WriteError

from ..const import DOMAIN, LOGGER
from ..model.change import Change
from ..model.device import Device
from ..model.occurrence import OccurrenceKind
from ..model.snapshot import dump, load, with_log
from ..protocol.messages import MAX_NAME_LENGTH
from ..protocol.topics import is_device_id
from .chunks import async_in_slices

#: A minor version adds fields, and all fields may be missing: any of them can be read.
VERSION = 1
MINOR_VERSION = 1

ISSUE_DAMAGED = "store_damaged"
ISSUE_NOT_WRITTEN = "store_not_written"

#: What is on disk within a second; the rest has time until the next of the saves.
SAVED_AT_ONCE = Change.ALERTS | Change.SUBSYSTEMS | Change.MAINTENANCE
#: What has happened would happen again after a restart of ours, were it not on disk.
SAVED_KINDS = frozenset(
    {
        OccurrenceKind.CAME_ONLINE,
        OccurrenceKind.RESTARTED,
        OccurrenceKind.WENT_OFFLINE,
    }
)
SAVE_INTERVAL = timedelta(minutes=15)

#: In seconds: what changes meanwhile goes to disk with it.
SAVE_DELAY = 0.5

#: In seconds: for so long at a time devices are read or written.
SLICE = 0.001


class VesperStore(Store[dict[str, Any]]):
    """The file of one config entry: its versions, and what becomes of a damaged one."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Name the file; nothing is read yet."""
        super().__init__(
            hass,
            VERSION,
            f"{DOMAIN}.{entry_id}",
            atomic_writes=True,
            minor_version=MINOR_VERSION,
            # What is given to `async_save` is nobody else's.
            serialize_in_event_loop=False,
        )
        self.failed = False
        """Whether what was to be written last is not on disk."""

    async def async_load_devices(self) -> dict[str, Device]:
        """Return the devices as they were saved; none where the file is damaged.

        Raises ConfigEntryError where a newer version of Vesper saved them, and
        ConfigEntryNotReady where there is a file that can't be read at all.
        """
        try:
            saved = await self.async_load()
            items = () if saved is None else saved["devices"].items()
        except UnsupportedStorageVersionError as error:
            raise ConfigEntryError(
                translation_domain=DOMAIN,
                translation_key="store_too_new",
                translation_placeholders={"path": self.path},
            ) from error
        except HomeAssistantError as error:
            self._raise_unreadable(error)
        except AttributeError, KeyError, NotImplementedError, TypeError:
            # It is JSON (where it is not, Home Assistant does the same), but not ours.
            await self._async_move_aside()
            return {}
        return await _async_load_good(items)

    @override
    async def async_remove(self) -> None:
        """Remove the file, and what people are told of it."""
        await super().async_remove()
        for issue_id in (ISSUE_DAMAGED, ISSUE_NOT_WRITTEN):
            ir.async_delete_issue(self.hass, DOMAIN, issue_id)

    @override
    async def _async_migrate_func(
        self,
        old_major_version: int,
        old_minor_version: int,
        old_data: dict[str, Any],
    ) -> dict[str, Any]:
        """Take the data of any minor version.

        Raises NotImplementedError for a major version that never was.
        """
        if old_major_version != VERSION:
            raise NotImplementedError
        return old_data

    @override
    async def _async_write_data(self, data: dict[str, Any]) -> None:
        """Write, and tell a person as long as that fails.

        Raises WriteError, which Home Assistant logs.
        """
        try:
            await super()._async_write_data(data)
        except (OSError, WriteError) as error:
            self.failed = True
            ir.async_create_issue(
                self.hass,
                DOMAIN,
                ISSUE_NOT_WRITTEN,
                is_fixable=False,
                severity=ir.IssueSeverity.ERROR,
                translation_key=ISSUE_NOT_WRITTEN,
                translation_placeholders={"path": self.path, "error": str(error)},
            )
            raise WriteError(error) from error
        self.failed = False
        ir.async_delete_issue(self.hass, DOMAIN, ISSUE_NOT_WRITTEN)

    async def _async_move_aside(self) -> None:
        """Keep a damaged file under another name, as Home Assistant does, and say so.

        Raises ConfigEntryNotReady where that can't be done.
        """
        kept = f"{self.path}.corrupt.{dt_util.utcnow().isoformat()}"
        try:
            await self.hass.async_add_executor_job(os.rename, self.path, kept)
        except OSError as error:
            self._raise_unreadable(error)
        LOGGER.warning("%s was damaged and is kept as %s", self.path, kept)
        ir.async_create_issue(
            self.hass,
            DOMAIN,
            ISSUE_DAMAGED,
            is_fixable=False,
            is_persistent=True,
            severity=ir.IssueSeverity.WARNING,
            translation_key=ISSUE_DAMAGED,
            translation_placeholders={"path": self.path, "kept": kept},
        )

    def _raise_unreadable(self, error: Exception) -> NoReturn:
        """Leave a file alone that can't be read: it may be whole."""
        raise ConfigEntryNotReady(
            translation_domain=DOMAIN,
            translation_key="store_unreadable",
            translation_placeholders={"path": self.path, "error": str(error)},
        ) from error


class Saver:
    """Write what is known of the devices, when it is due."""

    def __init__(
        self, hass: HomeAssistant, store: VesperStore, devices: Mapping[str, Device]
    ) -> None:
        """Take the devices, which may come and go."""
        self._hass = hass
        self._store = store
        self._devices = devices
        self._texts: dict[str, bytes] = {}
        """The JSON of each device as it was when it was last looked at."""
        self._logs: dict[str, int] = {}
        """How often the log of each had changed by then; its text is kept with it."""
        self._unsaved = False
        """Whether any of that is not on disk."""
        self._due: set[str] = set()
        self._timer: CALLBACK_TYPE | None = None
        self._saving = asyncio.Lock()
        self._unsubscribe: list[CALLBACK_TYPE] = []

    @callback
    def async_start(self) -> None:
        """Save from now on, and in the end."""
        self._unsubscribe += [
            async_track_time_interval(
                self._hass, self._async_save_all, SAVE_INTERVAL, cancel_on_shutdown=True
            ),
            self._hass.bus.async_listen(
                EVENT_HOMEASSISTANT_FINAL_WRITE, self._async_save_all
            ),
        ]

    async def async_close(self) -> None:
        """Save for the last time."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe.clear()
        if self._timer is not None:
            self._timer()
            self._timer = None
        await self._async_save_all()

    @callback
    def async_save_soon(self, device_id: str) -> None:
        """Have a device that came, changed or went on disk within a second.

        What is due already is not put off by it.
        """
        self._due.add(device_id)
        if self._timer is None:
            self._timer = async_call_later(self._hass, SAVE_DELAY, self._async_save_due)

    async def _async_save_due(self, _now: datetime) -> None:
        """Save the devices that can't wait, and those never looked at."""
        self._timer = None
        due, self._due = self._due, set()
        await self._async_save(due | (self._devices.keys() - self._texts.keys()))

    async def _async_save_all(self, _: datetime | Event | None = None) -> None:
        """Save what has changed of any device."""
        await self._async_save(self._devices.keys() | self._texts.keys() | self._due)

    async def _async_save(self, device_ids: AbstractSet[str]) -> None:
        """Look at some devices, and write all if anything is not on disk."""
        # One after the other: what is written last is the newest, and on closing
        # nobody writes any more once this has returned.
        async with self._saving:
            async for device_id in async_in_slices(device_ids, SLICE):
                self._look_at(device_id)
            if self._unsaved:
                self._unsaved = False
                devices = orjson.Fragment(await self._async_joined())
                await self._store.async_save({"devices": devices})
                self._unsaved |= self._store.failed

    async def _async_joined(self) -> bytes:
        """Return what is kept of all devices as one JSON object, made in slices.

        What is left for Home Assistant to do in one go, while nobody else has a turn,
        is to copy it. To visit each device once more there takes several times as long.
        """
        joined, separator = BytesIO(), b""
        joined.write(b"{")
        # Nobody looks at a device meanwhile, for one save comes after the other.
        async for device_id, text in async_in_slices(self._texts.items(), SLICE):
            if device := self._devices.get(device_id):
                kept = with_log(text, device)
                # No id has a character that JSON would escape.
                joined.write(b'%b"%b":%b' % (separator, device_id.encode(), kept))
                separator = b","
        joined.write(b"}")
        return joined.getvalue()

    def _look_at(self, device_id: str) -> None:
        """Take in what is to be saved of a device."""
        if (device := self._devices.get(device_id)) is None:
            # Also one that was never looked at, for it may be on disk from before.
            self._texts.pop(device_id, None)
            self._logs.pop(device_id, None)
            self._unsaved = True
            return
        text, changes = dump(device), device.diagnostics.log.changes
        if text != self._texts.get(device_id) or changes != self._logs.get(device_id):
            self._texts[device_id], self._logs[device_id] = text, changes
            self._unsaved = True


async def _async_load_good(items: Iterable[tuple[str, Any]]) -> dict[str, Device]:
    """Return the devices that can be read, and log that there are others."""
    devices: dict[str, Device] = {}
    bad: list[str] = []
    async for device_id, data in async_in_slices(items, SLICE):
        if is_device_id(device_id) and isinstance(data, dict):
            devices[device_id] = load(device_id, data)
        else:
            bad.append(ascii(device_id[:MAX_NAME_LENGTH]))
    if bad:
        LOGGER.warning(
            "Of the saved devices %s can't be read and are left out, the first is %s",
            len(bad),
            bad[0],
        )
    return devices
