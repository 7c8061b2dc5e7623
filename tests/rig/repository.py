"""A Git repository with releases of this working tree."""

from collections.abc import Mapping
import json
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
from typing import Any, Final

from .process import environment

PACKAGE: Final = "custom_components/vesper"
BRANCH: Final = "main"
ASSET: Final = "vesper.zip"

_WORKING_TREE: Final = Path(__file__).parents[2]
_IDENTITY: Final = ("-c", "user.name=rig", "-c", "user.email=rig@example.com")
# The user's settings, such as line ends or signatures, must not change anything.
_ENVIRONMENT: Final = environment(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1")
_FIRST_SECTION: Final = re.compile(r"^## (\S+)$", re.MULTILINE)


class Repository:
    """A copy of the working tree with releases.

    A release is made as CONTRIBUTING.md says: the version is set, committed and
    tagged, and `scripts/release` makes its files.
    """

    def __init__(self, directory: Path) -> None:
        """Copy the working tree, committed or not."""
        self._directory: Final = directory
        #: The zip files and the notes of all releases by version, the oldest first.
        self.assets: Final[dict[str, Path]] = {}
        self.notes: Final[dict[str, str]] = {}
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
            cwd=_WORKING_TREE,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for name in listed.split("\0"):
            # A file that was deleted is listed until that is committed.
            if name and (file := _WORKING_TREE / name).is_file():
                copy = directory / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
        self._git("init", "--quiet", f"--initial-branch={BRANCH}")

    @property
    def version(self) -> str:
        """The version in the manifest."""
        manifest = json.loads((self._directory / PACKAGE / "manifest.json").read_text())
        version: str = manifest["version"]
        return version

    def release(
        self, version: str, changes: Mapping[str, bytes | None] | None = None
    ) -> None:
        """Release a version with changed files; None deletes one."""
        for name, content in (changes or {}).items():
            path = self._directory / name
            if content is None:
                path.unlink()
            else:
                path.write_bytes(content)
        self._set_version(version)
        self._git("add", "--all")
        self._git(*_IDENTITY, "commit", "--quiet", "--message", f"Release {version}")
        subprocess.run(  # noqa: S603  # our own
            [sys.executable, _WORKING_TREE / "scripts/lib/release.py", version],
            cwd=self._directory,
            env=_ENVIRONMENT,
            check=True,
            capture_output=True,
        )
        made = self._directory / ".cache/release"
        asset = self._directory.with_name(f"{version}-{ASSET}")
        self.assets[version] = shutil.copyfile(made / ASSET, asset)
        self.notes[version] = (made / "notes.md").read_text()
        self._git("tag", version)

    def package(self, version: str) -> dict[str, bytes]:
        """Return the files of a version's integration by path."""
        return {
            path.removeprefix(f"{PACKAGE}/"): self._read(version, path)
            for path in self._git(
                "ls-tree", "-r", "-z", "--name-only", version, f"{PACKAGE}/"
            )
            .decode()
            .split("\0")
            if path
        }

    def commit(self, ref: str) -> str:
        """Return the commit of a tag or branch.

        Raises LookupError if there is none.
        """
        found = self._find("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        return found.decode().strip()

    def tree(self, ref: str) -> list[dict[str, Any]]:
        """Return files and folders as GitHub's API does.

        Raises LookupError if there is no such tag or branch.
        """
        entries: list[dict[str, Any]] = []
        for line in self._find("ls-tree", "-r", "-t", "-l", "-z", ref).split(b"\0"):
            if line:
                described, path = line.decode().split("\t", 1)
                mode, kind, sha, size = described.split()
                entry = {"path": path, "mode": mode, "type": kind, "sha": sha}
                entries.append(entry | ({} if size == "-" else {"size": int(size)}))
        return entries

    def read(self, ref: str, path: str) -> bytes:
        """Return a file.

        Raises LookupError if there is none.
        """
        return self._find("cat-file", "blob", f"{ref}:{path}")

    def archive(self, ref: str, name: str) -> bytes:
        """Return the source, in one folder, as zip file.

        Raises LookupError if there is no such tag or branch.
        """
        return self._find("archive", "--format=zip", f"--prefix={name}/", ref)

    def _set_version(self, version: str) -> None:
        """Set the version, and describe it in the changelog."""
        manifest = self._directory / PACKAGE / "manifest.json"
        pattern = r'"version": "[^"]+"'
        manifest.write_text(
            re.sub(pattern, f'"version": "{version}"', manifest.read_text())
        )
        project = self._directory / "pyproject.toml"
        pattern = r'^version = "[^"]+"$'
        project.write_text(
            re.sub(
                pattern,
                f'version = "{version}"',
                project.read_text(),
                count=1,
                flags=re.MULTILINE,
            )
        )
        changelog = self._directory / "CHANGELOG.md"
        text = changelog.read_text()
        section = _FIRST_SECTION.search(text)
        assert section is not None
        if section[1] != version:
            added = f"## {version}\n\n- What {version} changes.\n\n"
            start = section.start()
            changelog.write_text(text[:start] + added + text[start:])

    def _read(self, ref: str, path: str) -> bytes:
        return self._git("cat-file", "blob", f"{ref}:{path}")

    def _find(self, *arguments: str) -> bytes:
        """Return what git finds.

        Raises LookupError if it finds nothing.
        """
        try:
            return self._git(*arguments)
        except subprocess.CalledProcessError as error:
            raise LookupError(arguments) from error

    def _git(self, *arguments: str) -> bytes:
        return subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            cwd=self._directory,
            env=_ENVIRONMENT,
            check=True,
            capture_output=True,
        ).stdout
