"""What all entities of a device share."""

from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from . import CoordinatedConfigEntry, Coordinator
from .const import DOMAIN


class CoordinatedEntity(CoordinatorEntity[Coordinator]):
    """An entity that each heartbeat of its device writes."""

    _attr_has_entity_name = True

    def __init__(
        self, coordinator: Coordinator, description: EntityDescription
    ) -> None:
        """Set the device."""
        super().__init__(coordinator)
        device_id = coordinator.device_id
        self.entity_description = description
        self._attr_name = description.key
        self._attr_unique_id = f"{device_id}_{description.key}"
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, device_id)}, name=f"{DOMAIN} {device_id}"
        )


def async_add_of_each[D: EntityDescription](
    entry: CoordinatedConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    entity_class: type[CoordinatedEntity],
    descriptions: tuple[D, ...],
) -> None:
    """Add the described entities of each device that appears."""

    @callback
    def _async_add(coordinator: Coordinator) -> None:
        """Add those of one."""
        entities: list[Entity] = [
            entity_class(coordinator, description) for description in descriptions
        ]
        async_add_entities(entities)

    entry.runtime_data.listeners.append(_async_add)
