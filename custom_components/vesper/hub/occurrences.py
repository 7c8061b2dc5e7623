"""Publish what happens to triggers and the logbook."""

from collections import deque
from dataclasses import asdict, dataclass

from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID, Platform
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.start import async_at_started
from homeassistant.util.signal_type import SignalType

from ..const import ATTR_VESPER_ID, DOMAIN, EVENT_OCCURRENCE
from ..model.occurrence import CLEARED, Occurrence, OccurrenceKind
from .registry import ALERT_KEY, fleet_unique_id_of, unique_id_of

#: Maximum number of occurrences that are kept until Home Assistant has started; the
#: oldest are dropped.
MAX_HELD = 10_000

#: The logbook has no sentence for these: the state of Playing is in it already.
NOT_LOGGED = {OccurrenceKind.STARTED_PLAYING, OccurrenceKind.STOPPED_PLAYING}

#: The logbook has none for these either while Connectivity is enabled: it shows each
#: change of state itself.
SHOWN_BY_CONNECTIVITY = {OccurrenceKind.CAME_ONLINE, OccurrenceKind.WENT_OFFLINE}

#: What only triggers need to know.
NOT_IN_EVENT = {
    "critical_at",
    "held",
    "maintenance_since",
    "outage_since",
    "outage_until",
    "postponed",
    "settled",
    "still_offline_names",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedOccurrence:
    """An occurrence for triggers and the logbook."""

    registry_id: str
    """The id of the device in the registry."""
    occurrence: Occurrence
    suppressed: bool
    """Whether it triggers nothing, since the device is in maintenance."""
    context: Context | None
    """The context of the action that made it, if one did."""
    unstable: tuple[str, ...] = ()
    """What is unstable: `connectivity`, `restarts` or subsystems."""


#: What triggers listen to. They outlive the config entries.
SIGNAL_OCCURRENCE: SignalType[PublishedOccurrence] = SignalType(f"{DOMAIN}_occurrence")


class Occurrences:
    """Occurrences on their way to triggers and the logbook.

    Automations run only once Home Assistant has started, so what happens before, such
    as a device that times out, is held until then.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Hold occurrences until the start is over."""
        self._hass = hass
        self._entry_id = entry_id
        self._held: deque[PublishedOccurrence] | None = deque(maxlen=MAX_HELD)

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Publish once Home Assistant has started.

        The returned callback cancels that.
        """
        return async_at_started(self._hass, self._async_started)

    @callback
    def async_publish(
        self,
        registry_id: str,
        occurrence: Occurrence,
        *,
        suppressed: bool,
        context: Context | None = None,
        unstable: tuple[str, ...] = (),
    ) -> None:
        """Publish an occurrence of a device."""
        published = PublishedOccurrence(
            registry_id=registry_id,
            occurrence=occurrence,
            suppressed=suppressed,
            context=context,
            unstable=unstable,
        )
        if self._held is None:
            self._async_publish_now(published)
        else:
            self._held.append(published)

    @callback
    def _async_started(self, _hass: HomeAssistant) -> None:
        """Publish what was held."""
        held, self._held = self._held, None
        for published in held or ():
            self._async_publish_now(published)

    @callback
    def _async_publish_now(self, published: PublishedOccurrence) -> None:
        """Publish to triggers and the logbook.

        The logbook shows suppressed occurrences too, so not again those that were
        postponed, but none that are held.
        """
        async_dispatcher_send(self._hass, SIGNAL_OCCURRENCE, published)
        occurrence = published.occurrence
        if occurrence.kind in NOT_LOGGED or occurrence.held or occurrence.postponed:
            return
        entity_id = self._async_entity_id(published)
        if entity_id is not None and _is_shown_by_state(occurrence):
            return
        data = {
            name: value
            for name, value in asdict(occurrence).items()
            if value is not None and name not in NOT_IN_EVENT
        }
        data[ATTR_VESPER_ID] = data.pop(ATTR_DEVICE_ID, None)
        data[ATTR_DEVICE_ID] = published.registry_id
        if entity_id is not None:
            # The logbook of an entity has only events with its id.
            data[ATTR_ENTITY_ID] = entity_id
        self._hass.bus.async_fire(EVENT_OCCURRENCE, data, context=published.context)

    @callback
    def _async_entity_id(self, published: PublishedOccurrence) -> str | None:
        """Return the entity that an occurrence is about.

        None if it has no state, such as a disabled one.
        """
        occurrence = published.occurrence
        if occurrence.device_id is None:
            platform = Platform.EVENT
            unique_id = fleet_unique_id_of(self._entry_id, "outage")
        elif occurrence.subsystem is not None:
            platform = Platform.SENSOR
            key = ALERT_KEY + occurrence.subsystem
            unique_id = unique_id_of(self._entry_id, occurrence.device_id, key)
        else:
            platform = Platform.BINARY_SENSOR
            key = "connectivity"
            unique_id = unique_id_of(self._entry_id, occurrence.device_id, key)
        entity_id = er.async_get(self._hass).async_get_entity_id(
            platform, DOMAIN, unique_id
        )
        if entity_id is None or self._hass.states.get(entity_id) is None:
            return None
        return entity_id


def _is_shown_by_state(occurrence: Occurrence) -> bool:
    """Return whether the state of its entity says it."""
    return (
        occurrence.kind in SHOWN_BY_CONNECTIVITY
        # An alert that the device has cleared.
        or occurrence.reason == CLEARED
    )
