"""Hostile senders: memory is bounded, text is only text."""

import json
import logging
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import async_fire_mqtt_message

from custom_components.vesper.const import CONF_MAX_DEVICES
from custom_components.vesper.model.alerts import MAX_ACTIVE, MAX_SUBSYSTEMS
from custom_components.vesper.model.message_log import MAX_KEPT_BYTES, MAX_MESSAGES
from custom_components.vesper.protocol.fields import FaultKind
from homeassistant.const import STATE_ON
from homeassistant.helpers import entity_registry as er, issue_registry as ir

from .common import BELL, BOOT, FLEET, Vesper, log_entry, logged

SUBSYSTEM = "FileManager"

#: Texts that could be interpreted as markup, template, format or path.
TEXTS = [
    "<script>alert(1)</script>",
    "![x](y) [link](z) **bold** | table",
    "{{ states | list }}",
    "{% for x in range(9) %}{{ x }}{% endfor %}",
    "%s %d %(name)s %",
    "{0} {subsystem} {}",
    "../../../configuration",
    "a/b\\c",
    "'; drop table states; --",
    "$(reboot) `reboot`",
    "!secret password",
    "[%key:common::state::off%]",
    "component::vesper::title",
    "e\u0301\u0323 \U0001f514",
]
#: Unprintable texts: they would hide, reverse or break their line.
UNPRINTABLE = [
    "one\nline: INFO more",
    "\r\x1b[2Jclean",
    "\x00",
    "\u202egnp.exe",
    "\u2066isolated\u2069",
    "\u2028paragraph\u2029",
    "\u200b",
    "\ufeff",
]


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Keep a flood out of the slow debug log."""
    caplog.set_level(logging.INFO)


def _lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the log lines, checked to be short ASCII."""
    lines = logged(caplog)
    for line in lines:
        assert line.isascii()
        assert line.isprintable()
        assert len(line) < 300
    return lines


def _known(vesper: Vesper) -> dict[str, str]:
    """Return the states of the bell."""
    return vesper.values() | {"connected": vesper.value("mqtt_link", FLEET)}


async def test_ten_thousand_ids_in_a_minute(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """All structures are bounded, and known devices still work."""
    most = 20
    vesper.hass.config_entries.async_update_entry(
        vesper.entry, options={CONF_MAX_DEVICES: most}
    )
    await vesper.reload()
    await vesper.report_everything()
    before = _known(vesper)
    messages = (
        ("heartbeat", b'{"uptime": 1}'),
        ("alerts", b'{"subsystem": "s", "state": "FAILED"}'),
        ("info", b'{"type": "playback_started"}'),
    )
    for number in range(10_000):
        topic, payload = messages[number % 3]
        async_fire_mqtt_message(
            vesper.hass, f"vesper/id-{number}/status/{topic}", payload
        )
        if number % 1000 == 0:
            await vesper.advance(6)
            await vesper.heartbeat(uptime=3600 + number // 1000 * 6)
    hub = vesper.hub
    assert len(hub.devices) == most
    assert hub.fleet.devices == most
    assert len(hub._monitor._deadlines) == most  # noqa: SLF001
    assert hub.admission.rejected == 1000
    assert not hub.receiver.stray_faults
    assert len(ir.async_get(vesper.hass).issues) == 1
    assert len(_lines(caplog)) == 1
    assert _known(vesper) == before


async def test_ten_thousand_subsystems_in_a_minute(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """One device uses no more than its own limits."""
    await vesper.alert(SUBSYSTEM, "WARNING", "SD mount failed")
    for number in range(10_000):
        payload = json.dumps({"subsystem": f"s{number}", "state": "WARNING"}).encode()
        async_fire_mqtt_message(vesper.hass, f"vesper/{BELL}/status/alerts", payload, 1)
    await vesper.hass.async_block_till_done()
    device = vesper.hub.devices[BELL]
    assert len(device.alerts.subsystems) == MAX_SUBSYSTEMS
    assert len(device.alerts.active) == MAX_ACTIVE
    assert len(list(device.message_log.records())) == MAX_MESSAGES
    assert device.faults == {
        ("alerts", "subsystem", FaultKind.TOO_MANY): 10_001 - MAX_ACTIVE
    }
    assert len(_lines(caplog)) == 1
    await vesper.alert(SUBSYSTEM, "CLEARED")
    assert vesper.value(f"alert_{SUBSYSTEM}") == "ok"


async def test_faults_of_ever_new_names(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """Faults are not counted under names from a sender."""
    for number in range(140):
        fields: dict[str, Any] = {
            f"field {number}": number,
            "uptime": str(number),
            "heap_free": [number],
            "firmware_version": "x" * (65 + number),
            "recent_events": [{f"t{number}": number}] * (number % 70),
        }
        await vesper.heartbeat(**fields)
        await vesper.alert(f"s{number}\n", f"state {number}")
        await vesper.info({"type": number})
    device = vesper.hub.devices[BELL]
    assert len(device.faults) < 20
    assert len(_lines(caplog)) == len(device.faults)


@pytest.mark.parametrize("topic", ["heartbeat", "alerts", "info"])
@pytest.mark.parametrize(
    "payload",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"payload":' * 2000 + b"1" + b"}" * 2000,
        b'{"recent_events":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"x": "' + b"y" * 10_000_000 + b'"}',
        b"\xff" * 10_000_000,
        b'{"uptime": 1' + b"0" * 5000 + b"}",
        b'{"uptime": 1e999, "heap_free": -1e999}',
        b'{"uptime": NaN}',
        b'{"heap_free": Infinity}',
        b'{"type": "\\ud800", "subsystem": "\\udfff", "state": "OK"}',
    ],
    ids=lambda payload: f"{payload[:20]!r}",
)
async def test_payloads_beyond_measure(
    vesper: Vesper, caplog: pytest.LogCaptureFixture, topic: str, payload: bytes
) -> None:
    """Each loses one message; little of it is stored."""
    await vesper.report_everything()
    before = _known(vesper)
    for _ in range(3):
        await vesper.publish(BELL, topic, payload)
    assert _known(vesper) == before
    device = vesper.hub.devices[BELL]
    assert device.faults.total() >= 3
    assert all(len(record.payload) <= MAX_KEPT_BYTES for record in _records(vesper))
    assert len(_lines(caplog)) == len(device.faults)


def _records(vesper: Vesper) -> list[Any]:
    """Return the stored messages of the bell."""
    return list(vesper.hub.devices[BELL].message_log.records())[-3:]


async def test_duplicate_keys(vesper: Vesper) -> None:
    """The last one counts, as usual in JSON."""
    await vesper.publish(
        BELL, "alerts", b'{"subsystem":"a","state":"OK","state":"FAILED"}'
    )
    assert vesper.value("alert_a") == "failed"
    await vesper.publish(
        BELL, "heartbeat", b'{"heap_free":1024,"heap_free":"x","uptime":1}'
    )
    assert vesper.value("heap_free") == "unknown"
    await vesper.publish(
        BELL, "heartbeat", b'{"recent_events":[],"recent_events":[5],"uptime":1}'
    )
    assert vesper.hub.devices[BELL].telemetry.event_log.events == ()
    await vesper.publish(BELL, "heartbeat", b'{"device_id":"bell","device_id":"x"}')
    assert vesper.hub.devices[BELL].faults == {
        ("heartbeat", "heap_free", FaultKind.INVALID): 1,
        ("heartbeat", "recent_events[]", FaultKind.INVALID): 1,
        ("heartbeat", "device_id", FaultKind.MISMATCH): 1,
    }


@pytest.mark.parametrize(
    ("ts", "time"),
    [
        (-1, None),
        (0, None),
        (1, "1970-01-01T00:00:01+00:00"),
        (2**31, "2038-01-19T03:14:08+00:00"),
        (2**32 - 1, "2106-02-07T06:28:15+00:00"),
        (-(2**32) + 1, None),
    ],
)
async def test_clocks_in_the_past_and_future(
    vesper: Vesper, ts: int, time: str | None
) -> None:
    """A device's clock is shown, but has no effect."""
    await vesper.heartbeat(uptime=100, recent_events=[BOOT])
    await vesper.info("playback_started")
    entry = log_entry(6, 3, ts=ts, up=2**32 - 1)
    await vesper.heartbeat(uptime=100, recent_events=[BOOT, entry])
    assert vesper.state("device_log").attributes["event_type"] == "heartbeat_miss"
    assert vesper.state("device_log").attributes["time"] == time
    assert vesper.value("connectivity") == STATE_ON
    assert vesper.value("playing") == STATE_ON
    await vesper.advance(91)
    assert vesper.value("connectivity") == "off"


async def test_an_uptime_of_an_age(vesper: Vesper) -> None:
    """The longest uptime shows a boot long ago."""
    await vesper.heartbeat(uptime=2**32 - 1)
    assert vesper.value("boot_time") < "1900"
    await vesper.heartbeat(uptime=0)
    assert vesper.value("boot_time") > "2020"


@pytest.mark.parametrize("seconds", [1, 12])
async def test_restart_again_and_again(
    vesper: Vesper, caplog: pytest.LogCaptureFixture, seconds: int
) -> None:
    """A device in a restart loop counts as online."""
    await vesper.report_everything()
    await vesper.advance(10)
    for number in range(120):
        await vesper.advance(seconds)
        await vesper.heartbeat(
            uptime=0,
            reset_reason=9,
            heap_free=170_000,
            recent_events=[log_entry(1, 9, ts=1_900_000_000 + number)],
        )
        await vesper.alert(SUBSYSTEM, "CRITICAL", f"attempt {number}")
    assert vesper.value("connectivity") == STATE_ON
    assert vesper.value("playing") == "off"
    assert vesper.value("reset_reason") == "brown_out"
    assert vesper.value("health") == "critical"
    (alert,) = vesper.state("active_alerts").attributes["alerts"]
    assert alert["message"] == "attempt 119"
    assert _lines(caplog) == ["Device bell has restarted"]

    await vesper.heartbeat(uptime=0)
    for uptime in range(30, 630, 30):
        await vesper.advance(30)
        await vesper.heartbeat(uptime=uptime)
    await vesper.heartbeat(uptime=0)
    assert _lines(caplog) == ["Device bell has restarted"] * 2, "it is news again"


@pytest.mark.parametrize("text", TEXTS)
async def test_text_is_text(
    vesper: Vesper, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    """Text of a device is shown and not interpreted."""
    await vesper.heartbeat(firmware_version=text, reset_reason=text, note=text)
    await vesper.alert(text, "WARNING", text)
    await vesper.info("playback_started", {"melody_uid": text})
    assert vesper.value(f"alert_{text}") == "warning"
    state = vesper.state(f"alert_{text}")
    assert state.attributes["message"] == text
    assert state.name == f"Vesper bell {text}"
    assert vesper.value("melody") == text
    await vesper.info(text, {text: text})
    attributes = vesper.state("activity").attributes
    assert attributes["event_type"] == "other"
    assert (attributes["type"], attributes["payload"]) == (text, {text: text})
    # The one fault quotes the value.
    (line,) = _lines(caplog)
    assert ascii(text[:40]) in line
    # It is neither a path nor the id of another entity.
    entity_id = vesper.entity_id(f"alert_{text}")
    assert entity_id.removeprefix("sensor.").replace("_", "").isalnum()
    assert not ir.async_get(vesper.hass).issues
    await vesper.reload()
    registry = er.async_get(vesper.hass)
    assert registry.async_get(entity_id) is not None
    assert vesper.value(f"alert_{text}") != "unavailable"


@pytest.mark.parametrize("text", UNPRINTABLE)
async def test_text_that_is_none(
    vesper: Vesper, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    """Unprintable text is no name, and replaced in messages."""
    await vesper.heartbeat(firmware_version=text)
    await vesper.alert(text, "WARNING")
    await vesper.alert(SUBSYSTEM, text)
    await vesper.alert(SUBSYSTEM, "WARNING", text)
    await vesper.info(text)
    await vesper.info("playback_started", {"melody_uid": text})
    await vesper.publish(text.replace("\x00", "\x01"), "heartbeat", b"{}")
    assert vesper.keys().isdisjoint({f"alert_{text}"})
    assert vesper.state(f"alert_{SUBSYSTEM}").attributes["message"].isprintable()
    assert vesper.value("melody") == "unknown"
    assert vesper.state("activity").attributes["event_type"] == "playback_started"
    device = vesper.hub.devices[BELL]
    assert device.telemetry.firmware_version is None
    assert device.faults.total() == 5
    assert list(vesper.hub.devices) == [BELL]
    assert len(_lines(caplog)) == 6


async def test_retained_alerts_again_and_again(
    vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """Retained alerts undo no live one."""
    await vesper.alert(SUBSYSTEM, "CRITICAL", "live")
    for state in ("WARNING", "FAILED", "CLEARED", "?") * 5:
        await vesper.disconnect_broker()
        await vesper.reconnect_broker()
        await vesper.alert(SUBSYSTEM, "CRITICAL", "live")
        await vesper.alert(SUBSYSTEM, state, "retained", retain=True)
    assert vesper.value(f"alert_{SUBSYSTEM}") == "critical"
    assert vesper.state(f"alert_{SUBSYSTEM}").attributes["message"] == "live"
    assert len(logged(caplog, logging.WARNING)) == 2


@pytest.mark.parametrize(
    "topic",
    [
        "vesper//status/heartbeat",
        "vesper/bell/extra/status/heartbeat",
        "vesper/bell/status",
        "vesper/bell/status/heartbeat/",
        "vesper/bell/status/control",
        "vesper/bell/control",
        "vesper/bell/status/HEARTBEAT",
        "/vesper/bell/status/heartbeat",
        "vesper2/bell/status/heartbeat",
        "vesper/../status/heartbeat/x",
    ],
)
async def test_topics_of_any_shape(vesper: Vesper, topic: str) -> None:
    """Only exact status topics add a device."""
    async_fire_mqtt_message(vesper.hass, topic, b'{"uptime": 1}', 1)
    await vesper.hass.async_block_till_done()
    assert not vesper.hub.devices
