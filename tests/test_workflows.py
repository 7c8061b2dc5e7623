"""The workflows, forms and updates of GitHub."""

from collections.abc import Iterator
from pathlib import Path
import re
import subprocess
import sys
from typing import Any

import pytest

from homeassistant.util.yaml import parse_yaml

from .pages import ROOT

FOLDER = ROOT / ".github"
FORMS = FOLDER / "ISSUE_TEMPLATE"
WORKFLOWS = {path.name: path for path in sorted((FOLDER / "workflows").iterdir())}

# A tag or branch can be moved to other code, a commit can't.
USES = re.compile(r"\buses\b")
PINNED = re.compile(r"\s+(?:- )?uses: [\w./-]+@[0-9a-f]{40} # \S.*")
#: A workflow of the same commit.
OURS = re.compile(r"    uses: \./\.github/workflows/([\w-]+\.yml)")

#: The only jobs that may change anything on GitHub, and what.
WRITES = {
    ("release.yml", "release"): {"contents": "write"},
    ("release-notes.yml", "draft"): {"contents": "write", "pull-requests": "read"},
}
#: What may run a workflow. Others would run code of forks with rights on this
#: repository.
EVENTS = {"push", "pull_request", "schedule", "workflow_call", "workflow_dispatch"}


def _unpinned(text: str) -> list[str]:
    """Return numbered lines with an action without a commit."""
    return [
        f"{number}: {line.strip()}"
        for number, line in enumerate(text.splitlines(), 1)
        if USES.search(line.partition(" #")[0])
        and not PINNED.fullmatch(line)
        and not ((ours := OURS.fullmatch(line)) and ours[1] in WORKFLOWS)
    ]


def _workflow(path: Path) -> Any:
    """Return a workflow."""
    workflow: Any = parse_yaml(path.read_text())
    # YAML reads this key as a truth value.
    workflow["on"] = workflow.pop(True)
    return workflow


def _steps(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the steps of all jobs of a workflow."""
    for job in _workflow(path)["jobs"].values():
        yield from job.get("steps", ())


@pytest.mark.parametrize("path", WORKFLOWS.values(), ids=WORKFLOWS)
def test_actions_are_pinned(path: Path) -> None:
    """Each action is one commit, with its version."""
    text = path.read_text()
    assert _unpinned(text) == []
    jobs = _workflow(path)["jobs"].values()
    used = [part["uses"] for part in (*jobs, *_steps(path)) if "uses" in part]
    assert len(used) == len(USES.findall(re.sub(r"#.*", "", text)))


@pytest.mark.parametrize(
    "line",
    [
        *("actions/checkout@v7", "actions/checkout@main # v7", "actions/checkout"),
        f"actions/checkout@{'0' * 39} # v7",
        f"actions/checkout@{'0' * 40}",
        *("./here", "docker://image:latest # 1", "./.github/workflows/tests.yml"),
    ],
)
def test_unpinned_is_found(line: str) -> None:
    """Anything but a commit with a version is found."""
    step = f"      - uses: {line}"
    assert _unpinned(f"steps:\n{step}\n") == [f"2: {step.strip()}"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("    uses: ./.github/workflows/tests.yml", []),
        (
            "    uses: ./.github/workflows/no.yml",
            ["1: uses: ./.github/workflows/no.yml"],
        ),
        ("    uses: ./.github/actions/tests", ["1: uses: ./.github/actions/tests"]),
    ],
)
def test_our_own_workflows_are_used(line: str, found: list[str]) -> None:
    """A job may be a workflow of ours."""
    assert _unpinned(line) == found


@pytest.mark.parametrize("path", WORKFLOWS.values(), ids=WORKFLOWS)
def test_rights(path: Path) -> None:
    """Only the jobs that need it may write."""
    workflow = _workflow(path)
    assert set(workflow["on"]) <= EVENTS
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert job.get("permissions") == WRITES.get((path.name, name))
        if "uses" in job:
            assert set(job) <= {"name", "needs", "uses"}, "it gets no secrets"
        else:
            assert job["runs-on"] == "ubuntu-latest"
            assert 1 <= job["timeout-minutes"] <= 45
    for step in _steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            # What the job runs could read the token from the clone.
            assert step["with"]["persist-credentials"] is False


def test_jobs_that_write_exist() -> None:
    """Each exception is still needed."""
    jobs = {
        (name, job)
        for name, path in WORKFLOWS.items()
        for job in _workflow(path)["jobs"]
    }
    assert WRITES.keys() <= jobs


@pytest.mark.parametrize("path", WORKFLOWS.values(), ids=WORKFLOWS)
def test_commands(path: Path) -> None:
    """Each command gets its values as variables.

    An expression would be pasted into the command, whatever is in it.
    """
    for step in _steps(path):
        if (command := step.get("run")) is None:
            continue
        assert "${{" not in command, step["name"]
        result = subprocess.run(  # noqa: S603
            [Path(sys.executable).with_name("shellcheck"), "--shell=bash", "-"],
            check=False,
            input=command,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stdout
        for script in re.findall(r"\bscripts/[\w-]+", command):
            assert (ROOT / script).is_file(), script


@pytest.mark.parametrize("path", WORKFLOWS.values(), ids=WORKFLOWS)
def test_schedules(path: Path) -> None:
    """What is scheduled runs once a week."""
    for entry in _workflow(path)["on"].get("schedule") or ():
        assert re.fullmatch(r"\d+ 4 \* \* 1", entry["cron"])
    times = [
        entry["cron"]
        for other in WORKFLOWS.values()
        for entry in _workflow(other)["on"].get("schedule") or ()
    ]
    assert len(times) == len(set(times))


def test_next_versions_block_nothing() -> None:
    """Betas are tested, but no change waits for them."""
    workflow = _workflow(WORKFLOWS["next-home-assistant.yml"])
    assert set(workflow["on"]) == {"schedule", "workflow_dispatch"}
    strategy = workflow["jobs"]["tests"]["strategy"]
    assert strategy["matrix"]["version"] == ["beta", "dev"]
    assert strategy["fail-fast"] is False


def test_release_is_tested() -> None:
    """A tag is released once all tests have passed.

    It is that of the manifest, which has no letter in front of it.
    """
    workflow = _workflow(WORKFLOWS["release.yml"])
    assert workflow["on"] == {"push": {"tags": ["[0-9]+.[0-9]+.[0-9]+"]}}
    jobs = workflow["jobs"]
    assert jobs["tests"]["uses"] == "./.github/workflows/tests.yml"
    assert jobs["release"]["needs"] == "tests"
    assert "workflow_call" in _workflow(WORKFLOWS["tests.yml"])["on"]


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


# What GitHub accepts in a form: the attributes of each kind of element

ATTRIBUTES = {
    "markdown": {"value"},
    "textarea": {"label", "description", "placeholder", "value", "render"},
    "input": {"label", "description", "placeholder", "value"},
    "dropdown": {"label", "description", "multiple", "options", "default"},
    "checkboxes": {"label", "description", "options"},
}


@pytest.mark.parametrize("name", ["bug.yml", "feature.yml"])
def test_issue_form(name: str) -> None:
    """Each form is one that GitHub accepts.

    It shows nothing of one that it does not accept.
    """
    form: Any = parse_yaml((FORMS / name).read_text())
    assert set(form) == {"name", "description", "labels", "body"}
    asked = [element for element in form["body"] if element["type"] != "markdown"]
    assert asked
    names = [element["id"] for element in asked]
    labels = [element["attributes"]["label"] for element in asked]
    assert len(set(names)) == len(set(labels)) == len(asked)
    for element in form["body"]:
        assert set(element) <= {"type", "id", "attributes", "validations"}
        assert set(element["attributes"]) <= ATTRIBUTES[element["type"]]
        assert set(element.get("validations", ())) <= {"required"}
        for option in element["attributes"].get("options", ()):
            assert option["label"]
    # The others are for drafting the notes of a release.
    drafter: Any = parse_yaml((FOLDER / "release-drafter.yml").read_text())
    known = {category["when"]["label"] for category in drafter["categories"]}
    assert set(form["labels"]) <= known


def test_bug_form_asks_for_diagnostics() -> None:
    """A report has what is needed to understand it."""
    form: Any = parse_yaml((FORMS / "bug.yml").read_text())
    required = {
        element["id"]
        for element in form["body"]
        if element.get("validations", {}).get("required")
    }
    assert {"diagnostics", "home_assistant", "version"} <= required


def test_links_of_forms() -> None:
    """Each link to a file has its target."""
    texts = [path.read_text() for path in (*FORMS.iterdir(), *FOLDER.glob("*.md"))]
    links = [
        link
        for text in texts
        for link in re.findall(r"/vesper-home-assistant/blob/main/([\w/.-]+)", text)
    ]
    assert links
    for link in links:
        assert (ROOT / link).is_file(), link
