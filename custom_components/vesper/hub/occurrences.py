"""Publish what happens to triggers and the logbook."""

from collections import deque
from dataclasses import asdict

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.start import async_at_started

from ..const import ATTR_VESPER_ID, EVENT_OCCURRENCE, SIGNAL_OCCURRENCE
from ..model.occurrence import Occurrence, OccurrenceKind

#: The newest so many occurrences of a start are published.
MAX_HELD = 10_000

#: The logbook has no sentence for these: the state of Playing is in it already.
NOT_LOGGED = {OccurrenceKind.STARTED_PLAYING, OccurrenceKind.STOPPED_PLAYING}


class Occurrences:
    """Occurrences on their way to triggers and the logbook.

    Automations run only once Home Assistant has started, so what happens before, such
    as a device that times out, is held until then.
    """

    def __init__(self, hass: HomeAssistant) -> None:
        """Hold occurrences until the start is over."""
        self._hass = hass
        self._held: deque[tuple[str, Occurrence, bool]] | None = deque(maxlen=MAX_HELD)

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Publish as soon as Home Assistant has started; returns what ends that."""
        return async_at_started(self._hass, self._async_started)

    @callback
    def async_publish(
        self, registry_id: str, occurrence: Occurrence, *, suppressed: bool
    ) -> None:
        """Publish an occurrence of a device, given by its id in the registry."""
        if self._held is None:
            self._async_publish_now(registry_id, occurrence, suppressed)
        else:
            self._held.append((registry_id, occurrence, suppressed))

    @callback
    def _async_started(self, _hass: HomeAssistant) -> None:
        """Publish what was held."""
        held, self._held = self._held, None
        for occurrence in held or ():
            self._async_publish_now(*occurrence)

    @callback
    def _async_publish_now(
        self,
        registry_id: str,
        occurrence: Occurrence,
        suppressed: bool,  # noqa: FBT001  # as the signal has it
    ) -> None:
        """Publish to triggers, and to the logbook even if it is suppressed."""
        async_dispatcher_send(
            self._hass, SIGNAL_OCCURRENCE, registry_id, occurrence, suppressed
        )
        if occurrence.kind not in NOT_LOGGED:
            data = {
                name: value
                for name, value in asdict(occurrence).items()
                if value is not None
            }
            data[ATTR_VESPER_ID] = data.pop(ATTR_DEVICE_ID, None)
            self._hass.bus.async_fire(
                EVENT_OCCURRENCE, {**data, ATTR_DEVICE_ID: registry_id}
            )
