"""Turn a device into what is kept of it over a restart, and back.

What is read is not trusted: a bad field is left out, as if it had never been told, and
where that leaves open whether there is an alert, the subsystems are not heard yet.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeGuard

import orjson

from ..protocol.codes import MAX_TIME
from ..protocol.messages import (
    MAX_CODE,
    MAX_HEAP,
    MAX_UPTIME,
    Malformed,
    is_name,
    read_alert,
)
from ..protocol.severity import Severity
from .alerts import MAX_SUBSYSTEMS, ActiveAlert, Alerts, ClosedBy, is_note
from .device import Device
from .event_log import DeviceLog
from .post_schedule import KEPT_GAPS, MAX_GAP, Posts
from .telemetry import Diagnostics

type _Check = Callable[[object], bool]


def _whole(least: int, most: int) -> _Check:
    """Return the check of a whole number."""
    return lambda value: type(value) is int and least <= value <= most


def _is_flag(value: object) -> bool:
    """Tell whether a value is true or false."""
    return type(value) is bool


def _is_time(value: object) -> TypeGuard[float]:
    """Tell whether a value is a time in seconds since 1970 that can be shown."""
    return (
        type(value) is float or type(value) is int
    ) and -MAX_TIME <= value <= MAX_TIME


#: What is kept of a device as it stands, each field with what a good value is.
DEVICE_FIELDS: Mapping[str, _Check] = {
    "last_seen": _is_time,
    "maintenance_until": _is_time,
    "melody": is_name,
    "playing": _is_flag,
    "started": _is_time,
    "uptime": _whole(0, MAX_UPTIME),
    "was_melody": is_name,
    "was_online": _is_flag,
    "was_playing": _is_flag,
}

#: Those of them that a device knows under another name, for they drift.
DRIFTING_FIELDS = {name: f"_{name}" for name in ("last_seen", "started", "uptime")}

#: The same of its diagnostics.
DIAGNOSTICS_FIELDS: Mapping[str, _Check] = {
    "boot_time": _is_time,
    "firmware_version": is_name,
    "heap_free": _whole(0, MAX_HEAP),
    "heap_min_free": _whole(0, MAX_HEAP),
    "last_disconnect_code": _whole(0, MAX_CODE),
    "reset_reason": _whole(0, MAX_CODE),
    "rssi": _whole(-128, 0),
}


def dump(device: Device) -> bytes:
    """Return what is kept of a device as JSON, but for its log.

    As tight as it can be kept: what orjson returns holds on to all that it wrote into.
    """
    diagnostics, alerts = device.diagnostics, device.alerts
    saved = {
        **_told(device, DEVICE_FIELDS),
        "diagnostics": _told(diagnostics, DIAGNOSTICS_FIELDS),
        # One that was never heard is known by its entity, and is to stay unheard.
        "subsystems": [
            name for name in alerts.subsystems if name not in alerts.unheard
        ],
        "alerts": [
            {
                "subsystem": alert.subsystem,
                "state": alert.severity.name,
                "msg": alert.message,
                "updated_at": alert.updated_at.timestamp(),
                "confirmed": alert.confirmed,
                "acknowledged": alert.acknowledged,
                "note": alert.note,
                "awaited": alert.subsystem in alerts.awaited,
            }
            for alert in alerts.active.values()
        ],
        "closed_by": dict(alerts.closed_by),
    }
    if device.patience:
        saved["post_gaps"] = device.posts.gaps
    return bytes(memoryview(orjson.dumps(saved)))


def with_log(text: bytes, device: Device) -> bytes:
    """Return what is kept of a device as JSON, given what `dump` has returned."""
    log = device.diagnostics.log.as_saved()
    return b'%b,"events":%b}' % (text[:-1], log) if log else text


def load(device_id: str, data: Mapping[str, Any]) -> Device:
    """Return the device of which that was kept; whether it is online is not known."""
    good, gaps = _good(data, DEVICE_FIELDS), _load_gaps(data.get("post_gaps"))
    return Device(
        device_id=device_id,
        alerts=_load_alerts(data),
        _posts=Posts(gaps=gaps) if gaps else None,
        resumed=True,
        _diagnostics=_load_diagnostics(data),
        **{DRIFTING_FIELDS.get(name, name): value for name, value in good.items()},
    )


def _load_diagnostics(data: Mapping[str, Any]) -> Diagnostics:
    """Return the diagnostics in what was kept of a device."""
    return Diagnostics(
        log=DeviceLog.saved(data.get("events")),
        **_good(data.get("diagnostics"), DIAGNOSTICS_FIELDS),
    )


def _load_alerts(data: Mapping[str, Any]) -> Alerts:
    """Return the alerts in what was kept of a device."""
    names, items = data.get("subsystems"), data.get("alerts")
    read = [_load_alert(item) for item in _some(items)]
    active = {alert.subsystem: alert for alert in read if alert is not None}
    subsystems = [*filter(is_name, _some(names)), *active]
    alerts = Alerts(active=active, subsystems=tuple(dict.fromkeys(subsystems)))
    awaited = {
        item["subsystem"]
        for item in _some(items)
        if isinstance(item, dict)
        and item.get("awaited") is True
        and item.get("subsystem") in active
    }
    closed_by = data.get("closed_by")
    closed = {
        subsystem: ClosedBy(cause)
        for subsystem, cause in (
            closed_by.items() if isinstance(closed_by, dict) else ()
        )
        if subsystem in subsystems and subsystem not in active and cause in ClosedBy
    }
    # What is empty stays what all devices share.
    if awaited:
        alerts.awaited |= awaited
    if closed:
        alerts.closed_by = closed
    if not isinstance(items, list) or None in read:
        alerts.unheard = frozenset(alerts.subsystems) - active.keys()
    return alerts


def _load_alert(item: object) -> ActiveAlert | None:
    """Return an alert as it was kept, None where it does not say of what."""
    if not isinstance(item, dict):
        return None
    alert = read_alert(item, [])
    if isinstance(alert, Malformed) or alert.severity is Severity.OK:
        return None
    updated_at, note = item.get("updated_at"), item.get("note")
    return ActiveAlert(
        subsystem=alert.subsystem,
        severity=alert.severity,
        message=alert.message,
        updated_at=datetime.fromtimestamp(
            updated_at if _is_time(updated_at) else 0, UTC
        ),
        # It may have ended since, and nobody listened.
        confirmed=False,
        acknowledged=item.get("acknowledged") is True,
        note=note if is_note(note) else "",
    )


def _load_gaps(gaps: object) -> tuple[float, ...]:
    """Return the gaps between posts, as many as tell a rhythm."""
    if not isinstance(gaps, list):
        return ()
    good = [gap for gap in gaps if type(gap) is float and 0 <= gap <= MAX_GAP]
    return tuple(good[-KEPT_GAPS:])


def _told(source: Device | Diagnostics, fields: Mapping[str, _Check]) -> dict[str, Any]:
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
    """Return as much of a list as a device has subsystems, nothing of anything else."""
    return items[:MAX_SUBSYSTEMS] if isinstance(items, list) else []
