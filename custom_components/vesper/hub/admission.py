"""Decide who may become a device, and tell a person when somebody may not."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from homeassistant.const import Platform
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.helpers.entity_platform import MAX_ENABLED_ENTITIES_PER_CONFIG_ENTRY
from homeassistant.helpers.event import async_track_time_interval

from ..const import DOMAIN, LOGGER
from ..model.deadlines import Liveness
from .entity_set import EntitySet
from .registry import unique_id_of

ISSUE_LEFT_OUT = "left_out"

#: Of the entities that Home Assistant takes of one entry, kept back for the alert
#: sensors that devices get later: a device is to have all of its entities or none.
RESERVED_FOR_ALERTS = 500

#: How many that are left out are told apart; a flood of ids costs no more memory.
MAX_LEFT_OUT = 1000

#: Somebody left out who was not heard for this long is no longer there, in seconds.
LEFT_OUT_TIMEOUT = 180
REVIEW_INTERVAL = timedelta(seconds=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much there may be of one config entry."""

    max_devices: int
    entities: Sequence[tuple[Platform, str]]
    """Platform and key of each enabled entity that every device has."""
    reserved: int
    """How many entities are kept back for the sensors of alerts."""


class Admission:
    """The bounds of one config entry on devices and entities.

    While something is left out there is one repair issue, which says how much.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry_id: str,
        *,
        prefix: str,
        limits: Limits,
    ) -> None:
        """Take the limits, and the prefix under which the devices are."""
        self._hass = hass
        self._entry_id = entry_id
        self._prefix = prefix
        self._limits = limits
        self._registry = er.async_get(hass)
        self._promised: set[str] = set()
        """The devices that were admitted, and may not have all entities yet."""
        self.dropped = 0
        """How many messages came from devices that were left out."""
        self._left_out = Liveness(LEFT_OUT_TIMEOUT)
        self._waiting: deque[CALLBACK_TYPE] = deque()
        self._stop_reviews: CALLBACK_TYPE | None = None

    @property
    def left_out(self) -> int:
        """Return how many devices are left out, as far as they are told apart."""
        return len(self._left_out)

    @property
    def waiting(self) -> int:
        """Return how many alert sensors are left out."""
        return len(self._waiting)

    def whole(self, device_ids: Iterable[str]) -> Iterator[str]:
        """Yield those of the known devices that there is room for, each with all of it.

        Whoever is registered with all entities has its room. The others are left out.
        """
        room = self._room()
        for device_id in device_ids:
            missing = self._missing(device_id)
            # A person may have enabled more than fits of what is registered.
            if not missing or missing <= room:
                room -= missing
                yield device_id
            else:
                self._async_leave_out_device(device_id)

    @callback
    def async_admits_device(self, device_id: str, devices: int) -> bool:
        """Tell whether one more device fits beside those that are there."""
        if devices < self._limits.max_devices and self._has_room(
            len(self._limits.entities) + self._limits.reserved
        ):
            self._promised.add(device_id)
            self._left_out.discard(device_id)
            return True
        self.dropped += 1
        self._async_leave_out_device(device_id)
        return False

    @callback
    def async_admit_alert_sensor(self, unique_id: str, add: CALLBACK_TYPE) -> None:
        """Add an alert sensor now if it fits, else once there is room for it.

        Meanwhile its alert shows in the device's health and active alerts. One that is
        registered from before has its room.
        """
        if self._has_room(1) or self._registry.async_get_entity_id(
            Platform.SENSOR, DOMAIN, unique_id
        ):
            add()
        else:
            self._waiting.append(add)
            self._async_leave_out()

    @callback
    def async_forget(self, device_id: str) -> None:
        """Promise nothing any more to a device that was removed."""
        self._promised.discard(device_id)

    @callback
    def async_close(self) -> None:
        """Withdraw what was told and stop looking after it."""
        if self._stop_reviews is not None:
            self._stop_reviews()
            self._stop_reviews = None
            ir.async_delete_issue(self._hass, DOMAIN, ISSUE_LEFT_OUT)

    def _room(self) -> int:
        """Return how many more enabled entities Home Assistant takes of this entry."""
        enabled: int = self._registry.entities.get_enabled_count_for_config_entry_id(
            self._entry_id
        )
        return MAX_ENABLED_ENTITIES_PER_CONFIG_ENTRY - enabled

    def _has_room(self, entities: int) -> bool:
        """Tell whether so many more entities fit beside all that were promised.

        Those of a device are registered in later turns of the event loop than it is
        admitted, and by then there may be no room: it would be torn. So they count from
        then on, and are counted where it matters.
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

    def _missing(self, device_id: str) -> int:
        """Return how many of its enabled entities a device has yet to get."""
        return sum(
            not self._registry.async_get_entity_id(
                platform, DOMAIN, unique_id_of(device_id, key)
            )
            for platform, key in self._limits.entities
        )

    @callback
    def _async_leave_out_device(self, device_id: str) -> None:
        """Keep in mind that a device is there and left out."""
        if device_id in self._left_out or len(self._left_out) < MAX_LEFT_OUT:
            self._left_out.touch(device_id, monotonic())
        self._async_leave_out()

    @callback
    def _async_leave_out(self) -> None:
        """Tell that something is left out, and look after it from now on."""
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
        self._async_tell()

    @callback
    def _async_review(self, _now: datetime) -> None:
        """Drop those who went away, add what fits now, and tell what is left."""
        now = monotonic()
        while self._left_out.pop_due(now) is not None:
            pass
        added = 0
        # They are registered in later turns.
        while self._waiting and self._has_room(added + 1):
            self._waiting.popleft()()
            added += 1
        if self._left_out or self._waiting:
            self._async_tell()
        else:
            self.async_close()

    @callback
    def _async_tell(self) -> None:
        """Raise the repair issue, or bring it up to date."""
        devices = str(len(self._left_out))
        if len(self._left_out) == MAX_LEFT_OUT:
            devices = f"≥ {devices}"
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            ISSUE_LEFT_OUT,
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key=ISSUE_LEFT_OUT,
            translation_placeholders={
                "alert_sensors": str(len(self._waiting)),
                "devices": devices,
                "max_devices": str(self._limits.max_devices),
                "most_essential": str(EntitySet.ESSENTIAL.most_devices),
                "max_entities": str(MAX_ENABLED_ENTITIES_PER_CONFIG_ENTRY),
                "prefix": self._prefix,
            },
        )
