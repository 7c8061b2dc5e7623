"""The answers to the rules of the quality scale."""

import ast
from pathlib import Path
import re
from typing import Any

import pytest

from homeassistant.util.yaml import parse_yaml

from .pages import PAGES, ROOT, section
from .test_parity import PACKAGE, RULES

PAGE = "docs/quality-scale.md"
STATUS = {"met": "done", "does not apply": "exempt", "not met": "todo"}

#: A file, and what is in it.
NAMED = re.compile(r"`((?:[\w-]+/)*[\w-]+\.[a-z]+)(?:::(\w+))?`")


def _rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading."""
    rows = re.findall(r"^\| (.+) \|$", section(PAGE, heading), re.MULTILINE)
    return [row.split(" | ") for row in rows[2:]]


def _names(path: Path) -> set[str]:
    """Return what a file defines."""
    text = path.read_text()
    if path.suffix == ".json":
        return set(re.findall(r'"(\w+)":', text))
    if path.suffix == ".toml":
        return set(re.findall(r"^(\w+) =", text, re.MULTILINE))
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.TypeAlias(name=target) | ast.AnnAssign(target=target):
                names.add(ast.unparse(target))
            case ast.Assign():
                names |= {ast.unparse(target) for target in node.targets}
    return names


@pytest.mark.parametrize("tier", RULES)
def test_answers(tier: str) -> None:
    """Each rule has its answer, with evidence."""
    scale: Any = parse_yaml((PACKAGE / "quality_scale.yaml").read_text())
    rows = _rows(tier.capitalize())
    assert [rule for rule, _, _ in rows] == sorted(RULES[tier].split())
    for rule, answer, evidence in rows:
        status = scale["rules"][rule]
        if isinstance(status, dict):
            status = status["status"]
        assert STATUS[answer] == status, rule
        if answer == "met":
            assert NAMED.search(evidence) or "](" in evidence, rule


def test_counts() -> None:
    """The page counts its answers correctly."""
    answers = [answer for tier in RULES for _, answer, _ in _rows(tier.capitalize())]
    counts = {answer: answers.count(answer) for answer in STATUS}
    assert (
        f"Of the {len(answers)} rules, {counts['met']} are met, "
        f"{counts['does not apply']} do not apply, and one is not met"
    ) in " ".join(PAGES[PAGE].split())
    assert counts["not met"] == 1


def test_evidence_exists() -> None:
    """Each file and each name in it exists."""
    found = NAMED.findall(PAGES[PAGE])
    assert len(found) > 80
    for file, name in found:
        path = PACKAGE / file if (PACKAGE / file).exists() else ROOT / file
        assert path.is_file(), file
        if name:
            assert name in _names(path), f"{file}::{name}"
