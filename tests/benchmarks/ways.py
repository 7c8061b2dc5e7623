"""The ways that take the same heartbeats in turn, in one Home Assistant.

    no-op        a callback that does nothing: Home Assistant's dispatch
    floor        the callback parses the JSON, reads five fields and notes the time
    vesper       the integration
    discovery    core's MQTT integration by discovery, five entities a device
    coordinator  a coordinator for each device, ten entities a device

The floor is the least that anybody who looks into a heartbeat has to do.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
import time
from typing import Any

import orjson
from paho.mqtt.client import MQTTMessage

from homeassistant.components import mqtt
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_STATE_CHANGED, EVENT_STATE_REPORTED
from homeassistant.core import Event, HomeAssistant, callback

from . import coordinator, discovery, home, payloads

NO_OP, FLOOR, VESPER = "no-op", "floor", "vesper"
PEERS = (discovery.PREFIX, coordinator.PREFIX)

FIELDS = (
    "uptime",
    "reset_reason",
    "heap_free",
    "heap_min_free",
    "last_disconnect_code",
)

type Heartbeats = Sequence[tuple[str, bytes]]
"""Each with the id of its device."""


class Floor:
    """What has been heard of each device, and when."""

    def __init__(self) -> None:
        """Start with no device."""
        self.fields: dict[str, tuple[Any, ...]] = {}
        self.seen: dict[str, float] = {}

    @callback
    def receive(self, message: mqtt.ReceiveMessage) -> None:
        """Note what a heartbeat says, and when it came."""
        device_id = message.topic.rsplit("/", 3)[1]
        data = orjson.loads(message.payload)
        self.fields[device_id] = tuple(data.get(name) for name in FIELDS)
        self.seen[device_id] = time.monotonic()


@callback
def receive_nothing(_: mqtt.ReceiveMessage) -> None:
    """Do nothing."""


def in_turn[T](lanes: Sequence[T], number: int) -> Sequence[T]:
    """Return all of some lanes; which one is first changes from round to round."""
    first = number % len(lanes)
    return (*lanes[first:], *lanes[:first])


def topic_of(way: str, device_id: str) -> str:
    """Return where the heartbeats of a device come by a way."""
    return f"{way}/{device_id}/status/heartbeat"


class Ways:
    """The ways in one Home Assistant; each has the topics that begin with its name."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Start with none."""
        self._hass = hass
        self._door = home.Door(hass)

    async def add_floor(self, way: str = FLOOR) -> None:
        """Add the floor."""
        await home.subscribe(self._hass, topic_of(way, "+"), Floor().receive)

    async def add_no_op(self, way: str = NO_OP) -> None:
        """Add the callback that does nothing."""
        await home.subscribe(self._hass, topic_of(way, "+"), receive_nothing)

    async def add_vesper(
        self, device_ids: Sequence[str], way: str = VESPER, **options: Any
    ) -> ConfigEntry:
        """Add the integration, and have it know all the devices."""
        entry = home.vesper_entry(way, max_devices=len(device_ids), **options)
        await self._hass.config_entries.async_add(entry)
        await self.introduce(way, device_ids)
        admitted = len(entry.runtime_data.devices)
        if admitted != len(device_ids):
            msg = f"Of {len(device_ids)} devices {admitted} were admitted"
            raise RuntimeError(msg)
        return entry

    async def add_discovery(self, device_ids: Sequence[str]) -> None:
        """Add core's MQTT integration by discovery."""
        await discovery.add(self._hass, device_ids)
        await self.introduce(discovery.PREFIX, device_ids)

    async def add_coordinator(self, device_ids: Sequence[str]) -> None:
        """Add the integration with a coordinator a device."""
        before = self._hass.states.async_entity_ids_count()
        await coordinator.add(self._hass)
        await self.introduce(coordinator.PREFIX, device_ids)
        added = self._hass.states.async_entity_ids_count() - before
        if added != len(device_ids) * coordinator.ENTITIES:
            msg = f"Of {len(device_ids)} devices there are but {added} entities"
            raise RuntimeError(msg)

    async def introduce(self, way: str, device_ids: Iterable[str]) -> None:
        """Hand in the first heartbeats, and let all settle that comes of them."""
        first = [
            (device_id, payloads.heartbeat(device_id, 0)) for device_id in device_ids
        ]
        for message in self.messages(way, first):
            self._door.receive(None, None, message)
        await self._hass.async_block_till_done()

    def messages(self, way: str, heartbeats: Heartbeats) -> list[MQTTMessage]:
        """Return heartbeats as the broker would send them to a way."""
        wildcard = None if way == discovery.PREFIX else topic_of(way, "+")
        return [
            self._door.message(
                topic := topic_of(way, device_id), payload, wildcard or topic
            )
            for device_id, payload in heartbeats
        ]

    def time(self, way: str, heartbeats: Heartbeats) -> float:
        """Hand heartbeats in, and return the microseconds of each."""
        return self._door.time(self.messages(way, heartbeats))

    def receive(self, messages: Iterable[MQTTMessage]) -> None:
        """Hand messages in."""
        for message in messages:
            self._door.receive(None, None, message)


def beats(
    device_ids: Sequence[str], numbers: Iterable[int], events: int = 16
) -> Heartbeats:
    """Return heartbeats of all devices in turn, whose uptime and heap move each time.

    An uptime may be ahead of the clock for a while: by less than a minute that is no
    other time of boot.
    """
    return [
        (
            device_id,
            payloads.heartbeat(
                device_id, number, events, uptime=payloads.UPTIME + number
            ),
        )
        for number in numbers
        for device_id in device_ids
    ]


@contextmanager
def written(hass: HomeAssistant) -> Iterator[list[Event[Any]]]:
    """Note the writes of states, changed or reported alone, within the context."""
    events: list[Event[Any]] = []

    @callback
    def note(event: Event[Any]) -> None:
        """Note a write."""
        events.append(event)

    stops = [
        # Home Assistant demands a filter of who listens to what is reported alone.
        hass.bus.async_listen(event_type, note, callback(lambda _: True))
        for event_type in (EVENT_STATE_CHANGED, EVENT_STATE_REPORTED)
    ]
    try:
        yield events
    finally:
        for stop in stops:
            stop()
