"""Keep when devices time out (docs/liveness.md, "Online")."""

from collections.abc import Iterable


class Deadlines:
    """The monitored devices, and when each times out.

    Times are seconds of a monotonic clock, so a jump of the wall clock neither causes
    nor hides an outage. Finding the due ones scans all devices: 1 ms for 10,000.
    """

    def __init__(self, timeout: float) -> None:
        """Set the common timeout, in seconds."""
        self.timeout = timeout
        self._deadlines: dict[str, float] = {}
        self._timeouts: dict[str, float] = {}
        """The timeouts of devices with a slower rhythm, in seconds."""

    def __len__(self) -> int:
        """Return how many devices are monitored."""
        return len(self._deadlines)

    def __contains__(self, device_id: str) -> bool:
        """Return whether a device is monitored."""
        return device_id in self._deadlines

    def touch(self, device_id: str, now: float) -> None:
        """Give a device a new, full timeout."""
        timeout = self._timeouts.get(device_id, self.timeout)
        self._deadlines[device_id] = now + timeout

    def set_timeout(self, device_id: str, timeout: float) -> None:
        """Set the timeout of a device.

        It applies from the next `touch` on. A timeout below the common one is ignored.
        """
        if timeout > self.timeout:
            self._timeouts[device_id] = timeout
        else:
            self._timeouts.pop(device_id, None)

    def reset(self, device_ids: Iterable[str], now: float) -> None:
        """Monitor exactly these devices, each with its full timeout."""
        self._deadlines.clear()
        for device_id in device_ids:
            self.touch(device_id, now)

    def discard(self, device_id: str) -> None:
        """Stop monitoring a device and forget its timeout."""
        self._deadlines.pop(device_id, None)
        self._timeouts.pop(device_id, None)

    def due(self, now: float) -> list[str]:
        """Return the timed-out devices, the earliest first."""
        due = [
            (deadline, device_id)
            for device_id, deadline in self._deadlines.items()
            if deadline <= now
        ]
        return [device_id for _, device_id in sorted(due)]

    def pop(self, device_id: str, now: float) -> bool:
        """Stop monitoring a device that has timed out.

        Return False if it has not.
        """
        if self._deadlines.get(device_id, now + 1) > now:
            return False
        del self._deadlines[device_id]
        return True

    @property
    def next_deadline(self) -> float | None:
        """Return when the next device times out, if any."""
        return min(self._deadlines.values(), default=None)
