"""Set the wall clock by which Vesper receives messages.

The free heap and "last seen" are written once a minute, and the boot time when it has
moved by a minute. By the clock of the machine, that would depend on how fast it is.
"""

from itertools import repeat
import time
from typing import Any

from custom_components.vesper.hub import receiver

#: In seconds, between two heartbeats of a device.
INTERVAL = 30


class Clock:
    """The wall clock, which stands still until set."""

    def __init__(self) -> None:
        """Stop the clock."""
        self._start = time.time()
        self.set_to(0)

    def set_to(self, number: int) -> None:
        """Set it to the time of a numbered heartbeat."""
        module: Any = receiver
        # As fast as the real clock, unlike a function in Python.
        module.time = repeat(self._start + INTERVAL * number).__next__
