"""Test that Home Assistant suggests Vesper."""

from collections.abc import Iterator
import json
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import async_fire_mqtt_message

from custom_components.vesper.config_flow import VesperConfigFlow
from custom_components.vesper.const import CONF_PREFIX, DOMAIN
from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_MQTT,
    SOURCE_RECONFIGURE,
    SOURCE_USER,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from tests.common import Vesper

MESSAGES = 100
DEVICES = 10

ALERTS = "vesper/bell/status/alerts"
INFO = "vesper/bell/status/info"
ALERT = b'{"subsystem": "Player", "state": "FAILED", "msg": "no sound"}'


@pytest.fixture
def setup_entry() -> Iterator[None]:
    """Create entries without setting them up."""
    component = "custom_components.vesper"
    with (
        patch(f"{component}.async_setup_entry", return_value=True),
        patch(f"{component}.async_unload_entry", return_value=True),
    ):
        yield


@pytest.fixture
def started() -> Iterator[list[str]]:
    """Return the topics that started a flow."""
    topics: list[str] = []

    def start(self: Any, discovery_info: Any) -> Any:
        topics.append(discovery_info.topic)
        return step(self, discovery_info)

    step = VesperConfigFlow.async_step_mqtt
    with patch.object(VesperConfigFlow, "async_step_mqtt", start):
        yield topics


async def _receive(
    hass: HomeAssistant, topic: str, payload: bytes, *, retain: bool = False
) -> None:
    """Receive a message and await its flow."""
    async_fire_mqtt_message(hass, topic, payload, 1, retain)
    await hass.async_block_till_done(wait_background_tasks=True)


async def _receive_many(hass: HomeAssistant) -> None:
    """Receive 100 different messages of 10 devices."""
    for number in range(MESSAGES):
        topic = f"vesper/bell-{number % DEVICES}/status/alerts"
        alert = {"subsystem": "Player", "state": "FAILED", "msg": f"No. {number}"}
        await _receive(hass, topic, json.dumps(alert).encode())


def _in_progress(hass: HomeAssistant) -> list[Any]:
    """Return the flows that wait for the user."""
    return list(hass.config_entries.flow.async_progress_by_handler(DOMAIN))


async def _set_up(hass: HomeAssistant, prefix: str) -> Any:
    """Set an entry up by hand."""
    form = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    result = await hass.config_entries.flow.async_configure(
        form["flow_id"], {CONF_PREFIX: prefix}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    return result["result"]


async def _reconfigure(hass: HomeAssistant, entry: Any, prefix: str) -> None:
    """Change the prefix of an entry."""
    form = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
    )
    result = await hass.config_entries.flow.async_configure(
        form["flow_id"], {CONF_PREFIX: prefix}
    )
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done(wait_background_tasks=True)


async def _ignore(hass: HomeAssistant) -> None:
    """Discover Vesper, and ignore that."""
    await _receive(hass, ALERTS, ALERT)
    (flow,) = _in_progress(hass)
    await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_IGNORE},
        data={"unique_id": flow["context"]["unique_id"], "title": "Vesper"},
    )
    await hass.async_block_till_done()
    assert not _in_progress(hass)


def _prefixes(hass: HomeAssistant) -> dict[str | None, str]:
    """Return the source of each entry by prefix."""
    entries = hass.config_entries.async_entries(DOMAIN)
    return {entry.unique_id: entry.source for entry in entries}


@pytest.mark.usefixtures("mqtt_mock", "setup_entry")
@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        pytest.param(ALERTS, ALERT, id="alert"),
        pytest.param(INFO, b'{"type": "playback_started"}', id="info"),
    ],
)
async def test_discovered(hass: HomeAssistant, topic: str, payload: bytes) -> None:
    """The first alert or melody suggests Vesper."""
    await _receive(hass, topic, payload)
    (flow,) = _in_progress(hass)
    assert flow["context"]["source"] == SOURCE_MQTT
    form = await hass.config_entries.flow.async_configure(flow["flow_id"])
    assert form["step_id"] == "discovery_confirm"
    assert form["description_placeholders"] == {"device": "bell", "prefix": "vesper"}

    result: Any = await hass.config_entries.flow.async_configure(flow["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "Vesper"
    assert result["data"] == {CONF_PREFIX: "vesper"}
    assert result["result"].unique_id == "vesper"
    await _receive_many(hass)
    assert not _in_progress(hass)


async def test_with_an_entry(
    hass: HomeAssistant, vesper: Vesper, started: list[str]
) -> None:
    """No flow is left over."""
    await vesper.heartbeat("bell-0")
    await _receive_many(hass)
    assert len(started) == MESSAGES
    assert not _in_progress(hass)
    assert vesper.value("health", "bell-0") == "failed"


@pytest.mark.usefixtures("mqtt_mock", "setup_entry")
async def test_without_an_entry(hass: HomeAssistant, started: list[str]) -> None:
    """One flow waits until Vesper is set up."""
    await _receive_many(hass)
    assert len(started) == MESSAGES
    assert len(_in_progress(hass)) == 1
    await _set_up(hass, "vesper")
    assert not _in_progress(hass)
    await _receive_many(hass)
    assert not _in_progress(hass)


@pytest.mark.usefixtures("mqtt_mock", "setup_entry")
async def test_ignored(hass: HomeAssistant) -> None:
    """What the user has ignored is not suggested again."""
    await _ignore(hass)
    await _receive_many(hass)
    assert not _in_progress(hass)

    # By hand, it can be set up all the same, here with another prefix first.
    entry = await _set_up(hass, "north")
    await _reconfigure(hass, entry, "south")
    assert (await _set_up(hass, "vesper")).data == {CONF_PREFIX: "vesper"}
    assert _prefixes(hass) == {"south": SOURCE_USER, "vesper": SOURCE_USER}


@pytest.mark.usefixtures("mqtt_mock", "setup_entry")
async def test_ignored_and_reconfigured(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    """The prefix of an ignored discovery can be chosen."""
    await _ignore(hass)
    await _receive_many(hass)
    entry = await _set_up(hass, "vesper2")
    await _reconfigure(hass, entry, "vesper/north")
    assert _prefixes(hass) == {"vesper": SOURCE_IGNORE, "vesper/north": SOURCE_USER}
    await _reconfigure(hass, entry, "vesper")
    assert _prefixes(hass) == {"vesper": SOURCE_USER}
    assert len(hass.config_entries.async_entries(DOMAIN)) == 1
    # Home Assistant discovers again what is ignored no more.
    assert not _in_progress(hass)
    await _receive_many(hass)
    assert not _in_progress(hass)
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


@pytest.mark.usefixtures("mqtt_mock")
@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        pytest.param(ALERTS, b"", id="empty"),
        pytest.param(ALERTS, b"on", id="no JSON"),
        pytest.param(ALERTS, b"[]", id="no object"),
        pytest.param(INFO, ALERT, id="alert as info"),
        pytest.param("vesper/bell 1/status/alerts", ALERT, id="no device id"),
    ],
)
async def test_not_from_vesper(
    hass: HomeAssistant, started: list[str], topic: str, payload: bytes
) -> None:
    """A message that no Vesper sends leaves no flow."""
    await _receive(hass, topic, payload)
    assert started == [topic]
    assert not _in_progress(hass)
    # The next one of a Vesper is discovered.
    await _receive(hass, ALERTS, b'{"subsystem": "Clock", "state": "WARNING"}')
    assert len(_in_progress(hass)) == 1


@pytest.mark.usefixtures("mqtt_mock")
async def test_retained(hass: HomeAssistant, started: list[str]) -> None:
    """A retained alert is of another client."""
    await _receive(hass, ALERTS, ALERT, retain=True)
    assert started == [ALERTS]
    assert not _in_progress(hass)


@pytest.mark.usefixtures("mqtt_mock")
@pytest.mark.parametrize(
    "topic",
    [
        pytest.param("vesper/bell/status/heartbeat", id="heartbeat"),
        pytest.param("north/vesper/bell/status/alerts", id="more levels"),
        pytest.param("north/bell/status/alerts", id="other prefix"),
        pytest.param("vesper/north/bell/status/alerts", id="longer prefix"),
    ],
)
async def test_other_topics(
    hass: HomeAssistant, started: list[str], topic: str
) -> None:
    """Heartbeats and other prefixes start no flow."""
    for payload in (b'{"uptime": 5}', b'{"uptime": 6}', ALERT):
        await _receive(hass, topic, payload)
    assert not started
    assert not _in_progress(hass)


@pytest.mark.usefixtures("mqtt_mock", "setup_entry")
async def test_overlapping_entry(hass: HomeAssistant, started: list[str]) -> None:
    """An entry within the default prefix aborts a flow."""
    await _set_up(hass, "vesper/north")
    await _receive(hass, ALERTS, ALERT)
    assert started == [ALERTS]
    assert not _in_progress(hass)


@pytest.mark.usefixtures("mqtt_mock", "setup_entry")
@pytest.mark.parametrize("prefix", ["vesper", "vesper/north"])
async def test_added_meanwhile(hass: HomeAssistant, prefix: str) -> None:
    """An entry within the default prefix aborts the flow."""
    await _receive(hass, ALERTS, ALERT)
    await _set_up(hass, "vesper2")
    assert len(_in_progress(hass)) == 1, "these are other devices"
    await _set_up(hass, prefix)
    assert not _in_progress(hass)


@pytest.mark.usefixtures("mqtt_mock", "setup_entry")
@pytest.mark.parametrize("prefix", ["vesper", "vesper/north"])
async def test_reconfigured_meanwhile(hass: HomeAssistant, prefix: str) -> None:
    """So does an entry that is moved there."""
    entry = await _set_up(hass, "north")
    await _receive(hass, ALERTS, ALERT)
    await _reconfigure(hass, entry, "south")
    assert len(_in_progress(hass)) == 1, "these are other devices"
    await _reconfigure(hass, entry, prefix)
    assert not _in_progress(hass)
    assert _prefixes(hass) == {prefix: SOURCE_USER}


@pytest.mark.usefixtures("mqtt_mock", "setup_entry")
async def test_another_site(hass: HomeAssistant) -> None:
    """The default prefix is suggested beside other sites."""
    await _set_up(hass, "north")
    await _receive(hass, ALERTS, ALERT)
    (flow,) = _in_progress(hass)
    result = await hass.config_entries.flow.async_configure(flow["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert len(hass.config_entries.async_entries(DOMAIN)) == 2


async def test_alerts_are_still_read(
    hass: HomeAssistant, vesper: Vesper, started: list[str]
) -> None:
    """Vesper gets bytes, whatever the discovery decodes."""
    await vesper.heartbeat()
    await vesper.alert("Player", "WARNING", "kein Ton für Glocke 2")
    assert started == [ALERTS]
    assert vesper.value("health") == "warning"
    (alert,) = vesper.state("active_alerts").attributes["alerts"]
    assert alert["message"] == "kein Ton für Glocke 2"

    # Cut within a character, as firmware does with long texts.
    cut = b'{"subsystem": "Clock", "state": "CRITICAL", "msg": "f\xc3"}'
    await vesper.publish("bell", "alerts", cut)
    assert started == [ALERTS], "what can't be decoded starts none"
    assert vesper.value("health") == "critical"
