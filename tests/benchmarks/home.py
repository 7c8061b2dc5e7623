"""A real Home Assistant in this process, with MQTT and Vesper, to be measured."""

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
import tempfile
import time
from types import MappingProxyType
from typing import Any, Protocol

from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

import custom_components
from homeassistant import bootstrap, runner
from homeassistant.components import mqtt
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_platform
from tests.rig.broker import Broker
from tests.rig.home_assistant import choose_port
from tests.rig.process import free_port

from .figures import Figure, hand_over

COMPONENTS = {"automation", "binary_sensor", "frontend", "logger", "sensor"}

#: Home Assistant gathers subscriptions for a while before it sends them, in seconds.
SUBSCRIBED_WITHIN = 30

CONFIGURATION = """
logger:
  default: warning
  logs:
    homeassistant.bootstrap: error
    homeassistant.loader: error
"""


def config_entry(
    domain: str, data: Mapping[str, Any], *, version: int = 1, **options: Any
) -> ConfigEntry:
    """Return a config entry as a flow would have made it."""
    return ConfigEntry(
        data=dict(data),
        discovery_keys=MappingProxyType({}),
        domain=domain,
        minor_version=1,
        options=options,
        source="user",
        subentries_data=None,
        title=domain.capitalize(),
        unique_id=None,
        version=version,
    )


def vesper_entry(prefix: str = "vesper", **options: Any) -> ConfigEntry:
    """Return an entry of the integration."""
    return config_entry("vesper", {"prefix": prefix}, **options)


def lift_entity_cap(entities: int) -> None:
    """Have Home Assistant take more entities of one entry than it does.

    For the one question of how costs grow: nobody can run it so. To be called before
    the integration is loaded, which takes the number over.
    """
    entity_platform.MAX_ENABLED_ENTITIES_PER_CONFIG_ENTRY = entities


@asynccontextmanager
async def running(
    config: Path, broker: Broker | None = None, *components: Path
) -> AsyncIterator[HomeAssistant]:
    """Run Home Assistant, linked with the broker where there is one.

    Beside the integration, as it stands in this repository, it finds other components.
    """
    custom_components.__path__ += [str(component.parent) for component in components]
    (config / "configuration.yaml").write_text(CONFIGURATION)
    # Others may run at the port that it has else.
    (config / ".storage").mkdir()
    choose_port(config / ".storage", free_port())
    bootstrap.DEFAULT_INTEGRATIONS = COMPONENTS
    hass = await bootstrap.async_setup_hass(
        runner.RuntimeConfig(config_dir=str(config), skip_pip=True)
    )
    if hass is None:
        msg = "Home Assistant did not start; its log says why"
        raise RuntimeError(msg)
    if broker is not None:
        address = broker.address
        data = {
            "broker": address.host,
            "port": address.port,
            "protocol": address.protocol,
            "transport": "tcp",
        }
        await hass.config_entries.async_add(config_entry("mqtt", data, version=2))
    await hass.async_start()
    try:
        yield hass
    finally:
        await hass.async_stop(force=True)


async def subscribe(
    hass: HomeAssistant, topic: str, receive: Callable[[mqtt.ReceiveMessage], None]
) -> None:
    """Subscribe as the integration does, and wait until it is so."""
    done = asyncio.Event()
    await mqtt.async_subscribe(hass, topic, receive, 1, None)
    stop = mqtt.async_on_subscribe_done(hass, topic, 1, done.set)
    async with asyncio.timeout(SUBSCRIBED_WITHIN):
        await done.wait()
    stop()


class Door:
    """The way into Home Assistant's MQTT client, as if a message came by the socket."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Find the client."""
        self._client = hass.data["mqtt"].client
        self.receive = self._client._async_mqtt_on_message  # noqa: SLF001
        self._properties: dict[str, Properties] = {}

    def message(
        self, topic: str, payload: bytes, subscribed: str, *, retain: bool = False
    ) -> MQTTMessage:
        """Return a message as the broker would send it to a subscription."""
        message = MQTTMessage(topic=topic.encode())
        message.payload = payload
        message.qos = 1
        message.retain = retain
        message.properties = self._properties_of(subscribed)
        message.timestamp = time.monotonic()
        return message

    def _properties_of(self, subscribed: str) -> Properties:
        """Return what the broker adds for a subscription: its number.

        It is 1 for all without a wildcard. Raises LookupError for an unknown one.
        """
        if "+" not in subscribed and "#" not in subscribed:
            subscribed = ""
        if subscribed not in self._properties:
            numbers = [
                subscription.subscription_id
                for subscription in self._client.subscriptions
                if subscription.topic == subscribed
            ]
            if subscribed and not numbers:
                raise LookupError(subscribed)
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.SubscriptionIdentifier = numbers or [1]
            self._properties[subscribed] = properties
        return self._properties[subscribed]

    def time(self, messages: list[MQTTMessage]) -> float:
        """Hand messages in, and return the microseconds of each.

        They are those of the event loop's thread, whatever else the machine does.
        """
        receive = self.receive
        start = time.thread_time()
        for message in messages:
            receive(None, None, message)
        return (time.thread_time() - start) / len(messages) * 1e6


def run[T](measure: Callable[[Path, Broker], Awaitable[T]], **broker_is: bool) -> T:
    """Run a measurement with a directory for a configuration and a broker."""
    with (
        tempfile.TemporaryDirectory(prefix="vesper-bench-") as directory,
        Broker(Path(directory) / "broker", **broker_is) as broker,
        # A thread of its own: Home Assistant forbids its thread to wait for a broker
        # to end, even after the event loop is closed.
        ThreadPoolExecutor(max_workers=1) as thread,
    ):
        config = Path(directory) / "config"
        config.mkdir()

        async def _measure() -> T:
            return await measure(config, broker)

        return thread.submit(asyncio.run, _measure()).result()


class Measure(Protocol):
    """What measures something in a place of its own."""

    def __call__(
        self, config: Path, broker: Broker, *, quick: bool
    ) -> Awaitable[list[Figure]]:
        """Return what was measured, with less care where it is to be quick."""


def tell(about: str, measure: Measure, **broker_is: bool) -> None:
    """Be the command of a measurement: run it and tell its figures.

    There is one Home Assistant in the life of a process.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less, for trying out")
    quick = parser.parse_args().quick
    hand_over(run(partial(measure, quick=quick), **broker_is))
