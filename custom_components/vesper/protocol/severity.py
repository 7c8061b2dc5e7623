"""Rank the states of a subsystem."""

from enum import IntEnum


class Severity(IntEnum):
    """The states of a subsystem, worst last (docs/protocol.md, "Alert")."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    FAILED = 3

    @property
    def key(self) -> str:
        """Return the lower-case name that entities show."""
        return self.name.lower()
