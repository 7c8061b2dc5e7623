"""Set the clocks by which Vesper receives messages.

The free heap and "last seen" are written once a minute, and the boot time when it has
moved by a minute. By the clocks of the machine, that would depend on how fast it is,
and heartbeats whose uptime grows faster than the time would be late.
"""

from itertools import repeat
import time
from typing import Any

from custom_components.vesper.hub import receiver

#: In seconds, between two heartbeats of a device.
INTERVAL = 30


class Clock:
    """The clocks, which stand still until set."""

    def __init__(self) -> None:
        """Stop the clocks."""
        self._start = time.time()
        self._monotonic_start = time.monotonic()
        self.set_to(0)

    def set_to(self, number: int) -> None:
        """Set them to the time of a numbered heartbeat."""
        module: Any = receiver
        passed = INTERVAL * number
        # As fast as the real clocks, unlike a function in Python.
        module.time = repeat(self._start + passed).__next__
        module.monotonic = repeat(self._monotonic_start + passed).__next__
