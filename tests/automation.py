"""Automations that use Vesper, and lines of the logbook."""

import asyncio
from collections.abc import Iterable
import logging
from typing import Any

from custom_components.vesper.const import EVENT_OCCURRENCE
from custom_components.vesper.logbook import async_describe_events
from homeassistant.core import CALLBACK_TYPE, Context, Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.condition import (
    ConditionChecker,
    async_from_config,
    async_validate_condition_config,
)
from homeassistant.helpers.trigger import (
    NotTriggeredInfo,
    async_initialize_triggers,
    async_validate_trigger_config,
)
from homeassistant.helpers.typing import TemplateVarsType

from .common import BELL, FLEET


class Automation:
    """An automation with one trigger, which records its runs."""

    def __init__(self) -> None:
        """Start without runs."""
        self.runs: list[dict[str, Any]] = []
        self.contexts: list[Context | None] = []
        """The contexts by which it was triggered."""
        self.not_triggered: list[tuple[str, NotTriggeredInfo]] = []
        self.detach: CALLBACK_TYPE | None = None

    def take(self) -> list[dict[str, Any]]:
        """Return the variables of runs since the last call."""
        runs, self.runs = self.runs, []
        return runs

    @callback
    def _async_run(
        self, run_variables: TemplateVarsType, context: Context | None = None
    ) -> None:
        """Record a run."""
        assert run_variables is not None
        self.contexts.append(context)
        self.runs.append(dict(run_variables["trigger"]))

    @callback
    def _async_not_triggered(
        self,
        run_variables: dict[str, Any],
        info: NotTriggeredInfo,
        context: Context | None = None,
    ) -> None:
        """Record why the automation did not run."""
        self.not_triggered.append((run_variables["trigger"]["platform"], info))

    async def attach(
        self,
        hass: HomeAssistant,
        trigger: str,
        target: dict[str, Any] | None,
        options: dict[str, Any],
        *,
        traced: bool,
    ) -> None:
        """Attach the trigger."""
        config: dict[str, Any] = {"platform": f"vesper.{trigger}", "options": options}
        if target is not None:
            config["target"] = target
        self.detach = await async_initialize_triggers(
            hass,
            await async_validate_trigger_config(hass, [config]),
            self._async_run,
            domain="automation",
            name="test",
            log_cb=logging.getLogger(__name__).log,
            did_not_trigger=self._async_not_triggered if traced else None,
        )


async def automate(
    hass: HomeAssistant,
    trigger: str,
    target: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    *,
    traced: bool = True,
) -> Automation:
    """Make an automation with a trigger of Vesper."""
    automation = Automation()
    await automation.attach(hass, trigger, target, options or {}, traced=traced)
    return automation


async def condition(
    hass: HomeAssistant, name: str, target: dict[str, Any], **options: Any
) -> ConditionChecker:
    """Make a condition of Vesper."""
    config = {"condition": f"vesper.{name}", "target": target, "options": options}
    return await async_from_config(
        hass, await async_validate_condition_config(hass, config)
    )


def registered_id(hass: HomeAssistant, device_id: str = BELL) -> str:
    """Return the registry id of a device or fleet."""
    identifier = f"{FLEET}/fleet" if device_id == FLEET else device_id
    device = dr.async_get(hass).async_get_device_by_identifier(
        ("vesper", identifier), FLEET
    )
    assert device is not None
    return device.id


def devices(hass: HomeAssistant, device_ids: Iterable[str] = (BELL,)) -> dict[str, Any]:
    """Return a target with these devices."""
    return {"device_id": [registered_id(hass, device_id) for device_id in device_ids]}


def described(
    hass: HomeAssistant, events: Iterable[Event[Any]]
) -> list[dict[str, str]]:
    """Return the lines of the logbook for events."""
    describers: dict[str, Any] = {}
    async_describe_events(
        hass,
        lambda _domain, event_type, describe: describers.update({event_type: describe}),
    )
    assert describers.keys() == {EVENT_OCCURRENCE}
    return [describers[EVENT_OCCURRENCE](event) for event in events]


async def take_turns() -> None:
    """Run all pending callbacks without waiting."""
    for _ in range(100):
        await asyncio.sleep(0)
