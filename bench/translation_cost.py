"""What translation adds to a call: CPU microseconds of request, whole answer and each streamed event.

`python bench/translation_cost.py` prints one line a direction. The request is a 1.3 KB note with a tool, its call
and its result; the streamed answer has 40 text events.
"""

import time
from collections.abc import Callable

import orjson

from wardkeep.model.wire.chat_as_messages import chat_as_messages
from wardkeep.model.wire.converse import to_converse
from wardkeep.model.wire.messages_as_chat import messages_as_chat
from wardkeep.providers.anthropic_chat import MessageChunks, _completion
from wardkeep.providers.openai_messages import ChunkEvents, _message

NOTE = "The patient was seen for chest pain, aspirin 81 mg daily, troponin negative twice. " * 16
SCHEMA = {"type": "object", "properties": {"dose": {"type": "number"}}, "required": ["dose"]}
CHAT = orjson.dumps(
    {
        "model": "m",
        "stream": True,
        "messages": [
            {"role": "system", "content": "You are brief."},
            {"role": "user", "content": NOTE},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"dose": 5}'}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": "none"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}],
    }
)
MESSAGES = chat_as_messages(CHAT)
EVENTS = 40


def _sse(*told: dict[str, object]) -> bytes:
    return b"".join(b"data: " + orjson.dumps(each) + b"\n\n" for each in told)


def _anthropic_stream() -> list[bytes]:
    used = {"input_tokens": 300, "output_tokens": 1}
    text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " aspirin"}}
    return [
        _sse({"type": "message_start", "message": {"usage": used}}),
        _sse({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        *[_sse(text)] * EVENTS,
        _sse({"type": "content_block_stop", "index": 0}),
        _sse({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": used}),
        _sse({"type": "message_stop"}),
    ]


def _chat_stream() -> list[bytes]:
    text = {"choices": [{"index": 0, "delta": {"content": " aspirin"}, "finish_reason": None}]}
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return [*[_sse(text)] * EVENTS, _sse(last), b"data: [DONE]\n\n"]


def spent(work: Callable[[], object], times: int = 5_000) -> float:
    """Return the CPU microseconds of one run, the best of five."""
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for _ in range(times // 5):
            work()
        best = min(best, (time.process_time() - start) / (times // 5) * 1e6)
    return best


def main() -> None:
    frame = {"id": "x", "created": 1, "model": "m"}
    used = {"input_tokens": 300, "output_tokens": 40}
    message = orjson.dumps({"content": [{"type": "text", "text": NOTE}], "stop_reason": "end_turn", "usage": used})
    chat = _completion(message, frame)
    streams = {"chat": _anthropic_stream(), "messages": _chat_stream()}

    def flow(make: Callable[[], MessageChunks | ChunkEvents], pieces: list[bytes]) -> float:
        def once() -> None:
            converter = make()
            for piece in pieces:
                converter.feed(piece)
            converter.finish()

        return spent(once, 1_000)

    rows = (
        ("chat to Anthropic", spent(lambda: chat_as_messages(CHAT)), spent(lambda: _completion(message, frame)),
         flow(lambda: MessageChunks(frame, wants_usage=True), streams["chat"])),
        ("Messages to OpenAI", spent(lambda: messages_as_chat(MESSAGES)), spent(lambda: _message(chat, frame)),
         flow(lambda: ChunkEvents(frame), streams["messages"])),
        ("chat to Converse", spent(lambda: to_converse(CHAT)), 0.0, 0.0),
    )  # fmt: skip
    print("us of CPU: request | whole answer | stream of 40 events (each)")
    for name, request, whole, stream in rows:
        print(f"{name:20s} {request:6.1f} | {whole:6.1f} | {stream:7.1f} ({stream / EVENTS:.1f})")


if __name__ == "__main__":
    main()
