"""Events of Vesper devices."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import (
    VesperEntity,
    VesperEntityDescription,
    VesperFleetEntity,
    async_add_device_entities,
)
from .hub.hub import VesperConfigEntry
from .model.change import Change
from .model.device import Device
from .protocol.codes import EVENT_KEYS

# Entities are updated by the hub.
PARALLEL_UPDATES = 0

#: The types of info messages; any other type is shown as the last one.
DEVICE_ACTIVITIES = ["playback_started", "playback_stopped", "other"]

type _Event = tuple[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class VesperEventDescription(VesperEntityDescription, EventEntityDescription):
    """Describe an event entity of a device."""

    events_fn: Callable[[Device, Change], Iterator[_Event]]


def _activity(device: Device, change: Change) -> Iterator[_Event]:
    """Yield the last info message and the closed alerts."""
    if change & Change.ACTIVITY:
        activity = device.activity
        if TYPE_CHECKING:
            assert activity is not None
        event_type = activity.type if activity.type in DEVICE_ACTIVITIES else "other"
        yield event_type, {"type": activity.type, "payload": dict(activity.payload)}
    if change & Change.ALERT_CLOSED:
        alerts = device.alerts
        for subsystem in (alert.subsystem for alert in alerts.last_closed):
            details = {"subsystem": subsystem, "cause": alerts.closed_by[subsystem]}
            yield "alert_closed", details


def _device_log(device: Device, _change: Change) -> Iterator[_Event]:
    """Yield the new entries of the event log."""
    for event in device.telemetry.event_log.new:
        yield event.key, event.as_json()


DESCRIPTIONS: tuple[VesperEventDescription, ...] = (
    VesperEventDescription(
        key="activity",
        translation_key="activity",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        event_types=["alert_closed", *DEVICE_ACTIVITIES],
        changes=Change.ACTIVITY | Change.ALERT_CLOSED,
        events_fn=_activity,
    ),
    VesperEventDescription(
        key="device_log",
        translation_key="device_log",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        event_types=EVENT_KEYS,
        changes=Change.EVENT_LOG,
        events_fn=_device_log,
    ),
)

FLEET_DESCRIPTIONS: tuple[EventEntityDescription, ...] = (
    EventEntityDescription(
        key="outage",
        translation_key="outage",
        event_types=["started", "ended"],
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: VesperConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the event entities."""
    async_add_entities(
        VesperFleetEvent(entry, description) for description in FLEET_DESCRIPTIONS
    )
    await async_add_device_entities(
        entry, async_add_entities, VesperEvent, DESCRIPTIONS
    )


class VesperEvent(VesperEntity, EventEntity):
    """An event entity of a device."""

    entity_description: VesperEventDescription
    # The recorder needs no copies of messages.
    _unrecorded_attributes = frozenset({"payload"})

    @override
    @callback
    def async_device_changed(self, change: Change) -> None:
        """Trigger the events one after the other."""
        events = self.entity_description.events_fn(self.device, change)
        for event_type, details in events:
            self._trigger_event(event_type, details)
            self.async_write_ha_state()


class VesperFleetEvent(VesperFleetEntity, EventEntity):
    """An event entity of the fleet."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to outages."""
        self.async_on_remove(self.hub.outages.async_listen(self._async_happened))

    @callback
    def _async_happened(self, event_type: str, details: dict[str, Any]) -> None:
        """Trigger the event."""
        self._trigger_event(event_type, details)
        self.async_write_ha_state()
