"""Measure heartbeats at the rhythm of devices: one every 30 seconds.

    python -m tests.benchmarks.paced [--quick]

In a burst nothing is ever a minute old. Here the wall clock that the integration reads
goes on by 30 seconds from round to round, so that every second heartbeat also renews
what is told once a minute. With the essential entities nothing of that is shown.
"""

from pathlib import Path
import time

from custom_components.vesper.hub import receiver as intake
from homeassistant.core import HomeAssistant
from tests.rig.broker import Broker

from . import home, payloads
from .figures import Figure, median_of, ratio_of
from .ways import FLOOR, VESPER, Ways, written

DEVICES = 1000
PERIOD = 30
#: An even number, for every second heartbeat is another.
ROUNDS = 24
WARM_UP = 4


class Clock:
    """The wall clock, so many seconds ahead."""

    def __init__(self) -> None:
        """Start with the time that it is."""
        self.ahead = 0

    def __call__(self) -> float:
        """Return the seconds since 1970."""
        return time.time() + self.ahead


async def paced(
    hass: HomeAssistant, clock: Clock, events: int, rounds: int
) -> dict[str, list[float]]:
    """Return the microseconds of a heartbeat by each way, of two rounds together."""
    ways = Ways(hass)
    ids = payloads.device_ids(DEVICES)
    times: dict[str, list[float]] = {FLOOR: [], VESPER: []}
    for number in range(WARM_UP + rounds):
        clock.ahead += PERIOD
        beats = [
            (
                device_id,
                payloads.heartbeat(
                    device_id,
                    number,
                    events,
                    uptime=payloads.UPTIME + clock.ahead,
                ),
            )
            for device_id in ids
        ]
        for way in sorted(times, reverse=number % 4 < 2):  # two rounds
            taken = ways.time(way, beats)
            await hass.async_block_till_done()
            if number >= WARM_UP:
                times[way].append(taken)
    return {
        way: [(one + other) / 2 for one, other in zip(of[::2], of[1::2], strict=True)]
        for way, of in times.items()
    }


async def measure(config: Path, broker: Broker, *, quick: bool) -> list[Figure]:
    """Compare with the floor, with events and without."""
    clock = Clock()
    vars(intake)["time"] = clock
    figures: list[Figure] = []
    async with home.running(config, broker) as hass:
        ways = Ways(hass)
        await ways.add_floor()
        await ways.add_vesper(payloads.device_ids(DEVICES), entities="essential")
        for name, events, target in (("paced", 16, 1.3), ("paced.small", 0, 1.6)):
            with written(hass) as states:
                times = await paced(hass, clock, events, 6 if quick else ROUNDS)
            figures += [
                *(median_of(f"{name}.{way}", of, "µs") for way, of in times.items()),
                ratio_of(
                    f"{name}.vesper/floor", times[VESPER], times[FLOOR], target=target
                ),
                Figure(
                    name=f"{name}.writes",
                    value=len(states),
                    unit="writes",
                    target=0,
                ),
            ]
    return figures


def main() -> None:
    """Run from the command line."""
    home.tell(__doc__, measure)


if __name__ == "__main__":
    main()
