"""A broker that goes away says nothing about the devices."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from tests.rig.broker import Broker
from tests.rig.fleet import Fleet
from tests.rig.home_assistant import HomeAssistant

DEVICES = ("outage-1", "outage-2", "outage-3")

#: Home Assistant tries to connect again every 10 s, in seconds.
BACK_WITHIN = 40


def history(
    home_assistant: HomeAssistant, unique_id: str, since: datetime
) -> list[str]:
    """Return the states that an entity went through."""
    entity_id = home_assistant.api.entity_ids("vesper")[unique_id]
    periods = home_assistant.api.get(
        f"/api/history/period/{quote(since.isoformat())}"
        f"?filter_entity_id={entity_id}&minimal_response"
    )
    return [state["state"] for period in periods for state in period]


def unique_ids(expected: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return the states that the fleet expects, by unique id."""
    return {
        f"{device_id}_{key}": state
        for device_id, states in expected.items()
        for key, state in states.items()
    }


def test_a_killed_broker_makes_no_device_off_line(
    broker: Broker, home_assistant: HomeAssistant, start_fleet: Callable[..., Fleet]
) -> None:
    """Connectivity can't be told without a link, and is right again soon after."""
    since = datetime.now(UTC)
    fleet = start_fleet(devices=DEVICES, scenario="calm")
    fleet.start_stories()
    with fleet.device(DEVICES[0]) as device:
        device.raise_alert("FileManager", "CRITICAL", "SD mount failed")
    before = unique_ids(fleet.expected())
    home_assistant.wait_for_states(before, timeout=BACK_WITHIN)

    broker.kill()
    home_assistant.wait_for_states(
        {f"{device_id}_connectivity": "unavailable" for device_id in DEVICES}
        | {
            f"{DEVICES[0]}_alert_FileManager": "critical",
            f"{DEVICES[0]}_health": "critical",
            f"{DEVICES[0]}_playing": "unavailable",
        }
    )
    broker.start()
    home_assistant.wait_for_states(before, timeout=BACK_WITHIN)

    for device_id in DEVICES:
        states = history(home_assistant, f"{device_id}_connectivity", since)
        assert "unavailable" in states
        assert "off" not in states
    alerts = history(home_assistant, f"{DEVICES[0]}_alert_FileManager", since)
    assert set(alerts) == {"critical"}
