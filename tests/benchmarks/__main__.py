"""Measure everything or what is named, against the targets.

Each measurement is a process of its own. A missed target is no failure; a measurement
that can't be made is.
"""

import argparse
from dataclasses import asdict
import json
import os
from pathlib import Path
import platform
import subprocess
import sys
import time

from homeassistant.const import __version__ as home_assistant_version

from .figures import Figure, read_figures, table

MEASUREMENTS = (
    "heartbeat",
    "collector",
    "instructions",
    "changes",
    "wire",
    "storms",
    "saving",
    "startup",
    "memory",
    "suggestion",
)

#: Only if it is named: it takes half an hour, and a browser.
LONG = ("sites",)

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / ".cache" / "bench" / "figures.json"

#: How many lines of the log of a failed measurement are shown.
LAST_LINES = 20


class MeasurementError(Exception):
    """A measurement failed; the end of its log."""


def measure(name: str, *, quick: bool) -> list[Figure]:
    """Run one measurement.

    Raises MeasurementError if it fails.
    """
    command = [sys.executable, "-m", f"{__package__}.{name}"]
    process = subprocess.run(  # noqa: S603  # our own modules
        [*command, "--quick"] if quick else command,
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    log = "\n".join(process.stderr.splitlines()[-LAST_LINES:])
    if process.returncode:
        raise MeasurementError(log)
    try:
        return read_figures(process.stdout)
    except (KeyError, TypeError, ValueError) as error:
        msg = f"It wrote no figures: {error}\n{log}"
        raise MeasurementError(msg) from error


def machine() -> dict[str, str | int | float | None]:
    """Return what the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "machine": platform.machine(),
        "python": platform.python_version(),
        "home_assistant": home_assistant_version,
    }


def main() -> int:
    """Run from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"of {', '.join(MEASUREMENTS)}; or {', '.join(LONG)}",
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer rounds and smaller fleets"
    )
    parser.add_argument("--json", type=Path, default=FIGURES, metavar="FILE")
    options = parser.parse_args()
    if unknown := set(options.names) - {*MEASUREMENTS, *LONG}:
        parser.error(f"There is no {', '.join(sorted(unknown))}")
    before = machine()
    figures: list[Figure] = []
    failed: list[str] = []
    for name in options.names or MEASUREMENTS:
        start = time.monotonic()
        try:
            measured = measure(name, quick=options.quick)
        except MeasurementError as error:
            failed.append(name)
            print(f"\n{name} FAILED\n{error}", flush=True)
            continue
        figures += measured
        print(f"\n{name}: {time.monotonic() - start:.0f} s, load {os.getloadavg()[0]}")
        print(table(measured), flush=True)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    results = {
        "machine": before,
        "quick": options.quick,
        "failed": failed,
        "figures": [asdict(figure) | {"met": figure.met} for figure in figures],
    }
    options.json.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    targets = [figure.met for figure in figures if figure.met is not None]
    print(f"\n{sum(targets)} of {len(targets)} targets met; figures: {options.json}")
    if failed:
        print(f"Failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
