"""Fix what the repair issues report."""

from abc import abstractmethod
from typing import Any, override

import voluptuous as vol

from homeassistant.components.repairs import (
    ConfirmRepairFlow,
    RepairsFlow,
    RepairsFlowResult,
)
from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir

from .const import CONF_ENTITIES, CONF_MAX_DEVICES, DEFAULT_MAX_DEVICES, DOMAIN
from .hub.admission import KEEP_ESSENTIAL, RAISE_LIMIT
from .hub.entity_set import EntitySet
from .hub.hub import VesperConfigEntry
from .hub.silent_devices import ISSUE_SILENT


async def async_create_fix_flow(
    hass: HomeAssistant,
    issue_id: str,
    data: dict[str, str | int | float | None] | None,
) -> RepairsFlow:
    """Return the flow that fixes an issue.

    If it has none, to confirm that the issue was read is all.
    """
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    key = None if issue is None else issue.translation_key
    return FLOWS.get(key, ConfirmRepairFlow)()


class VesperRepairFlow(ConfirmRepairFlow):
    """Fix an issue once a user has confirmed it."""

    @abstractmethod
    async def _async_fix(self, entry: VesperConfigEntry, data: dict[str, Any]) -> None:
        """Fix the issue, which was raised with this data.

        Raises HomeAssistantError if that fails.
        """

    @override
    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Fix the issue, or show why that failed."""
        if user_input is None:
            return await super().async_step_confirm()
        try:
            data = self.data or {}
            await self._async_fix(self._loaded_entry(data), data)
        except HomeAssistantError as error:
            is_ours = error.translation_domain == DOMAIN
            return self.async_show_form(
                step_id="confirm",
                data_schema=vol.Schema({}),
                errors={"base": (is_ours and error.translation_key) or "failed"},
                description_placeholders={
                    "error": str(error),
                    **(error.translation_placeholders or {}),
                },
            )
        return self.async_create_entry(data={})

    def _loaded_entry(self, data: dict[str, Any]) -> VesperConfigEntry:
        """Return the entry that the issue is of.

        Raises HomeAssistantError while it is not loaded.
        """
        for entry in self.hass.config_entries.async_loaded_entries(DOMAIN):
            if entry.entry_id == data.get(ATTR_CONFIG_ENTRY_ID):
                return entry
        raise HomeAssistantError(
            translation_domain=DOMAIN, translation_key="not_running"
        )

    @callback
    def _async_set_options(
        self, entry: VesperConfigEntry, max_devices: int, **changed: Any
    ) -> None:
        """Change options, and reload the entry.

        The user may have raised the limit meanwhile.
        """
        before = entry.options.get(CONF_MAX_DEVICES, DEFAULT_MAX_DEVICES)
        changed[CONF_MAX_DEVICES] = max(before, max_devices)
        self.hass.config_entries.async_update_entry(
            entry, options={**entry.options, **changed}
        )
        self.hass.config_entries.async_schedule_reload(entry.entry_id)


class RaiseLimitFlow(VesperRepairFlow):
    """Raise the maximum number of devices."""

    @override
    async def _async_fix(self, entry: VesperConfigEntry, data: dict[str, Any]) -> None:
        """Set the number that the issue has named."""
        self._async_set_options(entry, data[CONF_MAX_DEVICES])


class KeepEssentialFlow(VesperRepairFlow):
    """Keep only the essential entities of each device."""

    @override
    async def _async_fix(self, entry: VesperConfigEntry, data: dict[str, Any]) -> None:
        """Choose the essential entities, and a limit."""
        self._async_set_options(
            entry, data[CONF_MAX_DEVICES], **{CONF_ENTITIES: EntitySet.ESSENTIAL}
        )


class DeleteDeviceFlow(VesperRepairFlow):
    """Delete a device that is silent."""

    @override
    async def _async_fix(self, entry: VesperConfigEntry, data: dict[str, Any]) -> None:
        """Delete it as the button on its page does."""
        await entry.runtime_data.async_remove_device(data["device_id"])


FLOWS: dict[str | None, type[ConfirmRepairFlow]] = {
    ISSUE_SILENT: DeleteDeviceFlow,
    KEEP_ESSENTIAL: KeepEssentialFlow,
    RAISE_LIMIT: RaiseLimitFlow,
}
