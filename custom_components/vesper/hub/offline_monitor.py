"""Detect devices that time out."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from datetime import datetime
from time import monotonic
from typing import Any

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from ..model.deadlines import DeadlineQueue
from .chunks import async_in_chunks


class OfflineMonitor:
    """One timer for all devices, set to the earliest deadline.

    It runs from `async_resume` to `async_pause`: without a link to the broker, silence
    says nothing about the devices. Nor does it if the broker does not respond, so the
    broker is asked before any device is declared offline.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        timeout: float,
        *,
        async_broker_responds: Callable[[], Coroutine[Any, Any, bool]],
        async_timed_out: Callable[[str], None],
        async_evaluate: CALLBACK_TYPE,
    ) -> None:
        """Set the timeout in seconds and what is called.

        If the broker does not respond, the caller pauses the monitor. Once all devices
        that timed out together were handled, `async_evaluate` is called.
        """
        self._hass = hass
        self._queue = DeadlineQueue(timeout)
        self._async_broker_responds = async_broker_responds
        self._async_timed_out = async_timed_out
        self._async_evaluate = async_evaluate
        self._running = False
        self._timer: CALLBACK_TYPE | None = None
        self._task: asyncio.Task[None] | None = None

    @callback
    def async_resume(self, device_ids: Iterable[str]) -> None:
        """Monitor these devices, each with its full timeout."""
        self._running = True
        self._queue.restart(device_ids, monotonic())
        self._async_set_timer()

    @callback
    def async_pause(self) -> None:
        """Let no device time out."""
        self._running = False
        if self._timer is not None:
            self._timer()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    @callback
    def async_touch(self, device_id: str) -> None:
        """Give a device a new, full timeout."""
        self._queue.touch(device_id, monotonic())
        if self._timer is None:
            self._async_set_timer()

    @callback
    def async_extend_timeout(self, device_id: str, timeout: float) -> None:
        """Give a device a longer timeout from now on; a shorter one ends that."""
        self._queue.extend_timeout(device_id, timeout, monotonic())

    @callback
    def async_discard(self, device_id: str) -> None:
        """Stop monitoring a device."""
        self._queue.discard(device_id)

    @callback
    def _async_set_timer(self) -> None:
        """Set the timer, unless devices are checked right now or there are none."""
        deadline = self._queue.next_deadline
        if self._running and not (self._timer or self._task) and deadline is not None:
            # A device that is heard meanwhile is due one timeout later at the
            # earliest, however long the timeouts of others are.
            wait = min(deadline - monotonic(), self._queue.timeout)
            self._timer = async_call_later(
                self._hass, max(0, wait), self._async_deadline
            )

    @callback
    def _async_deadline(self, _now: datetime) -> None:
        """Check the devices whose deadline has come."""
        self._timer = None
        self._task = self._hass.async_create_task(
            self._async_check(), "Vesper offline monitor", eager_start=False
        )

    async def _async_check(self) -> None:
        """Time out the devices that were not heard; mostly all were."""
        async for _ in async_in_chunks(self._postpone()):
            pass
        deadline = self._queue.next_deadline
        if (
            deadline is not None
            and deadline <= monotonic()
            and await self._async_broker_responds()
        ):
            async for device_id in async_in_chunks(self._due()):
                self._async_timed_out(device_id)
            self._async_evaluate()
        self._task = None
        self._async_set_timer()

    def _postpone(self) -> Iterator[None]:
        """Postpone one device that was heard at each step."""
        while self._queue.postpone(monotonic()):
            yield

    def _due(self) -> Iterator[str]:
        """Yield the devices that have timed out."""
        while (device_id := self._queue.pop_due(monotonic())) is not None:
            yield device_id
