"""Helpers of the model's tests."""

from custom_components.vesper.model.change import Change
from custom_components.vesper.model.device import Device
from custom_components.vesper.protocol.message import Message

NOW = 1_800_000_000.0

#: The changes of a device that was not online by any live message.
CAME_ONLINE = Change.CONNECTIVITY | Change.LAST_SEEN | Change.CONTACT
WENT_OFFLINE = (
    Change.CONNECTIVITY | Change.LAST_SEEN | Change.REACHABILITY | Change.PROBLEM
)
BROKER_DISCONNECTED = Change.CONNECTIVITY | Change.REACHABILITY


def receive(
    device: Device, message: Message, *, after: float = 0.0, jump: float = 0.0
) -> Change:
    """Apply a live message `after` seconds after NOW.

    The wall clock has jumped by `jump` seconds meanwhile.
    """
    now = NOW + after
    return device.apply(message, live=True, now=now + jump, monotonic=now)


def replay(device: Device, message: Message, *, after: float = 0.0) -> Change:
    """Apply a retained message."""
    return device.apply(message, live=False, now=NOW + after)
