"""The only presentation of refusals: provider-native bodies with a stable code, what, why, fix and the ledger index.

Nothing that a caller sent is echoed. SDKs find the shape they parse; `x-should-retry` keeps them from repeating a call
that would be refused again.
"""

from typing import Final

import orjson

from wardkeep.model.reasons import Reason, Refused

Headers = list[tuple[bytes, bytes]]

_ANTHROPIC_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
_OPENAI_TYPES: Final = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_WORTH_REPEATING: Final = frozenset(
    {Reason.RATE_LIMITED, Reason.CONCURRENCY_LIMITED, Reason.FACTS_CHANGING, Reason.BUDGET_COUNTING}
)


def is_anthropic_path(path: bytes) -> bool:
    """Whether errors at this path are expected in Anthropic's shape."""
    return path.startswith(b"/v1/messages")


def body_of(refused: Refused, *, anthropic: bool, index: int | None) -> dict[str, object]:
    """Return the error body in the shape of the wire format."""
    told = refused.explanation
    place = f" (field: {refused.field})" if refused.field else ""
    recorded = f"ledger index {index}" if index is not None else "not in the ledger"
    message = f"{told.what}{place} {told.why} {told.fix} [{refused.reason.value}; {recorded}]"
    details: dict[str, object] = {
        "code": refused.reason.value,
        "what": told.what,
        "why": told.why,
        "fix": told.fix,
        "field": refused.field,
        "ledger_index": index,
    }
    if anthropic:
        kind = _ANTHROPIC_TYPES.get(told.status, "invalid_request_error" if told.status < 500 else "api_error")
        return {"type": "error", "error": {"type": kind, "message": message, **details}}
    kind = _OPENAI_TYPES.get(told.status, "invalid_request_error" if told.status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": refused.field, **details}}


def render(refused: Refused, path: bytes, index: int | None = None) -> tuple[int, Headers, bytes]:
    """Return (status, headers, body) of a refusal for the endpoint at `path`."""
    body = orjson.dumps(body_of(refused, anthropic=is_anthropic_path(path), index=index))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-should-retry", b"true" if refused.reason in _WORTH_REPEATING else b"false"),
    ]
    if index is not None:
        headers.append((b"wardkeep-ledger-index", str(index).encode()))
    if refused.retry_after_seconds is not None:
        headers.append((b"retry-after", str(refused.retry_after_seconds).encode()))
    return refused.explanation.status, headers, body


def stream_event(refused: Refused, path: bytes, index: int | None) -> bytes:
    """Return the event that ends a broken stream, in the shape SDKs raise on."""
    anthropic = is_anthropic_path(path)
    data = orjson.dumps(body_of(refused, anthropic=anthropic, index=index))
    return (b"event: error\n" if anthropic else b"") + b"data: " + data + b"\n\n"
