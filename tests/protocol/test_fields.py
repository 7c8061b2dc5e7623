"""Read single fields and name their faults."""

import pytest

from custom_components.vesper.protocol.fields import Fault, is_object_like

from .common import INVALID


@pytest.mark.parametrize(
    ("path", "counted"),
    [
        ("recent_events[3].d0", "recent_events[].d0"),
        ("recent_events[63]", "recent_events[]"),
        ("recent_events", "recent_events"),
        ("payload.melody_uid", "payload.melody_uid"),
        ("", ""),
    ],
)
def test_a_fault_is_counted_without_positions(path: str, counted: str) -> None:
    """A fault's position in a list does not count."""
    assert Fault(path=path, kind=INVALID, reason="").field == counted


@pytest.mark.parametrize(
    ("payload", "begins"),
    [
        (b"{}", True),
        (b'{"uptime": ', True),
        (b" \r\n\t{", True),
        (b"\xef\xbb\xbf {", True),
        (b"", False),
        (b"offline", False),
        (b'"{}"', False),
        (b"[{}]", False),
        (b"\x00{}", False),
        (b" " * 20_000, False),
    ],
)
def test_what_begins_like_an_object(payload: bytes, *, begins: bool) -> None:
    """Blanks and a byte order mark do not count."""
    assert is_object_like(payload) is begins
