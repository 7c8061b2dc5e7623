"""Parse heartbeats (docs/protocol.md, "Heartbeat")."""

from dataclasses import dataclass
from typing import Any

from .fields import Fault, FaultKind, Malformed, first_name, load_object, natural, quote
from .recent_events import encode_events, parse_events

#: In bytes; a heartbeat with 16 events is 1 kB.
MAX_HEARTBEAT_BYTES = 16 * 1024

#: Seconds since boot fit in 32 bits.
MAX_UPTIME = 2**32 - 1

#: In bytes; no ESP32 has as much.
MAX_HEAP = 2**32 - 1

#: Far above all codes of ESP-IDF.
MAX_CODE = 2**16 - 1

FIRMWARE_VERSION_NAMES = ("firmware_version", "fw_version", "fw", "version")

_EVENTS = b"recent_events"
_EVENTS_NAME = b'"recent_events":'
_NULL = b"null"
_NAME_WITHOUT_EVENTS = _EVENTS_NAME + _NULL


@dataclass(kw_only=True, slots=True)
class Heartbeat:
    """A validated heartbeat.

    A field is None if it is absent or invalid.
    """

    # Not frozen: that would triple the time to create one, 1 µs of 12 for a heartbeat.

    uptime: int | None
    """Seconds since boot."""
    heap_free: int | None
    """Free heap in bytes."""
    heap_min_free: int | None
    """Least free heap since boot, in bytes."""
    reset_reason: int | None
    """Code of `esp_reset_reason()`."""
    last_disconnect_code: int | None
    """Code of `wifi_err_reason_t`, or 255."""
    firmware_version: str | None
    recent_events: bytes | None
    """The valid entries as `encode_events` returns them."""
    payload: bytes
    """The payload, with null in place of the entries where they were known before."""
    faults: list[Fault]


def parse_heartbeat(
    payload: bytes, device_id: str, known_events: bytes = b""
) -> Heartbeat | Malformed:
    """Parse the payload of `status/heartbeat`.

    An invalid field is None and named in the faults. If the payload contains exactly
    the known entries of `recent_events`, they are not parsed again, which saves half of
    the time that a heartbeat takes.
    """
    faults: list[Fault] = []
    repeated = None
    if known_events and len(payload) <= MAX_HEARTBEAT_BYTES:
        payload, repeated = _without_events(payload, known_events)
    if (data := load_object(payload, MAX_HEARTBEAT_BYTES, faults)) is None:
        return Malformed(faults=faults)
    if (fields := _fields(data, device_id, faults)) is None:
        return Malformed(faults=faults)
    get = fields.get
    return Heartbeat(
        uptime=natural("uptime", get("uptime"), MAX_UPTIME, faults),
        heap_free=natural("heap_free", get("heap_free"), MAX_HEAP, faults),
        heap_min_free=natural("heap_min_free", get("heap_min_free"), MAX_HEAP, faults),
        reset_reason=natural("reset_reason", get("reset_reason"), MAX_CODE, faults),
        last_disconnect_code=natural(
            "last_disconnect_code", get("last_disconnect_code"), MAX_CODE, faults
        ),
        firmware_version=first_name(fields, FIRMWARE_VERSION_NAMES, faults),
        recent_events=_recent_events(fields, repeated, faults),
        payload=payload,
        faults=faults,
    )


def restore_events(payload: bytes, events: bytes) -> bytes:
    """Return a heartbeat's payload with its entries restored."""
    head, name, tail = payload.partition(_NAME_WITHOUT_EVENTS)
    return b"".join((head, _EVENTS_NAME, events, tail)) if name else payload


def _without_events(payload: bytes, events: bytes) -> tuple[bytes, bytes | None]:
    """Replace known entries in a payload by null.

    Return the payload and the entries, or None for these if it does not contain them.
    """
    name_at = payload.find(_EVENTS_NAME)
    begin = name_at + len(_EVENTS_NAME)
    if name_at < 0 or not payload.startswith(events, begin):
        return payload, None
    rest = payload[:begin] + _NULL + payload[begin + len(events) :]
    # If the name occurs twice, it is not clear which one counts.
    return (rest, events) if rest.count(_EVENTS) == 1 else (payload, None)


def _recent_events(
    fields: dict[str, Any], repeated: bytes | None, faults: list[Fault]
) -> bytes | None:
    """Return the valid or repeated entries as JSON."""
    if "recent_events" not in fields:
        return None
    if (items := fields["recent_events"]) is None:
        return repeated
    events = parse_events(items, faults)
    return None if events is None else encode_events(events)


def _fields(
    data: dict[str, Any], device_id: str, faults: list[Fault]
) -> dict[str, Any] | None:
    """Return the fields, also those in an envelope.

    Return None with a fault if the device id is wrong.
    """
    claimed = data.get("device_id")
    if type(envelope := data.get("payload")) is dict:
        data = data | envelope
        if claimed is None or claimed == device_id:
            claimed = data.get("device_id")
    if claimed is None or claimed == device_id:
        return data
    faults.append(
        Fault(
            path="device_id",
            kind=FaultKind.MISMATCH,
            reason=f"must be {quote(device_id)}, is {quote(claimed)}",
        )
    )
    return None
