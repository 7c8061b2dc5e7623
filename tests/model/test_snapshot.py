"""Serialize and deserialize a device."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, strategies as st
import orjson
import pytest

from custom_components.vesper.model.alerts import MAX_ACTIVE, MAX_SUBSYSTEMS
from custom_components.vesper.model.change import Change
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.snapshot import (
    DEVICE_FIELDS,
    PLAYBACK_FIELDS,
    RESTART_FIELDS,
    TELEMETRY_FIELDS,
    deserialize,
    serialize,
)
from custom_components.vesper.protocol.fields import Fault
from custom_components.vesper.protocol.heartbeat import Heartbeat, parse_heartbeat
from custom_components.vesper.protocol.message import Message
from custom_components.vesper.protocol.recent_events import new_events, parse_events
from custom_components.vesper.protocol.severity import Severity
from tests.strategies import (
    DEVICE_ID,
    Json,
    Step,
    alert,
    encode,
    heartbeat,
    info,
    json_values,
    lives_with,
)

from .common import NOW, receive

BOOT = {"t": 1, "d0": 1, "d1": 0, "ts": 0, "up": 0}
WIFI_UP = {"t": 2, "d0": 65483, "d1": 0, "ts": 0, "up": 3}
FAIL = {"t": 5, "d0": 4711, "d1": 503, "ts": 1_799_999_000, "up": 90}

EVERYTHING: dict[str, Any] = {
    "uptime": 100,
    "firmware_version": "1.1.0",
    "reset_reason": 1,
    "heap_free": 170_000,
    "heap_min_free": 150_000,
    "last_disconnect_code": 255,
    "recent_events": [BOOT, WIFI_UP],
}


def stored(device: Device) -> dict[str, Any]:
    """Return the serialized device."""
    data: dict[str, Any] = orjson.loads(serialize(device, NOW, NOW))
    return data


def restored(device: Device) -> Device:
    """Return the device after a restart of Home Assistant."""
    return deserialize(DEVICE_ID, stored(device))


@pytest.fixture
def device() -> Device:
    """Return a device with a value of each kind."""
    device = Device(device_id=DEVICE_ID)
    receive(device, heartbeat(**EVERYTHING))
    receive(device, alert("Player", "CRITICAL", "amplifier does not answer"))
    receive(device, alert("FileManager", "WARNING"))
    receive(device, alert("FileManager", "CLEARED"))
    receive(device, info("playback_started", melody_uid="ABC123"))
    device.set_maintenance(NOW + 3600, "Anna")
    device.healthy_since = NOW
    device.outage_since, device.outage_until = NOW - 900, NOW - 300
    device.replaces, device.registry_id = "tower", "0123"
    device.offline_acknowledged, device.offline_acknowledged_by = True, "Anna"
    return device


def test_all_is_back(device: Device) -> None:
    """All values are restored, alerts unconfirmed, connectivity unknown."""
    back = restored(device)
    assert back.online is None
    shown = DEVICE_FIELDS.keys() - {"offline_since", "suppressed_offline_since"}
    for before, after, fields in (
        (device, back, shown),
        (device.playback, back.playback, PLAYBACK_FIELDS),
        (device.restarts, back.restarts, RESTART_FIELDS),
        (device.telemetry, back.telemetry, TELEMETRY_FIELDS),
    ):
        for name in fields:
            assert getattr(after, name) == getattr(before, name) is not None
    assert back.telemetry.event_log.events == device.telemetry.event_log.events != ()
    assert back.alerts.subsystems == ("Player", "FileManager")
    assert not back.alerts.unknown
    assert back.alerts.as_json() == [device.alerts.as_json()[0] | {"confirmed": False}]


def test_acknowledged_alerts_stay_so(device: Device) -> None:
    """A restored alert stays acknowledged."""
    data = stored(device)
    data["alerts"][0]["acknowledged"] = True
    data["alerts"][0]["acknowledged_by"] = "Anna"
    data["alerts"][0]["acknowledged_at"] = NOW
    data["alerts"][0]["note"] = "on it"
    player = deserialize(DEVICE_ID, data).alerts.active["Player"]
    assert player.acknowledged
    assert player.acknowledged_by == "Anna"
    assert player.acknowledged_at == datetime.fromtimestamp(NOW, UTC)
    assert player.note == "on it"


@pytest.mark.parametrize("user", [None, "", 7, ["Anna"], "A\nnna", "x" * 256])
def test_an_alert_survives_a_bad_user(device: Device, user: object) -> None:
    """It stays acknowledged, by nobody."""
    data = stored(device)
    data["alerts"][0] |= {"acknowledged": True, "acknowledged_by": user}
    player = deserialize(DEVICE_ID, data).alerts.active["Player"]
    assert player.acknowledged
    assert player.acknowledged_by is None


def test_it_stays_offline_for_as_long(device: Device) -> None:
    """It is restored since when a device is offline."""
    device.set_maintenance(None)
    device.mark_offline(NOW + 90)
    assert restored(device).offline_since == NOW + 90


def test_alerts_keep_their_times(device: Device) -> None:
    """A restored alert keeps when it began and worsened."""
    receive(device, alert("Player", "FAILED"), after=60)
    (before,) = device.alerts.active.values()
    (after,) = restored(device).alerts.active.values()
    assert before.worsened_at > before.raised_at
    assert (after.raised_at, after.worsened_at) == (
        before.raised_at,
        before.worsened_at,
    )


@pytest.mark.parametrize("note", [None, 5, "two\nlines", 256 * "x"])
def test_what_is_no_note_is_none(device: Device, note: Json) -> None:
    """An invalid note is dropped, not its alert."""
    data = stored(device)
    data["alerts"][0]["note"] = note
    assert deserialize(DEVICE_ID, data).alerts.active["Player"].note == ""


def test_an_alert_from_before_a_restart_is_closed_in_the_end(device: Device) -> None:
    """The alert timeout survives a restart of Home Assistant."""
    receive(device, heartbeat(uptime=10), after=100)
    assert device.alerts.unconfirmed_since_restart == {"Player"}
    back = restored(device)
    assert back.alerts.unconfirmed_since_restart == {"Player"}
    back.close_after = 600
    receive(back, heartbeat(uptime=60), after=150)
    change = receive(back, heartbeat(uptime=660), after=750)
    assert change & Change.ALERT_CLOSED
    assert restored(back).alerts.closed_by == back.alerts.closed_by != {}


@pytest.mark.parametrize(
    "closed_by",
    [None, ["Player"], {"Player": "restart"}, {"Other": "restart"}]
    + [{"FileManager": cause} for cause in (None, 7, "device", ["restart"])],
)
def test_a_cause_that_can_not_be_is_none(device: Device, closed_by: Json) -> None:
    """Only ended alerts have a cause, a known one."""
    data = stored(device) | {"closed_by": closed_by}
    assert deserialize(DEVICE_ID, data).alerts.closed_by == {}


def test_the_rhythm_is_kept(device: Device) -> None:
    """The extended timeout is restored."""
    for number in range(10):
        device.rhythm.record(2e9 + 300 * number)
    assert restored(device).rhythm.gaps == device.rhythm.gaps
    assert restored(device).rhythm.timeout == 900


@pytest.mark.parametrize("gaps", [None, 300, ["300"], [-1], [3601], [30.0], [True]])
def test_a_rhythm_that_can_not_be_is_none(device: Device, gaps: Json) -> None:
    """An invalid interval extends no timeout."""
    data = stored(device) | {"gaps": gaps}
    assert deserialize(DEVICE_ID, data).rhythm.gaps == ()


def test_recent_restarts_are_kept(device: Device) -> None:
    """A restart loop goes on."""
    record = device.restarts.record
    for at, reason in ((NOW - 3601, 1), *((NOW - 60 * n, n) for n in (4, 3, 2, 1))):
        record(at, at, reason)
    loop = restored(device).restarts.loop(NOW)
    assert loop == device.restarts.loop(NOW)
    assert [restart.reason for restart in loop] == [4, 3, 2, 1]


@pytest.mark.parametrize(
    "restart", [None, 7, [NOW], [NOW, 4, 4], [NOW, -1], [NOW, "4"], ["now", 4]]
)
def test_a_restart_that_can_not_be_is_none(device: Device, restart: Json) -> None:
    """The others are restored."""
    good = [[NOW - 1, 4]] * 3
    data = stored(device) | {"recent_restarts": [restart, *good]}
    assert not deserialize(DEVICE_ID, data).restarts.loop(NOW)
    data["recent_restarts"][0] = good[0]
    assert len(deserialize(DEVICE_ID, data).restarts.loop(NOW)) == 4


def test_an_unknown_subsystem_is_not_stored_as_ok(device: Device) -> None:
    """A subsystem that only has an entity stays unknown."""
    device.alerts.subsystems += ("TimeKeeper",)
    device.alerts.unknown |= {"TimeKeeper"}
    assert "TimeKeeper" not in restored(device).alerts.subsystems


# Playback


@pytest.mark.parametrize(
    "message",
    [heartbeat(uptime=130), alert("Player", "CLEARED"), info("volume")],
    ids=["heartbeat", "alert", "info"],
)
def test_playback_is_not_known_after_any_other_message(
    device: Device, message: Message
) -> None:
    """Its end may have been missed."""
    back = restored(device)
    assert (back.playback.playing, back.playback.melody) == (True, "ABC123")
    change = receive(back, message, after=30)
    assert (back.playback.playing, back.playback.melody) == (None, None)
    assert change & Change.PLAYING
    assert change & Change.MELODY


@pytest.mark.parametrize(("kind", "playing"), [("started", True), ("stopped", False)])
def test_playback_is_what_is_reported_first(
    device: Device, kind: str, *, playing: bool
) -> None:
    """The first report of the device replaces it."""
    back = restored(device)
    receive(back, info(f"playback_{kind}"), after=30)
    assert back.playback.playing is playing
    receive(back, heartbeat(uptime=130), after=30)
    assert back.playback.playing is playing


def test_a_retained_heartbeat_does_not_change_playback(device: Device) -> None:
    """It is no sign of life."""
    back = restored(device)
    back.apply(heartbeat(**EVERYTHING), live=False, now=NOW + 30)
    assert back.playback.playing is True


# A restart of the device meanwhile


@pytest.mark.parametrize(
    ("fields", "after", "is_restart"),
    [
        pytest.param({"uptime": 3700}, 3600, False, id="went on"),
        pytest.param({"uptime": 3690}, 3600, False, id="heartbeat came late"),
        pytest.param({"uptime": 10}, 3600, True, id="uptime fell"),
        pytest.param({"uptime": 3000}, 3600, True, id="uptime grew past it"),
        pytest.param({}, 3600, False, id="no uptime"),
        pytest.param(
            {"uptime": 10, "recent_events": [BOOT, WIFI_UP, BOOT]},
            20,
            True,
            id="boot and uptime",
        ),
        pytest.param(
            {"recent_events": [BOOT, WIFI_UP, BOOT]}, 3600, True, id="boot in its log"
        ),
        pytest.param(
            {"uptime": 3700, "recent_events": [BOOT, WIFI_UP, BOOT]},
            3600,
            False,
            id="known boot logged late",
        ),
    ],
)
def test_a_restart_meanwhile_is_detected(
    device: Device, fields: dict[str, Any], after: float, *, is_restart: bool
) -> None:
    """The first live heartbeat shows it."""
    back = restored(device)
    back.apply(heartbeat(uptime=5), live=False, now=NOW + after)
    receive(back, alert("Player", "CRITICAL"), after=after)
    change = receive(back, heartbeat(**fields), after=after)
    assert bool(change & Change.RESTART) is is_restart
    assert not receive(back, heartbeat(**fields), after=after) & Change.RESTART


def test_only_the_first_heartbeat_is_asked_how_the_time_of_boot_moved(
    device: Device,
) -> None:
    """Later moves are steps of the wall clock."""
    back = restored(device)
    receive(back, heartbeat(uptime=130), after=30)
    change = receive(back, heartbeat(uptime=160), after=60, jump=3600)
    assert not change & Change.RESTART


# Its log


@pytest.mark.parametrize(
    ("reported", "new"),
    [
        pytest.param([BOOT, WIFI_UP], [], id="as before"),
        pytest.param([BOOT, WIFI_UP, FAIL], [FAIL], id="one more"),
        pytest.param([WIFI_UP, FAIL], [FAIL], id="one fell out"),
        pytest.param([FAIL, FAIL], [FAIL, FAIL], id="all fell out"),
    ],
)
def test_what_is_new_in_the_log_is_reported_once(
    device: Device, reported: list[Any], new: list[Any]
) -> None:
    """Only entries that were not stored are new."""
    back = restored(device)
    replayed = heartbeat(recent_events=[BOOT, WIFI_UP, FAIL, FAIL])
    assert back.apply(replayed, live=False, now=NOW) == Change.NOTHING
    change = receive(back, heartbeat(uptime=130, recent_events=reported), after=30)
    assert bool(change & Change.EVENT_LOG) is bool(new)
    assert [event.tag for event in back.telemetry.event_log.new] == [
        event["t"] for event in new
    ]
    again = receive(back, heartbeat(uptime=130, recent_events=reported), after=30)
    assert again == Change.NOTHING


def test_a_log_that_was_never_reported_has_no_new_entries() -> None:
    """After an empty one, entries are new."""
    device = Device(device_id=DEVICE_ID)
    receive(device, heartbeat(uptime=100))
    back = restored(device)
    assert not receive(back, heartbeat(recent_events=[FAIL])) & Change.EVENT_LOG

    receive(device, heartbeat(recent_events=[]))
    back = restored(device)
    assert receive(back, heartbeat(recent_events=[FAIL])) & Change.EVENT_LOG


# Malformed data


def _drop_alert_state(data: dict[str, Any]) -> None:
    data["alerts"][0]["state"] = "PURPLE"


def _drop_alerts(data: dict[str, Any]) -> None:
    del data["alerts"]


def _clear_alert(data: dict[str, Any]) -> None:
    data["alerts"][0]["state"] = "CLEARED"


def _alert_of_nothing(data: dict[str, Any]) -> None:
    data["alerts"][0] = 7


@pytest.mark.parametrize(
    "damage", [_drop_alert_state, _drop_alerts, _clear_alert, _alert_of_nothing]
)
def test_a_lost_alert_never_reads_as_all_clear(
    device: Device, damage: Callable[[dict[str, Any]], None]
) -> None:
    """All subsystems are unknown after an alert is lost."""
    data = stored(device)
    damage(data)
    alerts = deserialize(DEVICE_ID, data).alerts
    assert not alerts.active
    assert alerts.unknown == {"Player", "FileManager"}


def test_valid_fields_of_an_alert_are_restored(device: Device) -> None:
    """It is active, with its subsystem and valid fields."""
    data = stored(device)
    data["subsystems"] = "Player"
    data["alerts"] = [
        {"subsystem": "Player", "state": "FAILED", "msg": 7, "updated_at": "now"}
    ]
    alerts = deserialize(DEVICE_ID, data).alerts
    (back,) = alerts.active.values()
    assert (back.severity, back.message) == (Severity.FAILED, "")
    assert back.updated_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert back.raised_at == back.worsened_at == back.updated_at
    assert not back.acknowledged
    assert not back.announced
    assert alerts.subsystems == ("Player",)


def test_alerts_without_a_sensor_are_stored(device: Device) -> None:
    """All active alerts are stored, up to the limits."""
    for number in range(MAX_ACTIVE):
        receive(device, alert(f"Subsystem {number}", "WARNING"))
    data = stored(device)
    back = deserialize(DEVICE_ID, data).alerts
    assert back.active.keys() == device.alerts.active.keys()
    assert back.subsystems == device.alerts.subsystems
    data["alerts"] *= 2
    data["subsystems"] = [f"Other {number}" for number in range(99)]
    back = deserialize(DEVICE_ID, data).alerts
    assert len(back.active) == MAX_ACTIVE
    assert len(back.subsystems) == MAX_SUBSYSTEMS


def test_a_log_with_a_gap_is_forgotten(device: Device) -> None:
    """It would make old events new."""
    data = stored(device)
    data["events"][0]["t"] = "boot"
    back = deserialize(DEVICE_ID, data)
    reported = heartbeat(recent_events=EVERYTHING["recent_events"])
    assert not receive(back, reported) & Change.EVENT_LOG


def test_a_log_reported_again_is_the_same_log(device: Device) -> None:
    """None of its entries is new."""
    back = restored(device)
    payload = orjson.dumps({"recent_events": EVERYTHING["recent_events"]})
    for _ in range(3):
        log = back.telemetry.event_log
        message = parse_heartbeat(payload, DEVICE_ID, log.text)
        assert isinstance(message, Heartbeat)
        assert message.payload == b'{"recent_events":null}'
        assert not receive(back, message) & Change.EVENT_LOG
        assert log.new == ()
    assert log.events == device.telemetry.event_log.events


def test_a_log_with_a_number_that_is_none_is_forgotten() -> None:
    """A log with an invalid number is not known."""
    back = deserialize(DEVICE_ID, {"events": [{"t": 2**70}]})
    assert not back.telemetry.event_log.is_known


@pytest.mark.parametrize(
    ("telemetry", "rssi"),
    [
        pytest.param({}, -70, id="none"),
        pytest.param({"rssi": 7}, -70, id="bad"),
        pytest.param({"rssi": -60}, -60, id="stored"),
        pytest.param({"rssi": 0}, 0, id="strongest"),
        pytest.param({"rssi": 1}, -70, id="too-strong"),
        pytest.param({"rssi": -128}, -128, id="weakest"),
        pytest.param({"rssi": -129}, -70, id="too-weak"),
    ],
)
def test_the_signal_is_read_from_the_log_if_it_is_not_stored(
    telemetry: dict[str, Json], rssi: int
) -> None:
    """It is that of the newest connection."""
    newest = WIFI_UP | {"d0": 65466, "up": 9}
    back = deserialize(
        DEVICE_ID, {"telemetry": telemetry, "events": [newest, BOOT, WIFI_UP]}
    )
    assert back.telemetry.rssi == rssi


event_fields = st.fixed_dictionaries(
    {name: st.integers(0, 2) for name in ("t", "d0", "d1", "ts", "up")}
)
event_logs = st.lists(event_fields, max_size=4)
bad_events = json_values | st.builds(
    lambda event, name, value: event | {name: value},
    event_fields,
    st.sampled_from(["t", "up", "x"]),
    json_values,
)


@st.composite
def logs_before_and_after(draw: st.DrawFn) -> tuple[object, list[dict[str, int]]]:
    """Draw a log as stored, and the next one."""
    log = draw(event_logs)
    reported = log[draw(st.integers(0, len(log))) :] + draw(event_logs)
    damaged = log[:-1] + draw(st.lists(bad_events, min_size=1, max_size=2))
    kept = draw(st.sampled_from([log, reported, damaged]) | json_values)
    return kept, reported


@given(
    logs=logs_before_and_after(),
    encoded=st.sampled_from([encode, orjson.dumps]),
    live=st.booleans(),
)
def test_a_stored_log_is_compared_with_the_next_one(
    logs: tuple[object, list[dict[str, int]]],
    encoded: Callable[[object], bytes],
    *,
    live: bool,
) -> None:
    """A stored log with a malformed entry is unknown."""
    kept, reported = logs
    faults: list[Fault] = []
    events = parse_events(kept, faults)
    known = None if faults else events
    reported_events = parse_events(reported, [])
    assert reported_events is not None

    device = deserialize(DEVICE_ID, {"events": kept})
    log = device.telemetry.event_log
    assert log.is_known is (known is not None)
    assert log.events == (known or ())
    payload = encoded({"recent_events": reported})
    message = parse_heartbeat(payload, DEVICE_ID, log.text)
    change = device.apply(message, live=live, now=NOW)
    new = () if known is None or not live else new_events(known, reported_events)
    if not (device.restarts.is_id_shared(NOW) or change & Change.RESTART):
        assert log.new == new
        assert bool(change & Change.EVENT_LOG) is bool(new)
    assert log.events == (reported_events if live or known is None else known)
    assert parse_events(stored(device)["events"], []) == log.events


@pytest.mark.parametrize(
    "name", [*DEVICE_FIELDS, *PLAYBACK_FIELDS, *RESTART_FIELDS, *TELEMETRY_FIELDS]
)
@pytest.mark.parametrize("bad", [[], {}, "", -(2**40), 2**40])
def test_one_bad_field_never_loses_the_others(
    device: Device, name: str, bad: object
) -> None:
    """A malformed field is as one never reported."""
    data = stored(device)
    holder = data["telemetry"] if name in TELEMETRY_FIELDS else data
    holder[name] = bad
    back = stored(deserialize(DEVICE_ID, data))
    holder.pop(name)
    again = stored(deserialize(DEVICE_ID, data))
    assert back == again


lives = lives_with(st.sampled_from([0, 1, 29, 30, 59, 60, 86_400]))


@given(lives)
def test_nothing_but_what_is_to_be_forgotten_is_lost(
    life: list[tuple[int, Step]],
) -> None:
    """Any device survives any number of restarts."""
    device, now = Device(device_id=DEVICE_ID), NOW
    for wait, step in life:
        now += wait
        step.apply(device, now)
    device.alerts.unconfirm()
    assert stored(restored(device)) == stored(device)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                *DEVICE_FIELDS,
                *PLAYBACK_FIELDS,
                *RESTART_FIELDS,
                *("telemetry", "subsystems", "alerts", "events"),
                *("closed_by", "gaps"),
            ]
        ),
        json_values
        | st.dictionaries(st.sampled_from([*TELEMETRY_FIELDS]), json_values)
        | st.lists(
            st.dictionaries(
                st.sampled_from(
                    ["subsystem", "state", "msg", "updated_at", "t", "d0", "ts"]
                ),
                json_values,
            )
        ),
    )
)
def test_whatever_is_read_makes_a_device(data: dict[str, Json]) -> None:
    """A device of any stored data can be stored."""
    device = deserialize(DEVICE_ID, data)
    stored(device)
    receive(device, heartbeat(**EVERYTHING))
    assert device.online


@pytest.mark.parametrize(
    ("part", "name", "least", "most"),
    [
        ("restarts", "uptime", 0, 2**32 - 1),
        ("restarts", "started", 1 - 2**32, 2**32 - 1),
        ("telemetry", "boot_time", 1 - 2**32, 2**32 - 1),
        ("telemetry", "heap_free", 0, 2**32 - 1),
        ("telemetry", "heap_min_free", 0, 2**32 - 1),
        ("telemetry", "last_disconnect_code", 0, 2**16 - 1),
        ("telemetry", "reset_reason", 0, 2**16 - 1),
        ("telemetry", "rssi", -128, 0),
    ],
)
def test_ends_of_a_range(part: str, name: str, least: int, most: int) -> None:
    """What can't be received is not restored either."""

    def back(value: int) -> object:
        stored = {name: value}
        data = {part: stored} if part == "telemetry" else stored
        return getattr(getattr(deserialize(DEVICE_ID, data), part), name)

    default = back(most + 1)
    assert default not in (least - 1, most + 1)
    assert [back(value) for value in (least - 1, least, most)] == [default, least, most]


@pytest.mark.parametrize("depth", [1, 500, 1020])
def test_what_nests_in_an_event_is_not_saved(depth: int) -> None:
    """Deep nesting could make the store unreadable."""
    device = Device(device_id=DEVICE_ID)
    nested = b"[" * depth + b"]" * depth
    event = b'{"t":1,"d0":4,"d1":0,"ts":0,"up":1,"x":%b}' % nested
    for number in range(3):
        payload = b'{"uptime":%d,"heap_free":5,"recent_events":[%b]}' % (number, event)
        receive(
            device,
            parse_heartbeat(payload, DEVICE_ID, device.telemetry.event_log.text),
        )
    assert stored(device)["events"] == [{"t": 1, "d0": 4, "d1": 0, "ts": 0, "up": 1}]
