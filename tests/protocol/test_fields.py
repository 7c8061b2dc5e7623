"""Read single fields and name their faults."""

import pytest

from custom_components.vesper.protocol.fields import Fault

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
    """The position of an entry changes with each new one."""
    assert Fault(path=path, kind=INVALID, reason="").field == counted
