"""How people come to their ways of signing in, and lose them (45 CFR 164.312(d), 164.308(a)(5)(ii)(D)).

A person enrols once with their personal credential; from then on only who is signed in changes anything here, and
whoever lost everything is reset by somebody who may give them access. A password never stands without a second factor.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.people import check_may_act_for
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import clean_text, invalid, require, unknown
from wardkeep.crypto.envelope import EpochKeys, Sealed, open_, seal
from wardkeep.crypto.mac import mac, sha256
from wardkeep.model.login import Login, Passkey
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 128
RECOVERY_CODES: Final = 10
_MOST_PASSKEYS: Final = 20
_CODE_SYMBOLS: Final = "ABCDEFGHJKMNPQRSTVWXYZ23456789"


def check_password(password: str, person: str, *, is_breached: Callable[[str], bool]) -> None:
    """Return when a password may be chosen (NIST SP 800-63B section 3.1.1.2). Raises NotAllowed."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise invalid("password", f"{SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; a sentence is easiest")
    if person in password.casefold() or len(set(password)) < 5:
        raise invalid("password", "without your name in it, and of at least five different characters")
    if is_breached(password):
        raise invalid("password", "one that is not on the list of passwords known from breaches")


def enrol(
    registry: Registry,
    by: Person,
    *,
    handle: bytes,
    password: str | None,
    totp: bytes | None,
    recovery: tuple[bytes, ...],
    passkey: Passkey | None,
) -> tuple[Change, ...]:
    """Record a person's first ways of signing in.

    Raises:
        NotAllowed: they are no longer active, have some already, or what is given could not open a session.
    """
    person = registry.people.get(by.id)
    if person is None or not person.is_active:
        raise unknown("active person", "wardkeep user list")
    held = registry.logins.get(by.id)
    if held is not None and held.is_complete:
        raise NotAllowed(
            "already_exists",
            what="You have enrolled before.",
            why="A personal credential that leaked must not replace your second factor.",
            fix="Sign in and change it under your account, or have it reset (`wardkeep user reset-login`).",
            status=409,
        )
    login = Login(
        id=by.id,
        handle=handle,
        password=password,
        totp=totp,
        recovery=recovery,
        passkeys=() if passkey is None else (passkey,),
    )
    if not login.is_complete:
        raise invalid("enrolment", "a passkey, or a password together with a second factor")
    return (Change(kind=Kind.LOGINS, id=by.id, record=login),)


def set_password(registry: Registry, by: Person, *, password: str, totp: bytes | None) -> tuple[Change, ...]:
    """Put a new password, and a new second factor when one is given. Raises NotAllowed."""
    held = _own(registry, by)
    changed = replace(held, password=password, totp=held.totp if totp is None else totp)
    if changed.totp is None:
        raise invalid("password", "accompanied by a second factor")
    return (Change(kind=Kind.LOGINS, id=by.id, record=changed),)


def set_recovery(registry: Registry, by: Person, *, recovery: tuple[bytes, ...]) -> tuple[Change, ...]:
    """Put new recovery codes; the old ones are worthless at once. Raises NotAllowed."""
    return (Change(kind=Kind.LOGINS, id=by.id, record=replace(_own(registry, by), recovery=recovery)),)


def spend_recovery(registry: Registry, by: Person, *, code: bytes) -> tuple[Change, ...]:
    """Take a recovery code away, so that it opens one session only. Raises NotAllowed when it is not there any more."""
    held = _own(registry, by)
    if code not in held.recovery:
        raise unknown("unused recovery code", "wardkeep user list")
    left = tuple(each for each in held.recovery if each != code)
    return (Change(kind=Kind.LOGINS, id=by.id, record=replace(held, recovery=left)),)


def add_passkey(registry: Registry, by: Person, *, passkey: Passkey) -> tuple[Change, ...]:
    """Record another passkey. Raises NotAllowed."""
    held = _own(registry, by)
    if any(passkey.id == each.id for login in registry.logins.values() for each in login.passkeys):
        raise invalid("passkey", "one that is not registered yet")
    if len(held.passkeys) >= _MOST_PASSKEYS:
        raise invalid("passkey", f"one of at most {_MOST_PASSKEYS}; remove one first")
    named = replace(passkey, name=clean_text(passkey.name, "name of the passkey", longest=40))
    return (Change(kind=Kind.LOGINS, id=by.id, record=replace(held, passkeys=(*held.passkeys, named))),)


def remove_passkey(registry: Registry, by: Person, *, passkey: bytes) -> tuple[Change, ...]:
    """Take a passkey away, never the last way in. Raises NotAllowed."""
    held = _own(registry, by)
    left = replace(held, passkeys=tuple(each for each in held.passkeys if each.id != passkey))
    if len(left.passkeys) == len(held.passkeys):
        raise unknown("passkey of yours", "wardkeep user list")
    if not left.is_complete:
        raise NotAllowed(
            "last_way_in",
            what="This is your last way to sign in.",
            why="Without it you would be locked out.",
            fix="Add another passkey, or a password with a second factor, first.",
            status=409,
        )
    return (Change(kind=Kind.LOGINS, id=by.id, record=left),)


def reset_login(registry: Registry, by: Person, *, person: str) -> tuple[Change, ...]:
    """Take all ways of signing in from somebody who lost theirs; they enrol anew. Raises NotAllowed."""
    require(by, Permission.PERSON_CHANGE)
    found = registry.people.get(person)
    if found is None or person not in registry.logins:
        raise unknown("person who has enrolled", "wardkeep user list")
    check_may_act_for(by, found)
    return (Change(kind=Kind.LOGINS, id=person, record=None),)


def new_recovery_codes(mac_key: bytes, person: str, randomness: Callable[[int], bytes]) -> dict[str, bytes]:
    """Return fresh codes, each with what is stored of it: 10 symbols of 30, 49 bits, guarded by the wait."""
    codes: dict[str, bytes] = {}
    while len(codes) < RECOVERY_CODES:
        drawn = [byte for byte in randomness(64) if byte < 240][:10]
        if len(drawn) == 10:
            text = "".join(_CODE_SYMBOLS[byte % 30] for byte in drawn)
            shown = f"{text[:5]}-{text[5:]}"
            codes[shown] = recovery_mac(mac_key, person, shown)
    return codes


def recovery_mac(mac_key: bytes, person: str, code: str) -> bytes:
    """Return what is stored of a recovery code, however it was typed."""
    plain = "".join(symbol for symbol in code.upper() if symbol.isalnum())
    return mac(mac_key, b"recovery", person.encode(), plain.encode())


class _StoredSecret(msgspec.Struct, frozen=True):
    ciphertext: bytes
    key_id: str
    commitment: bytes


def seal_totp(keys: EpochKeys, *, tenant: str, person: str, secret: bytes) -> bytes:
    """Return a second factor's secret as it is stored."""
    sealed = seal(
        keys, plaintext=secret, tenant=tenant, table="logins", record_id=_place(person), field="totp", version=1
    )
    return msgspec.json.encode(
        _StoredSecret(ciphertext=sealed.ciphertext, key_id=sealed.key_id, commitment=sealed.commitment)
    )


def open_totp(keys: EpochKeys, *, tenant: str, person: str, body: bytes) -> bytes:
    """Return the secret. Raises UnknownKey, RecordTampered as `crypto.envelope.open_`."""
    stored = msgspec.json.decode(body, type=_StoredSecret)
    return open_(
        keys,
        sealed=Sealed(ciphertext=stored.ciphertext, key_id=stored.key_id, commitment=stored.commitment),
        tenant=tenant,
        table="logins",
        record_id=_place(person),
        field="totp",
        version=1,
    )


def _place(person: str) -> bytes:
    return sha256(person.encode())[:16]


def _own(registry: Registry, by: Person) -> Login:
    person, held = registry.people.get(by.id), registry.logins.get(by.id)
    if person is None or not person.is_active or held is None:
        raise unknown("enrolled and active person", "wardkeep user list")
    return held
