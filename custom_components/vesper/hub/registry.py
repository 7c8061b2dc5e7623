"""Register the devices in Home Assistant's device registry."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    ConfigEntry,
    ConfigEntryChange,
)
from homeassistant.const import Platform
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from ..const import DOMAIN
from ..model.device import Device
from ..protocol.topics import is_device_id
from .chunks import async_in_chunks

#: The prefix of the keys of alert sensors, and their translation key.
ALERT_KEY = "alert_"
ALERT_TRANSLATION_KEY = "alert"

MANUFACTURER = "Bell Systems"
MODEL = "Vesper"


class DeviceRegistry:
    """The fleet and its devices in the device registry."""

    _fleet: dr.AnyDeviceEntry
    _shown: tuple[str, bool]
    """What the fleet is named after."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Set the config entry."""
        self._hass = hass
        self._registry = dr.async_get(hass)
        self._entry = entry
        self.entry_id = entry.entry_id

    @property
    def site(self) -> str:
        """Return the name of the site: the entry's title."""
        return self._entry.title

    def _current(self) -> tuple[str, bool]:
        """Return what the name of the fleet depends on."""
        return self.site, has_several_sites(self._hass)

    @callback
    def async_register_fleet(self) -> None:
        """Register the fleet, through which all others are connected.

        Where there are several fleets, its name has that of its site.
        """
        register = partial(
            self._registry.async_get_or_create,
            config_entry_id=self.entry_id,
            entry_type=dr.DeviceEntryType.SERVICE,
            identifiers={fleet_identifier(self.entry_id)},
            manufacturer=MANUFACTURER,
            # It is no product: its name, which is translated, says what it is.
            model=None,
        )
        self._shown = site, is_one_of_several = self._current()
        if is_one_of_several:
            self._fleet = register(
                translation_key="fleet_of_site",
                translation_placeholders={"site": site},
            )
        else:
            self._fleet = register(translation_key="fleet")

    @callback
    def async_listen_sites(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call back when the site may have been renamed."""

        @callback
        def _async_changed(_change: ConfigEntryChange, entry: ConfigEntry) -> None:
            """Rename the fleet if it is necessary.

            With discovery, each alert may change the entry, too.
            """
            if entry.domain == DOMAIN and self._shown != self._current():
                self.async_register_fleet()
                listener()

        return async_dispatcher_connect(
            self._hass, SIGNAL_CONFIG_ENTRY_CHANGED, _async_changed
        )

    @callback
    def async_restore(self, stored: Mapping[str, Device]) -> Iterator[Device]:
        """Yield the devices that are registered or stored.

        Home Assistant saves its registries later than Vesper its store. So if Home
        Assistant was killed, a stored device may have to be registered again.
        """
        unregistered = dict(stored)
        for entry in dr.async_entries_for_config_entry(self._registry, self.entry_id):
            if device_id := device_id_of(entry):
                device = unregistered.pop(device_id, None)
                yield self._complete(device or Device(device_id=device_id), entry)
        for device in unregistered.values():
            self.async_register(device)
            yield device

    def _complete(self, device: Device, entry: dr.DeviceEntry) -> Device:
        """Complete a device with data of the registries.

        The store may lack that data.
        """
        if entry.sw_version:
            # If the device then reports another version, that is registered.
            device.telemetry.firmware_version = entry.sw_version
        device.disabled = entry.disabled
        prefix = unique_id_of(self.entry_id, device.device_id, ALERT_KEY)
        alerts = device.alerts
        missing = [
            subsystem
            for entity in er.async_entries_for_device(
                er.async_get(self._hass), entry.id, include_disabled_entities=True
            )
            if entity.translation_key == ALERT_TRANSLATION_KEY
            and (subsystem := entity.unique_id.removeprefix(prefix))
            not in alerts.subsystems
        ]
        alerts.subsystems += tuple(missing)
        alerts.unknown |= set(missing)
        return device

    async def async_keep_entities(self, is_wanted: Callable[[str], bool]) -> None:
        """Remove unwanted entities of devices, in chunks.

        If they are added again, Home Assistant restores the user's changes.
        """
        registry = er.async_get(self._hass)
        entities = er.async_entries_for_config_entry(registry, self.entry_id)
        async for entity in async_in_chunks(entities):
            key = entity.translation_key
            if entity.device_id != self._fleet.id and not (key and is_wanted(key)):
                registry.async_remove(entity.entity_id)

    @callback
    def async_listen_removed(self, listener: Callable[[str], None]) -> CALLBACK_TYPE:
        """Call back with the id of each removed device."""

        @callback
        def _async_removed(event: Event[dr.EventDeviceRegistryUpdatedData]) -> None:
            """Call back, unless the device is registered again already."""
            data = event.data
            if (
                data["action"] != "remove"
                or data["device"]["config_entry_id"] != self.entry_id
            ):
                return
            for domain, device_id, *_ in data["device"]["identifiers"]:
                if domain == DOMAIN and not self.entry_of(device_id):
                    listener(device_id)

        return self._hass.bus.async_listen(
            dr.EVENT_DEVICE_REGISTRY_UPDATED, _async_removed
        )

    @callback
    def async_listen_disabled(
        self, listener: Callable[[str, bool], None]
    ) -> CALLBACK_TYPE:
        """Call back when a device is disabled or enabled.

        The listener gets its id, and whether it is disabled.
        """

        @callback
        def _async_updated(event: Event[dr.EventDeviceRegistryUpdatedData]) -> None:
            """Call back if it is one of these devices."""
            data = event.data
            if data["action"] != "update" or "disabled_by" not in data["changes"]:
                return
            entry = self._registry.async_get(data["device_id"])
            if (
                entry is not None
                and entry.config_entry_id == self.entry_id
                and (device_id := device_id_of(entry)) is not None
            ):
                listener(device_id, entry.disabled)

        return self._hass.bus.async_listen(
            dr.EVENT_DEVICE_REGISTRY_UPDATED, _async_updated
        )

    @callback
    def async_register(self, device: Device) -> dr.AnyDeviceEntry:
        """Register a device, or update it."""
        return self._registry.async_get_or_create(
            config_entry_id=self.entry_id,
            identifiers={(DOMAIN, device.device_id)},
            manufacturer=MANUFACTURER,
            model=MODEL,
            serial_number=device.device_id,
            sw_version=device.telemetry.firmware_version,
            translation_key="device",
            translation_placeholders={"device_id": device.device_id},
            via_device_id=self._fleet.id,
        )

    @callback
    def async_discard(self, device_id: str) -> None:
        """Remove a device, if it is registered."""
        if (entry := self.entry_of(device_id)) is not None:
            self._registry.async_remove_device(entry.id)

    @callback
    def async_discard_alert_sensor(self, device_id: str, subsystem: str) -> None:
        """Remove the alert sensor of a subsystem, if registered."""
        registry = er.async_get(self._hass)
        unique_id = unique_id_of(self.entry_id, device_id, ALERT_KEY + subsystem)
        if entity_id := registry.async_get_entity_id(
            Platform.SENSOR, DOMAIN, unique_id
        ):
            registry.async_remove(entity_id)

    @property
    def fleet_id(self) -> str:
        """Return the registry id of the fleet."""
        return self._fleet.id

    @property
    def fleet_name(self) -> str:
        """Return the name of the fleet."""
        fleet = self._registry.async_get(self._fleet.id) or self._fleet
        return fleet.name_by_user or fleet.name or ""

    @callback
    def async_entry(self, device: Device) -> dr.AnyDeviceEntry:
        """Return or create the registry entry of a device."""
        return self.entry_of(device.device_id) or self.async_register(device)

    def name_of(self, device_id: str) -> str:
        """Return the name of a device."""
        entry = self.entry_of(device_id)
        name = None if entry is None else entry.name_by_user or entry.name
        return name or device_id

    def id_of(self, device_id: str) -> str | None:
        """Return the registry id of a device, if any."""
        entry = self.entry_of(device_id)
        return None if entry is None else entry.id

    def entry_of(self, device_id: str) -> dr.AnyDeviceEntry | None:
        """Return the registry entry of a device, if any."""
        return self._registry.async_get_device_by_identifier(
            (DOMAIN, device_id), self.entry_id
        )


@callback
def has_several_sites(hass: HomeAssistant) -> bool:
    """Return whether there is more than one entry.

    A disabled one counts: its devices are still on the board.
    """
    return len(hass.config_entries.async_entries(DOMAIN, include_ignore=False)) > 1


@callback
def site_of(hass: HomeAssistant, entry_id: str) -> str | None:
    """Return the name of a site, if not alone."""
    entry = hass.config_entries.async_get_entry(entry_id)
    return entry.title if entry and has_several_sites(hass) else None


def unique_id_of(entry_id: str, device_id: str, key: str) -> str:
    """Return the unique id of an entity.

    The same device id may exist in several entries. No device id has a slash.
    """
    return f"{entry_id}/{device_id}/{key}"


def fleet_unique_id_of(entry_id: str, key: str) -> str:
    """Return the unique id of a fleet's entity."""
    return f"{entry_id}_{key}"


def fleet_identifier(entry_id: str) -> tuple[str, str]:
    """Return the device identifier of a fleet.

    It differs from that of any device.
    """
    return (DOMAIN, f"{entry_id}/fleet")


def device_id_of(entry: dr.AnyDeviceEntry) -> str | None:
    """Return the device id of a registry entry.

    None for a fleet, and for devices of other integrations.
    """
    for domain, device_id in entry.identifiers:
        if domain == DOMAIN and is_device_id(device_id):
            return device_id
    return None
