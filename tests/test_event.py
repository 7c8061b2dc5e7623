"""The events of a device: activity and event log."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    async_capture_events,
    snapshot_platform,
)
from syrupy.assertion import SnapshotAssertion

from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNKNOWN, Platform
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er

from .common import BELL, BOOT, HTTP_FAIL, WIFI_UP, Vesper, Writes, log_entry


def last_event(vesper: Vesper) -> tuple[Any, Any, Any]:
    """Return the event type, sent type and payload."""
    attributes = vesper.state("activity").attributes
    return (
        attributes["event_type"],
        attributes.get("type"),
        attributes.get("payload"),
    )


@pytest.mark.parametrize("platforms", [[Platform.EVENT]])
async def test_all(
    hass: HomeAssistant,
    vesper: Vesper,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
) -> None:
    """Registry entries and states match the snapshot."""
    vesper.freezer.move_to("2030-01-01T12:00:00Z")
    await vesper.report_everything()
    await snapshot_platform(hass, entity_registry, snapshot, vesper.entry.entry_id)


@pytest.mark.parametrize(
    ("kind", "event_type"),
    [
        ("playback_started", "playback_started"),
        ("playback_stopped", "playback_stopped"),
        ("volume_changed", "other"),
        ("Playback_Started", "other"),
        ("other", "other"),
    ],
)
@pytest.mark.parametrize("payload", [{}, {"melody_uid": "ABC123", "n": [1, None]}])
async def test_types(
    vesper: Vesper, kind: str, event_type: str, payload: dict[str, Any]
) -> None:
    """A known type has its name, others are `other`."""
    await vesper.heartbeat()
    assert vesper.value("activity") == STATE_UNKNOWN
    await vesper.info(kind, payload)
    assert last_event(vesper) == (event_type, kind, payload)


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (None, {}),
        ([1, 2], {}),
        ("text", {}),
        (3, {}),
        (False, {}),
        ({"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}, {}),
        ({"melody_uid": None}, {"melody_uid": None}),
        ({"melody_uid": ["A"]}, {"melody_uid": ["A"]}),
        ({"melody_uid": "x" * 65}, {"melody_uid": "x" * 65}),
        ({"type": "a", "payload": {}}, {"type": "a", "payload": {}}),
    ],
)
@pytest.mark.parametrize("kind", ["playback_started", "odd"])
async def test_odd_payloads(
    vesper: Vesper, kind: str, payload: Any, shown: dict[str, Any]
) -> None:
    """A malformed payload does not lose the event."""
    await vesper.heartbeat()
    await vesper.info(kind, payload)
    started = kind == "playback_started"
    assert last_event(vesper) == (kind if started else "other", kind, shown)
    assert vesper.value("playing") == ("on" if started else STATE_UNKNOWN)
    assert vesper.value("melody") == STATE_UNKNOWN


async def test_fires_each_time(hass: HomeAssistant, vesper: Vesper) -> None:
    """Equal events fire as often as they are sent."""
    await vesper.heartbeat()
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    for _ in range(3):
        await vesper.info("chime", {"n": 1})
        await vesper.advance(1)
    assert [
        change.data["entity_id"]
        for change in changes
        if change.data["entity_id"] == vesper.entity_id("activity")
    ] == [vesper.entity_id("activity")] * 3


async def test_info_message_adds_a_device(vesper: Vesper) -> None:
    """An info message that adds a device fires too."""
    await vesper.info("playback_started", {"melody_uid": "ABC123"})
    assert last_event(vesper) == (
        "playback_started",
        "playback_started",
        {"melody_uid": "ABC123"},
    )
    assert vesper.value("playing") == "on"


async def test_retained_info_fires_nothing(vesper: Vesper) -> None:
    """A retained info adds no device and changes nothing."""
    payload = b'{"type": "playback_started", "payload": {"melody_uid": "ABC123"}}'
    await vesper.publish("ghost", "info", payload, retain=True)
    assert "ghost" not in vesper.hub.devices
    await vesper.heartbeat()
    before = vesper.values()
    await vesper.publish(BELL, "info", payload, retain=True)
    assert vesper.values() == before


async def test_never_because_of_a_reload(hass: HomeAssistant, vesper: Vesper) -> None:
    """A reload or a disconnect keeps the last event."""
    await vesper.info("chime")
    before = vesper.state("activity")
    await vesper.advance(10)
    await vesper.reload()
    await vesper.heartbeat()
    await vesper.disconnect_broker()
    await vesper.reconnect_broker()
    after = vesper.state("activity")
    assert after.state == before.state
    assert after.attributes == before.attributes


# The device's own log


class Log:
    """Record the events of the device's log entity."""

    def __init__(self, vesper: Vesper) -> None:
        """Start recording."""
        self._fired: list[dict[str, Any]] = []
        self._entity_id = vesper.entity_id("device_log")
        vesper.hass.bus.async_listen(EVENT_STATE_CHANGED, self._async_changed)

    @callback
    def _async_changed(self, event: Event[Any]) -> None:
        """Record an event."""
        old, new = event.data["old_state"], event.data["new_state"]
        # An entity that only becomes unavailable and available has fired nothing.
        if event.data["entity_id"] == self._entity_id and new and old:
            assert new.state != old.state, "triggers compare events by time"
            names = ("event_types", "friendly_name")
            self._fired.append(
                {name: one for name, one in new.attributes.items() if name not in names}
            )

    def take(self) -> list[dict[str, Any]]:
        """Return the events' attributes since the last call."""
        taken = list(self._fired)
        self._fired.clear()
        return taken

    def types(self) -> list[str]:
        """Return the event types since the last call."""
        return [fired["event_type"] for fired in self.take()]


@pytest.fixture
async def log(vesper: Vesper) -> Log:
    """Return the log of a bell with one buffer."""
    await vesper.heartbeat(recent_events=[BOOT, WIFI_UP])
    return Log(vesper)


NAMED = {"time": None, "uptime": 60}


@pytest.mark.parametrize(
    ("item", "fired"),
    [
        pytest.param(
            log_entry(1, 4, up=60),
            NAMED
            | {
                "event_type": "boot",
                "event": "EVT_BOOT",
                "reason": "PANIC",
                "code": 4,
            },
            id="boot",
        ),
        pytest.param(
            log_entry(2, 65483, ts=1_800_000_000, up=60),
            {
                "event_type": "wifi_up",
                "event": "EVT_WIFI_UP",
                "time": "2027-01-15T08:00:00+00:00",
                "uptime": 60,
                "rssi": -53,
            },
            id="wifi-up",
        ),
        pytest.param(
            log_entry(3, 255, up=60),
            NAMED
            | {
                "event_type": "wifi_down",
                "event": "EVT_WIFI_DOWN",
                "reason": "SILENT_DEATH",
                "code": 255,
            },
            id="wifi-down",
        ),
        pytest.param(
            log_entry(4, 4711, 120, up=60),
            NAMED
            | {
                "event_type": "http_ok",
                "event": "EVT_HTTP_OK",
                "path_hash": 4711,
                "elapsed_ms": 120,
            },
            id="http-ok",
        ),
        pytest.param(
            log_entry(5, 4711, 503, up=60),
            NAMED
            | {
                "event_type": "http_fail",
                "event": "EVT_HTTP_FAIL",
                "path_hash": 4711,
                "status": 503,
            },
            id="http-fail",
        ),
        pytest.param(
            log_entry(6, 3, up=60),
            NAMED
            | {
                "event_type": "heartbeat_miss",
                "event": "EVT_HEARTBEAT_MISS",
                "count": 3,
            },
            id="heartbeat-miss",
        ),
        pytest.param(
            log_entry(7, 5, up=60),
            NAMED
            | {
                "event_type": "ntp_sync",
                "event": "EVT_NTP_SYNC",
                "seconds_since_boot": 5,
            },
            id="ntp-sync",
        ),
        pytest.param(
            log_entry(8, 3, up=60),
            NAMED
            | {
                "event_type": "reboot",
                "event": "EVT_REBOOT",
                "reason": "OTA",
                "code": 3,
            },
            id="reboot",
        ),
        pytest.param(
            log_entry(8, 9, up=60),
            NAMED
            | {
                "event_type": "reboot",
                "event": "EVT_REBOOT",
                "reason": "unknown (9)",
                "code": 9,
            },
            id="reboot-unnamed",
        ),
        pytest.param(
            log_entry(42, 1, 2, up=60),
            NAMED
            | {
                "event_type": "unknown",
                "event": "unknown (42)",
                "tag": 42,
                "d0": 1,
                "d1": 2,
            },
            id="unnamed",
        ),
    ],
)
async def test_log_is_decoded(
    vesper: Vesper, log: Log, item: Any, fired: dict[str, Any]
) -> None:
    """Each kind of entry fires with named data."""
    await vesper.heartbeat(recent_events=[BOOT, WIFI_UP, item])
    assert log.take() == [fired]


async def test_log_fires_each_entry_once(vesper: Vesper, log: Log) -> None:
    """The oldest first, even if several arrive at once."""
    lost = log_entry(3, 200, ts=1_900_000_070, up=3070)
    back = log_entry(2, 65470, ts=1_900_000_080, up=3080)
    for _ in range(3):
        await vesper.heartbeat(recent_events=[BOOT, WIFI_UP, HTTP_FAIL, lost, back])
    assert log.types() == ["http_fail", "wifi_down", "wifi_up"]
    await vesper.heartbeat(recent_events=[HTTP_FAIL, lost, back, log_entry(1, 4)])
    assert log.types() == ["boot"]


async def test_order_of_the_log(vesper: Vesper, log: Log) -> None:
    """Entries are ordered by time, not by the list."""
    first = log_entry(5, 1, 503, ts=1_900_000_001, up=3001)
    second = log_entry(5, 1, 503, ts=1_900_000_002, up=3002)
    await vesper.heartbeat(recent_events=[WIFI_UP, BOOT])
    await vesper.heartbeat(recent_events=[second, BOOT, first, WIFI_UP])
    assert [event["uptime"] for event in log.take()] == [3001, 3002]
    await vesper.heartbeat(recent_events=[WIFI_UP, first, second, BOOT])
    assert log.types() == []


async def test_log_fires_the_same_twice(vesper: Vesper, log: Log) -> None:
    """Equal entries are separate events."""
    await vesper.heartbeat(recent_events=[BOOT, WIFI_UP, HTTP_FAIL, HTTP_FAIL])
    assert log.types() == ["http_fail", "http_fail"]


async def test_the_first_log_fires_nothing(vesper: Vesper) -> None:
    """Entries of the first log are old."""
    for device_id, retain in (("live", False), ("retained", True)):
        await vesper.heartbeat(device_id, retain=retain, recent_events=[BOOT])
        await vesper.heartbeat(device_id, retain=retain, recent_events=[BOOT])
        assert vesper.value("device_log", device_id) == STATE_UNKNOWN
        await vesper.heartbeat(device_id, recent_events=[BOOT, WIFI_UP])
        state = vesper.state("device_log", device_id)
        assert state.attributes["event_type"] == "wifi_up"


async def test_log_of_a_device_that_was_updated(vesper: Vesper) -> None:
    """The first log after an update fires nothing.

    Firmware 1.0.0 has no log.
    """
    await vesper.heartbeat(uptime=3600, firmware_version="1.0.0")
    await vesper.heartbeat(uptime=5, recent_events=[BOOT])
    assert vesper.value("device_log") == STATE_UNKNOWN


async def test_log_of_a_crash_loop(vesper: Vesper, log: Log) -> None:
    """Equal entries are new after each boot."""
    entries = [log_entry(1, 4), log_entry(2, 65480, up=3)]
    await vesper.heartbeat(uptime=500, recent_events=entries)
    log.take()
    for _ in range(3):
        await vesper.advance(30)
        await vesper.heartbeat(uptime=10, recent_events=entries)
        assert log.types() == ["boot", "wifi_up"]
        await vesper.advance(30)
        await vesper.heartbeat(uptime=40, recent_events=entries)
        assert log.types() == []
        await vesper.advance(30)


async def test_log_of_a_restart_that_is_not_logged(vesper: Vesper, log: Log) -> None:
    """A log without a boot entry was not emptied."""
    await vesper.heartbeat(uptime=500, recent_events=[WIFI_UP])
    log.take()
    await vesper.heartbeat(uptime=10, recent_events=[WIFI_UP])
    assert log.types() == []


async def test_log_after_a_reload(vesper: Vesper, log: Log) -> None:
    """Nothing fires again, and the last event stays."""
    await vesper.heartbeat(recent_events=[BOOT, WIFI_UP, HTTP_FAIL])
    before = vesper.state("device_log")
    assert log.types() == ["http_fail"]
    await vesper.advance(10)
    await vesper.reload()
    for retain in (True, False):
        entries = [BOOT, WIFI_UP, HTTP_FAIL]
        await vesper.heartbeat(retain=retain, recent_events=entries)
        after = vesper.state("device_log")
        assert (after.state, after.attributes) == (before.state, before.attributes)

    fresh = Log(vesper)
    await vesper.heartbeat(recent_events=[WIFI_UP, HTTP_FAIL, HTTP_FAIL])
    assert fresh.types() == ["http_fail"]


async def test_log_after_a_reconnect(vesper: Vesper, log: Log) -> None:
    """New entries fire once; a retained log fires nothing."""
    entries = [log_entry(6, count, up=count) for count in range(16)]
    await vesper.disconnect_broker()
    await vesper.advance(86_400)
    await vesper.reconnect_broker()
    await vesper.heartbeat(retain=True, recent_events=entries[:8])
    assert log.take() == []
    await vesper.heartbeat(recent_events=entries)
    assert [fired["count"] for fired in log.take()] == list(range(16))


async def test_log_of_a_restart(vesper: Vesper, log: Log) -> None:
    """A logged boot ends playback, whatever the uptime is."""
    await vesper.info("playback_started", {"melody_uid": "ABC123"})
    boot = log_entry(1, 9)
    await vesper.advance(30)
    await vesper.heartbeat(recent_events=[BOOT, WIFI_UP, boot])
    assert [fired["reason"] for fired in log.take()] == ["BROWN_OUT"]
    assert vesper.value("playing") == "off"


async def test_log_with_bad_entries(vesper: Vesper, log: Log) -> None:
    """Valid entries fire once each."""
    for number in range(3):
        bad = {"t": 1, "d0": number}
        await vesper.heartbeat(recent_events=[BOOT, None, WIFI_UP, bad, HTTP_FAIL])
    assert log.types() == ["http_fail"]


async def test_log_writes_no_more_than_its_news(
    vesper: Vesper, log: Log, writes: Writes
) -> None:
    """Only new entries are written, each of them once."""
    entries = [log_entry(6, count, up=count) for count in range(16)]
    await vesper.heartbeat(recent_events=entries[:15])
    writes.take()
    for _ in range(5):
        await vesper.heartbeat(recent_events=entries)
    assert writes.take() == [vesper.entity_id("device_log")]
