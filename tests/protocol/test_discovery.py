"""Messages by which devices are discovered."""

import pytest

from custom_components.vesper.protocol.discovery import discovered_device_id

ALERT = b'{"subsystem": "Player", "state": "FAILED", "msg": "no sound"}'
INFO = b'{"type": "playback_started", "payload": {"melody_uid": "ANGELUS"}}'


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        pytest.param("vesper/bell-1/status/alerts", ALERT, id="alert"),
        pytest.param("vesper/bell-1/status/info", INFO, id="info"),
        pytest.param("vesper/bell-1/status/alerts", ALERT.decode(), id="text"),
        pytest.param("vesper/bell-1/status/info", bytearray(INFO), id="bytearray"),
    ],
)
def test_a_device_is_discovered(topic: str, payload: bytes | bytearray | str) -> None:
    """Alerts and info messages tell their device's id."""
    assert discovered_device_id(topic, payload) == "bell-1"


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        pytest.param("vesper/bell/status/alerts", b"", id="empty"),
        pytest.param("vesper/bell/status/alerts", "", id="empty text"),
        pytest.param("vesper/bell/status/alerts", b"on", id="no JSON"),
        pytest.param("vesper/bell/status/alerts", b"[]", id="no object"),
        pytest.param("vesper/bell/status/alerts", INFO, id="info as alert"),
        pytest.param("vesper/bell/status/info", ALERT, id="alert as info"),
        pytest.param("vesper/bell/status/heartbeat", b'{"uptime": 5}', id="heartbeat"),
        pytest.param("vesper/bell 1/status/alerts", ALERT, id="no device id"),
        pytest.param("vesper//status/alerts", ALERT, id="no id at all"),
        pytest.param("vesper/a/b/status/alerts", ALERT, id="two levels"),
        pytest.param("north/vesper/bell/status/alerts", ALERT, id="other prefix"),
        pytest.param("vespex/bell/status/alerts", ALERT, id="similar prefix"),
        pytest.param("vesper/bell/control", ALERT, id="other topic"),
        pytest.param("", ALERT, id="no topic"),
    ],
)
def test_nothing_is_discovered(topic: str, payload: bytes | str) -> None:
    """Anything else tells nothing."""
    assert discovered_device_id(topic, payload) is None
