"""Filter alerts by options of triggers and conditions."""

from collections.abc import Mapping
from typing import Any, Final

import voluptuous as vol

from homeassistant.helpers import config_validation as cv

from ..model.active_alert import ActiveAlert
from ..protocol.severity import Severity

CONF_FLAPPING: Final = "flapping"
CONF_SEVERITY: Final = "severity"
CONF_SUBSYSTEMS: Final = "subsystems"

#: The severities of active alerts, by their keys.
SEVERITIES = {severity.key: severity for severity in Severity if severity}

SUBSYSTEM_OPTIONS: dict[vol.Marker, Any] = {
    vol.Optional(CONF_SUBSYSTEMS, default=[]): vol.All(cv.ensure_list, [cv.string]),
}
FLAPPING_OPTION: dict[vol.Marker, Any] = {
    vol.Optional(CONF_FLAPPING, default=False): cv.boolean,
}
ALERT_OPTIONS: dict[vol.Marker, Any] = {
    vol.Optional(CONF_SEVERITY, default=Severity.WARNING.key): vol.In(SEVERITIES),
    **SUBSYSTEM_OPTIONS,
}


def is_subsystem_selected(options: Mapping[str, Any], subsystem: str | None) -> bool:
    """Return whether the options select a subsystem."""
    subsystems: list[str] = options[CONF_SUBSYSTEMS]
    return not subsystems or subsystem in subsystems


def is_alert_selected(
    options: Mapping[str, Any], subsystem: str | None, severity: str | None
) -> bool:
    """Return whether the options select an alert."""
    minimum: str = options[CONF_SEVERITY]
    return (
        severity in SEVERITIES
        and SEVERITIES[severity] >= SEVERITIES[minimum]
        and is_subsystem_selected(options, subsystem)
    )


def selected_since(options: Mapping[str, Any], alert: ActiveAlert) -> float:
    """Return since when the options select an active alert.

    In seconds since 1970. Of a higher minimum severity than that of any alert, it is
    when the alert got worse last.
    """
    is_any = options[CONF_SEVERITY] == Severity.WARNING.key
    return (alert.raised_at if is_any else alert.worsened_at).timestamp()
