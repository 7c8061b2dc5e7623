"""Sum up a fleet without looking through it."""

from collections import Counter

from ..protocol.severity import Severity
from .device import Device

type _Standing = tuple[bool | None, Severity, bool]


class Fleet:
    """How many devices stand how: kept up by each change, read at no cost.

    The alerts of a device that somebody works on do not count.
    """

    def __init__(self) -> None:
        """Start with no device."""
        self._standing: dict[str, _Standing] = {}
        self._tally: Counter[_Standing] = Counter()
        self._ways: dict[_Standing, _Standing] = {}

    def update(self, device: Device) -> bool:
        """Count a device as it stands now, and tell whether it stood otherwise."""
        in_maintenance = device.in_maintenance
        severity = Severity.OK if in_maintenance else device.alerts.severity
        standing = (device.online, severity, in_maintenance)
        if self._standing.get(device.device_id) == standing:
            return False
        self.discard(device.device_id)
        # One object for all that stand the same.
        self._standing[device.device_id] = self._ways.setdefault(standing, standing)
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
        return sum(count for (online, *_), count in self._tally.items() if online)

    @property
    def online_for_use(self) -> int:
        """Return how many devices are online that nobody works on."""
        return sum(
            count
            for (online, _, in_maintenance), count in self._tally.items()
            if online and not in_maintenance
        )

    @property
    def with_alerts(self) -> int:
        """Return how many devices have an active alert."""
        return sum(count for (_, severity, _), count in self._tally.items() if severity)

    @property
    def severity(self) -> Severity:
        """Return the severity of the worst active alert of all."""
        return max((severity for _, severity, _ in self._tally), default=Severity.OK)
