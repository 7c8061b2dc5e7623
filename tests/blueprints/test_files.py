"""The files of blueprints are importable and documented."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pytest_homeassistant_custom_component.test_util.aiohttp import AiohttpClientMocker

from homeassistant.components import persistent_notification
from homeassistant.components.blueprint.importer import fetch_blueprint_from_url
from homeassistant.components.blueprint.schemas import BLUEPRINT_SCHEMA
from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import selector
from homeassistant.setup import async_setup_component
from homeassistant.util.json import json_loads_object
from homeassistant.util.yaml import load_yaml_dict
from tests.automation import devices
from tests.common import Vesper
from tests.pages import PAGES, ROOT

from .common import FOLDER, set_up

pytestmark = pytest.mark.usefixtures("as_installed", "waiting_runs")

PATHS = sorted(FOLDER.iterdir())
REPOSITORY = "bellsystems/vesper-home-assistant"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
async def test_import(
    hass: HomeAssistant, aioclient_mock: AiohttpClientMocker, path: Path
) -> None:
    """It can be imported from its source URL."""
    source = f"https://github.com/{REPOSITORY}/blob/main/{path.relative_to(ROOT)}"
    raw = f"https://raw.githubusercontent.com/{REPOSITORY}/main"
    text = await hass.async_add_executor_job(path.read_text)
    aioclient_mock.get(f"{raw}/{path.relative_to(ROOT)}", text=text)
    assert load_yaml_dict(path)["blueprint"]["source_url"] == source
    imported = await fetch_blueprint_from_url(hass, source)
    assert imported.blueprint.metadata["source_url"] == source
    assert imported.blueprint.validate() is None
    hacs = json_loads_object((ROOT / "hacs.json").read_bytes())
    needed = imported.blueprint.metadata["homeassistant"]["min_version"]
    assert needed == hacs["homeassistant"]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_documented(path: Path) -> None:
    """Its page links it by its name."""
    described = load_yaml_dict(path)["blueprint"]
    link = (
        "https://my.home-assistant.io/redirect/blueprint_import/?blueprint_url="
        + quote(described["source_url"], safe="")
    )
    page = PAGES["docs/blueprints.md"]
    assert f"**{described['name']}** ([import]({link}))" in page


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_inputs(path: Path) -> None:
    """Every input is described; its default is valid."""
    inputs = dict(BLUEPRINT_SCHEMA(load_yaml_dict(path))["blueprint"]["input"])
    if section := inputs.pop("quiet_hours", None):
        assert section.keys() >= {"name", "description", "collapsed"}
        inputs |= section["input"]
    assert inputs
    for name, described in inputs.items():
        assert described.keys() >= {"name", "description", "selector"}, name
        assert ("default" in described) == (name not in {"devices", "schedule"}), name
        if "default" in described:
            take: Any = selector(described["selector"])
            take(described["default"])


async def test_default_action(hass: HomeAssistant, vesper: Vesper) -> None:
    """The default action is a persistent notification."""
    assert await async_setup_component(hass, persistent_notification.DOMAIN, {})
    await vesper.heartbeat()
    await set_up(hass, "device_in_trouble", devices=devices(hass))
    await vesper.alert("SD", "WARNING", "no card")
    await vesper.advance(1)
    (notification,) = hass.data[persistent_notification.DOMAIN].values()
    assert (notification["title"], notification["message"]) == (
        "Vesper bell has a problem",
        "`SD` is warning: `no card`",
    )
