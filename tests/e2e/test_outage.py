"""A broker outage changes no device."""

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from tests.rig.broker import Broker
from tests.rig.fleet import Fleet
from tests.rig.home_assistant import HomeAssistant

from .conftest import Publish

DEVICES = ("outage-1", "outage-2", "outage-3")
DEAD = "outage-dead"
LIVING = ("outage-4", "outage-5", "outage-6")

#: Home Assistant tries to connect again every 10 s, in seconds.
BACK_WITHIN = 40


def history(home_assistant: HomeAssistant, key: str, since: datetime) -> list[str]:
    """Return all states of an entity."""
    entity_id = home_assistant.entity_ids()[key]
    periods = home_assistant.api.get(
        f"/api/history/period/{quote(since.isoformat())}"
        f"?filter_entity_id={entity_id}&minimal_response"
    )
    return [state["state"] for period in periods for state in period]


def test_a_killed_broker_makes_no_device_offline(
    broker: Broker, home_assistant: HomeAssistant, start_fleet: Callable[..., Fleet]
) -> None:
    """Connectivity is unavailable while the broker is down."""
    since = datetime.now(UTC)
    fleet = start_fleet(devices=DEVICES, scenario="idle")
    fleet.start_stories()
    with fleet.device(DEVICES[0]) as device:
        device.raise_alert("FileManager", "CRITICAL", "SD mount failed")
    before = fleet.expected()
    home_assistant.wait_for_states(before, timeout=BACK_WITHIN)

    broker.kill()
    home_assistant.wait_for_states(
        {f"{device_id}/connectivity": "unavailable" for device_id in DEVICES}
        | {
            f"{DEVICES[0]}/alert_FileManager": "critical",
            f"{DEVICES[0]}/health": "critical",
            f"{DEVICES[0]}/playing": "unavailable",
        }
    )
    broker.start()
    home_assistant.wait_for_states(before, timeout=BACK_WITHIN)

    for device_id in DEVICES:
        states = history(home_assistant, f"{device_id}/connectivity", since)
        assert "unavailable" in states
        assert "off" not in states
    alerts = history(home_assistant, f"{DEVICES[0]}/alert_FileManager", since)
    assert set(alerts) == {"critical"}


def test_retained_messages_of_a_restarted_broker_are_no_sign_of_life(
    broker: Broker,
    home_assistant: HomeAssistant,
    publish: Publish,
    start_fleet: Callable[..., Fleet],
) -> None:
    """Only devices with live messages are online."""
    if not broker.persistent:
        pytest.skip("amqtt retains nothing over a restart: install mosquitto for this")
    heartbeat = f"vesper/{DEAD}/status/heartbeat"
    publish(heartbeat, '{"uptime": 3600}', retain=True)
    home_assistant.wait_for_states({f"{DEAD}/connectivity": "on"})
    # Its live message is forgotten: from here on it is dead.
    home_assistant.reload()
    home_assistant.wait_for_states({f"{DEAD}/connectivity": "unknown"})
    fleet = start_fleet(devices=LIVING, scenario="idle")
    before = fleet.expected() | {f"{DEAD}/connectivity": "unknown"}
    home_assistant.wait_for_states(before)
    since = datetime.now(UTC)

    broker.restart()
    home_assistant.wait_until_listening()
    retained = home_assistant.api.first_event("mqtt/subscribe", topic=heartbeat)
    assert (retained["payload"], retained["retain"]) == ('{"uptime": 3600}', True)
    home_assistant.wait_for_states(before, timeout=BACK_WITHIN)

    dead = history(home_assistant, f"{DEAD}/connectivity", since)
    assert "unavailable" in dead
    assert "on" not in dead
    for device_id in LIVING:
        states = history(home_assistant, f"{device_id}/connectivity", since)
        assert "unavailable" in states
        assert "off" not in states
