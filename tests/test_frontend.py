"""Test that the pages get the module with the cards, and what that module holds."""

from http import HTTPStatus
import json
from pathlib import Path
import re
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.vesper.frontend import MODULE
from homeassistant.components.frontend import DATA_EXTRA_MODULE_URL
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant

from .common import Vesper

SCRIPT = MODULE.read_text()
TEXTS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_bytes())
    for path in Path(MODULE.parents[1], "translations").glob("*.json")
}

MOST_BYTES = 50_000


def _urls(hass: HomeAssistant) -> list[str]:
    """Return what the pages load besides what is Home Assistant's own."""
    return sorted(hass.data[DATA_EXTRA_MODULE_URL].urls)


async def test_module_is_served(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    mqtt_mock: Any,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """Pages are told of the module, and browsers may keep it for long."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    (url,) = _urls(hass)
    client = await hass_client_no_auth()
    response = await client.get(url)
    assert response.status == HTTPStatus.OK
    assert response.content_type == "text/javascript"
    assert "max-age" in response.headers["Cache-Control"]
    assert await response.text() == SCRIPT
    await hass.config_entries.async_unload(entry.entry_id)


async def test_other_content_has_another_url(
    hass: HomeAssistant, entry: MockConfigEntry, mqtt_mock: Any, tmp_path: Path
) -> None:
    """What a browser keeps of an older version is not shown for the new one."""
    urls = []
    for content in ("one", "other"):
        module = tmp_path / "vesper.js"
        module.write_text(content)
        with patch("custom_components.vesper.frontend.MODULE", module):
            assert await hass.config_entries.async_setup(entry.entry_id)
            urls += _urls(hass)
        # As after a restart: what is served can't be taken back before.
        await hass.config_entries.async_unload(entry.entry_id)
        hass.data[DATA_EXTRA_MODULE_URL].remove(urls[-1])
        hass.data.pop("vesper_frontend_url")
    assert len(set(urls)) == 2


async def test_loaded_once(hass: HomeAssistant, vesper: Vesper) -> None:
    """Whatever is reloaded, the pages load one module."""
    urls = _urls(hass)
    await vesper.reload()
    await vesper.reload()
    assert _urls(hass) == urls


async def test_gone_with_the_entry(hass: HomeAssistant, vesper: Vesper) -> None:
    """The pages do without the module once the entry is removed, until it is back."""
    urls = _urls(hass)
    await hass.config_entries.async_remove(vesper.entry.entry_id)
    assert _urls(hass) == []
    entry = MockConfigEntry(domain="vesper", data=dict(vesper.entry.data))
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert _urls(hass) == urls
    await hass.config_entries.async_unload(entry.entry_id)


async def test_an_entry_that_never_was_set_up_can_be_removed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """There is no module then, which is no error."""
    await hass.config_entries.async_remove(entry.entry_id)
    assert _urls(hass) == []


async def test_loaded_without_mqtt(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """A dashboard that waits for MQTT shows its cards, and no errors."""
    with patch(
        "custom_components.vesper.mqtt.async_wait_for_mqtt_client", return_value=False
    ):
        await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert len(_urls(hass)) == 1


# What the module holds


def test_size() -> None:
    """It is small enough for a phone on a bad link."""
    assert len(SCRIPT.encode()) < MOST_BYTES


@pytest.mark.parametrize(
    "word",
    [
        *("innerHTML", "outerHTML", "insertAdjacentHTML", "setHTML", "document.write"),
        *("DOMParser", "eval(", "Function(", "fetch(", "XMLHttpRequest", "import("),
        *("WebSocket", "localStorage", "console."),
    ],
)
def test_never(word: str) -> None:
    """What devices say stays text, and nothing but `hass` is asked."""
    assert word not in SCRIPT


def test_no_other_host() -> None:
    """The only address of another host is that of the documentation, for a link."""
    manifest = json.loads(Path(MODULE.parents[1], "manifest.json").read_bytes())
    assert re.findall(r"\w+://[^\"'`\s]+", SCRIPT) == [manifest["documentation"]]
    assert "import " not in SCRIPT


def _keys() -> set[str]:
    """Return the keys of all texts that the module looks up in `common`."""
    keys = set(re.findall(r'\btext\(\s*\w+(?:\(\))?,\s*"(\w+)"', SCRIPT))
    for one, other in re.findall(r'\? "(\w+)"\s*: "(\w+)"', SCRIPT):
        keys |= {one, other} & TEXTS["en"]["common"].keys()
    keys |= set(re.findall(r'since\([^;]*?, "(\w+)"\)', SCRIPT))
    for _, key in re.findall(r'offer\("(\w+)", "(\w+)"', SCRIPT):
        keys |= {key, f"{key}_description"}
    for name in re.findall(r'\{\s*name: "(\w+)"', SCRIPT):
        keys |= {f"option_{name}", f"option_{name}_help"}
    # States that a device may be in; the others are those of its health.
    states = re.findall(r"^  (\w+): \{ rank", SCRIPT, re.MULTILINE)
    health = set(TEXTS["en"]["entity"]["sensor"]["health"]["state"])
    return keys | {*states, "online", "offline"} - health


@pytest.mark.parametrize("language", TEXTS)
def test_texts(language: str) -> None:
    """Each text that the module shows is there in each language, and no other."""
    assert set(TEXTS[language]["common"]) == _keys()


@pytest.mark.parametrize("language", TEXTS)
def test_names(language: str) -> None:
    """Each name of an entity that the module looks up is there."""
    entities = TEXTS[language]["entity"]
    names = re.findall(r'nameOf\(hass, "(\w+)", "(\w+)"\)', SCRIPT)
    assert names
    for platform, key in names:
        assert entities[platform][key]["name"]
