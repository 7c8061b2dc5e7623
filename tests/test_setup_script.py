"""What scripts/setup leaves unchanged, with a fake uv."""

import os
from pathlib import Path
from shutil import copy, copytree
import subprocess

import pytest

ROOT = Path(__file__).parents[1]
#: It empties the folder of the environment, as the real one does.
UV = """#!/usr/bin/env bash
set -eu
case "$*" in
  *--help) echo --group ;;
  'python find'*) echo /bin/sh ;;
  venv*)
    folder=${*: -1}
    mkdir -p "$folder"
    find -H "$folder" -mindepth 1 -delete
    mkdir "$folder/bin"
    ln -s /bin/sh "$folder/bin/python"
    ;;
esac
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a clone with only what scripts/setup reads."""
    clone = tmp_path / "clone"
    copytree(ROOT / "scripts", clone / "scripts")
    copy(ROOT / "pyproject.toml", clone)
    uv = tmp_path / "bin/uv"
    uv.parent.mkdir()
    uv.write_text(UV)
    uv.chmod(0o755)
    return clone


def _set_up(clone: Path) -> str:
    """Run scripts/setup and return its output."""
    path = f"{clone.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(  # noqa: S603  # our own
        [clone / "scripts/setup"],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PATH": path},
    )
    return result.stderr


def test_nothing_is_made_twice(clone: Path) -> None:
    """It prints nothing if all is set up."""
    assert "'test' into .venv\n" in _set_up(clone)
    assert _set_up(clone) == ""


@pytest.mark.parametrize("folder", [".venv", ".venv-release", ".cache"])
@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_not_followed(clone: Path, folder: str, *, exists: bool) -> None:
    """The target stays unchanged, and a folder replaces the link."""
    other = clone.parent / "other"
    kept = other / "bin/python"
    if exists:
        kept.parent.mkdir(parents=True)
        kept.write_text("kept")
    (clone / folder).symlink_to(other)
    output = _set_up(clone)
    assert f"{folder} is a link to {other}" in output
    assert output.count(" is a link to ") == 1
    assert (clone / folder).is_dir()
    assert not (clone / folder).is_symlink()
    assert [path for path in other.rglob("*") if path.is_file()] == [kept] * exists
    assert _set_up(clone) == ""
