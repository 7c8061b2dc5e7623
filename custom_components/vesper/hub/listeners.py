"""Notify listeners of changes of devices and the fleet."""

from collections.abc import Callable
from functools import partial

from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, callback

from ..model.change import Change
from ..model.device import Device

type ChangeCallback = Callable[[Change, Context | None], None]
type DeviceCallback = Callable[[Device], None]
type SubsystemCallback = Callable[[Device, str], None]


class Listeners:
    """The listeners of one fleet."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Start without listeners."""
        self._hass = hass
        self._devices: dict[str, list[tuple[Change, ChangeCallback]]] = {}
        """The listeners of each device, with the changes that they listen to."""
        self._fleet: list[CALLBACK_TYPE] = []
        self._all_devices: list[tuple[Change, CALLBACK_TYPE]] = []
        """The listeners of every device, with the changes that they listen to."""
        self._new_devices: list[DeviceCallback] = []
        self._new_subsystems: list[SubsystemCallback] = []
        self._fleet_notified = True

    @callback
    def async_listen(
        self, device: Device, listens_to: Change, listener: ChangeCallback
    ) -> None:
        """Call back for changes of a device until `async_remove`."""
        self._devices.setdefault(device.device_id, []).append((listens_to, listener))

    @callback
    def async_remove(self, device: Device, listener: ChangeCallback) -> None:
        """Remove a listener, unless its device was removed already."""
        listeners = self._devices.get(device.device_id, [])
        listeners[:] = [added for added in listeners if added[1] != listener]

    @callback
    def async_listen_fleet(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call back when the fleet has changed.

        It changes with the counts of its devices and with the broker link.
        """
        self._fleet.append(listener)
        return partial(self._fleet.remove, listener)

    @callback
    def async_listen_all(
        self, listens_to: Change, listener: CALLBACK_TYPE
    ) -> CALLBACK_TYPE:
        """Call back for changes of any device."""
        added = (listens_to, listener)
        self._all_devices.append(added)
        return partial(self._all_devices.remove, added)

    @callback
    def async_listen_new_devices(self, listener: DeviceCallback) -> CALLBACK_TYPE:
        """Call back with each new device."""
        self._new_devices.append(listener)
        return partial(self._new_devices.remove, listener)

    @callback
    def async_listen_new_subsystems(self, listener: SubsystemCallback) -> CALLBACK_TYPE:
        """Call back with each new subsystem of a device."""
        self._new_subsystems.append(listener)
        return partial(self._new_subsystems.remove, listener)

    @callback
    def async_discard(self, device_id: str) -> None:
        """Remove all listeners of a device."""
        self._devices.pop(device_id, None)

    @callback
    def async_notify(
        self, device: Device, change: Change, context: Context | None
    ) -> None:
        """Notify the listeners of a device."""
        if change & Change.SUBSYSTEMS:
            for add in self._new_subsystems:
                add(device, device.alerts.subsystems[-1])
        for listens_to, listener in tuple(self._devices.get(device.device_id, ())):
            if change & listens_to:
                listener(change, context)
        for listens_to, of_any in self._all_devices:
            if change & listens_to:
                of_any()

    @callback
    def async_notify_new_device(self, device: Device) -> None:
        """Notify of a new device."""
        for listener in self._new_devices:
            listener(device)

    @callback
    def async_notify_fleet(self) -> None:
        """Notify the listeners of the fleet.

        They are called back once per turn of the event loop.
        """
        if self._fleet_notified:
            self._fleet_notified = False
            self._hass.loop.call_soon(self._async_notify_fleet)

    @callback
    def _async_notify_fleet(self) -> None:
        """Call back the listeners of the fleet."""
        self._fleet_notified = True
        for listener in tuple(self._fleet):
            listener()
