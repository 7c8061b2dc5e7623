"""How often devices may post (docs/http-api.md)."""

from custom_components.vesper.model.post_limit import PostLimit


def test_the_limit_is_ten_in_a_minute() -> None:
    """The next one is accepted a minute after the first."""
    limit = PostLimit()
    for now in range(10):
        assert limit.wait(float(now)) == 0
        limit.record(float(now))
    assert limit.wait(9.0) == 51
    assert limit.wait(59.5) == 0.5
    assert limit.wait(60.0) == 0
    limit.record(60.0)
    assert limit.wait(60.0) == 1
