"""Provides conditions for Vesper devices."""

from abc import abstractmethod
from collections.abc import Callable
from datetime import timedelta
from time import time
from typing import Any, ClassVar, Unpack, cast, override

import voluptuous as vol

from homeassistant.const import CONF_FOR, CONF_OPTIONS, CONF_TARGET
from homeassistant.core import CALLBACK_TYPE, HomeAssistant
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.condition import (
    ATTR_BEHAVIOR,
    BEHAVIOR_ALL,
    BEHAVIOR_ANY,
    Condition,
    ConditionCheckParams,
    ConditionConfig,
)
from homeassistant.helpers.typing import ConfigType

from .hub.alert_options import ALERT_OPTIONS, is_alert_selected, selected_since
from .hub.hub import VesperHub
from .hub.registry import device_id_of
from .hub.targets import Target, find
from .model.device import Device


def _target_schema(options: dict[vol.Marker, Any]) -> vol.Schema:
    """Return the schema of a condition with these options."""
    return vol.Schema(
        {
            vol.Required(CONF_TARGET): cv.TARGET_FIELDS,
            vol.Required(CONF_OPTIONS, default={}): {
                vol.Required(ATTR_BEHAVIOR, default=BEHAVIOR_ANY): vol.In(
                    [BEHAVIOR_ANY, BEHAVIOR_ALL]
                ),
                vol.Optional(CONF_FOR): cv.positive_time_period,
                **options,
            },
        }
    )


class VesperCondition(Condition):
    """Test any or all devices of the target.

    It is false for a device whose entry is not loaded, and if there is no device.
    """

    _schema: ClassVar[vol.Schema] = _target_schema({})

    @classmethod
    @override
    async def async_validate_config(
        cls, hass: HomeAssistant, config: ConfigType
    ) -> ConfigType:
        """Validate config."""
        return cast("ConfigType", cls._schema(config))

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        """Set the options and the target."""
        super().__init__(hass, config)
        self._options = config.options or {}
        self._duration: timedelta = self._options.get(CONF_FOR, timedelta())
        self._target = Target(hass, config.target or {})
        self._on_unload: list[CALLBACK_TYPE] = []

    @override
    async def _async_setup(self) -> None:
        """Track the target."""
        self._on_unload.append(self._target.async_track())

    @override
    def _async_unload(self) -> None:
        """Stop tracking."""
        for unload in self._on_unload:
            unload()
        self._on_unload.clear()

    @override
    def _async_check(self, **kwargs: Unpack[ConditionCheckParams]) -> bool:
        """Test the devices of the target."""
        registry = dr.async_get(self._hass)
        results = [
            (found := find(self._hass, registered)) is not None
            and self._is_true(*found)
            for device_id in self._target.device_ids
            if (registered := registry.async_get(device_id)) is not None
            and device_id_of(registered) is not None
        ]
        if self._options[ATTR_BEHAVIOR] == BEHAVIOR_ALL:
            return bool(results) and all(results)
        return any(results)

    def _has_lasted(self, since: float | None) -> bool:
        """Return whether something lasts for long enough.

        `since` is in seconds since 1970, None if it began before anything is known.
        """
        # Without a duration, a wall clock that was set back does not matter.
        return (
            not self._duration
            or since is None
            or time() - since >= self._duration.total_seconds()
        )

    @abstractmethod
    def _is_true(self, hub: VesperHub, device: Device) -> bool:
        """Return whether the condition is true for a device."""


def _make_condition(
    is_true: Callable[[VesperHub, Device], bool],
    since: Callable[[Device], float | None],
) -> type[Condition]:
    """Return a condition without options of its own."""

    class CustomCondition(VesperCondition):
        """Condition without options of its own."""

        @override
        def _is_true(self, hub: VesperHub, device: Device) -> bool:
            """Return whether the condition is true for a device."""
            return is_true(hub, device) and self._has_lasted(since(device))

    return CustomCondition


class HasAlertCondition(VesperCondition):
    """Condition for an active alert with the minimum severity."""

    _schema = _target_schema(ALERT_OPTIONS)

    @override
    def _is_true(self, hub: VesperHub, device: Device) -> bool:
        """Return whether a device has such an alert."""
        return any(
            is_alert_selected(self._options, alert.subsystem, alert.severity.key)
            and self._has_lasted(selected_since(self._options, alert))
            for alert in device.alerts.active.values()
        )


CONDITIONS: dict[str, type[Condition]] = {
    "has_alert": HasAlertCondition,
    "is_healthy": _make_condition(
        lambda _, device: not device.alerts.active,
        lambda device: device.healthy_since,
    ),
    # While the link is down, connectivity and playback are unknown.
    "is_offline": _make_condition(
        lambda hub, device: hub.connected and device.online is False,
        lambda device: device.connectivity_since,
    ),
    "is_online": _make_condition(
        lambda hub, device: hub.connected and device.online is True,
        lambda device: device.connectivity_since,
    ),
    "is_playing": _make_condition(
        lambda hub, device: hub.connected and device.playback.playing is True,
        lambda device: device.playback.playing_changed_at,
    ),
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions for Vesper devices."""
    return CONDITIONS
