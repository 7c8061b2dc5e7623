"""Follow which devices are unstable, and hold what flaps."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from time import monotonic, time

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from ..model.availability import Cause
from ..model.change import Change
from ..model.device import Device
from ..model.occurrence import Occurrence, OccurrenceKind
from ..model.stability import Stability

#: In seconds: devices that settle within this are handled together.
MIN_INTERVAL = 0.5

type SettleCallback = Callable[[Iterable[Device], Callable[[Device], Change]], object]


class StabilityMonitor:
    """Record what changes about devices.

    One timer settles all of them.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        devices: Mapping[str, Device],
        async_change: SettleCallback,
    ) -> None:
        """Set the devices, and what changes them."""
        self._hass = hass
        self._devices = devices
        self._async_change = async_change
        self._timer: CALLBACK_TYPE | None = None
        self._due = float("inf")

    @callback
    def async_close(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer()
            self._timer = None

    @callback
    def async_restore(self, device: Device) -> None:
        """Follow a restored device."""
        if device.stability is not None:
            device.stability.restart(device.alerts, time(), monotonic())
            self._async_schedule(device.stability)

    @callback
    def async_record(
        self, device: Device, occurrence: Occurrence, *, suppressed: bool
    ) -> Occurrence:
        """Record an occurrence; returns it, maybe marked as held.

        What users expect makes no device unstable, and an outage no single one.
        """
        stability = device.stability or Stability()
        if suppressed:
            if occurrence.kind is OccurrenceKind.ALERT_CLEARED:
                # Raised again, it is new.
                stability.forget(occurrence.subsystem or "")
            return occurrence
        if occurrence.postponed and occurrence.kind is OccurrenceKind.ALERT_CLEARED:
            # It was over long ago.
            stability.end(occurrence.subsystem or "")
            return occurrence
        if occurrence.settled or (
            occurrence.kind is OccurrenceKind.CAME_ONLINE
            and device.availability.last_cause is Cause.FLEET_OUTAGE
        ):
            return occurrence
        occurrence = stability.record(occurrence, monotonic())
        if occurrence.subsystem is not None:
            subsystem = occurrence.subsystem
            device.alerts.announce(subsystem, stability.announced(subsystem))
        if stability.deadline is not None:
            device.stability = stability
            self._async_schedule(stability)
        return occurrence

    @callback
    def _async_schedule(self, stability: Stability) -> None:
        """Set the timer, unless it is early enough."""
        deadline = stability.deadline
        if deadline is None or deadline >= self._due:
            return
        self.async_close()
        self._due = deadline
        self._timer = async_call_later(
            self._hass,
            max(MIN_INTERVAL, deadline - monotonic()),
            self._async_settle,
        )

    @callback
    def _async_settle(self, _now: datetime) -> None:
        """Settle the devices that are due."""
        self._timer = None
        self._due = float("inf")
        now, due = monotonic(), []
        for device in self._devices.values():
            stability = device.stability
            if stability is None or stability.deadline is None:
                continue
            if stability.deadline <= now:
                due.append(device)
            else:
                self._async_schedule(stability)
        self._async_change(due, self._settle)

    def _settle(self, device: Device) -> Change:
        """Settle a device, and schedule the rest."""
        change = device.settle(time(), monotonic())
        if device.stability is not None:
            self._async_schedule(device.stability)
        return change
