"""Publish heartbeats at their rhythm from another process."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
import json
import socket
import sys
import time

from tests.rig.broker import BrokerAddress

from .clock import INTERVAL
from .payloads import UPTIME, device_ids, heartbeat
from .sender import PUBACK_LENGTH, connected, publish_packet, receive


@dataclass(frozen=True, kw_only=True, slots=True)
class Rhythm:
    """Heartbeats of all devices, spread evenly over 30 s.

    The first devices of all prefixes come first, then the second ones.
    """

    prefixes: Sequence[str]
    devices: int
    """Under each prefix."""
    booted: float
    """When the uptime of the devices was `UPTIME`."""
    rounds: int
    """How many heartbeats each of them sends."""
    silent: int = 0
    """Each so many-th device is silent; 0 if none is."""
    retain: bool = True

    @property
    def heartbeats(self) -> int:
        """Return how many heartbeats are sent."""
        sending = sum(not self.is_silent(index) for index in range(self.devices))
        return sending * len(self.prefixes) * self.rounds

    def is_silent(self, index: int) -> bool:
        """Return whether a device is silent."""
        return bool(self.silent) and index % self.silent == 0


async def async_send(address: BrokerAddress, rhythm: Rhythm) -> None:
    """Have them published, and wait for the last one.

    Raises RuntimeError if that fails.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, address.host, str(address.port)),
        json.dumps(asdict(rhythm)),
    )
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        process.kill()
        raise
    if code:
        msg = f"The heartbeats ended with {code}"
        raise RuntimeError(msg)


def main() -> None:
    """Send the heartbeats that the arguments describe."""
    _, host, port, text = sys.argv
    rhythm = Rhythm(**json.loads(text))
    senders = [
        (prefix, index, device_id)
        for index, device_id in enumerate(device_ids(rhythm.devices))
        for prefix in rhythm.prefixes
    ]
    begin = time.monotonic()
    sent = acknowledged = 0
    with connected(host, int(port)) as connection:
        for turn in range(rhythm.rounds * len(senders)):
            due = begin + turn * INTERVAL / len(senders)
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            prefix, index, device_id = senders[turn % len(senders)]
            if rhythm.is_silent(index):
                continue
            uptime = UPTIME + int(time.time() - rhythm.booted)
            payload = heartbeat(device_id, turn // len(senders), uptime=uptime)
            topic = f"{prefix}/{device_id}/status/heartbeat"
            connection.sendall(
                publish_packet(topic, payload, sent, retain=rhythm.retain)
            )
            sent += 1
            acknowledged += _waiting(connection)
        receive(connection, PUBACK_LENGTH * sent - acknowledged)


def _waiting(connection: socket.socket) -> int:
    """Read what has come; return how many bytes."""
    try:
        return len(connection.recv(65_536, socket.MSG_DONTWAIT))
    except BlockingIOError:
        return 0


if __name__ == "__main__":
    main()
