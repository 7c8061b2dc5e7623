"""Measure how long an alert takes from a device's message to a browser.

    .venv-release/bin/python -m tests.benchmarks.latency

In a real Home Assistant, with its recorder and all that it loads by itself. The same
alert is published in turn where Vesper hears it, and where a sensor does that Home
Assistant's own MQTT integration has made of a discovery message. The time is that from
the publication until a client of the websocket, subscribed as a dashboard is, has the
new state.
"""

import argparse
import asyncio
from collections.abc import Mapping
import json
from pathlib import Path
import tempfile
import time
from typing import Any

import aiohttp
from paho.mqtt import publish as mqtt_publish
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.rig.broker import Broker, BrokerAddress
from tests.rig.home_assistant import HomeAssistant
from tests.rig.process import free_port

from .figures import Figure, hand_over, median_of
from .payloads import heartbeat

DEVICE = "bell"
SUBSYSTEM = "FileManager"
VESPER = f"vesper/{DEVICE}/status/alerts"
CORE = f"core/{DEVICE}/status/alerts"
DISCOVERY = {
    "name": "Alert",
    "unique_id": "core_alert",
    "state_topic": CORE,
    "value_template": "{{ value_json.state }}",
    "device": {"identifiers": ["core"], "name": "Core"},
}

#: In seconds: so far apart are two alerts, so that none waits for another.
APART = 0.1
PATIENCE = 10


def alert(state: str) -> str:
    """Return an alert as firmware says it."""
    return json.dumps(
        {"subsystem": SUBSYSTEM, "state": state, "msg": "SD mount failed"}
    )


def prepare(home_assistant: HomeAssistant, broker: BrokerAddress) -> dict[str, str]:
    """Let all entities be there and have a state; return what measures by entity id."""

    def publish(topic: str, payload: str | bytes) -> None:
        mqtt_publish.single(
            topic, payload, qos=1, hostname=broker.host, port=broker.port
        )

    home_assistant.wait_until_listening()
    publish(f"vesper/{DEVICE}/status/heartbeat", heartbeat(DEVICE, 1))
    publish(VESPER, alert("WARNING"))
    home_assistant.wait_for_states({f"{DEVICE}_alert_{SUBSYSTEM}": "warning"})
    mqtt_publish.single(
        "homeassistant/sensor/core/config",
        json.dumps(DISCOVERY),
        retain=True,
        hostname=broker.host,
        port=broker.port,
    )
    api = home_assistant.api

    def is_there() -> bool:
        publish(CORE, alert("WARNING"))
        core = api.entity_ids("mqtt").get("core_alert", "")
        return api.states().get(core, {}).get("state") == "WARNING"

    home_assistant.wait_until(is_there, timeout=PATIENCE, what="the sensor of MQTT")
    vesper = api.entity_ids("vesper")
    return {
        vesper[f"{DEVICE}_alert_{SUBSYSTEM}"]: "alert",
        vesper[f"{DEVICE}_health"]: "health",
        api.entity_ids("mqtt")["core_alert"]: "core",
    }


async def measure(
    home_assistant: HomeAssistant,
    broker: BrokerAddress,
    entities: Mapping[str, str],
    rounds: int,
) -> dict[str, list[float]]:
    """Return the milliseconds that each entity took, alert after alert."""
    took: dict[str, list[float]] = {name: [] for name in entities.values()}
    publisher = Client(CallbackAPIVersion.VERSION2)
    publisher.connect(broker.host, broker.port)
    publisher.loop_start()
    try:
        async with (
            aiohttp.ClientSession(home_assistant.url) as session,
            session.ws_connect("/api/websocket") as socket,
        ):
            await socket.receive_json()
            await socket.send_json(
                {"type": "auth", "access_token": home_assistant.api.token}
            )
            await socket.receive_json()
            await socket.send_json(
                {"id": 1, "type": "subscribe_entities", "entity_ids": list(entities)}
            )
            await socket.receive_json()  # the result
            await socket.receive_json()  # the states that there are
            for number in range(2 * rounds):
                state = "WARNING" if number % 2 else "CLEARED"
                ways = [(VESPER, {"alert", "health"}), (CORE, {"core"})]
                # Each leads as often, in both directions.
                for topic, waiting in ways if number // 2 % 2 else reversed(ways):
                    await asyncio.sleep(APART)
                    start = time.perf_counter()
                    publisher.publish(topic, alert(state), qos=1)
                    async with asyncio.timeout(PATIENCE):
                        while waiting:
                            changes = _changes(await socket.receive_json())
                            now = time.perf_counter()
                            for entity_id in changes:
                                name = entities[entity_id]
                                waiting.remove(name)
                                took[name].append((now - start) * 1e3)
    finally:
        publisher.disconnect()
        publisher.loop_stop()
    return took


def _changes(message: Any) -> list[str]:
    """Return the entities whose state has become another one, by a message."""
    event = message["event"]
    return [
        entity_id
        for entity_id, change in event.get("c", {}).items()
        if "s" in change.get("+", {})
    ]


def figures_of(took: Mapping[str, list[float]]) -> list[Figure]:
    """Return what the alert takes more than core's own sensor, and each alone."""
    core = median_of("latency.core", took["core"], "ms", note="core's own MQTT sensor")
    figures = [core]
    for name in ("alert", "health"):
        own = median_of(f"latency.{name}", took[name], "ms")
        figures += [
            own,
            Figure(
                name=f"latency.{name}_over_core",
                value=own.value - core.value,
                unit="ms",
                target=2,
                note=f"the difference of the medians of {len(took[name])}",
            ),
        ]
    return figures


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    rounds = 25 if parser.parse_args().quick else 100
    with (
        tempfile.TemporaryDirectory(prefix="vesper-bench-") as directory,
        Broker(Path(directory) / "broker") as broker,
        HomeAssistant(
            Path(directory) / "config", port=free_port(), broker=broker.address
        ) as home_assistant,
    ):
        entities = prepare(home_assistant, broker.address)
        took = asyncio.run(measure(home_assistant, broker.address, entities, rounds))
    hand_over(figures_of(took))


if __name__ == "__main__":
    main()
