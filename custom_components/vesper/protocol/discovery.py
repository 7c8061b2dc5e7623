"""Recognize messages by which devices are discovered."""

from .alert import Alert
from .info import Info
from .topics import DEFAULT_PREFIX, STATUS_TOPICS, is_device_id


def discovered_device_id(topic: str, payload: bytes | bytearray | str) -> str | None:
    """Return the id of a discovered device.

    None unless it is an alert or an info message under the default prefix.
    """
    data = payload.encode() if isinstance(payload, str) else bytes(payload)
    for source in STATUS_TOPICS:
        device_id = topic[source.device_id_at(DEFAULT_PREFIX)]
        if topic != source.of(DEFAULT_PREFIX, device_id) or not is_device_id(device_id):
            continue
        if isinstance(source.parse(data, device_id), Alert | Info):
            return device_id
    return None
