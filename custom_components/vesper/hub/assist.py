"""Find the devices that an assistant may know of."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from heapq import nlargest
from itertools import islice
import re
from typing import override

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.components.homeassistant import async_should_expose
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
)
from homeassistant.helpers.intent import find_areas

from ..const import DOMAIN
from ..model.device import Device
from ..model.fleet import Fleet
from .chunks import async_in_chunks
from .hub import VesperConfigEntry, VesperHub
from .permissions import is_permitted
from .registry import has_several_sites

#: How many devices or areas an error suggests.
MAX_CANDIDATES = 5

#: In characters: how much of a name an error shows.
MAX_SHOWN = 64

#: The words before a place. The tools describe their parameters in English.
_BEFORE_PLACES = {"at", "in", "the"}


@dataclass(frozen=True, kw_only=True, slots=True)
class AssistDevice:
    """A device, and what users call it."""

    hub: VesperHub
    device: Device
    registry_id: str
    name: str
    area: ar.AreaEntry | None
    aliases: tuple[str, ...]
    site: str | None
    """The name of its site, where there are several."""

    @property
    def health(self) -> str:
        """Return its health like that of a fleet."""
        fleet = Fleet()
        fleet.update(self.device)
        return fleet.health

    @property
    def area_name(self) -> str | None:
        """Return the name of its area, if any."""
        return self.area.name if self.area else None

    @property
    def spoken_names(self) -> list[str]:
        """Return its id and names, also with their place."""
        areas = [self.area.name, *self.area.aliases] if self.area else []
        sites = [self.site] if self.site is not None else []
        names = [self.device.device_id, self.name, *self.aliases]
        return _with_places(_with_places(names, areas), sites)

    @override
    def __str__(self) -> str:
        """Return its name with what tells it from others.

        In English, as Home Assistant gives a model the English text of an error.
        """
        area = f', area "{self.area.name[:MAX_SHOWN]}"' if self.area else ""
        site = f', site "{self.site[:MAX_SHOWN]}"' if self.site else ""
        return f'"{self.name[:MAX_SHOWN]}" (id {self.device.device_id}{area}{site})'


async def async_exposed_devices(
    hass: HomeAssistant, assistant: str, context: Context | None
) -> list[AssistDevice]:
    """Return the devices for an assistant.

    An entity of the device, or of the fleet, has to be exposed to the assistant, and
    the user needs the right to read one of the device. Raises ServiceValidationError if
    there are none, or if the user does not exist any more.
    """
    entries: list[VesperConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    if not entries:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="not_running"
        )
    user = await _async_user(hass, context)
    devices = [
        one
        for entry in entries
        async for one in _async_exposed(hass, entry.runtime_data, assistant, user)
    ]
    if not devices:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="not_exposed"
        )
    return devices


async def async_find_device(devices: list[AssistDevice], name: str) -> AssistDevice:
    """Return the device with a name or id.

    Raises ServiceValidationError if there is none, or more than one.
    """
    wanted = _normalized(name)
    found = [one for one in devices if one.device.device_id == name] or [
        one
        async for one in async_in_chunks(devices)
        if wanted and wanted in map(_normalized, one.spoken_names)
    ]
    if not found:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="device_not_found",
            translation_placeholders={
                "name": name[:MAX_SHOWN],
                "candidates": _listed(await _async_most_similar(devices, wanted)),
            },
        )
    if len({one.device.device_id for one in found}) < len(found):
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="device_ambiguous_id",
            translation_placeholders={
                "name": name[:MAX_SHOWN],
                "count": str(len(found)),
                "candidates": _listed(found),
            },
        )
    if len(found) > 1:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="device_ambiguous",
            translation_placeholders={
                "name": name[:MAX_SHOWN],
                "count": str(len(found)),
                "candidates": _listed(found),
            },
        )
    return found[0]


@callback
def async_devices_at_site(devices: list[AssistDevice], name: str) -> list[AssistDevice]:
    """Return the devices at the site with a name.

    Raises ServiceValidationError if none of the devices is there.
    """
    found = _at_site(devices, name)
    if not found:
        sites = {one.site for one in devices if one.site}
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="site_not_found",
            translation_placeholders={
                "name": name[:MAX_SHOWN],
                "candidates": _most_similar_places(sites, name),
            },
        )
    return found


@callback
def async_devices_in_area(
    hass: HomeAssistant, devices: list[AssistDevice], name: str
) -> list[AssistDevice]:
    """Return the devices in the areas with a name.

    Or those at a site with that name: an assistant may not know which of the two it is.
    Raises ServiceValidationError if none of the devices is there.
    """
    area_ids = {area.id for area in find_areas(name, ar.async_get(hass))}
    found = [
        one for one in devices if one.area and one.area.id in area_ids
    ] or _at_site(devices, name)
    if not found:
        areas = {one.area.name for one in devices if one.area}
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="area_not_found",
            translation_placeholders={
                "name": name[:MAX_SHOWN],
                "candidates": _most_similar_places(areas, name),
            },
        )
    return found


def _at_site(devices: list[AssistDevice], name: str) -> list[AssistDevice]:
    """Return the devices at the site with a name."""
    wanted = _normalized(name)
    return [one for one in devices if one.site and _normalized(one.site) == wanted]


def _most_similar_places(places: Iterable[str], name: str) -> str:
    """Return the names that are the most similar."""
    wanted = _normalized(name)
    best = nlargest(
        MAX_CANDIDATES, sorted(places), lambda place: _similarity(wanted, [place])
    )
    return _listed(f'"{place[:MAX_SHOWN]}"' for place in best)


async def _async_exposed(
    hass: HomeAssistant, hub: VesperHub, assistant: str, user: User | None
) -> AsyncIterator[AssistDevice]:
    """Yield the exposed and permitted devices of an entry."""
    registry = er.async_get(hass)
    site = hub.registry.site if has_several_sites(hass) else None
    is_fleet_exposed = _is_exposed(
        hass,
        assistant,
        er.async_entries_for_device(registry, hub.registry.fleet_id),
    )
    async for device in async_in_chunks(tuple(hub.devices.values())):
        # It may have been removed since the last chunk.
        if hub.devices.get(device.device_id) is not device or device.disabled:
            continue
        registered = hub.registry.async_entry(device)
        entities = er.async_entries_for_device(registry, registered.id)
        if (
            is_fleet_exposed or _is_exposed(hass, assistant, entities)
        ) and is_permitted(hass, user, registered, POLICY_READ):
            yield AssistDevice(
                hub=hub,
                device=device,
                registry_id=registered.id,
                name=registered.name_by_user or registered.name or device.device_id,
                area=_area_of(hass, registered),
                aliases=_aliases_of(entities),
                site=site,
            )


async def _async_user(hass: HomeAssistant, context: Context | None) -> User | None:
    """Return the user of a conversation, None without one."""
    if context is None or context.user_id is None:
        return None
    user = await hass.auth.async_get_user(context.user_id)
    if user is None:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="not_exposed"
        )
    return user


def _is_exposed(
    hass: HomeAssistant, assistant: str, entities: Iterable[er.RegistryEntry]
) -> bool:
    """Return whether an entity is exposed to an assistant."""
    return any(
        async_should_expose(hass, assistant, entity.entity_id) for entity in entities
    )


def _area_of(hass: HomeAssistant, registered: dr.AnyDeviceEntry) -> ar.AreaEntry | None:
    """Return the area of a device."""
    area_id = registered.area_id
    return ar.async_get(hass).async_get_area(area_id) if area_id else None


def _aliases_of(entities: Iterable[er.RegistryEntry]) -> tuple[str, ...]:
    """Return the aliases of entities."""
    return tuple(
        alias
        for entity in entities
        for alias in entity.aliases
        # Another value stands for the name of the entity.
        if isinstance(alias, str)
    )


def _with_places(names: list[str], places: list[str]) -> list[str]:
    """Return names, also before and after each place."""
    return [
        *names,
        *(
            spoken
            for name in names
            for place in places
            for spoken in (f"{place} {name}", f"{name} {place}")
        ),
    ]


def _normalized(name: str) -> str:
    """Return a name without case and punctuation.

    "Bell at North" is the same as "Bell (North)".
    """
    words = re.findall(r"\w+", name.casefold())
    return " ".join(word for word in words if word not in _BEFORE_PLACES)


def _similarity(wanted: str, names: Iterable[str]) -> float:
    """Return the similarity of the most similar name."""
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted)
    ratios = []
    for name in names:
        matcher.set_seq1(_normalized(name))
        ratios.append(matcher.ratio())
    return max(ratios)


async def _async_most_similar(
    devices: list[AssistDevice], wanted: str
) -> list[AssistDevice]:
    """Return the devices whose names are the most similar."""
    ranked = [
        (_similarity(wanted, one.spoken_names), one)
        async for one in async_in_chunks(devices)
    ]
    best = nlargest(MAX_CANDIDATES, ranked, lambda pair: pair[0])
    return [one for _, one in best]


def _listed(candidates: Iterable[object]) -> str:
    """Return the first candidates in one line."""
    return "; ".join(map(str, islice(candidates, MAX_CANDIDATES))) or "none"
