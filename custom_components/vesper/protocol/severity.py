"""Rank the states of a subsystem."""

from enum import IntEnum


class Severity(IntEnum):
    """The states of a subsystem, the worst last (docs/protocol.md, "Alert")."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    FAILED = 3

    @property
    def key(self) -> str:
        """Return the name that entities and the API show, in lower case."""
        return self.name.lower()
