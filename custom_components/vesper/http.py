"""Offer the fleet over HTTP: what is known of it, and a way in for heartbeats.

Protocol, section 5. Views can't be taken away again, so they look for the entry at
each call.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from math import ceil
from time import monotonic
from typing import Any

from aiohttp import hdrs, web

from homeassistant.components.http import KEY_HASS, HomeAssistantView
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONTENT_TYPE_JSON
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.json import json_dumps

from .const import CONF_HTTP_KEY, DOMAIN, HEARTBEAT_URL, KEY_HEADER
from .hub.api_key import is_key
from .hub.hub import VesperConfigEntry
from .hub.redact import redacted_json
from .hub.registry import device_id_of
from .hub.statistics import malformed
from .model.device import Device
from .model.post_schedule import parse_post
from .model.report import iso_time, report
from .protocol.messages import MAX_HEARTBEAT_BYTES, Fault
from .protocol.severity import Severity

#: What is known is of this moment, and nothing on the way is to keep it.
_NO_STORE = {hdrs.CACHE_CONTROL: "no-store"}

_COLORS = {
    Severity.OK: "green",
    Severity.WARNING: "yellow",
    Severity.CRITICAL: "red",
    Severity.FAILED: "red",
}


class _RefusedError(web.HTTPException):
    """A call that is answered with why it can't be."""

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        *,
        faults: Iterable[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Take what the answer says; all of the API say it in this form."""
        self.status_code = status
        errors = [{"path": fault.path, "message": fault.reason} for fault in faults]
        super().__init__(
            text=json_dumps({"message": message, "errors": errors}),
            content_type=CONTENT_TYPE_JSON,
            headers=_NO_STORE | dict(headers or {}),
        )


class VesperDevicesView(HomeAssistantView):
    """The fleet at a glance."""

    url = "/api/vesper/devices"
    name = "api:vesper:devices"

    async def get(self, request: web.Request) -> web.Response:
        """Return how each device is."""
        hass = request.app[KEY_HASS]
        entry = _loaded_entry(hass)
        names = {
            device_id_of(device): device.name_by_user or device.name
            for device in dr.async_entries_for_config_entry(
                dr.async_get(hass), entry.entry_id
            )
        }
        hub = entry.runtime_data
        return self.json(
            [
                _short_form(device, names.get(device.device_id), link=hub.connected)
                for device in hub.devices.values()
            ],
            headers=_NO_STORE,
        )


class VesperAlertsView(HomeAssistantView):
    """What is wrong with one device."""

    url = "/api/vesper/devices/{device_id}/alerts"
    name = "api:vesper:alerts"

    async def get(self, request: web.Request, device_id: str) -> web.Response:
        """Return the active alerts, the worst first; none is all well."""
        _, device = _find(request, device_id)
        return self.json(device.alerts.as_json(), headers=_NO_STORE)


class VesperDiagnosticsView(HomeAssistantView):
    """What one device tells of itself."""

    url = "/api/vesper/devices/{device_id}/diagnostics"
    name = "api:vesper:diagnostics"

    async def get(self, request: web.Request, device_id: str) -> web.Response:
        """Return what heartbeats said, decoded, and the last one as it came."""
        entry, device = _find(request, device_id)
        last = device.received.heartbeat
        return self.json(
            {
                **report(device),
                "connected": _connected(device, link=entry.runtime_data.connected),
                "heartbeat": redacted_json(last.payload) if last else None,
            },
            headers=_NO_STORE,
        )


class VesperHeartbeatView(HomeAssistantView):
    """The way in for heartbeats of devices that post them.

    A device has no login here but a key of the integration's own, which opens nothing
    else. A wrong one is 403: for a 401, Home Assistant would ban the device's address.
    """

    url = HEARTBEAT_URL
    extra_urls = ["/api/v1/heartbeat"]  # noqa: RUF012  # so is Home Assistant's
    name = "api:vesper:heartbeat"
    requires_auth = False

    async def post(self, request: web.Request) -> web.Response:
        """Take a heartbeat whole, or say all that is wrong with it."""
        hass = request.app[KEY_HASS]
        _check_key(request, _loaded_entry(hass))
        if request.content_type != CONTENT_TYPE_JSON:
            raise _RefusedError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"The Content-Type must be {CONTENT_TYPE_JSON}",
            )
        post = parse_post(await _read(request))
        # What was there before the body came may be gone by now.
        hub = _loaded_entry(hass).runtime_data
        device = hub.devices.get(post.device_id)
        if device is not None and (wait := device.posts.wait(monotonic())):
            raise _RefusedError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"{post.device_id} posts too often",
                headers={hdrs.RETRY_AFTER: str(ceil(wait))},
            )
        if not hub.intake.async_take_post(post):
            if post.faults:
                raise _RefusedError(
                    HTTPStatus.BAD_REQUEST,
                    "The heartbeat is not as agreed, and nothing of it was taken",
                    faults=post.faults,
                )
            raise _RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "There is no room for another device; a repair issue in Home Assistant"
                " (Settings, System, Repairs) says what to do",
            )
        return self.json(
            {"device_id": post.device_id, "new": device is None}, headers=_NO_STORE
        )


@callback
def async_register_views(hass: HomeAssistant) -> None:
    """Offer the API, once for as long as Home Assistant runs."""
    for view in (
        VesperDevicesView,
        VesperAlertsView,
        VesperDiagnosticsView,
        VesperHeartbeatView,
    ):
        hass.http.register_view(view)


def _loaded_entry(hass: HomeAssistant) -> VesperConfigEntry:
    """Return the entry; raise _RefusedError where there is none that works."""
    for entry in hass.config_entries.async_entries(DOMAIN):
        if entry.state is ConfigEntryState.LOADED:
            return entry
    raise _RefusedError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Vesper is not loaded; see Settings, Devices & services in Home Assistant",
    )


def _find(request: web.Request, device_id: str) -> tuple[VesperConfigEntry, Device]:
    """Return a device and its entry; raise _RefusedError where it is not known."""
    entry = _loaded_entry(request.app[KEY_HASS])
    if (device := entry.runtime_data.devices.get(device_id)) is None:
        raise _RefusedError(
            HTTPStatus.NOT_FOUND, "No device of this id has been heard so far"
        )
    return entry, device


def _connected(device: Device, *, link: bool) -> bool | None:
    """Tell whether a device is online; None while that is not known."""
    return device.online if link else None


def _short_form(device: Device, name: str | None, *, link: bool) -> dict[str, Any]:
    """Return a device as it stands in the list of all."""
    connected = _connected(device, link=link)
    severities = [alert.severity for alert in device.alerts.active.values()]
    return {
        "device_id": device.device_id,
        "name": name,
        "status": _COLORS[device.alerts.severity] if connected else "grey",
        "connected": connected,
        "last_seen": iso_time(device.last_seen),
        "counts": {
            "active_alerts": len(severities),
            "warning": severities.count(Severity.WARNING),
            "critical": severities.count(Severity.CRITICAL),
            "failed": severities.count(Severity.FAILED),
            "malformed": malformed(device.faults).total(),
        },
    }


def _check_key(request: web.Request, entry: VesperConfigEntry) -> None:
    """Raise _RefusedError unless posts are turned on and this one has the key."""
    scheme, _, bearer = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    keys = [request.headers.get(KEY_HEADER, "")]
    if scheme.lower() == "bearer":
        keys.append(bearer.strip())
    digest: str = entry.options.get(CONF_HTTP_KEY, "")
    # Without a digest, which posts that are turned off have not, no key is right.
    if not any([is_key(key, digest) for key in keys]):  # noqa: C419  # all take the time
        raise _RefusedError(
            HTTPStatus.FORBIDDEN,
            "Heartbeats over HTTP are turned off, or the key is wrong or missing; both"
            " are in the options of Vesper in Home Assistant",
        )


async def _read(request: web.Request) -> bytes:
    """Return the body; raise _RefusedError as soon as it is seen to be too large.

    It is counted as it comes, unpacked where it is compressed, for a length that is
    told beforehand may be missing or wrong.
    """
    body = bytearray()
    try:
        while chunk := await request.content.readany():
            body += chunk
            if len(body) > MAX_HEARTBEAT_BYTES:
                raise _RefusedError(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"A heartbeat is at most {MAX_HEARTBEAT_BYTES} bytes",
                )
    except web.RequestPayloadError as error:
        raise _RefusedError(
            HTTPStatus.BAD_REQUEST, "The body is cut off or its encoding is broken"
        ) from error
    return bytes(body)
