"""Test the devices of a target."""

from custom_components.vesper.const import DOMAIN
from custom_components.vesper.hub.targets import Target
from homeassistant.helpers import area_registry as ar, device_registry as dr
from homeassistant.setup import async_setup_component
from tests.common import BELL, FLEET, Vesper


def _id_of(vesper: Vesper, device_id: str) -> str:
    """Return the id of a device in the registry."""
    device = dr.async_get(vesper.hass).async_get_device_by_identifier(
        (DOMAIN, device_id), vesper.entry.entry_id
    )
    assert device is not None
    return device.id


async def test_a_group(vesper: Vesper) -> None:
    """It stands for itself, not for its members.

    Home Assistant's own triggers do the same.
    """
    await vesper.heartbeat()
    members = [vesper.entity_id("connectivity")]
    groups = {DOMAIN: {"entities": members}}
    assert await async_setup_component(vesper.hass, "group", {"group": groups})
    await vesper.hass.async_block_till_done()
    bell = _id_of(vesper, BELL)
    assert Target(vesper.hass, {"entity_id": members}).device_ids == {bell}
    assert Target(vesper.hass, {"entity_id": f"group.{DOMAIN}"}).device_ids == set()


async def test_excluded_targets(vesper: Vesper) -> None:
    """Devices are excluded by id, entity, area or fleet."""
    for device_id in (BELL, "hall", "tower"):
        await vesper.heartbeat(device_id)
    bell, hall, tower, fleet = (
        _id_of(vesper, one)
        for one in (BELL, "hall", "tower", f"{vesper.entry.entry_id}/fleet")
    )
    area = ar.async_get(vesper.hass).async_create("Chapel")
    for device in (bell, hall):
        dr.async_get(vesper.hass).async_update_device(device, area_id=area.id)

    def chosen(excluded: dict[str, str]) -> set[str]:
        """Return the area's bells that are not excluded."""
        target = Target(vesper.hass, {"area_id": area.id, "exclude": excluded})
        return target.device_ids & {bell, hall, tower}

    assert chosen({}) == {bell, hall}
    assert chosen({"device_id": bell}) == {hall}
    assert chosen({"entity_id": vesper.entity_id("connectivity")}) == {hall}
    assert chosen({"device_id": tower}) == {bell, hall}, "it was not in the area"
    assert chosen({"area_id": area.id}) == chosen({"device_id": fleet}) == set()
    assert vesper.entry.entry_id == FLEET


async def test_an_entity_of_the_fleet(vesper: Vesper) -> None:
    """It stands for all devices, as the fleet does."""
    for device_id in (BELL, "hall"):
        await vesper.heartbeat(device_id)
    entity_id = vesper.entity_id("devices_online", FLEET)
    chosen = Target(vesper.hass, {"entity_id": [entity_id]}).device_ids
    assert {_id_of(vesper, BELL), _id_of(vesper, "hall")} <= chosen
