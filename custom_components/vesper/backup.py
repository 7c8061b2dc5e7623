"""Prepare the devices for Home Assistant's backups."""

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from .const import DOMAIN
from .hub.hub import VesperConfigEntry


async def async_pre_backup(hass: HomeAssistant) -> None:
    """Save all devices before a backup.

    Raises HomeAssistantError if they can't be written: Home Assistant makes no backup
    then, and says why.
    """
    entries: list[VesperConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    try:
        for entry in entries:
            await entry.runtime_data.saver.async_hold()
    except HomeAssistantError:
        # With the Supervisor, no end follows a beginning that failed.
        await async_post_backup(hass)
        raise


async def async_post_backup(hass: HomeAssistant) -> None:
    """Save changes at once again after a backup."""
    entries: list[VesperConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    for entry in entries:
        entry.runtime_data.saver.async_release()
