"""Run automations for occurrences of targeted devices."""

from functools import partial
from typing import Any, ClassVar, Final, cast, override

import voluptuous as vol

from homeassistant.const import CONF_OPTIONS, CONF_TARGET
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import (
    area_registry as ar,
    config_validation as cv,
    device_registry as dr,
)
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.trigger import (
    NotTriggeredInfo,
    Trigger,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)
from homeassistant.helpers.typing import ConfigType
from homeassistant.util import dt as dt_util

from ..model.occurrence import Occurrence, OccurrenceKind
from .alert_options import CONF_FLAPPING
from .occurrences import SIGNAL_OCCURRENCE, PublishedOccurrence
from .registry import site_of
from .targets import Target

#: The variables that are times.
_TIMES: Final = {
    "critical_at",
    "ended_at",
    "last_seen",
    "maintenance_since",
    "offline_since",
    "outage_since",
    "outage_until",
    "raised_at",
    "worsened_at",
}


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
                "site": site_of(self._hass, device.config_entry_id),
                "unstable": list(published.unstable),
                **{
                    variable: _shown(variable, getattr(occurrence, variable))
                    for variable in self._variables
                },
            },
            f"{self.kind.replace('_', ' ')}: {name}",
            published.context,
        )
