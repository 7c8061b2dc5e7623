"""Actions, taps and keys of the list."""

from typing import Any, Final

from playwright.sync_api import expect
import pytest

from .board import ALERT, Board
from .cards import OpenFleet

#: After how many milliseconds the cards ask again.
RETRY: Final = 30_000


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


def test_focus_goes_on(many_devices: OpenFleet) -> None:
    """It stays in the list without its row."""
    focused = "bells.card.shadowRoot.activeElement?.dataset.focus"
    with many_devices(14) as page:
        board = Board(page)
        for number in (1, 2, 3):
            board.alert(number, ALERT)
        board.row(2).locator("a").focus()
        board.alert(2)
        assert page.evaluate(focused) == "device-3"
        # The last one is collapsed into the line of those that are OK.
        board.alert(3)
        assert page.evaluate(focused) == "section/ok"
        page.keyboard.press("Enter")
        assert board.order == " ".join(map(str, [1, 0, *range(2, 14)]))
        # A row that is not listed anywhere leaves it to the one above.
        page.keyboard.press("Enter")
        board.alert(2, ALERT)
        board.card.get_by_role("toolbar").get_by_text("2 warning").click()
        board.row(2).locator("a").focus()
        board.alert(2)
        assert page.evaluate(focused) == "device-1"


def test_focus_with_few_rows(many_devices: OpenFleet) -> None:
    """It goes to what shows the row again."""
    with many_devices(3) as page:
        board = Board(page, max_rows=1)
        board.alert(1, ALERT)
        board.row(1).locator("a").focus()
        board.alert(0, ALERT | {"state": "FAILED"})
        expect(board.button("more_devices 2")).to_be_focused()
