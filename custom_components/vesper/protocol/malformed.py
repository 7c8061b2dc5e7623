"""Name what is wrong with a message that can't be used."""

from dataclasses import dataclass

from .fields import Fault


@dataclass(frozen=True, kw_only=True, slots=True)
class Malformed:
    """A message that says nothing usable, for the reasons in its faults."""

    faults: list[Fault]
