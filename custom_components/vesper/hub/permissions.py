"""Look up users and check their permissions."""

from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er

from ..model.alerts import MAX_NOTE_LENGTH


async def async_user_name(hass: HomeAssistant, context: Context | None) -> str | None:
    """Return the name of the user of a context."""
    if context is None or context.user_id is None:
        return None
    user = await hass.auth.async_get_user(context.user_id)
    if user is None or user.name is None:
        return None
    # It is one line, as a note is.
    printable = "".join(one if one.isprintable() else " " for one in user.name)
    return printable.strip()[:MAX_NOTE_LENGTH] or None


def is_permitted(
    hass: HomeAssistant, user: User | None, device: dr.AnyDeviceEntry, policy: str
) -> bool:
    """Return whether a user has permission for a device.

    `policy` is a policy of Home Assistant, such as `POLICY_READ`. The user needs it for
    one entity of the device. Without a user, for example in an automation, everything
    is permitted.
    """
    if user is None or user.is_admin:
        return True
    entities = er.async_entries_for_device(
        er.async_get(hass), device.id, include_disabled_entities=True
    )
    return any(
        user.permissions.check_entity(entity.entity_id, policy) for entity in entities
    )
