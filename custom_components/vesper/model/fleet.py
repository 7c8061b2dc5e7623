"""Count the devices of a fleet by status."""

from collections import Counter
from typing import NamedTuple

from ..protocol.severity import Severity
from .device import Device

#: The health of a fleet with an offline device, unless an alert is worse.
OFFLINE = "offline"


class _Status(NamedTuple):
    """The status by which a device is counted.

    In maintenance, its alerts do not count.
    """

    online: bool | None
    severity: Severity
    in_maintenance: bool


class Fleet:
    """The number of devices with each status."""

    def __init__(self) -> None:
        """Start without devices."""
        self._status: dict[str, _Status] = {}
        self._counts: Counter[_Status] = Counter()

    def update(self, device: Device) -> bool:
        """Count a device, and return whether its status changed.

        One that is disabled does not count.
        """
        if device.disabled:
            was_counted = device.device_id in self._status
            self.discard(device.device_id)
            return was_counted
        in_maintenance = device.in_maintenance
        severity = Severity.OK if in_maintenance else device.alerts.severity
        status = _Status(device.online, severity, in_maintenance)
        if self._status.get(device.device_id) == status:
            return False
        self.discard(device.device_id)
        self._status[device.device_id] = status
        self._counts[status] += 1
        return True

    def discard(self, device_id: str) -> None:
        """Stop counting a device."""
        if (status := self._status.pop(device_id, None)) is not None:
            self._counts[status] -= 1
            if not self._counts[status]:
                del self._counts[status]

    @property
    def devices(self) -> int:
        """Return how many devices are known."""
        return len(self._status)

    @property
    def online(self) -> int:
        """Return how many devices are online."""
        return sum(count for status, count in self._counts.items() if status.online)

    @property
    def online_in_use(self) -> int:
        """Return how many devices outside maintenance are online."""
        return sum(
            count
            for status, count in self._counts.items()
            if status.online and not status.in_maintenance
        )

    @property
    def offline(self) -> int:
        """Return how many devices outside maintenance are offline."""
        return sum(
            count
            for status, count in self._counts.items()
            if status.online is False and not status.in_maintenance
        )

    @property
    def health(self) -> str:
        """Return the worst severity or `offline`.

        `offline` ranks between a warning and a critical alert.
        """
        severity = self.severity
        return (
            OFFLINE if self.offline and severity <= Severity.WARNING else severity.key
        )

    @property
    def with_alerts(self) -> int:
        """Return how many devices have an active alert."""
        return sum(count for status, count in self._counts.items() if status.severity)

    @property
    def severity(self) -> Severity:
        """Return the worst severity of all active alerts."""
        return max((status.severity for status in self._counts), default=Severity.OK)
