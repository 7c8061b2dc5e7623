"""Measure how the cost of a heartbeat grows with the number of devices.

    python -m tests.benchmarks.growth [--quick]

Fleets of four sizes live in one Home Assistant and take the same number of heartbeats
in turn, each fleet by a floor of its own too, and by a callback that does nothing: what
grows there is Home Assistant's and the machine's, whose caches hold the less of each
device the more there are. Then the same through a real broker and socket, which is what
a heartbeat costs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
import time
from typing import TYPE_CHECKING, Any

from tests.rig.broker import Broker

from . import home, payloads
from .bursts import Bursts
from .figures import Figure, median_of
from .sender import Burst, Sender
from .ways import FLOOR, NO_OP, VESPER, Heartbeats, Ways, in_turn

if TYPE_CHECKING:
    # Not before the limit of entities is lifted.
    from custom_components.vesper.model.device import Device

WAYS = (NO_OP, FLOOR, VESPER)
WIRE_WAYS = (NO_OP, VESPER)
SIZES = (10, 100, 1_000, 10_000)
SMALLEST, LARGEST = min(SIZES), max(SIZES)

#: What may be there of timers beside those of the devices, and come and go meanwhile.
OTHER_TIMERS = 20

#: So many heartbeats of a device, and what is kept of its last messages is full.
KEPT = 10

type Times = dict[tuple[str, int], list[float]]
"""Microseconds of each round by way and size."""


def timers() -> int:
    """Return how many timers the event loop has."""
    loop: Any = asyncio.get_running_loop()
    return sum(not timer.cancelled() for timer in loop._scheduled)  # noqa: SLF001


def kind_of(size: int) -> str:
    """Return what the devices of a fleet are called."""
    return f"of{size}"


class Fleets:
    """One fleet of each size, by each of the ways."""

    def __init__(self, ways: Ways, bursts: Bursts) -> None:
        """Begin with none."""
        self._ways = ways
        self._bursts = bursts
        self._devices: dict[int, dict[str, Device]] = {}
        self._start = time.monotonic()
        self._number = 0

    async def add(self, size: int) -> int:
        """Add the fleet of a size, and return by how many its timers are more."""
        await self._ways.add_no_op(f"{NO_OP}{size}")
        await self._ways.add_floor(f"{FLOOR}{size}")
        before = timers()
        entry = await self._ways.add_vesper(
            payloads.device_ids(size, kind_of(size)),
            f"{VESPER}{size}",
            entities="essential",
        )
        self._devices[size] = entry.runtime_data.devices
        for _ in range(KEPT):
            self.measure(VESPER, size, size)
        # What is done once, such as saving, is over by then.
        await asyncio.sleep(2)
        return timers() - before

    @property
    def _uptime(self) -> int:
        """Return an uptime that rises with the clock.

        It must not with each heartbeat: of few devices each sends many.
        """
        return payloads.UPTIME + int(time.monotonic() - self._start)

    def heartbeats(self, size: int, messages: int) -> Heartbeats:
        """Return so many heartbeats of a fleet."""
        ids = payloads.device_ids(size, kind_of(size))
        uptime = self._uptime
        heartbeats = []
        for start in range(0, messages, size):
            self._number += 1
            heartbeats += [
                (device_id, payloads.heartbeat(device_id, self._number, uptime=uptime))
                for device_id in ids[: messages - start]
            ]
        return heartbeats

    def measure(self, way: str, size: int, messages: int = LARGEST) -> float:
        """Return the microseconds of a heartbeat of a fleet by a way."""
        return self._ways.time(f"{way}{size}", self.heartbeats(size, messages))

    async def measure_wire(self, way: str, size: int) -> float:
        """Return the same of heartbeats that come through broker and socket.

        Raises RuntimeError where Vesper has not heard all of them.
        """
        burst = Burst(
            way=f"{way}{size}",
            devices=size,
            number=self._number,
            each=LARGEST // size,
            kind=kind_of(size),
            uptime=self._uptime,
        )
        self._number += burst.each
        before = self._heard(size)
        taken = await self._bursts.time(burst)
        heard = self._heard(size) - before
        if heard != (LARGEST if way == VESPER else 0):
            msg = f"Of {LARGEST} heartbeats of {way} vesper has heard {heard}"
            raise RuntimeError(msg)
        return taken

    def _heard(self, size: int) -> int:
        """Return how many messages of a fleet Vesper has heard."""
        return sum(device.received.total for device in self._devices[size].values())


async def in_rounds(
    ways: Sequence[str],
    rounds: int,
    measure_one: Callable[[str, int], Awaitable[float]],
) -> Times:
    """Return what each round has taken, of each way with each size."""
    lanes = [(way, size) for way in ways for size in SIZES]
    times: Times = {lane: [] for lane in lanes}
    # The first round only warms up.
    for number in range(-1, rounds):
        for lane in in_turn(lanes, number):
            taken = await measure_one(*lane)
            if number >= 0:
                times[lane].append(taken)
    return times


def told(name: str, ways: Sequence[str], times: Times) -> Iterator[Figure]:
    """Yield the figures of all lanes, and how those of each way compare."""
    for (way, size), taken in times.items():
        yield median_of(f"{name}.{way}.{size}", taken, "µs")
    for way in ways:
        rounds = list(zip(*(times[way, size] for size in SIZES), strict=True))
        yield median_of(
            f"{name}.{way}.slowest/fastest",
            [max(of_round) / min(of_round) for of_round in rounds],
            "x",
            target=1.3 if way == VESPER else None,
        )
        yield median_of(
            f"{name}.{way}.rise",
            [of_round[-1] - of_round[0] for of_round in rounds],
            "µs",
        )


async def measure(config: Path, broker: Broker, *, quick: bool) -> list[Figure]:
    """Measure fleets of all sizes in turn."""
    with Sender(broker.address) as sender:
        async with home.running(config, broker) as hass:
            bursts = Bursts(sender)
            await bursts.listen(hass)
            fleets = Fleets(Ways(hass), bursts)
            added = {size: await fleets.add(size) for size in SIZES}

            async def in_process(way: str, size: int) -> float:
                """Measure one lane, and let all settle that comes of it."""
                taken = fleets.measure(way, size)
                await hass.async_block_till_done()
                return taken

            times = await in_rounds(WAYS, 3 if quick else 11, in_process)
            on_wire = await in_rounds(WIRE_WAYS, 2 if quick else 7, fleets.measure_wire)
    return [
        *told("growth", WAYS, times),
        *told("growth.wire", WIRE_WAYS, on_wire),
        Figure(
            name="growth.timers",
            value=added[LARGEST],
            unit="timers",
            target=OTHER_TIMERS,
            note=f"of {LARGEST} devices; of {SMALLEST}: {added[SMALLEST]}",
        ),
    ]


def main() -> None:
    """Run from the command line."""
    home.lift_entity_cap(1_000_000)
    home.tell(__doc__, measure, unbounded=True)


if __name__ == "__main__":
    main()
