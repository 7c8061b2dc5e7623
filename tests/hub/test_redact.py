"""What is redacted in messages, and what is shown."""

import json
from typing import Any

from hypothesis import assume, given, settings, strategies as st
import orjson
import pytest

from custom_components.vesper.hub.redact import TOO_DEEP, redacted_json
from homeassistant.components.diagnostics import REDACTED
from tests.common import EVERYTHING, HTTP_FAIL, WIFI_UP
from tests.strategies import json_values

examples = settings(derandomize=True, deadline=None, max_examples=150)

SECRET_KEYS = [
    *("ssid", "SSID", "bssid", "wifiSsid", "wifi_ssid", "WIFISSID", "ssid_2", "ESSIDs"),
    *("ip", "IP", "ip_address", "ipAddress", "IPAddr", "staip", "sta-ip", "local ip"),
    *("ipv4", "ip6", "gateway", "gw", "netmask", "subnet", "dns", "dns1", "DNSServer"),
    *("mac", "MAC", "mac_address", "macaddr", "wifimac", "hostname", "host_name"),
    *("psk", "password", "wifi_pass", "passphrase", "pwd", "user", "userName"),
    *("token", "access_token", "accessToken", "secret", "key", "api_key", "APIKey"),
    *("wifi", "Wi-Fi", "wlan", "networks", "wifi_name", "WiFi Name", "network_name"),
    *("mqtt_host", "router", "authorization", "credentials", "server_address"),
]
"""Keys of secrets."""

HARMLESS = {
    **EVERYTHING,
    "device_id": "aa:bb:cc:dd:ee:ff",
    "melody_uid": "::1",
    "subsystem": "key: NetworkManager",
    "state": "WARNING",
    "fw_version": "1.2.0.4",
    "version": "10.0.0.1",
    "type": "playback_started",
    "msg": "SD mount failed at 12:34:56, free: 12 kB, code=0x107",
    "chip": "ESP32-S3",
    "wifi_rssi": -53,
    "has_token": True,
    "next": None,
    "time": "2030-01-01T12:00:00+00:00",
    "melody name": "Home",
    "recent_events": [WIFI_UP, HTTP_FAIL],
}
"""Texts that must be shown unchanged."""

#: No part of what stands around it in the tests, nor of what is put in its place.
secrets = st.text("QXZqxz!#$%()*+./<>?@^_|~ 'é€", min_size=8, max_size=32).filter(
    lambda text: text == text.strip() and sum(map(str.isalpha, text)) > 3
)
words = st.text("QXZqxz", min_size=8, max_size=16)
addresses = st.one_of(
    st.ip_addresses().map(str).filter(lambda address: address != "::"),
    st.binary(min_size=6, max_size=6).map(lambda octets: octets.hex(":")),
    st.binary(min_size=6, max_size=6).map(lambda octets: octets.hex("-").upper()),
    st.binary(min_size=6, max_size=6).map(lambda octets: octets.hex(".", 2)),
)


@pytest.fixture(autouse=True)
def auto_enable_custom_integrations() -> None:
    """Start no Home Assistant for these tests."""


def _shown(payload: bytes) -> str:
    """Return what is shown of a payload, as text."""
    return json.dumps(redacted_json(payload), ensure_ascii=False)


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_secret_key(key: str) -> None:
    """A secret is detected by its key."""
    payload = json.dumps({key: "Home", "uptime": 5}).encode()
    assert redacted_json(payload) == {key: REDACTED, "uptime": 5}
    assert redacted_json(payload[:-1]) == f'{{"{key}": {REDACTED}, "uptime": 5'
    assert "Home" not in _shown(payload[: payload.index(b"ome") + 2])
    assert redacted_json(f"lost {key}=Home; retry".encode()) == (
        f"lost {key}={REDACTED}; retry"
    )


def test_harmless() -> None:
    """Fields of the protocol are shown unchanged."""
    assert redacted_json(orjson.dumps(HARMLESS)) == HARMLESS


@pytest.mark.parametrize("value", ["", None, True, False])
def test_that_there_is_a_secret(value: Any) -> None:
    """An empty secret is shown as empty."""
    assert redacted_json(orjson.dumps({"password": value})) == {"password": value}


@pytest.mark.parametrize("value", [["8.8.8.8"], {"a": "Home"}, 3_232_235_777, 1.5, []])
def test_secret_of_any_kind(value: Any) -> None:
    """A secret may be an object, list or number."""
    assert redacted_json(orjson.dumps({"dns": value})) == {"dns": REDACTED}


def test_network() -> None:
    """Names of a network are redacted, not its signal."""
    wifi = {"name": "Home", "rssi": -53, "names": ["Home"]}
    expected = {"name": REDACTED, "rssi": -53, "names": REDACTED}
    assert redacted_json(orjson.dumps({"WiFi": wifi})) == {"WiFi": expected}
    scan = {"networks": ["Home", {"name": "Office", "rssi": -80}]}
    assert redacted_json(orjson.dumps(scan)) == {
        "networks": [REDACTED, {"name": REDACTED, "rssi": -80}]
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ssid=My Home channel=6", f"ssid={REDACTED} channel=6"),
        ("ssid: My Home, reason 201", f"ssid: {REDACTED}, reason 201"),
        (
            "(ssid=Home) lost\nssid=Office\nup",
            f"(ssid={REDACTED}) lost\nssid={REDACTED}\nup",
        ),
        ("SSID \"My 'Home'\" lost", f"SSID {REDACTED} lost"),
        ("SSID 'Bob's Home' lost", f"SSID {REDACTED} lost"),
        ('SSID "a"b", lost', f"SSID {REDACTED}, lost"),
        ("ssid='Home", f"ssid={REDACTED}"),
        ("ssid=", "ssid="),
        ("password=a,b;c&d lost", f"password={REDACTED}"),
        ('{"ssid": "A\\"B", "x": 1', f'{{"ssid": {REDACTED}, "x": 1'),
        ('{"key":123,"x":1', f'{{"key":{REDACTED},"x":1'),
        ('{"dns": ["8.8.8.8", "x', f'{{"dns": {REDACTED}'),
        ('{"msg": "{\\"ssid\\": \\"Home\\"}', f'{{"msg": "{{\\"ssid\\": {REDACTED}'),
        ("got 192.168.1.7.", f"got {REDACTED}."),
        ("fe80::1: bad, ::1, 1::", f"{REDACTED}: bad, {REDACTED}, {REDACTED}"),
        ("fe80::1%eth0 up", f"{REDACTED} up"),
        ("AP aa:bb:cc:dd:ee:ff lost", f"AP {REDACTED} lost"),
        ("GET http://nas.local:80/x?y", f"GET http://{REDACTED}/x?y"),
        ("Bearer abc.def sent", f"Bearer {REDACTED} sent"),
        ("12:34:56 a::b std::move 1.2.3", f"12:34:56 {REDACTED} std::move 1.2.3"),
    ],
)
def test_text(text: str, shown: str) -> None:
    """A secret ends with its quotes, clause or line."""
    assert redacted_json(text.encode()) == shown
    if not text.startswith("{"):
        assert redacted_json(orjson.dumps({"msg": text})) == {"msg": shown}
        keys = redacted_json(orjson.dumps({text: 1}))
        assert isinstance(keys, dict)
        assert list(keys) == [shown]


def test_depth() -> None:
    """Deep nesting is cut off."""
    value: Any = 1
    for _ in range(9):
        value = [value]
    shown = redacted_json(orjson.dumps(value))
    for _ in range(8):
        assert isinstance(shown, list)
        (shown,) = shown
    assert shown == TOO_DEEP
    for text in (b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000):
        orjson.dumps(redacted_json(text))


@pytest.mark.parametrize(
    "payload",
    [
        *(b"\xff\xfe\x00", b"NaN", b"[1e999]", b"9" * 5000, b"1" * 400, b"-9e99"),
        *(b'"\\ud800"', b'{"x": 123456789012345678901234567890}', b"\xed\xa0\x80", b""),
    ],
)
def test_what_json_can_not_be_written_with(payload: bytes) -> None:
    """Any value that a device sends can be shown."""
    orjson.dumps(redacted_json(payload))


@examples
@given(st.binary(max_size=200) | json_values.map(json.dumps).map(str.encode))
def test_never_raises(payload: bytes) -> None:
    """Any bytes can be shown, and cut off anywhere."""
    orjson.dumps(redacted_json(payload))
    orjson.dumps(redacted_json(payload[: len(payload) // 2]))


@examples
@given(
    st.sampled_from(SECRET_KEYS),
    secrets,
    st.dictionaries(words, json_values, max_size=3),
    st.sampled_from(["%s", "[%s]", '{"payload":%s}', '{"a":[{"b":%s}]}']),
    st.data(),
)
def test_no_secret_gets_through(
    key: str, secret: str, others: dict[str, Any], around: str, data: st.DataObject
) -> None:
    """A secret is redacted anywhere in JSON."""
    whole = json.dumps({**others, key: secret, "uptime": 5}, ensure_ascii=False)
    payload = (around % whole).encode()
    assert secret not in _shown(payload)
    start = payload.index(f'"{key}": "'.encode()) + len(key.encode()) + 5
    end = data.draw(st.integers(start, len(payload) - 1))
    shown = redacted_json(payload[:end])
    assert isinstance(shown, str)
    assert secret[:3] not in shown[start - 1 :]


@examples
@given(
    st.sampled_from(["ssid", "password", "wifi_ssid", "Wi-Fi name", "api key"]),
    words,
    st.sampled_from(["%s=%s", "%s: %s", '%s "%s"', "%s='%s", '\\"%s\\":\\"%s\\"']),
    st.text(max_size=20).filter(lambda text: not text[-1:].isalnum()),
    st.text(max_size=20),
)
def test_no_secret_gets_through_in_texts(
    key: str, secret: str, form: str, before: str, after: str
) -> None:
    """A secret is redacted in any text."""
    assume(secret not in before + after)
    text = f"{before}\n{form % (key, secret)} {after}"
    assert secret not in _shown(json.dumps({"msg": text}).encode())
    assert secret not in _shown(b"\xff" + text.encode())


@examples
@given(addresses, st.text(" \n,;()[]<>'\"/é", max_size=5))
def test_no_address_gets_through(address: str, around: str) -> None:
    """An address is redacted in any text."""
    assert address not in _shown(
        orjson.dumps({"msg": f"got{around} {address}{around}"})
    )
    assert address not in _shown(f"\xff got{around} {address}{around}".encode())


@examples
@given(
    st.fixed_dictionaries(
        {
            "device_id": st.from_regex(r"[A-Za-z0-9_.:-]{1,64}", fullmatch=True),
            "subsystem": words,
            "melody_uid": st.text(max_size=20),
            "uptime": st.integers(0, 2**32),
            "recent_events": st.lists(
                st.dictionaries(
                    st.sampled_from(["t", "d0", "d1", "ts", "up"]),
                    st.integers(0, 2**32),
                ),
                max_size=4,
            ),
            "state": st.sampled_from(["WARNING", "CLEARED", "x"]),
        }
    )
)
def test_harmless_fields_stay(fields: dict[str, Any]) -> None:
    """Fields of the protocol are shown as received."""
    payload = orjson.dumps({"payload": fields, "ssid": "Home"})
    assert redacted_json(payload) == {"payload": fields, "ssid": REDACTED}
