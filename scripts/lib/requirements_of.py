"""Print what the installed Home Assistant needs to run.

These are the packages of the group `release` of pyproject.toml, with the versions that
this Home Assistant has in place of those of the group.

usage: PYTHON_OF_THE_ENVIRONMENT requirements_of.py PYPROJECT
"""

from importlib.util import find_spec
import json
from pathlib import Path
import re
import sys
import tomllib

_NAME = re.compile(r"^[\w.-]+")


def main(pyproject: str) -> None:
    """Print one requirement a line."""
    group = tomllib.loads(Path(pyproject).read_text())["dependency-groups"]["release"]
    spec = find_spec("homeassistant")
    if spec is None or spec.origin is None:
        sys.exit("error: Home Assistant is not installed")
    pins = _pins(Path(spec.origin).parent)
    for requirement in group:
        name = _normalized(requirement)
        if name != "homeassistant":
            print(pins.get(name, requirement))


def _pins(homeassistant: Path) -> dict[str, str]:
    """Return what Home Assistant requires, by normalized name."""
    constraints = (homeassistant / "package_constraints.txt").read_text().splitlines()
    required = [line for line in constraints if _NAME.match(line) and "==" in line]
    for manifest in sorted(homeassistant.glob("components/*/manifest.json")):
        required += json.loads(manifest.read_text()).get("requirements", [])
    return {_normalized(requirement): requirement for requirement in required}


def _normalized(requirement: str) -> str:
    """Return the normalized name of a package."""
    found = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


if __name__ == "__main__":
    main(*sys.argv[1:])
