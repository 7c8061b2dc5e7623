"""Values that heartbeats report, and when they are written."""

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.model.change import Change
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.telemetry import (
    BOOT_TIME_JITTER,
    HEAP_INTERVAL,
    LOW_HEAP,
)
from custom_components.vesper.protocol.codes import EventTag, rssi_dbm
from custom_components.vesper.protocol.fields import FaultKind
from custom_components.vesper.protocol.recent_events import RecentEvent, oldest_first
from tests.protocol.common import found
from tests.strategies import DEVICE_ID, Json, heartbeat

from .common import NOW, receive, replay
from .events import BACK, BOOT, WIFI_DOWN, WIFI_UP, event, log

#: Two values of each field, and the flag of the change.
VALUES: dict[str, tuple[Json, Json, Change]] = {
    "firmware_version": ("1.1.0", "1.2.0", Change.FIRMWARE),
    "reset_reason": (1, 4, Change.RESET_REASON),
    "last_disconnect_code": (8, 255, Change.DISCONNECT),
    "heap_free": (170_000, LOW_HEAP - 1, Change.HEAP_FREE),
    "heap_min_free": (150_000, 149_999, Change.HEAP_MIN_FREE),
}
each_field = pytest.mark.parametrize("field", VALUES)


@pytest.fixture
def device() -> Device:
    """Return an online device without telemetry."""
    device = Device(device_id=DEVICE_ID)
    receive(device, heartbeat())
    return device


@pytest.fixture
def known(device: Device) -> Device:
    """Return a device with all fields, without a problem."""
    fields = {field: first for field, (first, _, _) in VALUES.items()}
    receive(device, log(BOOT, WIFI_UP, uptime=1000, **fields))
    return device


def _moment(one: RecentEvent) -> tuple[int, int]:
    """Return the moment by which events are ordered.

    No two that are drawn have the same one.
    """
    return max(one.ts, 5), one.up


# Fields


def test_nothing_is_known_at_first(device: Device) -> None:
    """Firmware 1.0.0 reports none of it."""
    telemetry = device.telemetry
    assert [getattr(telemetry, field) for field in VALUES] == [None] * len(VALUES)
    assert (telemetry.boot_time, telemetry.rssi) == (None, None)
    assert (telemetry.event_log.events, telemetry.event_log.new) == ((), ())


@each_field
def test_a_field_is_written_when_it_changes(known: Device, field: str) -> None:
    """Only this field is, once."""
    _, other, flag = VALUES[field]
    assert receive(known, heartbeat(**{field: other})) == flag
    assert getattr(known.telemetry, field) == other
    assert receive(known, heartbeat(**{field: other})) == Change.NOTHING


@each_field
@pytest.mark.parametrize("is_null", [True, False], ids=["null", "absent"])
def test_an_absent_field_stays(known: Device, field: str, *, is_null: bool) -> None:
    """The other fields are applied."""
    fields: dict[str, Json] = {name: other for name, (_, other, _) in VALUES.items()}
    del fields[field]
    message = heartbeat(**fields | ({field: None} if is_null else {}))
    change = receive(known, message)
    assert getattr(known.telemetry, field) == VALUES[field][0]
    for name, value in fields.items():
        assert getattr(known.telemetry, name) == value
        assert VALUES[name][2] & change
    assert not message.faults


@each_field
@pytest.mark.parametrize(
    "value", [True, -1, 1.5, "", [], {}, 2**32], ids=lambda value: f"{value!r}"
)
def test_what_is_bad_is_named_and_the_rest_is_taken(
    known: Device, field: str, value: Json
) -> None:
    """A bad field keeps its value, with a fault."""
    fields = {name: other for name, (_, other, _) in VALUES.items()}
    for _ in range(2):
        message = heartbeat(**fields | {field: value})
        receive(known, message)
        assert found(message) == [(field, FaultKind.INVALID)]
    for name, (first, other, _) in VALUES.items():
        expected = first if name == field else other
        assert getattr(known.telemetry, name) == expected
    good = heartbeat(**fields)
    assert VALUES[field][2] & receive(known, good)
    assert not good.faults


def test_true_is_no_number_also_where_a_one_is_known() -> None:
    """Python's equality of True and 1 is no match."""
    device = Device(device_id=DEVICE_ID)
    fields = {"uptime": 61, "heap_free": 100_000, "heap_min_free": 9_000}
    for reset_reason in (1, True, True):
        receive(device, heartbeat(**fields, reset_reason=reset_reason))
    message = heartbeat(reset_reason=True, heap_min_free=8_000)
    assert receive(device, message) & Change.HEAP_MIN_FREE
    assert found(message) == [("reset_reason", FaultKind.INVALID)]
    assert device.telemetry.reset_reason == 1


def test_a_retained_heartbeat_fills_in_values() -> None:
    """All values but the time of boot are set."""
    device = Device(device_id=DEVICE_ID)
    fields = {field: first for field, (first, _, _) in VALUES.items()}
    change = replay(device, log(BOOT, WIFI_UP, uptime=10, **fields))
    for field, (first, _, flag) in VALUES.items():
        assert getattr(device.telemetry, field) == first
        assert flag & change
    assert device.telemetry.rssi == -53
    assert device.telemetry.boot_time is None
    assert not change & (Change.BOOT_TIME | Change.EVENT_LOG | Change.RESTART)


@each_field
def test_a_retained_heartbeat_overwrites_nothing(known: Device, field: str) -> None:
    """What a live one has reported is newer."""
    first, second, _ = VALUES[field]
    assert replay(known, heartbeat(**{field: second})) == Change.NOTHING
    assert getattr(known.telemetry, field) == first


def test_a_retained_log_does_not_overwrite_the_signal() -> None:
    """The signal may be known without a log."""
    device = Device(device_id=DEVICE_ID)
    device.telemetry.rssi = -70
    assert replay(device, log(BOOT, WIFI_UP)) == Change.NOTHING
    assert device.telemetry.rssi == -70


# Heap


@pytest.mark.parametrize(
    ("after", "is_written"),
    [
        pytest.param(0, False, id="same-moment"),
        pytest.param(HEAP_INTERVAL - 1, False, id="within-a-minute"),
        pytest.param(HEAP_INTERVAL, True, id="a-minute-later"),
        pytest.param(-1, True, id="clock-set-back"),
        pytest.param(86_400, True, id="clock-set-forward"),
    ],
)
def test_drift_is_written_once_a_minute(
    known: Device, after: float, *, is_written: bool
) -> None:
    """The newest value is stored in any case."""
    change = receive(known, heartbeat(heap_free=169_999), after=after)
    assert bool(change & Change.HEAP_FREE) is is_written
    assert known.telemetry.heap_free == 169_999


def test_drift_that_came_to_rest_is_written_in_the_end(known: Device) -> None:
    """The last value is written after the minute."""
    assert receive(known, heartbeat(heap_free=100_000), after=30) == Change.NOTHING
    assert Change.HEAP_FREE & receive(known, heartbeat(heap_free=100_000), after=60)
    assert (
        not receive(known, heartbeat(heap_free=100_000), after=120) & Change.HEAP_FREE
    )


def test_drift_that_came_back_is_written(known: Device) -> None:
    """The sensor may have been written in between.

    It is when the device comes online.
    """
    receive(known, heartbeat(heap_free=169_000), after=30)
    assert receive(known, heartbeat(heap_free=170_000), after=60) & Change.HEAP_FREE
    change = receive(known, heartbeat(heap_free=170_000), after=120)
    assert not change & Change.HEAP_FREE


def test_trouble_is_written_at_once(known: Device) -> None:
    """Low memory and its end are written at once."""
    for heap_free, is_written in (
        (LOW_HEAP, False),
        (LOW_HEAP - 1, True),
        (LOW_HEAP - 2, False),
        (0, False),
        (LOW_HEAP, True),
        (LOW_HEAP + 1, False),
    ):
        change = receive(known, heartbeat(heap_free=heap_free))
        assert bool(change & Change.HEAP_FREE) is is_written


def test_an_hour_of_drift_is_written_once_a_minute(known: Device) -> None:
    """With a heartbeat each 10 s."""
    written = [
        receive(known, heartbeat(heap_free=170_000 - number), after=10.0 * number)
        & Change.HEAP_FREE
        for number in range(1, 361)
    ]
    assert written.count(Change.HEAP_FREE) == 60


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 30, 59, 60, 90, -30, -86_400]),
            st.sampled_from([0, LOW_HEAP - 1, LOW_HEAP, LOW_HEAP + 1, 170_000]),
        ),
        max_size=30,
    )
)
def test_what_is_written_of_the_heap_is_never_a_minute_old(
    heartbeats: list[tuple[int, int]],
) -> None:
    """What is written never hides low memory."""
    device, after = Device(device_id=DEVICE_ID), 0
    written: int | None = None
    written_at, has_changed = 0, False
    for wait, heap_free in heartbeats:
        after += wait
        has_changed |= heap_free != device.telemetry.heap_free
        change = receive(device, heartbeat(heap_free=heap_free), after=after)
        if change & Change.HEAP_FREE:
            assert has_changed
            written, written_at, has_changed = heap_free, after, False
        assert device.telemetry.heap_free == heap_free
        assert written is not None
        assert written == heap_free or 0 <= after - written_at < HEAP_INTERVAL
        assert (written < LOW_HEAP) is (heap_free < LOW_HEAP)


# Time of boot


def test_the_time_of_boot_is_worked_out(device: Device) -> None:
    """It is the current time less the uptime."""
    assert receive(device, heartbeat(uptime=3600)) == Change.BOOT_TIME
    assert device.telemetry.boot_time == NOW - 3600


@pytest.mark.parametrize(
    ("late", "is_written"),
    [
        (0, False),
        (BOOT_TIME_JITTER, False),
        (-BOOT_TIME_JITTER, False),
        (BOOT_TIME_JITTER + 1, True),
        (-BOOT_TIME_JITTER - 1, True),
    ],
)
def test_jitter_moves_no_boot(known: Device, late: float, *, is_written: bool) -> None:
    """Only a larger step is written."""
    change = receive(known, heartbeat(uptime=1060), after=60, jump=late)
    assert change & ~Change.LAST_SEEN == (
        Change.BOOT_TIME if is_written else Change.NOTHING
    )
    expected = NOW - 1000 + (late if is_written else 0)
    assert known.telemetry.boot_time == expected


def test_a_retained_heartbeat_shows_no_time_of_boot(known: Device) -> None:
    """The time of its uptime is unknown."""
    assert replay(known, heartbeat(uptime=5)) == Change.NOTHING
    assert known.telemetry.boot_time == NOW - 1000


def test_a_restart_moves_the_time_of_boot_however_little(device: Device) -> None:
    """Even within the jitter."""
    receive(device, heartbeat(uptime=20))
    change = receive(device, heartbeat(uptime=2), after=10)
    assert change == Change.RESTART | Change.BOOT_TIME | Change.PLAYING
    assert device.telemetry.boot_time == NOW + 8


# Signal


def test_the_signal_is_that_of_the_newest_connection(known: Device) -> None:
    """It stays after its entry is overwritten."""
    assert known.telemetry.rssi == -53
    change = receive(known, log(BOOT, WIFI_UP, WIFI_DOWN, BACK))
    assert change == Change.EVENT_LOG | Change.WIFI_SIGNAL
    assert known.telemetry.rssi == -70
    assert receive(known, log(event(EventTag.HTTP_OK))) == Change.EVENT_LOG
    assert receive(known, log()) == Change.NOTHING
    assert known.telemetry.rssi == -70


def test_a_signal_that_can_not_be_is_not_known(known: Device) -> None:
    """The signal before is not the current one."""
    odd = event(EventTag.WIFI_UP, 300)
    assert receive(known, log(WIFI_UP, odd)) == Change.EVENT_LOG | Change.WIFI_SIGNAL
    assert known.telemetry.rssi is None


signals = st.builds(
    event,
    st.sampled_from([EventTag.WIFI_UP, EventTag.WIFI_UP, EventTag.WIFI_DOWN]),
    st.sampled_from([65483, 65466, 300]),
    up=st.integers(0, 50),
    ts=st.sampled_from([0, 5, 1_800_000_000, 1_800_000_001]),
)


@given(st.lists(st.lists(signals, max_size=5, unique_by=_moment), max_size=4))
def test_the_signal_is_that_of_the_newest_new_entry(
    buffers: list[list[RecentEvent]],
) -> None:
    """The newest entry counts, in any order."""
    device, expected = Device(device_id=DEVICE_ID), None
    known: list[RecentEvent] = []
    for buffer in buffers:
        new = [one for one in buffer if one not in known]
        connections = [one for one in new if one.tag == EventTag.WIFI_UP]
        if connections:
            expected = rssi_dbm(oldest_first(connections)[-1].d0)
        before = device.telemetry.rssi
        change = receive(device, log(*buffer))
        assert device.telemetry.rssi == expected
        assert bool(change & Change.WIFI_SIGNAL) is (before != expected)
        known = buffer
