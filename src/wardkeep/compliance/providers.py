"""Identity providers on record, and which of their subjects is whom here (45 CFR 164.312(d)).

Who can sign tokens of a provider on record can call as anybody linked to it, so recording one is an established
officer's decision. A link gives access as that person: who makes it had a hand in it, as with a credential.
"""

from dataclasses import replace
from typing import Any, Final

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from wardkeep.compliance.deployments import check_base_url
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.people import check_may_act_for
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import clean_id, clean_text, invalid, require, taken, unknown
from wardkeep.compliance.two_people import check_established, hands_of
from wardkeep.crypto.envelope import EpochKeys, Sealed, open_, seal
from wardkeep.crypto.mac import sha256
from wardkeep.identity.tokens import ALGORITHMS
from wardkeep.model.access import IdentityProvider, SignOn
from wardkeep.model.registry import Person, Registry
from wardkeep.model.sensitive import Secret
from wardkeep.policy.roles import Permission

_LONGEST_KEYS: Final = 64 * 1024
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_LIST: Final = "wardkeep provider list"
_TABLE: Final = "identity_providers"


def put_provider(registry: Registry, by: Person, *, provider: IdentityProvider, is_new: bool) -> tuple[Change, ...]:
    """Record a provider, or put its terms and keys anew. Raises NotAllowed."""
    require(by, Permission.AGREEMENT_ACTIVATE)
    check_established(by)
    held = registry.identity_providers
    if is_new and clean_id(provider.id, "provider id") in held:
        raise taken("identity provider", "Change it with `wardkeep provider set`.")
    if not is_new and provider.id not in held:
        raise unknown("identity provider", _LIST)
    if not provider.issuer.startswith("https://") and not provider.issuer.startswith("http://localhost:"):
        raise invalid("issuer", "an https address, exactly as its tokens spell it")
    clean_text(provider.issuer, "issuer")
    if any(each.issuer == provider.issuer and each.id != provider.id for each in held.values()):
        raise taken("identity provider with this issuer", f"`{_LIST}` shows it.")
    if not provider.audiences:
        raise invalid("list of audiences", "one or more; a token for somebody else is not for us")
    if not provider.algorithms or not provider.algorithms <= ALGORITHMS:
        raise invalid("list of algorithms", f"one or more of {', '.join(sorted(ALGORITHMS))}")
    _check_keys(provider.jwks)
    # How people sign in there stays while it is the same issuer that they sign in at.
    before = held.get(provider.id)
    kept = before.sign_on if before is not None and before.issuer == provider.issuer else None
    record = replace(provider, is_active=True, sign_on=kept)
    return (Change(kind=Kind.IDENTITY_PROVIDERS, id=provider.id, record=record),)


def set_sign_on(registry: Registry, by: Person, *, provider: str, terms: SignOn | None) -> tuple[Change, ...]:
    """Let people sign in to the console at a provider, or no more; its sessions end with it.

    Whoever rules the provider can then sign in as anybody linked there: an established officer's decision.

    Raises:
        NotAllowed: one of this does not hold, or an address is not one to be sent to.
    """
    require(by, Permission.AGREEMENT_ACTIVATE)
    check_established(by)
    found = registry.identity_providers.get(provider)
    if found is None or not found.is_active:
        raise unknown("active identity provider", _LIST)
    if terms is not None:
        clean_text(terms.client_id, "client id")
        clean_text(terms.label, "label", longest=40)
        for address in (terms.authorization_endpoint, terms.token_endpoint, terms.end_session_endpoint):
            if address is not None:
                check_base_url(address, may_be_plain=False)
    record = replace(found, sign_on=terms)
    return (Change(kind=Kind.IDENTITY_PROVIDERS, id=provider, record=record),)


class _StoredSecret(msgspec.Struct, frozen=True):
    ciphertext: bytes
    key_id: str
    commitment: bytes


def seal_client_secret(keys: EpochKeys, *, tenant: str, provider: str, secret: Secret[str]) -> bytes:
    """Return the secret that proves us to a provider as it is stored. Raises NotAllowed when it is not one line."""
    text = secret.reveal().strip()
    if not text or not text.isascii() or not text.isprintable():
        raise invalid("client secret", "one line of printable ASCII")
    sealed = seal(
        keys,
        plaintext=text.encode(),
        tenant=tenant,
        table=_TABLE,
        record_id=sha256(provider.encode())[:16],
        field="secret",
        version=1,
    )
    return msgspec.json.encode(
        _StoredSecret(ciphertext=sealed.ciphertext, key_id=sealed.key_id, commitment=sealed.commitment)
    )


def open_client_secret(keys: EpochKeys, *, tenant: str, provider: IdentityProvider) -> Secret[str] | None:
    """Return the secret, or None for a public client. Raises UnknownKey, RecordTampered as `crypto.envelope.open_`."""
    if provider.sign_on is None or provider.sign_on.secret is None:
        return None
    stored = msgspec.json.decode(provider.sign_on.secret, type=_StoredSecret)
    plain = open_(
        keys,
        sealed=Sealed(ciphertext=stored.ciphertext, key_id=stored.key_id, commitment=stored.commitment),
        tenant=tenant,
        table=_TABLE,
        record_id=sha256(provider.id.encode())[:16],
        field="secret",
        version=1,
    )
    return Secret(plain.decode("ascii"))


def disable_provider(registry: Registry, by: Person, *, provider: str) -> tuple[Change, ...]:
    """Believe no token of a provider any more, from the next call on. Raises NotAllowed."""
    require(by, Permission.PERSON_CHANGE)
    found = registry.identity_providers.get(provider)
    if found is None or not found.is_active:
        raise unknown("active identity provider", _LIST)
    return (Change(kind=Kind.IDENTITY_PROVIDERS, id=provider, record=replace(found, is_active=False)),)


def link_person(registry: Registry, by: Person, *, person: str, provider: str, subject: str) -> tuple[Change, ...]:
    """Say who a provider's subject is here. Raises NotAllowed: nobody links themselves, and a subject is one person."""
    require(by, Permission.PERSON_CHANGE)
    found = registry.people.get(person)
    if found is None or not found.is_active:
        raise unknown("active person", "wardkeep user list")
    if person == by.id:
        raise NotAllowed(
            "second_person_required",
            what="Nobody links themselves.",
            why="A link is access, and access is given by somebody else (45 CFR 164.308(a)(3)(ii)(A)).",
            fix="Ask another administrator or the security officer.",
        )
    check_may_act_for(by, found)
    if provider not in registry.identity_providers:
        raise unknown("identity provider", _LIST)
    link = f"{provider}:{clean_text(subject, 'subject')}"
    if any(link in each.links for each in registry.people.values()):
        raise taken("person linked to this subject", "Unlink them first (`wardkeep provider unlink`).")
    record = replace(
        found,
        links=found.links | {link},
        enrolled_by=by.id,
        access_by=found.access_by | hands_of(by),
        confirmed_by=None,
    )
    return (Change(kind=Kind.PEOPLE, id=person, record=record),)


def unlink_person(registry: Registry, by: Person, *, person: str, provider: str) -> tuple[Change, ...]:
    """Take a person's links to a provider away. Raises NotAllowed."""
    require(by, Permission.PERSON_CHANGE)
    found = registry.people.get(person)
    left = frozenset(each for each in found.links if not each.startswith(f"{provider}:")) if found is not None else None
    if found is None or left is None or left == found.links:
        raise unknown("person linked to this provider", "wardkeep user list")
    return (Change(kind=Kind.PEOPLE, id=person, record=replace(found, links=left)),)


def _check_keys(jwks: bytes) -> None:
    """Refuse keys that cannot be read, and private or shared ones: we only verify (RFC 7517 section 9)."""
    problem = invalid("key set", "a JWK set of public keys (RFC 7517), as the provider's jwks_uri gives it")
    if len(jwks) > _LONGEST_KEYS:
        raise problem
    try:
        document: Any = msgspec.json.decode(jwks)
        keys = KeySet.import_key_set(document)
    except (JoseError, msgspec.DecodeError, ValueError, TypeError, KeyError, AttributeError):
        raise problem from None
    if not keys.keys or any(not _PRIVATE.isdisjoint(each) for each in document["keys"]):
        raise problem
