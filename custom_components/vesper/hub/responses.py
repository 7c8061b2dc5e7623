"""Ask devices to check themselves, and wait for them to speak."""

import asyncio
from collections.abc import Collection
from contextlib import ExitStack
from functools import partial
from time import monotonic

from homeassistant.core import callback

from ..model.change import Change, Changes
from ..model.device import Device
from .hub import VesperHub

#: With one of these comes the first word of a device that is waited for.
_WORD = Change.ANSWER | Change.CONTACT


async def async_ask(
    hub: VesperHub, devices: Collection[Device], patience: float
) -> dict[str, float]:
    """Return after how many seconds each device spoke, of those that did in time.

    The patience is in seconds. Any live message counts: firmware does not say to what
    it answers. Raises HomeAssistantError where there is no link to the broker, or it is
    lost meanwhile.
    """
    asked: dict[str, float] = {}
    answers: dict[str, float] = {}
    over = asyncio.Event()

    @callback
    def _async_changed(device_id: str, change: Changes) -> None:
        """Note that a device has spoken, or that none can be heard any more."""
        if change & _WORD:
            answers.setdefault(device_id, monotonic() - asked[device_id])
        if len(answers) == len(devices) or not hub.connected:
            over.set()

    with ExitStack() as stack:
        for device in devices:
            device_id = device.device_id
            asked[device_id] = monotonic()
            device.await_word()
            stack.callback(
                hub.async_listen(
                    device,
                    _WORD | Change.CONNECTIVITY,
                    partial(_async_changed, device_id),
                )
            )
            await hub.async_run_health_check(device)
        timer = asyncio.get_running_loop().call_later(patience, over.set)
        stack.callback(timer.cancel)
        await over.wait()
    hub.raise_without_link()
    return answers
