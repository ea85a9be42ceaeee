"""Records that wait on a second path while the ledger cannot be written: sealed, signed, chained, synced.

45 CFR 164.308(a)(7)(ii)(C), 164.312(a)(2)(ii), DESIGN section 4. Only a declared emergency writes here
(`compliance.emergency`), and all of it goes into the ledger, in its order, before anything else does.

A frame is one append: drafts that become durable together, and the subject key that they are sealed under where it is
new. It is sealed whole under the epoch key, because headers count as PHI and the new key stands in it; its place in the
AEAD is this spool's random id and its number, so no frame opens at another place or in another spool. The signature is
by the ledger's key over id, number and a hash chain over all ciphertexts until here: whoever writes into the file
later is found. **A tail that is cut off while this process is down is not found**: what would tell is the ledger, and
that was down.
"""

import secrets
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from wardkeep.audit.entry import Draft
from wardkeep.audit.errors import LedgerUnavailable
from wardkeep.crypto.envelope import EpochKeys, Sealed, open_, seal
from wardkeep.crypto.errors import CryptoError
from wardkeep.crypto.signing import SigningKey, verify
from wardkeep.crypto.subject import NewSubjectKey
from wardkeep.storage.errors import StoreDamaged, StoreError
from wardkeep.storage.spool_file import SpoolFile

_LABEL: Final = b"wardkeep/spool/1\n"
_TABLE: Final = "spool"
_FIELD: Final = "append"
_VERSION: Final = 1
_ID_BYTES: Final = 16
_START: Final = bytes(32)


class Spooled(msgspec.Struct, frozen=True, array_like=True):
    """One append: drafts that stand together, and the new key of their subject."""

    drafts: Sequence[Draft]
    key: NewSubjectKey | None = None


class _Frame(msgspec.Struct, frozen=True, array_like=True):
    spool: bytes
    number: int
    key_id: str
    commitment: bytes
    ciphertext: bytes
    signature: bytes


class Spool:
    """The spool of one home. Its methods block on the disk and are for one thread at a time."""

    def __init__(self, file: SpoolFile, *, keys: EpochKeys, tenant: str, signer: SigningKey) -> None:
        """Take up a file; it need not be there."""
        self._file = file
        self._keys = keys
        self._tenant = tenant
        self._signer = signer
        self._id = b""
        self._number = 0
        self._chain = _START

    @property
    def size(self) -> int:
        """How many appends stand here, as far as this process has written or read."""
        return self._number

    def append(self, given: Sequence[Spooled]) -> list[int]:
        """Write appends and sync them; return their numbers.

        Raises:
            LedgerUnavailable: none of them stands here.
        """
        spool, number, chain = self._id or secrets.token_bytes(_ID_BYTES), self._number, self._chain
        frames: list[bytes] = []
        for each in given:
            sealed = seal(
                self._keys,
                plaintext=msgspec.msgpack.encode(each),
                tenant=self._tenant,
                table=_TABLE,
                record_id=spool + number.to_bytes(8, "big"),
                field=_FIELD,
                version=_VERSION,
            )
            chain = sha256(chain + sealed.ciphertext).digest()
            frame = _Frame(
                spool=spool,
                number=number,
                key_id=sealed.key_id,
                commitment=sealed.commitment,
                ciphertext=sealed.ciphertext,
                signature=self._signer.sign(_statement(spool, number, chain)),
            )
            frames.append(msgspec.msgpack.encode(frame))
            number += 1
        try:
            self._file.append(frames)
        except StoreError as error:
            raise LedgerUnavailable(f"the ledger is down, and the spool too: {error}") from error
        first, self._id, self._number, self._chain = self._number, spool, number, chain
        return list(range(first, number))

    def read(self) -> "tuple[list[Spooled], int | None]":
        """Return all appends in their order, and the number of the first that is not what was written, if any.

        Raises:
            LedgerUnavailable: the file cannot be read now.
        """
        spool, chain, found = b"", _START, list[Spooled]()
        try:
            for data in self._file.frames():
                frame = msgspec.msgpack.decode(data, type=_Frame)
                spool = spool or frame.spool
                chain = sha256(chain + frame.ciphertext).digest()
                found.append(self._opened(frame, spool, len(found), chain))
        except (StoreDamaged, msgspec.DecodeError, CryptoError):
            return found, len(found)
        except StoreError as error:
            raise LedgerUnavailable(f"the spool cannot be read: {error}") from error
        if len(found) < self._number:
            return found, len(found)
        self._id, self._number, self._chain = spool, len(found), chain
        return found, None

    def clear(self) -> None:
        """Remove what stands in the ledger by now. Raises LedgerUnavailable; then it is read again."""
        self._end(self._file.remove)

    def put_aside(self) -> None:
        """Keep a damaged file for whoever looks into it. Raises LedgerUnavailable."""
        self._end(lambda: self._file.put_aside(f"damaged-{secrets.token_hex(4)}"))

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def _end(self, done: Callable[[], object]) -> None:
        try:
            done()
        except StoreError as error:
            raise LedgerUnavailable(f"the spool stays: {error}") from error
        self._id, self._number, self._chain = b"", 0, _START

    def _opened(self, frame: _Frame, spool: bytes, number: int, chain: bytes) -> Spooled:
        verify(self._signer.public, frame.signature, _statement(spool, number, chain))
        plaintext = open_(
            self._keys,
            sealed=Sealed(ciphertext=frame.ciphertext, key_id=frame.key_id, commitment=frame.commitment),
            tenant=self._tenant,
            table=_TABLE,
            record_id=spool + number.to_bytes(8, "big"),
            field=_FIELD,
            version=_VERSION,
        )
        return msgspec.msgpack.decode(plaintext, type=Spooled)


def _statement(spool: bytes, number: int, chain: bytes) -> bytes:
    return b"%b%b%b%b" % (_LABEL, spool, number.to_bytes(8, "big"), chain)
