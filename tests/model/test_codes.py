"""What the numbers of a heartbeat and its events mean (protocol, section 1)."""

from datetime import UTC, datetime
from enum import IntEnum
import re

from hypothesis import given, strategies as st
import orjson
import pytest

from custom_components.vesper.protocol.codes import (
    EVENT_KEYS,
    MAX_TIME,
    EventTag,
    Meaning,
    RebootReason,
    RecentEvent,
    ResetReason,
    WifiReason,
    key_of,
    keys_of,
    label_of,
    rssi_dbm,
)
from custom_components.vesper.protocol.messages import MAX_EVENT_DATA

TABLES: list[type[IntEnum]] = [ResetReason, WifiReason, RebootReason, EventTag]

RESET_REASONS = [
    "undetermined",
    "power_on",
    "external_pin",
    "software",
    "panic",
    "interrupt_watchdog",
    "task_watchdog",
    "other_watchdog",
    "deep_sleep",
    "brown_out",
    "sdio",
    "usb",
    "jtag",
    "efuse_error",
    "power_glitch",
    "cpu_lockup",
]
REBOOT_REASONS = ["heartbeat_miss", "factory_reset", "ota", "wifi_reprov"]
EVENT_TYPES = [
    "boot",
    "wifi_up",
    "wifi_down",
    "http_ok",
    "http_fail",
    "heartbeat_miss",
    "ntp_sync",
    "reboot",
]

#: Numbers that the parser lets pass, and those around which the tables and limits turn.
numbers = (
    st.integers(0, 256)
    | st.integers(-MAX_EVENT_DATA, MAX_EVENT_DATA)
    | st.sampled_from([2**16 - 129, 2**16 - 128, 2**16 - 1, 2**16, 2**32 - 1])
)
events = st.builds(
    RecentEvent,
    tag=st.integers(0, 9) | numbers,
    d0=numbers,
    d1=numbers,
    ts=numbers,
    up=numbers,
)
each_table = pytest.mark.parametrize("table", TABLES)


def event(tag: int, d0: int = 0, d1: int = 0, *, ts: int = 0) -> RecentEvent:
    """Return an event of a minute after boot."""
    return RecentEvent(tag=tag, d0=d0, d1=d1, ts=ts, up=60)


@pytest.mark.parametrize(
    ("table", "first", "keys"),
    [
        pytest.param(ResetReason, 0, RESET_REASONS, id="reset"),
        pytest.param(RebootReason, 1, REBOOT_REASONS, id="reboot"),
        pytest.param(EventTag, 1, EVENT_TYPES, id="event"),
    ],
)
def test_a_table_is_the_protocols(
    table: type[IntEnum], first: int, keys: list[str]
) -> None:
    """Each code that the protocol lists has its name, and there are no others."""
    codes = range(first, first + len(keys))
    assert [key_of(table, code) for code in codes] == keys
    assert [label_of(table, code) for code in codes] == [key.upper() for key in keys]
    assert list(table) == list(codes)


def test_the_wifi_reasons_are_those_of_esp_idf_and_one_more() -> None:
    """Silent death is the firmware's own."""
    esp_idf = [*range(1, 40), *range(46, 52), 67, 68, *range(200, 213)]
    assert list(WifiReason) == [*esp_idf, 255]


@pytest.mark.parametrize(
    ("code", "label"),
    [
        (1, "UNSPECIFIED"),
        (4, "DISASSOC_DUE_TO_INACTIVITY"),
        (8, "ASSOC_LEAVE"),
        (15, "FOUR_WAY_HANDSHAKE_TIMEOUT"),
        (23, "IEEE_802_1X_AUTH_FAILED"),
        (39, "TIMEOUT"),
        (46, "PEER_INITIATED"),
        (51, "INVALID_FTE"),
        (67, "TRANSMISSION_LINK_ESTABLISH_FAILED"),
        (200, "BEACON_TIMEOUT"),
        (201, "NO_AP_FOUND"),
        (202, "AUTH_FAIL"),
        (212, "NO_AP_FOUND_IN_RSSI_THRESHOLD"),
        (255, "SILENT_DEATH"),
    ],
)
def test_a_wifi_reason_has_its_name(code: int, label: str) -> None:
    """The ends of each run of numbers, and what people see most."""
    assert label_of(WifiReason, code) == label
    assert key_of(WifiReason, code) == label.lower()


@each_table
def test_a_code_has_one_name_that_can_be_a_state(table: type[IntEnum]) -> None:
    """Each name can be translated, and none has a meaning of its own already."""
    assert len(table.__members__) == len(table)
    keys = [key_of(table, code) for code in table]
    assert all(re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", key) for key in keys)
    assert not {"other", "unavailable", "unknown"} & set(keys)
    assert keys_of(table) == [*keys, "other"]


@each_table
@pytest.mark.parametrize("code", [-1, 40, 52, 53, 199, 213, 254, 256, 65535])
def test_an_unnamed_code_is_told_by_its_number(table: type[IntEnum], code: int) -> None:
    """It is not dropped, and it is not taken for another."""
    assert key_of(table, code) == "other"
    assert label_of(table, code) == f"unknown ({code})"


@pytest.mark.parametrize(
    ("value", "dbm"),
    [
        pytest.param(65483, -53, id="unsigned"),
        pytest.param(-53, -53, id="signed"),
        pytest.param(0, 0, id="strongest"),
        pytest.param(65535, -1, id="unsigned-strongest"),
        pytest.param(-128, -128, id="weakest"),
        pytest.param(65408, -128, id="unsigned-weakest"),
        pytest.param(1, None, id="positive"),
        pytest.param(-129, None, id="too-weak"),
        pytest.param(65407, None, id="unsigned-too-weak"),
        pytest.param(65536, None, id="17-bits"),
        pytest.param(MAX_EVENT_DATA, None, id="huge"),
        pytest.param(-MAX_EVENT_DATA, None, id="huge-negative"),
    ],
)
def test_signal_strength_is_told_in_dbm(value: int, dbm: int | None) -> None:
    """What can't be a signal strength is none."""
    assert rssi_dbm(value) == dbm


@given(st.integers(-128, 0))
def test_each_signal_strength_survives_the_cast(dbm: int) -> None:
    """The device puts a signed number into 16 bits that are not."""
    assert rssi_dbm(dbm & 0xFFFF) == rssi_dbm(dbm) == dbm


@given(numbers)
def test_any_number_is_a_signal_strength_or_none(value: int) -> None:
    """Nothing else comes out, whatever goes in."""
    dbm = rssi_dbm(value)
    assert dbm is None or -128 <= dbm <= 0


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
    """It has none where the clock was not set, or can't have been right."""
    assert event(EventTag.BOOT, ts=ts).time == time


@pytest.mark.parametrize(
    ("tag", "key"), [*enumerate(EVENT_TYPES, 1), (0, "unknown"), (9, "unknown")]
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
def test_the_data_of_an_event_mean_what_its_tag_says(
    happened: RecentEvent, meaning: Meaning
) -> None:
    """Of a tag without a name, all data are handed on as they came."""
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
    """The name has the firmware's prefix; a time that is not known is null."""
    assert happened.as_json() == shown


@given(events)
def test_any_event_can_be_shown(happened: RecentEvent) -> None:
    """Whatever numbers it is made of, it has a type, and it can be told as JSON."""
    assert happened.key in EVENT_KEYS == [*EVENT_TYPES, "unknown"]
    shown = happened.as_json()
    assert orjson.loads(orjson.dumps(shown)) == shown
    assert shown.items() >= happened.decoded().items()
    assert (shown["time"] is None) is (happened.time is None)


@given(st.sampled_from(TABLES), numbers)
def test_any_code_has_a_state_and_a_label(table: type[IntEnum], code: int) -> None:
    """Exactly the codes that the table names have a state of their own."""
    assert (key_of(table, code) == "other") is (code not in list(table))
    assert label_of(table, code).startswith("unknown (") is (code not in list(table))
