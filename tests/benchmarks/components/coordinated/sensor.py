"""The values of heartbeats."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import UnitOfInformation, UnitOfTime
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import CoordinatedConfigEntry
from .entity import CoordinatedEntity, async_add_of_each


@dataclass(frozen=True, kw_only=True)
class CoordinatedSensorDescription(SensorEntityDescription):
    """Describe a sensor and its value in a heartbeat."""

    value_fn: Callable[[dict[str, Any]], int | str | None]


def _last(name: str) -> Callable[[dict[str, Any]], int | None]:
    """Return what reads a field of the last event."""
    return lambda data: (
        data["recent_events"][-1][name] if data["recent_events"] else None
    )


DESCRIPTIONS = (
    CoordinatedSensorDescription(
        key="uptime",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        value_fn=itemgetter("uptime"),
    ),
    CoordinatedSensorDescription(
        key="heap_free",
        device_class=SensorDeviceClass.DATA_SIZE,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=itemgetter("heap_free"),
    ),
    CoordinatedSensorDescription(
        key="heap_min_free",
        device_class=SensorDeviceClass.DATA_SIZE,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=itemgetter("heap_min_free"),
    ),
    CoordinatedSensorDescription(
        key="firmware_version", value_fn=itemgetter("firmware_version")
    ),
    CoordinatedSensorDescription(
        key="reset_reason", value_fn=itemgetter("reset_reason")
    ),
    CoordinatedSensorDescription(
        key="last_disconnect_code", value_fn=itemgetter("last_disconnect_code")
    ),
    CoordinatedSensorDescription(
        key="events", value_fn=lambda data: len(data["recent_events"])
    ),
    CoordinatedSensorDescription(key="last_event", value_fn=_last("t")),
    CoordinatedSensorDescription(key="last_event_data", value_fn=_last("d0")),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: CoordinatedConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add those of each device."""
    async_add_of_each(entry, async_add_entities, CoordinatedSensor, DESCRIPTIONS)


class CoordinatedSensor(CoordinatedEntity, SensorEntity):
    """A value of the last heartbeat."""

    entity_description: CoordinatedSensorDescription

    @property
    @override
    def native_value(self) -> int | str | None:
        """Return it."""
        return self.entity_description.value_fn(self.coordinator.data)
