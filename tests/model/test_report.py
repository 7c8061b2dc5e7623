"""What is told of a device as JSON."""

import json
from typing import Any

import orjson

from custom_components.vesper.model.device import Device
from custom_components.vesper.model.report import iso_time, report
from custom_components.vesper.protocol.messages import parse_alert, parse_heartbeat

NOW = 1_900_000_000.75


def _hear(device: Device, *, live: bool = True, **fields: Any) -> None:
    """Have a device send a heartbeat."""
    payload = json.dumps(fields).encode()
    device.received.note((NOW, "heartbeat", live, payload, b""), is_heartbeat=True)
    device.apply(parse_heartbeat(payload, device.device_id), live=live, now=NOW)


def test_device_that_never_spoke() -> None:
    """What was never told is None, and of what there can be many there is nothing."""
    told = report(Device(device_id="bell"))
    assert told.pop("device_id") == "bell"
    assert told.pop("recent_events") == []
    assert told.pop("alerts") == []
    assert set(told.values()) == {None}


def test_everything() -> None:
    """Codes have their names, times are in UTC, and all of it is JSON."""
    device = Device(device_id="bell")
    _hear(
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
                "note": "",
            }
        ],
        "maintenance_until": None,
    }


def test_kept_heartbeat() -> None:
    """What the broker kept is told for what it is; a code may have no name."""
    device = Device(device_id="bell")
    _hear(device, live=False, uptime=3600, reset_reason=99)
    told = report(device)
    assert told["received_at"] == "2030-03-17T17:46:40+00:00"
    assert told["live"] is False
    assert told["connected"] is None
    assert told["last_seen"] is None
    assert told["uptime"] is None
    assert told["reset_reason"] == {"name": "unknown (99)", "code": 99}


def test_boot_before_1970() -> None:
    """The longest uptime there can be is shown, not refused."""
    assert iso_time(1_900_000_000 - (2**32 - 1)) == "1894-02-08T11:18:25+00:00"
