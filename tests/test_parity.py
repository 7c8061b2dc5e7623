"""Test that code, texts, icons and metadata agree."""

import ast
from collections.abc import Iterable, Iterator
from importlib import import_module
import json
from pathlib import Path
import re
import struct
import sys
import tomllib
from typing import Any
from unittest.mock import Mock

import pytest
import voluptuous as vol

import custom_components.vesper
from custom_components.vesper import PLATFORMS
from custom_components.vesper.alert_sensor import VesperAlertSensor
from custom_components.vesper.condition import CONDITIONS
from custom_components.vesper.config_flow import (
    HTTP_SCHEMA,
    KEY_SCHEMA,
    OPTIONS_SCHEMA,
    PREFIX_SCHEMA,
    RENEW_KEY_SCHEMA,
    VesperConfigFlow,
    VesperOptionsFlow,
)
from custom_components.vesper.const import CONF_ENTITIES, DOMAIN
from custom_components.vesper.hub.entity_set import EntitySet
from custom_components.vesper.model.device import Device
from custom_components.vesper.protocol.codes import EVENT_KEYS
from custom_components.vesper.protocol.topics import (
    DEFAULT_PREFIX,
    HEARTBEAT,
    STATUS_TOPICS,
    PrefixProblem,
)
from custom_components.vesper.repairs import FLOWS
from custom_components.vesper.services import FIELDS
from custom_components.vesper.trigger import TRIGGERS
from homeassistant.const import CONF_OPTIONS, STATE_OFF, STATE_ON, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    condition,
    device_registry as dr,
    floor_registry as fr,
    service,
    trigger,
)
from homeassistant.helpers.entity import EntityDescription
from homeassistant.util.yaml import parse_yaml
from tests.automation import automate, devices, registered_id
from tests.common import BELL, FLEET, Vesper, log_entry
from tests.pages import PAGES, headings, section

PACKAGE = Path(custom_components.vesper.__file__).parent
ROOT = PACKAGE.parent.parent
SOURCES = {path: ast.parse(path.read_bytes()) for path in PACKAGE.rglob("*.py")}

TEXTS: dict[str, Any] = json.loads((PACKAGE / "translations/en.json").read_bytes())
EVERY_ICON: dict[str, Any] = json.loads((PACKAGE / "icons.json").read_bytes())
ICONS: dict[str, Any] = EVERY_ICON["entity"]
MANIFEST: dict[str, Any] = json.loads((PACKAGE / "manifest.json").read_bytes())

#: Issues raised by descriptions, each of which may name its device.
DEVICE_ISSUES = PACKAGE / "hub" / "issues.py"

#: The placeholders that each issue has: of all, and of those of one device.
ISSUE_PLACEHOLDERS = {"url"}
DEVICE_PLACEHOLDERS = {"device", "url"}

ALERT = VesperAlertSensor(Mock(), Device(device_id=BELL), "SD").entity_description

#: What texts write with a capital letter inside a sentence.
PROPER_NAMES = frozenset(
    {
        *(
            "Assistant",
            "Dashboards",
            "Devices",
            "Expose",
            "FileManager",
            "HTTP",
            "Health",
            "Home",
            "MQTT",
            "OK",
            "Settings",
            "Vesper",
            "Voice",
            "Wi-Fi",
        ),
        "eFuse",
    }
)

#: Home Assistant's rules (developer documentation, quality scale), by tier, each
#: documentation rule with the page and the heading that shows it.
RULES = {
    "bronze": (
        "action-setup appropriate-polling brands common-modules config-flow "
        "config-flow-test-coverage dependency-transparency docs-actions "
        "docs-conditions docs-high-level-description docs-installation-instructions "
        "docs-removal-instructions docs-triggers entity-event-setup entity-unique-id "
        "has-entity-name runtime-data test-before-configure test-before-setup "
        "unique-config-entry"
    ),
    "silver": (
        "action-exceptions config-entry-unloading docs-configuration-parameters "
        "docs-installation-parameters entity-unavailable integration-owner "
        "log-when-unavailable parallel-updates reauthentication-flow test-coverage"
    ),
    "gold": (
        "devices diagnostics discovery discovery-update-info docs-data-update "
        "docs-examples docs-known-limitations docs-supported-devices "
        "docs-supported-functions docs-troubleshooting docs-use-cases "
        "dynamic-devices entity-category entity-device-class "
        "entity-disabled-by-default entity-translations exception-translations "
        "icon-translations reconfiguration-flow repair-issues stale-devices"
    ),
    "platinum": "async-dependency inject-websession strict-typing",
}
HEADINGS = {
    "docs-actions": ("docs/actions.md", "Actions"),
    "docs-conditions": ("docs/conditions.md", "Conditions"),
    "docs-configuration-parameters": ("README.md", "Options"),
    "docs-data-update": ("docs/behavior.md", "Data updates"),
    "docs-examples": ("docs/examples.md", "Examples"),
    "docs-high-level-description": ("README.md", "Vesper for Home Assistant"),
    "docs-installation-instructions": ("README.md", "Installation"),
    "docs-installation-parameters": ("README.md", "Set-up"),
    "docs-known-limitations": ("docs/behavior.md", "Known limitations"),
    "docs-removal-instructions": ("README.md", "Removal"),
    "docs-supported-devices": ("README.md", "Supported devices"),
    "docs-supported-functions": ("README.md", "Entities"),
    "docs-triggers": ("docs/automations.md", "Triggers"),
    "docs-troubleshooting": ("docs/troubleshooting.md", "Symptoms"),
    "docs-use-cases": ("README.md", "Use cases"),
}


def _descriptions() -> Iterator[tuple[str, EntityDescription]]:
    """Yield every entity description with its platform."""
    for platform in PLATFORMS:
        module = import_module(f"{custom_components.vesper.__name__}.{platform}")
        for description in (
            *getattr(module, "DESCRIPTIONS", ()),
            *getattr(module, "FLEET_DESCRIPTIONS", ()),
        ):
            yield platform, description
    yield Platform.SENSOR, ALERT


DESCRIPTIONS = [
    pytest.param(platform, description, id=f"{platform}-{description.key}")
    for platform, description in _descriptions()
]


def _states(platform: str, description: EntityDescription) -> set[str]:
    """Return the translated states or event types."""
    if platform in (Platform.BINARY_SENSOR, Platform.SWITCH):
        return {STATE_ON, STATE_OFF}
    for names in ("options", "event_types"):
        if values := getattr(description, names, None):
            return set(values)
    return set()


def _calls(*names: str) -> Iterator[tuple[Path, dict[str, ast.expr]]]:
    """Yield the arguments of calls of these functions."""
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", None))
                if name in names:
                    yield path, {str(word.arg): word.value for word in node.keywords}


def _value(path: Path, node: ast.expr) -> Any:
    """Return the value of a literal or module constant."""
    try:
        if isinstance(node, ast.Name):
            parts = path.relative_to(ROOT).with_suffix("").parts
            return getattr(import_module(".".join(parts)), node.id)
        return ast.literal_eval(node)
    except AttributeError, ValueError:
        pytest.fail(
            f"{path.name}:{node.lineno}: {ast.unparse(node)} must be a literal or a "
            "constant of this file, since this test reads it"
        )


def _values(path: Path, node: ast.expr) -> list[Any]:
    """Return all values of a conditional expression."""
    if isinstance(node, ast.IfExp):
        return [*_values(path, node.body), *_values(path, node.orelse)]
    return [_value(path, node)]


def _names_given(path: Path, arguments: dict[str, ast.expr], argument: str) -> set[str]:
    """Return the names of placeholders that a call passes."""
    given = arguments.get(argument)
    if given is None:
        return set()
    assert isinstance(given, ast.Dict), (
        f"{path.name}:{given.lineno}: {argument} must be a dict literal, since this "
        "test reads its keys"
    )
    return {_value(path, key) for key in given.keys if key is not None}


def _issue_names(text: Any) -> set[str]:
    """Return the placeholders in the texts of an issue."""
    described = text["fix_flow"]["step"]["confirm"] if "fix_flow" in text else text
    return _placeholders(
        f"{text['title']} {described['title']} {described['description']}"
    )


def _placeholders(text: str) -> set[str]:
    """Return the names of the placeholders in a text."""
    return set(re.findall(r"{(\w+)}", text))


def _texts(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text with the path of its keys."""
    if isinstance(node, str):
        yield path, node
        return
    for key, child in node.items():
        yield from _texts(child, f"{path}.{key}" if path else key)


EVERY_TEXT = [pytest.param(path, text, id=path) for path, text in _texts(TEXTS)]


# Texts


def test_shape() -> None:
    """The texts have only parts that Home Assistant knows."""
    assert set(TEXTS) <= {
        *("common", "conditions", "config", "config_panel", "config_subentries"),
        *("conversation", "device", "device_automation", "entity", "entity_component"),
        *("exceptions", "issues", "options", "preview_features", "selector"),
        *("services", "system_health", "title", "triggers"),
    }
    assert set(TEXTS["config"]) <= {
        *("abort", "create_entry", "error", "step", "flow_title", "progress")
    }
    for part in ("config", "options"):
        for step in TEXTS[part]["step"].values():
            assert set(step) <= {
                *("data", "data_description", "description", "menu_options"),
                *("menu_option_descriptions", "title"),
            }
    for platform in TEXTS["entity"].values():
        for entity in platform.values():
            # No unit: it would stand after a number, and has no plural forms.
            assert set(entity) <= {"name", "state", "state_attributes"}
    assert {frozenset(text) for text in TEXTS["exceptions"].values()} == {
        frozenset({"message"})
    }
    assert {frozenset(text) for text in TEXTS["issues"].values()} == {
        frozenset({"title", "description"}),
        frozenset({"title", "fix_flow"}),
    }
    for text in TEXTS["issues"].values():
        if "fix_flow" in text:
            assert set(text["fix_flow"]) <= {"error", "step"}
            assert set(text["fix_flow"]["step"]) == {"confirm"}
            assert set(text["fix_flow"]["step"]["confirm"]) == {"title", "description"}


@pytest.mark.parametrize(("path", "text"), EVERY_TEXT)
def test_text(path: str, text: str) -> None:
    """Each text keeps to Home Assistant's rules for texts."""
    assert re.fullmatch(r"[a-z0-9_.-]+", path), path
    assert text == text.strip(), path
    assert text, path
    assert not re.search(r"[<>]|://|\[%|'{\w+}'|  ", text), path
    opened, closed = text.count("{"), text.count("}")
    assert opened == closed == len(re.findall(r"{\w+}", text)), path
    if ".state." in path:
        assert not _placeholders(text), path


@pytest.mark.parametrize(("path", "text"), EVERY_TEXT)
def test_sentence_case(path: str, text: str) -> None:
    """Only the first word and names are capitalized."""
    if path.startswith("common.logbook_"):
        # It follows the name of the device.
        assert text[0] == "{" or text[0].islower()
        text = text[0].upper() + text[1:]
    for sentence in re.split(r"(?<=[.:?!])\s+", text):
        first, *others = sentence.split()
        if text.startswith(sentence):
            begins_well = first[0].isupper() or first[0].isdigit() or first[0] == "{"
            assert begins_well or first in PROPER_NAMES, path
        for word in others:
            bare = word.partition("]")[0].strip(".,:;()[")
            assert bare[:1] == bare[:1].lower() or bare in PROPER_NAMES, (path, word)


@pytest.mark.parametrize(
    "part",
    [
        *("config.abort", "config.create_entry", "config.error", "config.step"),
        *("options.error", "options.step"),
    ],
)
def test_whole_sentences(part: str) -> None:
    """Descriptions of a flow are sentences; labels are not."""
    texts = [(path, text) for path, text in _texts(TEXTS) if path.startswith(part)]
    assert texts
    for path, text in texts:
        label = ".data." in path or ".menu_options." in path or path.endswith(".title")
        assert text.endswith(".") is not label, path


def test_every_entity_has_texts() -> None:
    """The texts have exactly the entities of the code."""
    coded: dict[str, set[str]] = {}
    for platform, description in _descriptions():
        assert description.translation_key is not None
        coded.setdefault(platform, set()).add(description.translation_key)
    assert {platform: set(keys) for platform, keys in TEXTS["entity"].items()} == coded


@pytest.mark.parametrize(("platform", "description"), DESCRIPTIONS)
def test_entity_texts(platform: str, description: EntityDescription) -> None:
    """The texts have each entity's name and states."""
    assert description.translation_key is not None
    texts = TEXTS["entity"][platform][description.translation_key]
    if description is ALERT:
        assert "name" not in texts, "it is called as its subsystem"
    else:
        assert texts["name"]
        assert description.key == description.translation_key
    states = _states(platform, description)
    if platform == Platform.EVENT:
        assert set(texts["state_attributes"]["event_type"]["state"]) == states
    elif platform in (Platform.BINARY_SENSOR, Platform.SWITCH):
        assert "state" not in texts, "Home Assistant has them"
    else:
        assert set(texts.get("state", ())) == states


async def test_attributes(vesper: Vesper) -> None:
    """The texts have exactly our attributes."""
    shown: set[tuple[str, str, str]] = set()

    async def look() -> None:
        """Collect the attributes of all entities."""
        for device_id in (BELL, FLEET):
            for key in vesper.values(device_id):
                platform = vesper.entity_id(key, device_id).partition(".")[0]
                name = "alert" if key == "alert_FileManager" else key
                shown.update(
                    (platform, name, attribute)
                    for attribute in vesper.state(key, device_id).attributes
                )

    await vesper.report_everything()
    for tag in range(len(EVENT_KEYS)):
        # Each kind of entry in the device's log has attributes of its own.
        await vesper.heartbeat(recent_events=[log_entry(tag)])
        await look()
    floor_id = fr.async_get(vesper.hass).async_create("North").floor_id
    area = ar.async_get(vesper.hass).async_create("Tower", floor_id=floor_id)
    for device_id in (BELL, "hall", "tower"):
        await vesper.heartbeat(device_id, uptime=3600)
        dr.async_get(vesper.hass).async_update_device(
            registered_id(vesper.hass, device_id), area_id=area.id
        )
    # An outage, from which they come back restarted.
    await vesper.advance(91)
    await vesper.call(
        "todo.update_item",
        entity_id=vesper.entity_id("problems", FLEET),
        item=f"{BELL}/connectivity",
        status="completed",
    )
    await look()
    for uptime in range(10, 611, 60):
        for device_id in (BELL, "hall", "tower"):
            await vesper.heartbeat(device_id, uptime=uptime)
        await vesper.advance(60)
    await look()
    for state in ("WARNING", "CLEARED") * 3:
        await vesper.alert("FileManager", state)
    await look()
    await vesper.call("switch.turn_on", entity_id=vesper.entity_id("maintenance"))
    await look()
    coded = {
        (platform, key, attribute)
        for platform, keys in TEXTS["entity"].items()
        for key, texts in keys.items()
        for attribute in texts.get("state_attributes", ())
    }
    assert coded <= shown
    homely = {
        *(
            "custom_ui_more_info",
            "device_class",
            "event_type",
            "event_types",
            "friendly_name",
            "icon",
        ),
        *("options", "state_class", "supported_features", "unit_of_measurement"),
    }
    assert {item for item in shown - coded if item[2] not in homely} == set()


def test_errors_of_the_flows() -> None:
    """Each problem of a prefix has its text."""
    assert set(TEXTS["config"]["error"]) == {*PrefixProblem}


def test_aborts_of_the_flows() -> None:
    """Code and texts have the same abort reasons."""
    calls = _calls("async_abort", "async_update_reload_and_abort")
    # Without a reason Home Assistant's own text would be shown. Only the call that
    # aborts another flow has none, but the id of the flow alone.
    reasons = {
        _value(path, arguments["reason"]) for path, arguments in calls if arguments
    }
    # Home Assistant itself aborts with the latter.
    assert reasons | {"already_in_progress"} == set(TEXTS["config"]["abort"])


@pytest.mark.parametrize(
    ("part", "flow"), [("config", VesperConfigFlow), ("options", VesperOptionsFlow)]
)
def test_steps_of_the_flows(part: str, flow: type) -> None:
    """Each step has its texts."""
    steps = {
        name.removeprefix("async_step_")
        for name in vars(flow)
        if name.startswith("async_step_")
    }
    # It has no form of its own.
    steps.discard("mqtt")
    assert set(TEXTS[part]["step"]) == steps
    for step, texts in TEXTS[part]["step"].items():
        assert {"description", "title"} <= set(texts), step


@pytest.mark.parametrize(
    ("part", "step", "schema"),
    [
        ("config", "user", PREFIX_SCHEMA),
        ("config", "reconfigure", PREFIX_SCHEMA),
        ("options", "limits", OPTIONS_SCHEMA),
        ("options", "http", HTTP_SCHEMA),
        ("options", "renew_key", RENEW_KEY_SCHEMA),
        ("options", "key", KEY_SCHEMA),
    ],
)
def test_fields_of_the_flows(part: str, step: str, schema: Any) -> None:
    """Each field has a label and a description."""
    fields = {str(field) for field in schema.schema}
    texts = TEXTS[part]["step"][step]
    assert set(texts["data"]) == set(texts["data_description"]) == fields


def test_menus_of_the_flows() -> None:
    """Each menu option has its text and a step."""
    (menu,) = (
        set(_value(path, arguments["menu_options"]))
        for path, arguments in _calls("async_show_menu")
    )
    texts = TEXTS["options"]["step"]["init"]
    assert set(texts["menu_options"]) == set(texts["menu_option_descriptions"]) == menu
    assert menu <= set(TEXTS["options"]["step"])


def test_placeholders_of_the_flows() -> None:
    """The placeholders of the texts are passed."""
    given = set.union(
        *(
            _names_given(path, arguments, "description_placeholders")
            for path, arguments in _calls("async_create_entry", "async_show_form")
        )
    )
    texts = [*_texts({part: TEXTS[part] for part in ("config", "options")})]
    assert set().union(*(_placeholders(text) for _, text in texts))
    for path, text in texts:
        assert _placeholders(text) <= given, path


def test_exceptions() -> None:
    """The exceptions of code and texts are the same."""
    used: dict[str, set[str]] = {}
    for path, arguments in _calls(
        "ConfigEntryError",
        "ConfigEntryNotReady",
        "HomeAssistantError",
        "ServiceValidationError",
    ):
        assert _value(path, arguments["translation_domain"]) == DOMAIN
        key = _value(path, arguments["translation_key"])
        used[key] = _names_given(path, arguments, "translation_placeholders")
    assert used == {
        key: _placeholders(text["message"]) for key, text in TEXTS["exceptions"].items()
    }


def test_issues() -> None:
    """Each repair issue has texts with its placeholders."""
    used = {
        key: _names_given(path, arguments, "placeholders") | ISSUE_PLACEHOLDERS
        for path, arguments in _calls("async_raise_issue")
        if path != DEVICE_ISSUES
        for key in _values(path, arguments["key"])
    }
    used["silent_device"] |= DEVICE_PLACEHOLDERS
    for path, arguments in _calls("IssueDescription"):
        (given,) = (
            node
            for node in ast.walk(arguments["value_fn"])
            if isinstance(node, ast.Dict)
        )
        used[_value(path, arguments["key"])] = DEVICE_PLACEHOLDERS | {
            _value(path, key) for key in given.keys if key is not None
        }
    # One call raises all three. No alert sensor is rejected because of the limit of
    # devices, and no limit is left that could be raised.
    used["device_limit"] -= {"alert_sensors", "max_entities"}
    used["no_room"] -= {"new_limit"}
    assert used == {key: _issue_names(text) for key, text in TEXTS["issues"].items()}


def test_fixes_of_issues() -> None:
    """Each fix has the texts of its errors."""
    fixable = {
        key: text["fix_flow"]
        for key, text in TEXTS["issues"].items()
        if "fix_flow" in text
    }
    assert fixable.keys() == {*FLOWS, "store_damaged"}
    for key in FLOWS:
        errors = fixable[key]["error"]
        assert _placeholders(errors.pop("failed")) == {"error"}
        for name, text in errors.items():
            assert text == TEXTS["exceptions"][name]["message"], (key, name)


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        ("f(key=KEY, placeholders=given)", "x.py:1: placeholders must be a dict lit"),
        ("f(key='a', placeholders=dict(a=1))", "x.py:1: placeholders must be a dict"),
        ("f(key=self.key, placeholders={})", "x.py:1: self.key must be a literal or"),
        ("f(key='a', placeholders={name: 1})", "x.py:1: name must be a literal or a"),
    ],
)
def test_a_call_that_can_not_be_read(
    monkeypatch: pytest.MonkeyPatch, call: str, wanted: str
) -> None:
    """The failure says what the argument must be."""
    path = PACKAGE / "x.py"
    monkeypatch.setitem(sys.modules, "custom_components.vesper.x", Mock(spec=["KEY"]))
    node = ast.parse(call, mode="eval").body
    assert isinstance(node, ast.Call)
    arguments = {str(word.arg): word.value for word in node.keywords}

    def read() -> None:
        """Read arguments like the test of the issues."""
        _value(path, arguments["key"])
        _names_given(path, arguments, "placeholders")

    with pytest.raises((AssertionError, pytest.fail.Exception)) as failed:
        read()
    assert wanted in str(failed.value)


def test_devices() -> None:
    """Each device that the texts name has the placeholder."""
    used = {
        _value(path, arguments["translation_key"]): _names_given(
            path, arguments, "translation_placeholders"
        )
        for path, arguments in _calls("async_get_or_create", "register")
        if "translation_key" in arguments
    }
    assert used == {
        key: _placeholders(text["name"]) for key, text in TEXTS["device"].items()
    }


# Triggers, conditions and actions

AUTOMATION: dict[str, dict[str, Any]] = {
    "triggers": TRIGGERS,
    "conditions": CONDITIONS,
    "services": FIELDS,
}
"""The parts of the automation editor, by the name of their files."""

GROUPS = {
    "triggers": "docs/triggers-",
    "conditions": "docs/conditions.",
    "services": "docs/actions.",
}
"""How the paths of the pages begin that describe them."""

NAMED = {"triggers": "trigger", "conditions": "condition", "services": "action"}
"""How the editor and YAML name them."""

EVERY_RULE = [
    pytest.param(part, key, id=f"{part}-{key}")
    for part, keys in AUTOMATION.items()
    for key in keys
]


def _described(part: str) -> dict[str, Any]:
    """Return the file of a part, without YAML anchors."""
    described: Any = parse_yaml((PACKAGE / f"{part}.yaml").read_text())
    return {key: value for key, value in described.items() if not key.startswith(".")}


def _options(part: str, key: str) -> dict[Any, Any]:
    """Return the options besides the target."""
    coded = AUTOMATION[part][key]
    if part == "services":
        return dict(coded)
    return dict(coded._schema.schema[CONF_OPTIONS])  # noqa: SLF001


@pytest.mark.parametrize("part", AUTOMATION)
def test_automation_is_described(part: str) -> None:
    """Each has a description, a name and an icon."""
    coded = sorted(AUTOMATION[part])
    icons = EVERY_ICON[part]
    singular = part.removesuffix("s")
    assert list(_described(part)) == list(TEXTS[part]) == list(icons) == coded
    for key in coded:
        assert set(icons[key]) == {singular}
        assert re.fullmatch(r"mdi:[a-z0-9]+(-[a-z0-9]+)*", icons[key][singular])


@pytest.mark.parametrize(("part", "key"), EVERY_RULE)
def test_options_of_automation(part: str, key: str) -> None:
    """Each option has a description that matches the code."""
    described = _described(part)[key]
    texts = TEXTS[part][key]
    options = _options(part, key)
    fields = described.get("fields", {})
    assert set(fields) == set(options) == set(texts.get("fields", ()))
    assert set(texts) <= {"name", "description", "fields"}
    assert texts["description"].endswith(".")
    assert not texts["name"].endswith(".")
    for option in options:
        field = fields[option]
        assert set(texts["fields"][option]) == {"name", "description"}
        assert texts["fields"][option]["description"].endswith(".")
        choice = field["selector"].get("select")
        if choice:
            offered = TEXTS["selector"][choice["translation_key"]]["options"]
            assert list(offered) == choice["options"]
            many = choice.get("multiple", False)
            for value in choice["options"]:
                options[option]([value] if many else value)
        if "default" in field and option not in ("duration", "for"):
            assert field["default"] == option.default()


def _documented(part: str, key: str) -> tuple[str, str]:
    """Return a page and its section on this."""
    name = TEXTS[part][key]["name"]
    (page,) = (
        page
        for page, text in PAGES.items()
        if page.startswith(GROUPS[part]) and f"\n## {name}\n" in text
    )
    return page, section(page, name)


def _rows(text: str, header: str) -> list[list[str]]:
    """Return the rows of the tables with this header."""
    tables = re.findall(
        rf"^\| {header} \|.*\n\| ---.*\n((?:\|.*\n)+)", text, re.MULTILINE
    )
    return [
        row.strip("| ").split(" | ") for table in tables for row in table.splitlines()
    ]


@pytest.mark.parametrize(("part", "key"), EVERY_RULE)
def test_automation_is_documented(part: str, key: str) -> None:
    """Each has a section with steps and an example."""
    page, documented = _documented(part, key)
    name = TEXTS[part][key]["name"]
    assert documented.startswith(f"\n`vesper.{key}` ")
    # The steps for actions are the same for all, so they are at the top of the page.
    if part == "services":
        assert "**Add action**" in PAGES[page]
    else:
        assert f"**Add {NAMED[part]}**. Search for **{name}**" in documented
    examples = "".join(
        re.findall(r"^```yaml\n(.*?)```", documented, re.MULTILINE | re.DOTALL)
    )
    assert re.search(rf"^ *- {NAMED[part]}: vesper\.{key}$", examples, re.MULTILINE)
    link = f"{Path(page).name}#{name.lower().replace(' ', '-')}"
    assert f"| [**{name}**]({link}) |" in PAGES["docs/automations.md"]


@pytest.mark.parametrize(("part", "key"), EVERY_RULE)
def test_options_of_automation_are_documented(part: str, key: str) -> None:
    """Each option has a row with its default."""
    rows = _rows(_documented(part, key)[1], "option")
    texts = TEXTS[part][key].get("fields", {})
    assert {(label, option) for label, option, _, _ in rows} == {
        (f"**{text['name']}**", f"`{option}`") for option, text in texts.items()
    }
    assert len(rows) == len(texts)
    defaults = {option.strip("`"): default for _, option, default, _ in rows}
    for option in _options(part, key):
        if option.default is not vol.UNDEFINED:
            default = option.default()
            assert defaults[option] == (
                f"`{json.dumps(default).strip('"')}`"
                # Without a value, these are all, or there is none.
                if default not in ([], "")
                else {"note": "none", "reasons": "any"}.get(option, "all")
            )
        else:
            is_required = isinstance(option, vol.Required)
            assert defaults[option] == ("required" if is_required else "none")


@pytest.mark.parametrize("key", TRIGGERS)
def test_variables_are_documented(key: str) -> None:
    """Each variable of a trigger has a row."""
    rows = _rows(_documented("triggers", key)[1], "variable")
    variables = TRIGGERS[key]._variables  # type: ignore[attr-defined]  # noqa: SLF001
    assert [name for name, _, _ in rows] == [f"`{name}`" for name in variables]


async def test_variables_of_all_triggers_are_documented(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Each variable that every trigger has is documented."""
    await vesper.heartbeat()
    automation = await automate(hass, "went_offline", devices(hass))
    await vesper.advance(91)
    (run,) = automation.take()
    homely = {"alias", "description", "id", "idx", "platform"}
    variables = TRIGGERS["went_offline"]._variables  # type: ignore[attr-defined]  # noqa: SLF001
    rows = _rows(PAGES["docs/automations.md"], "variable")
    assert {name for name, _, _ in rows} == {
        f"`{name}`" for name in run.keys() - homely - {*variables}
    }


def test_reasons_are_documented() -> None:
    """Each reason of a restart has its row."""
    rows = _rows(_documented("triggers", "restarted")[1], "in YAML")
    documented = [
        (value.strip("`"), label)
        for values, labels, _ in rows
        for value, label in zip(values.split(", "), labels.split(", "), strict=True)
    ]
    assert sorted(documented) == sorted(
        TEXTS["selector"]["reset_reason"]["options"].items()
    )


def test_selectors() -> None:
    """Each text of a selector is used."""
    offered = {
        choice["translation_key"]
        for part in AUTOMATION
        for described in _described(part).values()
        for field in described.get("fields", {}).values()
        if (choice := field["selector"].get("select"))
    }
    # The form of the options offers the other one.
    assert offered | {CONF_ENTITIES} == set(TEXTS["selector"])
    assert set(TEXTS["selector"][CONF_ENTITIES]["options"]) == {*EntitySet}
    states = TEXTS["entity"]["sensor"]["reset_reason"]["state"]
    assert TEXTS["selector"]["reset_reason"]["options"] == states


# For those of to-do lists, Home Assistant imports packages that are not installed.
@pytest.mark.parametrize("platforms", [[Platform.SENSOR]])
async def test_automation_is_offered(hass: HomeAssistant, vesper: Vesper) -> None:
    """Home Assistant accepts the descriptions for its editor."""
    await vesper.heartbeat()
    offered = {
        "triggers": await trigger.async_get_all_descriptions(hass),
        "conditions": await condition.async_get_all_descriptions(hass),
        "services": {
            f"{DOMAIN}.{key}": description
            for key, description in (await service.async_get_all_descriptions(hass))[
                DOMAIN
            ].items()
        },
    }
    assert AUTOMATION.keys() == offered.keys()
    assert all(AUTOMATION.values())
    for part, keys in AUTOMATION.items():
        for key in keys:
            description = offered[part][f"{DOMAIN}.{key}"]
            assert description is not None
            assert (
                description["fields"].keys()
                == _described(part)[key].get("fields", {}).keys()
            )


# Icons


def test_icons_are_of_entities() -> None:
    """Each icon is of an entity."""
    coded = {
        (platform, description.translation_key)
        for platform, description in _descriptions()
    }
    assert {(platform, key) for platform in ICONS for key in ICONS[platform]} <= coded


@pytest.mark.parametrize(("platform", "description"), DESCRIPTIONS)
def test_icon(platform: str, description: EntityDescription) -> None:
    """Entities without a device class icon have their own."""
    icons = ICONS.get(platform, {}).get(description.translation_key)
    if icons is None:
        assert description.device_class not in (None, "enum")
        return
    assert set(icons) <= {"default", "state"}
    states = icons.get("state", {})
    assert set(states) <= _states(platform, description)
    used = [icons["default"], *states.values()]
    assert len(set(used)) == len(used), "two states have the same icon"
    for icon in used:
        assert re.fullmatch(r"mdi:[a-z0-9]+(-[a-z0-9]+)*", icon)


def test_no_icons_in_code() -> None:
    """Icons are only in their file.

    It has no place for those of the logbook.
    """
    for path in SOURCES.keys() - {PACKAGE / "logbook.py"}:
        assert "mdi:" not in path.read_text(), path


# Metadata of the integration


def test_manifest() -> None:
    """The manifest keeps to Home Assistant's rules."""
    assert list(MANIFEST)[:2] == ["domain", "name"]
    assert list(MANIFEST)[2:] == sorted(list(MANIFEST)[2:])
    assert MANIFEST["domain"] == DOMAIN == PACKAGE.name
    assert MANIFEST["iot_class"] == "local_push"
    assert MANIFEST["integration_type"] == "hub"
    assert MANIFEST["config_flow"] is True
    assert "single_config_entry" not in MANIFEST
    assert all(owner.startswith("@") for owner in MANIFEST["codeowners"])
    for key in ("documentation", "issue_tracker"):
        assert MANIFEST[key].startswith("https://")
    discovery = {source.of(DEFAULT_PREFIX, "+") for source in STATUS_TOPICS}
    # It would start a flow for every heartbeat.
    discovery.discard(HEARTBEAT.of(DEFAULT_PREFIX, "+"))
    assert set(MANIFEST["mqtt"]) == discovery


def test_version() -> None:
    """The version is the same wherever it is written."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert MANIFEST["version"] == project["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", MANIFEST["version"])


def test_dependencies() -> None:
    """Imported components are dependencies."""
    imported = {
        name.split(".")[2]
        for tree in SOURCES.values()
        for name in _imports(tree)
        if name.startswith("homeassistant.components.")
    }
    declared = {*MANIFEST["dependencies"], *MANIFEST.get("after_dependencies", ())}
    # Home Assistant loads their platforms only where they are, and itself always.
    optional = {
        "diagnostics",
        "homeassistant",
        "llm",
        "logbook",
        "repairs",
        "system_health",
    }
    assert imported - set(PLATFORMS) - optional == declared


def test_hacs() -> None:
    """The HACS file has only valid keys."""
    hacs: dict[str, Any] = json.loads((ROOT / "hacs.json").read_bytes())
    kinds = {
        "content_in_root": bool,
        "country": str | list,
        "filename": str,
        "hacs": str,
        "hide_default_branch": bool,
        "homeassistant": str,
        "name": str,
        "persistent_directory": str,
        "zip_release": bool,
    }
    assert all(isinstance(value, kinds[key]) for key, value in hacs.items())
    assert hacs["name"] == MANIFEST["name"]
    assert re.fullmatch(r"\d{4}\.\d+\.\d+", hacs["homeassistant"])
    folders = {path.parent for path in PACKAGE.parent.glob("*/manifest.json")}
    assert folders == {PACKAGE}


@pytest.mark.parametrize(("name", "size"), [("icon.png", 256), ("icon@2x.png", 512)])
def test_brand(name: str, size: int) -> None:
    """The images have the required sizes and are transparent."""
    header = (PACKAGE / "brand" / name).read_bytes()[:26]
    assert header[:16] == b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
    width, height, _depth, colors = struct.unpack(">IIBB", header[16:])
    assert (width, height) == (size, size)
    assert colors == 6, "red, green, blue and alpha"


def test_brand_holds_no_more() -> None:
    """There are no other images."""
    assert {path.name for path in (PACKAGE / "brand").iterdir()} == {
        "icon.png",
        "icon@2x.png",
    }


def test_quality_scale() -> None:
    """Every rule has a status, documented ones a page."""
    text = (PACKAGE / "quality_scale.yaml").read_text()
    scale: Any = parse_yaml(text)
    assert set(scale) == {"rules"}
    assert list(scale["rules"]) == " ".join(RULES.values()).split()
    assert {rule for rule in scale["rules"] if rule.startswith("docs-")} == {*HEADINGS}
    for rule, (page, heading) in HEADINGS.items():
        assert heading in headings(page), rule
    for rule, answer in scale["rules"].items():
        if answer == "done":
            continue
        # A rule that needs a comment has one, also if it is done.
        assert set(answer) == {"status", "comment"}, rule
        assert answer["status"] in ("done", "exempt", "todo"), rule
        assert answer["comment"].strip().endswith("."), rule


def test_entities_are_documented() -> None:
    """The README names each entity as Home Assistant does."""
    assert all(TEXTS["entity"].values())
    for entities in TEXTS["entity"].values():
        for key, texts in entities.items():
            if key != ALERT.translation_key:
                assert f"**{texts['name']}**" in PAGES["README.md"], key


@pytest.mark.parametrize(
    ("step", "page"),
    [
        ("limits", "README.md"),
        ("http", "docs/http-api.md"),
        ("renew_key", "docs/http-api.md"),
    ],
)
def test_options_are_documented(step: str, page: str) -> None:
    """Each option has its row, by its label."""
    labels = TEXTS["options"]["step"][step]["data"].values()
    assert labels
    for label in labels:
        assert f"| {label} | " in PAGES[page], label


def test_issues_are_documented() -> None:
    """Each repair issue has its entry, by its title."""
    _, *entries = re.split(r"^### ", PAGES["docs/repairs.md"], flags=re.MULTILINE)
    titles = [entry.partition("\n")[0] for entry in entries]
    assert sorted(titles) == sorted(
        texts["title"] for texts in TEXTS["issues"].values()
    )
    for title, entry in zip(titles, entries, strict=True):
        assert re.findall(r"^- \*\*(.+?):\*\*", entry, re.MULTILINE) == [
            "Appears",
            "Means",
            "What to do",
            "Disappears",
        ], title


# Imports


def _imports(tree: ast.AST, package: str = "") -> Iterator[str]:
    """Yield the full names that a module imports."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(level=0):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
                yield str(node.module)
            case ast.ImportFrom():
                parents = package.split(".")
                base = ".".join(parents[: len(parents) + 1 - node.level])
                base = f"{base}.{node.module}" if node.module else base
                yield from (f"{base}.{alias.name}" for alias in node.names)
                yield base


def _modules() -> dict[str, set[str]]:
    """Return the imports of each module of the integration."""
    modules: dict[str, set[str]] = {}
    for path, tree in SOURCES.items():
        parts = list(path.relative_to(ROOT).with_suffix("").parts)
        package = ".".join(parts[:-1])
        if parts[-1] == "__init__":
            parts.pop()
        modules[".".join(parts)] = set(_imports(tree, package))
    return modules


MODULES = _modules()


def _foreign(imported: Iterable[str]) -> set[str]:
    """Return the packages that are neither Python's nor ours."""
    tops = {name.partition(".")[0] for name in imported}
    return tops - sys.stdlib_module_names - {"custom_components"}


def test_no_requirements() -> None:
    """Only Python, Home Assistant and its packages are imported."""
    imported = {name for names in MODULES.values() for name in names}
    assert _foreign(imported) <= {"aiohttp", "homeassistant", "orjson", "voluptuous"}
    assert MANIFEST["requirements"] == []
