"""Chat completions said as Messages: what has a word there keeps its meaning, what has none is refused by name."""

import orjson
import pytest

from wardkeep.demo.sim_anthropic import read_messages
from wardkeep.model.document import parse
from wardkeep.model.reasons import Reason, RefusalError
from wardkeep.model.wire import anthropic_messages
from wardkeep.model.wire.chat_as_messages import DEFAULT_MAX_TOKENS, chat_as_messages
from wardkeep.model.wire.grammar import read

SAID = [{"role": "user", "content": "hello"}]
FUNCTION = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": [1, "x"]}'}}
SCHEMA = {"type": "object", "properties": {"dose": {"type": "number"}}, "additionalProperties": False}


def said(**body) -> dict:
    return orjson.loads(chat_as_messages(orjson.dumps({"model": "m", "messages": SAID, **body})))


def calling(arguments: str) -> list[dict]:
    return [*SAID, {"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "f", "arguments": arguments}}]}]


def test_a_conversation_with_tools_keeps_its_meaning():
    turns = [
        {"role": "system", "content": "one"},
        {"role": "developer", "content": [{"type": "text", "text": "two"}]},
        {"role": "user", "content": "question"},
        {"role": "assistant", "content": "let me see", "tool_calls": [CALL, {**CALL, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "r1"},
        {"role": "tool", "tool_call_id": "c2", "content": ""},
        {"role": "user", "content": "and?"},
    ]
    body = said(
        messages=turns, tools=[FUNCTION], max_tokens=7, temperature=0.5, top_p=0.9, stop="END", stream=True, user="u1"
    )
    assert body["system"] == [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    use = {"type": "tool_use", "name": "f", "input": {"a": [1, "x"]}}
    assert body["messages"][1]["content"] == [
        {"type": "text", "text": "let me see"}, {**use, "id": "c1"}, {**use, "id": "c2"},
    ]  # fmt: skip
    assert body["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "r1"}]},
        {"type": "tool_result", "tool_use_id": "c2"},
        {"type": "text", "text": "and?"},
    ]
    assert body["tools"] == [{"name": "f", "description": "d", "input_schema": {"type": "object"}}]
    rest = {name: body[name] for name in ("max_tokens", "temperature", "top_p", "stop_sequences", "stream", "metadata")}
    assert rest == {
        "max_tokens": 7, "temperature": 0.5, "top_p": 0.9, "stop_sequences": ["END"], "stream": True,
        "metadata": {"user_id": "u1"},
    }  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tools": [FUNCTION], "tool_choice": "required", "parallel_tool_calls": False},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}},
        {"messages": calling("{}")},
    ],
)
def test_what_comes_out_passes_the_grammar_of_messages_and_a_strict_reader(body):
    made = chat_as_messages(orjson.dumps({"model": "sim-echo", "messages": SAID, **body}))
    read(parse(made), anthropic_messages.REQUEST)
    body = orjson.loads(made)
    body.pop("output_config", None)
    assert read_messages(body, version="2023-06-01", beta=False).model == "sim-echo"


def test_a_bound_is_put_in_where_none_is_named():
    assert said()["max_tokens"] == DEFAULT_MAX_TOKENS
    assert said(max_completion_tokens=9)["max_tokens"] == 9


def test_a_json_answer_is_asked_for_in_its_own_words():
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
    assert said(response_format=wanted)["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        (None, None, None),
        ("auto", None, {"type": "auto"}),
        ("required", True, {"type": "any"}),
        ("none", False, {"type": "none"}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"type": "function", "function": {"name": "f"}}, None, {"type": "tool", "name": "f"}),
    ],
)
def test_the_choice_of_a_tool_is_kept(choice, parallel, expected):
    assert said(tools=[FUNCTION], tool_choice=choice, parallel_tool_calls=parallel).get("tool_choice") == expected


@pytest.mark.parametrize(
    "silent",
    [
        {"store": False}, {"n": 1}, {"logprobs": False}, {"presence_penalty": 0}, {"seed": None}, {"stream": False},
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
        ({"temperature": 1.5}, "temperature"),
        ({"logprobs": True}, "logprobs"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"safety_identifier": "x"}, "safety_identifier"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": {}, "description": "d"},
                }
            },
            "response_format",
        ),
        ({"reasoning_effort": "high"}, "reasoning_effort"),
        ({"prediction": {"type": "content", "content": "x"}}, "prediction"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0]"),
        ({"tools": [{"type": "function", "function": {"name": "f", "strict": True}}]}, "tools[0]"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "custom", "custom": {"name": "f"}}}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"messages": [*SAID, {"role": "system", "content": "late"}]}, "messages[1].role"),
        ({"messages": [{"role": "user", "content": "x", "name": "n"}]}, "messages[0].name"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages[0].content"),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}]},
            "messages[0].content",
        ),
        ({"messages": [*SAID, {"role": "tool", "content": "x"}]}, "messages[1].tool_call_id"),
        ({"messages": [{"role": "function", "name": None, "content": "x"}]}, "messages[0].role"),
        ({"messages": calling("[")}, "messages[1].tool_calls.arguments"),
        ({"messages": calling("7")}, "messages[1].tool_calls.arguments"),
        (
            {"messages": [*SAID, {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {}}]}]},
            "messages[1].tool_calls",
        ),
    ],
)
def test_what_has_no_word_there_is_refused_by_name(body, field):
    with pytest.raises(RefusalError) as caught:
        said(**body)
    assert (caught.value.refused.reason, caught.value.refused.field) == (Reason.TRANSLATION_IMPOSSIBLE, field)
