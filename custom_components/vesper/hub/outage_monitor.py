"""Tell of devices that went offline and came back: each alone, or as one outage."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from time import monotonic

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from ..const import LOGGER
from ..model.outages import Outage, Outages
from .chunks import async_work_off

type OutageListener = Callable[[str, dict[str, int]], None]


class OutageWatch:
    """What is told of outages: to listeners and in the log.

    An outage is one line when it starts and one when it ends. So the line of a device
    is held back until it can no longer be part of one, by one timer for all.
    """

    def __init__(self, hass: HomeAssistant, timeout: float) -> None:
        """Take the seconds of silence after which a device is offline."""
        self._hass = hass
        self._timeout = timeout
        self._outages = Outages(timeout)
        self._logged: set[str] = set()
        self._listeners: list[OutageListener] = []
        self._timer: CALLBACK_TYPE | None = None

    @callback
    def async_listen(self, listener: OutageListener) -> CALLBACK_TYPE:
        """Call a listener with `started` or `ended`, and the figures of the outage."""
        self._listeners.append(listener)
        return partial(self._listeners.remove, listener)

    @callback
    def async_fell_silent(self, device_id: str, online_before: int | None) -> None:
        """Take in that a device is offline; `async_judge` tells what that means.

        With it comes how many were online right before, itself included, or None if it
        was not known to be.
        """
        self._outages.fell_silent(device_id, monotonic(), online_before)

    @callback
    def async_judge(self) -> None:
        """Tell of an outage if this is one, and of those who are offline alone."""
        if outage := self._outages.find(monotonic()):
            LOGGER.warning(
                "Outage: %s of %s online devices fell silent within %s s",
                outage.lost,
                outage.online_before,
                self._timeout,
            )
            self._async_tell("started", outage)
        # In a turn of its own: this one may be at the end of a slice already.
        self._hass.loop.call_soon(async_work_off, self._hass, self._log_alone())

    @callback
    def async_came_back(self, device_id: str) -> None:
        """Take in that a device is online again."""
        if device_id in self._logged:
            self._logged.remove(device_id)
            if self._outages.current is None:
                LOGGER.info("Device %s is online again", device_id)
        self._async_end(self._outages.came_back(device_id))

    @callback
    def async_forget(self, device_id: str) -> None:
        """Take in that a device was removed."""
        self._logged.discard(device_id)
        self._async_end(self._outages.forget(device_id))

    @callback
    def async_close(self) -> None:
        """Tell of nothing any more."""
        self._outages.clear()
        if self._timer is not None:
            self._timer()
            self._timer = None

    @callback
    def _async_end(self, outage: Outage | None) -> None:
        """Tell of an outage that has ended, if one has."""
        if outage is None:
            return
        duration = round(monotonic() - outage.started)
        LOGGER.info(
            "The outage is over after %s s: %s of the %s lost devices are still away",
            duration,
            len(outage.away),
            outage.lost,
        )
        self._async_tell("ended", outage, duration=duration)
        self.async_judge()

    @callback
    def _async_tell(self, event_type: str, outage: Outage, **details: int) -> None:
        """Call those who listen."""
        figures = {"lost": outage.lost, "online_before": outage.online_before} | details
        for listener in tuple(self._listeners):
            listener(event_type, figures)

    def _log_alone(self) -> Iterator[None]:
        """Log one device at each step, and wait for the next."""
        while (device_id := self._outages.pop_alone(monotonic())) is not None:
            self._logged.add(device_id)
            LOGGER.info("Device %s is offline: not heard in time", device_id)
            yield
        self._async_arm()

    @callback
    def _async_arm(self) -> None:
        """Set the timer, unless it is set or there is nobody to wait for."""
        deadline = self._outages.next_deadline
        if self._timer is None and deadline is not None:
            self._timer = async_call_later(
                self._hass, max(0, deadline - monotonic()), self._async_deadline
            )

    @callback
    def _async_deadline(self, _now: datetime) -> None:
        """Tell of those whose window has passed."""
        self._timer = None
        self.async_judge()
