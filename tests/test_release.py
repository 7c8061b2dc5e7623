"""The files that scripts/release makes."""

import json
from pathlib import Path
import subprocess
import sys
from zipfile import ZipFile

import pytest

from .pages import PAGES, ROOT

PACKAGE = "custom_components/vesper"
MANIFEST = f"{PACKAGE}/manifest.json"
CHANGELOG = """\
# Changelog

## 1.2.3

### Devices

- A change, and what
  it is about.
- Another.

## 1.2.2

- An earlier change.
"""


def _git(repository: Path, *arguments: str) -> None:
    """Run git as a user without a configuration."""
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    subprocess.run(  # noqa: S603
        ["git", *identity, *arguments],  # noqa: S607
        cwd=repository,
        check=True,
        capture_output=True,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository of version 1.2.3."""
    for name, text in {
        MANIFEST: json.dumps({"version": "1.2.3"}),
        f"{PACKAGE}/hub/hub.py": "",
        "pyproject.toml": '[project]\nversion = "1.2.3"\n',
        "CHANGELOG.md": CHANGELOG,
        "README.md": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", "--all")
    _git(tmp_path, "commit", "--quiet", "--message", "Release")
    return tmp_path


def _release(repository: Path, tag: str = "1.2.3") -> str:
    """Make the files, and return the error."""
    result = subprocess.run(  # noqa: S603  # our own
        [sys.executable, ROOT / "scripts/lib/release.py", tag],
        cwd=repository,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (result.returncode == 0) == (not result.stderr), result.stderr
    return result.stderr


def test_files(repository: Path) -> None:
    """The archive has the integration, notes its changes."""
    # It is not committed, so it is not part of the release.
    (repository / PACKAGE / "cache.pyc").touch()
    assert not _release(repository)
    with ZipFile(repository / ".cache/release/vesper.zip") as archive:
        files = [name for name in archive.namelist() if not name.endswith("/")]
        assert sorted(files) == [f"{PACKAGE}/hub/hub.py", MANIFEST]
        assert json.loads(archive.read(MANIFEST)) == {"version": "1.2.3"}
    notes = (repository / ".cache/release/notes.md").read_text()
    assert notes == "### Devices\n\n- A change, and what it is about.\n- Another.\n"


@pytest.mark.parametrize(
    ("file", "text", "error"),
    [
        (MANIFEST, '{"version": "1.2.2"}', "manifest.json says 1.2.2, the tag is"),
        ("pyproject.toml", '[project]\nversion = "2"', "pyproject.toml says 2, the"),
        ("CHANGELOG.md", "# Changelog\n", "the first section of CHANGELOG.md"),
        ("CHANGELOG.md", "## 1.2.2\n\n- A\n", "the first section of CHANGELOG.md"),
        ("CHANGELOG.md", "## 1.2.3\n\n## 1.2.2\n\n- A\n", "the first section of"),
        (".gitattributes", "hub export-ignore\n", f"archive: {PACKAGE}/hub/hub.py"),
    ],
)
def test_refused(repository: Path, file: str, text: str, error: str) -> None:
    """What is committed has to fit the tag."""
    (repository / file).write_text(text)
    _git(repository, "add", "--all")
    _git(repository, "commit", "--quiet", "--message", "Break it")
    assert error in _release(repository)


@pytest.mark.parametrize(
    ("file", "error"),
    [
        ("hub/hub.py", "hub/hub.py is not as it was committed"),
        ("hub/new.py", f"not the same in the archive: {PACKAGE}/hub/new.py"),
    ],
)
def test_not_committed(repository: Path, file: str, error: str) -> None:
    """What was changed but not committed would be missing."""
    (repository / PACKAGE / file).write_text("x = 1\n")
    _git(repository, "add", "--all")
    assert error in _release(repository)


def test_without_a_tag() -> None:
    """The script says what it needs."""
    result = subprocess.run(  # noqa: S603  # our own
        [ROOT / "scripts/release"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert "usage: scripts/release TAG" in result.stderr


def test_changelog() -> None:
    """The changelog begins with the current version."""
    version = json.loads((ROOT / MANIFEST).read_bytes())["version"]
    _, _, newest = PAGES["CHANGELOG.md"].partition("\n## ")
    assert newest.startswith(f"{version}\n")
