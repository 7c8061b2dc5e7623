"""Test the layers: imports, purity and size."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
import sys
from typing import NamedTuple

import pytest

from homeassistant.const import Platform

NAME = "custom_components.vesper"
PACKAGE = Path(__file__).parents[1] / "custom_components/vesper"

MOST_LINES = 400
MOST_LINES_OF_A_CLASS = 300

#: The folders with Python in them, and their layers.
FOLDERS = {
    "protocol": "protocol",
    "model": "model",
    "hub": "hub",
    "frontend": "entry point",
}


#: The layers of other modules, which are entry points else.
OTHERS = {"": "package", "alert_sensor": "entity", "const": "const", "entity": "entity"}


class Layer(NamedTuple):
    """What a layer may import beside Python's own library."""

    layers: set[str]
    packages: set[str]


#: Home Assistant, and what it brings along.
_CORE = {"aiohttp", "homeassistant", "orjson", "voluptuous"}
_BELOW = {"protocol", "model", "hub", "const"}
LAYERS = {
    "const": Layer({"protocol", "model"}, {"homeassistant"}),
    "protocol": Layer({"protocol"}, {"orjson"}),
    "model": Layer({"protocol", "model"}, {"orjson"}),
    "hub": Layer(_BELOW, _CORE),
    "entity": Layer(_BELOW | {"entity"}, _CORE),
    "platform": Layer(_BELOW | {"entity"}, _CORE),
    "entry point": Layer(_BELOW, _CORE),
    "package": Layer(_BELOW | {"entity", "platform", "entry point"}, _CORE),
}

PURE = ("protocol", "model")
#: What has a clock, or waits, or reads and writes.
IMPURE = {"asyncio", "os", "pathlib", "socket", "subprocess", "threading", "time"}
CLOCKS = {
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
}


@dataclass(frozen=True)
class Module:
    """A file of the integration."""

    name: str
    file: str
    text: str
    tree: ast.Module
    layer: str | None
    package: str


class Import(NamedTuple):
    """A name that a module imports, and its alias."""

    line: int
    module: str
    name: str | None
    alias: str


def _layer(name: str) -> str:
    """Return the layer of a module by full name."""
    top = name.removeprefix(NAME).removeprefix(".").partition(".")[0]
    if top in FOLDERS:
        return FOLDERS[top]
    if top in Platform:
        return "platform"
    return OTHERS.get(top, "entry point")


def _read(package: Path) -> dict[str, Module]:
    """Return all modules of a package by full name."""
    modules = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        parents = ".".join([NAME, *parts[:-1]])
        name = parents if parts[-1] == "__init__" else f"{parents}.{parts[-1]}"
        known = len(parts) == 1 or parts[0] in FOLDERS
        text = path.read_text()
        modules[name] = Module(
            name=name,
            file=path.relative_to(package.parents[1]).as_posix(),
            text=text,
            tree=ast.parse(text),
            layer=_layer(name) if known else None,
            package=parents,
        )
    return modules


def _imports(module: Module) -> Iterator[Import]:
    """Yield all imports of a module, wherever they are."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Import():
                for alias in node.names:
                    # `import a.b` binds `a`.
                    bound = alias.name if alias.asname else alias.name.split(".")[0]
                    yield Import(node.lineno, alias.name, None, alias.asname or bound)
            case ast.ImportFrom():
                base = node.module or ""
                if node.level:
                    parents = module.package.split(".")
                    kept = parents[: len(parents) + 1 - node.level]
                    base = ".".join([*kept, base] if base else kept)
                for alias in node.names:
                    bound = alias.asname or alias.name
                    yield Import(node.lineno, base, alias.name, bound)


def _ours(modules: dict[str, Module], found: Import) -> str | None:
    """Return our module that is imported, if any."""
    full = f"{found.module}.{found.name}"
    if full in modules:
        return full
    if found.module == NAME or found.module.startswith(f"{NAME}."):
        return found.module
    return None


def _beside(module: Module, ours: str) -> bool:
    """Return whether an import is from the same folder."""
    return module.package != NAME and f"{ours}.".startswith(f"{module.package}.")


def every_file_has_a_layer(modules: dict[str, Module]) -> Iterator[str]:
    """Keep files in layers, and leave no layer empty."""
    for module in modules.values():
        if module.layer is None:
            yield (
                f"{module.file}: the folder belongs to no layer. Those that do: "
                f"{', '.join(FOLDERS)}"
            )
    for layer in LAYERS.keys() - {module.layer for module in modules.values()}:
        yield f"{PACKAGE.name}: nothing belongs to the layer '{layer}'"


def layers_import_downwards(modules: dict[str, Module]) -> Iterator[str]:
    """Import only from layers below.

    Platforms and entry points never import each other.
    """
    for module in modules.values():
        if module.layer is None:
            continue
        allowed = LAYERS[module.layer]
        for found in _imports(module):
            where = f"{module.file}:{found.line}: '{module.layer}' must not import"
            ours = _ours(modules, found)
            if ours is None:
                top = found.module.partition(".")[0]
                if top not in allowed.packages | sys.stdlib_module_names:
                    yield f"{where} the package {top}"
                elif module.layer in PURE and top in IMPURE:
                    yield f"{where} {top}: it is pure, and has no clock"
            elif _layer(ours) not in allowed.layers and not _beside(module, ours):
                yield f"{where} '{_layer(ours)}' ({ours})"


def pure_layers_read_no_clock(modules: dict[str, Module]) -> Iterator[str]:
    """Read no clock in what is pure."""
    for module in modules.values():
        if module.layer not in PURE:
            continue
        names = {
            found.alias: f"{found.module}.{found.name}" if found.name else found.module
            for found in _imports(module)
        }
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute):
                base, dot, rest = ast.unparse(node).partition(".")
                full = f"{names.get(base, base)}{dot}{rest}"
                if full in CLOCKS:
                    yield (
                        f"{module.file}:{node.lineno}: '{module.layer}' must not "
                        f"read a clock ({full}): pass the time in"
                    )


def no_import_is_circular(modules: dict[str, Module]) -> Iterator[str]:
    """Import nothing that leads back to the same module."""
    graph = {
        module.name: {_ours(modules, found) for found in _imports(module)}
        - {None, module.name}
        for module in modules.values()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # Reversed, each imports the next one.
        yield f"circular imports: {' -> '.join(reversed(error.args[1]))}"


def all_is_small(modules: dict[str, Module]) -> Iterator[str]:
    """Keep files and classes small."""
    for module in modules.values():
        lines = len(module.text.splitlines())
        if lines > MOST_LINES:
            yield f"{module.file}: {lines} lines, at most {MOST_LINES} are allowed"
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MOST_LINES_OF_A_CLASS:
                    yield (
                        f"{module.file}:{node.lineno}: class {node.name} has {lines} "
                        f"lines, at most {MOST_LINES_OF_A_CLASS} are allowed"
                    )


type Rule = Callable[[dict[str, Module]], Iterator[str]]
RULES: list[Rule] = [
    every_file_has_a_layer,
    layers_import_downwards,
    pure_layers_read_no_clock,
    no_import_is_circular,
    all_is_small,
]
MODULES = _read(PACKAGE)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule(rule: Rule) -> None:
    """The integration keeps the rule."""
    if broken := sorted(set(rule(MODULES))):
        pytest.fail("\n".join([f"{rule.__doc__}", *broken]), pytrace=False)


# The rules themselves, on a tree that keeps them all but for one file

TREE = {
    "__init__.py": "from . import http, sensor\nfrom .hub.hub import Hub",
    "const.py": "from .model.device import Device",
    "protocol/__init__.py": "",
    "protocol/fields.py": "import re\nimport orjson",
    "protocol/heartbeat.py": "from .fields import Fault",
    "model/__init__.py": "",
    "model/device.py": "from datetime import datetime\nfrom ..protocol import fields",
    "hub/__init__.py": "from .hub import Hub",
    "hub/hub.py": "import time\nfrom ..const import DOMAIN\nfrom . import store",
    "hub/store.py": "import homeassistant.core\nfrom ..model.device import Device",
    "entity.py": "from .hub import Hub",
    "sensor.py": "from .entity import VesperEntity\nfrom .model.device import Device",
    "switch.py": "from .hub.hub import Hub",
    "http.py": "from aiohttp import web\nfrom custom_components.vesper.hub import Hub",
    "services.py": "import voluptuous as vol",
    "frontend/__init__.py": "from ..const import DOMAIN",
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("sensor.py", ""),
        ("model/device.py", "x = 1\n" * MOST_LINES),
        ("model/device.py", "def f(clock):\n    return clock.now()"),
        ("frontend/__init__.py", "from .files import FILES"),
    ],
)
def test_rule_is_kept(tmp_path: Path, rule: Rule, file: str, text: str) -> None:
    """Nothing is found where no rule is broken."""
    assert list(rule(_tree(tmp_path, file, text))) == []


@pytest.mark.parametrize(
    ("file", "text", "broken"),
    [
        (
            "protocol/x.py",
            "\nfrom ..model import device",
            "x.py:2: 'protocol' must not",
        ),
        ("protocol/x.py", "from .. import const", "must not import 'const'"),
        ("protocol/x.py", "from homeassistant import core", "package homeassistant"),
        ("model/x.py", "import voluptuous", "the package voluptuous"),
        ("model/x.py", "if X:\n    import homeassistant.core", "x.py:2: 'model' must"),
        ("model/x.py", "from time import monotonic", "'model' must not import time"),
        ("hub/x.py", "from .. import sensor", "must not import 'platform'"),
        ("hub/x.py", "from ..http import View", "must not import 'entry point'"),
        ("hub/x.py", "from ..frontend import URL", "must not import 'entry point'"),
        ("hub/x.py", "from ..entity import VesperEntity", "must not import 'entity'"),
        ("hub/x.py", "from .. import VesperConfigEntry", "must not import 'package'"),
        ("hub/x.py", "import paho.mqtt.client", "the package paho"),
        ("sensor.py", "from . import switch", "must not import 'platform'"),
        ("sensor.py", "from .http import View", "must not import 'entry point'"),
        ("http.py", "from .services import FIELDS", "must not import 'entry point'"),
        ("http.py", "from . import frontend", "must not import 'entry point'"),
        ("http.py", "from .sensor import SENSORS", "must not import 'platform'"),
        ("http.py", "from .entity import VesperEntity", "must not import 'entity'"),
        (
            "http.py",
            "def f():\n    from . import X",
            "http.py:2: 'entry point' must not",
        ),
        ("const.py", "from .hub import Hub", "must not import 'hub'"),
    ],
)
def test_import_is_refused(tmp_path: Path, file: str, text: str, broken: str) -> None:
    """A forbidden import of a layer is named."""
    (found,) = layers_import_downwards(_tree(tmp_path, file, text))
    assert found.startswith(f"custom_components/vesper/{file}:")
    assert broken in found


@pytest.mark.parametrize(
    "text",
    [
        "import datetime\nf(datetime.datetime.utcnow())",
        "from datetime import datetime\nf(datetime.now(UTC))",
        "from datetime import date as day\nfield(default_factory=day.today)",
        "import datetime as dt\nf(dt.datetime.today())",
    ],
)
def test_clock_is_refused(tmp_path: Path, text: str) -> None:
    """A clock is named, however it was imported."""
    (found,) = pure_layers_read_no_clock(_tree(tmp_path, "model/x.py", text))
    assert "vesper/model/x.py:2: 'model' must not read a clock (datetime.dat" in found


@pytest.mark.parametrize(
    ("rule", "file", "text", "broken"),
    [
        (every_file_has_a_layer, "helpers/x.py", "", "helpers/x.py: the folder"),
        (
            no_import_is_circular,
            "hub/store.py",
            "from .hub import Hub",
            ".hub.hub -> custom_components.vesper.hub.store",
        ),
        (all_is_small, "http.py", "x = 1\n" * 401, "http.py: 401 lines"),
        (
            all_is_small,
            "http.py",
            "class A:\n" + "    x = 1\n" * 300,
            "http.py:1: class A has 301 lines",
        ),
    ],
)
def test_file_is_refused(
    tmp_path: Path, rule: Rule, file: str, text: str, broken: str
) -> None:
    """A misplaced, circular or too large file is named."""
    (found,) = rule(_tree(tmp_path, file, text))
    assert broken in found


def _tree(folder: Path, file: str, text: str) -> dict[str, Module]:
    """Return the modules of a tree with this file.

    Its other files keep all rules.
    """
    package = folder / "custom_components/vesper"
    for name, content in {**TREE, file: text}.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return _read(package)
