"""What heartbeats tell of a device itself, and when it is told on (section 1)."""

from collections import deque
from unittest.mock import patch

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.model.change import Change, Changes
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.event_log import new_in
from custom_components.vesper.model.restarts import UPTIME_JITTER
from custom_components.vesper.model.telemetry import (
    BOOT_TIME_JITTER,
    DRIFT_INTERVAL,
    LOW_HEAP,
)
from custom_components.vesper.protocol import messages
from custom_components.vesper.protocol.codes import EventTag, RecentEvent
from custom_components.vesper.protocol.messages import (
    FaultKind,
    Heartbeat,
    Message,
    parse_events,
    parse_heartbeat,
)

from .strategies import DEVICE_ID, Json, heartbeat, json_values

NOW = 1_800_000_000.0

#: What a device tells besides its uptime and its log, and what its change is called.
TOLD: dict[str, tuple[Json, Json, Changes]] = {
    "firmware_version": ("1.1.0", "1.2.0", Change.FIRMWARE),
    "reset_reason": (1, 4, Change.RESET_REASON),
    "last_disconnect_code": (8, 255, Change.DISCONNECT),
    "heap_free": (170_000, LOW_HEAP - 1, Change.HEAP_FREE),
    "heap_min_free": (150_000, 149_999, Change.HEAP_MIN_FREE),
}
each_field = pytest.mark.parametrize("field", TOLD)


def event(tag: int, d0: int = 0, *, up: int = 60, ts: int = 0) -> RecentEvent:
    """Return an event."""
    return RecentEvent(tag=tag, d0=d0, d1=0, ts=ts, up=up)


BOOT = event(EventTag.BOOT, 1, up=0)
WIFI_UP = event(EventTag.WIFI_UP, 65483, up=3)
WIFI_DOWN = event(EventTag.WIFI_DOWN, 200, up=700)
BACK = event(EventTag.WIFI_UP, 65466, up=720, ts=1_800_000_000)
PANIC = event(EventTag.BOOT, 4, up=0)


def entry(happened: RecentEvent) -> dict[str, Json]:
    """Return an event as it stands in a heartbeat."""
    return {
        "t": happened.tag,
        "d0": happened.d0,
        "d1": happened.d1,
        "ts": happened.ts,
        "up": happened.up,
    }


def log(*events: RecentEvent, **fields: Json) -> Message:
    """Return a heartbeat with a ring buffer, the oldest event first."""
    return heartbeat(recent_events=[entry(one) for one in events], **fields)


def hear(device: Device, message: Message, *, after: float = 0.0) -> Changes:
    """Let a device take in a live message, so many seconds after NOW."""
    return device.apply(message, live=True, now=NOW + after)


def replay(device: Device, message: Message, *, after: float = 0.0) -> Changes:
    """Let a device take in a message that the broker kept."""
    return device.apply(message, live=False, now=NOW + after)


def news(device: Device, message: Message, *, after: float = 0.0) -> list[RecentEvent]:
    """Let a device take in a live message, and return the events that it tells on."""
    change = hear(device, message, after=after)
    return list(device.diagnostics.log.new) if change & Change.DEVICE_LOG else []


def found(message: Message) -> list[tuple[str, FaultKind]]:
    """Return where a message is wrong, and in what way."""
    return [(fault.path, fault.kind) for fault in message.faults]


@pytest.fixture
def device() -> Device:
    """Return a device that has been heard, but has told nothing of itself."""
    device = Device(device_id=DEVICE_ID)
    hear(device, heartbeat())
    return device


@pytest.fixture
def known(device: Device) -> Device:
    """Return a device that has told all that there is, in good health."""
    fields = {field: first for field, (first, _, _) in TOLD.items()}
    hear(device, log(BOOT, WIFI_UP, uptime=1000, **fields))
    return device


# Fields


def test_nothing_is_known_at_first(device: Device) -> None:
    """Firmware 1.0.0 tells nothing of itself."""
    diagnostics = device.diagnostics
    assert [getattr(diagnostics, field) for field in TOLD] == [None] * len(TOLD)
    assert (diagnostics.boot_time, diagnostics.rssi) == (None, None)
    assert (diagnostics.log.events, diagnostics.log.new) == ((), ())


@each_field
def test_a_field_is_told_when_it_changes(known: Device, field: str) -> None:
    """It alone is, once."""
    _, other, flag = TOLD[field]
    assert hear(known, heartbeat(**{field: other})) == flag
    assert getattr(known.diagnostics, field) == other
    assert hear(known, heartbeat(**{field: other})) == Change.NOTHING


@each_field
@pytest.mark.parametrize("is_null", [True, False], ids=["null", "absent"])
def test_what_is_left_out_stays(known: Device, field: str, *, is_null: bool) -> None:
    """The other fields are taken."""
    fields: dict[str, Json] = {name: other for name, (_, other, _) in TOLD.items()}
    del fields[field]
    message = heartbeat(**fields | ({field: None} if is_null else {}))
    change = hear(known, message)
    assert getattr(known.diagnostics, field) == TOLD[field][0]
    for name, value in fields.items():
        assert getattr(known.diagnostics, name) == value
        assert TOLD[name][2] & change
    assert not message.faults


@each_field
@pytest.mark.parametrize(
    "value", [True, -1, 1.5, "", [], {}, 2**32], ids=lambda value: f"{value!r}"
)
def test_what_is_bad_is_named_and_the_rest_is_taken(
    known: Device, field: str, value: Json
) -> None:
    """The value known before stays, and each heartbeat with it is a bad one."""
    fields = {name: other for name, (_, other, _) in TOLD.items()}
    for _ in range(2):
        message = heartbeat(**fields | {field: value})
        hear(known, message)
        assert found(message) == [(field, FaultKind.INVALID)]
    for name, (first, other, _) in TOLD.items():
        expected = first if name == field else other
        assert getattr(known.diagnostics, name) == expected
    good = heartbeat(**fields)
    assert TOLD[field][2] & hear(known, good)
    assert not good.faults


def test_true_is_no_number_also_where_a_one_is_known() -> None:
    """They are equal to Python; it is looked at where anything else is told anew."""
    device = Device(device_id=DEVICE_ID)
    fields = {"uptime": 61, "heap_free": 100_000, "heap_min_free": 9_000}
    for reset_reason in (1, True, True):
        hear(device, heartbeat(**fields, reset_reason=reset_reason))
    message = heartbeat(reset_reason=True, heap_min_free=8_000)
    assert hear(device, message) & Change.HEAP_MIN_FREE
    assert found(message) == [("reset_reason", FaultKind.INVALID)]
    assert device.diagnostics.reset_reason == 1


def test_what_the_broker_kept_fills_in() -> None:
    """The device is known by it before it speaks, but not when it booted."""
    device = Device(device_id=DEVICE_ID)
    fields = {field: first for field, (first, _, _) in TOLD.items()}
    change = replay(device, log(BOOT, WIFI_UP, uptime=10, **fields))
    for field, (first, _, flag) in TOLD.items():
        assert getattr(device.diagnostics, field) == first
        assert flag & change
    assert device.diagnostics.rssi == -53
    assert device.diagnostics.boot_time is None
    assert not change & (Change.BOOT_TIME | Change.DEVICE_LOG | Change.RESTART)


# Heap


@pytest.mark.parametrize(
    ("after", "is_told"),
    [
        pytest.param(0, False, id="same-moment"),
        pytest.param(DRIFT_INTERVAL - 1, False, id="within-a-minute"),
        pytest.param(DRIFT_INTERVAL, True, id="a-minute-later"),
        pytest.param(-1, True, id="clock-set-back"),
        pytest.param(86_400, True, id="clock-set-forward"),
    ],
)
def test_drift_is_told_once_a_minute(
    known: Device, after: float, *, is_told: bool
) -> None:
    """It is known in any case: whoever looks sees the newest."""
    change = hear(known, heartbeat(heap_free=169_999), after=after)
    assert bool(change & Change.HEAP_FREE) is is_told
    assert known.diagnostics.heap_free == 169_999


def test_drift_that_came_to_rest_is_told_in_the_end(known: Device) -> None:
    """What was not told within the minute is not left out for ever."""
    assert hear(known, heartbeat(heap_free=100_000), after=30) == Change.NOTHING
    assert Change.HEAP_FREE & hear(known, heartbeat(heap_free=100_000), after=60)
    assert not hear(known, heartbeat(heap_free=100_000), after=120) & Change.HEAP_FREE


def test_drift_that_came_back_is_not_told(known: Device) -> None:
    """What is shown is right."""
    hear(known, heartbeat(heap_free=169_000), after=30)
    assert not hear(known, heartbeat(heap_free=170_000), after=60) & Change.HEAP_FREE


def test_trouble_is_told_at_once(known: Device) -> None:
    """So is its end; drift within it waits its minute."""
    for heap_free, is_told in (
        (LOW_HEAP, False),
        (LOW_HEAP - 1, True),
        (LOW_HEAP - 2, False),
        (0, False),
        (LOW_HEAP, True),
        (LOW_HEAP + 1, False),
    ):
        change = hear(known, heartbeat(heap_free=heap_free))
        assert bool(change & Change.HEAP_FREE) is is_told


def test_an_hour_of_drift_is_told_once_a_minute(known: Device) -> None:
    """A heartbeat each 10 s."""
    told = [
        hear(known, heartbeat(heap_free=170_000 - number), after=10.0 * number)
        & Change.HEAP_FREE
        for number in range(1, 361)
    ]
    assert told.count(Change.HEAP_FREE) == 60


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 30, 59, 60, 90, -30, -86_400]),
            st.sampled_from([0, LOW_HEAP - 1, LOW_HEAP, LOW_HEAP + 1, 170_000]),
        ),
        max_size=30,
    )
)
def test_what_is_told_of_the_heap_is_never_a_minute_old(
    beats: list[tuple[int, int]],
) -> None:
    """Nor does it hide trouble; and it is never told without need."""
    device, after = Device(device_id=DEVICE_ID), 0
    told: int | None = None
    told_at = 0
    for wait, heap_free in beats:
        after += wait
        change = hear(device, heartbeat(heap_free=heap_free), after=after)
        if change & Change.HEAP_FREE:
            assert told != heap_free
            told, told_at = heap_free, after
        assert device.diagnostics.heap_free == heap_free
        assert told is not None
        assert told == heap_free or 0 <= after - told_at < DRIFT_INTERVAL
        assert (told < LOW_HEAP) is (heap_free < LOW_HEAP)


# Time of boot


def test_the_time_of_boot_is_worked_out(device: Device) -> None:
    """It is as long ago as the uptime says."""
    assert hear(device, heartbeat(uptime=3600)) == Change.BOOT_TIME
    assert device.diagnostics.boot_time == NOW - 3600


@pytest.mark.parametrize(
    ("late", "is_told"),
    [
        (0, False),
        (BOOT_TIME_JITTER, False),
        (-BOOT_TIME_JITTER, False),
        (BOOT_TIME_JITTER + 1, True),
        (-BOOT_TIME_JITTER - 1, True),
    ],
)
def test_jitter_moves_no_boot(known: Device, late: float, *, is_told: bool) -> None:
    """A heartbeat comes sooner or later; a clock that was set is no jitter."""
    change = hear(known, heartbeat(uptime=1060), after=60 + late)
    assert change & ~Change.LAST_SEEN == (
        Change.BOOT_TIME if is_told else Change.NOTHING
    )
    expected = NOW - 1000 + (late if is_told else 0)
    assert known.diagnostics.boot_time == expected


def test_what_the_broker_kept_tells_no_time_of_boot(known: Device) -> None:
    """Its uptime is of a moment that nobody knows."""
    assert replay(known, heartbeat(uptime=5)) == Change.NOTHING
    assert known.diagnostics.boot_time == NOW - 1000


def test_a_restart_moves_the_time_of_boot_however_little(device: Device) -> None:
    """It may be within the jitter of the boot before."""
    hear(device, heartbeat(uptime=20))
    change = hear(device, heartbeat(uptime=2), after=10)
    assert change == Change.RESTART | Change.BOOT_TIME | Change.PLAYING
    assert device.diagnostics.boot_time == NOW + 8


# Restarts told by the log


def test_a_new_boot_in_the_log_is_a_restart(known: Device) -> None:
    """Its uptime has not fallen: it was silent for longer than it had run."""
    change = hear(known, log(BOOT, WIFI_UP, PANIC, uptime=2000), after=86_400)
    assert not (Change.RESTART | Change.BOOT_TIME | Change.DEVICE_LOG) & ~change
    assert known.diagnostics.boot_time == NOW + 86_400 - 2000


def test_a_boot_without_an_uptime_is_a_restart(known: Device) -> None:
    """When it was is not known then."""
    change = hear(known, log(BOOT, WIFI_UP, PANIC))
    assert change == Change.RESTART | Change.DEVICE_LOG | Change.PLAYING
    assert known.diagnostics.boot_time == NOW - 1000


def test_a_boot_after_what_the_broker_kept_is_a_restart() -> None:
    """There is no uptime yet that could have fallen."""
    device = Device(device_id=DEVICE_ID)
    replay(device, log(BOOT, uptime=5000))
    assert Change.RESTART & hear(device, log(BOOT, PANIC, uptime=9000))


def test_a_boot_that_is_logged_late_is_no_second_restart(known: Device) -> None:
    """The uptime told of it before, and denies another one."""
    assert Change.RESTART & hear(known, heartbeat(uptime=5), after=30)
    change = hear(known, log(BOOT, WIFI_UP, PANIC, uptime=35), after=60)
    assert change & ~Change.LAST_SEEN == Change.DEVICE_LOG
    assert known.diagnostics.log.new == (PANIC,)


def test_a_heartbeat_that_came_late_denies_a_restart(known: Device) -> None:
    """By no more than the jitter of the uptime."""
    change = hear(
        known, log(BOOT, WIFI_UP, PANIC, uptime=1030), after=30 + UPTIME_JITTER
    )
    assert change == Change.DEVICE_LOG


@pytest.mark.parametrize("uptime", [None, 2000], ids=["no-uptime", "uptime"])
def test_other_news_is_no_restart(known: Device, uptime: Json) -> None:
    """Only a boot is."""
    message = log(BOOT, WIFI_UP, WIFI_DOWN, BACK, uptime=uptime)
    change = hear(known, message, after=86_400)
    assert Change.DEVICE_LOG & change
    assert not Change.RESTART & change


def test_a_boot_at_first_sight_is_no_restart(device: Device) -> None:
    """Nobody knows when it was."""
    assert hear(device, log(BOOT, PANIC, uptime=5)) == Change.BOOT_TIME


def test_a_boot_that_the_broker_kept_is_no_restart(known: Device) -> None:
    """It may be older than what is known."""
    assert replay(known, log(PANIC, uptime=1)) == Change.NOTHING


# Events


def test_no_event_is_new_at_first_sight(device: Device) -> None:
    """Nobody knows how long ago it was; only the signal is of now."""
    assert hear(device, log(BOOT, WIFI_UP)) == Change.WIFI_SIGNAL
    assert device.diagnostics.log.events == (BOOT, WIFI_UP)
    assert device.diagnostics.log.new == ()


def test_an_empty_buffer_is_a_first_sight(device: Device) -> None:
    """What comes after it is new."""
    hear(device, log())
    assert news(device, log(BOOT)) == [BOOT]


@pytest.mark.parametrize("value", [None, 7, {}, "[]"], ids=repr)
def test_what_is_no_buffer_is_no_first_sight(device: Device, value: Json) -> None:
    """The first one that can be read is."""
    hear(device, heartbeat(recent_events=value))
    assert news(device, log(BOOT)) == []
    assert news(device, log(BOOT, WIFI_UP)) == [WIFI_UP]


def test_each_event_is_new_once(known: Device) -> None:
    """The same entries come again in each heartbeat until they fall out."""
    assert news(known, log(BOOT, WIFI_UP, WIFI_DOWN, BACK)) == [WIFI_DOWN, BACK]
    assert news(known, log(BOOT, WIFI_UP, WIFI_DOWN, BACK)) == []
    assert news(known, log(WIFI_UP, WIFI_DOWN, BACK)) == []
    assert news(known, log(WIFI_DOWN, BACK, PANIC)) == [PANIC]


def test_a_heartbeat_without_a_buffer_forgets_nothing(known: Device) -> None:
    """Nor does one in which it is bad."""
    for message in (heartbeat(), heartbeat(recent_events=7), heartbeat(device_id="a")):
        assert news(known, message) == []
    assert known.diagnostics.log.events == (BOOT, WIFI_UP)
    assert news(known, log(BOOT, WIFI_UP, PANIC)) == [PANIC]


def test_a_buffer_that_wrapped_loses_only_what_fell_out(known: Device) -> None:
    """All that is in it happened while nobody listened, the oldest first."""
    events = [event(EventTag.HEARTBEAT_MISS, count, up=count) for count in range(40)]
    known.lose_sight()
    assert news(known, log(*events[24:]), after=86_400) == events[24:]


def test_a_buffer_that_a_restart_emptied(known: Device) -> None:
    """What is in it by now is of the new boot."""
    assert news(known, log(), after=10) == []
    assert known.diagnostics.log.events == ()
    assert news(known, log(PANIC, WIFI_UP), after=20) == [PANIC, WIFI_UP]


def test_a_buffer_that_began_anew(known: Device) -> None:
    """Nothing of the boot before is in it."""
    again = event(EventTag.WIFI_UP, 65480, up=4)
    assert news(known, log(PANIC, again, uptime=5)) == [PANIC, again]
    # Without a clock one boot looks like another.
    assert news(known, log(PANIC, BACK, uptime=5)) == [PANIC, BACK]


def test_a_buffer_that_came_to_the_same_again(known: Device) -> None:
    """A boot logs itself, so it was emptied: all of it is of the new boot."""
    hear(known, log(PANIC, BACK, uptime=500))
    for _ in range(3):
        assert news(known, log(PANIC, BACK, uptime=10), after=60) == [PANIC, BACK]
        assert news(known, log(PANIC, BACK, uptime=40), after=30) == []
        assert news(known, log(PANIC, BACK, uptime=500), after=460) == []


def test_a_buffer_that_came_to_the_same_again_and_went_on(known: Device) -> None:
    """What it begins with is of the new boot too, however much it reads as before."""
    hear(known, log(PANIC, BACK, uptime=500))
    again = [PANIC, BACK, WIFI_DOWN]
    assert news(known, log(*again, uptime=10), after=60) == again


def test_a_list_of_nothing_but_bad_entries_is_no_log(known: Device) -> None:
    """What was known before is no news when it can be read again."""
    hear(known, heartbeat(recent_events=[{}, 5]))
    assert known.diagnostics.log.events == (BOOT, WIFI_UP)
    assert news(known, log(BOOT, WIFI_UP, WIFI_DOWN)) == [WIFI_DOWN]


def test_a_buffer_without_the_boot_did_not_come_to_the_same_again(
    known: Device,
) -> None:
    """It stands as before; a restart alone is no event of the log."""
    hear(known, log(BACK, uptime=500))
    assert news(known, log(BACK, uptime=10), after=60) == []


def test_the_same_twice_is_two_events(known: Device) -> None:
    """As many are new as there are more of than before."""
    assert news(known, log(BOOT, WIFI_UP, WIFI_DOWN)) == [WIFI_DOWN]
    assert news(known, log(BOOT, WIFI_UP, *[WIFI_DOWN] * 3)) == [WIFI_DOWN] * 2
    assert news(known, log(*[WIFI_DOWN] * 3, PANIC)) == [PANIC]
    # The clock was not set at either boot, and the first one falls out.
    assert news(known, log(WIFI_DOWN, PANIC, BACK, PANIC)) == [BACK, PANIC]
    assert news(known, log(BACK, PANIC, PANIC)) == [PANIC]


def test_what_the_broker_kept_brings_no_news(known: Device) -> None:
    """It may be older than what is known, and is no ground to compare with."""
    for message in (log(), log(BOOT), log(BOOT, WIFI_UP, PANIC)):
        assert replay(known, message) == Change.NOTHING
        assert known.diagnostics.log.events == (BOOT, WIFI_UP)
    assert news(known, log(BOOT, WIFI_UP, PANIC)) == [PANIC]


def test_what_happened_since_the_broker_kept_it_is_new() -> None:
    """What it kept is a first sight."""
    device = Device(device_id=DEVICE_ID)
    assert not replay(device, log(BOOT)) & Change.DEVICE_LOG
    assert news(device, log(BOOT, WIFI_UP)) == [WIFI_UP]


def test_a_buffer_that_is_the_same_is_not_read_again(known: Device) -> None:
    """Wherever it stands in the heartbeat, and whatever stands around it."""
    events = known.diagnostics.log.events
    with patch.object(messages, "parse_events", wraps=parse_events) as read:
        for number in range(5):
            hear(known, log(BOOT, WIFI_UP, uptime=1000 + number, heap_free=number))
            entries: list[Json] = [entry(BOOT), entry(WIFI_UP)]
            hear(known, heartbeat(uptime=1000, recent_events=entries, other=number))
        assert read.call_count == 0
        assert known.diagnostics.log.events == events
        hear(known, log(BOOT, WIFI_UP, PANIC))
        assert read.call_count == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b'{"recent_events": ', b"}", id="alone"),
        pytest.param(b'{"a": [1], "recent_events":', b', "b": [2]}', id="other-lists"),
        pytest.param(b'{"payload": {"recent_events":', b"}}", id="envelope"),
        pytest.param(
            b'{"recent_events": [], "payload": {"recent_events":', b"}}", id="both"
        ),
        pytest.param(b'{"recent_events": [7], "recent_events":', b"}", id="twice"),
        pytest.param(b'{"type": "recent_events", "recent_events": ', b"}", id="value"),
        pytest.param(b'{"recent_events"\n:\t ', b"\r\n}", id="spaces"),
    ],
)
@pytest.mark.parametrize(
    "bad",
    [b"", b"[[]], ", b'"]", ', b'{"t": [1], "d0": 0, "d1": 0, "ts": 0, "up": 0}, '],
    ids=["good", "list", "bracket", "list-in-an-entry"],
)
def test_a_buffer_that_differs_is_read(before: bytes, after: bytes, bad: bytes) -> None:
    """However odd the payload, and whatever bad entries stand in front."""
    device = Device(device_id=DEVICE_ID)
    first = b'{"t": 1, "d0": 1, "d1": 0, "ts": 0, "up": 0}'
    more = first + b', {"t": 1, "d0": 4, "d1": 0, "ts": 0, "up": 0}'
    news(device, parse_heartbeat(before + b"[" + bad + first + b"]" + after, DEVICE_ID))
    message = parse_heartbeat(before + b"[" + bad + more + b"]" + after, DEVICE_ID)
    assert news(device, message) == [PANIC]
    assert device.diagnostics.log.events == (BOOT, PANIC)
    assert bool(message.faults) is bool(bad)


def test_bad_entries_are_named_in_each_heartbeat(known: Device) -> None:
    """Also where the buffer is the same and not read again; the good ones are taken."""
    entries: list[Json] = [
        entry(BOOT),
        entry(WIFI_UP),
        None,
        entry(PANIC) | {"d0": "brown-out"},
        entry(BACK),
    ]
    faults = [
        ("recent_events[2]", FaultKind.INVALID),
        ("recent_events[3].d0", FaultKind.INVALID),
    ]
    message = heartbeat(recent_events=entries)
    assert news(known, message) == [BACK]
    assert found(message) == faults
    message = heartbeat(recent_events=entries)
    assert news(known, message) == []
    assert found(message) == faults

    without = heartbeat()
    hear(known, without)
    assert found(without) == []
    kept = log(BOOT)
    replay(known, kept)
    assert found(kept) == []
    good = log(BOOT, WIFI_UP, BACK)
    assert news(known, good) == []
    assert found(good) == []


def test_a_buffer_that_is_none_is_named_in_each_heartbeat(known: Device) -> None:
    """And the one before stays known."""
    for _ in range(2):
        message = heartbeat(recent_events={"t": 1})
        assert hear(known, message) == Change.NOTHING
        assert found(message) == [("recent_events", FaultKind.INVALID)]
    assert known.diagnostics.log.events == (BOOT, WIFI_UP)


def test_too_many_events_are_named(known: Device) -> None:
    """The newest are taken."""
    events = [event(EventTag.HEARTBEAT_MISS, count) for count in range(65)]
    message = log(*events)
    assert news(known, message) == events[1:]
    assert found(message) == [("recent_events", FaultKind.TOO_MANY)]


# Signal


def test_the_signal_is_that_of_the_newest_connection(known: Device) -> None:
    """What fell out of the buffer holds until there is a newer one."""
    assert known.diagnostics.rssi == -53
    change = hear(known, log(BOOT, WIFI_UP, WIFI_DOWN, BACK))
    assert change == Change.DEVICE_LOG | Change.WIFI_SIGNAL
    assert known.diagnostics.rssi == -70
    assert hear(known, log(event(EventTag.HTTP_OK))) == Change.DEVICE_LOG
    assert hear(known, log()) == Change.NOTHING
    assert known.diagnostics.rssi == -70


def test_a_signal_that_can_not_be_is_not_known(known: Device) -> None:
    """That before is not that of now."""
    odd = event(EventTag.WIFI_UP, 300)
    assert hear(known, log(WIFI_UP, odd)) == Change.DEVICE_LOG | Change.WIFI_SIGNAL
    assert known.diagnostics.rssi is None


# Properties

#: Few that differ, so that the same happens again and again.
events_of_few = st.builds(
    event, st.sampled_from([1, 2, 3, 99]), st.integers(0, 2), up=st.integers(0, 1)
)
buffers = st.lists(events_of_few, max_size=8).map(tuple)


@given(buffers, buffers)
def test_new_is_what_stands_behind_what_was_known(
    known: tuple[RecentEvent, ...], events: tuple[RecentEvent, ...]
) -> None:
    """As little as can be: an entry that may be the same one is."""
    assert new_in(known, events) == min(
        (
            events[size:]
            for size in range(len(events) + 1)
            if known[len(known) - size :] == events[:size] and size <= len(known)
        ),
        key=len,
    )
    assert new_in(known, known + events) == events
    assert new_in((), events) == events


@given(st.lists(st.integers(0, 20), max_size=30), st.integers(1, 16))
def test_every_event_is_told_once_unless_it_fell_out_unseen(
    batches: list[int], size: int
) -> None:
    """A device logs some events between two heartbeats, into a buffer of any size."""
    device = Device(device_id=DEVICE_ID)
    ring = deque[RecentEvent](maxlen=size)
    hear(device, log())
    logged = 0
    for batch in batches:
        for _ in range(batch):
            logged += 1
            ring.append(event(EventTag.HTTP_OK, logged))
        expected = list(ring)[-batch:] if batch else []
        assert news(device, log(*ring)) == expected


@given(st.lists(st.tuples(json_values, st.booleans()), max_size=6))
def test_any_buffers_leave_the_device_sound(values: list[tuple[Json, bool]]) -> None:
    """What it knows is what the last buffer that counts says."""
    device, known = Device(device_id=DEVICE_ID), None
    for value, live in values:
        message = heartbeat(uptime=7, recent_events=value)
        change = device.apply(message, live=live, now=NOW)
        if isinstance(value, list) and (live or known is None):
            parsed = parse_events(value, [])
            assert device.diagnostics.log.new == (
                () if known is None else new_in(known, parsed or ())
            )
            known = parsed
        else:
            assert not change & Change.DEVICE_LOG
        assert device.diagnostics.log.events == (known or ())
        assert not change & Change.DEVICE_LOG or device.diagnostics.log.new


# What is known of the log is not parsed again


def in_full(before: str, after: str) -> bytes:
    """Return a heartbeat with a log between other fields."""
    return f'{{{before}"recent_events": [{{"t":4,"d0":1}}, 7]{after}}}'.encode()


def learned(payload: bytes) -> bytes:
    """Return what the parser gives to leave out of later heartbeats."""
    message = parse_heartbeat(payload, DEVICE_ID)
    assert isinstance(message, Heartbeat)
    return message.events_member()


def test_a_known_log_is_left_out_and_all_else_is_read() -> None:
    """Whatever stands before and after it is taken as from the whole heartbeat."""
    known_events = learned(in_full('"uptime": 1, ', ', "heap_free": 5'))
    payload = in_full('"uptime": 31, "reset_reason": "x", ', ', "heap_free": 9')
    whole = parse_heartbeat(payload, DEVICE_ID)
    rest = parse_heartbeat(payload, DEVICE_ID, known_events)
    assert isinstance(whole, Heartbeat)
    assert isinstance(rest, Heartbeat)
    assert rest.data["recent_events"] == []
    assert whole.data["recent_events"] == [{"t": 4, "d0": 1}, 7]
    assert (rest.uptime, rest.heap_free) == (whole.uptime, whole.heap_free) == (31, 9)
    assert rest.settled() == whole.settled()
    assert rest.faults == whole.faults


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(', "others": [1]', id="another-list"),
        pytest.param(', "others": {"more": [1], "most": 2}', id="cut-in-an-object"),
    ],
)
def test_a_text_that_is_more_than_the_log_is_not_left_out(after: str) -> None:
    """Another field would go with it."""
    assert learned(in_full("", after)) == b""


@pytest.mark.parametrize("broken", [",,", "]", '"uptime": ', "\0"])
def test_a_known_log_hides_no_broken_json(broken: str) -> None:
    """What is no JSON with the log is none without it."""
    known_events = learned(in_full("", ""))
    message = parse_heartbeat(in_full("", broken), DEVICE_ID, known_events)
    assert found(message) == [("", FaultKind.NOT_JSON)]


def test_a_known_log_makes_no_payload_smaller() -> None:
    """The limit is that of the whole."""
    known_events = learned(in_full("", ""))
    payload = in_full("", " " * (messages.MAX_HEARTBEAT_BYTES - 10))
    message = parse_heartbeat(payload, DEVICE_ID, known_events)
    assert found(message) == [("", FaultKind.TOO_LARGE)]


@pytest.mark.parametrize("bad", [{}, 7, "log"])
def test_a_restart_without_a_log_makes_nothing_of_it_new(
    known: Device, bad: Json
) -> None:
    """What was known of the log is not of the new boot."""
    change = hear(known, heartbeat(uptime=3, recent_events=bad), after=600)
    assert change & Change.RESTART
    assert not change & Change.DEVICE_LOG
