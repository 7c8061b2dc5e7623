"""What receives the same heartbeats in turn.

    no-op        a callback that does nothing: Home Assistant's dispatch
    floor        a callback that parses the JSON and keeps five fields and the time
    vesper       the integration
    discovery    core's MQTT integration by discovery, five entities a device
    coordinator  an integration with a coordinator for each device, ten entities each

The floor is the least that anything has to do which looks into a heartbeat.
"""

from collections.abc import Iterable, Sequence
import time
from typing import Any

import orjson
from paho.mqtt.client import MQTTMessage

from homeassistant.components import mqtt
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback

from . import coordinator, discovery, environment, payloads

NO_OP, FLOOR, VESPER = "no-op", "floor", "vesper"
PEERS = (discovery.PREFIX, coordinator.PREFIX)

FIELDS = (
    "uptime",
    "reset_reason",
    "heap_free",
    "heap_min_free",
    "last_disconnect_code",
)


class Floor:
    """What each device reported last, and when."""

    def __init__(self) -> None:
        """Begin without devices."""
        self.fields: dict[str, tuple[Any, ...]] = {}
        self.seen: dict[str, float] = {}
        self.received = 0

    @callback
    def receive(self, message: mqtt.ReceiveMessage) -> None:
        """Keep what a heartbeat reports, and when it came."""
        device_id = message.topic.rsplit("/", 3)[1]
        data = orjson.loads(message.payload)
        self.fields[device_id] = tuple(data.get(name) for name in FIELDS)
        self.seen[device_id] = time.monotonic()
        self.received += 1


class NoOp:
    """A count, so that a loss is noticed."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.received = 0

    @callback
    def receive(self, _: mqtt.ReceiveMessage) -> None:
        """Count a message."""
        self.received += 1


def in_turn[T](items: Sequence[T], number: int) -> Sequence[T]:
    """Return all items, beginning with another each round."""
    first = number % len(items)
    return (*items[first:], *items[:first])


def topic_of(subject: str, device_id: str) -> str:
    """Return the topic of the heartbeats of a device."""
    return f"{subject}/{device_id}/status/heartbeat"


class Subjects:
    """The subjects in one Home Assistant.

    The topics of each begin with its name. Add them in any order, each at most once.
    """

    def __init__(self, hass: HomeAssistant, device_ids: Sequence[str]) -> None:
        """Set the devices, which are the same for all."""
        self._hass = hass
        self._device_ids = device_ids
        self._input = environment.MqttInput(hass)
        self._floor, self._no_op = Floor(), NoOp()
        self.vesper: ConfigEntry

    async def async_add_callbacks(self) -> None:
        """Add the floor, and the callback that does nothing."""
        for name, subject in ((FLOOR, self._floor), (NO_OP, self._no_op)):
            await environment.subscribe(
                self._hass, topic_of(name, "+"), subject.receive
            )

    async def async_add_vesper(self, **options: Any) -> ConfigEntry:
        """Add the integration with all the devices.

        Raises RuntimeError if any of them is rejected.
        """
        wanted = len(self._device_ids)
        entry = environment.vesper_entry(VESPER, max_devices=wanted, **options)
        await self._hass.config_entries.async_add(entry)
        await self._async_receive_first(VESPER)
        if (admitted := len(entry.runtime_data.devices)) != wanted:
            msg = f"Of {wanted} devices {admitted} were admitted"
            raise RuntimeError(msg)
        self.vesper = entry
        return entry

    async def async_add_peers(self) -> None:
        """Add core's MQTT integration by discovery, and the coordinators.

        Raises RuntimeError if entities are missing.
        """
        await discovery.async_add(self._hass, self._device_ids)
        await self._async_receive_first(discovery.PREFIX)
        before = self._hass.states.async_entity_ids_count()
        await coordinator.async_add(self._hass)
        await self._async_receive_first(coordinator.PREFIX)
        added = self._hass.states.async_entity_ids_count() - before
        if added != len(self._device_ids) * coordinator.ENTITIES:
            msg = f"The coordinators have {added} entities"
            raise RuntimeError(msg)

    async def _async_receive_first(self, subject: str) -> None:
        """Receive the first heartbeats, and await their effects."""
        self.receive(subject, 0)
        await self._hass.async_block_till_done()

    def received(self, subject: str) -> int:
        """Return how many messages a subject received."""
        if subject == NO_OP:
            return self._no_op.received
        if subject == FLOOR:
            return self._floor.received
        devices = self.vesper.runtime_data.devices.values()
        return sum(device.message_log.total for device in devices)

    def messages(
        self, subject: str, payload: Iterable[tuple[str, bytes]]
    ) -> list[MQTTMessage]:
        """Return heartbeats as the broker sends them."""
        wildcard = None if subject == discovery.PREFIX else topic_of(subject, "+")
        return [
            self._input.message(
                topic := topic_of(subject, device_id), heartbeat, wildcard or topic
            )
            for device_id, heartbeat in payload
        ]

    def heartbeats(
        self, subject: str, number: int, events: int = 16
    ) -> list[MQTTMessage]:
        """Return the heartbeats of a number of all devices."""
        return self.messages(
            subject,
            (
                (device_id, payloads.heartbeat(device_id, number, events))
                for device_id in self._device_ids
            ),
        )

    def receive(self, subject: str, number: int, events: int = 16) -> float:
        """Receive numbered heartbeats; return the microseconds of each."""
        return self._input.receive(self.heartbeats(subject, number, events))

    def receive_messages(self, messages: list[MQTTMessage]) -> float:
        """Receive messages, and return the microseconds of each."""
        return self._input.receive(messages)
