"""How often devices may post (docs/http-api.md)."""

from custom_components.vesper.model.post_limit import (
    AddressLimits,
    PostLimit,
)


def test_the_limit_is_ten_in_a_minute() -> None:
    """The next is accepted a minute after the first."""
    limit = PostLimit()
    for now in range(10):
        assert limit.wait(float(now)) == 0
        limit.record(float(now))
    assert limit.wait(9.0) == 51
    assert limit.wait(59.5) == 0.5
    assert limit.wait(60.0) == 0
    limit.record(60.0)
    assert limit.wait(60.0) == 1


def test_addresses_are_bounded() -> None:
    """The one that was quiet for longest is forgotten."""
    limits = AddressLimits()
    for _ in range(10):
        limits.record("first", 0.0)
        limits.record("second", 0.0)
    assert limits.wait("first", 1.0) == limits.wait("second", 1.0) == 59
    assert limits.wait("third", 1.0) == 0
    limits.record("first", 1.0)
    for number in range(255):
        limits.record(str(number), 2.0)
    assert limits.wait("second", 2.0) == 0
    assert limits.wait("first", 2.0) > 0
