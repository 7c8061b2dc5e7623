"""Measure a device's memory, our own and the process's.

    python -m tests.benchmarks.memory [--quick]

Our own is what was allocated in the lines of the integration, with what dataclasses
generated for them, and what is kept of payloads, with the default entities, a full
log of the last messages, and a full history of the availability. The log of this
process names the lines.
"""

import asyncio
from collections import Counter
import gc
from pathlib import Path
import sys
import time
import tracemalloc

from tests.rig.broker import Broker

from . import environment, payloads
from .clock import Clock
from .figures import Figure
from .histories import fill_histories
from .subjects import VESPER, Subjects

INTEGRATION = Path(__file__).parents[2] / "custom_components" / "vesper"
#: Payloads that are still there are kept by the integration.
OURS = (f"{INTEGRATION}/", payloads.__file__)

#: Dataclasses generate dataclasses, each a frame of the stack.
FRAMES = 4

#: How many of the largest lines are logged.
LINES = 40

#: In seconds: by then the devices are saved, and what that keeps is there.
SAVED_WITHIN = 3

#: So many devices a second are requested to check themselves after the start.
HEALTH_CHECKS = 20

DEVICES = 300
HEARTBEATS = 12


def resident() -> int:
    """Return the resident bytes of the process."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def own() -> Counter[str]:
    """Return the bytes allocated in each of our lines."""
    gc.collect()
    sizes: Counter[str] = Counter()
    # Not `filter_traces`: generated methods are in no file.
    for trace in tracemalloc.take_snapshot().traces:
        for frame in reversed(trace.traceback):
            if not frame.filename.startswith("<"):
                if frame.filename.startswith(OURS):
                    sizes[f"{Path(frame.filename).name}:{frame.lineno}"] += trace.size
                break
    return sizes


async def async_measure(config: Path, broker: Broker, *, quick: bool) -> list[Figure]:
    """Measure what a start with a known fleet allocates."""
    devices = 100 if quick else DEVICES
    async with environment.running(config, broker) as hass:
        clock = Clock()
        subjects = Subjects(hass, payloads.device_ids(devices))
        before = resident()
        entry = await subjects.async_add_vesper()
        number = 0

        async def _async_receive() -> None:
            """Receive some heartbeats of each device."""
            nonlocal number
            for _ in range(HEARTBEATS):
                number += 1
                clock.set_to(number)
                subjects.receive(VESPER, number)
                await hass.async_block_till_done()

        await _async_receive()
        fill_histories(entry.runtime_data.devices.values(), time.time())
        process = resident() - before
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done()
        tracemalloc.start(FRAMES)
        await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        # The new subscriptions have other numbers.
        subjects = Subjects(hass, payloads.device_ids(devices))
        await _async_receive()
        await asyncio.sleep(SAVED_WITHIN + devices / HEALTH_CHECKS)
        by_line = own()
        tracemalloc.stop()
        received = sum(
            device.message_log.total for device in entry.runtime_data.devices.values()
        )
    if received != devices * HEARTBEATS:
        msg = f"{received} messages were received after the start"
        raise RuntimeError(msg)
    for line, size in by_line.most_common(LINES):
        print(f"{size / devices:8.0f} B a device: {line}", file=sys.stderr)
    about = f"a device, {devices} devices, {HEARTBEATS} heartbeats each"
    return [
        Figure(
            name="memory.own",
            value=by_line.total() / devices / 1e3,
            unit="kB",
            target=15.5,
            note=about,
        ),
        Figure(
            name="memory.process",
            value=process / devices / 1e3,
            unit="kB",
            note=f"{about}, with Home Assistant's for the entities",
        ),
    ]


def main() -> None:
    """Run from the command line."""
    environment.run_command(__doc__, async_measure)


if __name__ == "__main__":
    main()
