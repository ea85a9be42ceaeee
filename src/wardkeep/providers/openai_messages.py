"""Chat Completions for clients of Anthropic's Messages: answers, streams and errors said in the client's format.

The request was translated before it was recorded (`model.wire.messages_as_chat`), so what is sent is what the record
names. Chunks are translated one by one: nothing is held back but the end, whose usage comes last. Reasoning that nobody
asked for is not passed on.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Call, Opened
from wardkeep.providers.contract import VendorAnswer, notices_of, origin_of, timeouts_of
from wardkeep.providers.conversion import Converted, Converter, Whole, anthropic_error, said_by
from wardkeep.providers.sse import EventReader
from wardkeep.transport.errors import AnswerInvalid
from wardkeep.transport.pool import Pool, UpstreamRequest

_REQUEST_ID: Final = {b"x-request-id": b"request-id"}
_STOPS: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}


@dataclass(frozen=True, slots=True)
class OpenAIMessages:
    """`Provider` for `POST {base_url}/chat/completions`, asked in Messages."""

    pool: Pool

    async def send(self, opened: Opened, credential: Secret[str] | None) -> VendorAnswer:
        """Return the vendor's answer with its body unread."""
        routed = opened.routed
        headers: list[tuple[str, str | Secret[str]]] = [("content-type", "application/json")]
        if credential is not None:
            headers.append(("authorization", Secret(f"Bearer {credential.reveal()}")))
        request = UpstreamRequest(
            method="POST",
            url=f"{routed.deployment.base_url}/chat/completions",
            headers=(*headers, *notices_of(opened)),
            body=routed.upstream_body,
            origin=origin_of(routed.deployment),
            peer_key=opened.peer_key,
            timeouts=timeouts_of(routed.deployment),
        )
        upstream = await self.pool.open(request)
        if upstream.status >= 400:
            status = upstream.status
            return Converted(upstream, Whole(lambda raw: anthropic_error(status, said_by(raw))), renamed=_REQUEST_ID)
        converter = message_converter(routed.safe.permitted.identified.call)
        return Converted(upstream, converter, renamed=_REQUEST_ID)


def message_converter(call: Call) -> Converter:
    """Return what turns an answer of Chat Completions into the one this call waits for."""
    frame = {"id": f"msg_{call.id.hex()}", "type": "message", "role": "assistant", "model": call.model}
    return ChunkEvents(frame) if call.wants_stream else Whole(lambda raw: _message(raw, frame))


def _message(raw: bytes, frame: dict[str, Any]) -> bytes:
    """Return the message of a chat.completion. Raises AnswerInvalid."""
    try:
        value = orjson.loads(raw)
        (choice,) = value["choices"]
        said, finish = choice["message"], choice["finish_reason"]
        text = said.get("content") or said.get("refusal")
        content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
        content += [_use(call) for call in said.get("tool_calls") or ()]
        stop = "refusal" if said.get("refusal") else _stop(finish, has_calls=bool(said.get("tool_calls")))
        ends = {"stop_reason": stop, "stop_sequence": None, "usage": _usage(value["usage"])}
        return orjson.dumps({**frame, "content": content, **ends})
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        raise AnswerInvalid("the answer is not a chat completion") from None


def _stop(finish: str, *, has_calls: bool) -> str:
    """Return the stop reason. Some servers say `stop` of an answer that calls tools; the calls say more."""
    return "tool_use" if finish == "stop" and has_calls else _STOPS[finish]


def _use(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    arguments = orjson.loads(function["arguments"] or "{}")
    if not isinstance(arguments, dict):
        raise AnswerInvalid("a tool is called with something else than an object")
    return {"type": "tool_use", "id": call["id"], "name": function["name"], "input": arguments}


def _usage(used: dict[str, Any] | None) -> dict[str, int]:
    """Return the usage as Messages counts it: what came from the cache stands by itself. Without one, zeros."""
    if used is None:
        return {"input_tokens": 0, "output_tokens": 0}
    cached = (used.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    told = {"input_tokens": used["prompt_tokens"] - cached, "output_tokens": used["completion_tokens"]}
    return {**told, "cache_read_input_tokens": cached} if cached else told


@dataclass(slots=True)
class ChunkEvents:
    """Turns chat.completion.chunk events into the events of a message."""

    frame: dict[str, Any]
    _events: EventReader = field(default_factory=EventReader)
    _open: str | int | None = None
    _blocks: int = 0
    _called: set[int] = field(default_factory=set)
    _finish: str | None = None
    _refuses: bool = False
    _used: dict[str, Any] | None = None
    _has_begun: bool = False
    _is_over: bool = False

    def feed(self, data: bytes) -> bytes:
        """Return the events of the chunks that are whole now."""
        return b"".join([self._chunk(event) for event in self._events.feed(data)])

    def finish(self) -> bytes:
        """Return what the last event says, where no blank line closed it."""
        return b"".join([self._chunk(event) for event in self._events.finish()])

    def _chunk(self, event: dict[str, Any] | None) -> bytes:
        if self._is_over:
            return b""
        try:
            if event is None:
                return self._end()
            if "error" in event:
                self._is_over = True
                error = event["error"]
                status = 429 if error.get("type") == "rate_limit_error" else 500
                return b"event: error\ndata: " + anthropic_error(status, str(error["message"])) + b"\n\n"
            return self._said(event)
        except (KeyError, TypeError):
            raise AnswerInvalid("an event is not a chat.completion.chunk") from None

    def _said(self, event: dict[str, Any]) -> bytes:
        out = b""
        if not self._has_begun:
            self._has_begun = True
            start = {**self.frame, "content": [], "stop_reason": None, "stop_sequence": None, "usage": _usage(None)}
            out = _event("message_start", {"message": start})
        if event.get("usage") is not None:
            self._used = event["usage"]
        for choice in event["choices"]:
            delta = choice.get("delta") or {}
            for name in ("content", "refusal"):
                if delta.get(name):
                    self._refuses |= name == "refusal"
                    out += self._text(delta[name])
            for call in delta.get("tool_calls") or ():
                out += self._call(call)
            if choice.get("finish_reason") is not None:
                self._finish = choice["finish_reason"]
        return out

    def _text(self, text: str) -> bytes:
        out = b""
        if self._open != "text":
            out = self._opened("text", {"type": "text", "text": ""})
        told = b'","index":%d,"delta":{"type":"text_delta","text":' % self._blocks + orjson.dumps(text)
        return out + b'event: content_block_delta\ndata: {"type":"content_block_delta' + told + b"}}\n\n"

    def _call(self, call: dict[str, Any]) -> bytes:
        out = b""
        index, function = call["index"], call.get("function") or {}
        if self._open != index:
            if index in self._called:
                raise AnswerInvalid("two tool calls are streamed at once")
            self._called.add(index)
            block = {"type": "tool_use", "id": call["id"], "name": function["name"], "input": {}}
            out = self._opened(index, block)
        if function.get("arguments"):
            out += self._delta({"type": "input_json_delta", "partial_json": function["arguments"]})
        return out

    def _opened(self, what: str | int, block: dict[str, Any]) -> bytes:
        out = self._closed()
        self._open = what
        return out + _event("content_block_start", {"index": self._blocks, "content_block": block})

    def _closed(self) -> bytes:
        if self._open is None:
            return b""
        self._open = None
        self._blocks += 1
        return _event("content_block_stop", {"index": self._blocks - 1})

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return _event("content_block_delta", {"index": self._blocks, "delta": delta})

    def _end(self) -> bytes:
        """Return the end of the message; a stream that never said why it ends has none."""
        if self._finish is None or not self._has_begun:
            return b""
        self._is_over = True
        stop = "refusal" if self._refuses else _stop(self._finish, has_calls=bool(self._called))
        delta = {"delta": {"stop_reason": stop, "stop_sequence": None}, "usage": _usage(self._used)}
        return self._closed() + _event("message_delta", delta) + _event("message_stop", {})


def _event(kind: str, rest: dict[str, Any]) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps({"type": kind, **rest}) + b"\n\n"
