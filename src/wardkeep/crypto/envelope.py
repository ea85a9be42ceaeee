"""Seal one field of one record, and open it again (45 CFR 164.312(a)(2)(iv)).

A record key and a key commitment come from one HKDF-Expand over (record id, field) under the epoch key. The payload is
AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce and AAD = tenant | table | record | field | version, each
length-prefixed, so a ciphertext moved to another place does not open. GCM does not commit to its key: whoever can
choose keys could craft one ciphertext that opens under two of them, so the 32-byte commitment is stored beside it and
compared in constant time before anything is decrypted.

The first plaintext byte names the codec: `0` plain, `1` packed (`crypto.compression`). Only what calls say is packed:
it is most of the bytes, and a vendor's credential beside another's text is nothing to compress.

A nonce is random per seal, and every (record, field) has its own key: sealing the same place twice is safe.
"""

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardkeep.crypto.compression import pack, unpack
from wardkeep.crypto.derive import framed
from wardkeep.crypto.errors import RecordTampered
from wardkeep.crypto.mac import hmac_sha256

_NONCE_LENGTH: Final = 12
_TAG_LENGTH: Final = 16
_LABEL: Final = b"wardkeep/record/1"
_CODEC_PLAIN: Final = b"\x00"


class EpochKeys(Protocol):
    """Whoever holds epoch keys: a worker's `DataKeys`, or the keeper's with its history.

    `epoch_id` and `epoch_key` are the current ones. `epoch_key_for` returns the key of any epoch that is held and
    raises `UnknownKey` otherwise. An epoch may end at any time; its key stays held for whoever read its id.
    """

    @property
    def epoch_id(self) -> str:
        """The id that new records are sealed under."""
        ...

    def epoch_key_for(self, key_id: str) -> bytes:
        """Return the key of an epoch; raises `UnknownKey`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A sealed payload: nonce | ciphertext | tag, the epoch it is sealed under, and the commitment to its key."""

    ciphertext: bytes
    key_id: str
    commitment: bytes


def seal(
    keys: EpochKeys,
    *,
    plaintext: bytes,
    tenant: str,
    table: str,
    record_id: bytes,
    field: str,
    version: int,
    randomness: Callable[[int], bytes] = os.urandom,
    is_packed: bool = False,
    packed: bytes | None = None,
) -> Sealed:
    """Seal `plaintext` for exactly this place, under the current epoch key. `randomness` gives the nonce, once.

    With `is_packed` it is compressed before, where that makes it shorter: read there what its length then tells.
    `packed` is what `compression.pack` made of it elsewhere: for a large one that takes longer than everything here.
    """
    epoch_id = keys.epoch_id  # read once: id and key belong together, also when the epoch ends meanwhile
    key, commitment = _record_key(keys.epoch_key_for(epoch_id), record_id, field)
    nonce = randomness(_NONCE_LENGTH)
    told = packed or (pack(plaintext) if is_packed else None) or _CODEC_PLAIN + plaintext
    body = AESGCM(key).encrypt(nonce, told, _place(tenant, table, record_id, field, version))
    return Sealed(ciphertext=nonce + body, key_id=epoch_id, commitment=commitment)


def open_(
    keys: EpochKeys, *, sealed: Sealed, tenant: str, table: str, record_id: bytes, field: str, version: int
) -> bytes:
    """Return the plaintext that was sealed for exactly this place.

    Raises:
        UnknownKey: this process holds no key for the record's epoch.
        RecordTampered: the commitment, the ciphertext or the place differs from what was sealed.
    """
    key, commitment = _record_key(keys.epoch_key_for(sealed.key_id), record_id, field)
    if not hmac.compare_digest(commitment, sealed.commitment):
        raise RecordTampered("the key commitment does not match this place and epoch")
    blob = sealed.ciphertext
    if len(blob) < _NONCE_LENGTH + _TAG_LENGTH + 1:
        raise RecordTampered("the ciphertext is shorter than any sealed payload")
    try:
        framed_text = AESGCM(key).decrypt(
            blob[:_NONCE_LENGTH], blob[_NONCE_LENGTH:], _place(tenant, table, record_id, field, version)
        )
    except InvalidTag as error:
        raise RecordTampered("the ciphertext or its place is not what was sealed") from error
    return framed_text[1:] if framed_text[:1] == _CODEC_PLAIN else unpack(framed_text)


def _record_key(epoch_key: bytes, record_id: bytes, field: str) -> tuple[bytes, bytes]:
    """Return (AES key, commitment): the two blocks of HKDF-Expand, unrolled because this is the hot path."""
    info = b"%b%b%b%b" % (_LABEL, len(record_id).to_bytes(4, "big"), record_id, _framed_field(field))
    first = hmac_sha256(epoch_key, info + b"\x01")
    return first, hmac_sha256(epoch_key, first + info + b"\x02")


def _place(tenant: str, table: str, record_id: bytes, field: str, version: int) -> bytes:
    before, after = _around(tenant, table, field, version)
    return b"%b%b%b%b" % (before, len(record_id).to_bytes(4, "big"), record_id, after)


@lru_cache(maxsize=64)
def _framed_field(field: str) -> bytes:
    return framed(field.encode())


@lru_cache(maxsize=64)
def _around(tenant: str, table: str, field: str, version: int) -> tuple[bytes, bytes]:
    """Return the framed fields before and after the record's id: few places, many records."""
    return framed(tenant.encode(), table.encode()), framed(field.encode(), version.to_bytes(4, "big"))
