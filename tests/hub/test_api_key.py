"""The key that devices post with."""

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.hub.api_key import digest_of, is_key, new_key


def test_new_key() -> None:
    """Each key is unique and matches its own digest."""
    key, another = new_key(), new_key()
    digest = digest_of(key)
    assert is_key(key, digest)
    assert not is_key(another, digest)
    assert key not in digest
    assert len(key) == 43
    assert key.isascii()
    assert key.isprintable()


@pytest.mark.parametrize("given_key", ["", "a"])
def test_no_digest_is_of_no_key(given_key: str) -> None:
    """No key is valid while posts are off."""
    assert not is_key(given_key, "")


@given(st.binary(max_size=20))
def test_any_header(header: bytes) -> None:
    """Any bytes in a header are compared."""
    text = header.decode(errors="surrogateescape")
    assert is_key(text, digest_of(text))
    assert not is_key(text, digest_of(new_key()))
