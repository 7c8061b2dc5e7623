"""The page of the entities says what the code describes."""

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
CATEGORIES = {None: "–", "config": "configuration", "diagnostic": "diagnostic"}
AVAILABLE = {
    Availability.ALWAYS: "always",
    Availability.LINKED: "linked",
    Availability.ONLINE: "online",
}


def _rows(heading: str) -> set[tuple[str, ...]]:
    """Return the rows of a table: the platform, the key and the other cells."""
    return {
        (platform, key, *cells.split(" | "))
        for platform, key, cells in re.findall(
            r"^\| ([\w -]+) \*\*.+\*\* \| `(\w+)` \| (.+) \|$",
            section(PAGE, heading),
            re.MULTILINE,
        )
    }


def _described(name: str) -> set[tuple[str, Any]]:
    """Return the descriptions of all platforms, with their platforms."""
    return {
        (platform, description)
        for platform, module in PLATFORMS.items()
        for description in getattr(module, name, ())
    }


def test_entities_of_devices() -> None:
    """Each entity of a device has its key, category and default."""
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
    """Each entity of the fleet has its key, no category, and is enabled."""
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
