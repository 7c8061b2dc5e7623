"""The peer that has a coordinator for each device.

Ten entities a device, each written at every heartbeat; a timer a device, restarted by
each. One subscription with a wildcard. The integration is in `components/coordinated`.
"""

from pathlib import Path

from homeassistant.core import HomeAssistant

from .environment import config_entry

COMPONENT = Path(__file__).parent / "components" / "coordinated"
PREFIX = "coordinator"
ENTITIES = 10


async def async_add(hass: HomeAssistant) -> None:
    """Set it up; first heartbeats add its devices."""
    await hass.config_entries.async_add(config_entry("coordinated", {"prefix": PREFIX}))
