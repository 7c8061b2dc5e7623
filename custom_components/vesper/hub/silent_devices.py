"""Report devices that are offline for long."""

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from ..const import DOMAIN
from ..model.device import Device
from .registry import DeviceRegistry
from .repair_issue import async_raise_issue, device_placeholders, issue_id_of

ISSUE_SILENT = "silent_device"
ISSUE_MORE = "silent_devices"

#: In seconds. Time counts in which the device was expected to be online: not that in
#: which Home Assistant had no link to the broker, or the device was in maintenance.
SILENT_SECONDS = 30 * 86_400

#: A fleet may be switched off for months. Beyond this many devices, one more issue says
#: how many there are.
MAX_ISSUES = 10


class SilentDevices:
    """The repair issues of devices that may be gone.

    The id of an issue contains when the silence began. So an issue that is ignored
    stays ignored when Home Assistant restarts, until the device was online again.
    """

    def __init__(self, hass: HomeAssistant, registry: DeviceRegistry) -> None:
        """Set the registry with the names of the devices."""
        self._hass = hass
        self._registry = registry
        self._more_id = issue_id_of(ISSUE_MORE, registry.entry_id)
        self._silent: dict[str, int] = {}
        """When each of them was heard last, in seconds since 1970."""

    @callback
    def async_close(self) -> None:
        """Delete the issues that are not ignored."""
        for issue_id, issue in self._raised().items():
            if issue.dismissed_version is None:
                ir.async_delete_issue(self._hass, DOMAIN, issue_id)
        ir.async_delete_issue(self._hass, DOMAIN, self._more_id)

    @callback
    def async_check(self, device: Device) -> None:
        """Check whether a device is silent."""
        availability = device.availability
        if (
            availability.is_offline
            and not device.in_maintenance
            and (outage := availability.outages[-1]).seconds >= SILENT_SECONDS
        ):
            self._silent[device.device_id] = outage.start
        else:
            self.async_discard(device.device_id)

    @callback
    def async_discard(self, device_id: str) -> None:
        """Delete the issue of a device."""
        if (since := self._silent.pop(device_id, None)) is not None:
            ir.async_delete_issue(self._hass, DOMAIN, self._issue_id(device_id, since))

    @callback
    def async_raise(self) -> None:
        """Raise the issues of the longest silent devices.

        Ignored ones are beyond the limit, so that the others have their turn.
        """
        raised = self._raised()
        obsolete, more, free = set(raised), 0, MAX_ISSUES
        for device_id, since in sorted(self._silent.items(), key=lambda item: item[1]):
            issue_id = self._issue_id(device_id, since)
            known = raised.get(issue_id)
            is_ignored = known is not None and known.dismissed_version is not None
            if not is_ignored and not free:
                more += 1
                continue
            free -= not is_ignored
            obsolete.discard(issue_id)
            self._async_raise(device_id, since)
        for issue_id in obsolete:
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)
        if more:
            async_raise_issue(
                self._hass,
                entry_id=self._registry.entry_id,
                issue_id=self._more_id,
                key=ISSUE_MORE,
                placeholders={
                    "fleet": self._registry.fleet_name,
                    "limit": str(MAX_ISSUES),
                    "more": str(more),
                },
                severity=ir.IssueSeverity.WARNING,
            )
        else:
            ir.async_delete_issue(self._hass, DOMAIN, self._more_id)

    @callback
    def _async_raise(self, device_id: str, since: int) -> None:
        """Raise the issue of a device, or update it."""
        day = dt_util.as_local(dt_util.utc_from_timestamp(since)).date()
        async_raise_issue(
            self._hass,
            entry_id=self._registry.entry_id,
            issue_id=self._issue_id(device_id, since),
            key=ISSUE_SILENT,
            data={"device_id": device_id},
            is_fixable=True,
            placeholders={
                **device_placeholders(self._registry, device_id),
                "since": day.isoformat(),
            },
            severity=ir.IssueSeverity.WARNING,
        )

    def _raised(self) -> dict[str, ir.IssueEntry]:
        """Return the issues of single devices by id."""
        return _raised(self._hass, self._registry.entry_id)

    def _issue_id(self, device_id: str, since: int) -> str:
        """Return the id of the issue of a device."""
        return issue_id_of(ISSUE_SILENT, self._registry.entry_id, device_id, str(since))


@callback
def async_delete_ignored(hass: HomeAssistant, entry_id: str) -> None:
    """Delete the issues that are ignored, too."""
    for issue_id in _raised(hass, entry_id):
        ir.async_delete_issue(hass, DOMAIN, issue_id)


def _raised(hass: HomeAssistant, entry_id: str) -> dict[str, ir.IssueEntry]:
    """Return an entry's issues of single devices by id."""
    kind = issue_id_of(ISSUE_SILENT, entry_id, "")
    return {
        issue_id: issue
        for (domain, issue_id), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and issue_id.startswith(kind)
    }
