"""Measure how long a start takes until all entities are there, and how it stalls.

    .venv-release/bin/python -m tests.benchmarks.startup

Vesper with a fleet that is known from before, as after a restart of Home Assistant,
beside an integration that adds as many entities that do nothing. In one Home Assistant
the two are set up and unloaded in turn; the time is what the event loop's thread uses,
without garbage collection. That has rows of its own: a full one, which goes through all
that Home Assistant holds, falls to the one or the other by chance.
"""

import argparse
import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
import gc
import logging
from pathlib import Path
import statistics
import time
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from tests.rig.broker import Broker

from . import home
from .figures import Figure, hand_over, in_a_process, median_of, ratio_of
from .payloads import device_ids, heartbeat
from .stalls import Collections, Stalls

FLEETS = ((1_000, "all"), (3_000, "essential"))
BARE = Path(__file__).with_name("components") / "bare"

#: In milliseconds: what a stall may take beside a full garbage collection.
SLICE = 50

#: In seconds; Home Assistant's MQTT fails at what is unsubscribed before.
SUBSCRIBED_WITHIN = 1

_LOGGER = logging.getLogger("vesper.benchmarks")


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """What it took to set an entry up, in seconds."""

    wall: float
    """By the clock."""
    used: float
    """By the event loop's thread, without garbage collection."""
    collected: float


async def measure(
    devices: int, entities: str, rounds: int, config: Path, broker: Broker
) -> list[Figure]:
    """Return the figures of a fleet of so many devices."""
    name = f"startup.{devices}_{entities}"
    async with home.running(config, broker, BARE) as hass:
        vesper = home.vesper_entry(
            max_devices=devices, entities=entities, heartbeat_timeout=3600
        )
        await hass.config_entries.async_add(vesper)
        cold = [await discover(hass, devices)]
        bare = home.config_entry("bare", _as_many(hass, vesper, devices, entities))
        start = time.thread_time()
        await hass.config_entries.async_add(bare)
        await hass.async_block_till_done()
        cold.append(time.thread_time() - start)

        ours: list[Start] = []
        others: list[Start] = []
        for _ in range(rounds):
            ours.append(await start_again(hass, vesper))
            others.append(await start_again(hass, bare))
        bare_stalls = await stalls_of(f"{name}.bare", hass, bare)
        await hass.config_entries.async_remove(bare.entry_id)
        stalls = await stalls_of(f"{name}.vesper", hass, vesper)
        collection = _collection()
        registered = _of_devices(hass, vesper)
        disabled = sum(entity.disabled for entity in registered) // devices
        enabled = len(registered) // devices - disabled
        there = f"{enabled} enabled and {disabled} disabled entities of each device"
    return [
        ratio_of(
            f"{name}.vesper_to_bare",
            [start.used for start in ours],
            [start.used for start in others],
            target=1.1,
            note=there,
        ),
        ratio_of(
            f"{name}.vesper_to_bare.collected",
            [start.used + start.collected for start in ours],
            [start.used + start.collected for start in others],
            note="with garbage collection: full ones, by chance",
        ),
        *_starts(f"{name}.vesper", ours),
        *_starts(f"{name}.bare", others),
        Figure(name=f"{name}.cold.vesper", value=cold[0], unit="s", note="discovered"),
        Figure(name=f"{name}.cold.bare", value=cold[1], unit="s"),
        Figure(
            name=f"{name}.stall",
            value=stalls.longest_used * 1e3,
            unit="ms",
            target=collection + SLICE,
            note="a full garbage collection and 50 ms",
        ),
        Figure(
            name=f"{name}.stall.vesper_alone",
            value=stalls.worst(1)[0].used * 1e3,
            unit="ms",
            note="without garbage collection",
        ),
        Figure(
            name=f"{name}.stall.bare", value=bare_stalls.longest_used * 1e3, unit="ms"
        ),
        Figure(
            name=f"{name}.collection", value=collection, unit="ms", note="a full one"
        ),
    ]


async def discover(hass: HomeAssistant, devices: int) -> float:
    """Return the seconds until a fleet is there that was never heard before."""
    door = home.Door(hass)
    subscribed = "vesper/+/status/heartbeat"
    messages = [
        door.message(
            subscribed.replace("+", device_id), heartbeat(device_id, 1), subscribed
        )
        for device_id in device_ids(devices)
    ]
    start = time.thread_time()
    for message in messages:
        door.receive(None, None, message)
        await asyncio.sleep(0)
    await hass.async_block_till_done()
    return time.thread_time() - start


def _of_devices(
    hass: HomeAssistant, vesper: ConfigEntry[Any]
) -> list[er.RegistryEntry]:
    """Return the registered entities, the few of the fleet itself aside."""
    entities = er.async_entries_for_config_entry(er.async_get(hass), vesper.entry_id)
    return [
        entity
        for entity in entities
        if not entity.unique_id.startswith(vesper.entry_id)
    ]


def _as_many(
    hass: HomeAssistant, vesper: ConfigEntry[Any], devices: int, entities: str
) -> dict[str, Any]:
    """Return the data of a bare entry with as many entities as the fleet has.

    Raises RuntimeError where the devices are not all whole.
    """
    kinds = Counter(
        (entity.domain, entity.disabled) for entity in _of_devices(hass, vesper)
    )
    if torn := {kind: count for kind, count in kinds.items() if count % devices}:
        msg = f"Not all of {devices} devices have all of their entities: {torn}"
        raise RuntimeError(msg)
    return {"devices": devices, "entities": entities}


def _starts(name: str, starts: Sequence[Start]) -> Iterator[Figure]:
    """Return the figures of some starts of the same entry."""
    yield median_of(name, [start.used for start in starts], "s")
    yield median_of(f"{name}.collected", [start.collected for start in starts], "s")
    yield median_of(
        f"{name}.clock",
        [start.wall for start in starts],
        "s",
        note="beside all else that this machine does",
    )


async def start_again(hass: HomeAssistant, entry: ConfigEntry[Any]) -> Start:
    """Return what it takes until all entities of an entry are there again.

    Raises RuntimeError where any of them is missing.
    """
    there = len(shown_of(hass, entry))
    if not there:
        msg = f"There are no entities of {entry.domain}"
        raise RuntimeError(msg)
    await _stop(hass, entry)
    wall, used = time.perf_counter(), time.thread_time()
    with Collections() as collections:
        await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
    used, wall = time.thread_time() - used, time.perf_counter() - wall
    if (shown := len(shown_of(hass, entry))) != there:
        msg = f"{shown} of {there} entities of {entry.domain} are there again"
        raise RuntimeError(msg)
    collected = collections.total
    return Start(wall=wall, used=used - collected, collected=collected)


async def _stop(hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
    """Unload an entry, but not while it is subscribing still."""
    await asyncio.sleep(SUBSCRIBED_WITHIN)
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    # So that the next ones come as late in each start.
    gc.collect()


def shown_of(hass: HomeAssistant, entry: ConfigEntry[Any]) -> list[str]:
    """Return the entities of an entry that have a state of their own."""
    registry = er.async_get(hass)
    return [
        entity.entity_id
        for entity in er.async_entries_for_config_entry(registry, entry.entry_id)
        if (state := hass.states.get(entity.entity_id)) is not None
        and not state.attributes.get("restored")
    ]


async def stalls_of(name: str, hass: HomeAssistant, entry: ConfigEntry[Any]) -> Stalls:
    """Return what keeps the event loop while an entry is set up."""
    stalls = Stalls()
    await _stop(hass, entry)
    with stalls.recording():
        await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
    for stall in stalls.worst(5):
        _LOGGER.warning("%s: %s", name, stall.told)
    return stalls


def _collection() -> float:
    """Return the milliseconds of a full garbage collection with all there."""
    took = []
    for _ in range(4):  # the first of them has most to clear away
        start = time.thread_time()
        gc.collect()
        took.append((time.thread_time() - start) * 1e3)
    return statistics.median(took[1:])


def _of_fleet(devices: int, entities: str, options: argparse.Namespace) -> list[Figure]:
    """Measure a fleet, and nothing else in this process."""
    # The first question is what a device costs, the second how many fit.
    home.lift_entity_cap(60_000)
    rounds = 2 if options.quick else 7
    return home.run(partial(measure, devices, entities, rounds))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--devices", type=int, help="so many alone")
    parser.add_argument("--entities", default="all")
    options = parser.parse_args()
    if options.devices or options.quick:
        devices = options.devices or FLEETS[0][0]
        figures = _of_fleet(devices, options.entities, options)
    else:
        figures = [
            figure
            for devices, entities in FLEETS
            for figure in in_a_process(
                __spec__.name, "--devices", str(devices), "--entities", entities
            )
        ]
    hand_over(figures)


if __name__ == "__main__":
    main()
