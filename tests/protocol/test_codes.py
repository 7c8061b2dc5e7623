"""Names of the codes in heartbeats and events (docs/protocol.md)."""

from enum import IntEnum
import re

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.protocol.codes import (
    EVENT_KEYS,
    EventTag,
    RebootReason,
    ResetReason,
    WifiReason,
    key_of,
    keys_of,
    label_of,
    rssi_dbm,
)
from custom_components.vesper.protocol.recent_events import MAX_EVENT_DATA

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

#: Numbers that the parser accepts, and those around the limits of the tables.
numbers = (
    st.integers(0, 256)
    | st.integers(-MAX_EVENT_DATA, MAX_EVENT_DATA)
    | st.sampled_from([2**16 - 129, 2**16 - 128, 2**16 - 1, 2**16, 2**32 - 1])
)
each_table = pytest.mark.parametrize("table", TABLES)


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
    """The names are exactly those of the protocol."""
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
    """Names at the ends of each range are right."""
    assert label_of(WifiReason, code) == label
    assert key_of(WifiReason, code) == label.lower()


@each_table
def test_a_code_has_one_name_that_can_be_a_state(table: type[IntEnum]) -> None:
    """Names are translatable and no reserved states."""
    assert len(table.__members__) == len(table)
    keys = [key_of(table, code) for code in table]
    assert all(re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", key) for key in keys)
    assert not {"other", "unavailable", "unknown"} & set(keys)
    assert keys_of(table) == [*keys, "other"]


@each_table
@pytest.mark.parametrize("code", [-1, 40, 52, 53, 199, 213, 254, 256, 65535])
def test_an_unnamed_code_keeps_its_number(table: type[IntEnum], code: int) -> None:
    """It is neither dropped nor named like another code."""
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
def test_signal_strength_is_in_dbm(value: int, dbm: int | None) -> None:
    """An impossible signal strength is None."""
    assert rssi_dbm(value) == dbm


@given(st.integers(-128, 0))
def test_each_signal_strength_survives_the_cast(dbm: int) -> None:
    """Devices send it as 16 bits without a sign."""
    assert rssi_dbm(dbm & 0xFFFF) == rssi_dbm(dbm) == dbm


@given(numbers)
def test_any_number_is_a_signal_strength_or_none(value: int) -> None:
    """Any other value is None."""
    dbm = rssi_dbm(value)
    assert dbm is None or -128 <= dbm <= 0


@given(st.sampled_from(TABLES), numbers)
def test_any_code_has_a_state_and_a_label(table: type[IntEnum], code: int) -> None:
    """Only codes of the table have their own state."""
    assert (key_of(table, code) == "other") is (code not in list(table))
    assert label_of(table, code).startswith("unknown (") is (code not in list(table))


def test_the_event_keys_are_those_of_the_tags() -> None:
    """Tags without a name share one key."""
    assert [*EVENT_TYPES, "unknown"] == EVENT_KEYS
