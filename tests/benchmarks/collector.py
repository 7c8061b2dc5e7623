"""Count the garbage collections that unchanged heartbeats cause.

    python -m tests.benchmarks.collector [--quick]

A full run stops Home Assistant for as long as it takes to look at all objects.
"""

import gc
from pathlib import Path

from tests.rig.broker import Broker

from . import environment
from .clock import Clock
from .figures import Figure
from .payloads import device_ids
from .subjects import VESPER, Subjects

DEVICES = 1000
HEARTBEATS = 40

#: The log of the last messages is full by then.
WARM_UP = 21


async def async_measure(config: Path, broker: Broker, *, quick: bool) -> list[Figure]:
    """Receive heartbeats made before: their garbage is not ours."""
    async with environment.running(config, broker) as hass:
        clock = Clock()
        subjects = Subjects(hass, device_ids(DEVICES))
        await subjects.async_add_vesper()
        for number in range(1, 1 + WARM_UP):
            clock.set_to(number)
            subjects.receive(VESPER, number)
            await hass.async_block_till_done()
        # The clock stands still: none of them writes the free heap.
        messages = subjects.heartbeats(VESPER, WARM_UP) * HEARTBEATS
        runs: list[str] = []

        def count(phase: str, _: dict[str, int]) -> None:
            """Count a run."""
            if phase == "start":
                runs.append(phase)

        gc.collect()
        gc.callbacks.append(count)
        subjects.receive_messages(messages)
        gc.callbacks.remove(count)
    note = f"by {len(messages)} heartbeats of {DEVICES} devices"
    return [Figure(name="collector", value=len(runs), unit="runs", target=0, note=note)]


def main() -> None:
    """Run from the command line."""
    environment.run_command(__doc__, async_measure)


if __name__ == "__main__":
    main()
