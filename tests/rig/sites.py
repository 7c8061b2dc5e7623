"""The sites of a fleet.

Each has a topic prefix and a config entry of its own.
"""

from dataclasses import dataclass
from typing import Final

_NAMES: Final = ("North", "South", "East", "West")

MOST_SITES: Final = len(_NAMES)
PREFIX: Final = "vesper"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site, as the rig sets it up."""

    prefix: str = PREFIX
    title: str | None = None
    """The title of the config entry; None for that of the config flow."""


def make_sites(number: int, prefix: str = PREFIX) -> list[Site]:
    """Return sites whose prefixes end with this one.

    A single one has exactly this prefix.
    """
    if number == 1:
        return [Site(prefix=prefix)]
    return [
        Site(prefix=f"{name.lower()}/{prefix}", title=name) for name in _NAMES[:number]
    ]
