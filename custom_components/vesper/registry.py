"""Keep Home Assistant's device registry as the devices are."""

from collections.abc import Iterator

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from .const import DOMAIN
from .model.device import Device
from .model.topics import is_device_id

MANUFACTURER = "Bell Systems"
MODEL = "Vesper"


class DeviceRegistry:
    """The devices of one config entry: the fleet itself and each Vesper of it."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Register the fleet, under which all others are shown."""
        self._registry = dr.async_get(hass)
        self._entry_id = entry.entry_id
        self._fleet = self._registry.async_get_or_create(
            config_entry_id=entry.entry_id,
            entry_type=dr.DeviceEntryType.SERVICE,
            identifiers={fleet_identifier(entry)},
            manufacturer=MANUFACTURER,
            model=f"{MODEL} fleet",
            name=entry.title,
        )

    def known(self) -> Iterator[Device]:
        """Yield the devices that were registered before."""
        for entry in dr.async_entries_for_config_entry(self._registry, self._entry_id):
            if device_id := device_id_of(entry):
                yield Device(device_id=device_id, firmware_version=entry.sw_version)

    def register(self, device: Device) -> None:
        """Register a device, or what has changed of it."""
        self._registry.async_get_or_create(
            config_entry_id=self._entry_id,
            identifiers={(DOMAIN, device.device_id)},
            manufacturer=MANUFACTURER,
            model=MODEL,
            serial_number=device.device_id,
            sw_version=device.firmware_version,
            translation_key="device",
            translation_placeholders={"device_id": device.device_id},
            via_device_id=self._fleet.id,
        )

    def remove(self, device_id: str) -> None:
        """Remove a device, if it is registered."""
        entry = self._registry.async_get_device_by_identifier(
            (DOMAIN, device_id), self._entry_id
        )
        if entry is not None:
            self._registry.async_remove_device(entry.id)


def fleet_identifier(entry: ConfigEntry) -> tuple[str, str]:
    """Return what names the fleet, which no device can name itself."""
    return (DOMAIN, f"{entry.entry_id}/fleet")


def device_id_of(entry: dr.AnyDeviceEntry) -> str | None:
    """Return the id that a registered device has, None if it is the fleet."""
    for domain, device_id in entry.identifiers:
        if domain == DOMAIN and is_device_id(device_id):
            return device_id
    return None
