"""Name the kinds of messages that devices send."""

from typing import Protocol

from .alert import Alert, UnreadableAlert
from .fields import Malformed
from .heartbeat import Heartbeat
from .info import Info

type Message = Heartbeat | Alert | UnreadableAlert | Info | Malformed


class Parser(Protocol):
    """Parser of one kind of message.

    It never raises. `device_id` is the id in the topic. `known_events` are the entries
    of `recent_events` that the device has already sent, as `encode_events` returns
    them: a heartbeat that repeats them is parsed faster. Other messages ignore them.
    """

    def __call__(
        self, payload: bytes, device_id: str, known_events: bytes = b""
    ) -> Message:
        """Return the message."""
