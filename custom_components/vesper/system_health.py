"""System health of the Vesper integration."""

from datetime import datetime
from typing import Any

from homeassistant.components import system_health
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.loader import async_get_integration
from homeassistant.util.dt import utc_from_timestamp

from .const import CONF_HTTP_KEY, DOMAIN
from .hub.hub import VesperConfigEntry
from .protocol.topics import STATUS_TOPICS


@callback
def async_register(
    hass: HomeAssistant, register: system_health.SystemHealthRegistration
) -> None:
    """Register system health callbacks."""
    register.async_register_info(system_health_info)


async def system_health_info(hass: HomeAssistant) -> dict[str, Any]:
    """Get info for the info page."""
    integration = await async_get_integration(hass, DOMAIN)
    info: dict[str, Any] = {"version": str(integration.version)}
    entries: list[VesperConfigEntry] = hass.config_entries.async_entries(DOMAIN)
    for entry in entries:
        info["http_intake"] = bool(entry.options.get(CONF_HTTP_KEY))
        if entry.state is not ConfigEntryState.LOADED:
            info["mqtt_link"] = _failed(entry.state.value)
            continue
        hub = entry.runtime_data
        info |= {
            "mqtt_link": "ok" if hub.connected else _failed("unreachable"),
            "devices": hub.fleet.devices,
            "devices_online": hub.fleet.online,
            "messages_per_minute": hub.statistics.per_minute,
            "malformed": hub.statistics.malformed.total(),
            **{
                f"last_{source.name}": _time(hub.subscriptions[source].last_message)
                for source in STATUS_TOPICS
            },
        }
    return info


def _time(seconds: float | None) -> datetime | None:
    """Return a time as the page shows it."""
    return None if seconds is None else utc_from_timestamp(seconds)


def _failed(error: str) -> dict[str, str]:
    """Return what the page shows as an error."""
    return {"type": "failed", "error": error}
