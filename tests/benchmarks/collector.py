"""Count the runs of Python's garbage collector that heartbeats cause.

python -m tests.benchmarks.collector [--quick]
"""

import gc
from pathlib import Path
import time

from tests.rig.broker import Broker

from . import home
from .figures import Figure
from .payloads import device_ids
from .ways import VESPER, Ways, beats

DEVICES = 2000
EACH = 40

#: What is kept of the last messages is full by then.
WARM = 20


async def count(config: Path, broker: Broker, *, quick: bool) -> list[Figure]:
    """Hand many heartbeats in, all made before: their garbage is not ours."""
    ids = device_ids(DEVICES)
    async with home.running(config, broker) as hass:
        ways = Ways(hass)
        await ways.add_vesper(ids)
        warm = ways.messages(VESPER, beats(ids, range(1, 1 + WARM)))
        messages = ways.messages(VESPER, beats(ids, range(1 + WARM, 1 + WARM + EACH)))
        ways.receive(warm)
        await hass.async_block_till_done()
        runs: list[str] = []

        def note(phase: str, _: dict[str, int]) -> None:
            """Count a run."""
            if phase == "start":
                runs.append(phase)

        gc.collect()
        gc.callbacks.append(note)
        start = time.perf_counter()
        ways.receive(messages)
        taken = time.perf_counter() - start
        gc.callbacks.remove(note)
    about = f"by {len(messages)} heartbeats of {DEVICES} devices in {taken:.2f} s"
    return [
        Figure(name="collector", value=len(runs), unit="runs", target=0, note=about)
    ]


def main() -> None:
    """Run from the command line."""
    home.lift_entity_cap(100_000)
    home.tell(__doc__, count)


if __name__ == "__main__":
    main()
