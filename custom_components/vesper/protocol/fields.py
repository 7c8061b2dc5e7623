"""Read fields of a payload and note their faults."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
import re
from typing import Any, TypeGuard

import orjson

#: In characters: longer names and ids are rejected, longer texts are cut.
MAX_NAME_LENGTH = 64
MAX_TEXT_LENGTH = 1024

#: What may stand before a JSON object: blanks and the bytes of a byte order mark.
_BLANKS = b" \t\r\n\xef\xbb\xbf"

_POSITION = re.compile(r"\[\d+\]")
_NAME_WANTED = f"1 to {MAX_NAME_LENGTH} printable characters"


class FaultKind(StrEnum):
    """What can be wrong with a message or field."""

    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    NOT_OBJECT = "not_object"
    MISSING = "missing"
    INVALID = "invalid"
    MISMATCH = "mismatch"
    RETAINED = "retained"
    TOO_MANY = "too_many"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One thing that is wrong with a message."""

    path: str
    kind: FaultKind
    reason: str

    @property
    def field(self) -> str:
        """Return the path without list positions."""
        return _POSITION.sub("[]", self.path)


@dataclass(frozen=True, kw_only=True, slots=True)
class Malformed:
    """A message that can't be used."""

    faults: list[Fault]


def load_object(
    payload: bytes,
    limit: int,
    faults: list[Fault],
    loads: Callable[[bytes], object] = orjson.loads,
) -> dict[str, Any] | None:
    """Return the JSON object, or None with a fault.

    The limit is in bytes.
    """
    if len(payload) > limit:
        faults.append(
            Fault(
                path="",
                kind=FaultKind.TOO_LARGE,
                reason=f"must be at most {limit} bytes, is {len(payload)}",
            )
        )
        return None
    try:
        data = loads(payload)
    except ValueError as error:
        faults.append(
            Fault(path="", kind=FaultKind.NOT_JSON, reason=f"must be JSON: {error}")
        )
        return None
    if type(data) is not dict:
        faults.append(
            Fault(
                path="",
                kind=FaultKind.NOT_OBJECT,
                reason=f"must be a JSON object, is {quote(data)}",
            )
        )
        return None
    return data


def dump_json(data: object) -> bytes:
    """Return data as compact JSON to keep."""
    # A copy: what orjson returns keeps a buffer of 4 kB.
    return bytes(memoryview(orjson.dumps(data)))


def is_object_like(payload: bytes) -> bool:
    """Return whether a payload begins like a JSON object.

    The last will (LWT) of a device, which the broker publishes when the device is gone,
    usually does not: it is plain text.
    """
    return payload.lstrip(_BLANKS).startswith(b"{")


def natural(name: str, value: object, most: int, faults: list[Fault]) -> int | None:
    """Return a whole number from 0 to `most`.

    Any other value is returned as None, and is a fault unless it is null.
    """
    # Not `isinstance`, because true and false are not numbers here.
    if type(value) is int and 0 <= value <= most:
        return value
    if value is not None:
        faults.append(invalid(name, f"a whole number from 0 to {most}", value))
    return None


def is_name(value: object) -> TypeGuard[str]:
    """Return whether a value can be a name."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= MAX_NAME_LENGTH
        and value.isprintable()
        and not value.isspace()
    )


def optional_name(path: str, value: object, faults: list[Fault]) -> str | None:
    """Return a name, None for an invalid one.

    An invalid name is a fault, unless it is null.
    """
    if is_name(value):
        return value
    if value is not None:
        faults.append(invalid(path, _NAME_WANTED, value))
    return None


def first_name(
    data: dict[str, Any], spellings: Iterable[str], faults: list[Fault]
) -> str | None:
    """Return the first usable name of a field."""
    for spelling in spellings:
        value = data.get(spelling)
        if value is not None and (name := optional_name(spelling, value, faults)):
            return name
    return None


def required_name(data: dict[str, Any], name: str, faults: list[Fault]) -> str | None:
    """Return a name, or None with a fault."""
    value = data.get(name)
    if value is None:
        faults.append(missing(name))
    return optional_name(name, value, faults)


def text(data: dict[str, Any], name: str, faults: list[Fault]) -> str:
    """Return a text as one line, shortened if needed."""
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        faults.append(invalid(name, "text", value))
        return ""
    line = "".join(char if char.isprintable() else " " for char in value)
    return line if len(line) <= MAX_TEXT_LENGTH else line[: MAX_TEXT_LENGTH - 1] + "…"


def missing(path: str) -> Fault:
    """Return the fault of a missing required field."""
    return Fault(path=path, kind=FaultKind.MISSING, reason="is required")


def invalid(path: str, wanted: str, value: object) -> Fault:
    """Return the fault of an invalid field."""
    return Fault(
        path=path,
        kind=FaultKind.INVALID,
        reason=f"must be {wanted}, is {quote(value)}",
    )


def quote(value: object) -> str:
    """Return a value as one short line of text."""
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return ascii(value[:40])
        case _:
            return str(value)
