"""The services, and the logbook's lines for them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.rig.fleet import Fleet
from tests.rig.home_assistant import HomeAssistant

DEVICE = "worked-on"


def act(home_assistant: HomeAssistant, action: str, **data: Any) -> Any:
    """Call a service and return its response, if any."""
    answers = action != "set_maintenance"
    api = home_assistant.api
    return api.command(
        "call_service",
        domain="vesper",
        service=action,
        service_data=data,
        target={"entity_id": home_assistant.entity_ids()[f"{DEVICE}/connectivity"]},
        return_response=answers,
    )["response" if answers else "context"]


def logbook(home_assistant: HomeAssistant, since: datetime) -> list[dict[str, Any]]:
    """Return the lines of the device in the logbook."""
    device_id = home_assistant.device_ids()[DEVICE]
    lines: list[dict[str, Any]] = home_assistant.api.command(
        "logbook/get_events", start_time=since.isoformat(), device_ids=[device_id]
    )
    return [line for line in lines if line.get("domain") == "vesper"]


def lines_of(home_assistant: HomeAssistant, since: datetime, key: str) -> list[str]:
    """Return the lines of an entity in the logbook."""
    entity_id = home_assistant.entity_ids()[f"{DEVICE}/{key}"]
    lines = home_assistant.api.command(
        "logbook/get_events", start_time=since.isoformat(), entity_ids=[entity_id]
    )
    assert {line["entity_id"] for line in lines} == {entity_id}
    return [line.get("message") or line["state"] for line in lines]


def test_actions(
    home_assistant: HomeAssistant, start_fleet: Callable[..., Fleet]
) -> None:
    """Run each service on one device."""
    since = datetime.now(UTC)
    fleet = start_fleet(devices=[DEVICE], scenario="idle")
    fleet.start_stories()
    home_assistant.wait_for_states({f"{DEVICE}/connectivity": "on"})
    with fleet.device(DEVICE) as device:
        device.raise_alert("FileManager", "CRITICAL", "SD mount failed")
    home_assistant.wait_for_states({f"{DEVICE}/alert_FileManager": "critical"})

    checked = act(home_assistant, "run_health_check", timeout=20)[DEVICE]
    assert checked["answered"] is True
    assert 0 <= checked["round_trip_ms"] < 20_000

    acknowledged = act(
        home_assistant,
        "acknowledge_alert",
        subsystem=["FileManager"],
        note="Anna is here",
    )
    assert acknowledged == {DEVICE: ["FileManager"]}
    (alert,) = act(home_assistant, "get_alerts")[DEVICE]
    shown = home_assistant.api.get(f"/api/vesper/devices/{DEVICE}/alerts")
    assert [alert | one for one in shown] == [alert]
    assert alert["uid"] == f"{DEVICE}/alert/FileManager"
    assert (alert["acknowledged"], alert["note"]) == (True, "Anna is here")
    user = home_assistant.api.command("auth/current_user")
    assert alert["acknowledged_by"] == user["name"]

    act(home_assistant, "set_maintenance", duration={"hours": 1})
    home_assistant.wait_for_states({f"{DEVICE}/maintenance": "on"})
    assert act(home_assistant, "clear_alert") == {DEVICE: ["FileManager"]}
    home_assistant.wait_for_states({f"{DEVICE}/alert_FileManager": "ok"})
    act(home_assistant, "set_maintenance", duration=0)
    home_assistant.wait_for_states({f"{DEVICE}/maintenance": "off"})

    home_assistant.wait_until(
        lambda: len(logbook(home_assistant, since)) == 5,
        timeout=10,
        what="the line of the logbook",
    )
    lines = logbook(home_assistant, since)
    assert {line["name"] for line in lines} == {
        f"Vesper {DEVICE}",
        f"Vesper {DEVICE} FileManager",
    }
    assert all(line["icon"].startswith("mdi:") for line in lines)
    raised, acknowledged, began, cleared, ended = (line["message"] for line in lines)
    assert raised == "raised a critical alert: SD mount failed"
    assert acknowledged == "had its alert acknowledged: Anna is here"
    assert began.startswith("is in maintenance until 20")
    assert cleared == "had its alert cleared by an action"
    assert ended == "is no longer in maintenance"

    # Each is also where its entity is, beside the changes of its state.
    shown = lines_of(home_assistant, since, "alert_FileManager")
    assert [line for line in shown if line != "ok"] == [raised, acknowledged, cleared]
    shown = lines_of(home_assistant, since, "connectivity")
    assert [line for line in shown if line != "on"] == [began, ended]
