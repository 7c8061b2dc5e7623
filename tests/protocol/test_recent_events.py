"""Parse, compare and decode the entries of `recent_events`."""

from collections import Counter
from datetime import UTC, datetime
import random

from hypothesis import given, strategies as st
import orjson
import pytest

from custom_components.vesper.protocol.codes import EVENT_KEYS, MAX_TIME, EventTag
from custom_components.vesper.protocol.fields import Fault, FaultKind
from custom_components.vesper.protocol.recent_events import (
    MAX_EVENT_DATA,
    MAX_EVENTS,
    Meaning,
    RecentEvent,
    contains_boot,
    decode_events,
    encode_events,
    new_events,
    oldest_first,
    parse_events,
)
from tests.strategies import Json, json_values

from .common import INVALID

#: The first second of 2020: the earliest time of a clock that is set.
CLOCK_SET = 1_577_836_800

#: Numbers that the parser accepts, and those around the limits of times and signals.
numbers = (
    st.integers(0, 256)
    | st.integers(-MAX_EVENT_DATA, MAX_EVENT_DATA)
    | st.sampled_from([2**16 - 129, 2**16 - 128, 2**16 - 1, 2**16, 2**32 - 1])
    | st.sampled_from([CLOCK_SET - 1, CLOCK_SET, CLOCK_SET + 1])
)
events = st.builds(
    RecentEvent,
    tag=st.integers(0, 9) | numbers,
    d0=numbers,
    d1=numbers,
    ts=numbers,
    up=numbers,
)

#: A few entries, so that equal ones are drawn often.
few_events = st.builds(
    RecentEvent,
    tag=st.integers(1, 2),
    d0=st.just(0),
    d1=st.just(0),
    ts=st.sampled_from([0, CLOCK_SET - 1, CLOCK_SET, CLOCK_SET + 1]),
    up=st.integers(0, 2),
)
few = st.lists(few_events, max_size=8)


def event(
    tag: int, d0: int = 0, d1: int = 0, *, ts: int = 0, up: int = 60
) -> RecentEvent:
    """Return an event of a minute after boot."""
    return RecentEvent(tag=tag, d0=d0, d1=d1, ts=ts, up=up)


GOOD: dict[str, Json] = {"t": 3, "d0": 200, "d1": 0, "ts": 1_800_000_000, "up": 60}
TAKEN = RecentEvent(tag=3, d0=200, d1=0, ts=1_800_000_000, up=60)


def events_in(
    *items: Json,
) -> tuple[tuple[RecentEvent, ...] | None, list[tuple[str, FaultKind]]]:
    """Return the events in a list, and its faults."""
    faults: list[Fault] = []
    events = parse_events(list(items), faults)
    return events, [(fault.path, fault.kind) for fault in faults]


def test_no_events_are_no_fault() -> None:
    """An empty buffer differs from an absent one."""
    assert events_in() == ((), [])


def test_events_stay_in_their_order() -> None:
    """An entry that is there twice is two events."""
    later = RecentEvent(tag=1, d0=9, d1=0, ts=0, up=0)
    entry: Json = {"t": 1, "d0": 9, "d1": 0, "ts": 0, "up": 0}
    assert events_in(GOOD, GOOD, entry) == ((TAKEN, TAKEN, later), [])


def test_unknown_tags_and_fields_of_events_are_kept_or_ignored() -> None:
    """Additions of later firmware are no fault."""
    event = RecentEvent(tag=77, d0=200, d1=0, ts=1_800_000_000, up=60)
    assert events_in(GOOD | {"t": 77, "x": []}) == ((event,), [])


@pytest.mark.parametrize("field", GOOD)
@pytest.mark.parametrize(
    "value",
    [None, True, "1", 1.0, [], {}, [[1]], MAX_EVENT_DATA + 1, -MAX_EVENT_DATA - 1],
    ids=lambda value: f"{value!r}",
)
def test_a_bad_event_is_named_with_its_path(field: str, value: Json) -> None:
    """The others are used."""
    assert events_in(GOOD, GOOD | {field: value}, GOOD) == (
        (TAKEN, TAKEN),
        [(f"recent_events[1].{field}", INVALID)],
    )


@pytest.mark.parametrize("field", GOOD)
def test_an_event_without_a_field_is_named_with_its_path(field: str) -> None:
    """The others are used."""
    entry = {name: value for name, value in GOOD.items() if name != field}
    assert events_in(GOOD, GOOD, GOOD, entry) == (
        (TAKEN, TAKEN, TAKEN),
        [(f"recent_events[3].{field}", INVALID)],
    )


def test_each_fault_of_an_event_is_named() -> None:
    """Two faults are both named."""
    assert events_in(GOOD | {"d0": "x", "up": None})[1] == [
        ("recent_events[0].d0", INVALID),
        ("recent_events[0].up", INVALID),
    ]


@pytest.mark.parametrize("item", [None, 7, "EVT_BOOT", True, [], [GOOD]], ids=repr)
def test_what_is_no_event_is_named_with_its_position(item: Json) -> None:
    """The others are used."""
    assert events_in(item, GOOD) == ((TAKEN,), [("recent_events[0]", INVALID)])


def test_the_number_of_events_is_bounded() -> None:
    """Of too many events the newest are used."""
    assert events_in(*[GOOD] * MAX_EVENTS) == ((TAKEN,) * MAX_EVENTS, [])
    bad = GOOD | {"d0": None}
    assert events_in(bad, *[GOOD] * (MAX_EVENTS - 1), bad) == (
        (TAKEN,) * (MAX_EVENTS - 1),
        [
            ("recent_events", FaultKind.TOO_MANY),
            (f"recent_events[{MAX_EVENTS}].d0", INVALID),
        ],
    )


@pytest.mark.parametrize(
    ("ts", "time"),
    [
        pytest.param(
            1_800_000_000, datetime(2027, 1, 15, 8, 0, tzinfo=UTC), id="some-day"
        ),
        pytest.param(1, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), id="first"),
        pytest.param(MAX_TIME, datetime(2106, 2, 7, 6, 28, 15, tzinfo=UTC), id="last"),
        pytest.param(0, None, id="not-set"),
        pytest.param(-1, None, id="negative"),
        pytest.param(MAX_TIME + 1, None, id="beyond"),
    ],
)
def test_an_event_has_the_devices_time(ts: int, time: datetime | None) -> None:
    """Without a valid clock there is no time."""
    assert event(EventTag.BOOT, ts=ts).time == time


@pytest.mark.parametrize(
    ("tag", "key"), [*enumerate(EVENT_KEYS[:-1], 1), (0, "unknown"), (9, "unknown")]
)
def test_an_event_is_of_the_type_of_its_tag(tag: int, key: str) -> None:
    """Tags without a name share one type."""
    assert event(tag).key == key


@pytest.mark.parametrize(
    ("happened", "meaning"),
    [
        pytest.param(event(1, 9), {"reason": "BROWN_OUT", "code": 9}, id="boot"),
        pytest.param(
            event(1, 16), {"reason": "unknown (16)", "code": 16}, id="boot-unnamed"
        ),
        pytest.param(event(2, 65483), {"rssi": -53}, id="wifi-up"),
        pytest.param(event(2, 300), {"rssi": None}, id="wifi-up-no-rssi"),
        pytest.param(
            event(3, 255), {"reason": "SILENT_DEATH", "code": 255}, id="wifi-down"
        ),
        pytest.param(
            event(3, 99), {"reason": "unknown (99)", "code": 99}, id="wifi-down-unnamed"
        ),
        pytest.param(
            event(4, 4711, 120), {"path_hash": 4711, "elapsed_ms": 120}, id="http-ok"
        ),
        pytest.param(
            event(5, 4711, 503), {"path_hash": 4711, "status": 503}, id="http-fail"
        ),
        pytest.param(event(6, 3), {"count": 3}, id="heartbeat-miss"),
        pytest.param(event(7, 5), {"seconds_since_boot": 5}, id="ntp-sync"),
        pytest.param(event(8, 3), {"reason": "OTA", "code": 3}, id="reboot"),
        pytest.param(
            event(8, 5), {"reason": "unknown (5)", "code": 5}, id="reboot-unnamed"
        ),
        pytest.param(event(9, 1, 2), {"tag": 9, "d0": 1, "d1": 2}, id="unnamed"),
    ],
)
def test_event_data_is_decoded_by_tag(happened: RecentEvent, meaning: Meaning) -> None:
    """Data of an unnamed tag stay as they are."""
    assert happened.decoded() == meaning


@pytest.mark.parametrize(
    ("happened", "shown"),
    [
        pytest.param(
            event(3, 200, ts=1_800_000_000),
            {
                "event": "EVT_WIFI_DOWN",
                "time": "2027-01-15T08:00:00+00:00",
                "uptime": 60,
                "reason": "BEACON_TIMEOUT",
                "code": 200,
            },
            id="named",
        ),
        pytest.param(
            event(42, 1, 2),
            {
                "event": "unknown (42)",
                "time": None,
                "uptime": 60,
                "tag": 42,
                "d0": 1,
                "d1": 2,
            },
            id="unnamed",
        ),
    ],
)
def test_the_api_shows_an_event_by_its_name(
    happened: RecentEvent, shown: Meaning
) -> None:
    """Names have the firmware's prefix."""
    assert happened.as_json() == shown


@given(events)
def test_any_event_can_be_shown(happened: RecentEvent) -> None:
    """Any event has a type and is valid JSON."""
    assert happened.key in EVENT_KEYS
    shown = happened.as_json()
    assert orjson.loads(orjson.dumps(shown)) == shown
    assert shown.items() >= happened.decoded().items()
    assert (shown["time"] is None) is (happened.time is None)


def test_no_list_is_none() -> None:
    """Null is absent; another such value is a fault."""
    faults: list[Fault] = []
    assert parse_events(None, faults) is None
    assert not faults
    assert parse_events({"t": 1}, faults) is None
    assert [(fault.path, fault.kind) for fault in faults] == [
        ("recent_events", INVALID)
    ]


@given(json_values)
def test_any_value_is_a_list_of_good_entries_or_none(value: Json) -> None:
    """It is None without a list or valid entries."""
    faults: list[Fault] = []
    parsed = parse_events(value, faults)
    if parsed is None:
        assert value is None or faults
    else:
        assert isinstance(value, list)
        assert len(parsed) <= len(value)
        assert (len(parsed) == len(value)) is not bool(faults)
        assert parse_events(orjson.loads(encode_events(parsed)), []) == parsed


@given(st.lists(events, max_size=MAX_EVENTS))
def test_encoded_entries_are_the_same_again(entries: list[RecentEvent]) -> None:
    """They are parsed to the same entries again."""
    text = encode_events(entries)
    assert decode_events(text) == tuple(entries)
    assert parse_events(orjson.loads(text), []) == tuple(entries)
    assert b" " not in text


def test_the_form_of_encoded_entries() -> None:
    """They are encoded as the firmware does.

    So they can be compared with a payload.
    """
    assert encode_events([TAKEN]) == (
        b'[{"t":3,"d0":200,"d1":0,"ts":1800000000,"up":60}]'
    )


# New entries


@given(few, few)
def test_new_entries_are_the_difference_of_multisets(
    known: list[RecentEvent], entries: list[RecentEvent]
) -> None:
    """Entries are new by how many there are."""
    new = new_events(known, entries)
    for entry in {*known, *entries}:
        assert new.count(entry) == max(0, entries.count(entry) - known.count(entry))
    assert set(new) <= set(entries)
    assert new == oldest_first(new)


@given(few, few, st.randoms(use_true_random=False))
def test_the_order_of_the_lists_does_not_matter(
    known: list[RecentEvent], entries: list[RecentEvent], chance: random.Random
) -> None:
    """A ring buffer may be sent from any position."""
    mixed_known, mixed = (chance.sample(all_, len(all_)) for all_ in (known, entries))
    assert Counter(new_events(mixed_known, mixed)) == Counter(
        new_events(known, entries)
    )


@given(few, few)
def test_added_entries_are_new(
    known: list[RecentEvent], added: list[RecentEvent]
) -> None:
    """Only added entries are new; missing ones are ignored."""
    assert Counter(new_events(known, known + added)) == Counter(added)
    assert Counter(new_events([], added)) == Counter(added)
    assert new_events(known + added, known) == ()


@given(few)
def test_entries_are_ordered_by_time_or_uptime(entries: list[RecentEvent]) -> None:
    """Those without a time come first, by uptime."""
    ordered = oldest_first(entries)
    assert Counter(ordered) == Counter(entries)
    unset = [entry for entry in ordered if entry.ts < CLOCK_SET]
    timed = [entry for entry in ordered if entry.ts >= CLOCK_SET]
    assert [*ordered] == unset + timed
    assert [entry.up for entry in unset] == sorted(entry.up for entry in unset)
    assert [(entry.ts, entry.up) for entry in timed] == sorted(
        (entry.ts, entry.up) for entry in timed
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(event(2, up=5), event(2, up=6), id="uptime"),
        pytest.param(
            event(2, ts=CLOCK_SET, up=9),
            event(2, ts=CLOCK_SET + 1, up=1),
            id="time-before-uptime",
        ),
        pytest.param(
            event(2, ts=CLOCK_SET, up=1), event(2, ts=CLOCK_SET, up=2), id="same-time"
        ),
        pytest.param(
            event(2, ts=CLOCK_SET - 1, up=1), event(2, up=2), id="clock-not-set"
        ),
        pytest.param(event(2, up=900), event(2, ts=CLOCK_SET, up=1), id="mixed"),
    ],
)
def test_the_order_of_two_entries(first: RecentEvent, second: RecentEvent) -> None:
    """The order of the list does not count."""
    assert oldest_first([first, second]) == (first, second)
    assert oldest_first([second, first]) == (first, second)


@given(few)
def test_a_boot_is_found(entries: list[RecentEvent]) -> None:
    """It may be at any position."""
    assert contains_boot(entries) is (EventTag.BOOT in {entry.tag for entry in entries})
