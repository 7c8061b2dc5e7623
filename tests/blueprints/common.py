"""Helpers of the tests of blueprints."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    async_fire_mqtt_message,
    async_mock_service,
)

from custom_components.vesper.hub.entity_set import EntitySet
from homeassistant.components import automation
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.json import json_bytes
from homeassistant.setup import async_setup_component
from tests.automation import devices, registered_id, take_turns
from tests.common import BELL, Vesper
from tests.pages import ROOT

FOLDER = ROOT / "blueprints/automation/vesper"
OTHER = "tower"
LONG = "\U0001f514" * 255

#: Not part of the essential entities: maintenance, and single subsystems.
with_all_entities = pytest.mark.parametrize("entity_set", [EntitySet.ALL])


class Notifications:
    """The notifications of an automation."""

    def __init__(self, calls: list[ServiceCall]) -> None:
        """Take the list to which calls are added."""
        self._calls = calls

    def take(self) -> list[tuple[str, str]]:
        """Return the titles and messages since the last call."""
        notifications = [
            (call.data["title"], call.data["message"]) for call in self._calls
        ]
        self._calls.clear()
        return notifications


async def use(hass: HomeAssistant, name: str, **inputs: Any) -> Notifications:
    """Use a blueprint and record its notifications."""
    calls = async_mock_service(hass, "test", "notify")
    notify = {
        "action": "test.notify",
        "data": {"title": "{{ title }}", "message": "{{ message }}"},
    }
    await set_up(hass, name, actions=[notify], **inputs)
    return Notifications(calls)


async def set_up(hass: HomeAssistant, name: str, **inputs: Any) -> None:
    """Make an automation of a blueprint with these inputs."""
    blueprint = {"path": f"vesper/{name}.yaml", "input": inputs}
    assert await async_setup_component(
        hass, automation.DOMAIN, {automation.DOMAIN: {"use_blueprint": blueprint}}
    )
    await hass.async_block_till_done()
    assert len(hass.states.async_entity_ids(automation.DOMAIN)) == 1
    (entity_id,) = hass.states.async_entity_ids(automation.DOMAIN)
    state = hass.states.get(entity_id)
    assert state is not None
    assert state.state == "on"


def running(hass: HomeAssistant) -> int:
    """Return how many runs of the automation are active."""
    (state,) = hass.states.async_all(automation.DOMAIN)
    count: int = state.attributes["current"]
    return count


async def act(
    vesper: Vesper, action: str, *, device_id: str = BELL, **data: Any
) -> None:
    """Call a service for the device."""
    await vesper.call(f"vesper.{action}", **devices(vesper.hass, [device_id]), **data)
    await take_turns()


async def until(vesper: Vesper, hour: str) -> None:
    """Advance to this time, with heartbeats of the device."""
    vesper.freezer.move_to(f"2026-11-{hour}+00:00")
    await vesper.heartbeat()
    await vesper.advance(1)


async def let_pass(vesper: Vesper, minutes: int) -> None:
    """Advance the time, with heartbeats of the device."""
    for _ in range(minutes):
        await vesper.advance(60)
        await vesper.heartbeat()


def disable(vesper: Vesper, key: str, device_id: str = BELL) -> None:
    """Disable an entity."""
    er.async_get(vesper.hass).async_update_entity(
        vesper.entity_id(key, device_id), disabled_by=er.RegistryEntryDisabler.USER
    )


async def send_alerts(vesper: Vesper, *alerts: tuple[str, str, str]) -> None:
    """Publish alert states of subsystems all at once."""
    for device_id, subsystem, state in alerts:
        payload = json_bytes({"subsystem": subsystem, "state": state})
        topic = f"vesper/{device_id}/status/alerts"
        async_fire_mqtt_message(vesper.hass, topic, payload)
    await vesper.hass.async_block_till_done()


def everywhere(state: str) -> list[tuple[str, str, str]]:
    """Return a state for each of 1,024 subsystems.

    These are more than there may be runs.
    """
    return [
        (f"bell-{device}", f"S{subsystem}", state)
        for device in range(16)
        for subsystem in range(64)
    ]


async def add_helpers(hass: HomeAssistant, vesper: Vesper) -> None:
    """Add entities of another integration to the bell."""
    for domain, state, attributes in (
        ("switch", "on", {}),
        ("binary_sensor", "on", {"device_class": "connectivity"}),
        ("sensor", "0", {"alerts": []}),
    ):
        helper = er.async_get(hass).async_get_or_create(
            domain, "template", "aaa", device_id=registered_id(hass)
        )
        hass.states.async_set(helper.entity_id, state, attributes)
    await hass.async_block_till_done()


async def finish_start(hass: HomeAssistant) -> None:
    """Let Home Assistant finish its start."""
    await hass.async_start()
    await hass.async_block_till_done()
