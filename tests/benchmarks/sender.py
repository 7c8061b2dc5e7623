"""Publish bursts of messages from another process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
import json
import socket
import struct
import subprocess
import sys
from typing import Self

import orjson

from tests.rig.broker import BrokerAddress

from .payloads import device_ids, heartbeat

#: The topic of the message after the last of each burst.
SENTINEL = "sentinel"

_CONNECT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04vbnc"
_DISCONNECT = b"\xe0\x00"
_CONNACK_LENGTH = 4
PUBACK_LENGTH = 4
_IDS = 65_535
_QOS = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Burst:
    """A heartbeat or an alert of each device."""

    prefix: str
    devices: int
    number: int
    """Of the heartbeat: it moves uptime and free heap."""
    retain: bool = False
    uptime: int | None = None
    """In seconds; None where it moves with the number."""
    alert: str | None = None
    """The state of an alert that is sent instead."""
    every: int = 1
    """Only each so many-th device sends."""

    @property
    def messages(self) -> Iterator[tuple[str, bytes]]:
        """Yield topics and payloads."""
        ids = device_ids(self.devices)[:: self.every]
        if self.alert:
            alert = {"subsystem": "FileManager", "state": self.alert, "msg": "Broken"}
            for device_id in ids:
                yield f"{self.prefix}/{device_id}/status/alerts", orjson.dumps(alert)
            return
        fields = {} if self.uptime is None else {"uptime": self.uptime}
        for device_id in ids:
            topic = f"{self.prefix}/{device_id}/status/heartbeat"
            yield topic, heartbeat(device_id, self.number, **fields)


class Sender:
    """The other process; it runs from burst to burst."""

    def __init__(self, address: BrokerAddress) -> None:
        """Start it."""
        command = [sys.executable, "-m", __name__, address.host, str(address.port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)  # noqa: S603  # our own

    def __enter__(self) -> Self:
        """Return the sender."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._process.communicate()

    def send(self, burst: Burst) -> None:
        """Have a burst published, and then the sentinel."""
        assert self._process.stdin
        print(json.dumps(asdict(burst)), file=self._process.stdin, flush=True)


def main() -> None:
    """Send the bursts that are named on the input."""
    _, host, port = sys.argv
    for line in sys.stdin:
        _send(host, int(port), Burst(**json.loads(line)))


def _send(host: str, port: int, burst: Burst) -> None:
    """Publish a burst without paho.

    Paho would be no faster than what is measured.
    """
    packets = [
        publish_packet(topic, payload, number, retain=burst.retain)
        for number, (topic, payload) in enumerate(burst.messages)
    ]
    packets.append(publish_packet(SENTINEL, b"!", len(packets), retain=False))
    with connected(host, port) as connection:
        connection.sendall(b"".join(packets))
        receive(connection, PUBACK_LENGTH * len(packets))


@contextmanager
def connected(host: str, port: int) -> Iterator[socket.socket]:
    """Connect as an MQTT client."""
    with socket.create_connection((host, port)) as connection:
        connection.sendall(_CONNECT)
        receive(connection, _CONNACK_LENGTH)
        yield connection
        connection.sendall(_DISCONNECT)


def publish_packet(topic: str, payload: bytes, number: int, *, retain: bool) -> bytes:
    """Return a numbered message's packet, as in MQTT 3.1.1."""
    packet_id = number % _IDS + 1
    name = topic.encode()
    body = struct.pack("!H", len(name)) + name + struct.pack("!H", packet_id) + payload
    head = bytes([0x30 | _QOS << 1 | retain])
    length = len(body)
    while length > 0x7F:
        head += bytes([length & 0x7F | 0x80])
        length >>= 7
    return head + bytes([length]) + body


def receive(connection: socket.socket, length: int) -> None:
    """Read so many bytes, and ignore them.

    They only say that the packets have come.

    Raises ConnectionError if the broker closes the connection before.
    """
    while length:
        received = len(connection.recv(min(length, 65_536)))
        if not received:
            msg = "The broker has closed the connection"
            raise ConnectionError(msg)
        length -= received


if __name__ == "__main__":
    main()
