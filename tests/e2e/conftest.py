"""Shared fixtures of the end-to-end tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Protocol

from paho.mqtt import publish as mqtt_publish
from playwright.sync_api import Page, Route
import pytest

from tests.rig.broker import Broker, find_mosquitto
from tests.rig.browser import CHROMIUM, Browser, Device, Scheme
from tests.rig.fleet import Fleet
from tests.rig.home_assistant import HomeAssistant
from tests.rig.process import free_port
from tests.rig.sites import Site

from .cards import CARDS, FRONTEND, RIG, ROOT, TIMEOUT, Bell, OpenFleet, OpenPage

MATRIX = Path(__file__).parents[2] / ".cache" / "test" / "fault-matrix.md"
"""The table of faults of the last run."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark reports of tests of the fault matrix."""
    for item in items:
        if marker := item.get_closest_marker("fault"):
            item.user_properties += [
                ("fault", marker.args[0]),
                ("promise", marker.args[1]),
            ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the fault matrix and write it as Markdown."""
    results: dict[str, dict[str, Any]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.user_properties:
                # A test has a report of its setup, its call and its teardown.
                row = results.setdefault(report.nodeid, {"outcome": "passed"})
                row |= dict(report.user_properties)
                if not report.passed:
                    row["outcome"] = report.outcome
                    row["why"] = report.longrepr
    rows = [_row(row) for row in results.values() if "fault" in row]
    if rows:
        lines = ["| fault | promise | seen |", "| --- | --- | --- |", *rows]
        terminalreporter.section("fault matrix")
        terminalreporter.write("\n".join(lines) + "\n")
        MATRIX.parent.mkdir(parents=True, exist_ok=True)
        MATRIX.write_text("\n".join(lines) + "\n")


def _row(results: dict[str, Any]) -> str:
    """Return a row of the fault matrix."""
    match results:
        case {"outcome": "skipped", "why": (_, _, str(reason))}:
            seen = f"not tried: {reason.removeprefix('Skipped: ')}"
        case {"outcome": "passed"}:
            seen = results.get("seen", "kept")
        case _:
            seen = "**broken**"
    return f"| {results['fault']} | {results['promise']} | {seen} |"


class Publish(Protocol):
    """Publish a message and wait for the broker."""

    def __call__(
        self, topic: str, payload: str, *, qos: int = 1, retain: bool = False
    ) -> None:
        """Publish `payload` under `topic`."""


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Return a broker; who stops it starts it again.

    It is persistent, as those of real fleets are, unless it is amqtt.
    """
    directory = tmp_path_factory.mktemp("broker")
    with Broker(directory, persistent=find_mosquitto() is not None) as broker:
        yield broker


@pytest.fixture(scope="session")
def home_assistant(
    tmp_path_factory: pytest.TempPathFactory, broker: Broker
) -> Iterator[HomeAssistant]:
    """Return a Home Assistant subscribed to the prefix `vesper`.

    It is shared by all tests, so each test has devices of its own. At the end its
    log must have no problems that it would not have without the integration.
    """
    directory = tmp_path_factory.mktemp("home-assistant") / "config"
    with HomeAssistant(
        directory, port=free_port(), broker=broker.address
    ) as home_assistant:
        yield home_assistant
    problems = home_assistant.log_problems()
    assert not problems, "\n".join(problems)


@pytest.fixture
def start_fleet(
    broker: Broker, home_assistant: HomeAssistant
) -> Iterator[Callable[..., Fleet]]:
    """Return a function that starts a `Fleet`.

    Home Assistant is subscribed by then, whatever an earlier test did to it or the
    broker.
    """
    home_assistant.wait_until_listening()
    with ExitStack() as stack:

        def start(**choices: Any) -> Fleet:
            address = broker.address
            return stack.enter_context(Fleet(address.host, address.port, **choices))

        yield start


@pytest.fixture
def publish(broker: Broker, home_assistant: HomeAssistant) -> Publish:
    """Return a function that publishes one message.

    Home Assistant is subscribed by then, whatever an earlier test did to it or the
    broker.
    """
    home_assistant.wait_until_listening()
    address = broker.address
    return partial(mqtt_publish.single, hostname=address.host, port=address.port)


@pytest.fixture
def second_site(home_assistant: HomeAssistant) -> Iterator[Site]:
    """Return a second site that exists during the test.

    The test may remove it, and add it again.
    """
    site = Site(prefix="south/vesper", title="South")
    home_assistant.add_site(site)
    home_assistant.wait_until_listening()
    yield site
    home_assistant.remove_site(site.prefix)


def delete_dashboards(home_assistant: HomeAssistant) -> None:
    """Delete the dashboard of the cards, if any."""
    command = home_assistant.api.command
    for dashboard in command("lovelace/dashboards/list"):
        if dashboard["url_path"] == CARDS:
            command("lovelace/dashboards/delete", dashboard_id=dashboard["id"])


@pytest.fixture(scope="module")
def browser(home_assistant: HomeAssistant) -> Iterator[Browser]:
    """Return a browser; the heartbeat timeout is short."""
    if CHROMIUM is None:
        pytest.skip("There is no Chromium: install it with apt-get install chromium")
    entry_id = home_assistant.entry["entry_id"]
    options = home_assistant.api.set_options
    options(entry_id, heartbeat_timeout=TIMEOUT, max_devices=500)
    command = home_assistant.api.command
    # That of an earlier module may be back, if Home Assistant was killed since.
    delete_dashboards(home_assistant)
    command("lovelace/dashboards/create", url_path=CARDS, title="Cards", mode="storage")
    with Browser(home_assistant, ROOT / ".cache/test/pictures") as browser:
        yield browser
    delete_dashboards(home_assistant)
    options(entry_id, heartbeat_timeout=90, max_devices=500)
    # It is reloaded for that, which a stop would interrupt.
    home_assistant.wait_until_listening()


@pytest.fixture(params=product(("desktop", "phone"), ("light", "dark")), ids="-".join)
def open_page(request: pytest.FixtureRequest, browser: Browser) -> OpenPage:
    """Return a function that opens a page."""
    device: Device
    scheme: Scheme
    device, scheme = request.param
    return partial(browser.page, device=device, scheme=scheme)


@pytest.fixture
def bell(
    request: pytest.FixtureRequest,
    browser: Browser,
    home_assistant: HomeAssistant,
    publish: Publish,
) -> Bell:
    """Return an online device that only this test uses."""
    name = request.node.originalname.removeprefix("test_")
    return Bell(home_assistant, publish, name.replace("_", "-"))


@pytest.fixture
def many_devices(browser: Browser, home_assistant: HomeAssistant) -> OpenFleet:
    """Return a function that opens a page with `bells`.

    See `many_devices.js` for what `bells` offers.
    """
    base = f"{home_assistant.url}/without-home-assistant"

    def serve(route: Route) -> None:
        name = route.request.url.removeprefix(f"{base}/")
        if name:
            route.fulfill(path=FRONTEND / name)
        else:
            route.fulfill(content_type="text/html")

    @contextmanager
    def open_fleet(count: int) -> Iterator[Page]:
        with browser.page("many") as page:
            page.route(f"{base}/**", serve)
            page.goto(f"{base}/")
            page.clock.install()
            page.evaluate((RIG / "many_devices.js").read_text(), count)
            page.add_script_tag(url=f"{base}/vesper.js", type="module")
            yield page

    return open_fleet
