"""Keep Home Assistant's device registry as the devices are."""

from collections.abc import Iterator

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er

from .const import DOMAIN
from .model.device import Device
from .model.diagnostics import Diagnostics
from .model.topics import is_device_id

#: What the keys of the subsystems' sensors begin with, and how they are translated.
ALERT_KEY = "alert_"
ALERT_TRANSLATION_KEY = "alert"

MANUFACTURER = "Bell Systems"
MODEL = "Vesper"


class DeviceRegistry:
    """The devices of one config entry: the fleet itself and each Vesper of it."""

    def __init__(self, hass: HomeAssistant, entry_id: str, *, name: str) -> None:
        """Register the fleet, under which all others are shown."""
        self._hass = hass
        self._registry = dr.async_get(hass)
        self._entry_id = entry_id
        self._fleet = self._registry.async_get_or_create(
            config_entry_id=entry_id,
            entry_type=dr.DeviceEntryType.SERVICE,
            identifiers={fleet_identifier(entry_id)},
            manufacturer=MANUFACTURER,
            model=f"{MODEL} fleet",
            name=name,
        )

    def known(self) -> Iterator[Device]:
        """Yield the devices that were registered before, with their subsystems."""
        entities = er.async_get(self._hass)
        for entry in dr.async_entries_for_config_entry(self._registry, self._entry_id):
            if device_id := device_id_of(entry):
                device = Device(
                    device_id=device_id,
                    diagnostics=Diagnostics(firmware_version=entry.sw_version),
                )
                prefix = unique_id_of(device_id, ALERT_KEY)
                device.alerts.subsystems += [
                    entity.unique_id.removeprefix(prefix)
                    for entity in er.async_entries_for_device(
                        entities, entry.id, include_disabled_entities=True
                    )
                    if entity.translation_key == ALERT_TRANSLATION_KEY
                ]
                device.alerts.unheard.update(device.alerts.subsystems)
                yield device

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


def unique_id_of(device_id: str, key: str) -> str:
    """Return the unique id of a device's entity.

    The key of a subsystem's sensor is `alert_` and its name, so an id that looks like
    the beginning of one is kept apart: `bell_alert` with `health` is not `bell` with
    `alert_health`. No id holds a slash.
    """
    if "_alert" in device_id:
        return f"/{device_id}/{key}"
    return f"{device_id}_{key}"


def fleet_identifier(entry_id: str) -> tuple[str, str]:
    """Return what names the fleet of an entry, which no device can name itself."""
    return (DOMAIN, f"{entry_id}/fleet")


def device_id_of(entry: dr.AnyDeviceEntry) -> str | None:
    """Return the id that a registered device has, None if it is the fleet."""
    for domain, device_id in entry.identifiers:
        if domain == DOMAIN and is_device_id(device_id):
            return device_id
    return None
