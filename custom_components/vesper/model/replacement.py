"""Move the state of a replaced device.

What is known of the hardware, such as telemetry and playback, is that of the new one.
"""

from dataclasses import replace

from .active_alert import ActiveAlert
from .alerts import MAX_ACTIVE, MAX_SUBSYSTEMS, Alerts
from .device import Device
from .occurrence import Occurrence, alert_occurrence


def take_over(new: Device, old: Device) -> list[str]:
    """Move the state of an offline device.

    Return the subsystems that have no sensor any more.
    """
    new.availability.merge(old.availability)
    # If triggers know that the old one went offline, the new one came online.
    new.was_online = old.was_online
    # What was lost with most others was reported with them.
    new.offline_since = None if old.outage_since else old.offline_since
    if (old.maintenance_until or 0) > (new.maintenance_until or 0):
        new.maintenance_until = old.maintenance_until
        new.maintenance_by = old.maintenance_by
    ended = _move_alerts(new.alerts, old.alerts)
    occurrences = [alert_occurrence(new.device_id, alert, None) for alert in ended]
    new.occurrences += tuple(one for one in occurrences if one is not None)
    new.occurrences += tuple(_held_ends(new, old))
    return _merge_subsystems(new.alerts, old.alerts)


def _move_alerts(new: Alerts, old: Alerts) -> list[ActiveAlert]:
    """Move the active alerts; return those that are over.

    As after a restart, the device raises them again or they are closed in the end.
    """
    ended = []
    for subsystem, alert in old.active.items():
        if (known := new.active.get(subsystem)) is not None:
            new.active[subsystem] = _continued(known, alert)
        elif subsystem in set(new.subsystems) - new.unknown:
            ended.append(alert)
        elif len(new.active) < MAX_ACTIVE:
            new.active[subsystem] = replace(alert, confirmed=False)
            new.unconfirmed_since_restart |= {subsystem}
        else:
            new.further = max(new.further, alert.severity)
    return ended


def _continued(alert: ActiveAlert, before: ActiveAlert) -> ActiveAlert:
    """Return an alert that the other device had before."""
    alert = replace(
        alert,
        raised_at=before.raised_at,
        critical_at=alert.critical_at and (before.critical_at or alert.critical_at),
        announced=max(alert.announced, before.announced),
    )
    # An acknowledgement holds until the alert gets worse.
    if alert.acknowledged or alert.severity > before.severity:
        return alert
    return replace(
        alert,
        acknowledged=before.acknowledged,
        acknowledged_by=before.acknowledged_by,
        acknowledged_at=before.acknowledged_at,
        note=before.note,
        worsened_at=before.worsened_at,
    )


def _merge_subsystems(new: Alerts, old: Alerts) -> list[str]:
    """Merge the subsystems, and return those beyond the limit."""
    names = dict.fromkeys([*old.subsystems, *new.subsystems, *new.active])
    # Those that are OK stay in the order in which they became so.
    ordered = sorted(names, key=lambda name: name not in new.active)
    unknown = new.unknown | (old.unknown - set(new.subsystems))
    new.subsystems = tuple(ordered[:MAX_SUBSYSTEMS])
    new.unknown = frozenset((unknown & set(new.subsystems)) - new.active.keys())
    new.closed_by = {
        name: cause
        for name, cause in {**old.closed_by, **new.closed_by}.items()
        if name in new.subsystems and name not in new.active
    }
    return ordered[MAX_SUBSYSTEMS:]


def _held_ends(new: Device, old: Device) -> list[Occurrence]:
    """Return the held ends of alerts that are over.

    What flapped was the old device.
    """
    return [
        replace(held.occurrence, device_id=new.device_id, held=False, settled=True)
        for subsystem, held in (old.stability.held if old.stability else {}).items()
        if subsystem not in new.alerts.active
    ]
