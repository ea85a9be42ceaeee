"""Tokens of an identity provider that prove for whom an application calls.

OpenID Connect Core 1.0, RFC 7519, RFC 8725. A token is believed when all of this holds: its issuer is on record; a key
of that issuer on record signed it, with an asymmetric algorithm on record for it (never `none`, never an HMAC, RFC 8725
section 3.1); it is meant for us; its time has come and not passed; the application that forwards it is the one it was
given to (`azp`, else the audience), so that a token caught elsewhere opens nothing; and its subject was linked to a
person here by somebody. No other claim decides who it is: names and addresses can be changed by their owner.

Nothing is fetched: the keys are part of the provider's record. A verified token is remembered until it is pushed out,
because a signature costs more than the whole decision; times, links and records are looked at anew for every call.
"""

import base64
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from wardkeep.crypto.mac import sha256
from wardkeep.model.access import Application, IdentityProvider
from wardkeep.model.registry import Person, Registry
from wardkeep.model.sensitive import Secret

# RFC 8725 section 3.1: only what cannot be made with a public key alone.
ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
LONGEST_TOKEN: Final = 8192

_LEEWAY_SECONDS: Final = 60
_LONGEST_LIFE_SECONDS: Final = 24 * 3600
_MOST_REMEMBERED: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """Whom a token proves, and when they last showed a second factor, if the token says so."""

    person: Person
    second_factor_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """The claims that decide, each of the right type. `given_to` is the application the token was issued to."""

    issuer: str
    subject: str
    audience: frozenset[str]
    given_to: str | None
    issued_at: int
    not_before: int
    expires_at: int
    authenticated_at: int | None
    methods: frozenset[str]
    nonce: str | None = None


class Tokens:
    """Verifies tokens against the records of a registry. One a process, used by one thread."""

    __slots__ = ("_keys", "_remembered")

    def __init__(self) -> None:
        self._keys: OrderedDict[bytes, KeySet] = OrderedDict()
        self._remembered: OrderedDict[bytes, Claims] = OrderedDict()

    def prove(
        self, token: Secret[str], registry: Registry, application: Application | None, now: datetime
    ) -> Proven | None:
        """Return whom the token proves for this application, or None: why not is nobody's to learn from an answer."""
        text = token.reveal()
        if application is None or len(text) > LONGEST_TOKEN:
            return None
        provider = _provider(text, registry)
        if provider is None or not provider.is_active:
            return None
        claims = self._verified(text, provider)
        if claims is None or not _holds(claims, provider, application, now):
            return None
        link = f"{provider.id}:{claims.subject}"
        person = next((each for each in registry.people.values() if link in each.links), None)
        if person is None or not person.is_active:
            return None
        return Proven(person=person, second_factor_at=second_factor_at(claims, provider))

    def _verified(self, text: str, provider: IdentityProvider) -> Claims | None:
        """Return the claims of a token that a key on record signed; they may be out of time by now."""
        # Keys and algorithms are part of the name: what was verified under others counts no longer.
        name = sha256(b"\0".join((text.encode(), provider.jwks, " ".join(sorted(provider.algorithms)).encode())))
        known = self._remembered.get(name)
        if known is not None:
            return known
        try:
            found = jwt.decode(text, self._key_set(provider), algorithms=sorted(provider.algorithms & ALGORITHMS))
            claims = claims_of(found.claims)
        except (JoseError, ValueError, TypeError, KeyError):
            return None
        self._remembered[name] = claims
        while len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return claims

    def _key_set(self, provider: IdentityProvider) -> KeySet:
        name = sha256(provider.jwks)
        known = self._keys.get(name)
        if known is None:
            known = self._keys[name] = KeySet.import_key_set(msgspec.json.decode(provider.jwks))
            while len(self._keys) > 64:
                self._keys.popitem(last=False)
        return known


def _provider(text: str, registry: Registry) -> IdentityProvider | None:
    """Return the provider that a token names. Nothing of it is believed: it only says whose keys to try."""
    parts = text.split(".")
    if len(parts) != 3:
        return None
    try:
        named = msgspec.json.decode(_decoded(parts[1]))
    except (msgspec.DecodeError, ValueError):
        return None
    issuer = named.get("iss") if isinstance(named, dict) else None
    return next((each for each in registry.identity_providers.values() if each.issuer == issuer), None)


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def claims_of(found: dict[str, Any]) -> Claims:
    """Return the claims. Raises ValueError, KeyError or TypeError when one is missing or of another type."""
    audience = found["aud"]
    audiences = frozenset([audience] if isinstance(audience, str) else audience)
    given_to = found.get("azp", found.get("client_id"))
    if given_to is None and len(audiences) == 1:
        given_to = next(iter(audiences))
    claims = Claims(
        issuer=found["iss"],
        subject=found["sub"],
        audience=audiences,
        given_to=given_to,
        issued_at=_seconds(found["iat"]),
        not_before=_seconds(found.get("nbf", found["iat"])),
        expires_at=_seconds(found["exp"]),
        authenticated_at=None if found.get("auth_time") is None else _seconds(found["auth_time"]),
        methods=frozenset(found.get("amr") or ()),
        nonce=found.get("nonce"),
    )
    named = () if claims.nonce is None else (claims.nonce,)
    texts = (claims.issuer, claims.subject, *claims.audience, *claims.methods, *named)
    if not all(texts) or {type(each) for each in texts} != {str}:
        raise TypeError("a claim is not text")
    return claims


def _seconds(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("a time is not a number")
    return int(value)


def _holds(claims: Claims, provider: IdentityProvider, application: Application, now: datetime) -> bool:
    at = now.timestamp()
    return (
        claims.issuer == provider.issuer
        and not claims.audience.isdisjoint(provider.audiences)
        and claims.given_to in application.token_clients
        and claims.not_before - _LEEWAY_SECONDS <= at < claims.expires_at
        and claims.issued_at - _LEEWAY_SECONDS <= at < claims.issued_at + _LONGEST_LIFE_SECONDS
    )


def second_factor_at(claims: Claims, provider: IdentityProvider) -> datetime | None:
    """Return when the person showed a second factor: only with a time, and a method that the record counts as one."""
    if claims.authenticated_at is None or claims.methods.isdisjoint(provider.second_factor_methods):
        return None
    return datetime.fromtimestamp(claims.authenticated_at, UTC)
