"""Events of Vesper devices."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import VesperEntity, VesperEntityDescription, async_add_device_entities
from .hub import VesperConfigEntry
from .model.device import Change

# There is no I/O in the entities: the hub tells them.
PARALLEL_UPDATES = 0

#: What a device can tell of by name; whatever else it tells of is the last one.
ACTIVITY_TYPES = ["playback_started", "playback_stopped", "other"]


@dataclass(frozen=True, kw_only=True)
class VesperEventDescription(VesperEntityDescription, EventEntityDescription):
    """Describe an event entity of a device."""


DESCRIPTIONS: tuple[VesperEventDescription, ...] = (
    VesperEventDescription(
        key="activity",
        translation_key="activity",
        event_types=ACTIVITY_TYPES,
        watched=Change.ACTIVITY,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: VesperConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the events of the devices."""
    await async_add_device_entities(
        entry, async_add_entities, VesperActivityEvent, DESCRIPTIONS
    )


class VesperActivityEvent(VesperEntity, EventEntity):
    """What happens on a device, as it happens."""

    entity_description: VesperEventDescription
    # Whatever a device says; of no use to the recorder.
    _unrecorded_attributes = frozenset({"payload"})

    @override
    @callback
    def _async_device_changed(self, change: Change) -> None:
        """Fire what has happened."""
        activity = self.device.activity
        if TYPE_CHECKING:
            assert activity is not None
        known = activity.type if activity.type in ACTIVITY_TYPES else "other"
        self._trigger_event(
            known, {"type": activity.type, "payload": dict(activity.payload)}
        )
        self.async_write_ha_state()
