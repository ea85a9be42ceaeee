"""Anthropic's Messages for clients of Chat Completions: answers, streams and errors said in the client's format.

The request was translated before it was recorded (`model.wire.chat_as_messages`), so what is sent is what the record
names. Events are translated one by one: nothing is held back but what ends the stream. Thinking that nobody asked for
is not passed on.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Call, Opened
from wardkeep.providers.contract import VendorAnswer, notices_of, origin_of, timeouts_of
from wardkeep.providers.conversion import Converted, Converter, Whole, openai_error, said_by
from wardkeep.providers.sse import EventReader
from wardkeep.transport.errors import AnswerInvalid
from wardkeep.transport.pool import Pool, UpstreamRequest

_VERSION: Final = "2023-06-01"
_REQUEST_ID: Final = {b"request-id": b"x-request-id"}
_STOPS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_UNASKED: Final = frozenset({"thinking", "redacted_thinking"})
# Errors inside a stream have no status of their own; these are the ones of the same errors outside.
_STATUSES: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "overloaded_error": 529,
}


@dataclass(frozen=True, slots=True)
class AnthropicChat:
    """`Provider` for `POST {base_url}/v1/messages`, asked in Chat Completions."""

    pool: Pool

    async def send(self, opened: Opened, credential: Secret[str] | None) -> VendorAnswer:
        """Return the vendor's answer with its body unread."""
        routed = opened.routed
        headers: list[tuple[str, str | Secret[str]]] = [
            ("content-type", "application/json"),
            ("anthropic-version", _VERSION),
        ]
        if credential is not None:
            headers.append(("x-api-key", credential))
        request = UpstreamRequest(
            method="POST",
            url=f"{routed.deployment.base_url}/v1/messages",
            headers=(*headers, *notices_of(opened)),
            body=routed.upstream_body,
            origin=origin_of(routed.deployment),
            peer_key=opened.peer_key,
            timeouts=timeouts_of(routed.deployment),
        )
        upstream = await self.pool.open(request)
        if upstream.status >= 400:
            status = upstream.status
            return Converted(upstream, Whole(lambda raw: openai_error(status, said_by(raw))), renamed=_REQUEST_ID)
        converter = chat_converter(routed.safe.permitted.identified.call)
        return Converted(upstream, converter, renamed=_REQUEST_ID)


def chat_converter(call: Call) -> Converter:
    """Return what turns an answer of Messages into the one this call waits for."""
    frame = {"id": f"chatcmpl-{call.id.hex()}", "created": call.received.wall_us // 1_000_000, "model": call.model}
    if not call.wants_stream:
        return Whole(lambda raw: _completion(raw, frame))
    options = call.document.value.get("stream_options")
    return MessageChunks(frame, isinstance(options, dict) and options.get("include_usage") is True)


def _completion(raw: bytes, frame: dict[str, Any]) -> bytes:
    """Return the chat.completion of a message. Raises AnswerInvalid."""
    try:
        value = orjson.loads(raw)
        blocks = [block for block in value["content"] if block["type"] not in _UNASKED]
        if any(block["type"] not in {"text", "tool_use"} for block in blocks):
            raise AnswerInvalid("the answer holds a block that chat completions cannot carry")
        texts = [block["text"] for block in blocks if block["type"] == "text"]
        message: dict[str, Any] = {
            "role": "assistant",
            "content": "".join(texts) if texts else None,
            "refusal": None,
            "annotations": [],
        }
        calls = [_call(block) for block in blocks if block["type"] == "tool_use"]
        if calls:
            message["tool_calls"] = calls
        finish = _STOPS[value["stop_reason"]]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        told = {**frame, "object": "chat.completion", "choices": [choice], "usage": _usage(value["usage"])}
        return orjson.dumps(told)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise AnswerInvalid("the answer is not one of Messages") from None


def _call(block: dict[str, Any]) -> dict[str, Any]:
    function = {"name": block["name"], "arguments": orjson.dumps(block["input"]).decode()}
    return {"id": block["id"], "type": "function", "function": function}


def _usage(used: dict[str, Any]) -> dict[str, Any]:
    """Return the usage as chat completions count it: what came from the cache is part of the prompt there."""
    cached = used.get("cache_read_input_tokens") or 0
    prompt = used["input_tokens"] + cached + (used.get("cache_creation_input_tokens") or 0)
    told = {
        "prompt_tokens": prompt,
        "completion_tokens": used["output_tokens"],
        "total_tokens": prompt + used["output_tokens"],
    }
    return {**told, "prompt_tokens_details": {"cached_tokens": cached}} if cached else told


# What stands behind a text in its chunk, as `MessageChunks._delta` writes it.
_TAIL: Final = b'},"logprobs":null,"finish_reason":null}]}\n\n'


@dataclass(slots=True)
class MessageChunks:
    """Turns the events of a message into chat.completion.chunk events."""

    frame: dict[str, Any]
    wants_usage: bool
    _events: EventReader = field(default_factory=EventReader)
    _tools: dict[int, int] = field(default_factory=dict)
    _unasked: set[int] = field(default_factory=set)
    _argued: set[int] = field(default_factory=set)
    _used: dict[str, Any] = field(default_factory=dict)
    _is_over: bool = False
    _head: bytes = b""

    def __post_init__(self) -> None:
        """Write once what stands before every text: texts are nearly all there is in a stream."""
        self._head = self._delta({"content": ""}).removesuffix(b'""' + _TAIL)

    def feed(self, data: bytes) -> bytes:
        """Return the chunks of the events that are whole now."""
        return b"".join([self._chunk(event) for event in self._events.feed(data) if event is not None])

    def finish(self) -> bytes:
        """Return what the last event says, where no blank line closed it."""
        return b"".join([self._chunk(event) for event in self._events.finish() if event is not None])

    def _chunk(self, event: dict[str, Any]) -> bytes:
        if self._is_over:
            return b""
        try:
            return self._event(event)
        except (KeyError, TypeError):
            raise AnswerInvalid("an event is not one of Messages") from None

    def _event(self, event: dict[str, Any]) -> bytes:
        match event["type"]:
            case "message_start":
                self._used = dict(event["message"]["usage"])
                return self._delta({"role": "assistant", "content": ""})
            case "content_block_start":
                return self._start(event["index"], event["content_block"])
            case "content_block_delta":
                return self._more(event["index"], event["delta"])
            case "content_block_stop":
                return self._stop(event["index"])
            case "message_delta":
                self._used |= {name: count for name, count in event["usage"].items() if count is not None}
                return self._delta({}, _STOPS[event["delta"]["stop_reason"]])
            case "message_stop":
                self._is_over = True
                last = self._written({"choices": [], "usage": _usage(self._used)}) if self.wants_usage else b""
                return last + b"data: [DONE]\n\n"
            case "error":
                self._is_over = True
                error = event["error"]
                told = openai_error(_STATUSES.get(error["type"], 500), str(error["message"]))
                return b"data: " + told + b"\n\n"
            case "ping":
                return b""
            case _:
                raise AnswerInvalid("an event is not one of Messages")

    def _start(self, index: int, block: dict[str, Any]) -> bytes:
        if block["type"] in _UNASKED:
            self._unasked.add(index)
            return b""
        if block["type"] == "text":
            return self._delta({"content": block["text"]}) if block.get("text") else b""
        if block["type"] != "tool_use":
            raise AnswerInvalid("the answer holds a block that chat completions cannot carry")
        number = self._tools[index] = len(self._tools)
        function = {"name": block["name"], "arguments": ""}
        call = {"index": number, "id": block["id"], "type": "function", "function": function}
        return self._delta({"tool_calls": [call]})

    def _more(self, index: int, delta: dict[str, Any]) -> bytes:
        if index in self._unasked:
            return b""
        match delta["type"]:
            case "text_delta":
                return self._head + orjson.dumps(delta["text"]) + _TAIL
            case "input_json_delta":
                if not delta["partial_json"]:
                    return b""
                self._argued.add(index)
                return self._arguments(index, delta["partial_json"])
            case _:
                raise AnswerInvalid("the answer holds a delta that chat completions cannot carry")

    def _stop(self, index: int) -> bytes:
        """Close a block; a call without arguments has an empty object of them."""
        return self._arguments(index, "{}") if index in self._tools and index not in self._argued else b""

    def _arguments(self, index: int, text: str) -> bytes:
        return self._delta({"tool_calls": [{"index": self._tools[index], "function": {"arguments": text}}]})

    def _delta(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        return self._written({"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]})

    def _written(self, rest: dict[str, Any]) -> bytes:
        return b"data: " + orjson.dumps({**self.frame, "object": "chat.completion.chunk", **rest}) + b"\n\n"
