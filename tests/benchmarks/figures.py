"""Hold what was measured against what is wanted, as a table and as JSON."""

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
    """One figure: the median of some rounds with its quartiles, or one value alone."""

    name: str
    """What was measured, by a name that stays: `heartbeat.vesper`."""
    value: float
    unit: str
    """`µs`, `ms`, `s`, `B`, `kB`, `MB`, `writes`; `x` for a ratio of two ways."""
    quartiles: tuple[float, float] | None = None
    target: float | None = None
    """What is wanted of it, None for a figure that only explains others."""
    limit: Limit = "most"
    note: str = ""

    @property
    def kept(self) -> bool | None:
        """Tell whether the target is reached, None without one."""
        if self.target is None:
            return None
        if self.limit == "most":
            return self.value <= self.target
        return self.value >= self.target


def median_of(
    name: str,
    values: Sequence[float],
    unit: str,
    **about: Any,
) -> Figure:
    """Return the figure of some rounds, with its target, limit and note if any."""
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
    name: str,
    values: Sequence[float],
    others: Sequence[float],
    **about: Any,
) -> Figure:
    """Return the median of the ratios of each round.

    So it holds while the machine's speed drifts.
    """
    ratios = [mine / other for mine, other in zip(values, others, strict=True)]
    return median_of(name, ratios, "x", **about)


def hand_over(figures: Iterable[Figure]) -> None:
    """Write the figures of one measurement to the output, for who collects them."""
    json.dump([asdict(figure) for figure in figures], sys.stdout)


def taken_over(text: str) -> list[Figure]:
    """Return the figures that a measurement has written.

    Raises ValueError where it has written something else.
    """
    return [
        Figure(**{**item, "quartiles": item["quartiles"] and tuple(item["quartiles"])})
        for item in json.loads(text)
    ]


def in_a_process(module: str, *arguments: str) -> list[Figure]:
    """Return the figures that a module measures in a process of its own.

    Raises CalledProcessError where it fails; why is in its log.
    """
    measured = subprocess.run(  # noqa: S603  # our own modules
        [sys.executable, "-m", module, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return taken_over(measured.stdout)


def table(figures: Iterable[Figure]) -> str:
    """Return the figures as a table of text, one line each."""
    lines = [f"{'figure':44}{'value':>10} {'unit':7}{'quartiles':>17}  {'wanted':12}"]
    for figure in figures:
        spread = ""
        if figure.quartiles is not None:
            low, high = figure.quartiles
            spread = f"{low:.2f}–{high:.2f}"
        wanted = ""
        if figure.target is not None:
            sign = "≤" if figure.limit == "most" else "≥"
            verdict = "kept" if figure.kept else "MISSED"
            wanted = f"{sign} {figure.target:g} {verdict}"
        line = (
            f"{figure.name:44}{figure.value:10.2f} {figure.unit:7}{spread:>17}  "
            f"{wanted:12}  {figure.note}"
        )
        lines.append(line.rstrip())
    return "\n".join(lines)
