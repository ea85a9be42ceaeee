"""The simulated OpenAI surface: reads Chat Completions and Embeddings requests, writes answers, streams and errors.

Shapes follow the vendor's API reference and its Python SDK 3.x: chat.completion, chat.completion.chunk, embedding,
model and error objects. Not simulated: the Responses API, audio, images, log probabilities, gzip.
"""

import base64
import hashlib
import random
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from wardkeep.demo.sim_behaviour import MODELS, Behaviour, RejectedError
from wardkeep.demo.sim_words import Prompt, Reply, Stamp, Tool, pieces

#: The only fields the vendor takes; a proxy that adds its own is told so, as the vendor would.
_CHAT_FIELDS: Final = frozenset(
    {
        "messages",
        "model",
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "metadata",
        "modalities",
        "moderation",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    }
)
_EMBEDDING_FIELDS: Final = frozenset({"input", "model", "dimensions", "encoding_format", "user"})
_MAX_CHOICES: Final = 8
_FINGERPRINT: Final = "fp_simulator0"
_CODES: Final[Mapping[int, tuple[str, str | None]]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("request_forbidden", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
    500: ("server_error", None),
    503: ("service_unavailable_error", None),
}
_MESSAGES: Final[Mapping[int, str]] = {
    403: "Country, region, or territory not supported",
    429: "Rate limit reached on requests per min (RPM): Limit 3.",
    500: "The server had an error while processing your request. Sorry about that!",
    503: "The engine is currently overloaded, please try again later",
}


def read_chat(body: Any) -> Prompt:
    """Turn a Chat Completions request into a Prompt. Raises RejectedError as the vendor would refuse it."""
    request = _object(body, _CHAT_FIELDS)
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        raise RejectedError(400, "Missing required parameter: 'messages'.", param="messages")
    _check_tool_results(messages)
    results = _trailing_results(messages)
    users = [_text(one.get("content")) for one in messages if one.get("role") == "user"]
    schema = _json_schema(request.get("response_format"), messages)
    options = request.get("stream_options")
    return Prompt(
        model=_known_model(request),
        user_text=users[-1] if users else "",
        tool_result="\n".join(results) if results else None,
        tools=_tools(request.get("tools")),
        tool_choice=_tool_choice(request.get("tool_choice")),
        json_schema=schema,
        message_count=len(messages),
        input_tokens=sum(len(_text(one.get("content"))) for one in messages) // 4 + 3 * len(messages),
        stream=request.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        choice_count=_choice_count(request.get("n")),
    )


def chat_body(reply: Reply, prompt: Prompt, stamp: Stamp) -> bytes:
    """The chat.completion object that answers ``prompt``."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None, "annotations": []}
    if reply.calls:
        message["tool_calls"] = [
            {
                "id": _call_id(stamp, index),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for index, call in enumerate(reply.calls)
        ]
    finish = "tool_calls" if reply.calls else "stop"
    choices = [
        {"index": index, "message": message, "logprobs": None, "finish_reason": finish}
        for index in range(prompt.choice_count)
    ]
    return orjson.dumps(
        {
            "id": f"chatcmpl-{stamp.serial:024x}",
            "object": "chat.completion",
            "created": stamp.created,
            "model": prompt.model,
            "choices": choices,
            "usage": _usage(reply, prompt),
            "service_tier": "default",
            "system_fingerprint": _FINGERPRINT,
        }
    )


def chat_events(reply: Reply, prompt: Prompt, stamp: Stamp, behaviour: Behaviour) -> Iterator[bytes]:
    """The chat.completion.chunk events that stream ``reply``, ``[DONE]`` included; choices are interleaved."""
    rng = random.Random(behaviour.seed)  # noqa: S311 - a repeatable test pattern, not a secret
    streams = [list(_deltas(reply, stamp, behaviour, rng)) for _ in range(prompt.choice_count)]
    for step in range(max(len(one) for one in streams)):
        for index, deltas in enumerate(streams):
            if step < len(deltas):
                choice = {"index": index, "delta": deltas[step], "logprobs": None, "finish_reason": None}
                yield _event(_chunk([choice], prompt, stamp, padding=rng.randint(1, 12)), behaviour)
    finish = "tool_calls" if reply.calls else "stop"
    for index in range(prompt.choice_count):
        choice = {"index": index, "delta": {}, "logprobs": None, "finish_reason": finish}
        yield _event(_chunk([choice], prompt, stamp, padding=rng.randint(1, 12)), behaviour)
    if prompt.include_usage:
        last = _chunk([], prompt, stamp, padding=rng.randint(1, 12)) | {"usage": _usage(reply, prompt)}
        yield _event(last, behaviour)
    yield _line_end(b"data: [DONE]\n\n", behaviour)


def error_event(rejected: RejectedError, behaviour: Behaviour) -> bytes:
    """An error inside a stream whose head was already sent."""
    return _line_end(b"data: " + error_body(rejected) + b"\n\n", behaviour)


def error_body(rejected: RejectedError) -> bytes:
    """The vendor's error object."""
    kind, code = _CODES.get(rejected.status, ("server_error", None))
    error = {
        "message": rejected.message,
        "type": kind,
        "param": rejected.param,
        "code": rejected.code or code,
    }
    return orjson.dumps({"error": error})


def named_error(status: int, prompt: Prompt) -> RejectedError:
    """The refusal that a ``sim-error-<status>`` model stands for."""
    if status == 400:
        # Vendors do quote the offending input; a proxy must not let such a sentence reach logs as it is.
        return RejectedError(400, f"Invalid value: '{prompt.user_text[:120]}'.", param="messages")
    if status == 401:
        return bad_key("")
    if status == 404:
        return unknown_model(prompt.model)
    # This vendor has no 529; its overload answer is a 503.
    shown = 503 if status == 529 else status
    return RejectedError(shown, _MESSAGES[shown])


def bad_key(key: str) -> RejectedError:
    """The refusal of a wrong key, which shows only its end, as the vendor does."""
    shown = f"{'*' * 8}{key[-4:]}" if key else "''"
    return RejectedError(401, f"Incorrect API key provided: {shown}.")


def unknown_model(model: str) -> RejectedError:
    """The refusal of a model that does not exist."""
    return RejectedError(404, f"The model `{model}` does not exist or you do not have access to it.")


def models_body() -> bytes:
    """The list of models."""
    return orjson.dumps({"object": "list", "data": [_model(name) for name in sorted(MODELS)]})


def model_body(name: str) -> bytes:
    """One model. Raises RejectedError when there is none of that name."""
    if name not in MODELS:
        raise unknown_model(name)
    return orjson.dumps(_model(name))


def embeddings_body(body: Any) -> bytes:
    """Answer an Embeddings request with vectors that depend on nothing but each input."""
    request = _object(body, _EMBEDDING_FIELDS)
    model = _known_model(request)
    inputs = _embedding_inputs(request.get("input"))
    dimensions = request.get("dimensions") or 256
    as_base64 = request.get("encoding_format") == "base64"
    data = []
    for index, one in enumerate(inputs):
        vector = _vector(one, dimensions)
        packed = base64.b64encode(struct.pack(f"<{dimensions}f", *vector)).decode() if as_base64 else vector
        data.append({"object": "embedding", "index": index, "embedding": packed})
    tokens = sum(len(one) // 4 + 1 for one in inputs)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return orjson.dumps({"object": "list", "data": data, "model": model, "usage": usage})


def _deltas(reply: Reply, stamp: Stamp, behaviour: Behaviour, rng: random.Random) -> Iterator[dict[str, Any]]:
    if reply.text is not None:
        yield {"role": "assistant", "content": "", "refusal": None}
        for piece in pieces(reply.text, behaviour.piece, rng):
            yield {"content": piece}
    for index, call in enumerate(reply.calls):
        opening = {
            "index": index,
            "id": _call_id(stamp, index),
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }
        role = {"role": "assistant", "content": None} if index == 0 and reply.text is None else {}
        yield role | {"tool_calls": [opening]}
        for piece in pieces(call.arguments, behaviour.piece, rng):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _chunk(choices: Sequence[Mapping[str, Any]], prompt: Prompt, stamp: Stamp, *, padding: int) -> dict[str, Any]:
    chunk: dict[str, Any] = {
        "id": f"chatcmpl-{stamp.serial:024x}",
        "object": "chat.completion.chunk",
        "created": stamp.created,
        "model": prompt.model,
        "service_tier": "default",
        "system_fingerprint": _FINGERPRINT,
        "choices": choices,
        # The vendor pads every chunk so that its length does not tell its content.
        "obfuscation": "x" * padding,
    }
    if prompt.include_usage:
        chunk["usage"] = None
    return chunk


def _event(chunk: Mapping[str, Any], behaviour: Behaviour) -> bytes:
    return _line_end(b"data: " + orjson.dumps(chunk) + b"\n\n", behaviour)


def _line_end(event: bytes, behaviour: Behaviour) -> bytes:
    return event if behaviour.newline == "\n" else event.replace(b"\n", behaviour.newline.encode())


def _usage(reply: Reply, prompt: Prompt) -> dict[str, Any]:
    output = reply.output_tokens * prompt.choice_count
    return {
        "prompt_tokens": prompt.input_tokens,
        "completion_tokens": output,
        "total_tokens": prompt.input_tokens + output,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": len(reply.thinking or "") // 4,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _call_id(stamp: Stamp, index: int) -> str:
    return f"call_{stamp.serial:018x}{index:06x}"


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1735689600, "owned_by": "simulator"}


def _object(body: Any, fields: frozenset[str]) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise RejectedError(400, "We could not parse the JSON body of your request.")
    for name in body:
        if name not in fields:
            raise RejectedError(400, f"Unrecognized request argument supplied: {name}")
    return body


def _known_model(request: Mapping[str, Any]) -> str:
    model = request.get("model")
    if not isinstance(model, str) or not model:
        raise RejectedError(400, "you must provide a model parameter", param="model")
    if model not in MODELS:
        raise unknown_model(model)
    return model


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
    return "\n".join(str(part.get("text", "")) for part in parts)


def _check_tool_results(messages: Sequence[Mapping[str, Any]]) -> None:
    called: set[Any] = set()
    for index, message in enumerate(messages):
        if message.get("role") == "assistant":
            called = {call.get("id") for call in message.get("tool_calls") or () if isinstance(call, dict)}
        elif message.get("role") == "tool" and message.get("tool_call_id") not in called:
            raise RejectedError(
                400,
                "Invalid parameter: messages with role 'tool' must be a response to a preceeding message "
                "with 'tool_calls'.",
                param=f"messages.[{index}].role",
            )


def _trailing_results(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    results: list[str] = []
    for message in reversed(messages):
        if message.get("role") != "tool":
            break
        results.insert(0, _text(message.get("content")))
    return results


def _tools(offered: Any) -> Sequence[Tool]:
    if not isinstance(offered, list):
        return ()
    functions = [one["function"] for one in offered if isinstance(one, dict) and isinstance(one.get("function"), dict)]
    return tuple(Tool(name=str(one.get("name", "")), schema=one.get("parameters") or {}) for one in functions)


def _tool_choice(choice: Any) -> str:
    if isinstance(choice, dict):
        return str((choice.get("function") or {}).get("name", "auto"))
    return choice if isinstance(choice, str) else "auto"


def _json_schema(wanted: Any, messages: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind == "json_schema":
        schema = (wanted.get("json_schema") or {}).get("schema")
        return schema if isinstance(schema, dict) else {}
    if kind != "json_object":
        return None
    if not any("json" in _text(one.get("content")).lower() for one in messages):
        raise RejectedError(
            400,
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            param="messages",
        )
    return {}


def _choice_count(n: Any) -> int:
    if n is None:
        return 1
    if not isinstance(n, int) or not 1 <= n <= _MAX_CHOICES:
        raise RejectedError(400, f"Invalid 'n': expected an integer from 1 to {_MAX_CHOICES}.", param="n")
    return n


def _embedding_inputs(wanted: Any) -> list[bytes]:
    if isinstance(wanted, str) and wanted:
        return [wanted.encode()]
    if not isinstance(wanted, list) or not wanted:
        raise RejectedError(400, "'$.input' is invalid. Please check the API reference.", param="input")
    if isinstance(wanted[0], int):
        return [orjson.dumps(wanted)]
    return [one.encode() if isinstance(one, str) else orjson.dumps(one) for one in wanted]


def _vector(text: bytes, dimensions: int) -> list[float]:
    seed = hashlib.shake_256(text).digest(dimensions)
    raw = [byte / 127.5 - 1.0 for byte in seed]
    length = sum(value * value for value in raw) ** 0.5 or 1.0
    return [value / length for value in raw]
