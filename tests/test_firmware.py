"""The simulated firmware and its fleet follow the protocol."""

import json
from typing import Any

import pytest

from tests.rig.firmware import (
    HEALTH_CHECK_SECONDS,
    HEARTBEAT_SECONDS,
    EventTag,
    Firmware,
    Publication,
    RebootCause,
    ResetReason,
)
from tests.rig.fleet import SCENARIOS, Fleet, expected_states, make_fleets

HEALTH_COMMAND = b'{"v": 2, "cmd": "system.health"}'


@pytest.fixture
def device() -> Firmware:
    """Return a device that has just sent a heartbeat."""
    device = Firmware("chapel", booted=-3600.0, epoch=1_800_000_000.0)
    device.tick(0.0)
    return device


def sent(publications: list[Publication]) -> list[tuple[str, dict[str, Any]]]:
    """Return the last topic level and payload of each."""
    return [(p.topic.rsplit("/", 1)[1], json.loads(p.payload)) for p in publications]


def heartbeat(device: Firmware) -> dict[str, Any]:
    """Request a heartbeat and return it."""
    device.receive("vesper/chapel/control", HEALTH_COMMAND)
    kind, payload = sent(device.tick(0.0))[0]
    assert kind == "heartbeat"
    return payload


def test_heartbeats_come_every_30_s_retained() -> None:
    """Heartbeats come every 30 s, QoS 1 and retained."""
    device = Firmware("chapel", prefix="site1/vesper")
    for now in range(86_400):
        published = device.tick(float(now))
        assert len(published) == (now % HEARTBEAT_SECONDS == 0)
        for publication in published:
            assert publication.topic == "site1/vesper/chapel/status/heartbeat"
            assert (publication.qos, publication.retain) == (1, True)
            assert json.loads(publication.payload)["uptime"] == now


def test_a_heartbeat_that_is_late_is_not_made_up_for(device: Firmware) -> None:
    """After a stall there is only one heartbeat."""
    assert len(device.tick(100.0)) == 1
    assert device.next_due == 120.0
    assert device.tick(119.9) == []


def test_first_heartbeat_follows_the_boot() -> None:
    """Heartbeats are due by the time of the boot."""
    assert Firmware("chapel", booted=-100.0).next_due == 20.0


def test_shapes_of_the_heartbeat(device: Firmware) -> None:
    """Firmware 1.1.0 sends five diagnostics that 1.0.0 lacks."""
    new = heartbeat(device)
    old = heartbeat(Firmware("chapel", version="1.0.0"))
    assert set(old) == {"device_id", "uptime", "firmware_version"}
    assert set(new) - set(old) == {
        "reset_reason",
        "heap_free",
        "heap_min_free",
        "last_disconnect_code",
        "recent_events",
    }
    assert new["device_id"] == "chapel"
    assert new["firmware_version"] == "1.1.0"


def test_heap_drifts_over_its_low_water_mark(device: Firmware) -> None:
    """Free heap varies; its minimum only falls."""
    heartbeats = [
        json.loads(device.tick(now)[0].payload) for now in range(30, 6000, 30)
    ]
    assert len({payload["heap_free"] for payload in heartbeats}) > 100
    lows = [payload["heap_min_free"] for payload in heartbeats]
    assert lows == sorted(lows, reverse=True)
    assert all(
        payload["heap_min_free"] <= payload["heap_free"] for payload in heartbeats
    )


def test_ring_buffer_repeats_and_forgets(device: Firmware) -> None:
    """Events repeat until sixteen newer ones replace them."""
    boot, wifi_up = heartbeat(device)["recent_events"]
    assert boot == {"t": EventTag.BOOT, "d0": 1, "d1": 0, "ts": 0, "up": 0}
    assert wifi_up["t"] == EventTag.WIFI_UP
    assert -79 <= wifi_up["d0"] - 0x10000 <= -40
    assert heartbeat(device)["recent_events"] == [boot, wifi_up]

    for elapsed in range(16):
        device.call_succeeded("/api", elapsed)
    events = heartbeat(device)["recent_events"]
    assert [(event["t"], event["d1"]) for event in events] == [
        (EventTag.HTTP_OK, elapsed) for elapsed in range(16)
    ]
    assert events[0]["ts"] == 1_800_000_000
    assert events[0]["up"] == 3600

    device.call_failed("/api", 503)
    last = heartbeat(device)["recent_events"][-1]
    assert (last["t"], last["d0"], last["d1"]) == (
        EventTag.HTTP_FAIL,
        events[0]["d0"],
        503,
    )


def test_an_alert_is_sent_once_per_transition(device: Firmware) -> None:
    """An alert is sent only when its state changes."""
    device.raise_alert("FileManager", "WARNING", "SD mount failed")
    device.raise_alert("FileManager", "WARNING", "SD mount failed again")
    device.raise_alert("FileManager", "CRITICAL", "SD gone")
    device.clear_alert("FileManager")
    device.clear_alert("FileManager")
    published = device.tick(1.0)
    assert all((p.qos, p.retain) == (1, False) for p in published)
    assert sent(published) == [
        (
            "alerts",
            {"subsystem": "FileManager", "state": "WARNING", "msg": "SD mount failed"},
        ),
        (
            "alerts",
            {"subsystem": "FileManager", "state": "CRITICAL", "msg": "SD gone"},
        ),
        ("alerts", {"subsystem": "FileManager", "state": "CLEARED"}),
    ]
    assert device.tick(2 * HEALTH_CHECK_SECONDS)[1:] == []


def test_playback(device: Firmware) -> None:
    """Start and stop are sent with QoS 0."""
    device.stop_playback()
    device.start_playback("ABC123")
    assert device.playing
    device.stop_playback()
    published = device.tick(1.0)
    assert all((p.qos, p.retain) == (0, False) for p in published)
    assert sent(published) == [
        ("info", {"type": "playback_started", "payload": {"melody_uid": "ABC123"}}),
        ("info", {"type": "playback_stopped", "payload": {}}),
    ]
    assert not device.playing


def test_health_command_brings_a_heartbeat_but_no_repetition(device: Firmware) -> None:
    """Alerts reported since boot are not repeated."""
    device.raise_alert("FileManager", "WARNING", "SD mount failed")
    device.tick(1.0)
    device.receive("vesper/chapel/control", HEALTH_COMMAND)
    assert [kind for kind, _ in sent(device.tick(1.0))] == ["heartbeat"]
    assert device.next_due == HEARTBEAT_SECONDS


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("vesper/tower/control", HEALTH_COMMAND),
        ("vesper/chapel/control", b""),
        ("vesper/chapel/control", b"\xff{"),
        ("vesper/chapel/control", b"[]"),
        ("vesper/chapel/control", b'{"v": 1, "cmd": "system.health"}'),
        ("vesper/chapel/control", b'{"v": 2, "cmd": "system.reboot"}'),
        ("vesper/chapel/control", b'{"v": 2, "cmd": ["system.health"]}'),
    ],
)
def test_other_commands_are_ignored(
    device: Firmware, topic: str, payload: bytes
) -> None:
    """Only `system.health` on its own topic is handled."""
    device.receive(topic, payload)
    assert device.tick(1.0) == []


def test_restart_forgets_reported_alerts(device: Firmware) -> None:
    """The health check after a restart raises them again."""
    device.raise_alert("FileManager", "WARNING", "SD mount failed")
    device.raise_alert("TimeKeeper", "CRITICAL", "NTP sync failed")
    device.start_playback("ABC123")
    device.tick(10.0)
    device.restart(cause=RebootCause.OTA)
    device.clear_alert("TimeKeeper")

    ((kind, payload),) = sent(device.tick(10.0))
    assert (kind, payload["uptime"]) == ("heartbeat", 0)
    assert payload["reset_reason"] == ResetReason.SOFTWARE
    assert [(event["t"], event["d0"]) for event in payload["recent_events"][-3:-1]] == [
        (EventTag.REBOOT, RebootCause.OTA),
        (EventTag.BOOT, ResetReason.SOFTWARE),
    ]
    assert payload["recent_events"][-1]["t"] == EventTag.WIFI_UP
    assert not device.playing
    assert device.uptime == 0

    check = 10.0 + HEALTH_CHECK_SECONDS
    assert [kind for kind, _ in sent(device.tick(check - 1))] == ["heartbeat"]
    assert [
        (kind, alert.get("subsystem")) for kind, alert in sent(device.tick(check))
    ] == [("heartbeat", None), ("alerts", "FileManager")]


def test_a_new_fault_after_a_restart_is_sent_after_the_heartbeat(
    device: Firmware,
) -> None:
    """The heartbeat of the new boot is sent first.

    So a client takes the alert for one of the new boot.
    """
    device.restart()
    device.raise_alert("FileManager", "WARNING", "SD mount failed")
    kinds = [kind for kind, _ in sent(device.tick(10.0))]
    assert kinds == ["heartbeat", "alerts"]
    assert device.next_due == HEARTBEAT_SECONDS


def test_health_command_after_a_restart_raises_what_is_wrong(device: Firmware) -> None:
    """A requested check equals the one every 5 minutes."""
    device.raise_alert("FileManager", "WARNING", "SD mount failed")
    device.restart(ResetReason.PANIC)
    device.tick(1.0)
    device.receive("vesper/chapel/control", HEALTH_COMMAND)
    kinds = [kind for kind, _ in sent(device.tick(1.0))]
    assert kinds == ["heartbeat", "alerts"]


def test_a_disconnected_device_sends_and_receives_nothing(device: Firmware) -> None:
    """After the reconnect it starts with a heartbeat."""
    device.raise_alert("TimeKeeper", "WARNING", "NTP sync failed")
    device.tick(1.0)
    device.disconnect_wifi()
    assert not device.online
    device.raise_alert("FileManager", "WARNING", "SD mount failed")
    device.clear_alert("TimeKeeper")
    device.start_playback("ABC123")
    device.receive("vesper/chapel/control", HEALTH_COMMAND)
    for now in range(1, HEALTH_CHECK_SECONDS + 1):
        assert device.tick(float(now)) == []

    device.reconnect_wifi()
    ((kind, payload),) = sent(device.tick(301.0))
    assert kind == "heartbeat"
    assert payload["last_disconnect_code"] == 255
    tags = [event["t"] for event in payload["recent_events"]]
    assert tags[2:] == [
        EventTag.WIFI_DOWN,
        *[EventTag.HEARTBEAT_MISS] * 10,
        EventTag.WIFI_UP,
    ]
    assert payload["recent_events"][-2]["d0"] == 10

    device.receive("vesper/chapel/control", HEALTH_COMMAND)
    alerts = [alert for kind, alert in sent(device.tick(301.0)) if kind == "alerts"]
    assert [(alert["subsystem"], alert["state"]) for alert in alerts] == [
        ("FileManager", "WARNING"),
        ("TimeKeeper", "CLEARED"),
    ]


def test_expected_states_follow_the_device(device: Firmware) -> None:
    """They show the worst alert and the melody."""
    assert expected_states(device) == {
        "connectivity": "on",
        "health": "ok",
        "active_alerts": "0",
        "playing": "unknown",
        "melody": "unknown",
        "reset_reason": "power_on",
    }
    device.raise_alert("FileManager", "WARNING", "SD mount failed")
    device.raise_alert("Player", "FAILED", "amplifier does not answer")
    device.raise_alert("TimeKeeper", "CRITICAL", "NTP sync failed")
    device.clear_alert("TimeKeeper")
    device.start_playback("ABC123")
    shown = {
        "connectivity": "on",
        "health": "failed",
        "active_alerts": "2",
        "playing": "on",
        "melody": "ABC123",
        "reset_reason": "power_on",
        "alert_FileManager": "warning",
        "alert_Player": "failed",
        "alert_TimeKeeper": "ok",
    }
    assert expected_states(device) == shown

    device.disconnect_wifi()
    device.clear_alert("Player")
    assert expected_states(device) == shown | {
        "connectivity": "off",
        "playing": "unavailable",
        "melody": "unavailable",
    }

    device.restart(ResetReason.BROWN_OUT)
    assert expected_states(device) == {
        "connectivity": "on",
        "health": "warning",
        "active_alerts": "1",
        "playing": "off",
        "melody": "unknown",
        "reset_reason": "brown_out",
        "alert_FileManager": "warning",
        "alert_Player": "ok",
        "alert_TimeKeeper": "ok",
    }


def test_expected_states_of_the_first_firmware() -> None:
    """Values that it does not report are unknown."""
    device = Firmware("chapel", version="1.0.0")
    device.restart(ResetReason.PANIC)
    expected = expected_states(device)
    assert expected["reset_reason"] == "unknown"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_fleet_is_made_from_each_scenario(scenario: str) -> None:
    """By default it has six devices, healthy at first."""
    expected = Fleet("localhost", 1883, scenario=scenario).expected()
    health = [state for key, state in expected.items() if key.endswith("/health")]
    assert health == ["ok"] * 6


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"speed": 0.0}, "speed"),
        ({"prefix": "vesper/#"}, "prefix"),
        ({"prefix": ""}, "prefix"),
        ({"scenario": "opera"}, "idle, lively, cast"),
        ({"scenario": "cast", "devices": 3}, "devices of its own"),
        ({"devices": 0}, "at least one"),
    ],
)
def test_a_fleet_that_can_not_be_is_refused(
    choice: dict[str, Any], reason: str
) -> None:
    """The error names the invalid value."""
    with pytest.raises(ValueError, match=reason):
        Fleet("localhost", 1883, **choice)


@pytest.mark.parametrize(
    ("sites", "choice", "shares"),
    [
        (
            ["north/vesper", "south/vesper"],
            {"scenario": "cast"},
            [
                {"chapel", "gatehouse", "library"},
                {"school-hall", "tower", "courtyard", "chapel"},
            ],
        ),
        (["a", "b", "c"], {"devices": list("uvw")}, [{"u"}, {"u", "v"}, {"u", "w"}]),
        (["a"], {"devices": ["u", "v"]}, [{"u", "v"}]),
    ],
)
def test_sites_share_the_devices(
    sites: list[str], choice: dict[str, Any], shares: list[set[str]]
) -> None:
    """The first device exists at each."""
    fleets = make_fleets("localhost", 1883, sites, **choice)
    assert [fleet.prefix for fleet in fleets] == sites
    assert [set(fleet.device_ids) for fleet in fleets] == shares
    for fleet in fleets:
        for device_id in fleet.device_ids:
            with fleet.device(device_id) as device:
                assert device.prefix == fleet.prefix


def test_devices_with_the_same_id_differ() -> None:
    """Each has its own uptime."""
    uptimes = set()
    for fleet in make_fleets("localhost", 1883, ["a", "b"], devices=2):
        with fleet.device(fleet.device_ids[-1]) as device:
            uptimes.add(device.uptime)
    assert len(uptimes) == 2


@pytest.mark.parametrize(
    ("sites", "choice", "reason"),
    [
        (["a", "a"], {}, "only once"),
        (["a", "b"], {"devices": 1}, "2 prefixes need at least as many devices"),
        (["a", "b"], {"scenario": "opera"}, "idle, lively, cast"),
        (["a", "b/"], {}, "prefix"),
    ],
)
def test_sites_that_can_not_be_are_refused(
    sites: list[str], choice: dict[str, Any], reason: str
) -> None:
    """The error names the invalid value."""
    with pytest.raises(ValueError, match=reason):
        make_fleets("localhost", 1883, sites, **choice)
