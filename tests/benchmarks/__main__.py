"""Measure everything, or what is named, and hold it against what is wanted.

Each measurement is a process of its own. What is missed fails nothing: these are
figures, no tests. Only a measurement that could not be made is a failure.
"""

import argparse
from dataclasses import asdict
import json
import os
from pathlib import Path
import platform
import subprocess
import sys

from homeassistant.const import __version__ as home_assistant_version

from .figures import Figure, table, taken_over

MEASUREMENTS = (
    "heartbeat",
    "paced",
    "collector",
    "growth",
    "instructions",
    "changes",
    "wire",
    "latency",
    "storms",
    "startup",
    "memory",
    "saving",
    "capacity",
)

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / ".cache" / "bench" / "figures.json"

#: Of what a measurement that failed has said.
LAST_LINES = 20


class MeasurementError(Exception):
    """A measurement could not be made; its last words."""


def measure(name: str, *, quick: bool) -> list[Figure]:
    """Run one measurement.

    Raises MeasurementError where that fails.
    """
    command = [sys.executable, "-m", f"{__package__}.{name}"]
    done = subprocess.run(  # noqa: S603
        [*command, "--quick"] if quick else command,
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    last_words = "\n".join(done.stderr.splitlines()[-LAST_LINES:])
    if done.returncode:
        raise MeasurementError(last_words)
    try:
        return taken_over(done.stdout)
    except (TypeError, ValueError, KeyError) as error:
        msg = f"It told no figures: {error}\n{last_words}"
        raise MeasurementError(msg) from error


def machine() -> dict[str, str | int | None]:
    """Return on what it was measured."""
    return {
        "cores": os.cpu_count(),
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
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASUREMENTS)}"
    )
    parser.add_argument("--quick", action="store_true", help="less, for trying out")
    parser.add_argument("--json", type=Path, default=FIGURES, metavar="FILE")
    options = parser.parse_args()
    if unknown := set(options.names) - set(MEASUREMENTS):
        parser.error(f"There is no {', '.join(sorted(unknown))}")
    figures: list[Figure] = []
    failed: list[str] = []
    for name in options.names or MEASUREMENTS:
        print(f"\n{name}", flush=True)
        try:
            measured = measure(name, quick=options.quick)
        except MeasurementError as error:
            failed.append(name)
            print(f"FAILED\n{error}", flush=True)
            continue
        figures += measured
        print(table(measured), flush=True)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "machine": machine(),
        "quick": options.quick,
        "failed": failed,
        "figures": [asdict(figure) | {"kept": figure.kept} for figure in figures],
    }
    options.json.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    wanted = [figure for figure in figures if figure.target is not None]
    kept = sum(figure.kept is True for figure in wanted)
    print(f"\n{kept} of {len(wanted)} targets kept; all figures: {options.json}")
    if failed:
        print(f"Not measured: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
