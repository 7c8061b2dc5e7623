"""Config flow for the Vesper integration."""

from collections.abc import Mapping
from typing import Any, Unpack, override

import voluptuous as vol

from homeassistant.components import mqtt
from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_MQTT,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    OptionsFlowWithReload,
)
from homeassistant.const import UnitOfTime
from homeassistant.core import callback
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
)
from homeassistant.helpers.service_info.mqtt import MqttServiceInfo

from .const import (
    CONF_CLOSE_AFTER,
    CONF_ENTITIES,
    CONF_HEARTBEAT_TIMEOUT,
    CONF_HTTP_KEY,
    CONF_MAX_DEVICES,
    CONF_PREFIX,
    DEFAULT_CLOSE_AFTER,
    DEFAULT_HEARTBEAT_TIMEOUT,
    DEFAULT_MAX_DEVICES,
    DOMAIN,
    HEARTBEAT_URL,
    KEY_HEADER,
    MAX_CLOSE_AFTER,
    MAX_HEARTBEAT_TIMEOUT,
    MIN_HEARTBEAT_TIMEOUT,
)
from .hub.api_key import digest_of, new_key
from .hub.entity_set import DEFAULT_ENTITY_SET, EntitySet
from .hub.hub import VesperConfigEntry
from .protocol.discovery import discovered_device_id
from .protocol.topics import DEFAULT_PREFIX, PrefixProblem, overlap, prefix_problem

#: Where set-up leads to.
BLUEPRINTS_URL = (
    "https://github.com/bellsystems/vesper-home-assistant/blob/main/docs/blueprints.md"
)
DASHBOARDS_URL = "/config/lovelace/dashboards"

PREFIX_SCHEMA = vol.Schema({vol.Required(CONF_PREFIX): TextSelector()})


def _whole_number(**config: Unpack[NumberSelectorConfig]) -> vol.All[Any]:
    """Return the validator of a whole number."""
    config["mode"] = NumberSelectorMode.BOX
    return vol.All(NumberSelector(config), vol.Coerce(int))


OPTIONS_SCHEMA = vol.Schema(
    {
        vol.Required(
            CONF_HEARTBEAT_TIMEOUT, default=DEFAULT_HEARTBEAT_TIMEOUT
        ): _whole_number(
            min=MIN_HEARTBEAT_TIMEOUT,
            max=MAX_HEARTBEAT_TIMEOUT,
            unit_of_measurement=UnitOfTime.SECONDS,
        ),
        vol.Required(CONF_CLOSE_AFTER, default=DEFAULT_CLOSE_AFTER): _whole_number(
            min=0, max=MAX_CLOSE_AFTER, unit_of_measurement=UnitOfTime.MINUTES
        ),
        vol.Required(CONF_ENTITIES, default=DEFAULT_ENTITY_SET): SelectSelector(
            SelectSelectorConfig(
                options=[*EntitySet],
                mode=SelectSelectorMode.LIST,
                translation_key=CONF_ENTITIES,
            )
        ),
        vol.Required(CONF_MAX_DEVICES, default=DEFAULT_MAX_DEVICES): _whole_number(
            min=1, max=EntitySet.ESSENTIAL.max_devices
        ),
    }
)


CONF_ENABLED = "enabled"
CONF_NEW_KEY = "new_key"
CONF_KEY = "key"

HTTP_SCHEMA = vol.Schema({vol.Required(CONF_ENABLED): BooleanSelector()})

RENEW_KEY_SCHEMA = vol.Schema(
    {vol.Required(CONF_NEW_KEY, default=False): BooleanSelector()}
)

#: The field is there to copy the key from. Not read-only: Home Assistant disables such
#: fields, and nothing can be selected in a disabled field with the keyboard.
#: Of several lines, so that a phone shows all of it.
KEY_SCHEMA = vol.Schema(
    {vol.Optional(CONF_KEY): TextSelector(TextSelectorConfig(multiline=True))}
)


class VesperConfigFlow(ConfigFlow, domain=DOMAIN):
    """Ask for the topic prefix, if MQTT is connected."""

    VERSION = 1

    _discovered_id: str
    """The id of a device that has sent a message."""

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: VesperConfigEntry) -> VesperOptionsFlow:
        """Return the flow that changes the options."""
        return VesperOptionsFlow()

    @override
    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Handle a flow started by the user."""
        # Aborts, not errors: no input in the form could connect MQTT.
        entries = self.hass.config_entries.async_entries(
            mqtt.DOMAIN, include_ignore=False, include_disabled=False
        )
        if not entries:
            return self.async_abort(reason="mqtt_not_set_up")
        # Waiting for an entry that has failed would take most of a minute.
        if entries[0].state not in (
            ConfigEntryState.LOADED,
            ConfigEntryState.SETUP_IN_PROGRESS,
        ) or not await mqtt.async_wait_for_mqtt_client(self.hass):
            return self.async_abort(reason="mqtt_unavailable")
        if not mqtt.is_connected(self.hass):
            return self.async_abort(reason="mqtt_not_connected")
        if user_input is None:
            is_free = self._overlapping(DEFAULT_PREFIX) is None
            suggested = {CONF_PREFIX: DEFAULT_PREFIX} if is_free else {}
            return self._async_ask_for_prefix("user", suggested)
        prefix = _normalized(user_input)
        other = self._overlapping(prefix)
        if error := _error(prefix, other):
            return self._async_ask_for_prefix("user", user_input, error, other)
        self._async_abort_discovered(prefix)
        await self.async_set_unique_id(prefix, raise_on_progress=False)
        return self._async_create(prefix)

    @override
    async def async_step_mqtt(
        self, discovery_info: MqttServiceInfo
    ) -> ConfigFlowResult:
        """Handle an alert or info message of a device."""
        await self.async_set_unique_id(DEFAULT_PREFIX)
        self._abort_if_unique_id_configured()
        if self._overlapping(DEFAULT_PREFIX) is not None:
            return self.async_abort(reason="already_configured")
        device_id = discovered_device_id(discovery_info.topic, discovery_info.payload)
        # No device retains these messages, so another client has published it.
        if device_id is None or discovery_info.retain:
            return self.async_abort(reason="invalid_discovery_info")
        self._discovered_id = device_id
        return await self.async_step_discovery_confirm()

    async def async_step_discovery_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Let the user confirm what was discovered."""
        if user_input is not None:
            return self._async_create(DEFAULT_PREFIX)
        return self.async_show_form(
            step_id="discovery_confirm",
            description_placeholders={
                "device": self._discovered_id,
                "prefix": DEFAULT_PREFIX,
            },
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Let the user change the topic prefix."""
        entry = self._get_reconfigure_entry()
        if user_input is None:
            return self._async_ask_for_prefix("reconfigure", entry.data)
        prefix = _normalized(user_input)
        other = self._overlapping(prefix, entry)
        if error := _error(prefix, other):
            return self._async_ask_for_prefix("reconfigure", user_input, error, other)
        await self._async_remove_ignored(prefix)
        self._async_abort_discovered(prefix)
        is_renamed = entry.title != _title(entry.data[CONF_PREFIX])
        return self.async_update_reload_and_abort(
            entry,
            unique_id=prefix,
            title=entry.title if is_renamed else _title(prefix),
            data={CONF_PREFIX: prefix},
            reason="reconfigure_successful",
        )

    def _overlapping(
        self, prefix: str, own: VesperConfigEntry | None = None
    ) -> VesperConfigEntry | None:
        """Return another entry whose prefix overlaps with one."""
        # An ignored discovery has no prefix.
        others: list[VesperConfigEntry] = self._async_current_entries(
            include_ignore=False
        )
        return next(
            (
                other
                for other in others
                if other is not own and overlap(prefix, other.data[CONF_PREFIX])
            ),
            None,
        )

    async def _async_remove_ignored(self, prefix: str) -> None:
        """Remove the entry of an ignored discovery."""
        # Home Assistant itself does so only where the user adds an entry.
        for ignored in self._async_current_entries(include_ignore=True):
            if ignored.source == SOURCE_IGNORE and ignored.unique_id == prefix:
                await self.hass.config_entries.async_remove(ignored.entry_id)

    @callback
    def _async_abort_discovered(self, prefix: str) -> None:
        """Abort the flow of a discovery within a prefix."""
        if overlap(prefix, DEFAULT_PREFIX):
            for flow in self._async_in_progress(match_context={"source": SOURCE_MQTT}):
                self.hass.config_entries.flow.async_abort(flow["flow_id"])

    @callback
    def _async_ask_for_prefix(
        self,
        step_id: str,
        suggested: Mapping[str, Any],
        error: str | None = None,
        other: VesperConfigEntry | None = None,
    ) -> ConfigFlowResult:
        """Show the form of both steps."""
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(PREFIX_SCHEMA, suggested),
            errors={} if error is None else {CONF_PREFIX: error},
            description_placeholders={
                "example": f"{DEFAULT_PREFIX}/bell-1/status/heartbeat",
                "other": "" if other is None else other.data[CONF_PREFIX],
                "title": "" if other is None else other.title,
            },
        )

    @callback
    def _async_create(self, prefix: str) -> ConfigFlowResult:
        """Create the entry of a prefix."""
        return self.async_create_entry(
            title=_title(prefix),
            data={CONF_PREFIX: prefix},
            description_placeholders={
                "blueprints": BLUEPRINTS_URL,
                "dashboards": DASHBOARDS_URL,
            },
        )


class VesperOptionsFlow(OptionsFlowWithReload):
    """Change the timeouts, the limits, and heartbeats over HTTP."""

    _key: str

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Let the user choose what to change."""
        return self.async_show_menu(step_id="init", menu_options=["limits", "http"])

    async def async_step_limits(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Handle the timeouts and limits."""
        errors: dict[str, str] = {}
        entity_set, devices = DEFAULT_ENTITY_SET, 0
        if user_input is not None:
            entity_set = EntitySet(user_input[CONF_ENTITIES])
            if self.config_entry.state is ConfigEntryState.LOADED:
                entry: VesperConfigEntry = self.config_entry
                devices = len(entry.runtime_data.devices)
            if devices > entity_set.max_devices:
                errors[CONF_ENTITIES] = "too_many_devices"
            elif user_input[CONF_MAX_DEVICES] > entity_set.max_devices:
                errors[CONF_MAX_DEVICES] = "over_the_limit"
            else:
                return self._async_save(user_input)
        return self.async_show_form(
            step_id="limits",
            data_schema=self.add_suggested_values_to_schema(
                OPTIONS_SCHEMA, user_input or self.config_entry.options
            ),
            errors=errors,
            description_placeholders={
                "devices": str(devices),
                "max_devices": str(entity_set.max_devices),
                "max_essential": str(EntitySet.ESSENTIAL.max_devices),
            },
        )

    async def async_step_http(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Handle whether heartbeats are accepted over HTTP."""
        has_key = CONF_HTTP_KEY in self.config_entry.options
        if user_input is None:
            return self.async_show_form(
                step_id="http",
                data_schema=self.add_suggested_values_to_schema(
                    HTTP_SCHEMA, {CONF_ENABLED: has_key}
                ),
            )
        if not user_input[CONF_ENABLED]:
            return self._async_save({CONF_HTTP_KEY: None})
        return await (self.async_step_renew_key if has_key else self.async_step_key)()

    async def async_step_renew_key(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Handle whether another key replaces the old one."""
        if user_input is None:
            return self.async_show_form(
                step_id="renew_key", data_schema=RENEW_KEY_SCHEMA
            )
        if user_input[CONF_NEW_KEY]:
            return await self.async_step_key()
        return self._async_save({})

    async def async_step_key(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show the new key once, then save its digest."""
        errors: dict[str, str] = {}
        if user_input is None:
            self._key = new_key()
        elif user_input.get(CONF_KEY, self._key) == self._key:
            return self._async_save({CONF_HTTP_KEY: digest_of(self._key)})
        else:
            errors[CONF_KEY] = "key_changed"
        return self.async_show_form(
            step_id="key",
            data_schema=self.add_suggested_values_to_schema(
                KEY_SCHEMA, {CONF_KEY: self._key}
            ),
            errors=errors,
            description_placeholders={"header": KEY_HEADER, "path": HEARTBEAT_URL},
        )

    @callback
    def _async_save(self, changed: Mapping[str, Any]) -> ConfigFlowResult:
        """Save the changed options; None removes one."""
        options = {**self.config_entry.options, **changed}
        options = {name: value for name, value in options.items() if value is not None}
        if changed.keys() == {CONF_HTTP_KEY}:
            # The key is read with each post, so the entry needs no reload.
            self.hass.config_entries.async_update_entry(
                self.config_entry, options=options
            )
        return self.async_create_entry(data=options)


def _normalized(user_input: Mapping[str, Any]) -> str:
    """Strip blanks and a trailing slash from the prefix."""
    prefix: str = user_input[CONF_PREFIX]
    return prefix.strip().removesuffix("/")


def _error(prefix: str, other: VesperConfigEntry | None) -> PrefixProblem | None:
    """Return what is wrong with a prefix, if anything."""
    if (problem := prefix_problem(prefix)) or other is None:
        return problem
    in_use = prefix == other.data[CONF_PREFIX]
    return PrefixProblem.IN_USE if in_use else PrefixProblem.OVERLAPS


def _title(prefix: str) -> str:
    """Return the title that a new entry has.

    The user can rename it, for example to the name of the site.
    """
    return "Vesper" if prefix == DEFAULT_PREFIX else prefix
