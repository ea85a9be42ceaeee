"""Answers said in the other format: whole and streamed say the same, whatever the chunking, and one event at a time."""

import orjson
import pytest

from wardkeep.providers.anthropic_chat import MessageChunks, _completion
from wardkeep.providers.conversion import InTurn
from wardkeep.providers.openai_messages import ChunkEvents, _message
from wardkeep.transport.errors import AnswerInvalid, AnswerTooLarge

FRAME = {"id": "x", "created": 1, "model": "m"}
MESSAGE = {"id": "msg_x", "type": "message", "role": "assistant", "model": "m"}


def events(*told: dict) -> bytes:
    return b"".join(b"event: " + each["type"].encode() + b"\ndata: " + orjson.dumps(each) + b"\n\n" for each in told)


def chunks(*told: dict | None) -> bytes:
    return b"".join(b"data: " + (b"[DONE]" if each is None else orjson.dumps(each)) + b"\n\n" for each in told)


def chunk(delta: dict, finish: str | None = None) -> dict:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


USED = {"input_tokens": 10, "cache_read_input_tokens": 4, "output_tokens": 1}


def calling(index: int, name: str, identifier: str) -> dict:
    block = {"type": "tool_use", "id": identifier, "name": name, "input": {}}
    return {"type": "content_block_start", "index": index, "content_block": block}


FROM_ANTHROPIC = events(
    {"type": "message_start", "message": {"usage": USED}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "It is "}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "5 mg."}},
    {"type": "content_block_stop", "index": 1},
    calling(2, "f", "t1"),
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a":'}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": " 1}"}},
    {"type": "content_block_stop", "index": 2},
    calling(3, "g", "t2"),
    {"type": "content_block_stop", "index": 3},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 20}},
    {"type": "message_stop"},
)  # fmt: skip
FROM_OPENAI = chunks(
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "It is "}),
    chunk({"content": "5 mg.", "reasoning_content": "hm"}),
    chunk({"tool_calls": [{"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": " 1}"}}]}),
    chunk({"tool_calls": [{"index": 1, "id": "t2", "type": "function", "function": {"name": "g", "arguments": "{}"}}]}),
    chunk({}, "tool_calls"),
    {
        "choices": [],
        "usage": {"prompt_tokens": 14, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 4}},
    },
    None,
)


def fed(converter, data: bytes, size: int) -> bytes:
    out = b"".join(converter.feed(data[at : at + size]) for at in range(0, len(data), size))
    return out + converter.finish()


def told(body: bytes) -> list[dict]:
    data = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]
    return [orjson.loads(each) for each in data if each != b"[DONE]"]


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_streamed_message_is_a_streamed_completion(size, newline):
    body = fed(MessageChunks(FRAME, wants_usage=True), FROM_ANTHROPIC.replace(b"\n", newline), size)
    assert body.endswith(b"data: [DONE]\n\n")
    deltas = [each["choices"][0]["delta"] for each in told(body) if each["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "It is 5 mg."
    calls: dict[int, list[str]] = {}
    for delta in deltas:
        for call in delta.get("tool_calls", ()):
            calls.setdefault(call["index"], []).append(call["function"].get("name", "") + call["function"]["arguments"])
    assert {index: "".join(parts) for index, parts in calls.items()} == {0: 'f{"a": 1}', 1: "g{}"}
    assert told(body)[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert told(body)[-1]["usage"] == {
        "prompt_tokens": 14, "completion_tokens": 20, "total_tokens": 34, "prompt_tokens_details": {"cached_tokens": 4},
    }  # fmt: skip
    assert b"hm" not in body


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_streamed_completion_is_a_streamed_message(size):
    body = fed(ChunkEvents(MESSAGE), FROM_OPENAI, size)
    found = told(body)
    assert [each["type"] for each in found if each["type"] != "content_block_delta"] == [
        "message_start", "content_block_start", "content_block_stop", "content_block_start", "content_block_stop",
        "content_block_start", "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip
    parts: dict[int, str] = {}
    for each in found:
        if each["type"] == "content_block_delta":
            delta = each["delta"]
            parts[each["index"]] = parts.get(each["index"], "") + delta.get("text", delta.get("partial_json", ""))
    assert parts == {0: "It is 5 mg.", 1: '{"a": 1}', 2: "{}"}
    assert found[-2]["delta"]["stop_reason"] == "tool_use"
    assert found[-2]["usage"] == {"input_tokens": 10, "output_tokens": 20, "cache_read_input_tokens": 4}
    assert b"hm" not in body


def test_there_and_back_says_the_same():
    there = fed(InTurn(ChunkEvents(MESSAGE), MessageChunks(FRAME, wants_usage=True)), FROM_OPENAI, 11)
    once = fed(MessageChunks(FRAME, wants_usage=True), FROM_ANTHROPIC, 11)
    assert [each["choices"] for each in told(there)] == [each["choices"] for each in told(once)]


def test_each_event_is_said_as_soon_as_it_is_whole():
    converter = MessageChunks(FRAME, wants_usage=False)
    said = [converter.feed(event + b"\n\n") for event in FROM_ANTHROPIC.split(b"\n\n")[:-1]]
    spoken = [number for number, event in enumerate(FROM_ANTHROPIC.split(b"\n\n")) if b"text_delta" in event]
    assert all(b"content" in said[number] for number in spoken)
    back = ChunkEvents(MESSAGE)
    said = [back.feed(event + b"\n\n") for event in FROM_OPENAI.split(b"\n\n")[:-1]]
    assert b"It is " in said[1]
    assert b"5 mg." in said[2]


def test_whole_answers_say_the_same():
    used = {"input_tokens": 10, "cache_read_input_tokens": 4, "output_tokens": 20}
    message = {
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "It is 5 mg."},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "usage": used,
    }
    chat = orjson.loads(_completion(orjson.dumps(message), FRAME))
    choice = chat["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("It is 5 mg.", "tool_calls")
    back = orjson.loads(_message(orjson.dumps(chat), MESSAGE))
    assert (back["content"], back["stop_reason"], back["usage"]) == (message["content"][1:], "tool_use", used)


@pytest.mark.parametrize(
    ("stop", "finish"), [("end_turn", "stop"), ("max_tokens", "length"), ("refusal", "content_filter")]
)
def test_the_reason_of_the_end_is_kept(stop, finish):
    message = {"content": [], "stop_reason": stop, "usage": {"input_tokens": 1, "output_tokens": 1}}
    chat = orjson.loads(_completion(orjson.dumps(message), FRAME))
    assert chat["choices"][0]["finish_reason"] == finish
    assert orjson.loads(_message(orjson.dumps(chat), MESSAGE))["stop_reason"] == stop


def test_a_refusal_is_told_as_one():
    chat = {
        "choices": [{"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    }
    message = orjson.loads(_message(orjson.dumps(chat), MESSAGE))
    assert (message["content"], message["stop_reason"]) == ([{"type": "text", "text": "No."}], "refusal")
    streamed = fed(ChunkEvents(MESSAGE), chunks(chunk({"refusal": "No."}), chunk({}, "stop"), None), 9)
    assert told(streamed)[-2]["delta"]["stop_reason"] == "refusal"


def test_an_error_inside_a_stream_is_one_of_the_other_format():
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    body = fed(MessageChunks(FRAME, wants_usage=False), events(error, error), 50)
    assert [each["error"]["message"] for each in told(body)] == ["busy"]
    body = fed(ChunkEvents(MESSAGE), chunks({"error": {"type": "rate_limit_error", "message": "slow"}}, None), 50)
    assert told(body) == [{"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}]


@pytest.mark.parametrize(
    "broken",
    [
        b"data: {\n\n",
        b"data: [1]\n\n",
        events({"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use"}}),
        events({"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta"}}),
        events({"type": "message_delta", "delta": {"stop_reason": "pause_turn"}, "usage": {}}),
        events({"type": "surprise"}),
    ],
)
def test_what_cannot_be_said_ends_the_stream_of_a_message(broken):
    with pytest.raises(AnswerInvalid):
        fed(MessageChunks(FRAME, wants_usage=False), broken, 1000)


@pytest.mark.parametrize(
    "broken",
    [
        chunks({"object": "x"}),
        chunks(
            chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}}]}),
            chunk({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "f"}}]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}),
        ),
        chunks(chunk({"content": "x"}), chunk({}, "surprise"), None),
    ],
)
def test_what_cannot_be_said_ends_the_stream_of_a_completion(broken):
    with pytest.raises(AnswerInvalid):
        fed(ChunkEvents(MESSAGE), broken, 1000)


def test_a_stream_that_breaks_off_has_no_end():
    cut = FROM_ANTHROPIC[: FROM_ANTHROPIC.index(b"event: message_delta")]
    assert b"[DONE]" not in fed(MessageChunks(FRAME, wants_usage=True), cut, 100)
    cut = FROM_OPENAI[: FROM_OPENAI.index(b'"tool_calls"}')]
    assert b"message_stop" not in fed(ChunkEvents(MESSAGE), cut.rsplit(b"\n\n", 1)[0] + b"\n\n", 100)


@pytest.mark.parametrize("converter", [MessageChunks(FRAME, wants_usage=False), ChunkEvents(MESSAGE)])
def test_an_event_without_end_is_bounded(converter):
    for _ in range(4):
        converter.feed(b"x" * (1024 * 1024 - 1))
    with pytest.raises(AnswerTooLarge):
        converter.feed(b"xxxxx")


@pytest.mark.parametrize("raw", [b"<html>", b"[]", b"{}", b'{"content": [{"type": "image"}], "stop_reason": "x"}'])
def test_a_whole_answer_that_is_none_is_refused(raw):
    with pytest.raises(AnswerInvalid):
        _completion(raw, FRAME)
    with pytest.raises(AnswerInvalid):
        _message(raw, MESSAGE)
