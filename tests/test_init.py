"""Test set-up, reload and unload of the entry."""

import asyncio
from datetime import timedelta
import gc
from typing import Any
from unittest.mock import patch
import weakref

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_mqtt_message,
    async_fire_time_changed,
)

from custom_components.vesper import PLATFORMS
from custom_components.vesper.const import (
    CONF_HEARTBEAT_TIMEOUT,
    CONF_MAX_DEVICES,
    DEFAULT_HEARTBEAT_TIMEOUT,
    EVENT_OCCURRENCE,
    MIN_HEARTBEAT_TIMEOUT,
)
from custom_components.vesper.hub.hub import VesperHub
from custom_components.vesper.model.change import Change
from homeassistant.components import mqtt
from homeassistant.config_entries import ConfigEntries, ConfigEntryState
from homeassistant.const import (
    EVENT_HOMEASSISTANT_FINAL_WRITE,
    EVENT_HOMEASSISTANT_STARTED,
    STATE_OFF,
    STATE_ON,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
    Platform,
)
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
)
from homeassistant.helpers.dispatcher import DATA_DISPATCHER, async_dispatcher_send
from homeassistant.util import dt as dt_util
from tests.common import BELL, FLEET, Vesper, Writes, reload_mqtt


def _listeners(hass: HomeAssistant) -> dict[str, int]:
    """Return the number of listeners by event and signal."""
    signals = {
        str(signal): len(to) for signal, to in hass.data[DATA_DISPATCHER].items()
    }
    # The stores of Home Assistant's registries come and go as they have to save.
    events = {str(event): to for event, to in hass.bus.async_listeners().items()}
    return {
        name: number
        for name, number in (events | signals).items()
        if number and name != EVENT_HOMEASSISTANT_FINAL_WRITE
    }


def _shown(hass: HomeAssistant) -> set[str]:
    """Return the states of all entities."""
    return {state.state for state in hass.states.async_all()}


async def test_without_mqtt(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """The set-up is retried, and the reason is shown."""
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "mqtt_unavailable"
    assert entry.reason is not None
    assert entry.reason.startswith("The MQTT integration is not set up")
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.usefixtures("mqtt_mock")
async def test_starts_by_itself(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """The entry is set up once MQTT is."""
    with patch(
        "homeassistant.components.mqtt.async_wait_for_mqtt_client", return_value=False
    ):
        assert not await hass.config_entries.async_setup(entry.entry_id)
    assert not hass.states.async_entity_ids()

    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=10))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.LOADED
    assert entry.reason is None


@pytest.mark.usefixtures("mqtt_mock")
async def test_subscriptions(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Each topic has its QoS, and payloads are bytes."""
    with patch(
        "homeassistant.components.mqtt.async_subscribe", wraps=mqtt.async_subscribe
    ) as subscribe:
        assert await hass.config_entries.async_setup(entry.entry_id)
    calls = [(call.args[1], *call.args[3:]) for call in subscribe.mock_calls]
    assert sorted(calls) == [
        ("vesper/+/status/alerts", 1, None),
        ("vesper/+/status/heartbeat", 1, None),
        ("vesper/+/status/info", 0, None),
    ]


@pytest.mark.parametrize(("connected", "link"), [(True, STATE_ON), (False, STATE_OFF)])
async def test_set_up_without_broker_or_device(
    hass: HomeAssistant,
    mqtt_mock: Any,
    entry: MockConfigEntry,
    *,
    connected: bool,
    link: str,
) -> None:
    """The fleet's entities show that neither is there."""
    mqtt_mock.connected = connected
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    (mqtt_link,) = (
        state
        for state in hass.states.async_all()
        if state.entity_id.endswith("_mqtt_link")
    )
    assert mqtt_link.state == link


async def test_known_at_once(
    vesper: Vesper, device_registry: dr.DeviceRegistry
) -> None:
    """Devices are restored at once; connectivity with their messages."""
    await vesper.heartbeat(uptime=5, fw="1.2")
    await vesper.heartbeat("other", uptime=5)
    await vesper.alert("SD", "WARNING", "gone")
    before = vesper.hass.states.async_entity_ids()
    devices = len(device_registry.devices)

    assert await vesper.hass.config_entries.async_reload(vesper.entry.entry_id)
    assert vesper.value("connectivity") == STATE_UNKNOWN
    assert vesper.value("alert_SD") == "warning"
    assert vesper.value("devices", FLEET) == "2"
    assert vesper.hub.devices[BELL].telemetry.firmware_version == "1.2"
    assert sorted(vesper.hass.states.async_entity_ids()) == sorted(before)
    assert len(device_registry.devices) == devices
    assert not [
        state.entity_id
        for state in vesper.hass.states.async_all()
        if state.attributes.get("restored")
    ]

    await vesper.heartbeat(uptime=5, retain=True)
    assert vesper.value("connectivity") == STATE_UNKNOWN
    await vesper.heartbeat(uptime=5)
    assert vesper.value("connectivity") == STATE_ON
    assert vesper.value("connectivity", "other") == STATE_UNKNOWN
    await vesper.alert("SD", "CLEARED")
    assert vesper.value("alert_SD") == "ok"


async def test_disconnect_during_set_up(vesper: Vesper) -> None:
    """A disconnect before the hub listens is not missed."""
    await vesper.heartbeat()
    forward = ConfigEntries.async_forward_entry_setups

    async def _forward_and_disconnect(*args: Any) -> None:
        await forward(*args)
        await vesper.disconnect_broker()

    with patch.object(
        ConfigEntries, "async_forward_entry_setups", _forward_and_disconnect
    ):
        await vesper.reload()
    assert vesper.value("mqtt_link", FLEET) == STATE_OFF
    await vesper.advance(3600)
    assert vesper.value("connectivity") == STATE_UNAVAILABLE


async def test_known_device_without_messages(vesper: Vesper) -> None:
    """A restored device has one full timeout."""
    await vesper.heartbeat(uptime=5)
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT - 5)
    await vesper.reload()
    await vesper.advance(DEFAULT_HEARTBEAT_TIMEOUT - 5)
    assert vesper.value("connectivity") == STATE_UNKNOWN
    await vesper.advance(10)
    assert vesper.value("connectivity") == STATE_OFF


async def test_timeout_option(hass: HomeAssistant, vesper: Vesper) -> None:
    """The timeout of the options is used."""
    hass.config_entries.async_update_entry(
        vesper.entry, options={CONF_HEARTBEAT_TIMEOUT: MIN_HEARTBEAT_TIMEOUT}
    )
    await vesper.reload()
    await vesper.heartbeat(uptime=5)
    await vesper.advance(MIN_HEARTBEAT_TIMEOUT - 2)
    assert vesper.value("connectivity") == STATE_ON
    await vesper.advance(4)
    assert vesper.value("connectivity") == STATE_OFF


async def test_many_known_at_once(vesper: Vesper) -> None:
    """More devices than one chunk holds are all restored."""
    for number in range(45):
        await vesper.heartbeat(f"bell-{number}")
    before = sorted(vesper.hass.states.async_entity_ids())

    await vesper.reload()
    assert sorted(vesper.hass.states.async_entity_ids()) == before
    assert vesper.value("devices", FLEET) == "45"
    assert {vesper.value("connectivity", f"bell-{number}") for number in range(45)} == {
        STATE_UNKNOWN
    }


async def test_unload_leaves_nothing(
    hass: HomeAssistant, vesper: Vesper, writes: Writes
) -> None:
    """Unload leaves no listener, subscription, issue or timer."""
    # What Home Assistant itself sets up with the first entry stays.
    entry_id = vesper.entry.entry_id
    assert await hass.config_entries.async_unload(entry_id)
    await hass.async_block_till_done()
    client = vesper.mqtt.return_value
    listeners = _listeners(hass)
    subscriptions = len(client.subscriptions)

    hass.config_entries.async_update_entry(vesper.entry, options={CONF_MAX_DEVICES: 1})
    assert await hass.config_entries.async_setup(entry_id)
    await vesper.heartbeat(uptime=5)
    await vesper.alert("SD", "FAILED")
    await vesper.heartbeat("surplus")
    assert len(client.subscriptions) == subscriptions + 3
    assert ir.async_get(hass).issues
    hub = vesper.hub

    assert await hass.config_entries.async_unload(entry_id)
    await hass.async_block_till_done()
    assert vesper.entry.state is ConfigEntryState.NOT_LOADED
    assert _listeners(hass) == listeners
    assert len(client.subscriptions) == subscriptions
    assert not ir.async_get(hass).issues
    assert _shown(hass) == {STATE_UNAVAILABLE}

    writes.take()
    await vesper.heartbeat(uptime=5)
    await vesper.heartbeat("newcomer")
    await vesper.disconnect_broker()
    await vesper.reconnect_broker()
    await vesper.advance(2 * DEFAULT_HEARTBEAT_TIMEOUT)
    assert not writes.take()
    assert list(hub.devices) == [BELL]


@pytest.mark.parametrize("count", [1, 2, 20])
async def test_unload_ends_work_in_hand(
    hass: HomeAssistant, vesper: Vesper, count: int
) -> None:
    """Pending work is dropped on unload.

    Nor is a timer set for it, which would fail the test in the end.
    """
    for number in range(count):
        await vesper.heartbeat(f"bell-{number}")
    vesper.freezer.tick(DEFAULT_HEARTBEAT_TIMEOUT + 1)
    async_fire_mqtt_message(hass, "vesper/lively/status/heartbeat", "{}")
    hub = vesper.hub
    with patch("custom_components.vesper.hub.chunks.CHUNK", 0):
        async_fire_time_changed(hass)
        while all(device.online for device in hub.devices.values()):  # noqa: ASYNC110
            await asyncio.sleep(0)  # until the broker has answered that it is there
        assert [bell.online for bell in hub.devices.values()].count(False) == 1
        assert await hass.config_entries.async_unload(vesper.entry.entry_id)
        await hass.async_block_till_done()
    assert [device.online for device in hub.devices.values()].count(False) == 1


async def test_unload_during_a_disconnect(hass: HomeAssistant, vesper: Vesper) -> None:
    """No listener is notified of the disconnect after unload."""
    notified: list[str] = []
    for number in range(5):
        await vesper.heartbeat(f"bell-{number}")
        await vesper.alert("SD", "WARNING", device_id=f"bell-{number}")
    hub = vesper.hub
    for device in hub.devices.values():
        hub.listeners.async_listen(
            device,
            Change.CONNECTIVITY,
            lambda *_, device_id=device.device_id: notified.append(device_id),
        )
    with patch("custom_components.vesper.hub.chunks.CHUNK", 0):
        async_dispatcher_send(hass, mqtt.MQTT_CONNECTION_STATE, False)  # noqa: FBT003
        await asyncio.sleep(0)
        assert await hass.config_entries.async_unload(vesper.entry.entry_id)
        before = list(notified)
        await hass.async_block_till_done()
    assert notified == before
    assert 0 < len(notified) < 5, "the first chunks"


@pytest.mark.parametrize("device_id", [BELL, "newcomer"])
async def test_message_during_unload(vesper: Vesper, device_id: str) -> None:
    """A message during unload adds no entity."""
    await vesper.heartbeat(uptime=5)
    unload = ConfigEntries.async_unload_platforms

    async def _unload_and_send(*args: Any) -> bool:
        unloaded = await unload(*args)
        await vesper.alert("SD", "FAILED", device_id=device_id)
        return unloaded

    with patch.object(ConfigEntries, "async_unload_platforms", _unload_and_send):
        assert await vesper.hass.config_entries.async_unload(vesper.entry.entry_id)
    await vesper.hass.async_block_till_done()
    assert _shown(vesper.hass) == {STATE_UNAVAILABLE}

    assert await vesper.hass.config_entries.async_setup(vesper.entry.entry_id)
    await vesper.alert("SD", "FAILED", device_id=device_id)
    assert vesper.value("alert_SD", device_id) == "failed"


async def test_failed_start_leaves_nothing(
    hass: HomeAssistant, mqtt_mock: Any, entry: MockConfigEntry
) -> None:
    """A failed set-up leaves nothing behind."""
    client = mqtt_mock.return_value
    subscriptions = len(client.subscriptions)
    subscribe = mqtt.async_subscribe

    async def _fail_at_last(hass: HomeAssistant, topic: str, *args: Any) -> Any:
        if topic.endswith("/info"):
            message = "MQTT is not enabled"
            raise HomeAssistantError(message)
        return await subscribe(hass, topic, *args)

    with patch("homeassistant.components.mqtt.async_subscribe", _fail_at_last):
        assert not await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert len(client.subscriptions) == subscriptions

    assert await hass.config_entries.async_reload(entry.entry_id)
    assert _shown(hass)
    assert STATE_UNAVAILABLE not in _shown(hass)


@pytest.mark.usefixtures("no_broker")
async def test_mqtt_reloads_then_ours(
    hass: HomeAssistant, vesper: Vesper, writes: Writes
) -> None:
    """Each message counts once."""
    await vesper.heartbeat(uptime=5)
    old = vesper.hub
    await reload_mqtt(hass)
    writes.take()
    await vesper.info("playback_started")
    activity = vesper.entity_id("activity")
    assert writes.take().count(activity) == 1, "it is subscribed again"

    await vesper.reload()
    new = vesper.hub
    assert new is not old
    await vesper.heartbeat(uptime=5)
    writes.take()
    received = mqtt.client.MQTT._matching_subscriptions(  # noqa: SLF001
        hass.data["mqtt"].client.return_value, "vesper/bell/status/info", None
    )
    # The other one is that of the discovery.
    ours = [one for one in received if "VesperHub" in repr(one.job)]
    assert len(ours) == 1
    await vesper.info("playback_stopped")
    assert writes.take().count(activity) == 1
    await vesper.heartbeat(uptime="long")
    assert list(new.devices[BELL].faults.values()) == [1]
    assert not old.devices[BELL].faults

    await vesper.heartbeat("newcomer")
    assert "newcomer" in new.devices
    assert "newcomer" not in old.devices


@pytest.mark.usefixtures("no_broker")
async def test_rounds_of_both_reloads(
    hass: HomeAssistant, vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault is counted once after any reloads."""
    for _ in range(3):
        await reload_mqtt(hass)
        await vesper.reload()
    caplog.clear()
    await vesper.publish("unknown", "heartbeat", b"no JSON")
    assert list(vesper.hub.receiver.stray_faults.values()) == [1]
    assert caplog.text.count("Malformed heartbeat from 'unknown'") == 1


async def test_reloads_do_not_grow(hass: HomeAssistant, vesper: Vesper) -> None:
    """No earlier hub is left in memory."""
    await vesper.heartbeat(uptime=5)
    await vesper.alert("SD", "FAILED")
    client = vesper.mqtt.return_value
    subscriptions = len(client.subscriptions)
    listeners = _listeners(hass)
    hubs: list[weakref.ref[VesperHub]] = []
    for _ in range(10):
        hubs.append(weakref.ref(vesper.hub))
        await vesper.reload()
        await vesper.heartbeat(uptime=5)
    assert len(client.subscriptions) == subscriptions
    assert _listeners(hass) == listeners
    # The mock of the client remembers all it was called with.
    vesper.mqtt.reset_mock()
    gc.collect()
    assert not [hub for hub in hubs if hub() is not None]


async def test_platforms(vesper: Vesper, entity_registry: er.EntityRegistry) -> None:
    """Exactly the platforms that are set up have entities."""
    await vesper.heartbeat(uptime=5)
    entities = er.async_entries_for_config_entry(entity_registry, vesper.entry.entry_id)
    assert {Platform(entity.domain) for entity in entities} == set(PLATFORMS)


async def test_remove_entry(
    hass: HomeAssistant, vesper: Vesper, device_registry: dr.DeviceRegistry
) -> None:
    """Devices and entities are removed with the entry."""
    await vesper.heartbeat(uptime=5)
    await hass.config_entries.async_remove(vesper.entry.entry_id)
    await hass.async_block_till_done()
    assert not dr.async_entries_for_config_entry(device_registry, vesper.entry.entry_id)
    assert not hass.states.async_entity_ids()


async def test_failed_unload(
    hass: HomeAssistant, vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """Devices are still monitored if an unload fails.

    An alert that arrived meanwhile was dropped, so the device is asked.
    """
    await vesper.heartbeat(uptime=1)
    await vesper.advance(1)
    publish = vesper.mqtt._mqttc.publish  # noqa: SLF001
    publish.reset_mock()

    async def fail(*_args: object) -> bool:
        await vesper.alert("SD", "WARNING")
        await vesper.advance(0.05)
        # It would be asked too early.
        assert not publish.call_args_list
        return False

    with patch.object(hass.config_entries, "async_unload_platforms", fail):
        assert not await hass.config_entries.async_unload(vesper.entry.entry_id)
    assert vesper.value("health") == "ok"
    await vesper.advance(0.05)
    assert [call.args[0] for call in publish.call_args_list] == ["vesper/bell/control"]
    await vesper.heartbeat(uptime=2)
    assert vesper.value("connectivity") == "on"
    await vesper.advance(300)
    assert vesper.value("connectivity") == "off"
    vesper.entry.mock_state(hass, ConfigEntryState.LOADED)
    assert await hass.config_entries.async_unload(vesper.entry.entry_id)


async def test_unload_before_the_start_is_over(
    hass: HomeAssistant, vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """Pending events are not fired after unload."""
    hass.set_state(CoreState.starting)
    await vesper.reload()
    await vesper.heartbeat(uptime=1)
    occurrences = async_capture_events(hass, EVENT_OCCURRENCE)
    await vesper.alert("SD", "FAILED")
    assert await hass.config_entries.async_unload(vesper.entry.entry_id)
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await hass.async_block_till_done()
    assert not occurrences
