"""Devices post without a broker; clients read the state."""

import pytest

from tests.rig.api import ApiError
from tests.rig.home_assistant import HomeAssistant

DEVICE = "poster"
HEARTBEAT = {
    "device_id": DEVICE,
    "uptime": 3600,
    "reset_reason": 4,
    "recent_events": [{"t": 3, "d0": 255, "d1": 0, "ts": 0, "up": 60}],
}


def test_a_posted_heartbeat_shows(home_assistant: HomeAssistant) -> None:
    """Create a key, post a heartbeat, read the device."""
    home_assistant.wait_until_listening()
    api = home_assistant.api
    with pytest.raises(ApiError, match="403"):
        api.request("POST", "/api/vesper/heartbeat", json=HEARTBEAT)

    key = api.make_key(home_assistant.entry["entry_id"])
    home_assistant.wait_until_listening()
    headers = {"Authorization": f"Bearer {key}"}
    for path in ("/api/vesper/heartbeat", "/api/v1/heartbeat"):
        answer = api.request("POST", path, json=HEARTBEAT, headers=headers)
        assert answer == {"device_id": DEVICE, "new": path == "/api/vesper/heartbeat"}
    home_assistant.wait_for_states(
        {f"{DEVICE}/connectivity": "on", f"{DEVICE}/reset_reason": "panic"}
    )
    (listed,) = (
        device
        for device in api.get("/api/vesper/devices")
        if device["device_id"] == DEVICE
    )
    assert listed["status"] == "green"
    assert listed["counts"]["malformed"] == 0
    assert api.get(f"/api/vesper/devices/{DEVICE}/alerts") == []
    diagnostics = api.get(f"/api/vesper/devices/{DEVICE}/diagnostics")
    assert diagnostics["reset_reason"] == {"name": "PANIC", "code": 4}
    assert diagnostics["recent_events"][0]["reason"] == "SILENT_DEATH"
    assert diagnostics["heartbeat"] == HEARTBEAT
