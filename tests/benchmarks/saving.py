"""Measure for how long a save keeps the event loop, and what causes one.

    python -m tests.benchmarks.saving [--quick]

The saver of the integration writes devices of the model, each with 16 events and three
alerts, while a callback that calls itself notes how long each turn of the loop takes.
"""

import asyncio
from collections import ChainMap
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, process_time, time
from typing import Any
from unittest.mock import patch

import orjson

from custom_components.vesper.hub.store import SAVE_DELAY, Saver, VesperStore
from custom_components.vesper.model.device import Device
from custom_components.vesper.protocol.messages import parse_alert, parse_heartbeat
from homeassistant.core import HomeAssistant
from tests.rig.broker import Broker

from . import home, payloads
from .figures import Figure, median_of
from .ways import VESPER, Ways, beats

#: In milliseconds that a save may keep the loop, by the number of devices.
TARGETS = {1_000: 3.0, 10_000: 10.0}
SUBSYSTEMS = ("audio", "network", "storage")

HEARTBEATS = 10_000
HEARD = 100

#: In seconds: what is to be saved at once is on its way by then.
SAVED_WITHIN = 2 * SAVE_DELAY + 1


class Turns:
    """The longest turn of the event loop, in milliseconds.

    What counts is the processor time of the whole process: a thread that keeps Python
    to itself keeps the loop too, other processes of the machine are none of ours.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.longest = 0.0
        self.longest_by_the_clock = 0.0
        self._over = False

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Watch the turns within the context."""
        loop = asyncio.get_running_loop()
        last, last_by_the_clock = process_time(), perf_counter()

        def take_turn() -> None:
            """Note how long the last turn took."""
            nonlocal last, last_by_the_clock
            now, clock = process_time(), perf_counter()
            self.longest = max(self.longest, (now - last) * 1000)
            by_the_clock = (clock - last_by_the_clock) * 1000
            self.longest_by_the_clock = max(self.longest_by_the_clock, by_the_clock)
            last, last_by_the_clock = now, clock
            if not self._over:
                loop.call_soon(take_turn)

        loop.call_soon(take_turn)
        yield
        self._over = True
        await asyncio.sleep(0)


def alert(subsystem: str, number: int) -> bytes:
    """Return an alert, another one each time."""
    message = f"Something of {subsystem} is not as it should be, seen {number} times"
    return orjson.dumps({"subsystem": subsystem, "state": "WARNING", "msg": message})


def speak(device: Device, number: int) -> None:
    """Have a device say something new."""
    device_id, now = device.device_id, time()
    heartbeat = payloads.heartbeat(device_id, number)
    device.apply(parse_heartbeat(heartbeat, device_id), live=True, now=now)
    for subsystem in SUBSYSTEMS:
        told = parse_alert(alert(subsystem, number), device_id)
        device.apply(told, live=True, now=now)
    device.occurrences = ()


async def stalls(
    hass: HomeAssistant, size: int, target: float, rounds: int
) -> list[Figure]:
    """Return the longest turns of saves of everything and of one device."""
    devices = {
        device_id: Device(device_id=device_id)
        for device_id in payloads.device_ids(size)
    }
    for device in devices.values():
        speak(device, 0)
    store = VesperStore(hass, f"benchmark{size}")
    # The hub knows some more, for which there is no room.
    saver = Saver(hass, store, ChainMap(devices, {}))
    # Without changes once, for what is made the first time.
    await saver.async_close()
    turns: dict[str, list[Turns]] = {"everything": [], "one_alert": [], "nothing": []}
    device = next(iter(devices.values()))
    for number in range(1, rounds + 1):
        for other in devices.values():
            speak(other, number * 16)
        turns["everything"].append(watch := Turns())
        async with watch.watched():
            # Of all that it does, this is the one that looks at all devices.
            await saver.async_close()
        speak(device, number * 16 + 1)
        turns["one_alert"].append(watch := Turns())
        async with watch.watched():
            saver.async_save_soon(device.device_id)
            await asyncio.sleep(SAVED_WITHIN)
            await hass.async_block_till_done()
        turns["nothing"].append(watch := Turns())
        async with watch.watched():
            await asyncio.sleep(SAVED_WITHIN)
    written = (await hass.async_add_executor_job(Path(store.path).stat)).st_size
    await store.async_remove()
    return [
        median_of(
            f"saving.{size}.{what}",
            [watch.longest for watch in watches],
            "ms",
            target=None if what == "nothing" else target,
            note=f"{median(watch.longest_by_the_clock for watch in watches):.1f} ms by "
            f"the clock; {written / 1e6:.1f} MB",
        )
        for what, watches in turns.items()
    ]


async def saves(hass: HomeAssistant, ids: Sequence[str]) -> Figure:
    """Return how many saves unchanged heartbeats cause.

    Raises RuntimeError where also an alert seems to cause none.
    """
    ways = Ways(hass)
    await ways.add_vesper(ids)
    ways.receive(ways.messages(VESPER, beats(ids, [1])))
    await asyncio.sleep(SAVED_WITHIN)
    counted = 0
    save = VesperStore.async_save

    async def count(store: VesperStore, data: dict[str, Any]) -> None:
        """Count a save, and do it."""
        nonlocal counted
        counted += 1
        await save(store, data)

    with patch.object(VesperStore, "async_save", count):
        for number in range(HEARTBEATS // len(ids)):
            ways.receive(ways.messages(VESPER, beats(ids, [2 + number // 16])))
            await asyncio.sleep(0)
        await asyncio.sleep(SAVED_WITHIN)
        by_heartbeats, counted = counted, 0
        door = home.Door(hass)
        topic = f"{VESPER}/{ids[0]}/status/alerts"
        message = door.message(topic, alert("audio", 1), f"{VESPER}/+/status/alerts")
        ways.receive([message])
        await asyncio.sleep(SAVED_WITHIN)
    if counted != 1:
        msg = f"An alert has caused {counted} saves"
        raise RuntimeError(msg)
    return Figure(
        name="saving.by_heartbeats",
        value=by_heartbeats,
        unit="saves",
        target=0,
        note=f"by {HEARTBEATS} that change nothing",
    )


async def measure(config: Path, broker: Broker, *, quick: bool) -> list[Figure]:
    """Measure fleets of some sizes, one after the other."""
    async with home.running(config, broker) as hass:
        figures = [await saves(hass, payloads.device_ids(HEARD))]
        for size, target in TARGETS.items():
            figures += await stalls(hass, size, target, 2 if quick else 7)
        return figures


def main() -> None:
    """Run from the command line."""
    home.tell(__doc__, measure)


if __name__ == "__main__":
    main()
