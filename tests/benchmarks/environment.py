"""A real Home Assistant with MQTT, in this process."""

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
from custom_components.vesper.hub import admission
from homeassistant import bootstrap, runner
from homeassistant.components import mqtt
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_platform
from tests.rig.broker import Broker, BrokerAddress
from tests.rig.home_assistant import choose_port
from tests.rig.process import free_port

from .figures import Figure, write_figures

COMPONENTS = {"automation", "binary_sensor", "frontend", "logger", "sensor"}

#: In seconds: Home Assistant collects subscriptions before it sends them.
SUBSCRIBE_TIMEOUT = 30

#: In seconds: no device times out that is not meant to.
HEARTBEAT_TIMEOUT = 3600

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
    """Return a config entry as flows make it."""
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
    options = {"heartbeat_timeout": HEARTBEAT_TIMEOUT} | options
    return config_entry("vesper", {"prefix": prefix}, **options)


def lift_entity_limit(entities: int) -> None:
    """Lift Home Assistant's limit of entities per config entry."""
    modules: tuple[Any, ...] = (entity_platform, admission)
    for module in modules:
        module.MAX_ENABLED_ENTITIES_PER_CONFIG_ENTRY = entities


class HasAddress(Protocol):
    """A broker, of this process or of another."""

    @property
    def address(self) -> BrokerAddress:
        """What a client needs to connect."""


@asynccontextmanager
async def running(
    config: Path,
    broker: HasAddress,
    *components: Path,
    configuration: str = CONFIGURATION,
) -> AsyncIterator[HomeAssistant]:
    """Run Home Assistant, connected to the broker.

    Besides the integration of this repository it finds the given components. Where it
    ran before, it has its entries from there.
    """
    custom_components.__path__ += [str(component.parent) for component in components]
    (config / "configuration.yaml").write_text(configuration)
    storage = config / ".storage"
    is_new = not (storage / "core.config_entries").exists()
    storage.mkdir(exist_ok=True)
    # Its default port may be in use.
    choose_port(storage, free_port())
    bootstrap.DEFAULT_INTEGRATIONS = COMPONENTS
    hass = await bootstrap.async_setup_hass(
        runner.RuntimeConfig(config_dir=str(config), skip_pip=True)
    )
    if hass is None:
        msg = "Home Assistant did not start; its log says why"
        raise RuntimeError(msg)
    if is_new:
        await hass.config_entries.async_add(_mqtt_entry(broker.address))
    await hass.async_start()
    try:
        yield hass
    finally:
        await hass.async_stop(force=True)


def _mqtt_entry(address: BrokerAddress) -> ConfigEntry:
    """Return the entry of a client of a broker."""
    data = {
        "broker": address.host,
        "port": address.port,
        "protocol": address.protocol,
        "transport": "tcp",
    }
    return config_entry("mqtt", data, version=2)


async def subscribe(
    hass: HomeAssistant, topic: str, receive: Callable[[mqtt.ReceiveMessage], None]
) -> None:
    """Subscribe as the integration does, and wait for it."""
    done = asyncio.Event()
    await mqtt.async_subscribe(hass, topic, receive, 1, None)
    stop = mqtt.async_on_subscribe_done(hass, topic, 1, done.set)
    async with asyncio.timeout(SUBSCRIBE_TIMEOUT):
        await done.wait()
    stop()


class MqttInput:
    """Hands messages to the MQTT client, as paho does."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Find the client."""
        self._client = hass.data["mqtt"].client
        self._receive = self._client._async_mqtt_on_message  # noqa: SLF001
        self._properties: dict[str, Properties] = {}

    def message(self, topic: str, payload: bytes, subscribed: str) -> MQTTMessage:
        """Return a live message as the broker sends it."""
        message = MQTTMessage(topic=topic.encode())
        message.payload = payload
        message.qos = 1
        message.properties = self._properties_of(subscribed)
        message.timestamp = time.monotonic()
        return message

    def _properties_of(self, subscribed: str) -> Properties:
        """Return what the broker adds: the subscription's number.

        It is 1 for all without a wildcard. Raises LookupError for an unknown one.
        """
        if "+" not in subscribed:
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

    def receive(self, messages: list[MQTTMessage]) -> float:
        """Receive messages, and return the microseconds that each took.

        They are those of the event loop's thread, without other processes.
        """
        receive = self._receive
        start = time.thread_time()
        for message in messages:
            receive(None, None, message)
        return (time.thread_time() - start) / len(messages) * 1e6


def run[T](
    measure: Callable[[Path, Broker], Awaitable[T]],
    *,
    persistent: bool = False,
    unbounded: bool = False,
) -> T:
    """Run a measurement with a broker and a folder."""
    with (
        tempfile.TemporaryDirectory(prefix="vesper-bench-") as folder,
        Broker(
            Path(folder) / "broker", persistent=persistent, unbounded=unbounded
        ) as broker,
        # A thread of its own: Home Assistant forbids its thread to wait for the end of
        # the broker, even after the event loop is closed.
        ThreadPoolExecutor(max_workers=1) as thread,
    ):
        config = Path(folder) / "config"
        config.mkdir()

        async def _measure() -> T:
            return await measure(config, broker)

        return thread.submit(asyncio.run, _measure()).result()


class Measure(Protocol):
    """A measurement in a Home Assistant of its own."""

    def __call__(
        self, config: Path, broker: Broker, *, quick: bool
    ) -> Awaitable[list[Figure]]:
        """Return the figures."""


def run_command(
    about: str,
    measure: Measure,
    *,
    persistent: bool = False,
    unbounded: bool = False,
) -> None:
    """Run a measurement from the command line.

    Writes its figures to the output.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less, for trying it out")
    quick = parser.parse_args().quick
    write_figures(
        run(partial(measure, quick=quick), persistent=persistent, unbounded=unbounded)
    )
