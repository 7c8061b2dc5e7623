"""The heartbeats of the devices of a benchmark."""

from typing import Any

import orjson

from .clock import INTERVAL

#: In seconds, at heartbeat number 0.
UPTIME = 1_000_000


def device_ids(devices: int) -> list[str]:
    """Return the ids of so many devices."""
    return [f"bell-{number:05d}" for number in range(devices)]


def heartbeat(device_id: str, number: int, events: int = 16, **fields: Any) -> bytes:
    """Return a heartbeat of firmware 1.1.0.

    It has about 960 bytes with 16 events. The number moves uptime and free heap; the
    events stay. Fields replace others.
    """
    text = orjson.dumps(
        {
            "device_id": device_id,
            "uptime": UPTIME + INTERVAL * number,
            "firmware_version": "1.1.0",
            "reset_reason": 1,
            "heap_free": 120_000 + number % 4096,
            "heap_min_free": 98_765,
            "last_disconnect_code": 8,
            "recent_events": [
                {"t": 1 + n % 8, "d0": 200 + n, "d1": n, "ts": 1_790_000_000, "up": n}
                for n in range(events)
            ],
        }
        | fields
    )
    # A copy: what orjson returns holds on to a larger buffer, what MQTT receives not.
    return bytes(memoryview(text))
