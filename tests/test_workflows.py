"""The workflows of GitHub and their updates."""

from pathlib import Path
import re
from typing import Any

import pytest

from homeassistant.util.yaml import parse_yaml

from .pages import ROOT

FOLDER = ROOT / ".github"
WORKFLOWS = {path.name: path for path in sorted((FOLDER / "workflows").iterdir())}

# A tag or branch can be moved to other code, a commit can't.
USES = re.compile(r"\buses\b")
PINNED = re.compile(r"\s+(?:- )?uses: [\w./-]+@[0-9a-f]{40} # \S.*")


def _unpinned(text: str) -> list[str]:
    """Return numbered lines with an action without a commit."""
    return [
        f"{number}: {line.strip()}"
        for number, line in enumerate(text.splitlines(), 1)
        if USES.search(line.partition(" #")[0]) and not PINNED.fullmatch(line)
    ]


@pytest.mark.parametrize("path", WORKFLOWS.values(), ids=WORKFLOWS)
def test_actions_are_pinned(path: Path) -> None:
    """Each action is one commit, with its version."""
    text = path.read_text()
    assert _unpinned(text) == []
    workflow: Any = parse_yaml(text)
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    used = [step["uses"] for step in steps if "uses" in step]
    assert len(used) == len(USES.findall(re.sub(r"#.*", "", text)))


@pytest.mark.parametrize(
    "line",
    [
        *("actions/checkout@v7", "actions/checkout@main # v7", "actions/checkout"),
        f"actions/checkout@{'0' * 39} # v7",
        f"actions/checkout@{'0' * 40}",
        *("./here", "docker://image:latest # 1"),
    ],
)
def test_unpinned_is_found(line: str) -> None:
    """Anything but a commit with a version is found."""
    step = f"      - uses: {line}"
    assert _unpinned(f"steps:\n{step}\n") == [f"2: {step.strip()}"]


def test_updates() -> None:
    """Dependabot looks for new versions each week."""
    updates: Any = parse_yaml((FOLDER / "dependabot.yml").read_text())
    assert {entry["package-ecosystem"] for entry in updates["updates"]} == {
        "github-actions",
        "pip",
    }
    for entry in updates["updates"]:
        assert entry["schedule"]["interval"] == "weekly"
        assert any("*" in group["patterns"] for group in entry["groups"].values())
