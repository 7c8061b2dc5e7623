"""Report what happened in maintenance after it.

Each is reported once, also over a restart of Home Assistant.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from .device_state import DeviceState
from .occurrence import Occurrence, alert_occurrence, connectivity_occurrence


def postponed_alerts(device: DeviceState) -> Iterator[Occurrence]:
    """Yield the raised alerts of which no user knows.

    They are marked as announced.
    """
    active = device.alerts.active
    for alert in [alert for alert in active.values() if alert.suppressed]:
        announced = max(alert.announced, alert.severity)
        active[alert.subsystem] = replace(alert, suppressed=False, announced=announced)
        if alert.acknowledged:
            continue
        known = replace(alert, severity=alert.announced) if alert.announced else None
        occurrence = alert_occurrence(device.device_id, known, alert)
        if occurrence is not None:
            yield replace(occurrence, postponed=True)


def postponed_ends(device: DeviceState) -> Iterator[Occurrence]:
    """Yield what is over, if triggers knew of it."""
    announced = device.announced
    over, announced.over = announced.over, {}
    for name, occurrence in over.items():
        if device.was_online if name == "" else name not in device.alerts.active:
            yield replace(
                occurrence,
                postponed=True,
                maintenance_since=announced.maintenance_since,
            )


def postponed_offline(device: DeviceState) -> Iterator[Occurrence]:
    """Yield that it went offline, if it still is.

    After a restart of Home Assistant this is known only after a timeout.
    """
    if device.online is not False or device.suppressed_offline_since is None:
        return
    device.offline_since = device.suppressed_offline_since
    device.suppressed_offline_since = None
    occurrence = connectivity_occurrence(
        device.device_id, before=True, after=False, last_seen=device.last_seen
    )
    if TYPE_CHECKING:
        assert occurrence is not None
    yield replace(occurrence, postponed=True)
