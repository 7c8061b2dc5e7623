"""The diagnostics download of an entry or a device."""

from collections.abc import Iterator
import logging
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import async_fire_mqtt_message
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from syrupy.assertion import SnapshotAssertion

from custom_components.vesper.const import CONF_MAX_DEVICES, DOMAIN
from custom_components.vesper.hub.registry import fleet_identifier
from custom_components.vesper.model.message_log import MAX_MESSAGES
from homeassistant.components.diagnostics import REDACTED
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from tests.common import BELL, FLEET, Vesper


class Downloads:
    """The downloads of a user."""

    def __init__(
        self, hass: HomeAssistant, client: ClientSessionGenerator, vesper: Vesper
    ) -> None:
        """Take the entry and a client."""
        self._hass = hass
        self._client = client
        self._vesper = vesper

    async def of_entry(self) -> Any:
        """Return the download of the config entry."""
        return await get_diagnostics_for_config_entry(
            self._hass, self._client, self._vesper.entry
        )

    async def of_device(self, identifier: tuple[str, str] = (DOMAIN, BELL)) -> Any:
        """Return the download of a device."""
        device = dr.async_get(self._hass).async_get_device_by_identifier(
            identifier, FLEET
        )
        assert device is not None
        return await get_diagnostics_for_device(
            self._hass, self._client, self._vesper.entry, device
        )


@pytest.fixture
def platforms() -> list[Platform]:
    """Set up no entities: the download has none."""
    return []


@pytest.fixture(autouse=True)
def noon(freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture) -> None:
    """Set a fixed time before the login."""
    # The web server can't log with a clock that stands still.
    caplog.set_level(logging.WARNING, "aiohttp.access")
    freezer.move_to("2030-01-01T12:00:00.9Z")


@pytest.fixture
def downloads(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, vesper: Vesper
) -> Downloads:
    """Return the downloads."""
    return Downloads(hass, hass_client, vesper)


@pytest.fixture
def nothing_sent(vesper: Vesper) -> Iterator[None]:
    """Fail if anything is published."""
    vesper.mqtt.async_publish.reset_mock()
    yield
    vesper.mqtt.async_publish.assert_not_called()


async def _live(vesper: Vesper) -> None:
    """Send valid, malformed and rejected messages."""
    await vesper.report_everything()
    await vesper.heartbeat(uptime="long", heap_free=-1)
    await vesper.publish(BELL, "alerts", b'{"subsystem": "SD", "sta')
    await vesper.publish(BELL, "info", b'{"type": "x"}', retain=True)
    await vesper.heartbeat("tower", retain=True, uptime=5, fw="1.0.0")
    await vesper.publish("kölln", "heartbeat", b"{}")
    await vesper.publish("unknown", "alerts", b"{}")
    await vesper.publish("unknown", "info", b'{"type": "x"}', retain=True)


async def test_entry(
    vesper: Vesper, downloads: Downloads, snapshot: SnapshotAssertion
) -> None:
    """It has the fleet's sums and summaries of devices."""
    await _live(vesper)
    assert await downloads.of_entry() == snapshot


async def test_device(
    vesper: Vesper, downloads: Downloads, snapshot: SnapshotAssertion
) -> None:
    """A device's download has all of its state."""
    await _live(vesper)
    assert await downloads.of_device() == snapshot


async def test_fleet(vesper: Vesper, downloads: Downloads) -> None:
    """The fleet's device has the download of the entry."""
    await vesper.heartbeat()
    download = await downloads.of_device(fleet_identifier(FLEET))
    assert download == await downloads.of_entry()


async def test_device_without_messages(vesper: Vesper, downloads: Downloads) -> None:
    """A restored device has its stored state."""
    await vesper.heartbeat()
    await vesper.reload()
    download = await downloads.of_device()
    assert download["report"]["device_id"] == BELL
    assert download["report"]["last_seen"] is not None
    assert download["report"]["connected"] is None
    assert download["activity"] is None
    assert download["last_messages"] == []


@pytest.mark.usefixtures("nothing_sent")
async def test_broker_down(vesper: Vesper, downloads: Downloads) -> None:
    """The download does not need the broker."""
    await _live(vesper)
    before = await downloads.of_device()
    assert before["connected"] is True
    await vesper.disconnect_broker()
    entry, device = await downloads.of_entry(), await downloads.of_device()
    assert entry["connected"] is device["connected"] is False
    assert entry["fleet"]["devices"] == 2
    assert device["report"]["uptime"] == 3600
    assert device["last_messages"] == before["last_messages"]


async def test_not_loaded(vesper: Vesper, downloads: Downloads) -> None:
    """An entry that is not loaded is reported so."""
    await vesper.heartbeat()
    await vesper.hass.config_entries.async_set_disabled_by(
        vesper.entry.entry_id, ConfigEntryDisabler.USER
    )
    download = await downloads.of_entry()
    assert download == await downloads.of_device()
    assert download["state"] == "not_loaded"
    assert download["connected"] is False
    assert download["data"] == {"prefix": "vesper"}
    assert "devices" not in download


async def test_options_without_keys(vesper: Vesper, downloads: Downloads) -> None:
    """The options are included without secrets."""
    vesper.hass.config_entries.async_update_entry(
        vesper.entry, options={CONF_MAX_DEVICES: 1, "http_key": "digest"}
    )
    await vesper.reload()
    download = await downloads.of_entry()
    assert download["options"] == {CONF_MAX_DEVICES: 1, "http_key": REDACTED}
    assert download["limits"]["devices"] == 1


async def test_rejected(vesper: Vesper, downloads: Downloads) -> None:
    """Dropped messages are counted by reason."""
    vesper.hass.config_entries.async_update_entry(
        vesper.entry, options={CONF_MAX_DEVICES: 1}
    )
    await vesper.reload()
    for device_id in (BELL, "one", "two", "two", "no id"):
        await vesper.heartbeat(device_id)
    await vesper.alert("SD", "FAILED")
    await vesper.alert("SD", "CLEARED", retain=True)
    download = await downloads.of_entry()
    assert download["rejected"] == {"devices": 2, "alert_sensors": 0}
    assert download["counters"]["dropped"] == {
        "rejected": 3,
        "no_device": 1,
        "retained": 1,
    }
    assert download["counters"]["malformed"] == {"invalid": 1}


async def test_networks_are_redacted(vesper: Vesper, downloads: Downloads) -> None:
    """No value that a device sends identifies a network."""
    wifi = {"ssid": "Home", "rssi": -53, "ip": "192.168.7.9"}
    await vesper.heartbeat(uptime=5, wifi=wifi, psk="hunter2")
    await vesper.publish(BELL, "heartbeat", b'{"uptime": 6, "wifi": {"ssid": "Home')
    await vesper.alert("Wi-Fi", "FAILED", 'no link to "Office", ssid=Home, 192.168.7.9')
    await vesper.info("joined ssid=Home", {"bssid": "aa:bb:cc:dd:ee:ff", "channel": 6})
    device = await downloads.of_device()
    for download in (device, await downloads.of_entry()):
        for secret in ("Home", "192.168", "hunter2", "aa:bb"):
            assert secret not in str(download)
    assert device["last_messages"][0]["payload"] == {
        "uptime": 5,
        "wifi": {"ssid": REDACTED, "rssi": -53, "ip": REDACTED},
        "psk": REDACTED,
    }
    assert device["activity"]["payload"] == {"bssid": REDACTED, "channel": 6}


async def test_last_messages(vesper: Vesper, downloads: Downloads) -> None:
    """The last messages are as received, the newest last."""
    for number in range(MAX_MESSAGES + 2):
        await vesper.heartbeat(uptime=number, extra={"a": [number]})
    messages = (await downloads.of_device())["last_messages"]
    assert [message["payload"] for message in messages] == [
        {"uptime": number, "extra": {"a": [number]}}
        for number in range(2, MAX_MESSAGES + 2)
    ]


async def test_event_loop_has_its_turns(
    hass: HomeAssistant, vesper: Vesper, downloads: Downloads
) -> None:
    """The event loop runs between any two devices."""
    for number in range(20):
        async_fire_mqtt_message(hass, f"vesper/bell-{number}/status/heartbeat", "{}")
    await hass.async_block_till_done()
    turns: list[int] = []

    def _redacted(_payload: bytes) -> None:
        seen.append(len(turns))
        hass.loop.call_soon(turns.append, 1)

    seen: list[int] = []
    with patch("custom_components.vesper.diagnostics.redacted_json", _redacted):
        await downloads.of_entry()
    assert seen == list(range(20))
