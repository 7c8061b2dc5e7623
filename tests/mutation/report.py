"""Print the rate of killed mutants, and the others."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
import sqlite3
import sys
import tomllib

#: Mutants that change nothing, by the reason; a sample may contain them again.
EQUIVALENTS = Path(__file__).with_name("equivalents.toml")


def main(sessions: list[str]) -> None:
    """Print the survivors, then the figures."""
    known = {
        mutant
        for entry in tomllib.loads(EQUIVALENTS.read_text())["equivalent"]
        for mutant in entry["mutants"]
    }
    counts = Counter[str]()
    survivors = []
    if pending := sum(_count_pending(session) for session in sessions):
        sys.exit(f"error: {pending} mutants were not tried")
    for result, output, diff in _results(sessions):
        mutant, outcome = _mutant(diff), result.lower()
        if outcome == "survived" and mutant in known:
            outcome = "equivalent"
        # Of pytest, of one test; and of the tool, of all.
        elif "Timeout (>" in output or output == "timeout":
            outcome = "timed out"
        counts[outcome] += 1
        if outcome not in ("killed", "equivalent"):
            survivors.append(f"{outcome}: {mutant}")
    print("\n".join(sorted(survivors)))
    print(", ".join(f"{number} {outcome}" for outcome, number in counts.items()))
    noticed = counts["killed"] + counts["timed out"]
    if matter := counts.total() - counts["equivalent"]:
        print(f"{noticed / matter:.1%} of {matter} that are not equivalent are noticed")


def _count_pending(session: str) -> int:
    """Return how many mutants have no result."""
    database = sqlite3.connect(session)
    (pending,) = database.execute(
        "SELECT (SELECT COUNT(*) FROM work_items) - (SELECT COUNT(*) FROM work_results)"
    ).fetchone()
    database.close()
    return int(pending)


def _results(sessions: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield outcome, output and difference of each mutant."""
    for session in sessions:
        database = sqlite3.connect(session)
        yield from database.execute(
            "SELECT test_outcome, output, diff FROM work_results"
        )
        database.close()


def _mutant(diff: str) -> str:
    """Return the module and the changed lines."""
    lines = diff.splitlines()
    module = next(line for line in lines if line.startswith("+++ b/"))
    removed, added = (
        " ".join(
            line[1:].strip()
            for line in lines
            if line.startswith(sign) and not line.startswith(sign * 3)
        )
        for sign in "-+"
    )
    return f"{module.partition('vesper/')[2]}: {removed} -> {added}"


if __name__ == "__main__":
    main(sys.argv[1:])
