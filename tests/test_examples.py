"""The examples of the documentation."""

from collections.abc import Awaitable, Callable
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
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import parse_yaml

from .automation import registered_id, take_turns
from .common import BELL, Vesper
from .pages import blocks

pytestmark = pytest.mark.usefixtures("waiting_runs")

ALL_EXAMPLES: list[Any] = [
    example
    for _, block in blocks("yaml")
    if isinstance(example := parse_yaml(block), dict) and "alias" in example
]
EXAMPLES: dict[str, Any] = {example["alias"]: example for example in ALL_EXAMPLES}
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


type Act = Callable[[Vesper], Awaitable[None]]


def alert(subsystem: str, state: str, message: str = "") -> Act:
    """Return a step that sends an alert."""
    return lambda vesper: vesper.alert(subsystem, state, message)


def heartbeat(device_id: str = BELL, **fields: Any) -> Act:
    """Return a step that sends a heartbeat."""
    return lambda vesper: vesper.heartbeat(device_id, **fields)


def info(type_: str, **payload: Any) -> Act:
    """Return a step that sends an info message."""
    return lambda vesper: vesper.info(type_, payload)


def wait(seconds: float) -> Act:
    """Return a step that advances the time."""
    return lambda vesper: vesper.advance(seconds)


SD_ALERT = alert("FileManager", "CRITICAL")
TIMEOUT = wait(91)
START_PLAYING = info("playback_started", melody_uid="ABC123")


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
    area = ar.async_get(hass).async_create("Chapel", floor_id=floor.floor_id)
    label = lr.async_get(hass).async_create("Bells")
    dr.async_get(hass).async_update_device(
        registered_id(hass), area_id=area.id, labels={label.label_id}
    )


def test_each_has_its_own_alias() -> None:
    """No example takes the place of another one here."""
    assert len(EXAMPLES) == len(ALL_EXAMPLES)


async def begin(hass: HomeAssistant, vesper: Vesper, time: str) -> None:
    """Begin at this time, with the bell online."""
    await hass.config.async_set_time_zone("UTC")
    vesper.freezer.move_to(f"2030-01-01 {time}+00:00")
    await vesper.reload()
    await vesper.heartbeat()


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


@pytest.mark.parametrize(
    ("alias", "acts", "expected"),
    [
        (
            "The SD card of a bell has a problem",
            [
                alert("FileManager", "FAILED", "`no card`"),
                wait(600),
            ],
            {"title": "Vesper bell: failed", "message": "`no card`"},
        ),
        (
            "An alert of a bell is over",
            [
                alert("SD", "WARNING"),
                wait(420),
                alert("SD", "CLEARED"),
                wait(60),
            ],
            {
                "title": "Vesper bell",
                "message": "`SD` is OK again, after 7 minutes.",
            },
        ),
        (
            "A bell has been offline for five minutes",
            [TIMEOUT, wait(300)],
            {
                "title": "Vesper bell",
                "message": "Its last message arrived at 12:00.",
            },
        ),
        (
            "A bell is back",
            [
                TIMEOUT,
                wait(180),
                heartbeat(),
            ],
            {"title": "Vesper bell", "message": "It was offline for 3 minutes."},
        ),
        (
            "A bell has crashed",
            [
                heartbeat(uptime=3600),
                heartbeat(uptime=5, reset_reason=4),
            ],
            {
                "title": "Vesper bell",
                "message": "It has restarted. The reason is panic.",
            },
        ),
        (
            "Most bells are offline",
            [
                heartbeat("hall"),
                heartbeat("tower"),
                TIMEOUT,
                wait(301),
            ],
            {
                "title": "Most bells are offline",
                "message": "3 of 3 bells are offline.",
            },
        ),
        (
            "Most bells are back",
            [
                heartbeat("hall"),
                heartbeat("tower"),
                TIMEOUT,
                wait(301),
                heartbeat("hall"),
                heartbeat("tower"),
                wait(60),
                heartbeat("hall"),
                heartbeat("tower"),
                wait(31),
            ],
            {"title": "Most bells are back", "message": "Still offline: Vesper bell"},
        ),
    ],
)
@pytest.mark.usefixtures("upstairs")
async def test_what_a_trigger_says(
    hass: HomeAssistant,
    vesper: Vesper,
    alias: str,
    acts: list[Act],
    expected: dict[str, str],
) -> None:
    """The example of a trigger sends its text, once."""
    await begin(hass, vesper, "12:00:00")
    calls = async_mock_service(hass, "persistent_notification", "create")
    await use(hass, alias)
    for act in acts:
        assert not calls
        await act(vesper)
    await take_turns()
    assert [call.data for call in calls] == [expected]


async def test_light_while_bells_ring(
    hass: HomeAssistant, vesper: Vesper, upstairs: None
) -> None:
    """The light turns off ten seconds after a melody."""
    on = async_mock_service(hass, "light", "turn_on")
    off = async_mock_service(hass, "light", "turn_off")
    light = [
        EXAMPLES[alias]
        for alias in ("Light while bells ring", "No light after bells have rung")
    ]
    assert await async_setup_component(
        hass, automation.DOMAIN, {automation.DOMAIN: light}
    )
    await hass.async_block_till_done()
    await START_PLAYING(vesper)
    await take_turns()
    assert (len(on), len(off)) == (1, 0)
    await vesper.info("playback_stopped")
    await vesper.advance(9)
    assert not off
    await vesper.advance(1)
    await take_turns()
    assert (len(on), len(off)) == (1, 1)


@pytest.mark.parametrize(
    ("alias", "start", "acts", "passes"),
    [
        ("Remind of bells without an SD card", "06:59:30", [SD_ALERT], False),
        ("Remind of bells without an SD card", "05:59:30", [SD_ALERT], True),
        ("Warn before the service", "09:29:30", [], False),
        ("Warn before the service", "09:29:30", [SD_ALERT], True),
        ("Remind of bells that are offline", "17:58:00", [TIMEOUT], False),
        ("Remind of bells that are offline", "16:58:00", [TIMEOUT], True),
        ("Check the bells if all are online", "02:58:00", [TIMEOUT], False),
        ("Check the bells if all are online", "02:58:00", [], True),
        ("Warn if a bell rings at night", "21:59:30", [], False),
        ("Warn if a bell rings at night", "21:59:30", [START_PLAYING], True),
    ],
)
@pytest.mark.usefixtures("upstairs")
async def test_when_a_condition_passes(  # noqa: PLR0913  # a table of cases
    hass: HomeAssistant,
    vesper: Vesper,
    *,
    alias: str,
    start: str,
    acts: list[Act],
    passes: bool,
) -> None:
    """The example acts only if its condition passes."""
    await begin(hass, vesper, start)
    for act in acts:
        await act(vesper)
    calls = async_mock_service(hass, "persistent_notification", "create")
    checks = async_mock_service(hass, "vesper", "run_health_check")
    await use(hass, alias)
    at = EXAMPLES[alias]["triggers"][0]["at"]
    then = dt_util.parse_datetime(f"2030-01-01 {at}+00:00", raise_on_error=True)
    if (seconds := (then - dt_util.utcnow()).total_seconds()) > 90:
        await vesper.advance(seconds - 60)
        if TIMEOUT not in acts:
            await vesper.heartbeat()
    await vesper.advance((then - dt_util.utcnow()).total_seconds())
    await take_turns()
    assert len(calls) + len(checks) == passes


async def test_trouble(hass: HomeAssistant, vesper: Vesper, upstairs: None) -> None:
    """It sends the text of the example."""
    calls = async_mock_service(hass, "persistent_notification", "create")
    await use(hass, "A bell has a problem")
    await vesper.alert("SD", "WARNING")
    assert not calls
    await vesper.alert("SD", "CRITICAL", "no card")
    await take_turns()
    assert calls.pop().data == {
        "title": "Vesper bell (Chapel)",
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
