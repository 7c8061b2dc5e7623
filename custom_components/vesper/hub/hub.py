"""Connect the devices of one fleet with Home Assistant."""

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from time import time
from typing import TYPE_CHECKING

import orjson

from homeassistant.components import mqtt
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity import EntityDescription

from ..const import (
    CONF_CLOSE_AFTER,
    CONF_ENTITIES,
    CONF_HEARTBEAT_TIMEOUT,
    CONF_PREFIX,
    DEFAULT_CLOSE_AFTER,
    DEFAULT_HEARTBEAT_TIMEOUT,
    DOMAIN,
)
from ..model.change import Change
from ..model.device import Device
from ..model.fleet import Fleet
from ..protocol.topics import HEARTBEAT, control_topic
from .admission import Admission, Limits
from .change_handler import ChangeHandler
from .downtime import Downtime
from .entity_set import DEFAULT_ENTITY_SET, EntitySet
from .health_checks import HealthChecks
from .insight import Insight
from .issues import Issues
from .listeners import Listeners
from .maintenance import Maintenance
from .occurrences import Occurrences
from .offline_monitor import OfflineMonitor
from .outage_monitor import OutageMonitor
from .prefix_check import async_check_prefix
from .receiver import MessageReceiver
from .refusals import Refusals, SentKind
from .registry import DeviceRegistry
from .replacement import Replacements
from .retained import RetainedHeartbeats
from .statistics import Statistics
from .store import Saver, VesperStore
from .subscriptions import Subscription, Subscriptions

type VesperConfigEntry = ConfigEntry[VesperHub]

HEALTH_CHECK = orjson.dumps({"v": 2, "cmd": "system.health"})


class VesperHub:
    """The devices under one topic prefix.

    Everything runs in the event loop. A message that changes nothing is completely
    handled by the callback that receives it.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: VesperConfigEntry,
        descriptions: Mapping[Platform, Sequence[EntityDescription]],
    ) -> None:
        """Build the parts; `async_setup` and `async_start` make them work.

        `descriptions` are those of all entities that a device can have.
        """
        options = entry.options
        timeout: int = options.get(CONF_HEARTBEAT_TIMEOUT, DEFAULT_HEARTBEAT_TIMEOUT)
        self._hass = hass
        self.prefix: str = entry.data[CONF_PREFIX]
        self._close_after: int = 60 * options.get(CONF_CLOSE_AFTER, DEFAULT_CLOSE_AFTER)
        self._closed = self._suspended = False
        self._unsubscribe: list[CALLBACK_TYPE] = []
        self._rejected: dict[str, Device] = {}
        """The known devices that did not fit at the start."""
        self.devices: dict[str, Device] = {}
        """All devices by id."""
        self.downtime = Downtime(hass)
        self.fleet = Fleet()
        self.listeners = Listeners(hass)
        self.insight = Insight(hass, self.devices, self.listeners)
        self.entity_set = EntitySet(options.get(CONF_ENTITIES, DEFAULT_ENTITY_SET))
        self.admission = Admission(
            hass,
            entry.entry_id,
            devices=self.devices,
            prefix=self.prefix,
            limits=Limits.of(options, self.entity_set, descriptions),
        )
        self.registry = DeviceRegistry(hass, entry)
        self._occurrences = Occurrences(hass, entry.entry_id)
        self._store = VesperStore(hass, entry.entry_id)
        self.saver = Saver(hass, self._store, ChainMap(self.devices, self._rejected))
        self.outages = OutageMonitor(
            hass,
            self.devices,
            fleet=self.fleet,
            occurrences=self._occurrences,
            registry=self.registry,
            async_save_soon=self.saver.async_save_soon,
            timeout=timeout,
        )
        self._health_checks = HealthChecks(
            hass, lambda device_id: self.async_run_health_check(self.devices[device_id])
        )
        self._refusals = Refusals(hass, entry.entry_id)
        self._retained = RetainedHeartbeats(hass, self.prefix, self._refusals)
        self.replacements = Replacements(
            hass, entry.entry_id, self.registry, self._retained, self.saver
        )
        self._issues = Issues(hass, self.devices, self.registry)
        self._changes = ChangeHandler(
            hass,
            self.devices,
            fleet=self.fleet,
            health_checks=self._health_checks,
            issues=self._issues,
            listeners=self.listeners,
            occurrences=self._occurrences,
            outages=self.outages,
            registry=self.registry,
            saver=self.saver,
        )
        self.async_change = self._changes.async_change
        self.subscriptions = Subscriptions(
            hass, entry.entry_id, self.prefix, self._message_callback
        )
        self._monitor = OfflineMonitor(
            hass,
            self.devices,
            changes=self._changes,
            fleet=self.fleet,
            health_checks=self._health_checks,
            listeners=self.listeners,
            outages=self.outages,
            refusals=self._refusals,
            subscriptions=self.subscriptions,
            timeout=timeout,
        )
        self.maintenance = Maintenance(hass, self.devices, self._changes)
        self.receiver = MessageReceiver(
            self.devices,
            self._rejected,
            self.admission,
            self._monitor,
            async_add=self._async_add,
            async_changed=self._changes.async_handle,
        )
        self.statistics = Statistics(hass, self.devices, self.receiver)

    async def async_setup(self) -> None:
        """Restore the devices, before their entities are added.

        Raises ConfigEntryError and ConfigEntryNotReady if the store can't be read.
        """
        stored = await self._store.async_load_devices()
        self.downtime.end(self._store.saved_at)
        self._monitor.async_setup()
        self.registry.async_register_fleet()
        self.replacements.async_complete(stored)
        restored = self.registry.async_restore(stored)
        known = {device.device_id: device for device in restored}
        for device_id in tuple(self.admission.async_admit_known(tuple(known))):
            device = self.devices[device_id] = known.pop(device_id)
            self._prepare(device)
            self.fleet.update(device)
            self._monitor.async_set_timeout(device)
        self._rejected.update(known)
        await self.insight.async_update()
        await self.saver.async_start()
        self.outages.async_restore()
        self.replacements.async_save()
        if self.entity_set is not EntitySet.ALL:
            await self.registry.async_keep_entities(self.entity_set.has)

    async def async_start(self) -> None:
        """Subscribe, after the entities were added.

        Raises HomeAssistantError if MQTT is not set up any more.
        """
        self._unsubscribe += [
            self._occurrences.async_start(),
            self.registry.async_listen_sites(self.listeners.async_notify_fleet),
            self.registry.async_listen_removed(self._async_removed),
            self.registry.async_listen_disabled(self._changes.async_set_disabled),
            async_check_prefix(
                self._hass, self.registry, self.prefix, self.devices, self.listeners
            ),
            self._issues.async_start(),
            self.insight.async_start(),
            self.statistics.async_start(),
        ]
        await self.subscriptions.async_start()
        self.maintenance.async_start()
        self._unsubscribe.append(self._monitor.async_start())

    @property
    def connected(self) -> bool:
        """Return whether the broker link is up."""
        return self._monitor.connected

    @callback
    def async_suspend(self, *, suspended: bool) -> None:
        """Drop messages while the platforms are unloaded."""
        self._suspended = suspended
        if not suspended:
            # One of them may have been an alert.
            self.async_change(self.devices.values(), lambda _: Change.HEALTH_CHECK_DUE)

    async def async_close(self) -> None:
        """Stop for good, and save."""
        self._closed = True
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self.subscriptions.async_close()
        self._monitor.async_close()
        self._health_checks.async_clear()
        self.maintenance.async_close()
        self.outages.async_close()
        self.admission.async_close()
        self._issues.async_close()
        self._refusals.async_close()
        self._changes.async_close()
        await self.saver.async_close()

    async def async_run_health_check(self, device: Device) -> None:
        """Request a health check of a device.

        Raises HomeAssistantError while the link is down, because a queued request would
        reach the device too late, and if the broker refuses the request.
        """
        self.raise_if_link_down()
        topic = control_topic(self.prefix, device.device_id)
        self._refusals.async_send(SentKind.HEALTH_CHECK, topic)
        await mqtt.async_publish(self._hass, topic, HEALTH_CHECK, qos=0, retain=False)

    async def async_remove_device(self, device_id: str) -> None:
        """Remove a device with its retained heartbeat.

        Raises HomeAssistantError while the device is online, while the link is down,
        and if the broker does not clear the heartbeat: it would add the device again.
        """
        self.raise_if_link_down()
        self._raise_if_online(device_id)
        await self._retained.async_clear(device_id)
        # It may have come online meanwhile.
        self._raise_if_online(device_id)
        self._remove(device_id)

    def raise_if_link_down(self) -> None:
        """Raise HomeAssistantError without a link or if closed."""
        if self._closed:
            raise HomeAssistantError(
                translation_domain=DOMAIN, translation_key="not_running"
            )
        if not self.connected:
            raise HomeAssistantError(
                translation_domain=DOMAIN, translation_key="link_down"
            )

    def _raise_if_online(self, device_id: str) -> None:
        """Raise HomeAssistantError if a device is online."""
        device = self.devices.get(device_id)
        if device is not None and device.online:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="device_online",
                translation_placeholders={"device_id": device_id},
            )

    @callback
    def _remove(self, device_id: str) -> None:
        """Remove a device until its next message."""
        self.devices.pop(device_id, None)
        self._rejected.pop(device_id, None)
        self.fleet.discard(device_id)
        for part in (
            self._monitor,
            self.admission,
            self._health_checks,
            self.outages,
            self._issues,
            self._changes,
            self.listeners,
            self.registry,
        ):
            part.async_discard(device_id)
        self.saver.async_save_soon(device_id)
        self.listeners.async_notify_fleet()

    @callback
    def _async_removed(self, device_id: str) -> None:
        """Handle the removal of a device from the registry."""
        if device_id in self.devices or device_id in self._rejected:
            self._remove(device_id)

    def _prepare(self, device: Device) -> None:
        """Set what a device needs of the entry."""
        device.close_after = self._close_after
        device.link_up = self.connected
        self._changes.async_restore(device)

    def _message_callback(
        self, subscription: Subscription
    ) -> Callable[[mqtt.ReceiveMessage], None]:
        """Return the callback for the messages of a topic."""
        source = subscription.source
        device_id_at = source.device_id_at(self.prefix)
        receive = self.receiver.async_receive
        prove_link = self._monitor.async_message_received

        # Not a partial: the MQTT client can't log an error of one.
        @callback
        def _async_message_received(msg: mqtt.ReceiveMessage) -> None:
            """Receive a message, which may clear a retained one."""
            prove_link()
            subscription.last_message = time()
            payload = _payload_of(msg)
            if not payload:
                if source is HEARTBEAT and not msg.retain:
                    self._retained.async_cleared(msg.topic[device_id_at])
                return
            if self._closed or self._suspended:
                return
            receive(source, msg.topic[device_id_at], payload, live=not msg.retain)

        return _async_message_received

    @callback
    def _async_add(self, device: Device, change: Change) -> Change:
        """Add a device, and return what to notify of.

        Its new entities write their state when they are added, so only events and alert
        sensors are left.
        """
        self._prepare(device)
        self.registry.async_register(device)
        self.devices[device.device_id] = device
        self.fleet.update(device)
        self.saver.async_save_soon(device.device_id)
        self.listeners.async_notify_fleet()
        # Also after a retained message: it has a full timeout to send a live one.
        self._monitor.async_touch(device)
        self.listeners.async_notify_new_device(device)
        return change & (Change.SUBSYSTEMS | Change.ACTIVITY | Change.CONTACT)


def _payload_of(msg: mqtt.ReceiveMessage) -> bytes:
    """Return the payload of a message."""
    payload = msg.payload
    if isinstance(payload, str):
        # MQTT has decoded it for the discovery, which subscribes to the same topic. It
        # makes one message for all subscribers of a topic, whatever they ask for.
        return payload.encode()
    if TYPE_CHECKING:
        assert isinstance(payload, bytes)
    return payload
