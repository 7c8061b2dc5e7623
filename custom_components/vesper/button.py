"""Buttons of Vesper devices."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import (
    Availability,
    VesperEntity,
    VesperEntityDescription,
    async_add_device_entities,
)
from .hub.hub import VesperConfigEntry, VesperHub
from .model.device import Device

# A press only publishes one message.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class VesperButtonDescription(VesperEntityDescription, ButtonEntityDescription):
    """Describe a button of a device."""

    press_fn: Callable[[VesperHub, Device], Awaitable[None]]


DESCRIPTIONS: tuple[VesperButtonDescription, ...] = (
    VesperButtonDescription(
        key="run_health_check",
        translation_key="run_health_check",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        availability=Availability.ONLINE,
        press_fn=lambda hub, device: hub.async_run_health_check(device),
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: VesperConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the buttons of the devices."""
    await async_add_device_entities(
        entry, async_add_entities, VesperButton, DESCRIPTIONS
    )


class VesperButton(VesperEntity, ButtonEntity):
    """A button of a device."""

    entity_description: VesperButtonDescription

    @override
    async def async_press(self) -> None:
        """Press the button."""
        await self.entity_description.press_fn(self.hub, self.device)
