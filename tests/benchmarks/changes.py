"""Measure what a heartbeat costs that changes some values, beside their bare writes.

    python -m tests.benchmarks.changes [--quick]

Beside the integration stands the least that shows the same: a floor that parses the
heartbeat, the values set in the model of a second fleet, and the same entities of that
one written, no other looked at.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
import time
from typing import Any

import orjson
from paho.mqtt.client import MQTTMessage

from custom_components.vesper.hub.registry import unique_id_of
from custom_components.vesper.model.device import Device
from homeassistant.components.event import EventEntity
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_platform, entity_registry as er
from homeassistant.helpers.entity import Entity
from tests.rig.broker import Broker

from . import home, payloads
from .figures import Figure, median_of, ratio_of
from .ways import FLOOR, VESPER, Ways, written

DEVICES = 300
DIRECT = "direct"

#: The entities that show what is changed. So many of the first of them are changed.
KEYS = (
    "reset_reason",
    "last_disconnect",
    "heap_min_free",
    "heap_free",
    "wifi_signal",
    "device_log",
)
COUNTS = (1, 2, 4, 6)

#: Those that show an alert.
SUBSYSTEM = "audio"
ALERT_KEYS = ("active_alerts", "health", "problem", f"alert_{SUBSYSTEM}")

#: Where the model keeps what all but the last of them show.
FIELDS = ("reset_reason", "last_disconnect_code", "heap_min_free", "heap_free", "rssi")

#: On either side of what counts as little, which is told at once.
HEAPS = (120_000, 12_000)
SIGNALS = (-53, -66)
WIFI_UP = 2


def values(number: int, changed: int) -> dict[str, Any]:
    """Return what stands in a heartbeat: so many values are others than before."""
    side = number % 2
    told = {
        "reset_reason": (1, 4)[side],
        "last_disconnect_code": (8, 200)[side],
        "heap_min_free": (9_000, 8_000)[side],
        "heap_free": HEAPS[side],
    }
    others: dict[str, Any] = dict(list(told.items())[:changed])
    # A new entry of the log, which tells another signal, is two values.
    newest = number if changed > len(told) else 0
    others["recent_events"] = [
        {
            "t": WIFI_UP,
            "d0": SIGNALS[(n + 1) % 2] % 2**16,
            "d1": 0,
            "ts": 1_790_000_000 + n,
            "up": 1000 + n,
        }
        for n in range(newest, newest + 16)
    ]
    return {"heap_free": HEAPS[0], "uptime": payloads.UPTIME + number} | others


async def enable(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Enable all entities that show what is changed."""
    registry = er.async_get(hass)
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        if (
            entity.unique_id.endswith(KEYS + ALERT_KEYS)
            and entity.disabled_by is not None
        ):
            registry.async_update_entity(entity.entity_id, disabled_by=None)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()


def entities_of(
    hass: HomeAssistant, entry: ConfigEntry, ids: Sequence[str]
) -> dict[str, list[Entity]]:
    """Return the entities of each device that show what is changed, in order."""
    found = {
        entity.unique_id: entity
        for platform in entity_platform.async_get_platforms(hass, "vesper")
        if platform.config_entry is entry
        for entity in platform.entities.values()
    }
    return {
        device_id: [found[unique_id_of(device_id, key)] for key in KEYS]
        for device_id in ids
    }


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """The devices of one entry, with those of their entities that show the changes."""

    devices: Mapping[str, Device]
    entities: Mapping[str, Sequence[Entity]]


def payload(device_id: str, number: int, changed: int) -> bytes:
    """Return a heartbeat with so many values that are others than before."""
    return payloads.heartbeat(device_id, 0, **values(number, changed))


class Bench:
    """Rounds in which the two take turns."""

    def __init__(
        self, hass: HomeAssistant, ways: Ways, fleets: Mapping[str, Fleet]
    ) -> None:
        """Take the fleet that hears the heartbeats, and the one written by hand."""
        self._hass = hass
        self._ways = ways
        self._fleets = fleets
        self._number = 0

    def take(self, way: str, changed: int) -> float:
        """Change values by a way, and return the microseconds of each device."""
        heartbeats = [
            (device_id, payload(device_id, self._number, changed))
            for device_id in self._fleets[way].devices
        ]
        if way == VESPER:
            return self._ways.time(VESPER, heartbeats)
        return self._write(self._ways.messages(FLOOR, heartbeats), changed)

    def _write(self, messages: Iterable[MQTTMessage], changed: int) -> float:
        """Have heartbeats parsed, and write what they change by hand."""
        told = values(self._number, changed)
        told["rssi"] = SIGNALS[self._number % 2]
        new = [(name, told[name]) for name in FIELDS[:changed]]
        logged = told["recent_events"][-1]
        fleet = self._fleets[DIRECT]
        work = list(zip(messages, fleet.devices, strict=True))
        receive = self._ways.receive
        start = time.thread_time()
        for message, device_id in work:
            receive((message,))
            # Looked up here: what was touched just before would be in the caches.
            diagnostics = fleet.devices[device_id].diagnostics
            for name, value in new:
                setattr(diagnostics, name, value)
            for entity in fleet.entities[device_id][:changed]:
                if isinstance(entity, EventEntity):
                    entity._trigger_event("wifi_up", logged)  # noqa: SLF001
                entity.async_write_ha_state()
        return (time.thread_time() - start) / len(work) * 1e6

    async def measure(self, changed: int, rounds: int) -> dict[str, list[float]]:
        """Return the microseconds of each way in each round."""
        times: dict[str, list[float]] = {VESPER: [], DIRECT: []}
        # The first rounds warm up: in them also other values change back.
        for at in range(-2, rounds):
            self._number += 1
            for way in sorted(times, reverse=at % 2 == 0):
                taken = self.take(way, changed)
                await self._hass.async_block_till_done()
                if at >= 0:
                    times[way].append(taken)
        return times

    async def astray(self, changed: int) -> int:
        """Return how many writes are too many, or missing, by both ways in all."""
        self._number += 1
        wanted: Counter[tuple[Any, str]] = Counter()
        found: Counter[tuple[Any, str]] = Counter()
        for way, fleet in self._fleets.items():
            with written(self._hass) as events:
                self.take(way, changed)
                await self._hass.async_block_till_done()
            found.update(
                (event.event_type, event.data["entity_id"]) for event in events
            )
            wanted.update(
                (EVENT_STATE_CHANGED, entity.entity_id)
                for entities in fleet.entities.values()
                for entity in entities[:changed]
            )
        return ((found - wanted) + (wanted - found)).total()


async def alerts(hass: HomeAssistant, ids: Sequence[str], rounds: int) -> list[Figure]:
    """Measure alerts that come and go: they are saved and told to automations too."""
    door = home.Door(hass)
    registry = er.async_get(hass)

    def messages(state: str) -> list[MQTTMessage]:
        """Return an alert of each device."""
        told = orjson.dumps({"subsystem": SUBSYSTEM, "state": state, "msg": "Broken"})
        return [
            door.message(
                f"{VESPER}/{device_id}/status/alerts", told, f"{VESPER}/+/status/alerts"
            )
            for device_id in ids
        ]

    # The first ones add the sensors of the subsystem.
    for state in ("WARNING", "CLEARED"):
        door.time(messages(state))
        await hass.async_block_till_done()
    times = []
    for number in range(rounds):
        times.append(door.time(messages(("WARNING", "CLEARED")[number % 2])))
        await hass.async_block_till_done()
    with written(hass) as events:
        door.time(messages(("WARNING", "CLEARED")[rounds % 2]))
        await hass.async_block_till_done()
    found: Counter[tuple[Any, str]] = Counter(
        (event.event_type, entity.unique_id)
        for event in events
        if (entity := registry.async_get(event.data["entity_id"]))
        and entity.unique_id.startswith(VESPER)
    )
    wanted: Counter[tuple[Any, str]] = Counter(
        (EVENT_STATE_CHANGED, unique_id_of(device_id, key))
        for device_id in ids
        for key in ALERT_KEYS
    )
    astray = ((found - wanted) + (wanted - found)).total()
    return [
        median_of("changes.alert.vesper", times, "µs"),
        Figure(
            name="changes.alert.astray",
            value=astray,
            unit="writes",
            target=0,
            note=f"too many or missing, of {len(ALERT_KEYS)} by {len(ids)} devices",
        ),
    ]


async def measure(config: Path, broker: Broker, *, quick: bool) -> list[Figure]:
    """Measure some numbers of changed values, one after the other."""
    rounds = 3 if quick else 15
    figures: list[Figure] = []
    async with home.running(config, broker) as hass:
        ways = Ways(hass)
        await ways.add_floor()
        fleets = {}
        for way in (VESPER, DIRECT):
            ids = payloads.device_ids(DEVICES, way)
            entry = await ways.add_vesper(ids, way)
            await enable(hass, entry)
            await ways.introduce(way, ids)
            fleets[way] = Fleet(
                devices=entry.runtime_data.devices,
                entities=entities_of(hass, entry, ids),
            )
        bench = Bench(hass, ways, fleets)
        for changed in COUNTS:
            times = await bench.measure(changed, rounds)
            astray = await bench.astray(changed)
            name = f"changes.{changed}"
            figures += [
                *(median_of(f"{name}.{way}", times[way], "µs") for way in times),
                ratio_of(
                    f"{name}.vesper/direct", times[VESPER], times[DIRECT], target=1.1
                ),
                Figure(
                    name=f"{name}.astray",
                    value=astray,
                    unit="writes",
                    target=0,
                    note=f"too many or missing, of {changed} by {2 * DEVICES} devices",
                ),
            ]
        figures += await alerts(hass, payloads.device_ids(DEVICES, VESPER), rounds)
    return figures


def main() -> None:
    """Run from the command line."""
    home.tell(__doc__, measure)


if __name__ == "__main__":
    main()
