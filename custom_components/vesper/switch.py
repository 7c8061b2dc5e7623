"""Switches of Vesper devices."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .entity import VesperEntity, VesperEntityDescription, async_add_device_entities
from .hub.hub import VesperConfigEntry
from .hub.maintenance import DEFAULT_MAINTENANCE
from .hub.permissions import async_user_name
from .model.change import Change

# Nothing is sent to the device.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class VesperSwitchDescription(VesperEntityDescription, SwitchEntityDescription):
    """Describe a switch of a device."""


DESCRIPTIONS: tuple[VesperSwitchDescription, ...] = (
    VesperSwitchDescription(
        key="maintenance",
        translation_key="maintenance",
        entity_category=EntityCategory.CONFIG,
        attributes_fn=lambda device: (
            {
                "until": dt_util.utc_from_timestamp(device.maintenance_until),
                "set_by": device.maintenance_by,
            }
            if device.maintenance_until is not None
            else None
        ),
        changes=Change.MAINTENANCE,
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
    """The switch for maintenance, which turns off by itself."""

    entity_description: VesperSwitchDescription

    @property
    @override
    def is_on(self) -> bool:
        """Return whether the device is in maintenance."""
        return self.device.in_maintenance

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Start maintenance with the default duration."""
        if not self.device.in_maintenance:
            await self._async_set_maintenance(DEFAULT_MAINTENANCE)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """End maintenance."""
        await self._async_set_maintenance(timedelta())

    async def _async_set_maintenance(self, duration: timedelta) -> None:
        """Set the maintenance on behalf of the user."""
        user = await async_user_name(self.hass, self._context)
        self.hub.maintenance.async_set(
            [self.device], duration, user=user, context=self._context
        )
