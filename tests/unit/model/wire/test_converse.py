"""Chat completions said as Converse: what has a word there keeps its meaning, what has none is refused by name."""

import orjson
import pytest
from tests.simulators.converse import read_converse

from wardkeep.model.reasons import Reason, RefusalError
from wardkeep.model.wire.converse import to_converse

SAID = [{"role": "user", "content": "hello"}]
FUNCTION = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": [1, "x"]}'}}


def calling(arguments: str) -> list[dict]:
    return [*SAID, {"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "f", "arguments": arguments}}]}]


def said(**body) -> dict:
    return orjson.loads(to_converse(orjson.dumps({"model": "m", "messages": SAID, **body})))


def test_a_conversation_with_tools_keeps_its_meaning():
    turns = [
        {"role": "system", "content": "one"},
        {"role": "developer", "content": [{"type": "text", "text": "two"}]},
        {"role": "user", "content": "question"},
        {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "r1"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "r2"}]},
        {"role": "user", "content": "and?"},
    ]
    body = said(messages=turns, tools=[FUNCTION], max_tokens=7, temperature=0.5, top_p=0.9, stop="END", stream=True)
    assert body["system"] == [{"text": "one"}, {"text": "two"}]
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][1]["content"][0] == {"toolUse": {"toolUseId": "c1", "name": "f", "input": {"a": [1, "x"]}}}
    assert body["messages"][2]["content"] == [
        {"toolResult": {"toolUseId": "c1", "content": [{"text": "r1"}]}},
        {"toolResult": {"toolUseId": "c2", "content": [{"text": "r2"}]}},
        {"text": "and?"},
    ]
    assert body["inferenceConfig"] == {"maxTokens": 7, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]}
    assert read_converse(body, "sim-echo", stream=False).user_text == "and?"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", None),
        ("required", {"any": {}}),
        ({"type": "function", "function": {"name": "f"}}, {"tool": {"name": "f"}}),
    ],
)
def test_the_choice_of_a_tool_is_kept(choice, expected):
    assert said(tools=[FUNCTION], tool_choice=choice)["toolConfig"].get("toolChoice") == expected


@pytest.mark.parametrize(
    "silent",
    [
        {"store": False}, {"n": 1}, {"logprobs": False}, {"presence_penalty": 0}, {"seed": None},
        {"parallel_tool_calls": True}, {"service_tier": "auto"}, {"response_format": {"type": "text"}},
        {"stream_options": {"include_usage": True}}, {"tool_choice": "none"},
    ],
)  # fmt: skip
def test_what_asks_for_the_default_says_nothing(silent):
    assert said(**silent) == said()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"seed": 7}, "seed"),
        ({"n": 2}, "n"),
        ({"user": "u"}, "user"),
        ({"logprobs": True}, "logprobs"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"reasoning_effort": "high"}, "reasoning_effort"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"prediction": {"type": "content", "content": "x"}}, "prediction"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0]"),
        ({"tools": [{"type": "function", "function": {"name": "f", "strict": True}}]}, "tools[0]"),
        ({"tools": [FUNCTION], "tool_choice": "none"}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"messages": [*SAID, {"role": "system", "content": "late"}]}, "messages[1].role"),
        ({"messages": [{"role": "user", "content": "x", "name": "n"}]}, "messages[0].name"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages[0].content"),
        ({"messages": [*SAID, {"role": "tool", "tool_call_id": "c1", "content": ""}]}, "messages[1].content"),
        ({"messages": [{"role": "function", "name": None, "content": "x"}]}, "messages[0].role"),
        (
            {"messages": calling("[")},
            "messages[1].tool_calls.arguments",
        ),
        (
            {"messages": calling("7")},
            "messages[1].tool_calls.arguments",
        ),
        ({"messages": [*SAID, {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {}}]}]},
         "messages[1].tool_calls"),
    ],
)  # fmt: skip
def test_what_has_no_word_there_is_refused_by_name(body, field):
    with pytest.raises(RefusalError) as caught:
        said(**body)
    assert (caught.value.refused.reason, caught.value.refused.field) == (Reason.TRANSLATION_IMPOSSIBLE, field)
