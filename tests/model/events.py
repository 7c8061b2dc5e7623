"""Entries of a ring buffer, and heartbeats with them."""

from custom_components.vesper.protocol.codes import EventTag
from custom_components.vesper.protocol.message import Message
from custom_components.vesper.protocol.recent_events import RecentEvent
from tests.strategies import Json, heartbeat


def event(tag: int, d0: int = 0, *, up: int = 60, ts: int = 0) -> RecentEvent:
    """Return an event."""
    return RecentEvent(tag=tag, d0=d0, d1=0, ts=ts, up=up)


BOOT = event(EventTag.BOOT, 1, up=0)
WIFI_UP = event(EventTag.WIFI_UP, 65483, up=3)
WIFI_DOWN = event(EventTag.WIFI_DOWN, 200, up=700)
BACK = event(EventTag.WIFI_UP, 65466, up=720, ts=1_800_000_000)
PANIC = event(EventTag.BOOT, 4, up=0)


def entry(happened: RecentEvent) -> dict[str, Json]:
    """Return an event as an entry of a heartbeat."""
    return {
        "t": happened.tag,
        "d0": happened.d0,
        "d1": happened.d1,
        "ts": happened.ts,
        "up": happened.up,
    }


def log(*events: RecentEvent, **fields: Json) -> Message:
    """Return a heartbeat with these entries in its log."""
    return heartbeat(recent_events=[entry(one) for one in events], **fields)
