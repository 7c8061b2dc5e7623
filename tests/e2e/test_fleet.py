"""Home Assistant shows what devices report."""

from tests.rig.home_assistant import HomeAssistant

from .conftest import Publish


def test_a_heartbeat_makes_a_device_that_is_online(
    home_assistant: HomeAssistant, publish: Publish
) -> None:
    """The first heartbeat of an unknown device adds it."""
    publish("vesper/new-device/status/heartbeat", '{"uptime": 60}', retain=True)
    home_assistant.wait_for_states({"new-device/connectivity": "on"})
