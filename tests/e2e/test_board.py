"""The list of the fleet."""

import logging
from typing import Any, Final

from playwright.sync_api import expect
import pytest

from .board import ALERT, Board
from .cards import OpenFleet

LOGGER: Final = logging.getLogger("vesper.board")


# The list


@pytest.mark.parametrize("count", [1000, 3000])
def test_many_devices(many_devices: OpenFleet, count: int) -> None:
    """Devices that are OK are one line."""
    last = count - 1
    with many_devices(count) as page:
        board = Board(page)
        assert board.order == ""
        one_line = board.button(f"status_count {count} ok").last
        expect(one_line).to_be_visible()
        # What gets worse is listed, and is gone once it is over.
        worse = board.change(last, "health", "critical")
        assert board.order == str(last)
        over = board.change(last, "health", "ok")
        assert board.order == ""

        one_line.click()
        page.wait_for_function("bells.made() > 0")
        rows = board.card.locator(".devices > li")
        expect(rows).to_have_count(count)
        assert page.evaluate("bells.made()") < 120
        board.row(last).scroll_into_view_if_needed()
        link = board.card.get_by_role("link", name=f"Bell {last} ok")
        expect(link).to_be_visible()
        page.wait_for_function("bells.made() < 120")
        stays = board.change(0, "playing", "on")
        assert stays["moved"] == 0
        LOGGER.info(
            "%d devices: shown after %.0f ms; one gets worse in %.0f ms, is OK again in"
            " %.0f ms, plays in %.0f ms; what is none of ours takes %.2f ms",
            *(count, board.shown, worse["time"], over["time"], stays["time"]),
            page.evaluate("bells.unchanged()"),
        )


def test_an_outage_of_a_large_fleet(many_devices: OpenFleet) -> None:
    """All devices may be offline at once."""
    offline = [[number, "connectivity", "off"] for number in range(1000)]
    with many_devices(1000) as page:
        board = Board(page)
        time = page.evaluate("changes => bells.changeAll(changes)", offline)["time"]
        expect(board.card.locator(".devices > li")).to_have_count(1000)
        LOGGER.info("1000 devices go offline in %.0f ms", time)


def test_nothing_while_hidden(many_devices: OpenFleet) -> None:
    """A hidden page is updated once it is seen."""
    hide = """
        Object.defineProperty(document, "hidden", { value: %s, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    """
    with many_devices(3) as page:
        board = Board(page)
        page.evaluate(hide % "true")
        board.alert(2, ALERT)
        assert board.order == "0 1 2"
        page.evaluate(hide % "false")
        assert board.order == "2 0 1"


def test_order(many_devices: OpenFleet) -> None:
    """The worst is first, then the newest."""
    with many_devices(6) as page:
        board = Board(page)
        assert board.order == "0 1 2 3 4 5"
        board.alert(4, ALERT | {"worsened_at": "2026-11-01T10:00:00+00:00"})
        board.alert(2, ALERT | {"worsened_at": "2026-11-01T11:00:00+00:00"})
        assert board.order == "2 4 0 1 3 5"
        board.alert(5, ALERT | {"state": "FAILED"})
        board.alert(1, ALERT | {"state": "CRITICAL"})
        board.change(3, "connectivity", "off", last_seen="2026-11-01T12:00:00+00:00")
        assert board.order == "5 1 3 2 4 0"
        for number in range(6):
            board.alert(number)
        board.change(3, "connectivity", "on")
        assert board.order == "0 1 2 3 4 5"


def test_what_is_known_sinks(many_devices: OpenFleet) -> None:
    """Acknowledged trouble and maintenance are below what is new."""
    doubts = {"confirmed": False, "acknowledged": True, "note": "ordered"}
    with many_devices(6) as page:
        board = Board(page)
        board.change(0, "connectivity", "unavailable")
        board.change(1, "maintenance", "on")
        board.alert(1, ALERT | {"state": "FAILED"})
        board.alert(2, ALERT | {"state": "CRITICAL"} | doubts)
        board.change(3, "connectivity", "off", acknowledged=True)
        board.change(4, "health", "unavailable")
        board.alert(5, ALERT)
        assert board.order == "5 2 3 1 0 4"
        for text in ("acknowledged", "unconfirmed", "ordered"):
            expect(board.row(2).get_by_text(text).first).to_be_visible()
        for number in (0, 4):
            expect(board.row(number)).to_contain_text("unknown")
        for number, is_dimmed in enumerate([False, True, True, True, False, False]):
            classes = "dimmed" if is_dimmed else ""
            expect(board.row(number)).to_have_attribute("class", classes)


def test_maintenance_without_its_switch(many_devices: OpenFleet) -> None:
    """It is known with the essential entities too."""
    until = "2026-11-30T08:00:00+00:00"
    with many_devices(3) as page:
        page.evaluate("""() => {
            const { hass } = document.querySelector("home-assistant");
            delete hass.entities["sensor.device-2_maintenance"];
        }""")
        board = Board(page)
        board.change(2, "connectivity", "off", maintenance_until=until)
        expect(board.row(2)).to_contain_text("maintenance_until")
        actions = board.open_actions(2)
        end = actions.get_by_role("button", name="action_end_maintenance")
        expect(end).to_be_visible()
        board.change(2, "connectivity", "on")
        expect(end).to_have_count(0)


def test_many_alerts(many_devices: OpenFleet) -> None:
    """A device has at most three alerts listed."""
    alerts = [ALERT | {"subsystem": f"S{number}"} for number in range(12)]
    with many_devices(2) as page:
        board = Board(page, tap_action="more_info")
        board.alert(1, *alerts)
        expect(board.row(1).locator(".alert")).to_have_count(3)
        page.evaluate("""document.addEventListener("hass-more-info",
            ({ detail }) => (window.opened = detail.entityId))""")
        board.button("more_alerts 9").click()
        assert page.evaluate("opened") == "sensor.device-1_health"


# Selecting devices


def test_chips(many_devices: OpenFleet) -> None:
    """They count each device once, and filter."""
    with many_devices(14) as page:
        board = Board(page)
        board.alert(1, ALERT | {"state": "FAILED"})
        board.alert(2, ALERT)
        board.alert(3, ALERT)
        board.change(3, "maintenance", "on")
        board.change(4, "connectivity", "off")
        board.change(5, "connectivity", "unknown")
        chips = board.card.get_by_role("toolbar", name="filter").get_by_role("button")
        texts = ["1 failed", "1 warning", "1 offline", "1 maintenance", "1 unknown"]
        shown = [f"status_count {text}" for text in (*texts, "9 ok")]
        expect(chips.filter(visible=True)).to_have_text(shown)
        assert board.order == "1 4 2 3"
        ok = board.card.get_by_role("toolbar").get_by_text("9 ok")
        ok.click()
        assert board.order == "0 6 7 8 9 10 11 12 13"
        ok.click()
        board.card.get_by_role("toolbar").get_by_text("1 warning").click()
        assert board.order == "2"
        # A chip that is pressed stays when there is none left.
        board.alert(2)
        expect(board.card.get_by_text("no_match")).to_be_visible()
        board.button("clear_filter").click()
        assert board.order == "1 4 3"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *(("bell 1", "1 10 11"), (" TOWER ", "2 0 1 3 4 5 6 7 8 9"), ("player", "2")),
        *(("No Sound", "2"), ("1.11", "11"), ("nothing", "")),
    ],
)
def test_search(many_devices: OpenFleet, text: str, found: str) -> None:
    """It finds names, areas, subsystems, messages and firmware."""
    with many_devices(12) as page:
        board = Board(page)
        board.alert(2, ALERT)
        board.card.get_by_role("searchbox", name="search").fill(text)
        assert board.order == found
        assert board.card.get_by_text("no_match").is_visible() is (not found)


def test_no_search_in_a_small_fleet(many_devices: OpenFleet) -> None:
    """A small fleet is listed without a search."""
    with many_devices(11) as page:
        board = Board(page)
        expect(board.card.get_by_role("searchbox")).to_have_count(0)
        assert board.order == " ".join(map(str, range(11)))


def test_causes(many_devices: OpenFleet) -> None:
    """Devices with the same problem can be grouped."""
    with many_devices(14) as page:
        board = Board(page)
        assert not board.button("group_by_cause").is_visible()
        for number in (1, 3, 5):
            board.alert(number, ALERT)
        board.alert(2, ALERT | {"state": "FAILED"})
        for number in (4, 6):
            board.change(number, "connectivity", "off")
        board.change(7, "maintenance", "on")
        board.button("group_by_cause").click()
        assert board.order == "2 7"
        headings = board.card.locator("button.section")
        texts = ["cause_count offline 2", "cause_count cause_alert Player no sound 3"]
        expect(headings.filter(visible=True)).to_have_text(
            [*texts, "status_count 7 ok"]
        )
        board.button(texts[1]).click()
        assert board.order == "2 1 3 5 7"
        expect(board.button(texts[1])).to_have_attribute("aria-expanded", "true")
        board.button("group_by_cause").click()
        assert board.order == "2 4 6 1 3 5 7"


@pytest.mark.parametrize(
    ("config", "order"),
    [
        ({"devices": ["device-3", "device-1"]}, "3 1"),
        ({"area": "tower"}, "3 0 1 2 4 5 6 7 8 9"),
        ({"floor": ["north"], "label": "odd"}, "3 1 5 7 9"),
        ({"floor": "south"}, ""),
        ({"without_area": True}, "10 11"),
        ({"troubled_only": True}, "3"),
        ({"devices": ["device-3", "device-1"], "sort": "name"}, "1 3"),
        ({"label": "odd", "max_rows": 2}, "3 1"),
        ({"group": True, "area": "tower"}, "3 0 1 2 4 5 6 7 8 9"),
    ],
)
def test_options(many_devices: OpenFleet, config: dict[str, Any], order: str) -> None:
    """Options select devices and set their order."""
    with many_devices(12) as page:
        board = Board(page, **config)
        board.alert(3, ALERT)
        assert board.order == order


def test_more_rows(many_devices: OpenFleet) -> None:
    """Rows beyond the maximum are shown on demand."""
    with many_devices(5) as page:
        board = Board(page, max_rows=2)
        board.button("more_devices 3").click()
        assert board.order == "0 1 2 3 4"


def test_columns(many_devices: OpenFleet) -> None:
    """There are as many columns as fit."""
    widths = """list => getComputedStyle(list).gridTemplateColumns.split(" ").length"""
    with many_devices(5) as page:
        for width, columns, count in (
            (1250, 3, 3),
            (1250, 1, 1),
            (800, 4, 2),
            (320, 3, 1),
        ):
            page.set_viewport_size({"width": width, "height": 900})
            page.evaluate("bells.card?.remove()")
            board = Board(page, columns=columns)
            assert board.card.locator(".devices").evaluate(widths) == count
            overflow = "card => card.scrollWidth > card.clientWidth"
            assert not board.card.locator("ha-card").evaluate(overflow)


# Incidents and areas


def test_incidents(many_devices: OpenFleet) -> None:
    """A banner says what concerns the whole fleet."""
    with many_devices(4) as page:
        board = Board(page)
        banner = board.card.locator("ha-alert")
        expect(banner).to_have_count(0)
        for number in range(3):
            board.change(number, "connectivity", "unknown")
        expect(banner).to_have_text("incident_unknown 3 4")
        figures = {"event_type": "started", "lost": 2, "online_before": 3}
        since = "2026-11-01T10:00:00+00:00"
        board.change("fleet", "outage", since, **figures)
        expect(banner).to_have_text("incident_unknown 3 4")
        # One that was offline for long before is none of it.
        board.change(2, "connectivity", "off", last_seen="2026-10-31T10:00:00+00:00")
        expect(banner).to_have_count(0)
        for number in range(2):
            board.change(number, "connectivity", "off", last_seen=since)
        expect(banner).to_contain_text("incident_outage 2 4 Nov 1")
        board.change("fleet", "outage", since, **figures, area="Tower")
        expect(banner).to_contain_text("incident_outage_area 2 4 Nov 1")
        board.change("fleet", "outage", since, **figures, floor="North")
        expect(banner).to_contain_text("incident_outage_floor 2 4 Nov 1")
        board.change("fleet", "mqtt_link", "off")
        expect(banner).to_contain_text("incident_link_down")
        link = banner.get_by_role("link", name="open_mqtt")
        expect(link).to_have_attribute("href", "/config/integrations/integration/mqtt")
        board.change("fleet", "mqtt_link", "unavailable")
        expect(banner).to_contain_text("incident_not_running")
        board.change("fleet", "mqtt_link", "on")
        board.change("fleet", "outage", since, **figures | {"event_type": "ended"})
        expect(banner).to_have_count(0)


def test_areas(many_devices: OpenFleet) -> None:
    """Each area has a tile with its state."""
    with many_devices(12) as page:
        board = Board(page, areas=True, dashboard="vesper-fleet")
        board.alert(3, ALERT)
        board.alert(4, ALERT)
        board.change(5, "connectivity", "off")
        board.change(5, "maintenance", "on")
        tiles = board.card.locator("a.place")
        expect(tiles).to_have_text(
            [
                "Towerarea_online 9 10status_count 2 warning",
                "no_areaarea_online 2 2ok",
            ]
        )
        hrefs = tiles.evaluate_all(
            "tiles => tiles.map(tile => tile.pathname + tile.search)"
        )
        assert hrefs == ["/vesper-fleet/area?id=tower", "/vesper-fleet/area?id="]


def test_one_area(many_devices: OpenFleet) -> None:
    """One area has no tile."""
    with many_devices(2) as page:
        board = Board(page, areas=True)
        board.alert(1, ALERT)
        expect(board.row(1)).to_contain_text("Player")
        expect(board.card.locator("a.place").filter(visible=True)).to_have_count(0)


OPEN_AREA: Final = """
    async (id) => {
        window.loadCardHelpers = async () => ({
            createCardElement: ({ type, ...config }) => {
                bells.card = document.createElement(type.split(":")[1]);
                bells.card.setConfig(config);
                return bells.card;
            },
        });
        await customElements.whenDefined("vesper-linked-card");
        const linked = document.createElement("vesper-linked-card");
        linked.setConfig({ view: "area", card: "area" });
        linked.hass = document.querySelector("home-assistant").hass;
        history.pushState(null, "", `/bells/area?id=${id}`);
        document.body.append(linked);
        window.linked = linked;
    }
"""


def test_area_view(many_devices: OpenFleet) -> None:
    """Its title is the name of the area."""
    with many_devices(14) as page:
        page.evaluate(OPEN_AREA, "tower")
        card = page.locator("vesper-fleet-card")
        expect(card.get_by_role("heading", name="Tower")).to_be_visible()
        card.get_by_role("toolbar").get_by_text("10 ok").click()
        expect(card.locator(".devices > li")).to_have_count(10)
        page.evaluate("""() => {
            const { hass } = document.querySelector("home-assistant");
            const tower = { ...hass.areas.tower, name: "Belfry" };
            linked.hass = { ...hass, areas: { tower } };
        }""")
        expect(card.get_by_role("heading", name="Belfry")).to_be_visible()
        # What was chosen still is.
        expect(card.get_by_role("toolbar").get_by_text("10 ok")).to_be_visible()
        chosen = card.get_by_role("button", name="10 ok", pressed=True)
        expect(chosen).to_be_visible()
        page.evaluate("""() => {
            history.pushState(null, "", "/bells/area?id=");
            window.dispatchEvent(new Event("location-changed"));
        }""")
        expect(card.get_by_role("heading", name="no_area")).to_be_visible()
        expect(card.locator(".devices > li")).to_have_count(4)


# Other dashboards


def test_empty_fleet(many_devices: OpenFleet) -> None:
    """It says what to check, with a link."""
    with many_devices(0) as page:
        page.evaluate("""document.querySelector("home-assistant")
            .hass.states["sensor.fleet_mqtt_link"].attributes = { prefix: "bells" }""")
        board = Board(page)
        expect(board.card.get_by_text("no_devices bells")).to_be_visible()
        link = board.card.get_by_role("link", name="troubleshooting")
        assert str(link.get_attribute("href")).endswith("/docs/troubleshooting.md")


def test_disabled(many_devices: OpenFleet) -> None:
    """Nothing is known of a disabled Vesper."""
    with many_devices(0) as page:
        page.evaluate("""() => {
            const { hass } = document.querySelector("home-assistant");
            hass.entities = {};
            hass.devices.disabled = { id: "disabled", name: "Bell" };
        }""")
        board = Board(page)
        expect(board.card.get_by_text("incident_not_running")).to_be_visible()
        expect(board.card.get_by_text("no_devices")).to_have_count(0)
        board.show(element="vesper-device-card", device="disabled")
        expect(page.get_by_text("device_disabled")).to_be_visible()


def test_no_selected_device(many_devices: OpenFleet) -> None:
    """The settings of a card may select no device."""
    with many_devices(1) as page:
        board = Board(page, area="nowhere")
        expect(board.card.get_by_text("no_selected")).to_be_visible()


def test_the_dashboard_is_found(many_devices: OpenFleet) -> None:
    """A tap opens the dashboard of device pages."""
    with many_devices(12) as page:
        page.evaluate("""document.querySelector("home-assistant")
            .hass.devices.fleet.configuration_url = "homeassistant://board" """)
        board = Board(page, areas=True)
        head = board.card.get_by_role("link", name="Bell 1 ok")
        expect(head).to_have_attribute("href", "/board/device?id=device-1")
        tile = board.card.locator("a.place").first
        expect(tile).to_have_attribute("href", "/board/area?id=tower")


@pytest.mark.parametrize(
    ("element", "texts"),
    [
        ("vesper-fleet-tile", ["1 failed", "1 offline", "10 ok"]),
        ("vesper-fleet-badge", ["1 failed"]),
    ],
)
def test_summaries(many_devices: OpenFleet, element: str, texts: list[str]) -> None:
    """They say how many devices are in which state."""
    with many_devices(12) as page:
        page.evaluate("""document.addEventListener("hass-more-info",
            ({ detail }) => (window.opened = detail.entityId))""")
        board = Board(page, element=element)
        summary = page.locator(element)
        expect(summary).to_contain_text("status_count 12 ok")
        board.alert(3, ALERT | {"state": "FAILED"})
        board.change(5, "connectivity", "off")
        for text in texts:
            expect(summary.get_by_text(f"status_count {text}")).to_be_visible()
        summary.get_by_role("button").click()
        assert page.evaluate("opened") == "sensor.fleet_fleet_health"
        board.show(element=element, dashboard="bells", label="odd", title="Odd bells")
        link = summary.last.get_by_role("link")
        expect(link).to_have_attribute("href", "/bells")
        title = "card => card.querySelector('ha-badge')?.label ?? card.textContent"
        assert "Odd bells" in link.evaluate(title)
        board.show(element=element, area="nowhere")
        expect(summary.last).to_contain_text("no_devices_short")
