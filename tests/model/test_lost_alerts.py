"""Alerts that could not be read."""

import pytest

from custom_components.vesper.model.change import Change
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.lost_alerts import LostAlerts
from custom_components.vesper.protocol.alert import UnreadableAlert, parse_alert
from tests.strategies import DEVICE_ID, alert

from .common import NOW, receive

BOTH = Change.ALERT_LOST | Change.HEALTH_CHECK_DUE


def lost(payload: bytes = b"{") -> UnreadableAlert:
    """Return an alert that can't be read."""
    message = parse_alert(payload, DEVICE_ID)
    assert isinstance(message, UnreadableAlert)
    return message


def test_an_alert_is_lost_until_the_next_one_is_read(online: Device) -> None:
    """The bad fields are named, and alerts stay active."""
    receive(online, alert("SD", "FAILED"))
    assert receive(online, lost()) == BOTH
    assert online.alerts.lost.fields == {""}
    assert receive(online, lost()) == Change.NOTHING
    assert receive(online, lost(b'{"subsystem": "SD"}')) == Change.ALERT_LOST
    assert online.alerts.lost.fields == {"state"}
    assert list(online.alerts.active) == ["SD"]
    assert Change.ALERT_LOST in receive(online, alert("Player", "WARNING"))
    assert not online.alerts.lost.fields


@pytest.mark.parametrize(
    ("after", "due"),
    [(0, False), (59, False), (60, True), (-1, True)],
)
def test_a_health_check_is_due_once_in_a_while(after: int, *, due: bool) -> None:
    """Another unreadable alert soon after requests no further check."""
    alerts = LostAlerts()
    alerts.record(lost(), NOW)
    alerts.end()
    change = alerts.record(lost(), NOW + after)
    assert change == (BOTH if due else Change.ALERT_LOST)
