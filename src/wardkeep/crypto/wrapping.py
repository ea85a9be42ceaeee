"""One key under another: AES-256-GCM (NIST SP 800-38D) with a random nonce, bound to the place that it is kept in."""

import os
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardkeep.crypto.derive import framed
from wardkeep.crypto.errors import KeyUnavailable

KEY_LENGTH: Final = 32
_NONCE_LENGTH: Final = 12


def new_key() -> bytes:
    """Return 32 random bytes."""
    return secrets.token_bytes(KEY_LENGTH)


def library_facts() -> str:
    """Say which library computes here, and whether it runs in FIPS mode; that is not the same as validated."""
    mode = "on" if backend._fips_enabled else "off"  # noqa: SLF001 - the library has no public word for it
    return f"{backend.openssl_version_text()} (FIPS mode {mode})"


def wrapping_place(*parts: str) -> bytes:
    """Return the associated data of a wrapped key: no two lists of parts give the same."""
    return b"wardkeep/wrap/1" + framed(*(part.encode() for part in parts))


def wrap_key(wrapping: bytes, key: bytes, place: bytes) -> bytes:
    """Return `key` under `wrapping`: nonce | ciphertext | tag."""
    nonce = os.urandom(_NONCE_LENGTH)
    return nonce + AESGCM(wrapping).encrypt(nonce, key, place)


def unwrap_key(wrapping: bytes, blob: bytes, place: bytes) -> bytes:
    """Return the key. Raises KeyUnavailable: another wrapping key, another place, or a changed blob."""
    try:
        key = AESGCM(wrapping).decrypt(blob[:_NONCE_LENGTH], blob[_NONCE_LENGTH:], place)
    except (InvalidTag, ValueError) as error:
        raise KeyUnavailable("a wrapped key does not open under this root") from error
    if len(key) != KEY_LENGTH:
        raise KeyUnavailable("a wrapped key has the wrong length")
    return key
