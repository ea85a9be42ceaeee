"""Credentials of applications, of people on the command line, and tickets of a broken glass.

`wk_live_<id>_<secret><crc>`, `wk_user_...` and `wk_glass_...`.

The secret is 32 symbols of base 62 (190 bits), the last six are a CRC-32 of everything before, so that a scanner tells
a leaked key from noise and a typing error is told from a wrong key. Only an HMAC is stored; the key is shown once.
Whoever holds a key acts as its application, within its scope, until it is revoked.
"""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wardkeep.crypto.mac import is_equal, mac
from wardkeep.identity.tokens import Proven, Tokens
from wardkeep.model.access import Application
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import ApiKey, Person, Registry
from wardkeep.model.scim import ScimClient
from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Assurance, Call, Identified

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_SHAPE: Final = re.compile(r"wk_(live|user|glass|scim)_([0-9a-z]{12})_([0-9A-Za-z]{32})([0-9A-Za-z]{6})")
_NOBODY: Final = bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCredential:
    """A credential just made: `shown_once` is handed to its owner, `mac` is what is stored."""

    id: str
    mac: bytes
    shown_once: Secret[str]


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def _checksum(stem: str) -> str:
    """Return the six symbols of a stem's CRC-32; it is done for every call, so two at a time."""
    number, low = divmod(zlib.crc32(stem.encode()), 62 * 62)
    high, middle = divmod(number, 62 * 62)
    return _PAIRS[high] + _PAIRS[middle] + _PAIRS[low]


def new_credential(kind: str, mac_key: bytes, randomness: Callable[[int], bytes]) -> NewCredential:
    """Make a credential of `kind` "live" (application), "user" (person), "glass" (emergency), "scim" (provider)."""
    identifier = _base62(int.from_bytes(randomness(10), "big"), 12).lower()
    secret = "".join(_ALPHABET[byte % 62] for byte in randomness(128) if byte < 248)[:32]
    stem = f"wk_{kind}_{identifier}_{secret}"
    whole = stem + _checksum(stem)
    return NewCredential(id=identifier, mac=credential_mac(mac_key, whole), shown_once=Secret(whole))


def credential_mac(mac_key: bytes, credential: str) -> bytes:
    """Return what is stored of a credential."""
    return mac(mac_key, b"credential", credential.encode())


def parse_credential(credential: str) -> tuple[str, str] | None:
    """Return (kind, id) of a well-formed credential with a right checksum, else None."""
    shape = _SHAPE.fullmatch(credential)
    if shape is None or _checksum(credential[:-6]) != shape.group(4):
        return None
    return shape.group(1), shape.group(2)


def identify(
    call: Call, registry: Registry, mac_key: bytes, now: datetime, tokens: Tokens | None = None
) -> Identified | Refused:
    """Stage 1: who is asking, and for whom. An unknown id costs the same comparison as a wrong secret."""
    key = _key_of(call, registry, mac_key, now)
    if isinstance(key, Refused):
        return key
    owner = registry.people.get(key.owner)
    if owner is None or not owner.is_active:
        return Refused(reason=Reason.OWNER_INACTIVE)
    application = registry.applications.get(key.application) if key.application is not None else None
    if application is not None and not is_active(registry, application.owner):
        return Refused(reason=Reason.OWNER_INACTIVE)
    proven = None
    if call.signed_in is not None:
        person = registry.people.get(call.signed_in.person)
        if person is None or not person.is_active:
            return Refused(reason=Reason.PERSON_NOT_ACCEPTED)
        proven = Proven(person=person, second_factor_at=call.signed_in.factor_at)
    elif call.person_token is not None:
        proven = _of_ticket(call.person_token, registry, application, mac_key, now)
        if proven is None and tokens is not None:
            proven = tokens.prove(call.person_token, registry, application, now)
        if proven is None or call.person not in {None, proven.person.id}:
            return Refused(reason=Reason.PERSON_TOKEN_INVALID)
    return Identified(
        call=call,
        key=key,
        owner=owner,
        application=application,
        person=_person_of(call, registry, proven),
        assurance=_assurance_of(call, proven),
        second_factor_at=proven.second_factor_at if proven is not None else None,
        subject_tag=subject_tag(mac_key, key.workspace, call.subject)
        if call.subject is not None and (registry.care_teams or registry.break_glass)
        else None,
        individual_tag=individual_tag(mac_key, call.subject) if call.subject is not None else None,
    )


def _of_ticket(
    token: Secret[str], registry: Registry, application: Application | None, mac_key: bytes, now: datetime
) -> Proven | None:
    """Return whom the ticket of a broken glass proves, to an application of its workspace and while it lasts.

    It needs no identity provider: that is what it is for. A key without application is nobody to prove anybody to.
    """
    presented = token.reveal()
    parsed = parse_credential(presented)
    if parsed is None or parsed[0] != "glass":
        return None
    glass = registry.break_glass.get(parsed[1])
    stored = glass.ticket_mac if glass is not None else _NOBODY
    if not is_equal(credential_mac(mac_key, presented), stored) or glass is None or application is None:
        return None
    person = registry.people.get(glass.person)
    if person is None or not person.is_active or application.workspace != glass.workspace or not glass.is_open(now):
        return None
    return Proven(person=person, second_factor_at=glass.began_at)


def _key_of(call: Call, registry: Registry, mac_key: bytes, now: datetime) -> ApiKey | Refused:
    """Return the key behind the credential; who is signed in to the console acts in the scope of the key named."""
    if call.signed_in is not None:
        key = registry.keys.get(call.signed_in.key)
        if key is None or key.application is None:
            return Refused(reason=Reason.CREDENTIAL_INVALID)
        ended = _ended(key, now)
        return key if ended is None else ended
    if call.credential is None:
        return Refused(reason=Reason.CREDENTIAL_MISSING)
    return find_key(call.credential, registry, mac_key, now)


def _person_of(call: Call, registry: Registry, proven: Proven | None) -> Person | None:
    if proven is not None:
        return proven.person
    return registry.people.get(call.person) if call.person is not None else None


def _assurance_of(call: Call, proven: Proven | None) -> Assurance:
    if proven is not None:
        return Assurance.VERIFIED
    return Assurance.NOBODY if call.person is None else Assurance.ASSERTED


def subject_tag(mac_key: bytes, workspace: str, subject: str) -> str:
    """Return the blind index under which a workspace keeps a subject's care team; another workspace has another."""
    return mac(mac_key, b"care-team", workspace.encode(), subject.encode())[:16].hex()


def individual_tag(mac_key: bytes, subject: str) -> str:
    """Return the blind index of a subject in all workspaces: what an individual was granted holds everywhere."""
    return mac(mac_key, b"individual", subject.encode())[:16].hex()


def is_active(registry: Registry, person: str) -> bool:
    """Whether there is such a person, and they have not left."""
    found = registry.people.get(person)
    return found is not None and found.is_active


def find_key(credential: Secret[str], registry: Registry, mac_key: bytes, now: datetime) -> ApiKey | Refused:
    """Return the live key behind a credential."""
    presented = credential.reveal()
    parsed = parse_credential(presented)
    if parsed is None or parsed[0] != "live":
        return Refused(reason=Reason.CREDENTIAL_INVALID)
    key = registry.keys.get(parsed[1])
    if not is_equal(credential_mac(mac_key, presented), key.mac if key is not None else _NOBODY) or key is None:
        return Refused(reason=Reason.CREDENTIAL_INVALID)
    ended = _ended(key, now)
    return key if ended is None else ended


def standing(key: ApiKey, registry: Registry, now: datetime) -> Refused | None:
    """Return why a key would be refused even with the right secret, or None."""
    ended = _ended(key, now)
    if ended is not None:
        return ended
    application = registry.applications.get(key.application) if key.application is not None else None
    owners = (key.owner, *((application.owner,) if application is not None else ()))
    if not all(is_active(registry, owner) for owner in owners):
        return Refused(reason=Reason.OWNER_INACTIVE)
    return None


def _ended(key: ApiKey, now: datetime) -> Refused | None:
    if key.is_revoked:
        return Refused(reason=Reason.CREDENTIAL_REVOKED)
    if key.expires_at is not None and key.expires_at <= now:
        return Refused(reason=Reason.CREDENTIAL_EXPIRED)
    return None


def find_provisioner(credential: Secret[str], registry: Registry, mac_key: bytes) -> ScimClient | Refused:
    """Return the active provisioning client behind a credential."""
    presented = credential.reveal()
    parsed = parse_credential(presented)
    found = None
    if parsed is not None and parsed[0] == "scim":
        stored = credential_mac(mac_key, presented)
        for client in registry.scim_clients.values():
            if is_equal(stored, client.mac):
                found = client
    if found is None:
        return Refused(reason=Reason.CREDENTIAL_INVALID)
    return found if found.is_active else Refused(reason=Reason.CREDENTIAL_REVOKED)


def find_person(credential: Secret[str], registry: Registry, mac_key: bytes) -> Person | Refused:
    """Return the active person behind a personal credential (command line, admin socket)."""
    presented = credential.reveal()
    parsed = parse_credential(presented)
    if parsed is None or parsed[0] != "user":
        return Refused(reason=Reason.CREDENTIAL_INVALID)
    stored = credential_mac(mac_key, presented)
    found = None
    for person in registry.people.values():
        if person.credential_mac is not None and is_equal(stored, person.credential_mac):
            found = person
    if found is None:
        return Refused(reason=Reason.CREDENTIAL_INVALID)
    return found if found.is_active else Refused(reason=Reason.OWNER_INACTIVE)
