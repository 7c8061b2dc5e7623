"""Switches of Vesper devices."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .entity import VesperEntity, VesperEntityDescription, async_add_device_entities
from .hub.hub import VesperConfigEntry
from .hub.maintenance import DEFAULT_MAINTENANCE
from .model.change import Change

# Nothing is sent to the device; there is nothing to wait for.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class VesperSwitchDescription(VesperEntityDescription, SwitchEntityDescription):
    """Describe a switch of a device."""


DESCRIPTIONS: tuple[VesperSwitchDescription, ...] = (
    VesperSwitchDescription(
        key="maintenance",
        translation_key="maintenance",
        entity_category=EntityCategory.CONFIG,
        watched=Change.MAINTENANCE,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: VesperConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the switches of the devices."""
    await async_add_device_entities(
        entry, async_add_entities, VesperMaintenanceSwitch, DESCRIPTIONS
    )


class VesperMaintenanceSwitch(VesperEntity, SwitchEntity):
    """Whether somebody works on a device; it turns off by itself."""

    entity_description: VesperSwitchDescription

    @property
    @override
    def is_on(self) -> bool:
        """Return whether somebody works on the device."""
        return self.device.in_maintenance

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, datetime] | None:
        """Return until when."""
        if (until := self.device.maintenance_until) is None:
            return None
        return {"until": dt_util.utc_from_timestamp(until)}

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Begin maintenance for the usual time, unless it goes on anyway."""
        if not self.device.in_maintenance:
            self.hub.maintenance.async_set([self.device], DEFAULT_MAINTENANCE)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """End maintenance."""
        self.hub.maintenance.async_set([self.device], timedelta())
