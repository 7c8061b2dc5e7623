"""Valid devices, whatever fields they omit."""

from dataclasses import dataclass, field
import json
from typing import Any

from hypothesis import strategies as st

RING = 5
"""The size of a log; a small one wraps soon."""
BOOT_TIME = 11
"""In seconds: how long a restart takes."""


@dataclass
class Firmware:
    """A device with its ring buffer."""

    device_id: str
    booted: float
    log: list[Any] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    """Its heartbeats, the last of which the broker retains."""
    retained: bytes = b""
    """Its retained heartbeat."""
    uptime_reported: int = 0
    _serial: int = 0

    def boot(self, now: float, reason: int, *, has_clock: bool = True) -> None:
        """Restart, and log the boot in an empty buffer.

        Without a clock one boot is equal to another.
        """
        self.booted = now
        self.uptime_reported = 0
        self.log = []
        ts = int(now) if has_clock else 0
        self._write(1, reason, 0, ts, 0)
        self._write(2, 65483, 0, ts, 2)

    def note(self, tag: int, data: Any, now: float) -> None:
        """Write a unique entry into the ring buffer."""
        self._serial += 1
        self._write(tag, data, self._serial, int(now), int(now - self.booted))

    def _write(self, tag: int, d0: Any, d1: int, ts: int, up: int) -> None:
        """Write an entry, and drop the oldest if full."""
        self.log.append({"t": tag, "d0": d0, "d1": d1, "ts": ts, "up": up})
        del self.log[:-RING]


BAD = [-1, 2**32, 2**64, 1.5, True, "5", [], {}]
"""Invalid values of a number."""


def numbers(*good: int) -> st.SearchStrategy[Any]:
    """Draw a numeric field's value, mostly a valid one."""
    return st.sampled_from([*good, *good, *good, None, *BAD])


names = st.sampled_from(["1.0.0", "1.1.0", "{{ 1 }}", "%s", None, "", 7, "x" * 65])
#: The fields of a heartbeat besides its uptime and its log.
fields = st.fixed_dictionaries(
    {},
    optional={
        "heap_free": numbers(8192, 12_288, 20_480, 65_536, 170_000),
        "heap_min_free": numbers(4096, 40_960, 81_920),
        "reset_reason": numbers(1, 4, 9, 99),
        "last_disconnect_code": numbers(0, 8, 200, 255, 300),
        "firmware_version": names,
        "fw": names,
        "ssid": st.just("bells"),
        # Text that the parser searches for, in other places.
        "odd": st.sampled_from(
            [{"recent_events": []}, [[1], []], '"recent_events":[', "]"]
        ),
    },
)
uptimes = st.sampled_from([0, 0, 0, 0, 2, 4, None, "absent", *BAD])
"""How late an uptime is sent, or what is sent in its place."""
logs: st.SearchStrategy[Any] = st.sampled_from(
    ["log", "log", "log", "absent", None, 5, {}, "", [[]]]
)
"""The log, or what is sent in its place."""
envelopes = st.sampled_from(["", "", "", "inner id", "outer id", "other id"])
styles = st.sampled_from([(",", ":"), (", ", ": ")])


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """How a heartbeat is encoded."""

    fields: dict[str, Any]
    uptime: Any = 0
    log: Any = "log"
    log_first: bool = False
    envelope: str = ""
    style: tuple[str, str] = (",", ":")

    def of(self, device: Firmware, now: float) -> bytes:
        """Return the payload that a device sends now."""
        data = {} if self.log_first else dict(self.fields)
        if self.log != "absent":
            data["recent_events"] = device.log if self.log == "log" else self.log
        if type(self.uptime) is int and self.uptime in (0, 2, 4):
            # It never falls within a boot: late heartbeats have tests of their own.
            device.uptime_reported = max(
                device.uptime_reported, int(now - device.booted) - self.uptime
            )
            data["uptime"] = device.uptime_reported
        elif self.uptime != "absent":
            data["uptime"] = self.uptime
        data = data | self.fields
        match self.envelope:
            case "inner id":
                data = {"payload": {"device_id": device.device_id, **data}}
            case "outer id":
                data = {"device_id": device.device_id, "payload": data}
            case "other id":
                data["device_id"] = "another"
        return json.dumps(data, separators=self.style).encode()


heartbeats = st.builds(
    Heartbeat,
    fields=fields,
    uptime=uptimes,
    log=logs,
    log_first=st.booleans(),
    envelope=envelopes,
    style=styles,
)

subsystems = st.sampled_from(
    ["FileManager", "filemanager", "Wi-Fi 🛜", "../x", "{{ 7 }}", "<b>%s</b>"]
)
bad_subsystems = st.sampled_from([None, "", " ", "x" * 65, "a\nb", "\u202eb", 5])
states = st.sampled_from(
    ["WARNING", "Critical", "failed ", "CLEARED", "CLEARED", "Healthy", "\tok"]
)
bad_states = st.sampled_from([None, "BETTER", "", "CLEARED?", 0, False])
messages: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", "SD mount failed", "{{ 7 }} %s {0}", "two\nlines", "\u202e", 7, []]
)
alerts: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "subsystem": subsystems | subsystems | subsystems | bad_subsystems,
        "state": states | states | states | bad_states,
    },
    optional={"msg": messages},
)
kinds = st.sampled_from(["playback_started", "playback_stopped"])
infos: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"type": kinds | kinds | st.sampled_from(["volume", "", None, 5])},
    optional={
        "payload": st.sampled_from(
            [None, {}, {"melody_uid": "ABC123"}, {"melody_uid": 5}, [], "x", {"a": [1]}]
        )
    },
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
garbage = st.one_of(
    st.binary(max_size=40),
    st.builds(lambda value: json.dumps(value).encode(), json_values),
    st.sampled_from(
        [
            b"",
            b"[" * 3000,
            b" " * 20_000,
            b'{"uptime": NaN}',
            b'{"uptime": 1e400}',
            b'{"device_id": null, "device_id": "another"}',
            b'{"type": "\\ud800"}',
            b'{"subsystem": "a", "state": "OK", "state": "WARNING"}',
            b"\xef\xbb\xbf{}",
            b'\xef\xbb\xbf{"subsystem": "FileManager", "state": "FAILED\\n"}\0',
            b'{"subsystem": "FileManager", "state": "WARNING", "msg": "a\xc3"}',
            b'{"subsystem": "FileManager", "state": "CLEARED", "msg": "a\\u00',
            b'{"subsystem": "FileManager", "state": "CLEARED", "ms',
            b"\x00",
        ]
    ),
)
