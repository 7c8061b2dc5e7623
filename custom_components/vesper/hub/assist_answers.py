"""Write answers that an assistant can read."""

from collections.abc import Iterable
import json
from typing import Any

from homeassistant.util import dt as dt_util

from ..model.report import report
from .assist import AssistDevice

#: In bytes of JSON with all but ASCII escaped, in which form answers are the longest.
MAX_BYTES = 4000

#: In bytes, as above: how much of a text an answer has.
MAX_TEXT_BYTES = 120

#: How many alerts of each device the health of the fleet has.
MAX_ALERTS = 3

_TIMES = {
    "boot_time",
    "end",
    "last_seen",
    "maintenance_until",
    "raised_at",
    "start",
    "time",
    "updated_at",
}


def identity(one: AssistDevice) -> dict[str, Any]:
    """Return what tells a device from others."""
    return {
        "device_id": one.device.device_id,
        **presented({"name": one.name, "area": one.area_name}),
        **(presented({"site": one.site}) if one.site else {}),
    }


def problem(one: AssistDevice) -> dict[str, Any]:
    """Return what is wrong, and since when."""
    reported = report(one.device)
    alerts = reported["alerts"]
    answer = {
        "health": one.health,
        **picked(reported, "connected", "last_seen"),
        "active_alerts": len(alerts),
        "alerts": [
            picked(alert, "subsystem", "state", "message", "raised_at", "acknowledged")
            for alert in alerts[:MAX_ALERTS]
        ],
    }
    return identity(one) | presented(answer)


def _alert(alert: dict[str, Any]) -> dict[str, Any]:
    """Return an alert, without what is meant for programs."""
    return presented(
        picked(
            alert,
            *("subsystem", "state", "message", "raised_at", "updated_at", "confirmed"),
            *("acknowledged", "acknowledged_by", "note"),
        )
    )


def picked(data: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return some members."""
    return {key: data[key] for key in keys}


def fill(
    answer: dict[str, Any],
    key: str,
    items: Iterable[dict[str, Any]],
    count: int,
    max_bytes: int = MAX_BYTES,
) -> None:
    """Add the items that fit, and count others."""
    listed: list[dict[str, Any]] = []
    left_out = f"{key}_left_out"
    answer |= {key: listed, left_out: count}
    for item in items:
        listed.append(item)
        if len(json.dumps(answer)) >= max_bytes:
            listed.pop()
            break
        answer[left_out] -= 1


def with_alerts(answer: dict[str, Any], alerts: list[Any]) -> dict[str, Any]:
    """Return an answer about a device with its alerts."""
    fill(answer, "alerts", (_alert(alert) for alert in alerts), len(alerts))
    return answer


def presented(data: dict[str, Any]) -> dict[str, Any]:
    """Return members with short texts and local times."""
    return {key: _presented_value(key, value) for key, value in data.items()}


def _presented_value(key: str, value: Any) -> Any:
    """Return the value of a member."""
    match value:
        case dict():
            return presented(value)
        case list():
            return [presented(one) for one in value]
        case str() if key in _TIMES:
            time = dt_util.parse_datetime(value, raise_on_error=True)
            return dt_util.as_local(time).isoformat()
        case str():
            return _shortened(value)
        case _:
            return value


def _shortened(text: str) -> str:
    """Return a text, or the beginning of it."""
    shown = text[:MAX_TEXT_BYTES]
    while len(json.dumps(shown)) > MAX_TEXT_BYTES:
        shown = shown[:-2] + "…"
    return shown
