"""Serialize alerts for the store and deserialize them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ..protocol.alert import read_alert
from ..protocol.fields import Malformed, is_name
from ..protocol.severity import Severity
from .active_alert import ActiveAlert
from .alerts import MAX_SUBSYSTEMS, Alerts, ClosedBy, is_note
from .occurrence import Occurrence, alert_occurrence
from .stored_fields import is_time, is_user, some

#: One for all devices: an empty set takes 216 bytes, and most devices have two.
_NO_SUBSYSTEMS: frozenset[str] = frozenset()


def active_alerts(alerts: Alerts) -> list[dict[str, Any]]:
    """Return the active alerts as they are stored."""
    unconfirmed = alerts.unconfirmed_since_restart
    return [
        {
            "subsystem": alert.subsystem,
            "state": alert.severity.name,
            "msg": alert.message,
            "updated_at": alert.updated_at.timestamp(),
            "confirmed": alert.confirmed,
            "acknowledged": alert.acknowledged,
            "acknowledged_by": alert.acknowledged_by,
            "acknowledged_at": alert.acknowledged_at
            and alert.acknowledged_at.timestamp(),
            "note": alert.note,
            "raised_at": alert.raised_at.timestamp(),
            "worsened_at": alert.worsened_at.timestamp(),
            "critical_at": alert.critical_at and alert.critical_at.timestamp(),
            "announced": alert.announced.name,
            "suppressed": alert.suppressed,
            "unconfirmed_since_restart": alert.subsystem in unconfirmed,
            "of_either_boot": alert.subsystem in alerts.of_either_boot,
        }
        for alert in alerts.active.values()
    ]


def stored_end(occurrence: Occurrence) -> dict[str, Any]:
    """Return the end of an alert to store."""
    return {
        "subsystem": occurrence.subsystem,
        "state": (occurrence.from_state or "").upper(),
        "msg": occurrence.message,
        "raised_at": occurrence.raised_at,
        "worsened_at": occurrence.worsened_at,
        "critical_at": occurrence.critical_at,
        "acknowledged": occurrence.acknowledged,
        "acknowledged_by": occurrence.acknowledged_by,
        "ended_at": occurrence.ended_at,
        "announced": (occurrence.announced or "").upper(),
        "reason": occurrence.reason,
    }


def restored_end(device_id: str, item: object) -> Occurrence | None:
    """Return a stored end, None if it is invalid."""
    alert = _alert(item)
    if alert is None or not isinstance(item, dict):
        return None
    cause, ended_at = item.get("reason"), item.get("ended_at")
    closed_by = next((one for one in ClosedBy if one == cause), None)
    occurrence = alert_occurrence(device_id, alert, None, closed_by)
    if occurrence is None or not is_time(ended_at):
        return None
    return replace(occurrence, ended_at=ended_at)


def restored_alerts(data: Mapping[str, Any]) -> Alerts:
    """Return the stored alerts."""
    names, items = data.get("subsystems"), data.get("alerts")
    read = [_alert(item) for item in some(items)]
    active = {alert.subsystem: alert for alert in read if alert is not None}
    subsystems = tuple(dict.fromkeys([*filter(is_name, some(names)), *active]))
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
    worsened_at = _time(item, "worsened_at", raised_at)
    return ActiveAlert(
        subsystem=alert.subsystem,
        severity=alert.severity,
        message=alert.message,
        updated_at=updated_at,
        # It may have been cleared while Home Assistant did not run.
        confirmed=False,
        acknowledged=item.get("acknowledged") is True,
        acknowledged_by=acknowledged_by if is_user(acknowledged_by) else None,
        acknowledged_at=_time(item, "acknowledged_at", None),
        note=note if is_note(note) else "",
        raised_at=raised_at,
        worsened_at=worsened_at,
        critical_at=_critical_at(item, alert.severity, worsened_at),
        announced=next(
            (severity for severity in Severity if severity.name == announced),
            Severity.OK,
        ),
        suppressed=item.get("suppressed") is True,
    )


def _critical_at(
    item: Mapping[str, Any], severity: Severity, default: datetime
) -> datetime | None:
    """Return since when a stored alert is critical."""
    if severity < Severity.CRITICAL:
        return None
    return _time(item, "critical_at", default)


def _marked(
    items: object, read: Iterable[ActiveAlert | None], mark: str
) -> frozenset[str]:
    """Return the subsystems whose stored alerts have a mark."""
    marked = frozenset(
        alert.subsystem
        for item, alert in zip(some(items), read, strict=True)
        if alert is not None and item.get(mark) is True
    )
    return marked or _NO_SUBSYSTEMS


def _time[T](item: Mapping[str, Any], name: str, default: T) -> datetime | T:
    """Return a stored time, or the default."""
    value = item.get(name)
    return datetime.fromtimestamp(value, UTC) if is_time(value) else default


def _closed_by(data: object, subsystems: set[str]) -> dict[str, ClosedBy]:
    """Return what closed the last alerts of some subsystems."""
    if not isinstance(data, dict):
        return {}
    return {
        subsystem: ClosedBy(cause)
        for subsystem, cause in data.items()
        if subsystem in subsystems and cause in ClosedBy
    }
