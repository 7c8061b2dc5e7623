"""The tools of Assist, called as an agent does."""

import json
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockUser,
    async_fire_mqtt_message,
)
import voluptuous as vol

from custom_components.vesper.const import (
    CONF_ENTITIES,
    CONF_MAX_DEVICES,
    CONF_PREFIX,
    DOMAIN,
)
from custom_components.vesper.hub.entity_set import EntitySet
from custom_components.vesper.hub.permissions import is_permitted
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.const import Platform
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
)
from homeassistant.helpers.llm import (
    LLM_API_ASSIST,
    APIInstance,
    LLMContext,
    ToolInput,
    ToolResult,
    async_get_api,
)
from homeassistant.setup import async_setup_component

from .automation import registered_id, take_turns
from .common import BELL, EVERYTHING, FLEET, Vesper

OTHER = "tower"

ASSISTANT = "conversation"


class Assist:
    """An agent that calls the tools of Assist."""

    def __init__(self, vesper: Vesper) -> None:
        """Set the devices."""
        self.vesper = vesper
        self.hass = vesper.hass

    def expose(self, key: str, device_id: str = BELL) -> None:
        """Expose an entity."""
        entity_id = self.vesper.entity_id(key, device_id)
        async_expose_entity(self.hass, ASSISTANT, entity_id, should_expose=True)

    async def api(self, user: MockUser | None = None) -> APIInstance:
        """Return what an agent gets in a conversation."""
        return await async_get_api(
            self.hass,
            LLM_API_ASSIST,
            LLMContext(
                platform="test",
                context=Context(user_id=user.id) if user else None,
                language="en",
                assistant=ASSISTANT,
                device_id=None,
            ),
        )

    async def call(
        self, tool: str, user: MockUser | None = None, /, **fields: Any
    ) -> ToolResult:
        """Return the result of a tool."""
        api = await self.api(user)
        return await api.async_call_tool(ToolInput(f"vesper__{tool}", fields))

    async def ask(
        self, tool: str, user: MockUser | None = None, /, **fields: Any
    ) -> dict[str, Any]:
        """Return the answer of a tool."""
        result = await self.call(tool, user, **fields)
        assert not result.error, result.data
        assert len(json.dumps(result.data)) < 4000
        return result.data

    async def error(
        self, tool: str, user: MockUser | None = None, /, **fields: Any
    ) -> str:
        """Return why a tool has no answer."""
        result = await self.call(tool, user, **fields)
        assert result.error
        assert list(result.data) == ["error"]
        return str(result.data["error"])

    async def problems(self, **fields: Any) -> list[str]:
        """Return the ids of the devices with problems."""
        answer = await self.ask("get_fleet_health", **fields)
        assert answer["problems_left_out"] == 0
        return [one["device_id"] for one in answer["problems"]]

    def place(
        self, device_id: str, area: str | None = None, name: str | None = None
    ) -> None:
        """Put a device in an area, and name it."""
        area_id = ar.async_get(self.hass).async_get_or_create(area).id if area else None
        dr.async_get(self.hass).async_update_device(
            registered_id(self.hass, device_id), area_id=area_id, name_by_user=name
        )


@pytest.fixture
def platforms() -> list[Platform]:
    """Set up the platforms that can be exposed."""
    return [Platform.BINARY_SENSOR, Platform.SENSOR]


@pytest.fixture
async def assist(vesper: Vesper) -> Assist:
    """Return an agent, and no device."""
    vesper.freezer.move_to("2030-01-01T12:00:00Z")
    await vesper.hass.config.async_set_time_zone("Europe/Athens")
    for component in ("homeassistant", "llm"):
        assert await async_setup_component(vesper.hass, component, {})
    return Assist(vesper)


@pytest.fixture
async def bells(assist: Assist) -> Assist:
    """Return an agent to which two devices are exposed."""
    await assist.vesper.heartbeat(**EVERYTHING)
    await assist.vesper.heartbeat(OTHER)
    assist.expose("fleet_health", FLEET)
    return assist


# The tools


async def test_tools(bells: Assist) -> None:
    """Each says what it does, and only one acts."""
    tools = [one for one in (await bells.api()).tools if one.integration == DOMAIN]
    annotations = {one.name: one.annotations for one in tools}
    assert annotations.keys() == {
        "vesper__get_fleet_health",
        "vesper__get_device",
        "vesper__run_health_check",
    }
    assert all(one.title and one.description for one in tools)
    assert {name for name, one in annotations.items() if not one.read_only} == {
        "vesper__run_health_check"
    }
    for one in annotations.values():
        assert (one.destructive, one.idempotent, one.open_world) == (False, True, False)


async def test_other_apis(bells: Assist) -> None:
    """Only Assist has them: its scope are exposed entities."""
    platform = await bells.hass.data["llm_platforms"].async_get_platform(DOMAIN)
    context = (await bells.api()).llm_context
    assert platform.async_get_tools(bells.hass, context, "other") is None


async def test_not_loaded(bells: Assist) -> None:
    """There are no tools, and older ones fail."""
    api = await bells.api()
    await bells.hass.config_entries.async_unload(FLEET)
    result = await api.async_call_tool(ToolInput("vesper__get_fleet_health", {}))
    assert result.error
    assert "Vesper is not loaded" in str(result.data["error"])
    assert not any(one.integration == DOMAIN for one in (await bells.api()).tools)


async def test_invalid_arguments(bells: Assist) -> None:
    """They are errors, and blank ones count as missing."""
    with pytest.raises(vol.Invalid, match="severity"):
        await bells.call("get_fleet_health", severity="ok")
    with pytest.raises(vol.Invalid, match="device"):
        await bells.call("get_device", device=" ")
    with pytest.raises(vol.Invalid, match="device"):
        await bells.call("get_device", device="x" * 256)
    assert await bells.problems(area="", severity=None) == []


# The health of the fleet


async def test_nothing_is_wrong(bells: Assist) -> None:
    """The answer has the counts only."""
    assert await bells.ask("get_fleet_health") == {
        "health": "ok",
        "mqtt_link": True,
        "devices": 2,
        "devices_online": 2,
        "devices_offline": 0,
        "devices_with_alerts": 0,
        "devices_in_maintenance": 0,
        "problems": [],
        "problems_left_out": 0,
    }


async def test_what_where_and_since_when(bells: Assist) -> None:
    """A problem has its area, worst alerts, local times."""
    vesper = bells.vesper
    bells.place(BELL, "Chapel", "Old bell")
    for subsystem in ("Network", "Clock", "FileManager"):
        await vesper.alert(subsystem, "WARNING")
    await vesper.advance(60)
    await vesper.heartbeat(OTHER)
    await vesper.alert("Amplifier", "CRITICAL", "too hot")
    answer = await bells.ask("get_fleet_health")
    assert answer["health"] == "critical"
    assert answer["devices_with_alerts"] == 1
    (problem,) = answer["problems"]
    worst = problem["alerts"][0]
    assert [one["subsystem"] for one in problem.pop("alerts")] == [
        "Amplifier",
        "Clock",
        "FileManager",
    ]
    assert problem == {
        "device_id": BELL,
        "name": "Old bell",
        "area": "Chapel",
        "health": "critical",
        "connected": True,
        "last_seen": "2030-01-01T14:01:00+02:00",
        "active_alerts": 4,
    }
    assert worst == {
        "subsystem": "Amplifier",
        "state": "CRITICAL",
        "message": "too hot",
        "raised_at": "2030-01-01T14:01:00+02:00",
        "acknowledged": False,
    }


async def test_the_worst_first(bells: Assist) -> None:
    """Offline ranks above a warning, maintenance not at all."""
    vesper = bells.vesper
    await vesper.heartbeat("silent")
    await vesper.heartbeat("worked-on")
    await vesper.advance(91)
    for device_id, state in (
        (BELL, "WARNING"),
        (OTHER, "FAILED"),
        ("porch", "CRITICAL"),
        ("worked-on", "FAILED"),
    ):
        await vesper.alert("Clock", state, device_id=device_id)
    await vesper.call(
        "vesper.set_maintenance",
        device_id=registered_id(bells.hass, "worked-on"),
        duration={"hours": 1},
    )
    assert await bells.problems() == [OTHER, "porch", "silent", BELL]
    assert await bells.problems(severity="offline") == [OTHER, "porch", "silent"]
    assert await bells.problems(severity="critical") == [OTHER, "porch"]
    assert await bells.problems(severity="failed") == [OTHER]
    answer = await bells.ask("get_fleet_health")
    assert answer["devices_in_maintenance"] == 1
    assert answer["devices_offline"] == 1
    assert answer["devices_with_alerts"] == 3


async def test_without_a_link(bells: Assist) -> None:
    """It is not known which devices are online."""
    await bells.vesper.alert("Clock", "WARNING")
    await bells.vesper.disconnect_broker()
    answer = await bells.ask("get_fleet_health")
    assert answer["mqtt_link"] is False
    assert answer["devices_online"] is answer["devices_offline"] is None
    assert [one["device_id"] for one in answer["problems"]] == [BELL]


async def test_areas(bells: Assist) -> None:
    """An area is found by its name or alias."""
    bells.place(BELL, "Chapel")
    bells.place(OTHER, "Tower")
    registry = ar.async_get(bells.hass)
    registry.async_create("Garden")
    area = registry.async_get_area_by_name("Chapel")
    assert area
    registry.async_update(area.id, aliases={"Little church"})
    for device_id in (BELL, OTHER):
        await bells.vesper.alert("Clock", "WARNING", device_id=device_id)
    for name in ("Chapel", "chapel", "little church"):
        assert await bells.problems(area=name) == [BELL]
    assert (await bells.ask("get_fleet_health", area="Tower"))["devices"] == 1
    for name in ("Garden", "Chappell"):
        error = await bells.error("get_fleet_health", area=name)
        assert f'"{name}"' in error
    assert '"Chapel"; "Tower"' in error


async def test_no_areas(bells: Assist) -> None:
    """The error says that there are none."""
    assert ": none." in await bells.error("get_fleet_health", area="Chapel")


@pytest.mark.parametrize("text", ["x", "é", "🔔", '"'])
async def test_long_texts(bells: Assist, text: str) -> None:
    """They are shortened; all that fits is there."""
    long = text * 64
    for number in range(64):
        await bells.vesper.alert(f"{number:02}{long[2:]}", "FAILED", text * 1000)
    bells.place(BELL, long * 3, long * 3)
    answer = await bells.ask("get_fleet_health")
    (problem,) = answer["problems"]
    assert problem["active_alerts"] == 64
    assert problem["name"].endswith("…")
    answer = await bells.ask("get_device", device=BELL)
    assert len(answer["alerts"]) + answer["alerts_left_out"] == 64
    assert len(answer["alerts"]) >= 3
    assert answer["alerts"][0]["message"].endswith("…")
    assert answer["alerts"][0]["message"].startswith(text)


class TestManyDevices:
    """A fleet of 1,000 devices, each with a problem."""

    @pytest.fixture
    def entry(self, hass: HomeAssistant) -> MockConfigEntry:
        """Add an entry that allows them."""
        entry = MockConfigEntry(
            domain=DOMAIN,
            title="Vesper",
            data={CONF_PREFIX: "vesper"},
            options={CONF_ENTITIES: EntitySet.ESSENTIAL, CONF_MAX_DEVICES: 1000},
            entry_id=FLEET,
        )
        entry.add_to_hass(hass)
        return entry

    @pytest.fixture
    def platforms(self) -> list[Platform]:
        """Set up one entity of each device."""
        return [Platform.BINARY_SENSOR]

    async def test_answers(self, assist: Assist) -> None:
        """They are short, and count what is left out."""
        for number in range(1000):
            alert = {
                "subsystem": "FileManager",
                "state": "FAILED" if number == 777 else "WARNING",
                "msg": "SD mount failed",
            }
            async_fire_mqtt_message(
                assist.hass,
                f"vesper/bell-{number}/status/alerts",
                json.dumps(alert).encode(),
            )
        await assist.hass.async_block_till_done()
        assist.expose("mqtt_link", FLEET)
        answer = await assist.ask("get_fleet_health")
        listed = answer["problems"]
        assert answer["devices"] == answer["devices_with_alerts"] == 1000
        assert listed[0]["device_id"] == "bell-777"
        assert len(listed) >= 8
        assert len(listed) + answer["problems_left_out"] == 1000
        assert (await assist.ask("get_device", device="bell-12"))["health"] == "warning"
        error = await assist.error("get_device", device="bell twelve")
        assert error.count("(id bell-") == 5


# A device


async def test_a_device(bells: Assist) -> None:
    """The answer has its alerts, availability and restarts."""
    vesper = bells.vesper
    bells.place(BELL, "Chapel")
    for _ in range(5):
        await vesper.advance(600)
        await vesper.heartbeat(uptime=5, reset_reason=9)
    await vesper.alert("FileManager", "WARNING", "SD mount failed")
    answer = await bells.ask("get_device", device=BELL)
    assert answer["restarts"] == {"day": 5, "week": 5, "month": 5}
    assert len(answer["last_restarts"]) == len(answer["last_outages"]) == 3
    assert answer["last_restarts"][0] == {
        "time": "2030-01-01T14:50:00+02:00",
        "reason": "brown_out",
    }
    (alert,) = answer["alerts"]
    assert alert == {
        "subsystem": "FileManager",
        "state": "WARNING",
        "message": "SD mount failed",
        "raised_at": "2030-01-01T14:50:00+02:00",
        "updated_at": "2030-01-01T14:50:00+02:00",
        "confirmed": True,
        "acknowledged": False,
        "acknowledged_by": None,
        "note": "",
    }
    assert answer["area"] == "Chapel"
    assert answer["health"] == "warning"
    assert answer["connected"] is answer["mqtt_link"] is True
    assert answer["firmware_version"] == "1.2.0"
    assert answer["reset_reason"] == {"name": "BROWN_OUT", "code": 9}
    assert answer["availability"].keys() == {"day", "week", "month"}
    assert answer["alerts_left_out"] == 0


@pytest.mark.parametrize(
    "name",
    [
        BELL,
        "Old bell",
        "old  BELL",
        "Chapel old bell",
        "Old bell (Chapel)",
        "little church: old bell",
        "Ding-dong",
        "chapel ding dong",
    ],
)
async def test_names(bells: Assist, name: str) -> None:
    """A device has many names."""
    bells.place(BELL, "Chapel", "Old bell")
    area = ar.async_get(bells.hass).async_get_area_by_name("Chapel")
    assert area
    ar.async_get(bells.hass).async_update(area.id, aliases={"Little church"})
    er.async_get(bells.hass).async_update_entity(
        bells.vesper.entity_id("health"), aliases=[er.COMPUTED_NAME, "Ding-Dong"]
    )
    assert (await bells.ask("get_device", device=name))["device_id"] == BELL


async def test_the_same_name(bells: Assist) -> None:
    """The error says how to choose one."""
    bells.place(BELL, "Chapel", "Bell")
    bells.place(OTHER, name="Bell")
    error = await bells.error("get_device", device="BELL")
    assert error.startswith('2 Vesper devices are called "BELL": ')
    assert '"Bell" (id bell, area "Chapel"); "Bell" (id tower)' in error
    assert (await bells.ask("get_device", device="bell"))["device_id"] == BELL
    assert (await bells.ask("get_device", device="chapel bell"))["device_id"] == BELL


@pytest.mark.parametrize("name", ["Towerr", "…"])
async def test_an_unknown_name(bells: Assist, name: str) -> None:
    """The error lists the five most similar devices."""
    for number in range(6):
        await bells.vesper.heartbeat(f"porch-{number}")
    error = await bells.error("get_device", device=name)
    assert f'"{name}"' in error
    assert error.count("(id ") == 5
    assert (f'ones: "Vesper tower" (id {OTHER})' in error) is (name == "Towerr")


# Who may know


async def test_nothing_is_exposed(assist: Assist) -> None:
    """The error says what to do."""
    await assist.vesper.heartbeat()
    assert "Voice assistants, Expose" in await assist.error("get_fleet_health")


async def test_an_exposed_device(assist: Assist) -> None:
    """Others are as if they did not exist."""
    for device_id in (BELL, OTHER):
        await assist.vesper.alert("Clock", "FAILED", device_id=device_id)
    assist.expose("connectivity")
    assert await assist.problems() == [BELL]
    for tool in ("get_device", "run_health_check"):
        error = await assist.error(tool, device=OTHER)
        assert f"(id {BELL})" in error
        assert f"(id {OTHER})" not in error


@pytest.mark.parametrize("disabled", [BELL, OTHER])
async def test_disabled_devices(bells: Assist, disabled: str) -> None:
    """They are left out."""
    dr.async_get(bells.hass).async_update_device(
        registered_id(bells.hass, disabled), disabled_by=dr.DeviceEntryDisabler.USER
    )
    assert (await bells.ask("get_fleet_health"))["devices"] == 1


async def test_users(bells: Assist, hass_read_only_user: MockUser) -> None:
    """They know of the devices that they may read."""
    vesper = bells.vesper
    for device_id in (BELL, OTHER):
        await vesper.alert("Clock", "FAILED", device_id=device_id)
    hass_read_only_user.mock_policy(
        {"entities": {"entity_ids": {vesper.entity_id("health"): {"read": True}}}}
    )
    answer = await bells.ask("get_fleet_health", hass_read_only_user)
    assert [one["device_id"] for one in answer["problems"]] == [BELL]
    assert answer["devices"] == 1
    error = await bells.error("get_device", hass_read_only_user, device=OTHER)
    assert f"(id {OTHER})" not in error

    publish = vesper.mqtt._mqttc.publish  # noqa: SLF001
    publish.reset_mock()
    error = await bells.error("run_health_check", hass_read_only_user, device=BELL)
    assert "may not control it" in error
    publish.assert_not_called()
    hass_read_only_user.mock_policy({})
    await bells.error("get_fleet_health", hass_read_only_user)


async def test_a_user_who_was_deleted(
    bells: Assist, hass_read_only_user: MockUser
) -> None:
    """They know of no device."""
    await bells.hass.auth.async_remove_user(hass_read_only_user)
    await bells.error("get_fleet_health", hass_read_only_user)


async def test_a_device_that_is_removed_meanwhile(bells: Assist) -> None:
    """It is left out, and not registered again."""
    registry = dr.async_get(bells.hass)
    removed = registered_id(bells.hass, OTHER)

    def remove_the_other(*args: Any) -> bool:
        """Remove the other device before its turn."""
        if registry.async_get(removed):
            registry.async_remove_device(removed)
        return is_permitted(*args)

    with patch("custom_components.vesper.hub.assist.is_permitted", remove_the_other):
        answer = await bells.ask("get_fleet_health")
    assert answer["devices"] == 1
    assert registry.async_get_device_by_identifier((DOMAIN, OTHER), FLEET) is None


# The health check


async def test_health_check(bells: Assist, hass_admin_user: MockUser) -> None:
    """The device is asked, and its alerts are returned."""
    vesper = bells.vesper
    publish = vesper.mqtt._mqttc.publish  # noqa: SLF001
    publish.reset_mock()
    check = bells.hass.async_create_background_task(
        bells.ask("run_health_check", hass_admin_user, device="Vesper bell"), "check"
    )
    await take_turns()
    assert [call.args[0] for call in publish.call_args_list] == [
        f"vesper/{BELL}/control"
    ]
    vesper.freezer.tick(0.25)
    await vesper.alert("Network", "FAILED", "no link")
    answer = await check
    assert answer["name"] == "Vesper bell"
    assert (answer["answered"], answer["round_trip_ms"]) == (True, 250)
    assert [one["message"] for one in answer["alerts"]] == ["no link"]


async def test_health_check_without_a_link(bells: Assist) -> None:
    """The error says that nothing was sent."""
    await bells.vesper.disconnect_broker()
    error = await bells.error("run_health_check", device=BELL)
    assert "no link to the MQTT broker" in error
