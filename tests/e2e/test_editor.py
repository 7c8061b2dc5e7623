"""The automation editor in a real browser."""

from collections.abc import Iterator
from pathlib import Path
import re
from typing import Any, Final

from playwright.sync_api import Page, expect
import pytest

from tests.rig.browser import CHROMIUM, Browser
from tests.rig.home_assistant import HomeAssistant

from .conftest import Publish

ROOT: Final = Path(__file__).parents[2]
BELL: Final = "edited"
AUTOMATION: Final = "everything"

#: How many entities of a target the editor counts.
COUNTED: Final = re.compile(r"\([1-9][0-9]*\)")

#: In milliseconds, how long a page of Home Assistant may take to be there.
LOADED: Final = 30_000

#: The response to the editor's own request for the texts of options takes two seconds.
SLOW_TEXTS: Final = """
    const slow = new Set();
    const wrapped = new Map();
    const { send, addEventListener, removeEventListener } = WebSocket.prototype;
    Object.assign(WebSocket.prototype, {
        send(message) {
            const { category, id, integration } = JSON.parse(message);
            if (category === "selector" && !integration) slow.add(id);
            send.call(this, message);
        },
        addEventListener(type, listener) {
            wrapped.set(listener, ({ data }) => {
                const messages = [JSON.parse(data)].flat();
                for (const message of messages) {
                    const event = { data: JSON.stringify(message) };
                    if (slow.has(message.id)) setTimeout(listener, 2_000, event);
                    else listener(event);
                }
            });
            const receive = type === "message" ? wrapped.get(listener) : listener;
            addEventListener.call(this, type, receive);
        },
        removeEventListener(type, listener) {
            const receive = type === "message" ? wrapped.get(listener) : listener;
            removeEventListener.call(this, type, receive);
        },
    });
"""

#: Returns all texts of an element.
TEXTS: Final = """root => {
    const texts = [];
    const visit = (node) => {
        if (node.nodeType === Node.TEXT_NODE) texts.push(node.data.trim());
        else if (!["STYLE", "SCRIPT"].includes(node.nodeName))
            for (const of of [node.shadowRoot, node])
                for (const child of of?.childNodes ?? []) visit(child);
    };
    visit(root);
    return texts.filter((text) => text);
}"""

PARTS: Final = ("trigger", "condition", "action")


class Descriptions:
    """What the editor gets of the integration."""

    def __init__(self, home_assistant: HomeAssistant) -> None:
        """Get all descriptions and texts."""
        api = home_assistant.api
        self._texts: dict[str, str] = {}
        for category in ("triggers", "conditions", "services", "selector"):
            self._texts |= api.command(
                "frontend/get_translations",
                language="en",
                category=category,
                integration=["vesper"],
            )["resources"]
        self.device = home_assistant.device_ids()[BELL]
        (self.fleet,) = (
            device["id"]
            for device in api.command("config/device_registry/list")
            if device["name"] == "All Vesper devices"
        )
        (services,) = (
            domain["services"]
            for domain in api.get("/api/services")
            if domain["domain"] == "vesper"
        )
        self.all: dict[str, dict[str, dict[str, Any]]] = {
            part: {
                key.removeprefix("vesper."): description
                for key, description in api.first_event(
                    f"{part}_platforms/subscribe"
                ).items()
                if key.startswith("vesper.")
            }
            for part in PARTS[:2]
        } | {"action": services}

    def text(self, part: str, path: str) -> str:
        """Return a text of a trigger, condition or action."""
        category = "services" if part == "action" else f"{part}s"
        return self._texts[f"component.vesper.{category}.{path}"]

    def option(self, field: dict[str, Any], option: str) -> str:
        """Return the text of an option of a field."""
        key = field["selector"]["select"]["translation_key"]
        return self._texts[f"component.vesper.selector.{key}.options.{option}"]

    def value(self, field: dict[str, Any]) -> Any:
        """Return a value of a field."""
        (kind, config), *_ = field["selector"].items()
        if kind == "select":
            options = config["options"]
            return options if config.get("multiple") else options[-1]
        if kind == "datetime":
            return "2030-01-01 12:00:00"
        if kind == "device":
            return self.device
        if kind == "text":
            return ["FileManager"] if config["multiple"] else "Anna knows"
        return field["default"]

    def configs(self, part: str) -> list[dict[str, Any]]:
        """Return each of them, with all fields."""
        options = "data" if part == "action" else "options"
        return [
            {
                part: f"vesper.{key}",
                options: {
                    name: self.value(field)
                    for name, field in description["fields"].items()
                },
            }
            | ({"target": {"device_id": self.fleet}} if "target" in description else {})
            for key, description in self.all[part].items()
        ]


@pytest.fixture
def descriptions(home_assistant: HomeAssistant, publish: Publish) -> Descriptions:
    """Return the descriptions; there is a device."""
    publish(f"vesper/{BELL}/status/heartbeat", '{"uptime": 3600}')
    home_assistant.wait_for_states({f"{BELL}/connectivity": "on"})
    return Descriptions(home_assistant)


@pytest.fixture
def page(
    home_assistant: HomeAssistant, descriptions: Descriptions, tmp_path: Path
) -> Iterator[Page]:
    """Return the editor of an automation with everything."""
    if CHROMIUM is None:
        pytest.skip("There is no Chromium: install it with apt-get install chromium")
    path = f"/api/config/automation/config/{AUTOMATION}"
    config = {f"{part}s": descriptions.configs(part) for part in PARTS}
    home_assistant.api.post(path, {"alias": "Everything", **config})
    with (
        Browser(home_assistant, ROOT / ".cache/test/pictures") as browser,
        browser.page("editor") as page,
    ):
        page.add_init_script(SLOW_TEXTS)
        page.goto(f"{home_assistant.url}/config/automation/edit/{AUTOMATION}")
        yield page
    home_assistant.api.request("DELETE", path)


def test_everything_is_shown(page: Page, descriptions: Descriptions) -> None:
    """Each form has all texts and no error."""
    sidebar = page.locator("ha-automation-sidebar")
    for part in PARTS:
        rows = page.locator(f"ha-automation-{part}-row")
        expect(rows).to_have_count(len(descriptions.all[part]), timeout=LOADED)
        for row, (key, described) in zip(
            rows.all(), descriptions.all[part].items(), strict=True
        ):
            name = descriptions.text(part, f"{key}.name")
            # Its middle is the target, which opens a dialog.
            row.get_by_role("heading", name=name).click(position={"x": 8, "y": 8})
            expect(sidebar.get_by_text(name).first).to_be_visible()
            for field, description in described["fields"].items():
                of_field = descriptions.text(part, f"{key}.fields.{field}.name")
                shown = sidebar.get_by_text(of_field, exact=True)
                expect(shown.first).to_be_visible()
                select = description["selector"].get("select", {})
                for option in select.get("options", ()):
                    text = descriptions.option(description, option)
                    shown = sidebar.get_by_text(text, exact=True)
                    expect(shown.first).to_be_attached()
                    assert option not in sidebar.evaluate(TEXTS), (key, option)
            if "target" in described:
                expect(row).to_contain_text(COUNTED)
            expect(page.locator("ha-yaml-editor")).to_have_count(0)
            for place in (row, sidebar):
                expect(place.locator("ha-alert")).to_have_count(0)
                shown_texts = " ".join(place.evaluate(TEXTS))
                assert "vesper." not in shown_texts, key
                assert "unknown" not in shown_texts.lower(), key


def test_offered_by_target(
    home_assistant: HomeAssistant, descriptions: Descriptions
) -> None:
    """They are offered for devices and the fleet."""
    api = home_assistant.api
    for part in PARTS:
        kind = "services" if part == "action" else f"{part}s"
        command = f"get_{kind}_for_target"
        with_target = {
            f"vesper.{key}"
            for key, description in descriptions.all[part].items()
            if "target" in description
        }
        for device in (descriptions.device, descriptions.fleet):
            offered = api.command(command, target={"device_id": [device]})
            assert with_target <= set(offered)
