"""Run automations for occurrences that last."""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from time import time
from typing import Any, ClassVar, override

import voluptuous as vol

from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    ConfigEntry,
    ConfigEntryChange,
    ConfigEntryState,
)
from homeassistant.const import CONF_FOR
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.trigger import (
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)

from ..const import DOMAIN
from ..model.occurrence import Occurrence, OccurrenceKind
from .hub import VesperConfigEntry, VesperHub
from .occurrences import PublishedOccurrence
from .trigger_base import VesperTrigger

type Key = tuple[str, str | None]
"""A device by its id in the registry, and the subsystem of an alert."""

type Begun = tuple[float, VesperHub, PublishedOccurrence]
"""Since when something lasts, in seconds since 1970, where, and what."""

FOR_OPTION: dict[vol.Marker, Any] = {vol.Optional(CONF_FOR): cv.positive_time_period}


class LastingTrigger(VesperTrigger):
    """Trigger on an occurrence that lasts for a time.

    Only a timer waits, no run of the automation: of those there is a limited number.
    What began before the trigger was attached goes on.
    """

    _opposite: ClassVar[OccurrenceKind]

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Set how long."""
        super().__init__(hass, config)
        self._duration: timedelta | None = self._options.get(CONF_FOR)
        self._pending: dict[Key, tuple[CALLBACK_TYPE, Occurrence]] = {}
        """The timers, and what has happened."""
        self._due: dict[Key, PublishedOccurrence] = {}
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
    def _async_cancel(self, key: Key) -> None:
        """Cancel a timer."""
        cancel, _ = self._pending.pop(key)
        cancel()

    def _key(self, registry_id: str, occurrence: Occurrence) -> Key:
        """Return the key of an occurrence."""
        return registry_id, occurrence.subsystem

    @callback
    def _async_resume(self, run_action: TriggerActionRunner) -> None:
        """Start the timers of what began before."""
        if not self._duration:
            return
        for since, hub, published in self._lasting():
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
        if published.occurrence.kind in (
            self.kind,
            self._opposite,
        ) and not self._async_goes_on(run_action, published):
            super()._async_occurred(run_action, did_not_trigger, published)

    @callback
    def _async_goes_on(
        self, run_action: TriggerActionRunner, published: PublishedOccurrence
    ) -> bool:
        """Cancel the timer, unless it goes on.

        Return whether it does, or whether there is nothing else to do.
        """
        occurrence = published.occurrence
        key = self._key(published.registry_id, occurrence)
        if key in self._due and self._async_returned(run_action, key, occurrence):
            return True
        if self._is_left_out(occurrence):
            return True
        self._due.pop(key, None)
        if key in self._pending:
            if self._lasts(self._pending[key][1], occurrence):
                return True
            self._async_cancel(key)
        return False

    @callback
    def _async_returned(
        self, run_action: TriggerActionRunner, key: Key, occurrence: Occurrence
    ) -> bool:
        """Run the action if it is no longer interrupted.

        Return whether it has run.
        """
        if occurrence.kind is not self.kind or not (
            occurrence.held or occurrence.settled
        ):
            return False
        due = self._due[key]
        current = self._current(due.registry_id, due.occurrence)
        if current is not None:
            del self._due[key]
            super()._async_run(run_action, replace(due, occurrence=current))
        return current is not None

    def _lasts(self, _before: Occurrence, _occurrence: Occurrence) -> bool:
        """Return whether what happened before goes on."""
        return False

    @callback
    @override
    def _async_run(
        self, run_action: TriggerActionRunner, published: PublishedOccurrence
    ) -> None:
        """Run the action, after the duration if any."""
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
            current = self._current(published.registry_id, occurrence)
            if current is not None:
                run(replace(published, occurrence=current))
                # After a crash, it would be taken to be missed until the next write.
                for hub in self._hubs():
                    hub.saver.async_write_soon()
            elif self._is_interrupted(published.registry_id, occurrence):
                self._due[key] = published

        timer = async_call_later(self._hass, max(0, seconds), async_elapsed)
        self._pending[key] = timer, occurrence

    def _hubs(self) -> list[VesperHub]:
        """Return the hubs of all fleets."""
        entries: list[VesperConfigEntry]
        entries = self._hass.config_entries.async_loaded_entries(DOMAIN)
        return [entry.runtime_data for entry in entries]

    def _is_interrupted(self, _registry_id: str, _occurrence: Occurrence) -> bool:
        """Return whether what is over at present may return."""
        return False

    @abstractmethod
    def _lasting(self) -> Iterable[Begun]:
        """Return what lasts, and since when.

        Only what ran triggers when it began.
        """

    @abstractmethod
    def _current(self, registry_id: str, occurrence: Occurrence) -> Occurrence | None:
        """Return the occurrence as it is by now.

        None if it is over or suppressed. While the entry is not loaded, it is taken to
        be unchanged.
        """
