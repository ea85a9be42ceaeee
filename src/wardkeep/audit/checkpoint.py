"""Signed checkpoints: C2SP tlog-checkpoint text in a C2SP signed-note, Ed25519.

    origin
    size
    base64 root
                            (empty line)
    — name base64(key id | signature)

The signature covers the text up to and including the newline before the empty line. Key id = the first four bytes of
SHA-256(name | 0x0A | 0x01 | public key). A note may carry more signatures (witnesses); those of other keys are left
alone here. The key's name is the log's origin.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from wardkeep.audit.errors import NoteInvalid
from wardkeep.crypto import signing
from wardkeep.crypto.errors import SignatureInvalid

_ALGORITHM_ED25519: Final = b"\x01"
_SIGNATURE_LENGTH: Final = 64
_KEY_ID_LENGTH: Final = 4
_DASH: Final = "\u2014 "


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """A log's name and public key, as published: what a witness, a verifier and an auditor are given."""

    name: str
    public: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a note states: this log had this root at this size."""

    origin: str
    size: int
    root: bytes


def checkpoint_text(checkpoint: Checkpoint) -> bytes:
    """Return the bytes that are signed."""
    return f"{checkpoint.origin}\n{checkpoint.size}\n{b64encode(checkpoint.root).decode()}\n".encode()


def key_id(key: VerifierKey) -> bytes:
    """Return the four bytes that select the key of a signature line; no security rests on them."""
    return sha256(key.name.encode() + b"\n" + _ALGORITHM_ED25519 + key.public).digest()[:_KEY_ID_LENGTH]


def signed_note(text: bytes, key: VerifierKey, signature: bytes) -> bytes:
    """Return the whole note with one signature line."""
    line = b64encode(key_id(key) + signature).decode()
    return text + f"\n{_DASH}{key.name} {line}\n".encode()


def parse(note: bytes) -> Checkpoint:
    """Return what a note states, without looking at its signatures.

    Raises:
        NoteInvalid: it is no checkpoint, or not written in the one canonical way.
    """
    try:
        lines = note.partition(b"\n\n")[0].decode().split("\n")
        checkpoint = Checkpoint(origin=lines[0], size=int(lines[1]), root=b64decode(lines[2], validate=True))
    except (UnicodeDecodeError, ValueError, IndexError, Base64Error) as error:
        raise NoteInvalid("the note is no checkpoint") from error
    if not checkpoint.origin or not note.startswith(checkpoint_text(checkpoint)) or checkpoint.size < 0:
        raise NoteInvalid("the checkpoint is not in canonical form")
    if len(checkpoint.root) != sha256().digest_size:
        raise NoteInvalid("the checkpoint's root is no SHA-256 hash")
    return checkpoint


def verify(note: bytes, key: VerifierKey) -> Checkpoint:
    """Return what the note states, once a signature by `key` over it holds.

    Raises:
        NoteInvalid: malformed, another log's, or no valid signature by this key.
    """
    checkpoint = parse(note)
    if checkpoint.origin != key.name:
        raise NoteInvalid("the checkpoint is of another log")
    text, _, signatures = note.partition(b"\n\n")
    signature = _signature_by(key, signatures)
    try:
        signing.verify(key.public, signature, text + b"\n")
    except SignatureInvalid as error:
        raise NoteInvalid("the checkpoint's signature does not hold") from error
    return checkpoint


def verifier_key_text(key: VerifierKey) -> str:
    """Return the key in its published form: name+hex key id+base64(0x01 | public key)."""
    return f"{key.name}+{key_id(key).hex()}+{b64encode(_ALGORITHM_ED25519 + key.public).decode()}"


def parse_verifier_key(text: str) -> VerifierKey:
    """Parse the published form.

    Raises:
        NoteInvalid: malformed, another algorithm, or the key id does not belong to it.
    """
    name, _, rest = text.strip().partition("+")
    tag, _, encoded = rest.partition("+")
    try:
        raw = b64decode(encoded, validate=True)
    except (ValueError, Base64Error) as error:
        raise NoteInvalid("the verifier key is malformed") from error
    key = VerifierKey(name=name, public=raw[1:])
    if not name or raw[:1] != _ALGORITHM_ED25519 or len(key.public) != 32 or key_id(key).hex() != tag:
        raise NoteInvalid("the verifier key is no Ed25519 key of this name")
    return key


def _signature_by(key: VerifierKey, lines: bytes) -> bytes:
    wanted = key_id(key)
    for line in lines.split(b"\n"):
        if not line.startswith(f"{_DASH}{key.name} ".encode()):
            continue
        try:
            blob = b64decode(line.rpartition(b" ")[2], validate=True)
        except (ValueError, Base64Error) as error:
            raise NoteInvalid("a signature line is malformed") from error
        if blob[:_KEY_ID_LENGTH] == wanted and len(blob) == _KEY_ID_LENGTH + _SIGNATURE_LENGTH:
            return blob[_KEY_ID_LENGTH:]
    raise NoteInvalid("the note carries no signature by this key")
