"""The report of a device as JSON."""

import json
from typing import Any

import orjson

from custom_components.vesper.model.device import Device
from custom_components.vesper.model.message_log import Record
from custom_components.vesper.model.report import iso_time, report
from custom_components.vesper.protocol.alert import parse_alert
from custom_components.vesper.protocol.heartbeat import parse_heartbeat

NOW = 1_900_000_000.75


def _receive(device: Device, *, live: bool = True, **fields: Any) -> None:
    """Record and apply a heartbeat."""
    payload = json.dumps(fields).encode()
    record = Record(NOW, "heartbeat", live, payload, b"")
    device.message_log.record(record, is_heartbeat=True)
    device.apply(parse_heartbeat(payload, device.device_id), live=live, now=NOW)


def test_device_without_messages() -> None:
    """Unreported values are None; lists are empty."""
    shown = report(Device(device_id="bell"))
    assert shown.pop("device_id") == "bell"
    assert shown.pop("recent_events") == []
    assert shown.pop("alerts") == []
    assert set(shown.values()) == {None}


def test_everything() -> None:
    """Codes have names, and times are in UTC."""
    device = Device(device_id="bell")
    _receive(
        device,
        uptime=3600,
        firmware_version="1.2.0",
        reset_reason=4,
        last_disconnect_code=255,
        heap_free=170_000,
        heap_min_free=150_000,
        recent_events=[{"t": 2, "d0": 65483, "d1": 0, "ts": 0, "up": 3}],
    )
    alert = parse_alert(b'{"subsystem":"SD","state":"FAILED","msg":"gone"}', "bell")
    device.apply(alert, live=True, now=NOW)
    assert orjson.loads(orjson.dumps(report(device))) == {
        "device_id": "bell",
        "connected": True,
        "last_seen": "2030-03-17T17:46:40+00:00",
        "received_at": "2030-03-17T17:46:40+00:00",
        "live": True,
        "uptime": 3600,
        "boot_time": "2030-03-17T16:46:40+00:00",
        "firmware_version": "1.2.0",
        "reset_reason": {"name": "PANIC", "code": 4},
        "last_disconnect": {"name": "SILENT_DEATH", "code": 255},
        "heap_free": 170_000,
        "heap_min_free": 150_000,
        "wifi_signal": -53,
        "recent_events": [
            {"event": "EVT_WIFI_UP", "time": None, "uptime": 3, "rssi": -53}
        ],
        "alerts": [
            {
                "subsystem": "SD",
                "state": "FAILED",
                "message": "gone",
                "updated_at": "2030-03-17T17:46:40+00:00",
                "confirmed": True,
                "acknowledged": False,
                "acknowledged_by": None,
                "acknowledged_at": None,
                "note": "",
                "raised_at": "2030-03-17T17:46:40+00:00",
                "worsened_at": "2030-03-17T17:46:40+00:00",
                "announced": "FAILED",
            }
        ],
        "maintenance_until": None,
        "maintenance_by": None,
    }


def test_retained_heartbeat() -> None:
    """The report of a retained heartbeat is not live."""
    device = Device(device_id="bell")
    _receive(device, live=False, uptime=3600, reset_reason=99)
    shown = report(device)
    assert shown["received_at"] == "2030-03-17T17:46:40+00:00"
    assert shown["live"] is False
    assert shown["connected"] is None
    assert shown["last_seen"] is None
    assert shown["uptime"] is None
    assert shown["reset_reason"] == {"name": "unknown (99)", "code": 99}


def test_boot_before_1970() -> None:
    """The longest uptime is shown, not rejected."""
    assert iso_time(1_900_000_000 - (2**32 - 1)) == "1894-02-08T11:18:25+00:00"
