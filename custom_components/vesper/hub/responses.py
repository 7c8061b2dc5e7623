"""Request health checks and wait for the responses."""

import asyncio
from collections.abc import Collection
from contextlib import ExitStack
from functools import partial
from time import monotonic

from homeassistant.core import Context, callback

from ..model.change import Change
from ..model.device import Device
from .hub import VesperHub

#: The first message after the request changes one of these.
_RESPONSE = Change.CONTACT | Change.RESPONSE


async def async_request_responses(
    hub: VesperHub, devices: Collection[Device], seconds: float
) -> dict[str, float]:
    """Return how many seconds each device took to respond.

    Devices that took longer than `seconds` are left out. Any live message counts as the
    response, because firmware does not say to what it responds. Raises
    HomeAssistantError if the broker link is down or gets lost.
    """
    requested: dict[str, float] = {}
    responses: dict[str, float] = {}
    done = asyncio.Event()

    @callback
    def _async_changed(
        device_id: str, change: Change, _context: Context | None
    ) -> None:
        """Record a response, and finish if none can follow."""
        if change & _RESPONSE:
            responses.setdefault(device_id, monotonic() - requested[device_id])
        if len(responses) == len(devices) or not hub.connected:
            done.set()

    with ExitStack() as stack:
        for device in devices:
            device_id = device.device_id
            requested[device_id] = monotonic()
            device.expect_response()
            listener = partial(_async_changed, device_id)
            hub.listeners.async_listen(
                device, _RESPONSE | Change.CONNECTIVITY, listener
            )
            stack.callback(hub.listeners.async_remove, device, listener)
            await hub.async_run_health_check(device)
        timer = asyncio.get_running_loop().call_later(seconds, done.set)
        stack.callback(timer.cancel)
        await done.wait()
    hub.raise_if_link_down()
    return responses
