"""What is kept of a device, and what it knows when it is back."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from hypothesis import given, strategies as st
import orjson
import pytest

from custom_components.vesper.model import event_log as device_log
from custom_components.vesper.model.change import Change, Changes
from custom_components.vesper.model.device import Device
from custom_components.vesper.model.event_log import new_in
from custom_components.vesper.model.snapshot import (
    DEVICE_FIELDS,
    DIAGNOSTICS_FIELDS,
    dump,
    load,
    with_log,
)
from custom_components.vesper.protocol.messages import (
    Fault,
    Message,
    parse_events,
    parse_heartbeat,
)
from custom_components.vesper.protocol.severity import Severity

from .strategies import (
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

NOW = 1_800_000_000.0
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


def saved_of(device: Device) -> dict[str, Any]:
    """Return what is read again of what is kept of a device."""
    saved: dict[str, Any] = orjson.loads(with_log(dump(device), device))
    return saved


def hear(device: Device, message: Message, *, after: float = 0.0) -> Changes:
    """Let a device take in a live message, so many seconds after NOW."""
    return device.apply(message, live=True, now=NOW + after)


def restarted(device: Device) -> Device:
    """Return the device as it is after a restart of Home Assistant."""
    return load(DEVICE_ID, saved_of(device))


@pytest.fixture
def device() -> Device:
    """Return a device that has told one thing of each kind."""
    device = Device(device_id=DEVICE_ID)
    hear(device, heartbeat(**EVERYTHING))
    hear(device, alert("Player", "CRITICAL", "amplifier does not answer"))
    hear(device, alert("FileManager", "WARNING"))
    hear(device, alert("FileManager", "CLEARED"))
    hear(device, info("playback_started", melody_uid="ABC123"))
    device.set_maintenance(until=NOW + 3600)
    return device


def test_all_is_back(device: Device) -> None:
    """Each value is there, alerts are not confirmed, who is online is not known."""
    back = restarted(device)
    assert back.online is None
    for name in DEVICE_FIELDS:
        assert getattr(back, name) == getattr(device, name) is not None
    for name in DIAGNOSTICS_FIELDS:
        told = getattr(device.diagnostics, name)
        assert getattr(back.diagnostics, name) == told is not None
    assert back.diagnostics.log.events == device.diagnostics.log.events != ()
    assert back.alerts.subsystems == ("Player", "FileManager")
    assert not back.alerts.unheard
    assert back.alerts.as_json() == [device.alerts.as_json()[0] | {"confirmed": False}]


def test_acknowledged_alerts_stay_so(device: Device) -> None:
    """Who knows of an alert is not told of it anew by a restart."""
    saved = saved_of(device)
    saved["alerts"][0]["acknowledged"] = True
    saved["alerts"][0]["note"] = "Anna is on it"
    player = load(DEVICE_ID, saved).alerts.active["Player"]
    assert player.acknowledged
    assert player.note == "Anna is on it"


@pytest.mark.parametrize("note", [None, 5, "two\nlines", 256 * "x"])
def test_what_is_no_note_is_none(device: Device, note: Json) -> None:
    """The alert is there all the same."""
    saved = saved_of(device)
    saved["alerts"][0]["note"] = note
    assert load(DEVICE_ID, saved).alerts.active["Player"].note == ""


def test_an_alert_from_before_a_restart_is_closed_in_the_end(device: Device) -> None:
    """That it waits to be raised again outlives a restart of Home Assistant."""
    hear(device, heartbeat(uptime=10), after=100)
    assert device.alerts.awaited == {"Player"}
    back = restarted(device)
    assert back.alerts.awaited == {"Player"}
    back.close_after = 600
    hear(back, heartbeat(uptime=60), after=150)
    change = hear(back, heartbeat(uptime=660), after=750)
    assert change & Change.ALERT_CLOSED
    assert restarted(back).alerts.closed_by == back.alerts.closed_by != {}


@pytest.mark.parametrize(
    "closed_by",
    [None, ["Player"], {"Player": "restart"}, {"Nobody": "restart"}]
    + [{"FileManager": cause} for cause in (None, 7, "device", ["restart"])],
)
def test_a_cause_that_can_not_be_is_none(device: Device, closed_by: Json) -> None:
    """An alert that is active was not closed, and only some causes are known."""
    saved = saved_of(device) | {"closed_by": closed_by}
    assert load(DEVICE_ID, saved).alerts.closed_by == {}


def test_the_rhythm_of_posts_is_kept(device: Device) -> None:
    """A device that posts now and then is waited for after a restart too."""
    assert restarted(device).posts.patience == 0
    for now in (0.0, 300.0, 600.0):
        device.posts.accept(now)
    assert restarted(device).posts.patience == device.posts.patience == 900


@pytest.mark.parametrize("gaps", [None, 300.0, ["300"], [-1.0], [1e9], [True]])
def test_a_rhythm_that_can_not_be_is_none(device: Device, gaps: Json) -> None:
    """Nobody is waited for by it."""
    saved = saved_of(device) | {"post_gaps": gaps}
    assert load(DEVICE_ID, saved).posts.gaps == ()


def test_what_was_never_heard_is_not_saved_as_ok(device: Device) -> None:
    """A subsystem that only its entity tells of stays unknown."""
    device.alerts.subsystems += ("TimeKeeper",)
    device.alerts.unheard |= {"TimeKeeper"}
    assert "TimeKeeper" not in restarted(device).alerts.subsystems


# Playback


@pytest.mark.parametrize(
    "message",
    [heartbeat(uptime=130), alert("Player", "CLEARED"), info("volume")],
    ids=["heartbeat", "alert", "info"],
)
def test_playback_is_not_known_once_something_else_is_heard(
    device: Device, message: Message
) -> None:
    """Its end may have gone unheard, and no bell plays for ever."""
    back = restarted(device)
    assert (back.playing, back.melody) == (True, "ABC123")
    change = hear(back, message, after=30)
    assert (back.playing, back.melody) == (None, None)
    assert change & Change.PLAYING
    assert change & Change.MELODY


@pytest.mark.parametrize(("kind", "playing"), [("started", True), ("stopped", False)])
def test_playback_is_what_is_heard_first(
    device: Device, kind: str, *, playing: bool
) -> None:
    """A word of it is what it is."""
    back = restarted(device)
    hear(back, info(f"playback_{kind}"), after=30)
    assert back.playing is playing
    hear(back, heartbeat(uptime=130), after=30)
    assert back.playing is playing


def test_a_kept_heartbeat_says_nothing_of_playback(device: Device) -> None:
    """It is no word of the device."""
    back = restarted(device)
    back.apply(heartbeat(**EVERYTHING), live=False, now=NOW + 30)
    assert back.playing is True


# A restart of the device meanwhile


@pytest.mark.parametrize(
    ("fields", "after", "is_restart"),
    [
        pytest.param({"uptime": 3700}, 3600, False, id="went on"),
        pytest.param({"uptime": 3690}, 3600, False, id="heartbeat came late"),
        pytest.param({"uptime": 10}, 3600, True, id="uptime fell"),
        pytest.param({"uptime": 3000}, 3600, True, id="uptime grew past it"),
        pytest.param({}, 3600, False, id="does not tell"),
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
def test_a_restart_meanwhile_is_seen(
    device: Device, fields: dict[str, Any], after: float, *, is_restart: bool
) -> None:
    """The first live heartbeat tells, whatever comes before it."""
    back = restarted(device)
    back.apply(heartbeat(uptime=5), live=False, now=NOW + after)
    hear(back, alert("Player", "CRITICAL"), after=after)
    change = hear(back, heartbeat(**fields), after=after)
    assert bool(change & Change.RESTART) is is_restart
    assert not hear(back, heartbeat(**fields), after=after) & Change.RESTART


def test_only_the_first_heartbeat_is_asked_how_the_time_of_boot_moved(
    device: Device,
) -> None:
    """Later on it is our own clock that was set."""
    back = restarted(device)
    hear(back, heartbeat(uptime=130), after=30)
    assert not hear(back, heartbeat(uptime=160), after=3660) & Change.RESTART


# Its log


@pytest.mark.parametrize(
    ("told", "new"),
    [
        pytest.param([BOOT, WIFI_UP], [], id="as before"),
        pytest.param([BOOT, WIFI_UP, FAIL], [FAIL], id="one more"),
        pytest.param([WIFI_UP, FAIL], [FAIL], id="one fell out"),
        pytest.param([FAIL, FAIL], [FAIL, FAIL], id="all fell out"),
    ],
)
def test_what_is_new_in_the_log_is_told_once(
    device: Device, told: list[Any], new: list[Any]
) -> None:
    """Against what was known before the restart; a kept heartbeat changes nothing."""
    back = restarted(device)
    replayed = heartbeat(recent_events=[BOOT, WIFI_UP, FAIL, FAIL])
    assert back.apply(replayed, live=False, now=NOW) == Change.NOTHING
    change = hear(back, heartbeat(uptime=130, recent_events=told), after=30)
    assert bool(change & Change.DEVICE_LOG) is bool(new)
    assert [event.tag for event in back.diagnostics.log.new] == [
        event["t"] for event in new
    ]
    again = hear(back, heartbeat(uptime=130, recent_events=told), after=30)
    assert again == Change.NOTHING


def test_a_log_that_was_never_told_is_a_first_sight() -> None:
    """An empty one that was told is not."""
    device = Device(device_id=DEVICE_ID)
    hear(device, heartbeat(uptime=100))
    back = restarted(device)
    assert not hear(back, heartbeat(recent_events=[FAIL])) & Change.DEVICE_LOG

    hear(device, heartbeat(recent_events=[]))
    back = restarted(device)
    assert hear(back, heartbeat(recent_events=[FAIL])) & Change.DEVICE_LOG


# What can't be read


def _drop_alert_state(saved: dict[str, Any]) -> None:
    saved["alerts"][0]["state"] = "PURPLE"


def _drop_alerts(saved: dict[str, Any]) -> None:
    del saved["alerts"]


def _clear_alert(saved: dict[str, Any]) -> None:
    saved["alerts"][0]["state"] = "CLEARED"


def _alert_of_nothing(saved: dict[str, Any]) -> None:
    saved["alerts"][0] = 7


@pytest.mark.parametrize(
    "damage", [_drop_alert_state, _drop_alerts, _clear_alert, _alert_of_nothing]
)
def test_a_lost_alert_never_reads_as_all_clear(
    device: Device, damage: Callable[[dict[str, Any]], None]
) -> None:
    """Which subsystem it was of may be unknown, so all are not heard yet."""
    saved = saved_of(device)
    damage(saved)
    alerts = load(DEVICE_ID, saved).alerts
    assert not alerts.active
    assert alerts.unheard == {"Player", "FileManager"}


def test_an_alert_keeps_what_is_good_of_it(device: Device) -> None:
    """It is active, whatever else is wrong with it, and its subsystem is known."""
    saved = saved_of(device)
    saved["subsystems"] = "Player"
    saved["alerts"] = [
        {"subsystem": "Player", "state": "FAILED", "msg": 7, "updated_at": "now"}
    ]
    alerts = load(DEVICE_ID, saved).alerts
    (back,) = alerts.active.values()
    assert (back.severity, back.message) == (Severity.FAILED, "")
    assert back.updated_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert not back.acknowledged
    assert alerts.subsystems == ("Player",)


def test_a_log_with_a_gap_is_forgotten(device: Device) -> None:
    """It would make old events look new."""
    saved = saved_of(device)
    saved["events"][0]["t"] = "boot"
    back = load(DEVICE_ID, saved)
    told = heartbeat(recent_events=EVERYTHING["recent_events"])
    assert not hear(back, told) & Change.DEVICE_LOG


def test_a_log_told_again_is_the_same_log(device: Device) -> None:
    """Nothing of it is new, nor is there anything to be saved."""
    back = restarted(device)
    payload = orjson.dumps({"recent_events": EVERYTHING["recent_events"]})
    for _ in range(3):
        log = back.diagnostics.log
        told = parse_heartbeat(payload, DEVICE_ID, log.member)
        assert not hear(back, told) & Change.DEVICE_LOG
        assert (log.new, log.changes) == ((), 0)
    assert log.member in payload
    assert log.member != b""
    assert log.events == device.diagnostics.log.events


def test_a_log_that_nobody_asked_for_is_saved_as_it_was(device: Device) -> None:
    """A save after a start reads none of them."""
    back = restarted(device)
    with patch.object(device_log, "parse_events") as read:
        assert saved_of(back)["events"] == saved_of(device)["events"]
    read.assert_not_called()


def test_a_log_with_a_number_that_is_none_is_forgotten() -> None:
    """No event has one, and no file can hold it."""
    back = load(DEVICE_ID, {"events": [{"t": 2**70}]})
    assert not back.diagnostics.log.is_known


def test_the_signal_is_read_from_a_log_that_is_told_again() -> None:
    """It may be missing where the log was saved."""
    events = [BOOT, WIFI_UP]
    back = load(DEVICE_ID, {"events": events})
    payload = orjson.dumps({"reset_reason": 1, "recent_events": events})
    change = hear(back, parse_heartbeat(payload, DEVICE_ID))
    assert change & Change.WIFI_SIGNAL
    assert not change & Change.DEVICE_LOG
    assert back.diagnostics.rssi == -53


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
    """Return what was kept of a log, good or not, and what the device tells next."""
    log = draw(event_logs)
    told = log[draw(st.integers(0, len(log))) :] + draw(event_logs)
    damaged = log[:-1] + draw(st.lists(bad_events, min_size=1, max_size=2))
    kept = draw(st.sampled_from([log, told, damaged]) | json_values)
    return kept, told


@given(
    logs_before_and_after(),
    st.sampled_from([encode, orjson.dumps]),
    st.booleans(),
    st.booleans(),
)
def test_a_log_is_what_it_would_be_if_it_were_read_at_once(
    logs: tuple[object, list[dict[str, int]]],
    encoded: Callable[[object], bytes],
    live: bool,  # noqa: FBT001
    asked: bool,  # noqa: FBT001
) -> None:
    """When it is read, and whoever asks first, makes no difference to anybody."""
    kept, told = logs
    faults: list[Fault] = []
    events = parse_events(kept, faults)
    known = None if faults else events
    now_told = parse_events(told, [])
    assert now_told is not None

    device = load(DEVICE_ID, {"events": kept})
    log = device.diagnostics.log
    if asked:
        assert log.is_known is (known is not None)
        assert log.events == (known or ())
    payload = encoded({"recent_events": told})
    change = device.apply(parse_heartbeat(payload, DEVICE_ID), live=live, now=NOW)
    new = () if known is None or not live else new_in(known, now_told)
    assert log.new == new
    assert bool(change & Change.DEVICE_LOG) is bool(new)
    assert log.events == (now_told if live or known is None else known)
    assert saved_of(device)["events"] == [event.as_told() for event in log.events]


@pytest.mark.parametrize("name", [*DEVICE_FIELDS, *DIAGNOSTICS_FIELDS])
@pytest.mark.parametrize("bad", [[], {}, "", -(2**40), 2**40])
def test_one_bad_field_never_loses_the_others(
    device: Device, name: str, bad: object
) -> None:
    """It is as if it had never been told."""
    saved = saved_of(device)
    holder = saved if name in DEVICE_FIELDS else saved["diagnostics"]
    holder[name] = bad
    back = saved_of(load(DEVICE_ID, saved))
    holder.pop(name)
    again = saved_of(load(DEVICE_ID, saved))
    assert back == again


lives = lives_with(st.sampled_from([0, 1, 29, 30, 59, 60, 86_400]))


@given(lives)
def test_nothing_but_what_is_to_be_forgotten_is_lost(
    life: list[tuple[int, Step]],
) -> None:
    """Whatever a device went through, it is the same after any number of restarts."""
    device, now = Device(device_id=DEVICE_ID), NOW
    for wait, step in life:
        now += wait
        step.take(device, now)
    device.alerts.unconfirm()
    assert saved_of(restarted(device)) == saved_of(device)


@given(
    st.dictionaries(
        st.sampled_from(
            [*DEVICE_FIELDS, "diagnostics", "subsystems", "alerts", "events"]
        ),
        json_values
        | st.dictionaries(st.sampled_from([*DIAGNOSTICS_FIELDS]), json_values)
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
def test_whatever_is_read_makes_a_device(saved: dict[str, Json]) -> None:
    """Nothing raises, and what comes of it can be saved and lives on."""
    device = load(DEVICE_ID, saved)
    saved_of(device)
    hear(device, heartbeat(**EVERYTHING))
    assert device.online


@pytest.mark.parametrize("depth", [1, 500, 1020])
def test_what_nests_in_an_event_is_not_saved(depth: int) -> None:
    """It might nest so deep that the file with all devices can't be read."""
    device = Device(device_id=DEVICE_ID)
    nested = b"[" * depth + b"]" * depth
    event = b'{"t":1,"d0":4,"d1":0,"ts":0,"up":1,"x":%b}' % nested
    for number in range(3):
        payload = b'{"uptime":%d,"heap_free":5,"recent_events":[%b]}' % (number, event)
        hear(device, parse_heartbeat(payload, DEVICE_ID, device.diagnostics.log.member))
    assert saved_of(device)["events"] == [{"t": 1, "d0": 4, "d1": 0, "ts": 0, "up": 1}]
