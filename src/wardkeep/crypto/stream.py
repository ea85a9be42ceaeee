"""A file sealed in portions, so that one of any size passes through little memory and no portion can be moved.

STREAM (Hoang, Reyhanitabar, Rogaway and Vizar, CRYPTO 2015) over AES-256-GCM: the nonce is the portion's number and
whether it is the last, so that portions left out, repeated, exchanged or cut off at the end do not open. The key is
this file's alone, so a nonce never comes twice.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardkeep.crypto.derive import expand, framed
from wardkeep.crypto.errors import RecordTampered

_PORTION_BYTES: Final = 1024 * 1024
_TAG_BYTES: Final = 16
_LABEL: Final = b"wardkeep/stream/1"


def seal_file(key: bytes, source: Path, target: Path, *, name: str) -> tuple[int, str]:
    """Seal `source` into `target` (mode 0600, synced), bound to `name`; return length and SHA-256 of what was read.

    Raises:
        OSError: one of the files cannot be read or written, or the target exists.
    """
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    digest, length = hashlib.sha256(), 0
    with source.open("rb") as plain, os.fdopen(descriptor, "wb") as sealed:
        cipher = AESGCM(_file_key(key, name))
        for number, (portion, is_last) in enumerate(_portions(plain, _PORTION_BYTES)):
            digest.update(portion)
            length += len(portion)
            sealed.write(cipher.encrypt(_nonce(number, is_last=is_last), portion, None))
        sealed.flush()
        os.fsync(sealed.fileno())
    return length, digest.hexdigest()


def open_file(key: bytes, source: Path, target: Path, *, name: str) -> tuple[int, str]:
    """Open what `seal_file` made; return length and SHA-256 of what was written.

    Raises:
        RecordTampered: another key or name, or a portion was changed, moved or cut off; the target is not to be used.
        OSError: one of the files cannot be read or written, or the target exists.
    """
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    digest, length = hashlib.sha256(), 0
    with source.open("rb") as sealed, os.fdopen(descriptor, "wb") as plain:
        cipher = AESGCM(_file_key(key, name))
        for number, (portion, is_last) in enumerate(_portions(sealed, _PORTION_BYTES + _TAG_BYTES)):
            try:
                opened = cipher.decrypt(_nonce(number, is_last=is_last), portion, None)
            except (InvalidTag, ValueError) as error:
                raise RecordTampered(f"{name} does not open under this backup's key") from error
            digest.update(opened)
            length += len(opened)
            plain.write(opened)
        plain.flush()
        os.fsync(plain.fileno())
    return length, digest.hexdigest()


def _portions(stream: BinaryIO, size: int) -> Iterator[tuple[bytes, bool]]:
    """Yield portions and whether each is the last; an empty file has one empty portion."""
    portion = stream.read(size)
    while True:
        following = stream.read(size)
        yield portion, not following
        if not following:
            return
        portion = following


def _file_key(key: bytes, name: str) -> bytes:
    return expand(key, _LABEL + framed(name.encode()))


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes((is_last,))
