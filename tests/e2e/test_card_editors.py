"""The editors of the cards and the badge."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
import json
from typing import Any, Final

from paho.mqtt import publish as mqtt_publish
from playwright.sync_api import Locator, Page, expect
import pytest

from tests.rig.broker import Broker
from tests.rig.browser import CHROMIUM, Browser
from tests.rig.home_assistant import DASHBOARD, HomeAssistant
from tests.rig.process import free_port
from tests.rig.sites import Site

from .card_editor import TEXTS, Check, Editor, Option
from .cards import CARDS, LOADED, ROOT

SITES: Final = {"North": "north/vesper", "South": "south/vesper"}
#: The devices, with their sites; the last two have the same alert.
DEVICES: Final = {"alfa": "North", "bravo": "South", "yankee": "North", "zulu": "North"}
ALL: Final = ("yankee North", "zulu North", "alfa North", "bravo South")


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Two sites, and what their devices are in."""

    home_assistant: HomeAssistant
    entries: dict[str, str] = field(default_factory=dict)
    devices: dict[str, str] = field(default_factory=dict)
    tower: str
    nave: str
    ground: str
    label: str

    def edit(
        self, page: Page, config: dict[str, Any], *, has_form: bool = True
    ) -> Editor:
        """Edit a card or a badge."""
        return Editor(self.home_assistant, page, config, has_form=has_form)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Fleet]:
    """Return two sites in another Home Assistant."""
    sites = [Site(prefix=prefix, title=title) for title, prefix in SITES.items()]
    directory = tmp_path_factory.mktemp("editors") / "config"
    with HomeAssistant(
        directory, port=free_port(), broker=broker.address, sites=sites
    ) as home_assistant:
        yield _fill(home_assistant, broker)
    found = home_assistant.log_problems()
    assert not found, "\n".join(found)


def _fill(home_assistant: HomeAssistant, broker: Broker) -> Fleet:
    """Add devices, an area, a floor and a label."""
    command = home_assistant.api.command
    host, port = broker.address.host, broker.address.port
    publish = partial(mqtt_publish.single, hostname=host, port=port, qos=1)
    entries = {
        title: home_assistant.entry_of(prefix)["entry_id"]
        for title, prefix in SITES.items()
    }
    for entry_id in entries.values():
        # So no test sees a timeout.
        home_assistant.api.set_options(
            entry_id, heartbeat_timeout=3600, max_devices=500
        )
    home_assistant.wait_until_listening()
    heartbeat = json.dumps({"uptime": 3600, "heap_free": 170_000, "reset_reason": 1})
    for name, site in DEVICES.items():
        topic = f"{SITES[site]}/{name}/status"
        publish(f"{topic}/heartbeat", heartbeat)
        health = "warning" if name in ("yankee", "zulu") else "ok"
        if health == "warning":
            alert = {"subsystem": "NTP", "state": "WARNING", "msg": "sync failed"}
            home_assistant.wait_for_states(
                {f"{name}/connectivity": "on"}, prefix=SITES[site]
            )
            publish(f"{topic}/alerts", json.dumps(alert))
        home_assistant.wait_for_states({f"{name}/health": health}, prefix=SITES[site])
    floor = command("config/floor_registry/create", name="Ground")["floor_id"]
    create = partial(command, "config/area_registry/create")
    tower = create(name="Tower", floor_id=floor)["area_id"]
    nave = create(name="Nave")["area_id"]
    label = command("config/label_registry/create", name="Old")["label_id"]
    devices = {
        name: home_assistant.device_ids(SITES[site])[name]
        for name, site in DEVICES.items()
    }
    update = partial(command, "config/device_registry/update")
    update(device_id=devices["zulu"], area_id=tower, labels=[label])
    update(device_id=devices["bravo"], area_id=nave)
    # So it is below the other one with an alert.
    home_assistant.api.post(
        "/api/services/vesper/acknowledge_alert", {"device_id": devices["zulu"]}
    )
    command("lovelace/dashboards/create", url_path=CARDS, title="Cards", mode="storage")
    return Fleet(
        home_assistant=home_assistant,
        entries=entries,
        devices=devices,
        tower=tower,
        nave=nave,
        ground=floor,
        label=label,
    )


@pytest.fixture(scope="module")
def browser(fleet: Fleet) -> Iterator[Browser]:
    """Return a browser."""
    if CHROMIUM is None:
        pytest.skip("There is no Chromium: install it with apt-get install chromium")
    with Browser(fleet.home_assistant, ROOT / ".cache/test/pictures") as browser:
        yield browser


def _rows(*names: str) -> Check:
    """Return a check of the rows and their order."""

    def check(card: Locator) -> None:
        expect(card.locator(".devices > li span.name")).to_have_text(list(names))

    return check


def _shows(selector: str, text: str) -> Check:
    """Return a check of the text of an element."""

    def check(card: Locator) -> None:
        expect(card.locator(selector).first).to_have_text(text)

    return check


def _contains(selector: str, text: str) -> Check:
    """Return a check of a part of a text."""

    def check(card: Locator) -> None:
        expect(card.locator(selector)).to_contain_text(text)

    return check


def _attribute(selector: str, name: str, value: str) -> Check:
    """Return a check of a property of an element."""

    def check(card: Locator) -> None:
        expect(card.locator(selector)).to_have_js_property(name, value)

    return check


def _links_to(selector: str, path: str) -> Check:
    """Return a check of where a link leads to."""

    def check(card: Locator) -> None:
        expect(card.locator(selector).first).to_have_attribute("href", path)

    return check


def _counts(selector: str, count: int) -> Check:
    """Return a check of the number of elements."""

    def check(card: Locator) -> None:
        expect(card.locator(selector)).to_have_count(count)

    return check


def _all(*checks: Check) -> Check:
    """Return a check of several effects."""

    def check(card: Locator) -> None:
        for one in checks:
            one(card)

    return check


def _try(
    editor: Editor,
    options: list[Option],
    default: Check,
    other: str = "",
) -> None:
    """Set and unset each option, then all at once.

    One other option may be tested elsewhere.
    """
    names = {name for name, _, help_text, _ in editor.fields if help_text}
    assert names - {other} == {option.name for option in options}
    original = editor.stored
    default(editor.preview)
    for option in options:
        editor.set(option)
        option.check(editor.preview)
        editor.unset(option)
        default(editor.preview)
    by_name = {option.name: option for option in options}
    for option in by_name.values():
        editor.set(option)
    editor.save()
    values = {option.name: option.value for option in by_name.values()}
    assert editor.stored == original | values
    editor.open()
    for option in by_name.values():
        editor.unset(option)
    editor.save()
    left = {
        option.name: option.unset
        for option in by_name.values()
        if option.unset is not None
    }
    assert editor.stored == original | left
    default(editor.card)


def _selection(fleet: Fleet, checks: dict[str, Check]) -> list[Option]:
    """Return the options that select devices."""
    north, zulu = fleet.entries["North"], fleet.devices["zulu"]
    chosen: dict[str, tuple[str, Any]] = {
        "entry": ("North", north),
        "area": ("Tower", fleet.tower),
        "devices": ("Vesper zulu", [zulu]),
        "floor": ("Ground", fleet.ground),
        "label": ("Old", fleet.label),
    }
    return [
        Option(
            name=name,
            choose=choose,
            value=value,
            check=checks[name],
            unset=[] if name == "devices" else None,
        )
        for name, (choose, value) in chosen.items()
    ]


def _switch(name: str, check: Check) -> Option:
    """Return an option that is on or off."""
    return Option(name=name, check=check, unset=False)


def test_fleet_card(browser: Browser, fleet: Fleet) -> None:
    """Each option of the fleet card can be set."""
    first, last = "section:first-child", fleet.devices["yankee"]
    head = f".devices > li .head[data-focus='{last}']"
    view = f"/{DASHBOARD}/device?id={last}"
    one = _rows("zulu North")
    selection = {
        "entry": _rows("yankee", "zulu", "alfa"),
        **dict.fromkeys(("area", "devices", "floor", "label"), one),
    }
    texts = TEXTS["en"]
    tap = {
        "device_page": _links_to(head, f"/config/devices/device/{last}"),
        "more_info": _counts(".devices > li button.head", 4),
        "none": _counts(".devices > li div.head", 4),
        "device_view": _links_to(head, view),
    }
    options = [
        Option(
            name="title", choose="Bells", value="Bells", check=_shows("h2", "Bells")
        ),
        _switch("troubled_only", _rows("yankee North", "zulu North")),
        _switch("compact", _counts(".alerts:not([hidden])", 0)),
        *_selection(fleet, selection),
        _switch("group", _shows(".section .label", "NTP: sync failed (2)")),
        _switch("areas", _counts(".place", 5)),
        Option(
            name="sort",
            choose=texts["option_sort_name"],
            value="name",
            check=_rows("alfa North", "bravo South", "yankee North", "zulu North"),
        ),
        Option(name="max_rows", choose="1", value=1, check=_rows("yankee North")),
        *(
            Option(
                name="tap_action",
                choose=texts[f"option_tap_action_{action}"],
                value=action,
                check=check,
            )
            for action, check in tap.items()
        ),
        Option(
            name="dashboard",
            choose="my-board",
            value="my-board",
            check=_links_to(head, view.replace(DASHBOARD, "my-board")),
        ),
    ]
    default = _all(
        _rows(*ALL),
        _counts("h2:visible", 0),
        _counts(".alerts:not([hidden])", 2),
        _counts(".place", 0),
        _counts(f"{first} .section:visible", 0),
        _links_to(head, view),
    )
    with browser.page("edit-fleet") as page:
        editor = Editor(
            fleet.home_assistant, page, {"type": "custom:vesper-fleet-card"}
        )
        _try(editor, options, default, "columns")


def test_columns(browser: Browser, fleet: Fleet) -> None:
    """The number of columns can be limited."""
    option = Option(name="columns", choose="1", value=1, check=_rows(*ALL))

    def columns() -> int:
        lefts = (
            "rows => new Set(rows.map(row => row.getBoundingClientRect().left)).size"
        )
        return int(editor.card.locator(".devices > li").evaluate_all(lefts))

    config = {
        "type": "custom:vesper-fleet-card",
        "sort": "name",
        "grid_options": {"columns": "full"},
    }
    with browser.page("edit-columns") as page:
        editor = fleet.edit(page, config)
        _rows("alfa North", "bravo South", "yankee North", "zulu North")(editor.card)
        assert columns() == 2
        editor.set(option)
        editor.save()
        assert editor.stored == config | {"columns": 1}
        assert columns() == 1
        editor.open()
        editor.unset(option)
        editor.save()
        assert editor.stored == config
        assert columns() == 2


def test_device_card(browser: Browser, fleet: Fleet) -> None:
    """Each option of the device card can be set."""
    texts = TEXTS["en"]
    parts = "ha-card > :is(section, dl)"
    shown = {
        "alerts": ("section_alerts", _shows(f"{parts} h3", "Active alerts")),
        "availability": ("availability", _shows(f"{parts} h3", "Availability")),
        "playback": ("playback", _shows(f"{parts} dt", "Playback")),
        "heap": ("section_heap", _shows(f"{parts} dt", "Free heap")),
        "restarts": ("last_restart", _shows(f"{parts} dt", "Last restart")),
        "actions": ("actions", _counts(f"{parts}.buttons", 1)),
    }
    options = [
        Option(
            name="sections",
            choose=texts[name],
            value=[section],
            check=_all(_counts(parts, 1), check),
            unset=[],
        )
        for section, (name, check) in shown.items()
    ]
    config = {"type": "custom:vesper-device-card", "device": fleet.devices["alfa"]}
    another = Option(
        name="device",
        choose="Vesper zulu",
        value=fleet.devices["zulu"],
        check=_shows("span.name", "zulu"),
    )
    with browser.page("edit-device") as page:
        editor = fleet.edit(page, config)
        _shows("span.name", "alfa")(editor.preview)
        editor.set(another)
        editor.save()
        another.check(editor.card)
        assert editor.stored == config | {"device": another.value}
        editor.open()
        _try(editor, options, _counts(parts, 4), "device")


@pytest.mark.parametrize("kind", ["tile", "badge"])
def test_summaries(browser: Browser, fleet: Fleet, kind: str) -> None:
    """Each option of tile and badge can be set."""
    if kind == "tile":
        title, link = partial(_shows, ".name"), "a.head"
        states = partial(_shows, ".notes")
    else:
        title, link = partial(_attribute, "ha-badge", "label"), "a.badge"
        states = partial(_contains, "ha-badge")
    counts = ("Warning: 2OK: 2", "Warning: 2OK: 1", "Warning: 1")
    every, north, one = (
        states(text if kind == "tile" else text.partition("OK")[0]) for text in counts
    )
    view = f"/{DASHBOARD}/site?id={fleet.entries['North']}"
    selection = {
        "entry": _all(north, title("North"), _links_to(link, view)),
        **dict.fromkeys(("area", "devices", "floor", "label"), one),
    }
    options = [
        Option(name="title", choose="Bells", value="Bells", check=title("Bells")),
        *_selection(fleet, selection),
        Option(
            name="dashboard",
            choose="my-board",
            value="my-board",
            check=_links_to(link, "/my-board"),
        ),
    ]
    default = _all(every, title("Vesper"), _links_to(link, f"/{DASHBOARD}"))
    with browser.page(f"edit-{kind}") as page:
        editor = Editor(
            fleet.home_assistant, page, {"type": f"custom:vesper-fleet-{kind}"}
        )
        _try(editor, options, default)


WRONG: Final = (
    ("fleet-card", "title", {"en": "Bells"}, "title must be a text."),
    ("fleet-card", "entry", 5, "entry must be an id."),
    ("fleet-card", "area", {"id": "a"}, "area must be an id or a list of ids."),
    ("fleet-card", "devices", "a", "devices must be a list of ids."),
    ("fleet-card", "compact", "yes", "compact must be true or false."),
    ("fleet-card", "max_rows", 0, "max_rows must be a whole number from 1 to 10000."),
    ("fleet-card", "columns", "x", "columns must be a whole number from 1 to 12."),
    (
        *("fleet-card", "tap_action", {"action": "none"}),
        "tap_action must be one of these: device_view, device_page, more_info, none.",
    ),
    (
        *("device-card", "sections", "alerts"),
        "sections must be a list of any of these: alerts, availability, playback, heap",
    ),
    ("device-card", "device", ["a"], "device must be an id."),
    ("fleet-tile", "label", [1], "label must be an id or a list of ids."),
    ("fleet-badge", "floor", 1, "floor must be an id or a list of ids."),
)


#: What Home Assistant logs of a badge that it can't create, with its own sources.
LOGGED: Final = (
    "floor(: 1| must be an id)",
    r"raw\.githubusercontent\.com",
    "404 .*/unknown/",
)


def test_wrong_values(browser: Browser, fleet: Fleet) -> None:
    """A wrong value is explained, and can be corrected."""
    with browser.page("edit-wrong", expected=LOGGED) as page:
        for kind in dict.fromkeys(kind for kind, *_ in WRONG):
            config: dict[str, Any] = {"type": f"custom:vesper-{kind}"}
            if kind == "device-card":
                config["device"] = fleet.devices["alfa"]
            editor = fleet.edit(page, config)
            editor.dialog.get_by_role("button", name="Show code editor").click()
            for option, value, explained in (
                row[1:] for row in WRONG if row[0] == kind
            ):
                editor.write(config | {option: value})
                expect(editor.dialog.locator("ha-alert")).to_contain_text(explained)
                if kind == "fleet-badge":
                    # Beside the code, the badge stays as it was.
                    editor.save()
                    page.reload()
                    # It is created once, maybe before there are any texts.
                    error = page.locator("hui-error-badge")
                    expect(error).to_contain_text(option, timeout=LOADED)
                    continue
                error = editor.dialog.locator("hui-error-card")
                expect(error).to_contain_text(explained)
                editor.write(config)
                expect(editor.preview).to_be_visible()
                expect(editor.dialog.locator("ha-alert")).to_have_count(0)


def test_lists(browser: Browser, fleet: Fleet) -> None:
    """A list is edited as code."""
    config = {"type": "custom:vesper-fleet-card", "area": [fleet.tower, fleet.nave]}
    with browser.page("edit-list") as page:
        editor = fleet.edit(page, config, has_form=False)
        expect(editor.dialog.locator("ha-alert")).to_contain_text(
            TEXTS["en"]["option_list"].format(option="area")
        )
        _rows("zulu North", "bravo South")(editor.preview)


def test_samples(browser: Browser, fleet: Fleet) -> None:
    """The samples among the cards and suggestions are short."""
    with browser.page("samples") as page:
        fleet.edit(page, {"type": "custom:vesper-fleet-tile"})
        page.keyboard.press("Escape")
        page.get_by_label("Add card").last.click()
        page.get_by_placeholder("Search entities").fill("North mqtt link")
        page.get_by_text("MQTT link", exact=True).last.click()
        _is_short(page.locator("hui-suggestion-card vesper-fleet-card"))
        page.get_by_text("By card", exact=True).click()
        page.get_by_placeholder("Search cards").fill("Vesper")
        picked = page.locator("hui-card-picker")
        expect(picked.locator("vesper-device-card .name")).to_have_text("alfa")
        _is_short(picked.locator("vesper-fleet-card"))


def _is_short(sample: Locator) -> None:
    expect(sample.locator(".devices > li:visible")).to_have_count(2)
    expect(sample.locator(".menu:visible")).to_have_count(0)


def test_translated(browser: Browser, fleet: Fleet) -> None:
    """Fields and choices are in the user's language."""
    texts = TEXTS["de"]
    known = set(texts.values())
    with browser.page("edit-german", locale="de-DE") as page:
        for kind in ("fleet-card", "device-card", "fleet-tile", "fleet-badge"):
            config = {"type": f"custom:vesper-{kind}"}
            editor = fleet.edit(page, config)
            fields = editor.fields
            for name, label, help_text, choices in fields:
                assert label == texts[f"option_{name}"]
                assert help_text == texts.get(f"option_{name}_help")
                assert set(choices) <= known
            shown = editor.dialog.locator("ha-form ha-selector").first
            expect(shown).to_contain_text(fields[0][2])
