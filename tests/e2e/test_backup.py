"""A new Home Assistant restored from a backup."""

from collections.abc import Iterator
from dataclasses import dataclass
import json
from pathlib import Path
import shutil
import subprocess
import sys
from typing import Any, Self

from paho.mqtt import publish as mqtt_publish
import pytest

from tests.rig.broker import Broker
from tests.rig.home_assistant import HomeAssistant
from tests.rig.process import free_port

#: What happened to them is known; they are silent.
FLEET = [f"vesper-{number:04}" for number in range(1, 6)]
BELL = "chapel"


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a Home Assistant knows of all devices."""

    states: dict[str, str]
    entity_ids: dict[str, str]
    alerts: list[dict[str, Any]]
    past: list[dict[str, Any]]

    @classmethod
    def of(cls, home_assistant: HomeAssistant) -> Self:
        """Read what is known, but for what counts seconds."""
        api = home_assistant.api
        past = [
            api.get(f"/api/vesper/devices/{device_id}/availability")
            for device_id in [BELL, *FLEET]
        ]
        return cls(
            states={
                key: state
                for key, state in home_assistant.states().items()
                if not key.endswith(("connectivity", "devices_online"))
            },
            entity_ids=home_assistant.entity_ids(),
            # Those of an earlier run of Home Assistant are not confirmed.
            alerts=[
                alert | {"confirmed": False}
                for alert in api.get(f"/api/vesper/devices/{BELL}/alerts")
            ],
            past=[
                {key: report[key] for key in ("last_outages", "last_restarts")}
                for report in past
            ],
        )


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """Return a broker without retained messages."""
    with Broker(tmp_path / "broker") as broker:
        yield broker


def _publish(broker: Broker, topic: str, **message: Any) -> None:
    """Publish a message of the bell, not retained."""
    mqtt_publish.single(
        f"vesper/{BELL}/status/{topic}",
        json.dumps(message),
        qos=1,
        hostname=broker.address.host,
        port=broker.address.port,
    )


def _write_past(home_assistant: HomeAssistant) -> None:
    """Write what happened in ten days, while stopped."""
    module = [sys.executable, "-m", "tests.rig.fleet", "--scenario", "idle"]
    history = ["--history", "10d", "--config", str(home_assistant.directory)]
    subprocess.run(  # noqa: S603  # our own
        [*module, "--devices", str(len(FLEET)), *history],
        cwd=Path(__file__).parents[2],
        check=True,
        timeout=60,
    )


def _back_up(home_assistant: HomeAssistant, broker: Broker) -> Known:
    """Make a backup, and return what is known."""
    api = home_assistant.api
    _publish(broker, "heartbeat", uptime=3600, firmware_version="1.2.0")
    _publish(broker, "alerts", subsystem="SD", state="FAILED", msg="mount failed")
    _publish(broker, "alerts", subsystem="Player", state="WARNING")
    home_assistant.wait_for_states({f"{BELL}/active_alerts": "2"})
    health = home_assistant.entity_ids()[f"{BELL}/health"]
    api.post(
        "/api/services/vesper/acknowledge_alert",
        {"entity_id": health, "subsystem": "SD", "note": "card is ordered"},
    )
    api.post(
        "/api/services/vesper/set_maintenance",
        {"entity_id": health, "duration": {"days": 1}},
    )
    # Without the backup, this would be stored a quarter of an hour later.
    _publish(broker, "heartbeat", uptime=3630, heap_free=43_008)
    home_assistant.wait_for_states({f"{BELL}/heap_free": "42.0"})
    known = Known.of(home_assistant)
    api.post("/api/services/backup/create")
    return known


@pytest.mark.timeout(300)  # it has five starts of Home Assistant
def test_restored(tmp_path: Path, broker: Broker) -> None:
    """All that the backup knows is there again."""
    old_directory, backup = tmp_path / "old" / "config", tmp_path / "backup.tar"
    with HomeAssistant(old_directory, port=free_port(), broker=broker.address) as old:
        old.wait_until_listening()
        old.stop()
        _write_past(old)
        old.start()
        old.wait_until_listening()
        before = _back_up(old, broker)
    (made,) = (old_directory / "backups").glob("*.tar")
    shutil.move(made, backup)
    # What is restored comes from the backup alone.
    shutil.rmtree(old_directory)

    new = HomeAssistant(
        tmp_path / "new" / "config", port=free_port(), broker=broker.address
    )
    new.restore(backup)
    with new:
        new.wait_until_listening()
        assert Known.of(new) == before
        assert before.states[f"{BELL}/alert_SD"] == "failed"
        assert before.states[f"{BELL}/maintenance"] == "on"
        assert [alert["note"] for alert in before.alerts] == ["card is ordered", ""]
        assert all(past["last_outages"] for past in before.past[1:])
        assert new.states()[f"{BELL}/connectivity"] == "unknown"
        _publish(broker, "heartbeat", uptime=3700)
        new.wait_for_states({f"{BELL}/connectivity": "on"})
        problems = [*old.log_problems(), *new.log_problems()]
    assert not problems, "\n".join(problems)
