"""Measure how the cost of a heartbeat grows with the number of devices.

    python -m tests.benchmarks.growth [--quick]

Fleets of four sizes live in one Home Assistant and take the same number of heartbeats
in turn, each fleet by a floor of its own too: what grows there is the machine's, whose
caches hold the less of each device the more there are.
"""

import asyncio
from pathlib import Path
import time
from typing import Any

from tests.rig.broker import Broker

from . import home, payloads
from .figures import Figure, median_of, ratio_of
from .ways import FLOOR, VESPER, Heartbeats, Ways

SIZES = (10, 100, 1_000, 10_000)
LARGEST = max(SIZES)

#: What may be there of timers beside those of the devices, and come and go meanwhile.
OTHER_TIMERS = 20


#: So many heartbeats of a device, and what is kept of its last messages is full.
KEPT = 10


def timers() -> int:
    """Return how many timers the event loop has."""
    loop: Any = asyncio.get_running_loop()
    return sum(not timer.cancelled() for timer in loop._scheduled)  # noqa: SLF001


class Fleets:
    """One fleet of each size, by each of the two ways."""

    def __init__(self, ways: Ways) -> None:
        """Begin with none."""
        self._ways = ways
        self._ids = {size: payloads.device_ids(size, f"of{size}") for size in SIZES}
        self._start = time.monotonic()
        self._number = 0

    async def add(self, size: int) -> int:
        """Add the fleet of a size, and return by how many its timers are more."""
        await self._ways.add_floor(f"{FLOOR}{size}")
        before = timers()
        await self._ways.add_vesper(
            self._ids[size], f"{VESPER}{size}", entities="essential"
        )
        for _ in range(KEPT):
            self.measure(VESPER, size, size)
        # What is done once, such as saving, is over by then.
        await asyncio.sleep(2)
        return timers() - before

    def heartbeats(self, size: int, messages: int) -> Heartbeats:
        """Return so many heartbeats of a fleet: of few devices each sends many.

        So an uptime rises with the clock, and not with each.
        """
        ids = self._ids[size]
        uptime = payloads.UPTIME + int(time.monotonic() - self._start)
        heartbeats = []
        for start in range(0, messages, size):
            self._number += 1
            heartbeats += [
                (device_id, payloads.heartbeat(device_id, self._number, uptime=uptime))
                for device_id in ids[: messages - start]
            ]
        return heartbeats

    def measure(self, way: str, size: int, messages: int) -> float:
        """Return the microseconds of a heartbeat of a fleet by a way."""
        return self._ways.time(f"{way}{size}", self.heartbeats(size, messages))


async def measure(config: Path, broker: Broker, *, quick: bool) -> list[Figure]:
    """Measure fleets of all sizes in turn."""
    rounds = 3 if quick else 11
    async with home.running(config, broker) as hass:
        fleets = Fleets(Ways(hass))
        added = {size: await fleets.add(size) for size in SIZES}
        lanes = [(way, size) for way in (FLOOR, VESPER) for size in SIZES]
        times: dict[tuple[str, int], list[float]] = {lane: [] for lane in lanes}
        # The first round only warms up.
        for number in range(-1, rounds):
            first = number % len(lanes)
            for lane in (*lanes[first:], *lanes[:first]):
                taken = fleets.measure(*lane, LARGEST)
                await hass.async_block_till_done()
                if number >= 0:
                    times[lane].append(taken)
    figures = [
        median_of(f"growth.{way}.{size}", times[way, size], "µs") for way, size in lanes
    ]
    spreads = {
        way: [
            max(of_round) / min(of_round)
            for of_round in zip(*(times[way, size] for size in SIZES), strict=True)
        ]
        for way in (FLOOR, VESPER)
    }
    figures += [
        median_of("growth.floor.slowest/fastest", spreads[FLOOR], "x"),
        median_of("growth.vesper.slowest/fastest", spreads[VESPER], "x", target=1.3),
        ratio_of("growth.vesper/floor", spreads[VESPER], spreads[FLOOR]),
    ]
    figures.append(
        Figure(
            name="growth.timers",
            value=added[LARGEST],
            unit="timers",
            target=OTHER_TIMERS,
            note=f"of {LARGEST} devices; of {SIZES[0]}: {added[SIZES[0]]}",
        )
    )
    return figures


def main() -> None:
    """Run from the command line."""
    home.lift_entity_cap(1_000_000)
    home.tell(__doc__, measure)


if __name__ == "__main__":
    main()
