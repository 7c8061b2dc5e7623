"""Each field is in every list of the fields."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

import orjson
import pytest

from custom_components.vesper.model.active_alert import ActiveAlert
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.report import report
from custom_components.vesper.model.snapshot import deserialize, serialize
from custom_components.vesper.protocol.heartbeat import Heartbeat
from custom_components.vesper.protocol.severity import Severity
from tests.strategies import DEVICE_ID, heartbeat

from .common import receive

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol.md"

#: Values that are not in any JSON by chance, by the type of a field.
VALUES: dict[Any, Any] = {
    int | None: 43_210,
    str | None: "43.21.0",
    bytes | None: [{"t": 5, "d0": 0, "d1": 43_210, "ts": 0, "up": 0}],
    bool: True,
    datetime: datetime(2043, 2, 10, tzinfo=UTC),
    datetime | None: datetime(2043, 2, 10, tzinfo=UTC),
    Severity: Severity.FAILED,
    str: "43.21.0",
}

each_field = pytest.mark.parametrize(
    "name",
    [
        field.name
        for field in fields(Heartbeat)
        if field.name not in ("payload", "faults")
    ],
)


def value_of(name: str) -> Any:
    """Return a field's value as heartbeats have it."""
    return VALUES[get_type_hints(Heartbeat)[name]]


def shown(name: str) -> str:
    """Return what a report shows of a field's value."""
    value = value_of(name)
    return str(value[0]["d1"] if isinstance(value, list) else value)


def reported(device: Device) -> str:
    """Return the report of a device as JSON."""
    return orjson.dumps(report(device)).decode()


@pytest.fixture
def device_with(name: str) -> Device:
    """Return a device that has reported one field."""
    device = Device(device_id=DEVICE_ID)
    message = heartbeat(**{name: value_of(name)})
    assert isinstance(message, Heartbeat)
    assert getattr(message, name) is not None
    receive(device, message)
    return device


@each_field
def test_a_field_is_in_the_report(name: str, device_with: Device) -> None:
    """The HTTP API shows it."""
    assert shown(name) in reported(device_with)
    assert shown(name) not in reported(Device(device_id=DEVICE_ID))


@each_field
def test_a_field_is_stored(name: str, device_with: Device) -> None:
    """It is restored after a restart of Home Assistant."""
    stored = orjson.loads(serialize(device_with, 0, 0))
    restored = deserialize(DEVICE_ID, stored)
    assert shown(name) in reported(restored)


@each_field
def test_a_field_is_documented(name: str) -> None:
    """The page of the protocol names it."""
    assert PROTOCOL.is_file()
    assert f"`{name}`" in PROTOCOL.read_text()


def test_an_alert_is_stored_and_shown_with_all_fields() -> None:
    """All fields are kept, except that it is confirmed.

    The alert may be over since.
    """
    hints = get_type_hints(ActiveAlert)
    # When it arrived is a time of the monotonic clock, which begins with each boot.
    names = {field.name for field in fields(ActiveAlert)} - {"received"}
    alert = ActiveAlert(**{name: VALUES[hints[name]] for name in names})
    device = Device(device_id=DEVICE_ID)
    device.alerts.active[alert.subsystem] = alert
    stored = deserialize(DEVICE_ID, orjson.loads(serialize(device, 0, 0)))
    assert stored.alerts.active == {alert.subsystem: replace(alert, confirmed=False)}
    hidden = {"severity", "suppressed", "critical_at"}
    assert alert.as_json().keys() == names - hidden | {"state"}
