"""Streamed answers: any chunking of the vendor's bytes gives the client the same text and arguments (DESIGN 3.7)."""

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardkeep.gateway.safe import unwrap_signature
from wardkeep.gateway.streaming import EventStream
from wardkeep.model.reasons import RefusalError
from wardkeep.model.sensitive import Secret
from wardkeep.model.wire.grammar import SignedBlock

KEY = Secret(b"k" * 32)
TOKEN = "[NAME-k7f3q9x2]"
ORIGINAL = 'Zoë "Zo" O\'Neill\\'
RESTORE = {TOKEN: ORIGINAL}


def pieces(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


def openai_stream(text: str, arguments: str, size: int) -> bytes:
    frame = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    deltas: list[dict] = [{"content": piece} for piece in pieces(text, size)]
    deltas.append(
        {"tool_calls": [{"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}}]}
    )
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces(arguments, size)]
    chunks = [{**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = {**frame, "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 9, "total_tokens": 16}}
    events = [f"data: {json.dumps(chunk)}\n\n" for chunk in [*chunks, usage]]
    return ("".join(events) + "data: [DONE]\n\n").encode()


def anthropic_stream(text: str, arguments: str, thinking: str, size: int) -> bytes:
    events: list[dict] = [{"type": "message_start", "message": {"usage": {"input_tokens": 7, "output_tokens": 1}}}]

    def block(index: int, start: dict, deltas: Iterable[dict]) -> None:
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events.extend({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)
        events.append({"type": "content_block_stop", "index": index})

    thoughts = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(thinking, size)]
    block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        [*thoughts, {"type": "signature_delta", "signature": "sig=="}],
    )
    block(1, {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces(text, size)])
    partial = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(arguments, size)]
    block(2, {"type": "tool_use", "id": "t", "name": "f", "input": {}}, partial)
    events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}})
    events.append({"type": "message_stop"})
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events).encode()


def run(raw: bytes, cuts: Iterable[int], *, is_anthropic: bool) -> tuple[bytes, EventStream]:
    stream = EventStream(restore=dict(RESTORE), conversation_key=KEY, is_anthropic=is_anthropic)
    out, at = [], 0
    for cut in [*sorted(cuts), len(raw)]:
        out.append(stream.feed(raw[at:cut]))
        at = cut
    out.append(stream.finish())
    return b"".join(out), stream


def events_of(raw: bytes) -> list[dict]:
    lines = [line[6:] for line in raw.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def openai_parts(raw: bytes) -> tuple[str, str]:
    deltas = [c["delta"] for e in events_of(raw) for c in e["choices"]]
    calls = [call for d in deltas for call in d.get("tool_calls", [])]
    return "".join(d.get("content") or "" for d in deltas), "".join(c["function"].get("arguments", "") for c in calls)


def anthropic_parts(raw: bytes) -> tuple[str, str, str, str]:
    deltas = [e["delta"] for e in events_of(raw) if e["type"] == "content_block_delta"]
    return tuple("".join(d.get(name, "") for d in deltas) for name in ("text", "partial_json", "thinking", "signature"))


TEXT = f"Seen: {TOKEN}, and [NAME-unknown1] and [[{TOKEN}]; open [NAME-k7f3"
ARGUMENTS = json.dumps({"patient": TOKEN, "note": f"for {TOKEN} [x]", "n": 1})
WANTED_TEXT = TEXT.replace(TOKEN, ORIGINAL)
WANTED_ARGUMENTS = {"patient": ORIGINAL, "note": f"for {ORIGINAL} [x]", "n": 1}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_openai_every_single_split_point(size: int) -> None:
    raw = openai_stream(TEXT, ARGUMENTS, size)
    step = 1 if size > 2 else 7
    for cut in range(0, len(raw), step):
        out, stream = run(raw, [cut], is_anthropic=False)
        text, arguments = openai_parts(out)
        assert text == WANTED_TEXT
        assert json.loads(arguments) == WANTED_ARGUMENTS
        assert (stream.tokens_in, stream.tokens_out) == (7, 9)


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_anthropic_every_single_split_point(size: int) -> None:
    thinking = f"the patient {TOKEN} ..."
    raw = anthropic_stream(TEXT, ARGUMENTS, thinking, size)
    step = 1 if size > 2 else 11
    for cut in range(0, len(raw), step):
        out, stream = run(raw, [cut], is_anthropic=True)
        text, arguments, thought, signature = anthropic_parts(out)
        assert text == WANTED_TEXT
        assert json.loads(arguments) == WANTED_ARGUMENTS
        assert thought == thinking, "a signed block stays byte-equal"
        assert unwrap_signature(SignedBlock(thought, signature, 0), KEY) == "sig=="
        assert (stream.tokens_in, stream.tokens_out) == (7, 9)


def test_single_bytes_and_crlf() -> None:
    for raw in (openai_stream(TEXT, ARGUMENTS, 3), openai_stream(TEXT, ARGUMENTS, 3).replace(b"\n", b"\r\n")):
        out, _ = run(raw, range(len(raw)), is_anthropic=False)
        text, arguments = openai_parts(out)
        assert text == WANTED_TEXT
        assert json.loads(arguments) == WANTED_ARGUMENTS


@given(st.text(max_size=80), st.integers(1, 9), st.lists(st.integers(0, 4000), max_size=12))
def test_any_text_any_chunking(text: str, size: int, cuts: list[int]) -> None:
    text = text.encode("utf-8", "ignore").decode()
    raw = openai_stream(text, "{}", size)
    whole, _ = run(raw, [], is_anthropic=False)
    cut, _ = run(raw, [c for c in cuts if c < len(raw)], is_anthropic=False)
    assert openai_parts(whole) == openai_parts(cut) == (text, "{}")


def test_terminal_event_is_held_until_finish() -> None:
    raw = openai_stream("hello", "{}", 2)
    stream = EventStream(restore={}, conversation_key=KEY, is_anthropic=False)
    assert b"[DONE]" not in stream.feed(raw)
    assert stream.finish() == b"data: [DONE]\n\n"


def test_unaltered_events_pass_byte_equal() -> None:
    raw = openai_stream("no surrogate here", '{"a": 1.50}', 4)
    out, _ = run(raw, [], is_anthropic=False)
    assert out == raw


@pytest.mark.parametrize("garbage", [b"data: {broken\n\n", b"data: [1]\n\n", b'data: "x"\n\n'])
def test_garbage_is_refused(garbage: bytes) -> None:
    stream = EventStream(restore={}, conversation_key=KEY, is_anthropic=False)
    with pytest.raises(RefusalError):
        stream.feed(garbage)


def test_interleaved_choices_do_not_mix() -> None:
    def chunk(index: int, content: str) -> bytes:
        return b"data: " + json.dumps({"choices": [{"index": index, "delta": {"content": content}}]}).encode() + b"\n\n"

    raw = b"".join(
        chunk(i, p)
        for pair in zip(pieces(TOKEN, 4), pieces("[PHONE-abcdefgh]", 4), strict=False)
        for i, p in enumerate(pair)
    )
    out, _ = run(raw + b"data: [DONE]\n\n", [], is_anthropic=False)
    texts: dict[int, str] = {}
    for event in events_of(out):
        for choice in event["choices"]:
            texts[choice["index"]] = texts.get(choice["index"], "") + choice["delta"]["content"]
    assert texts[0] == ORIGINAL
