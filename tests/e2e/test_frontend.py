"""The cards and the dashboard in a real browser."""

from collections.abc import Callable
from datetime import datetime
from itertools import product
import logging
import re
from typing import Any, Final
from zoneinfo import ZoneInfo

from playwright.sync_api import expect
import pytest

from tests.rig.browser import Browser
from tests.rig.fleet import Fleet
from tests.rig.home_assistant import DASHBOARD, HomeAssistant

from .cards import LOADED, SHOWN, TIMEOUT, Bell, OpenFleet, OpenPage, problems
from .conftest import Publish
from .test_removal import remove

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


def test_device_card(browser: Browser, bell: Bell) -> None:
    """It shows alerts, connectivity, last restart and free heap."""
    with browser.page("device-card") as page:
        (card,) = bell.cards(page, bell.device_config())
        for fact in ("No active alerts", "Online", "1 hour ago", "Power on"):
            expect(card.get_by_text(fact)).to_be_visible()
        expect(card.locator("hui-sensor-card").get_by_text("Free heap")).to_be_visible()


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
    home_assistant.wait_for_states({f"{device_id}_connectivity": "on"})
    bell = Bell(home_assistant, publish, device_id)
    with fleet.device(bell.device_id) as firmware:
        firmware.raise_alert("Player", "WARNING", "no amplifier")
    home_assistant.wait_until(
        lambda: (
            f"{bell.device_id}_alert_Player" in home_assistant.api.entity_ids("vesper")
        ),
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
        expect(card.get_by_role("term")).to_have_text(["Connectivity"])
        expect(card.locator("hui-sensor-card")).to_have_count(0)
        card.get_by_role("button", name="Run health check").click()
        expect(card.get_by_role("status")).to_have_text("Responded")
        card.get_by_role("button", name="Player").click()
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
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/config/devices/device/{bell.id}")


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
        "Vesper device": ["The device to show."],
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
            assert problems(preview) == []


def test_dashboard_is_offered(
    open_page: OpenPage, home_assistant: HomeAssistant
) -> None:
    """The dashboard is offered to users who add one."""
    api = home_assistant.api
    with open_page("strategy") as page:
        page.goto(f"{home_assistant.url}/config/lovelace/dashboards")
        page.get_by_text("Add dashboard", exact=True).last.click(timeout=LOADED)
        offered = page.locator("dashboard-card", has_text="Vesper")
        expect(offered).to_contain_text("The whole fleet, with a view for each device")
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
    """The dashboard in YAML mode adds and removes devices."""
    # Those of other tests: with many devices there are views of areas.
    home_assistant.reload()
    for device in home_assistant.api.command("config/device_registry/list"):
        if device["model"] == "Vesper" and device["id"] != bell.id:
            remove(home_assistant, device["id"])
    with browser.page("follows") as page:
        page.goto(f"{home_assistant.url}/{DASHBOARD}/{bell.id}")
        expect(page.locator("vesper-device-card span.name")).to_be_visible(
            timeout=LOADED
        )
        tab = page.get_by_role("tab", name="a-newcomer")
        expect(tab).to_have_count(0)
        newcomer = Bell(home_assistant, publish, "a-newcomer")
        expect(tab).to_have_count(1)
        newcomer.rename("a-newcomer of another name")
        expect(page.get_by_role("tab", name="of another name")).to_have_count(1)


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


def test_times_of_the_profile(
    browser: Browser, bell: Bell, home_assistant: HomeAssistant
) -> None:
    """Times are shown as the user has chosen."""
    api = home_assistant.api
    bell.send("alerts", subsystem="Player", state="WARNING")
    switch = api.entity_ids("vesper")[f"{bell.device_id}_maintenance"]
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
                end = _exact(until, zones[zone], hours)
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


@pytest.mark.parametrize("count", [1000, 3000])
def test_only_rows_in_view_are_made(many_devices: OpenFleet, count: int) -> None:
    """The page renders few rows of a large fleet."""
    last = count - 1
    with many_devices(count) as page:
        shown = page.evaluate("bells.show()")
        page.wait_for_function("bells.made() > 0")
        card = page.locator("vesper-fleet-card")
        rows = card.get_by_role("listitem")
        expect(rows).to_have_count(count)
        assert page.evaluate("bells.made()") < 60

        card.get_by_text(f"Bell {last}", exact=True).scroll_into_view_if_needed()
        expect(card.get_by_role("link", name=f"Bell {last} ok")).to_be_visible()
        page.wait_for_function("bells.made() < 60")
        # A device that gets worse, or recovers, moves past all others.
        worse = page.evaluate(f"bells.change({last}, 'health', 'critical')")
        expect(rows.first).to_contain_text(f"Bell {last}")
        well = page.evaluate(f"bells.change({last}, 'health', 'ok')")
        expect(rows.last).to_contain_text(f"Bell {last}")
        stays = page.evaluate("bells.change(0, 'playing', 'on')")
        assert [change["moved"] for change in (worse, well, stays)] == [1, 1, 0]
        LOGGER.info(
            "%d devices: shown after %.0f ms; one gets worse in %.0f ms, is well again"
            " in %.0f ms, plays in %.0f ms; what is none of ours takes %.2f ms",
            *(count, shown, worse["time"], well["time"], stays["time"]),
            page.evaluate("bells.unchanged()"),
        )


def test_rows_keep_their_order(many_devices: OpenFleet) -> None:
    """Rows are sorted by severity and name."""
    with many_devices(5) as page:
        page.evaluate("bells.show()")
        rows = page.locator("vesper-fleet-card").locator(".devices > li")

        def order_after(*states: tuple[int, str]) -> str:
            changes = [[number, "health", state] for number, state in states]
            page.evaluate("changes => bells.changeAll(changes)", changes)
            return "".join(row.split()[1] for row in rows.all_inner_texts())

        assert order_after() == "01234"
        assert order_after((4, "critical"), (1, "warning")) == "41023"
        assert order_after((4, "ok"), (1, "ok"), (3, "failed")) == "30124"
        assert order_after((3, "warning"), (0, "warning"), (2, "warning")) == "02314"
        assert order_after(*((number, "ok") for number in range(5))) == "01234"


def test_counts_what_is_known(many_devices: OpenFleet) -> None:
    """Devices with unknown connectivity are not counted as offline."""
    with many_devices(3) as page:
        page.evaluate("bells.show()")
        summary = (
            page.locator("vesper-fleet-card").get_by_role("status").locator("span")
        )
        shown = "summary_worst"
        for number in range(3):
            page.evaluate(f"bells.change({number}, 'connectivity', 'unknown')")
        expect(summary).to_have_text(["summary_unknown 3", f"{shown} unknown"])
        page.evaluate("bells.change(0, 'connectivity', 'on')")
        page.evaluate("bells.change(1, 'connectivity', 'off')")
        expect(summary).to_have_text(
            ["summary_online 1 2", "summary_unknown 1", f"{shown} offline"]
        )
        page.evaluate("bells.change(2, 'connectivity', 'on')")
        expect(summary).to_have_text(["summary_online 2 3", f"{shown} offline"])


def test_health_check(many_devices: OpenFleet) -> None:
    """The card shows the result of a health check."""
    with many_devices(2) as page:
        page.evaluate("bells.showOne(1)")
        card = page.locator("vesper-device-card")
        button = card.locator("ha-button")
        for answered, shown in ((True, "answered"), (False, "not_answered")):
            page.evaluate("answered => (bells.answered = answered)", answered)
            button.click()
            expect(card.get_by_role("status")).to_have_text(shown)
        asked = ["vesper", "run_health_check", {}, {"device_id": "device-1"}]
        assert (
            page.evaluate("bells.called.map(call => call.slice(0, 4))") == [asked] * 2
        )
        page.evaluate("bells.change(1, 'connectivity', 'off')")
        expect(button).to_be_hidden()


def test_what_is_marked(many_devices: OpenFleet) -> None:
    """The worst is first, and unknown never looks healthy."""
    alert = {"subsystem": "Player", "state": "WARNING", "message": "no sound"}
    doubts = {"confirmed": False, "acknowledged": True}
    with many_devices(6) as page:
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


def test_not_for_administrators_alone(many_devices: OpenFleet) -> None:
    """Users who are no administrators get a dialog."""
    with many_devices(1) as page:
        page.evaluate("""() => {
            document.querySelector("home-assistant").hass.user.is_admin = false;
            document.addEventListener("hass-more-info",
                ({ detail }) => (window.opened = detail.entityId));
        }""")
        page.evaluate("bells.show()")
        page.get_by_role("button", name="Bell 0 ok").click()
        assert page.evaluate("opened") == "sensor.device-0_health"


def test_views(many_devices: OpenFleet) -> None:
    """Each device has a view; with many, each area."""
    generate = """async () => {
        const hass = document.querySelector("home-assistant").hass;
        const strategy = "ll-strategy-dashboard-vesper";
        await customElements.whenDefined(strategy);
        const { views } = await customElements.get(strategy).generate({}, hass);
        return views.map(({ title, sections: [{ cards: [card] }] }) =>
            [title, card.device ?? card.devices?.length]);
    }"""
    with many_devices(2) as page:
        assert page.evaluate(generate) == [
            ["overview", None],
            ["Bell 0", "device-0"],
            ["Bell 1", "device-1"],
        ]
    with many_devices(21) as page:
        assert page.evaluate(generate) == [
            ["overview", None],
            ["Tower", 10],
            ["no_area", 11],
        ]


def test_offline_is_grey(browser: Browser, bell: Bell) -> None:
    """A device that timed out is shown grey."""
    with browser.page("offline", device="phone") as page:
        card = bell.fleet_card(page)
        dot = card.locator(".dot")
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
