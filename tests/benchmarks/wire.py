"""Measure what one heartbeat costs that comes through a real broker and socket.

    .venv-release/bin/python -m tests.benchmarks.wire

The ways lie side by side in one Home Assistant, each behind a subscription of its own.
Another process publishes bursts of heartbeats to each of them in turn; the time is what
the event loop's thread uses until the message after the last has come: paho, Home
Assistant's client and dispatch, and what the way does.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from homeassistant.components import mqtt
from homeassistant.core import HomeAssistant, callback
from tests.rig.broker import Broker

from . import home
from .bursts import Bursts
from .figures import Figure, median_of, ratio_of
from .sender import Burst, Sender
from .ways import FLOOR, NO_OP, VESPER, Floor, in_turn, topic_of

WAYS = (NO_OP, FLOOR, VESPER)
DEVICES = 500
EACH = 4


class Ways:
    """The least that there is to do, and less: what the integration is held against."""

    def __init__(self) -> None:
        """Start with nothing heard."""
        self.nothing = 0
        self.looked = 0
        self._floor = Floor()

    @callback
    def do_nothing(self, _: mqtt.ReceiveMessage) -> None:
        """Count, so that nothing is lost unseen."""
        self.nothing += 1

    @callback
    def look(self, message: mqtt.ReceiveMessage) -> None:
        """Count, and note what a heartbeat says, and when."""
        self.looked += 1
        self._floor.receive(message)


class Bench:
    """Bursts of heartbeats, of which none may be lost."""

    def __init__(self, bursts: Bursts, count: Callable[[str], int]) -> None:
        """Take what times them, and what tells how many of a way were heard."""
        self._bursts = bursts
        self._count = count
        self._number = 0

    async def measure(self, way: str, qos: int) -> float:
        """Return the microseconds of each heartbeat of a burst.

        Raises RuntimeError where one of them was lost.
        """
        burst = Burst(way=way, devices=DEVICES, number=self._number, each=EACH, qos=qos)
        self._number += EACH
        before = self._count(way)
        taken = await self._bursts.time(burst)
        if (heard := self._count(way) - before) != DEVICES * EACH:
            msg = f"{way} has heard {heard} of {DEVICES * EACH} heartbeats"
            raise RuntimeError(msg)
        return taken


async def measure(config: Path, broker: Broker, *, quick: bool) -> list[Figure]:
    """Measure at both qualities of service, one after the other."""
    rounds = 3 if quick else 15
    with Sender(broker.address) as sender:
        async with home.running(config, broker) as hass:
            entry = home.vesper_entry(max_devices=DEVICES)
            await hass.config_entries.async_add(entry)
            ways = Ways()
            bursts = Bursts(sender)
            bench = Bench(bursts, partial(_heard, hass, ways))
            await home.subscribe(hass, topic_of(NO_OP, "+"), ways.do_nothing)
            await home.subscribe(hass, topic_of(FLOOR, "+"), ways.look)
            await bursts.listen(hass)
            for way in WAYS:
                await bench.measure(way, qos=1)
                await hass.async_block_till_done()
            figures = []
            for qos in (1, 0):
                figures += await _rounds(bench, rounds, qos)
            return figures


async def _rounds(bench: Bench, rounds: int, qos: int) -> list[Figure]:
    """Return the figures of one quality of service."""
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(rounds):
        for way in in_turn(WAYS, number):
            times[way].append(await bench.measure(way, qos))
    name = f"wire.qos{qos}"
    return [
        *(median_of(f"{name}.{way}", times[way], "µs") for way in WAYS),
        ratio_of(
            f"{name}.vesper_to_floor",
            times[VESPER],
            times[FLOOR],
            target=1.1 if qos else None,
            note="as devices publish" if qos else "less to do for all, but for us",
        ),
        ratio_of(f"{name}.vesper_to_no_op", times[VESPER], times[NO_OP]),
    ]


def _heard(hass: HomeAssistant, ways: Ways, way: str) -> int:
    """Return how many messages a way has heard."""
    if way == NO_OP:
        return ways.nothing
    if way == FLOOR:
        return ways.looked
    (entry,) = hass.config_entries.async_entries("vesper")
    return sum(device.received.total for device in entry.runtime_data.devices.values())


def main() -> None:
    """Run from the command line."""
    home.tell(__doc__, measure, unbounded=True)


if __name__ == "__main__":
    main()
