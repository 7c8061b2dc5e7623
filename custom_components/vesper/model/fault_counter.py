"""Count what was wrong with messages."""

from collections import Counter
from collections.abc import Iterable

from ..protocol.fields import Fault, FaultKind


class FaultCounter(Counter[tuple[str, str, FaultKind]]):
    """The number of faults by source, field and kind."""

    def add(self, source: str, faults: Iterable[Fault]) -> list[Fault]:
        """Count the faults and return those that are new."""
        first = []
        for fault in faults:
            key = (source, fault.field, fault.kind)
            self[key] += 1
            if self[key] == 1:
                first.append(fault)
        return first

    @property
    def malformed(self) -> Counter[FaultKind]:
        """Return how often each kind occurred.

        This leaves out retained messages that were ignored: they are well-formed.
        """
        kinds = Counter[FaultKind]()
        for (_, _, kind), count in self.items():
            if kind is not FaultKind.RETAINED:
                kinds[kind] += count
        return kinds

    @property
    def retained(self) -> int:
        """Return how many retained messages were ignored."""
        return sum(
            count for (_, _, kind), count in self.items() if kind is FaultKind.RETAINED
        )
