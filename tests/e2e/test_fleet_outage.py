"""A fleet outage has two notifications."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
import time
from typing import Final

from paho.mqtt import publish as mqtt_publish
import pytest

from tests.rig.broker import Broker, find_mosquitto
from tests.rig.home_assistant import HomeAssistant

from .refusing import TIMEOUT, connected

BLUEPRINT: Final = "vesper/device_offline.yaml"
SOURCE: Final = Path(__file__).parents[2] / "blueprints/automation" / BLUEPRINT
BELLS: Final = [f"bell-{number:02}" for number in range(12)]

#: In seconds.
OFFLINE_FOR: Final = 15


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """Return a broker."""
    with Broker(tmp_path / "broker", persistent=find_mosquitto() is not None) as broker:
        yield broker


@pytest.fixture
def home_assistant(tmp_path: Path, broker: Broker) -> Iterator[HomeAssistant]:
    """Return a Home Assistant with the shortest timeout."""
    with connected(tmp_path, broker.address) as home_assistant:
        yield home_assistant


def beat(broker: Broker, device_ids: list[str]) -> None:
    """Let devices send a heartbeat."""
    mqtt_publish.multiple(
        [
            (f"vesper/{one}/status/heartbeat", '{"uptime": 3600}', 1, False)
            for one in device_ids
        ],
        hostname=broker.address.host,
        port=broker.address.port,
    )


def notifications(home_assistant: HomeAssistant) -> list[str]:
    """Return the titles and messages of all notifications."""
    shown = home_assistant.api.command("persistent_notification/get")
    return [f"{one['title']}: {one['message']}" for one in shown]


def wait_for(
    home_assistant: HomeAssistant, broker: Broker, count: int, living: list[str]
) -> list[str]:
    """Return the notifications once there are so many.

    Meanwhile, devices send heartbeats.
    """

    def are_there() -> bool:
        """Send heartbeats and look."""
        if living:
            beat(broker, living)
        return len(notifications(home_assistant)) >= count

    home_assistant.wait_until(
        are_there, timeout=2 * TIMEOUT + OFFLINE_FOR, what="the notification"
    )
    return notifications(home_assistant)


@pytest.mark.timeout(300)
def test_twelve_silent_bells(home_assistant: HomeAssistant, broker: Broker) -> None:
    """Two notifications, although Home Assistant is killed."""
    api = home_assistant.api
    beat(broker, BELLS)
    home_assistant.wait_for_states({f"{one}/connectivity": "on" for one in BELLS})
    api.command(
        "blueprint/save", domain="automation", path=BLUEPRINT, yaml=SOURCE.read_text()
    )
    fleet = home_assistant.entity_ids()
    target = {"entity_id": [fleet[f"{one}/connectivity"] for one in BELLS]}
    inputs = {"devices": target, "duration": {"seconds": OFFLINE_FOR}}
    api.post(
        "/api/config/automation/config/outage",
        {"alias": "Outage", "use_blueprint": {"path": BLUEPRINT, "input": inputs}},
    )
    first = wait_for(home_assistant, broker, 1, [])
    lost = "Vesper: 12 devices are offline: They went offline together."
    assert first == [f"{lost} 12 were online before."]
    # It is on disk within a second that it was reported.
    time.sleep(1)
    home_assistant.kill()
    home_assistant.start()
    home_assistant.wait_until_listening()
    # Notifications do not survive a restart.
    assert notifications(home_assistant) == []
    (last,) = wait_for(home_assistant, broker, 1, BELLS[1:])
    assert last.startswith("Vesper: the outage is over: It lasted ")
    assert last.endswith("Still offline: `Vesper bell-00`")
    beat(broker, BELLS)
    home_assistant.wait_until(
        partial(_is_back, home_assistant), timeout=10, what="the return of the last one"
    )


def _is_back(home_assistant: HomeAssistant) -> bool:
    """Return whether the last device is back."""
    shown = notifications(home_assistant)
    return len(shown) == 2 and (
        "Vesper bell-00 is online again: It sends messages again." in shown
    )
