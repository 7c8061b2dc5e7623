"""The WebSocket commands."""

from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import CLIENT_ID, MockUser
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.vesper.const import DOMAIN
from custom_components.vesper.hub.insight import current_report
from custom_components.vesper.model.device import Device
from custom_components.vesper.websocket_api import MAX_LISTED
from homeassistant.helpers import device_registry as dr
from tests.automation import registered_id
from tests.common import BELL, FLEET, Vesper

OTHER = "tower"


class Insight:
    """Ask for the availability as a user."""

    def __init__(self, vesper: Vesper, connect: WebSocketGenerator) -> None:
        """Set what opens a connection."""
        self._vesper = vesper
        self._connect = connect

    async def ask(
        self, user: MockUser, *, type_: str = "vesper/insight", **fields: Any
    ) -> dict[str, Any]:
        """Return the answer to the user."""
        auth = self._vesper.hass.auth
        refresh = await auth.async_create_refresh_token(user, CLIENT_ID)
        client = await self._connect(
            self._vesper.hass, auth.async_create_access_token(refresh)
        )
        await client.send_json_auto_id({"type": type_, **fields})
        answer: dict[str, Any] = await client.receive_json()
        await client.close()
        return answer


@pytest.fixture
def insight(vesper: Vesper, hass_ws_client: WebSocketGenerator) -> Insight:
    """Return what asks."""
    return Insight(vesper, hass_ws_client)


@pytest.fixture(autouse=True)
async def fleet(vesper: Vesper) -> None:
    """Let one device restart five times."""
    for _ in range(2):
        await vesper.heartbeat(OTHER)
        await vesper.advance(1800)
    for _ in range(6):
        for uptime in (5, 65):
            await vesper.heartbeat(uptime=uptime, reset_reason=9)
            await vesper.advance(60)


async def test_all_devices(
    vesper: Vesper, insight: Insight, hass_admin_user: MockUser
) -> None:
    """It has the last outages and restarts of each."""
    answer = await insight.ask(hass_admin_user)
    assert answer["success"]
    devices = answer["result"]["devices"]
    bell = devices[registered_id(vesper.hass, BELL)]
    other = devices[registered_id(vesper.hass, OTHER)]
    assert len(devices) == 2
    assert bell["device_id"] == BELL
    assert bell["restarts"]["day"] == 5
    assert len(bell["last_restarts"]) == MAX_LISTED
    assert other["outages"]["day"] == 2
    assert other["last_outages"][0]["end"] is None
    assert other["observed"]["day"] == 3600 + 720


async def test_a_device(
    vesper: Vesper, insight: Insight, hass_admin_user: MockUser
) -> None:
    """A named device has all of its restarts."""
    device_id = registered_id(vesper.hass, BELL)
    answer = await insight.ask(hass_admin_user, device_ids=[device_id])
    (bell,) = answer["result"]["devices"].values()
    assert [restart["reason"] for restart in bell["last_restarts"]] == ["brown_out"] * 5


async def test_users(
    vesper: Vesper, insight: Insight, hass_read_only_user: MockUser
) -> None:
    """They see the devices that they may read."""
    readable = {"entity_ids": {vesper.entity_id("health"): {"read": True}}}
    hass_read_only_user.mock_policy({"entities": readable})
    bell, other = (registered_id(vesper.hass, one) for one in (BELL, OTHER))
    answer = await insight.ask(hass_read_only_user)
    assert answer["result"]["devices"].keys() == {bell}
    answer = await insight.ask(hass_read_only_user, device_ids=[bell, other])
    assert answer["result"]["devices"].keys() == {bell}
    assert answer["result"]["unknown"] == [other]


async def test_controllable_devices(
    vesper: Vesper, insight: Insight, hass_read_only_user: MockUser
) -> None:
    """They are those that the user may control."""
    allowed = {vesper.entity_id("health"): {"read": True, "control": True}}
    allowed |= {vesper.entity_id("health", OTHER): {"read": True}}
    hass_read_only_user.mock_policy({"entities": {"entity_ids": allowed}})
    type_ = "vesper/controllable_devices"
    answer = await insight.ask(hass_read_only_user, type_=type_)
    assert answer["result"] == {"device_ids": [registered_id(vesper.hass, BELL)]}
    await vesper.hass.config_entries.async_unload(FLEET)
    answer = await insight.ask(hass_read_only_user, type_=type_)
    assert answer["error"]["translation_key"] == "not_running"
    await vesper.hass.config_entries.async_setup(FLEET)


async def test_an_unknown_device(
    vesper: Vesper, insight: Insight, hass_admin_user: MockUser
) -> None:
    """The answer names it, and has all others."""
    bell, fleet = (registered_id(vesper.hass, one) for one in (BELL, FLEET))
    answer = await insight.ask(hass_admin_user, device_ids=["nowhere", bell, fleet])
    assert answer["result"]["devices"].keys() == {bell}
    assert answer["result"]["unknown"] == sorted(["nowhere", fleet])


async def test_a_device_that_is_removed_meanwhile(
    vesper: Vesper, insight: Insight, hass_admin_user: MockUser
) -> None:
    """It is left out, and not registered again."""
    registry = dr.async_get(vesper.hass)
    removed = registered_id(vesper.hass, BELL)

    def remove_the_bell(device: Device) -> dict[str, Any]:
        """Remove the bell when the other device is reported."""
        if device.device_id == OTHER:
            registry.async_remove_device(removed)
        return current_report(device)

    with (
        patch("custom_components.vesper.hub.chunks.CHUNK", 0),
        patch("custom_components.vesper.websocket_api.current_report", remove_the_bell),
    ):
        answer = await insight.ask(hass_admin_user)
    assert [one["device_id"] for one in answer["result"]["devices"].values()] == [OTHER]
    assert registry.async_get_device_by_identifier((DOMAIN, BELL), FLEET) is None


async def test_not_loaded(
    vesper: Vesper, insight: Insight, hass_admin_user: MockUser
) -> None:
    """The error says that Vesper is not loaded."""
    await vesper.hass.config_entries.async_unload(FLEET)
    answer = await insight.ask(hass_admin_user)
    assert answer["error"]["translation_key"] == "not_running"
    await vesper.hass.config_entries.async_setup(FLEET)
