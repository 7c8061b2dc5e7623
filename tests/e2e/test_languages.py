"""All texts are translated and fit a phone.

In the three languages with the longest words, and in French: it has a space before a
colon, so a text that was put together with one in the code is found.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
import json
import re
from typing import Any, Final

from paho.mqtt import publish as mqtt_publish
from playwright.sync_api import Locator, Page, expect
import pytest

from tests.rig.broker import Broker
from tests.rig.browser import CHROMIUM, Browser
from tests.rig.home_assistant import DASHBOARD, HomeAssistant
from tests.rig.process import free_port
from tests.rig.sites import Site

from .cards import CARDS, LOADED, RIG, ROOT

#: The language of the browser, by that of the texts.
LOCALES: Final = {"el": "el-GR", "es": "es-ES", "fr": "fr-FR", "it": "it-IT"}

#: So high that all rows of the list are rendered.
PHONE: Final = {"width": 390, "height": 3200}

#: The topic prefixes, by the titles of their entries. Here and below, names and
#: messages are no words of any language.
SITES: Final = {"S1": "s1/vesper", "S2": "s2/vesper"}
BELLS: Final = [f"b{number:02}" for number in range(14)]
ALERTS: Final = {
    "b00": {"SD": "FAILED", "NTP": "CRITICAL", "I2S": "WARNING", "RTC": "WARNING"},
    "b01": {"SD": "WARNING"},
    "b02": {"SD": "WARNING"},
}
HEARTBEAT: Final[dict[str, Any]] = {
    "uptime": 3600,
    "heap_free": 170_000,
    "reset_reason": 9,
    "firmware_version": "1.2.0",
}

#: What the report of a device has after an outage and a restart.
PAST: Final = """(card, [start, end]) => {
    const { report } = card.insight;
    report.last_outages = [
        { start, end: null, cause: "fleet_outage" },
        ...Array(5).fill({ start, end, cause: "device" }),
    ];
    card.refresh();
}"""


def texts_of(language: str) -> dict[str, str]:
    """Return the texts of a language by their keys."""

    def walk(node: Any, path: str) -> Iterator[tuple[str, str]]:
        if isinstance(node, str):
            yield path, node
            return
        for key, child in node.items():
            yield from walk(child, f"{path}.{key}")

    folder = ROOT / "custom_components/vesper/translations"
    return dict(walk(json.loads((folder / f"{language}.json").read_bytes()), ""))


class Words:
    """What is wrong with texts in a language."""

    def __init__(self, language: str) -> None:
        """Load the texts."""
        own, english = texts_of(language), texts_of("en")
        others = [text for key, text in english.items() if text != own.get(key)]
        self._own = self._patterns(own.values())
        self._english = self._patterns(others)

    @staticmethod
    def _patterns(texts: Iterable[str]) -> re.Pattern[str]:
        """Return a pattern of texts with any values."""
        patterns = {re.sub(r"\\{\w+\\}", ".+", re.escape(text)) for text in texts}
        return re.compile("|".join(patterns), re.DOTALL)

    def problems(self, text: str) -> list[str]:
        """Return what is wrong with a text."""
        if re.search(r"[{}]|component\.|[a-z]_[a-z]", text):
            return [f"a key or a placeholder: {text}"]
        parts = (text, *re.split(r" *[:;,()·] *|[.] ", text))
        if any(map(self._is_english, parts)):
            return [f"in English: {text}"]
        return []

    def _is_english(self, text: str) -> bool:
        """Return whether a text is of English alone."""
        return bool(self._english.fullmatch(text) and not self._own.fullmatch(text))


class Fleet:
    """Devices in all states, and what shows them."""

    def __init__(self, home_assistant: HomeAssistant, broker: Broker) -> None:
        """Add the devices."""
        self.home_assistant = home_assistant
        self._api = home_assistant.api
        self._publish = partial(
            mqtt_publish.single,
            hostname=broker.address.host,
            port=broker.address.port,
            qos=1,
        )
        for prefix in SITES.values():
            entry_id = home_assistant.entry_of(prefix)["entry_id"]
            # So no test sees a timeout.
            self._api.set_options(entry_id, heartbeat_timeout=3600, max_devices=500)
        home_assistant.wait_until_listening()
        for bell in BELLS:
            self._send(bell, "heartbeat", **HEARTBEAT)
        self._send("b99", "heartbeat", site="S2", **HEARTBEAT)
        for state in ("WARNING", "CLEARED") * 3:
            self._send("b02", "alerts", subsystem="SD", state=state)
        for bell, alerts in ALERTS.items():
            for subsystem, state in alerts.items():
                self._send(bell, "alerts", subsystem=subsystem, state=state, msg="E42")
        # It has restarted, so its alerts are not confirmed.
        self._send("b00", "heartbeat", **HEARTBEAT | {"uptime": 5})
        self._send("b06", "info", type="playback_started", payload={"melody_uid": "M1"})
        prefix = SITES["S1"]
        home_assistant.wait_for_states(
            {"b00/health": "failed", "b02/health": "warning", "b06/playing": "on"},
            prefix=prefix,
        )
        home_assistant.wait_for_states({"b99/connectivity": "on"}, prefix=SITES["S2"])
        self.ids = home_assistant.device_ids(prefix)
        self._entity_ids = home_assistant.entity_ids(prefix)
        self._place()
        self._act("acknowledge_alert", "b01", note="E42")
        self._act("set_maintenance", "b05", duration={"hours": 4})
        home_assistant.wait_for_states({"b05/maintenance": "on"}, prefix=prefix)
        now = datetime.now(UTC).isoformat()
        self.set("b03/connectivity", "off")
        known = {"acknowledged": True, "acknowledged_by": "R1"}
        self.set("b04/connectivity", "off", **known)
        self.set("b07/connectivity", "unknown")
        figures = {"event_type": "started", "lost": 3, "online_before": 4}
        self.set("outage", now, **figures, area="A1")

    def _send(
        self, device_id: str, topic: str, *, site: str = "S1", **fields: Any
    ) -> None:
        """Publish a message of a device."""
        self._publish(f"{SITES[site]}/{device_id}/status/{topic}", json.dumps(fields))

    def _act(self, action: str, device_id: str, **data: Any) -> None:
        """Perform an action on a device."""
        target = {"device_id": self.ids[device_id]}
        self._api.post(f"/api/services/vesper/{action}", target | data)

    def _place(self) -> None:
        """Put devices into two areas."""
        for name, bells in (("A1", BELLS[:5]), ("A2", BELLS[5:8])):
            area = self._api.command("config/area_registry/create", name=name)
            for bell in bells:
                self._api.command(
                    "config/device_registry/update",
                    device_id=self.ids[bell],
                    area_id=area["area_id"],
                )

    def set(self, key: str, state: str, **attributes: Any) -> None:
        """Set the state of an entity."""
        entity_id = self._entity_ids[key]
        current = self._api.states()[entity_id]["attributes"]
        self._api.post(
            f"/api/states/{entity_id}",
            {"state": state, "attributes": current | attributes},
        )

    def open(self, page: Page, path: str, shown: str) -> Locator:
        """Open a page, and return an element of it."""
        page.goto(f"{self.home_assistant.url}/{path}")
        element = page.locator(shown)
        expect(element).to_be_visible(timeout=LOADED)
        return element

    def save_cards(self, *cards: dict[str, Any]) -> None:
        """Save a dashboard with cards, and a badge."""
        badge = {"type": "custom:vesper-fleet-badge"}
        view = {
            "type": "sections",
            "badges": [badge],
            "sections": [{"type": "grid", "cards": cards}],
        }
        config = {"views": [view]}
        self._api.command("lovelace/config/save", url_path=CARDS, config=config)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Fleet]:
    """Return two sites in another Home Assistant."""
    directory = tmp_path_factory.mktemp("languages") / "config"
    sites = [Site(prefix=prefix, title=title) for title, prefix in SITES.items()]
    with HomeAssistant(
        directory, port=free_port(), broker=broker.address, sites=sites
    ) as home_assistant:
        create = "lovelace/dashboards/create"
        home_assistant.api.command(create, url_path=CARDS, title="C1", mode="storage")
        yield Fleet(home_assistant, broker)
    problems = home_assistant.log_problems()
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="module")
def browser(fleet: Fleet) -> Iterator[Browser]:
    """Return a browser."""
    if CHROMIUM is None:
        pytest.skip("There is no Chromium: install it with apt-get install chromium")
    with Browser(fleet.home_assistant, ROOT / ".cache/test/pictures") as browser:
        yield browser


class Reader:
    """Read a page, and collect what is wrong."""

    def __init__(self, language: str) -> None:
        """Load the texts."""
        self._script = (RIG / "text_checks.js").read_text()
        self._words = Words(language)
        self.problems: dict[str, list[str]] = {}

    def read(self, name: str, element: Locator) -> None:
        """Read an element under a name."""
        element.page.evaluate("scrollTo(0, 0)")
        found = element.evaluate(self._script)
        assert found["texts"], name
        problems = found["problems"]
        for text in found["texts"]:
            problems += self._words.problems(text)
        if problems:
            self.problems[name] = problems


def read_list(reader: Reader, fleet: Fleet, page: Page) -> None:
    """Read the overview, and what its buttons open."""
    card = fleet.open(page, DASHBOARD, "vesper-fleet-card")
    expect(card.locator("ha-alert")).to_be_visible(timeout=LOADED)
    collapsed = card.locator("button.section:not([hidden])")
    expect(collapsed).to_have_count(2)
    for section in collapsed.all():
        section.click()
    expect(card.locator(".devices .head")).to_have_count(len(BELLS) + 1)
    reader.read("overview", card)
    card.locator("button.menu").first.click()
    panel = card.locator(".devices .panel")
    panel.locator("> button:not([hidden])").last.click()
    expect(panel.locator("input")).to_be_visible()
    reader.read("actions", card)
    group, select = card.locator("button.tool").all()
    group.click()
    expect(card.locator("button.section:not([hidden])")).to_have_count(4)
    reader.read("causes", card)
    select.click()
    card.locator("input[type=checkbox]").first.check()
    reader.read("selection", card)
    card.locator("input.search").fill("?")
    expect(card.locator(".empty button")).to_be_visible()
    reader.read("nothing found", card)
    fleet.set("mqtt_link", "off")
    expect(card.locator("ha-alert a")).to_be_visible()
    reader.read("no link", card)
    fleet.set("mqtt_link", "on")


def read_devices(reader: Reader, fleet: Fleet, page: Page) -> None:
    """Read the views of devices."""
    start = datetime.now(UTC) - timedelta(hours=30)
    past = [time.isoformat() for time in (start, start + timedelta(hours=26))]
    for bell in ("b00", "b01", "b04", "b05", "b06"):
        path = f"{DASHBOARD}/device?id={fleet.ids[bell]}"
        card = fleet.open(page, path, "vesper-device-card")
        expect(card.locator(".history")).to_be_visible(timeout=LOADED)
        card.evaluate(PAST, past)
        card.locator("summary").click()
        reader.read(bell, card)


def read_cards(reader: Reader, fleet: Fleet, page: Page) -> None:
    """Read other cards, and the editors of all."""
    device = {"type": "custom:vesper-device-card", "device": fleet.ids["b00"]}
    fleet_card = {"type": "custom:vesper-fleet-card", "compact": True, "areas": True}
    tile = {"type": "custom:vesper-fleet-tile"}
    fleet.save_cards(tile, fleet_card, device)
    fleet.open(page, f"{CARDS}/0", "vesper-fleet-card")
    for kind in ("card", "tile", "badge"):
        reader.read(kind, page.locator(f"vesper-fleet-{kind}"))
    fleet.open(page, f"{CARDS}/0?edit=1", "vesper-fleet-card")
    cards = page.locator("hui-card-edit-mode .control")
    badge = page.locator("hui-badge-edit-mode .edit")
    for kind, button in {
        "tile": cards.nth(0),
        "card": cards.nth(1),
        "device": cards.nth(2),
        "badge": badge.first,
    }.items():
        button.dispatch_event("click")
        editor = page.locator("hui-card-element-editor, hui-badge-element-editor")
        expect(editor.locator("ha-form").first).to_be_visible()
        for panel in editor.locator("ha-expansion-panel").all():
            panel.get_by_role("button").first.click()
            # It opens step by step.
            opened = panel.locator(".container.expanded")
            expect(opened).to_have_css("overflow-y", "visible")
        reader.read(f"editor of the {kind}", editor)
        page.keyboard.press("Escape")
        expect(editor).to_have_count(0)


@pytest.mark.parametrize(("language", "locale"), LOCALES.items(), ids=LOCALES)
def test_language(fleet: Fleet, browser: Browser, language: str, locale: str) -> None:
    """All texts are of the language, and have room."""
    reader = Reader(language)
    with browser.page(f"language-{language}", device="phone", locale=locale) as page:
        page.set_viewport_size(PHONE)
        read_list(reader, fleet, page)
        read_devices(reader, fleet, page)
        read_cards(reader, fleet, page)
    assert not reader.problems, json.dumps(
        reader.problems, indent=1, ensure_ascii=False
    )


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ("<p>Text</p>", None),
        ("<p style='inline-size: 9px'>Text</p>", "wider than p.: Text"),
        ("<p style='block-size: 1px; overflow: clip'>Text</p>", "higher than p.: Text"),
        (
            "<p style='inline-size: 9px; overflow: clip; text-overflow: ellipsis'>Text",
            None,
        ),
        ("<b style='position: absolute'>Text</b>Over", "covers Over: Text"),
        ("<p style='inline-size: 9000px'>Text</p>", "the page is 9008 px wide"),
    ],
)
def test_places(browser: Browser, html: str, problem: str | None) -> None:
    """What has no room is found."""
    with browser.page("places") as page:
        page.set_content(f"<main style='margin: 0'>{html}")
        found = page.locator("main").evaluate((RIG / "text_checks.js").read_text())
        assert found["problems"] == ([problem] if problem else [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Offline: 2, Warnung: 1", None),
        ("Offline: 2, Warning: 1", "in English"),
        ("Offline since 3:28 PM", "in English"),
        ("Offline seit 15:28", None),
        ("option_columns", "a key or a placeholder"),
        ("Alarme: {count}", "a key or a placeholder"),
    ],
)
def test_words(text: str, problem: str | None) -> None:
    """What is not of the language is found."""
    assert Words("de").problems(text) == ([f"{problem}: {text}"] if problem else [])
