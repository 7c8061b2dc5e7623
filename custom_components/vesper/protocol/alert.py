"""Parse alerts (docs/protocol.md, "Alert")."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from .damaged import PADDING, loads_damaged
from .fields import (
    Fault,
    FaultKind,
    Malformed,
    invalid,
    load_object,
    required_name,
    text,
)
from .severity import Severity

MAX_ALERT_BYTES = 16 * 1024

_loads = partial(loads_damaged, last_field="msg")

#: What ends an alert: firmware sends CLEARED, the others mean the same.
_CLEARED = frozenset({"CLEARED", "HEALTHY", "OK"})
_RAISED = {
    severity.name: severity for severity in Severity if severity is not Severity.OK
}

#: A retained alert is of unknown age: it may be over, or raised again.
RETAINED_ALERT = Fault(
    path="",
    kind=FaultKind.RETAINED,
    reason="must not be retained: it may be out of date",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """A transition of one subsystem.

    Severity OK ends its alert.
    """

    subsystem: str
    severity: Severity
    message: str
    faults: list[Fault]


@dataclass(frozen=True, kw_only=True, slots=True)
class UnreadableAlert(Malformed):
    """An alert that can't be used.

    The device does not send it again by itself.
    """


def parse_alert(
    payload: bytes, device_id: str, known_events: bytes = b""
) -> Alert | UnreadableAlert:
    """Parse the payload of `status/alerts`.

    A damaged alert is read as far as possible. But an unknown state is rejected, so
    that it never counts as "all clear".
    """
    faults: list[Fault] = []
    if (data := load_object(payload, MAX_ALERT_BYTES, faults, _loads)) is None:
        return UnreadableAlert(faults=faults)
    return read_alert(data, faults)


def read_alert(data: dict[str, Any], faults: list[Fault]) -> Alert | UnreadableAlert:
    """Return the alert in a JSON object."""
    subsystem = required_name(data, "subsystem", faults)
    severity = _severity(data, faults)
    if subsystem is None or severity is None:
        return UnreadableAlert(faults=faults)
    return Alert(
        subsystem=subsystem,
        severity=severity,
        message=text(data, "msg", faults),
        faults=faults,
    )


def _severity(data: dict[str, Any], faults: list[Fault]) -> Severity | None:
    """Return the severity, or None with a fault."""
    state = data.get("state")
    if isinstance(state, str):
        state = state.strip(PADDING)
    if (state := required_name({"state": state}, "state", faults)) is None:
        return None
    if (name := state.upper()) in _CLEARED:
        return Severity.OK
    if (severity := _RAISED.get(name)) is None:
        wanted = ", ".join([*_RAISED, "CLEARED"])
        faults.append(invalid("state", f"one of {wanted}", state))
    return severity
