"""Wait for what has no event."""

import asyncio
from collections.abc import Callable
import time

#: In seconds: how often to check whether there is still work, what share of that may be
#: used by an idle loop, and when to give up.
CHECK_INTERVAL = 0.5
IDLE = 0.05
TIMEOUT = 300


async def async_settle() -> None:
    """Wait until the event loop is idle."""
    used = time.thread_time()
    while True:
        await asyncio.sleep(CHECK_INTERVAL)
        used, before = time.thread_time(), used
        if used - before < IDLE * CHECK_INTERVAL:
            return


async def async_until(
    is_so: Callable[[], bool], *, interval: float = CHECK_INTERVAL
) -> None:
    """Wait for a condition.

    Raises TimeoutError if it is not met.
    """
    async with asyncio.timeout(TIMEOUT):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(interval)
