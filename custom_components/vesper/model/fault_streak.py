"""Track a streak of malformed heartbeats."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..protocol.fields import Fault

#: In seconds: a shorter streak is not reported.
LASTING_SECONDS = 600

#: A streak also needs this many heartbeats, in case the wall clock jumped.
LASTING_COUNT = 3


@dataclass(eq=False, kw_only=True, slots=True)
class FaultStreak:
    """Consecutive live heartbeats that each had a fault."""

    began: float
    """When the first one arrived, in seconds since 1970, as all times here."""
    last: float
    count: int = 0
    fields: set[str] = field(default_factory=set)
    """The fields that were wrong; "" stands for the payload as a whole."""

    def add(self, faults: Iterable[Fault], now: float) -> None:
        """Add a heartbeat."""
        self.last = now
        self.count += 1
        self.fields.update(fault.field for fault in faults)

    @property
    def lasting(self) -> bool:
        """Return whether it is long enough to report."""
        return self.count >= LASTING_COUNT and self.last - self.began >= LASTING_SECONDS
