"""Check what a user may do with a device."""

from homeassistant.auth.models import User
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er


def is_permitted(
    hass: HomeAssistant, user: User | None, device: dr.AnyDeviceEntry, policy: str
) -> bool:
    """Return whether a user may read or control an entity of a device.

    Given is one of Home Assistant's policies of entities. Without a user, such as in an
    automation, everything is permitted.
    """
    if user is None or user.is_admin:
        return True
    entities = er.async_entries_for_device(
        er.async_get(hass), device.id, include_disabled_entities=True
    )
    return any(
        user.permissions.check_entity(entity.entity_id, policy) for entity in entities
    )
