"""Devices are online by live messages only."""

import asyncio
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_mqtt_message,
)

from custom_components.vesper.model.change import Change
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import (
    Context,
    Event,
    EventStateChangedData,
    HomeAssistant,
    callback,
)
from tests.common import (
    BELL,
    EVERYTHING,
    FLEET,
    HTTP_FAIL,
    Vesper,
    Writes,
    log_entry,
    logged,
)

LIVE = [
    ("heartbeat", b'{"uptime": 5}'),
    ("heartbeat", b"{}"),
    ("alerts", b'{"subsystem": "FileManager", "state": "WARNING"}'),
    ("info", b'{"type": "playback_started"}'),
    ("heartbeat", b'{"uptime": '),
    ("heartbeat", b'{"device_id": "another"}'),
    ("alerts", b'{"uptime": '),
    ("info", b'{"uptime": '),
]


async def test_a_full_timeout(vesper: Vesper) -> None:
    """A device is offline after 90 s without messages."""
    await vesper.heartbeat()
    assert vesper.value("connectivity") == "on"
    await vesper.advance(89)
    assert vesper.value("connectivity") == "on"
    await vesper.advance(2)
    assert vesper.value("connectivity") == "off"
    await vesper.heartbeat()
    assert vesper.value("connectivity") == "on"


async def test_the_timeout_of_the_options(
    hass: HomeAssistant, entry: MockConfigEntry, vesper: Vesper
) -> None:
    """The option sets the timeout."""
    hass.config_entries.async_update_entry(entry, options={"heartbeat_timeout": 300})
    await vesper.reload()
    await vesper.heartbeat()
    await vesper.advance(299)
    assert vesper.value("connectivity") == "on"
    await vesper.advance(2)
    assert vesper.value("connectivity") == "off"


@pytest.mark.parametrize(("topic", "payload"), LIVE)
async def test_signs_of_life(vesper: Vesper, topic: str, payload: bytes) -> None:
    """Every live message shows that a device is online."""
    await vesper.heartbeat()
    for _ in range(3):
        await vesper.advance(89)
        await vesper.publish(BELL, topic, payload)
        assert vesper.value("connectivity") == "on"
    # Heartbeats have a rhythm of 89 seconds by now.
    await vesper.advance(3 * 89 + 1)
    assert vesper.value("connectivity") == "off"
    await vesper.publish(BELL, topic, payload)
    assert vesper.value("connectivity") == "on"
    await vesper.advance(89)
    assert vesper.value("connectivity") == "on"


@pytest.mark.parametrize("topic", ["heartbeat", "alerts", "info"])
@pytest.mark.parametrize("will", [b"offline", b"\xef\xbb\xbfoffline", b'"{}"', b" "])
async def test_a_last_will_in_plain_text(
    vesper: Vesper, topic: str, will: bytes
) -> None:
    """It is malformed, but no sign of life.

    The broker sends it for a dead device.
    """
    await vesper.heartbeat()
    await vesper.advance(80)
    seen = vesper.hub.devices[BELL].last_seen
    await vesper.publish(BELL, topic, will)
    assert vesper.hub.devices[BELL].faults.total() == 1
    assert vesper.hub.devices[BELL].last_seen == seen
    await vesper.advance(11)
    assert vesper.value("connectivity") == "off"
    await vesper.publish(BELL, topic, will)
    assert vesper.value("connectivity") == "off"


@pytest.mark.parametrize("topic", ["heartbeat", "alerts", "info"])
@pytest.mark.parametrize("retain", [True, False])
async def test_an_empty_payload_is_no_message(
    vesper: Vesper, topic: str, *, retain: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Clearing a retained message is no fault."""
    await vesper.publish("ghost", topic, b"", retain=retain)
    assert list(vesper.hub.devices) == []
    await vesper.heartbeat()
    await vesper.advance(80)
    await vesper.publish(BELL, topic, b"", retain=retain)
    assert not vesper.hub.devices[BELL].faults
    assert not vesper.hub.receiver.stray_faults
    assert logged(caplog) == []
    await vesper.advance(11)
    assert vesper.value("connectivity") == "off"
    await vesper.publish(BELL, topic, b"", retain=retain)
    assert vesper.value("connectivity") == "off"


async def test_each_device_has_its_own_timeout(vesper: Vesper) -> None:
    """One timer serves all devices."""
    for device_id in ("first", "second", "third"):
        await vesper.heartbeat(device_id)
        await vesper.advance(20)
    await vesper.heartbeat("first")
    await vesper.advance(55)

    def online() -> list[str]:
        return [
            i for i in vesper.hub.devices if vesper.value("connectivity", i) == "on"
        ]

    assert online() == ["first", "third"]
    await vesper.advance(20)
    assert online() == ["first"]
    await vesper.advance(20)
    assert online() == []


async def test_many_devices_time_out_at_once(vesper: Vesper) -> None:
    """More devices than a chunk holds are marked offline."""
    device_ids = [f"bell-{number}" for number in range(60)]
    for device_id in device_ids:
        await vesper.heartbeat(device_id)
    assert vesper.value("devices_online", FLEET) == "60"
    await vesper.advance(91)
    assert vesper.value("devices_online", FLEET) == "0"
    assert {vesper.value("connectivity", device_id) for device_id in device_ids} == {
        "off"
    }


async def test_a_slow_rhythm(hass: HomeAssistant, vesper: Vesper) -> None:
    """A device with slow heartbeats stays online."""
    for _ in range(5):
        await vesper.heartbeat()
        await vesper.advance(300)
    await vesper.heartbeat()
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    for _ in range(12):
        await vesper.advance(300)
        await vesper.heartbeat()
    await vesper.reload()
    await vesper.heartbeat()
    await vesper.advance(899)
    assert vesper.value("connectivity") == "on"
    assert "off" not in shown(changes, vesper.entity_id("connectivity"))
    await vesper.advance(2)
    assert vesper.value("connectivity") == "off"


async def test_a_listener_that_raises(vesper: Vesper) -> None:
    """The other devices are still monitored."""
    failures: list[BaseException | None] = []

    @callback
    def _raise(_change: Change, _context: Context | None) -> None:
        """Raise, and retrieve the exception from the task."""
        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(lambda done: failures.append(done.exception()))
        raise LookupError

    await vesper.heartbeat()
    device = vesper.hub.devices[BELL]
    vesper.hub.listeners.async_listen(device, Change.LAST_SEEN, _raise)
    await vesper.advance(60)
    await vesper.heartbeat("tower")
    await vesper.advance(31)
    assert [type(failure) for failure in failures] == [LookupError]
    await vesper.advance(60)
    assert vesper.value("connectivity", "tower") == "off"


async def test_a_sign_of_life_while_others_time_out(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """A device that is heard meanwhile stays online."""
    await vesper.heartbeat("first", uptime=5)
    await vesper.heartbeat("second", uptime=5)
    connectivity = vesper.entity_id("connectivity", "first")

    @callback
    def hear_the_second(event: Event[EventStateChangedData]) -> None:
        """Publish the second's heartbeat once the first is offline."""
        if event.data["entity_id"] == connectivity:
            async_fire_mqtt_message(
                hass, "vesper/second/status/heartbeat", b'{"uptime": 100}', 1
            )

    with patch("custom_components.vesper.hub.chunks.CHUNK", 0):
        unsubscribe = hass.bus.async_listen(EVENT_STATE_CHANGED, hear_the_second)
        await vesper.advance(91)
        unsubscribe()
    assert vesper.value("connectivity", "first") == "off"
    assert vesper.value("connectivity", "second") == "on"
    await vesper.advance(91)
    assert vesper.value("connectivity", "second") == "off"


async def test_retained_messages_of_a_new_device(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """They add the device, which is unknown, then offline."""
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    await vesper.heartbeat(retain=True, uptime=5, firmware_version="1.2.0")
    assert vesper.value("connectivity") == STATE_UNKNOWN
    await vesper.advance(89)
    assert vesper.value("connectivity") == STATE_UNKNOWN
    await vesper.advance(2)
    assert vesper.value("connectivity") == "off"
    await vesper.heartbeat(retain=True, uptime=5)
    assert vesper.value("connectivity") == "off"
    assert "on" not in shown(changes, vesper.entity_id("connectivity"))


async def test_retained_messages_after_reconnect(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """They do not bring an offline device back."""
    await vesper.heartbeat()
    await vesper.advance(91)
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    for _ in range(2):
        await vesper.disconnect_broker()
        await vesper.reconnect_broker()
        await vesper.heartbeat(retain=True, uptime=5)
        assert vesper.value("connectivity") == "off"
        await vesper.advance(91)
        assert vesper.value("connectivity") == "off"
    assert set(shown(changes, vesper.entity_id("connectivity"))) == {
        STATE_UNAVAILABLE,
        "off",
    }


async def test_retained_messages_do_not_extend_the_timeout(vesper: Vesper) -> None:
    """A device that died while disconnected times out once."""
    await vesper.heartbeat()
    await vesper.disconnect_broker()
    await vesper.advance(1000)
    await vesper.reconnect_broker()
    await vesper.advance(80)
    await vesper.heartbeat(retain=True, uptime=5)
    assert vesper.value("connectivity") == "on"
    await vesper.advance(11)
    assert vesper.value("connectivity") == "off"


async def test_retained_messages_after_reload(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """They do not bring an offline device back."""
    await vesper.heartbeat()
    await vesper.advance(91)
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    await vesper.reload()
    await vesper.heartbeat(retain=True, uptime=5)
    assert vesper.value("connectivity") == STATE_UNKNOWN
    await vesper.advance(91)
    assert vesper.value("connectivity") == "off"
    assert "on" not in shown(changes, vesper.entity_id("connectivity"))


async def test_retained_alert_is_no_sign_of_life(vesper: Vesper) -> None:
    """A retained alert does not bring a device back."""
    await vesper.heartbeat()
    await vesper.advance(91)
    await vesper.alert("FileManager", "WARNING", retain=True)
    assert vesper.value("connectivity") == "off"
    assert vesper.value("alert_FileManager") == "warning"


async def test_a_full_timeout_after_reconnect(vesper: Vesper) -> None:
    """Each device has a full timeout after a reconnect."""
    await vesper.heartbeat("early")
    await vesper.advance(80)
    await vesper.heartbeat("late")
    await vesper.disconnect_broker()
    for _ in range(10):
        await vesper.advance(3600)
        assert vesper.value("connectivity", "early") == STATE_UNAVAILABLE
        assert vesper.hub.devices["early"].online
    await vesper.reconnect_broker()
    await vesper.advance(89)
    assert vesper.value("connectivity", "early") == "on"
    assert vesper.value("connectivity", "late") == "on"
    await vesper.advance(2)
    assert vesper.value("connectivity", "early") == "off"
    assert vesper.value("connectivity", "late") == "off"


@pytest.mark.parametrize("jump", [86_400, 91, 1, -1, -91, -86_400])
async def test_the_wall_clock_jumps(vesper: Vesper, jump: float) -> None:
    """It neither causes nor hides a timeout."""
    await vesper.heartbeat()
    await vesper.advance(60)
    with vesper.wall_clock_set(jump):
        await vesper.advance(29)
        assert vesper.value("connectivity") == "on"
        await vesper.advance(2)
        assert vesper.value("connectivity") == "off"
        await vesper.heartbeat()
        assert vesper.value("connectivity") == "on"
        await vesper.advance(89)
        assert vesper.value("connectivity") == "on"
        await vesper.advance(2)
        assert vesper.value("connectivity") == "off"


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
@pytest.mark.parametrize("jump", [86_400, -86_400])
async def test_last_seen_after_the_wall_clock_jumped(
    vesper: Vesper, freezer: FrozenDateTimeFactory, jump: float
) -> None:
    """It shows the current time, even if earlier."""
    await vesper.heartbeat()
    with vesper.wall_clock_set(jump):
        await vesper.heartbeat()
        now = freezer().replace(microsecond=0)
        assert vesper.value("last_seen") == f"{now.isoformat()}+00:00"


async def test_an_unchanged_heartbeat(
    vesper: Vesper, writes: Writes, caplog: pytest.LogCaptureFixture
) -> None:
    """It writes no state and no log line."""
    heartbeat = EVERYTHING | {
        "recent_events": [log_entry(6, count, up=count) for count in range(16)]
    }
    await vesper.heartbeat(**heartbeat)
    await vesper.alert("FileManager", "WARNING")
    # The list of problems is updated once a second.
    await vesper.advance(1)
    writes.take()
    caplog.clear()
    for _ in range(20):
        await vesper.advance(30)
        heartbeat["uptime"] += 30
        await vesper.heartbeat(**heartbeat)
        await vesper.heartbeat(retain=True, **heartbeat)
    assert writes.take() == []
    assert logged(caplog) == []


async def test_drift_once_a_minute(
    vesper: Vesper, writes: Writes, caplog: pytest.LogCaptureFixture
) -> None:
    """Heap drift writes one entity once a minute."""
    heartbeat = dict(EVERYTHING)
    await vesper.heartbeat(**heartbeat)
    writes.take()
    caplog.clear()
    for _ in range(360):
        await vesper.advance(10)
        heartbeat["uptime"] += 10
        heartbeat["heap_free"] -= 10
        await vesper.heartbeat(**heartbeat)
    assert writes.take() == [vesper.entity_id("heap_free")] * 60
    assert logged(caplog) == []


@pytest.mark.usefixtures("entity_registry_enabled_by_default")
async def test_last_seen_once_a_minute(vesper: Vesper, writes: Writes) -> None:
    """Heartbeats write one entity once a minute at most."""
    await vesper.heartbeat()
    writes.take()
    for _ in range(360):
        await vesper.advance(10)
        await vesper.heartbeat()
    assert writes.take() == [vesper.entity_id("last_seen")] * 60


async def test_writes_what_changes(vesper: Vesper, writes: Writes) -> None:
    """Each change of a shown value is written once."""
    await vesper.report_everything()
    await vesper.info("playback_stopped")
    await vesper.alert("FileManager", "CLEARED")

    def written() -> list[str]:
        return writes.take()

    def ids(*keys: str, of: str = BELL) -> list[str]:
        return [vesper.entity_id(key, of) for key in keys]

    written()
    await vesper.alert("FileManager", "WARNING", "SD mount failed")
    assert written() == sorted(
        ids("active_alerts", "alert_FileManager", "health", "problem")
        + ids("devices_with_alerts", "fleet_health", "fleet_problem", of=FLEET)
    )
    await vesper.alert("Network", "WARNING")
    assert written() == sorted(ids("active_alerts", "alert_Network"))
    await vesper.alert("FileManager", "FAILED", "SD gone")
    assert written() == sorted(
        ids("active_alerts", "alert_FileManager", "health")
        + ids("fleet_health", of=FLEET)
    )
    await vesper.alert("FileManager", "CLEARED")
    assert written() == sorted(
        ids("active_alerts", "alert_FileManager", "health")
        + ids("fleet_health", of=FLEET)
    )
    await vesper.alert("FileManager", "CLEARED")
    await vesper.alert("Unknown", "CLEARED")
    assert written() == []
    await vesper.info("playback_started", {"melody_uid": "A"})
    assert written() == sorted(ids("activity", "playing", "melody"))
    await vesper.info("playback_started", {"melody_uid": "B"})
    assert written() == sorted(ids("activity", "melody"))
    await vesper.info("volume_changed")
    assert written() == ids("activity")
    await vesper.info("playback_stopped")
    assert written() == sorted(ids("activity", "playing", "melody"))
    await vesper.heartbeat(**EVERYTHING | {"reset_reason": 4})
    assert written() == ids("reset_reason")
    await vesper.heartbeat(**EVERYTHING | {"heap_min_free": 9})
    assert written() == sorted(ids("heap_min_free", "reset_reason"))
    await vesper.heartbeat(last_disconnect_code=8, heap_free=9)
    assert written() == sorted(ids("heap_free", "last_disconnect"))
    await vesper.heartbeat(recent_events=[HTTP_FAIL, HTTP_FAIL])
    assert written() == ids("device_log")
    await vesper.advance(30)
    # It is updated once a second.
    assert written() == ids("problems", of=FLEET)
    await vesper.heartbeat(uptime=10)
    assert written() == sorted(
        ids("active_alerts", "alert_Network", "boot_time", "restarts")
    )
    await vesper.advance(91)
    unavailable = sorted(
        ids("connectivity", "playing", "melody", "run_health_check")
        + ids("heap_free", "heap_min_free")
        + ids("devices_offline", "devices_online", "fleet_health", of=FLEET)
    )
    assert written() == unavailable
    await vesper.heartbeat()
    assert written() == unavailable


async def test_writes_of_a_new_device(vesper: Vesper, writes: Writes) -> None:
    """Each entity of a new device is written once."""
    writes.take()
    await vesper.heartbeat(firmware_version="1.2.0")
    assert writes.take() == sorted(
        [vesper.entity_id(key) for key in vesper.values()]
        + [vesper.entity_id(key, FLEET) for key in ("devices", "devices_online")]
    )


async def test_writes_of_a_disconnect(vesper: Vesper, writes: Writes) -> None:
    """A disconnect writes only the states that change, once."""
    await vesper.heartbeat("alive")
    await vesper.advance(60)
    await vesper.heartbeat("dead")
    await vesper.advance(31)
    await vesper.heartbeat("alive")
    await vesper.advance(60)
    assert vesper.value("connectivity", "dead") == "off"
    assert vesper.value("connectivity", "alive") == "on"
    writes.take()
    changing = sorted(
        [
            vesper.entity_id("connectivity", "dead"),
            *(
                vesper.entity_id(key, "alive")
                for key in (
                    *("connectivity", "playing", "melody", "run_health_check"),
                    *("heap_free", "heap_min_free"),
                )
            ),
            vesper.entity_id("mqtt_link", FLEET),
            vesper.entity_id("devices_offline", FLEET),
            vesper.entity_id("devices_online", FLEET),
        ]
    )
    await vesper.disconnect_broker()
    assert writes.take() == changing
    await vesper.reconnect_broker()
    assert writes.take() == changing


def shown(changes: list[Event[Any]], entity_id: str) -> list[str]:
    """Return the states that an entity had."""
    return [
        change.data["new_state"].state
        for change in changes
        if change.data["entity_id"] == entity_id and change.data["new_state"]
    ]


async def test_one_log_line_for_each_change(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """A line each for offline, online again, and restarted."""
    await vesper.heartbeat(uptime=3600)
    caplog.clear()
    await vesper.advance(91)
    await vesper.advance(91)
    assert logged(caplog) == ["Device bell is offline: no message in time"]
    caplog.clear()
    await vesper.heartbeat(uptime=3782)
    await vesper.heartbeat(uptime=3784)
    assert logged(caplog) == ["Device bell is online again"]
    caplog.clear()
    await vesper.advance(30)
    await vesper.heartbeat(uptime=7)
    await vesper.heartbeat(uptime=37)
    assert logged(caplog) == ["Device bell has restarted"]
