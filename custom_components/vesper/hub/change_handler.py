"""Handle changes of devices: follow up, notify, publish."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from time import monotonic, time

from homeassistant.core import Context, HomeAssistant, callback

from ..const import LOGGER
from ..model.change import Change
from ..model.device import Device
from ..model.fleet import Fleet
from ..model.occurrence import OccurrenceKind
from .chunks import async_in_chunks
from .health_checks import HealthChecks
from .insight import update_availability
from .issues import Issues
from .listeners import Listeners
from .occurrences import Occurrences
from .outage_monitor import OutageMonitor
from .registry import DeviceRegistry
from .stability_monitor import StabilityMonitor
from .store import SAVED_AT_ONCE, SAVED_KINDS, Saver

type DeviceStep = Callable[[Device], Change]

#: In seconds: a device in a restart loop is logged at most this often.
RESTART_LOG_INTERVAL = 600

#: The changes that may change how a device counts in the fleet.
_STATUS = Change.CONNECTIVITY | Change.DISABLED | Change.MAINTENANCE | Change.SEVERITY


class ChangeHandler:
    """The one handler of all changes of devices."""

    def __init__(  # noqa: PLR0913  # all that can follow
        self,
        hass: HomeAssistant,
        devices: Mapping[str, Device],
        *,
        fleet: Fleet,
        health_checks: HealthChecks,
        issues: Issues,
        listeners: Listeners,
        occurrences: Occurrences,
        outages: OutageMonitor,
        registry: DeviceRegistry,
        saver: Saver,
    ) -> None:
        """Set the devices and what follows up their changes."""
        self._hass = hass
        self._devices = devices
        self._fleet = fleet
        self._listeners = listeners
        self._occurrences = occurrences
        self._outages = outages
        self._registry = registry
        self._saver = saver
        self._stability = StabilityMonitor(hass, devices, self.async_change)
        self._closed = False
        self._restart_logged: dict[str, float] = {}
        self._follow_ups: tuple[tuple[Change, Callable[[Device], object]], ...] = (
            (
                Change.CONNECTIVITY | Change.DISABLED | Change.MAINTENANCE,
                update_availability,
            ),
            (
                Change.CAME_ONLINE,
                outages.async_came_online,
            ),
            (
                # Alerts may have been missed before.
                Change.CONTACT | Change.HEALTH_CHECK_DUE,
                lambda device: (
                    device.link_up
                    and not device.disabled
                    and health_checks.async_add(device.device_id)
                ),
            ),
            (
                Change.DISABLED,
                lambda device: (
                    device.disabled and health_checks.async_discard(device.device_id)
                ),
            ),
            (Change.RESTART, self._log_restart),
            (
                Change.RESTART | Change.ALERT_LOST | Change.DISABLED | Change.UNSTABLE,
                issues.async_check,
            ),
            (Change.ALERT_CLOSED, _log_closed),
            (
                Change.MAINTENANCE | Change.DISABLED,
                lambda device: (
                    (device.in_maintenance or device.disabled)
                    and outages.async_discard(device.device_id)
                ),
            ),
            (SAVED_AT_ONCE, lambda device: saver.async_save_soon(device.device_id)),
            (Change.FIRMWARE, registry.async_register),
        )

    @callback
    def async_close(self) -> None:
        """Handle no more changes."""
        self._closed = True
        self._stability.async_close()

    @callback
    def async_restore(self, device: Device) -> None:
        """Handle a device that was restored or added."""
        update_availability(device)
        self._stability.async_restore(device)

    @callback
    def async_discard(self, device_id: str) -> None:
        """Forget a device that was removed."""
        self._restart_logged.pop(device_id, None)

    @callback
    def async_set_disabled(self, device_id: str, disabled: bool) -> None:  # noqa: FBT001
        """Handle that a device was disabled or enabled."""
        if (device := self._devices.get(device_id)) is not None:
            self.async_handle(device, device.set_disabled(disabled=disabled))

    @callback
    def async_handle(
        self, device: Device, change: Change, context: Context | None = None
    ) -> None:
        """Follow up a change, notify listeners and publish occurrences.

        The context is that of the action which made the change, if one did.
        """
        for changes, follow_up in self._follow_ups:
            if change & changes:
                follow_up(device)
        if change & _STATUS and self._fleet.update(device):
            self._listeners.async_notify_fleet()
        self._listeners.async_notify(device, change, context)
        if device.occurrences:
            self._async_publish(device, context)

    @callback
    def async_change(
        self,
        devices: Iterable[Device],
        step: DeviceStep,
        context: Context | None = None,
    ) -> asyncio.Task[None]:
        """Change devices in chunks, the first at once."""
        return self._hass.async_create_task(
            self._async_change(tuple(devices), step, context),
            "Vesper change of devices",
        )

    async def _async_change(
        self, devices: Iterable[Device], step: DeviceStep, context: Context | None
    ) -> None:
        """Change each device and handle the change."""
        async for device in async_in_chunks(devices):
            # Both may have changed since the last chunk.
            if not self._closed and self._devices.get(device.device_id) is device:
                self.async_handle(device, step(device), context)

    @callback
    def _async_publish(self, device: Device, context: Context | None) -> None:
        """Publish what happened to a device.

        Its entities show it already.
        """
        occurrences, device.occurrences = device.occurrences, ()
        if device.disabled:
            return
        registry_id = self._registry.async_entry(device).id
        suppressed = device.is_suppressed(time())
        was_unstable = device.unstable
        for occurrence in occurrences:
            if occurrence.kind is OccurrenceKind.ALERT_CLEARED:
                # While it is held, time passes.
                ended_at = occurrence.ended_at or time()
                occurrence = replace(occurrence, ended_at=ended_at)  # noqa: PLW2901
                if not device.alerts.active:
                    device.healthy_since = ended_at
            published = self._stability.async_record(
                device, occurrence, suppressed=suppressed
            )
            device.announced.record(published, time(), suppressed=suppressed)
            if occurrence.postponed and occurrence.kind is OccurrenceKind.WENT_OFFLINE:
                self._outages.async_maintenance_ended(device.device_id)
            # What triggers know of an alert is also stored.
            if (
                occurrence.kind in SAVED_KINDS
                or occurrence.settled
                or device.stability is not None
            ):
                self._saver.async_save_soon(device.device_id)
            self._occurrences.async_publish(
                registry_id,
                published,
                suppressed=suppressed,
                context=context,
                unstable=tuple(device.unstable),
            )
        if device.unstable != was_unstable:
            device.announce_unstable()
            self.async_handle(device, Change.UNSTABLE)

    def _log_restart(self, device: Device) -> None:
        """Log a restart, unless another was shortly before."""
        if device.disabled:
            return
        now = monotonic()
        last = self._restart_logged.get(device.device_id)
        self._restart_logged[device.device_id] = now
        if last is None or now - last >= RESTART_LOG_INTERVAL:
            LOGGER.info("Device %s has restarted", device.device_id)


def _log_closed(device: Device) -> None:
    """Log closed alerts that the device did not clear."""
    subsystems = [alert.subsystem for alert in device.alerts.last_closed]
    LOGGER.info(
        "Alerts of device %s are closed by %s, not by the device: %s",
        device.device_id,
        device.alerts.closed_by[subsystems[0]],
        ", ".join(subsystems),
    )
