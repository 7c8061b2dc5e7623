"""Publish bursts of heartbeats from a process of its own, as fast as a broker reads."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
import json
import socket
import struct
import subprocess
import sys
from typing import Self

from tests.rig.broker import BrokerAddress

from .payloads import device_ids, heartbeat

#: The last message of each burst has this topic; when it is there, all are there.
SENTINEL = "sentinel"

_CONNECT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04vbnc"
_DISCONNECT = b"\xe0\x00"
_CONNACK_LENGTH = 4
_PUBACK_LENGTH = 4
_IDS = 65_535


@dataclass(frozen=True, kw_only=True, slots=True)
class Burst:
    """Heartbeats of all devices of a way, one device after the other."""

    way: str
    devices: int
    number: int
    """Of the first heartbeat of each device: they move with it."""
    each: int = 1
    events: int = 16
    qos: int = 1
    retain: bool = False
    """Firmware has it so, at QoS 1."""
    kind: str = "bell"
    """Of devices, which are others of each kind."""
    uptime: int | None = None
    """In seconds; None where it moves with the heartbeat's number."""

    @property
    def messages(self) -> Iterator[tuple[str, bytes]]:
        """Return the topics and payloads in order."""
        others = {} if self.uptime is None else {"uptime": self.uptime}
        for number in range(self.number, self.number + self.each):
            for device_id in device_ids(self.devices, self.kind):
                topic = f"{self.way}/{device_id}/status/heartbeat"
                yield topic, heartbeat(device_id, number, self.events, **others)


class Sender:
    """The process that sends; it goes on from burst to burst."""

    def __init__(self, address: BrokerAddress) -> None:
        """Take the broker."""
        command = [sys.executable, "-m", __name__, address.host, str(address.port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)  # noqa: S603  # our own

    def __enter__(self) -> Self:
        """Return the sender."""
        return self

    def __exit__(self, *_: object) -> None:
        """End its process."""
        self._process.communicate()

    def send(self, burst: Burst) -> None:
        """Have a burst published, and then the sentinel; that is to be waited for."""
        assert self._process.stdin
        print(json.dumps(asdict(burst)), file=self._process.stdin, flush=True)


def main() -> None:
    """Send the bursts that are told on the input."""
    _, host, port = sys.argv
    for line in sys.stdin:
        _send(host, int(port), Burst(**json.loads(line)))


def _send(host: str, port: int, burst: Burst) -> None:
    """Publish a burst: paho would be no faster than who is to be measured."""
    packets = [
        _publish(topic, payload, number % _IDS + 1, burst)
        for number, (topic, payload) in enumerate(burst.messages)
    ]
    packets.append(_publish(SENTINEL, b"!", len(packets) % _IDS + 1, burst, kept=False))
    with socket.create_connection((host, port)) as connection:
        connection.sendall(_CONNECT)
        _receive(connection, _CONNACK_LENGTH)
        connection.sendall(b"".join(packets))
        if burst.qos:
            _receive(connection, _PUBACK_LENGTH * len(packets))
        connection.sendall(_DISCONNECT)


def _publish(
    topic: str, payload: bytes, packet_id: int, burst: Burst, *, kept: bool = True
) -> bytes:
    """Return the packet of a message, as MQTT 3.1.1 has it."""
    name = topic.encode()
    body = struct.pack("!H", len(name)) + name
    if burst.qos:
        body += struct.pack("!H", packet_id)
    body += payload
    head = bytes([0x30 | burst.qos << 1 | (burst.retain and kept)])
    length = len(body)
    while length > 0x7F:
        head += bytes([length & 0x7F | 0x80])
        length >>= 7
    return head + bytes([length]) + body


def _receive(connection: socket.socket, length: int) -> None:
    """Read so many bytes, which say no more than that they have come.

    Raises ConnectionError where the broker hangs up before.
    """
    while length:
        received = len(connection.recv(min(length, 65_536)))
        if not received:
            msg = "The broker has hung up"
            raise ConnectionError(msg)
        length -= received


if __name__ == "__main__":
    main()
