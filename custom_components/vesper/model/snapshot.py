"""Serialize a device for the store and deserialize it.

The store is not trusted. A bad field is skipped, as if it had never been reported. If
it is then unclear whether a subsystem has an alert, the subsystem is unknown.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from ..protocol.fields import Fault, dump_json, is_name
from ..protocol.heartbeat import MAX_CODE, MAX_HEAP, MAX_UPTIME
from ..protocol.recent_events import oldest_first, parse_events
from .availability import AvailabilityHistory
from .device import Device
from .event_log import EventLog
from .playback import Playback
from .restarts import KEPT_RESTARTS, Restart, Restarts
from .rhythm import KEPT_GAPS, MAX_GAP, Rhythm
from .stability import NAMES, Stability
from .stored_alerts import active_alerts, restored_alerts, restored_end, stored_end
from .stored_announced import restored_announced, stored_announced
from .stored_fields import (
    Check,
    good,
    is_flag,
    is_stored_id,
    is_time,
    is_user,
    some,
    values,
    whole,
)
from .telemetry import Telemetry

#: The fields that are stored, each with the check of a good value.
DEVICE_FIELDS: Mapping[str, Check] = {
    "connectivity_since": is_time,
    "healthy_since": is_time,
    "last_seen": is_time,
    "maintenance_by": is_user,
    "maintenance_until": is_time,
    "offline_acknowledged": is_flag,
    "offline_acknowledged_by": is_user,
    "offline_since": is_time,
    "outage_since": is_time,
    "outage_until": is_time,
    "registry_id": is_name,
    "replaces": is_stored_id,
    "suppressed_offline_since": is_time,
    "was_online": is_flag,
}
PLAYBACK_FIELDS: Mapping[str, Check] = {
    "melody": is_name,
    "playing": is_flag,
    "playing_changed_at": is_time,
    "was_melody": is_name,
    "was_playing": is_flag,
}
RESTART_FIELDS: Mapping[str, Check] = {
    "grew": is_flag,
    "has_clock": is_flag,
    "started": is_time,
    "uptime": whole(0, MAX_UPTIME),
}
TELEMETRY_FIELDS: Mapping[str, Check] = {
    "boot_time": is_time,
    "firmware_version": is_name,
    "heap_free": whole(0, MAX_HEAP),
    "heap_min_free": whole(0, MAX_HEAP),
    "last_disconnect_code": whole(0, MAX_CODE),
    "reset_reason": whole(0, MAX_CODE),
    "rssi": whole(-128, 0),
}


def serialize(device: Device, now: float, monotonic: float) -> bytes:
    """Return what is stored of a device, as JSON."""
    telemetry, alerts = device.telemetry, device.alerts
    data: dict[str, Any] = {
        **values(device, DEVICE_FIELDS),
        **values(device.playback, PLAYBACK_FIELDS),
        **values(device.restarts, RESTART_FIELDS),
        "telemetry": values(telemetry, TELEMETRY_FIELDS),
        # Unknown subsystems are found again by their registered sensor.
        "subsystems": [
            name for name in alerts.subsystems if name not in alerts.unknown
        ],
        "alerts": active_alerts(alerts),
        "closed_by": alerts.closed_by,
        "gaps": device.rhythm.gaps,
        "availability": device.availability.as_json(),
        **stored_announced(device.announced),
    }
    if recent := device.restarts.recent(now):
        data["recent_restarts"] = [[*restart] for restart in recent]
    if (stability := device.stability) is not None:
        data["unstable"] = [
            [key, count, now - (monotonic - stability.last_change(key))]
            for key, count in stability.unstable.items()
        ]
        data["announced_unstable"] = stability.announced_unstable
        data["held"] = [stored_end(held.occurrence) for held in stability.held.values()]
    if telemetry.event_log.is_known:
        data["events"] = orjson.Fragment(telemetry.event_log.text)
    return dump_json(data)


def deserialize(device_id: str, data: Mapping[str, Any]) -> Device:
    """Return a stored device.

    Whether it is online is not known.
    """
    return Device(
        device_id=device_id,
        alerts=restored_alerts(data),
        announced=restored_announced(device_id, data),
        availability=_availability(data.get("availability")),
        playback=Playback(**good(data, PLAYBACK_FIELDS)),
        restarts=Restarts(
            **good(data, RESTART_FIELDS),
            _last=_recent_restarts(data.get("recent_restarts")),
        ),
        rhythm=Rhythm(_gaps(data.get("gaps"))),
        stability=_stability(device_id, data),
        telemetry=_telemetry(data),
        **good(data, DEVICE_FIELDS),
    )


def _availability(data: object) -> AvailabilityHistory:
    """Return what was observed of a device."""
    availability = AvailabilityHistory()
    if isinstance(data, dict):
        availability.restore(data)
    return availability


def _stability(device_id: str, data: Mapping[str, Any]) -> Stability | None:
    """Return what is unstable or held, if anything."""
    stability = Stability()
    stability.announced_unstable = data.get("announced_unstable") is True
    for item in some(data.get("unstable")):
        match item:
            case [str(key), int(count), float(last)] if is_time(last):
                if key in NAMES or is_name(key):
                    stability.restore(key, count, last)
    for item in some(data.get("held")):
        if (occurrence := restored_end(device_id, item)) is not None:
            stability.hold(occurrence, 0)
    return None if stability.deadline is None else stability


def _telemetry(data: Mapping[str, Any]) -> Telemetry:
    """Return the stored telemetry."""
    faults: list[Fault] = []
    events = parse_events(data.get("events"), faults)
    telemetry = Telemetry(**good(data.get("telemetry"), TELEMETRY_FIELDS))
    # With an entry missing, old entries would look new later.
    if events is not None and not faults:
        telemetry.event_log = EventLog(dump_json(data["events"]))
        if telemetry.rssi is None:
            telemetry.update_signal(oldest_first(events))
    return telemetry


def _recent_restarts(restarts: object) -> tuple[Restart, ...]:
    """Return the stored restarts of the last hour."""
    is_code = whole(0, MAX_CODE)
    found = []
    for item in some(restarts, KEPT_RESTARTS):
        match item:
            case [at, reason] if is_time(at) and is_code(reason):
                found.append(Restart(at=at, reason=reason))
    return tuple(found)


def _gaps(gaps: object) -> tuple[int, ...]:
    """Return the stored gaps between heartbeats."""
    if not isinstance(gaps, list):
        return ()
    is_gap = whole(0, MAX_GAP)
    return tuple([gap for gap in gaps if is_gap(gap)][-KEPT_GAPS:])
