"""Tell everybody what has happened, whoever of them came first."""

from collections import deque
from dataclasses import asdict

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.start import async_at_started

from ..const import ATTR_VESPER_ID, EVENT_OCCURRENCE, SIGNAL_OCCURRENCE
from ..model.occurrence import Occurrence, OccurrenceKind

#: Of a start that takes so long that more happens, the newest is told.
MAX_HELD = 10_000

#: Of these the logbook tells nothing but what **Playing** says there, at each ring.
_NOT_LOGGED = {OccurrenceKind.STARTED_PLAYING, OccurrenceKind.STOPPED_PLAYING}


class Occurrences:
    """What has happened, on its way to triggers and the logbook.

    Automations listen only once Home Assistant has started. What was found out before,
    such as that a device fell silent in the meantime, is held back until then.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        """Wait for the end of the start, if it is not over."""
        self._hass = hass
        self._held: deque[tuple[str, Occurrence, bool]] | None = deque(maxlen=MAX_HELD)
        async_at_started(hass, self._async_started)

    @callback
    def async_tell(
        self, device_id: str, occurrence: Occurrence, *, muted: bool
    ) -> None:
        """Tell what has happened to a device of the registry, by its id there."""
        if self._held is None:
            self._async_tell_now(device_id, occurrence, muted)
        else:
            self._held.append((device_id, occurrence, muted))

    @callback
    def _async_started(self, _hass: HomeAssistant) -> None:
        """Tell what was held back."""
        held, self._held = self._held, None
        for told in held or ():
            self._async_tell_now(*told)

    @callback
    def _async_tell_now(
        self,
        device_id: str,
        occurrence: Occurrence,
        muted: bool,  # noqa: FBT001  # as the signal has it
    ) -> None:
        """Tell triggers, and the logbook, for which nothing is muted."""
        async_dispatcher_send(
            self._hass, SIGNAL_OCCURRENCE, device_id, occurrence, muted
        )
        if occurrence.kind not in _NOT_LOGGED:
            told = {
                name: value
                for name, value in asdict(occurrence).items()
                if value is not None
            }
            told[ATTR_VESPER_ID] = told.pop(ATTR_DEVICE_ID, None)
            self._hass.bus.async_fire(
                EVENT_OCCURRENCE, {**told, ATTR_DEVICE_ID: device_id}
            )
