"""Connect the devices of a fleet with Home Assistant."""

from collections import ChainMap
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial, reduce
from operator import or_
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from homeassistant.components import mqtt
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.entity import EntityDescription

from ..const import (
    CONF_CLOSE_AFTER,
    CONF_ENTITIES,
    CONF_HEARTBEAT_TIMEOUT,
    CONF_MAX_DEVICES,
    CONF_PREFIX,
    DEFAULT_CLOSE_AFTER,
    DEFAULT_HEARTBEAT_TIMEOUT,
    DEFAULT_MAX_DEVICES,
    DOMAIN,
    LOGGER,
)
from ..model.change import Change, Changes
from ..model.deadlines import Liveness
from ..model.device import Device
from ..model.fleet import Fleet
from ..model.occurrence import outage_occurrence
from ..protocol.topics import (
    HEARTBEAT,
    STATUS_TOPICS,
    StatusTopic,
    control_topic,
    link_topic,
)
from .admission import RESERVED_FOR_ALERTS, Admission, Limits
from .broker_link import Link
from .chunks import async_work_off
from .entity_set import DEFAULT_ENTITY_SET, EntitySet
from .health_checks import HealthChecks
from .issues import Issues
from .maintenance import Maintenance
from .occurrences import Occurrences
from .offline_monitor import Watch
from .outage_monitor import OutageWatch
from .receiver import Intake
from .registry import DeviceRegistry
from .statistics import Traffic
from .store import SAVED_AT_ONCE, SAVED_KINDS, Saver, VesperStore

type VesperConfigEntry = ConfigEntry[VesperHub]
type ChangeCallback = Callable[[Changes], None]
type DeviceListener = Callable[[Device], None]
type SubsystemListener = Callable[[Device, str], None]


class ChangeListener(Protocol):
    """Somebody who wants to know of changes of one device."""

    @property
    def watched(self) -> Changes:
        """Return the changes that concern them."""

    @property
    def async_device_changed(self) -> ChangeCallback:
        """Return what is called with each change that does."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class _Called:
    """A callback that listens."""

    watched: Changes
    async_device_changed: ChangeCallback


#: What each of some listeners watches, and the listeners.
type _Listeners = tuple[tuple[Changes, ...], *tuple[ChangeListener, ...]]
_NOBODY: _Listeners = ((),)


@lru_cache(maxsize=256)
def _shared(watched: tuple[Changes, ...]) -> tuple[tuple[Changes, ...], Changes]:
    """Return what some listeners watch, each and all of them.

    It is one object for all devices of which it is so.
    """
    return watched, reduce(or_, watched, Change.NOTHING)


@lru_cache(maxsize=256)
def _concerned(watched: tuple[Changes, ...], change: Changes) -> tuple[int, ...]:
    """Return which of some listeners a change concerns, the first being number 1.

    Remembered: the devices have few sets of listeners, and changes are of few kinds.
    """
    return tuple(number for number, of in enumerate(watched, 1) if change & of)


#: In seconds: of a device that does little but restart one line says enough.
RESTART_LOG_INTERVAL = 600

#: What is followed up, whoever listens.
_FOLLOWED_UP = (
    SAVED_AT_ONCE
    | Change.ALERT_CLOSED
    | Change.CAME_ONLINE
    | Change.CONTACT
    | Change.FIRMWARE
    | Change.MAINTENANCE
    | Change.RESTART
)

#: What may change how a device stands in the sum of the fleet.
_STANDING = Change.CONNECTIVITY | Change.MAINTENANCE | Change.SEVERITY

HEALTH_CHECK = orjson.dumps({"v": 2, "cmd": "system.health"})


class VesperHub:
    """The devices under one topic prefix: what they say, and who wants to know.

    Everything runs in the event loop, and a message that changes nothing that
    anybody watches ends in the one callback of `_receiver`.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: VesperConfigEntry,
        store: VesperStore,
        saved: Mapping[str, Device],
        descriptions: Mapping[Platform, Sequence[EntityDescription]],
    ) -> None:
        """Take over the devices that were registered or saved before.

        Given is also what describes the entities that a device can have.
        """
        self.fleet = Fleet()
        self.connected = mqtt.is_connected(hass)
        self._prefix: str = entry.data[CONF_PREFIX]
        self.entity_set = EntitySet(
            entry.options.get(CONF_ENTITIES, DEFAULT_ENTITY_SET)
        )
        self.admission = Admission(
            hass,
            entry.entry_id,
            prefix=self._prefix,
            limits=Limits(
                max_devices=entry.options.get(CONF_MAX_DEVICES, DEFAULT_MAX_DEVICES),
                entities=self.entity_set.enabled(descriptions),
                reserved=(
                    RESERVED_FOR_ALERTS if self.entity_set.has_alert_sensors else 0
                ),
            ),
        )
        self._hass = hass
        timeout = entry.options.get(CONF_HEARTBEAT_TIMEOUT, DEFAULT_HEARTBEAT_TIMEOUT)
        self.outages = OutageWatch(hass, timeout)
        self._link = Link(hass, link_topic(self._prefix), self._async_link_changed)
        self._watch = Watch(
            hass,
            Liveness(
                timeout,
                lambda device_id: self.devices[device_id].patience > 0,
                lambda device_id: self.devices[device_id].heard_at,
            ),
            async_link_answers=self._link.async_answers,
            async_fell_silent=self._async_fell_silent,
            async_told=self.outages.async_judge,
        )
        self._health_checks = HealthChecks(hass, self._async_check)
        self._close_after: int = 60 * entry.options.get(
            CONF_CLOSE_AFTER, DEFAULT_CLOSE_AFTER
        )
        self._closed = False
        self._unsubscribe: list[CALLBACK_TYPE] = []
        self._listeners: dict[str, _Listeners] = {}
        """Of each device what its listeners watch, and these."""
        self._link_steps: Generator[None] = self._step((), Device.regain_sight)
        self._fleet_listeners: list[CALLBACK_TYPE] = []
        self._fleet_changed = False
        self._restarted: dict[str, float] = {}
        """When each device was last seen to restart, of those that ever were."""
        self._device_listeners: list[DeviceListener] = []
        self._subsystem_listeners: list[SubsystemListener] = []
        self._occurrences = Occurrences(hass)
        self._unsubscribe.append(self.outages.async_listen(self._async_outage))
        self._registry = DeviceRegistry(hass, entry.entry_id, name=entry.title)
        known = {device.device_id: device for device in self._registry.known(saved)}
        self.devices = {
            device_id: known.pop(device_id)
            for device_id in tuple(self.admission.whole(tuple(known)))
        }
        """Every known device by its id."""
        self._left_out = known
        """Those known from before for which there is no room, as they were then."""
        self.saver = Saver(hass, store, ChainMap(self.devices, self._left_out))
        self.maintenance = Maintenance(hass, self.devices, self.async_change)
        self._issues = Issues(hass, self.devices, self._registry)
        for device in self.devices.values():
            self._prepare(device)
            self.fleet.update(device)
            self._watch.async_be_patient(device.device_id, device.patience)
        self.intake = Intake(
            self.devices,
            self._left_out,
            self.admission,
            self._watch,
            async_add=self._async_add,
            async_changed=self._async_device_changed,
        )
        self.traffic = Traffic(hass, self.devices, self.intake.stray_faults)

    async def async_drop_entities(self) -> None:
        """Drop the entities that devices are not to have any more, in slices."""
        if self.entity_set is not EntitySet.ALL:
            await self._registry.async_keep_entities(self.entity_set.has)

    async def async_start(self) -> None:
        """Subscribe, once everybody who wants to know is listening."""
        self.saver.async_start()
        self._unsubscribe.append(
            self._registry.async_listen_for_removals(self._async_removed)
        )
        self._unsubscribe.append(self._issues.async_start())
        for topic in STATUS_TOPICS:
            self._unsubscribe.append(
                await mqtt.async_subscribe(
                    self._hass,
                    topic.of(self._prefix, "+"),
                    self._receiver(topic),
                    topic.qos,
                    None,
                )
            )
        self._unsubscribe.append(self.traffic.async_start())
        self.maintenance.async_start()
        self._unsubscribe.append(self._link.async_follow())
        if self.connected:
            self._watch.async_resume(self.devices)

    @callback
    def async_close(self) -> None:
        """Stop for good: nothing that still comes in has an effect."""
        # An unsubscribe handle is dead after the MQTT entry was reloaded, and the
        # subscription goes on: whatever arrives by it must find a closed door.
        self._closed = True
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._watch.async_pause()
        self._health_checks.async_clear()
        self.maintenance.async_close()
        self.outages.async_close()
        self.admission.async_close()
        self._issues.async_close()

    @callback
    def async_listen(
        self, device: Device, watched: Changes, listener: ChangeCallback
    ) -> CALLBACK_TYPE:
        """Call a listener with each change of a device that touches what it watches."""
        called = _Called(watched=watched, async_device_changed=listener)
        self.async_add_listener(device, called)
        return partial(self.async_remove_listener, device, called)

    @callback
    def async_add_listener(self, device: Device, listener: ChangeListener) -> None:
        """Tell somebody of the changes of a device until they are removed."""
        watched, *listeners = self._listeners.get(device.device_id, _NOBODY)
        listeners.append(listener)
        self._set_listeners(device, (*watched, listener.watched), listeners)

    @callback
    def async_remove_listener(self, device: Device, listener: ChangeListener) -> None:
        """Tell somebody no more; with a device that was removed they are gone."""
        if device.device_id in self._listeners:
            _, *listeners = self._listeners[device.device_id]
            left = [other for other in listeners if other is not listener]
            watched = tuple(other.watched for other in left)
            self._set_listeners(device, watched, left)

    def _set_listeners(
        self,
        device: Device,
        watched: tuple[Changes, ...],
        listeners: Sequence[ChangeListener],
    ) -> None:
        """Have these told of a device, and note what they watch."""
        watched, in_all = _shared(watched)
        self._listeners[device.device_id] = (watched, *listeners)
        device.watch(in_all)

    @callback
    def async_listen_fleet(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call a listener when the sum of the fleet or the broker link changed."""
        self._fleet_listeners.append(listener)
        return partial(self._fleet_listeners.remove, listener)

    @callback
    def async_listen_for_devices(self, listener: DeviceListener) -> CALLBACK_TYPE:
        """Call a listener with each device that appears from now on."""
        self._device_listeners.append(listener)
        return partial(self._device_listeners.remove, listener)

    @callback
    def async_listen_for_subsystems(self, listener: SubsystemListener) -> CALLBACK_TYPE:
        """Call a listener with each subsystem that appears on a device from now on."""
        self._subsystem_listeners.append(listener)
        return partial(self._subsystem_listeners.remove, listener)

    def registered(self, device: Device) -> dr.AnyDeviceEntry:
        """Return what Home Assistant's registry says of a device."""
        return self._registry.registered(device)

    async def async_run_health_check(self, device: Device) -> None:
        """Ask a device to check itself and say what is wrong.

        Raises HomeAssistantError while there is no link: what is left in a queue
        would reach the device at a time when nobody asks any more.
        """
        self.raise_without_link()
        await mqtt.async_publish(
            self._hass,
            control_topic(self._prefix, device.device_id),
            HEALTH_CHECK,
            qos=0,
            retain=False,
        )

    async def _async_check(self, device_id: str) -> None:
        """Ask a device that is back to check itself."""
        await self.async_run_health_check(self.devices[device_id])

    async def async_remove_device(self, device_id: str) -> None:
        """Forget a device with what the broker keeps of it.

        Raises HomeAssistantError while the device is online, and while there is no
        link: the heartbeat that the broker keeps could not be cleared, and would bring
        the device back.
        """
        self.raise_without_link()
        self._raise_if_online(device_id)
        await mqtt.async_publish(
            self._hass, HEARTBEAT.of(self._prefix, device_id), b"", qos=1, retain=True
        )
        # It may have spoken, for the first time or again, while the broker answered.
        self._raise_if_online(device_id)
        self._forget(device_id)

    def _raise_if_online(self, device_id: str) -> None:
        """Refuse what is not to be done to a device that is online."""
        device = self.devices.get(device_id)
        if device is not None and device.online:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="device_online",
                translation_placeholders={"device_id": device_id},
            )

    @callback
    def _forget(self, device_id: str) -> None:
        """Drop a device, so that it is new should it ever speak again."""
        self.devices.pop(device_id, None)
        self._left_out.pop(device_id, None)
        self.fleet.discard(device_id)
        self._watch.async_forget(device_id)
        self.admission.async_forget(device_id)
        self._health_checks.async_discard(device_id)
        self.outages.async_forget(device_id)
        self._issues.async_forget(device_id)
        self._listeners.pop(device_id, None)
        self._restarted.pop(device_id, None)
        self._registry.remove(device_id)
        self.saver.async_save_soon(device_id)
        self._async_fleet_changed()

    @callback
    def _async_removed(self, device_id: str) -> None:
        """Forget a device that was removed from the registry by somebody else."""
        if device_id in self.devices or device_id in self._left_out:
            self._forget(device_id)

    def raise_without_link(self) -> None:
        """Refuse what needs the broker while it can't be reached, or we are closed."""
        if self._closed:
            raise HomeAssistantError(
                translation_domain=DOMAIN, translation_key="not_running"
            )
        if not self.connected:
            raise HomeAssistantError(
                translation_domain=DOMAIN, translation_key="link_down"
            )

    def _prepare(self, device: Device) -> None:
        """Tell a device how long to wait, and whether it can be heard."""
        device.close_after = self._close_after
        device.in_sight = self.connected

    def _receiver(self, topic: StatusTopic) -> Callable[[mqtt.ReceiveMessage], None]:
        """Return what takes in the messages of a topic.

        No partial: the MQTT client, which logs what a callback raises, takes the
        first argument of one for a function and fails at that itself.
        """
        take_in = self.intake.of(topic)
        where = topic.device_id_at(self._prefix)

        @callback
        def _async_received(msg: mqtt.ReceiveMessage) -> None:
            """Take a message in; all that follows from it happens in this one call."""
            payload = msg.payload
            # An empty payload is how a kept message is cleared: no message at all.
            if self._closed or not payload:
                return
            if TYPE_CHECKING:
                assert isinstance(payload, bytes)
            take_in(msg.topic[where], payload, not msg.retain)

        return _async_received

    @callback
    def _async_add(self, device: Device, change: Changes) -> Changes:
        """Add a device that its first message made, and return what is left to tell.

        Its entities show by themselves what they find, but not what has happened.
        """
        self._prepare(device)
        self._registry.register(device)
        self.devices[device.device_id] = device
        self.fleet.update(device)
        self.saver.async_save_soon(device.device_id)
        self._async_fleet_changed()
        # Known by what the broker kept, it has a full timeout to show that it lives.
        self._watch.async_touch(device.device_id)
        for listener in self._device_listeners:
            listener(device)
        return change & (Change.SUBSYSTEMS | Change.ACTIVITY | Change.CONTACT)

    @callback
    def _async_device_changed(self, device: Device, change: Changes) -> None:
        """Pass a change on to whom it concerns."""
        if change & _FOLLOWED_UP:
            self._async_follow_up(device, change)
        if change & _STANDING and self.fleet.update(device):
            self._async_fleet_changed()
        if change & Change.SUBSYSTEMS:
            for add in self._subsystem_listeners:
                add(device, device.alerts.subsystems[-1])
        # Only those whom it concerns are touched: of a large fleet each costs more to
        # fetch from memory than to ask.
        listening: tuple[Any, ...] = self._listeners.get(device.device_id, _NOBODY)
        for number in _concerned(listening[0], change):
            listening[number].async_device_changed(change)
        if device.occurrences:
            self._async_tell_occurrences(device)

    @callback
    def _async_tell_occurrences(self, device: Device) -> None:
        """Tell what has happened, once its entities show it."""
        occurrences, device.occurrences = device.occurrences, ()
        registered_id = self._registry.registered(device).id
        muted = device.muted(time())
        for occurrence in occurrences:
            if occurrence.kind in SAVED_KINDS:
                self.saver.async_save_soon(device.device_id)
            self._occurrences.async_tell(registered_id, occurrence, muted=muted)

    @callback
    def _async_outage(self, event_type: str, details: dict[str, int]) -> None:
        """Tell that an outage has started."""
        if event_type == "started":
            occurrence = outage_occurrence(**details)
            self._occurrences.async_tell(
                self._registry.fleet_id, occurrence, muted=False
            )

    def _log_restart(self, device_id: str) -> None:
        """Log that a device has restarted, unless it did so not long before."""
        now = monotonic()
        last = self._restarted.get(device_id)
        self._restarted[device_id] = now
        if last is None or now - last >= RESTART_LOG_INTERVAL:
            LOGGER.info("Device %s has restarted", device_id)

    @callback
    def _async_follow_up(self, device: Device, change: Changes) -> None:
        """Do what a change makes necessary, whoever listens."""
        if change & Change.CAME_ONLINE:
            self.outages.async_came_back(device.device_id)
        if change & Change.CONTACT and self.connected:
            self._health_checks.async_add(device.device_id)
        self._log(device, change)
        if change & Change.RESTART:
            self._issues.async_check(device)
        if change & Change.MAINTENANCE and device.in_maintenance:
            self.outages.async_forget(device.device_id)
        if change & SAVED_AT_ONCE:
            self.saver.async_save_soon(device.device_id)
        if change & Change.FIRMWARE:
            self._registry.register(device)

    def _log(self, device: Device, change: Changes) -> None:
        """Log what a person who looks for the cause of something wants to know."""
        if change & Change.RESTART:
            self._log_restart(device.device_id)
        if change & Change.ALERT_CLOSED:
            alerts = device.alerts
            LOGGER.info(
                "Alerts of device %s are closed by %s, not by the device: %s",
                device.device_id,
                alerts.closed_by[alerts.just_closed[0]],
                ", ".join(alerts.just_closed),
            )

    @callback
    def _async_fleet_changed(self) -> None:
        """Tell of the fleet once for all that changes in this turn of the loop."""
        if not self._fleet_changed:
            self._fleet_changed = True
            self._hass.loop.call_soon(self._async_tell_of_fleet)

    @callback
    def _async_tell_of_fleet(self) -> None:
        """Call those who listen to the fleet."""
        self._fleet_changed = False
        for listener in tuple(self._fleet_listeners):
            listener()

    @callback
    def _async_link_changed(self, connected: bool) -> None:  # noqa: FBT001
        """Take in that the link to the broker was lost, or is back.

        Without a link the silence says nothing about the devices. That MQTT ends
        before us when Home Assistant stops says nothing about anybody.
        """
        if self._closed or self._hass.is_stopping or connected is self.connected:
            return
        self.connected = connected
        self._async_fleet_changed()
        if connected:
            LOGGER.info("The link to the MQTT broker is back")
            # In a turn of its own, for MQTT has enough to do in this one.
            self._hass.loop.call_soon(self._async_resume_watch)
            step = Device.regain_sight
        else:
            LOGGER.info("The link to the MQTT broker is lost")
            self._watch.async_pause()
            self._health_checks.async_clear()
            step = Device.lose_sight
        # Whom the last change of the link has not come to yet, this one does.
        self._link_steps.close()
        self._link_steps = self._step(tuple(self.devices.values()), step)
        self._hass.loop.call_soon(async_work_off, self._hass, self._link_steps)

    @callback
    def _async_resume_watch(self) -> None:
        """Watch all devices again, if the link is still there."""
        if self.connected and not self._closed:
            self._watch.async_resume(self.devices)

    @callback
    def async_change(
        self, devices: Iterable[Device], step: Callable[[Device], Changes]
    ) -> None:
        """Change devices and tell of it, in slices."""
        async_work_off(self._hass, self._step(tuple(devices), step))

    def _step(
        self, devices: Iterable[Device], step: Callable[[Device], Changes]
    ) -> Generator[None]:
        """Change one device and tell of it at each step."""
        for device in devices:
            # Both may have changed in the turns between two slices.
            if not self._closed and self.devices.get(device.device_id) is device:
                self._async_device_changed(device, step(device))
            yield

    @callback
    def _async_fell_silent(self, device_id: str) -> None:
        """Declare a device offline."""
        device = self.devices[device_id]
        # It went before the link was lost; only the watch over it began anew.
        if device.online is False:
            return
        self._health_checks.async_discard(device_id)
        # One that was offline before we started was told of then.
        if device.was_online is not False:
            self.outages.async_fell_silent(
                device_id,
                self.fleet.online_for_use
                if device.online and not device.in_maintenance
                else None,
            )
        self._async_device_changed(device, device.go_silent())
