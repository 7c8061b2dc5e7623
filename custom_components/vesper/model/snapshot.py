"""Serialize a device for the store and deserialize it.

The store is not trusted. A bad field is skipped, as if it had never been reported. If
it is then unclear whether a subsystem has an alert, the subsystem is unknown.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeGuard

import orjson

from ..protocol.alert import read_alert
from ..protocol.codes import MAX_TIME
from ..protocol.fields import Fault, Malformed, dump_json, is_name
from ..protocol.heartbeat import MAX_CODE, MAX_HEAP, MAX_UPTIME
from ..protocol.recent_events import oldest_first, parse_events
from ..protocol.severity import Severity
from ..protocol.topics import is_device_id
from .active_alert import ActiveAlert
from .alerts import MAX_ACTIVE, MAX_SUBSYSTEMS, Alerts, ClosedBy, is_note
from .availability import AvailabilityHistory
from .device import Device
from .event_log import EventLog
from .occurrence import Occurrence, alert_occurrence
from .playback import Playback
from .restarts import Restarts
from .rhythm import KEPT_GAPS, MAX_GAP, Rhythm
from .stability import NAMES, Stability
from .telemetry import Telemetry

type _Check = Callable[[object], bool]


def _whole(least: int, most: int) -> _Check:
    """Return the check of a whole number."""
    return lambda value: type(value) is int and least <= value <= most


def _is_flag(value: object) -> bool:
    """Return whether a value is true or false."""
    return type(value) is bool


def _is_time(value: object) -> TypeGuard[float]:
    """Return whether a value is a valid time.

    A valid time is in seconds since 1970 and can be shown in any time zone.
    """
    return (
        type(value) is float or type(value) is int
    ) and -MAX_TIME <= value <= MAX_TIME


def _is_user(value: object) -> TypeGuard[str]:
    """Return whether a value is a user's name."""
    return is_note(value) and value != ""


def _is_device_id(value: object) -> TypeGuard[str]:
    """Return whether a value is a device id."""
    return isinstance(value, str) and is_device_id(value)


#: One for all devices: an empty set takes 216 bytes, and most devices have two.
_NO_SUBSYSTEMS: frozenset[str] = frozenset()

#: The fields that are stored, each with the check of a good value.
DEVICE_FIELDS: Mapping[str, _Check] = {
    "connectivity_since": _is_time,
    "healthy_since": _is_time,
    "last_seen": _is_time,
    "maintenance_by": _is_user,
    "maintenance_until": _is_time,
    "offline_acknowledged": _is_flag,
    "offline_acknowledged_by": _is_user,
    "offline_since": _is_time,
    "outage_since": _is_time,
    "outage_until": _is_time,
    "registry_id": is_name,
    "replaces": _is_device_id,
    "suppressed_offline_since": _is_time,
    "was_online": _is_flag,
}
PLAYBACK_FIELDS: Mapping[str, _Check] = {
    "melody": is_name,
    "playing": _is_flag,
    "was_melody": is_name,
    "was_playing": _is_flag,
}
RESTART_FIELDS: Mapping[str, _Check] = {
    "grew": _is_flag,
    "has_clock": _is_flag,
    "started": _is_time,
    "uptime": _whole(0, MAX_UPTIME),
}
TELEMETRY_FIELDS: Mapping[str, _Check] = {
    "boot_time": _is_time,
    "firmware_version": is_name,
    "heap_free": _whole(0, MAX_HEAP),
    "heap_min_free": _whole(0, MAX_HEAP),
    "last_disconnect_code": _whole(0, MAX_CODE),
    "reset_reason": _whole(0, MAX_CODE),
    "rssi": _whole(-128, 0),
}


def serialize(device: Device, now: float, monotonic: float) -> bytes:
    """Return what is stored of a device, as JSON."""
    telemetry, alerts = device.telemetry, device.alerts
    unconfirmed = alerts.unconfirmed_since_restart
    data: dict[str, Any] = {
        **_values(device, DEVICE_FIELDS),
        **_values(device.playback, PLAYBACK_FIELDS),
        **_values(device.restarts, RESTART_FIELDS),
        "telemetry": _values(telemetry, TELEMETRY_FIELDS),
        # Unknown subsystems are found again by their registered sensor.
        "subsystems": [
            name for name in alerts.subsystems if name not in alerts.unknown
        ],
        "alerts": [
            {
                "subsystem": alert.subsystem,
                "state": alert.severity.name,
                "msg": alert.message,
                "updated_at": alert.updated_at.timestamp(),
                "confirmed": alert.confirmed,
                "acknowledged": alert.acknowledged,
                "acknowledged_by": alert.acknowledged_by,
                "note": alert.note,
                "raised_at": alert.raised_at.timestamp(),
                "worsened_at": alert.worsened_at.timestamp(),
                "announced": alert.announced.name,
                "suppressed": alert.suppressed,
                "unconfirmed_since_restart": alert.subsystem in unconfirmed,
                "of_either_boot": alert.subsystem in alerts.of_either_boot,
            }
            for alert in alerts.active.values()
        ],
        "closed_by": alerts.closed_by,
        "gaps": device.rhythm.gaps,
        "availability": device.availability.as_json(),
    }
    if (stability := device.stability) is not None:
        data["unstable"] = [
            [key, count, now - (monotonic - stability.last_change(key))]
            for key, count in stability.unstable.items()
        ]
        data["announced_unstable"] = stability.announced_unstable
        data["held"] = [_held(held.occurrence) for held in stability.held.values()]
    if telemetry.event_log.is_known:
        data["events"] = orjson.Fragment(telemetry.event_log.text)
    return dump_json(data)


def deserialize(device_id: str, data: Mapping[str, Any]) -> Device:
    """Return a stored device.

    Whether it is online is not known.
    """
    return Device(
        device_id=device_id,
        alerts=_alerts(data),
        availability=_availability(data.get("availability")),
        playback=Playback(**_good(data, PLAYBACK_FIELDS)),
        restarts=Restarts(**_good(data, RESTART_FIELDS)),
        rhythm=Rhythm(_gaps(data.get("gaps"))),
        stability=_stability(device_id, data),
        telemetry=_telemetry(data),
        **_good(data, DEVICE_FIELDS),
    )


def _availability(data: object) -> AvailabilityHistory:
    """Return what was observed of a device."""
    availability = AvailabilityHistory()
    if isinstance(data, dict):
        availability.restore(data)
    return availability


def _held(occurrence: Occurrence) -> dict[str, Any]:
    """Return the alert whose end is held."""
    return {
        "subsystem": occurrence.subsystem,
        "state": (occurrence.from_state or "").upper(),
        "msg": occurrence.message,
        "raised_at": occurrence.raised_at,
        "worsened_at": occurrence.worsened_at,
        "acknowledged": occurrence.acknowledged,
        "acknowledged_by": occurrence.acknowledged_by,
        "ended_at": occurrence.ended_at,
        "announced": (occurrence.announced or "").upper(),
    }


def _stability(device_id: str, data: Mapping[str, Any]) -> Stability | None:
    """Return what is unstable or held, if anything."""
    stability = Stability()
    stability.announced_unstable = data.get("announced_unstable") is True
    for item in _some(data.get("unstable")):
        match item:
            case [str(key), int(count), float(last)] if _is_time(last):
                if key in NAMES or is_name(key):
                    stability.restore(key, count, last)
    for item in _some(data.get("held")):
        if (alert := _alert(item)) is not None:
            occurrence = alert_occurrence(device_id, alert, None)
            ended_at = item.get("ended_at")
            if occurrence is not None and _is_time(ended_at):
                stability.hold(replace(occurrence, ended_at=ended_at), 0)
    return None if stability.deadline is None else stability


def _telemetry(data: Mapping[str, Any]) -> Telemetry:
    """Return the stored telemetry."""
    faults: list[Fault] = []
    events = parse_events(data.get("events"), faults)
    telemetry = Telemetry(**_good(data.get("telemetry"), TELEMETRY_FIELDS))
    # With an entry missing, old entries would look new later.
    if events is not None and not faults:
        telemetry.event_log = EventLog(dump_json(data["events"]))
        if telemetry.rssi is None:
            telemetry.update_signal(oldest_first(events))
    return telemetry


def _alerts(data: Mapping[str, Any]) -> Alerts:
    """Return the stored alerts."""
    names, items = data.get("subsystems"), data.get("alerts")
    read = [_alert(item) for item in _some(items)]
    active = {alert.subsystem: alert for alert in read if alert is not None}
    subsystems = tuple(dict.fromkeys([*filter(is_name, _some(names)), *active]))
    subsystems = subsystems[:MAX_SUBSYSTEMS]
    ended = set(subsystems) - active.keys()
    is_complete = isinstance(items, list) and None not in read
    return Alerts(
        active=active,
        subsystems=subsystems,
        unknown=frozenset() if is_complete else frozenset(ended),
        unconfirmed_since_restart=_marked(items, read, "unconfirmed_since_restart"),
        of_either_boot=_marked(items, read, "of_either_boot"),
        closed_by=_closed_by(data.get("closed_by"), ended),
    )


def _alert(item: object) -> ActiveAlert | None:
    """Return a stored alert, None if it is invalid."""
    if not isinstance(item, dict):
        return None
    alert = read_alert(item, [])
    if isinstance(alert, Malformed) or alert.severity is Severity.OK:
        return None
    note, announced = item.get("note"), item.get("announced")
    acknowledged_by = item.get("acknowledged_by")
    updated_at = _time(item, "updated_at", datetime.fromtimestamp(0, UTC))
    raised_at = _time(item, "raised_at", updated_at)
    return ActiveAlert(
        subsystem=alert.subsystem,
        severity=alert.severity,
        message=alert.message,
        updated_at=updated_at,
        # It may have been cleared while Home Assistant did not run.
        confirmed=False,
        acknowledged=item.get("acknowledged") is True,
        acknowledged_by=acknowledged_by if _is_user(acknowledged_by) else None,
        note=note if is_note(note) else "",
        raised_at=raised_at,
        worsened_at=_time(item, "worsened_at", raised_at),
        announced=next(
            (severity for severity in Severity if severity.name == announced),
            Severity.OK,
        ),
        suppressed=item.get("suppressed") is True,
    )


def _marked(
    items: object, read: Iterable[ActiveAlert | None], mark: str
) -> frozenset[str]:
    """Return the subsystems whose stored alerts have a mark."""
    marked = frozenset(
        alert.subsystem
        for item, alert in zip(_some(items), read, strict=True)
        if alert is not None and item.get(mark) is True
    )
    return marked or _NO_SUBSYSTEMS


def _time(item: Mapping[str, Any], name: str, default: datetime) -> datetime:
    """Return a stored time, or the default."""
    value = item.get(name)
    return datetime.fromtimestamp(value, UTC) if _is_time(value) else default


def _closed_by(data: object, subsystems: set[str]) -> dict[str, ClosedBy]:
    """Return what closed the last alerts of some subsystems."""
    if not isinstance(data, dict):
        return {}
    return {
        subsystem: ClosedBy(cause)
        for subsystem, cause in data.items()
        if subsystem in subsystems and cause in ClosedBy
    }


def _gaps(gaps: object) -> tuple[int, ...]:
    """Return the stored gaps between heartbeats."""
    if not isinstance(gaps, list):
        return ()
    is_gap = _whole(0, MAX_GAP)
    return tuple([gap for gap in gaps if is_gap(gap)][-KEPT_GAPS:])


def _values(source: object, fields: Mapping[str, _Check]) -> dict[str, Any]:
    """Return the fields that have a value."""
    return {
        name: value for name in fields if (value := getattr(source, name)) is not None
    }


def _good(data: object, fields: Mapping[str, _Check]) -> dict[str, Any]:
    """Return the fields that are there and good."""
    if not isinstance(data, dict):
        return {}
    return {
        name: data[name]
        for name, is_good in fields.items()
        if name in data and is_good(data[name])
    }


def _some(items: object) -> list[Any]:
    """Return at most `MAX_ACTIVE` items of a list."""
    return items[:MAX_ACTIVE] if isinstance(items, list) else []
