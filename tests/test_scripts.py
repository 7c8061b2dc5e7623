"""What scripts/test and scripts/fuzz make of their arguments."""

import os
from pathlib import Path
from shutil import copytree
import subprocess

import pytest

ROOT = Path(__file__).parents[1]
UNIT = "test -- .venv/bin/python -m pytest"
RELEASE = "release -- .venv-release/bin/python -m pytest -c tests/e2e/pytest.ini"


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """Return a copy of the scripts that only prints."""
    copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "scripts/setup").write_text(
        '#!/bin/sh\necho "$*"\nenv | grep ^FUZZ_ | sort\n'
    )
    return tmp_path / "scripts"


def _run(script: Path, *arguments: str) -> tuple[int, list[str]]:
    """Return the exit code and output of a script."""
    result = subprocess.run(  # noqa: S603  # our own
        [script, *arguments],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    return result.returncode, result.stdout.splitlines()


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ("tests/test_sensor.py -k alert", UNIT),
        ("-n logical", UNIT),
        ("tests/e2e", RELEASE),
        ("tests/e2e/test_alerts.py -x", RELEASE),
        ("-x -k alert tests/e2e/test_alerts.py", RELEASE),
    ],
)
def test_tests_are_chosen(scripts: Path, arguments: str, command: str) -> None:
    """A path of end-to-end tests counts wherever it is."""
    _, lines = _run(scripts / "test", *arguments.split())
    assert lines[0] == f"{command} {arguments}"


@pytest.mark.parametrize(
    ("arguments", "minutes", "replay"),
    [("", "5", ""), ("--minutes 0.5", "0.5", ""), ("--replay AXi=", "0", "AXi=")],
)
def test_fuzz(scripts: Path, arguments: str, minutes: str, replay: str) -> None:
    """It plays for some minutes, or one session again."""
    _, lines = _run(scripts / "fuzz", *arguments.split())
    assert lines[1:] == [f"FUZZ_MINUTES={minutes}", f"FUZZ_REPLAY={replay}"]


@pytest.mark.parametrize("arguments", ["--minutes", "--replay", "--hours 1"])
def test_fuzz_refuses(scripts: Path, arguments: str) -> None:
    """Anything else is an error, and nothing is run."""
    assert _run(scripts / "fuzz", *arguments.split()) == (2, [])
