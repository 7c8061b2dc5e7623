"""What the devices of a benchmark say."""

from typing import Any

import orjson

#: In seconds. From here on uptimes rise about as fast as the clock, so that each is
#: another one and none tells of another time of boot.
UPTIME = 1_000_000


def device_ids(devices: int, kind: str = "bell") -> list[str]:
    """Return the ids of so many devices, other ones of each kind."""
    return [f"{kind}-{number:05d}" for number in range(devices)]


def heartbeat(device_id: str, number: int, events: int = 16, **others: Any) -> bytes:
    """Return a heartbeat of firmware 1.1.0: uptime and heap move with its number."""
    text = orjson.dumps(
        {
            "device_id": device_id,
            "uptime": UPTIME + number // 16,
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
        | others
    )
    # What orjson returns holds on to all that it wrote into, what comes by MQTT not.
    return bytes(memoryview(text))
