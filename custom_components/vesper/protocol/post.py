"""Parse posted heartbeats (docs/protocol.md, "HTTP")."""

from dataclasses import dataclass
from typing import Any

from .fields import Fault, FaultKind, load_object, missing
from .heartbeat import MAX_HEARTBEAT_BYTES, Heartbeat, parse_heartbeat
from .topics import DEVICE_ID_WANTED, Source, is_device_id

POST = Source(name="post", parse=parse_heartbeat)


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """A posted heartbeat, with all of its faults."""

    device_id: str
    """The device id in the payload, "" if there is no valid one."""
    payload: bytes
    faults: list[Fault]


def parse_post(payload: bytes) -> Post:
    """Check a posted heartbeat.

    Any fault rejects it as a whole: HTTP has a response, which tells the device at once
    what is wrong. `device_id` and `uptime` are required.
    """
    faults: list[Fault] = []
    if (data := load_object(payload, MAX_HEARTBEAT_BYTES, faults)) is None:
        return Post(device_id="", payload=payload, faults=faults)
    envelope: Any = data.get("payload")
    fields = data | envelope if type(envelope) is dict else data
    claimed: Any = data.get("device_id")
    if claimed is None:
        claimed = fields.get("device_id")
    is_usable = isinstance(claimed, str) and is_device_id(claimed)
    if claimed is None:
        faults.append(missing("device_id"))
    elif not is_usable:
        faults.append(
            Fault(
                path="device_id",
                kind=FaultKind.INVALID,
                reason=f"must be {DEVICE_ID_WANTED}",
            )
        )
    # There is no topic: only two different ids in the payload are a mismatch.
    message = parse_heartbeat(payload, claimed)
    if isinstance(message, Heartbeat) and fields.get("uptime") is None:
        faults.append(missing("uptime"))
    faults += message.faults
    return Post(device_id=claimed if is_usable else "", payload=payload, faults=faults)
