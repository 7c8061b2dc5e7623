"""Sum up what has come from all devices, and how much of it in a minute."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_track_time_interval

from ..model.device import Device
from ..model.message_log import Received
from ..protocol.messages import FaultKind
from .chunks import async_work_off

MINUTE = timedelta(minutes=1)

type Faults = Counter[tuple[str, str, FaultKind]]


class Traffic:
    """The messages of all devices, summed up when asked: no message pays for it."""

    def __init__(
        self, hass: HomeAssistant, devices: Mapping[str, Device], stray_faults: Faults
    ) -> None:
        """Take the devices, which may come and go, and the faults of who is none."""
        self._hass = hass
        self._devices = devices
        self._stray_faults = stray_faults
        self._before: dict[Received, int] = {}
        self._last_minute: int | None = None

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Look once a minute from now on, until the returned function is called."""
        return async_track_time_interval(self._hass, self._async_look, MINUTE)

    @property
    def per_minute(self) -> int:
        """Return how many came in the last whole minute, before that since the start.

        Those of the devices that are there: what is nobody's is not counted.
        """
        return self._new() if self._last_minute is None else self._last_minute

    @property
    def malformed(self) -> Counter[FaultKind]:
        """Return how often each kind of thing was wrong, with messages of anybody."""
        kinds = malformed(self._stray_faults)
        for device in self._devices.values():
            kinds.update(malformed(device.faults))
        return kinds

    @callback
    def _async_look(self, _now: datetime) -> None:
        """Look at all devices, in slices."""
        async_work_off(self._hass, self._look(tuple(self._devices.values())))

    def _look(self, devices: Iterable[Device]) -> Iterator[None]:
        """Look at one device at each step, and note then how many have come by now."""
        new, totals = 0, dict[Received, int]()
        for device in devices:
            received = device.received
            total = totals[received] = received.total
            new += total - self._before.get(received, 0)
            yield
        self._last_minute, self._before = new, totals

    def _new(self) -> int:
        """Return how many have come since the last look."""
        return sum(
            device.received.total - self._before.get(device.received, 0)
            for device in self._devices.values()
        )


def malformed(faults: Faults) -> Counter[FaultKind]:
    """Return how often each kind of thing was wrong.

    A message of the past is well formed: see `ignored`.
    """
    kinds = Counter[FaultKind]()
    for (_, _, kind), count in faults.items():
        if kind is not FaultKind.RETAINED:
            kinds[kind] += count
    return kinds


def ignored(faults: Faults) -> int:
    """Return how many messages had no effect because the broker had kept them."""
    return sum(
        count for (_, _, kind), count in faults.items() if kind is FaultKind.RETAINED
    )
