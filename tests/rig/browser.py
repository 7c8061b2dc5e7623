"""A real browser, logged in to a Home Assistant."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
import json
from pathlib import Path
import re
import shutil
import time
from typing import Any, Final, Literal, Self

from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    StorageState,
    sync_playwright,
)

from .home_assistant import HomeAssistant

type Device = Literal["desktop", "phone"]
type Scheme = Literal["light", "dark"]

CHROMIUM: Final = shutil.which("chromium")

_DEVICES: Final[Mapping[Device, Mapping[str, Any]]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
    },
}
_ARGUMENTS: Final = (
    "--no-sandbox",  # it may be root who runs it, and it opens our own pages alone
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# What Home Assistant's own pages log and request, also without the integration.
_EXPECTED: Final[Mapping[str, str]] = {
    r"/api/brands/": "the icons of others are fetched from the internet",
    r"https://demo\.home-assistant\.io/stub_config/": "pictures of the card picker",
}


class Browser:
    """Debian's Chromium; close it before Home Assistant is stopped."""

    def __init__(self, home_assistant: HomeAssistant, artifacts: Path) -> None:
        """Start the browser.

        Screenshots of failed tests go to `artifacts`.
        """
        self._home_assistant = home_assistant
        self._artifacts = artifacts
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(
            executable_path=CHROMIUM, args=_ARGUMENTS
        )

    def __enter__(self) -> Self:
        """Return the browser."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the browser."""
        self._browser.close()
        self._playwright.stop()

    @contextmanager
    def page(
        self,
        name: str,
        *,
        device: Device = "desktop",
        scheme: Scheme = "light",
        locale: str = "en-US",
        expected: Collection[str] = (),
    ) -> Iterator[Page]:
        """Open a page that is logged in.

        Raises AssertionError if it logged a problem that is not `expected`, a
        regular expression, or sent a request to another host. After an error a
        screenshot is stored.
        """
        context = self._browser.new_context(
            **_DEVICES[device],
            color_scheme=scheme,
            locale=locale,
            timezone_id="Europe/Berlin",
            reduced_motion="reduce",
            service_workers="block",
            storage_state=self._login(),
        )
        problems = _collect_problems(
            context, self._home_assistant.url, [*_EXPECTED, *expected]
        )
        page = context.new_page()
        try:
            yield page
        except BaseException:
            self._artifacts.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=self._artifacts / f"{name}-{device}-{scheme}.png")
            raise
        finally:
            context.close()
        assert not problems, "\n".join(problems)

    def _login(self) -> StorageState:
        """Return the storage of a logged-in browser."""
        url = self._home_assistant.url
        tokens = {
            "access_token": self._home_assistant.api.token,
            "token_type": "Bearer",
            "expires_in": 86_400,
            "refresh_token": "",  # it is never used: the other one lasts for years
            "hassUrl": url,
            "clientId": f"{url}/",
            "expires": int((time.time() + 86_400) * 1000),
        }
        kept = {"name": "hassTokens", "value": json.dumps(tokens)}
        return {"cookies": [], "origins": [{"origin": url, "localStorage": [kept]}]}


def _collect_problems(
    context: BrowserContext, url: str, expected: Collection[str]
) -> list[str]:
    """Return a list that collects errors and foreign requests."""
    problems: list[str] = []

    def note(problem: str) -> None:
        if not any(re.search(known, problem) for known in expected):
            problems.append(problem)

    def console(message: ConsoleMessage) -> None:
        if message.type == "error":
            note(f"{message.text} ({message.location['url']})")

    def request(request: Request) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            note(f"asked for {request.url}")

    context.on("console", console)
    context.on("weberror", lambda error: note(str(error.error)))
    context.on("request", request)
    return problems
