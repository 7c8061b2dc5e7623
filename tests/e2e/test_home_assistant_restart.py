"""States of devices survive any end of Home Assistant."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
import subprocess
import sys
import time

from tests.rig.home_assistant import HomeAssistant

from .conftest import Publish

KILLED = "survivor"
STOPPED = "player"
#: The first device of a simulated fleet.
OLD = "vesper-0001"


def test_an_alert_survives_a_kill(
    home_assistant: HomeAssistant, publish: Publish
) -> None:
    """New devices and alerts are stored within a second."""
    heartbeat = f"vesper/{KILLED}/status/heartbeat"
    publish(heartbeat, '{"uptime": 3600, "reset_reason": 1}', retain=True)
    publish(
        f"vesper/{KILLED}/status/alerts",
        '{"subsystem": "FileManager", "state": "CRITICAL", "msg": "SD mount failed"}',
    )
    shown = {
        f"{KILLED}/alert_FileManager": "critical",
        f"{KILLED}/health": "critical",
        f"{KILLED}/active_alerts": "1",
    }
    home_assistant.wait_for_states(shown | {f"{KILLED}/connectivity": "on"})
    before = home_assistant.entity_ids()

    time.sleep(1)
    home_assistant.kill()
    home_assistant.start()
    states = home_assistant.states()
    assert {key: states.get(key) for key in shown} == shown
    assert states[f"{KILLED}/connectivity"] == "unknown"
    after = home_assistant.entity_ids()
    assert after == before
    entity_id = after[f"{KILLED}/alert_FileManager"]
    attributes = home_assistant.api.states()[entity_id]["attributes"]
    assert attributes["message"] == "SD mount failed"
    assert attributes["confirmed"] is False

    home_assistant.wait_until_listening()
    home_assistant.wait_for_states({f"{KILLED}/reset_reason": "power_on"})
    assert home_assistant.states()[f"{KILLED}/connectivity"] == "unknown"
    publish(heartbeat, '{"uptime": 3620}')
    home_assistant.wait_for_states(shown | {f"{KILLED}/connectivity": "on"})


def test_all_that_is_known_survives_a_restart(
    home_assistant: HomeAssistant, publish: Publish
) -> None:
    """Playback is restored until the device reports."""
    heartbeat = f"vesper/{STOPPED}/status/heartbeat"
    publish(heartbeat, '{"uptime": 3600, "heap_free": 100000}')
    publish(
        f"vesper/{STOPPED}/status/info",
        '{"type": "playback_started", "payload": {"melody_uid": "ABC123"}}',
        qos=0,
    )
    shown = {f"{STOPPED}/playing": "on", f"{STOPPED}/melody": "ABC123"}
    home_assistant.wait_for_states(shown)
    before = home_assistant.states()

    home_assistant.restart()
    home_assistant.wait_until_listening()
    after = home_assistant.states()
    ours = {key for key in before if key.startswith(f"{STOPPED}/")}
    ours.discard(f"{STOPPED}/connectivity")
    assert {key: after.get(key) for key in ours} == {key: before[key] for key in ours}
    assert after[f"{STOPPED}/connectivity"] == "unknown"
    publish(heartbeat, '{"uptime": 3630}')
    home_assistant.wait_for_states(
        {f"{STOPPED}/connectivity": "on", f"{STOPPED}/playing": "unknown"}
    )


def test_a_written_past_is_shown(home_assistant: HomeAssistant) -> None:
    """Recorder and integration show what the simulated fleet wrote."""
    module = [sys.executable, "-m", "tests.rig.fleet", "--scenario", "idle"]
    history = ["--history", "3d", "--config", str(home_assistant.directory)]
    home_assistant.stop()
    try:
        subprocess.run(  # noqa: S603  # our own
            [*module, "--devices", "1", *history],
            cwd=Path(__file__).parents[2],
            check=True,
            timeout=60,
        )
    finally:
        home_assistant.start()
    api = home_assistant.api
    entity_id = home_assistant.entity_ids()[f"{OLD}/connectivity"]
    now = datetime.now(UTC)
    begin, end = (
        f"{time:%Y-%m-%dT%H:%M:%SZ}" for time in (now - timedelta(days=5), now)
    )
    (states,) = api.get(
        f"/api/history/period/{begin}?end_time={end}&filter_entity_id={entity_id}"
    )
    returns = [state["last_changed"] for state in states if state["state"] == "on"]
    shown = api.get(f"/api/vesper/devices/{OLD}/availability")
    ends = {outage["end"] for outage in shown["last_outages"]}
    assert ends
    # Those in maintenance are no outages.
    assert ends <= set(returns[1:])
    assert shown["observed"]["week"] > timedelta(days=2).total_seconds()
    assert 50 < shown["availability"]["day"] <= 100
