"""Signing in to the console at an identity provider (OpenID Connect Core 1.0 section 3.1, RFC 7636, RFC 9700).

The authorization code flow with PKCE, and nothing else. A browser is sent away with a fresh state, nonce and challenge,
all bound to a cookie of its own, and to one provider by the address it comes back to (RFC 9700 section 4.4). The code
is exchanged by us over TLS. The token is believed when a key on record of this provider signed it, with an asymmetric
algorithm on record (RFC 8725 section 3.1), for our client, just now, with this nonce.

All that a token decides is which subject came, and when a second factor was shown: only with `auth_time` and a method
in `amr` that the record counts as one (RFC 8176). No name, mail address, group or role in it decides anything.
"""

import asyncio
import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from wardkeep.crypto.mac import sha256
from wardkeep.identity.tokens import ALGORITHMS, LONGEST_TOKEN, Claims, claims_of, second_factor_at
from wardkeep.model.access import IdentityProvider, SignOn
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.registry import Person, Registry
from wardkeep.model.sensitive import Secret
from wardkeep.transport.errors import TransportError
from wardkeep.transport.pool import Origin, Pool, Timeouts, UpstreamRequest
from wardkeep.transport.tls import TlsDemands

METHOD: Final = "oidc"
# Somebody who showed themselves there longer ago than a session may last shows themselves again.
LONGEST_AGO_SECONDS: Final = 12 * 3600

_LEEWAY_SECONDS: Final = 60
_FRESH_SECONDS: Final = 600
_LONGEST_CODE: Final = 4096
_LARGEST_ANSWER: Final = 64 * 1024
_ANSWER_SECONDS: Final = 10.0
_AT_ONCE: Final = 4
_MOST_WAITING: Final = 32
_OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """A browser that was sent to a provider: what it must come back with. `session` is the one to renew by step-up."""

    provider: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str
    begun_us: int
    session: bytes | None = field(default=None, repr=False)
    going: str = "/account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """The subject a provider vouches for, and when they showed themselves; the second factor only if it says so."""

    subject: str
    second_factor_at: datetime | None


def leave(
    provider: str,
    redirect_uri: str,
    randomness: Callable[[int], bytes],
    now_us: int,
    *,
    session: bytes | None = None,
    going: str = "/account",
) -> Away:
    """Return a ceremony to begin: state, nonce and verifier are 256 fresh random bits each."""
    return Away(
        provider=provider,
        state=_text(randomness(32)),
        nonce=_text(randomness(32)),
        verifier=_text(randomness(32)),
        redirect_uri=redirect_uri,
        begun_us=now_us,
        session=session,
        going=going,
    )


def authorization_address(terms: SignOn, away: Away) -> str:
    """Return where the browser goes. Step-up asks the person anew (OpenID Connect Core section 3.1.2.1)."""
    asked = {
        "response_type": "code",
        "client_id": terms.client_id,
        "redirect_uri": away.redirect_uri,
        "scope": "openid",
        "state": away.state,
        "nonce": away.nonce,
        "code_challenge": _text(sha256(away.verifier.encode())),
        "code_challenge_method": "S256",
        "max_age": "0" if away.session is not None else str(LONGEST_AGO_SECONDS),
    }
    if away.session is not None:
        asked["prompt"] = "login"
    return f"{terms.authorization_endpoint}?{urlencode(asked)}"


def answered_code(provider: IdentityProvider, away: Away, query: dict[str, str]) -> str:
    """Return the code that the browser came back with.

    Raises RefusalError when the state is not the ceremony's, another issuer speaks (RFC 9207), or there is no code.
    """
    if not hmac.compare_digest(query.get("state", "").encode(), away.state.encode()):
        raise RefusalError(Refused(reason=Reason.PROVIDER_SIGN_IN_INVALID))
    code = query.get("code", "")
    if query.get("iss", provider.issuer) != provider.issuer or "error" in query or not 0 < len(code) <= _LONGEST_CODE:
        raise RefusalError(Refused(reason=Reason.PROVIDER_SIGN_IN_INVALID))
    return code


def vouched(token: Secret[str], provider: IdentityProvider, away: Away, now: datetime) -> Vouched:
    """Return whom an ID token vouches for (OpenID Connect Core section 3.1.3.7).

    Raises RefusalError with PROVIDER_SIGN_IN_INVALID; which rule did not hold is nobody's to learn from an answer.
    """
    terms = provider.sign_on
    claims = _verified(token.reveal(), provider)
    if terms is None or claims is None or not _holds(claims, provider, terms, away, now):
        raise RefusalError(Refused(reason=Reason.PROVIDER_SIGN_IN_INVALID))
    shown = second_factor_at(claims, provider)
    # A clock that is ahead makes nothing fresher than now.
    return Vouched(subject=claims.subject, second_factor_at=None if shown is None else min(shown, now))


def person_of(registry: Registry, provider: str, subject: str) -> Person | None:
    """Return the active person whom somebody linked to this subject."""
    link = f"{provider}:{subject}"
    person = next((each for each in registry.people.values() if link in each.links), None)
    return person if person is not None and person.is_active else None


def offered(registry: Registry, person: Person | None = None) -> list[IdentityProvider]:
    """Return the providers at which people may sign in; of a person, those they are linked at."""
    return [
        each
        for _, each in sorted(registry.identity_providers.items())
        if each.is_active and each.sign_on is not None and (person is None or _is_linked(person, each.id))
    ]


def is_still_vouched(registry: Registry, person: Person, method: str) -> bool:
    """Whether a session's way of signing in still counts: one that a provider opened ends with it, or with the link."""
    way, _, rest = method.partition(":")
    if way != METHOD:
        return True
    return any(each.id == rest.partition("+")[0] for each in offered(registry, person))


class Exchange:
    """Asks providers for the token behind a code. One an event loop; few at once, with a short line behind them."""

    def __init__(self) -> None:
        timeouts = Timeouts(connect_seconds=5.0, read_seconds=_ANSWER_SECONDS, total_seconds=_ANSWER_SECONDS)
        self._pool = Pool([], timeouts=timeouts, max_answer_bytes=_LARGEST_ANSWER, max_idle_per_origin=2)
        self._origins: frozenset[Origin] = frozenset()
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    def follow(self, registry: Registry) -> None:
        """Let the token endpoints on record be asked, and nothing else. It neither raises nor blocks on a network."""
        origins = frozenset(_origin(each.sign_on) for each in offered(registry) if each.sign_on is not None)
        if origins != self._origins:
            self._pool.set_origins(origins)
            self._origins = origins

    async def token(self, terms: SignOn, secret: Secret[str] | None, code: str, away: Away) -> Secret[str]:
        """Return the ID token.

        Raises RefusalError: the line is too long, the provider does not answer, or it does not take the code.
        """
        if self._waiting >= _MOST_WAITING:
            raise RefusalError(Refused(reason=Reason.SIGN_IN_BUSY))
        self._waiting += 1
        try:
            async with self._turns:
                status, body = await self._ask(_request(terms, secret, code, away))
        except TransportError as error:
            raise RefusalError(Refused(reason=Reason.PROVIDER_UNREACHABLE)) from error
        finally:
            self._waiting -= 1
        if status >= 500:
            raise RefusalError(Refused(reason=Reason.PROVIDER_UNREACHABLE))
        try:
            found = msgspec.json.decode(body, type=_Answer) if status == _OK else None
        except msgspec.DecodeError:
            found = None
        if found is None or not found.id_token.isascii() or len(found.id_token) > LONGEST_TOKEN:
            raise RefusalError(Refused(reason=Reason.PROVIDER_SIGN_IN_INVALID))
        return Secret(found.id_token)

    async def close(self) -> None:
        """Cut every connection."""
        await self._pool.close()

    async def _ask(self, request: UpstreamRequest) -> tuple[int, bytes]:
        answer = await self._pool.open(request)
        try:
            return answer.status, b"".join([piece async for piece in answer.chunks()])
        finally:
            await answer.close()


class _Answer(msgspec.Struct, frozen=True):
    """What a token endpoint answers (OpenID Connect Core section 3.1.3.3); the rest is not read."""

    id_token: str


def _request(terms: SignOn, secret: Secret[str] | None, code: str, away: Away) -> UpstreamRequest:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": away.redirect_uri,
        "code_verifier": away.verifier,
        "client_id": terms.client_id,
    }
    headers: list[tuple[str, str | Secret[str]]] = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("accept", "application/json"),
    ]
    if secret is not None:
        # RFC 6749 section 2.3.1: both parts are form-encoded before they are joined; the form names nobody then.
        del form["client_id"]
        pair = f"{quote(terms.client_id, safe='')}:{quote(secret.reveal(), safe='')}"
        headers.append(("authorization", Secret("Basic " + base64.b64encode(pair.encode()).decode())))
    return UpstreamRequest(
        method="POST",
        url=terms.token_endpoint,
        headers=tuple(headers),
        body=urlencode(form).encode(),
        origin=_origin(terms),
    )


def _origin(terms: SignOn) -> Origin:
    authority = None if terms.ca_file is None else Path(terms.ca_file)
    return Origin(url=terms.token_endpoint, tls=TlsDemands(authority=authority))


def _verified(text: str, provider: IdentityProvider) -> Claims | None:
    try:
        keys = KeySet.import_key_set(msgspec.json.decode(provider.jwks))
        return claims_of(jwt.decode(text, keys, algorithms=sorted(provider.algorithms & ALGORITHMS)).claims)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _holds(claims: Claims, provider: IdentityProvider, terms: SignOn, away: Away, now: datetime) -> bool:
    at = now.timestamp()
    # `max_age` was asked for, so `auth_time` must be there (section 3.1.3.7, rule 13).
    shown = claims.authenticated_at if claims.authenticated_at is not None else 0
    earliest = away.begun_us / 1e6 if away.session is not None else at - LONGEST_AGO_SECONDS
    return (
        claims.issuer == provider.issuer
        and terms.client_id in claims.audience
        and claims.given_to == terms.client_id
        and claims.nonce is not None
        and hmac.compare_digest(claims.nonce.encode(), away.nonce.encode())
        and claims.not_before - _LEEWAY_SECONDS <= at < claims.expires_at
        and claims.issued_at - _LEEWAY_SECONDS <= at < claims.issued_at + _FRESH_SECONDS
        and earliest - _LEEWAY_SECONDS <= shown <= at + _LEEWAY_SECONDS
    )


def _is_linked(person: Person, provider: str) -> bool:
    return any(link.startswith(f"{provider}:") for link in person.links)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def shown_at_us(vouched_for: Vouched) -> int | None:
    """Return when the second factor was shown, as sessions count time."""
    at = vouched_for.second_factor_at
    return None if at is None else int(at.astimezone(UTC).timestamp() * 1_000_000)
