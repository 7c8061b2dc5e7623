"""Diagnostics of the fleet and its devices.

Collecting them sends nothing to a device.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import AnyDeviceEntry
from homeassistant.helpers.entity_platform import MAX_ENABLED_ENTITIES_PER_CONFIG_ENTRY

from .const import (
    CONF_HEARTBEAT_TIMEOUT,
    CONF_MAX_DEVICES,
    DEFAULT_HEARTBEAT_TIMEOUT,
    DEFAULT_MAX_DEVICES,
)
from .hub.hub import VesperConfigEntry, VesperHub
from .hub.insight import current_report
from .hub.redact import redacted, redacted_json
from .hub.registry import device_id_of
from .model.alerts import MAX_SUBSYSTEMS
from .model.device import Device
from .model.fault_counter import FaultCounter
from .model.message_log import MessageLog
from .model.report import iso_time, report
from .model.restarts import Stale
from .protocol.topics import STATUS_TOPICS


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: VesperConfigEntry
) -> dict[str, Any]:
    """Return diagnostics for a config entry."""
    if entry.state is not ConfigEntryState.LOADED:
        return _entry(entry)
    hub = entry.runtime_data
    data = _entry(entry) | _fleet(hub)
    devices = []
    for device in tuple(hub.devices.values()):
        devices.append(_summary(device) | _messages(device))
        # All of 1,000 devices at once would block the event loop for half a second.
        await asyncio.sleep(0)
    return data | {"devices": devices}


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: VesperConfigEntry, device_entry: AnyDeviceEntry
) -> dict[str, Any]:
    """Return diagnostics for a device or the fleet."""
    device_id = device_id_of(device_entry)
    if entry.state is ConfigEntryState.LOADED and device_id in (
        devices := entry.runtime_data.devices
    ):
        device = devices[device_id]
        return _entry(entry) | _everything(device) | _messages(device)
    return await async_get_config_entry_diagnostics(hass, entry)


def _entry(entry: VesperConfigEntry) -> dict[str, Any]:
    """Return the configuration and the state of the entry."""
    options = entry.options
    return {
        "state": entry.state.value,
        "connected": entry.state is ConfigEntryState.LOADED
        and entry.runtime_data.connected,
        "data": dict(entry.data),
        "options": async_redact_data(options, {key for key in options if "key" in key}),
        "limits": {
            "heartbeat_timeout": options.get(
                CONF_HEARTBEAT_TIMEOUT, DEFAULT_HEARTBEAT_TIMEOUT
            ),
            "devices": options.get(CONF_MAX_DEVICES, DEFAULT_MAX_DEVICES),
            "entities": MAX_ENABLED_ENTITIES_PER_CONFIG_ENTRY,
            "subsystems_per_device": MAX_SUBSYSTEMS,
        },
    }


def _fleet(hub: VesperHub) -> dict[str, Any]:
    """Return the counts of the fleet."""
    devices = hub.devices.values()
    fleet, admission = hub.fleet, hub.admission
    return {
        "topics": {
            source.name: {
                "topic": subscription.topic,
                "refused": subscription.refused,
                "last_message": iso_time(subscription.last_message),
            }
            for source in STATUS_TOPICS
            for subscription in (hub.subscriptions[source],)
        },
        "fleet": {
            "devices": fleet.devices,
            "online": fleet.online,
            "with_alerts": fleet.with_alerts,
            "health": fleet.health,
        },
        "rejected": {
            "devices": admission.rejected,
            "alert_sensors": admission.waiting,
        },
        "counters": {
            "live": sum(device.message_log.live for device in devices),
            "retained": sum(device.message_log.retained for device in devices),
            "posts": sum(device.message_log.posts for device in devices),
            **_stale(device.message_log for device in devices),
            "per_minute": hub.statistics.per_minute,
            "malformed": hub.statistics.malformed,
            "dropped": {
                "rejected": admission.dropped,
                "no_device": hub.receiver.dropped - admission.dropped,
                "retained": sum(device.faults.retained for device in devices),
            },
        },
        "stray_faults": _listed(hub.receiver.stray_faults),
    }


def _summary(device: Device) -> dict[str, Any]:
    """Return the summary of a device."""
    return {
        "device_id": device.device_id,
        "connected": device.online,
        "last_seen": iso_time(device.last_seen),
        "firmware_version": device.telemetry.firmware_version,
        "severity": device.alerts.severity.name,
    }


def _everything(device: Device) -> dict[str, Any]:
    """Return all that is known of a device."""
    activity = device.activity
    return {
        "report": redacted(report(device)),
        "availability": current_report(device),
        "subsystems": list(device.alerts.subsystems),
        "subsystems_unknown": sorted(device.alerts.unknown),
        "playback": {
            "playing": device.playback.playing,
            "melody": device.playback.melody,
        },
        "activity": activity
        and redacted({"type": activity.type, "payload": dict(activity.payload)}),
    }


def _messages(device: Device) -> dict[str, Any]:
    """Return the message counts, faults and last messages."""
    log = device.message_log
    return {
        "counters": {
            "live": log.live,
            "retained": log.retained,
            "posts": log.posts,
            **_stale([log]),
            "malformed": device.faults.malformed,
            "dropped": {"retained": device.faults.retained},
        },
        "faults": _listed(device.faults),
        "last_messages": [
            {
                "received_at": iso_time(record.received_at),
                "source": record.source,
                "live": record.live,
                "payload": redacted_json(record.payload),
            }
            for record in log.records()
        ],
    }


def _stale(logs: Iterable[MessageLog]) -> dict[str, int]:
    """Return how many heartbeats were late or replayed."""
    counts = sum((log.stale for log in logs), Counter[Stale]())
    return {stale.value: counts[stale] for stale in Stale}


def _listed(faults: FaultCounter) -> list[dict[str, str | int]]:
    """Return the faults, with how often each occurred."""
    return [
        {"topic": topic, "field": field, "kind": kind, "count": count}
        for (topic, field, kind), count in sorted(faults.items())
    ]
