"""Measure the board of a large fleet."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
import sys
import threading
import time
from typing import Any

from playwright.sync_api import Page

from homeassistant.auth.const import GROUP_ID_ADMIN
from homeassistant.auth.models import TOKEN_TYPE_LONG_LIVED_ACCESS_TOKEN
from homeassistant.core import HomeAssistant
from tests.rig.browser import Browser
from tests.rig.home_assistant import write_storage

DASHBOARD = "vesper-fleet"
CONFIGURATION = f"""
lovelace:
  dashboards:
    {DASHBOARD}:
      mode: yaml
      filename: vesper.yaml
      title: Vesper
"""
STRATEGY = """
strategy:
  type: custom:vesper
"""

#: In place of packages of assist, which the frontend asks for.
STUBS = Path(__file__).parents[1] / "rig" / "stubs"

#: In milliseconds.
TIMEOUT = 180_000

#: Tasks of more than 50 ms, in which a page does not react.
_RECORD_LONG_TASKS = """
window.longTasks = [];
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) window.longTasks.push(duration);
}).observe({ type: "longtask" });
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What a user waits for, in seconds."""

    first: float
    """From opening the page until the list is there."""
    first_blocked: float
    """The longest time in which the page did not react meanwhile."""
    again: float
    """The same when the page is opened once more, with the browser's cache."""
    update: float
    """From an alert of a device until it is listed."""
    update_blocked: float
    heap: float
    """In megabytes: the memory of the page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Login:
    """What the browser needs of a Home Assistant."""

    url: str
    token: str

    @property
    def api(self) -> _Login:
        """Return what has the token."""
        return self


def prepare(config: Path) -> None:
    """Write the dashboard, and skip the onboarding."""
    (config / "vesper.yaml").write_text(STRATEGY)
    (config / ".storage").mkdir()
    done = ["user", "core_config", "analytics", "integration"]
    write_storage(config / ".storage/onboarding", version=4, data={"done": done})


def find_stubs() -> None:
    """Find what is imported for pages."""
    sys.path.append(str(STUBS))


async def async_login(hass: HomeAssistant) -> Any:
    """Return the login of a new administrator."""
    user = await hass.auth.async_create_user("Bench", group_ids=[GROUP_ID_ADMIN])
    token = await hass.auth.async_create_refresh_token(
        user,
        client_name="Bench",
        token_type=TOKEN_TYPE_LONG_LIVED_ACCESS_TOKEN,
        access_token_expiration=timedelta(days=1),
    )
    assert hass.config.api
    return _Login(
        url=f"http://127.0.0.1:{hass.config.api.port}",
        token=hass.auth.async_create_access_token(token),
    )


def show(login: Any, artifacts: Path, alert: threading.Event) -> Shown:
    """Open the board and show a new alert.

    Who waits for the event sends it. Blocks, so it needs a thread of its own.
    """
    with (
        Browser(login, artifacts) as browser,
        # Home Assistant's pages may log what they like.
        browser.page("board", expected=["."]) as page,
    ):
        page.add_init_script(_RECORD_LONG_TASKS)
        first = _open(page, login.url)
        first_blocked = _longest(page)
        again = _open(page, login.url)
        page.wait_for_timeout(5_000)
        page.evaluate("longTasks.length = 0")
        start = time.monotonic()
        alert.set()
        rows = page.locator("vesper-fleet-card .devices > li")
        rows.first.wait_for(timeout=TIMEOUT)
        update = time.monotonic() - start
        page.wait_for_timeout(2_000)
        update_blocked = _longest(page)
        heap = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
        artifacts.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=artifacts / "board.png")
        return Shown(
            first=first,
            first_blocked=first_blocked,
            again=again,
            update=update,
            update_blocked=update_blocked,
            heap=heap,
        )


def _open(page: Page, url: str) -> float:
    """Open the board; return the seconds of that."""
    start = time.monotonic()
    page.goto(f"{url}/{DASHBOARD}", timeout=TIMEOUT)
    # The line of all devices that are OK, or the first filter.
    page.locator("vesper-fleet-card button:visible").first.wait_for(timeout=TIMEOUT)
    return time.monotonic() - start


def _longest(page: Page) -> float:
    """Return the seconds of the longest task."""
    longest: float = page.evaluate("Math.max(0, ...longTasks)")
    return longest / 1e3
