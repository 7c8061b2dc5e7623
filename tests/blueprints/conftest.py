"""Fixtures of the tests of blueprints."""

from pathlib import Path
from shutil import copytree

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.vesper.const import CONF_ENTITIES
from custom_components.vesper.hub.entity_set import EntitySet
from homeassistant.core import HomeAssistant

from .common import FOLDER


@pytest.fixture(params=EntitySet)
def entity_set(request: pytest.FixtureRequest) -> EntitySet:
    """Return the entity set, by default the essential entities."""
    chosen: EntitySet = request.param
    return chosen


@pytest.fixture
def entry(
    hass: HomeAssistant, entry: MockConfigEntry, entity_set: EntitySet
) -> MockConfigEntry:
    """Add the entry with the entity set."""
    hass.config_entries.async_update_entry(entry, options={CONF_ENTITIES: entity_set})
    return entry


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Return a configuration directory with the blueprints."""
    copytree(FOLDER, Path(hass_tmp_config_dir, "blueprints/automation/vesper"))
    return hass_tmp_config_dir
