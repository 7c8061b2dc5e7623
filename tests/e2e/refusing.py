"""Helpers of the tests of brokers that refuse something."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
import re
from urllib.parse import quote

from paho.mqtt import publish as mqtt_publish

from tests.rig.broker import LIMITED_USER, Broker, BrokerAddress
from tests.rig.firmware import HEARTBEAT_SECONDS
from tests.rig.fleet import Fleet
from tests.rig.home_assistant import HomeAssistant
from tests.rig.process import free_port

from .test_removal import registered

LIVING = ("refused-1", "refused-2")

#: The shortest timeout, in seconds, and the speed of the devices: they send a
#: heartbeat every three seconds.
TIMEOUT = 30
SPEED = 10

#: In seconds: Home Assistant tries to connect every ten.
CONNECTED = 20

#: An entity of the MQTT integration, which has nothing to do with Vesper.
OTHER = "sensor.other"

type Row = Callable[[str, object], None]


@contextmanager
def connected(directory: Path, address: BrokerAddress) -> Iterator[HomeAssistant]:
    """Run a Home Assistant with the shortest heartbeat timeout."""
    with HomeAssistant(
        directory / "config", port=free_port(), broker=address
    ) as home_assistant:
        home_assistant.api.set_options(
            home_assistant.entry["entry_id"], heartbeat_timeout=TIMEOUT
        )
        home_assistant.wait_until_listening()
        yield home_assistant
    problems = home_assistant.log_problems()
    assert not problems, "\n".join(problems)


def publish(
    address: BrokerAddress, topic: str, payload: str, *, retain: bool = False
) -> None:
    """Publish a message with all rights.

    Returns when the broker has it.
    """
    mqtt_publish.single(
        topic,
        payload,
        qos=1,
        retain=retain,
        hostname=address.host,
        port=address.port,
    )


def publish_heartbeat(
    address: BrokerAddress, device_id: str, *, retain: bool = False
) -> None:
    """Publish the only heartbeat of a silent device."""
    topic = f"vesper/{device_id}/status/heartbeat"
    publish(address, topic, '{"uptime": 3600}', retain=retain)


def connectivity(state: str, *device_ids: str) -> dict[str, str]:
    """Return the expected states of connectivity."""
    return {f"{device_id}/connectivity": state for device_id in device_ids}


def wait_between_heartbeats(home_assistant: HomeAssistant, fleet: Fleet) -> None:
    """Wait for a pause between two heartbeats.

    The last one is at least a second ago, and the next one as far away.

    What begins then ends between two heartbeats, too: no message proves the link at
    the end of a timeout, and the broker is asked.
    """

    def is_between() -> bool:
        with fleet.device(LIVING[0]) as device:
            return (
                HEARTBEAT_SECONDS / 3
                <= device.uptime * SPEED % HEARTBEAT_SECONDS
                < HEARTBEAT_SECONDS * 2 / 3
            )

    home_assistant.wait_until(is_between, timeout=10, what="a pause of the devices")


def sent(broker: Broker, topic: str) -> int:
    """Return how often mosquitto has sent a topic.

    Only what it has sent to Home Assistant at QoS 0 counts.
    """
    *_, client = sessions(broker.log)
    return broker.log.count(f"Sending PUBLISH to {client} (d0, q0, r0, m0, '{topic}'")


def sessions(log: str) -> list[str]:
    """Return the client ids of Home Assistant at mosquitto.

    The first is of the config flow, which tries the connection.
    """
    return re.findall(
        rf"New client connected from \S+ as (\S+) .*'{LIMITED_USER}'", log
    )


def disconnects(log: str) -> list[str]:
    """Return what mosquitto logged of the entry's disconnects."""
    client = re.escape(sessions(log)[1])
    return re.findall(
        rf"^\d+: ((?:Client|Bad socket .* client) {client}[ :].*"
        rf"|.* from {client}, disconnecting.*|.*DISCONNECT (?:from|to) {client}\b.*)$",
        log,
        re.MULTILINE,
    )


def questions(log: str) -> int:
    """Return how often the info topic was subscribed to.

    Home Assistant also does so to ask the broker for a sign of life.
    """
    return log.count("\tvesper/+/status/info (QoS")


def assert_connected(broker: Broker) -> str:
    """Check that Home Assistant never lost its connection."""
    log = broker.log
    assert not disconnects(log)
    assert len(sessions(log)) == 2
    return "no disconnect"


def wait_for_heartbeats(home_assistant: HomeAssistant, broker: Broker) -> None:
    """Wait for four heartbeats, in about twelve seconds."""
    topic = f"vesper/{LIVING[0]}/status/heartbeat"
    before = sent(broker, topic)
    home_assistant.wait_until(
        lambda: sent(broker, topic) >= before + 4, timeout=30, what="heartbeats"
    )


def control_messages(broker: Broker, verb: str, device_id: str) -> list[str]:
    """Return a device's health checks in mosquitto's log.

    `verb` is Received or Denied.
    """
    return re.findall(
        rf"{verb} PUBLISH from \S+ \(d0, q0, r0, m0, 'vesper/{device_id}/control'.*",
        broker.log,
    )


def history(
    home_assistant: HomeAssistant, entity_id: str, since: datetime
) -> list[tuple[str, datetime]]:
    """Return an entity's states with their times."""
    periods = home_assistant.api.get(
        f"/api/history/period/{quote(since.isoformat())}"
        f"?filter_entity_id={entity_id}&minimal_response&significant_changes_only=0"
    )
    return [
        (state["state"], datetime.fromisoformat(state["last_changed"]))
        for period in periods
        for state in period
    ]


def connectivity_history(
    home_assistant: HomeAssistant, device_id: str, since: datetime
) -> set[str]:
    """Return all states of connectivity of a device."""
    entity_id = home_assistant.entity_ids()[f"{device_id}/connectivity"]
    return {state for state, _ in history(home_assistant, entity_id, since)}


def interruptions(home_assistant: HomeAssistant, since: datetime) -> list[float]:
    """Return how long the other entity was unavailable.

    There is one duration for each time, in seconds.
    """
    states = history(home_assistant, OTHER, since)
    ends = [at for _, at in states[1:]] + [datetime.now(UTC)]
    return [
        (end - at).total_seconds()
        for (state, at), end in zip(states, ends, strict=True)
        if state == "unavailable"
    ]


def refused_issues(home_assistant: HomeAssistant) -> dict[str, str]:
    """Return the topics of refusal repair issues, by kind."""
    issues = home_assistant.api.command("repairs/list_issues")["issues"]
    return {
        issue["issue_id"].rpartition("/")[2]: issue["translation_placeholders"]["topic"]
        for issue in issues
        if issue["translation_key"] == "refused"
    }


def topics(home_assistant: HomeAssistant) -> dict[str, dict[str, object]]:
    """Return what the diagnostics say of the topics."""
    entry_id = home_assistant.entry["entry_id"]
    download = home_assistant.api.get(f"/api/diagnostics/config_entry/{entry_id}")
    topics: dict[str, dict[str, object]] = download["data"]["topics"]
    return topics


def wait_for_other(home_assistant: HomeAssistant) -> None:
    """Wait until the MQTT integration's entity is available."""
    home_assistant.wait_until(
        lambda: home_assistant.api.states().get(OTHER, {}).get("state") == "7",
        timeout=CONNECTED,
        what="a connection to the broker",
    )


def run_health_check(home_assistant: HomeAssistant, device_id: str) -> None:
    """Run a device's health check as users do."""
    home_assistant.api.command(
        "call_service",
        domain="vesper",
        service="run_health_check",
        target={"device_id": registered(home_assistant, device_id)},
        return_response=False,
    )


def record_interruptions(
    record_property: Row, home_assistant: HomeAssistant, since: datetime
) -> None:
    """Check that the other entity was unavailable only briefly."""
    seconds = interruptions(home_assistant, since)
    assert len(seconds) <= 2
    assert all(duration < CONNECTED for duration in seconds)
    assert home_assistant.api.states()[OTHER]["state"] == "7"
    shown = " and ".join(f"{duration:.1f} s" for duration in seconds)
    record_property("seen", f"{len(seconds)} disconnects, of {shown}")
