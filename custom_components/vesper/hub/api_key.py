"""Create and verify the key that devices post with."""

from hashlib import sha256
from hmac import compare_digest
import secrets

#: In random bytes.
_KEY_BYTES = 32


def new_key() -> str:
    """Return a new random key, safe in URLs."""
    return secrets.token_urlsafe(_KEY_BYTES)


def digest_of(key: str) -> str:
    """Return the SHA-256 digest of a key.

    It is stored instead of the key.
    """
    # Bytes of a header that are not UTF-8 arrive as surrogates.
    return sha256(key.encode(errors="surrogateescape")).hexdigest()


def is_key(key: str, digest: str) -> bool:
    """Compare a key with a digest in constant time."""
    return compare_digest(digest_of(key), digest)
