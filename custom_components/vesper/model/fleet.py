"""Sum up a fleet without looking through it."""

from collections import Counter

from .device import Device
from .severity import Severity

type _Standing = tuple[bool | None, Severity]


class Fleet:
    """How many devices stand how: kept up by each change, read at no cost."""

    def __init__(self) -> None:
        """Start with no device."""
        self._standing: dict[str, _Standing] = {}
        self._tally: Counter[_Standing] = Counter()

    def update(self, device: Device) -> bool:
        """Count a device as it stands now, and tell whether it stood otherwise."""
        standing = (device.online, device.alerts.severity)
        if self._standing.get(device.device_id) == standing:
            return False
        self.discard(device.device_id)
        self._standing[device.device_id] = standing
        self._tally[standing] += 1
        return True

    def discard(self, device_id: str) -> None:
        """Count a device no longer."""
        if (standing := self._standing.pop(device_id, None)) is not None:
            self._tally[standing] -= 1
            if not self._tally[standing]:
                del self._tally[standing]

    @property
    def devices(self) -> int:
        """Return how many devices are known."""
        return len(self._standing)

    @property
    def online(self) -> int:
        """Return how many devices are online."""
        return sum(count for (online, _), count in self._tally.items() if online)

    @property
    def with_alerts(self) -> int:
        """Return how many devices have an active alert."""
        return sum(count for (_, severity), count in self._tally.items() if severity)

    @property
    def severity(self) -> Severity:
        """Return the severity of the worst active alert of all."""
        return max((severity for _, severity in self._tally), default=Severity.OK)
