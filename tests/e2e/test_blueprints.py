"""A blueprint notifies of trouble and of its end."""

from pathlib import Path

from tests.rig.home_assistant import HomeAssistant

from .conftest import Publish

DEVICE = "blueprinted"
AUTOMATION = "blueprint_in_trouble"
BLUEPRINT = "vesper/device_in_trouble.yaml"
FOLDER = Path(__file__).parents[2] / "blueprints/automation"


def messages(home_assistant: HomeAssistant) -> list[str]:
    """Return the messages of the automation."""
    notifications = home_assistant.api.command("persistent_notification/get")
    return [
        notification["message"]
        for notification in notifications
        if DEVICE in (notification["title"] or "")
    ]


def test_trouble_and_recovery(home_assistant: HomeAssistant, publish: Publish) -> None:
    """Import a blueprint, save an automation of it, and run it."""
    api = home_assistant.api
    alerts = f"vesper/{DEVICE}/status/alerts"
    publish(f"vesper/{DEVICE}/status/heartbeat", '{"uptime": 3600}')
    home_assistant.wait_for_states({f"{DEVICE}_connectivity": "on"})
    api.command(
        "blueprint/save",
        domain="automation",
        path=BLUEPRINT,
        yaml=(FOLDER / BLUEPRINT).read_text(),
    )
    entity_id = api.entity_ids("vesper")[f"{DEVICE}_connectivity"]
    inputs = {"devices": {"entity_id": [entity_id]}}
    api.post(
        f"/api/config/automation/config/{AUTOMATION}",
        {
            "alias": "Notify of trouble",
            "use_blueprint": {"path": BLUEPRINT, "input": inputs},
        },
    )
    home_assistant.wait_until(
        lambda: any(
            state["state"] == "on" and state["attributes"].get("id") == AUTOMATION
            for state in api.states().values()
        ),
        timeout=10,
        what="the automation",
    )

    publish(alerts, '{"subsystem": "SD", "state": "WARNING", "msg": "no card"}')
    home_assistant.wait_until(
        lambda: messages(home_assistant) == ["SD is warning: no card"],
        timeout=10,
        what="the notification of the trouble",
    )
    publish(alerts, '{"subsystem": "SD", "state": "CLEARED"}')
    home_assistant.wait_until(
        lambda: "SD is OK again" in messages(home_assistant),
        timeout=10,
        what="the notification of the recovery",
    )

    api.request("DELETE", f"/api/config/automation/config/{AUTOMATION}")
