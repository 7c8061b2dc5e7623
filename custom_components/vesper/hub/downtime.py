"""Know when Home Assistant was not running."""

from time import time

from homeassistant.core import CoreState, HomeAssistant

#: In seconds: what was missed is made up for when Home Assistant starts, not when an
#: automation is saved later.
MAKE_UP_WITHIN = 300


class Downtime:
    """The time before this start of Home Assistant."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin without a downtime."""
        self._hass = hass
        self._start = self._end = float("-inf")

    def end(self, start: float | None) -> None:
        """Set its start, None if not known.

        A reload of the entry ends none.
        """
        if start is not None and self._hass.state is not CoreState.running:
            self._start, self._end = start, time()

    def is_missed(self, deadline: float) -> bool:
        """Return whether a missed deadline is made up for."""
        return (
            self._start <= deadline <= self._end and time() - self._end < MAKE_UP_WITHIN
        )
