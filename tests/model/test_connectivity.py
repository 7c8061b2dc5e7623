"""Since when a device is offline, and its gaps."""

import pytest

from custom_components.vesper.model.device import Device
from tests.strategies import DEVICE_ID, heartbeat

from .common import NOW, receive, replay


def test_since_when_it_is_offline(online: Device) -> None:
    """It is the first timeout since it was online."""
    online.mark_offline(NOW + 90)
    assert online.offline_since == NOW + 90
    online.mark_offline(NOW + 180)
    assert online.offline_since == NOW + 90
    receive(online, heartbeat(), after=200)
    assert online.offline_since is None


def test_offline_before_home_assistant_started() -> None:
    """The timeout after the start is no other one."""
    device = Device(device_id=DEVICE_ID, was_online=False, offline_since=NOW - 500)
    device.mark_offline(NOW + 90)
    assert device.offline_since == NOW - 500


def test_never_online(device: Device) -> None:
    """It did not go offline."""
    replay(device, heartbeat())
    device.mark_offline(NOW + 90)
    assert device.online is False
    assert device.offline_since is None


@pytest.mark.parametrize("disabled", [True, False])
def test_offline_while_nothing_is_triggered(online: Device, *, disabled: bool) -> None:
    """It is not known since when."""
    if disabled:
        online.set_disabled(disabled=True)
    else:
        online.set_maintenance(NOW + 3600)
    online.mark_offline(NOW + 90)
    assert online.offline_since is None


@pytest.mark.parametrize("is_lost", [True, False])
def test_gap_in_which_the_link_was_down(device: Device, *, is_lost: bool) -> None:
    """The device may have sent a heartbeat in it."""
    receive(device, heartbeat(uptime=100))
    if is_lost:
        device.broker_disconnected()
        device.broker_connected()
    receive(device, heartbeat(uptime=400), after=300)
    assert device.rhythm.gaps == (() if is_lost else (300,))
    receive(device, heartbeat(uptime=700), after=600)
    assert device.rhythm.gaps == ((300,) if is_lost else (300, 300))
