"""To-do list of the problems of a fleet."""

from dataclasses import replace
from datetime import datetime
from functools import partial
from time import time
from typing import NamedTuple, override

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.components.todo import (
    TodoItem,
    TodoItemStatus,
    TodoListEntity,
    TodoListEntityFeature,
)
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError, Unauthorized
from homeassistant.helpers.debounce import Debouncer
from homeassistant.helpers.entity import CONTEXT_RECENT_TIME_SECONDS, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.intent import IntentHandleError
from homeassistant.util import dt as dt_util

from .const import DOMAIN, LOGGER
from .entity import VesperFleetEntity
from .hub.hub import VesperConfigEntry
from .hub.permissions import async_user_name, is_permitted
from .hub.texts import async_text
from .model.active_alert import ActiveAlert
from .model.change import Change
from .model.device import Device
from .model.problems import Problem, count_open, find_problem, list_problems

# What is changed is in memory.
PARALLEL_UPDATES = 0

#: In seconds. With 3,000 devices offline, a write takes about 9 ms.
UPDATE_INTERVAL = 1

#: The changes of a device after which the list is updated.
_CHANGES = (
    Change.ALERTS
    | Change.CONNECTIVITY
    | Change.DISABLED
    | Change.MAINTENANCE
    | Change.OFFLINE_ACKNOWLEDGED
)

FLEET_DESCRIPTIONS: tuple[EntityDescription, ...] = (
    EntityDescription(key="problems", translation_key="problems"),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: VesperConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the to-do list of the fleet."""
    async_add_entities(
        VesperProblemList(entry, description) for description in FLEET_DESCRIPTIONS
    )


class _Shown(NamedTuple):
    """What an item shows."""

    uid: str
    name: str
    status: str
    message: str | None
    since: datetime | None
    acknowledged: bool


class VesperProblemList(VesperFleetEntity, TodoListEntity):
    """The problems of a fleet, completed if acknowledged."""

    _attr_supported_features = TodoListEntityFeature.UPDATE_TODO_ITEM
    _written: tuple[int, list[_Shown]]
    """The state, and what the items showed, when they were written last."""

    @property
    @override
    def state(self) -> int:
        """Return the number of all problems not acknowledged."""
        return count_open(self.hub.devices.values())

    @property
    @override
    def todo_items(self) -> list[TodoItem]:
        """Return the items."""
        return [self._item(one) for one in list_problems(self.hub.devices.values())]

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the fleet and all devices."""
        debouncer = Debouncer(
            self.hass,
            LOGGER,
            cooldown=UPDATE_INTERVAL,
            immediate=True,
            function=self._async_update,
        )
        self._written = self._shown
        update = debouncer.async_schedule_call
        listeners = self.hub.listeners
        self.async_on_remove(debouncer.async_shutdown)
        self.async_on_remove(listeners.async_listen_fleet(update))
        self.async_on_remove(listeners.async_listen_all(_CHANGES, update))

    @property
    def _shown(self) -> tuple[int, list[_Shown]]:
        """Return what the items show, which takes less time."""
        return self.state, [
            _Shown(
                uid=problem.uid,
                name=self.hub.registry.name_of(problem.device.device_id),
                status=problem.status,
                message=problem.alert.message if problem.alert else None,
                since=problem.since,
                acknowledged=problem.acknowledged,
            )
            for problem in list_problems(self.hub.devices.values())
        ]

    @callback
    def _async_update(self) -> None:
        """Write the state if anything has changed."""
        shown = self._shown
        if shown != self._written:
            self._written = shown
            self.async_write_ha_state()

    @override
    async def async_update_todo_item(self, item: TodoItem) -> None:
        """Acknowledge a problem, or take that back."""
        context = self._recent_context()
        problem = find_problem(self.hub.devices.values(), item.uid)
        if problem is None or item != replace(self._item(problem), status=item.status):
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="problem_fixed",
                translation_placeholders={"item": item.summary or ""},
            )
        await self._async_raise_unless_permitted(problem.device, context)
        completed = item.status == TodoItemStatus.COMPLETED
        if completed is not problem.acknowledged:
            user = await async_user_name(self.hass, context)
            await self.hub.async_change(
                [problem.device],
                partial(_acknowledge, problem, user)
                if completed
                else partial(_unacknowledge, problem),
                context,
            )
            self._async_update()
        # Assist completes items without setting a context.
        self._context = None

    @override
    async def async_create_todo_item(self, item: TodoItem) -> None:
        """Refuse a new item.

        Only Assist gets here: it does not ask for features, and logs other errors.
        """
        error = ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="problem_not_added",
            translation_placeholders={"item": item.summary or ""},
        )
        raise IntentHandleError(str(error))

    @override
    async def async_delete_todo_items(self, uids: list[str]) -> None:
        """Refuse to delete items, as to add them."""
        error = ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="problem_not_deleted",
            translation_placeholders={"item": ", ".join(uids)},
        )
        raise IntentHandleError(str(error))

    def _item(self, problem: Problem) -> TodoItem:
        """Return the item of a problem.

        It has no description, since the frontend renders those as Markdown.
        """
        hass = self.hass
        name = self.hub.registry.name_of(problem.device.device_id)
        values = {
            "status": async_text(
                hass, f"entity.sensor.fleet_health.state.{problem.status}"
            ),
            "name": name
            if problem.alert is None
            else _described(hass, name, problem.alert),
        }
        if (since := problem.since) is None:
            summary = async_text(hass, "common.problem").format(**values)
        else:
            time_of = dt_util.as_local(since).strftime("%Y-%m-%d %H:%M")
            text = async_text(hass, "common.problem_since")
            summary = text.format(**values, since=time_of)
        return TodoItem(
            uid=problem.uid,
            # The action strips the text that it gets back.
            summary=" ".join(summary.split()),
            status=(
                TodoItemStatus.COMPLETED
                if problem.acknowledged
                else TodoItemStatus.NEEDS_ACTION
            ),
        )

    def _recent_context(self) -> Context | None:
        """Return the context of the action that is running.

        The one of an earlier action stays until a state is written.
        """
        age = time() - (self._context_set or 0)
        return self._context if age <= CONTEXT_RECENT_TIME_SECONDS else None

    async def _async_raise_unless_permitted(
        self, device: Device, context: Context | None
    ) -> None:
        """Raise Unauthorized unless the user may control a device."""
        if context is None or context.user_id is None:
            return
        user = await self.hass.auth.async_get_user(context.user_id)
        entry = self.hub.registry.async_entry(device)
        if not is_permitted(self.hass, user, entry, POLICY_CONTROL):
            raise Unauthorized(context=context, permission=POLICY_CONTROL)


def _described(hass: HomeAssistant, name: str, alert: ActiveAlert) -> str:
    """Return which alert of a device it is."""
    values = {"name": name, "subsystem": alert.subsystem}
    if message := alert.message.strip():
        text = async_text(hass, "common.problem_alert_message")
        return text.format(**values, message=message)
    return async_text(hass, "common.problem_alert").format(**values)


def _acknowledge(problem: Problem, user: str | None, device: Device) -> Change:
    """Acknowledge a problem on behalf of a user."""
    if (alert := problem.alert) is None:
        return device.acknowledge_offline(user)
    return device.acknowledge_alert(alert.subsystem, "", user, time())


def _unacknowledge(problem: Problem, device: Device) -> Change:
    """Take the acknowledgement of a problem back."""
    if (alert := problem.alert) is None:
        return device.unacknowledge_offline()
    return device.unacknowledge_alert(alert.subsystem)
