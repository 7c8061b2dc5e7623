"""Report what is known of a device as JSON."""

from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from ..protocol.codes import ResetReason, WifiReason, label_of
from .device import Device


def report(device: Device) -> dict[str, Any]:
    """Return what a device reported about itself (docs/http-api.md).

    Codes and events have their names, times are in ISO 8601 and UTC, the heap is in
    bytes, the signal in dBm, `uptime` in seconds. What was never reported is None.
    """
    telemetry, last = device.telemetry, device.message_log.heartbeat
    return {
        "device_id": device.device_id,
        "connected": device.online,
        "last_seen": iso_time(device.last_seen),
        "received_at": iso_time(last.received_at) if last else None,
        "live": last.live if last else None,
        "uptime": device.restarts.uptime,
        "boot_time": iso_time(telemetry.boot_time),
        "firmware_version": telemetry.firmware_version,
        "reset_reason": _named(ResetReason, telemetry.reset_reason),
        # 0 means that the Wi-Fi has not been lost yet.
        "last_disconnect": _named(WifiReason, telemetry.last_disconnect_code or None),
        "heap_free": telemetry.heap_free,
        "heap_min_free": telemetry.heap_min_free,
        "wifi_signal": telemetry.rssi,
        "recent_events": [event.as_json() for event in telemetry.event_log.events],
        "alerts": device.alerts.as_json(),
        "maintenance_until": iso_time(device.maintenance_until),
        "maintenance_by": device.maintenance_by,
    }


def iso_time(seconds: float | None) -> str | None:
    """Return a time in ISO 8601, to the second.

    It is given in seconds since 1970.
    """
    if seconds is None:
        return None
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()


def _named(table: type[IntEnum], code: int | None) -> dict[str, str | int] | None:
    """Return a code with its name."""
    return None if code is None else {"name": label_of(table, code), "code": code}
