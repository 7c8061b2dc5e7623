"""Helpers of all tests: device messages and entity states."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
import json
import logging
import sys
import time
from typing import Any
from unittest.mock import Mock, PropertyMock, patch

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockMqttReasonCode,
    async_fire_mqtt_message,
    async_fire_time_changed,
)

from custom_components.vesper.const import CONF_PREFIX, DOMAIN
from custom_components.vesper.hub.hub import VesperHub
from custom_components.vesper.hub.registry import fleet_identifier
from homeassistant.components import mqtt
from homeassistant.const import EVENT_STATE_CHANGED, EVENT_STATE_REPORTED
from homeassistant.core import (
    Event,
    HomeAssistant,
    State,
    SupportsResponse,
    callback,
)
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_send

BELL = "bell"
"""The device of tests that need one."""
FLEET = "fleet"
"""The config entry, whose id is that of the fleet's device."""

EVERYTHING: dict[str, Any] = {
    "uptime": 3600,
    "firmware_version": "1.2.0",
    "reset_reason": 1,
    "heap_free": 170_000,
    "heap_min_free": 150_528,
    "last_disconnect_code": 255,
}
"""The fields of a heartbeat, without its ring buffer."""


def log_entry(t: int, d0: int = 0, d1: int = 0, ts: int = 0, up: int = 0) -> Any:
    """Return an entry of the ring buffer."""
    return {"t": t, "d0": d0, "d1": d1, "ts": ts, "up": up}


BOOT = log_entry(1, 1)
WIFI_UP = log_entry(2, 65483, up=3)
HTTP_FAIL = log_entry(5, 4711, 503, ts=1_900_000_000, up=3000)


class Vesper:
    """Publish device messages and read entity states.

    Time is frozen; only `advance` moves it.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        mqtt_mock: Any,
        freezer: FrozenDateTimeFactory,
    ) -> None:
        """Take a set-up entry and its MQTT client."""
        self.hass = hass
        self.entry = entry
        self.mqtt = mqtt_mock
        self.freezer = freezer

    @property
    def hub(self) -> VesperHub:
        """Return the hub; each reload makes a new one."""
        hub: VesperHub = self.entry.runtime_data
        return hub

    async def publish(
        self, device_id: str, topic: str, payload: bytes, *, retain: bool = False
    ) -> None:
        """Publish a message of a device and process it."""
        async_fire_mqtt_message(
            self.hass,
            f"{self.entry.data[CONF_PREFIX]}/{device_id}/status/{topic}",
            payload,
            1,
            retain,
        )
        await self.hass.async_block_till_done()

    async def heartbeat(
        self, device_id: str = BELL, /, *, retain: bool = False, **fields: Any
    ) -> None:
        """Publish a heartbeat of the given fields."""
        payload = json.dumps(fields).encode()
        await self.publish(device_id, "heartbeat", payload, retain=retain)

    async def alert(
        self,
        subsystem: str,
        state: str,
        msg: str | None = None,
        *,
        device_id: str = BELL,
        retain: bool = False,
    ) -> None:
        """Publish the state of a subsystem."""
        alert = {"subsystem": subsystem, "state": state}
        if msg is not None:
            alert["msg"] = msg
        payload = json.dumps(alert).encode()
        await self.publish(device_id, "alerts", payload, retain=retain)

    async def info(
        self, kind: Any, payload: Any = None, *, device_id: str = BELL
    ) -> None:
        """Publish an info message of a device."""
        info = {"type": kind, "payload": payload}
        await self.publish(device_id, "info", json.dumps(info).encode())

    async def call(self, action: str, **data: Any) -> Any:
        """Call a service and return its response, if any."""
        domain, _, name = action.partition(".")
        answers = self.hass.services.supports_response(domain, name)
        return await self.hass.services.async_call(
            domain,
            name,
            data,
            blocking=True,
            return_response=answers is not SupportsResponse.NONE,
        )

    async def report_everything(self) -> None:
        """Publish messages that make all entities exist."""
        await self.heartbeat(**EVERYTHING, recent_events=[BOOT, WIFI_UP])
        await self.heartbeat(**EVERYTHING, recent_events=[BOOT, WIFI_UP, HTTP_FAIL])
        await self.alert("FileManager", "WARNING", "SD mount failed")
        await self.info("playback_started", {"melody_uid": "ABC123"})

    async def advance(self, seconds: float) -> None:
        """Advance the time and fire what is due."""
        self.freezer.tick(seconds)
        async_fire_time_changed(self.hass)
        await self.hass.async_block_till_done()

    async def advance_exactly(self, seconds: float) -> None:
        """Advance the time, and fire only what is due.

        `advance` also fires what is due in the next half second.
        """
        self.freezer.tick(seconds)
        # A timer starts tasks, and a question to the broker takes some turns.
        for _ in range(30):
            await asyncio.sleep(0)
        await self.hass.async_block_till_done()

    @contextmanager
    def wall_clock_set(self, seconds: float) -> Iterator[None]:
        """Set the wall clock without advancing monotonic time."""
        # freezegun moves both clocks: the move of the monotonic one is undone.
        moved = time.monotonic
        self.freezer.tick(seconds)
        with ExitStack() as stack:
            for module in tuple(sys.modules.values()):
                if module is time or (
                    module.__name__.startswith("custom_components.vesper")
                    and hasattr(module, "monotonic")
                ):
                    stack.enter_context(
                        patch.object(module, "monotonic", lambda: moved() - seconds)
                    )
            yield

    async def finish_subscriptions(self) -> None:
        """Have MQTT subscribe to all scheduled topics."""
        client = self.mqtt.return_value
        for _ in range(2000):
            if not client._subscribe_debouncer._task:  # noqa: SLF001
                if not client._pending_subscriptions:  # noqa: SLF001
                    return
                client._subscribe_debouncer.async_execute()  # noqa: SLF001
            await asyncio.sleep(0)
        pytest.fail("not all topics were subscribed")

    async def disconnect_broker(self) -> None:
        """Disconnect Home Assistant from the broker."""
        self.mqtt.connected = False
        client = self.mqtt._mqttc  # noqa: SLF001
        client.on_disconnect(client, None, 0, MockMqttReasonCode())
        await self.hass.async_block_till_done()

    async def reconnect_broker(self) -> None:
        """Reconnect to the broker, without its retained messages."""
        self.mqtt.connected = True
        client = self.mqtt._mqttc  # noqa: SLF001
        client.on_connect(client, None, 0, MockMqttReasonCode())
        await self.hass.async_block_till_done()

    async def reload(self) -> None:
        """Reload the entry."""
        assert await self.hass.config_entries.async_reload(self.entry.entry_id)
        await self.hass.async_block_till_done()

    def keys(self, device_id: str = BELL) -> set[str]:
        """Return the keys of all entities of a device."""
        return set(self._keyed(device_id))

    def entity_id(self, key: str, device_id: str = BELL) -> str:
        """Return the current entity id of a key."""
        keyed = self._keyed(device_id)
        assert key in keyed, f"{device_id} has no entity {key}"
        return keyed[key]

    def state(self, key: str, device_id: str = BELL) -> State:
        """Return the state object of an entity."""
        state = self.hass.states.get(self.entity_id(key, device_id))
        assert state is not None
        return state

    def value(self, key: str, device_id: str = BELL) -> str:
        """Return the state of an entity."""
        return self.state(key, device_id).state

    def values(self, device_id: str = BELL) -> dict[str, str]:
        """Return the states of enabled entities by key."""
        return {
            key: state.state
            for key, entity_id in self._keyed(device_id).items()
            if (state := self.hass.states.get(entity_id)) is not None
        }

    def _keyed(self, device_id: str) -> dict[str, str]:
        """Return the entity ids of a device by key."""
        registry, entry_id = er.async_get(self.hass), self.entry.entry_id
        owner = f"{entry_id}_" if device_id == FLEET else f"{entry_id}/{device_id}/"
        return {
            entity.unique_id.removeprefix(owner): entity.entity_id
            for entity in er.async_entries_for_config_entry(registry, entry_id)
            if entity.unique_id.startswith(owner)
        }


async def add_site(vesper: Vesper, title: str) -> Vesper:
    """Add another site with the options of this one."""
    key = title.lower()
    entry = MockConfigEntry(
        domain=DOMAIN,
        title=title,
        data={CONF_PREFIX: f"{key}/vesper"},
        options=vesper.entry.options,
        entry_id=f"{key}entry",
        unique_id=f"{key}/vesper",
    )
    entry.add_to_hass(vesper.hass)
    assert await vesper.hass.config_entries.async_setup(entry.entry_id)
    await vesper.hass.async_block_till_done()
    return Vesper(vesper.hass, entry, vesper.mqtt, vesper.freezer)


def registered(site: Vesper, device_id: str = BELL) -> dr.DeviceEntry:
    """Return the registry entry of a device or fleet."""
    entry_id = site.entry.entry_id
    identifier = (
        fleet_identifier(entry_id) if device_id == FLEET else (DOMAIN, device_id)
    )
    found = dr.async_get(site.hass).async_get_device_by_identifier(identifier, entry_id)
    assert isinstance(found, dr.DeviceEntry)
    return found


async def report(vesper: Vesper, *device_ids: str) -> None:
    """Let devices send a heartbeat."""
    for device_id in device_ids:
        await vesper.heartbeat(device_id)


async def wait(vesper: Vesper, seconds: float, *device_ids: str) -> None:
    """Let time pass, while devices send heartbeats."""
    while seconds > 0:
        await vesper.advance(min(30, seconds))
        await report(vesper, *device_ids)
        seconds -= 30


class Writes:
    """Record every write of a state, including unchanged ones."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Start recording."""
        self._entity_ids: list[str] = []
        for event_type in (EVENT_STATE_CHANGED, EVENT_STATE_REPORTED):
            hass.bus.async_listen(event_type, self._async_written, _every)

    @callback
    def _async_written(self, event: Event[Any]) -> None:
        """Record the entity whose state was written."""
        self._entity_ids.append(event.data["entity_id"])

    def take(self) -> list[str]:
        """Return the entities written since the last call, sorted."""
        taken = sorted(self._entity_ids)
        self._entity_ids.clear()
        return taken


def logged(caplog: pytest.LogCaptureFixture, least: int = logging.INFO) -> list[str]:
    """Return what the integration has logged in this test."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("custom_components") and record.levelno >= least
    ]


async def reload_mqtt(hass: HomeAssistant) -> None:
    """Reload the MQTT entry and connect its new client."""
    old = hass.data["mqtt"].client
    # The mock must pass on the state of its client, which the next one restores.
    type(old).subscriptions = PropertyMock(
        side_effect=lambda: old.return_value.subscriptions
    )
    sock = Mock()
    sock.fileno.return_value = -1
    old.return_value._async_on_socket_close(None, None, sock)  # noqa: SLF001
    (mqtt_entry,) = hass.config_entries.async_entries("mqtt")
    assert await hass.config_entries.async_reload(mqtt_entry.entry_id)
    hass.data["mqtt"].client.connected = True
    async_dispatcher_send(hass, mqtt.MQTT_CONNECTION_STATE, True)  # noqa: FBT003
    await hass.async_block_till_done()


@callback
def _every(_data: Any) -> bool:
    """Accept every event.

    Home Assistant wants a filter where there are many events.
    """
    return True
