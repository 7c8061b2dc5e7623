"""Choose which entities each device has."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from homeassistant.const import Platform
from homeassistant.helpers.entity import EntityDescription


class EntitySet(StrEnum):
    """Which entities each device has."""

    ALL = "all"
    ESSENTIAL = "essential"

    @property
    def max_devices(self) -> int:
        """Return how many devices one config entry can have."""
        return _MAX_DEVICES[self]

    @property
    def has_alert_sensors(self) -> bool:
        """Return whether each subsystem has a sensor."""
        return self is EntitySet.ALL

    def has(self, key: str) -> bool:
        """Return whether a device has this entity."""
        return self is EntitySet.ALL or key in ESSENTIAL_KEYS

    def select[D: EntityDescription](self, descriptions: Iterable[D]) -> list[D]:
        """Return the descriptions that belong to the set."""
        return [
            description for description in descriptions if self.has(description.key)
        ]

    def enabled(
        self, descriptions: Mapping[Platform, Sequence[EntityDescription]]
    ) -> list[tuple[Platform, str]]:
        """Return the entities that are enabled by default.

        Each is given by its platform and key.
        """
        return [
            (platform, description.key)
            for platform, of_platform in descriptions.items()
            for description in self.select(of_platform)
            if description.entity_registry_enabled_default
        ]


#: Everything else that a device reports is available in automations and the HTTP API.
ESSENTIAL_KEYS = frozenset({"active_alerts", "connectivity", "health"})

#: Home Assistant allows 10,000 enabled entities for one entry. With all entities, a
#: device has 9 and needs room for alert sensors; with the essential ones, it has 3.
_MAX_DEVICES = {EntitySet.ALL: 1000, EntitySet.ESSENTIAL: 3000}

DEFAULT_ENTITY_SET = EntitySet.ALL
