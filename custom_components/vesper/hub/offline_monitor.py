"""Notice when a device falls silent."""

from collections.abc import Callable, Coroutine, Generator, Iterable
from datetime import datetime
from time import monotonic
from typing import Any

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from ..model.deadlines import Liveness
from .chunks import async_work_off


class Watch:
    """One timer for all devices, set to the earliest deadline.

    It watches from `async_resume` until `async_pause`: without a link to the broker,
    silence says nothing about the devices. Nor does it without an answer from there, so
    that is asked for once somebody is due.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        liveness: Liveness,
        *,
        async_link_answers: Callable[[], Coroutine[Any, Any, bool]],
        async_fell_silent: Callable[[str], None],
        async_told: CALLBACK_TYPE,
    ) -> None:
        """Take who was heard when, whom to ask if silence counts, and whom to tell.

        Where it does not count, all devices are to be paused until it may again. When
        all who were due at once have been told of, that is told too.
        """
        self._hass = hass
        self._liveness = liveness
        self._async_link_answers = async_link_answers
        self._async_fell_silent = async_fell_silent
        self._async_told = async_told
        self._watching = False
        self._timer: Callable[[], object] | None = None
        """What cancels the timer, or the question that it has led to."""

    @callback
    def async_resume(self, device_ids: Iterable[str]) -> None:
        """Watch these devices, each with a fresh, full timeout."""
        self._watching = True
        self._liveness.restart(device_ids, monotonic())
        self._async_arm()

    @callback
    def async_pause(self) -> None:
        """Watch nobody."""
        self._watching = False
        if self._timer is not None:
            self._timer()
            self._timer = None

    @callback
    def async_touch(self, device_id: str) -> None:
        """Give a device a fresh, full timeout."""
        self._liveness.touch(device_id, monotonic())
        if self._timer is None:
            self._async_arm()

    @callback
    def async_be_patient(self, device_id: str, patience: float) -> None:
        """Give a device so many seconds from now, where that is over the timeout."""
        self._liveness.be_patient(device_id, patience, monotonic())

    @callback
    def async_forget(self, device_id: str) -> None:
        """Watch a device no longer."""
        self._liveness.discard(device_id)

    @callback
    def _async_arm(self) -> None:
        """Set the timer, unless it is set or nobody is watched."""
        deadline = self._liveness.next_deadline
        if self._watching and self._timer is None and deadline is not None:
            # Whoever speaks while it is set may be due a timeout later, so it waits no
            # longer than that, however patient with others.
            wait = min(deadline - monotonic(), self._liveness.timeout)
            self._timer = async_call_later(
                self._hass, max(0, wait), self._async_deadline
            )

    @callback
    def _async_deadline(self, _now: datetime) -> None:
        """See to those who are due, and let nobody set the timer meanwhile.

        Mostly nobody is: who was to be then has been heard since.
        """
        steps = self._look()
        self._timer = steps.close
        async_work_off(self._hass, steps)

    def _look(self) -> Generator[None]:
        """Put off one device that was heard since at each step, then judge the rest."""
        while self._liveness.postpone(monotonic()):
            yield
        self._timer = None
        deadline = self._liveness.next_deadline
        if deadline is None or deadline > monotonic():
            self._async_arm()
            return
        self._timer = self._hass.async_create_task(
            self._async_judge(), "Vesper's watch", eager_start=False
        ).cancel

    async def _async_judge(self) -> None:
        """Tell of those who are due where their silence counts; wait for the next."""
        if await self._async_link_answers():
            steps = self._tell()
            self._timer = steps.close
            async_work_off(self._hass, steps)

    def _tell(self) -> Generator[None]:
        """Put off one device that was heard since, or tell of a silent one, each step.

        Until then nobody sets the timer.
        """
        while True:
            if self._liveness.postpone(monotonic()):
                yield
            elif device_id := self._liveness.pop_due(monotonic()):
                self._async_fell_silent(device_id)
                yield
            else:
                break
        self._timer = None
        # In a turn of its own, for this is the end of a slice.
        self._hass.loop.call_soon(self._async_told)
        self._async_arm()
