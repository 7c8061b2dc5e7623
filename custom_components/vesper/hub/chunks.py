"""Work off what is due at once for many devices, and let the event loop live."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from time import monotonic

from homeassistant.core import HomeAssistant, callback

#: In seconds; then everybody else has a turn.
SLICE = 0.005


@callback
def async_work_off(hass: HomeAssistant, steps: Iterator[None]) -> None:
    """Take steps for the length of a slice, and the others in later turns."""
    end = monotonic() + SLICE
    for _ in steps:
        if monotonic() >= end:
            hass.loop.call_soon(async_work_off, hass, steps)
            return


async def async_in_slices[T](
    items: Iterable[T], slice_length: float
) -> AsyncIterator[T]:
    """Yield items for the length of a slice, and the others in later turns."""
    end = monotonic() + slice_length
    for item in items:
        yield item
        if monotonic() >= end:
            await asyncio.sleep(0)
            end = monotonic() + slice_length
