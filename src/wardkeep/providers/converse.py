"""Amazon Bedrock's Converse for clients of Chat Completions and of Anthropic's Messages, in the client's format.

The request was translated before it was recorded (`model.wire.converse`), so what is sent is what the record names.
Events are translated one by one: nothing is held back but what ends the stream. For Messages the answer is said as a
chat completion first, and that as a message.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from wardkeep.model.instant import Instant
from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Call, Opened
from wardkeep.providers.bedrock import STREAM_STATUSES, post
from wardkeep.providers.contract import VendorAnswer
from wardkeep.providers.conversion import Converted, Converter, InTurn, Whole, anthropic_error, openai_error, said_by
from wardkeep.providers.eventstream import Frame, FrameReader
from wardkeep.providers.openai_messages import message_converter
from wardkeep.transport.errors import AnswerInvalid
from wardkeep.transport.pool import Pool

_REQUEST_ID: Final = {b"x-amzn-requestid": b"x-request-id"}
_MESSAGE_ID: Final = {b"x-amzn-requestid": b"request-id"}
_STOPS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}


@dataclass(frozen=True, slots=True)
class BedrockConverse:
    """`Provider` for `POST {base_url}/model/{model}/converse` and `/converse-stream`."""

    pool: Pool
    clock: Callable[[], Instant]

    async def send(self, opened: Opened, credential: Secret[str] | None) -> VendorAnswer:
        """Return the vendor's answer with its body unread."""
        call = opened.routed.safe.permitted.identified.call
        if call.surface.is_anthropic:
            return await self._as_message(opened, credential, call)
        action = "converse-stream" if call.wants_stream else "converse"
        upstream = await post(self.pool, opened, credential, action=action, clock=self.clock)
        if upstream.status >= 400:
            status = upstream.status
            return Converted(upstream, Whole(lambda raw: openai_error(status, said_by(raw))), renamed=_REQUEST_ID)
        frame = {"id": f"chatcmpl-{call.id.hex()}", "created": call.received.wall_us // 1_000_000, "model": call.model}
        if not call.wants_stream:
            return Converted(upstream, Whole(lambda raw: _completion(raw, frame)), renamed=_REQUEST_ID)
        options = call.document.value.get("stream_options")
        wants_usage = isinstance(options, dict) and options.get("include_usage") is True
        converter: Converter = ChatChunks(frame, wants_usage)
        return Converted(upstream, converter, renamed=_REQUEST_ID)

    async def _as_message(self, opened: Opened, credential: Secret[str] | None, call: Call) -> VendorAnswer:
        action = "converse-stream" if call.wants_stream else "converse"
        upstream = await post(self.pool, opened, credential, action=action, clock=self.clock)
        if upstream.status >= 400:
            status = upstream.status
            return Converted(upstream, Whole(lambda raw: anthropic_error(status, said_by(raw))), renamed=_MESSAGE_ID)
        first: Converter = Whole(lambda raw: _completion(raw, {}))
        if call.wants_stream:
            first = ChatChunks({}, wants_usage=True)
        return Converted(upstream, InTurn(first, message_converter(call)), renamed=_MESSAGE_ID)


def _completion(raw: bytes, frame: dict[str, Any]) -> bytes:
    """Return the chat.completion of a Converse answer. Raises AnswerInvalid."""
    try:
        value = orjson.loads(raw)
        blocks = value["output"]["message"]["content"]
        message: dict[str, Any] = {"role": "assistant", "content": _said(blocks), "refusal": None}
        calls = [_call(block["toolUse"]) for block in blocks if "toolUse" in block]
        if calls:
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _STOPS[value["stopReason"]]}
        return orjson.dumps({**frame, "object": "chat.completion", "choices": [choice], "usage": _usage(value)})
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise AnswerInvalid("the answer is not one of Converse") from None


def _said(blocks: list[dict[str, Any]]) -> str | None:
    for block in blocks:
        if not block.keys() & {"text", "toolUse"}:
            # Reasoning, images, citations: nothing asked for them, and there is no word for them here.
            raise AnswerInvalid("the answer holds a block that chat completions cannot carry")
    texts = [block["text"] for block in blocks if "text" in block]
    return "".join(texts) if texts else None


def _call(use: dict[str, Any]) -> dict[str, Any]:
    function = {"name": use["name"], "arguments": orjson.dumps(use["input"]).decode()}
    return {"id": use["toolUseId"], "type": "function", "function": function}


def _usage(value: dict[str, Any]) -> dict[str, int]:
    used = value["usage"]
    return {
        "prompt_tokens": used["inputTokens"],
        "completion_tokens": used["outputTokens"],
        "total_tokens": used["totalTokens"],
    }


@dataclass(slots=True)
class ChatChunks:
    """Turns the events of ConverseStream into chat.completion.chunk events."""

    frame: dict[str, Any]
    wants_usage: bool
    _frames: FrameReader = field(default_factory=FrameReader)
    _tools: dict[int, int] = field(default_factory=dict)
    _has_stopped: bool = False

    def feed(self, data: bytes) -> bytes:
        """Return the chunks of the events that are whole now."""
        return b"".join([self._chunk(frame) for frame in self._frames.feed(data)])

    def finish(self) -> bytes:
        """Return the closing word, if the vendor finished. Raises AnswerInvalid for half a frame."""
        self._frames.finish()
        return b"data: [DONE]\n\n" if self._has_stopped else b""

    def _chunk(self, frame: Frame) -> bytes:
        if frame.headers.get(":message-type") != "event":
            status = STREAM_STATUSES.get(frame.headers.get(":exception-type", ""), 500)
            return b"data: " + openai_error(status, said_by(frame.payload)) + b"\n\n"
        try:
            return self._event(frame.headers[":event-type"], orjson.loads(frame.payload))
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise AnswerInvalid("an event is not one of ConverseStream") from None

    def _event(self, kind: str, value: dict[str, Any]) -> bytes:
        match kind:
            case "messageStart":
                return self._delta({"role": "assistant", "content": ""})
            case "contentBlockStart":
                use = value["start"]["toolUse"]
                index = self._tools[value["contentBlockIndex"]] = len(self._tools)
                function = {"name": use["name"], "arguments": ""}
                call = {"index": index, "id": use["toolUseId"], "type": "function", "function": function}
                return self._delta({"tool_calls": [call]})
            case "contentBlockDelta":
                delta = value["delta"]
                if "text" in delta:
                    return self._delta({"content": delta["text"]})
                index = self._tools[value["contentBlockIndex"]]
                call = {"index": index, "function": {"arguments": delta["toolUse"]["input"]}}
                return self._delta({"tool_calls": [call]})
            case "contentBlockStop":
                return b""
            case "messageStop":
                self._has_stopped = True
                return self._delta({}, _STOPS[value["stopReason"]])
            case "metadata":
                if not self.wants_usage:
                    return b""
                return self._written({"choices": [], "usage": _usage(value)})
            case _:
                raise AnswerInvalid("an event is not one of ConverseStream")

    def _delta(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        return self._written({"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]})

    def _written(self, rest: dict[str, Any]) -> bytes:
        return b"data: " + orjson.dumps({**self.frame, "object": "chat.completion.chunk", **rest}) + b"\n\n"
