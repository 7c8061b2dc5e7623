"""Count the instructions of an unchanged heartbeat with callgrind.

    python -m tests.benchmarks.instructions [--quick]

Few devices, no garbage collection, no caches, no other processes: what is left is the
work itself, the same in each run. This starts itself again under valgrind, where a
start of Home Assistant takes a minute.
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

from . import environment
from .clock import Clock
from .figures import Figure, median_of, ratio_of, write_figures
from .payloads import device_ids
from .subjects import FLOOR, NO_OP, VESPER, Subjects

SUBJECTS = (NO_OP, FLOOR, VESPER)
DEVICES = 50

#: Two functions of the C library that nothing else calls, by whichever of their names:
#: at the first callgrind begins to count, at the other it writes its counters.
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


def start_counting() -> None:
    """Have callgrind count from now on.

    It looks for such a request between two instructions, so there have to be some.
    """
    command = ("callgrind_control", "--instr=on", str(os.getpid()))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as control:  # noqa: S603
        while control.poll() is None:
            pass
    if control.returncode:
        msg = "callgrind can't be told to count"
        raise RuntimeError(msg)


async def async_run(config: Path, broker: Broker, rounds: int) -> None:
    """Let the subjects take turns under callgrind.

    Each measured turn is one of its dumps.
    """
    async with environment.running(config, broker) as hass:
        clock = Clock()
        subjects = Subjects(hass, device_ids(DEVICES))
        await subjects.async_add_callbacks()
        await subjects.async_add_vesper()
        library = ctypes.PyDLL(ctypes.util.find_library("m"))
        begin, end = library[BEGIN], library[END]
        gc.disable()
        start_counting()
        # The first round only warms up.
        for number in range(2, 2 * rounds + 4):
            clock.set_to(number)
            for subject in SUBJECTS:
                messages = subjects.heartbeats(subject, number)
                # The others write the free heap.
                if unchanged := number % 2 == 1:
                    begin()
                subjects.receive_messages(messages)
                if unchanged:
                    end()
            await hass.async_block_till_done()


def counters(folder: Path) -> list[int]:
    """Return the counters of callgrind's dumps, oldest first."""
    dumps = sorted(
        (int(path.suffix[1:]), path)
        for path in folder.glob(f"{COUNTERS}.*")
        if path.suffix[1:].isdigit()
    )
    found = (
        re.search(r"^totals: (\d+)", path.read_text(), re.MULTILINE)
        for _, path in dumps
    )
    return [int(match[1]) for match in found if match]


def measure(rounds: int) -> list[Figure]:
    """Start again under valgrind, and return what was counted.

    Raises RuntimeError if it has counted something else.
    """
    with tempfile.TemporaryDirectory(prefix="vesper-bench-") as folder:
        subprocess.run(  # noqa: S603
            [
                *VALGRIND,
                f"--callgrind-out-file={folder}/{COUNTERS}",
                *(sys.executable, "-m", f"{__package__}.instructions"),
                *(INSIDE, str(rounds)),
            ],
            check=True,
            stdout=sys.stderr,
            env=os.environ | {"PYTHONHASHSEED": "0"},
        )
        counted = counters(Path(folder))
    if len(counted) < len(SUBJECTS) * (rounds + 1):
        msg = f"callgrind has written {len(counted)} dumps"
        raise RuntimeError(msg)
    each = {
        subject: [
            counted[number * len(SUBJECTS) + position] / DEVICES
            for number in range(1, rounds + 1)
        ]
        for position, subject in enumerate(SUBJECTS)
    }
    return [
        *(
            median_of(f"instructions.{subject}", each[subject], "instr.")
            for subject in SUBJECTS
        ),
        ratio_of("instructions.vesper/floor", each[VESPER], each[FLOOR], target=1.2),
    ]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less, for trying it out")
    parser.add_argument(INSIDE, type=int, metavar="ROUNDS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside is not None:
        environment.run(
            lambda config, broker: async_run(config, broker, options.inside)
        )
    elif shutil.which("valgrind") and shutil.which("callgrind_control"):
        write_figures(measure(2 if options.quick else 5))
    else:
        note = "not counted: valgrind is not installed"
        write_figures([Figure(name="instructions", value=0, unit="", note=note)])


if __name__ == "__main__":
    main()
