"""Test scripts/setup with a fake uv."""

import os
from pathlib import Path
from shutil import copytree
import subprocess

import pytest

ROOT = Path(__file__).parents[1]
VERSION = (
    (ROOT / "scripts/requirements/uv.txt").read_text().split("uv==")[1].split(" ")[0]
)
#: It empties the folder of the environment, as the real one does.
UV = """#!/usr/bin/env bash
set -eu
echo "$*" >>"$CALLS"
case "$*" in
  --version) echo "uv VERSION (a fake)" ;;
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
    _put(clone, "uv", UV.replace("VERSION", VERSION))
    return clone


def _put(clone: Path, name: str, script: str) -> None:
    """Put a program on the path."""
    path = clone.parent / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)


def _calls(clone: Path) -> list[str]:
    """Return the arguments of the fake programs' calls."""
    return (clone.parent / "calls").read_text().splitlines()


def _set_up(clone: Path) -> str:
    """Run scripts/setup and return its output."""
    path = f"{clone.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(  # noqa: S603  # our own
        [clone / "scripts/setup"],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PATH": path, "CALLS": str(clone.parent / "calls")},
    )
    return result.stderr


def test_nothing_is_made_twice(clone: Path) -> None:
    """It prints nothing if all is set up."""
    assert "'test' into .venv\n" in _set_up(clone)
    assert _set_up(clone) == ""


@pytest.mark.parametrize("folder", [".venv", ".venv-release", ".cache"])
@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_not_followed(clone: Path, folder: str, *, exists: bool) -> None:
    """A folder replaces the link; its target stays unchanged."""
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


def test_only_known_files_are_installed(clone: Path) -> None:
    """Packages are those of the requirements, with known hashes."""
    _set_up(clone)
    installed = [call for call in _calls(clone) if call.startswith("pip ")]
    assert len(installed) == 2
    for call, name in zip(installed, ("test", "release"), strict=True):
        assert call.startswith("pip sync ")
        assert "--require-hashes --require-build-hashes " in call
        assert " --build-constraints scripts/requirements/build.txt " in call
        assert call.endswith(f" scripts/requirements/{name}.txt")


@pytest.mark.parametrize("other", ["uv 0.1.0 (old)", f"uv {VERSION}0", "broken"])
def test_another_uv_is_not_used(clone: Path, other: str) -> None:
    """The version of the requirements is fetched and checked."""
    kept = clone.parent / "kept"
    kept.write_text(UV.replace("VERSION", VERSION))
    kept.chmod(0o755)
    _put(clone, "uv", f"#!/bin/sh\necho '{other}'\n")
    # It installs the fake, as pip would the real one.
    _put(
        clone,
        "python3",
        f"""#!/usr/bin/env bash
set -eu
[[ $* == '-m pip --version' ]] && exit
echo "python3 $*" >>"$CALLS"
mkdir -p .cache/uv/bin
cp "{kept}" .cache/uv/bin/uv
""",
    )
    assert f"==> Fetching uv {VERSION}\n" in _set_up(clone)
    (fetched,) = (call for call in _calls(clone) if call.startswith("python3 "))
    assert fetched.startswith("python3 -m pip install ")
    assert fetched.endswith(
        " --only-binary :all: --require-hashes -r scripts/requirements/uv.txt"
    )
    assert [call for call in _calls(clone) if call.startswith("pip sync ")]
    assert _set_up(clone) == ""


def test_a_change_of_the_requirements_is_installed(clone: Path) -> None:
    """Only the environment with changed packages is set up."""
    _set_up(clone)
    with (clone / "scripts/requirements/release.txt").open("a") as file:
        file.write("# changed\n")
    output = _set_up(clone)
    assert "'release' into .venv-release\n" in output
    assert "'test'" not in output
