"""The blueprint "A Vesper alert is not acknowledged"."""

import pytest

from custom_components.vesper.hub.entity_set import EntitySet
from homeassistant.core import Context, HomeAssistant
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
    until,
    use,
)

PENDING = (
    "Vesper bell has an alert that is not acknowledged",
    "`SD` is critical: `no card`",
)
RECOVERED = ("Vesper bell has recovered", "`SD` is OK again")

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
    assert escalated.take() == [PENDING]
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
    assert len(notifications.take()) == 1024
    assert running(hass) == 0


async def escalate(vesper: Vesper) -> None:
    """Let an alert wait until it is reported."""
    await vesper.alert("SD", "CRITICAL", "no card")
    await let_pass(vesper, 31)


async def test_end_of_what_was_escalated(
    vesper: Vesper, escalated: Notifications
) -> None:
    """Only the end of a reported alert notifies."""
    await escalate(vesper)
    await vesper.alert("Net", "CRITICAL")
    await vesper.alert("Clock", "WARNING")
    await let_pass(vesper, 10)
    assert escalated.take() == [PENDING]
    await vesper.reload()
    for subsystem in ("Clock", "Net", "SD"):
        await vesper.alert(subsystem, "CLEARED")
    assert escalated.take() == [RECOVERED]


@pytest.mark.parametrize("over", ["CLEARED", "acknowledged"])
async def test_end_of_what_got_worse_after_it_was_escalated(
    vesper: Vesper, escalated: Notifications, over: str
) -> None:
    """What was reported before it got worse is over."""
    await escalate(vesper)
    await vesper.alert("Net", "WARNING")
    await let_pass(vesper, 40)
    assert escalated.take() == [PENDING]
    await vesper.alert("SD", "FAILED")
    await vesper.alert("Net", "CRITICAL")
    await let_pass(vesper, 1)
    await vesper.alert("SD", "CRITICAL")
    await let_pass(vesper, 1)
    await vesper.alert("SD", "FAILED")
    await vesper.alert("Net", "FAILED")
    await vesper.reload()
    await let_pass(vesper, 1)
    if over == "CLEARED":
        await vesper.alert("Net", "CLEARED")
        await vesper.alert("SD", "CLEARED")
        assert escalated.take() == [RECOVERED]
    else:
        await act(vesper, "acknowledge_alert", subsystem="Net")
        await act(vesper, "acknowledge_alert", subsystem="SD")
        assert [message for _, message in escalated.take()] == ["`SD` is acknowledged"]


async def test_warnings_that_were_escalated(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """The time of each severity counts by itself."""
    await vesper.heartbeat()
    notifications = await use(
        hass, "escalate_alert", devices=devices(hass), severity="warning"
    )
    for subsystem, minutes in (("SD", 31), ("Net", 20)):
        for state in ("WARNING", "CRITICAL", "FAILED"):
            await vesper.alert(subsystem, state)
            await let_pass(vesper, minutes if state == "WARNING" else 20)
        notifications.take()
        await vesper.alert(subsystem, "CLEARED")
        over = [("Vesper bell has recovered", f"`{subsystem}` is OK again")]
        assert notifications.take() == (over if subsystem == "SD" else [])


async def test_acknowledged_after_it_was_escalated(
    vesper: Vesper, escalated: Notifications
) -> None:
    """It notifies once, with the user and the note."""
    user = await vesper.hass.auth.async_create_user("An`na", group_ids=["system-admin"])
    await escalate(vesper)
    await vesper.reload()
    await vesper.hass.services.async_call(
        "vesper",
        "acknowledge_alert",
        {**devices(vesper.hass), "note": "**on** my way"},
        blocking=True,
        context=Context(user_id=user.id),
    )
    await act(vesper, "acknowledge_alert")
    assert escalated.take() == [
        PENDING,
        (
            "Vesper bell has an alert that is acknowledged now",
            "`SD` is acknowledged by `An'na`: `**on** my way`",
        ),
    ]
    await vesper.alert("SD", "CLEARED")
    assert escalated.take() == []


async def test_acknowledged_by_an_automation(
    vesper: Vesper, escalated: Notifications
) -> None:
    """It has neither a name nor a note."""
    await escalate(vesper)
    await act(vesper, "acknowledge_alert")
    assert escalated.take() == [
        PENDING,
        ("Vesper bell has an alert that is acknowledged now", "`SD` is acknowledged"),
    ]


async def test_escalation_without_its_end(hass: HomeAssistant, vesper: Vesper) -> None:
    """The notification of the end can be turned off."""
    await vesper.heartbeat()
    notifications = await use(
        hass, "escalate_alert", devices=devices(hass), recovery=False, patience=1800
    )
    await escalate(vesper)
    await vesper.alert("SD", "CLEARED")
    assert notifications.take() == [PENDING]


# Quiet hours


@pytest.fixture
async def at_night(hass: HomeAssistant, vesper: Vesper) -> Notifications:
    """Return an automation with quiet hours, before they begin."""
    await hass.config.async_set_time_zone("UTC")
    vesper.freezer.move_to("2026-11-22 21:00:00+00:00")
    await vesper.reload()
    await vesper.heartbeat()
    return await use(
        hass,
        "escalate_alert",
        devices=devices(hass),
        quiet_from="22:00:00",
        quiet_until="07:00:00",
    )


async def test_quiet_hours(vesper: Vesper, at_night: Notifications) -> None:
    """What is due in them is listed afterwards."""
    await until(vesper, "22 21:50:00")
    for subsystem in ("SD", "Net", "Clock", "Fan"):
        await vesper.alert(subsystem, "CRITICAL", "no `card`")
    await vesper.alert("Heap", "WARNING")
    await until(vesper, "22 22:10:00")
    await act(vesper, "acknowledge_alert", subsystem="Clock")
    await until(vesper, "22 22:21:00")
    await until(vesper, "22 23:00:00")
    await act(vesper, "acknowledge_alert", subsystem="Fan")
    await vesper.alert("Net", "CLEARED")
    await until(vesper, "23 06:50:00")
    await vesper.alert("Late", "CRITICAL")
    assert at_night.take() == []
    await until(vesper, "23 07:00:00")
    assert at_night.take() == [
        (
            "Vesper: 1 alert not acknowledged in the quiet hours",
            "- `Critical: Vesper bell, SD: no 'card', since 2026-11-22 21:50`",
        )
    ]
    await until(vesper, "23 07:19:00")
    await until(vesper, "23 07:21:00")
    assert [message for _, message in at_night.take()] == ["`Late` is critical"]
    await act(vesper, "acknowledge_alert", subsystem="SD")
    await vesper.alert("Late", "CLEARED")
    assert [message for _, message in at_night.take()] == [
        "`SD` is acknowledged",
        "`Late` is OK again",
    ]
    await until(vesper, "24 07:00:00")
    assert at_night.take() == []


async def test_end_in_quiet_hours(vesper: Vesper, at_night: Notifications) -> None:
    """It is reported when they end."""
    for subsystem in ("SD", "Net"):
        await vesper.alert(subsystem, "CRITICAL")
    await until(vesper, "22 21:31:00")
    assert len(at_night.take()) == 2
    await until(vesper, "22 23:00:00")
    await act(vesper, "acknowledge_alert", subsystem="SD")
    await until(vesper, "23 07:00:00")
    ((title, message),) = at_night.take()
    assert title == "Vesper: 1 alert not acknowledged in the quiet hours"
    assert message.splitlines() == [
        "Alerts that were reported have ended or are acknowledged.",
        "- `Critical: Vesper bell, Net, since 2026-11-22 21:00`",
    ]


async def test_everything_is_over_after_quiet_hours(
    vesper: Vesper, at_night: Notifications
) -> None:
    """That is reported, too."""
    await vesper.alert("SD", "CRITICAL")
    await until(vesper, "22 21:31:00")
    at_night.take()
    await until(vesper, "22 23:00:00")
    await vesper.alert("SD", "CLEARED")
    await until(vesper, "23 07:00:00")
    assert at_night.take() == [
        (
            "Vesper: no alerts not acknowledged in the quiet hours",
            "Alerts that were reported have ended or are acknowledged.",
        )
    ]
