"""Decide which entities a device has, and so how many devices there can be."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from homeassistant.const import Platform
from homeassistant.helpers.entity import EntityDescription


class EntitySet(StrEnum):
    """How much of a device is shown."""

    ALL = "all"
    ESSENTIAL = "essential"

    @property
    def most_devices(self) -> int:
        """Return how many devices fit into what Home Assistant takes of one entry."""
        return _MOST_DEVICES[self]

    @property
    def has_alert_sensors(self) -> bool:
        """Tell whether each subsystem has a sensor of its own."""
        return self is EntitySet.ALL

    def has(self, key: str) -> bool:
        """Tell whether a device has the entity of a key."""
        return self is EntitySet.ALL or key in ESSENTIAL_KEYS

    def of[D: EntityDescription](self, descriptions: Iterable[D]) -> list[D]:
        """Return those that a device has."""
        return [
            description for description in descriptions if self.has(description.key)
        ]

    def enabled(
        self, descriptions: Mapping[Platform, Sequence[EntityDescription]]
    ) -> list[tuple[Platform, str]]:
        """Return platform and key of those that are enabled by default."""
        return [
            (platform, description.key)
            for platform, described in descriptions.items()
            for description in self.of(described)
            if description.entity_registry_enabled_default
        ]


#: Of a fleet of thousands this is to be seen of each device; all else is told by its
#: alerts, by automations and over HTTP.
ESSENTIAL_KEYS = frozenset({"active_alerts", "connectivity", "health"})

#: Home Assistant takes 10,000 enabled entities of one entry. A device has 9 of them,
#: and there is to be room for the sensors of alerts; or it has 3.
_MOST_DEVICES = {EntitySet.ALL: 1000, EntitySet.ESSENTIAL: 3000}

DEFAULT_ENTITY_SET = EntitySet.ALL
