"""Make the key that devices post with, and know it again without keeping it."""

from hashlib import sha256
from hmac import compare_digest
import secrets

#: In bytes of chance; no key of this length is found by trying.
_KEY_BYTES = 32


def new_key() -> str:
    """Return a new key, of letters, digits, - and _."""
    return secrets.token_urlsafe(_KEY_BYTES)


def digest_of(key: str) -> str:
    """Return what is kept of a key: its SHA-256, from which nobody gets it back."""
    # What is no UTF-8 in a header comes as surrogates.
    return sha256(key.encode(errors="surrogateescape")).hexdigest()


def is_key(key: str, digest: str) -> bool:
    """Tell whether a digest is that of a key, in a time that tells nothing of it."""
    return compare_digest(digest_of(key), digest)
