"""The packages that scripts/setup installs, which scripts/lock writes down."""

import re
import tomllib

import pytest

from .pages import ROOT

FOLDER = ROOT / "scripts/requirements"
GROUPS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())[
    "dependency-groups"
]
FILES = {path.stem: path.read_text() for path in sorted(FOLDER.iterdir())}

# A version that applies on some platforms may have another beside it.
REQUIREMENT = re.compile(
    r"""
    (?P<name>[a-z0-9-]+)==(?P<version>[\w.!+]+)(?:\ ;\ [^\\\n@]+?)?
    (?P<hashes>(?:\ \\\n\ {4}--hash=sha256:[0-9a-f]{64})+)\n
    """,
    re.VERBOSE,
)


def _pins(name: str) -> set[str]:
    """Return the packages of a file with their versions."""
    return {
        f"{found['name']}=={found['version']}"
        for found in REQUIREMENT.finditer(FILES[name])
    }


def _normalized(requirement: str) -> str:
    """Return a requirement with its package name normalized."""
    name, _, version = requirement.partition("==")
    return f"{re.sub(r'[-_.]+', '-', name).lower()}=={version}"


def test_each_group_has_a_file() -> None:
    """The files are those of the dependency groups."""
    assert set(FILES) == set(GROUPS)
    assert all(path.suffix == ".txt" for path in FOLDER.iterdir())


@pytest.mark.parametrize("name", FILES)
def test_form(name: str) -> None:
    """Each package has an exact version and hashes."""
    rest = REQUIREMENT.sub("", re.sub(r"^#.*\n", "", FILES[name], flags=re.MULTILINE))
    assert rest == ""
    assert "://" not in FILES[name]


@pytest.mark.parametrize("group", GROUPS)
def test_up_to_date(group: str) -> None:
    """The files have the versions of pyproject.toml.

    scripts/lock updates them.
    """
    assert {_normalized(requirement) for requirement in GROUPS[group]} <= _pins(group)


def test_other_platforms() -> None:
    """There are hashes for each platform."""
    for name, package in (("uv", "uv"), ("test", "ruff"), ("release", "aiohttp")):
        (found,) = (
            found
            for found in REQUIREMENT.finditer(FILES[name])
            if found["name"] == package
        )
        assert found["hashes"].count("sha256") > 10
    assert any(pin.startswith("pyobjc-core==") for pin in _pins("release"))
