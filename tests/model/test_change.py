"""The flags of what has changed."""

from custom_components.vesper.model.change import Change


def test_each_flag_is_a_bit_of_its_own() -> None:
    """No listener is called for another change."""
    flags = [flag for flag in Change.__members__.values() if flag]
    assert len(flags) == len(Change.__members__) - 1
    assert Change.NOTHING.value == 0
    assert len(set(flags)) == len(flags)
    assert {flag.bit_count() for flag in flags} == {1}
