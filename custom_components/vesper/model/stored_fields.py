"""Check stored values, which are not trusted."""

from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from ..protocol.codes import MAX_TIME
from ..protocol.topics import is_device_id
from .alerts import MAX_ACTIVE, is_note

type Check = Callable[[object], bool]


def whole(least: int, most: int) -> Check:
    """Return the check of a whole number."""
    return lambda value: type(value) is int and least <= value <= most


def is_flag(value: object) -> bool:
    """Return whether a value is true or false."""
    return type(value) is bool


def is_time(value: object) -> TypeGuard[float]:
    """Return whether a value is a valid time.

    A valid time is in seconds since 1970 and can be shown in any time zone.
    """
    return (
        type(value) is float or type(value) is int
    ) and -MAX_TIME <= value <= MAX_TIME


def is_user(value: object) -> TypeGuard[str]:
    """Return whether a value is a user's name."""
    return is_note(value) and value != ""


def is_stored_id(value: object) -> TypeGuard[str]:
    """Return whether a value is a device id."""
    return isinstance(value, str) and is_device_id(value)


def values(source: object, fields: Mapping[str, Check]) -> dict[str, Any]:
    """Return the fields that have a value."""
    return {
        name: value for name in fields if (value := getattr(source, name)) is not None
    }


def good(data: object, fields: Mapping[str, Check]) -> dict[str, Any]:
    """Return the fields that are there and good."""
    if not isinstance(data, dict):
        return {}
    return {
        name: data[name]
        for name, is_good in fields.items()
        if name in data and is_good(data[name])
    }


def some(items: object, most: int = MAX_ACTIVE) -> list[Any]:
    """Return some items of a list, the first."""
    return items[:most] if isinstance(items, list) else []
