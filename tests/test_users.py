"""Attributes, states and the logbook show the acting user."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockUser,
    async_capture_events,
)

from custom_components.vesper.const import EVENT_OCCURRENCE
from custom_components.vesper.hub.permissions import async_user_name
from homeassistant.core import Context, HomeAssistant

from .automation import automate, devices
from .common import BELL, Vesper


@pytest.fixture
def anna(hass: HomeAssistant) -> Context:
    """Return the context of what Anna does."""
    return Context(user_id=MockUser(name="Anna", is_owner=True).add_to_hass(hass).id)


@pytest.fixture(autouse=True)
async def alert(vesper: Vesper) -> None:
    """Let a device have an alert."""
    await vesper.heartbeat()
    await vesper.alert("FileManager", "WARNING")


async def act(
    hass: HomeAssistant, action: str, context: Context | None, **data: Any
) -> None:
    """Call an action and wait for its effects."""
    domain, _, name = action.partition(".")
    await hass.services.async_call(domain, name, data, blocking=True, context=context)
    await hass.async_block_till_done()


async def test_acknowledgement(
    hass: HomeAssistant, vesper: Vesper, anna: Context
) -> None:
    """The alert has the name until it gets worse."""
    logged = async_capture_events(hass, EVENT_OCCURRENCE)
    target = {**devices(hass), "subsystem": "FileManager"}
    await act(hass, "vesper.acknowledge_alert", anna, **target, note="on it")
    shown = vesper.state("alert_FileManager")
    assert shown.attributes["acknowledged_by"] == "Anna"
    assert shown.context is anna
    assert [event.context for event in logged] == [anna]

    await vesper.reload()
    (listed,) = vesper.state("active_alerts").attributes["alerts"]
    assert listed["acknowledged_by"] == "Anna"
    await vesper.alert("FileManager", "CRITICAL")
    assert vesper.state("alert_FileManager").attributes["acknowledged_by"] is None


@pytest.mark.parametrize("name", [None, "Anna"])
async def test_acknowledgement_without_a_name(
    hass: HomeAssistant, vesper: Vesper, name: str | None
) -> None:
    """A later acknowledgment without a name replaces the user."""
    target = {**devices(hass), "subsystem": "FileManager"}
    user = MockUser(name=name, is_owner=True).add_to_hass(hass)
    await act(hass, "vesper.acknowledge_alert", Context(user_id=user.id), **target)
    assert vesper.state("alert_FileManager").attributes["acknowledged_by"] == name
    await act(hass, "vesper.acknowledge_alert", None, **target)
    attributes = vesper.state("alert_FileManager").attributes
    assert attributes["acknowledged"] is True
    assert attributes["acknowledged_by"] is None


async def test_what_the_device_does_right_after(
    hass: HomeAssistant, vesper: Vesper, anna: Context
) -> None:
    """It is not attributed to the user."""
    target = {**devices(hass), "subsystem": "FileManager"}
    await act(hass, "vesper.acknowledge_alert", anna, **target)
    await vesper.advance(1)
    await vesper.alert("FileManager", "CRITICAL")
    for key in ("alert_FileManager", "active_alerts"):
        assert vesper.state(key).context.user_id is None


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Anna\u00a0Smith", "Anna Smith"),
        ("Anna\nSmith\x07", "Anna Smith"),
        ("x" * 300, "x" * 255),
        ("\u200d", None),
    ],
)
async def test_names_of_users(
    hass: HomeAssistant, vesper: Vesper, name: str, shown: str | None
) -> None:
    """They are one line, also after a restart."""
    user = MockUser(name=name, is_owner=True).add_to_hass(hass)
    target = {**devices(hass), "subsystem": "FileManager"}
    await act(hass, "vesper.acknowledge_alert", Context(user_id=user.id), **target)
    for _ in range(2):
        attributes = vesper.state("alert_FileManager").attributes
        assert attributes["acknowledged_by"] == shown
        await vesper.reload()


@pytest.mark.parametrize("action", ["switch.turn_on", "vesper.set_maintenance"])
async def test_maintenance(
    hass: HomeAssistant, vesper: Vesper, anna: Context, action: str
) -> None:
    """Its switch has the name until extended or ended."""
    logged = async_capture_events(hass, EVENT_OCCURRENCE)
    data = {} if action == "switch.turn_on" else {"duration": {"hours": 1}}
    switch = {"entity_id": vesper.entity_id("maintenance")}
    await act(hass, action, anna, **switch, **data)
    shown = vesper.state("maintenance")
    assert shown.attributes["set_by"] == "Anna"
    assert shown.context is anna
    assert [event.context for event in logged] == [anna]

    await vesper.reload()
    assert vesper.state("maintenance").attributes["set_by"] == "Anna"
    await act(hass, "vesper.set_maintenance", None, **switch, duration={"hours": 2})
    assert vesper.state("maintenance").attributes["set_by"] is None
    await act(hass, "switch.turn_off", anna, **switch)
    assert "set_by" not in vesper.state("maintenance").attributes
    assert vesper.hub.devices[BELL].maintenance_by is None


async def test_maintenance_that_ends_by_itself(
    hass: HomeAssistant, vesper: Vesper, anna: Context
) -> None:
    """Its end has no user."""
    switch = {"entity_id": vesper.entity_id("maintenance")}
    await act(hass, "switch.turn_on", anna, **switch)
    logged = async_capture_events(hass, EVENT_OCCURRENCE)
    await vesper.advance(3601)
    assert vesper.value("maintenance") == "off"
    assert vesper.state("maintenance").context.user_id is None
    (ended,) = (event for event in logged if event.data["kind"] == "maintenance_ended")
    assert ended.context.user_id is None


@pytest.mark.parametrize("lasting", [{}, {"for": {"seconds": 10}}])
async def test_automations_are_triggered_by_the_user(
    hass: HomeAssistant, vesper: Vesper, anna: Context, lasting: dict[str, Any]
) -> None:
    """Runs have the context of the user who acted."""
    cleared = await automate(hass, "alert_cleared", devices(hass))
    raised = await automate(hass, "alert_raised", devices(hass), lasting)
    await act(
        hass, "vesper.clear_alert", anna, **devices(hass), subsystem="FileManager"
    )
    assert cleared.contexts == [anna]
    await vesper.alert("FileManager", "WARNING")
    await vesper.advance(11)
    assert raised.contexts == [None]


async def test_nobody(hass: HomeAssistant) -> None:
    """What code does without a context has no name."""
    assert await async_user_name(hass, None) is None
    assert await async_user_name(hass, Context()) is None
