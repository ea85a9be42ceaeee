"""Stage 8, streamed answers: restore while it streams, whatever the chunking (WHATWG HTML "server-sent events").

Events are cut at blank lines, each event's JSON is spliced. Text is held back only as long as it may be the start of a
surrogate. The terminal event is held until `finish`, so that the ledger entry can be closed before it is released.
"""

from dataclasses import dataclass, field
from typing import Final

import orjson

from wardkeep.gateway.answers import restore_answer, usage_of
from wardkeep.gateway.safe import wrap_signature
from wardkeep.model.document import parse
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.sensitive import Secret
from wardkeep.privacy.prompt.answer import AnswerWatch, TextStream
from wardkeep.privacy.reidentify import StreamRestorer
from wardkeep.privacy.shift import DateShift

MAX_EVENT_BYTES: Final = 4 * 1024 * 1024


def _invalid() -> RefusalError:
    return RefusalError(Refused(reason=Reason.VENDOR_ANSWER_INVALID))


@dataclass(slots=True)
class EventStream:
    """Feeds on upstream bytes, yields bytes that may be released once recorded.

    Raises `RefusalError` (VENDOR_ANSWER_INVALID, VENDOR_ANSWER_TOO_LARGE) when an event cannot be read: what cannot be
    read cannot be restored, so the stream ends there.
    """

    restore: dict[str, str]
    conversation_key: Secret[bytes]
    is_anthropic: bool
    shift: DateShift | None = None
    watch: AnswerWatch | None = None
    is_responses: bool = False
    tokens_in: int | None = None
    tokens_out: int | None = None
    has_failed: bool = False
    usage: object = None
    _is_complete: bool = False
    _buffer: bytearray = field(default_factory=bytearray)
    _held: list[bytes] = field(default_factory=list)
    _restorers: dict[tuple[object, ...], TextStream] = field(default_factory=dict)
    _thinking: dict[int, list[str]] = field(default_factory=dict)
    _inserted: int = 0

    def feed(self, data: bytes) -> bytes:
        """Take upstream bytes; return what can be released now."""
        buffer = self._buffer
        buffer += data
        if b"\r" in buffer:
            self._normalise()
        end = buffer.rfind(b"\n\n")
        if end < 0:
            if len(buffer) > MAX_EVENT_BYTES:
                raise RefusalError(Refused(reason=Reason.VENDOR_ANSWER_TOO_LARGE))
            return b""
        whole = bytes(buffer[:end])
        del buffer[: end + 2]
        return b"".join([self._event(event) for event in whole.split(b"\n\n") if event])

    def finish(self) -> bytes:
        """Return what was held: the terminal event. Raises `RefusalError` when the vendor sent none."""
        if self._buffer.strip():
            self._held.append(self._event(bytes(self._buffer).rstrip(b"\n")))
            self._buffer.clear()
        if not self._is_complete:
            raise _invalid()
        return b"".join(self._held)

    def _normalise(self) -> None:
        """Turn CRLF into LF. A lone trailing CR waits for its LF."""
        tail = b"\r" if self._buffer.endswith(b"\r") else b""
        body = self._buffer[: -1 if tail else None].replace(b"\r\n", b"\n")
        self._buffer = bytearray(body + tail)

    def _event(self, event: bytes) -> bytes:
        data = [line[5:].lstrip(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
        if not data:
            return event + b"\n\n"
        payload = data[0] if len(data) == 1 else b"\n".join(data)
        if payload == b"[DONE]":
            self._is_complete = True
            self._held.append(event + b"\n\n")
            return b""
        try:
            value = orjson.loads(payload)
        except orjson.JSONDecodeError:
            raise _invalid() from None
        if not isinstance(value, dict):
            raise _invalid()
        if self.is_responses:
            return self._response(event, payload, value)
        return self._anthropic(event, payload, value) if self.is_anthropic else self._openai(event, payload, value)

    # -- OpenAI: chat.completion.chunk -------------------------------------------------------------------------------

    def _openai(self, event: bytes, payload: bytes, value: dict[str, object]) -> bytes:
        if value.get("usage") is not None:
            self.tokens_in, self.tokens_out = usage_of(value)
        if not self.restore and self.shift is None and self.watch is None:
            return event + b"\n\n"
        before = b""
        changed = False
        for choice in _dicts(value.get("choices")):
            index, delta = choice.get("index"), choice.get("delta")
            if isinstance(delta, dict):
                for name in ("content", "refusal", "reasoning_content", "reasoning"):
                    changed |= self._edit(delta, name, (index, name), is_json=False)
                for call in _dicts(delta.get("tool_calls")):
                    function = call.get("function")
                    if isinstance(function, dict):
                        changed |= self._edit(function, "arguments", (index, "tool", call.get("index")), is_json=True)
            if choice.get("finish_reason") is not None:
                before += self._flush_openai(value, index)
        return before + _rewritten(event, payload, value, changed=changed)

    def _flush_openai(self, value: dict[str, object], index: object) -> bytes:
        """Release what the restorers of one choice still hold, as one more chunk before the finishing one."""
        out = b""
        frame: dict[str, object] = {name: value[name] for name in ("id", "object", "created", "model") if name in value}
        for key in [key for key in self._restorers if key[0] == index]:
            held = self._restorers.pop(key).finish()
            if held:
                delta: dict[str, object] = {str(key[1]): held}
                if key[1] == "tool":
                    delta = {"tool_calls": [{"index": key[2], "function": {"arguments": held}}]}
                chunk = {**frame, "choices": [{"index": index, "delta": delta, "finish_reason": None}]}
                out += b"data: " + orjson.dumps(chunk) + b"\n\n"
        return out

    # -- Anthropic: message and content block events -----------------------------------------------------------------

    def _anthropic(self, event: bytes, payload: bytes, value: dict[str, object]) -> bytes:
        kind, index = value.get("type"), value.get("index")
        if kind == "content_block_delta" and isinstance(delta := value.get("delta"), dict):
            return _rewritten(event, payload, value, changed=self._anthropic_delta(index, delta))
        if kind == "content_block_start" and isinstance(block := value.get("content_block"), dict):
            return _rewritten(event, payload, value, changed=self._anthropic_start(index, block))
        if kind == "content_block_stop":
            return self._flush_anthropic(index) + event + b"\n\n"
        if kind == "message_start" and isinstance(message := value.get("message"), dict):
            self.tokens_in, self.tokens_out = usage_of(message)
            self.usage = message.get("usage")
        elif kind == "message_delta":
            tokens_in, self.tokens_out = usage_of(value)
            # Cumulative where it is told again, and perhaps without what came from the vendor's cache.
            self.tokens_in = max((each for each in (self.tokens_in, tokens_in) if each is not None), default=None)
        elif kind == "message_stop":
            self._is_complete = True
            self._held.append(event + b"\n\n")
            return b""
        elif kind == "error":
            self._is_complete = self.has_failed = True
        return event + b"\n\n"

    def _anthropic_start(self, index: object, block: dict[str, object]) -> bool:
        kind = block.get("type")
        if kind == "redacted_thinking" and isinstance(data := block.get("data"), str):
            block["data"] = wrap_signature("", data, self.conversation_key)
            return True
        if kind == "thinking" and isinstance(index, int):
            self._thinking[index] = [str(block.get("thinking", ""))]
        return kind == "text" and self._edit(block, "text", (index, "text_delta", "text"), is_json=False)

    def _anthropic_delta(self, index: object, delta: dict[str, object]) -> bool:
        kind = delta.get("type")
        if kind == "text_delta":
            return self._edit(delta, "text", (index, kind, "text"), is_json=False)
        if kind == "input_json_delta":
            return self._edit(delta, "partial_json", (index, kind, "partial_json"), is_json=True)
        if kind == "thinking_delta" and isinstance(index, int):
            self._thinking.setdefault(index, []).append(str(delta.get("thinking", "")))
        elif (
            kind == "signature_delta"
            and isinstance(index, int)
            and isinstance(signature := delta.get("signature"), str)
        ):
            delta["signature"] = wrap_signature(
                "".join(self._thinking.get(index, [])), signature, self.conversation_key
            )
            return True
        return False

    def _flush_anthropic(self, index: object) -> bytes:
        out = b""
        for key in [key for key in self._restorers if key[0] == index]:
            held = self._restorers.pop(key).finish()
            if held:
                delta = {"type": key[1], str(key[2]): held}
                chunk = orjson.dumps({"type": "content_block_delta", "index": index, "delta": delta})
                out += b"event: content_block_delta\ndata: " + chunk + b"\n\n"
        return out

    # -- OpenAI: response.* events -----------------------------------------------------------------------------------

    def _response(self, event: bytes, payload: bytes, value: dict[str, object]) -> bytes:
        kind = str(value.get("type"))
        if kind == "error":
            self._is_complete = self.has_failed = True
            return event + b"\n\n"
        if kind in _RESPONSE_DELTAS:
            changed = self._edit(value, "delta", _response_key(kind, value), is_json=kind in _RESPONSE_JSON)
            return self._numbered(event, payload, value, changed=changed)
        before = self._flush_response(kind, value) if kind.endswith(".done") else b""
        restored = self._whole(payload)
        out = self._numbered(event.replace(payload, restored, 1), restored, None, changed=False)
        if kind in _RESPONSE_ENDS:
            answer = value.get("response")
            if isinstance(answer, dict):
                self.tokens_in, self.tokens_out = usage_of(answer)
            self._is_complete = True
            self.has_failed = kind == "response.failed"
            self._held.append(before + out)
            return b""
        return before + out

    def _whole(self, payload: bytes) -> bytes:
        """Restore an event that carries whole texts: items, parts, and the response itself."""
        if not self.restore and self.shift is None and self.watch is None and b"encrypted_content" not in payload:
            return payload
        try:
            document = parse(payload)
        except RefusalError:
            raise _invalid() from None
        return restore_answer(document, self.restore, self.conversation_key, self.shift, self.watch)

    def _flush_response(self, kind: str, value: dict[str, object]) -> bytes:
        """Release what the restorer of one text still holds, as one more delta before its end."""
        delta = kind.removesuffix("done") + "delta"
        restorer = self._restorers.pop(_response_key(delta, value), None)
        held = "" if restorer is None else restorer.finish()
        if not held:
            return b""
        places = ("item_id", "output_index", "content_index", "summary_index", "sequence_number")
        chunk: dict[str, object] = {"type": delta, **{name: value[name] for name in places if name in value}}
        chunk["delta"] = held
        if delta == "response.output_text.delta":
            chunk["logprobs"] = []
        out = self._numbered(b"", b"", chunk, changed=True)
        self._inserted += 1
        return b"event: " + delta.encode() + b"\ndata: " + out

    def _numbered(self, event: bytes, payload: bytes, value: dict[str, object] | None, *, changed: bool) -> bytes:
        """Return the event; once one was inserted, those after it are numbered on."""
        if not changed and not self._inserted:
            return event + b"\n\n"
        told = orjson.loads(payload) if value is None else value
        if isinstance(number := told.get("sequence_number"), int):
            told["sequence_number"] = number + self._inserted
        written = orjson.dumps(told)
        return (event.replace(payload, written, 1) if payload else written) + b"\n\n"

    def _edit(self, holder: dict[str, object], name: str, key: tuple[object, ...], *, is_json: bool) -> bool:
        """Restore one streamed text in place; return whether it changed."""
        text = holder.get(name)
        is_plain = not self.restore and self.shift is None
        if not isinstance(text, str) or not text or (is_plain and self.watch is None):
            return False
        restorer = self._restorers.get(key)
        if restorer is None:
            if self.watch is None and self.shift is None and "[" not in text and not (is_json and "\\" in text):
                return False
            below = None if is_plain else StreamRestorer(self.restore, 1 if is_json else 0, self.shift)
            restorer = below if self.watch is None and below is not None else self._watched(below, is_json=is_json)
            self._restorers[key] = restorer
        holder[name] = restorer.feed(text)
        return holder[name] != text

    def _watched(self, below: StreamRestorer | None, *, is_json: bool) -> TextStream:
        watch = self.watch
        return watch.stream(below, is_json=is_json) if watch is not None else StreamRestorer(self.restore)


_RESPONSE_JSON: Final = frozenset({"response.function_call_arguments.delta"})
_RESPONSE_DELTAS: Final = _RESPONSE_JSON | {
    "response.output_text.delta",
    "response.refusal.delta",
    "response.reasoning_text.delta",
    "response.reasoning_summary_text.delta",
    "response.custom_tool_call_input.delta",
}
_RESPONSE_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})


def _response_key(kind: str, value: dict[str, object]) -> tuple[object, ...]:
    return (kind, *(value.get(name) for name in ("item_id", "output_index", "content_index", "summary_index")))


def _dicts(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _rewritten(event: bytes, payload: bytes, value: dict[str, object], *, changed: bool) -> bytes:
    """Return the event, its JSON written anew only where something in it was restored."""
    return (event.replace(payload, orjson.dumps(value), 1) if changed else event) + b"\n\n"
