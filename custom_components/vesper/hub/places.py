"""Find out where devices are."""

from collections.abc import Iterable

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    floor_registry as fr,
)


@callback
def async_common_place(
    hass: HomeAssistant, devices: Iterable[dr.AnyDeviceEntry]
) -> dict[str, str]:
    """Return where all devices are: `area` and `floor`.

    The names are returned. What they do not have in common is missing.
    """
    registry = ar.async_get(hass)
    area_ids = {device.area_id for device in devices}
    areas = [
        registry.async_get_area(area_id) if area_id else None for area_id in area_ids
    ]
    floor_ids = {area.floor_id if area else None for area in areas}
    place = {}
    if len(areas) == 1 and (area := areas[0]):
        place["area"] = area.name
    if (
        len(floor_ids) == 1
        and (floor_id := floor_ids.pop())
        and (floor := fr.async_get(hass).async_get_floor(floor_id))
    ):
        place["floor"] = floor.name
    return place
