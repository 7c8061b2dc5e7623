"""Measure what one heartbeat costs, beside the least that it could cost.

    python -m tests.benchmarks.heartbeat

Three ways live in one real Home Assistant, each behind a subscription of its own, and
take the same heartbeats in turn, handed to Home Assistant's MQTT client in process:

    no-op   a callback that does nothing: Home Assistant's dispatch
    floor   the callback parses the JSON, reads five fields and notes the time
    vesper  the integration

The time is what the event loop's thread has used. A ratio is the median, with its
quartiles, of the ratios of each round: so it holds while the machine's speed drifts.
"""

import argparse
import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
import json
from pathlib import Path
import shutil
import statistics
import tempfile
import time
from types import MappingProxyType
from typing import Any

import orjson
from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from homeassistant import bootstrap, runner
from homeassistant.components import mqtt
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_STATE_CHANGED, EVENT_STATE_REPORTED
from homeassistant.core import Event, HomeAssistant, callback
from tests.rig.broker import Broker

WAYS = ("no-op", "floor", "vesper")
FIELDS = (
    "uptime",
    "reset_reason",
    "heap_free",
    "heap_min_free",
    "last_disconnect_code",
)
INTEGRATION = Path(__file__).parents[2] / "custom_components" / "vesper"
COMPONENTS = {"automation", "binary_sensor", "frontend", "logger", "sensor"}

#: In seconds. From here on uptimes rise about as fast as the clock, so that each is
#: another one and none tells of another time of boot.
UPTIME = 1_000_000

#: Home Assistant gathers subscriptions for a while before it sends them, in seconds.
SUBSCRIBED_WITHIN = 30


class Floor:
    """The least that anybody who looks into a heartbeat has to do."""

    def __init__(self) -> None:
        """Start with no device."""
        self.fields: dict[str, tuple[Any, ...]] = {}
        self.seen: dict[str, float] = {}

    @callback
    def receive(self, message: mqtt.ReceiveMessage) -> None:
        """Note what a heartbeat says, and when."""
        device_id = message.topic.rsplit("/", 3)[1]
        data = orjson.loads(message.payload)
        self.fields[device_id] = tuple(data.get(name) for name in FIELDS)
        self.seen[device_id] = time.monotonic()


def heartbeat(device_id: str, number: int, events: int) -> bytes:
    """Return a heartbeat of firmware 1.1.0: uptime and heap move with its number."""
    return json.dumps(
        {
            "device_id": device_id,
            "uptime": UPTIME + number // 16,
            "firmware_version": "1.1.0",
            "reset_reason": 1,
            "heap_free": 120_000 + number % 4096,
            "heap_min_free": 98_765,
            "last_disconnect_code": 8,
            "recent_events": [
                {"t": 1 + n % 8, "d0": 200 + n, "d1": n, "ts": 1_790_000_000, "up": n}
                for n in range(events)
            ],
        },
        separators=(",", ":"),
    ).encode()


def config_entry(domain: str, version: int, data: dict[str, Any]) -> ConfigEntry:
    """Return a config entry as a flow would have made it."""
    return ConfigEntry(
        data=data,
        discovery_keys=MappingProxyType({}),
        domain=domain,
        minor_version=1,
        options={"max_devices": 1000} if domain == "vesper" else {},
        source="user",
        subentries_data=None,
        title=domain.capitalize(),
        unique_id=None,
        version=version,
    )


async def start(config: Path, broker: Broker) -> HomeAssistant:
    """Start Home Assistant with MQTT, Vesper and the two other ways."""
    shutil.copytree(INTEGRATION, config / "custom_components" / "vesper")
    (config / "configuration.yaml").write_text("logger: {default: warning}\n")
    bootstrap.DEFAULT_INTEGRATIONS = COMPONENTS
    hass = await bootstrap.async_setup_hass(
        runner.RuntimeConfig(config_dir=str(config), skip_pip=True)
    )
    if hass is None:
        msg = "Home Assistant did not start; its log says why"
        raise RuntimeError(msg)
    address = broker.address
    await hass.config_entries.async_add(
        config_entry(
            "mqtt",
            2,
            {
                "broker": address.host,
                "port": address.port,
                "protocol": address.protocol,
                "transport": "tcp",
            },
        )
    )
    await hass.config_entries.async_add(config_entry("vesper", 1, {"prefix": "vesper"}))
    await hass.async_start()

    @callback
    def receive_nothing(_: mqtt.ReceiveMessage) -> None:
        """Do nothing."""

    await subscribe(hass, "no-op", receive_nothing)
    await subscribe(hass, "floor", Floor().receive)
    return hass


async def subscribe(
    hass: HomeAssistant, way: str, receive: Callable[[mqtt.ReceiveMessage], None]
) -> None:
    """Subscribe as the integration does, and wait until it is so."""
    topic = f"{way}/+/status/heartbeat"
    done = asyncio.Event()
    await mqtt.async_subscribe(hass, topic, receive, 1, None)
    stop = mqtt.async_on_subscribe_done(hass, topic, 1, done.set)
    async with asyncio.timeout(SUBSCRIBED_WITHIN):
        await done.wait()
    stop()


class Bench:
    """Rounds of heartbeats for each way."""

    def __init__(self, hass: HomeAssistant, devices: int, events: int) -> None:
        """Find the way into Home Assistant's MQTT client."""
        self._client = hass.data["mqtt"].client
        self._device_ids = [f"bell-{number:05d}" for number in range(devices)]
        self._events = events
        self._number = 0
        self._ids = {
            subscription.topic.split("/")[0]: subscription.subscription_id
            for subscription in self._client.subscriptions
            if subscription.topic.endswith("/status/heartbeat")
        }

    def messages(self, way: str, each: int) -> list[MQTTMessage]:
        """Return messages as the broker would send them, so many of each device."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.SubscriptionIdentifier = [self._ids[way]]
        messages = []
        for _ in range(each):
            self._number += 1
            for device_id in self._device_ids:
                topic = f"{way}/{device_id}/status/heartbeat"
                message = MQTTMessage(topic=topic.encode())
                message.payload = heartbeat(device_id, self._number, self._events)
                message.qos = 1
                message.properties = properties
                message.timestamp = time.monotonic()
                messages.append(message)
        return messages

    def measure(self, way: str, each: int) -> float:
        """Return the microseconds of one message."""
        messages = self.messages(way, each)
        receive = self._client._async_mqtt_on_message  # noqa: SLF001
        start = time.thread_time()
        for message in messages:
            receive(None, None, message)
        return (time.thread_time() - start) / len(messages) * 1e6


async def run(options: argparse.Namespace, config: Path, broker: Broker) -> None:
    """Measure and print."""
    hass = await start(config, broker)
    bench = Bench(hass, options.devices, options.events)
    for way in WAYS:
        bench.measure(way, each=2)
        await hass.async_block_till_done()
    written: Counter[str] = Counter()

    @callback
    def count(event: Event[Any]) -> None:
        """Count a write of a state."""
        written[str(event.event_type)] += 1

    for event_type in (EVENT_STATE_CHANGED, EVENT_STATE_REPORTED):
        hass.bus.async_listen(event_type, count, callback(lambda _: True))
    rounds: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(options.rounds):
        for way in WAYS[number % 3 :] + WAYS[: number % 3]:
            rounds[way].append(bench.measure(way, options.each))
        await asyncio.sleep(0)
    size = len(heartbeat("bell-00000", bench._number, options.events))  # noqa: SLF001
    print_table(rounds, options, size, written)
    await hass.async_stop(force=True)


def print_table(
    rounds: Mapping[str, Sequence[float]],
    options: argparse.Namespace,
    size: int,
    written: Counter[str],
) -> None:
    """Print each way's time, and how it compares with the floor."""
    heartbeats = options.rounds * options.each * options.devices
    print(
        f"{options.devices} devices, {size} bytes with {options.events} events, "
        f"{options.rounds} rounds of {options.each * options.devices} heartbeats a way"
    )
    print(f"{'way':8}{'µs':>8}{'× floor':>10}{'quartiles':>16}")
    for way in WAYS:
        ratios = [
            mine / floor
            for mine, floor in zip(rounds[way], rounds["floor"], strict=True)
        ]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"{way:8}{statistics.median(rounds[way]):8.2f}{middle:10.2f}"
            f"{low:9.2f}–{high:.2f}"
        )
    print(f"state writes by {heartbeats} heartbeats of vesper: {dict(written) or 0}")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--events", type=int, default=16, help="in each heartbeat")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--each", type=int, default=5, help="heartbeats a round")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="vesper-bench-") as directory,
        Broker(Path(directory) / "broker") as broker,
        # A thread of its own: Home Assistant forbids its thread to wait for a broker
        # to end, even after the event loop is closed.
        ThreadPoolExecutor(max_workers=1) as thread,
    ):
        config = Path(directory) / "config"
        config.mkdir()
        thread.submit(asyncio.run, run(options, config, broker)).result()


if __name__ == "__main__":
    main()
