"""Run automations for occurrences of targeted devices."""

from abc import abstractmethod
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from time import time
from typing import Any, ClassVar, Final, cast, override

import voluptuous as vol

from homeassistant.const import CONF_FOR, CONF_OPTIONS, CONF_TARGET
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import (
    area_registry as ar,
    config_validation as cv,
    device_registry as dr,
)
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.trigger import (
    NotTriggeredInfo,
    Trigger,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)
from homeassistant.helpers.typing import ConfigType
from homeassistant.util import dt as dt_util

from ..model.device import Device
from ..model.occurrence import Occurrence, OccurrenceKind
from .alert_options import CONF_FLAPPING
from .occurrences import SIGNAL_OCCURRENCE, PublishedOccurrence
from .targets import Target, find

type _Key = tuple[str, str | None]
"""A device by its id in the registry, and the subsystem of an alert."""

FOR_OPTION: dict[vol.Marker, Any] = {vol.Optional(CONF_FOR): cv.positive_time_period}

#: The variables that are times.
_TIMES: Final = {"ended_at", "last_seen", "offline_since", "raised_at"}


def target_schema(options: dict[vol.Marker, Any]) -> vol.Schema:
    """Return the schema of a trigger with these options."""
    return vol.Schema(
        {
            vol.Required(CONF_TARGET): cv.TARGET_FIELDS,
            vol.Required(CONF_OPTIONS, default={}): options,
        }
    )


def _shown(variable: str, value: Any) -> Any:
    """Return a value for templates: a time for seconds."""
    if variable in _TIMES and value is not None:
        return dt_util.utc_from_timestamp(value)
    return value


class VesperTrigger(Trigger):
    """Trigger on an occurrence of a targeted device.

    Occurrences, not states: those change too when the entry is reloaded or the broker
    link is lost. So a trigger neither needs a loaded entry nor ends with it.
    """

    kind: ClassVar[OccurrenceKind]
    _schema: ClassVar[vol.Schema] = target_schema({})
    _variables: ClassVar[tuple[str, ...]] = ("from_state", "to_state")
    """The fields of the occurrence that are trigger variables."""

    @classmethod
    @override
    async def async_validate_config(
        cls, hass: HomeAssistant, config: ConfigType
    ) -> ConfigType:
        """Validate config."""
        return cast("ConfigType", cls._schema(config))

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Set the options and the target."""
        super().__init__(hass, config)
        self._options = config.options or {}
        self._target = Target(hass, config.target or {})

    @override
    async def async_attach_runner(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None = None,
    ) -> CALLBACK_TYPE:
        """Attach; returns what detaches."""
        stop_tracking = self._target.async_track()
        disconnect = async_dispatcher_connect(
            self._hass,
            SIGNAL_OCCURRENCE,
            partial(self._async_occurred, run_action, did_not_trigger),
        )

        @callback
        def async_detach() -> None:
            """Detach."""
            disconnect()
            stop_tracking()

        return async_detach

    @callback
    def _async_occurred(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None,
        published: PublishedOccurrence,
    ) -> None:
        """Run the action if the occurrence matches."""
        occurrence, registry_id = published.occurrence, published.registry_id
        if (
            occurrence.kind is not self.kind
            or self._is_left_out(occurrence)
            or not self._matches(occurrence)
            or not self._is_targeted(registry_id)
        ):
            return
        if not published.suppressed:
            self._async_run(run_action, published)
        elif did_not_trigger is not None:
            did_not_trigger(NotTriggeredInfo("suppressed", {"device_id": registry_id}))

    def _is_left_out(self, occurrence: Occurrence) -> bool:
        """Return whether an occurrence is for other triggers.

        Those that want each change of an alert that flaps do not need to know when it
        no longer does.
        """
        if self._options.get(CONF_FLAPPING):
            return occurrence.settled
        return occurrence.held

    def _is_targeted(self, registry_id: str) -> bool:
        """Return whether a device is in the target."""
        return registry_id in self._target.device_ids

    def _matches(self, _occurrence: Occurrence) -> bool:
        """Return whether an occurrence matches the options."""
        return True

    @callback
    def _async_run(
        self, run_action: TriggerActionRunner, published: PublishedOccurrence
    ) -> None:
        """Run the action, unless the device was removed."""
        occurrence, registry_id = published.occurrence, published.registry_id
        if (device := dr.async_get(self._hass).async_get(registry_id)) is None:
            return
        name = device.name_by_user or device.name
        area_id = device.area_id
        area = ar.async_get(self._hass).async_get_area(area_id) if area_id else None
        run_action(
            {
                "device_id": registry_id,
                "vesper_id": occurrence.device_id,
                "name": name,
                "area": area.name if area else None,
                "unstable": list(published.unstable),
                **{
                    variable: _shown(variable, getattr(occurrence, variable))
                    for variable in self._variables
                },
            },
            f"{self.kind.replace('_', ' ')}: {name}",
            published.context,
        )


class LastingTrigger(VesperTrigger):
    """Trigger on an occurrence that lasts for a time.

    Only a timer waits, no run of the automation: of those there is a limited number.
    """

    _opposite: ClassVar[OccurrenceKind]

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Set how long it has to last."""
        super().__init__(hass, config)
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
        def async_detach() -> None:
            """Detach and cancel the timers."""
            detach()
            for key in tuple(self._pending):
                self._async_cancel(key)
            self._due.clear()

        return async_detach

    @callback
    def _async_cancel(self, key: _Key) -> None:
        """Cancel the timer of a device or subsystem."""
        cancel, _ = self._pending.pop(key)
        cancel()

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
        key = published.registry_id, occurrence.subsystem
        if occurrence.kind in (self.kind, self._opposite):
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
        run = partial(super()._async_run, run_action)
        if not self._duration:
            run(published)
            return
        occurrence = published.occurrence
        key = published.registry_id, occurrence.subsystem

        @callback
        def async_elapsed(_now: datetime) -> None:
            """Run the action, unless it is over."""
            del self._pending[key]
            current = self._current(published.registry_id, occurrence)
            if current is not None:
                run(replace(published, occurrence=current))
            elif self._is_interrupted(published.registry_id, occurrence):
                self._due[key] = published

        timer = async_call_later(self._hass, self._duration, async_elapsed)
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

    def _may_return(self, _device: Device, _occurrence: Occurrence) -> bool:
        """Return whether an occurrence that is over may return."""
        return False

    @abstractmethod
    def _of(self, device: Device, occurrence: Occurrence) -> Occurrence | None:
        """Return the occurrence as the device shows it.

        None if it is over.
        """
