"""Where the devices of an outage are."""

import pytest
from pytest_homeassistant_custom_component.common import (
    async_capture_events,
)

from custom_components.vesper.const import EVENT_OCCURRENCE
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    floor_registry as fr,
)
from tests.automation import automate, described, registered_id
from tests.common import FLEET, Vesper, report

from .outages import bells


@pytest.mark.parametrize(
    ("areas", "common"),
    [
        (["Tower"] * 4, {"area": "Tower", "floor": "North"}),
        (["Tower", "Gate"] * 2, {"floor": "North"}),
        (["Tower", "Gate", "Cellar", "Tower"], {}),
        (["Tower", "Yard"] * 2, {}),
        (["Cellar"] * 4, {"area": "Cellar"}),
        (["Cellar", "Attic"] * 2, {}),
        (["Tower", "Tower", "Tower", None], {}),
        ([None] * 4, {}),
    ],
)
async def test_what_the_lost_devices_have_in_common(
    vesper: Vesper, areas: list[str | None], common: dict[str, str]
) -> None:
    """It is in event, trigger variables and logbook."""
    hass = vesper.hass
    for floor_name, names in (("North", ("Tower", "Gate")), ("South", ("Yard",))):
        floor = fr.async_get(hass).async_create(floor_name).floor_id
        for name in names:
            ar.async_get(hass).async_create(name, floor_id=floor)
    for name in ("Cellar", "Attic"):
        ar.async_get(hass).async_create(name)
    await report(vesper, *bells(5))
    for device_id, place in zip(bells(4), areas, strict=True):
        area = ar.async_get(hass).async_get_area_by_name(place) if place else None
        dr.async_get(hass).async_update_device(
            registered_id(hass, device_id), area_id=area.id if area else None
        )
    outage = await automate(hass, "fleet_outage")
    logged_events = async_capture_events(hass, EVENT_OCCURRENCE)
    await vesper.advance(60)
    await report(vesper, "bell-4")
    await vesper.advance(31)
    (run,) = outage.take()
    assert {"area": run["area"], "floor": run["floor"]} == {
        "area": None,
        "floor": None,
    } | common
    names = ("area", "floor")
    shown = vesper.state("outage", FLEET).attributes
    assert {name: shown[name] for name in names if name in shown} == common
    (line,) = described(
        hass, [event for event in logged_events if event.data["kind"] == "fleet_outage"]
    )
    assert line["entity_id"] == vesper.entity_id("outage", FLEET)
    places = {"area": ", all in {area}", "floor": ", all on floor {floor}"}
    end = next((text for name, text in places.items() if name in common), "")
    assert line["message"] == (
        "outage: 4 of 5 online devices went offline at once" + end.format(**common)
    )


async def test_places_of_slow_devices(vesper: Vesper) -> None:
    """One with fewer heartbeats is not lost."""
    hass = vesper.hass
    area = ar.async_get(hass).async_create("Tower").id
    for _ in range(8):
        await report(vesper, *bells(4))
        await vesper.advance(20)
    # With these, its timeout is three minutes.
    for _ in range(5):
        await report(vesper, "slow", *bells(4))
        await vesper.advance(30)
        await report(vesper, *bells(4))
        await vesper.advance(30)
    for device_id in bells(4):
        dr.async_get(hass).async_update_device(
            registered_id(hass, device_id), area_id=area
        )
    await report(vesper, *bells(4))
    await vesper.advance(10)
    await report(vesper, "slow")
    outage = await automate(hass, "fleet_outage")
    await vesper.advance(81)
    (run,) = outage.take()
    assert run["area"] == "Tower"


async def put(vesper: Vesper, place: str, *device_ids: str) -> None:
    """Put devices into an area."""
    area = ar.async_get(vesper.hass).async_get_or_create(place)
    for device_id in device_ids:
        dr.async_get(vesper.hass).async_update_device(
            registered_id(vesper.hass, device_id), area_id=area.id
        )


@pytest.mark.parametrize(
    ("silence", "common"), [(20, "North"), (45, "North"), (46, None), (80, None)]
)
async def test_who_may_be_lost_too(
    vesper: Vesper, silence: int, common: str | None
) -> None:
    """Those not heard for over half the timeout."""
    await report(vesper, "old", *bells(5))
    await put(vesper, "Attic", "old")
    await put(vesper, "North", *bells(4))
    await put(vesper, "South", "bell-4")
    for _ in range(8):
        await vesper.advance(20)
        await report(vesper, *bells(5))
    assert vesper.value("connectivity", "old") == "off"
    await vesper.advance(91 - silence)
    await report(vesper, "bell-4")
    outage = await automate(vesper.hass, "fleet_outage")
    lasting = await automate(vesper.hass, "fleet_outage", options={"for": 60})
    await vesper.advance(silence)
    assert [run["area"] for run in outage.take()] == [common]
    await report(vesper, "bell-4")
    await vesper.advance(60)
    # In the end, only those that were lost matter.
    assert [run["area"] for run in lasting.take()] == ["North"]


async def test_where_an_outage_was(vesper: Vesper) -> None:
    """At its end, only those that were lost matter."""
    await report(vesper, *bells(5))
    await put(vesper, "North", *bells(4))
    await vesper.advance(60)
    await report(vesper, "bell-4")
    await vesper.advance(31)
    await vesper.advance(30)
    ended = await automate(vesper.hass, "fleet_outage_ended")
    await report(vesper, *bells(4))
    await vesper.advance(0)
    assert [run["area"] for run in ended.take()] == ["North"]
