"""Test the frontend's modules and how they are served."""

from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
import json
from pathlib import Path
import re
from shutil import copytree, ignore_patterns
from typing import Any
from unittest.mock import patch

from aiohttp import ClientResponse
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from yarl import URL

from custom_components.vesper.frontend import CARDS, ENTRY, FOLDER
from homeassistant.components.frontend import DATA_EXTRA_MODULE_URL
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from tests.common import Vesper
from tests.pages import section

MODULES = {
    path.relative_to(FOLDER).as_posix(): path.read_text()
    for path in sorted(FOLDER.rglob("*.js"))
}
SCRIPT = "\n".join(MODULES.values())
TEXTS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_bytes())
    for path in (FOLDER.parent / "translations").glob("*.json")
}

#: At 1 MB a second, the modules of the board are there after 0.2 seconds.
MAX_BYTES = 200_000
MAX_LINES = 400

type Get = Callable[[str], Awaitable[ClientResponse]]


def _urls(hass: HomeAssistant) -> list[str]:
    """Return the extra module URLs of the frontend."""
    return sorted(hass.data[DATA_EXTRA_MODULE_URL].urls)


@pytest.fixture
async def get(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    mqtt_mock: Any,
    hass_client_no_auth: ClientSessionGenerator,
) -> AsyncIterator[Get]:
    """Return a function that requests a module by path."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    (url,) = _urls(hass)
    client = await hass_client_no_auth()
    # A path may be encoded already.
    yield lambda path: client.get(URL(url.removesuffix(ENTRY) + path, encoded=True))
    await hass.config_entries.async_unload(entry.entry_id)


async def test_modules_are_served(get: Get) -> None:
    """Modules are served, and browsers may cache them."""
    assert MODULES
    for name, content in MODULES.items():
        response = await get(name)
        assert response.status == HTTPStatus.OK
        assert response.content_type == "text/javascript"
        assert "max-age" in response.headers["Cache-Control"]
        assert await response.text() == content


@pytest.mark.parametrize(
    "path",
    [
        *("", "__init__.py", "__pycache__/", f"{CARDS}/", f"{CARDS}/__init__.py"),
        *("../__init__.py", f"{CARDS}/../__init__.py", f"{CARDS}/%2e%2e/__init__.py"),
        *(f"{CARDS}/..%2f__init__.py", f"{CARDS}/..%2f..%2fmanifest.json"),
    ],
)
async def test_nothing_else_is_served(get: Get, path: str) -> None:
    """No other file and no folder is served."""
    response = await get(path)
    assert response.status in (
        HTTPStatus.BAD_REQUEST,  # by Home Assistant's filter
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
    )


def test_only_modules_in_the_served_folder() -> None:
    """The served folder has only modules."""
    assert {path.suffix for path in (FOLDER / CARDS).iterdir()} == {".js"}


@pytest.mark.parametrize("change", ["entry", "other", "card", "name"])
async def test_url_depends_on_all_modules(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    mqtt_mock: Any,
    tmp_path: Path,
    change: str,
) -> None:
    """It changes with any module's content or name."""
    folder = tmp_path / "frontend"
    copytree(FOLDER, folder, ignore=ignore_patterns("__*"))
    card = folder / CARDS / "fleet-card.js"
    match change:
        case "entry":
            (folder / ENTRY).write_text("changed")
        case "other":
            (folder / "state-colors.js").write_text("changed")
        case "card":
            card.write_text("changed")
        case "name":
            card.rename(card.with_name("fleet-card-2.js"))
    urls = []
    for served in (FOLDER, folder):
        with patch("custom_components.vesper.frontend.FOLDER", served):
            assert await hass.config_entries.async_setup(entry.entry_id)
        urls += _urls(hass)
        await hass.config_entries.async_unload(entry.entry_id)
        # As after a restart; static paths can't be unregistered before.
        hass.data[DATA_EXTRA_MODULE_URL].remove(urls[-1])
        hass.data.pop("vesper_frontend_url")
    assert len(set(urls)) == 2


async def test_loaded_once(hass: HomeAssistant, vesper: Vesper) -> None:
    """A reload does not add a second module URL."""
    urls = _urls(hass)
    await vesper.reload()
    await vesper.reload()
    assert _urls(hass) == urls


async def test_removed_with_the_entry(hass: HomeAssistant, vesper: Vesper) -> None:
    """No module is loaded after the entry is removed."""
    urls = _urls(hass)
    await hass.config_entries.async_remove(vesper.entry.entry_id)
    assert _urls(hass) == []
    entry = MockConfigEntry(domain="vesper", data=dict(vesper.entry.data))
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert _urls(hass) == urls
    await hass.config_entries.async_unload(entry.entry_id)


async def test_entry_that_was_not_set_up_can_be_removed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """Removing an entry without a module is no error."""
    await hass.config_entries.async_remove(entry.entry_id)
    assert _urls(hass) == []


async def test_loaded_without_mqtt(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Cards are loaded while the entry awaits MQTT."""
    with patch(
        "custom_components.vesper.mqtt.async_wait_for_mqtt_client", return_value=False
    ):
        await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert len(_urls(hass)) == 1


# Content


def test_size() -> None:
    """The modules are small enough for slow connections."""
    assert len(SCRIPT.encode()) < MAX_BYTES


@pytest.mark.parametrize("name", MODULES)
def test_length(name: str) -> None:
    """Each module has one concern."""
    assert len(MODULES[name].splitlines()) <= MAX_LINES


@pytest.mark.parametrize(
    "word",
    [
        *("innerHTML", "outerHTML", "insertAdjacentHTML", "setHTML", "document.write"),
        *("DOMParser", "eval(", "Function(", "fetch(", "XMLHttpRequest"),
        *("WebSocket", "localStorage", "console."),
    ],
)
def test_never(word: str) -> None:
    """Device texts are never markup; data come from `hass`."""
    assert word not in SCRIPT


def test_no_other_host() -> None:
    """The only external address is that of the documentation."""
    manifest = json.loads((FOLDER.parent / "manifest.json").read_bytes())
    assert re.findall(r"\w+://[^\"'`\s]+", SCRIPT) == [manifest["documentation"]]


@pytest.mark.parametrize("name", MODULES)
def test_imports(name: str) -> None:
    """Modules import each other by relative paths only."""
    script = MODULES[name]
    imported = re.findall(
        r'(?:\bfrom |\bimport\(|^import )"([^"]+)"', script, re.MULTILINE
    )
    # None is written in another way.
    assert len(imported) == len(
        re.findall(r"\bimport\(|^import\b", script, re.MULTILINE)
    )
    for path in imported:
        assert path.startswith("./")
        assert (Path(name).parent / path).as_posix() in MODULES


def test_all_modules_are_preloaded() -> None:
    """The entry module preloads all modules of the cards."""
    (block,) = re.findall(r"const MODULES = \[(.*?)\]", MODULES[ENTRY], re.DOTALL)
    listed = re.findall(r'"(.+)"', block)
    assert listed == sorted(Path(name).stem for name in MODULES if CARDS in name)


def test_elements_are_created_late() -> None:
    """Elements are imported only when Home Assistant is ready."""
    elements = {name for name in MODULES if "extends " in MODULES[name]}
    early = {ENTRY}
    for _ in MODULES:
        early |= {
            f"{CARDS}/{path}"
            for name in early
            for path in re.findall(r' from "\./(?:cards/)?([^"]+)"', MODULES[name])
        }
    assert elements
    assert early.isdisjoint(elements)
    # Safari fails on a module with a top-level await that is imported twice.
    waiting = re.compile(r"^(const .*)?\bawait\b", re.MULTILINE)
    assert [name for name in MODULES if waiting.search(MODULES[name])] == [ENTRY]


def _keys() -> set[str]:
    """Return the keys of `common` that the modules show."""
    keys = set(re.findall(r'\blocalize\(\s*\w+(?:\(\))?,\s*"(\w+)"', SCRIPT))
    for one, other in re.findall(r'\? "(\w+)"\s*: "(\w+)"', SCRIPT):
        keys |= {one, other} & TEXTS["en"]["common"].keys()
    keys |= set(re.findall(r'timeElement\([^;]*?, "(\w+)"\)', SCRIPT))
    for _, key in re.findall(r'addToList\("(\w+)", "(\w+)"', SCRIPT):
        keys |= {key, f"{key}_description"}
    for name in re.findall(r'\{\s*name: "(\w+)"', SCRIPT):
        keys |= {f"option_{name}"}
        # A group of options has a title only.
        if not re.search(rf'name: "{name}",\s*type: "expandable"', SCRIPT):
            keys |= {f"option_{name}_help"}
    select = r'name: "(\w+)", selector: select\(\[([^]]+)\]'
    for name, values in re.findall(select, SCRIPT):
        keys |= {f"option_{name}_{value}" for value in re.findall(r"\w+", values)}
    (actions,) = re.findall(r"TAP_ACTIONS = \[([^]]+)\]", SCRIPT)
    keys |= {f"option_tap_action_{action}" for action in re.findall(r"\w+", actions)}
    action = r'^  (\w+): (?:\{\n    icon: "|maintainFor)'
    actions = re.findall(action, SCRIPT, re.MULTILINE)
    keys |= {f"action_{action}" for action in actions}
    keys |= set(re.findall(r'link: \["(\w+)"', SCRIPT))
    # Statuses of a device that are no states of its health.
    states = re.findall(r"^  (\w+): \{ rank", SCRIPT, re.MULTILINE)
    health = set(TEXTS["en"]["entity"]["sensor"]["health"]["state"])
    return keys | {*states, "online", "offline"} - health


@pytest.mark.parametrize("language", TEXTS)
def test_texts(language: str) -> None:
    """Each language has exactly the texts that are shown.

    Those of the logbook and of the to-do list are shown by Home Assistant.
    """
    texts = {key for key in TEXTS[language]["common"] if "logbook_" not in key}
    to_do_list = {key for key in texts if re.match("problem($|_)", key)}
    assert texts == _keys() | to_do_list | {"sentence_detail"}


def _options(*names: str) -> set[str]:
    """Return the options in the forms of modules."""
    script = "".join(MODULES[f"{CARDS}/{name}.js"] for name in names)
    return set(re.findall(r'\{\s*name: "(\w+)",\s*(?:required|selector)', script))


@pytest.mark.parametrize(
    ("heading", "pattern", "modules", "others"),
    [
        # Only the views of the dashboard need it.
        (
            *("Fleet card", r"^\| (`.+?`) \|"),
            *(("fleet-form", "fleet-selection"), {"without_area"}),
        ),
        (
            *("Fleet tile and fleet badge", r"Their options are (.+?),\s+as"),
            *(("fleet-summary", "fleet-selection"), set()),
        ),
        ("Device card", r"^\| (`.+?`) \|", ("device-card",), set()),
    ],
)
def test_options_are_documented(
    heading: str, pattern: str, modules: tuple[str, ...], others: set[str]
) -> None:
    """The pages have exactly the options of the editors."""
    text = section("docs/dashboards.md", heading)
    documented = re.findall(pattern, text, re.MULTILINE | re.DOTALL)
    options = set(re.findall(r"`(\w+)`", " ".join(documented)))
    assert options == _options(*modules) | others


@pytest.mark.parametrize("language", TEXTS)
def test_names(language: str) -> None:
    """Each language has the entity names that are shown."""
    entities = TEXTS[language]["entity"]
    names = re.findall(r'entityName\(hass, "(\w+)", "(\w+)"\)', SCRIPT)
    assert names
    for platform, key in names:
        assert entities[platform][key]["name"]


def test_times_are_formatted_in_one_module() -> None:
    """Only one module formats times.

    So all are as the user has chosen.
    """
    formats = re.compile(
        r"DateTimeFormat|RelativeTimeFormat|DurationFormat|toLocale\w*String"
        r"|to(?:Date|Time|UTC|GMT)String|ha-relative-time"
        r"|\bget(?:UTC)?(?:Hours|Minutes|Date|Day|Month|FullYear)\("
    )
    assert [name for name in MODULES if formats.search(MODULES[name])] == [
        f"{CARDS}/times.js"
    ]
