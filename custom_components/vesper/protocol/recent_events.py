"""Parse, compare and decode the entries of `recent_events`."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, NamedTuple

import orjson

from .codes import (
    MAX_TIME,
    EventTag,
    RebootReason,
    ResetReason,
    WifiReason,
    key_of,
    label_of,
    rssi_dbm,
)
from .fields import Fault, FaultKind, dump_json, invalid

#: Firmware sends a ring buffer of 16 entries.
MAX_EVENTS = 64

#: The data of an event are 32-bit numbers, which may be signed by mistake.
MAX_EVENT_DATA = 2**32 - 1

#: The fields of an entry, in the order of `RecentEvent`.
_FIELDS = ("t", "d0", "d1", "ts", "up")

#: 2020-01-01 in Unix seconds: an earlier time means that the clock was not set.
_CLOCK_SET = 1_577_836_800

#: What a decoded event says, ready for JSON and for the attributes of an entity.
type Meaning = dict[str, str | int | None]


class RecentEvent(NamedTuple):
    """One entry of the ring buffer (docs/protocol.md, "Recent events")."""

    tag: int
    d0: int
    d1: int
    ts: int
    """Unix seconds, 0 while the clock was not set."""
    up: int
    """Seconds since boot."""

    @property
    def time(self) -> datetime | None:
        """Return when it happened in UTC, None if unknown."""
        return datetime.fromtimestamp(self.ts, UTC) if 0 < self.ts <= MAX_TIME else None

    @property
    def key(self) -> str:
        """Return the event type, `unknown` for an unnamed tag."""
        return key_of(EventTag, self.tag) if self.tag in EventTag else "unknown"

    def decoded(self) -> Meaning:
        """Return its decoded data, by name.

        A reason is a name and a code, `rssi` is in dBm, `elapsed_ms` in milliseconds,
        `status` is an HTTP status or an errno. Data of an unnamed tag stay numbers.
        """
        if (decode := _DECODERS.get(self.tag)) is not None:
            return decode(self.d0, self.d1)
        return {"tag": self.tag, "d0": self.d0, "d1": self.d1}

    def as_json(self) -> Meaning:
        """Return the event as the API shows it (docs/http-api.md)."""
        label = label_of(EventTag, self.tag)
        return {
            "event": f"EVT_{label}" if self.tag in EventTag else label,
            "time": self.time.isoformat() if self.time else None,
            "uptime": self.up,
            **self.decoded(),
        }


def parse_events(items: object, faults: list[Fault]) -> tuple[RecentEvent, ...] | None:
    """Return the valid entries of a list.

    Invalid ones are skipped with a fault. If there are too many, the last ones are
    used, because a ring buffer lists the oldest first. Return None if there is no list,
    or if all entries are invalid: with an empty list, all entries would look new later.
    """
    if items is None:
        return None
    if not isinstance(items, list):
        faults.append(invalid("recent_events", "a list", items))
        return None
    if len(items) > MAX_EVENTS:
        faults.append(
            Fault(
                path="recent_events",
                kind=FaultKind.TOO_MANY,
                reason=f"must be at most {MAX_EVENTS} events, are {len(items)}",
            )
        )
    first = max(0, len(items) - MAX_EVENTS)
    events = [
        event
        for index, item in enumerate(items[first:], first)
        if (event := _parse_event(index, item, faults)) is not None
    ]
    return tuple(events) if events or not items else None


def _parse_event(index: int, item: object, faults: list[Fault]) -> RecentEvent | None:
    """Return one entry, or None with its faults."""
    path = "recent_events"
    if type(item) is not dict:
        faults.append(invalid(f"{path}[{index}]", "an object", item))
        return None
    event = RecentEvent._make(map(item.get, _FIELDS))
    bad = [
        at
        for at, value in enumerate(event)
        if type(value) is not int or not -MAX_EVENT_DATA <= value <= MAX_EVENT_DATA
    ]
    for at in bad:
        name = f"{path}[{index}].{_FIELDS[at]}"
        faults.append(invalid(name, "a whole number", event[at]))
    return None if bad else event


def encode_events(events: Iterable[RecentEvent]) -> bytes:
    """Return entries as compact JSON."""
    return dump_json([dict(zip(_FIELDS, event, strict=True)) for event in events])


def decode_events(text: bytes) -> tuple[RecentEvent, ...]:
    """Return the entries of what `encode_events` returned."""
    items: list[dict[str, Any]] = orjson.loads(text)
    return tuple(RecentEvent._make(map(item.get, _FIELDS)) for item in items)


def new_events(
    known: Iterable[RecentEvent], events: Iterable[RecentEvent]
) -> tuple[RecentEvent, ...]:
    """Return the new entries, the oldest first.

    The lists are compared by how often they contain each entry, because their order is
    not guaranteed. Entries with the same time keep their order.
    """
    counts, new = Counter(known), []
    for event in events:
        if counts[event]:
            counts[event] -= 1
        else:
            new.append(event)
    return oldest_first(new)


def oldest_first(events: Iterable[RecentEvent]) -> tuple[RecentEvent, ...]:
    """Return the entries, the oldest first.

    Those whose clock was not set come first and are sorted by uptime.
    """
    return tuple(
        sorted(
            events,
            key=lambda event: (event.ts if event.ts >= _CLOCK_SET else 0, event.up),
        )
    )


def contains_boot(events: Iterable[RecentEvent]) -> bool:
    """Return whether there is a boot among some entries."""
    return any(event.tag == EventTag.BOOT for event in events)


def _reason(table: type[IntEnum], code: int) -> Meaning:
    """Return a reason by its name and its code."""
    return {"reason": label_of(table, code), "code": code}


#: What `d0` and `d1` mean, by tag.
_DECODERS: dict[int, Callable[[int, int], Meaning]] = {
    EventTag.BOOT: lambda code, _: _reason(ResetReason, code),
    EventTag.WIFI_UP: lambda rssi, _: {"rssi": rssi_dbm(rssi)},
    EventTag.WIFI_DOWN: lambda code, _: _reason(WifiReason, code),
    EventTag.HTTP_OK: lambda path, elapsed: {"path_hash": path, "elapsed_ms": elapsed},
    EventTag.HTTP_FAIL: lambda path, status: {"path_hash": path, "status": status},
    EventTag.HEARTBEAT_MISS: lambda count, _: {"count": count},
    EventTag.NTP_SYNC: lambda seconds, _: {"seconds_since_boot": seconds},
    EventTag.REBOOT: lambda code, _: _reason(RebootReason, code),
}
