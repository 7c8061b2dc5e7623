"""Malformed messages are counted, logged once, and change nothing."""

from collections import Counter
import json
import logging
import re
from typing import Any, NamedTuple, override
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import async_fire_mqtt_message

from custom_components.vesper.model.device import Device
from custom_components.vesper.protocol.fields import FaultKind
from homeassistant.core import HomeAssistant
from tests.common import BELL, BOOT, EVERYTHING, FLEET, Vesper, Writes, logged

OK_ALERT = {"subsystem": "FileManager", "state": "WARNING"}


class Bad(NamedTuple):
    """A message and its fault."""

    topic: str
    message: Any
    """The payload's bytes, or a value to be encoded as JSON."""
    path: str
    kind: FaultKind

    @property
    def payload(self) -> bytes:
        """Return the bytes to publish."""
        if isinstance(self.message, bytes):
            return self.message
        return json.dumps(self.message).encode()

    @property
    def key(self) -> tuple[str, str, FaultKind]:
        """Return the key of its count."""
        return self.topic, self.path, self.kind

    @override
    def __str__(self) -> str:
        """Return a short test id."""
        return f"{self.topic} {self.message!r:.40}"


MALFORMED = [
    Bad("heartbeat", b"not JSON", "", FaultKind.NOT_JSON),
    Bad("heartbeat", b"{", "", FaultKind.NOT_JSON),
    Bad("heartbeat", b"\xff\xfe", "", FaultKind.NOT_JSON),
    Bad("heartbeat", b"\x00", "", FaultKind.NOT_JSON),
    Bad("heartbeat", b'{"uptime": NaN}', "", FaultKind.NOT_JSON),
    Bad("heartbeat", b"[" * 5000, "", FaultKind.NOT_JSON),
    Bad("heartbeat", [], "", FaultKind.NOT_OBJECT),
    Bad("heartbeat", None, "", FaultKind.NOT_OBJECT),
    Bad("heartbeat", 5, "", FaultKind.NOT_OBJECT),
    Bad("heartbeat", "text", "", FaultKind.NOT_OBJECT),
    Bad("heartbeat", b" " * (16 * 1024 + 1), "", FaultKind.TOO_LARGE),
    Bad("heartbeat", {"device_id": "elsewhere"}, "device_id", FaultKind.MISMATCH),
    Bad("heartbeat", {"device_id": 7}, "device_id", FaultKind.MISMATCH),
    Bad("heartbeat", {"device_id": "Bell"}, "device_id", FaultKind.MISMATCH),
    Bad("heartbeat", {"uptime": -1}, "uptime", FaultKind.INVALID),
    Bad("heartbeat", {"uptime": 1.5}, "uptime", FaultKind.INVALID),
    Bad("heartbeat", {"uptime": True}, "uptime", FaultKind.INVALID),
    Bad("heartbeat", {"uptime": "5"}, "uptime", FaultKind.INVALID),
    Bad("heartbeat", {"uptime": 2**32}, "uptime", FaultKind.INVALID),
    Bad("heartbeat", {"uptime": 10**30}, "uptime", FaultKind.INVALID),
    Bad("heartbeat", {"fw": "1\n2"}, "fw", FaultKind.INVALID),
    Bad("heartbeat", {"payload": {"uptime": -1}}, "uptime", FaultKind.INVALID),
    Bad("heartbeat", {"heap_free": -1}, "heap_free", FaultKind.INVALID),
    Bad("heartbeat", {"heap_min_free": 2**32}, "heap_min_free", FaultKind.INVALID),
    Bad("heartbeat", {"reset_reason": "panic"}, "reset_reason", FaultKind.INVALID),
    Bad(
        "heartbeat",
        {"last_disconnect_code": 8.0},
        "last_disconnect_code",
        FaultKind.INVALID,
    ),
    Bad("heartbeat", {"recent_events": {}}, "recent_events", FaultKind.INVALID),
    Bad("heartbeat", {"recent_events": [5]}, "recent_events[]", FaultKind.INVALID),
    Bad(
        "heartbeat",
        {"recent_events": [BOOT | {"d0": None}]},
        "recent_events[].d0",
        FaultKind.INVALID,
    ),
    Bad("alerts", b"not JSON", "", FaultKind.NOT_JSON),
    Bad("alerts", [OK_ALERT], "", FaultKind.NOT_OBJECT),
    Bad("alerts", b" " * (16 * 1024 + 1), "", FaultKind.TOO_LARGE),
    Bad("alerts", {"state": "WARNING"}, "subsystem", FaultKind.MISSING),
    Bad("alerts", OK_ALERT | {"subsystem": ""}, "subsystem", FaultKind.INVALID),
    Bad("alerts", OK_ALERT | {"subsystem": "a\tb"}, "subsystem", FaultKind.INVALID),
    Bad("alerts", OK_ALERT | {"subsystem": "x" * 65}, "subsystem", FaultKind.INVALID),
    Bad("alerts", OK_ALERT | {"subsystem": 5}, "subsystem", FaultKind.INVALID),
    Bad("alerts", {"subsystem": "FileManager"}, "state", FaultKind.MISSING),
    Bad("alerts", OK_ALERT | {"state": None}, "state", FaultKind.MISSING),
    Bad("alerts", OK_ALERT | {"state": "BETTER"}, "state", FaultKind.INVALID),
    Bad("alerts", OK_ALERT | {"state": "CLEARED ?"}, "state", FaultKind.INVALID),
    Bad("alerts", OK_ALERT | {"state": 0}, "state", FaultKind.INVALID),
    Bad("alerts", OK_ALERT | {"state": False}, "state", FaultKind.INVALID),
    Bad("info", b"not JSON", "", FaultKind.NOT_JSON),
    Bad("info", "playback_started", "", FaultKind.NOT_OBJECT),
    Bad("info", b" " * (4 * 1024 + 1), "", FaultKind.TOO_LARGE),
    Bad("info", {"payload": {}}, "type", FaultKind.MISSING),
    Bad("info", {"type": ""}, "type", FaultKind.INVALID),
    Bad("info", {"type": 5}, "type", FaultKind.INVALID),
    Bad("info", {"type": "x" * 65}, "type", FaultKind.INVALID),
]

#: Malformed fields of messages that are used all the same.
PARTLY_MALFORMED = [
    Bad(
        "heartbeat",
        {"recent_events": [BOOT] * 65},
        "recent_events",
        FaultKind.TOO_MANY,
    ),
    Bad("alerts", OK_ALERT | {"msg": 5}, "msg", FaultKind.INVALID),
    Bad("info", {"type": "odd", "payload": []}, "payload", FaultKind.INVALID),
    Bad(
        "info",
        {"type": "playback_started", "payload": {"melody_uid": 5}},
        "payload.melody_uid",
        FaultKind.INVALID,
    ),
]

BAD_IDS = ["", "x" * 65, "bell 1", "bell\n1", "Glocke-ä", "bell*", "\u202ebell", "b'"]


@pytest.mark.parametrize("bad", MALFORMED, ids=str)
async def test_malformed(
    vesper: Vesper, writes: Writes, caplog: pytest.LogCaptureFixture, bad: Bad
) -> None:
    """It is counted by kind, and changes nothing."""
    await vesper.report_everything()
    await vesper.heartbeat("other")
    writes.take()
    for _ in range(3):
        await vesper.publish(BELL, bad.topic, bad.payload)
    assert writes.take() == []
    assert vesper.hub.devices[BELL].faults == Counter({bad.key: 3})
    assert not vesper.hub.devices["other"].faults
    assert not vesper.hub.receiver.stray_faults

    (line,) = logged(caplog, logging.WARNING)
    what = bad.path or "the payload"
    assert re.sub(r"\[\d+\]", "[]", line).startswith(
        f"Malformed {bad.topic} from 'bell': {what} "
    )
    assert line.isprintable()
    assert len(line) < 300

    await vesper.publish("other", bad.topic, bad.payload)
    assert vesper.hub.devices["other"].faults == Counter({bad.key: 1})
    assert len(logged(caplog, logging.WARNING)) == 2


@pytest.mark.parametrize("bad", PARTLY_MALFORMED, ids=str)
async def test_partly_malformed(
    vesper: Vesper, caplog: pytest.LogCaptureFixture, bad: Bad
) -> None:
    """The fields that are not malformed are applied."""
    await vesper.heartbeat()
    await vesper.publish(BELL, bad.topic, bad.payload)
    assert vesper.hub.devices[BELL].faults == Counter({bad.key: 1})
    assert len(logged(caplog, logging.WARNING)) == 1
    if bad.topic == "heartbeat":
        assert len(vesper.hub.devices[BELL].telemetry.event_log.events) == 64
    elif bad.topic == "alerts":
        assert vesper.value("alert_FileManager") == "warning"
        assert vesper.state("alert_FileManager").attributes["message"] == ""
    else:
        assert vesper.state("activity").attributes["type"] == bad.message["type"]


@pytest.mark.parametrize(
    "bad",
    [
        bad
        for bad in MALFORMED
        # A heartbeat with a bad field is a heartbeat, and adds its device.
        if bad.topic != "heartbeat" or bad.path in ("", "device_id")
    ],
    ids=str,
)
async def test_malformed_from_an_unknown_device(
    vesper: Vesper, caplog: pytest.LogCaptureFixture, bad: Bad
) -> None:
    """It adds no device, and counts for unknown devices."""
    for _ in range(3):
        await vesper.publish(BELL, bad.topic, bad.payload)
    assert not vesper.hub.devices
    assert vesper.value("devices", FLEET) == "0"
    assert vesper.hub.receiver.stray_faults == Counter({bad.key: 3})
    assert len(logged(caplog, logging.WARNING)) == 1


async def test_one_bad_field_never_loses_the_others(vesper: Vesper) -> None:
    """Valid fields are applied, each bad one is counted."""
    await vesper.report_everything()
    await vesper.heartbeat(uptime=-5, fw_version="2.0", fw=7, heap_free="x")
    assert vesper.hub.devices[BELL].telemetry.firmware_version == "2.0"
    assert vesper.hub.devices[BELL].restarts.uptime == 3600
    assert set(vesper.hub.devices[BELL].faults) == {
        ("heartbeat", "uptime", FaultKind.INVALID),
        ("heartbeat", "heap_free", FaultKind.INVALID),
    }


@pytest.mark.parametrize(
    "heartbeat",
    [
        {"payload": {"uptime": 10, "fw": "2.0"}},
        {"payload": {"device_id": BELL, "uptime": 10, "fw": "2.0"}},
        {"device_id": BELL, "uptime": 10, "fw": "2.0", "payload": None},
        {"device_id": None, "uptime": 10, "fw": "2.0", "unknown": [{}]},
    ],
)
async def test_forms_of_a_heartbeat(vesper: Vesper, heartbeat: dict[str, Any]) -> None:
    """Envelope, matching id and unknown fields are accepted."""
    await vesper.heartbeat(**heartbeat)
    assert vesper.hub.devices[BELL].restarts.uptime == 10
    assert vesper.hub.devices[BELL].telemetry.firmware_version == "2.0"
    assert not vesper.hub.devices[BELL].faults


async def test_absent_fields_leave_what_is_known(vesper: Vesper) -> None:
    """An absent or null field keeps its value."""
    await vesper.heartbeat(uptime=3600, firmware_version="1.2.0")
    await vesper.heartbeat()
    await vesper.heartbeat(uptime=None, firmware_version=None)
    assert vesper.hub.devices[BELL].restarts.uptime == 3600
    assert vesper.hub.devices[BELL].telemetry.firmware_version == "1.2.0"


@pytest.mark.parametrize("device_id", BAD_IDS)
@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("heartbeat", b"{}"),
        ("alerts", b'{"subsystem": "FileManager", "state": "WARNING"}'),
        ("info", b'{"type": "playback_started"}'),
    ],
)
async def test_ids_that_are_none(
    vesper: Vesper,
    caplog: pytest.LogCaptureFixture,
    device_id: str,
    topic: str,
    payload: bytes,
) -> None:
    """A topic without a valid device id is rejected."""
    for _ in range(3):
        await vesper.publish(device_id, topic, payload)
    assert not vesper.hub.devices
    assert vesper.value("devices", FLEET) == "0"
    assert vesper.hub.receiver.stray_faults == Counter(
        {(topic, "topic", FaultKind.INVALID): 3}
    )
    (line,) = logged(caplog, logging.WARNING)
    assert line.isascii()
    assert line.isprintable()


@pytest.mark.parametrize(
    "device_id", ["b", "x" * 64, "A-Z_0.9:b", "...", "-", "status"]
)
async def test_ids_of_all_kinds(vesper: Vesper, device_id: str) -> None:
    """Each id that the protocol allows is a device."""
    await vesper.heartbeat(device_id)
    assert list(vesper.hub.devices) == [device_id]
    assert vesper.value("connectivity", device_id) == "on"


async def test_logged_once_for_each_kind(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """A flood of malformed messages logs few lines."""
    await vesper.heartbeat()
    for number in range(200):
        await vesper.heartbeat(uptime=-number - 1)
        await vesper.publish(BELL, "alerts", b"%d" % number)
    assert vesper.hub.devices[BELL].faults == Counter(
        {
            ("heartbeat", "uptime", FaultKind.INVALID): 200,
            ("alerts", "", FaultKind.NOT_OBJECT): 200,
        }
    )
    assert len(logged(caplog, logging.WARNING)) == 2


async def test_a_bad_entry_that_moves(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """A bad entry is logged once at any position."""
    bad = BOOT | {"d0": "brown-out"}
    for count in range(10):
        for _ in range(2):
            await vesper.heartbeat(recent_events=[*[BOOT] * count, bad])
    assert vesper.hub.devices[BELL].faults == Counter(
        {("heartbeat", "recent_events[].d0", FaultKind.INVALID): 20}
    )
    (line,) = logged(caplog, logging.WARNING)
    assert "recent_events[0].d0 must be a whole number, is 'brown-out'" in line


async def test_never_read_as_all_clear(vesper: Vesper) -> None:
    """A malformed alert never clears the alert."""
    await vesper.report_everything()
    for bad in MALFORMED:
        await vesper.publish(BELL, bad.topic, bad.payload)
    assert vesper.value("alert_FileManager") == "warning"
    assert vesper.state("alert_FileManager").attributes["message"] == "SD mount failed"
    assert vesper.value("playing") == "on"
    assert vesper.value("connectivity") == "on"


async def test_retained_info(
    vesper: Vesper, writes: Writes, caplog: pytest.LogCaptureFixture
) -> None:
    """It is ignored and counted."""
    await vesper.heartbeat()
    writes.take()
    for _ in range(2):
        await vesper.publish(BELL, "info", b'{"type": "chime"}', retain=True)
        await vesper.disconnect_broker()
        await vesper.reconnect_broker()
    assert vesper.hub.devices[BELL].faults == Counter(
        {("info", "", FaultKind.RETAINED): 2}
    )
    assert vesper.hub.devices[BELL].activity is None
    assert len(logged(caplog, logging.WARNING)) == 1


async def test_retained_info_of_an_unknown_device(vesper: Vesper) -> None:
    """It is ignored and counted too."""
    await vesper.publish(BELL, "info", b'{"type": "chime"}', retain=True)
    assert not vesper.hub.devices
    assert vesper.hub.receiver.stray_faults == Counter(
        {("info", "", FaultKind.RETAINED): 1}
    )


async def test_retained_alert(vesper: Vesper) -> None:
    """It is unconfirmed until the device reports the subsystem."""
    await vesper.alert("FileManager", "WARNING", "SD mount failed", retain=True)
    assert vesper.value("connectivity") == "unknown"
    assert vesper.value("alert_FileManager") == "warning"
    assert vesper.state("alert_FileManager").attributes["confirmed"] is False
    assert vesper.state("active_alerts").attributes["alerts"][0]["confirmed"] is False
    assert vesper.value("problem") == "on"
    await vesper.alert("FileManager", "WARNING", "SD mount failed")
    assert vesper.state("alert_FileManager").attributes["confirmed"] is True


async def test_retained_heartbeat_fills_in(vesper: Vesper) -> None:
    """It tells of the firmware, not of a restart."""
    await vesper.heartbeat(uptime=3600)
    await vesper.info("playback_started")
    await vesper.heartbeat(retain=True, uptime=10, firmware_version="1.3")
    assert vesper.hub.devices[BELL].telemetry.firmware_version == "1.3"
    assert vesper.value("playing") == "on"
    await vesper.heartbeat(uptime=3630)
    assert vesper.value("playing") == "on"


def _alert_sensors(vesper: Vesper) -> set[str]:
    """Return the keys of the bell's alert sensors."""
    return {key for key in sorted(vesper.keys()) if key.startswith("alert_")}


async def test_retained_heartbeat_overwrites_nothing(vesper: Vesper) -> None:
    """Not even values from before a restart are overwritten."""
    old = {
        "firmware_version": "1.0",
        "reset_reason": 4,
        "heap_free": 9000,
        "heap_min_free": 8000,
        "last_disconnect_code": 8,
    }
    keys = ("reset_reason", "heap_free", "heap_min_free", "last_disconnect")
    await vesper.heartbeat(**EVERYTHING)
    before = [vesper.value(key) for key in keys]
    for _ in range(2):
        await vesper.heartbeat(retain=True, **old)
        assert [vesper.value(key) for key in keys] == before
        assert vesper.hub.devices[BELL].telemetry.firmware_version == "1.2.0"
        await vesper.reload()


async def test_too_many_subsystems(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """More of them count than have a sensor."""
    for number in range(66):
        await vesper.alert(f"s{number}", "CRITICAL" if number == 65 else "WARNING")
    assert vesper.value("active_alerts") == "64"
    assert len(vesper.state("active_alerts").attributes["alerts"]) == 64
    assert vesper.value("health") == "critical"
    sensors = {f"alert_s{number}" for number in range(32)}
    assert _alert_sensors(vesper) == sensors
    assert vesper.hub.devices[BELL].faults == Counter(
        {("alerts", "subsystem", FaultKind.TOO_MANY): 2}
    )
    assert len(logged(caplog, logging.WARNING)) == 1
    await vesper.alert("s40", "CLEARED")
    assert vesper.value("active_alerts") == "63"
    assert vesper.value("health") == "warning"
    await vesper.alert("s0", "FAILED")
    assert vesper.value("alert_s0") == "failed"


async def test_place_of_a_subsystem(vesper: Vesper) -> None:
    """A new sensor replaces the one OK for longest."""
    for number in range(32):
        await vesper.alert(f"s{number}", "WARNING")
    for subsystem in ("s5", "s3"):
        await vesper.alert(subsystem, "CLEARED")
    sensor = vesper.entity_id("alert_s5")
    await vesper.alert("new", "FAILED", "no power")
    assert "alert_s5" not in _alert_sensors(vesper)
    assert vesper.hass.states.get(sensor) is None
    assert vesper.value("alert_new") == "failed"
    assert vesper.value("alert_s3") == "ok"
    await vesper.reload()
    assert "alert_s5" not in _alert_sensors(vesper)
    assert vesper.value("alert_new") == "failed"
    await vesper.alert("s5", "CRITICAL")
    assert vesper.value("alert_s5") == "critical"
    assert "alert_s3" not in _alert_sensors(vesper)


@pytest.mark.parametrize("is_known", [True, False])
async def test_place_that_is_lost_at_once(
    hass: HomeAssistant, vesper: Vesper, *, is_known: bool
) -> None:
    """A sensor that is not added yet goes, too."""
    if is_known:
        await vesper.heartbeat()
    for number in range(40):
        for state in ("WARNING", "CLEARED"):
            payload = f'{{"subsystem": "s{number}", "state": "{state}"}}'
            async_fire_mqtt_message(hass, f"vesper/{BELL}/status/alerts", payload)
    await hass.async_block_till_done()
    assert _alert_sensors(vesper) == {f"alert_s{number}" for number in range(8, 40)}
    assert {vesper.value(f"alert_s{number}") for number in range(8, 40)} == {"ok"}


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b'{"subsystem": "SD", "state": "FAILED", "msg": "Stra\xc3"}', "Stra\ufffd"),
        (
            b'{"subsystem": "SD", "state": "FAILED", "msg": "\xed\xa0\x80"}',
            "\ufffd" * 3,
        ),
        (b'{"subsystem": "SD", "state": "FAILED", "msg": "\\ud800"}', " "),
        (b'{"subsystem": "SD", "state": "FAILED", "msg": "a\nb"}', "a b"),
        (b'{"subsystem": "SD", "state": "FAILED"}\0\0', ""),
        (b'\xef\xbb\xbf{"subsystem": "SD", "state": "FAILED"}', ""),
        (b'{"subsystem": "SD", "state": "FAILED", "heap": NaN}', ""),
        (b'{"subsystem": "SD", "state": "FAILED", "heap": 1e999}', ""),
        (b'{"subsystem": "SD", "state": "FAILED "}', ""),
        (b'{"subsystem": "SD", "state": "FAILED", "msg": "mount fai', "mount fai"),
        (
            b'{"subsystem": "SD", "state": "FAILED", "msg": "%s"}' % (b"x" * 16_000),
            "x" * 1023 + "…",
        ),
    ],
    ids=lambda value: f"{value!r:.90}",
)
async def test_damaged_alert(vesper: Vesper, payload: bytes, message: str) -> None:
    """An alert is read if it can be read."""
    await vesper.heartbeat()
    await vesper.publish(BELL, "alerts", payload)
    assert vesper.value("alert_SD") == "failed"
    assert vesper.state("alert_SD").attributes["message"] == message
    assert not vesper.hub.devices[BELL].faults


@pytest.mark.parametrize(
    ("msg", "shown"),
    [
        ("", ""),
        ("SD\nmount\tfailed", "SD mount failed"),
        ("ä€\u202e", "ä€ "),
        ("x" * 1024, "x" * 1024),
        ("x" * 1025, "x" * 1023 + "…"),
    ],
)
async def test_text_of_an_alert(vesper: Vesper, msg: str, shown: str) -> None:
    """It is shown in one line of limited length."""
    await vesper.alert("FileManager", "WARNING", msg)
    assert vesper.state("alert_FileManager").attributes["message"] == shown
    assert not vesper.hub.devices[BELL].faults


async def test_other_topics_are_not_ours(vesper: Vesper) -> None:
    """Only the three status topics are subscribed to."""
    for topic in ("status", "heartbeats", "heartbeat/x"):
        await vesper.publish(BELL, topic, b"{}")
    await vesper.publish("a/b", "heartbeat", b"{}")
    assert not vesper.hub.devices
    assert not vesper.hub.receiver.stray_faults


async def test_an_error_of_our_own(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception loses one message and is logged."""
    await vesper.heartbeat()
    with patch.object(Device, "apply", side_effect=ZeroDivisionError("ours")):
        await vesper.heartbeat(uptime=5)
    errors = [one for one in caplog.records if one.levelno >= logging.ERROR]
    caplog.clear()
    assert any("ours" in one.getMessage() for one in errors)
    await vesper.heartbeat(uptime=5)
    assert vesper.hub.devices[BELL].restarts.uptime == 5
