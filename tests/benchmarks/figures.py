"""Figures of a measurement: targets, a table, and JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
import json
import statistics
import subprocess
import sys
from typing import Any, Literal

type Limit = Literal["most", "least"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A median of rounds with quartiles, or one value."""

    name: str
    """What was measured, by a name that stays: `heartbeat.vesper`."""
    value: float
    unit: str
    """`µs`, `ms`, `s`, `kB`, `writes`, ...; `x` for a ratio."""
    quartiles: tuple[float, float] | None = None
    target: float | None = None
    """None for a figure that only explains others."""
    limit: Limit = "most"
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Return whether the target is met, None without one."""
        if self.target is None:
            return None
        if self.limit == "most":
            return self.value <= self.target
        return self.value >= self.target


def median_of(name: str, values: Sequence[float], unit: str, **about: Any) -> Figure:
    """Return the median of some rounds.

    `about` has its target, limit and note, if any.
    """
    quartiles = None
    if len(values) > 1:
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        quartiles = (low, high)
    return Figure(
        name=name,
        value=statistics.median(values),
        unit=unit,
        quartiles=quartiles,
        **about,
    )


def ratio_of(
    name: str, values: Sequence[float], others: Sequence[float], **about: Any
) -> Figure:
    """Return the median of the ratios of each round.

    The speed of the machine drifts, and moves such a ratio hardly at all.
    """
    ratios = [value / other for value, other in zip(values, others, strict=True)]
    return median_of(name, ratios, "x", **about)


def write_figures(figures: Iterable[Figure]) -> None:
    """Write a measurement's figures to the output, as JSON."""
    json.dump([asdict(figure) for figure in figures], sys.stdout)


def read_figures(text: str) -> list[Figure]:
    """Return the figures that `write_figures` wrote.

    Raises KeyError, TypeError or ValueError for anything else.
    """
    return [
        Figure(**{**item, "quartiles": item["quartiles"] and tuple(item["quartiles"])})
        for item in json.loads(text)
    ]


def run_process(module: str, *arguments: str) -> list[Figure]:
    """Return a module's figures, measured in its own process.

    Raises CalledProcessError if it fails; its log says why.
    """
    process = subprocess.run(  # noqa: S603  # our own modules
        [sys.executable, "-m", module, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return read_figures(process.stdout)


def table(figures: Iterable[Figure]) -> str:
    """Return the figures as a table of text."""
    header = ("figure", "value", "unit", "quartiles", "target")
    lines = ["{:40}{:>10} {:7}{:>17}  {:>8}  met  note".format(*header)]
    for figure in figures:
        quartiles = target = met = ""
        if figure.quartiles is not None:
            quartiles = "–".join(f"{value:.2f}" for value in figure.quartiles)
        if figure.target is not None:
            target = f"{'≤' if figure.limit == 'most' else '≥'} {figure.target:g}"
            met = "yes" if figure.met else "NO"
        line = (
            f"{figure.name:40}{figure.value:10.2f} {figure.unit:7}{quartiles:>17}  "
            f"{target:>8}  {met:4} {figure.note}"
        )
        lines.append(line.rstrip())
    return "\n".join(lines)
