"""Parse damaged JSON (docs/protocol.md, "Alert")."""

from collections.abc import Iterator
from json import JSONDecoder
import re

import orjson

#: What firmware and bridges may add around a text: a byte order mark, NULs and blanks.
PADDING = "\ufeff\0 \t\n\v\f\r"

#: Accepts control characters, NaN and numbers of any size. A whole number becomes a
#: float, because Python refuses to read very long ones.
_DECODER = JSONDecoder(strict=False, parse_int=float)

_CUT_ESCAPE = re.compile(r"\\(?:u[0-9A-Fa-f]{0,3})?\Z")


def loads_damaged(payload: bytes, last_field: str) -> object:
    """Return the value of JSON that may be damaged.

    It may be cut off inside the field `last_field`. Raises ValueError if it can't be
    read.
    """
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        text = payload.decode(errors="replace").strip(PADDING)
        for data in _decoded(text):
            if isinstance(data, dict):
                return data
        for data in _completed(text):
            # If it was cut off earlier, its state may be part of a longer word.
            if isinstance(data, dict) and next(reversed(data), None) == last_field:
                return data
        raise


def _completed(text: str) -> Iterator[object]:
    """Yield the possible values of a cut-off text."""
    # Cut off inside, after or before the text of its last field.
    yield from _decoded(text + '"}')
    yield from _decoded(_CUT_ESCAPE.sub("", text) + '"}')
    yield from _decoded(text + "}")
    yield from _decoded(text + '""}')


def _decoded(text: str) -> Iterator[object]:
    """Yield the JSON value of a text, if any."""
    try:
        yield _DECODER.decode(text)
    except ValueError, RecursionError:
        return
