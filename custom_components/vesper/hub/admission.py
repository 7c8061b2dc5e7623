"""Limit the devices and entities of one config entry."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from time import monotonic
from typing import Any, Self

from homeassistant.const import Platform
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.entity_platform import MAX_ENABLED_ENTITIES_PER_CONFIG_ENTRY
from homeassistant.helpers.event import async_track_time_interval

from ..const import CONF_MAX_DEVICES, DEFAULT_MAX_DEVICES, DOMAIN, LOGGER
from ..model.deadlines import Deadlines
from .entity_set import EntitySet
from .registry import unique_id_of
from .repair_issue import async_raise_issue, issue_id_of

ISSUE_REJECTED = "rejected"

#: The texts of the issue, by what helps: to raise the limit of devices, to keep only
#: the essential entities, or neither.
RAISE_LIMIT = "device_limit"
KEEP_ESSENTIAL = "entity_limit"
NO_ROOM = "no_room"

#: A raised limit has this much room in percent, and is a multiple of the step.
LIMIT_ROOM = 10
LIMIT_STEP = 50

#: How many entities are reserved for alert sensors. A new device is admitted only if
#: they are left over.
RESERVED_FOR_ALERTS = 500

#: Maximum number of rejected devices that are counted, which limits memory.
MAX_REJECTED = 1000

#: In seconds: a rejected device that is silent for this long is gone.
REJECTED_TIMEOUT = 180
REVIEW_INTERVAL = timedelta(seconds=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limits of one config entry."""

    entity_set: EntitySet
    max_devices: int
    entities: Sequence[tuple[Platform, str]]
    """Platform and key of each enabled entity that every device has."""
    reserved: int
    """How many entities are reserved for alert sensors."""

    @classmethod
    def of(
        cls,
        options: Mapping[str, Any],
        entity_set: EntitySet,
        descriptions: Mapping[Platform, Sequence[EntityDescription]],
    ) -> Self:
        """Return the limits of an entry with these options."""
        return cls(
            entity_set=entity_set,
            max_devices=options.get(CONF_MAX_DEVICES, DEFAULT_MAX_DEVICES),
            entities=entity_set.enabled(descriptions),
            reserved=RESERVED_FOR_ALERTS if entity_set.has_alert_sensors else 0,
        )


class Admission:
    """Decide which devices and alert sensors are added.

    While any is rejected, there is one repair issue that says how many.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry_id: str,
        *,
        devices: Sized,
        prefix: str,
        limits: Limits,
    ) -> None:
        """Set the devices, their limits and the prefix."""
        self._hass = hass
        self._entry_id = entry_id
        self._issue_id = issue_id_of(ISSUE_REJECTED, entry_id)
        self._devices = devices
        self._prefix = prefix
        self._limits = limits
        self._registry = er.async_get(hass)
        self._promised: set[str] = set()
        """The devices that were admitted and may not have all entities yet."""
        self.dropped = 0
        """How many messages of rejected devices were dropped."""
        self._rejected = Deadlines(REJECTED_TIMEOUT)
        self._waiting: dict[str, CALLBACK_TYPE] = {}
        """Callbacks that add the rejected alert sensors, by unique id."""
        self._stop_reviews: CALLBACK_TYPE | None = None
        self._entities_fit = True
        """Whether only the limit of devices was reached."""

    @property
    def rejected(self) -> int:
        """Return how many devices are rejected, up to `MAX_REJECTED`."""
        return len(self._rejected)

    @property
    def waiting(self) -> int:
        """Return how many alert sensors are rejected."""
        return len(self._waiting)

    @callback
    def async_admit_known(self, device_ids: Iterable[str]) -> Iterator[str]:
        """Yield the known devices that fit; reject the others.

        A device fits with all of its entities, or if all are registered already.
        """
        room = self._room()
        for device_id in device_ids:
            missing = self._missing(device_id)
            # A user may have enabled more registered entities than fit.
            if not missing or missing <= room:
                room -= missing
                yield device_id
            else:
                self._async_reject_device(device_id)

    @callback
    def async_admits_device(self, device_id: str) -> bool:
        """Return whether one more device fits.

        A device that does not fit is rejected.
        """
        if (
            len(self._devices) < self._limits.max_devices
            and self._has_room_for_device()
        ):
            self._promised.add(device_id)
            self._rejected.discard(device_id)
            return True
        self.dropped += 1
        self._async_reject_device(device_id)
        return False

    @callback
    def async_admit_alert_sensor(self, unique_id: str, add: CALLBACK_TYPE) -> None:
        """Add an alert sensor as soon as it fits.

        One that is registered already is added at once. While one waits, its alert
        counts in the health and the active alerts of the device.
        """
        if self._has_room(1) or self._registry.async_get_entity_id(
            Platform.SENSOR, DOMAIN, unique_id
        ):
            add()
        else:
            self._waiting[unique_id] = add
            self._async_reject()

    @callback
    def async_discard_alert_sensor(self, unique_id: str) -> None:
        """Forget an alert sensor that is no longer wanted."""
        self._waiting.pop(unique_id, None)

    @callback
    def async_discard(self, device_id: str) -> None:
        """Reserve nothing for a device that was removed."""
        self._promised.discard(device_id)

    @callback
    def async_close(self) -> None:
        """Delete the repair issue and stop the reviews."""
        if self._stop_reviews is not None:
            self._stop_reviews()
            self._stop_reviews = None
            ir.async_delete_issue(self._hass, DOMAIN, self._issue_id)

    def _room(self) -> int:
        """Return how many more enabled entities fit."""
        enabled: int = self._registry.entities.get_enabled_count_for_config_entry_id(
            self._entry_id
        )
        return MAX_ENABLED_ENTITIES_PER_CONFIG_ENTRY - enabled

    def _has_room(self, entities: int) -> bool:
        """Return whether this many more entities fit.

        The entities of an admitted device are registered in later turns of the event
        loop, so they count as soon as it is admitted. Only near the limit the registry
        is asked which of them are still missing.
        """
        room = self._room() - entities
        if len(self._limits.entities) * len(self._promised) <= room:
            return True
        missing = {
            device_id: count
            for device_id in self._promised
            if (count := self._missing(device_id))
        }
        self._promised = set(missing)
        return sum(missing.values()) <= room

    def _has_room_for_device(self) -> bool:
        """Return whether the entities of one more device fit."""
        return self._has_room(len(self._limits.entities) + self._limits.reserved)

    def _missing(self, device_id: str) -> int:
        """Count the unregistered entities of a device."""
        return sum(
            not self._registry.async_get_entity_id(
                platform, DOMAIN, unique_id_of(self._entry_id, device_id, key)
            )
            for platform, key in self._limits.entities
        )

    @callback
    def _async_reject_device(self, device_id: str) -> None:
        """Count a rejected device."""
        if device_id in self._rejected or len(self._rejected) < MAX_REJECTED:
            self._rejected.touch(device_id, monotonic())
        self._async_reject()

    @callback
    def _async_reject(self) -> None:
        """Raise the repair issue and start the reviews."""
        if self._stop_reviews is not None:
            return
        LOGGER.warning(
            "Not everything under %s fits into the limits of %s devices and %s "
            "entities; the repair issue says what to do",
            self._prefix,
            self._limits.max_devices,
            MAX_ENABLED_ENTITIES_PER_CONFIG_ENTRY,
        )
        self._stop_reviews = async_track_time_interval(
            self._hass, self._async_review, REVIEW_INTERVAL
        )
        self._async_raise_issue()

    @callback
    def _async_review(self, _now: datetime) -> None:
        """Forget or admit what was rejected."""
        for device_id in self._rejected.due(monotonic()):
            self._rejected.discard(device_id)
        # Each is registered when it is added.
        while self._waiting and self._has_room(1):
            self._waiting.pop(next(iter(self._waiting)))()
        if self._rejected or self._waiting:
            self._async_raise_issue()
        else:
            self.async_close()

    @property
    def _raised_limit(self) -> int:
        """Return a limit for the rejected devices, too."""
        devices = len(self._devices) + len(self._rejected)
        if devices <= self._limits.max_devices:
            return self._limits.max_devices
        return ceil(devices * (1 + LIMIT_ROOM / 100) / LIMIT_STEP) * LIMIT_STEP

    @callback
    def _async_raise_issue(self) -> None:
        """Raise the repair issue, or update it.

        Room may come free before what was rejected is admitted, so the cause stays
        until another is seen.
        """
        devices = str(len(self._rejected))
        if len(self._rejected) == MAX_REJECTED:
            devices = f"≥ {devices}"
        if self._waiting or not self._has_room_for_device():
            self._entities_fit = False
        elif len(self._devices) >= self._limits.max_devices:
            self._entities_fit = True
        entity_set, limit = self._limits.entity_set, self._limits.max_devices
        can_raise = self._entities_fit and limit < entity_set.max_devices
        can_reduce = entity_set is not EntitySet.ESSENTIAL
        possible = entity_set if can_raise else EntitySet.ESSENTIAL
        new_limit = min(self._raised_limit, possible.max_devices)
        async_raise_issue(
            self._hass,
            entry_id=self._entry_id,
            issue_id=self._issue_id,
            key=(
                RAISE_LIMIT if can_raise else KEEP_ESSENTIAL if can_reduce else NO_ROOM
            ),
            data={CONF_MAX_DEVICES: new_limit},
            is_fixable=can_raise or can_reduce,
            placeholders={
                "alert_sensors": str(len(self._waiting)),
                "devices": devices,
                "max_devices": str(limit),
                "max_entities": str(MAX_ENABLED_ENTITIES_PER_CONFIG_ENTRY),
                "new_limit": str(new_limit),
                "prefix": self._prefix,
            },
            severity=ir.IssueSeverity.WARNING,
        )
