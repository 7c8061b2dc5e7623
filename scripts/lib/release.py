"""Make the files of a release, for scripts/release."""

import json
from pathlib import Path
import re
import shutil
import subprocess
import sys
import tomllib
from zipfile import ZipFile

ROOT = Path.cwd()
PACKAGE = "custom_components/vesper"
FOLDER = ROOT / ".cache/release"

#: One, two or three levels would be another heading of the page.
#: The end of a line within a paragraph or an item of a list.
WRAPPED = re.compile(r"(?<=[^\n])\n *(?![\n #|-])")
SECTION = re.compile(r"^## (\S+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


class ReleaseError(Exception):
    """The release is not as it must be."""


def main(tag: str) -> None:
    """Make the files, or end with what is wrong."""
    try:
        check_versions(tag)
        notes = notes_of(tag)
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        (FOLDER / "notes.md").write_text(notes)
        archive = FOLDER / "vesper.zip"
        git("archive", "--format=zip", f"--output={archive}", "HEAD", PACKAGE)
        check_archive(archive)
    except ReleaseError as error:
        sys.exit(f"error: {error}")
    print(f"{archive.relative_to(ROOT)}: {archive.stat().st_size} bytes")


def check_versions(tag: str) -> None:
    """Raise ReleaseError unless all versions are the tag."""
    versions = {
        "manifest.json": json.loads((ROOT / PACKAGE / "manifest.json").read_bytes())[
            "version"
        ],
        "pyproject.toml": tomllib.loads((ROOT / "pyproject.toml").read_text())[
            "project"
        ]["version"],
    }
    for name, version in versions.items():
        if version != tag:
            msg = f"{name} says {version}, the tag is {tag}"
            raise ReleaseError(msg)


def notes_of(tag: str) -> str:
    """Return the newest section of the changelog.

    Raises ReleaseError if it is of another version.
    """
    sections = SECTION.findall((ROOT / "CHANGELOG.md").read_text())
    if not sections or sections[0][0] != tag or not sections[0][1].strip():
        msg = f"the first section of CHANGELOG.md must be that of {tag}"
        raise ReleaseError(msg)
    # On the page of a release, each line of the file would be a line.
    return f"{WRAPPED.sub(' ', sections[0][1].strip())}\n"


def check_archive(archive: Path) -> None:
    """Raise ReleaseError unless it has the committed files.

    Changes that are not committed would be missing in it.
    """
    listed = set(git("ls-files", "-z", PACKAGE).split("\0")) - {""}
    with ZipFile(archive) as content:
        files = {info.filename for info in content.infolist() if not info.is_dir()}
        if differing := files ^ listed:
            msg = f"not the same in the archive: {', '.join(sorted(differing))}"
            raise ReleaseError(msg)
        for name in sorted(files):
            if content.read(name) != (ROOT / name).read_bytes():
                msg = f"{name} is not as it was committed"
                raise ReleaseError(msg)


def git(*arguments: str) -> str:
    """Run git and return its output."""
    return subprocess.run(  # noqa: S603
        ["git", *arguments],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
