"""Work on many devices without blocking the event loop."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from time import monotonic

#: In seconds: after this time a chunk ends, so that the event loop is not blocked.
CHUNK = 0.005


async def async_in_chunks[T](items: Iterable[T]) -> AsyncIterator[T]:
    """Yield items, freeing the event loop after each chunk."""
    end = monotonic() + CHUNK
    for item in items:
        yield item
        if monotonic() >= end:
            await asyncio.sleep(0)
            end = monotonic() + CHUNK
