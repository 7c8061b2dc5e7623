"""Retained messages do not add a removed device again."""

import pytest

from tests.rig.api import ApiError
from tests.rig.home_assistant import HomeAssistant

from .conftest import Publish

DEVICE = "ghost"


def registered(home_assistant: HomeAssistant, device_id: str = DEVICE) -> str | None:
    """Return a device's registry id, None without one."""
    return home_assistant.device_ids().get(device_id)


def remove(home_assistant: HomeAssistant, device_id: str) -> None:
    """Remove a device as its Delete button does."""
    home_assistant.api.command("config/device_registry/remove", device_id=device_id)


def test_a_removed_device_stays_away(
    home_assistant: HomeAssistant, publish: Publish
) -> None:
    """Its retained heartbeat does not add it again."""
    heartbeat = f"vesper/{DEVICE}/status/heartbeat"
    publish(heartbeat, '{"uptime": 3600}', retain=True)
    home_assistant.wait_for_states({f"{DEVICE}/connectivity": "on"})
    device_id = registered(home_assistant)
    assert device_id is not None
    with pytest.raises(ApiError):
        remove(home_assistant, device_id)

    home_assistant.reload()
    home_assistant.wait_for_states({f"{DEVICE}/connectivity": "unknown"})
    remove(home_assistant, device_id)
    assert registered(home_assistant) is None

    # Retained heartbeats arrive together: with the other one, all have arrived.
    publish("vesper/witness/status/heartbeat", '{"uptime": 3600}', retain=True)
    home_assistant.wait_for_states({"witness/connectivity": "on"})
    home_assistant.reload()
    home_assistant.wait_for_states({"witness/connectivity": "unknown"})
    assert registered(home_assistant) is None
