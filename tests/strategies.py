"""Draw any JSON and steps of a device's life."""

from dataclasses import dataclass
import json

from hypothesis import strategies as st

from custom_components.vesper.model.change import Change
from custom_components.vesper.model.device import Device
from custom_components.vesper.protocol.alert import parse_alert
from custom_components.vesper.protocol.heartbeat import parse_heartbeat
from custom_components.vesper.protocol.info import parse_info
from custom_components.vesper.protocol.message import Message, Parser

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None

DEVICE_ID = "chapel"

json_scalars: st.SearchStrategy[Json] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([-1, 0, 2**32 - 1, 2**32, 2**63, 2**64, 10**30]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=80),
    st.sampled_from(["", " ", "x" * 64, "x" * 65, "a\nb", "\x00", "\u202e", "\u2028"]),
    st.sampled_from(["WARNING", "critical", "Failed", "CLEARED", "ok", "healthy"]),
)
json_values: st.SearchStrategy[Json] = st.recursive(
    json_scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(max_size=8), inner, max_size=4),
    ),
    max_leaves=12,
)

#: Objects whose fields have the names that the protocol gives them, and any values.
field_names = st.sampled_from(
    [
        "device_id",
        "firmware_version",
        "fw",
        "heap_free",
        "heap_min_free",
        "last_disconnect_code",
        "melody_uid",
        "msg",
        "payload",
        "recent_events",
        "reset_reason",
        "state",
        "subsystem",
        "type",
        "uptime",
    ]
)
likely_objects = st.dictionaries(
    field_names, json_values | st.dictionaries(field_names, json_values)
)


def encode(value: object) -> bytes:
    """Return a value as JSON, even nan and infinities.

    Lone surrogates are not rejected either.
    """
    return json.dumps(value).encode()


def heartbeat(**fields: object) -> Message:
    """Return the message of a heartbeat with these fields."""
    return parse_heartbeat(encode(fields), DEVICE_ID)


def alert(subsystem: str, state: str, msg: str = "") -> Message:
    """Return the message that an alert is parsed to."""
    return parse_alert(
        encode({"subsystem": subsystem, "state": state, "msg": msg}), DEVICE_ID
    )


def info(kind: str, **payload: object) -> Message:
    """Return the message of an info with these details."""
    return parse_info(encode({"type": kind, "payload": payload}), DEVICE_ID)


@dataclass(frozen=True, kw_only=True)
class Received:
    """A step in which a message arrives."""

    parse_payload: Parser
    fields: dict[str, Json]
    live: bool

    def parse(self) -> Message:
        """Return the message, parsed again at each call.

        The device may add to its faults.
        """
        return self.parse_payload(encode(self.fields), DEVICE_ID)

    def apply(self, device: Device, now: float) -> Change:
        """Apply the message to a device."""
        return device.apply(self.parse(), live=self.live, now=now)


@dataclass(frozen=True, kw_only=True)
class Timeout:
    """A step in which a device times out."""

    def apply(self, device: Device, now: float) -> Change:
        """Mark the device as offline."""
        return device.mark_offline(now)


@dataclass(frozen=True, kw_only=True)
class BrokerReconnect:
    """A step in which the broker disconnects and reconnects."""

    def apply(self, device: Device, now: float) -> Change:
        """Apply the disconnect and the reconnect to a device."""
        return device.broker_disconnected() | device.broker_connected()


type Step = Received | Timeout | BrokerReconnect

#: More than a device may have, so that some are rejected.
SUBSYSTEMS = [f"Subsystem {number}" for number in range(34)]

received_alerts = st.builds(
    Received,
    parse_payload=st.just(parse_alert),
    fields=st.fixed_dictionaries(
        {
            # A few that are drawn often, and many that are drawn once.
            "subsystem": st.sampled_from(SUBSYSTEMS[:3]) | st.sampled_from(SUBSYSTEMS),
            "state": st.sampled_from(
                ["WARNING", "CRITICAL", "FAILED", "CLEARED", "OK", "PURPLE"]
            ),
        },
        optional={"msg": st.sampled_from(["SD mount failed", "", 7])},
    ),
    live=st.booleans(),
)
#: None is a boot: the uptime alone shows restarts.
log_entries: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {
        "t": st.sampled_from([2, 2, 3, 99]),
        "d0": st.sampled_from([65483, 65470, 300]),
        "d1": st.just(0),
        "ts": st.just(0),
        "up": st.integers(0, 2),
    }
)
received_heartbeats = st.builds(
    Received,
    parse_payload=st.just(parse_heartbeat),
    fields=st.fixed_dictionaries(
        {},
        optional={
            "device_id": st.sampled_from([DEVICE_ID, DEVICE_ID, None, "other"]),
            "uptime": st.sampled_from([None, -1, 0, 30, 94, 95, 100, 105, 130]),
            "firmware_version": st.sampled_from([None, "", "1.0.0", "1.1.0"]),
            "reset_reason": st.sampled_from([None, -1, 0, 1, 99]),
            "heap_free": st.sampled_from([None, -1, 10_000, 20_000, 20_001]),
            "heap_min_free": st.sampled_from([None, -1, 10_000, 10_001]),
            "last_disconnect_code": st.sampled_from([None, -1, 8, 255]),
            "recent_events": st.none() | st.lists(log_entries, max_size=4),
        },
    ),
    live=st.booleans(),
)
received_infos = st.builds(
    Received,
    parse_payload=st.just(parse_info),
    fields=st.fixed_dictionaries(
        {
            "type": st.sampled_from(
                ["playback_started", "playback_stopped", "volume", ""]
            )
        },
        optional={
            "payload": st.sampled_from([None, {}, {"melody_uid": "ABC123"}, []]),
        },
    ),
    live=st.booleans(),
)
steps: st.SearchStrategy[Step] = st.one_of(
    received_alerts,
    received_heartbeats,
    received_infos,
    st.builds(Timeout),
    st.builds(BrokerReconnect),
)

#: Alerts of all subsystems but one that a device may have.
_EARLIER: list[tuple[int, Step]] = [
    (
        1,
        Received(
            parse_payload=parse_alert,
            fields={"subsystem": subsystem, "state": "WARNING"},
            live=True,
        ),
    )
    for subsystem in SUBSYSTEMS[:31]
]


def lives_with(
    waits: st.SearchStrategy[int],
) -> st.SearchStrategy[list[tuple[int, Step]]]:
    """Draw the steps and waits of a device's life."""
    return st.builds(
        list.__add__,
        st.sampled_from([[], _EARLIER]),
        st.lists(st.tuples(waits, steps), max_size=40),
    )
