"""The peer without an integration: core's MQTT discovery.

Five entities a device, as a user would configure them without an integration: whether
the device is online (it expires), its heap, the least of it, its uptime, and whether it
plays. The messages are retained by the broker and come back from there.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import orjson

from homeassistant.components import mqtt
from homeassistant.core import HomeAssistant

PREFIX = "discovery"
ENTITIES = 5

#: In seconds, until all entities are added.
TIMEOUT = 120


def discovery_message(device_id: str) -> bytes:
    """Return a discovery message with all entities."""
    status = f"{PREFIX}/{device_id}/status"
    heartbeat = {"state_topic": f"{status}/heartbeat"}
    heap = {
        "platform": "sensor",
        "device_class": "data_size",
        "unit_of_measurement": "B",
        "state_class": "measurement",
    }
    components: dict[str, dict[str, Any]] = {
        "connectivity": heartbeat
        | {
            "platform": "binary_sensor",
            "device_class": "connectivity",
            "value_template": "ON",
            "expire_after": 90,
        },
        "heap": heartbeat
        | heap
        | {"name": "Heap", "value_template": "{{ value_json.heap_free }}"},
        "heap_min": heartbeat
        | heap
        | {"name": "Heap min", "value_template": "{{ value_json.heap_min_free }}"},
        "uptime": heartbeat
        | {
            "platform": "sensor",
            "name": "Uptime",
            "device_class": "duration",
            "unit_of_measurement": "s",
            "value_template": "{{ value_json.uptime }}",
        },
        "playback": {
            "platform": "binary_sensor",
            "name": "Playback",
            "device_class": "running",
            "state_topic": f"{status}/info",
            "value_template": (
                "{{ 'ON' if value_json.type == 'playback_started' else 'OFF' }}"
            ),
        },
    }
    for name, component in components.items():
        component["unique_id"] = f"{PREFIX}_{device_id}_{name}"
    return orjson.dumps(
        {
            "device": {
                "identifiers": [f"{PREFIX}_{device_id}"],
                "name": f"{PREFIX} {device_id}",
            },
            "origin": {"name": "benchmark"},
            "components": components,
        }
    )


async def async_add(hass: HomeAssistant, device_ids: Iterable[str]) -> None:
    """Publish the discovery messages and await all entities."""
    before = hass.states.async_entity_ids_count()
    wanted = before
    for device_id in device_ids:
        topic = f"homeassistant/device/{PREFIX}-{device_id}/config"
        await mqtt.async_publish(
            hass, topic, discovery_message(device_id), qos=0, retain=True
        )
        wanted += ENTITIES
    async with asyncio.timeout(TIMEOUT):
        # There is no event for that.
        while hass.states.async_entity_ids_count() < wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    await hass.async_block_till_done()
