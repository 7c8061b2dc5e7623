"""Status bars and the history that they show."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from playwright.sync_api import Page, expect
import pytest

from .cards import OpenFleet

HOUR: Final = 3_600_000

#: Prepares a page for the tests of the history: `make` makes a loader, `calls` are what
#: it has asked for, `hours(count)` is so many hours ago in seconds.
PREPARE: Final = """async () => {
    const { HistoryLoader } = await import("./cards/history.js");
    const { createStatusBar } = await import("./cards/status-bar.js");
    const home = document.querySelector("home-assistant");
    const hours = (count) => Date.now() / 1000 - count * 3600;
    const since = (count) => new Date(hours(count) * 1000).toISOString();
    const device = (id) => ({ id, entities: {
        connectivity: `binary_sensor.${id}`, maintenance: `switch.${id}` } });
    const hass = {
        ...home.hass,
        config: { components: ["history", "recorder"], time_zone: "Europe/Berlin" },
        states: {},
        callWS: async (command) => {
            tests.calls.push(command);
            if (tests.error) throw tests.error;
            return tests.response;
        },
    };
    const loaded = () => (tests.loads += 1);
    window.tests = {
        hass, hours, since, device, calls: [], loads: 0, response: {},
        history: new HistoryLoader({ onLoad: loaded }), createStatusBar,
        set: (id, state, last_changed) =>
            (hass.states = { ...hass.states, [id]: { state, last_changed } }),
        request: (...ids) => {
            for (const id of ids) tests.history.request(tests.hass, device(id));
        },
        segments: (id) => tests.history.segments(tests.hass, device(id))
            ?.map(({ state, start, end }) =>
                [state, Math.round((Date.now() - start) / 3_600_000)]),
    };
}"""


@pytest.fixture
def page(many_devices: OpenFleet) -> Iterator[Page]:
    """Return a page with the modules."""
    with many_devices(1) as page:
        page.evaluate(PREPARE)
        yield page


def load(page: Page, *ids: str) -> None:
    """Request devices and wait until they are loaded."""
    loads = page.evaluate("tests.loads")
    page.evaluate("ids => tests.request(...ids)", list(ids))
    page.wait_for_function("loads => tests.loads > loads", arg=loads)


def calls(page: Page) -> int:
    """Return how many commands were sent by now."""
    count: int = page.evaluate("""async () => {
        for (let frame = 0; frame < 3; frame += 1) {
            await new Promise(requestAnimationFrame);
        }
        return tests.calls.length;
    }""")
    return count


@pytest.mark.parametrize(
    ("connectivity", "maintenance", "expected"),
    [
        ([], [], [("unrecorded", 0, 100)]),
        ([(0, "on")], [], [("online", 0, 100)]),
        ([(-50, "off")], [], [("offline", 0, 100)]),
        ([(40, "on")], [], [("unrecorded", 0, 40), ("online", 40, 100)]),
        (
            [(0, "on"), (20, "off"), (30, "on")],
            [(0, "off")],
            [("online", 0, 20), ("offline", 20, 30), ("online", 30, 100)],
        ),
        # A state that repeats begins no new segment.
        ([(0, "on"), (50, "on")], [(60, "off")], [("online", 0, 100)]),
        (
            [(0, "on"), (60, "unavailable"), (80, "unknown")],
            [],
            [("online", 0, 60), ("unknown", 60, 100)],
        ),
        # What a device does in maintenance does not count.
        (
            [(0, "on"), (20, "off"), (70, "on")],
            [(10, "on"), (50, "off")],
            [
                ("online", 0, 10),
                ("maintenance", 10, 50),
                ("offline", 50, 70),
                ("online", 70, 100),
            ],
        ),
        # What is out of the period is left out.
        ([(0, "on"), (100, "off"), (130, "on")], [], [("online", 0, 100)]),
    ],
)
def test_segments(
    page: Page,
    connectivity: list[tuple[int, str]],
    maintenance: list[tuple[int, str]],
    expected: list[tuple[str, int, int]],
) -> None:
    """States become segments without gaps."""
    points = [
        [{"at": at, "state": state} for at, state in states]
        for states in (connectivity, maintenance)
    ]
    segments = page.evaluate(
        """async ([connectivity, maintenance]) => {
            const { toSegments } = await import("./cards/segments.js");
            return toSegments(connectivity, maintenance, 0, 100);
        }""",
        points,
    )
    assert [(one["state"], one["start"], one["end"]) for one in segments] == expected


def test_many_segments_are_joined(page: Page) -> None:
    """No outage is lost when segments are joined."""
    segments = page.evaluate("""async () => {
        const { joinSegments, toSegments } = await import("./cards/segments.js");
        const states = Array.from({ length: 1000 }, (_, at) =>
            ({ at: at * 10, state: at % 10 ? "on" : "off" }));
        // The last half has no outage.
        const kept = states.filter(({ at, state }) => at < 5000 || state === "on");
        return joinSegments(toSegments(kept, [], 0, 10_000), 40);
    }""")
    assert len(segments) <= 41
    assert sum(one["outages"] for one in segments) == 50
    assert sum(one["offline"] for one in segments) == 500
    assert segments[0]["start"] == 0
    assert segments[-1]["end"] == 10_000
    assert segments[-1]["state"] == "online"
    for one, other in pairwise(segments):
        assert one["end"] == other["start"]


def test_one_command_for_all_in_view(page: Page) -> None:
    """Devices of one frame are loaded by one command."""
    load(page, "a", "b", "a", "c")
    (command,) = page.evaluate("tests.calls")
    start = page.evaluate(
        "start => Date.now() - Date.parse(start)", command["start_time"]
    )
    assert 24 * HOUR <= start < 24 * HOUR + 10_000
    del command["start_time"]
    assert command == {
        "type": "history/history_during_period",
        "entity_ids": [
            f"{platform}.{name}"
            for name in "abc"
            for platform in ("binary_sensor", "switch")
        ],
        "minimal_response": True,
        "no_attributes": True,
        "significant_changes_only": False,
    }


def test_loaded_again_after_five_minutes(page: Page) -> None:
    """A device that is requested is loaded again then."""
    load(page, "a", "b")
    page.clock.fast_forward(290_000)
    page.evaluate("tests.request('a')")
    assert calls(page) == 1
    page.clock.fast_forward(15_000)
    assert calls(page) == 1
    load(page, "a")
    assert calls(page) == 2
    assert page.evaluate("tests.calls[1].entity_ids[0]") == "binary_sensor.a"


def test_not_loaded_while_hidden(page: Page) -> None:
    """A hidden page asks for nothing."""
    page.evaluate("""() => Object.defineProperty(document, "hidden",
        { configurable: true, get: () => true })""")
    page.evaluate("tests.request('a')")
    assert calls(page) == 0
    page.evaluate("() => delete document.hidden")
    load(page, "a")
    assert calls(page) == 1


def test_history_and_what_changed_since(page: Page) -> None:
    """Changes are taken from the states, without a command."""
    page.evaluate("""() => {
        const { hours, since } = tests;
        tests.set("binary_sensor.a", "on", since(6));
        tests.set("switch.a", "off", since(100));
        tests.response = { "binary_sensor.a": [
            { s: "on", lu: hours(24) }, { s: "off", lu: hours(8) },
            { s: "on", lu: hours(3), lc: hours(6) } ] };
    }""")
    load(page, "a")
    online = [["online", 24], ["offline", 8], ["online", 6]]
    assert page.evaluate("tests.segments('a')") == online
    page.evaluate("tests.set('binary_sensor.a', 'off', tests.since(2))")
    page.evaluate("tests.set('switch.a', 'on', tests.since(1))")
    changed = [*online, ["offline", 2], ["maintenance", 1]]
    assert page.evaluate("tests.segments('a')") == changed
    assert calls(page) == 1


def test_without_history(page: Page) -> None:
    """Without the recorder there is no bar."""
    for components in ([], ["history"], ["recorder"]):
        page.evaluate("list => (tests.hass.config.components = list)", components)
        page.evaluate("tests.request('a')")
        assert page.evaluate("tests.segments('a')") == []
    assert calls(page) == 0


def test_entity_that_is_not_recorded(page: Page) -> None:
    """Only an old state is known without history."""
    page.evaluate("tests.set('binary_sensor.a', 'on', tests.since(2))")
    page.evaluate("tests.set('binary_sensor.b', 'on', tests.since(30))")
    assert page.evaluate("tests.segments('a')") is None
    load(page, "a", "b")
    assert page.evaluate("tests.segments('a')") == []
    assert page.evaluate("tests.segments('b')") == [["online", 24]]


def test_error(page: Page) -> None:
    """What was known stays, and it is tried again."""
    page.evaluate("""() => {
        tests.set("binary_sensor.a", "on", tests.since(2));
        tests.error = new Error("no database");
    }""")
    load(page, "a")
    assert page.evaluate("tests.segments('a')") == []
    page.evaluate("""() => {
        delete tests.error;
        tests.response = { "binary_sensor.a": [{ s: "on", lu: tests.hours(10) }] };
    }""")
    page.clock.fast_forward(31_000)
    load(page, "a")
    known = [["unrecorded", 24], ["online", 10]]
    assert page.evaluate("tests.segments('a')") == known
    page.evaluate("() => (tests.error = new Error('no database'))")
    page.clock.fast_forward(301_000)
    load(page, "a")
    assert page.evaluate("tests.segments('a')") == known


def show_bar(page: Page, states: list[tuple[str, float]]) -> None:
    """Show a bar with states since hours ago."""
    page.evaluate(
        """(states) => {
            const { hass, hours, since, device, history } = tests;
            tests.set("binary_sensor.a", states.at(-1)[0], since(states.at(-1)[1]));
            tests.response = { "binary_sensor.a":
                states.map(([s, count]) => ({ s, lu: hours(count) })) };
            tests.bar = tests.createStatusBar(history, device("a"));
            document.body.append(tests.bar);
            tests.bar.update(hass);
        }""",
        states,
    )
    page.wait_for_function("tests.loads === 1")
    page.evaluate("tests.bar.update(tests.hass)")


@pytest.mark.parametrize(
    ("states", "sentence"),
    [
        ([("on", 24)], "bar_online 24 hours 100%"),
        # Not 100 %, as it is not all.
        (
            [("on", 24), ("off", 0.0101), ("on", 0.0001)],
            "sentences bar_online 24 hours 99.9% bar_offline ",
        ),
        (
            [("on", 24), ("off", 12)],
            "sentences bar_online 24 hours 49.9% bar_offline_since ",
        ),
        ([("unavailable", 24)], "bar_unknown 24 hours"),
        (
            [(state, 24 - at) for at, state in enumerate(["on", "off"] * 12)],
            "sentences bar_online 24 hours 49.9% bar_outages 12 bar_offline_since ",
        ),
    ],
)
def test_sentence(page: Page, states: list[tuple[str, float]], sentence: str) -> None:
    """A screen reader reads the share and the outages."""
    show_bar(page, states)
    bar = page.get_by_role("img")
    assert (bar.get_attribute("aria-label") or "").startswith(sentence)


def test_drawn_to_scale(page: Page) -> None:
    """Segments have their share of the width."""
    show_bar(page, [("on", 18), ("off", 12), ("unavailable", 6)])
    segments = page.get_by_role("img").locator("span")
    widths = segments.evaluate_all(
        "all => all.map(one => [one.className, one.style.flexGrow / 3_600_000])"
    )
    expected = {"unrecorded": 6, "online": 6, "offline": 6, "unknown": 6}
    assert {name: round(width, 2) for name, width in widths} == expected
    tooltip = segments.nth(2).get_attribute("title") or ""
    assert tooltip.startswith("segment offline ")
    assert tooltip.endswith(" 6 hr")


def test_drawn_only_when_changed(page: Page) -> None:
    """The elements stay as long as they are right."""
    show_bar(page, [("on", 24)])
    page.evaluate("() => (tests.bar.firstElementChild.kept = true)")
    page.evaluate("tests.bar.update(tests.hass)")
    assert page.evaluate("tests.bar.firstElementChild.kept")
    page.evaluate("tests.set('binary_sensor.a', 'off', tests.since(1))")
    page.evaluate("tests.bar.update(tests.hass)")
    expect(page.get_by_role("img").locator("span")).to_have_count(2)


def test_hidden_without_history(page: Page) -> None:
    """A bar without data is not there."""
    page.evaluate("() => (tests.hass.config.components = [])")
    page.evaluate("""() => {
        const bar = tests.createStatusBar(tests.history, tests.device("a"));
        document.body.append(bar);
        bar.update(tests.hass);
    }""")
    expect(page.locator(".status-bar")).to_be_hidden()


@pytest.mark.parametrize(
    ("value", "options", "text"),
    [
        ("2026-07-15T18:30", {}, "2026-07-15T16:30:00.000Z"),
        ("2026-01-15T18:30", {}, "2026-01-15T17:30:00.000Z"),
        ("2026-07-15T18:30", {"time_zone": "server"}, "2026-07-15T09:30:00.000Z"),
        # The clocks are put back on this night.
        ("2026-10-25T03:30", {}, "2026-10-25T02:30:00.000Z"),
        ("2026-10-25T01:30", {}, "2026-10-24T23:30:00.000Z"),
    ],
)
def test_times_of_input_fields(
    page: Page, value: str, options: dict[str, str], text: str
) -> None:
    """They are in the time zone of the profile."""
    own = {"language": "en", "time_format": "language", "time_zone": "local"}
    found = page.evaluate(
        """async ([locale, value]) => {
            const { fromInput, toInput } = await import("./cards/times.js");
            const hass = { locale, config: { time_zone: "Asia/Tokyo" } };
            const time = fromInput(hass, value);
            return [new Date(time).toISOString(), toInput(hass, time)];
        }""",
        [own | options, value],
    )
    assert found == [text, value]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 sec"),
        (59, "59 sec"),
        (60, "1 min"),
        (3_600, "1 hr"),
        (4_800, "1 hr 20 min"),
        (90_061, "1 day 1 hr"),
        (86_460, "1 day"),
    ],
)
def test_durations(page: Page, seconds: float, text: str) -> None:
    """A duration has at most two units."""
    found: Any = page.evaluate(
        """async (seconds) => {
            const { durationText } = await import("./cards/durations.js");
            return durationText(tests.hass, seconds);
        }""",
        seconds,
    )
    assert found == text


def test_units_of_another_number_format(page: Page) -> None:
    """They are in the language, however numbers are written."""
    found: str = page.evaluate("""async () => {
        const { periodText } = await import("./cards/durations.js");
        const locale = { language: "pl", number_format: "comma_decimal" };
        return periodText({ locale }, 7 * 24);
    }""")
    assert found == "7 dni"
