"""Vesper installed, updated and removed by Marketplace."""

from collections.abc import Iterator
from functools import partial
import json
from pathlib import Path
import re
from urllib.parse import urlsplit
from zipfile import ZipFile

from paho.mqtt import publish as mqtt_publish
from playwright.sync_api import Page, Route, expect
import pytest

from tests.rig.api import ApiError
from tests.rig.broker import Broker
from tests.rig.browser import CHROMIUM, Browser
from tests.rig.github import FULL_NAME, GitHub, Request
from tests.rig.home_assistant import HomeAssistant
from tests.rig.marketplace import Marketplace
from tests.rig.process import free_port
from tests.rig.repository import PACKAGE, Repository
from tests.rig.sites import PREFIX, Site

from .cards import ROOT

BELL = "chapel"
REGISTRY = f"{PACKAGE}/hub/registry.py"
MANUFACTURER = "Bell Systems"
#: That of the next version.
NEXT = "Bells & Systems"
#: The link of the README, behind the page that leads to the user's Home Assistant.
LINK = re.compile(r"my\.home-assistant\.io/redirect/(hacs_repository)/(\?[^)]+)\)")
CODE = re.compile(r"^\s*[0-9A-F]{4}-[0-9A-F]{4}\s*$")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository whose version is released."""
    repository = Repository(tmp_path / "repository")
    repository.release(repository.version)
    return repository


@pytest.fixture
def github(tmp_path: Path, repository: Repository) -> Iterator[GitHub]:
    """Return a GitHub that could answer all requests."""
    with GitHub(tmp_path / "github", repository) as github:
        yield github
    assert [str(request) for request in github.unknown] == []


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """Return a broker without retained messages."""
    with Broker(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def home_assistant(
    tmp_path: Path, broker: Broker, github: GitHub
) -> Iterator[HomeAssistant]:
    """Return a Home Assistant with MQTT and without Vesper."""
    with HomeAssistant(
        tmp_path / "home-assistant" / "config",
        port=free_port(),
        broker=broker.address,
        sites=(),
        github=github,
    ) as home_assistant:
        yield home_assistant
        problems = home_assistant.log_problems()
    assert not problems, "\n".join(problems)


def _release_next(repository: Repository) -> str:
    """Release a version with other files."""
    *earlier, patch = repository.version.split(".")
    version = ".".join([*earlier, str(int(patch) + 1)])
    code = repository.read("main", REGISTRY).decode()
    assert code.count(f'"{MANUFACTURER}"') == 1
    repository.release(
        version,
        {
            REGISTRY: code.replace(f'"{MANUFACTURER}"', f'"{NEXT}"').encode(),
            f"{PACKAGE}/added.py": b'"""A module that is new."""\n',
            f"{PACKAGE}/translations/pl.json": None,
        },
    )
    return version


def _installed(home_assistant: HomeAssistant) -> dict[str, bytes]:
    """Return the files of custom integrations, without caches."""
    folder = home_assistant.directory / "custom_components"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }


def _released(repository: Repository, version: str) -> dict[str, bytes]:
    """Return the files that a version must install."""
    files = repository.package(version)
    # The zip file, which is for installing by hand, has the same.
    with ZipFile(repository.assets[version]) as archive:
        assert files == {
            name.removeprefix(f"{PACKAGE}/"): archive.read(name)
            for name in archive.namelist()
            if not name.endswith("/")
        }
    return {f"vesper/{path}": content for path, content in files.items()}


def _publish(broker: Broker, topic: str, **message: object) -> None:
    """Publish a message of the bell, not retained."""
    mqtt_publish.single(
        f"{PREFIX}/{BELL}/status/{topic}",
        json.dumps(message),
        qos=1,
        hostname=broker.address.host,
        port=broker.address.port,
    )


def _runs(home_assistant: HomeAssistant, version: str, manufacturer: str) -> bool:
    """Return whether this is the code that runs."""
    command = home_assistant.api.command
    (fleet,) = [
        device
        for device in command("config/device_registry/list")
        if device["name"] == "All Vesper devices"
    ]
    loaded = command("manifest/get", integration="vesper")["version"]
    return (loaded, fleet["manufacturer"]) == (version, manufacturer)


def _assert_works(home_assistant: HomeAssistant, broker: Broker) -> None:
    """Check what needs the integration's own parts."""
    _publish(broker, "heartbeat", uptime=3600, firmware_version="1.2.0")
    _publish(broker, "alerts", subsystem="SD", state="FAILED", msg="mount failed")
    home_assistant.wait_for_states(
        {f"{BELL}/connectivity": "on", f"{BELL}/alert_SD": "failed"}, prefix=PREFIX
    )
    api = home_assistant.api
    device_id = home_assistant.device_ids(PREFIX)[BELL]
    trigger = {"trigger": "vesper.alert_raised", "target": {"device_id": device_id}}
    valid = api.command("validate_config", triggers=trigger)
    assert valid["triggers"] == {"valid": True, "error": None}
    page = api.get("/")
    (module,) = set(re.findall(r"/vesper_frontend/\w+/vesper\.js", page))
    path = home_assistant.directory / "custom_components/vesper/frontend/vesper.js"
    assert api.get(module) == path.read_text()


def _connect(marketplace: Marketplace) -> None:
    """Connect a GitHub account, without which nothing is added."""
    marketplace.accept_warning()
    with pytest.raises(ApiError, match="Connect a GitHub account"):
        marketplace.add_from_link()
    marketplace.connect_github()


def _install(
    marketplace: Marketplace, home_assistant: HomeAssistant, repository: Repository
) -> None:
    """Install the version, which needs no restart."""
    version = repository.version
    marketplace.add_from_link()
    shown = marketplace.repository()
    assert (shown["name"], shown["available_version"]) == ("Vesper", version)
    assert (shown["can_install"], shown["installed"]) == (True, False)
    marketplace.install()
    assert _installed(home_assistant) == _released(repository, version)
    shown = marketplace.repository()
    assert (shown["status"], shown["installed_version"]) == ("installed", version)
    assert marketplace.issues() == []


def _update(
    marketplace: Marketplace, home_assistant: HomeAssistant, repository: Repository
) -> None:
    """Update to a version that does not run yet."""
    version = _release_next(repository)
    marketplace.refresh()
    shown = marketplace.repository()
    assert shown["status"] == "pending-upgrade"
    assert shown["available_version"] == version
    marketplace.update()
    assert _installed(home_assistant) == _released(repository, version)
    shown = marketplace.repository()
    assert (shown["status"], shown["installed_version"]) == ("pending-restart", version)
    assert marketplace.issues() == ["restart_required"]


def _remove(marketplace: Marketplace, home_assistant: HomeAssistant) -> None:
    """Remove the entry, then the files, then the repository."""
    with pytest.raises(ApiError, match="is still set up"):
        marketplace.uninstall()
    home_assistant.remove_site(PREFIX)
    marketplace.uninstall()
    assert _installed(home_assistant) == {}
    assert marketplace.issues() == ["restart_required_uninstall"]
    marketplace.remove()
    with pytest.raises(LookupError):
        marketplace.repository()


@pytest.mark.timeout(300)  # it has three starts of Home Assistant
def test_installed_updated_and_removed(
    home_assistant: HomeAssistant, broker: Broker, github: GitHub
) -> None:
    """A restart is asked for when it is needed."""
    repository = github.repository
    marketplace = Marketplace(home_assistant, github)
    _connect(marketplace)
    _install(marketplace, home_assistant, repository)
    # The source, as CONTRIBUTING.md says.
    downloads = [
        request.path
        for request in github.requests
        if request.host == "codeload.github.com"
    ]
    assert downloads == [f"/{FULL_NAME}/zip/refs/tags/{repository.version}"]
    home_assistant.add_site(Site())
    home_assistant.wait_until_listening()
    _assert_works(home_assistant, broker)
    first = repository.version
    assert _runs(home_assistant, first, MANUFACTURER)

    _update(marketplace, home_assistant, repository)
    home_assistant.reload()
    assert _runs(home_assistant, first, MANUFACTURER)
    home_assistant.restart()
    home_assistant.wait_until_listening()
    assert _runs(home_assistant, repository.version, NEXT)
    assert marketplace.issues() == []
    assert home_assistant.states(PREFIX)[f"{BELL}/alert_SD"] == "failed"
    _assert_works(home_assistant, broker)

    _remove(marketplace, home_assistant)
    home_assistant.restart()
    assert marketplace.issues() == []
    storage = home_assistant.directory / ".storage"
    assert [path.name for path in storage.glob("vesper*")] == []
    assert FULL_NAME not in (storage / "marketplace.repositories").read_text()
    assert not [name for name in home_assistant.api.states() if "vesper" in name]


def _fulfill(github: GitHub, route: Route) -> None:
    """Give the browser a picture of the README."""
    url = urlsplit(route.request.url)
    host = url.hostname or ""
    response = github.respond(
        Request(method="GET", host=host, path=url.path, query={}, headers={})
    )
    route.fulfill(body=response.body, status=response.status)


def _click(page: Page, button: str) -> None:
    """Click on the button that is in front."""
    page.get_by_role("button", name=button, exact=True).last.click()


def _add_by_link(page: Page, github: GitHub, link: str) -> None:
    """Follow the README's link, again when connected."""
    page.goto(link)
    page.get_by_text("I understand the risks and agree").click()
    _click(page, "Continue")
    page.get_by_text("Browsing and installing from the catalog").wait_for()
    _click(page, "Continue")
    github.confirm(page.get_by_text(CODE).inner_text().strip())
    page.get_by_text("Reconfiguration was successful").wait_for()
    page.goto(link)
    _click(page, "Add")


@pytest.mark.skipif(CHROMIUM is None, reason="it needs Chromium")
def test_pages(home_assistant: HomeAssistant, github: GitHub) -> None:
    """The README's steps lead to an entry and back."""
    found = LINK.search((ROOT / "README.md").read_text())
    assert found is not None
    link = f"{home_assistant.url}/marketplace/_my_redirect/{''.join(found.groups())}"
    pictures = "https://raw.githubusercontent.com/"
    with (
        Browser(home_assistant, ROOT / ".cache/test/pictures") as browser,
        browser.page("marketplace", expected=[f"asked for {pictures}"]) as page,
    ):
        page.route(f"{pictures}**", partial(_fulfill, github))
        _add_by_link(page, github, link)

        # Its form comes by itself, with texts, as soon as it is installed.
        _click(page, "Install")
        page.get_by_text("You install this at your own risk").wait_for()
        _click(page, "Install")
        expect(page.get_by_role("textbox", name="Topic prefix")).to_have_value(PREFIX)
        _click(page, "Submit")
        page.get_by_text("All Vesper devices").wait_for()
        _click(page, "Skip and finish")
        page.get_by_text("Devices online").wait_for()

        page.goto(link)
        page.get_by_text("Vesper is installed and set up.").wait_for()
        _click(page, "Menu")
        page.get_by_role("menuitem", name="Uninstall").click()
        page.get_by_text("Vesper is in use").wait_for()
        _click(page, "Delete and uninstall")
        page.get_by_text("Delete and uninstall Vesper?").wait_for()
        _click(page, "Delete and uninstall")
        page.get_by_text("Not installed").wait_for()
    assert _installed(home_assistant) == {}
    assert home_assistant.api.entries("vesper") == []
