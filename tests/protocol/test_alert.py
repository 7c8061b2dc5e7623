"""Parse alerts."""

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.protocol.alert import Alert, parse_alert
from custom_components.vesper.protocol.damaged import PADDING
from custom_components.vesper.protocol.fields import FaultKind, Malformed
from custom_components.vesper.protocol.severity import Severity
from tests.strategies import DEVICE_ID, Json, encode, json_values

from .common import INVALID, a_name, assert_safe, found, is_name, not_a_name


def parsed(**fields: object) -> Alert:
    """Return an alert with these additional fields."""
    message = parse_alert(
        encode({"subsystem": "FileManager", "state": "WARNING", **fields}), DEVICE_ID
    )
    assert isinstance(message, Alert)
    return message


@pytest.mark.parametrize(
    ("state", "severity"),
    [
        ("WARNING", Severity.WARNING),
        ("CRITICAL", Severity.CRITICAL),
        ("FAILED", Severity.FAILED),
        ("CLEARED", Severity.OK),
        ("HEALTHY", Severity.OK),
        ("OK", Severity.OK),
        ("warning", Severity.WARNING),
        ("Critical", Severity.CRITICAL),
        ("fAILED", Severity.FAILED),
        ("cleared", Severity.OK),
        ("Healthy", Severity.OK),
        ("ok", Severity.OK),
        ("FAILED ", Severity.FAILED),
        ("\tCLEARED\r\n\0", Severity.OK),
    ],
)
def test_states_are_known_in_any_case(state: str, severity: Severity) -> None:
    """Three states raise an alert, three clear it."""
    message = parsed(state=state)
    assert message.severity is severity
    assert not message.faults


WHOLE = b'{"subsystem": "SD", "state": "CLEARED", "msg": "a \\u00e4 \\\\ b", "n": 1}'
"""An alert with all that is special in a text."""


@pytest.mark.parametrize("end", range(WHOLE.index(b'"msg"') + 6, WHOLE.index(b', "n"')))
def test_a_text_that_is_cut_off(end: int) -> None:
    """An alert is read wherever its text ends."""
    message = parse_alert(WHOLE[:end], DEVICE_ID)
    assert isinstance(message, Alert)
    assert (message.subsystem, message.severity) == ("SD", Severity.OK)
    assert "a ä \\ b".startswith(message.message)
    assert not message.faults


@pytest.mark.parametrize(
    "payload",
    [
        *(WHOLE[:end] for end in range(1, WHOLE.index(b'"msg"') + 6)),
        *(WHOLE[:end] for end in range(WHOLE.index(b', "n"') + 1, len(WHOLE))),
        b'{"msg": "x", "subsystem": "SD", "state": "OK',
        b'{"msg": "x", "state": "CLEARED", "subsystem": "FileMan',
        b'{"msg": "\\"state\\": \\"OK\\"',
        b'{"x": {"subsystem": "SD", "state": "OK", "msg": "y',
        b'{"x": {"subsystem": "SD", "state": "OK", "msg": "y"}',
        b'{"subsystem": "SD", "state": "OK", "msg": {"text": "y',
        b'{"subsystem": "SD", "state": "OK"}{"subsystem": "SD", "state": "FAILED"}',
        b'"subsystem": "SD", "state": "OK", "msg": "x',
        b'{"subsystem": "SD", "state": "O\xc3K", "msg": "x"}',
        b'{"subsystem": "SD", "st\xc3ate": "OK", "msg": "x"}',
        "{'subsystem': 'SD', 'state': 'OK'}".encode("utf-16"),
        b"\xef\xbb\xbf\0",
    ],
)
def test_damage_that_leaves_a_state_open(payload: bytes) -> None:
    """An alert that can't be read is malformed."""
    assert isinstance(parse_alert(payload, DEVICE_ID), Malformed)


@pytest.mark.parametrize(
    "field",
    [
        b'"n": -Infinity',
        b'"n": 1%s' % (b"0" * 5000),
        b'"n": %s1%s' % (b"[" * 5000, b"]" * 5000),
        b'"n": "\\ud83d"',
        b'"n": "\x01\xff"',
    ],
    ids=lambda field: f"{field!r:.30}",
)
def test_other_fields_are_ignored(field: bytes) -> None:
    """No field without a meaning loses the alert."""
    payload = b'{%s, "subsystem": "SD", "state": "FAILED"}' % field
    message = parse_alert(payload, DEVICE_ID)
    assert isinstance(message, Alert)
    assert (message.severity, message.faults) == (Severity.FAILED, [])


@given(st.binary(max_size=40), st.integers(0, 99), st.integers(0, 99))
def test_any_damage_is_read_or_named(noise: bytes, start: int, length: int) -> None:
    """Damaged bytes never clear an alert by themselves."""
    payload = WHOLE.replace(b"CLEARED", b"FAILED")
    payload = payload[:start] + noise + payload[start + length :]
    message = parse_alert(payload, DEVICE_ID)
    assert_safe(message)
    is_cleared = isinstance(message, Alert) and message.severity is Severity.OK
    assert not is_cleared or any(
        word in noise.upper() for word in (b"CLEARED", b"HEALTHY", b"OK")
    )


def test_severities_rank_from_well_to_worst() -> None:
    """They are ordered; entities show their lower-case names."""
    assert [severity.key for severity in sorted(Severity)] == [
        "ok",
        "warning",
        "critical",
        "failed",
    ]


@pytest.mark.parametrize(
    "state",
    ["PURPLE", "", " ", "O K", "OK\u200b", "CLEARED.", "O" * 65, 0, False, [], {}],
)
def test_any_other_state_is_rejected(state: Json) -> None:
    """An unknown state never clears an alert."""
    message = parse_alert(encode({"subsystem": "a", "state": state}), DEVICE_ID)
    assert isinstance(message, Malformed)
    assert found(message) == [("state", INVALID)]


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        pytest.param({"state": "OK"}, "subsystem", id="no-subsystem"),
        pytest.param({"subsystem": None, "state": "OK"}, "subsystem", id="null-for-it"),
        pytest.param({"subsystem": "a"}, "state", id="no-state"),
        pytest.param({"subsystem": "a", "state": None}, "state", id="null-for-state"),
    ],
)
def test_subsystem_and_state_are_required(
    fields: dict[str, Json], missing: str
) -> None:
    """An alert without one of them is malformed."""
    message = parse_alert(encode(fields), DEVICE_ID)
    assert isinstance(message, Malformed)
    assert found(message) == [(missing, FaultKind.MISSING)]


def test_each_fault_of_an_alert_is_named() -> None:
    """Two faults are both named."""
    message = parse_alert(b'{"state": "PURPLE"}', DEVICE_ID)
    assert found(message) == [("subsystem", FaultKind.MISSING), ("state", INVALID)]


@a_name
def test_subsystems_that_are_accepted(value: str) -> None:
    """The name is used as sent."""
    assert parsed(subsystem=value).subsystem == value


def test_the_case_of_a_subsystem_is_kept() -> None:
    """Names that differ in case are different subsystems."""
    assert parsed(subsystem="fileManager").subsystem == "fileManager"


@not_a_name
def test_subsystems_that_are_rejected(value: Json) -> None:
    """An alert without a usable subsystem is malformed."""
    message = parse_alert(encode({"subsystem": value, "state": "FAILED"}), DEVICE_ID)
    assert isinstance(message, Malformed)
    assert found(message) == [("subsystem", INVALID)]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        pytest.param({"msg": "SD mount failed"}, "SD mount failed", id="text"),
        pytest.param({}, "", id="absent"),
        pytest.param({"msg": None}, "", id="null"),
        pytest.param({"msg": ""}, "", id="empty"),
        pytest.param({"msg": "a\nb\x00c\u202ed"}, "a b c d", id="in-one-line"),
        pytest.param({"msg": "x" * 1024}, "x" * 1024, id="longest"),
        pytest.param({"msg": "x" * 1025}, "x" * 1023 + "…", id="cut"),
    ],
)
def test_the_text_of_an_alert(fields: dict[str, Json], text: str) -> None:
    """It is one line, and may be absent."""
    message = parsed(**fields)
    assert message.message == text
    assert not message.faults


@pytest.mark.parametrize("msg", [7, True, ["SD"], {"text": "SD"}])
def test_a_bad_text_does_not_lose_the_alert(msg: Json) -> None:
    """The alert is used without its text."""
    message = parsed(msg=msg)
    assert (message.severity, message.message) == (Severity.WARNING, "")
    assert found(message) == [("msg", INVALID)]


@given(json_values)
def test_any_text_leaves_the_alert(value: Json) -> None:
    """Subsystem and state are used with any text."""
    message = parsed(msg=value)
    assert (message.subsystem, message.severity) == ("FileManager", Severity.WARNING)
    assert bool(message.faults) is not (value is None or isinstance(value, str))
    assert_safe(message)


@given(json_values, json_values)
def test_any_subsystem_and_state_are_used_or_named(
    subsystem: Json, state: Json
) -> None:
    """An alert is returned exactly if both are valid."""
    message = parse_alert(encode({"subsystem": subsystem, "state": state}), DEVICE_ID)
    is_known = isinstance(state, str) and state.strip(PADDING).upper() in {
        *("WARNING", "CRITICAL", "FAILED"),
        *("CLEARED", "HEALTHY", "OK"),
    }
    assert isinstance(message, Alert) is (is_name(subsystem) and is_known)
    bad = {"subsystem": not is_name(subsystem), "state": not is_known}
    assert [path for path, _ in found(message)] == [
        path for path, is_bad in bad.items() if is_bad
    ]
