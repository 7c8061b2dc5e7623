"""The cards and the dashboard in a real browser."""

from collections.abc import Callable
from datetime import datetime
from itertools import product
import logging
import re
from typing import Final
from zoneinfo import ZoneInfo

from playwright.sync_api import expect
import pytest

from tests.rig.browser import Browser
from tests.rig.fleet import Fleet
from tests.rig.home_assistant import DASHBOARD, HomeAssistant

from .axe import violations
from .cards import LOADED, SHOWN, TIMEOUT, Bell, OpenFleet, OpenPage, problems
from .conftest import Publish

LOGGER: Final = logging.getLogger("vesper.frontend")


def test_alerts_come_and_go(open_page: OpenPage, bell: Bell) -> None:
    """Alerts appear within a second and disappear when cleared."""
    with open_page("alerts") as page:
        cards = bell.cards(page, bell.fleet_config(), bell.device_config())
        for card in cards:
            name = f"{bell.device_id} OK"
            expect(card.get_by_role("link", name=name)).to_be_visible()
        message = "SD mount failed: " + "the card does not answer " * 8 + "x" * 60
        bell.send("alerts", subsystem="FileManager", state="CRITICAL", msg=message)
        bell.send("info", type="playback_started", payload={"melody_uid": "EVENSONG"})
        for card in cards:
            alert = card.get_by_role("button", name="FileManager Critical")
            expect(alert).to_be_visible(timeout=SHOWN)
            expect(alert).to_contain_text(message)
            expect(card.get_by_role("link", name="Critical")).to_be_visible()
            expect(card.get_by_text("Playing EVENSONG")).to_be_visible(timeout=SHOWN)
            assert problems(card) == []
        bell.send("alerts", subsystem="FileManager", state="CLEARED")
        for card in cards:
            alert = card.get_by_role("button", name="FileManager")
            expect(alert).to_have_count(0, timeout=SHOWN)
            name = f"{bell.device_id} OK"
            expect(card.get_by_role("link", name=name)).to_be_visible()
        bell.send("info", type="playback_stopped")
        for card in cards:
            expect(card.get_by_text("Playing EVENSONG")).to_have_count(0, timeout=SHOWN)


def test_unstable_device(browser: Browser, bell: Bell) -> None:
    """Both cards mark it."""
    with browser.page("unstable") as page:
        cards = bell.cards(page, bell.fleet_config(), bell.device_config())
        for card in cards:
            expect(card.get_by_text("Unstable", exact=True)).to_have_count(0)
        for state in ("WARNING", "CLEARED") * 3:
            bell.send("alerts", subsystem="Player", state=state)
        for card in cards:
            expect(card.get_by_text("Unstable", exact=True)).to_be_visible()
            assert problems(card) == []


def test_essential_entities(
    request: pytest.FixtureRequest,
    open_page: OpenPage,
    publish: Publish,
    home_assistant: HomeAssistant,
    start_fleet: Callable[..., Fleet],
) -> None:
    """Three entities are enough for alerts and health checks."""
    # One for each browser: a simulated device that began again would seem replayed.
    device_id = f"essential-{request.node.callspec.id}"
    fleet = start_fleet(devices=[device_id])
    # Its uptime is higher: after the heartbeat of the bell it would seem late.
    home_assistant.wait_for_states({f"{device_id}/connectivity": "on"})
    bell = Bell(home_assistant, publish, device_id)
    with fleet.device(bell.device_id) as firmware:
        firmware.raise_alert("Player", "WARNING", "no amplifier")
    home_assistant.wait_until(
        lambda: f"{bell.device_id}/alert_Player" in home_assistant.entity_ids(),
        timeout=10,
        what="the sensor of the alert",
    )
    bell.enable_only("connectivity", "health", "active_alerts")
    with open_page("essential") as page:
        cards = bell.cards(page, bell.fleet_config(), bell.device_config())
        for card in cards:
            expect(card.get_by_role("link", name="Warning")).to_be_visible()
            expect(card.get_by_text("no amplifier")).to_be_visible()
            expect(card.get_by_text("Unknown")).to_have_count(0)
            assert problems(card) == []
        card = cards[-1]
        expect(card.get_by_role("term")).to_have_count(0)
        card.get_by_role("button", name="Run health check").click()
        expect(card.get_by_text("Responded")).to_be_visible()
        card.get_by_role("button", name="Player Warning").click()
        dialog = page.locator("ha-more-info-dialog")
        expect(dialog.get_by_text("Active alerts").first).to_be_visible()


def test_opens_what_is_tapped(browser: Browser, bell: Bell) -> None:
    """Taps open sensors and devices, as does the keyboard."""
    bell.send("alerts", subsystem="Player", state="WARNING", msg="no amplifier")
    with browser.page("tap") as page:
        card = bell.fleet_card(page)
        alert = card.get_by_role("button", name="Player Warning")
        alert.focus()
        page.keyboard.press("Enter")
        dialog = page.locator("ha-more-info-dialog")
        expect(dialog.get_by_text("Player").first).to_be_visible()
        page.keyboard.press("Escape")
        expect(dialog.get_by_text("Player")).to_have_count(0)
        # The alert keeps the focus while it is rendered again.
        alert.focus()
        bell.send("alerts", subsystem="Player", state="CRITICAL", msg="no amplifier")
        expect(card.get_by_role("button", name="Player Critical")).to_be_focused()
        page.keyboard.press("Home")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/{DASHBOARD}/device?id={bell.id}")


def test_names_are_text(open_page: OpenPage, bell: Bell) -> None:
    """Names and messages are whole and never markup."""
    name = f"<img src=x onerror=alert(1)> {bell.device_id} " + "Glockenturm" * 6
    bell.rename(name)
    bell.send("alerts", subsystem="<b>SD", state="FAILED", msg="<script>alert(1)")
    compact = bell.fleet_config() | {"compact": True}
    with open_page("names") as page:
        cards = bell.cards(page, bell.fleet_config(), bell.device_config())
        for card in cards:
            expect(card.locator("span.name")).to_have_text(name)
            expect(card.get_by_text("<b>SD")).to_be_visible()
            expect(card.get_by_text("<script>alert(1)")).to_be_visible()
            assert problems(card) == []
        (card,) = bell.cards(page, compact)
        expect(card.locator("span.name")).to_have_text(name)
        expect(card.get_by_text("Alerts: 1")).to_be_visible()
        assert problems(card) == []
    bell.rename(None)


def test_options(browser: Browser, bell: Bell) -> None:
    """The card shows what its options select."""
    with browser.page("options") as page:
        card = bell.fleet_card(page, compact=True, title="The bells")
        expect(card.get_by_role("heading", name="The bells")).to_be_visible()
        bell.send("alerts", subsystem="Player", state="WARNING")
        expect(card.get_by_text("Alerts: 1")).to_be_visible()
        expect(card.get_by_text("Player")).to_have_count(0)
        bell.send("alerts", subsystem="Player", state="CLEARED")

        bell.fleet_card(page, title=bell.device_id, troubled_only=True)
        expect(card.get_by_text("No device has a problem.")).to_be_visible()
        bell.send("alerts", subsystem="Player", state="WARNING")
        expect(card.get_by_role("button", name="Player")).to_be_visible(timeout=SHOWN)

        bell.fleet_card(page, title=bell.device_id, area="nowhere")
        expect(card.get_by_text("There are no devices to show.")).to_be_visible()


def test_suggestion(open_page: OpenPage, bell: Bell) -> None:
    """The device card is suggested for its entities."""
    with open_page("suggestion") as page:
        bell.open_card_picker(page)
        page.get_by_placeholder("Search entities").fill(f"{bell.device_id} health")
        health = page.get_by_text("Health", exact=True)
        found = page.locator("ha-list-item-button", has_text=bell.device_id)
        found.filter(has=health).click()
        suggested = page.locator("vesper-device-card")
        expect(suggested.locator("span.name")).to_contain_text(bell.device_id)
        assert problems(suggested) == []


def test_picker_and_editors(open_page: OpenPage, bell: Bell) -> None:
    """The picker has both cards with editor and preview."""
    labels = {
        "Vesper device": ["The device to show.", "Last restart"],
        "Vesper fleet": ["Title", "Area", "Only devices with problems", "Compact"],
    }
    with open_page("picker") as page:
        for name, of_editor in labels.items():
            bell.open_card_picker(page)
            page.get_by_text("By card", exact=True).click()
            page.get_by_placeholder("Search cards").fill("Vesper")
            for other in labels:
                expect(page.get_by_text(other, exact=True).last).to_be_visible()
            header = page.get_by_text(name, exact=True)
            page.locator(".card", has=header).last.click(position={"x": 60, "y": 16})
            editor = page.locator("hui-card-element-editor")
            for label in of_editor:
                expect(editor.get_by_text(label, exact=True).first).to_be_visible()
            expect(editor.get_by_text(re.compile("option_"))).to_have_count(0)
            tag = f"{name.lower().replace(' ', '-')}-card"
            preview = page.locator(".element-preview").locator(tag)
            expect(preview.locator("span.name").first).to_be_visible()
            assert [*violations(preview), *problems(preview)] == []


def test_dashboard_is_offered(
    open_page: OpenPage, home_assistant: HomeAssistant
) -> None:
    """The dashboard is offered to users who add one."""
    api = home_assistant.api
    with open_page("strategy") as page:
        page.goto(f"{home_assistant.url}/config/lovelace/dashboards")
        page.get_by_text("Add dashboard", exact=True).last.click(timeout=LOADED)
        offered = page.locator("dashboard-card", has_text="Vesper")
        expect(offered).to_contain_text(
            "The whole fleet: what is wrong, where and since when"
        )
        offered.click()
        page.get_by_role("button", name="Create").click()
        # The dialog goes back in the history as it closes.
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.goto(f"{home_assistant.url}/dashboard-vesper")
        card = page.locator("vesper-fleet-card")
        expect(card.get_by_role("status")).to_be_visible(timeout=LOADED)
        assert problems(card) == []
    (made,) = (
        dashboard["id"]
        for dashboard in api.command("lovelace/dashboards/list")
        if dashboard["url_path"] == "dashboard-vesper"
    )
    api.command("lovelace/dashboards/delete", dashboard_id=made)


def test_dashboard_follows(
    browser: Browser, bell: Bell, home_assistant: HomeAssistant, publish: Publish
) -> None:
    """The dashboard in YAML mode adds and renames devices."""
    with browser.page("follows") as page:
        page.goto(f"{home_assistant.url}/{DASHBOARD}")
        board = page.locator("vesper-fleet-card")
        healthy = board.get_by_role("toolbar").get_by_role("button", name="OK")
        expect(healthy).to_be_visible(timeout=LOADED)
        healthy.click()
        newcomer = Bell(home_assistant, publish, "a-newcomer")
        board.get_by_role("link", name="a-newcomer OK").click()
        device = page.locator("vesper-device-card")
        expect(device.get_by_text("a-newcomer")).to_be_visible(timeout=LOADED)
        assert page.url.endswith(f"/{DASHBOARD}/device?id={newcomer.id}")
        newcomer.rename("a-newcomer of another name")
        expect(device.get_by_text("a-newcomer of another name")).to_be_visible()
        expect(page.locator("hui-logbook-card")).to_be_visible()
        # What was chosen still is.
        page.go_back()
        expect(healthy).to_have_attribute("aria-pressed", "true")
        expect(board.get_by_role("link", name="of another name")).to_be_visible()


def test_texts_without_english(browser: Browser, bell: Bell) -> None:
    """Times are in the user's language."""
    bell.send("alerts", subsystem="Player", state="WARNING")
    with browser.page("language", locale="de-DE") as page:
        card = bell.fleet_card(page)
        expect(card.get_by_text("jetzt")).to_be_visible()


def _exact(time: str, zone: str, hours: str) -> str:
    """Return a time in Home Assistant's English format."""
    local = datetime.fromisoformat(time).astimezone(ZoneInfo(zone))
    clock = f"{local:%H:%M:%S}" if hours == "24" else f"{local:%I:%M:%S %p}".lstrip("0")
    return f"{local:%B} {local.day}, {local.year} at {clock}"


def _short(time: str, zone: str, hours: str) -> str:
    """Return a time as cards show it."""
    local = datetime.fromisoformat(time).astimezone(ZoneInfo(zone))
    clock = f"{local:%H:%M}" if hours == "24" else f"{local:%I:%M %p}".lstrip("0")
    is_today = local.date() == datetime.now(ZoneInfo(zone)).date()
    return clock if is_today else f"{local:%b} {local.day} {clock}"


def test_times_of_the_profile(
    browser: Browser, bell: Bell, home_assistant: HomeAssistant
) -> None:
    """Times are shown as the user has chosen."""
    api = home_assistant.api
    bell.send("alerts", subsystem="Player", state="WARNING")
    switch = home_assistant.entity_ids()[f"{bell.device_id}/maintenance"]
    api.post("/api/services/switch/turn_on", {"entity_id": switch})
    zones = {"local": "Europe/Berlin", "server": "America/New_York"}

    def choose(zone: str, hours: str) -> None:
        value = {"language": "en", "time_zone": zone, "time_format": hours}
        value |= dict.fromkeys(
            ("number_format", "date_format", "first_weekday"), "language"
        )
        api.command("frontend/set_user_data", key="language", value=value)

    try:
        api.command("config/core/update", time_zone=zones["server"])
        choose("server", "24")
        with browser.page("times") as page:
            cards = bell.cards(page, bell.fleet_config(), bell.device_config())
            for zone, hours in product(("server", "local"), ("24", "12")):
                choose(zone, hours)
                (until,) = (
                    state["attributes"]["until"]
                    for entity_id, state in api.states().items()
                    if entity_id == switch
                )
                end = _short(until, zones[zone], hours)
                for card in cards:
                    text = f"In maintenance until {end}"
                    expect(card.get_by_text(text, exact=True)).to_be_visible()
                    times = card.locator("time").all()
                    assert times
                    for time in times:
                        moment = time.get_attribute("datetime")
                        assert moment is not None
                        exact = _exact(moment, zones[zone], hours)
                        expect(time).to_have_attribute("title", exact)
                        own = time.evaluate(
                            """({ dateTime }, id) => {
                                const home = document.querySelector("home-assistant");
                                const { states } = home.hass;
                                return home.hass.formatEntityAttributeValue(
                                    states[id], "until", dateTime);
                            }""",
                            switch,
                        )
                        assert own == exact
    finally:
        api.command("frontend/set_user_data", key="language", value=None)
        api.command("config/core/update", time_zone="Europe/Berlin")
        api.post("/api/services/switch/turn_off", {"entity_id": switch})


def test_times_are_updated(many_devices: OpenFleet) -> None:
    """Relative times are updated without a state change."""
    with many_devices(1) as page:
        page.evaluate("bells.show()")
        page.evaluate(
            """() => bells.change(0, "connectivity", "off",
                { last_seen: new Date().toISOString() })"""
        )
        card = page.locator("vesper-fleet-card")
        expect(card.get_by_text("last_seen now")).to_be_visible()
        page.clock.fast_forward("05:00")
        expect(card.get_by_text("last_seen 5 minutes ago")).to_be_visible()


@pytest.mark.parametrize(
    ("locale", "time", "shown"),
    [
        ({}, "2026-01-15T12:30:05Z", "January 15, 2026 at 1:30:05 PM"),
        ({"time_format": "24"}, "2026-07-15T12:30:05Z", "July 15, 2026 at 14:30:05"),
        ({"time_format": "24"}, "2026-07-15T22:00:00Z", "July 16, 2026 at 00:00:00"),
        ({"time_format": "12"}, "2026-07-15T22:00:00Z", "July 16, 2026 at 12:00:00 AM"),
        # That of the browser, which is American here.
        (
            {"language": "de", "time_format": "system"},
            "2026-09-15T12:30:05Z",
            "15. September 2026 um 2:30:05 PM",
        ),
        ({"language": "de"}, "2026-09-15T12:30:05Z", "15. September 2026 um 14:30:05"),
        (
            {"language": "de", "time_format": "12"},
            "2026-09-15T12:30:05Z",
            "15. September 2026 um 2:30:05 PM",
        ),
        (
            {"language": "en-GB", "time_zone": "server"},
            "2026-07-15T20:30:05Z",
            "16 July 2026 at 05:30:05",
        ),
        (
            {"time_zone": "server"},
            "2026-07-15T20:30:05Z",
            "July 16, 2026 at 5:30:05 AM",
        ),
        ({}, "2026-07-15T12:30:05+05:00", "July 15, 2026 at 9:30:05 AM"),
        ({}, "never", ""),
    ],
)
def test_time_formats(
    many_devices: OpenFleet, locale: dict[str, str], time: str, shown: str
) -> None:
    """A time has the user's language, zone and format."""
    own = {"language": "en", "time_format": "language", "time_zone": "local"}
    with many_devices(1) as page:
        text = page.evaluate(
            """async ([locale, time]) => {
                const { absoluteTime } = await import("./cards/times.js");
                const config = { time_zone: "Asia/Tokyo" };
                return absoluteTime({ locale, config }, time);
            }""",
            [own | locale, time],
        )
        assert text == shown


def test_offline_is_grey(browser: Browser, bell: Bell) -> None:
    """A device that timed out is shown grey."""
    with browser.page("offline", device="phone") as page:
        card = bell.fleet_card(page)
        dot = card.locator(".head .dot")
        green = dot.evaluate("dot => getComputedStyle(dot).color")
        bell.send("heartbeat", uptime=3660)
        expect(
            card.get_by_role("link", name=f"{bell.device_id} Offline")
        ).to_be_visible(timeout=(TIMEOUT + 10) * 1000)
        expect(card.get_by_text("Last seen now")).to_be_visible()
        grey = dot.evaluate("dot => getComputedStyle(dot).color")
        assert len(set(re.findall(r"\d+", green)[:3])) > 1
        assert len(set(re.findall(r"\d+", grey)[:3])) == 1
        bell.send("heartbeat", uptime=3700)
        expect(card.get_by_role("link", name=f"{bell.device_id} OK")).to_be_visible(
            timeout=SHOWN
        )
