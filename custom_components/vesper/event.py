"""Events of Vesper devices."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import VesperEntity, VesperEntityDescription, async_add_device_entities
from .hub import VesperConfigEntry
from .model.change import Change
from .model.codes import EVENT_KEYS
from .model.device import Device

# There is no I/O in the entities: the hub tells them.
PARALLEL_UPDATES = 0

#: What a device can tell of by name; whatever else it tells of is the last one.
ACTIVITY_TYPES = ["playback_started", "playback_stopped", "other"]

type _Event = tuple[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class VesperEventDescription(VesperEntityDescription, EventEntityDescription):
    """Describe an event entity of a device: what has happened, by type and details."""

    events_fn: Callable[[Device], Iterator[_Event]]


def _activity(device: Device) -> Iterator[_Event]:
    """Return what the device has just said that it does."""
    activity = device.activity
    if TYPE_CHECKING:
        assert activity is not None
    event_type = activity.type if activity.type in ACTIVITY_TYPES else "other"
    yield event_type, {"type": activity.type, "payload": dict(activity.payload)}


def _device_log(device: Device) -> Iterator[_Event]:
    """Return what is new in the device's log, with the device's own time."""
    for event in device.diagnostics.new_events:
        yield event.key, event.as_json()


DESCRIPTIONS: tuple[VesperEventDescription, ...] = (
    VesperEventDescription(
        key="activity",
        translation_key="activity",
        event_types=ACTIVITY_TYPES,
        watched=Change.ACTIVITY,
        events_fn=_activity,
    ),
    VesperEventDescription(
        key="device_log",
        translation_key="device_log",
        entity_category=EntityCategory.DIAGNOSTIC,
        event_types=EVENT_KEYS,
        watched=Change.DEVICE_LOG,
        events_fn=_device_log,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: VesperConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the events of the devices."""
    await async_add_device_entities(
        entry, async_add_entities, VesperEvent, DESCRIPTIONS
    )


class VesperEvent(VesperEntity, EventEntity):
    """What happens on a device, as it happens."""

    entity_description: VesperEventDescription
    # Whatever a device says; of no use to the recorder.
    _unrecorded_attributes = frozenset({"payload"})

    @override
    @callback
    def _async_device_changed(self, change: Change) -> None:
        """Fire what has happened, one after the other."""
        for event_type, details in self.entity_description.events_fn(self.device):
            self._trigger_event(event_type, details)
            self.async_write_ha_state()
