"""Run automations for occurrences that last."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from time import time
from typing import Any, ClassVar, Final, override

import voluptuous as vol

from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    ConfigEntry,
    ConfigEntryChange,
    ConfigEntryState,
)
from homeassistant.const import CONF_FOR
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.trigger import (
    ATTR_BEHAVIOR,
    BEHAVIOR_ALL,
    BEHAVIOR_EACH,
    BEHAVIOR_FIRST,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)

from ..const import DOMAIN
from ..model.device import Device
from ..model.occurrence import Occurrence, OccurrenceKind
from .hub import VesperHub
from .occurrences import PublishedOccurrence
from .targets import find
from .trigger_base import VesperTrigger

type _Key = tuple[str, str | None]
"""A device by its id in the registry, and the subsystem of an alert."""

#: The key of what is true for the first device, or for all.
_COMBINED: Final[_Key] = ("", None)

LASTING_OPTIONS: dict[vol.Marker, Any] = {
    vol.Required(ATTR_BEHAVIOR, default=BEHAVIOR_EACH): vol.In(
        [BEHAVIOR_EACH, BEHAVIOR_FIRST, BEHAVIOR_ALL]
    ),
    vol.Optional(CONF_FOR): cv.positive_time_period,
}


class LastingTrigger(VesperTrigger):
    """Trigger on an occurrence that lasts for a time.

    Only a timer waits, no run of the automation: of those there is a limited number.
    What began before the trigger was attached goes on, as devices know since when.
    """

    _opposite: ClassVar[OccurrenceKind]

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Set how long, and for how many devices."""
        super().__init__(hass, config)
        self._behavior: str = self._options.get(ATTR_BEHAVIOR, BEHAVIOR_EACH)
        self._duration: timedelta | None = self._options.get(CONF_FOR)
        self._pending: dict[_Key, tuple[CALLBACK_TYPE, Occurrence]] = {}
        """The timers, and what has happened."""
        self._due: dict[_Key, PublishedOccurrence] = {}
        """What has lasted, but is interrupted at present."""

    @override
    async def async_attach_runner(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None = None,
    ) -> CALLBACK_TYPE:
        """Attach; returns what detaches."""
        detach = await super().async_attach_runner(run_action, did_not_trigger)

        @callback
        def async_entry_changed(_change: ConfigEntryChange, entry: ConfigEntry) -> None:
            """Resume once an entry is loaded."""
            if entry.domain == DOMAIN and entry.state is ConfigEntryState.LOADED:
                self._async_resume(run_action)

        disconnect = async_dispatcher_connect(
            self._hass, SIGNAL_CONFIG_ENTRY_CHANGED, async_entry_changed
        )
        self._async_resume(run_action)

        @callback
        def async_detach() -> None:
            """Detach and cancel the timers."""
            detach()
            disconnect()
            for key in tuple(self._pending):
                self._async_cancel(key)
            self._due.clear()

        return async_detach

    @callback
    def _async_cancel(self, key: _Key) -> None:
        """Cancel a timer."""
        cancel, _ = self._pending.pop(key)
        cancel()

    def _key(self, registry_id: str, occurrence: Occurrence) -> _Key:
        """Return the key of an occurrence."""
        if self._behavior == BEHAVIOR_EACH:
            return registry_id, occurrence.subsystem
        return _COMBINED

    @callback
    def _async_resume(self, run_action: TriggerActionRunner) -> None:
        """Start the timers of what began before."""
        if not self._duration:
            return
        begun = [
            (
                since,
                hub,
                PublishedOccurrence(
                    registry_id=registry_id,
                    occurrence=occurrence,
                    suppressed=False,
                    context=None,
                    unstable=tuple(device.unstable),
                ),
            )
            for registry_id, hub, device in self._devices()
            for occurrence, since in self._begun(device)
        ]
        if self._behavior != BEHAVIOR_EACH:
            if not begun or not self._holds():
                return
            choose = min if self._behavior == BEHAVIOR_FIRST else max
            begun = [choose(begun, key=lambda one: one[0])]
        for since, hub, published in begun:
            key = self._key(published.registry_id, published.occurrence)
            deadline = since + self._duration.total_seconds()
            # What has lasted long enough was reported, if Home Assistant was running.
            if key not in self._pending.keys() | self._due.keys() and (
                deadline > time() or hub.downtime.is_missed(deadline)
            ):
                self._async_start_timer(run_action, published, deadline - time())

    @callback
    @override
    def _async_occurred(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None,
        published: PublishedOccurrence,
    ) -> None:
        """Start or cancel the timer.

        A suppressed occurrence can only cancel it.
        """
        occurrence = published.occurrence
        kinds = (self.kind, self._opposite)
        # After maintenance, a device counts again.
        if (
            _COMBINED in self._pending
            and occurrence.kind in (*kinds, OccurrenceKind.MAINTENANCE_ENDED)
            and not self._holds()
        ):
            self._async_cancel(_COMBINED)
        if occurrence.kind not in kinds:
            return
        key = self._key(published.registry_id, occurrence)
        if key is not _COMBINED:
            if key in self._due and self._async_returned(run_action, key, occurrence):
                return
            if self._is_left_out(occurrence):
                return
            self._due.pop(key, None)
            if key in self._pending:
                if self._lasts(self._pending[key][1], occurrence):
                    return
                self._async_cancel(key)
        super()._async_occurred(run_action, did_not_trigger, published)

    @callback
    def _async_returned(
        self, run_action: TriggerActionRunner, key: _Key, occurrence: Occurrence
    ) -> bool:
        """Run the action if it is no longer interrupted.

        Return whether it has run.
        """
        if occurrence.kind is not self.kind or not (
            occurrence.held or occurrence.settled
        ):
            return False
        due = self._due[key]
        if (current := self._current(due.registry_id, due.occurrence)) is None:
            return False
        del self._due[key]
        super()._async_run(run_action, replace(due, occurrence=current))
        return True

    def _lasts(self, _before: Occurrence, _occurrence: Occurrence) -> bool:
        """Return whether what happened before goes on."""
        return False

    @callback
    @override
    def _async_run(
        self, run_action: TriggerActionRunner, published: PublishedOccurrence
    ) -> None:
        """Run the action, after the duration if any."""
        if self._behavior != BEHAVIOR_EACH and (
            _COMBINED in self._pending
            or not self._is_new(published)
            or not self._holds(begins=True)
        ):
            return
        if self._duration:
            seconds = self._duration.total_seconds()
            self._async_start_timer(run_action, published, seconds)
        else:
            super()._async_run(run_action, published)

    @callback
    def _async_start_timer(
        self,
        run_action: TriggerActionRunner,
        published: PublishedOccurrence,
        seconds: float,
    ) -> None:
        """Run the action later, unless it is over."""
        occurrence = published.occurrence
        key = self._key(published.registry_id, occurrence)
        run = partial(super()._async_run, run_action)

        @callback
        def async_elapsed(_now: datetime) -> None:
            """Run the action, unless it is over."""
            del self._pending[key]
            if key is _COMBINED:
                if self._holds():
                    run(published)
                return
            current = self._current(published.registry_id, occurrence)
            if current is not None:
                run(replace(published, occurrence=current))
            elif self._is_interrupted(published.registry_id, occurrence):
                self._due[key] = published

        timer = async_call_later(self._hass, max(0, seconds), async_elapsed)
        self._pending[key] = timer, occurrence

    def _current(self, registry_id: str, occurrence: Occurrence) -> Occurrence | None:
        """Return the occurrence as it is by now.

        None if it is over or suppressed. While the entry is not loaded, it is taken to
        be unchanged.
        """
        if (device := self._device(registry_id)) is None:
            return occurrence
        return None if device.is_suppressed(time()) else self._of(device, occurrence)

    def _is_interrupted(self, registry_id: str, occurrence: Occurrence) -> bool:
        """Return whether what is over at present may return."""
        device = self._device(registry_id)
        return (
            device is not None
            and not device.is_suppressed(time())
            and self._may_return(device, occurrence)
        )

    def _device(self, registry_id: str) -> Device | None:
        """Return a device, None without its loaded entry."""
        registered = dr.async_get(self._hass).async_get(registry_id)
        found = find(self._hass, registered) if registered else None
        return found[1] if found else None

    def _devices(self) -> Iterator[tuple[str, VesperHub, Device]]:
        """Yield the targeted devices that are in use."""
        registry = dr.async_get(self._hass)
        for registry_id in self._target.device_ids:
            registered = registry.async_get(registry_id)
            if registered and (found := find(self._hass, registered)):
                hub, device = found
                if not device.is_suppressed(time()):
                    yield registry_id, hub, device

    def _holds(self, *, begins: bool = False) -> bool:
        """Return whether it is true for any or all.

        For the first device, it begins only while it is true for no other.
        """
        known = (
            is_so
            for *_, device in self._devices()
            if (is_so := self._is_so(device)) is not None
        )
        if self._behavior == BEHAVIOR_ALL:
            # Not if there is none.
            return next(known, False) and all(known)
        return any(known) and not (begins and any(known))

    def _is_new(self, _published: PublishedOccurrence) -> bool:
        """Return whether it was not true before."""
        return True

    def _may_return(self, _device: Device, _occurrence: Occurrence) -> bool:
        """Return whether an occurrence that is over may return."""
        return False

    def _begun(self, _device: Device) -> Iterator[tuple[Occurrence, float]]:
        """Yield what lasts, and since when.

        In seconds since 1970, and only what ran triggers when it began.
        """
        yield from ()

    @abstractmethod
    def _is_so(self, device: Device) -> bool | None:
        """Return whether it is true, None if not known."""

    def _of(self, device: Device, occurrence: Occurrence) -> Occurrence | None:
        """Return the occurrence as the device shows it.

        None if it is over.
        """
        return occurrence if self._is_so(device) else None
