"""Fixtures of all tests: MQTT and the Vesper entry."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
import logging
import threading
from typing import Any
from unittest.mock import Mock, PropertyMock, patch

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

# Imported before the test package puts a `custom_components` of its own on the path.
from custom_components.vesper import PLATFORMS
from custom_components.vesper.const import CONF_PREFIX, DOMAIN
from homeassistant.components.frontend import DATA_EXTRA_MODULE_URL, UrlManager
from homeassistant.components.lovelace import LOVELACE_DATA, LovelaceData
from homeassistant.components.mqtt.util import EnsureJobAfterCooldown
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import (
    ATTR_ENTITY_ID,
    ENTITY_MATCH_ALL,
    SERVICE_TURN_OFF,
    Platform,
)
from homeassistant.core import HomeAssistant
from tests.automation import take_turns
from tests.common import FLEET, Vesper, Writes


@pytest.fixture
def hass(hass: HomeAssistant) -> HomeAssistant:
    """Return a Home Assistant without frontend and dashboards.

    The package of the frontend is large.
    """
    for component in ("frontend", "lovelace"):
        hass.config.components.add(component)
    hass.data[DATA_EXTRA_MODULE_URL] = UrlManager(Mock(), [])
    hass.data[LOVELACE_DATA] = LovelaceData("storage", {}, Mock(), {})
    return hass


@pytest.fixture(autouse=True)
async def enable_event_loop_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that callbacks are scheduled in the loop's thread.

    The debug mode that Home Assistant's tests enable here checks that too, but
    extracts the stack for every future and handle, which was a third of the time of
    all tests.
    """
    loop = asyncio.get_running_loop()
    thread = threading.get_ident()

    def checked[**P, R](schedule: Callable[P, R]) -> Callable[P, R]:
        def schedule_in_thread(*args: P.args, **kwargs: P.kwargs) -> R:
            if threading.get_ident() != thread:
                msg = "Non-thread-safe operation invoked on an event loop"
                raise RuntimeError(msg)
            return schedule(*args, **kwargs)

        return schedule_in_thread

    for name in ("call_soon", "call_at"):
        monkeypatch.setattr(loop, name, checked(getattr(loop, name)))


@pytest.fixture(autouse=True, scope="session")
def patient_executor() -> Generator[None]:
    """Give executor threads a minute to end.

    Home Assistant would interrupt one after half a second. On a loaded machine, a
    thread that is interrupted during its shutdown does not wake the next one.
    """
    with patch("homeassistant.util.executor.EXECUTOR_SHUTDOWN_TIMEOUT", 60):
        yield


@pytest.fixture(autouse=True)
def auto_enable_custom_integrations(enable_custom_integrations: None) -> None:
    """Let Home Assistant load the integration under test."""


@pytest.fixture(autouse=True)
def no_errors_logged(caplog: pytest.LogCaptureFixture) -> Generator[None]:
    """Fail if an error was logged.

    The MQTT client only logs what its callbacks raise.
    """
    yield
    errors = [
        record.getMessage()
        for record in caplog.get_records("call")
        if record.levelno >= logging.ERROR
    ]
    assert not errors


@pytest.fixture
def no_access_log(caplog: pytest.LogCaptureFixture) -> None:
    """Keep aiohttp from logging calls.

    The clock may have been set since a call began.
    """
    caplog.set_level(logging.WARNING, "aiohttp.access")


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Compare with snapshots in Home Assistant's format."""
    return snapshot.use_extension(HomeAssistantSnapshotExtension)


@pytest.fixture(autouse=True)
def asked_at_once() -> Generator[None]:
    """Ask the broker questions in the next turn.

    Home Assistant sends a SUBSCRIBE later, so that it may have several topics, but time
    stands still in tests.
    """
    schedule = EnsureJobAfterCooldown.async_schedule

    def schedule_or_execute(debouncer: EnsureJobAfterCooldown) -> None:
        client = debouncer._callback.__self__  # type: ignore[attr-defined]  # noqa: SLF001
        topics = [subscription.topic for subscription in client.subscriptions]
        is_subscribe = debouncer is client._subscribe_debouncer  # noqa: SLF001
        if is_subscribe and len(topics) > len(set(topics)):
            debouncer._loop.call_soon(debouncer.async_execute)  # noqa: SLF001
        else:
            schedule(debouncer)

    with patch.object(EnsureJobAfterCooldown, "async_schedule", schedule_or_execute):
        yield


@pytest.fixture
async def mqtt_mock(mqtt_mock: Any) -> AsyncGenerator[Any]:
    """Set up MQTT and stop its timer afterwards."""
    client = mqtt_mock._mqttc  # noqa: SLF001
    publish = client.publish.side_effect
    # To those who are subscribed, a broker sends what is published as not retained.
    client.publish.side_effect = lambda topic, payload, qos, _retain, properties: (
        publish(topic, payload, qos, False, properties)  # noqa: FBT003
    )
    yield mqtt_mock
    sock = Mock()
    sock.fileno.return_value = -1
    client.on_socket_close(client, None, sock)


@pytest.fixture
def no_broker() -> Generator[None]:
    """Keep MQTT clients from subscribing at the broker.

    It responds to each question all the same.
    """
    with (
        patch(
            "homeassistant.components.mqtt.client.EnsureJobAfterCooldown.async_schedule"
        ),
        patch(
            "custom_components.vesper.hub.broker_link.BrokerLink._async_ask",
            return_value=True,
        ),
    ):
        yield


@pytest.fixture
def entry(hass: HomeAssistant) -> MockConfigEntry:
    """Add a Vesper entry, not set up yet."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Vesper",
        data={CONF_PREFIX: "vesper"},
        entry_id=FLEET,
        unique_id="vesper",
    )
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
def platforms() -> list[Platform]:
    """Return the platforms to set up: by default all."""
    return PLATFORMS


@pytest.fixture
async def vesper(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    mqtt_mock: Any,
    freezer: FrozenDateTimeFactory,
    platforms: list[Platform],
) -> AsyncGenerator[Vesper]:
    """Set up the Vesper entry, without devices."""
    with patch("custom_components.vesper.PLATFORMS", platforms):
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        yield Vesper(hass, entry, mqtt_mock, freezer)
        if entry.state is ConfigEntryState.LOADED:
            assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
def writes(hass: HomeAssistant) -> Writes:
    """Record all writes of states in the test."""
    return Writes(hass)


#: Not enabled by the tests of all entities: it is written once a minute.
_SELDOM_ENABLED = ("last_seen", "wifi_signal")


@pytest.fixture
def as_installed() -> None:
    """Leave entities disabled that are disabled by default."""


@pytest.fixture(autouse=True)
def enabled_by_hand(request: pytest.FixtureRequest) -> Generator[None]:
    """Enable most entities that are disabled by default."""
    if "as_installed" in request.fixturenames:
        yield
        return
    with patch(
        "homeassistant.helpers.entity.Entity.entity_registry_enabled_default",
        property(
            lambda entity: (
                entity.entity_description.entity_registry_enabled_default
                or entity.entity_description.key not in _SELDOM_ENABLED
                if hasattr(entity, "entity_description")
                else True
            )
        ),
    ):
        yield


@pytest.fixture
def entity_registry_enabled_by_default() -> Generator[None]:
    """Enable the entities that are disabled by default."""
    with patch(
        "homeassistant.helpers.entity.Entity.entity_registry_enabled_default",
        new_callable=PropertyMock,
        return_value=True,
    ):
        yield


@pytest.fixture
async def waiting_runs(hass: HomeAssistant) -> AsyncGenerator[None]:
    """Ignore waiting automations, and stop them at the end."""
    with patch.object(hass, "async_block_till_done", take_turns):
        yield
        if hass.services.has_service("automation", SERVICE_TURN_OFF):
            everything = {ATTR_ENTITY_ID: ENTITY_MATCH_ALL}
            await hass.services.async_call(
                "automation", SERVICE_TURN_OFF, everything, blocking=True
            )
