"""Several entries: one for each topic prefix."""

import asyncio
from collections.abc import AsyncGenerator
from http import HTTPStatus
import json
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    async_capture_events,
    get_system_health_info,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.vesper.const import (
    CONF_HTTP_KEY,
    CONF_MAX_DEVICES,
    DOMAIN,
    EVENT_OCCURRENCE,
)
from custom_components.vesper.hub.api_key import digest_of
from custom_components.vesper.repairs import async_create_fix_flow
from homeassistant.components.frontend import DATA_EXTRA_MODULE_URL
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
)
from homeassistant.helpers.llm import (
    LLM_API_ASSIST,
    APIInstance,
    LLMContext,
    ToolInput,
    async_get_api,
)
from homeassistant.setup import async_setup_component

from .automation import Automation, automate
from .common import BELL, FLEET, Vesper, add_site, registered, report
from .test_parity import TEXTS

NORTH = "north/vesper"
NORTH_ID = "northentry"
HALL = "hall"
"""A device of the second site alone."""


@pytest.fixture
async def north(hass: HomeAssistant, vesper: Vesper) -> AsyncGenerator[Vesper]:
    """Return a second site, with a device id twice."""
    north = await add_site(vesper, "North")
    await vesper.heartbeat(uptime=100)
    await north.heartbeat(uptime=200)
    await north.heartbeat(HALL, uptime=300)
    yield north
    if north.entry.state is ConfigEntryState.LOADED:
        assert await hass.config_entries.async_unload(NORTH_ID)


def fleet_names(*sites: Vesper) -> list[str | None]:
    """Return the names of the fleets."""
    return [registered(site, FLEET).name for site in sites]


async def test_same_device_id(vesper: Vesper, north: Vesper) -> None:
    """Devices with one id are two devices."""
    ours, theirs = registered(vesper), registered(north)
    assert ours.id != theirs.id
    assert ours.via_device_id == registered(vesper, FLEET).id
    assert theirs.via_device_id == registered(north, FLEET).id
    await north.alert("SD", "FAILED", "gone")
    assert (vesper.value("health"), north.value("health")) == ("ok", "failed")
    assert "alert_SD" not in vesper.keys(BELL)
    assert north.value("alert_SD") == "failed"
    assert vesper.value("devices", FLEET) == "1"
    assert north.value("devices", FLEET) == "2"
    assert vesper.value("fleet_health", FLEET) == "ok"
    assert north.value("fleet_health", FLEET) == "failed"

    await vesper.advance(60)
    await north.heartbeat(uptime=260)
    await vesper.advance(40)
    assert vesper.value("connectivity") == "off"
    assert north.value("connectivity") == "on"


async def test_names(hass: HomeAssistant, vesper: Vesper, north: Vesper) -> None:
    """Several fleets have the titles of their entries."""
    sites = (vesper, north)
    assert fleet_names(*sites) == [
        "All Vesper devices (Vesper)",
        "All Vesper devices (North)",
    ]
    links = [site.state("mqtt_link", FLEET).attributes for site in sites]
    assert [(link["prefix"], link["site"]) for link in links] == [
        ("vesper", "Vesper"),
        (NORTH, "North"),
    ]
    hass.config_entries.async_update_entry(north.entry, title="North tower")
    assert fleet_names(north) == ["All Vesper devices (North tower)"]
    link = north.state("mqtt_link", FLEET)
    assert link.attributes["site"] == "North tower"
    assert vesper.state("mqtt_link", FLEET).attributes["site"] == "Vesper"

    await hass.config_entries.async_set_disabled_by(NORTH_ID, ConfigEntryDisabler.USER)
    await hass.async_block_till_done()
    assert fleet_names(vesper) == ["All Vesper devices (Vesper)"]


async def test_removed(
    hass: HomeAssistant, vesper: Vesper, north: Vesper, hass_storage: dict[str, Any]
) -> None:
    """A site is removed without touching the other."""
    await vesper.alert("SD", "WARNING")
    await north.alert("SD", "FAILED")
    await vesper.advance(1)
    files = {f"{DOMAIN}.{FLEET}", f"{DOMAIN}.{NORTH_ID}"}
    assert files <= hass_storage.keys()
    before = vesper.values() | vesper.values(FLEET)
    urls = hass.data[DATA_EXTRA_MODULE_URL].urls
    assert urls

    await hass.config_entries.async_remove(NORTH_ID)
    await hass.async_block_till_done()
    assert hass_storage.keys() & files == {f"{DOMAIN}.{FLEET}"}
    assert vesper.values() | vesper.values(FLEET) == before
    assert hass.data[DATA_EXTRA_MODULE_URL].urls == urls, "the cards stay"
    assert fleet_names(vesper) == ["All Vesper devices"]
    assert not er.async_entries_for_config_entry(er.async_get(hass), NORTH_ID)
    await north.alert("SD", "CRITICAL")
    assert vesper.value("health") == "warning"
    await vesper.alert("SD", "OK", "CLEARED")

    await hass.config_entries.async_remove(FLEET)
    assert not hass.data[DATA_EXTRA_MODULE_URL].urls


async def test_device_removed(
    hass: HomeAssistant, vesper: Vesper, north: Vesper
) -> None:
    """A device is removed or disabled at one site."""
    registry = dr.async_get(hass)
    registry.async_update_device(
        registered(north).id, disabled_by=dr.DeviceEntryDisabler.USER
    )
    await hass.async_block_till_done()
    assert north.hub.devices[BELL].disabled
    assert not vesper.hub.devices[BELL].disabled
    registry.async_remove_device(registered(north).id)
    await hass.async_block_till_done()
    assert BELL not in north.hub.devices
    assert vesper.value("connectivity") == "on"


async def test_actions(hass: HomeAssistant, vesper: Vesper, north: Vesper) -> None:
    """A target has devices of all sites."""
    await vesper.alert("SD", "WARNING")
    await north.alert("SD", "FAILED")
    area = ar.async_get(hass).async_create("Chapel")
    for found in (registered(vesper), registered(north), registered(north, HALL)):
        dr.async_get(hass).async_update_device(found.id, area_id=area.id)
    both = {"area_id": area.id}
    alerts = await vesper.call("vesper.get_alerts", **both)
    items = {
        key: (one["entry"], one["site"], one["uid"])
        for key, found in alerts.items()
        for one in found
    }
    assert items == {
        "vesper/bell": (FLEET, "Vesper", "bell/alert/SD"),
        f"{NORTH}/bell": (NORTH_ID, "North", "bell/alert/SD"),
    }
    assert {key: len(found) for key, found in alerts.items()} == {
        "vesper/bell": 1,
        f"{NORTH}/bell": 1,
        HALL: 0,
    }
    fleet = {"device_id": registered(north, FLEET).id}
    assert set(await vesper.call("vesper.get_alerts", **fleet)) == {BELL, HALL}

    changed = await vesper.call("vesper.acknowledge_alert", **both)
    assert changed == {"vesper/bell": ["SD"], f"{NORTH}/bell": ["SD"]}
    for site in (vesper, north):
        assert site.state("alert_SD").attributes["acknowledged"] is True

    await vesper.call("vesper.set_maintenance", **fleet, duration={"hours": 1})
    assert north.value("maintenance") == north.value("maintenance", HALL) == "on"
    assert vesper.value("maintenance") == "off"


async def test_health_checks(
    hass: HomeAssistant, vesper: Vesper, north: Vesper
) -> None:
    """Devices of all sites are asked, and respond."""
    devices = [registered(vesper).id, registered(north).id]
    vesper.mqtt.async_publish.reset_mock()
    call = hass.async_create_background_task(
        vesper.call("vesper.run_health_check", device_id=devices, timeout=60), "call"
    )
    for _ in range(20):
        await asyncio.sleep(0)
    published = [one.args[0] for one in vesper.mqtt.async_publish.call_args_list]
    assert sorted(published) == [f"{NORTH}/bell/control", "vesper/bell/control"]
    await vesper.heartbeat(uptime=101)
    assert not call.done()
    await north.heartbeat(uptime=201)
    answers = await call
    assert {key: answer["answered"] for key, answer in answers.items()} == {
        "vesper/bell": True,
        f"{NORTH}/bell": True,
    }


async def test_replacement(vesper: Vesper, north: Vesper) -> None:
    """A device can't replace one of another site."""
    with pytest.raises(ServiceValidationError) as error:
        await vesper.call(
            "vesper.replace_device",
            old_device_id=registered(vesper).id,
            new_device_id=registered(north).id,
        )
    assert error.value.translation_key == "different_entries"


async def test_automations(hass: HomeAssistant, vesper: Vesper, north: Vesper) -> None:
    """A trigger tells devices with the same id apart."""
    ours = await automate(hass, "alert_raised", {"device_id": [registered(vesper).id]})
    both = await automate(
        hass,
        "alert_raised",
        {"device_id": [registered(site, FLEET).id for site in (vesper, north)]},
    )
    logged = async_capture_events(hass, EVENT_OCCURRENCE)
    await north.alert("SD", "FAILED")
    assert (len(ours.runs), len(both.runs)) == (0, 1)
    assert logged[0].data[ATTR_DEVICE_ID] == registered(north).id
    assert logged[0].data[ATTR_ENTITY_ID] == north.entity_id("alert_SD")
    await vesper.alert("SD", "WARNING")
    assert (len(ours.runs), len(both.runs)) == (1, 2)
    assert [run["site"] for run in both.take()] == ["North", "Vesper"]


async def test_name_of_a_site_that_is_left(
    hass: HomeAssistant, vesper: Vesper, north: Vesper
) -> None:
    """A trigger names one of several sites."""
    target = {"device_id": [registered(vesper).id]}
    automation = await automate(hass, "alert_raised", target)
    hass.config_entries.async_update_entry(vesper.entry, title="South")
    await vesper.alert("SD", "WARNING")
    await hass.config_entries.async_remove(NORTH_ID)
    await vesper.alert("SD", "FAILED")
    assert [run["site"] for run in automation.take()] == ["South", None]


@pytest.mark.parametrize("options", [{}, {"for": 60}])
async def test_outages(
    hass: HomeAssistant, vesper: Vesper, north: Vesper, options: dict[str, Any]
) -> None:
    """A target limits outages to its sites."""
    targets = {
        "none": None,
        "empty": {},
        "north": {"device_id": [registered(north, HALL).id]},
        "vesper": {"device_id": [registered(vesper, FLEET).id]},
        "gone": {"device_id": ["gone"]},
    }
    outages = {
        name: await automate(hass, "fleet_outage", target, options)
        for name, target in targets.items()
    }
    ended = {
        name: await automate(hass, "fleet_outage_ended", target)
        for name, target in targets.items()
    }

    def sites(automations: dict[str, Automation]) -> dict[str, list[str]]:
        """Return for which sites each has run."""
        return {
            name: [run["site"] for run in one.take()]
            for name, one in automations.items()
        }

    def expected(site: str) -> dict[str, list[str]]:
        """Return that those run that are for a site."""
        wanted = {"none", "empty", site.lower()}
        return {name: [site] if name in wanted else [] for name in targets}

    bells = [f"bell-{number}" for number in range(5)]
    for site, other in ((vesper, north), (north, vesper)):
        for one in (vesper, north):
            await report(one, *bells, BELL, HALL)
        for elapsed in range(6):
            await vesper.advance(30)
            await report(other, *bells, BELL, HALL)
            if options and elapsed == 3:
                # What lasts goes on.
                await site.reload()
        assert sites(outages) == expected(site.entry.title)
        await report(site, *bells, BELL, HALL)
        for _ in range(4):
            await vesper.advance(30)
            await report(vesper, *bells, BELL, HALL)
            await report(north, *bells, BELL, HALL)
        assert sites(ended) == expected(site.entry.title)
        assert not any(sites(outages).values())


async def test_repairs(hass: HomeAssistant, vesper: Vesper, north: Vesper) -> None:
    """An issue of each site is fixed alone."""
    assert await async_setup_component(hass, "repairs", {})
    for site in (vesper, north):
        hass.config_entries.async_update_entry(
            site.entry, options={CONF_MAX_DEVICES: 1}
        )
        await site.reload()
        await site.heartbeat("tower")
        await site.heartbeat("chapel")
    issues = ir.async_get(hass)
    assert issues.async_get_issue(DOMAIN, f"rejected/{FLEET}")
    issue = issues.async_get_issue(DOMAIN, f"rejected/{NORTH_ID}")
    assert issue is not None
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["prefix"] == NORTH
    assert issue.translation_placeholders["url"].endswith(f"#config_entry={NORTH_ID}")

    flow: Any = await async_create_fix_flow(hass, issue.issue_id, issue.data)
    flow.hass, flow.data, flow.issue_id = hass, issue.data, issue.issue_id
    await flow.async_step_confirm({})
    await hass.async_block_till_done()
    assert north.entry.options[CONF_MAX_DEVICES] == 50
    assert vesper.entry.options[CONF_MAX_DEVICES] == 1
    assert issues.async_get_issue(DOMAIN, f"rejected/{FLEET}")
    assert not issues.async_get_issue(DOMAIN, f"rejected/{NORTH_ID}")


async def test_system_health(
    hass: HomeAssistant, vesper: Vesper, north: Vesper
) -> None:
    """The page sums up all sites."""
    assert await async_setup_component(hass, "system_health", {})
    info = await get_system_health_info(hass, DOMAIN)
    assert (info["entries"], info["entries_loaded"]) == (2, 2)
    assert (info["devices"], info["devices_online"]) == (3, 3)
    assert info["mqtt_link"] == "ok"
    assert info["last_heartbeat"] is not None
    assert info["last_alerts"] is None
    texts = TEXTS["system_health"]["info"]
    assert set(info) == set(texts)

    await hass.config_entries.async_unload(FLEET)
    info = await get_system_health_info(hass, DOMAIN)
    assert (info["entries"], info["entries_loaded"]) == (2, 1)
    assert info["devices"] == 2
    assert info["mqtt_link"] == {"type": "failed", "error": "not_loaded"}


@pytest.mark.usefixtures("no_access_log")
async def test_http(
    hass: HomeAssistant, vesper: Vesper, north: Vesper, hass_client: Any
) -> None:
    """GETs are about all sites, or the wanted one."""
    await north.alert("SD", "FAILED")
    client = await hass_client()

    async def get(path: str) -> tuple[int, Any]:
        response = await client.get(f"/api/vesper/devices{path}")
        return response.status, await response.json()

    status, devices = await get("")
    assert status == HTTPStatus.OK
    assert [(one["entry"], one["prefix"], one["device_id"]) for one in devices] == [
        (FLEET, "vesper", BELL),
        (NORTH_ID, NORTH, BELL),
        (NORTH_ID, NORTH, HALL),
    ]
    status, devices = await get(f"?entry={NORTH_ID}")
    assert [one["device_id"] for one in devices] == [BELL, HALL]
    for path in ("alerts", "diagnostics", "availability"):
        status, answer = await get(f"/{BELL}/{path}")
        assert status == HTTPStatus.CONFLICT
        assert f"{FLEET} (vesper), {NORTH_ID} ({NORTH})" in answer["message"]
        status, _ = await get(f"/{BELL}/{path}?entry={NORTH_ID}")
        assert status == HTTPStatus.OK
        status, _ = await get(f"/{HALL}/{path}")
        assert status == HTTPStatus.OK
    assert await get(f"/{BELL}/alerts?entry={FLEET}") == (HTTPStatus.OK, [])
    status, answer = await get(f"/{HALL}/alerts?entry={FLEET}")
    assert status == HTTPStatus.NOT_FOUND
    status, answer = await get("?entry=other")
    assert status == HTTPStatus.NOT_FOUND
    assert "?entry=" in answer["message"]


@pytest.mark.usefixtures("no_access_log")
async def test_http_keys(
    hass: HomeAssistant, vesper: Vesper, north: Vesper, hass_client_no_auth: Any
) -> None:
    """A post goes to the entry of its key."""
    for site in (vesper, north):
        digest = digest_of(f"key of {site.entry.title}")
        hass.config_entries.async_update_entry(
            site.entry, options={CONF_HTTP_KEY: digest}
        )
    device = await hass_client_no_auth()

    async def post(key: str) -> int:
        response = await device.post(
            "/api/vesper/heartbeat",
            data=json.dumps({"device_id": "tower", "uptime": 5}),
            headers={"X-Vesper-Key": key, "Content-Type": "application/json"},
        )
        status: int = response.status
        return status

    assert await post("key of South") == HTTPStatus.FORBIDDEN
    assert await post("key of North") == HTTPStatus.OK
    assert "tower" in north.hub.devices
    assert "tower" not in vesper.hub.devices
    await hass.config_entries.async_unload(FLEET)
    assert await post("key of Vesper") == HTTPStatus.SERVICE_UNAVAILABLE
    assert await post("key of North") == HTTPStatus.OK
    await hass.config_entries.async_unload(NORTH_ID)
    assert await post("key of North") == HTTPStatus.SERVICE_UNAVAILABLE


async def test_insight(
    vesper: Vesper, north: Vesper, hass_ws_client: WebSocketGenerator
) -> None:
    """The answer is about the devices of all sites."""
    client = await hass_ws_client()
    for command, key in (
        ("insight", "devices"),
        ("controllable_devices", "device_ids"),
    ):
        await client.send_json_auto_id({"type": f"vesper/{command}"})
        answer = await client.receive_json()
        assert set(answer["result"][key]) == {
            registered(vesper).id,
            registered(north).id,
            registered(north, HALL).id,
        }


def _expose(site: Vesper) -> None:
    """Expose the devices of a site to an assistant."""
    entity_id = site.entity_id("fleet_health", FLEET)
    async_expose_entity(site.hass, "conversation", entity_id, should_expose=True)


@pytest.fixture
async def assist(hass: HomeAssistant, vesper: Vesper, north: Vesper) -> None:
    """Expose the devices of both sites."""
    for component in ("homeassistant", "llm"):
        assert await async_setup_component(hass, component, {})
    for site in (vesper, north):
        _expose(site)


async def _api(hass: HomeAssistant) -> APIInstance:
    """Return what an agent gets in a conversation."""
    return await async_get_api(
        hass,
        LLM_API_ASSIST,
        LLMContext(
            platform="test",
            context=Context(),
            language="en",
            assistant="conversation",
            device_id=None,
        ),
    )


async def ask(hass: HomeAssistant, tool: str, **fields: Any) -> dict[str, Any]:
    """Return the answer of a tool, or its error."""
    api = await _api(hass)
    result = await api.async_call_tool(ToolInput(f"vesper__{tool}", fields))
    data: dict[str, Any] = result.data
    assert len(json.dumps(data)) < 4000
    return data


async def _tools_with_sites(hass: HomeAssistant) -> set[str]:
    """Return the tools with the parameter and its description."""
    tools = [one for one in (await _api(hass)).tools if one.integration == DOMAIN]
    assert len(tools) == 3
    offered = {one.name for one in tools if "site" in one.parameters.schema}
    described = {
        one.name for one in tools if "What is wrong at North?" in str(one.description)
    }
    assert offered == described
    return offered


@pytest.mark.usefixtures("assist")
async def test_assist(hass: HomeAssistant, north: Vesper) -> None:
    """An assistant knows the devices of all sites."""
    await north.alert("SD", "FAILED")

    health = await ask(hass, "get_fleet_health")
    assert (health["devices"], health["health"]) == (3, "failed")
    assert health["mqtt_link"] is True
    (problem,) = health["problems"]
    assert (problem["device_id"], problem["site"]) == (BELL, "North")
    assert health["sites"] == [
        {"site": "North", "health": "failed", "devices": 2, "problems": 1},
        {"site": "Vesper", "health": "ok", "devices": 1, "problems": 0},
    ]
    assert health["sites_left_out"] == 0

    for fields in ({"site": "north"}, {"area": "North"}):
        there = await ask(hass, "get_fleet_health", **fields)
        assert there["devices"] == 2
        assert there["problems"] == [problem]
        assert "sites" not in there
    elsewhere = await ask(hass, "get_fleet_health", site="Vesper")
    assert (elsewhere["health"], elsewhere["problems"]) == ("ok", [])
    error = (await ask(hass, "get_fleet_health", site="Nord"))["error"]
    assert '"Nord"' in error
    assert '"North"; "Vesper"' in error

    error = (await ask(hass, "get_device", device="bell"))["error"]
    assert 'site "Vesper"' in error
    assert 'site "North"' in error
    assert "Use the site and the id of one of them" in error
    found = await ask(hass, "get_device", device=BELL, site="North")
    assert found["health"] == "failed"
    assert (await ask(hass, "get_device", device=HALL))["site"] == "North"


@pytest.mark.parametrize(
    ("name", "site"),
    [
        ("north bell", "North"),
        ("bell at North", "North"),
        ("Vesper bell (North)", "North"),
        ("bell Vesper", "Vesper"),
        ("bell in the chapel", "Vesper"),
        ("chapel bell at Vesper", "Vesper"),
        ("North: bell, tower", "North"),
    ],
)
@pytest.mark.usefixtures("assist")
async def test_assist_names(
    hass: HomeAssistant, vesper: Vesper, north: Vesper, name: str, site: str
) -> None:
    """A device is found by its name and site."""
    for found, place in ((vesper, "Chapel"), (north, "Tower")):
        area = ar.async_get(hass).async_create(place)
        dr.async_get(hass).async_update_device(registered(found).id, area_id=area.id)
    assert (await ask(hass, "get_device", device=name))["site"] == site


@pytest.mark.usefixtures("assist")
async def test_assist_parameters(hass: HomeAssistant, north: Vesper) -> None:
    """With one site, there is no parameter for it."""
    assert await _tools_with_sites(hass) == {
        "vesper__get_device",
        "vesper__get_fleet_health",
        "vesper__run_health_check",
    }
    await hass.config_entries.async_remove(north.entry.entry_id)
    assert not await _tools_with_sites(hass)


@pytest.mark.usefixtures("assist")
async def test_assist_many_problems(
    hass: HomeAssistant, vesper: Vesper, north: Vesper
) -> None:
    """No site is left out, the worst come first."""
    long = "x" * 100
    for number in range(20):
        await vesper.alert(
            f"{number:02}{long[:60]}", "CRITICAL", long, device_id=f"bell-{number}"
        )
    await north.alert("SD", "WARNING", "slow")
    await north.alert("SD", "FAILED", "gone", device_id=HALL)
    health = await ask(hass, "get_fleet_health")
    listed = health["problems"]
    assert (listed[0]["site"], listed[0]["device_id"]) == ("North", HALL)
    assert {one["site"] for one in listed[1:]} == {"Vesper"}
    assert health["problems_left_out"] == 22 - len(listed) > 0
    assert health["sites"] == [
        {"site": "North", "health": "failed", "devices": 2, "problems": 2},
        {"site": "Vesper", "health": "critical", "devices": 21, "problems": 20},
    ]


@pytest.mark.usefixtures("assist")
async def test_assist_many_sites(
    hass: HomeAssistant, vesper: Vesper, north: Vesper
) -> None:
    """Sites that do not fit are counted."""
    for number in range(20):
        site = await add_site(vesper, f"{number:02}{'é' * 200}")
        await site.heartbeat()
        _expose(site)
    await north.alert("SD", "FAILED", "gone")
    health = await ask(hass, "get_fleet_health")
    assert health["sites"][0]["site"] == "North"
    assert len(health["sites"]) + health["sites_left_out"] == 22
    assert health["sites_left_out"] > 0
    assert len(health["problems"]) == 1
