"""Fixtures of the model's tests."""

import pytest

from custom_components.vesper.model.device import Device
from tests.pure import auto_enable_custom_integrations
from tests.strategies import DEVICE_ID, heartbeat

from .common import receive

__all__ = ["auto_enable_custom_integrations"]


@pytest.fixture
def device() -> Device:
    """Return a device without messages."""
    return Device(device_id=DEVICE_ID)


@pytest.fixture
def online(device: Device) -> Device:
    """Return an online device without alerts."""
    receive(device, heartbeat(uptime=100, firmware_version="1.0.0"))
    return device
