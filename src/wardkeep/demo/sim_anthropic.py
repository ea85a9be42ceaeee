"""The simulated Anthropic surface: reads Messages and token-count requests, writes answers, streams and errors.

Shapes follow the vendor's API reference and its Python SDK 2.x: message, content blocks, server-sent events, model and
error objects. Thinking blocks are signed with a key of the simulator's own and checked when they come back, because the
vendor answers 400 to a changed one. Both API versions are known, with the three changes that 2026-10-21 makes to the
Messages API: sampling parameters are gone, an assistant message holds no document, a user message no citations. Those
refusals have the vendor's shape; their wording is ours. Not simulated: server tools, files, batches, citations, prompt
caching, gzip.
"""

import base64
import hashlib
import hmac
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from wardkeep.demo.sim_behaviour import MODELS, Behaviour, RejectedError
from wardkeep.demo.sim_words import Prompt, Reply, Stamp, Tool, pieces

_FIELDS: Final = frozenset(
    {
        "max_tokens",
        "messages",
        "prefill",
        "model",
        "cache_control",
        "container",
        "diagnostics",
        "inference_geo",
        "metadata",
        "output_config",
        "service_tier",
        "speed",
        "stop_sequences",
        "stream",
        "system",
        "thinking",
        "tool_choice",
        "tools",
        "user_profile_id",
        "workspace_id",
    }
)
# Removed by API version 2026-10-21, which refuses them even at their default values.
_SAMPLING_FIELDS: Final = frozenset({"temperature", "top_k", "top_p"})
_VERSIONS: Final = frozenset({"2023-06-01", "2026-10-21"})
_BETA_FIELDS: Final = frozenset({"betas", "context_management", "mcp_servers", "output_format"})
_KINDS: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
    529: "overloaded_error",
}
_MESSAGES: Final[Mapping[int, str]] = {
    401: "invalid x-api-key",
    403: "Your API key does not have permission to use the specified resource.",
    429: "This request would exceed your organization's rate limit.",
    500: "Internal server error",
    503: "Service unavailable",
    529: "Overloaded",
}

# Every simulator shares this key, so that a conversation survives a restart. It protects nothing.
_SIGNING_KEY: Final = b"simulated vendor: thinking signatures"


def check_version(version: str) -> None:
    """Raises RejectedError unless the vendor has an API version of that name."""
    if not version:
        raise RejectedError(400, "anthropic-version: header is required")
    if version not in _VERSIONS:
        raise RejectedError(400, "anthropic-version: not a valid API version")


def read_messages(body: Any, *, version: str, beta: bool, needs_max_tokens: bool = True) -> Prompt:
    """Turn a Messages request into a Prompt. Raises RejectedError as the vendor would refuse it."""
    if not isinstance(body, dict):
        raise RejectedError(400, "The request body is not valid JSON.")
    allowed = _FIELDS | (_BETA_FIELDS if beta else frozenset())
    if version == "2023-06-01":
        allowed |= _SAMPLING_FIELDS
    for name in body:
        if name not in allowed:
            raise RejectedError(400, f"{name}: Extra inputs are not permitted")
    model = body.get("model")
    if not isinstance(model, str):
        raise RejectedError(400, "model: Field required")
    if needs_max_tokens and not isinstance(body.get("max_tokens"), int):
        raise RejectedError(400, "max_tokens: Field required")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        raise RejectedError(400, "messages: Field required")
    if model not in MODELS:
        raise RejectedError(404, f"model: {model}")
    blocks = [_blocks(one.get("content")) for one in messages]
    _check_blocks(messages, blocks)
    if version != "2023-06-01":
        _check_places(messages, blocks)
    spoken = [
        _text(content)
        for message, content in zip(messages, blocks, strict=True)
        if message.get("role") == "user" and _text(content)
    ]
    results = [_text(_blocks(one.get("content"))) for one in blocks[-1] if one.get("type") == "tool_result"]
    return Prompt(
        model=model,
        user_text=spoken[-1] if spoken else "",
        tool_result="\n".join(results) if results else None,
        tools=_tools(body.get("tools")),
        tool_choice=_tool_choice(body.get("tool_choice")),
        json_schema=_json_schema(body),
        message_count=len(messages),
        input_tokens=(len(orjson.dumps(messages)) + len(orjson.dumps(body.get("system")))) // 4,
        stream=body.get("stream") is True,
    )


def message_body(reply: Reply, prompt: Prompt, stamp: Stamp) -> bytes:
    """The message object that answers ``prompt``."""
    content: list[dict[str, Any]] = []
    if reply.thinking is not None:
        content.append({"type": "thinking", "thinking": reply.thinking, "signature": sign(reply.thinking)})
    if reply.text is not None:
        content.append({"type": "text", "text": reply.text, "citations": []})
    content.extend(
        {
            "type": "tool_use",
            "id": _tool_id(stamp, index),
            "name": call.name,
            "input": orjson.loads(call.arguments),
            "caller": {"type": "direct"},
        }
        for index, call in enumerate(reply.calls)
    )
    stop = "tool_use" if reply.calls else "end_turn"
    return orjson.dumps(_message(prompt, stamp, content, stop, reply.output_tokens))


def message_events(reply: Reply, prompt: Prompt, stamp: Stamp, behaviour: Behaviour) -> Iterator[bytes]:
    """The events that stream ``reply``, from message_start to message_stop."""
    rng = random.Random(behaviour.seed)  # noqa: S311 - a repeatable test pattern, not a secret
    opening = {"type": "message_start", "message": _message(prompt, stamp, [], None, 1)}
    yield _event(opening, behaviour)
    for index, (start, deltas) in enumerate(_streamed_blocks(reply, stamp, behaviour, rng)):
        yield _event({"type": "content_block_start", "index": index, "content_block": start}, behaviour)
        if index == 0:
            yield _event({"type": "ping"}, behaviour)
        for delta in deltas:
            yield _event({"type": "content_block_delta", "index": index, "delta": delta}, behaviour)
        yield _event({"type": "content_block_stop", "index": index}, behaviour)
    stop = "tool_use" if reply.calls else "end_turn"
    closing = {
        "type": "message_delta",
        "delta": {"stop_reason": stop, "stop_sequence": None},
        "usage": {"output_tokens": reply.output_tokens},
    }
    yield _event(closing, behaviour)
    yield _event({"type": "message_stop"}, behaviour)


def sign(thinking: str) -> str:
    """The signature of a thinking block: opaque to clients, checked when the block comes back."""
    return base64.b64encode(hmac.digest(_SIGNING_KEY, thinking.encode(), hashlib.sha256)).decode()


def count_body(prompt: Prompt) -> bytes:
    """The answer to a token-count request."""
    return orjson.dumps({"input_tokens": prompt.input_tokens})


def error_event(rejected: RejectedError, behaviour: Behaviour, request_id: str) -> bytes:
    """An error inside a stream whose head was already sent."""
    return _named_event("error", error_body(rejected, request_id), behaviour)


def error_body(rejected: RejectedError, request_id: str) -> bytes:
    """The vendor's error object."""
    error = {"type": _KINDS.get(rejected.status, "api_error"), "message": rejected.message}
    return orjson.dumps({"type": "error", "error": error, "request_id": request_id})


def named_error(status: int, prompt: Prompt) -> RejectedError:
    """The refusal that a ``sim-error-<status>`` model stands for."""
    if status == 400:
        # Vendors do quote the offending input; a proxy must not let such a sentence reach logs as it is.
        return RejectedError(400, f"messages.0.content: invalid value '{prompt.user_text[:120]}'")
    if status == 404:
        return RejectedError(404, f"model: {prompt.model}")
    return RejectedError(status, _MESSAGES[status])


def models_body() -> bytes:
    """The list of models, one page."""
    names = sorted(MODELS)
    data = [_model(name) for name in names]
    return orjson.dumps({"data": data, "has_more": False, "first_id": names[0], "last_id": names[-1]})


def model_body(name: str) -> bytes:
    """One model. Raises RejectedError when there is none of that name."""
    if name not in MODELS:
        raise RejectedError(404, f"model: {name}")
    return orjson.dumps(_model(name))


def _streamed_blocks(
    reply: Reply, stamp: Stamp, behaviour: Behaviour, rng: random.Random
) -> Iterator[tuple[dict[str, Any], Iterator[dict[str, Any]]]]:
    if reply.thinking is not None:
        start = {"type": "thinking", "thinking": "", "signature": ""}
        yield start, _thinking_deltas(reply.thinking, behaviour, rng)
    if reply.text is not None:
        texts = pieces(reply.text, behaviour.piece, rng)
        yield (
            {"type": "text", "text": ""},
            ({"type": "text_delta", "text": piece} for piece in texts),
        )
    for index, call in enumerate(reply.calls):
        opening: dict[str, Any] = {"type": "tool_use", "id": _tool_id(stamp, index), "name": call.name, "input": {}}
        opening["caller"] = {"type": "direct"}
        yield opening, _argument_deltas(call.arguments, behaviour, rng)


def _thinking_deltas(thinking: str, behaviour: Behaviour, rng: random.Random) -> Iterator[dict[str, Any]]:
    for piece in pieces(thinking, behaviour.piece, rng):
        yield {"type": "thinking_delta", "thinking": piece}
    yield {"type": "signature_delta", "signature": sign(thinking)}


def _argument_deltas(arguments: str, behaviour: Behaviour, rng: random.Random) -> Iterator[dict[str, Any]]:
    # The vendor opens every tool block with an empty fragment.
    yield {"type": "input_json_delta", "partial_json": ""}
    for piece in pieces(arguments, behaviour.piece, rng):
        yield {"type": "input_json_delta", "partial_json": piece}


def _message(
    prompt: Prompt, stamp: Stamp, content: Sequence[Mapping[str, Any]], stop: str | None, output_tokens: int
) -> dict[str, Any]:
    return {
        "id": f"msg_{stamp.serial:024x}",
        "type": "message",
        "role": "assistant",
        "model": prompt.model,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "usage": {
            "input_tokens": prompt.input_tokens,
            "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0},
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "inference_geo": None,
            "output_tokens": output_tokens,
            "output_tokens_details": None,
            "server_tool_use": None,
            "service_tier": "standard",
        },
    }


def _event(event: Mapping[str, Any], behaviour: Behaviour) -> bytes:
    return _named_event(event["type"], orjson.dumps(event), behaviour)


def _named_event(name: str, data: bytes, behaviour: Behaviour) -> bytes:
    event = b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
    return event if behaviour.newline == "\n" else event.replace(b"\n", behaviour.newline.encode())


def _tool_id(stamp: Stamp, index: int) -> str:
    return f"toolu_{stamp.serial:018x}{index:06x}"


def _model(name: str) -> dict[str, Any]:
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": "2025-01-01T00:00:00Z",
        "lifecycle": "active",
    }


def _blocks(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [one for one in content if isinstance(one, dict)] if isinstance(content, list) else []


def _text(blocks: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(str(one.get("text", "")) for one in blocks if one.get("type") == "text")


def _check_blocks(messages: Sequence[Mapping[str, Any]], blocks: Sequence[Sequence[Mapping[str, Any]]]) -> None:
    called: set[Any] = set()
    for place, (message, content) in enumerate(zip(messages, blocks, strict=True)):
        for index, block in enumerate(content):
            _check_block(block, f"messages.{place}.content.{index}", called)
        if message.get("role") == "assistant":
            called = {block.get("id") for block in content if block.get("type") == "tool_use"}


def _check_block(block: Mapping[str, Any], where: str, called: set[Any]) -> None:
    if block.get("type") == "thinking":
        expected = sign(str(block.get("thinking", "")))
        if not hmac.compare_digest(expected.encode(), str(block.get("signature", "")).encode()):
            raise RejectedError(400, f"{where}: Invalid `signature` in `thinking` block")
    if block.get("type") == "tool_result" and block.get("tool_use_id") not in called:
        raise RejectedError(
            400,
            f"{where}: unexpected `tool_use_id` found in `tool_result` blocks. Each `tool_result` block must have a "
            "corresponding `tool_use` block in the previous message.",
        )


def _check_places(messages: Sequence[Mapping[str, Any]], blocks: Sequence[Sequence[Mapping[str, Any]]]) -> None:
    """The two rules of API version 2026-10-21 about which block may stand where."""
    for place, (message, content) in enumerate(zip(messages, blocks, strict=True)):
        for index, block in enumerate(content):
            where = f"messages.{place}.content.{index}"
            if message.get("role") == "assistant" and block.get("type") == "document":
                raise RejectedError(400, f"{where}: `document` blocks are not permitted in `assistant` messages")
            inner = _blocks(block.get("content")) if block.get("type") == "search_result" else [block]
            if message.get("role") == "user" and any(
                one.get("type") == "text" and one.get("citations") for one in inner
            ):
                raise RejectedError(400, f"{where}: `citations` are not permitted in `user` messages")


def _tools(offered: Any) -> Sequence[Tool]:
    if not isinstance(offered, list):
        return ()
    # Server tools have no input schema and are not simulated.
    mine = [one for one in offered if isinstance(one, dict) and isinstance(one.get("input_schema"), dict)]
    return tuple(Tool(name=str(one.get("name", "")), schema=one["input_schema"]) for one in mine)


def _tool_choice(choice: Any) -> str:
    kind = choice.get("type") if isinstance(choice, dict) else "auto"
    match kind:
        case "tool":
            return str(choice.get("name", ""))
        case "any":
            return "required"
        case "none":
            return "none"
        case _:
            return "auto"


def _json_schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    output = body.get("output_config")
    wanted = output.get("format") if isinstance(output, dict) else body.get("output_format")
    schema = wanted.get("schema") if isinstance(wanted, dict) else None
    return schema if isinstance(schema, dict) else None
