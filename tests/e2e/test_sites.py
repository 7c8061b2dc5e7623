"""Several sites on the cards."""

from collections.abc import Iterator
import logging
from typing import Any, Final

from playwright.sync_api import Locator, Page, expect
import pytest

from .axe import violations
from .board import ALERT, Board
from .cards import OpenFleet

LOGGER: Final = logging.getLogger("vesper.board")

#: Of the two sites, South has the devices from this number on.
FIRST: Final = 8
COUNT: Final = 14

SINCE: Final = "2026-11-01T10:00:00+00:00"
OUTAGE: Final = {"event_type": "started", "lost": 2, "online_before": 3}

#: Removes the entities of a site, as those of an entry that is disabled.
DISABLE: Final = """
    (sites) => {
        const { hass } = document.querySelector("home-assistant");
        for (const [id, entity] of Object.entries(hass.entities)) {
            const device = hass.devices[entity.device_id];
            if (sites.includes(device.config_entry_id)) delete hass.entities[id];
        }
    }
"""


@pytest.fixture
def page(many_devices: OpenFleet) -> Iterator[Page]:
    """Return a page with two sites."""
    with many_devices(COUNT) as page:
        page.evaluate("number => bells.split(number)", FIRST)
        yield page


def _tiles(board: Board, name: str) -> Locator:
    """Return the tiles under a heading."""
    return board.card.get_by_role("list", name=name).get_by_role("link")


def _shown(card: Locator) -> list[str]:
    """Return the names of the devices of a card."""
    shown: list[str] = card.evaluate("""card =>
        [...card.shadowRoot.querySelectorAll(".devices > li")]
            .map(({ row }) => row.device.name)
    """)
    return shown


# Sites beside areas


def test_tiles(page: Page) -> None:
    """Each site has a tile, above those of areas."""
    board = Board(page, areas=True, dashboard="bells")
    board.alert(3, ALERT)
    board.change(9, "connectivity", "off")
    headings = board.card.get_by_role("heading")
    expect(headings).to_have_text(["sites", "areas"])
    tiles = _tiles(board, "sites")
    expect(tiles).to_have_text(
        [
            "Northarea_online 8 8status_count 1 warning",
            "Southarea_online 5 6status_count 1 offline",
        ]
    )
    hrefs = tiles.evaluate_all(
        "tiles => tiles.map(tile => tile.pathname + tile.search)"
    )
    assert hrefs == ["/bells/site?id=fleet", "/bells/site?id=south"]
    # One tab stop for all of them.
    tiles.first.focus()
    page.keyboard.press("ArrowRight")
    expect(tiles.last).to_be_focused()
    page.keyboard.press("Tab")
    expect(_tiles(board, "areas").first).to_be_focused()
    assert violations(board.card) == []


def test_many_devices(many_devices: OpenFleet) -> None:
    """They are counted by site, at once."""
    with many_devices(1000) as page:
        page.evaluate("bells.split(400)")
        board = Board(page, areas=True)
        worse = board.change(999, "health", "critical")
        tiles = board.card.get_by_role("list", name="sites").locator(".place")
        expect(tiles.last).to_contain_text("status_count 1 critical")
        over = board.change(999, "health", "ok")
        expect(tiles).to_contain_text(["area_online 400 400", "area_online 600 600"])
        LOGGER.info(
            "1000 devices of two sites: shown after %.0f ms; one gets worse in %.0f ms,"
            " is OK again in %.0f ms; what is none of ours takes %.2f ms",
            *(board.shown, worse["time"], over["time"]),
            page.evaluate("bells.unchanged()"),
        )


def test_one_site_has_no_word(many_devices: OpenFleet) -> None:
    """Nothing is said of a single site."""
    with many_devices(COUNT) as page:
        board = Board(page, areas=True, dashboard="bells")
        for number in (2, 3):
            board.change(number, "connectivity", "off")
        expect(board.card.get_by_role("heading")).to_have_text(["areas"])
        expect(board.card.get_by_text("All Vesper devices")).to_have_count(0)
        expect(board.row(2)).to_have_text("Bell 2offline")
        board.show(element="vesper-device-card", device="device-2")
        head = page.locator("vesper-device-card .head")
        expect(head).to_contain_text("Bell 2offlineTower")


def test_site_without_devices(page: Page) -> None:
    """Its tile says why it is empty."""
    page.evaluate(DISABLE, ["south"])
    board = Board(page, areas=True)
    tiles = board.card.get_by_role("list", name="sites").locator(".place")
    expect(tiles).to_have_text(["Northarea_online 8 8ok", "Southnot_running"])
    banner = board.card.locator("ha-alert")
    expect(banner).to_contain_text("incident_not_running_site South")
    expect(banner).to_have_js_property("alertType", "info")


def test_tile_of_a_site_that_is_not_running(page: Page) -> None:
    """It says so beside its devices."""
    board = Board(page, areas=True)
    board.change("south", "mqtt_link", "unavailable")
    tiles = board.card.get_by_role("list", name="sites").locator(".place")
    expect(tiles.last).to_have_text("Southarea_online 6 6not_running")


def test_names(page: Page) -> None:
    """Devices of the same name differ by their site."""
    page.evaluate("""() => {
        const { hass } = document.querySelector("home-assistant");
        hass.devices["device-9"].name = "Bell 1";
    }""")
    board = Board(page)
    for site in ("North", "South"):
        link = board.card.get_by_role("link", name=f"Bell 1 {site} ok")
        expect(link).to_have_count(0)
    board.button(f"status_count {COUNT} ok").last.click()
    for site in ("North", "South"):
        link = board.card.get_by_role("link", name=f"Bell 1 {site} ok")
        expect(link).to_be_visible()
        expect(board.button(f"actions_of at_site Bell 1 {site}")).to_be_visible()
    board.button("select").click()
    for site in ("North", "South"):
        name = f"select_device at_site Bell 1 {site}"
        expect(board.card.get_by_role("checkbox", name=name)).to_be_visible()
    assert violations(board.card) == []
    board.show(element="vesper-device-card", device="device-9")
    head = page.locator("vesper-device-card .head")
    expect(head).to_contain_text("Bell 1okSouth")


def test_search(page: Page) -> None:
    """It finds devices by the name of their site."""
    board = Board(page)
    board.card.get_by_role("searchbox", name="search").fill("SOUTH")
    assert board.order == " ".join(map(str, range(FIRST, COUNT)))


def test_causes(page: Page) -> None:
    """Outages of sites are not one group."""
    board = Board(page)
    for number in (1, 2, 9):
        board.change(number, "connectivity", "off")
    for number in (3, 10):
        board.alert(number, ALERT)
    board.button("group_by_cause").click()
    headings = board.card.locator("button.section").filter(visible=True)
    expect(headings).to_have_text(
        [
            "of_site North cause_count offline 2",
            "cause_count cause_alert Player no sound 2",
            "status_count 9 ok",
        ]
    )
    assert board.order == "9"
    board.change(8, "connectivity", "off")
    expect(headings.nth(1)).to_have_text("of_site South cause_count offline 2")


def test_a_new_title(page: Page) -> None:
    """The board follows the title of an entry."""
    board = Board(page, areas=True)
    board.alert(9, ALERT)
    board.change("south", "mqtt_link", "on", site="Abbey")
    tiles = board.card.get_by_role("list", name="sites").locator(".place")
    expect(tiles.first).to_contain_text("Abbey")
    expect(board.row(9)).to_contain_text("Bell 9 Abbey")
    # While the entry is not loaded, it is the name of the fleet.
    board.change("south", "mqtt_link", "unavailable")
    expect(board.row(9)).to_contain_text("Bell 9 South")


@pytest.mark.parametrize(
    ("name", "own", "shown"),
    [
        ("All Vesper devices (The (old) bells)", None, "The (old) bells"),
        ("All Vesper devices", None, "All Vesper devices"),
        ("All Vesper devices", "My bells", "My bells"),
        (None, None, "south"),
    ],
)
def test_name_of_a_site(
    page: Page, name: str | None, own: str | None, shown: str
) -> None:
    """Without the title, the fleet has the name."""
    page.evaluate(
        """([name, name_by_user]) => {
            const { hass } = document.querySelector("home-assistant");
            Object.assign(hass.devices.south, { name, name_by_user });
            delete hass.states["sensor.south_mqtt_link"].attributes.site;
        }""",
        [name, own],
    )
    board = Board(page)
    board.alert(9, ALERT)
    name = f"Bell 9 {shown} warning"
    expect(board.card.get_by_role("link", name=name, exact=True)).to_be_visible()


# Incidents


def test_outages(page: Page) -> None:
    """The worst is shown, with its site."""
    board = Board(page)
    banner = board.card.locator("ha-alert")
    board.change("south", "outage", SINCE, **OUTAGE, area="Tower")
    # One of another site is none of it.
    board.change(1, "connectivity", "off", last_seen=SINCE)
    expect(banner).to_have_count(0)
    board.change(9, "connectivity", "off", last_seen=SINCE)
    expect(banner).to_contain_text("of_site South incident_outage_area 1 6 Nov 1")
    board.change(2, "connectivity", "off", last_seen=SINCE)
    board.change("fleet", "outage", SINCE, **OUTAGE)
    expect(banner).to_contain_text("of_site North incident_outage 2 8 Nov 1")
    # A card of the site needs not to name it.
    board.show(entry="south")
    banner = page.locator("vesper-fleet-card").last.locator("ha-alert")
    expect(banner).to_contain_text("incident_outage_area 1 6 Nov 1")
    expect(banner).not_to_contain_text("South")


def test_links(page: Page) -> None:
    """The site is named, unless all are down."""
    board = Board(page)
    banner = board.card.locator("ha-alert")
    board.change("fleet", "outage", SINCE, **OUTAGE)
    board.change(1, "connectivity", "off", last_seen=SINCE)
    board.change("south", "mqtt_link", "off")
    expect(banner).to_contain_text("of_site South incident_link_down")
    board.change("fleet", "mqtt_link", "off")
    expect(banner).to_contain_text("incident_link_down")
    expect(banner).not_to_contain_text("of_site")
    # Worse is that nothing is known at all.
    board.change("south", "mqtt_link", "unavailable")
    expect(banner).to_contain_text("incident_not_running_site South")
    board.change("fleet", "mqtt_link", "unavailable")
    expect(banner).to_contain_text("incident_not_running")
    expect(banner).not_to_contain_text("South")


def test_start(page: Page) -> None:
    """Unknown devices are counted over the sites."""
    board = Board(page, areas=True)
    banner = board.card.locator("ha-alert")
    for number in range(FIRST, COUNT):
        board.change(number, "connectivity", "unknown")
    expect(banner).to_contain_text("of_site South incident_unknown 6 6")
    tiles = board.card.get_by_role("list", name="sites").locator(".place")
    expect(tiles).to_have_text(["Northarea_online 8 8ok", "Southunknown"])
    board.change(FIRST, "connectivity", "on")
    expect(tiles.last).to_have_text("Southarea_online 1 6unknown")
    board.change(FIRST, "connectivity", "unknown")
    for number in range(FIRST):
        board.change(number, "connectivity", "unknown")
    expect(banner).to_contain_text("incident_unknown 14 14")
    expect(banner).not_to_contain_text("of_site")


def test_only_sites_of_the_devices(page: Page) -> None:
    """A card of some devices is about their sites."""
    board = Board(page, devices=["device-1", "device-2"])
    board.change("south", "mqtt_link", "off")
    expect(board.card.locator("ha-alert")).to_have_count(0)
    board.change("fleet", "mqtt_link", "off")
    expect(board.card.locator("ha-alert")).to_contain_text("incident_link_down")


def test_disabled(page: Page) -> None:
    """Anything else is worse than a disabled site."""
    page.evaluate(DISABLE, ["south"])
    board = Board(page)
    banner = board.card.locator("ha-alert")
    expect(banner).to_contain_text("incident_not_running_site South")
    board.change("fleet", "mqtt_link", "off")
    expect(banner).to_contain_text("incident_link_down")
    expect(banner).not_to_contain_text("North")


def test_all_disabled(page: Page) -> None:
    """Nothing is known of any site."""
    page.evaluate(DISABLE, ["fleet", "south"])
    board = Board(page)
    expect(board.card.locator("ha-alert")).to_contain_text("incident_not_running")
    expect(board.card.get_by_text("no_devices")).to_have_count(0)


# Actions


def test_acknowledge_at_two_sites(page: Page) -> None:
    """Each site has a to-do list of its own."""
    board = Board(page)
    board.change("fleet", "problems", "1")
    board.change("south", "problems", "1")
    for number in (1, 9):
        board.change(number, "connectivity", "off")
    board.button("select").click()
    for number in (1, 9):
        board.row(number).get_by_role("checkbox").check()
    bar = board.card.locator(".selection")
    bar.get_by_role("button", name="action_acknowledge", exact=True).click()
    expect(bar.get_by_text("acknowledged_count 2")).to_be_visible()
    lists = [target["entity_id"] for *_, target in board.called]
    assert lists == ["sensor.fleet_problems", "sensor.south_problems"]
    # Where there is no list, nothing is offered.
    board.change("south", "problems", "unavailable")
    board.row(1).get_by_role("checkbox").uncheck()
    expect(bar.get_by_role("button", name="action_acknowledge")).to_have_count(0)


# The option


def test_card_of_a_site(page: Page) -> None:
    """It has only its site's devices and areas."""
    page.evaluate("""() => {
        const { hass } = document.querySelector("home-assistant");
        hass.devices["device-13"].area_id = "tower";
    }""")
    board = Board(page, entry="south", areas=True, dashboard="bells")
    assert board.order == "8 9 10 11 12 13"
    expect(board.card.get_by_role("heading")).to_have_text(["South", "areas"])
    tiles = _tiles(board, "areas")
    expect(tiles).to_have_text(["Towerarea_online 3 3ok", "no_areaarea_online 3 3ok"])
    hrefs = tiles.evaluate_all("tiles => tiles.map(tile => tile.search)")
    assert hrefs == ["?id=tower&entry=south", "?id=&entry=south"]
    # The site is not repeated with each device.
    expect(board.row(9)).to_have_text("Bell 9ok")
    board.change("fleet", "mqtt_link", "off")
    expect(board.card.locator("ha-alert")).to_have_count(0)
    board.show(entry="south", title="My bells")
    heading = page.locator("vesper-fleet-card").last.get_by_role("heading")
    expect(heading).to_have_text("My bells")


@pytest.mark.parametrize("config", [{}, {"entry": "fleet"}])
def test_no_devices(many_devices: OpenFleet, config: dict[str, Any]) -> None:
    """The prefixes of the sites are said."""
    with many_devices(0) as page:
        page.evaluate("bells.split(0)")
        board = Board(page, **config)
        text = "no_devices north" if config else "no_devices_sites north and south"
        expect(board.card.get_by_text(text)).to_be_visible()


def test_no_devices_of_one_site(page: Page) -> None:
    """One site may have no devices yet."""
    page.evaluate("bells.split(0)")
    board = Board(page, entry="fleet")
    expect(board.card.get_by_text("no_devices north")).to_be_visible()
    board = Board(page, areas=True)
    tiles = page.locator("vesper-fleet-card").last.locator(".place")
    expect(tiles.first).to_have_text("Northno_devices_short")


@pytest.mark.parametrize("element", ["fleet-card", "fleet-tile", "fleet-badge"])
def test_no_such_site(page: Page, element: str) -> None:
    """The card says that its site is gone."""
    Board(page, element=f"vesper-{element}", entry="gone")
    card = page.locator(f"vesper-{element}")
    text = "site_gone" if element == "fleet-card" else "site_gone_short"
    expect(card.get_by_text(text, exact=True)).to_be_visible()
    expect(card.locator("ha-alert")).to_have_count(0)


@pytest.mark.parametrize("element", ["vesper-fleet-tile", "vesper-fleet-badge"])
def test_summary_of_a_site(page: Page, element: str) -> None:
    """It is about its site, whose view it opens."""
    page.evaluate("""document.addEventListener("hass-more-info",
        ({ detail }) => (window.opened = detail.entityId))""")
    board = Board(page, element=element, entry="fleet", dashboard="bells")
    summary = page.locator(element)
    board.change(9, "connectivity", "off")
    expect(summary).to_contain_text("status_count 8 ok")
    link = summary.get_by_role("link")
    expect(link).to_have_attribute("href", "/bells/site?id=fleet")
    title = "card => card.querySelector('ha-badge')?.label ?? card.textContent"
    assert "North" in link.evaluate(title)
    # Without a dashboard, the dialog of the worst site is opened.
    board.show(element=element)
    expect(summary.last).to_contain_text("status_count 1 offline")
    summary.last.get_by_role("button").click()
    assert page.evaluate("opened") == "sensor.south_fleet_health"


def test_views(page: Page) -> None:
    """Sites and their areas have views."""
    page.evaluate("""async () => {
        window.loadCardHelpers = async () => ({
            createCardElement: ({ type, ...config }) => {
                bells.card = document.createElement(type.split(":")[1]);
                bells.card.setConfig(config);
                return bells.card;
            },
        });
        await customElements.whenDefined("vesper-linked-card");
        window.open = (view, path) => {
            document.querySelector("vesper-linked-card")?.remove();
            history.pushState(null, "", path);
            const linked = document.createElement("vesper-linked-card");
            linked.setConfig({ view, card: view });
            linked.hass = document.querySelector("home-assistant").hass;
            document.body.append(linked);
        };
    }""")
    card = page.locator("vesper-fleet-card")
    page.evaluate("open('site', '/bells/site?id=south')")
    expect(card.get_by_role("heading").first).to_have_text("South")
    assert len(_shown(card)) == COUNT - FIRST
    href = card.get_by_role("link", name="Tower").get_attribute("href")
    assert href == "/bells/area?id=tower&entry=south"
    page.evaluate("path => open('area', path)", href)
    expect(card.get_by_role("heading")).to_have_text("at_site Tower South")
    assert _shown(card) == ["Bell 8", "Bell 9"]
    page.evaluate("open('area', '/bells/area?id=tower')")
    expect(card.get_by_role("heading")).to_have_text("Tower")
    assert len(_shown(card)) == 10


def test_suggestions(page: Page) -> None:
    """Cards of a site are suggested for its fleet."""
    suggest = """async (id) => {
        await customElements.whenDefined("vesper-fleet-badge");
        const { hass } = document.querySelector("home-assistant");
        return window.customCards.map((card) => card.getEntitySuggestion(hass, id));
    }"""
    cards = ["custom:vesper-fleet-card", "custom:vesper-fleet-tile"]
    found = page.evaluate(suggest, "sensor.south_fleet_health")
    assert found == [
        {"config": {"type": cards[0], "entry": "south"}},
        None,
        {"config": {"type": cards[1], "entry": "south"}},
    ]
    found = page.evaluate(suggest, "sensor.device-1_health")
    assert [card and card["config"]["type"] for card in found] == [
        *(None, "custom:vesper-device-card", None)
    ]


def test_suggestion_of_one_site(many_devices: OpenFleet) -> None:
    """With one site, the cards are of all devices."""
    with many_devices(1) as page:
        found = page.evaluate("""async () => {
            await customElements.whenDefined("vesper-fleet-badge");
            const { hass } = document.querySelector("home-assistant");
            return window.customCards.map((card) =>
                card.getEntitySuggestion(hass, "sensor.fleet_outage"));
        }""")
        assert found == [
            {"config": {"type": "custom:vesper-fleet-card"}},
            None,
            {"config": {"type": "custom:vesper-fleet-tile"}},
        ]
