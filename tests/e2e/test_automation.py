"""An automation runs when a device reports a problem."""

import time

import pytest

from tests.rig.home_assistant import HomeAssistant

from .conftest import Publish

DEVICE = "automated"
AUTOMATION = "bell_in_trouble"
#: In seconds, longer than a restart takes.
DURATION = 45


def is_on(home_assistant: HomeAssistant) -> bool:
    """Return whether the automation is enabled."""
    return any(
        state["state"] == "on" and state["attributes"].get("id") == AUTOMATION
        for state in home_assistant.api.states().values()
    )


def runs(home_assistant: HomeAssistant) -> int:
    """Return how often the automation has run.

    Runs before a restart count too.
    """
    traces = home_assistant.api.command(
        "trace/list", domain="automation", item_id=AUTOMATION
    )
    return len(traces)


def messages(home_assistant: HomeAssistant) -> list[str]:
    """Return the messages of the automation since the start."""
    notifications = home_assistant.api.command("persistent_notification/get")
    return [
        notification["message"]
        for notification in notifications
        if notification["title"] == AUTOMATION
    ]


@pytest.mark.parametrize(
    ("part", "key"),
    [("trigger", "vesper.alert_raised"), ("condition", "vesper.is_online")],
)
def test_the_editor_offers_it(
    home_assistant: HomeAssistant, publish: Publish, part: str, key: str
) -> None:
    """The editor has fields and texts for it."""
    publish(f"vesper/{DEVICE}/status/heartbeat", '{"uptime": 3600}')
    api = home_assistant.api
    offered = api.first_event(f"{part}_platforms/subscribe")
    assert offered[key]["target"]["device"][0]["integration"] == "vesper"
    assert offered[key]["fields"]
    texts = api.command(
        "frontend/get_translations",
        language="en",
        category=f"{part}s",
        integration=["vesper"],
    )["resources"]
    name = key.removeprefix("vesper.")
    assert texts[f"component.vesper.{part}s.{name}.name"]
    icons = api.command(
        "frontend/get_icons", category=f"{part}s", integration=["vesper"]
    )["resources"]
    assert icons["vesper"][name][part].startswith("mdi:")


def test_an_automation_runs_once(
    home_assistant: HomeAssistant, publish: Publish
) -> None:
    """An automation runs for an alert, not a restart."""
    api = home_assistant.api
    heartbeat = f"vesper/{DEVICE}/status/heartbeat"
    alerts = f"vesper/{DEVICE}/status/alerts"
    publish(heartbeat, '{"uptime": 3600}')
    home_assistant.wait_for_states({f"{DEVICE}/connectivity": "on"})
    entity_id = home_assistant.entity_ids()[f"{DEVICE}/connectivity"]
    target = {"entity_id": [entity_id]}
    api.post(
        f"/api/config/automation/config/{AUTOMATION}",
        {
            "alias": "A bell has a problem",
            "triggers": [
                {
                    "trigger": "vesper.alert_raised",
                    "target": target,
                    "options": {"severity": "critical"},
                }
            ],
            "conditions": [
                {
                    "condition": "vesper.is_online",
                    "target": target,
                    "options": {"behavior": "any"},
                }
            ],
            "actions": [
                {
                    "action": "persistent_notification.create",
                    "data": {
                        "title": AUTOMATION,
                        "message": "{{ trigger.vesper_id }} {{ trigger.subsystem }}"
                        " {{ trigger.from_state }} {{ trigger.to_state }}",
                    },
                }
            ],
            "mode": "parallel",
        },
    )

    home_assistant.wait_until(
        lambda: is_on(home_assistant), timeout=10, what="the automation"
    )

    publish(alerts, '{"subsystem": "FileManager", "state": "WARNING"}')
    publish(alerts, '{"subsystem": "FileManager", "state": "CRITICAL"}')
    publish(alerts, '{"subsystem": "FileManager", "state": "CRITICAL"}')
    home_assistant.wait_until(
        lambda: runs(home_assistant) > 0, timeout=10, what="a run of the automation"
    )
    home_assistant.wait_for_states({f"{DEVICE}/alert_FileManager": "critical"})
    expected = f"{DEVICE} FileManager warning critical"
    assert messages(home_assistant) == [expected]

    home_assistant.restart()
    home_assistant.wait_until_listening()
    publish(heartbeat, '{"uptime": 3700}')
    home_assistant.wait_for_states(
        {f"{DEVICE}/connectivity": "on", f"{DEVICE}/alert_FileManager": "critical"}
    )
    publish(alerts, '{"subsystem": "FileManager", "state": "CRITICAL"}')
    publish(alerts, '{"subsystem": "FileManager", "state": "FAILED"}')
    home_assistant.wait_until(
        lambda: runs(home_assistant) > 1, timeout=10, what="a second run"
    )
    assert messages(home_assistant) == [f"{DEVICE} FileManager critical failed"]
    assert runs(home_assistant) == 2

    api.request("DELETE", f"/api/config/automation/config/{AUTOMATION}")


def test_a_duration_survives_a_restart(
    home_assistant: HomeAssistant, publish: Publish
) -> None:
    """It goes on, and runs once for all devices."""
    api = home_assistant.api
    bells = ("lasting-one", "lasting-two")
    for bell in bells:
        publish(f"vesper/{bell}/status/heartbeat", '{"uptime": 3600}')
        home_assistant.wait_for_states({f"{bell}/connectivity": "on"})
    entities = home_assistant.entity_ids()
    api.post(
        f"/api/config/automation/config/{AUTOMATION}",
        {
            "alias": "All bells have a problem",
            "triggers": [
                {
                    "trigger": "vesper.alert_raised",
                    "target": {
                        "entity_id": [
                            entities[f"{bell}/connectivity"] for bell in bells
                        ]
                    },
                    "options": {"behavior": "all", "for": DURATION},
                }
            ],
            "actions": [
                {
                    "action": "persistent_notification.create",
                    "data": {
                        "title": AUTOMATION,
                        "message": "{{ trigger.vesper_id }} {{ trigger.subsystem }}",
                    },
                }
            ],
        },
    )
    home_assistant.wait_until(
        lambda: is_on(home_assistant), timeout=10, what="the automation"
    )
    for bell in bells:
        publish(f"vesper/{bell}/status/alerts", '{"subsystem": "A", "state": "FAILED"}')
        home_assistant.wait_for_states({f"{bell}/alert_A": "failed"})
    raised = time.monotonic()
    before = runs(home_assistant)
    home_assistant.restart()
    assert messages(home_assistant) == [] or time.monotonic() - raised > DURATION
    home_assistant.wait_until(
        lambda: bool(messages(home_assistant)), timeout=DURATION + 30, what="the run"
    )
    # Alerts of one second began together.
    (message,) = messages(home_assistant)
    assert message in {f"{bell} A" for bell in bells}
    assert runs(home_assistant) == before + 1
    api.request("DELETE", f"/api/config/automation/config/{AUTOMATION}")
