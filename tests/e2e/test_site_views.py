"""Two sites in Home Assistant."""

from collections.abc import Iterator
from functools import partial
import json
from typing import Any, Final

from paho.mqtt import publish as mqtt_publish
from playwright.sync_api import Locator, Page, expect
import pytest

from tests.rig.broker import Broker
from tests.rig.browser import CHROMIUM, Browser
from tests.rig.home_assistant import DASHBOARD, HomeAssistant
from tests.rig.process import free_port
from tests.rig.sites import Site

from .axe import violations
from .cards import CARDS, LOADED, ROOT, SHOWN, OpenPage, problems

#: The topic prefixes, by the titles of their entries; one has no place to break it.
LONG: Final = "Southern" * 8
PREFIXES: Final = {"North": "site/north", LONG: "site/south"}

HEARTBEAT: Final = {"uptime": 3600, "heap_free": 170_000, "reset_reason": 1}


class Sites:
    """Two entries, each with a device of one id."""

    def __init__(self, home_assistant: HomeAssistant, broker: Broker) -> None:
        """Add the devices."""
        self.home_assistant = home_assistant
        self.api = home_assistant.api
        address = broker.address
        self._publish = partial(
            mqtt_publish.single, hostname=address.host, port=address.port, qos=1
        )
        self.entries = {
            title: home_assistant.entry_of(prefix)["entry_id"]
            for title, prefix in PREFIXES.items()
        }
        for entry_id in self.entries.values():
            # So no test sees a timeout.
            self.api.set_options(entry_id, heartbeat_timeout=3600, max_devices=500)
        for title in PREFIXES:
            self.go_online(title)
        self.devices = {
            title: home_assistant.device_ids(prefix)["twin"]
            for title, prefix in PREFIXES.items()
        }

    def update(self, entry_id: str, **changes: Any) -> None:
        """Change an entry."""
        self.api.command("config_entries/update", entry_id=entry_id, **changes)

    def disable(self, title: str, disabled_by: str | None) -> None:
        """Disable an entry, or enable it."""
        self.api.command(
            "config_entries/disable",
            entry_id=self.entries[title],
            disabled_by=disabled_by,
        )

    def send(self, title: str, topic: str, **fields: Any) -> None:
        """Publish a message of a device."""
        self._publish(f"{PREFIXES[title]}/twin/status/{topic}", json.dumps(fields))

    def go_online(self, title: str) -> None:
        """Publish the first heartbeat of a device."""
        self.home_assistant.wait_until_listening()
        self.send(title, "heartbeat", **HEARTBEAT)
        self.home_assistant.wait_for_states(
            {"twin/connectivity": "on"}, prefix=PREFIXES[title]
        )

    def board(self, page: Page) -> Locator:
        """Open the dashboard."""
        page.goto(f"{self.home_assistant.url}/{DASHBOARD}")
        card = page.locator("vesper-fleet-card")
        expect(card.get_by_role("list", name="Sites")).to_be_visible(timeout=LOADED)
        return card


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Sites]:
    """Return two sites in another Home Assistant."""
    directory = tmp_path_factory.mktemp("sites") / "config"
    with HomeAssistant(
        directory,
        port=free_port(),
        broker=broker.address,
        sites=[Site(prefix=prefix, title=title) for title, prefix in PREFIXES.items()],
    ) as home_assistant:
        yield Sites(home_assistant, broker)
    problems = home_assistant.log_problems()
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="module")
def browser(sites: Sites) -> Iterator[Browser]:
    """Return a browser."""
    if CHROMIUM is None:
        pytest.skip("There is no Chromium: install it with apt-get install chromium")
    create = "lovelace/dashboards/create"
    sites.api.command(create, url_path=CARDS, title="Cards", mode="storage")
    with Browser(sites.home_assistant, ROOT / ".cache/test/pictures") as browser:
        yield browser


def _faults(card: Locator) -> list[str]:
    """Return what is wrong with a card."""
    return [*violations(card), *problems(card)]


def test_views(open_page: OpenPage, sites: Sites) -> None:
    """A site is opened from the overview."""
    with open_page("sites") as page:
        card = sites.board(page)
        tiles = card.get_by_role("list", name="Sites").get_by_role("link")
        expect(tiles).to_have_text(["North1/1 onlineOK", f"{LONG}1/1 onlineOK"])
        for title in PREFIXES:
            twin = card.get_by_role("link", name=f"twin {title} OK", exact=True)
            expect(twin).to_be_visible()
        assert _faults(card) == []

        tiles.last.click()
        page.wait_for_url(f"**/{DASHBOARD}/site?id={sites.entries[LONG]}")
        expect(card.get_by_role("heading", name=LONG)).to_be_visible(timeout=LOADED)
        expect(card.locator(".devices > li")).to_have_count(1)
        assert _faults(card) == []
        card.get_by_role("link", name="twin OK").click()
        page.wait_for_url(f"**/{DASHBOARD}/device?id={sites.devices[LONG]}")
        device = page.locator("vesper-device-card")
        expect(device.locator(".head")).to_contain_text(LONG, timeout=LOADED)
        assert _faults(device) == []


def test_incident(open_page: OpenPage, sites: Sites) -> None:
    """A site that is disabled is said, and shown."""
    with open_page("sites-disabled") as page:
        card = sites.board(page)
        sites.disable("North", "user")
        try:
            banner = card.locator("ha-alert")
            expect(banner).to_contain_text("Vesper is not running for")
            tile = card.get_by_role("list", name="Sites").get_by_role("link").first
            expect(tile).to_contain_text("Not running")
            expect(card.get_by_role("link", name=f"twin {LONG} OK")).to_be_visible()
            assert _faults(card) == []
        finally:
            sites.disable("North", None)
            sites.go_online("North")
        expect(banner).to_have_count(0)


def test_acknowledge(browser: Browser, sites: Sites) -> None:
    """An action has its effect at one site alone."""
    for title in PREFIXES:
        sites.send(title, "alerts", subsystem="Player", state="WARNING")
    with browser.page("sites-acknowledge") as page:
        card = sites.board(page)
        card.get_by_role("button", name="Actions for twin (North)").click()
        card.get_by_role("button", name="Acknowledge").click()
        expect(card.get_by_text("Acknowledged: 1")).to_be_visible()
        rows = card.locator(".devices > li.dimmed")
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("North")
    for title in PREFIXES:
        sites.send(title, "alerts", subsystem="Player", state="CLEARED")


def test_title(browser: Browser, sites: Sites) -> None:
    """An open board follows the title of an entry."""
    with browser.page("sites-title") as page:
        card = sites.board(page)
        tile = card.get_by_role("list", name="Sites").get_by_role("link").first
        expect(tile).to_contain_text("North")
        sites.update(sites.entries["North"], title="Minster")
        expect(tile).to_contain_text("Minster", timeout=SHOWN)
        sites.update(sites.entries["North"], title="North")
        expect(tile).to_contain_text("North", timeout=SHOWN)


def test_editor_and_suggestion(browser: Browser, sites: Sites) -> None:
    """Cards of a site are suggested and made."""
    url = f"{sites.home_assistant.url}/{CARDS}/0?edit=1"
    view = {"type": "sections", "sections": [{"type": "grid", "cards": []}]}
    save = {"url_path": CARDS, "config": {"views": [view]}}
    sites.api.command("lovelace/config/save", **save)
    with browser.page("sites-editor") as page:
        page.goto(url)
        page.get_by_label("Add card").last.click(timeout=LOADED)
        page.get_by_placeholder("Search entities").fill("North mqtt link")
        page.get_by_text("MQTT link", exact=True).last.click()
        suggested = page.locator("vesper-fleet-tile")
        expect(suggested.locator(".name")).to_have_text("North")
        card = page.locator("vesper-fleet-card")
        expect(card.get_by_role("heading", name="North")).to_be_visible()

        page.get_by_text("By card", exact=True).click()
        page.get_by_placeholder("Search cards").fill("Vesper fleet tile")
        header = page.get_by_text("Vesper fleet tile", exact=True)
        page.locator(".card", has=header).last.click(position={"x": 60, "y": 16})
        editor = page.locator("hui-card-element-editor")
        editor.locator("ha-selector-config_entry").click()
        page.get_by_text(LONG, exact=True).last.click()
        preview = page.locator(".element-preview").locator("vesper-fleet-tile")
        expect(preview.locator(".name")).to_have_text(LONG)
        assert _faults(preview) == []
