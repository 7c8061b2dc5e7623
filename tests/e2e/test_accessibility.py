"""Everybody can see, read and use the cards."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from paho.mqtt import publish as mqtt_publish
from playwright.sync_api import Locator, Page, expect
import pytest

from tests.rig.broker import Broker
from tests.rig.browser import Browser
from tests.rig.home_assistant import HomeAssistant

from .axe import violations
from .cards import LOADED, Bell, OpenPage, problems
from .conftest import Publish

#: A name without any place to break it.
LONG: Final = "Glockenturm" * 6

#: All states that a status bar shows.
SEGMENTS: Final = """
    bar => bar.replaceChildren(...["online", "offline", "unknown", "maintenance"].map(
        className => Object.assign(document.createElement("span"), { className })))
"""


class States:
    """Devices in all states, and states set by hand."""

    def __init__(self, home_assistant: HomeAssistant, publish: Publish) -> None:
        """Add the devices."""
        self._api = home_assistant.api
        self.bells = [
            Bell(home_assistant, publish, f"every-state-{number:02}")
            for number in range(14)
        ]
        self._entity_ids = home_assistant.entity_ids()
        self._kept: dict[str, dict[str, Any]] = {}
        failed, critical, *warning = self.bells[:5]
        failed.send("alerts", subsystem=LONG[:64], state="FAILED", msg=f"no {LONG}")
        critical.send("alerts", subsystem="SD", state="CRITICAL", msg="mount failed")
        for bell in warning:
            bell.send("alerts", subsystem="NTP", state="WARNING", msg="sync failed")
        home_assistant.wait_for_states(
            {f"{bell.device_id}/health": "warning" for bell in warning}
        )
        self.set(f"{self.bells[5].device_id}/connectivity", "off")
        self.set(f"{self.bells[6].device_id}/connectivity", "unknown")
        self.set(f"{self.bells[7].device_id}/maintenance", "on")
        self.areas = [
            self._api.command("config/area_registry/create", name=name)["area_id"]
            for name in (f"The {LONG}", "Every state")
        ]
        for bell, area in zip(self.bells, self.areas, strict=False):
            self._update(bell, area_id=area)
        self._update(failed, name_by_user=f"{LONG} {failed.device_id}")

    def _update(self, bell: Bell, **changes: Any) -> None:
        self._api.command("config/device_registry/update", device_id=bell.id, **changes)

    def set(self, key: str, state: str) -> None:
        """Set the state of an entity."""
        entity_id = self._entity_ids[key]
        current = self._api.states()[entity_id]
        self._kept.setdefault(entity_id, current)
        self._api.post(
            f"/api/states/{entity_id}",
            {"state": state, "attributes": current["attributes"]},
        )

    def restore(self) -> None:
        """Undo what other tests would see."""
        for entity_id, state in self._kept.items():
            self._api.post(
                f"/api/states/{entity_id}",
                {name: state[name] for name in ("state", "attributes")},
            )
        for area in self.areas:
            self._api.command("config/area_registry/delete", area_id=area)

    def card(self, page: Page, **config: Any) -> Locator:
        """Open the list of the devices."""
        shown = {
            "type": "custom:vesper-fleet-card",
            "devices": [bell.id for bell in self.bells],
            "areas": True,
        }
        bell = self.bells[0]
        bell.save_cards(shown | config)
        bell.open_cards(page)
        card = page.locator("vesper-fleet-card")
        expect(card.get_by_text(bell.device_id)).to_be_visible(timeout=LOADED)
        for bar in card.locator(".status-bar:not([hidden])").all():
            bar.evaluate(SEGMENTS)
        return card

    def summaries(self, page: Page) -> tuple[Locator, Locator]:
        """Open a dashboard with a tile and a badge."""
        shown = {"devices": [bell.id for bell in self.bells], "title": "Every state"}
        tile = {"type": "custom:vesper-fleet-tile"} | shown
        badge = {"type": "custom:vesper-fleet-badge"} | shown
        bell = self.bells[0]
        bell.save_cards(tile, badges=[badge])
        bell.open_cards(page)
        found = page.locator("vesper-fleet-tile"), page.locator("vesper-fleet-badge")
        for each in found:
            expect(each).to_contain_text("Failed", timeout=LOADED)
        return found


@pytest.fixture(scope="module")
def states(
    browser: Browser, home_assistant: HomeAssistant, broker: Broker
) -> Iterator[States]:
    """Return devices in all states, without timeouts."""
    entry_id = home_assistant.entry["entry_id"]
    home_assistant.api.set_options(entry_id, heartbeat_timeout=600, max_devices=500)
    home_assistant.wait_until_listening()
    address = broker.address
    publish = partial(mqtt_publish.single, hostname=address.host, port=address.port)
    states = States(home_assistant, publish)
    yield states
    states.restore()


def _faults(element: Locator) -> list[str]:
    """Return what is wrong with a card."""
    return [*violations(element), *problems(element)]


def test_list(open_page: OpenPage, states: States) -> None:
    """The list of devices, with all that it offers."""
    with open_page("axe-list") as page:
        card = states.card(page)
        assert _faults(card) == []
        card.get_by_role("button", name="Actions for every-state-01").click()
        expect(card.get_by_role("group", name="Actions").first).to_be_visible()
        assert _faults(card) == []
        card.get_by_role("button", name="Group by cause").click()
        expect(card.get_by_role("button", name="NTP: sync failed")).to_be_visible()
        assert _faults(card) == []
        card.get_by_role("button", name="Select several devices").click()
        card.get_by_role("checkbox").first.check()
        expect(card.get_by_role("button", name="Select all")).to_be_visible()
        assert _faults(card) == []
        card.get_by_role("searchbox").fill("no device has this")
        expect(card.get_by_role("button", name="Show all devices")).to_be_visible()
        assert _faults(card) == []
        card = states.card(page, compact=True, title="Compact")
        assert _faults(card) == []
        states.set("mqtt_link", "off")
        expect(card.locator("ha-alert")).to_be_visible()
        assert _faults(card) == []
        states.set("mqtt_link", "on")
        expect(card.locator("ha-alert")).to_be_hidden()


def test_device(open_page: OpenPage, states: States) -> None:
    """The device card."""
    with open_page("axe-device") as page:
        for bell in (states.bells[0], states.bells[5]):
            (card,) = bell.cards(page, bell.device_config())
            assert _faults(card) == []


def test_tile_and_badge(open_page: OpenPage, states: States) -> None:
    """What other dashboards show of the fleet."""
    with open_page("axe-summaries") as page:
        tile, badge = states.summaries(page)
        assert _faults(tile) == []
        assert violations(badge) == []


@pytest.mark.parametrize("width", [320, 640])
@pytest.mark.parametrize("locale", ["en-US", "he-IL"])
def test_nothing_is_cut_off(
    browser: Browser, states: States, width: int, locale: str
) -> None:
    """Nothing is cut off at 400 % zoom."""
    with browser.page(f"narrow-{width}", locale=locale) as page:
        page.set_viewport_size({"width": width, "height": 900})
        direction = {"en-US": "ltr", "he-IL": "rtl"}[locale]
        card = states.card(page)
        expect(card).to_have_css("direction", direction)
        assert problems(card) == []
        message = card.get_by_text(f"no {LONG}")
        # So that what ends with a punctuation mark does not begin with it.
        expect(message).to_have_css("direction", "ltr")
        card.locator("button.menu").first.click()
        assert problems(card) == []
        bell = states.bells[0]
        (card,) = bell.cards(page, bell.device_config())
        expect(card).to_have_css("direction", direction)
        assert problems(card) == []


def test_large_text(browser: Browser, states: States) -> None:
    """Lines are as high as their text is large."""
    overlapping = """card => [...card.shadowRoot.querySelectorAll("span, p, h3, dd")]
        .filter(element => element.checkVisibility() && element.textContent.trim())
        .filter(element => {
            const { fontSize, lineHeight } = getComputedStyle(element);
            return parseFloat(lineHeight) < parseFloat(fontSize);
        }).map(({ className, textContent }) => `${className}: ${textContent}`)"""

    def faults(card: Locator) -> list[str]:
        page.add_style_tag(content="html { font-size: 200% }")
        found: list[str] = card.evaluate(overlapping)
        return [*found, *problems(card)]

    bell = states.bells[0]
    with browser.page("large", device="phone") as page:
        assert faults(states.card(page)) == []
        (card,) = bell.cards(page, bell.device_config())
        assert faults(card) == []
