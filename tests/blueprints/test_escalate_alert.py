"""The blueprint "A Vesper alert is not acknowledged"."""

import pytest

from custom_components.vesper.hub.entity_set import EntitySet
from homeassistant.core import HomeAssistant
from tests.automation import devices, registered_id
from tests.common import FLEET, Vesper

from .common import (
    Notifications,
    act,
    add_helpers,
    everywhere,
    let_pass,
    running,
    send_alerts,
    use,
    with_all_entities,
)

pytestmark = pytest.mark.usefixtures("as_installed", "waiting_runs")


@pytest.fixture
async def escalated(hass: HomeAssistant, vesper: Vesper) -> Notifications:
    """Return an automation that escalates after half an hour."""
    await vesper.heartbeat()
    return await use(hass, "escalate_alert", devices=devices(hass))


async def test_escalation_with_helpers(
    hass: HomeAssistant, vesper: Vesper, escalated: Notifications
) -> None:
    """A switch that is on is not an acknowledgement."""
    await add_helpers(hass, vesper)
    await vesper.alert("SD", "CRITICAL")
    await let_pass(vesper, 31)
    assert len(escalated.take()) == 1


async def test_escalation(vesper: Vesper, escalated: Notifications) -> None:
    """An alert that is not acknowledged notifies once."""
    await vesper.alert("Net", "WARNING")
    await vesper.alert("SD", "CRITICAL", "no card")
    await let_pass(vesper, 29)
    assert escalated.take() == []
    await let_pass(vesper, 2)
    assert escalated.take() == [
        (
            "Vesper bell has an alert that is not acknowledged",
            "`SD` is critical: `no card`",
        )
    ]
    await let_pass(vesper, 60)
    assert escalated.take() == []
    assert running(vesper.hass) == 0


async def test_escalation_ends_with_acknowledgment(
    vesper: Vesper, escalated: Notifications
) -> None:
    """An acknowledged alert notifies only if it gets worse."""
    await vesper.alert("SD", "CRITICAL")
    await let_pass(vesper, 20)
    await act(vesper, "acknowledge_alert", subsystem="SD")
    await let_pass(vesper, 60)
    assert escalated.take() == []
    await vesper.alert("SD", "FAILED")
    await let_pass(vesper, 31)
    assert escalated.take() == [
        ("Vesper bell has an alert that is not acknowledged", "`SD` is failed")
    ]


@pytest.mark.parametrize("state", ["CLEARED", "WARNING"])
async def test_escalation_ends_with_the_alert(
    vesper: Vesper, escalated: Notifications, state: str
) -> None:
    """A cleared or less severe alert does not notify."""
    await vesper.alert("SD", "CRITICAL")
    await let_pass(vesper, 20)
    await vesper.alert("SD", state)
    assert running(vesper.hass) == 0
    await let_pass(vesper, 60)
    assert escalated.take() == []


async def test_escalation_of_what_gets_worse(
    vesper: Vesper, escalated: Notifications
) -> None:
    """It notifies once, and its delay begins again."""
    await vesper.alert("SD", "CRITICAL", "slow")
    await let_pass(vesper, 10)
    await vesper.alert("SD", "FAILED", "dead")
    await let_pass(vesper, 22)
    assert escalated.take() == []
    await let_pass(vesper, 10)
    assert escalated.take() == [
        ("Vesper bell has an alert that is not acknowledged", "`SD` is failed: `dead`")
    ]


@with_all_entities
async def test_escalation_ends_with_maintenance(
    vesper: Vesper, escalated: Notifications
) -> None:
    """A device in maintenance does not notify."""
    await vesper.alert("SD", "CRITICAL")
    await let_pass(vesper, 10)
    await act(vesper, "set_maintenance", duration={"hours": 1})
    assert running(vesper.hass) == 0
    await let_pass(vesper, 60)
    assert escalated.take() == []


async def test_escalation_over_a_reload(
    vesper: Vesper, escalated: Notifications
) -> None:
    """A reload neither ends nor restarts the delay."""
    await vesper.alert("SD", "CRITICAL")
    await let_pass(vesper, 20)
    await vesper.reload()
    await let_pass(vesper, 11)
    assert len(escalated.take()) == 1


@pytest.mark.parametrize("entity_set", [EntitySet.ESSENTIAL])
async def test_many_alerts(hass: HomeAssistant, vesper: Vesper) -> None:
    """Alerts that stay active take no place from others."""
    notifications = await use(
        hass, "escalate_alert", devices={"device_id": [registered_id(hass, FLEET)]}
    )
    await send_alerts(vesper, *everywhere("CRITICAL"))
    assert running(hass) == 0
    await vesper.advance(1801)
    assert len(notifications.take()) == 1024
    await vesper.alert("SD", "CRITICAL")
    await vesper.advance(1801)
    assert len(notifications.take()) == 1
    await send_alerts(vesper, *everywhere("CLEARED"))
    await vesper.advance(1)
    assert notifications.take() == []
    assert running(hass) == 0
