"""Measure starts with a known fleet, beside bare entities.

    python -m tests.benchmarks.startup [--quick]

Vesper and an integration with as many entities that do nothing are set up and unloaded
in turn, in one Home Assistant. The time is what the event loop's thread uses, without
garbage collection: a full one takes half as long as a start, and falls to either by
chance.
"""

import argparse
import asyncio
from collections import Counter
from functools import partial
import gc
from pathlib import Path
import time
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from tests.rig.broker import Broker

from . import environment
from .figures import Figure, median_of, ratio_of, run_process, write_figures
from .histories import fill_histories
from .payloads import device_ids
from .stalls import Collections
from .state_writes import BARE
from .subjects import Subjects

FLEETS = ((1_000, "all"), (3_000, "essential"))

#: In seconds; Home Assistant's MQTT fails if an entry is unloaded before.
SUBSCRIBED_WITHIN = 1


async def async_measure(
    devices: int, entities: str, rounds: int, config: Path, broker: Broker
) -> list[Figure]:
    """Measure a fleet of so many devices."""
    name = f"startup.{devices}_{entities}"
    async with environment.running(config, broker, BARE) as hass:
        subjects = Subjects(hass, device_ids(devices))
        vesper = await subjects.async_add_vesper(entities=entities)
        fill_histories(vesper.runtime_data.devices.values(), time.time())
        bare = environment.config_entry(
            "bare", {"devices": devices, "entities": entities}
        )
        await hass.config_entries.async_add(bare)
        await hass.async_block_till_done()
        check_equal(hass, vesper, bare, devices)
        times: dict[ConfigEntry[Any], list[float]] = {vesper: [], bare: []}
        for number in range(rounds):
            for entry in sorted(times, key=lambda entry: entry.domain)[
                :: 1 if number % 2 else -1
            ]:
                times[entry].append(await async_start(hass, entry))
        shown = len(shown_of(hass, vesper)) // devices
    return [
        median_of(f"{name}.vesper", times[vesper], "s"),
        median_of(f"{name}.bare", times[bare], "s"),
        ratio_of(
            f"{name}.vesper/bare",
            times[vesper],
            times[bare],
            target=1.2,
            note=f"{shown} enabled entities of each device",
        ),
    ]


def check_equal(
    hass: HomeAssistant, vesper: ConfigEntry, bare: ConfigEntry, devices: int
) -> None:
    """Check that both have the same entities of devices.

    Raises RuntimeError if not.
    """
    registry = er.async_get(hass)
    ours, others = (
        Counter(
            (entity.domain, entity.disabled)
            for entity in er.async_entries_for_config_entry(registry, entry.entry_id)
            if not entity.unique_id.startswith(f"{entry.entry_id}_")
        )
        for entry in (vesper, bare)
    )
    if ours != others or any(count % devices for count in ours.values()):
        msg = f"Vesper has {ours}, bare has {others}"
        raise RuntimeError(msg)


async def async_start(hass: HomeAssistant, entry: ConfigEntry) -> float:
    """Return the seconds until all entities are back.

    Raises RuntimeError if any of them is missing.
    """
    before = len(shown_of(hass, entry))
    await asyncio.sleep(SUBSCRIBED_WITHIN)
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    gc.collect()
    used = time.thread_time()
    with Collections() as collections:
        await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
    used = time.thread_time() - used - collections.total
    if (shown := len(shown_of(hass, entry))) != before:
        msg = f"{shown} of {before} entities of {entry.domain} are there again"
        raise RuntimeError(msg)
    return used


def shown_of(hass: HomeAssistant, entry: ConfigEntry) -> list[str]:
    """Return an entry's entities with their own state."""
    registry = er.async_get(hass)
    return [
        entity.entity_id
        for entity in er.async_entries_for_config_entry(registry, entry.entry_id)
        if (state := hass.states.get(entity.entity_id)) is not None
        and not state.attributes.get("restored")
    ]


def main() -> None:
    """Run from the command line.

    Each fleet has a process of its own.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less, for trying it out")
    parser.add_argument("--devices", type=int, help="only so many")
    parser.add_argument("--entities", default="all")
    options = parser.parse_args()
    if options.devices or options.quick:
        measure = partial(
            async_measure,
            options.devices or FLEETS[0][0],
            options.entities,
            2 if options.quick else 5,
        )
        write_figures(environment.run(measure))
        return
    figures: list[Figure] = []
    for devices, entities in FLEETS:
        arguments = ("--devices", str(devices), "--entities", entities)
        figures += run_process(__spec__.name, *arguments)
    write_figures(figures)


if __name__ == "__main__":
    main()
