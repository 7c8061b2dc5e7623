"""The blueprints with several sites."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from custom_components.vesper.hub.entity_set import EntitySet
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from tests.common import BELL, FLEET, Vesper, add_site, registered, report

from .common import LONG, disable, use

pytestmark = [
    pytest.mark.usefixtures("as_installed", "waiting_runs"),
    pytest.mark.parametrize("entity_set", [EntitySet.ESSENTIAL]),
]

HALL = "hall"
"""A device of North alone."""

NIGHT = {"quiet_from": "22:00:00", "quiet_until": "07:00:00"}
QUIET: dict[str, dict[str, Any]] = {
    "device_in_trouble": NIGHT,
    "escalate_alert": NIGHT | {"severity": "warning", "patience": {"minutes": 5}},
}
TITLES = {
    "device_in_trouble": "Vesper: {} after the quiet hours",
    "escalate_alert": "Vesper: {} not acknowledged in the quiet hours",
}
WORDS = {"device_in_trouble": "problem", "escalate_alert": "alert"}
RAISED = {
    "device_in_trouble": "has a problem",
    "escalate_alert": "has an alert that is not acknowledged",
}


@pytest.fixture
async def north(hass: HomeAssistant, vesper: Vesper) -> AsyncGenerator[Vesper]:
    """Return a second site; it is evening at both."""
    await hass.config.async_set_time_zone("UTC")
    vesper.freezer.move_to("2026-11-22 23:00:00+00:00")
    await vesper.reload()
    hass.config_entries.async_update_entry(vesper.entry, title="South")
    north = await add_site(vesper, "North")
    await report(vesper, BELL)
    await report(north, BELL, HALL)
    yield north
    if north.entry.state is ConfigEntryState.LOADED:
        assert await hass.config_entries.async_unload(north.entry.entry_id)


def fleets(*sites: Vesper) -> dict[str, list[str]]:
    """Return a target with the devices of these sites."""
    return {"device_id": [registered(site, FLEET).id for site in sites]}


async def raise_alerts(south: Vesper, north: Vesper) -> None:
    """Raise an alert on each device, the worst last."""
    await south.alert("SD", "WARNING")
    await north.alert("SD", "CRITICAL", device_id=HALL)
    await north.alert("SD", "FAILED")


async def let_pass(minutes: int, south: Vesper, north: Vesper) -> None:
    """Let time pass, with heartbeats."""
    for _ in range(minutes):
        await south.advance(60)
        await report(south, BELL)
        await report(north, BELL, HALL)


async def begin_day(south: Vesper, north: Vesper, time: str = "07:00:01") -> None:
    """Let time pass until the next morning, with heartbeats."""
    await let_pass(6, south, north)
    south.freezer.move_to(f"2026-11-23 {time}+00:00")
    await report(south, BELL)
    await report(north, BELL, HALL)
    await south.advance(1)


SOUTH_BELL = "- `Warning: Vesper bell, SD, since 2026-11-22 23:00` (South)"
NORTH_BELL = "- `Failed: Vesper bell, SD, since 2026-11-22 23:00` (North)"
DISABLED = (
    '- The to-do list "Problems" of "All Vesper devices (North)" is disabled. Enable it'
    " so that alerts of quiet hours can be listed."
)
NORTH_HALL = "- `Critical: Vesper hall, SD, since 2026-11-22 23:00` (North)"


@pytest.mark.parametrize("name", QUIET)
async def test_quiet_hours(
    hass: HomeAssistant, vesper: Vesper, north: Vesper, name: str
) -> None:
    """Alerts of all sites are listed, the worst first."""
    notifications = await use(hass, name, devices=fleets(vesper, north), **QUIET[name])
    await raise_alerts(vesper, north)
    await begin_day(vesper, north)
    ((title, message),) = notifications.take()
    assert title == TITLES[name].format(f"3 {WORDS[name]}s")
    assert message.splitlines() == [NORTH_BELL, NORTH_HALL, SOUTH_BELL]


@pytest.mark.parametrize("name", QUIET)
async def test_quiet_hours_of_one_site(
    hass: HomeAssistant, vesper: Vesper, north: Vesper, name: str
) -> None:
    """The device with the same id is left out."""
    notifications = await use(hass, name, devices=fleets(vesper), **QUIET[name])
    await raise_alerts(vesper, north)
    await begin_day(vesper, north)
    assert notifications.take() == [
        (TITLES[name].format(f"1 {WORDS[name]}"), SOUTH_BELL)
    ]


@pytest.mark.parametrize("name", QUIET)
async def test_quiet_hours_of_a_site_with_the_name_of_the_integration(
    hass: HomeAssistant, vesper: Vesper, north: Vesper, name: str
) -> None:
    """The other site is not left out."""
    hass.config_entries.async_update_entry(vesper.entry, title="vesper")
    hass.states.async_set("todo.of_no_entry", "1")
    notifications = await use(hass, name, devices=fleets(vesper, north), **QUIET[name])
    await raise_alerts(vesper, north)
    await begin_day(vesper, north)
    ((_, message),) = notifications.take()
    bell = SOUTH_BELL.replace("South", "vesper")
    assert message.splitlines() == [NORTH_BELL, NORTH_HALL, bell]


@pytest.mark.parametrize("name", QUIET)
async def test_quiet_hours_without_one_list(
    hass: HomeAssistant, vesper: Vesper, north: Vesper, name: str
) -> None:
    """It says whose list to enable."""
    notifications = await use(hass, name, devices=fleets(vesper, north), **QUIET[name])
    disable(north, "problems", FLEET)
    await hass.async_block_till_done()
    await raise_alerts(vesper, north)
    await begin_day(vesper, north)
    ((title, message),) = notifications.take()
    assert title == TITLES[name].format(f"2 {WORDS[name]}s")
    assert message.splitlines() == [
        DISABLED,
        SOUTH_BELL,
    ]


@pytest.mark.parametrize("name", QUIET)
async def test_many_alerts_in_quiet_hours(
    hass: HomeAssistant, vesper: Vesper, north: Vesper, name: str
) -> None:
    """Those that are left out are not the worst."""
    notifications = await use(hass, name, devices=fleets(vesper, north), **QUIET[name])
    for number in range(20):
        await vesper.alert(f"S{number}", "WARNING", LONG)
    await raise_alerts(vesper, north)
    await begin_day(vesper, north)
    ((title, message),) = notifications.take()
    assert title == TITLES[name].format(f"23 {WORDS[name]}s")
    lines = message.splitlines()
    assert lines[:2] == [NORTH_BELL, NORTH_HALL]
    assert lines[-1] == f"- and {23 - len(lines) + 1} more"
    assert 3000 < len(message) < 4000


@pytest.mark.parametrize("name", QUIET)
async def test_alerts(
    hass: HomeAssistant, vesper: Vesper, north: Vesper, name: str
) -> None:
    """The titles tell the devices apart."""
    inputs = QUIET[name] | {"quiet_from": "12:00:00", "quiet_until": "12:00:00"}
    notifications = await use(hass, name, devices=fleets(vesper, north), **inputs)
    for state, end in (("WARNING", RAISED[name]), ("CLEARED", "has recovered")):
        for site in (vesper, north):
            await site.alert("SD", state)
        await let_pass(6, vesper, north)
        assert sorted(title for title, _ in notifications.take()) == [
            f"Vesper bell (North) {end}",
            f"Vesper bell (South) {end}",
        ]


async def test_unstable(hass: HomeAssistant, vesper: Vesper, north: Vesper) -> None:
    """The title names the site."""
    notifications = await use(hass, "device_unstable", devices=fleets(vesper, north))
    for _ in range(4):
        for state in ("WARNING", "CLEARED"):
            await north.alert("SD", state)
            await vesper.advance(1)
    assert [title for title, _ in notifications.take()] == [
        "Vesper bell (North) is unstable"
    ]


# Offline devices and outages

BELLS = [f"bell-{number}" for number in range(5)]


async def pass_time(
    minutes: int, south: list[str], north: list[str], *sites: Vesper
) -> None:
    """Let time pass, with heartbeats of these devices."""
    for _ in range(2 * minutes):
        await sites[0].advance(30)
        for site, device_ids in zip(sites, (south, north), strict=True):
            await report(site, *device_ids)


async def test_offline(hass: HomeAssistant, vesper: Vesper, north: Vesper) -> None:
    """The titles tell the devices apart."""
    for site in (vesper, north):
        await report(site, *BELLS)
    notifications = await use(hass, "device_offline", devices=fleets(vesper, north))
    await pass_time(10, BELLS, [*BELLS, HALL], vesper, north)
    titles = sorted(title for title, _ in notifications.take())
    assert titles == [f"Vesper bell ({site}) is offline" for site in ("North", "South")]
    await pass_time(1, [BELL, *BELLS], [*BELLS, HALL], vesper, north)
    assert [title for title, _ in notifications.take()] == [
        "Vesper bell (South) is online again"
    ]


@pytest.mark.parametrize("target", ["both", "fleet", "device"])
async def test_outages(
    hass: HomeAssistant, vesper: Vesper, north: Vesper, target: str
) -> None:
    """Those of targeted sites are reported by name."""
    everywhere = [BELL, *BELLS]
    for site in (vesper, north):
        await report(site, *everywhere)
    targets = {
        "both": fleets(vesper, north),
        "fleet": fleets(vesper),
        "device": {"device_id": [registered(vesper).id]},
    }
    notifications = await use(hass, "device_offline", devices=targets[target])
    expected = {"South": 6, "North": 7} if target == "both" else {"South": 6}
    await pass_time(10, [], [], vesper, north)
    assert sorted(notifications.take()) == sorted(
        (
            f"Vesper: {count} devices are offline ({site})",
            f"They went offline together. {count} were online before.",
        )
        for site, count in expected.items()
    )
    await pass_time(5, everywhere, [*everywhere, HALL], vesper, north)
    assert sorted(title for title, _ in notifications.take()) == sorted(
        f"Vesper: the outage is over ({site})" for site in expected
    )


# The daily list


async def test_daily_list(hass: HomeAssistant, vesper: Vesper, north: Vesper) -> None:
    """The lists are merged, the worst first."""
    notifications = await use(hass, "health_digest")
    await raise_alerts(vesper, north)
    await vesper.alert("Net", "FAILED")
    await vesper.alert("Clock", "CRITICAL", LONG, device_id="tower")
    await north.alert("Clock", "WARNING")
    acknowledged = {"device_id": [registered(vesper).id], "subsystem": "Net"}
    await vesper.call("vesper.acknowledge_alert", **acknowledged)
    await begin_day(vesper, north, "07:59:59")
    ((title, message),) = notifications.take()
    assert title == "Vesper: 7 problems"
    assert message.splitlines() == [
        NORTH_BELL,
        f"- `Critical: Vesper tower, Clock: {LONG}, since 2026-11-22 23:00` (South)",
        NORTH_HALL,
        "- `Offline: Vesper tower, since 2026-11-22 23:00` (South)",
        SOUTH_BELL,
        "- `Warning: Vesper bell, Clock, since 2026-11-22 23:00` (North)",
        "- `Failed: Vesper bell, Net, since 2026-11-22 23:00` (South, acknowledged)",
    ]


async def test_daily_list_of_a_bad_day(
    hass: HomeAssistant, vesper: Vesper, north: Vesper
) -> None:
    """Those that are left out are not the worst."""
    notifications = await use(hass, "health_digest")
    for number in range(20):
        await vesper.alert(f"S{number}", "WARNING", LONG)
    await raise_alerts(vesper, north)
    await begin_day(vesper, north, "07:59:59")
    ((title, message),) = notifications.take()
    assert title == "Vesper: 23 problems"
    lines = message.splitlines()
    assert lines[:2] == [NORTH_BELL, NORTH_HALL]
    assert lines[-1] == f"- and {23 - len(lines) + 1} more"


async def test_daily_list_of_offline_devices(
    hass: HomeAssistant, vesper: Vesper, north: Vesper
) -> None:
    """No alert is needed, nor a device."""
    notifications = await use(hass, "health_digest")
    await vesper.advance(100)
    vesper.mqtt.async_publish.side_effect = None
    await vesper.hub.async_remove_device(BELL)
    await vesper.advance(9 * 3600)
    ((title, message),) = notifications.take()
    assert title == "Vesper: 2 problems"
    assert message.splitlines() == [
        "- `Offline: Vesper bell, since 2026-11-22 23:00` (North)",
        "- `Offline: Vesper hall, since 2026-11-22 23:00` (North)",
    ]


async def test_daily_list_of_a_site_with_the_name_of_the_integration(
    hass: HomeAssistant, vesper: Vesper, north: Vesper
) -> None:
    """The other site is not left out."""
    hass.config_entries.async_update_entry(vesper.entry, title="vesper")
    notifications = await use(hass, "health_digest")
    await north.alert("SD", "FAILED")
    await begin_day(vesper, north, "07:59:59")
    assert notifications.take() == [("Vesper: 1 problem", NORTH_BELL)]


async def test_daily_list_without_a_site(
    hass: HomeAssistant, vesper: Vesper, north: Vesper
) -> None:
    """It says which site is not loaded."""
    notifications = await use(hass, "health_digest")
    await raise_alerts(vesper, north)
    await let_pass(1, vesper, north)
    assert await hass.config_entries.async_unload(north.entry.entry_id)
    vesper.freezer.move_to("2026-11-23 07:59:59+00:00")
    await vesper.heartbeat()
    await vesper.advance(1)
    ((title, message),) = notifications.take()
    assert title == "Vesper: 2 problems"
    assert message.splitlines() == [
        "- Vesper is not loaded, so the states of its devices are unknown (North)",
        SOUTH_BELL,
    ]


async def test_daily_list_without_the_link(
    hass: HomeAssistant, vesper: Vesper, north: Vesper
) -> None:
    """It counts once for each site."""
    notifications = await use(hass, "health_digest")
    await raise_alerts(vesper, north)
    await vesper.disconnect_broker()
    await vesper.advance(9 * 3600)
    ((title, message),) = notifications.take()
    assert title == "Vesper: 5 problems"
    lost = "- There is no link to the broker, so it is unknown which devices are online"
    assert message.splitlines() == [
        f"{lost} (South)",
        f"{lost} (North)",
        NORTH_BELL,
        NORTH_HALL,
        SOUTH_BELL,
    ]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("problems", 'to-do list "Problems" of "All Vesper devices (North)"'),
        ("mqtt_link", 'binary sensor "MQTT link" of "All Vesper devices (North)"'),
    ],
)
async def test_daily_list_with_a_disabled_entity(
    hass: HomeAssistant, vesper: Vesper, north: Vesper, key: str, expected: str
) -> None:
    """It says at which site to enable it."""
    notifications = await use(hass, "health_digest")
    disable(north, key, FLEET)
    await vesper.alert("SD", "WARNING")
    await begin_day(vesper, north, "07:59:59")
    ((title, message),) = notifications.take()
    assert title == "Vesper: 2 problems"
    disabled, line = message.splitlines()
    assert disabled.startswith(f"- The {expected} is disabled, so ")
    assert line == SOUTH_BELL
