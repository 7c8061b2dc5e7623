"""Store the devices over a restart."""

from collections.abc import Mapping
from datetime import datetime, timedelta
import os
from time import monotonic, time
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
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
from homeassistant.util.file import WriteError

from ..const import DOMAIN, LOGGER
from ..model.change import Change
from ..model.device import Device
from ..model.occurrence import OccurrenceKind
from ..model.snapshot import deserialize, serialize
from ..protocol.fields import MAX_NAME_LENGTH, dump_json
from ..protocol.topics import is_device_id
from .chunks import async_in_chunks
from .repair_issue import async_raise_issue, issue_id_of

#: Any field may be missing and unknown ones are skipped, so a new field needs no higher
#: version. Raise `MINOR_VERSION` if `_async_migrate_func` has to convert older files,
#: and `VERSION` if an earlier version of Vesper must not read the file.
VERSION = 1
MINOR_VERSION = 1

ISSUE_DAMAGED = "store_damaged"
ISSUE_NOT_WRITTEN = "store_not_written"

#: These changes are saved within a second, all others at the interval.
SAVED_AT_ONCE = (
    Change.ALERTS | Change.MAINTENANCE | Change.OFFLINE_ACKNOWLEDGED | Change.SUBSYSTEMS
)
#: Without these on disk, triggers would run again after a restart, or a time for which
#: something has to last would not go on.
SAVED_KINDS = frozenset(
    {
        OccurrenceKind.ALERT_CLEARED,
        OccurrenceKind.CAME_ONLINE,
        OccurrenceKind.RESTARTED,
        OccurrenceKind.STARTED_PLAYING,
        OccurrenceKind.STOPPED_PLAYING,
        OccurrenceKind.WENT_OFFLINE,
    }
)
SAVE_INTERVAL = timedelta(minutes=15)

#: In seconds.
SAVE_DELAY = 0.5


class VesperStore(Store[dict[str, Any]]):
    """The file of one config entry."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Set the name of the file."""
        super().__init__(
            hass,
            VERSION,
            f"{DOMAIN}.{entry_id}",
            atomic_writes=True,
            minor_version=MINOR_VERSION,
            serialize_in_event_loop=False,
        )
        self._entry_id = entry_id
        self.failed = False
        """Whether the last write has failed."""
        self.saved_at: float | None = None
        """When the file was written that was loaded, in seconds since 1970."""
        self.loaded: dict[str, bytes] = {}
        """The JSON of each readable device as it was loaded."""

    async def async_load_devices(self) -> dict[str, Device]:
        """Return the stored devices.

        There are none if the file is damaged.

        Raises ConfigEntryError if a newer version of Vesper has written the file, and
        ConfigEntryNotReady if it can't be read at all.
        """
        try:
            data = await self.async_load()
            items = {} if data is None else data["devices"]
            items = dict(items.items())
            saved_at = None if data is None else data.get("saved_at")
        except UnsupportedStorageVersionError as error:
            raise ConfigEntryError(
                translation_domain=DOMAIN,
                translation_key="store_too_new",
                translation_placeholders={"path": self.path},
            ) from error
        except HomeAssistantError as error:
            self._raise_unreadable(error)
        except AttributeError, KeyError, NotImplementedError, TypeError:
            # It is JSON, but not ours. If it is no JSON, Home Assistant renames it.
            await self._async_move_damaged()
            return {}
        self.saved_at = saved_at if isinstance(saved_at, float) else None
        return await self._async_deserialize(items)

    @override
    async def async_remove(self) -> None:
        """Remove the file and its repair issues."""
        await super().async_remove()
        for kind in (ISSUE_DAMAGED, ISSUE_NOT_WRITTEN):
            ir.async_delete_issue(self.hass, DOMAIN, issue_id_of(kind, self._entry_id))

    @override
    async def _async_migrate_func(
        self,
        old_major_version: int,
        old_minor_version: int,
        old_data: dict[str, Any],
    ) -> dict[str, Any]:
        """Return the data of any minor version.

        Raises NotImplementedError for a major version that never existed.
        """
        if old_major_version != VERSION:
            raise NotImplementedError
        return old_data

    @override
    async def _async_write_data(self, data: dict[str, Any]) -> None:
        """Write the data, or raise a repair issue.

        Raises WriteError, which Home Assistant logs.
        """
        issue_id = issue_id_of(ISSUE_NOT_WRITTEN, self._entry_id)
        try:
            await super()._async_write_data(data)
        except (OSError, WriteError) as error:
            self.failed = True
            async_raise_issue(
                self.hass,
                entry_id=self._entry_id,
                issue_id=issue_id,
                key=ISSUE_NOT_WRITTEN,
                placeholders={"path": self.path, "error": str(error)},
                severity=ir.IssueSeverity.ERROR,
            )
            raise WriteError(error) from error
        self.failed = False
        ir.async_delete_issue(self.hass, DOMAIN, issue_id)

    async def _async_deserialize(self, items: Mapping[str, Any]) -> dict[str, Device]:
        """Return the readable devices, and log the others."""
        devices: dict[str, Device] = {}
        bad: list[str] = []
        async for device_id, data in async_in_chunks(items.items()):
            if is_device_id(device_id) and isinstance(data, dict):
                devices[device_id] = deserialize(device_id, data)
                self.loaded[device_id] = dump_json(data)
            else:
                bad.append(ascii(device_id[:MAX_NAME_LENGTH]))
        if bad:
            LOGGER.warning(
                "%s of the stored devices can't be read and are skipped, the first is"
                " %s",
                len(bad),
                bad[0],
            )
        return devices

    async def _async_move_damaged(self) -> None:
        """Rename a damaged file and raise a repair issue.

        Raises ConfigEntryNotReady if that fails.
        """
        kept = f"{self.path}.corrupt.{dt_util.utcnow().isoformat()}"
        try:
            await self.hass.async_add_executor_job(os.rename, self.path, kept)
        except OSError as error:
            self._raise_unreadable(error)
        LOGGER.warning("%s was damaged and is kept as %s", self.path, kept)
        async_raise_issue(
            self.hass,
            entry_id=self._entry_id,
            issue_id=issue_id_of(ISSUE_DAMAGED, self._entry_id),
            key=ISSUE_DAMAGED,
            placeholders={"path": self.path, "kept": kept},
            severity=ir.IssueSeverity.WARNING,
            is_fixable=True,
            is_persistent=True,
        )

    def _raise_unreadable(self, error: Exception) -> NoReturn:
        """Raise ConfigEntryNotReady: the file may still be intact."""
        raise ConfigEntryNotReady(
            translation_domain=DOMAIN,
            translation_key="store_unreadable",
            translation_placeholders={"path": self.path, "error": str(error)},
        ) from error


class Saver:
    """Save the devices when it is due."""

    def __init__(
        self, hass: HomeAssistant, store: VesperStore, devices: Mapping[str, Device]
    ) -> None:
        """Set the devices, which may be added and removed."""
        self._hass = hass
        self._store = store
        self._devices = devices
        self._snapshots: dict[str, bytes] = {}
        """The JSON of each device as it was serialized last."""
        self._scheduled = False
        """Whether a write within a second is due."""
        self._held = False
        """Whether such a write waits for the end of a backup."""
        self._unsubscribe: list[CALLBACK_TYPE] = []

    async def async_start(self) -> None:
        """Save at the interval, and when Home Assistant stops."""
        # The first write has all devices in it. To serialize those that were loaded
        # takes 45 µs each, a tenth of what the start of a device takes.
        loaded, self._store.loaded = self._store.loaded, {}
        async for device_id in async_in_chunks(tuple(self._devices)):
            if device_id in loaded:
                self._snapshots[device_id] = loaded[device_id]
            else:
                self._serialize(device_id)
        self._unsubscribe += [
            async_track_time_interval(
                self._hass,
                self._async_save_at_interval,
                SAVE_INTERVAL,
                cancel_on_shutdown=True,
            ),
            self._hass.bus.async_listen(
                EVENT_HOMEASSISTANT_FINAL_WRITE, self._async_final_write
            ),
        ]

    async def async_close(self) -> None:
        """Save for the last time."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe.clear()
        await self._async_save_all()

    async def async_save_now(self) -> None:
        """Save all devices.

        Raises HomeAssistantError if they can't be written.
        """
        await self._async_serialize_all()
        # Even without a change: an earlier write may be under way, and this waits for
        # its end.
        await self._store.async_save(self._data())
        if self._store.failed:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="not_saved",
                translation_placeholders={"path": self._store.path},
            )

    async def async_hold(self) -> None:
        """Save all devices, and write changes later.

        The backup of Home Assistant fails if a file is replaced while it is read. If
        `async_release` is not called, the interval ends this.

        Raises HomeAssistantError if they can't be written.
        """
        self._held = True
        await self.async_save_now()

    @callback
    def async_release(self) -> None:
        """Write changes within a second again."""
        if self._held:
            self._held = False
            if self._scheduled:
                self._store.async_delay_save(self._data, SAVE_DELAY)

    @callback
    def async_save_soon(self, device_id: str) -> None:
        """Save a change of a device within a second."""
        self._serialize(device_id)
        self.async_write_soon()

    @callback
    def async_write_soon(self) -> None:
        """Write what is serialized within a second."""
        # Only once: each further call would postpone the write.
        if not self._scheduled:
            self._scheduled = True
            if not self._held:
                self._store.async_delay_save(self._data, SAVE_DELAY)

    @callback
    def _async_final_write(self, _event: Event) -> None:
        """Save when Home Assistant stops, if anything has changed."""
        device_ids = tuple(self._devices.keys() | self._snapshots.keys())
        changed = [device_id for device_id in device_ids if self._serialize(device_id)]
        # A scheduled write is done by the store itself now, unless it is held.
        if self._held or ((changed or self._store.failed) and not self._scheduled):
            self._hass.async_create_task(
                self._store.async_save(self._data()), "Vesper final write"
            )

    async def _async_save_at_interval(self, _now: datetime) -> None:
        """Save all devices, and end what is held."""
        self._held = False
        await self._async_save_all()

    async def _async_save_all(self) -> None:
        """Save all devices now if any has changed."""
        due = self._scheduled or self._store.failed
        changed = await self._async_serialize_all()
        if due or changed:
            await self._store.async_save(self._data())

    async def _async_serialize_all(self) -> bool:
        """Serialize all devices, and return whether any has changed."""
        changed = False
        async for device_id in async_in_chunks(
            tuple(self._devices.keys() | self._snapshots.keys())
        ):
            changed |= self._serialize(device_id)
        return changed

    def _serialize(self, device_id: str) -> bool:
        """Serialize a device, and return whether it has changed."""
        if (device := self._devices.get(device_id)) is None:
            return self._snapshots.pop(device_id, None) is not None
        # Replaced, never removed first: `_data` may run in another thread.
        before = self._snapshots.get(device_id)
        now, elapsed = time(), monotonic()
        device.availability.advance(now, elapsed)
        snapshot = self._snapshots[device_id] = serialize(device, now, elapsed)
        return snapshot != before

    def _data(self) -> dict[str, Any]:
        """Return what is stored; runs in the executor too."""
        self._scheduled = False
        # A copy, because devices may be added meanwhile.
        snapshots = self._snapshots.copy()
        return {
            "saved_at": time(),
            "devices": {
                device_id: orjson.Fragment(snapshot)
                for device_id, snapshot in snapshots.items()
            },
        }
