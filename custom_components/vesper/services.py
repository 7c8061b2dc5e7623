"""Actions of the Vesper integration."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import chain
from math import inf
from time import time
from typing import Final

import voluptuous as vol

from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import ServiceValidationError, Unauthorized, UnknownUser
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.service import async_register_admin_service
from homeassistant.helpers.typing import VolDictType
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonValueType

from .const import DOMAIN
from .hub.hub import VesperHub
from .hub.maintenance import MAX_MAINTENANCE
from .hub.permissions import async_user_name, is_permitted
from .hub.registry import site_of
from .hub.responses import async_request_responses
from .hub.targets import Target, find
from .model.alerts import MAX_NOTE_LENGTH, is_note
from .model.change import Change
from .model.device import Device
from .model.problems import alert_uid
from .protocol.fields import is_name

SERVICE_ACKNOWLEDGE_ALERT: Final = "acknowledge_alert"
SERVICE_CLEAR_ALERT: Final = "clear_alert"
SERVICE_GET_ALERTS: Final = "get_alerts"
SERVICE_REPLACE_DEVICE: Final = "replace_device"
SERVICE_RUN_HEALTH_CHECK: Final = "run_health_check"
SERVICE_SET_MAINTENANCE: Final = "set_maintenance"

ATTR_DURATION: Final = "duration"
ATTR_KEEP_AFTER: Final = "keep_after"
ATTR_NEW_DEVICE_ID: Final = "new_device_id"
ATTR_NOTE: Final = "note"
ATTR_OLD_DEVICE_ID: Final = "old_device_id"
ATTR_SUBSYSTEM: Final = "subsystem"
ATTR_TIMEOUT: Final = "timeout"

#: In seconds. A device responds at once, or with its next heartbeat 30 seconds later.
DEFAULT_TIMEOUT: Final = 10
MAX_TIMEOUT: Final = 60

MIN_MAINTENANCE: Final = timedelta(minutes=1)


def _note(value: object) -> str:
    """Validate a note."""
    if not is_note(value):
        message = f"must be one line of at most {MAX_NOTE_LENGTH} characters"
        raise vol.Invalid(message)
    return value


def _subsystem(value: object) -> str:
    """Validate the name of a subsystem."""
    if not is_name(value):
        message = "must be the exact name of a subsystem, such as FileManager"
        raise vol.Invalid(message)
    return value


def _duration(value: object) -> timedelta:
    """Validate the duration of maintenance."""
    duration: timedelta = cv.time_period(value)
    if duration and not MIN_MAINTENANCE <= duration <= MAX_MAINTENANCE:
        message = "must be from 1 minute to 30 days, or 0 to end the maintenance"
        raise vol.Invalid(message)
    return duration


type _Found = dict[VesperHub, list[Device]]
"""The devices of a target, by their hub."""

type _AlertStep = Callable[[Device, str, str | None], Change]
"""Changes the alert of a subsystem on behalf of a user, None for an automation."""

_ALERT_FIELDS: VolDictType = {
    vol.Optional(ATTR_SUBSYSTEM, default=[]): vol.All(cv.ensure_list, [_subsystem])
}

#: The fields of each action besides its target.
FIELDS: Final[dict[str, VolDictType]] = {
    SERVICE_ACKNOWLEDGE_ALERT: {
        **_ALERT_FIELDS,
        vol.Optional(ATTR_NOTE, default=""): _note,
    },
    SERVICE_CLEAR_ALERT: _ALERT_FIELDS,
    SERVICE_GET_ALERTS: {},
    SERVICE_REPLACE_DEVICE: {
        vol.Required(ATTR_OLD_DEVICE_ID): cv.string,
        vol.Required(ATTR_NEW_DEVICE_ID): cv.string,
    },
    SERVICE_RUN_HEALTH_CHECK: {
        vol.Optional(ATTR_TIMEOUT, default=DEFAULT_TIMEOUT): vol.All(
            vol.Coerce(float), vol.Range(min=1, max=MAX_TIMEOUT)
        )
    },
    SERVICE_SET_MAINTENANCE: {
        vol.Required(ATTR_DURATION): _duration,
        vol.Optional(ATTR_KEEP_AFTER): cv.datetime,
    },
}


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions, which outlive the entry."""
    for service, handler, supports_response in (
        (SERVICE_ACKNOWLEDGE_ALERT, _async_acknowledge, SupportsResponse.OPTIONAL),
        (SERVICE_CLEAR_ALERT, _async_clear, SupportsResponse.OPTIONAL),
        (SERVICE_GET_ALERTS, _async_get_alerts, SupportsResponse.ONLY),
        (SERVICE_RUN_HEALTH_CHECK, _async_run_check, SupportsResponse.OPTIONAL),
        (SERVICE_SET_MAINTENANCE, _async_set_maintenance, SupportsResponse.NONE),
    ):
        hass.services.async_register(
            DOMAIN,
            service,
            handler,
            schema=vol.Schema({**cv.TARGET_FIELDS, **FIELDS[service]}),
            supports_response=supports_response,
        )
    async_register_admin_service(
        hass,
        DOMAIN,
        SERVICE_REPLACE_DEVICE,
        partial(_async_replace, asyncio.Lock()),
        schema=vol.Schema(FIELDS[SERVICE_REPLACE_DEVICE]),
    )


async def _async_acknowledge(call: ServiceCall) -> ServiceResponse:
    """Acknowledge alerts."""
    note: str = call.data[ATTR_NOTE]
    return await _async_change_alerts(
        call,
        lambda device, subsystem, user: device.acknowledge_alert(
            subsystem, note, user, time()
        ),
    )


async def _async_clear(call: ServiceCall) -> ServiceResponse:
    """Close alerts."""
    return await _async_change_alerts(
        call, lambda device, subsystem, _user: device.close_alert(subsystem)
    )


async def _async_get_alerts(call: ServiceCall) -> ServiceResponse:
    """Return the active alerts of each device."""
    found = await _async_find(call, POLICY_READ)
    return {key: _alerts(call.hass, hub, device) for key, hub, device in _keyed(found)}


async def _async_run_check(call: ServiceCall) -> ServiceResponse:
    """Request health checks and return the responses."""
    found = await _async_find(call, POLICY_CONTROL)
    timeout: float = call.data[ATTR_TIMEOUT]
    answers = await asyncio.gather(
        *(
            async_request_responses(hub, devices, timeout)
            for hub, devices in found.items()
        )
    )
    responses = dict(zip(found, answers, strict=True))
    return {
        key: {
            "answered": (seconds := responses[hub].get(device.device_id)) is not None,
            "round_trip_ms": None if seconds is None else round(1000 * seconds),
            "alerts": _alerts(call.hass, hub, device),
        }
        for key, hub, device in _keyed(found)
    }


async def _async_set_maintenance(call: ServiceCall) -> None:
    """Begin, extend or end the maintenance of devices."""
    found = await _async_find(call, POLICY_CONTROL)
    duration: timedelta = call.data[ATTR_DURATION]
    latest = inf
    if (keep_after := call.data.get(ATTR_KEEP_AFTER)) is not None:
        latest = dt_util.as_local(keep_after).timestamp()
    user = await async_user_name(call.hass, call.context)
    for hub, devices in found.items():
        hub.maintenance.async_set(
            [one for one in devices if (one.maintenance_until or 0) <= latest],
            duration,
            user=user,
            context=call.context,
        )


async def _async_replace(lock: asyncio.Lock, call: ServiceCall) -> None:
    """Replace a device by another one.

    One at a time, as each reloads the entry.
    """
    async with lock:
        _raise_if_not_running(call.hass)
        hub, old = _find_one(call, ATTR_OLD_DEVICE_ID)
        hub_of_new, new = _find_one(call, ATTR_NEW_DEVICE_ID)
        if hub_of_new is not hub:
            raise ServiceValidationError(
                translation_domain=DOMAIN, translation_key="different_entries"
            )
        await hub.replacements.async_replace(old, new, hub.raise_if_link_down)


def _find_one(call: ServiceCall, field: str) -> tuple[VesperHub, Device]:
    """Return the device of a field, with its hub.

    Raises ServiceValidationError if it is no known Vesper device.
    """
    registry_id: str = call.data[field]
    registered = dr.async_get(call.hass).async_get(registry_id)
    found = None if registered is None else find(call.hass, registered)
    if found is None:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="unknown_device",
            translation_placeholders={"field": field, "device": registry_id},
        )
    return found


async def _async_change_alerts(call: ServiceCall, step: _AlertStep) -> ServiceResponse:
    """Change the selected alerts, and return which.

    Raises ServiceValidationError if there are none.
    """
    found = await _async_find(call, POLICY_CONTROL)
    user = await async_user_name(call.hass, call.context)
    selected: list[str] = call.data[ATTR_SUBSYSTEM]
    alerts = {
        hub: [
            (device, subsystem)
            for device in devices
            for subsystem in sorted(device.alerts.active)
            if not selected or subsystem in selected
        ]
        for hub, devices in found.items()
    }
    if not any(alerts.values()) and selected:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="no_alert",
            translation_placeholders={"subsystem": ", ".join(selected)},
        )
    if not any(alerts.values()):
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="no_alerts"
        )
    keys = {device: key for key, _, device in _keyed(found)}
    changed: dict[str, list[JsonValueType]] = {}
    remaining = chain.from_iterable(alerts.values())

    def change_next(device: Device) -> Change:
        """Change the next alert, unless it is over."""
        subsystem = next(name for other, name in remaining if other is device)
        if change := step(device, subsystem, user):
            changed.setdefault(keys[device], []).append(subsystem)
        return change

    for hub, selected_alerts in alerts.items():
        # One alert at a time, since listeners get those that were closed last.
        await hub.async_change(
            [device for device, _ in selected_alerts], change_next, call.context
        )
    return {**changed}


async def _async_find(call: ServiceCall, policy: str) -> _Found:
    """Return the devices of the target.

    Raises ServiceValidationError if there are none, Unauthorized if the user may not
    read or control one of them, and UnknownUser if there is no such user any more.
    """
    hass = call.hass
    _raise_if_not_running(hass)
    user_id = call.context.user_id
    user = None if user_id is None else await hass.auth.async_get_user(user_id)
    if user_id is not None and user is None:
        raise UnknownUser(context=call.context, permission=policy)
    registry = dr.async_get(hass)
    found: _Found = {}
    for device_id in Target(hass, dict(call.data)).device_ids:
        if (registered := registry.async_get(device_id)) is None:
            continue
        if (one := find(hass, registered)) is None:
            continue
        if not is_permitted(hass, user, registered, policy):
            raise Unauthorized(context=call.context, permission=policy)
        hub, device = one
        found.setdefault(hub, []).append(device)
    if not found:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="no_device"
        )
    for devices in found.values():
        devices.sort(key=lambda device: device.device_id)
    return found


def _raise_if_not_running(hass: HomeAssistant) -> None:
    """Raise ServiceValidationError if no entry is loaded."""
    if not hass.config_entries.async_loaded_entries(DOMAIN):
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="not_running"
        )


def _keyed(found: _Found) -> Iterator[tuple[str, VesperHub, Device]]:
    """Yield the devices with their keys in a response.

    A key is the device id, behind its prefix if several of the devices have this id.
    """
    pairs = [(hub, device) for hub, devices in found.items() for device in devices]
    counts = Counter(device.device_id for _, device in pairs)
    for hub, device in pairs:
        key = device.device_id
        yield key if counts[key] == 1 else f"{hub.prefix}/{key}", hub, device


def _alerts(hass: HomeAssistant, hub: VesperHub, device: Device) -> JsonValueType:
    """Return the active alerts, the worst first.

    The entry and the uid say which item of all lists of problems it has.
    """
    entry_id = hub.registry.entry_id
    site = site_of(hass, entry_id)
    return [
        {
            **alert,
            "entry": entry_id,
            "site": site,
            "uid": alert_uid(device.device_id, str(alert["subsystem"])),
        }
        for alert in device.alerts.as_json()
    ]
