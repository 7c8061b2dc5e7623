"""HTTP API of the Vesper integration (docs/http-api.md).

Views can't be removed, so they look up the entries at each request.
"""

import asyncio
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from math import ceil
from time import monotonic
from typing import Any

from aiohttp import hdrs, web

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.components.http import KEY_HASS, KEY_HASS_USER, HomeAssistantView
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONTENT_TYPE_JSON
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.json import json_dumps

from .const import CONF_HTTP_KEY, DOMAIN, HEARTBEAT_URL, KEY_HEADER
from .hub.api_key import is_key
from .hub.hub import VesperConfigEntry, VesperHub
from .hub.insight import current_report
from .hub.permissions import is_permitted
from .hub.redact import redacted_json
from .model.device import Device
from .model.report import iso_time, report
from .protocol.fields import Fault
from .protocol.heartbeat import MAX_HEARTBEAT_BYTES
from .protocol.post import Post, parse_post
from .protocol.severity import Severity

#: Responses show the current state, so they must not be cached.
_NO_STORE = {hdrs.CACHE_CONTROL: "no-store"}

#: The id of the entry that a GET is limited to.
QUERY_ENTRY = "entry"

#: In seconds: the body of a post has to arrive within this time.
BODY_TIMEOUT = 10

_COLORS = {
    Severity.OK: "green",
    Severity.WARNING: "yellow",
    Severity.CRITICAL: "red",
    Severity.FAILED: "red",
}


class _RejectedError(web.HTTPException):
    """Reject a request."""

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        *,
        faults: Iterable[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Set the response, which always has the same form."""
        self.status_code = status
        errors = [{"path": fault.path, "message": fault.reason} for fault in faults]
        super().__init__(
            text=json_dumps({"message": message, "errors": errors}),
            content_type=CONTENT_TYPE_JSON,
            headers=_NO_STORE | dict(headers or {}),
        )


class VesperDevicesView(HomeAssistantView):
    """The devices of all entries, or of one."""

    url = "/api/vesper/devices"
    name = "api:vesper:devices"

    async def get(self, request: web.Request) -> web.Response:
        """Return the status of each device."""
        return self.json(
            [
                _summary(entry, device)
                for entry in _selected_entries(request)
                for device in entry.runtime_data.devices.values()
                if _is_readable(request, entry.runtime_data, device)
            ],
            headers=_NO_STORE,
        )


class VesperAlertsView(HomeAssistantView):
    """The active alerts of one device."""

    url = "/api/vesper/devices/{device_id}/alerts"
    name = "api:vesper:alerts"

    async def get(self, request: web.Request, device_id: str) -> web.Response:
        """Return the active alerts, the worst first."""
        _, device = _find(request, device_id)
        return self.json(device.alerts.as_json(), headers=_NO_STORE)


class VesperDiagnosticsView(HomeAssistantView):
    """The diagnostics of one device."""

    url = "/api/vesper/devices/{device_id}/diagnostics"
    name = "api:vesper:diagnostics"

    async def get(self, request: web.Request, device_id: str) -> web.Response:
        """Return the decoded heartbeats and the last raw one."""
        hub, device = _find(request, device_id)
        last = device.message_log.heartbeat
        return self.json(
            {
                **report(device),
                "connected": _connected(hub, device),
                "heartbeat": redacted_json(last.payload) if last else None,
            },
            headers=_NO_STORE,
        )


class VesperAvailabilityView(HomeAssistantView):
    """The availability of one device."""

    url = "/api/vesper/devices/{device_id}/availability"
    name = "api:vesper:availability"

    async def get(self, request: web.Request, device_id: str) -> web.Response:
        """Return its availability, outages and restarts."""
        _, device = _find(request, device_id)
        return self.json(current_report(device), headers=_NO_STORE)


class VesperHeartbeatView(HomeAssistantView):
    """Heartbeats that devices post.

    A device has no login but a key that is valid only for this. The status for a wrong
    key is 403, because Home Assistant bans addresses after a 401.
    """

    url = HEARTBEAT_URL
    extra_urls = ["/api/v1/heartbeat"]  # noqa: RUF012  # as Home Assistant's
    name = "api:vesper:heartbeat"
    requires_auth = False

    async def post(self, request: web.Request) -> web.Response:
        """Accept a heartbeat, or return all of its faults."""
        entry = _entry_of_key(request)
        if request.content_type != CONTENT_TYPE_JSON:
            raise _RejectedError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"The Content-Type must be {CONTENT_TYPE_JSON}",
            )
        post = parse_post(await _read(request))
        if entry.state is not ConfigEntryState.LOADED:
            # It was unloaded while the body was read.
            raise _not_loaded()
        hub = entry.runtime_data
        device = hub.devices.get(post.device_id)
        _check_limits(request, hub, post, device)
        if not hub.receiver.async_receive_post(post):
            if post.faults:
                raise _RejectedError(
                    HTTPStatus.BAD_REQUEST,
                    "The heartbeat is not valid and was rejected as a whole",
                    faults=post.faults,
                )
            raise _RejectedError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "There is no room for another device; a repair issue in Home Assistant"
                " (Settings, System, Repairs) says what to do",
            )
        return self.json(
            {"device_id": post.device_id, "new": device is None}, headers=_NO_STORE
        )


@callback
def async_register_views(hass: HomeAssistant) -> None:
    """Register the views."""
    for view in (
        VesperDevicesView,
        VesperAlertsView,
        VesperAvailabilityView,
        VesperDiagnosticsView,
        VesperHeartbeatView,
    ):
        hass.http.register_view(view)


def _loaded_entries(request: web.Request) -> list[VesperConfigEntry]:
    """Return the loaded entries.

    Raises _RejectedError if there are none.
    """
    hass = request.app[KEY_HASS]
    if not (entries := hass.config_entries.async_loaded_entries(DOMAIN)):
        raise _not_loaded()
    return entries


def _not_loaded() -> _RejectedError:
    """Return the rejection while Vesper is not loaded."""
    return _RejectedError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Vesper is not loaded; see Settings, Devices & services in Home Assistant",
    )


def _selected_entries(request: web.Request) -> list[VesperConfigEntry]:
    """Return the loaded entries, or the wanted one.

    Raises _RejectedError if there are none.
    """
    entries = _loaded_entries(request)
    if (wanted := request.query.get(QUERY_ENTRY)) is None:
        return entries
    if selected := [entry for entry in entries if entry.entry_id == wanted]:
        return selected
    raise _RejectedError(
        HTTPStatus.NOT_FOUND, "There is no loaded entry with the id in ?entry="
    )


def _named(entries: Iterable[VesperConfigEntry]) -> str:
    """Return the ids and prefixes of entries."""
    return ", ".join(
        f"{entry.entry_id} ({entry.runtime_data.prefix})" for entry in entries
    )


def _find(request: web.Request, device_id: str) -> tuple[VesperHub, Device]:
    """Return a device with its hub.

    Raises _RejectedError if the device is unknown, if the user may not read it, or if
    there are several with this id.
    """
    known = [
        entry
        for entry in _selected_entries(request)
        if device_id in entry.runtime_data.devices
    ]
    if not known:
        raise _RejectedError(
            HTTPStatus.NOT_FOUND, "No device with this id has sent a message so far"
        )
    readable = [
        entry
        for entry in known
        if _is_readable(
            request, entry.runtime_data, entry.runtime_data.devices[device_id]
        )
    ]
    if not readable:
        # Not 401, because Home Assistant bans addresses after it.
        raise _RejectedError(
            HTTPStatus.FORBIDDEN, "Your user may not read the entities of this device"
        )
    if len(readable) > 1:
        raise _RejectedError(
            HTTPStatus.CONFLICT,
            "There are several devices with this id; add ?entry= and one of these to"
            f" the URL: {_named(readable)}",
        )
    hub = readable[0].runtime_data
    return hub, hub.devices[device_id]


def _is_readable(request: web.Request, hub: VesperHub, device: Device) -> bool:
    """Return whether the user may read a device.

    It is enough that they may read one of its entities.
    """
    return is_permitted(
        request.app[KEY_HASS],
        request[KEY_HASS_USER],
        hub.registry.async_entry(device),
        POLICY_READ,
    )


def _connected(hub: VesperHub, device: Device) -> bool | None:
    """Return whether a device is online, None while unknown."""
    return device.online if hub.connected else None


def _summary(entry: VesperConfigEntry, device: Device) -> dict[str, Any]:
    """Return the summary of a device for the list."""
    hub = entry.runtime_data
    connected = _connected(hub, device)
    severities = [alert.severity for alert in device.alerts.active.values()]
    return {
        "device_id": device.device_id,
        "entry": entry.entry_id,
        "prefix": hub.prefix,
        "name": hub.registry.name_of(device.device_id),
        "status": _COLORS[device.alerts.severity] if connected else "grey",
        "connected": connected,
        "last_seen": iso_time(device.last_seen),
        "counts": {
            "active_alerts": len(severities),
            "warning": severities.count(Severity.WARNING),
            "critical": severities.count(Severity.CRITICAL),
            "failed": severities.count(Severity.FAILED),
            "malformed": device.faults.malformed.total(),
        },
    }


def _check_limits(
    request: web.Request, hub: VesperHub, post: Post, device: Device | None
) -> None:
    """Raise _RejectedError if there are too many posts.

    They are limited for each device and each address. Only posts that are invalid or of
    an unknown device count for the address, because many devices may share one.
    """
    now, address = monotonic(), request.remote or ""
    wait = 0.0 if device is None else device.post_limit.wait(now)
    if post.faults or device is None:
        wait = max(wait, hub.receiver.address_limits.wait(address, now))
        if not wait:
            hub.receiver.address_limits.record(address, now)
    if wait:
        raise _RejectedError(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"{post.device_id or 'This address'} posts too often",
            headers={hdrs.RETRY_AFTER: str(ceil(wait))},
        )


def _entry_of_key(request: web.Request) -> VesperConfigEntry:
    """Return the loaded entry of the request's key.

    Raises _RejectedError if there is none.
    """
    _loaded_entries(request)
    hass = request.app[KEY_HASS]
    # Also those that are not loaded, as their keys are not wrong.
    entries: list[VesperConfigEntry] = hass.config_entries.async_entries(DOMAIN)
    scheme, _, bearer = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    keys = [request.headers.get(KEY_HEADER, "")]
    if scheme.lower() == "bearer":
        keys.append(bearer.strip())
    # Without a digest, posting is turned off and no key is right. All are compared, so
    # that the time does not tell which.
    matches = [
        entry
        for entry in entries
        for key in keys
        if is_key(key, entry.options.get(CONF_HTTP_KEY, ""))
    ]
    if not matches:
        raise _RejectedError(
            HTTPStatus.FORBIDDEN,
            "Heartbeats over HTTP are turned off, or the key is wrong or missing; both"
            " are in the options of Vesper in Home Assistant",
        )
    if matches[0].state is not ConfigEntryState.LOADED:
        # The device may try again later.
        raise _not_loaded()
    return matches[0]


async def _read(request: web.Request) -> bytes:
    """Return the body of a post.

    Raises _RejectedError if it is too large, too slow or broken. The decompressed bytes
    are counted as they arrive, because the header with the length may be wrong.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            while chunk := await request.content.readany():
                body += chunk
                if len(body) > MAX_HEARTBEAT_BYTES:
                    raise _RejectedError(
                        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                        f"A heartbeat is at most {MAX_HEARTBEAT_BYTES} bytes",
                    )
    except TimeoutError as error:
        raise _RejectedError(
            HTTPStatus.REQUEST_TIMEOUT,
            f"The body did not arrive within {BODY_TIMEOUT} seconds",
        ) from error
    except web.RequestPayloadError as error:
        raise _RejectedError(
            HTTPStatus.BAD_REQUEST, "The body is cut off or its encoding is broken"
        ) from error
    return bytes(body)
