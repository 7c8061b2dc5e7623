"""Count the instructions of a heartbeat by each way, with callgrind.

    python -m tests.benchmarks.instructions [--quick]

Few devices, and no garbage collection: what is left is the work itself, the same in
each run, without caches and without the machine's mood. This starts itself anew under
valgrind: a start of Home Assistant takes one to two minutes there.
"""

import argparse
import ctypes
import ctypes.util
import gc
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import tempfile

from tests.rig.broker import Broker

from . import coordinator, home
from .figures import Figure, hand_over, median_of, ratio_of
from .payloads import device_ids
from .ways import FLOOR, NO_OP, PEERS, VESPER, Ways, beats

WAYS = (NO_OP, FLOOR, VESPER, *PEERS)
DEVICES = 20
EACH = 5

#: Two functions of the C library that nobody else calls, by whichever of their names:
#: at the first callgrind begins to count anew, at the other it writes what it has.
BEGIN, END = "j0", "j1"

COUNTERS = "callgrind.out"
INSIDE = "--inside"

VALGRIND = (
    "valgrind",
    "--tool=callgrind",
    # Home Assistant starts some times faster so.
    "--instr-atstart=no",
    f"--zero-before=*{BEGIN}*",
    f"--dump-before=*{END}*",
)


def switch_on() -> None:
    """Have callgrind count from now on.

    It looks for such a wish between two instructions, so there have to be some.
    """
    command = ("callgrind_control", "--instr=on", str(os.getpid()))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as control:  # noqa: S603
        while control.poll() is None:
            pass
    if control.returncode:
        msg = "callgrind can't be told to count"
        raise RuntimeError(msg)


async def run_all(config: Path, broker: Broker, rounds: int) -> None:
    """Let the ways take turns under callgrind: one of its dumps for each."""
    ids = device_ids(DEVICES)
    async with home.running(config, broker, coordinator.COMPONENT) as hass:
        ways = Ways(hass)
        await ways.add_no_op()
        await ways.add_floor()
        await ways.add_vesper(ids)
        await ways.add_discovery(ids)
        await ways.add_coordinator(ids)
        library = ctypes.PyDLL(ctypes.util.find_library("m"))
        begin, end = library[BEGIN], library[END]
        gc.disable()
        switch_on()
        # The first round only warms up.
        for number in range(rounds + 1):
            numbers = range(1 + number * EACH, 1 + (number + 1) * EACH)
            heartbeats = beats(ids, numbers)
            for way in WAYS:
                messages = ways.messages(way, heartbeats)
                begin()
                ways.receive(messages)
                end()
            await hass.async_block_till_done()


def counters(directory: Path) -> list[int]:
    """Return what callgrind has counted in each of its dumps, the oldest first."""
    dumps = sorted(
        (int(path.suffix[1:]), path)
        for path in directory.glob(f"{COUNTERS}.*")
        if path.suffix[1:].isdigit()
    )
    found = (
        re.search(r"^totals: (\d+)", path.read_text(), re.MULTILINE)
        for _, path in dumps
    )
    return [int(match[1]) for match in found if match]


def measure(rounds: int) -> list[Figure]:
    """Start anew under valgrind, and return what was counted.

    Raises RuntimeError where it has counted something else.
    """
    with tempfile.TemporaryDirectory(prefix="vesper-bench-") as directory:
        subprocess.run(  # noqa: S603
            [
                *VALGRIND,
                f"--callgrind-out-file={directory}/{COUNTERS}",
                *(sys.executable, "-m", f"{__package__}.instructions"),
                *(INSIDE, str(rounds)),
            ],
            check=True,
            stdout=sys.stderr,
            env=os.environ | {"PYTHONHASHSEED": "0"},
        )
        counted = counters(Path(directory))
    if len(counted) < len(WAYS) * (rounds + 1):
        msg = f"callgrind has written {len(counted)} dumps"
        raise RuntimeError(msg)
    each = {
        way: [
            counted[number * len(WAYS) + position] / (DEVICES * EACH)
            for number in range(1, rounds + 1)
        ]
        for position, way in enumerate(WAYS)
    }
    return [
        *(median_of(f"instructions.{way}", each[way], "instr.") for way in WAYS),
        ratio_of("instructions.vesper/floor", each[VESPER], each[FLOOR], target=1.15),
        *(
            ratio_of(
                f"instructions.{peer}/vesper",
                each[peer],
                each[VESPER],
                target=8,
                limit="least",
            )
            for peer in PEERS
        ),
    ]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less, for trying out")
    parser.add_argument(INSIDE, type=int, metavar="ROUNDS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside is not None:
        home.run(lambda config, broker: run_all(config, broker, options.inside))
    elif shutil.which("valgrind") and shutil.which("callgrind_control"):
        hand_over(measure(2 if options.quick else 5))
    else:
        note = "not counted: valgrind is not installed"
        hand_over([Figure(name="instructions", value=0, unit="", note=note)])


if __name__ == "__main__":
    main()
