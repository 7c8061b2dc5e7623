"""What Home Assistant's own checker looks at.

That checker, hassfest, is no package. These are the rules of it that apply here and
that no other test has; docs/quality-scale.md lists all of them.
"""

import ast
from collections.abc import Iterator
import re
from typing import Any

from awesomeversion import AwesomeVersion, AwesomeVersionStrategy
import pytest

from custom_components.vesper import PLATFORMS
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.selector import TargetSelector, selector
from homeassistant.util.yaml import parse_yaml
from tests.common import FLEET, Vesper
from tests.test_parity import (
    AUTOMATION,
    EVERY_ICON,
    MANIFEST,
    PACKAGE,
    SOURCES,
    TEXTS,
)

#: Those that a custom integration may have, of the kinds that are of use here.
KEYS: dict[str, type] = {
    "after_dependencies": list,
    "categories": list,
    "codeowners": list,
    "config_flow": bool,
    "connectivity": list,
    "dependencies": list,
    "documentation": str,
    "domain": str,
    "integration_type": str,
    "iot_class": str,
    "issue_tracker": str,
    "loggers": list,
    "mqtt": list,
    "name": str,
    "quality_scale": str,
    "requirements": list,
    "single_config_entry": bool,
    "version": str,
}

#: A field of triggers and actions, for the editor.
FIELD_KEYS = {"default", "example", "required", "selector"}

#: Functions that Home Assistant calls with the entry as their second argument.
ENTRY_FUNCTIONS = {
    "async_get_config_entry_diagnostics",
    "async_get_device_diagnostics",
    "async_migrate_entry",
    "async_remove_config_entry_device",
    "async_remove_entry",
    "async_setup_entry",
    "async_unload_entry",
}


def test_keys_of_the_manifest() -> None:
    """Each key is known, and its value."""
    for key, value in MANIFEST.items():
        assert isinstance(value, KEYS[key]), key
        if isinstance(value, list):
            assert all(isinstance(item, str) for item in value), key
            assert len(set(value)) == len(value), key
    AwesomeVersion(MANIFEST["version"], ensure_strategy=[AwesomeVersionStrategy.SEMVER])


def test_no_yaml_configuration() -> None:
    """A section in configuration.yaml is refused."""
    tree = SOURCES[PACKAGE / "__init__.py"]
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert "CONFIG_SCHEMA" in assigned


def _keys(node: Any) -> Iterator[str]:
    """Yield the keys of all levels."""
    if isinstance(node, dict):
        for key, child in node.items():
            yield key
            yield from _keys(child)


def test_keys_of_texts() -> None:
    """Each key is one that a translation can have."""
    # No two hyphens or underscores in a row, and none at the ends.
    for key in {*_keys(TEXTS), *_keys(EVERY_ICON)}:
        assert re.fullmatch(r"[a-z0-9]+([-_][a-z0-9]+)*", key), key


def test_parts_of_icons() -> None:
    """The icons have only parts that Home Assistant knows."""
    assert set(EVERY_ICON) <= {
        *("conditions", "config", "entity", "issues", "options"),
        *("services", "triggers"),
    }
    assert set(EVERY_ICON["entity"]) <= {*Platform}


@pytest.mark.parametrize("part", AUTOMATION)
def test_fields(part: str) -> None:
    """Home Assistant can show each target and field."""
    file: Any = parse_yaml((PACKAGE / f"{part}.yaml").read_text())
    for key, described in file.items():
        if key.startswith("."):
            continue
        assert set(described) <= {"fields", "target"}, key
        if (target := described.get("target")) is not None:
            TargetSelector.CONFIG_SCHEMA(target)
        for name, field in described.get("fields", {}).items():
            assert set(field) <= FIELD_KEYS, (key, name)
            assert None not in (field.get("default", ""), field.get("example", ""))
            selector(field["selector"])


@pytest.mark.parametrize("platform", PLATFORMS)
def test_parallel_updates(platform: Platform) -> None:
    """Each platform decides how many actions run at once."""
    assigned = [
        ast.unparse(target)
        for node in SOURCES[PACKAGE / f"{platform}.py"].body
        if isinstance(node, ast.Assign)
        for target in node.targets
    ]
    assert "PARALLEL_UPDATES" in assigned


def test_type_of_the_entry() -> None:
    """The entry has our type wherever it is passed."""
    found = 0
    for path, tree in SOURCES.items():
        for node in tree.body:
            if isinstance(node, ast.AsyncFunctionDef) and node.name in ENTRY_FUNCTIONS:
                annotation = node.args.args[1].annotation
                assert annotation is not None
                assert ast.unparse(annotation) == "VesperConfigEntry", (path, node.name)
                found += 1
    assert found > len(PLATFORMS)


async def test_entities_have_names(hass: HomeAssistant, vesper: Vesper) -> None:
    """Each name follows that of the device."""
    await vesper.report_everything()
    entities = er.async_entries_for_config_entry(er.async_get(hass), FLEET)
    assert {entity.domain for entity in entities} == {*PLATFORMS}
    assert all(entity.has_entity_name for entity in entities)
