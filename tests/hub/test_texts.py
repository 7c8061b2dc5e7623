"""Texts in the language of Home Assistant."""

from typing import Any

import pytest

from custom_components.vesper.hub.texts import async_text
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from ..automation import registered_id
from ..common import BELL, FLEET, Vesper


@pytest.fixture(autouse=True)
def only_english(translations_once: Any) -> None:
    """Forget the languages that other tests have loaded."""
    data = translations_once.kwargs["return_value"]
    for language in data.loaded.keys() - {"en"}:
        del data.loaded[language], data.cache[language]


@pytest.fixture
def platforms() -> list[Platform]:
    """Set up the one that composes texts."""
    return [Platform.TODO]


async def problem(vesper: Vesper) -> str:
    """Return the text of the only problem."""
    entity_id = vesper.entity_id("problems", FLEET)
    answer = await vesper.call("todo.get_items", entity_id=entity_id)
    (item,) = answer[entity_id]["items"]
    return str(item["summary"])


async def test_changed_language(hass: HomeAssistant, vesper: Vesper) -> None:
    """Texts and new devices are in the new language."""
    await hass.config.async_update(language="de")
    await hass.async_block_till_done()
    await vesper.alert("SD", "WARNING", "is full")
    device = dr.async_get(hass).async_get(registered_id(hass))
    assert device is not None
    assert device.name == f"Vesper {BELL}"
    text = await problem(vesper)
    assert text.startswith(f"Warnung: {device.name}, SD: is full, seit ")


async def test_text_that_is_missing(hass: HomeAssistant, vesper: Vesper) -> None:
    """Its key says where to look."""
    assert async_text(hass, "common.unheard_of") == "common.unheard_of"


async def test_language_that_is_not_loaded(hass: HomeAssistant, vesper: Vesper) -> None:
    """Until it is, texts are English."""
    hass.config.language = "de"
    await vesper.alert("SD", "WARNING")
    text = await problem(vesper)
    assert text.startswith("Warning: ")
    await vesper.alert("SD", "CRITICAL")
    text = await problem(vesper)
    assert text.startswith("Critical: ")
