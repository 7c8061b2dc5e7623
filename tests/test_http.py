"""The HTTP API: access, responses, and posted heartbeats."""

import asyncio
from collections.abc import AsyncIterator
import gzip
from http import HTTPStatus
import json
from typing import Any
from unittest.mock import patch

from aiohttp import StreamReader, web
from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from syrupy.assertion import SnapshotAssertion

from custom_components.vesper.const import CONF_HTTP_KEY, CONF_MAX_DEVICES, DOMAIN
from custom_components.vesper.hub.api_key import digest_of
from custom_components.vesper.protocol.fields import FaultKind
from custom_components.vesper.protocol.heartbeat import MAX_HEARTBEAT_BYTES
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.setup import async_setup_component
from tests.common import (
    BELL,
    BOOT,
    EVERYTHING,
    HTTP_FAIL,
    WIFI_UP,
    Vesper,
    log_entry,
    logged,
)

pytestmark = pytest.mark.usefixtures("no_access_log")

KEY = "a key of the tests"
BEARER = {"Authorization": f"Bearer {KEY}"}
DEVICES = "/api/vesper/devices"
ALERTS = f"{DEVICES}/{BELL}/alerts"
DIAGNOSTICS = f"{DEVICES}/{BELL}/diagnostics"
GETS = [DEVICES, ALERTS, DIAGNOSTICS]
POST = "/api/vesper/heartbeat"
POSTS = [POST, "/api/v1/heartbeat"]

V1_0_0: dict[str, Any] = {"device_id": BELL, "uptime": 3600}
"""All fields of firmware 1.0.0."""

V1_1_0: dict[str, Any] = {
    **V1_0_0,
    "reset_reason": 4,
    "heap_free": 170_000,
    "heap_min_free": 150_528,
    "last_disconnect_code": 255,
    "recent_events": [
        log_entry(1, 4, ts=0, up=0),
        log_entry(2, 65483, ts=1_776_000_000, up=3),
        log_entry(3, 255, ts=1_776_000_100, up=103),
        log_entry(4, 4711, 120, ts=1_776_000_110, up=113),
        log_entry(5, 4711, 503, ts=1_776_000_120, up=123),
        log_entry(6, 3, ts=1_776_000_130, up=133),
        log_entry(7, 140, ts=1_776_000_140, up=143),
        log_entry(8, 1, ts=1_776_000_150, up=153),
        log_entry(99, 1, 2, ts=1_776_000_160, up=163),
    ],
}
"""All fields of firmware 1.1.0, with an event of each kind and an unknown one."""

FIELDS = [
    "reset_reason",
    "heap_free",
    "heap_min_free",
    "last_disconnect_code",
    "recent_events",
]

SHOWN = {"last_disconnect_code": "last_disconnect"}
"""The fields that the API names differently than heartbeats."""


@pytest.fixture
def entry(entry: MockConfigEntry, hass: HomeAssistant) -> MockConfigEntry:
    """Enable posts, with the key of the tests."""
    hass.config_entries.async_update_entry(
        entry, options={CONF_HTTP_KEY: digest_of(KEY)}
    )
    return entry


@pytest.fixture
async def client(vesper: Vesper, hass_client: Any) -> TestClient[Any, Any]:
    """Return a client with the login of an admin."""
    client: TestClient[Any, Any] = await hass_client()
    return client


@pytest.fixture
async def device(vesper: Vesper, hass_client_no_auth: Any) -> TestClient[Any, Any]:
    """Return a client without a login, as devices are."""
    client: TestClient[Any, Any] = await hass_client_no_auth()
    return client


async def _get(client: TestClient[Any, Any], path: str) -> Any:
    """Return the response of a successful call."""
    response = await client.get(path)
    assert response.status == HTTPStatus.OK
    assert response.headers["Cache-Control"] == "no-store"
    assert response.content_type == "application/json"
    return await response.json()


async def _post(device: TestClient[Any, Any], **fields: Any) -> tuple[int, Any]:
    """Post a heartbeat and return status and response."""
    return await _post_body(device, json.dumps(fields).encode())


async def _post_body(
    device: TestClient[Any, Any], body: Any, **headers: str
) -> tuple[int, Any]:
    """Post a body and return status and response."""
    response = await device.post(
        POST,
        data=body,
        headers={**BEARER, "Content-Type": "application/json", **headers},
    )
    return response.status, await _answer(response)


async def _answer(response: Any) -> Any:
    """Return a response's JSON after checking its format."""
    assert response.headers["Cache-Control"] == "no-store"
    answer = await response.json()
    if response.status != HTTPStatus.OK:
        assert set(answer) == {"message", "errors"}
        assert answer["message"]
        assert all(set(error) == {"path", "message"} for error in answer["errors"])
    return answer


def _paths(answer: Any) -> list[str]:
    """Return the paths of the faults in a response."""
    return [error["path"] for error in answer["errors"]]


# Access


@pytest.mark.parametrize("path", GETS)
async def test_anonymous(vesper: Vesper, device: Any, path: str) -> None:
    """A login is required; the key does not suffice."""
    await vesper.heartbeat()
    assert (await device.get(path)).status == HTTPStatus.UNAUTHORIZED
    assert (await device.get(path, headers=BEARER)).status == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("path", GETS)
async def test_users(
    vesper: Vesper,
    client: Any,
    hass_client: Any,
    hass_read_only_access_token: str,
    path: str,
) -> None:
    """Who may read an entity may read its device."""
    await vesper.heartbeat()
    read_only = await hass_client(hass_read_only_access_token)
    assert await _get(read_only, path) == await _get(client, path)


@pytest.mark.parametrize("path", GETS)
async def test_a_user_without_rights(
    vesper: Vesper,
    hass_client: Any,
    hass_read_only_user: MockUser,
    hass_read_only_access_token: str,
    path: str,
) -> None:
    """Neither a device nor its name is shown."""
    await vesper.heartbeat()
    hass_read_only_user.mock_policy({"entities": {"entity_ids": {"light.x": True}}})
    client = await hass_client(hass_read_only_access_token)
    answer = await client.get(path)
    if path == DEVICES:
        assert await answer.json() == []
    else:
        assert answer.status == HTTPStatus.FORBIDDEN
        assert "may not read" in (await answer.json())["message"]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"Authorization": "Bearer wrong"}, id="wrong"),
        pytest.param({"Authorization": "Bearer"}, id="empty"),
        pytest.param({"Authorization": f"Basic {KEY}"}, id="basic"),
        pytest.param({"Authorization": KEY}, id="bare"),
        pytest.param({"X-Vesper-Key": KEY[:-1]}, id="cut"),
        pytest.param({"X-Vesper-Key": "Schlüssel"}, id="no ASCII"),
        pytest.param({"X-Vesper-Key": digest_of(KEY)}, id="digest"),
    ],
)
async def test_wrong_key(
    vesper: Vesper, device: Any, path: str, headers: dict[str, str]
) -> None:
    """A wrong key is rejected, but never banned."""
    with patch("homeassistant.components.http.ban.process_wrong_login") as wrong_login:
        response = await device.post(path, json=V1_0_0, headers=headers)
        assert response.status == HTTPStatus.FORBIDDEN
        await _answer(response)
    wrong_login.assert_not_called()
    assert not vesper.hub.devices
    assert not vesper.hub.receiver.stray_faults


async def test_login_is_no_key(vesper: Vesper, client: Any) -> None:
    """An admin's login can't post."""
    response = await client.post(POST, json=V1_0_0)
    assert response.status == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(BEARER, id="bearer"),
        pytest.param({"Authorization": f"bearer  {KEY}"}, id="bearer in small"),
        pytest.param({"X-Vesper-Key": KEY}, id="own header"),
        pytest.param({"Authorization": "Basic eA==", "X-Vesper-Key": KEY}, id="both"),
    ],
)
async def test_right_key(
    vesper: Vesper, device: Any, path: str, headers: dict[str, str]
) -> None:
    """Both headers and both paths accept the key."""
    response = await device.post(path, json=V1_0_0, headers=headers)
    assert response.status == HTTPStatus.OK
    assert await _answer(response) == {"device_id": BELL, "new": True}
    assert vesper.hub.devices[BELL].online is True


@pytest.mark.parametrize("given", [KEY, ""])
async def test_turned_off(
    hass: HomeAssistant, entry: MockConfigEntry, device: Any, given: str
) -> None:
    """Posts that are off are rejected with any key."""
    hass.config_entries.async_update_entry(entry, options={})
    response = await device.post(POST, json=V1_0_0, headers={"X-Vesper-Key": given})
    assert response.status == HTTPStatus.FORBIDDEN
    await _answer(response)


async def test_not_loaded(
    hass: HomeAssistant, entry: MockConfigEntry, client: Any, device: Any
) -> None:
    """The API reports an entry that is not loaded."""
    assert await hass.config_entries.async_unload(entry.entry_id)
    for path in GETS:
        response = await client.get(path)
        assert response.status == HTTPStatus.SERVICE_UNAVAILABLE
        await _answer(response)
    # Also before the key is checked: there is none to compare with.
    response = await device.post(POST, json=V1_0_0)
    assert response.status == HTTPStatus.SERVICE_UNAVAILABLE
    await _answer(response)

    assert await hass.config_entries.async_setup(entry.entry_id)
    assert await _get(client, DEVICES) == []
    assert (await _post(device, **V1_0_0))[0] == HTTPStatus.OK


async def test_no_entry(hass: HomeAssistant, mqtt_mock: Any, hass_client: Any) -> None:
    """The views stay registered without an entry."""
    assert await async_setup_component(hass, DOMAIN, {})
    response = await (await hass_client()).get(DEVICES)
    assert response.status == HTTPStatus.SERVICE_UNAVAILABLE
    await _answer(response)


async def test_unloaded_while_posting(
    hass: HomeAssistant, entry: MockConfigEntry, device: Any
) -> None:
    """A slow post does not reach a closed hub."""
    hub = entry.runtime_data

    async def read(request: web.Request) -> bytes:
        """Read the body while the entry is unloaded."""
        body = await request.read()
        assert await hass.config_entries.async_unload(entry.entry_id)
        return body

    with patch("custom_components.vesper.http._read", read):
        status, _ = await _post(device, **V1_0_0)
    assert status == HTTPStatus.SERVICE_UNAVAILABLE
    assert not hub.devices


@pytest.mark.parametrize("what", ["alerts", "diagnostics"])
@pytest.mark.parametrize("device_id", ["unknown", "not an id", "x" * 300])
async def test_unknown_device(
    vesper: Vesper, client: Any, what: str, device_id: str
) -> None:
    """An unknown device is not found."""
    await vesper.heartbeat()
    response = await client.get(f"{DEVICES}/{device_id}/{what}")
    assert response.status == HTTPStatus.NOT_FOUND
    await _answer(response)


# Responses


@pytest.fixture
def at_a_known_time(freezer: Any) -> None:
    """Freeze the time, so that snapshots are the same."""
    freezer.move_to("2026-11-22T12:00:00+00:00")


@pytest.mark.usefixtures("at_a_known_time")
async def test_answers(
    hass: HomeAssistant, vesper: Vesper, client: Any, snapshot: SnapshotAssertion
) -> None:
    """The responses for a device with all values."""
    await vesper.heartbeat(**V1_1_0, firmware_version="1.1.0", site={"tower": 2})
    await vesper.alert("FileManager", "WARNING", "SD mount failed")
    await vesper.alert("Wifi", "CRITICAL")
    await vesper.alert("Player", "CLEARED")
    await vesper.publish(BELL, "alerts", b"not JSON")
    registry = dr.async_get(hass)
    entry = registry.async_get_device_by_identifier(
        (DOMAIN, BELL), vesper.entry.entry_id
    )
    assert entry is not None
    registry.async_update_device(entry.id, name_by_user="Chapel")
    await vesper.heartbeat("hall")

    for path in GETS:
        assert await _get(client, path) == snapshot(name=path)
    assert await _get(client, f"{DEVICES}/hall/alerts") == []
    bare = await _get(client, f"{DEVICES}/hall/diagnostics")
    assert bare == snapshot(name="without diagnostics")


async def test_no_device(client: Any) -> None:
    """A fleet without devices is empty."""
    assert await _get(client, DEVICES) == []


@pytest.mark.parametrize(
    ("state", "color"),
    [
        ("WARNING", "yellow"),
        ("CRITICAL", "red"),
        ("FAILED", "red"),
        ("CLEARED", "green"),
    ],
)
async def test_status(vesper: Vesper, client: Any, state: str, color: str) -> None:
    """The status is the worst alert while online."""
    await vesper.alert("FileManager", state)
    (listed,) = await _get(client, DEVICES)
    assert (listed["status"], listed["connected"]) == (color, True)
    await vesper.advance(91)
    (listed,) = await _get(client, DEVICES)
    assert (listed["status"], listed["connected"]) == ("grey", False)


async def test_not_known(vesper: Vesper, client: Any) -> None:
    """It is unknown without live messages or a link."""
    await vesper.heartbeat(retain=True, uptime=5)
    (listed,) = await _get(client, DEVICES)
    assert (listed["status"], listed["connected"]) == ("grey", None)
    assert listed["last_seen"] is None
    assert (await _get(client, DIAGNOSTICS))["live"] is False

    await vesper.heartbeat(uptime=35)
    (listed,) = await _get(client, DEVICES)
    assert (listed["status"], listed["connected"]) == ("green", True)
    await vesper.disconnect_broker()
    (listed,) = await _get(client, DEVICES)
    assert (listed["status"], listed["connected"]) == ("grey", None)
    assert (await _get(client, DIAGNOSTICS))["connected"] is None


async def test_before_a_heartbeat(vesper: Vesper, client: Any) -> None:
    """A device with only an alert has no telemetry."""
    await vesper.alert("FileManager", "WARNING")
    answer = await _get(client, DIAGNOSTICS)
    assert answer["heartbeat"] is None
    assert answer["received_at"] is None
    assert answer["connected"] is True


async def test_heartbeat_as_it_came(vesper: Vesper, client: Any) -> None:
    """Repeated and unknown fields of the heartbeat are shown."""
    for uptime in (5, 35, 65):
        sent: dict[str, Any] = {"uptime": uptime, "recent_events": [BOOT, WIFI_UP]}
        sent["new"] = [uptime]
        await vesper.heartbeat(**sent)
        assert (await _get(client, DIAGNOSTICS))["heartbeat"] == sent


async def test_network_is_redacted(vesper: Vesper, client: Any) -> None:
    """Values that identify a network are redacted everywhere."""
    await vesper.heartbeat(uptime=5, wifi={"ssid": "Home", "ip": "192.0.2.7"})
    answer = await _get(client, DIAGNOSTICS)
    assert answer["heartbeat"]["uptime"] == 5
    assert "Home" not in str(answer)
    assert "192.0.2.7" not in str(answer)


async def test_deep_heartbeat(vesper: Vesper, client: Any) -> None:
    """Deep nesting is cut off."""
    deep = b'{"uptime": 5, "note": %b%b}' % (b"[" * 900, b"]" * 900)
    await vesper.publish(BELL, "heartbeat", deep)
    assert (await _get(client, DIAGNOSTICS))["heartbeat"]["uptime"] == 5


async def test_long_heartbeat(vesper: Vesper, client: Any) -> None:
    """A very long heartbeat is shown in part."""
    await vesper.heartbeat(uptime=5, note="x" * 5000)
    shown = (await _get(client, DIAGNOSTICS))["heartbeat"]
    assert shown.startswith('{"uptime": 5, "note": "xxx')


# Posts


async def test_post_is_live(vesper: Vesper, device: Any) -> None:
    """A post has the effect of a heartbeat."""
    status, answer = await _post(
        device, device_id=BELL, **EVERYTHING, recent_events=[BOOT, WIFI_UP]
    )
    assert (status, answer) == (HTTPStatus.OK, {"device_id": BELL, "new": True})
    await vesper.hass.async_block_till_done()
    assert vesper.value("connectivity") == "on"
    assert vesper.hub.devices[BELL].telemetry.rssi == -53
    assert vesper.value("reset_reason") == "power_on"
    received = vesper.hub.devices[BELL].message_log
    assert (received.live, received.retained, received.posts) == (1, 0, 1)
    assert [record.source for record in received.records()] == ["post"]

    await vesper.heartbeat(uptime=3630)
    assert (received.live, received.posts) == (2, 1)
    status, answer = await _post(device, device_id=BELL, uptime=3640)
    assert answer == {"device_id": BELL, "new": False}
    assert vesper.hub.devices[BELL].restarts.uptime == 3640
    for topic, _, _, retain in (
        call.args[:4] for call in vesper.mqtt.async_publish.call_args_list
    ):
        assert topic.endswith("/control")
        assert not retain


async def test_post_that_is_stale(vesper: Vesper, device: Any) -> None:
    """It is accepted, but is no sign of life."""
    for uptime in (3600, 3630, 3660):
        await _post(device, device_id=BELL, uptime=uptime)
        await vesper.advance(30)
    rhythm = vesper.hub.devices[BELL].rhythm.gaps
    seen = vesper.hub.devices[BELL].last_seen
    for uptime in (3660, 3500):
        status, answer = await _post(device, device_id=BELL, uptime=uptime)
        assert (status, answer["new"]) == (HTTPStatus.OK, False)
    known = vesper.hub.devices[BELL]
    assert (known.last_seen, known.rhythm.gaps) == (seen, rhythm)
    assert known.message_log.stale.total() == 2
    assert known.message_log.posts == 5


async def test_post_in_an_envelope(vesper: Vesper, device: Any) -> None:
    """A post may have the envelope of MQTT heartbeats."""
    status, _ = await _post(device, payload=V1_1_0)
    assert status == HTTPStatus.OK
    assert vesper.hub.devices[BELL].telemetry.heap_free == 170_000


async def test_post_without_a_broker(vesper: Vesper, client: Any, device: Any) -> None:
    """A post is accepted; connectivity depends on the broker."""
    await vesper.disconnect_broker()
    assert (await _post(device, **V1_0_0))[0] == HTTPStatus.OK
    await vesper.hass.async_block_till_done()
    assert vesper.value("connectivity") == "unavailable"
    await vesper.reconnect_broker()
    assert vesper.value("connectivity") == "on"


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        pytest.param(b"", [""], id="empty"),
        pytest.param(b"not JSON", [""], id="no JSON"),
        pytest.param(b'{"device_id": "bell", "uptime"', [""], id="cut"),
        pytest.param(b'{"device_id": "b\xff", "uptime": 1}', [""], id="no UTF-8"),
        pytest.param(b"[" * 10_000, [""], id="deep"),
        pytest.param(b"[1]", [""], id="list"),
        pytest.param(b"null", [""], id="null"),
        pytest.param(b"{}", ["device_id", "uptime"], id="bare"),
        pytest.param(b'{"device_id": "bell"}', ["uptime"], id="no uptime"),
        pytest.param(b'{"uptime": 1}', ["device_id"], id="no device"),
        pytest.param(
            b'{"device_id": null, "uptime": null}', ["device_id", "uptime"], id="nulls"
        ),
        pytest.param(b'{"device_id": 7, "uptime": 1}', ["device_id"], id="number"),
        pytest.param(b'{"device_id": [], "uptime": 1}', ["device_id"], id="listed"),
        pytest.param(b'{"device_id": "", "uptime": 1}', ["device_id"], id="no id"),
        pytest.param(b'{"device_id": "a/b", "uptime": 1}', ["device_id"], id="slash"),
        pytest.param(
            b'{"device_id": "%b", "uptime": 1}' % (b"x" * 65), ["device_id"], id="long"
        ),
        pytest.param(
            b'{"device_id": "bell", "payload": {"device_id": "hall", "uptime": 1}}',
            ["device_id"],
            id="two",
        ),
        pytest.param(
            b'{"device_id": "bell", "uptime": "soon", "heap_free": -1, "fw": 3,'
            b'"recent_events": [{"t": 1}, 7]}',
            [
                *("uptime", "heap_free", "fw"),
                *(f"recent_events[0].{name}" for name in ("d0", "d1", "ts", "up")),
                "recent_events[1]",
            ],
            id="all",
        ),
    ],
)
async def test_bad_post(
    vesper: Vesper, device: Any, body: bytes, paths: list[str]
) -> None:
    """Each fault is named, and no field is applied."""
    status, answer = await _post_body(device, body)
    assert status == HTTPStatus.BAD_REQUEST
    assert _paths(answer) == paths
    assert all(
        error["message"].startswith(("must be", "is required"))
        for error in answer["errors"]
    )
    assert not vesper.hub.devices
    assert {source for source, _, _ in vesper.hub.receiver.stray_faults} == {"post"}


async def test_bad_post_of_a_known_device(
    vesper: Vesper, client: Any, device: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It is counted, but is no sign of life."""
    await vesper.heartbeat(**EVERYTHING)
    await vesper.advance(91)
    bad = {"device_id": BELL, "uptime": 9000, "heap_free": "much"}
    for count in (1, 2):
        status, answer = await _post(device, **bad)
        assert status == HTTPStatus.BAD_REQUEST
        assert answer["errors"] == [
            {
                "path": "heap_free",
                "message": "must be a whole number from 0 to 4294967295, is 'much'",
            }
        ]
        known = vesper.hub.devices[BELL]
        assert known.faults == {("post", "heap_free", FaultKind.INVALID): count}
    assert vesper.value("connectivity") == "off"
    assert known.restarts.uptime == EVERYTHING["uptime"]
    assert known.message_log.posts == 0
    (listed,) = await _get(client, DEVICES)
    assert listed["counts"]["malformed"] == 2
    assert sum("Malformed post" in line for line in logged(caplog)) == 1


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", ""]
)
async def test_wrong_content_type(
    vesper: Vesper, device: Any, content_type: str
) -> None:
    """JSON with another content type is rejected."""
    body = json.dumps(V1_0_0).encode()
    status, _ = await _post_body(device, body, **{"Content-Type": content_type})
    assert status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    assert not vesper.hub.devices


async def test_content_type_with_a_charset(device: Any) -> None:
    """Parameters of the content type are ignored."""
    body = json.dumps(V1_0_0).encode()
    content_type = "application/json; charset=utf-8"
    status, _ = await _post_body(device, body, **{"Content-Type": content_type})
    assert status == HTTPStatus.OK


def _padded(length: int) -> bytes:
    """Return a valid heartbeat of so many bytes."""
    body = json.dumps(V1_0_0).encode()
    return body + b" " * (length - len(body))


async def _in_chunks(body: bytes) -> AsyncIterator[bytes]:
    """Yield a body in chunks, without its length."""
    for start in range(0, len(body), 1000):
        yield body[start : start + 1000]


@pytest.mark.parametrize(
    ("length", "status"),
    [
        (MAX_HEARTBEAT_BYTES, HTTPStatus.OK),
        (MAX_HEARTBEAT_BYTES + 1, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        (200_000, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    ],
)
@pytest.mark.parametrize("packing", ["plain", "chunked", "gzip"])
async def test_size(
    vesper: Vesper, device: Any, length: int, status: HTTPStatus, packing: str
) -> None:
    """The unpacked length counts, sent or not."""
    body: Any = _padded(length)
    headers = {}
    if packing == "gzip":
        body, headers = gzip.compress(body), {"Content-Encoding": "gzip"}
    elif packing == "chunked":
        body = _in_chunks(body)
    assert (await _post_body(device, body, **headers))[0] == status
    assert bool(vesper.hub.devices) is (status is HTTPStatus.OK)


async def test_size_is_found_while_reading(vesper: Vesper, device: Any) -> None:
    """An endless body is rejected at the limit."""
    read = 0
    readany = StreamReader.readany

    async def counted(stream: StreamReader) -> bytes:
        nonlocal read
        chunk = await readany(stream)
        read += len(chunk)
        return chunk

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 1000
            await asyncio.sleep(0)

    with patch.object(StreamReader, "readany", counted):
        status, _ = await _post_body(device, endless())
    assert status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert read < 10 * MAX_HEARTBEAT_BYTES


async def test_broken_packing(vesper: Vesper, device: Any) -> None:
    """A body that can't be unpacked is rejected."""
    readany = StreamReader.readany
    # Once: aiohttp reads what is left of a body too, and logs that it is broken.
    errors = iter([web.RequestPayloadError("Can not decode content-encoding: gzip")])

    async def broken(stream: StreamReader) -> bytes:
        for error in errors:
            raise error
        return await readany(stream)

    with patch.object(StreamReader, "readany", broken):
        status, answer = await _post_body(device, b"{}")
    assert status == HTTPStatus.BAD_REQUEST
    assert answer["errors"] == []
    assert not vesper.hub.devices


async def test_too_many_posts(vesper: Vesper, device: Any) -> None:
    """Each device may post ten times in any minute."""
    for number in range(10):
        await vesper.advance(3)
        fields = V1_0_0 if number % 2 == 0 else {"device_id": BELL}
        await _post(device, **fields)
    for advance, wait in ((0, "33"), (32.5, "1")):
        await vesper.advance(advance)
        for fields in (V1_0_0, {"device_id": BELL}):
            response = await device.post(POST, json=fields, headers=BEARER)
            assert response.status == HTTPStatus.TOO_MANY_REQUESTS
            assert response.headers["Retry-After"] == wait
            await _answer(response)
    known = vesper.hub.devices[BELL]
    assert known.message_log.posts == 5
    assert known.faults.total() == 5
    assert (await _post(device, device_id="hall", uptime=1))[0] == HTTPStatus.OK

    for uptime in (3600, *range(3000, 3009)):
        await _post(device, device_id="tower", uptime=uptime)
    status, _ = await _post(device, device_id="tower", uptime=3009)
    assert status == HTTPStatus.TOO_MANY_REQUESTS, "late ones count too"

    await vesper.advance(0.5)
    assert (await _post(device, **V1_0_0))[0] == HTTPStatus.OK
    assert (await _post(device, **V1_0_0))[0] == HTTPStatus.TOO_MANY_REQUESTS
    # What was refused so takes no room.
    await vesper.advance(3)
    assert (await _post(device, **V1_0_0))[0] == HTTPStatus.OK


@pytest.mark.parametrize("body", [b"no JSON", b'{"device_id": "%d", "uptime": 1}'])
async def test_too_many_posts_of_an_address(
    vesper: Vesper, device: Any, body: bytes
) -> None:
    """Invalid posts and unknown devices are limited by address."""
    await _post(device, **V1_0_0)
    for number in range(9):
        await _post_body(device, body.replace(b"%d", b"%d" % number))
    known = len(vesper.hub.devices)
    status, answer = await _post_body(device, body.replace(b"%d", b"new"))
    assert (status, answer["errors"]) == (HTTPStatus.TOO_MANY_REQUESTS, [])
    assert len(vesper.hub.devices) == known
    assert (await _post(device, **V1_0_0))[0] == HTTPStatus.OK
    await vesper.advance(60)
    status, _ = await _post_body(device, body.replace(b"%d", b"new"))
    assert status != HTTPStatus.TOO_MANY_REQUESTS


async def test_a_body_that_does_not_arrive(vesper: Vesper, device: Any) -> None:
    """It has ten seconds."""
    begun, end = asyncio.Event(), asyncio.Event()
    readany = StreamReader.readany

    async def reading(stream: StreamReader) -> bytes:
        begun.set()
        return await readany(stream)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await end.wait()

    with patch.object(StreamReader, "readany", reading):
        post = asyncio.create_task(_post_body(device, slow()))
        await begun.wait()
        vesper.freezer.tick(9)
        await asyncio.sleep(0)
        assert not post.done()
        vesper.freezer.tick(2)
        status, _ = await post
    end.set()
    assert status == HTTPStatus.REQUEST_TIMEOUT


async def test_no_room(
    hass: HomeAssistant, entry: MockConfigEntry, vesper: Vesper, device: Any
) -> None:
    """The limit of devices applies to posts as well."""
    hass.config_entries.async_update_entry(
        entry, options={**entry.options, CONF_MAX_DEVICES: 1}
    )
    await vesper.reload()
    assert (await _post(device, **V1_0_0))[0] == HTTPStatus.OK
    status, answer = await _post(device, device_id="hall", uptime=1)
    assert status == HTTPStatus.SERVICE_UNAVAILABLE
    assert "repair" in answer["message"]
    assert list(vesper.hub.devices) == [BELL]
    assert ir.async_get(hass).async_get_issue(DOMAIN, "rejected/fleet") is not None
    assert (await _post(device, **V1_0_0))[0] == HTTPStatus.OK


# The rhythm of posts


async def test_first_post_has_the_timeout(vesper: Vesper, device: Any) -> None:
    """One post has no interval."""
    await _post(device, **V1_0_0)
    await vesper.advance(89)
    assert vesper.value("connectivity") == "on"
    await vesper.advance(2)
    assert vesper.value("connectivity") == "off"


async def _post_every(vesper: Vesper, device: Any, seconds: int) -> None:
    """Post until the rhythm is known."""
    await _post(device, **V1_0_0)
    for _ in range(4):
        await vesper.advance(seconds)
        await _post(device, **V1_0_0)


async def test_slow_rhythm(vesper: Vesper, device: Any) -> None:
    """The timeout is three times the interval of posts."""
    await _post_every(vesper, device, 600)
    for _ in range(19):
        await vesper.advance(90)
        assert vesper.value("connectivity") == "on"
    await vesper.advance(89)
    assert vesper.value("connectivity") == "on"
    await vesper.advance(2)
    assert vesper.value("connectivity") == "off"


async def test_rhythm_over_an_outage_and_a_retry(vesper: Vesper, device: Any) -> None:
    """One different interval does not change the timeout."""
    for wait in (0, 600, 600, 8000, 600, 600, 1):
        await vesper.advance(wait)
        await _post(device, **V1_0_0)
    await vesper.advance(1799)
    assert vesper.value("connectivity") == "on"
    await vesper.advance(2)
    assert vesper.value("connectivity") == "off"


async def test_fast_rhythm_has_the_timeout(vesper: Vesper, device: Any) -> None:
    """A short interval never shortens the timeout."""
    for _ in range(4):
        await vesper.advance(10)
        await _post(device, **V1_0_0)
    await vesper.advance(89)
    assert vesper.value("connectivity") == "on"


async def test_rhythm_and_mqtt(vesper: Vesper, device: Any) -> None:
    """A faster heartbeat over MQTT ends the extended timeout."""
    await _post_every(vesper, device, 600)
    await vesper.advance(1000)
    await vesper.alert("FileManager", "WARNING")
    await vesper.advance(700)
    assert vesper.value("connectivity") == "on"
    for _ in range(7):
        await vesper.heartbeat()
        await vesper.advance(30)
    await vesper.heartbeat()
    await vesper.advance(89)
    assert vesper.value("connectivity") == "on"
    await vesper.advance(2)
    assert vesper.value("connectivity") == "off"


async def test_a_post_closes_no_alert_for_a_day(vesper: Vesper, device: Any) -> None:
    """Posts close an unconfirmed alert only after a day.

    A device that posts may be unable to raise its alerts again.
    """
    await vesper.heartbeat(uptime=5000)
    await vesper.alert("FileManager", "FAILED")
    await vesper.advance(60)
    await vesper.heartbeat(uptime=1)
    for uptime in range(601, 86_400, 600):
        await vesper.advance(600)
        await _post(device, device_id=BELL, uptime=uptime)
        assert vesper.value("alert_FileManager") == "failed"
    for uptime in (86_401, 87_001):
        await vesper.advance(600)
        await _post(device, device_id=BELL, uptime=uptime)
    assert vesper.value("alert_FileManager") == "ok"
    assert vesper.state("alert_FileManager").attributes["closed_by"] == "restart"


async def test_rhythm_of_one_is_no_rhythm_of_all(vesper: Vesper, device: Any) -> None:
    """Each device has its own timeout."""
    await _post_every(vesper, device, 3600)
    await vesper.advance(500)
    await vesper.heartbeat("hall")
    await vesper.advance(91)
    assert vesper.value("connectivity", "hall") == "off"
    assert vesper.value("connectivity") == "on"


async def test_rhythm_after_a_reconnect(vesper: Vesper, device: Any) -> None:
    """A device that posts has its full extended timeout."""
    await _post_every(vesper, device, 600)
    await vesper.disconnect_broker()
    await vesper.advance(5000)
    await vesper.reconnect_broker()
    await vesper.advance(1799)
    assert vesper.value("connectivity") == "on"
    await vesper.advance(2)
    assert vesper.value("connectivity") == "off"


# The model of the firmware's own server, case by case


async def _over_mqtt(vesper: Vesper, device: Any, sent: dict[str, Any]) -> list[str]:
    """Send a heartbeat over MQTT and return faulty paths."""
    await vesper.heartbeat(**sent)
    return [path for _, path, _ in vesper.hub.devices[BELL].faults]


async def _over_http(vesper: Vesper, device: Any, sent: dict[str, Any]) -> list[str]:
    """Post a heartbeat and return faulty paths."""
    status, answer = await _post(device, **sent)
    return [] if status == HTTPStatus.OK else _paths(answer)


WAYS = [pytest.param(_over_mqtt, id="mqtt"), pytest.param(_over_http, id="http")]


def _reported(sent: Any) -> dict[str, Any]:
    """Return the fields of the model in the diagnostics."""
    return {name: sent[SHOWN.get(name, name)] for name in FIELDS}


@pytest.mark.parametrize("way", WAYS)
async def test_old_shape(vesper: Vesper, client: Any, device: Any, way: Any) -> None:
    """Firmware 1.0.0 lacks five fields, which stay unknown."""
    assert await way(vesper, device, V1_0_0) == []
    answer = await _get(client, DIAGNOSTICS)
    assert answer["uptime"] == 3600
    assert _reported(answer) == {**dict.fromkeys(FIELDS), "recent_events": []}


@pytest.mark.parametrize("way", WAYS)
async def test_new_shape(
    vesper: Vesper, client: Any, device: Any, way: Any, snapshot: SnapshotAssertion
) -> None:
    """Firmware 1.1.0 sends all five, which are decoded."""
    assert await way(vesper, device, V1_1_0) == []
    assert _reported(await _get(client, DIAGNOSTICS)) == snapshot(name="new shape")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("absence", ["missing", "null"])
async def test_field_is_optional(  # noqa: PLR0913
    vesper: Vesper, client: Any, device: Any, *, way: Any, name: str, absence: str
) -> None:
    """A missing or null field keeps its value."""
    assert await way(vesper, device, V1_1_0) == []
    before = _reported(await _get(client, DIAGNOSTICS))
    sent = {**V1_1_0, "uptime": 3630, name: None}
    if absence == "missing":
        del sent[name]
    assert await way(vesper, device, sent) == []
    answer = await _get(client, DIAGNOSTICS)
    assert _reported(answer) == before
    assert answer["uptime"] == 3630


@pytest.mark.parametrize("value", ["4", 4.5, True, {}, -1])
@pytest.mark.parametrize("name", [*FIELDS, "uptime"])
async def test_field_of_the_wrong_type(
    vesper: Vesper, client: Any, device: Any, name: str, value: Any
) -> None:
    """Over MQTT the other fields are still applied."""
    assert await _over_mqtt(vesper, device, V1_1_0) == []
    sent = {**V1_1_0, "uptime": 3630, "heap_free": 99_999, name: value}
    before = await _get(client, DIAGNOSTICS)
    assert await _over_http(vesper, device, sent) == [name]
    assert await _get(client, DIAGNOSTICS) == before

    assert await _over_mqtt(vesper, device, sent) == [name, name]
    answer = await _get(client, DIAGNOSTICS)
    assert answer["heap_free"] == (170_000 if name == "heap_free" else 99_999)
    assert answer["uptime"] == (3600 if name == "uptime" else 3630)
    others = set(FIELDS) - {"heap_free"}
    assert all(_reported(answer)[other] == _reported(before)[other] for other in others)


@pytest.mark.parametrize("absence", ["missing", "null", "text"])
@pytest.mark.parametrize("name", ["t", "d0", "d1", "ts", "up"])
async def test_field_of_an_event(
    vesper: Vesper, client: Any, device: Any, absence: str, name: str
) -> None:
    """Over MQTT the other entries are still applied."""
    event: dict[str, Any] = {**HTTP_FAIL, name: None if absence == "null" else "7"}
    if absence == "missing":
        del event[name]
    sent = {**V1_0_0, "recent_events": [BOOT, event]}
    assert await _over_http(vesper, device, sent) == [f"recent_events[1].{name}"]
    assert BELL not in vesper.hub.devices
    assert await _over_mqtt(vesper, device, sent) == [f"recent_events[].{name}"]
    events = (await _get(client, DIAGNOSTICS))["recent_events"]
    assert [event["event"] for event in events] == ["EVT_BOOT"]
