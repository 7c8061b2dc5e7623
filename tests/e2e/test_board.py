"""The list of the fleet and its actions."""

import logging
from typing import Any, Final

from playwright.sync_api import Locator, Page, expect
import pytest

from .cards import OpenFleet

LOGGER: Final = logging.getLogger("vesper.board")

#: After how many milliseconds the cards ask again.
RETRY: Final = 30_000

ALERT: Final = {"subsystem": "Player", "state": "WARNING", "message": "no sound"}


class Board:
    """The fleet card, with states set by a test."""

    def __init__(self, page: Page, **config: Any) -> None:
        """Show the card."""
        self.page = page
        self.shown = self.show(**config)
        self.card = page.locator("vesper-fleet-card")

    def show(self, *, element: str = "vesper-fleet-card", **config: Any) -> float:
        """Show one more card; returns the milliseconds."""
        show = "([element, config]) => bells.show(element, config)"
        return float(self.page.evaluate(show, [element, config]))

    def change(self, number: int | str, key: str, state: str, **attributes: Any) -> Any:
        """Change a state.

        Returns how long that took, in milliseconds, and how many rows moved.
        """
        change = [number, key, state, attributes]
        return self.page.evaluate("change => bells.change(...change)", change)

    def alert(self, number: int, *alerts: dict[str, Any]) -> None:
        """Set the alerts of a device, worst first."""
        health = alerts[0]["state"].lower() if alerts else "ok"
        self.change(number, "health", health)
        self.change(number, "active_alerts", str(len(alerts)), alerts=alerts)

    @property
    def order(self) -> str:
        """The numbers of the devices, as listed."""
        return " ".join(self.page.evaluate("bells.order()"))

    def row(self, number: int) -> Locator:
        """Return the row of a device."""
        name = self.page.get_by_text(f"Bell {number}", exact=True)
        return self.card.locator(".devices > li").filter(has=name)

    def button(self, name: str) -> Locator:
        """Return a button."""
        return self.card.get_by_role("button", name=name, exact=True)

    def open_actions(self, number: int) -> Locator:
        """Open the actions of a device."""
        self.button(f"actions_of Bell {number}").click()
        return self.row(number).get_by_role("group")

    @property
    def called(self) -> list[list[Any]]:
        """The actions that were performed, with data and target."""
        called: list[list[Any]] = self.page.evaluate(
            "bells.called.map(call => call.slice(0, 4))"
        )
        return called


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
        texts = ["cause_count offline 2", "cause_count Player: no sound 3"]
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
        tiles = board.card.locator("a.area")
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


# Actions


def test_act_on_a_row(many_devices: OpenFleet) -> None:
    """The answer is shown where the action was chosen."""
    with many_devices(3) as page:
        board = Board(page)
        board.alert(1, ALERT)
        actions = board.open_actions(1)
        target = {"device_id": ["device-1"]}
        for action, response, call, result in (
            (
                "acknowledge",
                {"bell": ["Player"]},
                ["acknowledge_alert", {}],
                "_count 1",
            ),
            (
                "clear",
                {"bell": ["Player", "SD"]},
                ["clear_alert", {}],
                "cleared_count 2",
            ),
            ("run_health_check", None, ["run_health_check", {}], "answered"),
            (
                *("maintenance_1h", {}),
                *(["set_maintenance", {"duration": {"seconds": 3600}}],),
                "maintenance_until",
            ),
        ):
            page.evaluate("response => (bells.response = response)", response)
            actions.get_by_role("button", name=f"action_{action}", exact=True).click()
            expect(actions.get_by_role("status")).to_contain_text(result)
            assert board.called[-1] == ["vesper", *call, target]
        assert not actions.get_by_role("button", name="end_maintenance").is_visible()
        board.change(1, "maintenance", "on", until="2026-11-30T08:00:00+00:00")
        actions.get_by_role("button", name="action_end_maintenance").click()
        expect(actions.get_by_role("status")).to_have_text("maintenance_ended")
        assert board.called[-1][2] == {"duration": {"seconds": 0}}
        # What can't be done to the device is not offered.
        board.alert(1)
        board.change(1, "connectivity", "off", acknowledged=True)
        for action in ("acknowledge", "clear", "run_health_check"):
            button = actions.get_by_role("button", name=f"action_{action}", exact=True)
            expect(button).to_have_count(0)
        board.button("actions_of Bell 1").click()
        expect(actions).to_have_count(0)


def test_the_answer_stays(many_devices: OpenFleet) -> None:
    """A device that gets better keeps its place meanwhile."""
    with many_devices(14) as page:
        board = Board(page)
        for number in (1, 2, 3):
            board.alert(number, ALERT)
        board.card.get_by_role("toolbar").get_by_text("3 warning").click()
        actions = board.open_actions(1)
        page.evaluate("bells.response = { bell: ['Player'] }")
        actions.get_by_role("button", name="action_clear").click()
        order = board.order
        board.alert(1)
        assert board.order == order
        expect(board.row(1).get_by_text("cleared_count 1")).to_be_visible()
        expect(board.card.get_by_role("toolbar")).to_contain_text("2 warning")
        # What gets worse does move.
        board.alert(1, ALERT | {"state": "FAILED"})
        board.card.get_by_role("toolbar").get_by_text("1 failed").click()
        assert board.order == "1"
        board.alert(1)
        assert board.order == "1"
        board.button("actions_of Bell 1").click()
        assert board.order == ""


def test_acknowledge_a_silent_device(many_devices: OpenFleet) -> None:
    """It is acknowledged in the to-do list."""
    with many_devices(2) as page:
        board = Board(page)
        page.evaluate("bells.response = { bell: ['Player'] }")
        board.change("fleet", "problems", "2")
        board.alert(1, ALERT)
        board.change(1, "connectivity", "off")
        actions = board.open_actions(1)
        actions.get_by_role("button", name="action_acknowledge").click()
        expect(actions.get_by_role("status")).to_have_text("acknowledged_count 2")
        item = {"item": "bell-1/connectivity", "status": "completed"}
        assert board.called == [
            ["vesper", "acknowledge_alert", {}, {"device_id": ["device-1"]}],
            ["todo", "update_item", item, {"entity_id": "sensor.fleet_problems"}],
        ]
        # And it can be taken back.
        board.alert(1, ALERT | {"acknowledged": True})
        board.change(1, "connectivity", "off", acknowledged=True)
        actions.get_by_role("button", name="action_unacknowledge").click()
        expect(actions.get_by_role("status")).to_have_text("unacknowledged")
        items = ["bell-1/alert/Player", "bell-1/connectivity"]
        assert [data for _, _, data, _ in board.called[2:]] == [
            {"item": item, "status": "needs_action"} for item in items
        ]


def test_until(many_devices: OpenFleet) -> None:
    """Maintenance ends at the time that was entered."""
    with many_devices(1) as page:
        page.clock.set_fixed_time("2026-03-28T12:00:00Z")
        board = Board(page)
        actions = board.open_actions(0)
        actions.get_by_role("button", name="action_maintenance_until").click()
        until = actions.get_by_label("maintenance_end")
        expect(until).to_have_value("2026-03-29T14:00")
        button = actions.get_by_role("button", name="set_end")
        # The clocks change in between.
        until.fill("2026-03-29T03:30")
        button.click()
        expect(actions.get_by_role("status")).to_contain_text("maintenance_until")
        assert board.called[-1][2] == {"duration": {"seconds": 13.5 * 3600}}
        expect(until).to_be_hidden()
        actions.get_by_role("button", name="action_maintenance_until").click()
        for wrong in ("2026-03-28T12:00", ""):
            until.fill(wrong)
            button.click()
            expect(actions.get_by_role("status")).to_have_text("maintenance_end_passed")
        assert len(board.called) == 1


def test_errors_are_said_in_the_row(many_devices: OpenFleet) -> None:
    """An action that fails says why."""
    with many_devices(2) as page:
        board = Board(page)
        page.evaluate("bells.error = { message: 'The MQTT broker is away' }")
        actions = board.open_actions(1)
        actions.get_by_role("button", name="run_health_check").click()
        result = actions.get_by_role("status")
        expect(result).to_have_text("The MQTT broker is away")
        expect(result).to_have_class("result error")
        page.evaluate("bells.error = { code: 'unauthorized', message: 'Unauthorized' }")
        actions.get_by_role("button", name="run_health_check").click()
        expect(result).to_have_text("action_not_permitted")


def test_act_on_several(many_devices: OpenFleet) -> None:
    """Selected devices have the same actions."""
    with many_devices(14) as page:
        board = Board(page)
        board.alert(1, ALERT)
        board.alert(2, ALERT)
        board.change(3, "connectivity", "off")
        board.button("select").click()
        for number in (1, 3):
            board.row(number).get_by_role("checkbox").check()
        expect(board.card.get_by_text("selected_count 2")).to_be_visible()
        bar = board.card.locator(".selection")
        page.evaluate("bells.response = { one: { answered: true } }")
        bar.get_by_role("button", name="run_health_check").click()
        expect(bar.get_by_text("answered")).to_be_visible()
        # The one that is offline can't answer.
        assert board.called[-1][3] == {"device_id": ["device-1"]}
        board.row(3).get_by_role("checkbox").uncheck()
        warning = board.card.get_by_role("toolbar").get_by_text("2 warning")
        warning.click()
        board.button("select_all").click()
        # It is said that the actions are also for what is not listed.
        board.card.get_by_role("searchbox").fill("bell 1")
        expect(board.card.get_by_text("selected_hidden_count 2 1")).to_be_visible()
        board.card.get_by_role("searchbox").fill("")
        expect(board.card.get_by_text("selected_count 2")).to_be_visible()
        page.evaluate("bells.response = { one: ['Player'], two: ['Player'] }")
        bar.get_by_role("button", name="action_acknowledge").click()
        expect(bar.get_by_text("acknowledged_count 2")).to_be_visible()
        assert board.called[-1][3] == {"device_id": ["device-1", "device-2"]}
        # Nothing is selected next time.
        board.button("select").click()
        expect(bar).to_be_hidden()
        board.button("select").click()
        expect(board.card.get_by_text("selected_count 0")).to_be_visible()


def test_only_what_is_permitted(many_devices: OpenFleet) -> None:
    """Actions are offered on devices under control."""
    with many_devices(3) as page:
        page.evaluate("""() => {
            document.querySelector("home-assistant").hass.user.is_admin = false;
            bells.answers["vesper/controllable_devices"] = { device_ids: ["device-1"] };
        }""")
        board = Board(page)
        expect(board.button("actions_of Bell 1")).to_be_visible()
        expect(board.card.locator("button.menu")).to_have_count(1)
        for number, panels in ((2, 0), (1, 1)):
            board.row(number).locator("a, button").first.focus()
            page.keyboard.press("m")
            expect(board.row(number).get_by_role("group")).to_have_count(panels)
        board.change(2, "playing", "on")
        assert page.evaluate("bells.asked") == [{"type": "vesper/controllable_devices"}]
        board.button("select").click()
        board.button("select_all").click()
        expect(board.card.get_by_text("selected_count 1")).to_be_visible()


def test_permissions_of_a_start(many_devices: OpenFleet) -> None:
    """They are not known until Vesper is running."""
    with many_devices(2) as page:
        page.evaluate("""() => {
            document.querySelector("home-assistant").hass.user.is_admin = false;
            const refusal = { then: (_answer, refuse) => refuse() };
            bells.answers["vesper/controllable_devices"] = refusal;
        }""")
        board = Board(page)
        expect(board.row(1).get_by_text("Bell 1")).to_be_visible()
        page.wait_for_function("bells.asked.length")
        expect(board.card.locator("button.menu")).to_have_count(0)
        page.evaluate("""() => {
            const answer = { device_ids: ["device-1"] };
            bells.answers["vesper/controllable_devices"] = answer;
        }""")
        page.clock.run_for(RETRY)
        expect(board.button("actions_of Bell 1")).to_be_visible()
        expect(board.card.locator("button.menu")).to_have_count(1)


# Taps and keys


@pytest.mark.parametrize(
    ("config", "href"),
    [
        ({}, "/config/devices/device/device-1"),
        (
            {"tap_action": "device_page", "dashboard": "bells"},
            "/config/devices/device/device-1",
        ),
        ({"dashboard": "bells"}, "/bells/device?id=device-1"),
        ({"tap_action": "device_view"}, "/config/devices/device/device-1"),
    ],
)
def test_what_a_tap_opens(
    many_devices: OpenFleet, config: dict[str, Any], href: str
) -> None:
    """A tap opens the device page or a view."""
    with many_devices(2) as page:
        board = Board(page, **config)
        head = board.card.get_by_role("link", name="Bell 1 ok")
        expect(head).to_have_attribute("href", href)


def test_taps_of_other_users(many_devices: OpenFleet) -> None:
    """Users who are no administrators get a dialog."""
    with many_devices(1) as page:
        page.evaluate("""() => {
            document.querySelector("home-assistant").hass.user.is_admin = false;
            bells.answers["vesper/controllable_devices"] = { device_ids: [] };
            document.addEventListener("hass-more-info",
                ({ detail }) => (window.opened = detail.entityId));
        }""")
        board = Board(page)
        board.button("Bell 0 ok").click()
        assert page.evaluate("opened") == "sensor.device-0_health"
        page.evaluate("bells.card.remove()")
        board = Board(page, tap_action="none")
        expect(board.row(0)).to_contain_text("Bell 0")
        expect(board.row(0).locator("a, button")).to_have_count(0)


def test_keys(many_devices: OpenFleet) -> None:
    """Each row is one tab stop."""
    focused = "bells.card.shadowRoot.activeElement?.dataset.focus"
    with many_devices(14) as page:
        board = Board(page)
        board.alert(1, ALERT)
        board.alert(2, ALERT)

        def press(*keys: str) -> Any:
            for key in keys:
                page.keyboard.press(key)
            return page.evaluate(focused)

        board.card.get_by_role("toolbar").get_by_role("button").first.focus()
        press("ArrowRight")
        assert page.evaluate("bells.card.shadowRoot.activeElement.textContent") == (
            "status_count 12 ok"
        )
        # The search, the two tools, then the rows.
        assert press("Tab", "Tab", "Tab", "Tab") == "device-1"
        assert press("ArrowRight") == "device-1/ menu"
        assert press("ArrowRight") == "device-1/Player"
        assert press("Home") == "device-1"
        assert press("ArrowDown") == "device-2"
        assert press("ArrowUp") == "device-1"
        assert press("Tab") == "device-2"
        page.evaluate("bells.response = { bell: ['Player'] }")
        # Home Assistant listens to the same keys.
        page.evaluate("""() => {
            window.heard = [];
            addEventListener("keydown", ({ key }) => heard.push(key));
        }""")
        press("a")
        result = board.row(2).get_by_role("status")
        expect(result).to_have_text("acknowledged_count 1")
        press("m")
        expect(board.row(2).get_by_role("group")).to_have_count(0)
        assert page.evaluate(focused) == "device-2"
        press("x")
        assert page.evaluate("heard") == ["x"]
        # A row that is not in view is rendered when it gets the focus.
        page.set_viewport_size({"width": 390, "height": 100})
        board.card.locator("button.section:not([hidden])").focus()
        press("Enter")
        board.row(1).locator("a").focus()
        assert press("ArrowDown", "ArrowDown", *("ArrowDown",) * 11) == "device-13"


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
        tile = board.card.locator("a.area").first
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
