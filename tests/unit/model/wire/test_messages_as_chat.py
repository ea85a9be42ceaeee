"""Messages said as chat completions: what has a word there keeps its meaning, what has none is refused by name."""

import orjson
import pytest

from wardkeep.demo.sim_openai import read_chat
from wardkeep.model.document import parse
from wardkeep.model.reasons import Reason, RefusalError
from wardkeep.model.wire import openai_chat
from wardkeep.model.wire.converse import to_converse
from wardkeep.model.wire.grammar import read
from wardkeep.model.wire.messages_as_chat import messages_as_chat

SAID = [{"role": "user", "content": "hello"}]
TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object"}}
USE = {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": [1, "x"]}}
RESULT = {"type": "tool_result", "tool_use_id": "c1", "content": "r1"}
SCHEMA = {"type": "object", "properties": {"dose": {"type": "number"}}}
CACHED = {"cache_control": {"type": "ephemeral"}}


def text(words: str, **more: object) -> dict:
    return {"type": "text", "text": words, **more}


def raw(**body) -> bytes:
    return messages_as_chat(orjson.dumps({"model": "m", "max_tokens": 5, "messages": SAID, **body}))


def said(**body) -> dict:
    return orjson.loads(raw(**body))


def test_a_conversation_with_tools_keeps_its_meaning():
    turns = [
        {"role": "user", "content": [text("question", **CACHED)]},
        {"role": "assistant", "content": [text("let me see"), USE, {**USE, "id": "c2"}]},
        {"role": "user", "content": [RESULT, {**RESULT, "tool_use_id": "c2", "content": [text("r2")]}, text("and?")]},
    ]
    body = said(
        messages=turns, system=[text("one", **CACHED), text("two")], tools=[{**TOOL, **CACHED}], temperature=0.5,
        top_p=0.9, stop_sequences=["END"], stream=True, metadata={"user_id": "u1"},
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
    )  # fmt: skip
    roles = [turn["role"] for turn in body["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "tool", "user"]
    assert body["messages"][0]["content"] == [text("one"), text("two")]
    calls = body["messages"][2]["tool_calls"]
    assert [(call["id"], orjson.loads(call["function"]["arguments"])) for call in calls] == [
        ("c1", {"a": [1, "x"]}),
        ("c2", {"a": [1, "x"]}),
    ]
    assert [(turn["tool_call_id"], turn["content"]) for turn in body["messages"][3:5]] == [
        ("c1", "r1"),
        ("c2", [text("r2")]),
    ]
    assert body["tools"] == [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
    ]
    kept = ("max_completion_tokens", "temperature", "top_p", "stop", "stream", "stream_options", "user", "store",
            "tool_choice", "parallel_tool_calls")  # fmt: skip
    assert {name: body[name] for name in kept} == {
        "max_completion_tokens": 5, "temperature": 0.5, "top_p": 0.9, "stop": ["END"], "stream": True,
        "stream_options": {"include_usage": True}, "user": "u1", "store": False, "tool_choice": "required",
        "parallel_tool_calls": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"system": "be brief", "tools": [TOOL], "tool_choice": {"type": "tool", "name": "f"}},
        {"messages": [*SAID, {"role": "assistant", "content": [USE]}, {"role": "user", "content": [RESULT]}]},
        {"stream": True},
    ],
)
def test_what_comes_out_passes_the_grammar_of_chat_and_strict_readers(body):
    made = raw(**{"model": "sim-echo", **body})
    read(parse(made), openai_chat.REQUEST)
    assert read_chat(orjson.loads(made)).model == "sim-echo"
    assert orjson.loads(to_converse(made))["messages"]


def test_a_json_answer_is_asked_for_in_its_own_words():
    wanted = {"type": "json_schema", "schema": SCHEMA}
    for body in ({"output_config": {"format": wanted}}, {"output_format": wanted}):
        found = said(**body)["response_format"]
        assert found == {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}


@pytest.mark.parametrize(
    "silent",
    [
        {"thinking": {"type": "disabled"}}, {"service_tier": "standard_only"}, {"speed": "standard"},
        {"inference_geo": "us"}, CACHED, {"stream": False}, {"stop_sequences": []}, {"metadata": {}},
        {"tool_choice": {"type": "none"}}, {"top_k": None},
    ],
)  # fmt: skip
def test_what_asks_for_the_default_says_nothing(silent):
    assert said(**silent) == said()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"top_k": 7}, "top_k"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking"),
        ({"thinking": {"type": "adaptive"}}, "thinking"),
        ({"output_config": {"effort": "high"}}, "output_config.effort"),
        ({"service_tier": "auto"}, "service_tier"),
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, "cache_control"),
        ({"tools": [{**TOOL, "input_examples": [{}]}]}, "tools[0].input_examples"),
        ({"tools": [{**TOOL, "eager_input_streaming": True}]}, "tools[0].eager_input_streaming"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"system": [text("x", citations=[])]}, "system[0]"),
        ({"messages": [{"role": "user", "content": [text("x"), RESULT]}]}, "messages[0].content[1]"),
        (
            {"messages": [{"role": "user", "content": [{**RESULT, "is_error": True}]}]},
            "messages[0].content[0].is_error",
        ),
        (
            {"messages": [{"role": "user", "content": [{**RESULT, "content": [{"type": "document"}]}]}]},
            "messages[0].content[0].content[0]",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "search_result"}]}]}, "messages[0].content[0]"),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "thinking", "thinking": "x", "signature": "s"}]}]},
            "messages[0].content[0]",
        ),
        ({"messages": [{"role": "assistant", "content": [USE, text("after")]}]}, "messages[0].content[1]"),
    ],
)
def test_what_has_no_word_there_is_refused_by_name(body, field):
    with pytest.raises(RefusalError) as caught:
        said(**body)
    assert (caught.value.refused.reason, caught.value.refused.field) == (Reason.TRANSLATION_IMPOSSIBLE, field)
