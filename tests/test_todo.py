"""The to-do list of problems."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import (
    MockUser,
    async_capture_events,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.vesper.const import DOMAIN, EVENT_OCCURRENCE
from custom_components.vesper.model.problems import MAX_LISTED
from custom_components.vesper.todo import UPDATE_INTERVAL
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import (
    ServiceNotSupported,
    ServiceValidationError,
    Unauthorized,
)
from homeassistant.helpers import device_registry as dr, intent
from homeassistant.setup import async_setup_component

from .automation import devices, registered_id
from .common import BELL, FLEET, Vesper, Writes

ALERT_ID = f"{BELL}/alert/FileManager"
OFFLINE_ID = f"{BELL}/connectivity"
DONE, OPEN = "completed", "needs_action"


@pytest.fixture(autouse=True)
async def clock(hass: HomeAssistant, vesper: Vesper) -> None:
    """Let it be noon UTC, in Athens."""
    await hass.config.async_set_time_zone("Europe/Athens")
    vesper.freezer.move_to("2030-01-01T12:00:00Z")


@pytest.fixture
def anna(hass: HomeAssistant) -> Context:
    """Return the context of what Anna does."""
    return Context(user_id=MockUser(name="Anna", is_owner=True).add_to_hass(hass).id)


async def items(vesper: Vesper) -> list[tuple[str, str]]:
    """Return the texts and statuses of the items."""
    entity_id = vesper.entity_id("problems", FLEET)
    answer = await vesper.call("todo.get_items", entity_id=entity_id)
    return [(item["summary"], item["status"]) for item in answer[entity_id]["items"]]


async def update(
    vesper: Vesper, item: str, context: Context | None = None, **changed: Any
) -> None:
    """Update an item, by id or text."""
    await vesper.hass.services.async_call(
        "todo",
        "update_item",
        {"entity_id": vesper.entity_id("problems", FLEET), "item": item, **changed},
        blocking=True,
        context=context,
    )
    await vesper.hass.async_block_till_done()


async def say(vesper: Vesper, intent_type: str, item: str) -> None:
    """Let Assist handle an intent about the list."""
    for component in ("homeassistant", "intent"):
        assert await async_setup_component(vesper.hass, component, {})
    await vesper.hass.async_block_till_done()
    await intent.async_handle(
        vesper.hass,
        DOMAIN,
        intent_type,
        {"item": {"value": item}, "name": {"value": "All Vesper devices Problems"}},
    )
    await vesper.hass.async_block_till_done()


async def test_the_worst_first(vesper: Vesper) -> None:
    """Being offline ranks between warning and critical."""
    assert await items(vesper) == []
    assert vesper.value("problems", FLEET) == "0"
    await vesper.heartbeat("tower")
    await vesper.advance(60)
    await vesper.alert("FileManager", "WARNING", "SD mount failed")
    await vesper.alert("Network", "FAILED")
    await vesper.alert("Audio", "CRITICAL", "no amplifier", device_id="hall")
    await vesper.advance(32)
    await vesper.alert("FileManager", "WARNING", "SD is gone")
    await vesper.advance(UPDATE_INTERVAL)
    assert await items(vesper) == [
        ("Failed: Vesper bell, Network, since 2030-01-01 14:01", OPEN),
        ("Critical: Vesper hall, Audio: no amplifier, since 2030-01-01 14:01", OPEN),
        ("Offline: Vesper tower, since 2030-01-01 14:00", OPEN),
        (
            "Warning: Vesper bell, FileManager: SD is gone, since 2030-01-01 14:01",
            OPEN,
        ),
    ]
    assert vesper.value("problems", FLEET) == "4"
    await update(vesper, f"{BELL}/alert/Network", status=DONE)
    assert [status for _, status in await items(vesper)] == [OPEN, OPEN, OPEN, DONE]
    assert (await items(vesper))[-1][0].startswith("Failed: Vesper bell, Network")
    assert vesper.value("problems", FLEET) == "3"


async def test_what_is_over_disappears(vesper: Vesper) -> None:
    """Cleared alerts and online devices have no items."""
    await vesper.alert("FileManager", "WARNING")
    await vesper.advance(91)
    await vesper.advance(UPDATE_INTERVAL)
    assert vesper.value("problems", FLEET) == "2"
    await vesper.heartbeat()
    await vesper.advance(UPDATE_INTERVAL)
    assert vesper.value("problems", FLEET) == "1"
    await vesper.alert("FileManager", "CLEARED")
    await vesper.advance(UPDATE_INTERVAL)
    assert vesper.value("problems", FLEET) == "0"
    assert await items(vesper) == []


async def test_a_device_that_was_never_heard(vesper: Vesper) -> None:
    """It is not known since when it is offline."""
    await vesper.heartbeat(retain=True)
    await vesper.advance(91)
    assert await items(vesper) == [("Offline: Vesper bell", OPEN)]


async def test_devices_that_have_no_problems(
    hass: HomeAssistant, vesper: Vesper, device_registry: dr.DeviceRegistry
) -> None:
    """In maintenance, disabled or removed, one has none."""

    async def shown() -> str:
        await vesper.advance(UPDATE_INTERVAL)
        assert len(await items(vesper)) == int(vesper.value("problems", FLEET))
        return vesper.value("problems", FLEET)

    await vesper.alert("FileManager", "WARNING")
    await vesper.advance(91)
    assert await shown() == "2"
    hour = {"hours": 1}
    await vesper.call("vesper.set_maintenance", **devices(hass), duration=hour)
    assert await shown() == "0"
    await vesper.advance(3600)
    assert await shown() == "2"
    for disabled_by, count in ((dr.DeviceEntryDisabler.USER, "0"), (None, "2")):
        device_registry.async_update_device(
            registered_id(hass), disabled_by=disabled_by
        )
        await hass.async_block_till_done()
        assert await shown() == count
    device_registry.async_remove_device(registered_id(hass))
    await hass.async_block_till_done()
    assert await shown() == "0"


async def test_tick_an_alert(
    hass: HomeAssistant, vesper: Vesper, anna: Context
) -> None:
    """The user acknowledges it, until that is undone."""
    await vesper.heartbeat()
    await vesper.alert("FileManager", "WARNING")
    await vesper.advance(UPDATE_INTERVAL)
    target = {**devices(hass), "subsystem": "FileManager"}
    logged = async_capture_events(hass, EVENT_OCCURRENCE)
    await update(vesper, ALERT_ID, anna, status=DONE)
    alert, problems = vesper.state("alert_FileManager"), vesper.state("problems", FLEET)
    assert alert.attributes["acknowledged"] is True
    assert alert.attributes["acknowledged_by"] == "Anna"
    assert problems.state == "0"
    assert alert.context is problems.context is anna

    # To tick it again does not replace the name.
    await update(vesper, ALERT_ID, status=DONE)
    attributes = vesper.state("alert_FileManager").attributes
    assert attributes["acknowledged_by"] == "Anna"

    await vesper.call("vesper.acknowledge_alert", **target, note="on it")
    await update(vesper, ALERT_ID, anna, status=OPEN)
    attributes = vesper.state("alert_FileManager").attributes
    assert attributes["acknowledged"] is False
    assert attributes["acknowledged_by"] is None
    assert attributes["note"] == ""
    assert vesper.value("problems", FLEET) == "1"
    assert [(event.data["kind"], event.context.user_id) for event in logged] == [
        ("alert_acknowledged", anna.user_id),
        ("alert_acknowledged", None),
        ("alert_unacknowledged", anna.user_id),
    ]

    await update(vesper, ALERT_ID, anna, status=DONE)
    await vesper.alert("FileManager", "CRITICAL")
    await vesper.advance(UPDATE_INTERVAL)
    assert vesper.value("problems", FLEET) == "1", "it got worse"
    assert vesper.state("problems", FLEET).context.user_id is None


async def test_tick_an_offline_device(
    hass: HomeAssistant, vesper: Vesper, anna: Context
) -> None:
    """It is acknowledged until the device is online again."""
    await vesper.heartbeat()
    await vesper.advance(91)
    logged = async_capture_events(hass, EVENT_OCCURRENCE)
    assert "acknowledged" not in vesper.state("connectivity").attributes
    for status in (DONE, OPEN, DONE):
        await update(vesper, OFFLINE_ID, anna, status=status)
    assert vesper.value("problems", FLEET) == "0"
    assert vesper.state("connectivity").context is anna
    assert [(event.data["kind"], event.context) for event in logged] == [
        ("offline_acknowledged", anna),
        ("offline_unacknowledged", anna),
        ("offline_acknowledged", anna),
    ]

    for _ in range(2):
        attributes = vesper.state("connectivity").attributes
        assert attributes["acknowledged"] is True
        assert attributes["acknowledged_by"] == "Anna"
        assert [status for _, status in await items(vesper)] == [DONE]
        await vesper.reload()
        assert await items(vesper) == [], "it is not known whether it is offline"
        await vesper.advance(91)

    await vesper.heartbeat()
    assert await items(vesper) == []
    await vesper.advance(91)
    assert [status for _, status in await items(vesper)] == [OPEN]
    assert "acknowledged" not in vesper.state("connectivity").attributes


async def test_on_a_phone(
    hass: HomeAssistant, vesper: Vesper, hass_ws_client: WebSocketGenerator
) -> None:
    """The frontend sends the text of a ticked item."""
    await vesper.alert("FileManager", "WARNING", " [a](http://x)  **b** \n")
    entity_id = vesper.entity_id("problems", FLEET)
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "todo/item/list", "entity_id": entity_id})
    (item,) = (await client.receive_json())["result"]["items"]
    assert item == {
        "uid": ALERT_ID,
        "summary": "Warning: Vesper bell, FileManager: [a](http://x) **b**, since "
        "2030-01-01 14:00",
        "status": OPEN,
    }
    await client.send_json_auto_id(
        {
            "type": "call_service",
            "domain": "todo",
            "service": "update_item",
            "target": {"entity_id": entity_id},
            "service_data": {
                "item": item["uid"],
                "rename": item["summary"],
                "status": DONE,
            },
        }
    )
    assert (await client.receive_json())["success"]
    attributes = vesper.state("alert_FileManager").attributes
    assert attributes["acknowledged_by"] == "Mock User"


async def test_what_is_refused(vesper: Vesper) -> None:
    """Items are neither edited, added nor deleted."""
    await vesper.alert("FileManager", "WARNING")
    with pytest.raises(ServiceValidationError) as refused:
        await update(vesper, ALERT_ID, rename="Mine", status=DONE)
    assert refused.value.translation_key == "problem_fixed"
    assert str(refused.value).startswith("The item was not changed")
    assert "Mine" in str(refused.value)
    for field, value in (("description", "x"), ("due_date", "2030-01-02")):
        with pytest.raises(ServiceValidationError, match=field):
            await update(vesper, ALERT_ID, None, status=DONE, **{field: value})
    target = {"entity_id": vesper.entity_id("problems", FLEET)}
    for action, data in (
        ("add_item", {"item": "Mine"}),
        ("remove_item", {"item": ALERT_ID}),
        ("remove_completed_items", {}),
    ):
        with pytest.raises(ServiceNotSupported):
            await vesper.call(f"todo.{action}", **target, **data)
    assert [status for _, status in await items(vesper)] == [OPEN]


async def test_assist(vesper: Vesper) -> None:
    """It completes items, and neither adds nor removes them."""
    await vesper.alert("FileManager", "WARNING")
    ((summary, _),) = await items(vesper)
    for intent_type, error in (
        ("HassListAddItem", "was not added"),
        ("HassListRemoveItem", "Not deleted: "),
    ):
        with pytest.raises(intent.IntentHandleError, match=error):
            await say(vesper, intent_type, summary)
    await say(vesper, "HassListCompleteItem", summary)
    assert [status for _, status in await items(vesper)] == [DONE]


@pytest.mark.parametrize("action", ["get_items", "update_item"])
async def test_assist_after_a_user(
    hass: HomeAssistant, vesper: Vesper, anna: Context, action: str
) -> None:
    """It does not act for an earlier user."""
    await vesper.heartbeat()
    await vesper.alert("Network", "FAILED")
    await vesper.alert("FileManager", "WARNING")
    if action == "update_item":
        await update(vesper, f"{BELL}/alert/Network", anna, status=DONE)
    else:
        await hass.services.async_call(
            "todo",
            action,
            {"entity_id": vesper.entity_id("problems", FLEET)},
            blocking=True,
            context=anna,
            return_response=True,
        )
        await vesper.advance(6)
    await say(vesper, "HassListCompleteItem", ALERT_ID)
    attributes = vesper.state("alert_FileManager").attributes
    assert attributes["acknowledged"] is True
    assert attributes["acknowledged_by"] is None


async def test_a_user_of_one_device(hass: HomeAssistant, vesper: Vesper) -> None:
    """Only what a user may control can be ticked."""
    await vesper.heartbeat("tower")
    await vesper.alert("FileManager", "WARNING", device_id="tower")
    await vesper.alert("FileManager", "WARNING")
    user = MockUser().add_to_hass(hass)
    allowed = {
        vesper.entity_id(*entity): True for entity in (("problems", FLEET), ("health",))
    }
    user.mock_policy({"entities": {"entity_ids": allowed}})
    context = Context(user_id=user.id)
    with pytest.raises(Unauthorized):
        await update(vesper, "tower/alert/FileManager", context, status=DONE)
    await update(vesper, ALERT_ID, context, status=DONE)
    assert [
        vesper.state("alert_FileManager", device_id).attributes["acknowledged"]
        for device_id in ("tower", BELL)
    ] == [False, True]


async def test_writes(vesper: Vesper, writes: Writes) -> None:
    """Heartbeats write nothing, many changes once a second."""
    problems = vesper.entity_id("problems", FLEET)
    await vesper.heartbeat(uptime=10, heap_free=100_000)
    await vesper.advance(61)
    await vesper.advance(UPDATE_INTERVAL)
    writes.take()
    await vesper.heartbeat(uptime=71, heap_free=90_000)
    await vesper.info("playback_started", {"melody_uid": "A"})
    assert problems not in writes.take()
    for number in range(20):
        await vesper.alert("FileManager", "WARNING", str(number))
    assert writes.take().count(problems) == 1
    await vesper.advance(UPDATE_INTERVAL)
    assert writes.take().count(problems) == 1
    await vesper.advance(UPDATE_INTERVAL)
    assert problems not in writes.take()


async def test_many_problems(vesper: Vesper) -> None:
    """The list has the worst, its state counts all."""
    for device in range(16):
        for subsystem in range(64):
            await vesper.alert(
                f"S{subsystem}",
                "FAILED" if device == 15 else "WARNING",
                device_id=f"bell-{device}",
            )
    await vesper.advance(UPDATE_INTERVAL)
    listed = await items(vesper)
    assert len(listed) == MAX_LISTED
    assert [text.startswith("Failed") for text, _ in listed].index(False) == 64
    assert vesper.value("problems", FLEET) == "1024"
