"""Types of the command line arguments of the rig."""

from argparse import ArgumentTypeError
import json
from pathlib import Path
import re
from typing import Final

from .process import LAST_PORT
from .sites import MOST_SITES

_INTEGRATION: Final = Path(__file__).parents[2] / "custom_components" / "vesper"

_HOUR: Final = 3_600
_DAY: Final = 24 * _HOUR
_UNITS: Final = {"d": _DAY, "h": _HOUR}
_MOST_DAYS: Final = 30


def port(text: str) -> int:
    """Return a TCP port; raises ArgumentTypeError for another value."""
    if not (text.isdecimal() and 0 < int(text) <= LAST_PORT):
        msg = f"{text!r} is no port: give a number from 1 to {LAST_PORT}"
        raise ArgumentTypeError(msg)
    return int(text)


def address(text: str) -> tuple[str, int]:
    """Split HOST:PORT; the default port is 1883.

    Raises ArgumentTypeError for another value.
    """
    host, colon, number = text.rpartition(":")
    if not colon:
        host, number = text, "1883"
    if not host:
        msg = f"{text!r} is not HOST:PORT, such as 192.0.2.7:1883"
        raise ArgumentTypeError(msg)
    return host, port(number)


def duration(text: str) -> int:
    """Return the seconds of a duration.

    It is such as 7d or 36h. Raises ArgumentTypeError for another value, and for over a
    month.
    """
    match = re.fullmatch(r"(\d{1,3})([dh])", text, re.ASCII)
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not _HOUR <= seconds <= _MOST_DAYS * _DAY:
        msg = f"{text!r} is no duration: give 1h to {_MOST_DAYS}d, such as 7d or 36h"
        raise ArgumentTypeError(msg)
    return seconds


def sites(text: str) -> int:
    """Return a number of sites.

    Raises ArgumentTypeError for another value.
    """
    if not (text.isdecimal() and 0 < int(text) <= MOST_SITES):
        msg = f"{text!r} is no number of sites: give 1 to {MOST_SITES}"
        raise ArgumentTypeError(msg)
    return int(text)


def prefix(text: str) -> str:
    """Return a valid topic prefix.

    Raises ArgumentTypeError with the error of the config flow for another value.
    """
    # Imported here, as it imports Home Assistant, which takes time.
    from custom_components.vesper.protocol.topics import prefix_problem  # noqa: PLC0415

    if problem := prefix_problem(text):
        texts = json.loads((_INTEGRATION / "translations" / "en.json").read_text())
        raise ArgumentTypeError(texts["config"]["error"][problem])
    return text
