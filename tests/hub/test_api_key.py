"""The key that devices post with."""

from hypothesis import given, strategies as st
import pytest

from custom_components.vesper.hub.api_key import digest_of, is_key, new_key


def test_new_key() -> None:
    """Each key is another, fits into a header, and is known again by its digest."""
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
    """While posts are turned off no key is right."""
    assert not is_key(given_key, "")


@given(st.binary(max_size=20))
def test_any_header(header: bytes) -> None:
    """Whatever bytes come in a header, they are compared and no more."""
    text = header.decode(errors="surrogateescape")
    assert is_key(text, digest_of(text))
    assert not is_key(text, digest_of(new_key()))
