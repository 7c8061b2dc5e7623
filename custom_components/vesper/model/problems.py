"""List what is wrong in a fleet."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from ..protocol.severity import Severity
from .active_alert import ActiveAlert
from .device import Device
from .fleet import OFFLINE

#: Maximum number of problems that are listed: the worst.
MAX_LISTED = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """An active alert, or that a device is offline."""

    device: Device
    alert: ActiveAlert | None = None
    """None if the device is offline."""

    @property
    def uid(self) -> str:
        """Return its id, which no other problem has.

        No device id has a slash.
        """
        device_id = self.device.device_id
        if self.alert is None:
            return f"{device_id}/connectivity"
        return alert_uid(device_id, self.alert.subsystem)

    @property
    def status(self) -> str:
        """Return the key of its severity or `offline`."""
        return OFFLINE if self.alert is None else self.alert.severity.key

    @property
    def acknowledged(self) -> bool:
        """Return whether a user knows of it."""
        if self.alert is None:
            return self.device.offline_acknowledged
        return self.alert.acknowledged

    @property
    def since(self) -> datetime | None:
        """Return when it began, if that is known."""
        if self.alert is not None:
            return self.alert.raised_at
        last_seen = self.device.last_seen
        return None if last_seen is None else datetime.fromtimestamp(last_seen, UTC)


def alert_uid(device_id: str, subsystem: str) -> str:
    """Return the id of the problem of an alert."""
    return f"{device_id}/alert/{subsystem}"


def count_open(devices: Iterable[Device]) -> int:
    """Return how many problems are not acknowledged."""
    return sum(
        (device.online is False and not device.offline_acknowledged)
        + sum(not alert.acknowledged for alert in device.alerts.active.values())
        for device in devices
        if _counts(device)
    )


def list_problems(devices: Iterable[Device]) -> list[Problem]:
    """Return the problems that are listed.

    Those that are not acknowledged come first, of these the worst.
    """
    return sorted(_problems(devices), key=_order)[:MAX_LISTED]


def find_problem(devices: Iterable[Device], uid: str | None) -> Problem | None:
    """Return a problem, None if it is over."""
    return next((one for one in _problems(devices) if one.uid == uid), None)


def _counts(device: Device) -> bool:
    """Return whether its problems count, as for the fleet."""
    return not (device.disabled or device.in_maintenance)


def _problems(devices: Iterable[Device]) -> Iterator[Problem]:
    """Yield the problems of devices."""
    for device in filter(_counts, devices):
        if device.online is False:
            yield Problem(device=device)
        for alert in device.alerts.active.values():
            yield Problem(device=device, alert=alert)


def _order(problem: Problem) -> tuple[bool, int, bool, str, str]:
    """Return the order of a problem in the list.

    Being offline ranks between a warning and a critical alert.
    """
    alert = problem.alert
    return (
        problem.acknowledged,
        -(Severity.WARNING if alert is None else alert.severity),
        alert is not None,
        problem.device.device_id,
        "" if alert is None else alert.subsystem,
    )
