"""The page of the entities."""

import re
from typing import Any

from custom_components.vesper import binary_sensor, button, event, sensor, switch, todo
from custom_components.vesper.entity import Availability

from .pages import section

PAGE = "docs/entities.md"
PLATFORMS = {
    "binary sensor": binary_sensor,
    "button": button,
    "event": event,
    "sensor": sensor,
    "switch": switch,
    "to-do list": todo,
}
CATEGORIES = {None: "none", "config": "configuration", "diagnostic": "diagnostic"}
AVAILABLE = {
    Availability.ALWAYS: "always",
    Availability.LINKED: "linked",
    Availability.ONLINE: "online",
}


def _rows(heading: str) -> set[tuple[str, ...]]:
    """Return the rows of a table, by cells."""
    return {
        (platform, key, *cells.split(" | "))
        for platform, key, cells in re.findall(
            r"^\| ([\w -]+) \*\*.+\*\* \| `(\w+)` \| (.+) \|$",
            section(PAGE, heading),
            re.MULTILINE,
        )
    }


def _described(name: str) -> list[tuple[str, Any]]:
    """Return the descriptions of all platforms, with their platforms."""
    return [
        (platform, description)
        for platform, module in PLATFORMS.items()
        for description in getattr(module, name, ())
    ]


def test_entities_of_devices() -> None:
    """Entities of devices are as described."""
    assert _rows("Of each device") == {
        (
            platform,
            entity.key,
            CATEGORIES[entity.entity_category],
            "enabled" if entity.entity_registry_enabled_default else "disabled",
            AVAILABLE[entity.availability],
        )
        for platform, entity in _described("DESCRIPTIONS")
    }


def test_entities_of_the_fleet() -> None:
    """Entities of the fleet are as described."""
    entities = _described("FLEET_DESCRIPTIONS")
    assert _rows("Of the fleet") == {
        (
            platform,
            entity.key,
            "unavailable" if getattr(entity, "linked", False) else "available",
        )
        for platform, entity in entities
    }
    for _, entity in entities:
        assert entity.entity_category is None
        assert entity.entity_registry_enabled_default
