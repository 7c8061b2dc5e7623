"""Measure how long saving devices blocks the event loop.

    python -m tests.benchmarks.saving [--quick]

The saver of the integration saves 3,000 devices of the model, each with 16 events,
three alerts and a full history of the availability, while a callback that calls itself
times each turn of the loop. The longest is compared with 1,000 bare state writes in the
same Home Assistant.
"""

import asyncio
from collections import ChainMap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import gc
from pathlib import Path
from time import process_time, time

import orjson

from custom_components.vesper.hub.store import SAVE_DELAY, Saver, VesperStore
from custom_components.vesper.model.device import Device
from custom_components.vesper.protocol.alert import parse_alert
from custom_components.vesper.protocol.heartbeat import parse_heartbeat
from tests.rig.broker import Broker

from . import environment, payloads
from .figures import Figure, median_of
from .histories import fill_histories
from .state_writes import BARE, WRITES, BareWrites

DEVICES = 3_000
SUBSYSTEMS = ("audio", "network", "storage")

#: In seconds: a device that is saved soon is on disk by then.
SAVED_WITHIN = 2 * SAVE_DELAY + 1


class Turns:
    """The longest turn of the event loop, in milliseconds.

    In processor time of the whole process: a thread that keeps the interpreter to
    itself blocks the loop too.
    """

    def __init__(self) -> None:
        """Begin at zero."""
        self.longest = 0.0
        self._ended = False

    @asynccontextmanager
    async def timed(self) -> AsyncIterator[None]:
        """Time the turns within the context."""
        loop = asyncio.get_running_loop()
        last = process_time()

        def take_turn() -> None:
            """Note how long the last turn took."""
            nonlocal last
            now = process_time()
            self.longest = max(self.longest, (now - last) * 1e3)
            last = now
            if not self._ended:
                loop.call_soon(take_turn)

        loop.call_soon(take_turn)
        yield
        self._ended = True
        await asyncio.sleep(0)


def change(device: Device, number: int) -> None:
    """Apply a heartbeat and alerts that depend on `number`."""
    device_id, now = device.device_id, time()
    heartbeat = payloads.heartbeat(device_id, number)
    device.apply(parse_heartbeat(heartbeat, device_id), live=True, now=now)
    for subsystem in SUBSYSTEMS:
        message = f"Something of {subsystem} is not as it should be, seen {number}"
        alert = orjson.dumps(
            {"subsystem": subsystem, "state": "WARNING", "msg": message}
        )
        device.apply(parse_alert(alert, device_id), live=True, now=now)
    device.occurrences = ()


async def async_measure(config: Path, broker: Broker, *, quick: bool) -> list[Figure]:
    """Measure saves of all devices, and of one."""
    devices = {
        device_id: Device(device_id=device_id)
        for device_id in payloads.device_ids(DEVICES)
    }
    turns: dict[str, list[float]] = {"all": [], "one": []}
    async with environment.running(config, broker, BARE) as hass:
        bare_writes = BareWrites(hass)
        await bare_writes.async_add()
        for device in devices.values():
            change(device, 0)
        fill_histories(devices.values(), time())
        store = VesperStore(hass, "benchmark")
        saver = Saver(hass, store, ChainMap(devices, {}))
        # The first save of all is that of the start.
        await saver.async_close()
        # Full collections are Home Assistant's price for what it holds.
        gc.collect()
        gc.freeze()
        bare = bare_writes.time()
        first = next(iter(devices.values()))
        for number in range(1, 3 if quick else 8):
            for device in devices.values():
                change(device, number)
            async with (save := Turns()).timed():
                # Of all that it does, this is what saves every device.
                await saver.async_close()
            turns["all"].append(save.longest)
            change(first, -number)
            async with (save := Turns()).timed():
                saver.async_save_soon(first.device_id)
                await asyncio.sleep(SAVED_WITHIN)
                await hass.async_block_till_done()
            turns["one"].append(save.longest)
        size = (await hass.async_add_executor_job(Path(store.path).stat)).st_size
        await store.async_remove()
    return [
        Figure(
            name="saving.bare_writes", value=bare, unit="ms", note=f"{WRITES} of them"
        ),
        *(
            median_of(
                f"saving.{what}/bare_writes",
                [longest / bare for longest in longests],
                "x",
                target=1,
                note=f"at most {max(longests):.1f} ms; {DEVICES} devices, "
                f"{size / 1e6:.1f} MB",
            )
            for what, longests in turns.items()
        ),
    ]


def main() -> None:
    """Run from the command line."""
    environment.run_command(__doc__, async_measure)


if __name__ == "__main__":
    main()
