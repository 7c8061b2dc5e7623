"""What is new in the event log (docs/protocol.md)."""

from collections import Counter, deque

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.model.change import Change
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.event_log import EventLog
from custom_components.vesper.model.restarts import UPTIME_JITTER
from custom_components.vesper.protocol.codes import EventTag
from custom_components.vesper.protocol.fields import FaultKind
from custom_components.vesper.protocol.heartbeat import parse_heartbeat
from custom_components.vesper.protocol.message import Message
from custom_components.vesper.protocol.recent_events import (
    RecentEvent,
    encode_events,
    new_events,
    oldest_first,
    parse_events,
)
from tests.protocol.common import found
from tests.strategies import DEVICE_ID, Json, heartbeat, json_values

from .common import NOW, receive, replay
from .events import BACK, BOOT, PANIC, WIFI_DOWN, WIFI_UP, entry, event, log


def new_in(
    device: Device, message: Message, *, after: float = 0.0
) -> list[RecentEvent]:
    """Apply a live message and return its new events."""
    change = receive(device, message, after=after)
    return list(device.telemetry.event_log.new) if change & Change.EVENT_LOG else []


@pytest.fixture
def device() -> Device:
    """Return an online device without an event log."""
    device = Device(device_id=DEVICE_ID)
    receive(device, heartbeat())
    return device


@pytest.fixture
def known(device: Device) -> Device:
    """Return a device with an event log."""
    receive(device, log(BOOT, WIFI_UP, uptime=1000))
    return device


def test_no_event_of_the_first_list_is_new(device: Device) -> None:
    """They may be old; only the signal is used."""
    assert receive(device, log(BOOT, WIFI_UP)) == Change.WIFI_SIGNAL
    assert device.telemetry.event_log.events == (BOOT, WIFI_UP)
    assert device.telemetry.event_log.new == ()


def test_an_empty_buffer_is_a_first_list(device: Device) -> None:
    """Entries after it are new."""
    receive(device, log())
    assert new_in(device, log(BOOT)) == [BOOT]


@pytest.mark.parametrize("value", [None, 7, {}, "[]"], ids=repr)
def test_a_bad_buffer_is_no_first_list(device: Device, value: Json) -> None:
    """The first valid one is."""
    receive(device, heartbeat(recent_events=value))
    assert new_in(device, log(BOOT)) == []
    assert new_in(device, log(BOOT, WIFI_UP)) == [WIFI_UP]


def test_each_event_is_new_once(known: Device) -> None:
    """Entries repeat until they are overwritten."""
    assert new_in(known, log(BOOT, WIFI_UP, WIFI_DOWN, BACK)) == [WIFI_DOWN, BACK]
    assert new_in(known, log(BOOT, WIFI_UP, WIFI_DOWN, BACK)) == []
    assert new_in(known, log(WIFI_UP, WIFI_DOWN, BACK)) == []
    assert new_in(known, log(WIFI_DOWN, BACK, PANIC)) == [PANIC]


def test_a_heartbeat_without_a_buffer_forgets_nothing(known: Device) -> None:
    """Neither does one with a malformed buffer."""
    for message in (heartbeat(), heartbeat(recent_events=7), heartbeat(device_id="a")):
        assert new_in(known, message) == []
    assert known.telemetry.event_log.events == (BOOT, WIFI_UP)
    assert new_in(known, log(BOOT, WIFI_UP, PANIC)) == [PANIC]


def test_a_buffer_that_wrapped_loses_only_what_fell_out(known: Device) -> None:
    """All of its entries are new, the oldest first."""
    events = [event(EventTag.HEARTBEAT_MISS, count, up=count) for count in range(40)]
    known.broker_disconnected()
    assert new_in(known, log(*events[24:]), after=86_400) == events[24:]


def test_a_buffer_that_a_restart_emptied(known: Device) -> None:
    """All of its entries are of the new boot."""
    assert new_in(known, log(), after=10) == []
    assert known.telemetry.event_log.events == ()
    assert new_in(known, log(PANIC, WIFI_UP), after=20) == [PANIC, WIFI_UP]


def test_a_buffer_that_started_again(known: Device) -> None:
    """Without entries of the boot before, all are new."""
    again = event(EventTag.WIFI_UP, 65480, up=4)
    assert new_in(known, log(PANIC, again, uptime=5)) == [PANIC, again]
    # Without a clock one boot is equal to another.
    assert new_in(known, log(PANIC, BACK, uptime=5)) == [BACK]


def test_a_buffer_that_came_to_the_same_again(known: Device) -> None:
    """The same entries after a boot are new.

    A boot logs itself, so the ring buffer was emptied.
    """
    receive(known, log(PANIC, BACK, uptime=500), after=500)
    for start in range(540, 2000, 510):
        for uptime, new in [(10, [PANIC, BACK]), (40, []), (500, [])]:
            message = log(PANIC, BACK, uptime=uptime)
            assert new_in(known, message, after=start + uptime) == new


def test_a_buffer_that_came_to_the_same_again_and_went_on(known: Device) -> None:
    """Entries that read as before are new too."""
    receive(known, log(PANIC, BACK, uptime=500), after=500)
    again = log(PANIC, BACK, WIFI_DOWN, uptime=10)
    assert new_in(known, again, after=560) == [PANIC, WIFI_DOWN, BACK]


def test_a_list_of_nothing_but_bad_entries_is_no_log(known: Device) -> None:
    """Known entries are not new afterwards."""
    receive(known, heartbeat(recent_events=[{}, 5]))
    assert known.telemetry.event_log.events == (BOOT, WIFI_UP)
    assert new_in(known, log(BOOT, WIFI_UP, WIFI_DOWN)) == [WIFI_DOWN]


def test_a_buffer_without_the_boot_did_not_come_to_the_same_again(
    known: Device,
) -> None:
    """A restart alone adds no entry to the log."""
    receive(known, log(BACK, uptime=500), after=500)
    assert new_in(known, log(BACK, uptime=10), after=560) == []


def test_the_same_twice_is_two_events(known: Device) -> None:
    """Entries are compared by their number."""
    assert new_in(known, log(BOOT, WIFI_UP, WIFI_DOWN)) == [WIFI_DOWN]
    assert new_in(known, log(BOOT, WIFI_UP, *[WIFI_DOWN] * 3)) == [WIFI_DOWN] * 2
    assert new_in(known, log(*[WIFI_DOWN] * 3, PANIC)) == [PANIC]
    # The clock was not set at either boot.
    assert new_in(known, log(WIFI_DOWN, PANIC, BACK, PANIC)) == [PANIC, BACK]
    assert new_in(known, log(BACK, PANIC, PANIC)) == []


def test_a_retained_log_has_no_new_entries(known: Device) -> None:
    """It is not compared with later ones either."""
    for message in (log(), log(BOOT), log(BOOT, WIFI_UP, PANIC)):
        assert replay(known, message) == Change.NOTHING
        assert known.telemetry.event_log.events == (BOOT, WIFI_UP)
    assert new_in(known, log(BOOT, WIFI_UP, PANIC)) == [PANIC]


def test_what_happened_since_a_retained_log_is_new() -> None:
    """A retained log is the first list."""
    device = Device(device_id=DEVICE_ID)
    assert not replay(device, log(BOOT)) & Change.EVENT_LOG
    assert new_in(device, log(BOOT, WIFI_UP)) == [WIFI_UP]


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
    """In any payload, and after any malformed entries."""
    device = Device(device_id=DEVICE_ID)
    first = b'{"t": 1, "d0": 1, "d1": 0, "ts": 0, "up": 0}'
    more = first + b', {"t": 1, "d0": 4, "d1": 0, "ts": 0, "up": 0}'
    new_in(
        device, parse_heartbeat(before + b"[" + bad + first + b"]" + after, DEVICE_ID)
    )
    message = parse_heartbeat(before + b"[" + bad + more + b"]" + after, DEVICE_ID)
    assert new_in(device, message) == [PANIC]
    assert device.telemetry.event_log.events == (BOOT, PANIC)
    assert bool(message.faults) is bool(bad)


def test_bad_entries_are_named_in_each_heartbeat(known: Device) -> None:
    """Also in an unchanged list; valid entries are used."""
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
    assert new_in(known, message) == [BACK]
    assert found(message) == faults
    message = heartbeat(recent_events=entries)
    assert new_in(known, message) == []
    assert found(message) == faults

    without = heartbeat()
    receive(known, without)
    assert found(without) == []
    retained = log(BOOT)
    replay(known, retained)
    assert found(retained) == []
    good = log(BOOT, WIFI_UP, BACK)
    assert new_in(known, good) == []
    assert found(good) == []


def test_a_buffer_that_is_none_is_named_in_each_heartbeat(known: Device) -> None:
    """The one before stays known."""
    for _ in range(2):
        message = heartbeat(recent_events={"t": 1})
        assert receive(known, message) == Change.NOTHING
        assert found(message) == [("recent_events", FaultKind.INVALID)]
    assert known.telemetry.event_log.events == (BOOT, WIFI_UP)


def test_too_many_events_are_named(known: Device) -> None:
    """The last ones are used."""
    events = [event(EventTag.HEARTBEAT_MISS, count) for count in range(65)]
    message = log(*events)
    assert new_in(known, message) == events[1:]
    assert found(message) == [("recent_events", FaultKind.TOO_MANY)]


# Restarts in the event log


def test_a_new_boot_in_the_log_is_a_restart(known: Device) -> None:
    """Its uptime may not have fallen."""
    change = receive(known, log(BOOT, WIFI_UP, PANIC, uptime=2000), after=86_400)
    assert not (Change.RESTART | Change.BOOT_TIME | Change.EVENT_LOG) & ~change
    assert known.telemetry.boot_time == NOW + 86_400 - 2000


def test_a_boot_without_an_uptime_is_a_restart(known: Device) -> None:
    """The time of boot is unknown then."""
    change = receive(known, log(BOOT, WIFI_UP, PANIC))
    assert change == Change.RESTART | Change.EVENT_LOG | Change.PLAYING
    assert known.telemetry.boot_time == NOW - 1000


def test_a_boot_after_a_retained_log_is_a_restart() -> None:
    """There is no earlier uptime to compare."""
    device = Device(device_id=DEVICE_ID)
    replay(device, log(BOOT, uptime=5000))
    assert Change.RESTART & receive(device, log(BOOT, PANIC, uptime=9000))


def test_a_boot_that_is_logged_late_is_no_second_restart(known: Device) -> None:
    """The uptime detected it already."""
    assert Change.RESTART & receive(known, heartbeat(uptime=5), after=30)
    change = receive(known, log(BOOT, WIFI_UP, PANIC, uptime=35), after=60)
    assert change & ~Change.LAST_SEEN == Change.EVENT_LOG
    assert known.telemetry.event_log.new == (PANIC,)


def test_a_heartbeat_that_came_late_denies_a_restart(known: Device) -> None:
    """Within the jitter of the uptime."""
    change = receive(
        known, log(BOOT, WIFI_UP, PANIC, uptime=1030), after=30 + UPTIME_JITTER
    )
    assert change == Change.EVENT_LOG


@pytest.mark.parametrize("uptime", [None, 87_000], ids=["no-uptime", "uptime"])
def test_other_entries_are_no_restart(known: Device, uptime: Json) -> None:
    """Only a boot is."""
    message = log(BOOT, WIFI_UP, WIFI_DOWN, BACK, uptime=uptime)
    change = receive(known, message, after=86_400)
    assert Change.EVENT_LOG & change
    assert not Change.RESTART & change


def test_a_boot_in_the_first_list_is_no_restart(device: Device) -> None:
    """It may be old."""
    assert receive(device, log(BOOT, PANIC, uptime=5)) == Change.BOOT_TIME


def test_a_retained_boot_is_no_restart(known: Device) -> None:
    """It may be older than the known log."""
    assert replay(known, log(PANIC, uptime=1)) == Change.NOTHING


@pytest.mark.parametrize("bad", [{}, 7, "log"])
def test_a_restart_without_a_log_makes_nothing_of_it_new(
    known: Device, bad: Json
) -> None:
    """Entries known before the restart are not new."""
    change = receive(known, heartbeat(uptime=3, recent_events=bad), after=600)
    assert change & Change.RESTART
    assert not change & Change.EVENT_LOG


# Properties


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from([BOOT, WIFI_UP, WIFI_DOWN, BACK]), max_size=6),
            st.booleans(),
        ),
        max_size=5,
    )
)
def test_a_log_is_compared_as_a_multiset(
    buffers: list[tuple[list[RecentEvent], bool]],
) -> None:
    """A first or retained list has no new entries."""
    event_log, known = EventLog(), None
    for buffer, live in buffers:
        unknown = event_log.apply(encode_events(buffer), live=live)
        if known is None:
            assert unknown == oldest_first(buffer)
            assert event_log.new == ()
            known = buffer
        elif not live:
            assert unknown == ()
        else:
            assert Counter(unknown) == Counter(buffer) - Counter(known)
            assert event_log.new == unknown == oldest_first(unknown)
            known = buffer
        assert event_log.is_known
        assert event_log.events == tuple(known)


@pytest.mark.parametrize(
    ("before", "after", "is_emptied"),
    [
        pytest.param([BOOT], [BOOT], True, id="same"),
        pytest.param([BOOT], [BOOT, WIFI_UP], True, id="more"),
        pytest.param([BOOT], [PANIC, BOOT], False, id="boot-is-new"),
        pytest.param([BACK], [BACK], False, id="no-boot"),
        pytest.param([BOOT], [], False, id="empty"),
    ],
)
def test_a_restart_shows_whether_the_log_was_emptied(
    before: list[RecentEvent], after: list[RecentEvent], *, is_emptied: bool
) -> None:
    """With a new boot entry all entries are new."""
    event_log = EventLog(encode_events(before))
    new = event_log.apply(encode_events(after), live=True)
    assert event_log.restart() is is_emptied
    assert event_log.new == (oldest_first(after) if is_emptied else new)


@given(st.lists(st.integers(0, 20), max_size=30), st.integers(1, 16))
def test_every_event_is_new_once_unless_it_was_overwritten(
    batches: list[int], size: int
) -> None:
    """For any buffer size and any events between heartbeats."""
    device = Device(device_id=DEVICE_ID)
    ring = deque[RecentEvent](maxlen=size)
    receive(device, log())
    logged = 0
    for batch in batches:
        for _ in range(batch):
            logged += 1
            ring.append(event(EventTag.HTTP_OK, logged))
        expected = list(ring)[-batch:] if batch else []
        assert new_in(device, log(*ring)) == expected


@given(st.lists(st.tuples(json_values, st.booleans()), max_size=6))
def test_any_buffers_leave_the_device_sound(values: list[tuple[Json, bool]]) -> None:
    """The entries are those of the last valid list."""
    device, known = Device(device_id=DEVICE_ID), None
    for value, live in values:
        message = heartbeat(uptime=7, recent_events=value)
        change = device.apply(message, live=live, now=NOW)
        if isinstance(value, list) and (live or known is None):
            parsed = parse_events(value, [])
            assert device.telemetry.event_log.new == (
                () if known is None else new_events(known, parsed or ())
            )
            known = parsed
        else:
            assert not change & Change.EVENT_LOG
        assert device.telemetry.event_log.events == (known or ())
        assert not change & Change.EVENT_LOG or device.telemetry.event_log.new
