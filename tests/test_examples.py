"""The examples of the documentation."""

import re
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import async_mock_service

from homeassistant.components import automation
from homeassistant.core import HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    floor_registry as fr,
    label_registry as lr,
)
from homeassistant.helpers.template import Template
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import parse_yaml

from .automation import registered_id, take_turns
from .common import BELL, Vesper
from .pages import blocks

pytestmark = pytest.mark.usefixtures("waiting_runs")

EXAMPLES: dict[str, Any] = {
    example["alias"]: example
    for _, block in blocks("yaml")
    if isinstance(example := parse_yaml(block), dict) and "alias" in example
}
CARDS: dict[str, Any] = {
    card["title"]: card
    for _, block in blocks("yaml")
    if isinstance(card := parse_yaml(block), dict) and card.get("type") == "markdown"
}
PARTS: list[Any] = [
    pytest.param(part, id=f"{page}-{'-'.join(part)}")
    for page, block in blocks("yaml")
    if isinstance(part := parse_yaml(block), dict)
    and "alias" not in part
    and part.keys() & {"triggers", "conditions", "actions"}
]
"""The parts of automations, without the rest."""


async def use(hass: HomeAssistant, alias: str) -> None:
    """Make the automation of an example."""
    await set_up(hass, EXAMPLES[alias])


async def set_up(hass: HomeAssistant, config: dict[str, Any]) -> None:
    """Make an automation, which has to be valid."""
    assert await async_setup_component(
        hass, automation.DOMAIN, {automation.DOMAIN: config}
    )
    await hass.async_block_till_done()
    (state,) = hass.states.async_all(automation.DOMAIN)
    assert state.state == "on"


@pytest.fixture
async def upstairs(hass: HomeAssistant, vesper: Vesper) -> None:
    """Place the bell where the examples expect it."""
    await vesper.heartbeat()
    floor = fr.async_get(hass).async_create("Upstairs")
    area = ar.async_get(hass).async_create("Loft", floor_id=floor.floor_id)
    label = lr.async_get(hass).async_create("Bells")
    dr.async_get(hass).async_update_device(
        registered_id(hass), area_id=area.id, labels={label.label_id}
    )


@pytest.mark.parametrize("alias", EXAMPLES)
async def test_is_valid(hass: HomeAssistant, vesper: Vesper, alias: str) -> None:
    """Home Assistant accepts the example."""
    await use(hass, alias)


@pytest.mark.parametrize("part", PARTS)
async def test_part_is_valid(
    hass: HomeAssistant, vesper: Vesper, part: dict[str, Any]
) -> None:
    """Home Assistant accepts an automation with this part."""
    await set_up(hass, {"triggers": [], "actions": [], "alias": "Part", **part})


async def test_trouble(hass: HomeAssistant, vesper: Vesper, upstairs: None) -> None:
    """It sends the text of the example."""
    calls = async_mock_service(hass, "persistent_notification", "create")
    await use(hass, "A bell has a problem")
    await vesper.alert("SD", "WARNING")
    assert not calls
    await vesper.alert("SD", "CRITICAL", "no card")
    await take_turns()
    assert calls.pop().data == {
        "title": "Vesper bell (Loft)",
        "message": "`SD`: critical, `no card`",
    }


HOSTILE = "` ![x](http://203.0.113.5) <img src=http://203.0.113.5> `"
HARMLESS = HOSTILE.replace("`", "'")


async def test_text_from_a_device_is_text(
    hass: HomeAssistant, vesper: Vesper, upstairs: None
) -> None:
    """It is in backticks, so it is no Markdown."""
    calls = async_mock_service(hass, "persistent_notification", "create")
    await use(hass, "A bell has a problem")
    await vesper.alert(HOSTILE, "FAILED", HOSTILE)
    await take_turns()
    assert calls.pop().data["message"] == f"`{HARMLESS}`: failed, `{HARMLESS}`"


@pytest.mark.parametrize("title", CARDS)
async def test_text_on_a_card_is_text(
    hass: HomeAssistant, vesper: Vesper, upstairs: None, title: str
) -> None:
    """A Markdown card shows the device's text as text."""
    await vesper.alert(HOSTILE, "FAILED", HOSTILE)
    shown = Template(CARDS[title]["content"], hass).async_render()
    assert f"`{HARMLESS}: {HARMLESS}`" in shown
    assert HOSTILE not in shown


def test_every_text_from_a_device_is_text() -> None:
    """Each example makes it harmless before it is shown."""
    lines = [
        line.strip()
        for _, block in blocks("yaml")
        for line in block.splitlines()
        if re.search(r"trigger\.(message|subsystem|melody)|alert\.message", line)
        and not re.match(r" *(- action|subsystem):", line)
    ]
    assert len(lines) >= 4
    assert [line for line in lines if "replace(" not in line] == []


async def test_the_first_automation(
    hass: HomeAssistant, vesper: Vesper, upstairs: None
) -> None:
    """The README's automation shows a device's text as text."""
    calls = async_mock_service(hass, "persistent_notification", "create")
    (part,) = (part.values[0] for part in PARTS if part.id.startswith("README"))
    target = {"device_id": registered_id(hass)}
    trigger = part["triggers"][0] | {"target": target}
    await set_up(hass, {"alias": "First", **part, "triggers": [trigger]})
    await vesper.alert(HOSTILE, "FAILED", HOSTILE)
    await take_turns()
    text = HOSTILE.replace("`", "")
    assert calls.pop().data["message"] == f"`{text}: {text}`"


async def test_acknowledged_on_the_phone(
    hass: HomeAssistant, vesper: Vesper, upstairs: None
) -> None:
    """The button acknowledges only its own alert."""
    calls = async_mock_service(hass, "notify", "mobile_app_phone")
    await use(hass, "Acknowledge alerts on the phone")
    for subsystem in ("a/b", "Net"):
        await vesper.alert(subsystem, "WARNING", "<b>no card</b>")
    (automated,) = hass.states.async_all(automation.DOMAIN)
    assert automated.attributes["current"] == 0
    assert calls[0].data["message"] == "a/b: warning, \u2039b>no card\u2039/b>"
    button = calls[0].data["data"]["actions"][0]["action"]
    for action in ("another", button):
        hass.bus.async_fire("mobile_app_notification_action", {"action": action})
    await take_turns()
    active = vesper.hub.devices[BELL].alerts.active
    assert active["a/b"].note == "Seen on the phone"
    assert not active["Net"].acknowledged


async def test_nightly_check(
    hass: HomeAssistant, vesper: Vesper, upstairs: None
) -> None:
    """It lists the bells that do not respond."""
    await hass.config.async_set_time_zone("UTC")
    vesper.freezer.move_to("2026-11-22 02:59:59+00:00")
    calls = async_mock_service(hass, "persistent_notification", "create")
    await use(hass, "Check the bells at night")
    await vesper.advance(2)
    assert not calls
    await vesper.advance(61)
    assert [call.data["message"] for call in calls] == [f"`{BELL}`"]
