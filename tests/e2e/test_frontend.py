"""The cards and the dashboard in a real browser, on a real Home Assistant's pages."""

from collections.abc import Iterator
from contextlib import contextmanager
import json
import logging
from pathlib import Path
import re
from typing import Any, Final

from playwright.sync_api import Locator, Page, expect
import pytest

from tests.rig import browser as rig_browser
from tests.rig.browser import CHROMIUM, Browser, Device, Scheme
from tests.rig.home_assistant import DASHBOARD, HomeAssistant

from .conftest import Publish

LOGGER: Final = logging.getLogger("vesper.frontend")

RIG: Final = Path(rig_browser.__file__).parent
ROOT: Final = RIG.parents[1]
MODULE: Final = ROOT / "custom_components/vesper/frontend/vesper.js"

#: In milliseconds, how long a page of Home Assistant may take to be there.
LOADED: Final = 30_000
#: And how long a change of a device, once it is published.
SHOWN: Final = 1_000

#: In seconds, the least that can be chosen.
TIMEOUT: Final = 30
CARDS: Final = "card-test"

EVERYWHERE: Final = pytest.mark.parametrize(
    ("device", "scheme"),
    [
        ("desktop", "light"),
        ("desktop", "dark"),
        ("phone", "light"),
        ("phone", "dark"),
    ],
)


@pytest.fixture(scope="module")
def browser(home_assistant: HomeAssistant) -> Iterator[Browser]:
    """Return a browser, for a Home Assistant that soon finds a silent device."""
    if CHROMIUM is None:
        pytest.skip("There is no Chromium: install it with apt-get install chromium")
    entry_id = home_assistant.entry["entry_id"]
    options = home_assistant.api.set_options
    options(entry_id, heartbeat_timeout=TIMEOUT, max_devices=500)
    home_assistant.api.command(
        "lovelace/dashboards/create", url_path=CARDS, title="Cards", mode="storage"
    )
    with Browser(home_assistant, ROOT / ".cache/test/pictures") as browser:
        yield browser
    options(entry_id, heartbeat_timeout=90, max_devices=500)


class Bell:
    """A device, seen from its own side and from that of a person with a browser."""

    def __init__(
        self, home_assistant: HomeAssistant, publish: Publish, device_id: str
    ) -> None:
        """Let the device appear."""
        self._api = home_assistant.api
        self._url = home_assistant.url
        self._publish = publish
        self.device_id = device_id
        self.says("heartbeat", uptime=3600, heap_free=170_000, reset_reason=1)
        home_assistant.wait_for_states({f"{device_id}_connectivity": "on"})
        (self.id,) = (
            device["id"]
            for device in self._api.command("config/device_registry/list")
            if ["vesper", device_id] in device["identifiers"]
        )

    def says(self, topic: str, **fields: Any) -> None:
        """Publish what the device says."""
        self._publish(f"vesper/{self.device_id}/status/{topic}", json.dumps(fields))

    def is_called(self, name: str | None) -> None:
        """Give the device the name of a person's choice."""
        self._api.command(
            "config/device_registry/update", device_id=self.id, name_by_user=name
        )

    def cards(self, page: Page, *configs: dict[str, Any]) -> list[Locator]:
        """Open a dashboard with cards, and return them; each names the device."""
        section = {"type": "grid", "cards": configs}
        view = {"type": "sections", "sections": [section]}
        self._api.command(
            "lovelace/config/save", url_path=CARDS, config={"views": [view]}
        )
        page.goto(f"{self._url}/{CARDS}/0")
        cards = [page.locator(config["type"].split(":")[1]) for config in configs]
        for card in cards:
            text = card.get_by_text(self.device_id).first
            expect(text).to_be_visible(timeout=LOADED)
        return cards

    def fleet_card(self, page: Page, **config: Any) -> Locator:
        """Open a dashboard with the fleet card, of this device alone."""
        return self.cards(page, self.fleet_config() | config)[0]

    def fleet_config(self) -> dict[str, Any]:
        """Return what shows this device on a fleet card."""
        return {"type": "custom:vesper-fleet-card", "devices": [self.id]}

    def device_config(self) -> dict[str, Any]:
        """Return what shows this device on a card of its own."""
        return {"type": "custom:vesper-device-card", "device": self.id}


@pytest.fixture
def bell(
    request: pytest.FixtureRequest,
    browser: Browser,
    home_assistant: HomeAssistant,
    publish: Publish,
) -> Bell:
    """Return a device of the test's own, which is online and well."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())
    return Bell(home_assistant, publish, words.strip("-")[:60])


def problems(card: Locator) -> list[str]:
    """Return what is wrong with the texts of a card."""
    found: list[str] = card.evaluate((RIG / "page_checks.js").read_text())
    return found


@EVERYWHERE
def test_alerts_come_and_go(
    browser: Browser, bell: Bell, device: Device, scheme: Scheme
) -> None:
    """An alert is there within a second, and gone as soon as it is cleared."""
    with browser.page("alerts", device=device, scheme=scheme) as page:
        cards = bell.cards(page, bell.fleet_config(), bell.device_config())
        for card in cards:
            name = f"{bell.device_id} OK"
            expect(card.get_by_role("link", name=name)).to_be_visible()
        message = "SD mount failed: " + "the card does not answer " * 8 + "x" * 60
        bell.says("alerts", subsystem="FileManager", state="CRITICAL", msg=message)
        bell.says("info", type="playback_started", payload={"melody_uid": "EVENSONG"})
        for card in cards:
            alert = card.get_by_role("button", name="FileManager Critical")
            expect(alert).to_be_visible(timeout=SHOWN)
            expect(alert).to_contain_text(message)
            expect(card.get_by_role("link", name="Critical")).to_be_visible()
            expect(card.get_by_text("Playing EVENSONG")).to_be_visible(timeout=SHOWN)
            assert problems(card) == []
        bell.says("alerts", subsystem="FileManager", state="CLEARED")
        for card in cards:
            alert = card.get_by_role("button", name="FileManager")
            expect(alert).to_have_count(0, timeout=SHOWN)
            name = f"{bell.device_id} OK"
            expect(card.get_by_role("link", name=name)).to_be_visible()


def test_device_card(browser: Browser, bell: Bell) -> None:
    """One device tells how it fares, and can be asked to check itself."""
    with browser.page("device-card") as page:
        (card,) = bell.cards(page, bell.device_config())
        for fact in ("No active alerts", "Online", "1 hour ago", "Power on"):
            expect(card.get_by_text(fact)).to_be_visible()
        expect(card.locator("hui-sensor-card").get_by_text("Free heap")).to_be_visible()
        card.get_by_role("button", name="Run health check").click()
        expect(card.get_by_text("Asked for now")).to_be_visible()


def test_opens_what_is_tapped(browser: Browser, bell: Bell) -> None:
    """An alert opens its sensor and a device its page, with the keyboard too."""
    bell.says("alerts", subsystem="Player", state="WARNING", msg="no amplifier")
    with browser.page("tap") as page:
        card = bell.fleet_card(page)
        alert = card.get_by_role("button", name="Player Warning")
        alert.focus()
        page.keyboard.press("Enter")
        dialog = page.locator("ha-more-info-dialog")
        expect(dialog.get_by_text("Player").first).to_be_visible()
        page.keyboard.press("Escape")
        expect(dialog.get_by_text("Player")).to_have_count(0)
        # What is focused stays so while the alert is told anew.
        alert.focus()
        bell.says("alerts", subsystem="Player", state="CRITICAL", msg="no amplifier")
        expect(card.get_by_role("button", name="Player Critical")).to_be_focused()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/config/devices/device/{bell.id}")


def test_names_are_text(browser: Browser, bell: Bell) -> None:
    """What a device, an alert or a person calls itself is no markup."""
    name = f"<img src=x onerror=alert(1)> {bell.device_id} " + "Glockenturm" * 6
    bell.is_called(name)
    bell.says("alerts", subsystem="<b>SD", state="FAILED", msg="<script>alert(1)")
    with browser.page("names", device="phone") as page:
        for card in bell.cards(page, bell.fleet_config(), bell.device_config()):
            expect(card.locator("span.name")).to_have_text(name)
            expect(card.get_by_text("<b>SD")).to_be_visible()
            expect(card.get_by_text("<script>alert(1)")).to_be_visible()
            assert problems(card) == []
    bell.is_called(None)


def test_options(browser: Browser, bell: Bell) -> None:
    """The card shows those that are asked for, as they are asked for."""
    with browser.page("options") as page:
        card = bell.fleet_card(page, compact=True, title="The bells")
        expect(card.get_by_role("heading", name="The bells")).to_be_visible()
        bell.says("alerts", subsystem="Player", state="WARNING")
        expect(card.get_by_text("Alerts: 1")).to_be_visible()
        expect(card.get_by_text("Player")).to_have_count(0)
        bell.says("alerts", subsystem="Player", state="CLEARED")

        bell.fleet_card(page, title=bell.device_id, troubled_only=True)
        expect(card.get_by_text("No device is in trouble.")).to_be_visible()
        bell.says("alerts", subsystem="Player", state="WARNING")
        expect(card.get_by_role("button", name="Player")).to_be_visible(timeout=SHOWN)

        bell.fleet_card(page, title=bell.device_id, area="nowhere")
        expect(card.get_by_text("There are no devices to show.")).to_be_visible()


def test_picker(browser: Browser, bell: Bell, home_assistant: HomeAssistant) -> None:
    """Both cards are offered, one for an entity of a device too, and have an editor."""
    with browser.page("picker") as page:
        bell.fleet_card(page)
        page.goto(f"{home_assistant.url}/{CARDS}/0?edit=1")
        expect(page.locator("vesper-fleet-card span.name")).to_be_visible(
            timeout=LOADED
        )
        page.get_by_label("Add card").last.click()
        page.get_by_placeholder("Search entities").fill(f"{bell.device_id} health")
        page.get_by_text("Health", exact=True).last.click()
        suggested = page.locator("vesper-device-card span.name")
        expect(suggested).to_contain_text(bell.device_id)

        page.get_by_text("By card", exact=True).click()
        search = page.get_by_placeholder("Search cards")
        search.fill("Vesper")
        for name in ("Vesper device", "Vesper fleet"):
            expect(page.get_by_text(name, exact=True).last).to_be_visible()
        page.locator(".card", has_text="Vesper fleet").last.click(
            position={"x": 60, "y": 16}
        )
        editor = page.locator("hui-card-element-editor")
        for label in ("Title", "Only devices in trouble", "Compact"):
            expect(editor.get_by_text(label, exact=True).first).to_be_visible()
        for key in re.findall(r"option_\w+", editor.inner_text()):
            pytest.fail(f"{key} has no text")


def test_dashboard_is_offered(browser: Browser, home_assistant: HomeAssistant) -> None:
    """A person who adds a dashboard finds ours, and gets it with two taps."""
    with browser.page("strategy") as page:
        page.goto(f"{home_assistant.url}/config/lovelace/dashboards")
        page.get_by_text("Add dashboard", exact=True).last.click(timeout=LOADED)
        page.locator("dashboard-card", has_text="Vesper").click()
        page.get_by_role("button", name="Create").click()
        # The dialog goes back in the history as it closes.
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.goto(f"{home_assistant.url}/dashboard-vesper")
        card = page.locator("vesper-fleet-card")
        expect(card.get_by_role("status")).to_be_visible(timeout=LOADED)
        assert problems(card) == []


def test_dashboard_follows(
    browser: Browser, bell: Bell, home_assistant: HomeAssistant, publish: Publish
) -> None:
    """Devices that come and go do so on the dashboard, which is in YAML mode here."""
    with browser.page("follows") as page:
        page.goto(f"{home_assistant.url}/{DASHBOARD}/{bell.id}")
        expect(page.locator("vesper-device-card span.name")).to_be_visible(
            timeout=LOADED
        )
        tab = page.get_by_role("tab", name="a-newcomer")
        expect(tab).to_have_count(0)
        newcomer = Bell(home_assistant, publish, "a-newcomer")
        expect(tab).to_have_count(1)
        newcomer.is_called("a-newcomer of another name")
        expect(page.get_by_role("tab", name="of another name")).to_have_count(1)


def test_texts_without_english(browser: Browser, bell: Bell) -> None:
    """Times are told in the language of the person."""
    bell.says("alerts", subsystem="Player", state="WARNING")
    with browser.page("language", locale="de-DE") as page:
        card = bell.fleet_card(page)
        expect(card.get_by_text("jetzt")).to_be_visible()


@contextmanager
def many_devices(browser: Browser, count: int) -> Iterator[Page]:
    """Open a page that has `bells` (see there), all well, and nothing else."""
    with browser.page("many") as page:
        page.clock.install()
        page.evaluate((RIG / "many_devices.js").read_text(), count)
        page.add_script_tag(content=MODULE.read_text(), type="module")
        yield page


def test_only_rows_in_view_are_made(browser: Browser) -> None:
    """A fleet of a thousand takes no more of the page than one of a few dozen."""
    with many_devices(browser, 1000) as page:
        shown = page.evaluate("bells.show()")
        page.wait_for_function("bells.made() > 0")
        card = page.locator("vesper-fleet-card")
        expect(card.get_by_role("listitem")).to_have_count(1000)
        assert page.evaluate("bells.made()") < 60

        card.get_by_text("Bell 999", exact=True).scroll_into_view_if_needed()
        expect(card.get_by_role("link", name="Bell 999 ok")).to_be_visible()
        page.wait_for_function("bells.made() < 60")
        changed = page.evaluate("bells.change(999, 'health', 'critical')")
        expect(card.get_by_role("listitem").first).to_contain_text("Bell 999")
        nothing = page.evaluate("bells.unchanged()")
        LOGGER.info(
            "1,000 devices: shown after %.0f ms, a change takes %.1f ms, none %.2f ms",
            *(shown, changed, nothing),
        )


def test_what_is_marked(browser: Browser) -> None:
    """The worst is first; nothing that is not known reads as if all were well."""
    alert = {"subsystem": "Player", "state": "WARNING", "message": "silence"}
    doubts = {"confirmed": False, "acknowledged": True}
    with many_devices(browser, 6) as page:
        page.evaluate("bells.show()")
        rows = page.locator("vesper-fleet-card").locator(".devices > li")
        expect(rows.first).to_contain_text("Bell 0 ok", use_inner_text=True)

        def change(*args: Any) -> None:
            page.evaluate("args => bells.change(...args)", args)

        change(1, "connectivity", "unavailable")
        change(2, "maintenance", "on")
        change(3, "health", "warning")
        change(3, "active_alerts", "1", {"alerts": [alert | doubts]})
        change(4, "connectivity", "off", {"last_seen": "2026-11-22T12:00:00+00:00"})
        change(5, "health", "unavailable")
        order = [row.split()[1] for row in rows.all_inner_texts()]
        assert order == ["4", "3", "1", "5", "0", "2"]
        expect(rows.nth(1)).to_contain_text("acknowledged")
        expect(rows.nth(1)).to_contain_text("unconfirmed")
        for row in (2, 3):
            expect(rows.nth(row)).to_contain_text("unknown")
        expect(rows.nth(5)).to_contain_text("maintenance")


def test_time_is_told(browser: Browser) -> None:
    """How long ago something was is right without anything that happens."""
    with many_devices(browser, 1) as page:
        page.evaluate("bells.show()")
        page.evaluate(
            """() => bells.change(0, "connectivity", "off",
                { last_seen: new Date().toISOString() })"""
        )
        card = page.locator("vesper-fleet-card")
        expect(card.get_by_text("last_seen now")).to_be_visible()
        page.clock.fast_forward("05:00")
        expect(card.get_by_text("last_seen 5 minutes ago")).to_be_visible()


def test_not_for_administrators_alone(browser: Browser) -> None:
    """Who may not open the page of a device gets the dialog of its health."""
    with many_devices(browser, 1) as page:
        page.evaluate("""() => {
            document.querySelector("home-assistant").hass.user.is_admin = false;
            document.addEventListener("hass-more-info",
                ({ detail }) => (window.opened = detail.entityId));
        }""")
        page.evaluate("bells.show()")
        page.get_by_role("button", name="Bell 0 ok").click()
        assert page.evaluate("opened") == "sensor.device-0_health"


def test_views(browser: Browser) -> None:
    """Each device has its view, and each area where there are too many devices."""
    generate = """async () => {
        const hass = document.querySelector("home-assistant").hass;
        const strategy = "ll-strategy-dashboard-vesper";
        await customElements.whenDefined(strategy);
        const { views } = await customElements.get(strategy).generate({}, hass);
        return views.map(({ title, sections: [{ cards: [card] }] }) =>
            [title, card.device ?? card.devices?.length]);
    }"""
    with many_devices(browser, 2) as page:
        assert page.evaluate(generate) == [
            ["overview", None],
            ["Bell 0", "device-0"],
            ["Bell 1", "device-1"],
        ]
    with many_devices(browser, 21) as page:
        assert page.evaluate(generate) == [
            ["overview", None],
            ["Tower", 10],
            ["no_area", 11],
        ]


def test_offline_is_grey(browser: Browser, bell: Bell) -> None:
    """A device that falls silent turns grey, says so, and when it was heard last."""
    with browser.page("offline", device="phone") as page:
        card = bell.fleet_card(page)
        dot = card.locator(".dot")
        green = dot.evaluate("dot => getComputedStyle(dot).color")
        bell.says("heartbeat", uptime=3660)
        expect(
            card.get_by_role("link", name=f"{bell.device_id} Offline")
        ).to_be_visible(timeout=(TIMEOUT + 10) * 1000)
        expect(card.get_by_text("Last seen now")).to_be_visible()
        grey = dot.evaluate("dot => getComputedStyle(dot).color")
        assert len(set(re.findall(r"\d+", green)[:3])) > 1
        assert len(set(re.findall(r"\d+", grey)[:3])) == 1
        bell.says("heartbeat", uptime=3700)
        expect(card.get_by_role("link", name=f"{bell.device_id} OK")).to_be_visible(
            timeout=SHOWN
        )
