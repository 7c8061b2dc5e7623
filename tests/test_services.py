"""Services: effects, responses and errors."""

import asyncio
from collections.abc import Awaitable
import logging
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import (
    MockUser,
    async_capture_events,
)
import voluptuous as vol

from custom_components.vesper.const import DOMAIN, EVENT_OCCURRENCE
from homeassistant.const import Platform
from homeassistant.core import Context, HomeAssistant, ServiceResponse
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
    UnknownUser,
)
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    floor_registry as fr,
    label_registry as lr,
)

from .automation import automate, devices, registered_id
from .common import BELL, FLEET, Vesper, Writes, logged

OTHER = "tower"

ITEM = {"entry": FLEET, "site": None, "uid": "bell/alert/FileManager"}
"""Which item of the lists of problems an alert has."""

ALERT = {
    "subsystem": "FileManager",
    "state": "WARNING",
    "message": "SD mount failed",
    "updated_at": "2030-01-01T12:00:00+00:00",
    "confirmed": True,
    "acknowledged": False,
    "acknowledged_by": None,
    "acknowledged_at": None,
    "note": "",
    "raised_at": "2030-01-01T12:00:00+00:00",
    "worsened_at": "2030-01-01T12:00:00+00:00",
    "announced": "WARNING",
}


@pytest.fixture
def platforms() -> list[Platform]:
    """Set up the platforms that show the effects."""
    return [Platform.BINARY_SENSOR, Platform.EVENT, Platform.SENSOR]


@pytest.fixture(autouse=True)
async def bells(vesper: Vesper) -> None:
    """Return two devices, one of them with an alert."""
    vesper.freezer.move_to("2030-01-01T12:00:00Z")
    await vesper.heartbeat()
    await vesper.heartbeat(OTHER)
    await vesper.alert("FileManager", "WARNING", "SD mount failed")


def in_the_background[T](hass: HomeAssistant, call: Awaitable[T]) -> asyncio.Task[T]:
    """Return a function that calls a service without waiting."""

    async def run() -> T:
        return await call

    return hass.async_create_background_task(run(), "action under test")


async def begin(hass: HomeAssistant) -> None:
    """Run started calls until they wait."""
    for _ in range(20):
        await asyncio.sleep(0)


# Targets


async def test_targets(hass: HomeAssistant, vesper: Vesper) -> None:
    """Devices are chosen by any kind of target."""
    registry = dr.async_get(hass)
    floor = fr.async_get(hass).async_create("Upstairs")
    area = ar.async_get(hass).async_create("Chapel", floor_id=floor.floor_id)
    label = lr.async_get(hass).async_create("Bells")
    registry.async_update_device(
        registered_id(hass), area_id=area.id, labels={label.label_id}
    )
    all_devices: dict[str, Any] = {BELL: [ALERT | ITEM], OTHER: []}
    for target, expected in (
        ({"device_id": registered_id(hass)}, {BELL: [ALERT | ITEM]}),
        ({"device_id": registered_id(hass, OTHER)}, {OTHER: []}),
        ({"device_id": registered_id(hass, FLEET)}, all_devices),
        ({"area_id": area.id}, {BELL: [ALERT | ITEM]}),
        ({"floor_id": floor.floor_id}, {BELL: [ALERT | ITEM]}),
        ({"label_id": label.label_id}, {BELL: [ALERT | ITEM]}),
        ({"entity_id": vesper.entity_id("connectivity", OTHER)}, {OTHER: []}),
        (devices(hass, (BELL, OTHER)), all_devices),
    ):
        assert await vesper.call("vesper.get_alerts", **target) == expected


@pytest.mark.parametrize(
    "target", [{}, {"device_id": "nothing"}, {"area_id": ["nowhere"]}]
)
async def test_no_device(vesper: Vesper, target: dict[str, Any]) -> None:
    """A target without a Vesper device is an error."""
    with pytest.raises(ServiceValidationError) as error:
        await vesper.call("vesper.get_alerts", **target)
    assert error.value.translation_key == "no_device"


async def test_not_loaded(hass: HomeAssistant, vesper: Vesper) -> None:
    """The services stay registered and fail without an entry."""
    target = devices(hass)
    assert await hass.config_entries.async_unload(vesper.entry.entry_id)
    with pytest.raises(ServiceValidationError) as error:
        await vesper.call("vesper.get_alerts", **target)
    assert error.value.translation_key == "not_running"


# Alerts


async def test_get_alerts_is_what_http_answers(
    hass: HomeAssistant,
    vesper: Vesper,
    hass_client: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Service and HTTP API return the same alerts.

    The service also says which items of the lists of problems they have.
    """
    # It would log the call with a clock that was set meanwhile.
    caplog.set_level(logging.WARNING, "aiohttp.access")
    await vesper.alert("Network", "FAILED")
    answer = await vesper.call("vesper.get_alerts", **devices(hass))
    client = await hass_client()
    response = await client.get(f"/api/vesper/devices/{BELL}/alerts")
    items = [{"uid": f"bell/alert/{key}"} for key in ("Network", "FileManager")]
    alerts = zip(await response.json(), items, strict=True)
    assert answer == {BELL: [alert | ITEM | item for alert, item in alerts]}
    assert [alert["state"] for alert in answer[BELL]] == ["FAILED", "WARNING"]


async def test_acknowledge(hass: HomeAssistant, vesper: Vesper) -> None:
    """A worse alert and its end remove the note."""

    def shown() -> tuple[bool, str]:
        attributes = vesper.state("alert_FileManager").attributes
        return attributes["acknowledged"], attributes["note"]

    assert shown() == (False, "")
    await vesper.call(
        "vesper.acknowledge_alert",
        **devices(hass),
        subsystem="FileManager",
        note="Anna brings a card",
    )
    assert shown() == (True, "Anna brings a card")
    (alert,) = vesper.state("active_alerts").attributes["alerts"]
    known = {"acknowledged": True, "note": "Anna brings a card"}
    assert alert == ALERT | known | {"acknowledged_at": ALERT["updated_at"]}
    await vesper.alert("FileManager", "WARNING", "again")
    assert shown() == (True, "Anna brings a card")
    await vesper.reload()
    assert shown() == (True, "Anna brings a card")
    await vesper.alert("FileManager", "CRITICAL")
    assert shown() == (False, "")

    await vesper.call(
        "vesper.acknowledge_alert", **devices(hass), subsystem="FileManager"
    )
    assert shown() == (True, "")
    await vesper.alert("FileManager", "CLEARED")
    await vesper.alert("FileManager", "WARNING")
    assert shown() == (False, "")


async def test_clear(
    hass: HomeAssistant, vesper: Vesper, caplog: pytest.LogCaptureFixture
) -> None:
    """The alert ends, marked as cleared by a user."""
    cleared = await automate(hass, "alert_cleared", devices(hass))
    await vesper.call("vesper.clear_alert", **devices(hass), subsystem="FileManager")
    shown = vesper.state("alert_FileManager")
    assert shown.state == "ok"
    assert shown.attributes["closed_by"] == "action"
    assert vesper.value("problem") == "off"
    event = vesper.state("activity").attributes
    assert (event["event_type"], event["subsystem"], event["cause"]) == (
        "alert_closed",
        "FileManager",
        "action",
    )
    assert [run["reason"] for run in cleared.take()] == ["action"]
    assert logged(caplog) == [
        "Alerts of device bell are closed by action, not by the device: FileManager"
    ]

    await vesper.alert("FileManager", "CLEARED")
    assert cleared.take() == []
    await vesper.reload()
    assert vesper.value("alert_FileManager") == "ok"
    await vesper.alert("FileManager", "WARNING")
    assert "closed_by" not in vesper.state("alert_FileManager").attributes
    assert cleared.detach is not None
    cleared.detach()


async def test_clear_what_a_restart_left(hass: HomeAssistant, vesper: Vesper) -> None:
    """A cleared alert is not closed again later."""
    await vesper.heartbeat(uptime=5000)
    await vesper.advance(30)
    await vesper.heartbeat(uptime=10)
    await vesper.call("vesper.clear_alert", **devices(hass), subsystem="FileManager")
    for uptime in range(40, 700, 30):
        await vesper.advance(30)
        await vesper.heartbeat(uptime=uptime)
    attributes = vesper.state("alert_FileManager").attributes
    assert attributes["closed_by"] == "action"


@pytest.mark.parametrize("action", ["acknowledge_alert", "clear_alert"])
async def test_among_many(hass: HomeAssistant, vesper: Vesper, action: str) -> None:
    """Devices without the alert stay unchanged."""
    all_devices = devices(hass, [FLEET])
    await vesper.call(f"vesper.{action}", **all_devices, subsystem="FileManager")
    assert vesper.keys(OTHER) == vesper.keys() - {"alert_FileManager"}
    with pytest.raises(ServiceValidationError, match="alert of filemanager") as error:
        await vesper.call(f"vesper.{action}", **all_devices, subsystem="filemanager")
    assert error.value.translation_key == "no_alert"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, {BELL: ["FileManager", "Network", "SD"], OTHER: ["SD"]}),
        ({"subsystem": []}, {BELL: ["FileManager", "Network", "SD"], OTHER: ["SD"]}),
        ({"subsystem": "SD"}, {BELL: ["SD"], OTHER: ["SD"]}),
        (
            {"subsystem": ["SD", "Network", "LED"]},
            {BELL: ["Network", "SD"], OTHER: ["SD"]},
        ),
        ({"subsystem": ["Network"]}, {BELL: ["Network"]}),
    ],
)
@pytest.mark.parametrize("action", ["acknowledge_alert", "clear_alert"])
async def test_several(
    vesper: Vesper, action: str, data: dict[str, Any], expected: dict[str, list[str]]
) -> None:
    """The response has the alerts that were changed."""
    for device_id, subsystem in ((BELL, "Network"), (BELL, "SD"), (OTHER, "SD")):
        await vesper.alert(subsystem, "CRITICAL", device_id=device_id)
    target = devices(vesper.hass, [FLEET])
    cleared = await automate(vesper.hass, "alert_cleared", target)
    events = async_capture_events(vesper.hass, EVENT_OCCURRENCE)
    assert await vesper.call(f"vesper.{action}", **target, **data) == expected
    alerts = await vesper.call("vesper.get_alerts", **target)
    changed = {
        device_id: sorted(
            alert["subsystem"] for alert in alerts[device_id] if alert["acknowledged"]
        )
        for device_id in expected
    }
    pairs = [(key, name) for key, names in expected.items() for name in names]
    runs = [(run["vesper_id"], run["subsystem"]) for run in cleared.take()]
    if action == "acknowledge_alert":
        assert changed == expected
    else:
        assert runs == pairs
        assert len(alerts[BELL] + alerts[OTHER]) == 4 - len(pairs)
    assert len(events) == len(pairs)


async def test_over_meanwhile(hass: HomeAssistant, vesper: Vesper) -> None:
    """An alert that ends before was not changed."""
    await vesper.alert("SD", "CRITICAL", device_id=OTHER)
    target = devices(hass, [FLEET])
    with patch("custom_components.vesper.hub.chunks.CHUNK", 0):
        call = in_the_background(hass, vesper.call("vesper.clear_alert", **target))
        for _ in range(100):
            if not vesper.hub.devices[BELL].alerts.active:
                break
            await asyncio.sleep(0)
        vesper.hub.devices[OTHER].close_alert("SD")
        assert await call == {BELL: ["FileManager"]}


@pytest.mark.parametrize("action", ["acknowledge_alert", "clear_alert"])
async def test_no_alerts(hass: HomeAssistant, vesper: Vesper, action: str) -> None:
    """Without any active alert, the action fails."""
    with pytest.raises(ServiceValidationError, match="an active alert, so") as error:
        await vesper.call(f"vesper.{action}", **devices(hass, [OTHER]))
    assert error.value.translation_key == "no_alerts"


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("acknowledge_alert", {"subsystem": ["FileManager", ""]}),
        ("acknowledge_alert", {"subsystem": ""}),
        ("acknowledge_alert", {"subsystem": "FileManager", "note": 5}),
        ("acknowledge_alert", {"subsystem": "FileManager", "note": "a\nb"}),
        ("acknowledge_alert", {"subsystem": "FileManager", "note": 256 * "x"}),
        ("clear_alert", {"subsystem": [5]}),
        ("clear_alert", {"subsystem": 65 * "x"}),
        ("get_alerts", {"subsystem": "FileManager"}),
        ("run_health_check", {"timeout": 0}),
        ("run_health_check", {"timeout": 61}),
        ("run_health_check", {"timeout": "soon"}),
        ("set_maintenance", {}),
        ("set_maintenance", {"duration": "soon"}),
        ("set_maintenance", {"duration": {"seconds": 59}}),
        ("set_maintenance", {"duration": {"days": 30, "seconds": 1}}),
        ("set_maintenance", {"duration": {"hours": -1}}),
        ("set_maintenance", {"duration": {"hours": 1}, "keep_after": "later"}),
    ],
)
async def test_bad_data(
    hass: HomeAssistant, vesper: Vesper, action: str, data: dict[str, Any]
) -> None:
    """Invalid data changes nothing and fails."""
    with pytest.raises(vol.Invalid):
        await vesper.call(f"vesper.{action}", **devices(hass), **data)
    assert vesper.hub.devices[BELL].alerts.as_json() == [ALERT]
    assert vesper.hub.devices[BELL].maintenance_until is None


# Health checks


async def test_health_check(hass: HomeAssistant, vesper: Vesper) -> None:
    """Any message in time is a response."""
    publish = vesper.mqtt._mqttc.publish  # noqa: SLF001
    publish.reset_mock()
    check = in_the_background(
        hass,
        vesper.call(
            "vesper.run_health_check", **devices(hass, (BELL, OTHER)), timeout=1
        ),
    )
    await begin(hass)
    asked = [call.args[0] for call in publish.call_args_list]
    assert asked == [f"vesper/{BELL}/control", f"vesper/{OTHER}/control"]
    vesper.freezer.tick(0.25)
    await vesper.heartbeat(OTHER, retain=True)
    await vesper.alert("Network", "FAILED")
    await vesper.heartbeat()
    assert not check.done()
    await vesper.advance(1)
    answer = await check
    assert answer[OTHER] == {"answered": False, "round_trip_ms": None, "alerts": []}
    assert answer[BELL]["answered"] is True
    assert answer[BELL]["round_trip_ms"] == 250
    assert [alert["subsystem"] for alert in answer[BELL]["alerts"]] == [
        "Network",
        "FileManager",
    ]


async def test_health_check_ends_with_the_last_answer(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """It ends when all devices have responded."""
    await vesper.advance(91)
    assert vesper.value("connectivity") == "off"
    check = in_the_background(
        hass, vesper.call("vesper.run_health_check", **devices(hass), timeout=60)
    )
    await begin(hass)
    assert not check.done()
    await vesper.publish(BELL, "heartbeat", b"{no JSON")
    assert (await check)[BELL]["answered"] is True
    assert vesper.value("connectivity") == "on"


async def test_health_check_of_a_device_that_goes_offline(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """Going offline is neither a response nor an end."""
    check = in_the_background(
        hass, vesper.call("vesper.run_health_check", **devices(hass), timeout=60)
    )
    await begin(hass)
    vesper.hub.async_change(
        [vesper.hub.devices[BELL]], lambda bell: bell.mark_offline(0)
    )
    await begin(hass)
    assert not check.done()
    await vesper.heartbeat()
    assert (await check)[BELL]["answered"] is True


async def test_health_check_while_disconnected(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """No command is sent while disconnected."""
    await vesper.disconnect_broker()
    publish = vesper.mqtt._mqttc.publish  # noqa: SLF001
    publish.reset_mock()
    with pytest.raises(HomeAssistantError) as error:
        await vesper.call("vesper.run_health_check", **devices(hass))
    assert error.value.translation_key == "link_down"
    publish.assert_not_called()


async def test_health_check_with_a_disconnect(
    hass: HomeAssistant, vesper: Vesper
) -> None:
    """It fails once the broker is disconnected."""
    check = in_the_background(
        hass, vesper.call("vesper.run_health_check", **devices(hass), timeout=60)
    )
    await begin(hass)
    await vesper.disconnect_broker()
    with pytest.raises(HomeAssistantError) as error:
        await check
    assert error.value.translation_key == "link_down"


async def test_health_check_leaves_nothing(
    hass: HomeAssistant, vesper: Vesper, writes: Writes
) -> None:
    """Later heartbeats are handled as before."""
    for _ in range(2):
        check = in_the_background(
            hass, vesper.call("vesper.run_health_check", **devices(hass))
        )
        await begin(hass)
        await vesper.heartbeat()
        await check
    writes.take()
    await vesper.heartbeat()
    assert writes.take() == []


async def test_no_health_check_once_the_entry_is_unloaded(vesper: Vesper) -> None:
    """A waiting call fails with the unload."""
    await vesper.heartbeat()
    hub = vesper.hub
    await vesper.reload()
    with pytest.raises(HomeAssistantError) as raised:
        hub.raise_if_link_down()
    assert raised.value.translation_key == "not_running"


# Permissions

ACTIONS: dict[str, dict[str, Any]] = {
    "acknowledge_alert": {"subsystem": "FileManager"},
    "clear_alert": {"subsystem": "FileManager"},
    "get_alerts": {},
    "run_health_check": {"timeout": 1},
    "set_maintenance": {"duration": "00:10:00"},
}


async def call_as(
    vesper: Vesper, action: str, user_id: str, *device_ids: str
) -> ServiceResponse:
    """Call an action for a user."""
    return await vesper.hass.services.async_call(
        DOMAIN,
        action,
        ACTIONS[action] | devices(vesper.hass, device_ids),
        blocking=True,
        context=Context(user_id=user_id),
        return_response=action in ("get_alerts", "run_health_check"),
    )


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_user_who_may_only_read(
    vesper: Vesper, hass_read_only_user: MockUser, writes: Writes, action: str
) -> None:
    """Only the alerts are returned, and nothing is changed."""
    writes.take()
    if action == "get_alerts":
        answer = await call_as(vesper, action, hass_read_only_user.id, BELL)
        assert answer == {BELL: [ALERT | ITEM]}
    else:
        with pytest.raises(Unauthorized):
            await call_as(vesper, action, hass_read_only_user.id, BELL)
    await vesper.hass.async_block_till_done()
    assert not writes.take()
    assert vesper.value("alert_FileManager") == "warning"


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_user_of_one_device(vesper: Vesper, action: str) -> None:
    """A user needs the rights for each target device."""
    user = MockUser().add_to_hass(vesper.hass)
    allowed = {vesper.entity_id("health"): True}
    user.mock_policy({"entities": {"entity_ids": allowed}})
    with pytest.raises(Unauthorized):
        await call_as(vesper, action, user.id, BELL, OTHER)
    call = call_as(vesper, action, user.id, BELL)
    if action == "run_health_check":
        task = in_the_background(vesper.hass, call)
        await begin(vesper.hass)
        await vesper.heartbeat()
        await task
    else:
        await call


async def test_a_user_who_was_deleted(vesper: Vesper) -> None:
    """Nothing is done for it any more."""
    with pytest.raises(UnknownUser):
        await call_as(vesper, "get_alerts", "nobody", BELL)
