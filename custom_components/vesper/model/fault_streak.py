"""Know how long a device's heartbeats have been malformed, and where."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..protocol.messages import Fault

#: In seconds: what goes on for this long is no accident on the way.
LASTING = 600

#: Nor are so many, however the clock was set meanwhile.
LEAST = 3


@dataclass(eq=False, kw_only=True, slots=True)
class MalformedRun:
    """Live heartbeats in a row that each had a fault."""

    began: float
    """When the first of them came, in seconds since 1970, as all times here."""
    last: float
    count: int = 0
    fields: set[str] = field(default_factory=set)
    """Where they were wrong; "" stands for the payload as a whole."""

    def note(self, faults: Iterable[Fault], now: float) -> None:
        """Add one more of them."""
        self.last = now
        self.count += 1
        self.fields.update(fault.field for fault in faults)

    @property
    def lasting(self) -> bool:
        """Tell whether it has gone on for long."""
        return self.count >= LEAST and self.last - self.began >= LASTING
