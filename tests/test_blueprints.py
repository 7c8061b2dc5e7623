"""Blueprints: imported files, run as automations."""

from pathlib import Path
from shutil import copytree
from typing import Any
from urllib.parse import quote

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_mqtt_message,
    async_mock_service,
)
from pytest_homeassistant_custom_component.test_util.aiohttp import AiohttpClientMocker

from custom_components.vesper.const import CONF_ENTITIES
from custom_components.vesper.hub.entity_set import EntitySet
from homeassistant.components import automation, persistent_notification
from homeassistant.components.blueprint.importer import fetch_blueprint_from_url
from homeassistant.components.blueprint.schemas import BLUEPRINT_SCHEMA
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.json import json_bytes
from homeassistant.helpers.selector import selector
from homeassistant.setup import async_setup_component
from homeassistant.util.json import json_loads_object
from homeassistant.util.yaml import load_yaml_dict

from .automation import devices, registered_id, take_turns
from .common import BELL, FLEET, Vesper
from .pages import PAGES

pytestmark = pytest.mark.usefixtures("as_installed", "waiting_runs")

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "blueprints/automation/vesper"
PATHS = sorted(FOLDER.iterdir())
REPOSITORY = "bellsystems/vesper-home-assistant"

OTHER = "tower"
LONG = "\U0001f514" * 255
IN_TROUBLE = ("Vesper bell has a problem", "`SD` is warning: `no card`")
RECOVERED = ("Vesper bell has recovered", "`SD` is OK again")

#: Not part of the essential entities: maintenance, and single subsystems.
with_all_entities = pytest.mark.parametrize("entity_set", [EntitySet.ALL])


@pytest.fixture(params=EntitySet)
def entity_set(request: pytest.FixtureRequest) -> EntitySet:
    """Return the entity set, by default the essential entities."""
    chosen: EntitySet = request.param
    return chosen


@pytest.fixture
def entry(
    hass: HomeAssistant, entry: MockConfigEntry, entity_set: EntitySet
) -> MockConfigEntry:
    """Add the entry with the entity set."""
    hass.config_entries.async_update_entry(entry, options={CONF_ENTITIES: entity_set})
    return entry


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Return a configuration directory with the blueprints."""
    copytree(FOLDER, Path(hass_tmp_config_dir, "blueprints/automation/vesper"))
    return hass_tmp_config_dir


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


# The files


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
async def test_import(
    hass: HomeAssistant, aioclient_mock: AiohttpClientMocker, path: Path
) -> None:
    """It can be imported from its source URL."""
    source = f"https://github.com/{REPOSITORY}/blob/main/{path.relative_to(ROOT)}"
    raw = f"https://raw.githubusercontent.com/{REPOSITORY}/main"
    text = await hass.async_add_executor_job(path.read_text)
    aioclient_mock.get(f"{raw}/{path.relative_to(ROOT)}", text=text)
    assert load_yaml_dict(path)["blueprint"]["source_url"] == source
    imported = await fetch_blueprint_from_url(hass, source)
    assert imported.blueprint.metadata["source_url"] == source
    assert imported.blueprint.validate() is None
    hacs = json_loads_object((ROOT / "hacs.json").read_bytes())
    needed = imported.blueprint.metadata["homeassistant"]["min_version"]
    assert needed == hacs["homeassistant"]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_documented(path: Path) -> None:
    """Its page links it by its name."""
    described = load_yaml_dict(path)["blueprint"]
    link = (
        "https://my.home-assistant.io/redirect/blueprint_import/?blueprint_url="
        + quote(described["source_url"], safe="")
    )
    page = PAGES["docs/blueprints.md"]
    assert f"**{described['name']}** ([import]({link}))" in page


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_inputs(path: Path) -> None:
    """Every input is described; its default is valid."""
    inputs = BLUEPRINT_SCHEMA(load_yaml_dict(path))["blueprint"]["input"]
    assert inputs
    for name, described in inputs.items():
        assert described.keys() >= {"name", "description", "selector"}, name
        assert ("default" in described) == (name != "devices"), name
        if "default" in described:
            take: Any = selector(described["selector"])
            take(described["default"])


async def test_default_action(hass: HomeAssistant, vesper: Vesper) -> None:
    """The default action is a persistent notification."""
    assert await async_setup_component(hass, persistent_notification.DOMAIN, {})
    await vesper.heartbeat()
    await set_up(hass, "device_in_trouble", devices=devices(hass))
    await vesper.alert("SD", "WARNING", "no card")
    await vesper.advance(1)
    (notification,) = hass.data[persistent_notification.DOMAIN].values()
    assert (notification["title"], notification["message"]) == IN_TROUBLE


# Device in trouble


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


async def flap_for_minutes(vesper: Vesper, minutes: int) -> None:
    """Let an alert come and go each half minute."""
    for _ in range(minutes):
        for state in ("WARNING", "CLEARED"):
            await vesper.alert("SD", state, "no card")
            await vesper.advance(30)


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


def disable(vesper: Vesper, key: str) -> None:
    """Disable an entity of the bell."""
    er.async_get(vesper.hass).async_update_entity(
        vesper.entity_id(key), disabled_by=er.RegistryEntryDisabler.USER
    )


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


# No run waits


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


@pytest.mark.parametrize("entity_set", [EntitySet.ESSENTIAL])
@pytest.mark.parametrize("name", ["device_in_trouble", "escalate_alert"])
async def test_many_alerts(hass: HomeAssistant, vesper: Vesper, name: str) -> None:
    """Alerts that stay active take no place from others."""
    notifications = await use(
        hass, name, devices={"device_id": [registered_id(hass, FLEET)]}
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
    recovered = 1024 if name == "device_in_trouble" else 0
    assert len(notifications.take()) == recovered
    assert running(hass) == 0


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


@pytest.mark.parametrize("entity_set", [EntitySet.ESSENTIAL])
async def test_many_devices_offline(hass: HomeAssistant, vesper: Vesper) -> None:
    """Devices that stay offline take no place from others."""
    for number in range(30):
        await vesper.heartbeat(f"bell-{number}")
    notifications = await use(
        hass, "device_offline", devices={"device_id": [registered_id(hass, FLEET)]}
    )
    await vesper.advance(91)
    await vesper.advance(301)
    assert notifications.take() == [
        (
            "Vesper: 30 devices are offline",
            "They went offline together. 30 were online before.",
        )
    ]
    assert running(hass) == 0


# Entities of other integrations


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


async def test_offline_with_helpers(hass: HomeAssistant, vesper: Vesper) -> None:
    """A ping does not bring the device back online."""
    await vesper.heartbeat()
    await add_helpers(hass, vesper)
    notifications = await use(hass, "device_offline", devices=devices(hass))
    await vesper.advance(91)
    await vesper.advance(301)
    assert notifications.take() == [
        ("Vesper bell is offline", "It was last seen 7 minutes ago.")
    ]
    await vesper.heartbeat()
    assert len(notifications.take()) == 1


async def test_digest_with_helpers(
    hass: HomeAssistant, vesper: Vesper, morning: None
) -> None:
    """Only Vesper's own entities are in the list."""
    await add_helpers(hass, vesper)
    notifications = await use(hass, "health_digest")
    await vesper.alert("SD", "CRITICAL")
    for _ in range(2):
        await vesper.advance(60)
        for device_id in (BELL, "chapel", OTHER):
            await vesper.heartbeat(device_id)
    assert notifications.take() == [
        ("Vesper: 1 problem", "- `Vesper bell`: `SD` is critical")
    ]


async def test_escalation_with_helpers(
    hass: HomeAssistant, vesper: Vesper, escalated: Notifications
) -> None:
    """A switch that is on is not an acknowledgement."""
    await add_helpers(hass, vesper)
    await vesper.alert("SD", "CRITICAL")
    await let_pass(vesper, 31)
    assert len(escalated.take()) == 1


# Quiet hours


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


async def until(vesper: Vesper, hour: str) -> None:
    """Advance to this time, with heartbeats of the device."""
    vesper.freezer.move_to(f"2026-11-{hour}+00:00")
    await vesper.heartbeat()
    await vesper.advance(1)


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
        ("Vesper: 1 problem after the quiet hours", "- `Vesper bell`: `SD` is critical")
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
            "- `Vesper bell`: `Net` is critical",
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
        == """- `Vesper bell`: `SD` is warning: `it's "{{ 7 * 6 }}" \\ {'a': 1} now`"""
    )


@with_all_entities
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
            "Alerts that were reported have ended.\n- `Vesper bell`: `Net` is warning",
        )
    ]


# Device offline


async def test_offline(hass: HomeAssistant, vesper: Vesper) -> None:
    """An offline device and its return notify once each."""
    await vesper.heartbeat()
    notifications = await use(
        hass, "device_offline", devices=devices(hass), duration={"minutes": 10}
    )
    await vesper.advance(91)
    await vesper.advance(599)
    await vesper.heartbeat()
    assert notifications.take() == []
    await vesper.advance(91)
    await vesper.advance(600)
    assert notifications.take() == [
        ("Vesper bell is offline", "It was last seen 12 minutes ago.")
    ]
    await vesper.advance(3600)
    assert notifications.take() == []
    await vesper.heartbeat()
    assert notifications.take() == [
        ("Vesper bell is online again", "It sends messages again.")
    ]
    await vesper.heartbeat()
    assert notifications.take() == []
    assert running(hass) == 0


async def test_offline_over_a_gap(hass: HomeAssistant, vesper: Vesper) -> None:
    """A reconnect to the broker is no return."""
    await vesper.heartbeat()
    notifications = await use(hass, "device_offline", devices=devices(hass))
    await vesper.advance(91)
    await vesper.advance(300)
    assert len(notifications.take()) == 1
    await vesper.disconnect_broker()
    await vesper.reconnect_broker()
    await vesper.reload()
    await vesper.advance(91)
    assert notifications.take() == []
    await vesper.heartbeat()
    assert len(notifications.take()) == 1


async def test_offline_without_return(hass: HomeAssistant, vesper: Vesper) -> None:
    """The notification of the return can be turned off."""
    await vesper.heartbeat()
    notifications = await use(
        hass, "device_offline", devices=devices(hass), recovery=False, duration=0
    )
    await vesper.advance(91)
    assert len(notifications.take()) == 1
    await vesper.heartbeat()
    assert notifications.take() == []


# The digest


@pytest.fixture
async def morning(hass: HomeAssistant, vesper: Vesper) -> None:
    """Return three healthy devices, shortly before the digest."""
    await hass.config.async_set_time_zone("UTC")
    vesper.freezer.move_to("2026-11-22 07:58:00+00:00")
    # This moved the monotonic clock too, which never goes back while Vesper runs.
    await vesper.reload()
    for device_id in (BELL, "chapel", OTHER):
        await vesper.heartbeat(device_id)


async def test_digest(hass: HomeAssistant, vesper: Vesper, morning: None) -> None:
    """It lists devices with problems only."""
    notifications = await use(hass, "health_digest")
    await vesper.alert("SD", "CRITICAL", "no card")
    await vesper.alert("Net", "WARNING", device_id=OTHER)
    await vesper.alert("Clock", "WARNING")
    await vesper.alert("Clock", "CLEARED")
    await vesper.heartbeat("attic", retain=True)
    await act(vesper, "acknowledge_alert", device_id=OTHER, subsystem="Net")
    await vesper.advance(60)
    for device_id in (BELL, OTHER):
        await vesper.heartbeat(device_id)
    await vesper.advance(40)
    assert notifications.take() == []
    await vesper.advance(20)
    ((title, message),) = notifications.take()
    assert title == "Vesper: 4 problems"
    assert message.splitlines() == [
        "- `Vesper attic` is offline, not seen so far",
        "- `Vesper chapel` is offline, last seen 2 minutes ago",
        "- `Vesper bell`: `SD` is critical, `no card`",
        "- `Vesper tower`: `Net` is warning (acknowledged)",
    ]
    await vesper.advance(3600)
    assert notifications.take() == []


@pytest.mark.parametrize("entity_set", [EntitySet.ESSENTIAL])
async def test_digest_of_a_bad_day(
    hass: HomeAssistant, vesper: Vesper, morning: None
) -> None:
    """It lists the worst first and counts the rest."""
    notifications = await use(hass, "health_digest")
    for device in range(20):
        for subsystem in range(64):
            await vesper.alert(f"S{subsystem}", "WARNING", LONG, device_id=f"b{device}")
    await vesper.alert("Player", "FAILED")
    await vesper.advance(60)
    for device_id in (BELL, "chapel", OTHER, *(f"b{device}" for device in range(20))):
        await vesper.heartbeat(device_id)
    await vesper.advance(60)
    ((title, message),) = notifications.take()
    assert title == "Vesper: 1281 problems"
    first, *lines, last = message.splitlines()
    assert first == "- `Vesper bell`: `Player` is failed"
    assert last == f"- and {1280 - len(lines)} more"
    assert 3000 < len(message) < 4000


@with_all_entities
@pytest.mark.parametrize("all_well", [True, False])
async def test_digest_of_a_good_day(
    hass: HomeAssistant, vesper: Vesper, morning: None, *, all_well: bool
) -> None:
    """A healthy fleet notifies if chosen; maintenance is omitted."""
    notifications = await use(hass, "health_digest", all_well=all_well)
    await vesper.alert("SD", "CRITICAL", device_id="chapel")
    await act(vesper, "set_maintenance", device_id="chapel", duration={"hours": 1})
    for _ in range(2):
        await vesper.advance(60)
        for device_id in (BELL, OTHER):
            await vesper.heartbeat(device_id)
    well = ("Vesper: no problems", "No alert is active, and no device is offline.")
    assert notifications.take() == ([well] if all_well else [])


async def test_digest_while_disconnected(
    hass: HomeAssistant, vesper: Vesper, morning: None
) -> None:
    """It reports the disconnect, not a healthy fleet."""
    notifications = await use(hass, "health_digest")
    await vesper.disconnect_broker()
    await vesper.advance(120)
    ((_, message),) = notifications.take()
    assert (
        message
        == "- There is no link to the broker, so it is unknown which devices are online"
    )


async def test_digest_while_not_loaded(
    hass: HomeAssistant, vesper: Vesper, morning: None
) -> None:
    """It reports that Vesper is not loaded."""
    notifications = await use(hass, "health_digest")
    assert await hass.config_entries.async_unload(FLEET)
    await vesper.advance(120)
    ((_, message),) = notifications.take()
    assert message == "- Vesper is not loaded, so the states of its devices are unknown"


# Escalation


@pytest.fixture
async def escalated(hass: HomeAssistant, vesper: Vesper) -> Notifications:
    """Return an automation that escalates after half an hour."""
    await vesper.heartbeat()
    return await use(hass, "escalate_alert", devices=devices(hass))


async def let_pass(vesper: Vesper, minutes: int) -> None:
    """Advance the time, with heartbeats of the device."""
    for _ in range(minutes):
        await vesper.advance(60)
        await vesper.heartbeat()


async def act(
    vesper: Vesper, action: str, *, device_id: str = BELL, **data: Any
) -> None:
    """Call a service for the device."""
    await vesper.call(f"vesper.{action}", **devices(vesper.hass, [device_id]), **data)
    await take_turns()


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
