"""Monitor a fleet of Vesper devices over MQTT."""

from collections.abc import Mapping, Sequence

from homeassistant.components import mqtt
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryNotReady, HomeAssistantError
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.typing import ConfigType

from . import binary_sensor, button, event, frontend, sensor, switch
from .const import DOMAIN
from .http import async_register_views
from .hub.dashboard_links import DashboardLinks
from .hub.hub import VesperConfigEntry, VesperHub
from .hub.registry import device_id_of
from .hub.silent_devices import async_delete_ignored
from .hub.store import VesperStore
from .hub.texts import async_load_texts, async_setup_texts
from .services import async_setup_services
from .websocket_api import async_register_commands

#: The descriptions of the entities of a device.
DESCRIPTIONS: Mapping[Platform, Sequence[EntityDescription]] = {
    Platform.BINARY_SENSOR: binary_sensor.DESCRIPTIONS,
    Platform.BUTTON: button.DESCRIPTIONS,
    Platform.EVENT: event.DESCRIPTIONS,
    Platform.SENSOR: sensor.DESCRIPTIONS,
    Platform.SWITCH: switch.DESCRIPTIONS,
}
PLATFORMS = [*DESCRIPTIONS, Platform.TODO]

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Set up what serves all entries."""
    async_setup_services(hass)
    async_register_views(hass)
    async_register_commands(hass)
    async_setup_texts(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: VesperConfigEntry) -> bool:
    """Set up the fleet, even without any device yet."""
    # First, so that a dashboard that is opened meanwhile finds its cards.
    await frontend.async_load(hass)
    if not await mqtt.async_wait_for_mqtt_client(hass):
        raise ConfigEntryNotReady(
            translation_domain=DOMAIN, translation_key="mqtt_unavailable"
        )
    # Marketplace discards them with an update, which runs only after a restart.
    await async_load_texts(hass)
    hub = entry.runtime_data = VesperHub(hass, entry, DESCRIPTIONS)
    await hub.async_setup()
    # The entities listen before the first message is received.
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    try:
        await hub.async_start()
    except HomeAssistantError as error:
        # MQTT has been unloaded in the meantime.
        await async_unload_entry(hass, entry)
        raise ConfigEntryNotReady(
            translation_domain=DOMAIN, translation_key="mqtt_unavailable"
        ) from error
    links = DashboardLinks(hass, entry.entry_id, hub.registry, hub.listeners)
    entry.async_on_unload(links.async_start())
    return True


async def async_unload_entry(hass: HomeAssistant, entry: VesperConfigEntry) -> bool:
    """Unload the platforms, then close the hub.

    If the platforms can't be unloaded, the hub continues.
    """
    hub = entry.runtime_data
    hub.async_suspend(suspended=True)
    if not await hass.config_entries.async_unload_platforms(entry, PLATFORMS):
        hub.async_suspend(suspended=False)
        return False
    await hub.async_close()
    return True


async def async_remove_entry(hass: HomeAssistant, entry: VesperConfigEntry) -> None:
    """Remove what was kept for the entry."""
    if not hass.config_entries.async_entries(DOMAIN, include_ignore=False):
        frontend.async_remove(hass)
    async_delete_ignored(hass, entry.entry_id)
    await VesperStore(hass, entry.entry_id).async_remove()


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: VesperConfigEntry, device_entry: dr.AnyDeviceEntry
) -> bool:
    """Remove a device that is not online.

    Raises HomeAssistantError with the reason if that is not possible.
    """
    device_id = device_id_of(device_entry)
    if device_id is None:
        raise HomeAssistantError(
            translation_domain=DOMAIN, translation_key="fleet_stays"
        )
    if entry.state is not ConfigEntryState.LOADED:
        raise HomeAssistantError(
            translation_domain=DOMAIN, translation_key="not_loaded"
        )
    await entry.runtime_data.async_remove_device(device_id)
    return True
