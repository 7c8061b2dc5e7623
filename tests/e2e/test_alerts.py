"""Entities show the alerts that the devices have."""

from tests.rig.home_assistant import HomeAssistant

from .conftest import Publish

DEVICE = "seed"


def test_alerts_are_raised_and_cleared(
    home_assistant: HomeAssistant, publish: Publish
) -> None:
    """Publish the payloads of the firmware's own description."""
    alerts = f"vesper/{DEVICE}/status/alerts"
    publish(
        alerts,
        '{ "subsystem": "FileManager", "state": "WARNING",'
        ' "msg": "ConfigManager health check failed" }',
    )
    home_assistant.wait_for_states(
        {
            f"{DEVICE}/alert_FileManager": "warning",
            f"{DEVICE}/health": "warning",
            f"{DEVICE}/active_alerts": "1",
            f"{DEVICE}/connectivity": "on",
        }
    )
    entity_id = home_assistant.entity_ids()[f"{DEVICE}/alert_FileManager"]
    attributes = home_assistant.api.states()[entity_id]["attributes"]
    assert attributes["message"] == "ConfigManager health check failed"
    assert attributes["confirmed"] is True

    publish(alerts, '{ "subsystem": "FileManager", "state": "CLEARED" }')
    home_assistant.wait_for_states(
        {
            f"{DEVICE}/alert_FileManager": "ok",
            f"{DEVICE}/health": "ok",
            f"{DEVICE}/active_alerts": "0",
        }
    )


def test_playback_is_followed(home_assistant: HomeAssistant, publish: Publish) -> None:
    """A melody is shown while it is played."""
    info = f"vesper/{DEVICE}/status/info"
    publish(
        info,
        '{ "type": "playback_started", "payload": { "melody_uid": "ABC123" } }',
        qos=0,
    )
    home_assistant.wait_for_states(
        {f"{DEVICE}/playing": "on", f"{DEVICE}/melody": "ABC123"}
    )
    publish(info, '{ "type": "playback_stopped" }', qos=0)
    home_assistant.wait_for_states(
        {f"{DEVICE}/playing": "off", f"{DEVICE}/melody": "unknown"}
    )
