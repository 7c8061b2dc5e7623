"""A page that stays open, as on wall tablets."""

from collections.abc import Callable
from pathlib import Path
import shutil
from typing import Final

from playwright.sync_api import Locator, Page, Route, expect
import pytest

from tests.rig import home_assistant as rig_home_assistant
from tests.rig.browser import Browser
from tests.rig.home_assistant import DASHBOARD, HomeAssistant

from .cards import LOADED, ROOT, SHOWN, Bell

#: What Home Assistant says of a dashboard whose strategy is not defined after 5 s.
MISSING: Final = "Timeout waiting for strategy element"
#: What a page logs while Home Assistant is stopped.
STOPPED: Final = (
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_EMPTY_RESPONSE",
    "Failed to fetch dynamically imported module: .*/frontend_latest/",
)

#: In milliseconds, how long a page may take to connect again.
RECONNECTED: Final = 20_000


def _hold(held: list[Route]) -> Callable[[Route], None]:
    """Return a handler that keeps requests unanswered."""

    def hold(route: Route) -> None:
        held.append(route)

    return hold


def _open_dashboard(page: Page, home_assistant: HomeAssistant) -> Locator:
    page.goto(f"{home_assistant.url}/{DASHBOARD}")
    return page.locator("vesper-fleet-card")


def test_late_modules(
    browser: Browser, bell: Bell, home_assistant: HomeAssistant
) -> None:
    """A dashboard that waited in vain is shown."""
    held: list[Route] = []
    with browser.page("late", expected=[MISSING]) as page:
        page.route("**/vesper_frontend/*/vesper.js", _hold(held))
        board = _open_dashboard(page, home_assistant)
        error = page.locator("hui-markdown-card").get_by_text(MISSING)
        expect(error).to_be_visible(timeout=LOADED)
        (route,) = held
        route.continue_()
        expect(board.get_by_role("toolbar")).to_be_visible(timeout=LOADED)
        expect(error).to_have_count(0)


def test_late_modules_leave_other_dashboards(
    browser: Browser, bell: Bell, home_assistant: HomeAssistant
) -> None:
    """Dashboards of the user are not loaded again."""
    held: list[Route] = []
    with browser.page("late-others") as page:
        page.route("**/vesper_frontend/*/vesper.js", _hold(held))
        bell.save_cards({"type": "markdown", "content": "My own"}, bell.fleet_config())
        bell.open_cards(page)
        own = page.locator("hui-markdown-card")
        expect(own).to_contain_text("My own", timeout=LOADED)
        own.evaluate("card => (window.kept = card)")
        (route,) = held
        route.continue_()
        card = page.locator("vesper-fleet-card")
        expect(card).to_contain_text(bell.device_id, timeout=LOADED)
        assert own.evaluate("card => card === kept")


def test_update(
    browser: Browser,
    bell: Bell,
    home_assistant: HomeAssistant,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page keeps working while Vesper is updated."""
    integration = "custom_components/vesper"
    shutil.copytree(ROOT / integration, tmp_path / integration)
    with (tmp_path / integration / "frontend/cards/texts.js").open("a") as module:
        module.write("// Changed by an update.\n")
    modules = "performance.getEntriesByType('resource').map(({ name }) => name)"

    def entry(page: Page) -> str:
        (url,) = {url for url in page.evaluate(modules) if url.endswith("/vesper.js")}
        return str(url)

    with browser.page("update", expected=STOPPED) as page:
        board = _open_dashboard(page, home_assistant)
        expect(board.get_by_role("toolbar")).to_be_visible(timeout=LOADED)
        before = entry(page)
        page.evaluate("window.isTheSame = true")
        home_assistant.stop()
        monkeypatch.setattr(rig_home_assistant, "_REPOSITORY", tmp_path)
        home_assistant.start()
        home_assistant.wait_until_listening()
        bell.send("heartbeat", uptime=3700)
        bell.send("alerts", subsystem="Player", state="FAILED", msg="no amplifier")
        row = board.get_by_role("link", name=f"{bell.device_id} Failed")
        expect(row).to_be_visible(timeout=RECONNECTED)
        # What the page has not shown yet is of the copy that it has loaded.
        row.click()
        device = page.locator("vesper-device-card")
        expect(device.get_by_text("no amplifier")).to_be_visible(timeout=LOADED)
        page.go_back()
        with browser.page("updated") as other:
            board_of_other = _open_dashboard(other, home_assistant)
            expect(board_of_other.get_by_role("toolbar")).to_be_visible(timeout=LOADED)
            after = entry(other)
        assert after != before
        # A page may get both copies.
        page.evaluate("url => import(url)", after)
        bell.send("alerts", subsystem="Player", state="CLEARED")
        expect(row).to_have_count(0, timeout=SHOWN)
        assert page.evaluate("window.isTheSame")
