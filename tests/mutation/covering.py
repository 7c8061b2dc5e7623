"""Run the tests that execute what a mutant changes.

The most specific come first. The working directory is the copy with the mutant; the
argument is the unchanged copy, with the coverage of each test.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
import re
import subprocess
import sys

from coverage import CoverageData
import pytest

SOURCES = Path("custom_components/vesper")

#: So many tests decide: a line that all tests execute is not worth all of them.
MOST_TESTS = 1000


def main(original: Path) -> int:
    """Run the tests; 0 for a mutant that survives."""
    data = CoverageData(str(original / ".coverage"))
    data.read()
    for path in sorted(SOURCES.rglob("*.py")):
        before, after = (original / path).read_text(), path.read_text()
        if before != after:
            break
    else:
        sys.exit("nothing is mutated")
    changed = _changed_lines(before, after)
    tests = _in_order(_tests(data, original, path, changed), path)[:MOST_TESTS]
    print(f"{path}: lines {changed}, {len(tests)} tests")
    if not tests:
        return 0
    listed = Path("mutant_tests.txt")
    listed.write_text("\n".join(tests))
    options = ["-q", "-x", "--timeout=60", "--tb=line", "--show-capture=no"]
    arguments = [*options, "-p", "no:cacheprovider", f"@{listed.resolve()}"]
    code = pytest.main(arguments)
    ran = code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    # A mutant may break an import. If the tests can't be run without it either, it was
    # not tried.
    if not ran and _collect_without(original, arguments):
        print("error: these tests can't be run")
        return 0
    return int(code)


def _collect_without(original: Path, arguments: list[str]) -> int:
    """Return the exit code without a mutant."""
    command = [sys.executable, "-m", "pytest", "--collect-only", *arguments]
    return subprocess.run(command, cwd=original, check=False).returncode  # noqa: S603


def _changed_lines(before: str, after: str) -> range:
    """Return the lines that a mutant has changed."""
    matcher = SequenceMatcher(a=before.splitlines(), b=after.splitlines())
    changes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    return range(changes[0][1] + 1, max(changes[0][1] + 1, changes[-1][2]) + 1)


def _tests(data: CoverageData, original: Path, path: Path, changed: range) -> set[str]:
    """Return the tests that depend on a statement."""
    contexts = _contexts(data, original, path)
    tree = ast.parse((original / path).read_text())
    statement: ast.stmt | None = None
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and _lines(node)[0] <= changed[0] in _lines(node):
            statement = node
    if statement is None:
        return set().union(*contexts.values())
    lines = _lines(statement)
    if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        body = getattr(statement, "body", ())
        lines = range(lines[0], body[0].lineno) if body else lines
    found = set().union(*(contexts[line] for line in lines))
    if not found:
        # It is executed once, at the import: the users of the name depend on it. What
        # looks only at its value, such as a test of flags, executes nothing.
        found.add("tests/test_limits.py")
        of_module = Path("tests", path.parent.name, f"test_{path.name}")
        if of_module.exists():
            found.add(of_module.as_posix())
        names = "|".join(_targets(statement)) or "(?!)"
        for other in sorted(SOURCES.rglob("*.py")):
            contexts_of_other = _contexts(data, original, other)
            text = (original / other).read_text()
            for number, line in enumerate(text.splitlines(), 1):
                if re.search(rf"\b({names})\b", line):
                    found |= contexts_of_other[number]
    return found if len(found) > 1 else found.union(*contexts.values())


def _lines(node: ast.stmt) -> range:
    """Return the numbers of the lines of a statement."""
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _targets(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that an assignment sets."""
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id


def _contexts(data: CoverageData, original: Path, path: Path) -> dict[int, set[str]]:
    """Return the tests that execute each line."""
    tests = defaultdict(set)
    for line, contexts in data.contexts_by_lineno(str(original / path)).items():
        tests[line] = {context.rpartition("|")[0] for context in contexts} - {""}
    return tests


def _in_order(tests: set[str], path: Path) -> list[str]:
    """Sort tests, the most specific first.

    These are those of the module, then of its layer, then one of each file.
    """
    of_file = defaultdict(list)
    for test in sorted(tests):
        of_file[test.partition("::")[0]].append(test)

    def rank(test_file: str) -> int:
        folder, _, name = test_file.removeprefix("tests/").rpartition("/")
        if name in (f"test_{path.name}", "test_limits.py"):
            return 0
        if folder == path.parent.name:
            return 1
        return 3 if folder in ("fuzz", "frontend") else 2

    return [
        test
        for _, _, _, test in sorted(
            (rank(name), 0 if rank(name) == 0 else index, name, test)
            for name, of_this in of_file.items()
            for index, test in enumerate(of_this)
        )
    ]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
