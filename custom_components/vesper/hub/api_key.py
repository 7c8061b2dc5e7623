"""Make the key that devices post with, and verify it."""

from hashlib import sha256
from hmac import compare_digest
import secrets

#: In random bytes.
_KEY_BYTES = 32


def new_key() -> str:
    """Return a new random key of letters, digits, - and _."""
    return secrets.token_urlsafe(_KEY_BYTES)


def digest_of(key: str) -> str:
    """Return the SHA-256 of a key, which is stored instead of it."""
    # Bytes of a header that are not UTF-8 arrive as surrogates.
    return sha256(key.encode(errors="surrogateescape")).hexdigest()


def is_key(key: str, digest: str) -> bool:
    """Return whether a digest is that of a key, in constant time."""
    return compare_digest(digest_of(key), digest)
