"""The system health page of Vesper."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    get_system_health_info,
)

from custom_components.vesper.const import DOMAIN
from homeassistant.config_entries import SOURCE_IGNORE
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.loader import async_get_integration
from homeassistant.setup import async_setup_component
from homeassistant.util.dt import utcnow
from tests.common import BELL, Vesper
from tests.test_parity import TEXTS


@pytest.fixture
def platforms() -> list[Platform]:
    """Set up no entities: the page shows none."""
    return []


@pytest.fixture(autouse=True)
async def system_health(hass: HomeAssistant) -> None:
    """Set up the page."""
    assert await async_setup_component(hass, "system_health", {})


async def _info(hass: HomeAssistant) -> dict[str, Any]:
    """Return what the page shows of Vesper."""
    info: dict[str, Any] = await get_system_health_info(hass, DOMAIN)
    return info


async def test_ignored_discovery(hass: HomeAssistant, vesper: Vesper) -> None:
    """A discovery that was ignored is not counted."""
    ignored = MockConfigEntry(domain=DOMAIN, source=SOURCE_IGNORE, unique_id="other")
    ignored.add_to_hass(hass)
    info = await _info(hass)
    assert "entries" not in info
    assert info["mqtt_link"] == "ok"


async def test_info(hass: HomeAssistant, vesper: Vesper) -> None:
    """The page shows the fleet's state, with all texts."""
    await vesper.heartbeat(uptime=5)
    await vesper.heartbeat("tower", retain=True, uptime=5)
    await vesper.publish(BELL, "alerts", b"no JSON")
    heard = utcnow()
    await vesper.advance(60)
    await vesper.publish("unknown", "alerts", b"{}")
    info = await _info(hass)
    integration = await async_get_integration(hass, DOMAIN)
    assert info == {
        "version": str(integration.version),
        "http_intake": False,
        "mqtt_link": "ok",
        "devices": 2,
        "devices_online": 1,
        "messages_per_minute": 3,
        "malformed": 3,
        "last_heartbeat": heard,
        "last_alerts": heard + timedelta(minutes=1),
        "last_info": None,
    }
    of_several = {"entries", "entries_loaded"}
    assert set(info) | of_several == set(TEXTS["system_health"]["info"])


async def test_messages_per_minute(hass: HomeAssistant, vesper: Vesper) -> None:
    """The messages are those of the last whole minute."""

    async def _per_minute() -> Any:
        return (await _info(hass))["messages_per_minute"]

    assert await _per_minute() == 0
    for _ in range(4):
        await vesper.heartbeat()
    await vesper.heartbeat("tower")
    await vesper.advance(61)
    assert await _per_minute() == 5
    await vesper.heartbeat()
    assert await _per_minute() == 5
    await vesper.advance(61)
    assert await _per_minute() == 1
    await vesper.hub.async_remove_device("tower")
    await vesper.heartbeat("tower")
    await vesper.heartbeat()
    await vesper.advance(61)
    assert await _per_minute() == 2
    await vesper.advance(61)
    assert await _per_minute() == 0


async def test_disconnected(hass: HomeAssistant, vesper: Vesper) -> None:
    """A disconnected broker is an error on the page."""
    await vesper.disconnect_broker()
    info = await _info(hass)
    assert info["mqtt_link"] == {"type": "failed", "error": "unreachable"}
    await vesper.reconnect_broker()
    assert (await _info(hass))["mqtt_link"] == "ok"


async def test_http_intake(hass: HomeAssistant, vesper: Vesper) -> None:
    """The HTTP intake is on with a key."""
    hass.config_entries.async_update_entry(vesper.entry, options={"http_key": "digest"})
    await vesper.reload()
    assert (await _info(hass))["http_intake"] is True


async def test_not_loaded(hass: HomeAssistant, vesper: Vesper) -> None:
    """The page works without a loaded entry."""
    assert await hass.config_entries.async_unload(vesper.entry.entry_id)
    info = await _info(hass)
    assert info.pop("version")
    assert info == {
        "http_intake": False,
        "mqtt_link": {"type": "failed", "error": "not_loaded"},
    }
    assert await hass.config_entries.async_remove(vesper.entry.entry_id)
    assert set(await _info(hass)) == {"version"}
