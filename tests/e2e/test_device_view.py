"""The card of one device in a real browser."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
import json
import re
from typing import Any

from playwright.sync_api import Locator, Page, expect
import pytest

from tests.rig.browser import Browser

from .cards import SHOWN, Bell, OpenFleet, OpenPage, problems

PERIODS = ["24 hours", "7 days", "30 days"]


def bars(card: Locator) -> Locator:
    """Return the status bars of a card."""
    return card.get_by_role("img", name="of the time")


def test_device_card(open_page: OpenPage, bell: Bell) -> None:
    """It shows alerts, availability, facts and actions."""
    with open_page("device-card") as page:
        (card,) = bell.cards(page, bell.device_config())
        for fact in ("No active alerts", "Online", "1 hour ago", "Power on"):
            expect(card.get_by_text(fact, exact=True)).to_be_visible()
        expect(
            card.get_by_role("definition").filter(has_text="166.0 KiB")
        ).to_be_visible()
        expect(card.get_by_text("Not known yet")).to_have_count(3)
        for period in PERIODS:
            expect(card.get_by_text(period, exact=True)).to_be_visible()
        for name in (
            *("Run health check", "Maintenance 1 h", "Maintenance 4 h"),
            *("Maintenance until…", "Download diagnostics"),
        ):
            expect(card.get_by_role("button", name=name)).to_be_visible()
        assert problems(card) == []


def test_status_bars(browser: Browser, bell: Bell) -> None:
    """They show what the recorder has."""
    with browser.page("status-bars") as page:
        (card,) = bell.cards(page, bell.device_config())
        expect(bars(card)).to_have_count(3)
        for bar, period in zip(bars(card).all(), PERIODS, strict=True):
            sentence = f"{period}: online 100% of the time"
            expect(bar).to_have_attribute("aria-label", sentence)
            titles = bar.locator("span").evaluate_all(
                "all => all.map(one => one.title)"
            )
            assert titles[0].startswith("Not recorded: ")
            assert re.fullmatch(r"Online: .+ at .+ to .+ at .+ \(.+\)", titles[-1])


def test_acknowledge_and_clear(open_page: OpenPage, bell: Bell) -> None:
    """Each alert has buttons, which do what they say."""
    for subsystem in ("Player", "Storage"):
        bell.send("alerts", subsystem=subsystem, state="WARNING", msg="no sound")
    with open_page("acknowledge") as page:
        (card,) = bell.cards(page, bell.device_config())
        alerts = card.get_by_role("list", name="Active alerts").get_by_role("listitem")
        expect(alerts).to_have_count(2)
        alert = alerts.filter(has_text="Player")
        alert.get_by_role("button", name="Acknowledge", exact=True).click()
        expect(alert.get_by_text("Acknowledged by Rig")).to_be_visible()
        expect(alerts.filter(has_text="Storage")).not_to_contain_text("Acknowledged")
        assert problems(card) == []
        alert.get_by_role("button", name="Undo acknowledgment").click()
        expect(alert.get_by_text("Acknowledged by Rig")).to_have_count(0)
        # By keyboard: the focus goes on to the alert that is left.
        alert.get_by_role("button", name="Clear").focus()
        page.keyboard.press("Enter")
        expect(alerts).to_have_count(1)
        expect(card.get_by_text("Cleared: Player")).to_be_visible()
        expect(card.get_by_role("button", name="Storage Warning")).to_be_focused()
        assert problems(card) == []
    bell.send("alerts", subsystem="Storage", state="CLEARED")


def test_maintenance(open_page: OpenPage, bell: Bell) -> None:
    """It ends when the user has chosen."""
    with open_page("maintenance") as page:
        (card,) = bell.cards(page, bell.device_config())
        group = card.get_by_role("group", name="Actions")
        note = card.get_by_text("In maintenance until").first
        group.get_by_role("button", name="Maintenance 4 h").click()
        expect(note).to_be_visible()
        expect(group.get_by_role("button", name="Maintenance 4 h")).to_be_hidden()
        group.get_by_role("button", name="Maintenance until…").click()
        field = card.get_by_label("End of the maintenance")
        expect(field).to_be_focused()
        assert problems(card) == []
        begin = card.get_by_role("button", name="Set", exact=True)
        field.fill("2026-01-01T10:00")
        begin.click()
        expect(card.get_by_text("Enter a time in the future.")).to_be_visible()
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        field.fill(f"{tomorrow:%Y-%m-%d}T18:30")
        begin.click()
        until = f"{tomorrow:%b} {tomorrow.day} 6:30"
        expect(note).to_contain_text(f"In maintenance until {until}")
        expect(field).to_be_hidden()
        group.get_by_role("button", name="End maintenance").click()
        expect(note).to_have_count(0)
        expect(group.get_by_role("button", name="Maintenance 1 h")).to_be_visible()


def test_download_of_diagnostics(browser: Browser, bell: Bell) -> None:
    """It is that of the device page."""
    with browser.page("diagnostics") as page:
        (card,) = bell.cards(page, bell.device_config())
        with page.expect_download() as download:
            card.get_by_role("button", name="Download diagnostics").click()
        found = json.loads(download.value.path().read_text())
        assert found["integration_manifest"]["domain"] == "vesper"


def test_new_alert_beside_an_error(browser: Browser, bell: Bell) -> None:
    """What the user reads or has in focus stays."""
    bell.send("alerts", subsystem="Player", state="WARNING")
    with browser.page("beside") as page:
        (card,) = bell.cards(page, bell.device_config())
        alert = card.get_by_role("button", name="Player Warning")
        alert.focus()
        bell.send("alerts", subsystem="Amplifier", state="FAILED")
        expect(card.get_by_role("button", name="Amplifier Failed")).to_be_visible(
            timeout=SHOWN
        )
        expect(alert).to_be_focused()
    for subsystem in ("Player", "Amplifier"):
        bell.send("alerts", subsystem=subsystem, state="CLEARED")


# Without Home Assistant: the texts are the keys of the translations.


@pytest.fixture
def page(many_devices: OpenFleet) -> Iterator[Page]:
    """Return a page with two devices."""
    with many_devices(2) as page:
        yield page


def show(page: Page, **config: Any) -> Locator:
    """Show the card of the second device."""
    page.evaluate(
        "config => bells.show('vesper-device-card', config)",
        {"device": "device-1", **config},
    )
    return page.locator("vesper-device-card")


def test_health_check(page: Page) -> None:
    """The card shows the result of a health check."""
    card = show(page, sections=["actions"])
    button = card.get_by_role("button", name="action_run_health_check")
    for answered, shown in ((True, "answered"), (False, "not_answered")):
        page.evaluate("answered => (bells.answered = answered)", answered)
        button.click()
        expect(card.get_by_role("status").first).to_have_text(shown)
    asked = ["vesper", "run_health_check", {}, {"device_id": ["device-1"]}]
    assert page.evaluate("bells.called.map(call => call.slice(0, 4))") == [asked] * 2
    page.evaluate("bells.change(1, 'connectivity', 'off')")
    expect(button).to_be_hidden()


def test_refusal(page: Page) -> None:
    """An error is shown until the next try."""
    alert = {"subsystem": "Player", "state": "WARNING", "message": "no sound"}
    page.evaluate("() => (bells.error = { code: 'unauthorized', message: 'No' })")
    card = show(page)
    page.evaluate(
        "alert => bells.change(1, 'active_alerts', '1', { alerts: [alert] })", alert
    )
    item = card.get_by_role("listitem").filter(has_text="Player")
    button = item.locator("ha-button", has_text="clear")
    button.click()
    refusal = item.get_by_text("action_not_permitted")
    expect(refusal).to_be_visible()
    page.evaluate(
        "alert => bells.change(1, 'active_alerts', '1', { alerts: [alert] })",
        alert | {"message": "still no sound"},
    )
    expect(item).to_contain_text("still no sound")
    expect(refusal).to_be_visible()
    # No toast of Home Assistant besides.
    assert page.evaluate("bells.called[0][4]") is False
    page.evaluate("() => delete bells.error")
    button.click()
    expect(refusal).to_have_count(0)


REPORT: dict[str, Any] = {
    "availability": {"day": 100, "week": 99.996, "month": None},
    "outages": {},
    "restarts": {},
    "unstable": False,
}


def report(page: Page, outages: list[Any], restarts: list[Any]) -> None:
    """Set the report, with times in hours ago."""
    page.evaluate(
        """([report, outages, restarts]) => {
            const ago = (hours) => hours === null ? null
                : new Date(Date.now() - hours * 3_600_000).toISOString();
            bells.answers["vesper/insight"] = { devices: { "device-1": {
                ...report,
                last_outages: outages.map(([start, end, cause]) =>
                    ({ start: ago(start), end: ago(end), cause })),
                last_restarts: restarts.map(([time, reason]) =>
                    ({ time: ago(time), reason })),
            } } };
        }""",
        [REPORT, outages, restarts],
    )


def test_availability(page: Page) -> None:
    """Percentages, outages and restarts come from the report."""
    outages = [(2, None, "fleet_outage"), (30, 29.5, "device"), (800, 799, "device")]
    report(page, outages, [(29, "brown_out"), (100, None)])
    card = show(page, sections=["availability"])
    values = card.locator(".percent")
    expect(values).to_have_text(["100%", "99.99%", "not_known_yet"])
    texts = card.locator(".past li").all_inner_texts()
    # What is older than 30 days is left out; the newest is first.
    assert [re.sub(r"\s+", " ", text).split()[0] for text in texts] == [
        "offline_since",
        "past_restart",
        "past_outage",
        "past_restart",
    ]
    assert "cause_fleet_outage" in texts[0]
    assert texts[1].endswith("brown_out")
    assert "30 min" in texts[2]
    asked = [{"type": "vesper/insight", "device_ids": ["device-1"]}]
    assert page.evaluate("bells.asked") == asked


def test_many_outages(page: Page) -> None:
    """Only the last ones are shown at once."""
    report(page, [(at + 1, at + 0.5, "device") for at in range(8)], [])
    card = show(page, sections=["availability"])
    items = card.locator(".past li:visible")
    expect(items).to_have_count(5)
    card.get_by_text("past_more 3").click()
    expect(items).to_have_count(8)


def test_report_is_loaded_again(page: Page) -> None:
    """Every five minutes, unless the page is hidden."""
    report(page, [], [])
    card = show(page, sections=["availability"])
    expect(card.get_by_text("past_none")).to_be_visible()
    page.clock.fast_forward(200_000)
    page.evaluate("bells.change(1, 'health', 'warning')")
    assert page.evaluate("bells.asked.length") == 1
    page.evaluate("""() => Object.defineProperty(document, "hidden",
        { configurable: true, get: () => true })""")
    page.clock.fast_forward(400_000)
    assert page.evaluate("bells.asked.length") == 1
    page.evaluate("() => delete document.hidden")
    page.clock.fast_forward(16_000)
    page.wait_for_function("bells.asked.length === 2")


def test_report_after_an_outage(page: Page) -> None:
    """It is loaded at once."""
    report(page, [(240, 239, "device")], [])
    card = show(page)
    before = card.get_by_text("online_since").inner_text()
    page.evaluate("bells.change(1, 'connectivity', 'off')")
    report(page, [(1, 0, "device")], [])
    page.evaluate("bells.change(1, 'connectivity', 'on')")
    expect(card.get_by_text("online_since")).not_to_have_text(before)


def test_without_recorder(page: Page) -> None:
    """The percentages do without the bars."""
    report(page, [], [])
    card = show(page)
    expect(card.get_by_text("99.99%")).to_be_visible()
    expect(card.locator(".status-bar:visible")).to_have_count(0)
    assert page.evaluate("bells.asked.map(({ type }) => type)") == ["vesper/insight"]


def test_heap(page: Page) -> None:
    """Free heap has a graph while it is known."""
    page.evaluate("""() => {
        const { hass } = document.querySelector("home-assistant");
        hass.config.components.push("history", "recorder");
        const at = (hours) => Date.now() / 1000 - hours * 3600;
        bells.answers["history/history_during_period"] = {
            "sensor.device-1_heap_free": [
                { s: "170", lu: at(9) }, { s: "unknown", lu: at(6) },
                { s: "150", lu: at(3) }, { s: "160", lu: at(1) } ] };
    }""")
    card = show(page, sections=["heap"])
    expect(card.get_by_role("term")).to_have_count(0)
    page.evaluate("bells.change(1, 'heap_free', '160')")
    expect(card.get_by_role("term")).to_have_text(["name"])
    graph = card.locator(".sparkline")
    expect(graph).to_be_visible()
    path = graph.evaluate("graph => graph.style.clipPath")
    assert re.findall(r"([\d.]+)% ([\d.]+)%", path) == [
        ("62.5", "100"),
        ("62.5", "0"),
        ("87.5", "80"),
        ("95.8", "40"),
        ("100", "40"),
        ("100", "100"),
    ]


@pytest.mark.parametrize(
    ("sections", "shown"),
    [
        (["playback"], {"playback"}),
        (["restarts", "actions"], {"actions"}),
        (["alerts", "availability"], {"alerts", "availability"}),
        ([], {"alerts", "availability", "playback", "actions"}),
    ],
)
def test_sections(page: Page, sections: list[str], shown: set[str]) -> None:
    """Only the sections of the configuration are shown."""
    card = show(page, sections=sections)
    expect(card.locator(".name")).to_have_text("Bell 1")
    found = {
        "alerts": card.locator("h3", has_text="name").count() > 0,
        "availability": card.locator(".period").count() > 0,
        "playback": card.get_by_text("playback", exact=True).count() > 0,
        "actions": card.locator("input").count() > 0,
    }
    assert {name for name, is_shown in found.items() if is_shown} == shown


def test_not_for_administrators(page: Page) -> None:
    """Other users get no links that they can't open."""
    page.evaluate("""() => {
        document.querySelector("home-assistant").hass.user.is_admin = false;
        document.addEventListener("hass-more-info",
            ({ detail }) => (window.opened = detail.entityId));
    }""")
    card = show(page)
    expect(card.locator("a")).to_have_count(0)
    expect(card.get_by_text("open_device_page")).to_be_hidden()
    card.get_by_role("button", name="Bell 1 ok").click()
    assert page.evaluate("opened") == "sensor.device-1_health"


def test_without_permission(page: Page) -> None:
    """Users are not offered what they may not do."""
    alert = {"subsystem": "Player", "state": "WARNING", "message": "no sound"}
    page.evaluate("""() => {
        document.querySelector("home-assistant").hass.user.is_admin = false;
        bells.answers["vesper/controllable_devices"] = { device_ids: ["device-0"] };
    }""")
    card = show(page)
    page.evaluate(
        "alert => bells.change(1, 'active_alerts', '1', { alerts: [alert] })", alert
    )
    expect(card.get_by_text("no sound")).to_be_visible()
    expect(card.locator("ha-button:visible")).to_have_count(0)
    expect(card.get_by_role("group", name="actions")).to_have_count(0)
    page.evaluate("bells.card.setConfig({ device: 'device-0' })")
    expect(card.get_by_role("group", name="actions")).to_be_visible()


def test_acknowledge_offline(page: Page) -> None:
    """Being offline is acknowledged in the to-do list."""
    card = show(page, sections=["actions"])
    page.evaluate("bells.change('fleet', 'problems', '1')")
    page.evaluate("bells.change(1, 'connectivity', 'off')")
    card.get_by_role("button", name="action_acknowledge").click()
    page.evaluate("bells.change(1, 'connectivity', 'off', { acknowledged: true })")
    card.get_by_role("button", name="action_unacknowledge").click()
    items = page.evaluate("bells.called.map(([, , data]) => data)")
    assert items == [
        {"item": "bell-1/connectivity", "status": status}
        for status in ("completed", "needs_action")
    ]


def test_device_that_is_gone(page: Page) -> None:
    """A message says what to do."""
    card = show(page, device="other")
    expect(card.get_by_text("device_gone")).to_be_visible()
    page.evaluate("bells.card.setConfig({})")
    expect(card.get_by_text("device_missing")).to_be_visible()
