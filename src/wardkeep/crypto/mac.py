"""Keyed hashes: HMAC-SHA256 (RFC 2104) and comparison in constant time."""

import hashlib
import hmac


def mac(key: bytes, *parts: bytes) -> bytes:
    """Return 32 bytes over the parts, each length-prefixed so that no two lists of parts look alike."""
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hmac.digest(key, message, "sha256")


def is_equal(left: bytes, right: bytes) -> bool:
    """Compare without telling by timing how much was equal."""
    return hmac.compare_digest(left, right)


def sha256(data: bytes) -> bytes:
    """Return the SHA-256 digest."""
    return hashlib.sha256(data).digest()
