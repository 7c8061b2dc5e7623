"""Parse info messages."""

from typing import Any

from hypothesis import given
import orjson
import pytest

from custom_components.vesper.protocol.fields import FaultKind, Malformed
from custom_components.vesper.protocol.info import MAX_INFO_DEPTH, Info, parse_info
from tests.strategies import DEVICE_ID, Json, encode, info, json_values

from .common import INVALID, a_name, assert_safe, depth, found, not_a_name


def parsed(kind: str, **payload: object) -> Info:
    """Return a valid info with a type and details."""
    message = info(kind, **payload)
    assert isinstance(message, Info)
    return message


def test_an_info_has_a_type_and_details() -> None:
    """Any details are used."""
    message = parsed("volume", level=7, zones=["nave", "yard"])
    assert message.type == "volume"
    assert message.payload == {"level": 7, "zones": ["nave", "yard"]}
    assert not message.faults


@pytest.mark.parametrize("payload", [b"", b', "payload": null'], ids=["absent", "null"])
def test_an_info_may_have_no_details(payload: bytes) -> None:
    """The type alone is valid."""
    message = parse_info(b'{"type": "playback_stopped"' + payload + b"}", DEVICE_ID)
    assert message == Info(type="playback_stopped", payload={}, faults=[])


@a_name
def test_types_that_are_accepted(value: str) -> None:
    """Unknown types of later firmware are accepted."""
    assert parsed(value).type == value


@not_a_name
def test_types_that_are_rejected(value: Json) -> None:
    """A message without a valid type is malformed."""
    message = parse_info(encode({"type": value}), DEVICE_ID)
    assert isinstance(message, Malformed)
    assert found(message) == [("type", INVALID)]


@pytest.mark.parametrize("fields", [{}, {"type": None}], ids=["absent", "null"])
def test_the_type_is_required(fields: dict[str, Json]) -> None:
    """Details without a type are malformed."""
    message = parse_info(encode({"payload": {}} | fields), DEVICE_ID)
    assert isinstance(message, Malformed)
    assert found(message) == [("type", FaultKind.MISSING)]


@pytest.mark.parametrize("payload", [7, True, "ABC123", ["ABC123"]])
def test_bad_details_do_not_lose_the_info(payload: Json) -> None:
    """An info is used without its bad details."""
    message = parse_info(
        encode({"type": "playback_started", "payload": payload}), DEVICE_ID
    )
    assert isinstance(message, Info)
    assert (message.type, message.payload) == ("playback_started", {})
    assert found(message) == [("payload", INVALID)]


def nested(levels: int) -> dict[str, Any]:
    """Return an object with so many nested levels.

    Lists and objects take turns.
    """
    value: Any = 0
    for level in range(levels - 1):
        value = {"a": value} if level % 2 else [0, value]
    return {"a": value}


def test_details_may_nest_eight_levels() -> None:
    """The limit is eight levels."""
    deepest = nested(MAX_INFO_DEPTH)
    assert parsed("a", **deepest).payload == deepest


@pytest.mark.parametrize("levels", [MAX_INFO_DEPTH + 1, 500])
def test_details_that_nest_deeper_are_rejected(levels: int) -> None:
    """Home Assistant could not serialize them."""
    message = parsed("a", **nested(levels))
    assert message.payload == {}
    assert found(message) == [("payload", INVALID)]


@a_name
def test_melodies_that_are_accepted(value: str) -> None:
    """The melody is known by its uid."""
    message = parsed("playback_started", melody_uid=value)
    assert message.melody_uid == value
    assert not message.faults


@not_a_name
def test_melodies_that_are_rejected(value: Json) -> None:
    """Playback starts without a melody; the field is named."""
    message = parsed("playback_started", melody_uid=value)
    assert (message.type, message.melody_uid) == ("playback_started", None)
    assert found(message) == [("payload.melody_uid", INVALID)]


@pytest.mark.parametrize("payload", [{}, {"melody_uid": None}], ids=["absent", "null"])
def test_no_melody_is_no_fault(payload: dict[str, Json]) -> None:
    """A stop has no melody."""
    message = parsed("playback_stopped", **payload)
    assert message.melody_uid is None
    assert not message.faults


@given(json_values)
def test_any_details_leave_the_info(value: Json) -> None:
    """The type is used with any details."""
    message = parse_info(
        encode({"type": "playback_started", "payload": value}), DEVICE_ID
    )
    assert isinstance(message, Info)
    assert message.type == "playback_started"
    is_good = isinstance(value, dict) and depth(value) <= MAX_INFO_DEPTH
    assert message.payload == (orjson.loads(encode(value)) if is_good else {})
    assert_safe(message)
