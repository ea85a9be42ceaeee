"""The data face: the endpoints that OpenAI and Anthropic clients call (raw ASGI).

`ROUTES` is the whole list; whatever is not in it is refused. The face reads headers and body, makes a `Call`, hands it
to the road and presents what comes back. It decides nothing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import orjson

from wardkeep.gateway.models import list_models
from wardkeep.gateway.pipeline import Answer, Road, Turned, handle
from wardkeep.identity.tokens import LONGEST_TOKEN
from wardkeep.model.document import parse
from wardkeep.model.handle import HANDLE
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.registry import Surface
from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Call
from wardkeep.web.asgi import Receive, Scope, Send, peer_key_in
from wardkeep.web.errors import render, stream_event
from wardkeep.web.guard import check_content_type, read_body
from wardkeep.web.metrics import Metrics

ROUTES: Final[dict[tuple[str, str], Surface | None]] = {
    ("POST", "/v1/chat/completions"): Surface.OPENAI_CHAT,
    ("POST", "/v1/responses"): Surface.OPENAI_RESPONSES,
    ("POST", "/v1/embeddings"): Surface.OPENAI_EMBEDDINGS,
    ("POST", "/v1/messages"): Surface.ANTHROPIC_MESSAGES,
    ("POST", "/v1/messages/count_tokens"): Surface.ANTHROPIC_COUNT_TOKENS,
    ("GET", "/v1/models"): None,
}
_PATHS: Final = frozenset(path for _, path in ROUTES)
# Of our own headers, each with the attribute of `_Stated` it fills.
_OWN: Final = {
    b"wardkeep-purpose": "purpose",
    b"wardkeep-subject": "subject",
    b"wardkeep-conversation": "conversation",
    b"wardkeep-on-behalf-of": "person",
}
_DATA_CLASS: Final = b"wardkeep-data-class"
_CLASSES: Final = re.compile(r"[a-z0-9_]{1,32}(?:,[a-z0-9_]{1,32}){0,7}")
# A token of an identity provider (RFC 7515 section 7.1), or the ticket of a broken glass.
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*|wk_glass_[0-9A-Za-z_]{51}")
_VERSION: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(slots=True)
class _Stated:
    """What the headers say of a call."""

    credential: Secret[str] | None = None
    purpose: str | None = None
    subject: str | None = None
    conversation: str | None = None
    betas: tuple[str, ...] = ()
    anthropic_version: str | None = None
    person: str | None = None
    person_token: Secret[str] | None = None
    data_classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFace:
    """The ASGI application of the data port."""

    road: Road
    clock: Callable[[], Instant]
    metrics: Metrics
    max_body_bytes: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        path = scope["path"]
        raw_path = scope["raw_path"]
        started = self.clock()
        try:
            surface = _route(scope["method"], path)
            stated = _read_headers(scope["headers"], is_post=surface is not None)
            if surface is None:
                await self._models(stated, peer_key_in(scope), send)
                return
            body = await read_body(receive, self.max_body_bytes)
            call_id = self.road.recorder.id_at(started)
            call = _call(surface, stated, body, received=started, call_id=call_id, peer_key=peer_key_in(scope))
        except RefusalError as error:
            await self._present(Turned(refused=error.refused, index=None), raw_path, send)
            return
        result = await handle(self.road, call)
        if isinstance(result, Turned):
            await self._present(result, raw_path, send)
        else:
            await self._release(result, raw_path, send)
        self.metrics.observe(surface.value, (self.clock().mono_ns - started.mono_ns) / 1e9)

    async def _models(self, stated: _Stated, peer_key: str | None, send: Send) -> None:
        models = list_models(self.road, stated.credential, self.clock().wall, peer_key)
        if isinstance(models, Refused):
            await self._present(
                Turned(refused=models, index=None), b"/v1/messages" if stated.anthropic_version else b"", send
            )
            return
        body = orjson.dumps(_models_body(models, anthropic=stated.anthropic_version is not None))
        await _send(send, 200, [(b"content-type", b"application/json")], body)

    async def _present(self, turned: Turned, path: bytes, send: Send) -> None:
        self.metrics.count_refused(turned.refused.reason)
        status, headers, body = render(turned.refused, path, turned.index)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _release(self, answer: Answer, path: bytes, send: Send) -> None:
        self.metrics.count_answered(answer.status)
        if isinstance(answer.body, bytes):
            await _send(send, answer.status, answer.headers, answer.body)
            return
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        pieces = answer.body
        try:
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except RefusalError as error:
            self.metrics.count_refused(error.refused.reason)
            index = next((int(value) for name, value in answer.headers if name == b"wardkeep-ledger-index"), None)
            event = stream_event(error.refused, path, index)
            await send({"type": "http.response.body", "body": event, "more_body": True})
        finally:
            await pieces.aclose()
        await send({"type": "http.response.body", "body": b""})


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    headers = [*headers, (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _route(method: str, path: str) -> Surface | None:
    try:
        return ROUTES[method, path]
    except KeyError:
        reason = Reason.METHOD_NOT_ALLOWED if path in _PATHS else Reason.PATH_UNKNOWN
        raise RefusalError(Refused(reason=reason)) from None


def _read_headers(headers: list[tuple[bytes, bytes]], *, is_post: bool) -> _Stated:
    """Read what a call states. Repeated single-valued headers were refused by the guard before."""
    stated = _Stated()
    bearer: str | None = None
    for name, value in headers:
        if name == b"authorization":
            kind, _, credential = value.decode("latin-1").partition(" ")
            bearer = credential.strip() if kind.lower() == "bearer" else ""
        elif name == b"x-api-key":
            stated.credential = Secret(value.decode("latin-1"))
        elif name.startswith(b"wardkeep-"):
            _read_own(stated, name, value)
        elif name == b"anthropic-beta":
            stated.betas += tuple(beta.strip() for beta in value.decode("latin-1").split(",") if beta.strip())
        elif name == b"anthropic-version":
            stated.anthropic_version = value.decode("latin-1")
            if _VERSION.fullmatch(stated.anthropic_version) is None:
                raise RefusalError(Refused(reason=Reason.HEADER_INVALID, field="anthropic-version"))
    # Two credentials are two callers; the Authorization header speaks for OpenAI clients, x-api-key for Anthropic's.
    if bearer is not None:
        if stated.credential is not None and stated.credential.reveal() != bearer:
            raise RefusalError(Refused(reason=Reason.HEADER_INVALID, field="x-api-key"))
        stated.credential = Secret(bearer)
    if is_post:
        check_content_type(headers)
    return stated


def _read_own(stated: _Stated, name: bytes, raw: bytes) -> None:
    value = raw.decode("latin-1")
    if name == _DATA_CLASS:
        if _CLASSES.fullmatch(value) is None:
            raise RefusalError(Refused(reason=Reason.HEADER_INVALID, field=name.decode()))
        stated.data_classes = tuple(value.split(","))
        return
    if name == b"wardkeep-person-token":
        if len(value) > LONGEST_TOKEN or _TOKEN.fullmatch(value) is None:
            raise RefusalError(Refused(reason=Reason.HEADER_INVALID, field=name.decode()))
        stated.person_token = Secret(value)
        return
    attribute = _OWN.get(name)
    if attribute is None or HANDLE.fullmatch(value) is None:
        raise RefusalError(Refused(reason=Reason.HEADER_INVALID, field=None if attribute is None else name.decode()))
    setattr(stated, attribute, value)


def _call(
    surface: Surface, stated: _Stated, body: bytes, *, received: Instant, call_id: bytes, peer_key: str | None
) -> Call:
    return Call(
        id=call_id,
        surface=surface,
        document=parse(body),
        credential=stated.credential,
        received=received,
        purpose=stated.purpose,
        subject=stated.subject,
        conversation=stated.conversation,
        betas=stated.betas,
        anthropic_version=stated.anthropic_version or "2023-06-01",
        person=stated.person,
        person_token=stated.person_token,
        data_classes=stated.data_classes,
        peer_key=peer_key,
    )


def _models_body(models: list[str], *, anthropic: bool) -> dict[str, object]:
    if anthropic:
        data = [
            {"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"} for name in models
        ]
        ends = {"first_id": models[0] if models else None, "last_id": models[-1] if models else None}
        return {"data": data, "has_more": False, **ends}
    return {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": 0, "owned_by": "wardkeep"} for name in models],
    }
