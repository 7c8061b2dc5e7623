"""What scripts make of their arguments."""

import os
from pathlib import Path
from shutil import copyfile, copytree
import subprocess
import sys

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


@pytest.mark.parametrize("arguments", ["", "stable", "--help"])
def test_other_versions(scripts: Path, arguments: str) -> None:
    """Another word is an error, and nothing is installed."""
    assert _run(scripts / "test-version", *arguments.split()) == (2, [])


def test_requirements_of_a_version(tmp_path: Path) -> None:
    """Home Assistant's own pins take the place of ours.

    Where it has none, such as for pytest, ours stay.
    """
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text(
        "[dependency-groups]\n"
        'release = ["homeassistant==1", "pytest==1", "SQLAlchemy==1", "Paho_MQTT==1"]\n'
    )
    homeassistant = tmp_path / "homeassistant"
    for name, text in {
        "__init__.py": "",
        "package_constraints.txt": "# names\n\nsqlalchemy==2.0.1\npaho-mqtt>=1\n",
        "components/mqtt/manifest.json": '{"requirements": ["paho-mqtt==2.1.0"]}',
        "components/sun/manifest.json": "{}",
    }.items():
        path = homeassistant / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    copyfile(
        ROOT / "scripts/lib/requirements_of.py", tmp_path / "requirements_of.py"
    )  # beside the package, which it finds first there
    result = subprocess.run(  # noqa: S603  # our own
        [sys.executable, tmp_path / "requirements_of.py", pyproject],
        check=True,
        capture_output=True,
        text=True,
    )
    assert result.stdout.splitlines() == [
        "pytest==1",
        "sqlalchemy==2.0.1",
        "paho-mqtt==2.1.0",
    ]
