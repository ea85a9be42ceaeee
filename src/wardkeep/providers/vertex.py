"""Google Vertex AI: Anthropic's models by rawPredict, Gemini by the OpenAI-compatible endpoint, under an OAuth token.

`base_url` names project and location: `https://us-east5-aiplatform.googleapis.com/v1/projects/P/locations/us-east5`.
The credential is a service account's key (JSON); it signs an assertion (RFC 7523) that the token endpoint exchanges for
a token of an hour, which is kept in memory under the hash of the key it came from. A new key means a new token.
"""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode

import msgspec
import orjson

from wardkeep.crypto.errors import KeyUnusable
from wardkeep.crypto.mac import sha256
from wardkeep.crypto.rs256 import sign_rs256
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.registry import Deployment
from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Opened
from wardkeep.providers.contract import VendorAnswer, notices_of, origin_of, timeouts_of, token_origin_of
from wardkeep.providers.conversion import Converted, Whole, anthropic_error, openai_error, said_by
from wardkeep.transport.pool import Pool, UpstreamRequest

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE_SECONDS: Final = 3600
# A token is not used in its last minute: it could lapse on the way.
_MARGIN_NS: Final = 60 * 1_000_000_000


class _ServiceAccount(msgspec.Struct, frozen=True):
    client_email: str
    private_key: str


class _Granted(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class _Token:
    value: Secret[str]
    until_ns: int


@dataclass(frozen=True, slots=True)
class TokenExchange:
    """Exchanges service accounts' keys for tokens, one request for each at a time."""

    pool: Pool
    clock: Callable[[], Instant]
    _held: dict[bytes, _Token] = field(default_factory=dict)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def bearer(self, deployment: Deployment, credential: Secret[str] | None) -> Secret[str]:
        """Return the value of the Authorization header.

        Raises:
            RefusalError: the credential is no service account's key, or the token endpoint did not accept it.
            TransportError: the token endpoint cannot be reached.
        """
        origin = token_origin_of(deployment)
        if credential is None or origin is None or deployment.token_url is None:
            raise _unavailable()
        name = sha256(credential.reveal().encode() + b"\0" + deployment.token_url.encode())
        async with self._one_at_a_time:
            held = self._held.get(name)
            if held is None or held.until_ns <= self.clock().mono_ns:
                request = UpstreamRequest(
                    method="POST",
                    url=deployment.token_url,
                    headers=(("content-type", "application/x-www-form-urlencoded"),),
                    body=assertion_body(credential, deployment.token_url, self.clock()),
                    origin=origin,
                )
                held = self._held[name] = await self._granted(request)
        return Secret(f"Bearer {held.value.reveal()}")

    async def _granted(self, request: UpstreamRequest) -> _Token:
        now_ns = self.clock().mono_ns
        answer = await self.pool.open(request)
        try:
            raw = b"".join([chunk async for chunk in answer.chunks()])
        finally:
            await answer.close()
        if answer.status != 200:
            raise _unavailable()
        try:
            granted = msgspec.json.decode(raw, type=_Granted)
        except msgspec.DecodeError:
            raise _unavailable() from None
        if not granted.access_token.isascii() or not granted.access_token.isprintable():
            raise _unavailable()
        life_ns = min(granted.expires_in, _LIFE_SECONDS) * 1_000_000_000
        return _Token(Secret(granted.access_token), now_ns + life_ns - _MARGIN_NS)


@dataclass(frozen=True, slots=True)
class VertexAnthropic:
    """`Provider` for `POST {base_url}/publishers/anthropic/models/{model}:rawPredict` and `:streamRawPredict`."""

    pool: Pool
    tokens: TokenExchange

    async def send(self, opened: Opened, credential: Secret[str] | None) -> VendorAnswer:
        """Return the vendor's answer with its body unread."""
        call = opened.routed.safe.permitted.identified.call
        deployment = opened.routed.deployment
        action = "streamRawPredict" if call.wants_stream else "rawPredict"
        path = f"/publishers/anthropic/models/{quote(deployment.model, safe='@')}:{action}"
        bearer = await self.tokens.bearer(deployment, credential)
        upstream = await _post(self.pool, opened, bearer, path, betas=opened.routed.safe.betas)
        if upstream.status < 400:
            return upstream
        status = upstream.status
        return Converted(upstream, Whole(lambda raw: _as_anthropic(status, raw)))


@dataclass(frozen=True, slots=True)
class VertexOpenAI:
    """`Provider` for `POST {base_url}/endpoints/openapi/chat/completions`."""

    pool: Pool
    tokens: TokenExchange

    async def send(self, opened: Opened, credential: Secret[str] | None) -> VendorAnswer:
        """Return the vendor's answer with its body unread."""
        bearer = await self.tokens.bearer(opened.routed.deployment, credential)
        upstream = await _post(self.pool, opened, bearer, "/endpoints/openapi/chat/completions", betas=())
        if upstream.status < 400:
            return upstream
        status = upstream.status
        return Converted(upstream, Whole(lambda raw: openai_error(status, said_by(raw))))


async def _post(pool: Pool, opened: Opened, bearer: Secret[str], path: str, *, betas: tuple[str, ...]) -> VendorAnswer:
    deployment = opened.routed.deployment
    headers: list[tuple[str, str | Secret[str]]] = [("content-type", "application/json"), ("authorization", bearer)]
    if betas:
        headers.append(("anthropic-beta", ",".join(betas)))
    headers += notices_of(opened)
    return await pool.open(
        UpstreamRequest(
            method="POST",
            url=deployment.base_url.rstrip("/") + path,
            headers=tuple(headers),
            body=opened.routed.upstream_body,
            origin=origin_of(deployment),
            timeouts=timeouts_of(deployment),
        )
    )


def _as_anthropic(status: int, raw: bytes) -> bytes:
    """Return an error as it came when the model's maker gave it, else the platform's in the same shape."""
    said = said_by(raw)
    return raw if raw.lstrip().startswith(b'{"type":"error"') else anthropic_error(status, said)


def assertion_body(credential: Secret[str], audience: str, now: Instant) -> bytes:
    """Return the form that asks for a token (RFC 7523 section 2.1). Raises RefusalError."""
    try:
        account = msgspec.json.decode(credential.reveal(), type=_ServiceAccount)
        issued = now.wall_us // 1_000_000
        claims = {
            "iss": account.client_email,
            "scope": _SCOPE,
            "aud": audience,
            "iat": issued,
            "exp": issued + _LIFE_SECONDS,
        }
        signed = f"{_b64(orjson.dumps({'alg': 'RS256', 'typ': 'JWT'}))}.{_b64(orjson.dumps(claims))}"
        signature = sign_rs256(Secret(account.private_key), signed.encode())
    except (msgspec.DecodeError, KeyUnusable):
        raise _unavailable() from None
    return urlencode({"grant_type": _GRANT, "assertion": f"{signed}.{_b64(signature)}"}).encode()


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unavailable() -> RefusalError:
    return RefusalError(Refused(reason=Reason.CREDENTIAL_UNAVAILABLE))
