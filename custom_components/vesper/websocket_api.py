"""WebSocket commands of the Vesper integration (docs/availability.md)."""

from collections.abc import AsyncIterator
from typing import Any

import voluptuous as vol

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.components import websocket_api
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr

from .const import DOMAIN
from .hub.chunks import async_in_chunks
from .hub.hub import VesperConfigEntry
from .hub.insight import current_report
from .hub.permissions import is_permitted
from .model.device import Device

#: How many outages and restarts of each device are in an answer about all devices.
MAX_LISTED = 3


@callback
def async_register_commands(hass: HomeAssistant) -> None:
    """Register the commands."""
    websocket_api.async_register_command(hass, websocket_controllable)
    websocket_api.async_register_command(hass, websocket_insight)


@websocket_api.websocket_command({vol.Required("type"): "vesper/controllable_devices"})
@websocket_api.async_response
async def websocket_controllable(
    hass: HomeAssistant,
    connection: websocket_api.ActiveConnection,
    msg: dict[str, Any],
) -> None:
    """Return the devices that the user may control.

    The ids are those of the device registry. The cards offer no actions on the others.
    """
    if not _is_running(hass, connection, msg):
        return
    permitted = _async_permitted(hass, connection.user, POLICY_CONTROL)
    ids = [registered.id async for _, registered in permitted]
    connection.send_result(msg["id"], {"device_ids": ids})


@websocket_api.websocket_command(
    {
        vol.Required("type"): "vesper/insight",
        vol.Optional("device_ids"): [str],
    }
)
@websocket_api.async_response
async def websocket_insight(
    hass: HomeAssistant,
    connection: websocket_api.ActiveConnection,
    msg: dict[str, Any],
) -> None:
    """Return how reliable devices are.

    The ids are those of the device registry. Without any, the answer is about all
    devices that the user may read, with the last outages and restarts of each.
    """
    if not _is_running(hass, connection, msg):
        return
    wanted = set(msg["device_ids"]) if "device_ids" in msg else None
    devices: dict[str, dict[str, Any]] = {}
    permitted = _async_permitted(hass, connection.user, POLICY_READ)
    async for device, registered in permitted:
        if wanted is None or registered.id in wanted:
            devices[registered.id] = report = current_report(device)
            if wanted is None:
                del report["last_outages"][MAX_LISTED:]
                del report["last_restarts"][MAX_LISTED:]
    result: dict[str, Any] = {"devices": devices}
    if wanted is not None:
        result["unknown"] = sorted(wanted - devices.keys())
    connection.send_result(msg["id"], result)


@callback
def _is_running(
    hass: HomeAssistant,
    connection: websocket_api.ActiveConnection,
    msg: dict[str, Any],
) -> bool:
    """Return whether Vesper is running, or send an error."""
    if hass.config_entries.async_loaded_entries(DOMAIN):
        return True
    # Not raised, because Home Assistant would log it.
    error = HomeAssistantError(translation_domain=DOMAIN, translation_key="not_running")
    connection.send_error(
        msg["id"],
        websocket_api.ERR_NOT_FOUND,
        str(error),
        translation_domain=error.translation_domain,
        translation_key=error.translation_key,
    )
    return False


async def _async_permitted(
    hass: HomeAssistant, user: User, policy: str
) -> AsyncIterator[tuple[Device, dr.AnyDeviceEntry]]:
    """Yield the devices for which a user has permission."""
    entries: list[VesperConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    for hub in (entry.runtime_data for entry in entries):
        async for device in async_in_chunks(tuple(hub.devices.values())):
            # It may have been removed since the last chunk.
            if hub.devices.get(device.device_id) is not device:
                continue
            registered = hub.registry.async_entry(device)
            if is_permitted(hass, user, registered, policy):
                yield device, registered
