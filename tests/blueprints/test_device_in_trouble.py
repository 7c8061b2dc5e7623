"""The blueprint "A Vesper device has a problem"."""

import pytest

from custom_components.vesper.hub.entity_set import EntitySet
from homeassistant.core import CoreState, HomeAssistant, State
from homeassistant.helpers import restore_state
from homeassistant.util import dt as dt_util
from tests.automation import devices, registered_id
from tests.common import BELL, FLEET, Vesper

from .common import (
    OTHER,
    Notifications,
    act,
    add_helpers,
    disable,
    everywhere,
    finish_start,
    running,
    send_alerts,
    until,
    use,
    with_all_entities,
)

pytestmark = pytest.mark.usefixtures("as_installed", "waiting_runs")

IN_TROUBLE = ("Vesper bell has a problem", "`SD` is warning: `no card`")
RECOVERED = ("Vesper bell has recovered", "`SD` is OK again")


async def flap_for_minutes(vesper: Vesper, minutes: int) -> None:
    """Let an alert come and go each half minute."""
    for _ in range(minutes):
        for state in ("WARNING", "CLEARED"):
            await vesper.alert("SD", state, "no card")
            await vesper.advance(30)


@pytest.fixture
async def at_night(hass: HomeAssistant, vesper: Vesper) -> Notifications:
    """Return an automation with quiet hours, before they begin."""
    await hass.config.async_set_time_zone("UTC")
    vesper.freezer.move_to("2026-11-22 21:00:00+00:00")
    await vesper.heartbeat()
    return await use(
        hass,
        "device_in_trouble",
        devices=devices(hass),
        quiet_from="22:00:00",
        quiet_until="07:00:00",
    )


async def test_trouble(hass: HomeAssistant, vesper: Vesper) -> None:
    """Trouble and recovery of the device notify once each."""
    for device_id in (BELL, OTHER):
        await vesper.heartbeat(device_id)
    notifications = await use(hass, "device_in_trouble", devices=devices(hass))
    await vesper.alert("SD", "WARNING", "no card", device_id=OTHER)
    await vesper.alert("SD", "WARNING", "no card")
    await vesper.advance(2)
    assert notifications.take() == [IN_TROUBLE]
    await vesper.alert("SD", "WARNING", "still no card")
    await vesper.alert("SD", "CLEARED", device_id=OTHER)
    assert notifications.take() == []
    await vesper.alert("SD", "CLEARED")
    assert notifications.take() == [RECOVERED]
    await vesper.alert("SD", "CLEARED")
    await vesper.advance(3600)
    assert notifications.take() == []
    await vesper.alert("SD", "WARNING", "no card")
    await vesper.advance(1)
    assert notifications.take() == [IN_TROUBLE]


async def test_trouble_that_flaps(hass: HomeAssistant, vesper: Vesper) -> None:
    """300 flaps in 5 minutes notify twice."""
    await vesper.heartbeat()
    notifications = await use(hass, "device_in_trouble", devices=devices(hass))
    for _ in range(300):
        await vesper.alert("SD", "WARNING", "no card")
        await vesper.advance_exactly(0.5)
        await vesper.alert("SD", "CLEARED")
        await vesper.advance_exactly(0.5)
    assert notifications.take() == [IN_TROUBLE]
    for _ in range(61):
        await vesper.heartbeat()
        await vesper.advance(60)
    assert notifications.take() == [RECOVERED]


async def test_trouble_that_flaps_in_quiet_hours(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Only what stands afterwards is reported."""
    vesper.freezer.move_to("2030-01-01T14:20:00Z")  # 06:20 in the time zone of tests
    await vesper.heartbeat()
    notifications = await use(
        hass,
        "device_in_trouble",
        devices=devices(hass),
        quiet_from="22:00:00",
        quiet_until="07:00:00",
    )
    await flap_for_minutes(vesper, 7)
    for _ in range(90):
        await vesper.heartbeat()
        await vesper.advance(60)
    assert notifications.take() == []
    await flap_for_minutes(vesper, 4)
    await vesper.alert("SD", "WARNING", "no card")
    reported = notifications.take()
    for _ in range(65):
        await vesper.heartbeat()
        await vesper.advance(60)
    assert reported + notifications.take() == [IN_TROUBLE, RECOVERED] * 2 + [
        IN_TROUBLE,
        IN_TROUBLE,
    ]


async def test_trouble_gets_worse_and_better(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Only a worse state and the recovery notify."""
    await vesper.heartbeat()
    notifications = await use(hass, "device_in_trouble", devices=devices(hass))
    for state in ("WARNING", "FAILED", "CRITICAL", "WARNING", "CRITICAL"):
        await vesper.alert("SD", state)
        await vesper.advance(2)
    assert [message for _, message in notifications.take()] == [
        "`SD` is warning",
        "`SD` is failed",
        "`SD` is critical",
    ]
    await vesper.alert("SD", "CLEARED")
    assert notifications.take() == [RECOVERED]
    assert running(hass) == 0


async def test_trouble_of_some_subsystems(hass: HomeAssistant, vesper: Vesper) -> None:
    """Each chosen subsystem notifies by itself, others do not."""
    await vesper.heartbeat()
    notifications = await use(
        hass, "device_in_trouble", devices=devices(hass), subsystems=["SD", "Net"]
    )
    for subsystem in ("SD", "Net", "Clock"):
        await vesper.alert(subsystem, "WARNING")
    await vesper.advance(2)
    assert {message for _, message in notifications.take()} == {
        "`SD` is warning",
        "`Net` is warning",
    }
    for subsystem in ("SD", "Net", "Clock"):
        await vesper.alert(subsystem, "CLEARED")
    assert {message for _, message in notifications.take()} == {
        "`SD` is OK again",
        "`Net` is OK again",
    }


async def test_trouble_of_a_severity(hass: HomeAssistant, vesper: Vesper) -> None:
    """Only alerts of the chosen severity are trouble."""
    await vesper.heartbeat()
    notifications = await use(
        hass, "device_in_trouble", devices=devices(hass), severity="critical"
    )
    await vesper.alert("SD", "WARNING")
    await vesper.advance(1)
    assert notifications.take() == []
    await vesper.alert("SD", "CRITICAL")
    await vesper.advance(1)
    await vesper.alert("SD", "WARNING")
    await vesper.advance(1)
    assert [message for _, message in notifications.take()] == ["`SD` is critical"]
    await vesper.alert("Net", "WARNING")
    for subsystem in ("SD", "Net"):
        await vesper.alert(subsystem, "CLEARED")
    assert notifications.take() == [RECOVERED]


async def test_trouble_without_recovery(hass: HomeAssistant, vesper: Vesper) -> None:
    """Recovery does not notify if it is turned off."""
    await vesper.heartbeat()
    notifications = await use(
        hass, "device_in_trouble", devices=devices(hass), recovery=False
    )
    await vesper.alert("SD", "WARNING", "no card")
    await vesper.advance(2)
    await vesper.alert("SD", "CLEARED")
    assert notifications.take() == [IN_TROUBLE]


@pytest.mark.parametrize("gap", ["reload", "disconnect"])
async def test_trouble_over_a_gap(
    hass: HomeAssistant, vesper: Vesper, gap: str
) -> None:
    """No gap in the messages is a recovery."""
    await vesper.heartbeat()
    notifications = await use(hass, "device_in_trouble", devices=devices(hass))
    await vesper.alert("SD", "WARNING", "no card")
    await vesper.advance(1)
    assert notifications.take() == [IN_TROUBLE]
    if gap == "reload":
        await vesper.reload()
    else:
        await vesper.disconnect_broker()
        await vesper.reconnect_broker()
    await vesper.advance(60)
    assert notifications.take() == []
    await vesper.alert("SD", "CLEARED")
    assert notifications.take() == [RECOVERED]


async def test_trouble_of_a_new_device(hass: HomeAssistant, vesper: Vesper) -> None:
    """An alert may be a device's first message."""
    notifications = await use(
        hass, "device_in_trouble", devices={"device_id": [registered_id(hass, FLEET)]}
    )
    await vesper.alert("SD", "WARNING", "no card")
    await vesper.advance(2)
    await vesper.alert("SD", "CLEARED")
    assert notifications.take() == [IN_TROUBLE, RECOVERED]


async def test_trouble_without_active_alerts(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """No entity has to be enabled."""
    await vesper.heartbeat()
    for key in ("active_alerts", "connectivity"):
        disable(vesper, key)
    await hass.async_block_till_done()
    notifications = await use(hass, "device_in_trouble", devices=devices(hass))
    await vesper.alert("SD", "WARNING", "no card")
    await vesper.advance(2)
    await vesper.alert("SD", "CLEARED")
    assert notifications.take() == [IN_TROUBLE, RECOVERED]


@with_all_entities
async def test_trouble_without_the_sensor_of_a_subsystem(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """An alert notifies also if it has no sensor.

    There may be no room for the sensor.
    """
    await vesper.alert("SD", "WARNING")
    await vesper.advance(2)
    await vesper.alert("SD", "CLEARED")
    disable(vesper, "alert_SD")
    await hass.async_block_till_done()
    notifications = await use(hass, "device_in_trouble", devices=devices(hass))
    await vesper.alert("SD", "WARNING", "no card")
    await vesper.advance(2)
    await vesper.alert("SD", "CLEARED")
    assert notifications.take() == [IN_TROUBLE, RECOVERED]


@pytest.mark.parametrize("entity_set", [EntitySet.ESSENTIAL])
async def test_a_flapping_device(hass: HomeAssistant, vesper: Vesper) -> None:
    """It takes no place from others."""
    await vesper.heartbeat()
    notifications = await use(
        hass, "device_in_trouble", devices=devices(hass), severity="critical"
    )
    await send_alerts(
        vesper, *[(BELL, "SD", state) for state in ("CRITICAL", "WARNING")] * 1100
    )
    assert running(hass) == 0
    assert len(notifications.take()) == 3
    await vesper.alert("Net", "CRITICAL")
    assert len(notifications.take()) == 1


async def test_trouble_with_helpers(hass: HomeAssistant, vesper: Vesper) -> None:
    """Only Vesper's own entities count."""
    await vesper.heartbeat()
    await add_helpers(hass, vesper)
    notifications = await use(hass, "device_in_trouble", devices=devices(hass))
    await vesper.alert("SD", "WARNING", "no card")
    assert notifications.take() == [IN_TROUBLE]
    await vesper.advance(60)
    await vesper.alert("SD", "CLEARED")
    assert notifications.take() == [RECOVERED]


async def test_quiet_hours_with_helpers(
    hass: HomeAssistant, vesper: Vesper, at_night: Notifications
) -> None:
    """Only Vesper's own switch is maintenance."""
    await add_helpers(hass, vesper)
    await until(vesper, "22 23:00:00")
    await vesper.alert("SD", "WARNING")
    await until(vesper, "23 07:00:00")
    assert len(at_night.take()) == 1


async def test_quiet_hours_hold_trouble_back(
    vesper: Vesper, at_night: Notifications
) -> None:
    """An alert still active in the morning notifies then."""
    await until(vesper, "22 23:00:00")
    await vesper.alert("SD", "WARNING")
    await until(vesper, "23 02:00:00")
    await vesper.alert("SD", "CRITICAL")
    await vesper.alert("Net", "WARNING")
    await until(vesper, "23 06:59:00")
    await vesper.alert("Net", "CLEARED")
    assert at_night.take() == []
    await until(vesper, "23 07:00:00")
    assert at_night.take() == [
        (
            "Vesper: 1 problem after the quiet hours",
            "- `Critical: Vesper bell, SD, since 2026-11-22 23:00`",
        )
    ]
    await vesper.alert("SD", "CLEARED")
    assert at_night.take() == [RECOVERED]
    await until(vesper, "24 07:00:00")
    assert at_night.take() == []


async def test_quiet_hours_report_what_is_new(
    vesper: Vesper, at_night: Notifications
) -> None:
    """An alert that got worse overnight is reported again."""
    for subsystem in ("SD", "Net"):
        await vesper.alert(subsystem, "WARNING")
    assert len(at_night.take()) == 2
    await until(vesper, "23 02:00:00")
    await vesper.alert("Net", "CRITICAL")
    await until(vesper, "23 07:00:00")
    assert at_night.take() == [
        (
            "Vesper: 1 problem after the quiet hours",
            "- `Critical: Vesper bell, Net, since 2026-11-22 21:00`",
        )
    ]


async def test_quiet_hours_hold_trouble_back_as_it_stands(
    vesper: Vesper, at_night: Notifications
) -> None:
    """The notification has the current message, unchanged."""
    await until(vesper, "22 23:00:00")
    await vesper.alert("SD", "WARNING", "slow")
    await vesper.alert("SD", "WARNING", """it's "{{ 7 * 6 }}" \\ {'a': 1} now""")
    await vesper.reload()
    assert at_night.take() == []
    await until(vesper, "23 07:00:00")
    ((_, message),) = at_night.take()
    assert (
        message
        == """- `Warning: Vesper bell, SD: it's "{{ 7 * 6 }}" \\ {'a': 1} now,"""
        """ since 2026-11-22 23:00`"""
    )


async def test_maintenance_holds_trouble_back(
    vesper: Vesper, at_night: Notifications
) -> None:
    """A device in maintenance is left out."""
    await until(vesper, "22 23:00:00")
    await vesper.alert("SD", "CRITICAL")
    await act(vesper, "set_maintenance", duration={"hours": 10})
    await until(vesper, "23 08:00:00")
    assert at_night.take() == []


async def test_trouble_in_maintenance(hass: HomeAssistant, vesper: Vesper) -> None:
    """An alert that began in maintenance notifies after it."""
    await vesper.heartbeat()
    notifications = await use(hass, "device_in_trouble", devices=devices(hass))
    await act(vesper, "set_maintenance", duration={"hours": 1})
    await vesper.alert("SD", "CRITICAL")
    await vesper.alert("Net", "CRITICAL")
    await vesper.alert("Net", "CLEARED")
    await vesper.advance(60)
    assert notifications.take() == []
    await act(vesper, "set_maintenance", duration=0)
    assert notifications.take() == [("Vesper bell has a problem", "`SD` is critical")]


async def test_quiet_hours_list_a_limited_number(
    vesper: Vesper, at_night: Notifications
) -> None:
    """Many alerts are one notification of limited length."""
    await until(vesper, "22 23:00:00")
    for number in range(64):
        await vesper.alert(f"S{number}", "WARNING", "x" * 255)
    await until(vesper, "23 07:00:00")
    ((title, message),) = at_night.take()
    assert title == "Vesper: 64 problems after the quiet hours"
    *lines, last = message.splitlines()
    assert last == f"- and {64 - len(lines)} more"
    assert 3000 < len(message) < 4000


async def test_quiet_hours_hold_recovery_back(
    vesper: Vesper, at_night: Notifications
) -> None:
    """Recovery notifies in the morning if the trouble did."""
    await vesper.alert("SD", "WARNING", "no card")
    await vesper.advance(1)
    assert at_night.take() == [IN_TROUBLE]
    await until(vesper, "23 02:00:00")
    await vesper.alert("SD", "CLEARED")
    await vesper.alert("Net", "WARNING")
    await vesper.advance(60)
    await vesper.alert("Net", "CLEARED")
    assert at_night.take() == []
    await until(vesper, "23 07:00:00")
    assert at_night.take() == [
        (
            "Vesper: no problems after the quiet hours",
            "Alerts that were reported have ended.",
        )
    ]
    await until(vesper, "24 07:00:00")
    assert at_night.take() == []


async def test_quiet_hours_list_what_is_left(
    vesper: Vesper, at_night: Notifications
) -> None:
    """When a reported alert has ended, others are listed."""
    for subsystem in ("SD", "Net"):
        await vesper.alert(subsystem, "WARNING")
    assert len(at_night.take()) == 2
    await until(vesper, "23 02:00:00")
    await vesper.alert("SD", "CLEARED")
    await until(vesper, "23 07:00:00")
    assert at_night.take() == [
        (
            "Vesper: 1 problem after the quiet hours",
            """Alerts that were reported have ended.
- `Warning: Vesper bell, Net, since 2026-11-22 21:00`""",
        )
    ]


@pytest.mark.parametrize("entity_set", [EntitySet.ESSENTIAL])
async def test_many_alerts(hass: HomeAssistant, vesper: Vesper) -> None:
    """Alerts that stay active take no place from others."""
    notifications = await use(
        hass, "device_in_trouble", devices={"device_id": [registered_id(hass, FLEET)]}
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


async def test_quiet_hours_without_the_list(
    hass: HomeAssistant, vesper: Vesper, at_night: Notifications
) -> None:
    """The notification says what to enable."""
    disable(vesper, "problems", FLEET)
    await until(vesper, "22 23:00:00")
    await vesper.alert("SD", "CRITICAL")
    await until(vesper, "23 07:00:00")
    ((title, message),) = at_night.take()
    assert title == "Vesper: 1 problem after the quiet hours"
    assert message.startswith('- The to-do list "Problems" of "All Vesper devices" is')


@pytest.mark.parametrize(
    ("last_triggered", "hour", "count"),
    [
        pytest.param("22 20:00:00", "23 07:30:00", 1, id="they have ended"),
        pytest.param("23 07:00:00", "23 07:30:00", 0, id="they were listed"),
        pytest.param("22 20:00:00", "23 06:30:00", 0, id="they go on"),
    ],
)
async def test_start_of_home_assistant(
    hass: HomeAssistant, vesper: Vesper, last_triggered: str, hour: str, count: int
) -> None:
    """Quiet hours that ended before are made up for."""
    await hass.config.async_set_time_zone("UTC")
    vesper.freezer.move_to("2026-11-22 23:00:00+00:00")
    await vesper.reload()
    await vesper.alert("SD", "WARNING")
    vesper.freezer.move_to(f"2026-11-{hour}+00:00")
    hass.set_state(CoreState.not_running)
    last = {"last_triggered": f"2026-11-{last_triggered}+00:00"}
    state = State("automation.automation_0", "on", last)
    stored = restore_state.StoredState(state, None, dt_util.utcnow())
    restore_state.async_get(hass).last_states[state.entity_id] = stored
    notifications = await use(
        hass,
        "device_in_trouble",
        devices=devices(hass),
        quiet_from="22:00:00",
        quiet_until="07:00:00",
    )
    await finish_start(hass)
    assert len(notifications.take()) == count
