"""Cosignatures: a witness's signed statement that it has seen this head, and nothing that contradicts it.

C2SP tlog-cosignature, Ed25519: the signed message is `cosignature/v1`, a time, and the whole text of the checkpoint;
the signature line carries the time before the signature. Key id = the first four bytes of
SHA-256(name | 0x0A | 0x04 | public key).
"""

from base64 import b64encode
from hashlib import sha256
from typing import Final

from wardkeep.audit.checkpoint import VerifierKey
from wardkeep.audit.verify import Policy, PublicKey
from wardkeep.crypto.signing import SigningKey

_ALGORITHM: Final = b"\x04"
_DASH: Final = "\u2014 "


def witness_key_text(key: VerifierKey) -> str:
    """Return a witness's key in its published form: name+hex key id+base64(0x04 | public key)."""
    return f"{key.name}+{_key_id(key).hex()}+{b64encode(_ALGORITHM + key.public).decode()}"


def cosignature_line(signer: SigningKey, name: str, note: bytes, unix_seconds: int) -> bytes:
    """Return the signature line of a witness over a checkpoint's text."""
    signature = signer.sign(_message(text_of(note), unix_seconds))
    key = VerifierKey(name=name, public=signer.public)
    blob = _key_id(key) + unix_seconds.to_bytes(8, "big") + signature
    return f"{_DASH}{name} {b64encode(blob).decode()}\n".encode()


def text_of(note: bytes) -> bytes:
    """Return the part of a note that is signed."""
    return note.partition(b"\n\n")[0] + b"\n"


def good_lines(note: bytes, lines: bytes, policy: Policy) -> dict[str, bytes]:
    """Return, by the policy's names, those of the signature lines that are true cosignatures of this note.

    Lines of unknown keys are ignored (C2SP tlog-witness); a false line under a known key counts as none.
    """
    good: dict[str, bytes] = {}
    for line in lines.splitlines(keepends=True):
        for name, key in policy.witnesses.items():
            blob = _blob_of(line, key)
            if blob is not None and key.holds(blob[8:], _message(text_of(note), int.from_bytes(blob[:8], "big"))):
                good[name] = line
    return good


def with_lines(note: bytes, lines: dict[str, bytes]) -> bytes:
    """Return the note with cosignatures added, each once."""
    return note + b"".join(line for _, line in sorted(lines.items()) if line not in note)


def _blob_of(line: bytes, key: PublicKey) -> bytes | None:
    found = key.signatures_in(b"\n\n" + line)
    return found[0] if found else None


def _message(text: bytes, unix_seconds: int) -> bytes:
    return b"cosignature/v1\ntime %d\n%b" % (unix_seconds, text)


def _key_id(key: VerifierKey) -> bytes:
    return sha256(key.name.encode() + b"\n" + _ALGORITHM + key.public).digest()[:4]
