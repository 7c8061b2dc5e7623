"""Count state writes, and time bare ones."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
import time
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_STATE_CHANGED, EVENT_STATE_REPORTED
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import entity_platform, entity_registry as er

from .environment import config_entry
from .figures import Figure

BARE = Path(__file__).with_name("components") / "bare"

#: What a user does not notice: so many state writes in one turn of the event loop.
WRITES = 1000
ROUNDS = 5

type Writes = Counter[tuple[str, str]]
"""How often each kind of event occurred for each unique id."""


class StateWrites:
    """The changed and the reported states within a context."""

    def __init__(self, hass: HomeAssistant, prefix: str = "") -> None:
        """Count entities whose unique ids begin with `prefix`."""
        self._registry = er.async_get(hass)
        self._hass = hass
        self._prefix = prefix
        self._events: list[Event[Any]] = []

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record the writes within the context."""
        stops = [
            # Home Assistant demands a filter for reports.
            self._hass.bus.async_listen(
                event_type, self._events.append, callback(lambda _: True)
            )
            for event_type in (EVENT_STATE_CHANGED, EVENT_STATE_REPORTED)
        ]
        try:
            yield
        finally:
            for stop in stops:
                stop()

    @property
    def total(self) -> int:
        """Return how many there were, of all entities."""
        return len(self._events)

    def by_entity(self) -> Writes:
        """Return how often each entity was written."""
        found: Writes = Counter()
        for event in self._events:
            entity = self._registry.async_get(event.data["entity_id"])
            if entity is None:
                continue
            device_id = entity.unique_id.partition("/")[2]
            if device_id.startswith(self._prefix):
                found[str(event.event_type), entity.unique_id] += 1
        return found


def changed(unique_ids: Iterable[str]) -> Writes:
    """Return one changed state of each entity."""
    return Counter((str(EVENT_STATE_CHANGED), unique_id) for unique_id in unique_ids)


def stray_writes(name: str, found: Writes, wanted: Writes, note: str) -> Figure:
    """Return how many writes are extra or missing.

    The note says of which entities.
    """
    extra, missing = found - wanted, wanted - found
    kinds = [
        f"{number} {what} {event_type} of {key}"
        for what, writes in (("extra", extra), ("missing", missing))
        for (event_type, key), number in _by_key(writes).items()
    ]
    return Figure(
        name=name,
        value=extra.total() + missing.total(),
        unit="writes",
        target=0,
        note="; ".join((note, *kinds)),
    )


def _by_key(writes: Writes) -> Writes:
    """Return the writes of all devices, by entity key."""
    found: Writes = Counter()
    for (event_type, unique_id), number in writes.items():
        found[event_type, unique_id.rpartition("/")[2]] += number
    return found


class BareWrites:
    """1,000 bare sensors, whose states are written."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Set the Home Assistant, which must find the component."""
        self._hass = hass
        self._entities: list[Any] = []
        self._number = 0

    async def async_add(self) -> None:
        """Add the sensors."""
        entry = config_entry("bare", {"devices": WRITES, "entities": "essential"})
        await self._hass.config_entries.async_add(entry)
        await self._hass.async_block_till_done()
        self._entities = self._sensors(entry)
        if len(self._entities) != WRITES:
            msg = f"There are {len(self._entities)} sensors"
            raise RuntimeError(msg)

    def _sensors(self, entry: ConfigEntry) -> list[Any]:
        """Return one sensor of each device."""
        return [
            entity
            for platform in entity_platform.async_get_platforms(self._hass, "bare")
            if platform.config_entry is entry
            for entity in platform.entities.values()
            if str(entity.unique_id).endswith("active_alerts")
        ]

    def time(self) -> float:
        """Return the milliseconds that 1,000 changed states take.

        Nothing listens to the changes.
        """
        return median(self._round() for _ in range(ROUNDS))

    def _round(self) -> float:
        """Write each state once."""
        self._number += 1
        start = time.thread_time()
        for entity in self._entities:
            entity._attr_native_value = self._number  # noqa: SLF001
            entity.async_write_ha_state()
        return (time.thread_time() - start) * 1e3
