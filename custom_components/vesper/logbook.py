"""Describe occurrences in the logbook.

The sentences are in the language of Home Assistant: the logbook does not know that of
the user who reads it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.components.logbook import (
    LOGBOOK_ENTRY_ENTITY_ID,
    LOGBOOK_ENTRY_ICON,
    LOGBOOK_ENTRY_MESSAGE,
    LOGBOOK_ENTRY_NAME,
)
from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util

from .const import ATTR_VESPER_ID, DOMAIN, EVENT_OCCURRENCE
from .hub.texts import async_text
from .model.alerts import ClosedBy
from .model.occurrence import CLEARED, OccurrenceKind
from .protocol.severity import Severity

type _Data = Mapping[str, Any]

ICONS: Mapping[OccurrenceKind, Mapping[str, str]] = {
    OccurrenceKind.ALERT_ACKNOWLEDGED: {"": "mdi:bell-cog-outline"},
    OccurrenceKind.ALERT_CLEARED: {
        CLEARED: "mdi:check-circle",
        # Home Assistant adds by whom.
        ClosedBy.ACTION: "mdi:bell-check-outline",
        ClosedBy.RESTART: "mdi:bell-check-outline",
    },
    OccurrenceKind.ALERT_RAISED: {
        Severity.WARNING.key: "mdi:alert",
        Severity.CRITICAL.key: "mdi:alert-octagon",
        Severity.FAILED.key: "mdi:close-octagon",
    },
    OccurrenceKind.ALERT_UNACKNOWLEDGED: {"": "mdi:bell-outline"},
    OccurrenceKind.BECAME_STABLE: {"": "mdi:pulse"},
    OccurrenceKind.BECAME_UNSTABLE: {"": "mdi:sine-wave"},
    OccurrenceKind.CAME_ONLINE: {"": "mdi:lan-connect"},
    OccurrenceKind.FLEET_OUTAGE: {
        "": "mdi:lan-disconnect",
        "area": "mdi:lan-disconnect",
        "floor": "mdi:lan-disconnect",
    },
    OccurrenceKind.FLEET_OUTAGE_ENDED: {
        "": "mdi:lan-pending",
        "all_back": "mdi:lan-check",
    },
    OccurrenceKind.MAINTENANCE_ENDED: {"": "mdi:wrench-outline"},
    OccurrenceKind.MAINTENANCE_STARTED: {"": "mdi:wrench-clock"},
    OccurrenceKind.OFFLINE_ACKNOWLEDGED: {"": "mdi:bell-cog-outline"},
    OccurrenceKind.OFFLINE_UNACKNOWLEDGED: {"": "mdi:bell-outline"},
    OccurrenceKind.RESTARTED: {"": "mdi:restart"},
    OccurrenceKind.WENT_OFFLINE: {"": "mdi:bell-off-outline"},
}
"""The icon of each sentence, by kind and variant."""


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
        name = name or data[ATTR_VESPER_ID] or "Vesper"
        # Beside an entity, its name is shown instead.
        if (subsystem := data.get("subsystem")) is not None:
            name += f" {subsystem}"
        described = {
            LOGBOOK_ENTRY_NAME: name,
            LOGBOOK_ENTRY_MESSAGE: _message(hass, data),
            LOGBOOK_ENTRY_ICON: ICONS[data["kind"]][_variant(data)],
        }
        if (entity_id := data.get(ATTR_ENTITY_ID)) is not None:
            described[LOGBOOK_ENTRY_ENTITY_ID] = entity_id
        return described

    async_describe_event(DOMAIN, EVENT_OCCURRENCE, async_describe)


def sentence_key(kind: str, variant: str) -> str:
    """Return the translation key of a sentence."""
    return f"common.logbook_{kind}_{variant}".removesuffix("_")


def _variant(data: _Data) -> str:
    """Return which sentence of its kind to use."""
    match data["kind"]:
        case OccurrenceKind.ALERT_CLEARED:
            return str(data["reason"])
        case OccurrenceKind.ALERT_RAISED:
            return str(data["to_state"])
        case OccurrenceKind.FLEET_OUTAGE:
            places = [name for name in ("area", "floor") if data.get(name)]
            return places[0] if places else ""
        case OccurrenceKind.FLEET_OUTAGE_ENDED if not data["still_offline"]:
            return "all_back"
    return ""


def _message(hass: HomeAssistant, data: _Data) -> str:
    """Return the sentence, with its detail if any."""
    values = dict(data)
    if (until := data.get("until")) is not None:
        values["time"] = _local_time(until)
    key = sentence_key(data["kind"], _variant(data))
    sentence = async_text(hass, key).format(**values)
    detail = _detail(hass, data)
    if not detail:
        return sentence
    text = async_text(hass, "common.sentence_detail")
    return text.format(sentence=sentence, detail=detail)


def _detail(hass: HomeAssistant, data: _Data) -> str:
    """Return what a user or device has said."""
    match data["kind"]:
        case OccurrenceKind.ALERT_ACKNOWLEDGED:
            return str(data["note"])
        case OccurrenceKind.ALERT_RAISED:
            return str(data["message"])
        case OccurrenceKind.RESTARTED if "reason" in data:
            return async_text(
                hass, f"entity.sensor.reset_reason.state.{data['reason']}"
            )
    return ""


def _local_time(timestamp: float) -> str:
    """Return a time in the local time zone."""
    local = dt_util.as_local(dt_util.utc_from_timestamp(timestamp))
    return local.strftime("%Y-%m-%d %H:%M")
