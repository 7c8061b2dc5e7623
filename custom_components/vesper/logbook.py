"""Describe occurrences in the logbook.

The logbook has no translations: its sentences are English.
"""

from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.components.logbook import LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util

from .const import ATTR_VESPER_ID, DOMAIN, EVENT_OCCURRENCE
from .model.alerts import ClosedBy
from .model.occurrence import CLEARED, OccurrenceKind
from .protocol.severity import Severity

type _Data = Mapping[str, Any]

_RAISED = {
    Severity.WARNING.key: "raised a warning",
    Severity.CRITICAL.key: "raised a critical alert",
    Severity.FAILED.key: "has failed",
}
_CLEARED = {
    CLEARED: "is OK again",
    # Home Assistant adds by whom.
    ClosedBy.ACTION: "had its alert cleared by an action",
    ClosedBy.RESTART: "had its alert closed: not raised again after a restart",
}

SENTENCES: Mapping[str, Callable[[_Data], str]] = {
    OccurrenceKind.ALERT_ACKNOWLEDGED: lambda data: _with_detail(
        f"{data['subsystem']} had its alert acknowledged", data["note"]
    ),
    OccurrenceKind.ALERT_CLEARED: lambda data: (
        f"{data['subsystem']} {_CLEARED[data['reason']]}"
    ),
    OccurrenceKind.ALERT_RAISED: lambda data: _with_detail(
        f"{data['subsystem']} {_RAISED[data['to_state']]}", data["message"]
    ),
    OccurrenceKind.CAME_ONLINE: lambda _data: "came online",
    OccurrenceKind.FLEET_OUTAGE: lambda data: (
        f"lost {data['lost']} of {data['online_before']} online devices at once"
        + _place(data)
    ),
    OccurrenceKind.MAINTENANCE_ENDED: lambda _data: "is no longer in maintenance",
    OccurrenceKind.MAINTENANCE_STARTED: lambda data: (
        f"is in maintenance until {_local_time(data['until'])}"
    ),
    OccurrenceKind.RESTARTED: lambda data: _with_detail(
        "restarted", data.get("reason", "").replace("_", " ")
    ),
    OccurrenceKind.WENT_OFFLINE: lambda _data: "went offline",
}
"""The sentence of each kind, after the name of the device."""


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[
        [str, str, Callable[[Event[Any]], dict[str, str]]], None
    ],
) -> None:
    """Describe logbook events."""

    @callback
    def async_describe(event: Event[Any]) -> dict[str, str]:
        """Describe an occurrence with the device's current name."""
        data = event.data
        device = dr.async_get(hass).async_get(data[ATTR_DEVICE_ID])
        name = device and (device.name_by_user or device.name)
        return {
            LOGBOOK_ENTRY_NAME: name or data[ATTR_VESPER_ID] or "Vesper",
            LOGBOOK_ENTRY_MESSAGE: SENTENCES[data["kind"]](data),
        }

    async_describe_event(DOMAIN, EVENT_OCCURRENCE, async_describe)


def _with_detail(sentence: str, detail: str) -> str:
    """Return a sentence with its detail, if any."""
    return f"{sentence}: {detail}" if detail else sentence


def _place(data: _Data) -> str:
    """Return where all lost devices are."""
    if area := data.get("area"):
        return f", all in {area}"
    if floor := data.get("floor"):
        return f", all on floor {floor}"
    return ""


def _local_time(timestamp: float) -> str:
    """Return a time in the local time zone."""
    local = dt_util.as_local(dt_util.utc_from_timestamp(timestamp))
    return local.strftime("%Y-%m-%d %H:%M")
