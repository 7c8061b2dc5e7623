"""Each field of a heartbeat is in every list of the fields."""

from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import orjson
import pytest

from custom_components.vesper.model.device import Device
from custom_components.vesper.model.report import report
from custom_components.vesper.model.snapshot import deserialize, serialize
from custom_components.vesper.protocol.heartbeat import Heartbeat
from tests.strategies import DEVICE_ID, heartbeat

from .common import receive

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol.md"

#: Values that are not in any JSON by chance, by the type of a field.
VALUES: dict[Any, int | str] = {int | None: 43_210, str | None: "43.21.0"}

each_field = pytest.mark.parametrize(
    "name",
    [
        field.name
        for field in fields(Heartbeat)
        if field.name not in ("recent_events", "payload", "faults")
    ],
)


def value_of(name: str) -> int | str:
    """Return a value of a field."""
    return VALUES[get_type_hints(Heartbeat)[name]]


def reported(device: Device) -> str:
    """Return the report of a device as JSON."""
    return orjson.dumps(report(device)).decode()


@pytest.fixture
def device_with(name: str) -> Device:
    """Return a device that has reported one field."""
    device = Device(device_id=DEVICE_ID)
    message = heartbeat(**{name: value_of(name)})
    assert isinstance(message, Heartbeat)
    assert getattr(message, name) == value_of(name)
    receive(device, message)
    return device


@each_field
def test_a_field_is_in_the_report(name: str, device_with: Device) -> None:
    """The HTTP API shows it."""
    assert str(value_of(name)) in reported(device_with)
    assert str(value_of(name)) not in reported(Device(device_id=DEVICE_ID))


@each_field
def test_a_field_is_stored(name: str, device_with: Device) -> None:
    """It is restored after a restart of Home Assistant."""
    stored = orjson.loads(serialize(device_with))
    restored = deserialize(DEVICE_ID, stored)
    assert str(value_of(name)) in reported(restored)


@each_field
def test_a_field_is_documented(name: str) -> None:
    """The page of the protocol names it."""
    assert PROTOCOL.is_file()
    assert f"`{name}`" in PROTOCOL.read_text()
