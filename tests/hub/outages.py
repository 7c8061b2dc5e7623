"""Helpers of the tests of outages."""

from typing import Any

from homeassistant.const import STATE_UNKNOWN
from tests.common import FLEET, Vesper, report

STARTED = "Outage: {} of {} online devices went offline within 90 s"
OVER = "The outage ended after {} s: {} of the {} lost devices are still offline"


def bells(count: int) -> list[str]:
    """Return the ids of so many devices."""
    return [f"bell-{number}" for number in range(count)]


def last_event(vesper: Vesper) -> dict[str, Any] | None:
    """Return the last event of the fleet, if any."""
    state = vesper.state("outage", FLEET)
    if state.state == STATE_UNKNOWN:
        return None
    names = ("event_type", "lost", "online_before", "duration", "still_offline")
    return {name: state.attributes[name] for name in names if name in state.attributes}


async def lose(vesper: Vesper, count: int) -> None:
    """Lose so many devices in an outage."""
    await report(vesper, *bells(count))
    await vesper.advance(91)
