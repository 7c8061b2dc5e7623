"""Measure what a device takes of memory: of ours, and of the process in all.

    python -m tests.benchmarks.memory [--quick]

Ours is what was allocated in the integration's own lines, with what dataclasses made
for them, and is there after some heartbeats of each one. What is kept of payloads is
told beside it: there it is another's allocation.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
import gc
from pathlib import Path
import sys
import tracemalloc

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from tests.rig.broker import Broker

from . import home, payloads
from .figures import Figure
from .ways import VESPER, Ways, beats

INTEGRATION = Path(__file__).parents[2] / "custom_components" / "vesper"
OURS = f"{INTEGRATION}/"
#: Payloads that were not dropped are kept by us.
KEPT = payloads.__file__

#: Dataclasses make dataclasses, each a frame of the stack.
FRAMES = 4

#: So many of the lines that take the most are told.
MOST_LINES = 40

#: In seconds: what was to be saved is saved, and what that keeps is there.
SAVED_WITHIN = 3

#: Devices that are back are asked for a health check, so many a second.
ASKED = 20

DEVICES = 300
HEARTBEATS = 12
ENTITIES = 12


def resident() -> int:
    """Return the bytes of the process that are in memory."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def own() -> Counter[str]:
    """Return how many bytes are allocated in each of our lines."""
    gc.collect()
    sizes: Counter[str] = Counter()
    # Not `filter_traces`: the methods of dataclasses stand in no file.
    for trace in tracemalloc.take_snapshot().traces:
        for frame in reversed(trace.traceback):
            if not frame.filename.startswith("<"):
                if frame.filename.startswith((OURS, KEPT)):
                    sizes[f"{Path(frame.filename).name}:{frame.lineno}"] += trace.size
                break
    return sizes


def enable(hass: HomeAssistant, entry: ConfigEntry, ids: Sequence[str]) -> None:
    """Enable or disable entities of each device, so that there are as many as wanted.

    Those that are disabled are the last ones by name.
    """
    registry = er.async_get(hass)
    of_device: dict[str, list[er.RegistryEntry]] = {}
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        of_device.setdefault(entity.unique_id.partition("_")[0], []).append(entity)
    for device_id in ids:
        entities = sorted(of_device[device_id], key=lambda entity: entity.unique_id)
        is_on = [entity for entity in entities if entity.disabled_by is None]
        for entity in is_on[ENTITIES:]:
            registry.async_update_entity(
                entity.entity_id, disabled_by=er.RegistryEntryDisabler.USER
            )
        off = [entity for entity in entities if entity.disabled_by is not None]
        for entity in off[: max(0, ENTITIES - len(is_on))]:
            registry.async_update_entity(entity.entity_id, disabled_by=None)


def enabled(hass: HomeAssistant, entry: ConfigEntry) -> float:
    """Return how many entities of a device there are."""
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    there = sum(
        entity.disabled_by is None and hass.states.get(entity.entity_id) is not None
        for entity in entities
        if entity.unique_id.startswith("bell-")
    )
    return there / len(entry.runtime_data.devices)


async def speak(
    hass: HomeAssistant, ways: Ways, ids: Sequence[str], since: int = 0
) -> None:
    """Hand in some heartbeats of each device."""
    for number in range(since + 1, since + HEARTBEATS + 1):
        ways.receive(ways.messages(VESPER, beats(ids, [number])))
        await hass.async_block_till_done()


async def measure(config: Path, broker: Broker, *, quick: bool) -> list[Figure]:
    """Compare the process with many devices to that with a single one."""
    ids = payloads.device_ids(100 if quick else DEVICES)
    async with home.running(config, broker) as hass:
        ways = Ways(hass)
        before = resident()
        entry = await ways.add_vesper(ids)
        await speak(hass, ways, ids)
        shipped, in_all = enabled(hass, entry), resident() - before
        enable(hass, entry, ids)
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done()
        tracemalloc.start(FRAMES)
        await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        # An uptime that fell would be a restart of the device.
        await speak(hass, ways, ids, since=HEARTBEATS)
        await asyncio.sleep(SAVED_WITHIN + len(ids) / ASKED)
        entities, by_line = enabled(hass, entry), own()
        tracemalloc.stop()
    for line, size in by_line.most_common(MOST_LINES):
        print(f"{size / len(ids):8.0f} B a device: {line}", file=sys.stderr)
    kept = sum(
        size for line, size in by_line.items() if line.startswith(Path(KEPT).name)
    )
    about = f"{entities:g} entities, {HEARTBEATS} heartbeats each, {len(ids)} devices"
    return [
        Figure(
            name="memory.own",
            value=(by_line.total() - kept) / len(ids) / 1000,
            unit="kB",
            target=6,
            note=f"a device: {about}",
        ),
        Figure(
            name="memory.payloads",
            value=kept / len(ids) / 1000,
            unit="kB",
            note="a device: of its last messages, as paho allocated them",
        ),
        Figure(
            name="memory.all",
            value=in_all / len(ids) / 1000,
            unit="kB",
            note=f"a device, of the whole process, with {shipped:g} entities",
        ),
    ]


def main() -> None:
    """Run from the command line."""
    home.tell(__doc__, measure)


if __name__ == "__main__":
    main()
