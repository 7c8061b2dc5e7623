"""Say which alerts a trigger or a condition is about."""

from collections.abc import Mapping
from typing import Any, Final

import probatio

from homeassistant.helpers import config_validation as cv

from ..protocol.severity import Severity

CONF_SEVERITY: Final = "severity"
CONF_SUBSYSTEMS: Final = "subsystems"

#: The severities of active alerts, by their keys.
SEVERITIES = {severity.key: severity for severity in Severity if severity}

SUBSYSTEM_OPTIONS: dict[probatio.Marker, Any] = {
    probatio.Optional(CONF_SUBSYSTEMS, default=[]): probatio.All(
        probatio.EnsureList(), [cv.string]
    ),
}
ALERT_OPTIONS: dict[probatio.Marker, Any] = {
    probatio.Optional(CONF_SEVERITY, default=Severity.WARNING.key): probatio.In(
        SEVERITIES
    ),
    **SUBSYSTEM_OPTIONS,
}


def wants_subsystem(options: Mapping[str, Any], subsystem: str | None) -> bool:
    """Tell whether a subsystem is one of those chosen, or none was chosen."""
    subsystems: list[str] = options[CONF_SUBSYSTEMS]
    return not subsystems or subsystem in subsystems


def wants_alert(
    options: Mapping[str, Any], subsystem: str | None, severity: str | None
) -> bool:
    """Tell whether an alert, its severity by its key, is as bad as was chosen."""
    least: str = options[CONF_SEVERITY]
    return (
        severity in SEVERITIES
        and SEVERITIES[severity] >= SEVERITIES[least]
        and wants_subsystem(options, subsystem)
    )
