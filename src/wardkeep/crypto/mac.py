"""Keyed hashes: HMAC-SHA256 (RFC 2104) and comparison in constant time.

The two padded key blocks are hashed once a key and copied for each message. That is faster than the one-shot call, and
unlike it does not let go of the interpreter for a microsecond of work, which beside a busy writer thread costs far
more in switching than the hash itself.
"""

import hashlib
import hmac
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hashlib import _Hash

_BLOCK_BYTES: Final = 64
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))


@lru_cache(maxsize=512)
def _pads(key: bytes) -> "tuple[_Hash, _Hash]":
    block = (key if len(key) <= _BLOCK_BYTES else hashlib.sha256(key).digest()).ljust(_BLOCK_BYTES, b"\0")
    return hashlib.sha256(block.translate(_INNER)), hashlib.sha256(block.translate(_OUTER))


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """Return the 32 bytes of HMAC-SHA256. Keys are remembered: give it long-lived keys, not one a message."""
    inner, outer = _pads(key)
    first, second = inner.copy(), outer.copy()
    first.update(message)
    second.update(first.digest())
    return second.digest()


def forget_keys() -> None:
    """Forget what is remembered of keys, because one of them was destroyed."""
    _pads.cache_clear()


def mac(key: bytes, *parts: bytes) -> bytes:
    """Return 32 bytes over the parts, each length-prefixed so that no two lists of parts look alike."""
    return hmac_sha256(key, b"".join([len(part).to_bytes(4, "big") + part for part in parts]))


def is_equal(left: bytes, right: bytes) -> bool:
    """Compare without telling by timing how much was equal."""
    return hmac.compare_digest(left, right)


def sha256(data: bytes) -> bytes:
    """Return the SHA-256 digest."""
    return hashlib.sha256(data).digest()
