"""System health of the Vesper integration."""

from datetime import datetime
from typing import Any

from homeassistant.components import system_health
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.loader import async_get_integration
from homeassistant.util.dt import utc_from_timestamp

from .const import CONF_HTTP_KEY, DOMAIN
from .hub.hub import VesperConfigEntry, VesperHub
from .protocol.topics import STATUS_TOPICS, StatusTopic


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
    entries: list[VesperConfigEntry] = hass.config_entries.async_entries(
        DOMAIN, include_ignore=False
    )
    if not entries:
        return info
    hubs = [
        entry.runtime_data
        for entry in entries
        if entry.state is ConfigEntryState.LOADED
    ]
    if len(entries) > 1:
        info["entries"] = len(entries)
        info["entries_loaded"] = len(hubs)
    info["http_intake"] = any(entry.options.get(CONF_HTTP_KEY) for entry in entries)
    info["mqtt_link"] = _link(entries)
    if hubs:
        info |= {
            "devices": sum(hub.fleet.devices for hub in hubs),
            "devices_online": sum(hub.fleet.online for hub in hubs),
            "messages_per_minute": sum(hub.statistics.per_minute for hub in hubs),
            "malformed": sum(hub.statistics.malformed.total() for hub in hubs),
            **{
                f"last_{source.name}": _last_message(hubs, source)
                for source in STATUS_TOPICS
            },
        }
    return info


def _link(entries: list[VesperConfigEntry]) -> str | dict[str, str]:
    """Return the state of the link of all entries."""
    for entry in entries:
        if entry.state is not ConfigEntryState.LOADED:
            return _failed(entry.state.value)
        if not entry.runtime_data.connected:
            return _failed("unreachable")
    return "ok"


def _last_message(hubs: list[VesperHub], source: StatusTopic) -> datetime | None:
    """Return when any device sent the last message."""
    times = [hub.subscriptions[source].last_message for hub in hubs]
    return _time(max((when for when in times if when is not None), default=None))


def _time(seconds: float | None) -> datetime | None:
    """Return a time as the page shows it."""
    return None if seconds is None else utc_from_timestamp(seconds)


def _failed(error: str) -> dict[str, str]:
    """Return what the page shows as an error."""
    return {"type": "failed", "error": error}
