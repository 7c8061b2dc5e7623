"""Provides triggers for Vesper devices."""

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

from .const import SIGNAL_OCCURRENCE
from .hub.alert_options import (
    ALERT_OPTIONS,
    SUBSYSTEM_OPTIONS,
    is_alert_selected,
    is_subsystem_selected,
)
from .hub.targets import Target, find
from .model.occurrence import Occurrence, OccurrenceKind
from .protocol.codes import ResetReason, keys_of

CONF_REASONS: Final = "reasons"


def _target_schema(options: dict[vol.Marker, Any]) -> vol.Schema:
    """Return the schema of a trigger with a target and these options."""
    return vol.Schema(
        {
            vol.Required(CONF_TARGET): cv.TARGET_FIELDS,
            vol.Required(CONF_OPTIONS, default={}): options,
        }
    )


class VesperTrigger(Trigger):
    """Trigger on an occurrence of a device of the target.

    Occurrences, not states: those change too when the entry is reloaded or the broker
    link is lost. So a trigger neither needs a loaded entry nor ends with it.
    """

    kind: ClassVar[OccurrenceKind]
    _schema: ClassVar[vol.Schema] = _target_schema({})
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
        self._pending: dict[str, CALLBACK_TYPE] = {}

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
            """Detach and cancel the timers."""
            disconnect()
            stop_tracking()
            for registry_id in tuple(self._pending):
                self._async_cancel(registry_id)

        return async_detach

    @callback
    def _async_cancel(self, registry_id: str) -> None:
        """Cancel the timer of a device."""
        if (cancel := self._pending.pop(registry_id, None)) is not None:
            cancel()

    @callback
    def _async_occurred(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None,
        registry_id: str,
        occurrence: Occurrence,
        suppressed: bool,  # noqa: FBT001
    ) -> None:
        """Run the action if the occurrence matches."""
        if (
            occurrence.kind is not self.kind
            or not self._matches(occurrence)
            or not self._is_targeted(registry_id)
        ):
            return
        if not suppressed:
            self._async_run(run_action, registry_id, occurrence)
        elif did_not_trigger is not None:
            did_not_trigger(NotTriggeredInfo("suppressed", {"device_id": registry_id}))

    def _is_targeted(self, registry_id: str) -> bool:
        """Return whether a device of the registry is in the target."""
        return registry_id in self._target.device_ids

    def _matches(self, _occurrence: Occurrence) -> bool:
        """Return whether an occurrence of this kind matches the options."""
        return True

    @callback
    def _async_run(
        self, run_action: TriggerActionRunner, registry_id: str, occurrence: Occurrence
    ) -> None:
        """Run the action for a device, unless it was removed."""
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
                **{
                    variable: getattr(occurrence, variable)
                    for variable in self._variables
                },
            },
            f"{self.kind.replace('_', ' ')}: {name}",
        )


class AlertClearedTrigger(VesperTrigger):
    """Trigger when an active alert ends."""

    kind = OccurrenceKind.ALERT_CLEARED
    _schema = _target_schema(SUBSYSTEM_OPTIONS)
    _variables = ("subsystem", "from_state", "to_state", "message", "reason")

    @override
    def _matches(self, occurrence: Occurrence) -> bool:
        """Return whether the subsystem is selected."""
        return is_subsystem_selected(self._options, occurrence.subsystem)


class AlertRaisedTrigger(VesperTrigger):
    """Trigger when an alert is raised, or gets worse."""

    kind = OccurrenceKind.ALERT_RAISED
    _schema = _target_schema(ALERT_OPTIONS)
    _variables = ("subsystem", "from_state", "to_state", "message")

    @override
    def _matches(self, occurrence: Occurrence) -> bool:
        """Return whether the subsystem is selected, with the minimum severity."""
        return is_alert_selected(
            self._options, occurrence.subsystem, occurrence.to_state
        )


class ConnectivityTrigger(VesperTrigger):
    """Trigger when the connectivity of a device changes and stays for a time."""

    _opposite: ClassVar[OccurrenceKind]
    _schema = _target_schema({vol.Optional(CONF_FOR): cv.positive_time_period})

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Set how long it has to stay."""
        super().__init__(hass, config)
        self._duration: timedelta | None = self._options.get(CONF_FOR)

    @callback
    @override
    def _async_occurred(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None,
        registry_id: str,
        occurrence: Occurrence,
        suppressed: bool,
    ) -> None:
        """Start or cancel the timer, the latter also for a suppressed occurrence."""
        if occurrence.kind in (self.kind, self._opposite):
            self._async_cancel(registry_id)
        super()._async_occurred(
            run_action, did_not_trigger, registry_id, occurrence, suppressed
        )

    @callback
    @override
    def _async_run(
        self, run_action: TriggerActionRunner, registry_id: str, occurrence: Occurrence
    ) -> None:
        """Run the action, after the duration if there is one."""
        run = partial(super()._async_run, run_action, registry_id, occurrence)
        if not self._duration:
            run()
            return

        @callback
        def async_elapsed(_now: datetime) -> None:
            """Run the action, unless the connectivity has changed."""
            del self._pending[registry_id]
            if self._is_unchanged(registry_id):
                run()

        self._pending[registry_id] = async_call_later(
            self._hass, self._duration, async_elapsed
        )

    def _is_unchanged(self, registry_id: str) -> bool:
        """Return whether the connectivity is unchanged and not suppressed by now.

        While the entry is not loaded, it is taken to be unchanged.
        """
        registered = dr.async_get(self._hass).async_get(registry_id)
        if registered is None or (found := find(self._hass, registered)) is None:
            return True
        _, device = found
        online = self.kind is OccurrenceKind.CAME_ONLINE
        return device.was_online is online and not device.is_suppressed(time())


class CameOnlineTrigger(ConnectivityTrigger):
    """Trigger when a device that was offline is online again."""

    kind = OccurrenceKind.CAME_ONLINE
    _opposite = OccurrenceKind.WENT_OFFLINE


class FleetOutageTrigger(VesperTrigger):
    """Trigger when most devices of a fleet go offline together."""

    kind = OccurrenceKind.FLEET_OUTAGE
    _schema = vol.Schema({vol.Required(CONF_OPTIONS, default={}): {}})
    _variables = ("lost", "online_before")

    @override
    def _is_targeted(self, registry_id: str) -> bool:
        """Return True: there is one fleet."""
        return True


class RestartedTrigger(VesperTrigger):
    """Trigger when a device has restarted."""

    kind = OccurrenceKind.RESTARTED
    _schema = _target_schema(
        {
            vol.Optional(CONF_REASONS, default=[]): vol.All(
                cv.ensure_list, [vol.In(keys_of(ResetReason))]
            )
        }
    )
    _variables = ("reason",)

    @override
    def _matches(self, occurrence: Occurrence) -> bool:
        """Return whether the reason is selected; all are if none is."""
        reasons = self._options[CONF_REASONS]
        return not reasons or occurrence.reason in reasons


class StartedPlayingTrigger(VesperTrigger):
    """Trigger when a device starts to play, or plays another melody."""

    kind = OccurrenceKind.STARTED_PLAYING
    _variables = ("melody", "from_state", "to_state")


class StoppedPlayingTrigger(VesperTrigger):
    """Trigger when a device stops playing."""

    kind = OccurrenceKind.STOPPED_PLAYING
    _variables = ("melody", "from_state", "to_state", "reason")


class WentOfflineTrigger(ConnectivityTrigger):
    """Trigger when a device that was online has timed out."""

    kind = OccurrenceKind.WENT_OFFLINE
    _opposite = OccurrenceKind.CAME_ONLINE


TRIGGERS: dict[str, type[Trigger]] = {
    trigger.kind.value: trigger
    for trigger in (
        AlertClearedTrigger,
        AlertRaisedTrigger,
        CameOnlineTrigger,
        FleetOutageTrigger,
        RestartedTrigger,
        StartedPlayingTrigger,
        StoppedPlayingTrigger,
        WentOfflineTrigger,
    )
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers for Vesper devices."""
    return TRIGGERS
