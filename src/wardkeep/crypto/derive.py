"""HKDF-SHA256 (RFC 5869) on the standard library's one-shot HMAC, and unambiguous joining of fields.

One-shot `hmac.digest` costs a third of an HKDF object per derivation, and a record needs one derivation.
"""

import hmac
from typing import Final

_HASH_LENGTH: Final = 32


def extract(*, salt: bytes, material: bytes) -> bytes:
    """Return the 32-byte pseudorandom key (RFC 5869 section 2.2); an empty salt is 32 zero bytes."""
    return hmac.digest(salt or bytes(_HASH_LENGTH), material, "sha256")


def expand(key: bytes, info: bytes, length: int = _HASH_LENGTH) -> bytes:
    """Return `length` bytes of output keying material (RFC 5869 section 2.3).

    Raises:
        ValueError: more than 255 blocks were asked for.
    """
    if length > 255 * _HASH_LENGTH:
        raise ValueError("HKDF gives at most 255 blocks")
    block = b""
    out = b""
    counter = 1
    while len(out) < length:
        block = hmac.digest(key, block + info + bytes((counter,)), "sha256")
        out += block
        counter += 1
    return out[:length]


def framed(*fields: bytes) -> bytes:
    """Join fields so that no two different lists give the same bytes: each is preceded by its 32-bit length."""
    return b"".join([len(field).to_bytes(4, "big") + field for field in fields])
