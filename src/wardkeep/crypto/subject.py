"""Subject keys: what a subject's records are sealed under, so that destroying a key destroys what is read of them.

tenant -> epoch -> subject -> record (DESIGN section 4). A subject's key is 32 random bytes, kept apart from everything
else; records are sealed under HMAC(epoch key, name | those bytes), so that neither the epoch key nor the kept bytes
open anything alone. Its name, `<epoch>.<tag>.<serial>`, stands in the header of each record sealed under it. The tag is
the subject's blind index, or that of the conversation where nobody was named; a subject has several keys over time.

Kept keys are wrapped under one of 256 shelf keys, and these under the seal, one random key in a file of its own. A
shred draws a new seal and a new shelf key and destroys the old ones: what an older copy of the table holds then opens
with nothing that still exists (NIST SP 800-88 Rev. 1 section 2.6, cryptographic erase). Two levels, so that a shred
wraps one shelf's keys anew and not all.
"""

import json
import re
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from typing import Final

import msgspec

from wardkeep.crypto.derive import framed
from wardkeep.crypto.errors import KeyUnavailable, UnknownKey
from wardkeep.crypto.mac import hmac_sha256, mac
from wardkeep.crypto.wrapping import KEY_LENGTH, unwrap_key, wrap_key, wrapping_place

TAG_LENGTH: Final = 16
_SERIAL_LENGTH: Final = 6
_LABEL: Final = b"wardkeep/subject/1"
_NAME: Final = re.compile(r"(e[0-9]{1,9})\.([0-9a-f]{32})\.([0-9a-f]{12})")
_SEAL_VERSION: Final = 1


class NewSubjectKey(msgspec.Struct, frozen=True, array_like=True):
    """A subject key on its way to the keeper: in clear, on the private channel only. `repr` shows no bytes.

    `period` is the month it is used in, counted from year 0; `is_resolved` whether somebody said whom it concerns.
    """

    name: str
    material: bytes
    period: int
    is_resolved: bool

    def __repr__(self) -> str:
        """Show the name alone."""
        return f"NewSubjectKey({self.name})"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectKey:
    """A key that one subject's records are sealed under; to `envelope` it is what an epoch key is."""

    epoch_id: str
    epoch_key: bytes = field(repr=False)

    def epoch_key_for(self, key_id: str) -> bytes:
        """Return the key under its own name. Raises UnknownKey."""
        if key_id != self.epoch_id:
            raise UnknownKey("this subject key seals records under its own name only")
        return self.epoch_key


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectSeal:
    """What all shelf keys are wrapped under, by its number; `following` while a shred replaces it."""

    number: int
    key: bytes = field(repr=False)
    following: bytes | None = field(default=None, repr=False)


def name_key(epoch_id: str, tag: bytes, serial: bytes) -> str:
    """Return the name of a subject key."""
    return f"{epoch_id}.{tag.hex()}.{serial.hex()}"


def draw_key(epoch_id: str, tag: bytes, *, period: int, is_resolved: bool) -> NewSubjectKey:
    """Return a new random key for a subject."""
    drawn = secrets.token_bytes(_SERIAL_LENGTH + KEY_LENGTH)
    return NewSubjectKey(name_key(epoch_id, tag, drawn[:_SERIAL_LENGTH]), drawn[_SERIAL_LENGTH:], period, is_resolved)


def subject_tag(blind_index_key: bytes, subject: str) -> bytes:
    """Return the tag that headers and key names carry for a subject handle: equal handles are found, none is read."""
    return mac(blind_index_key, b"subject", subject.encode())[:TAG_LENGTH]


def is_subject_key(name: str) -> bool:
    """Whether a header's key id names a subject key, and not an epoch's."""
    return "." in name


def tag_of(name: str) -> bytes:
    """Return the tag in a subject key's name. Raises UnknownKey."""
    return bytes.fromhex(_parsed(name)[1])


def epoch_of(name: str) -> str:
    """Return the epoch in a subject key's name. Raises UnknownKey."""
    return _parsed(name)[0]


def derive_key(epoch_key: bytes, name: str, material: bytes) -> SubjectKey:
    """Return the key that records are sealed under."""
    return SubjectKey(epoch_id=name, epoch_key=hmac_sha256(epoch_key, _LABEL + framed(name.encode(), material)))


def new_seal(number: int = 1) -> SubjectSeal:
    """Return a random seal."""
    return SubjectSeal(number=number, key=secrets.token_bytes(KEY_LENGTH))


def wrap_shelf(seal: bytes, tenant: str, number: int, shelf: int, key: bytes) -> bytes:
    """Return a shelf key under the seal of that number."""
    return wrap_key(seal, key, wrapping_place(tenant, "shelf", str(number), str(shelf)))


def unwrap_shelf(seal: bytes, tenant: str, number: int, shelf: int, blob: bytes) -> bytes:
    """Return a shelf key. Raises KeyUnavailable."""
    return unwrap_key(seal, blob, wrapping_place(tenant, "shelf", str(number), str(shelf)))


def wrap_subject(shelf_key: bytes, tenant: str, name: str, material: bytes) -> bytes:
    """Return a subject key's material under its shelf's key."""
    return wrap_key(shelf_key, material, wrapping_place(tenant, "subject", name))


def unwrap_subject(shelf_key: bytes, tenant: str, name: str, blob: bytes) -> bytes:
    """Return a subject key's material. Raises KeyUnavailable."""
    return unwrap_key(shelf_key, blob, wrapping_place(tenant, "subject", name))


def dump_seal(tenant_key: bytes, tenant: str, seal: SubjectSeal) -> bytes:
    """Return the seal as JSON text, wrapped under the tenant key. Never part of a data backup."""
    numbered = [(seal.number, seal.key)]
    if seal.following is not None:
        numbered.append((seal.number + 1, seal.following))
    seals = {
        str(number): b64encode(wrap_key(tenant_key, key, wrapping_place(tenant, "seal", str(number)))).decode()
        for number, key in numbered
    }
    return json.dumps({"version": _SEAL_VERSION, "seals": seals}, indent=1).encode() + b"\n"


def load_seal(tenant_key: bytes, tenant: str, raw: bytes) -> SubjectSeal:
    """Parse what `dump_seal` gave.

    Raises:
        KeyUnavailable: the text is damaged or of a later version, or another tenant key wrapped it.
    """
    try:
        document = json.loads(raw)
        if document["version"] != _SEAL_VERSION:
            raise KeyUnavailable("the subject keys' seal was written by a later version")
        seals = {int(number): b64decode(text, validate=True) for number, text in document["seals"].items()}
        number = min(seals)
    except (ValueError, KeyError, TypeError, AttributeError, Base64Error) as error:
        raise KeyUnavailable("the subject keys' seal is damaged; restore it from its backup") from error
    keys = {
        each: unwrap_key(tenant_key, blob, wrapping_place(tenant, "seal", str(each))) for each, blob in seals.items()
    }
    return SubjectSeal(number=number, key=keys[number], following=keys.get(number + 1))


def _parsed(name: str) -> tuple[str, str, str]:
    found = _NAME.fullmatch(name)
    if found is None:
        raise UnknownKey("a key id names neither an epoch nor a subject's key")
    return found[1], found[2], found[3]
