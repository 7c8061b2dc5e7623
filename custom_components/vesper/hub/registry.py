"""Keep Home Assistant's device registry as the devices are."""

from collections.abc import Callable, Iterator, Mapping

from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er

from ..const import DOMAIN
from ..model.device import Device
from ..protocol.topics import is_device_id
from .chunks import SLICE, async_in_slices

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

    def known(self, saved: Mapping[str, Device]) -> Iterator[Device]:
        """Yield the devices that were registered or saved before.

        Home Assistant saves its registries later than we do, so after it was killed
        they may lack one that was saved: it is registered again.
        """
        unregistered = dict(saved)
        for entry in dr.async_entries_for_config_entry(self._registry, self._entry_id):
            if device_id := device_id_of(entry):
                device = unregistered.pop(device_id, None)
                yield self._completed(device or Device(device_id=device_id), entry)
        for device in unregistered.values():
            self.register(device)
            yield device

    def _completed(self, device: Device, entry: dr.DeviceEntry) -> Device:
        """Return a device with what was registered of it, but perhaps never saved."""
        if entry.sw_version:
            # So it is registered anew should the device tell another.
            device.diagnostics.firmware_version = entry.sw_version
        sensors = [
            entity
            for entity in er.async_entries_for_device(
                er.async_get(self._hass), entry.id, include_disabled_entities=True
            )
            if entity.translation_key == ALERT_TRANSLATION_KEY
        ]
        if sensors:
            alerts, prefix = device.alerts, unique_id_of(device.device_id, ALERT_KEY)
            told = [sensor.unique_id.removeprefix(prefix) for sensor in sensors]
            unsaved = [name for name in told if name not in alerts.subsystems]
            if unsaved:
                alerts.subsystems += tuple(unsaved)
                alerts.unheard |= set(unsaved)
        return device

    async def async_keep_entities(self, is_wanted: Callable[[str], bool]) -> None:
        """Drop the entities of devices whose key is not wanted, in slices.

        Home Assistant keeps in mind what a person has changed of them, should they be
        wanted again.
        """
        registry = er.async_get(self._hass)
        entities = er.async_entries_for_config_entry(registry, self._entry_id)
        async for entity in async_in_slices(entities, SLICE):
            key = entity.translation_key
            if entity.device_id != self._fleet.id and not (key and is_wanted(key)):
                registry.async_remove(entity.entity_id)

    @callback
    def async_listen_for_removals(
        self, listener: Callable[[str], None]
    ) -> CALLBACK_TYPE:
        """Call a listener with the id of each device that is removed by anybody."""

        @callback
        def _async_removed(event: Event[dr.EventDeviceRegistryUpdatedData]) -> None:
            """Pass on the device, unless it is registered again by now."""
            if event.data["action"] != "remove":
                return
            for domain, device_id, *_ in event.data["device"]["identifiers"]:
                if domain == DOMAIN and not self._entry_of(device_id):
                    listener(device_id)

        return self._hass.bus.async_listen(
            dr.EVENT_DEVICE_REGISTRY_UPDATED, _async_removed
        )

    def register(self, device: Device) -> dr.AnyDeviceEntry:
        """Register a device, or what has changed of it."""
        return self._registry.async_get_or_create(
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
        if (entry := self._entry_of(device_id)) is not None:
            self._registry.async_remove_device(entry.id)

    @property
    def fleet_id(self) -> str:
        """Return the id that the fleet itself has in the registry."""
        return self._fleet.id

    def registered(self, device: Device) -> dr.AnyDeviceEntry:
        """Return what is registered of a device; that is done anew if it is gone."""
        return self._entry_of(device.device_id) or self.register(device)

    def name_of(self, device_id: str) -> str:
        """Return what a person calls a device."""
        entry = self._entry_of(device_id)
        name = None if entry is None else entry.name_by_user or entry.name
        return name or device_id

    def _entry_of(self, device_id: str) -> dr.AnyDeviceEntry | None:
        """Return what is registered of a device, None where it is not."""
        return self._registry.async_get_device_by_identifier(
            (DOMAIN, device_id), self._entry_id
        )


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
