"""What each wire format refuses, with its reason and the place, and which features a body is said to use."""

from typing import Any

import orjson
import pytest
from tests.unit.model.wire.samples import ANTHROPIC, OPENAI, Path, bent, without

from wardkeep.model.document import parse
from wardkeep.model.reasons import Reason, RefusalError
from wardkeep.model.spans import LeafKind
from wardkeep.model.wire import anthropic_messages, openai_chat
from wardkeep.model.wire.grammar import Reading, Record, read

CHAT, MESSAGES, COUNT = openai_chat.REQUEST, anthropic_messages.REQUEST, anthropic_messages.COUNT_TOKENS
SAID = [{"role": "user", "content": "hello"}]
CHAT_MINIMUM: dict[str, Any] = {"model": "alias", "messages": SAID}
MESSAGES_MINIMUM: dict[str, Any] = {**CHAT_MINIMUM, "max_tokens": 5}


def reading(grammar: Record, body: dict[str, Any]) -> Reading:
    return read(parse(orjson.dumps(body)), grammar)


def refused(grammar: Record, body: dict[str, Any]) -> tuple[Reason, str | None]:
    with pytest.raises(RefusalError) as caught:
        reading(grammar, body)
    return caught.value.refused.reason, caught.value.refused.field


@pytest.mark.parametrize(
    ("members", "reason", "field"),
    [
        ({"frobnicate": 1}, Reason.FIELD_UNLISTED, "(a name not shown)"),
        ({"A Name With Spaces": 1}, Reason.FIELD_UNLISTED, "(a name not shown)"),
        ({"frobnicate": None}, Reason.FIELD_UNLISTED, "(a name not shown)"),
        ({"model": None}, Reason.FIELD_MISSING, "model"),
        ({"messages": None}, Reason.FIELD_MISSING, "messages"),
        ({"model": 7}, Reason.FIELD_INVALID, "model"),
        ({"model": "a b"}, Reason.FIELD_INVALID, "model"),
        ({"model": ""}, Reason.FIELD_INVALID, "model"),
        ({"model": "m\n"}, Reason.FIELD_INVALID, "model"),
        ({"model": "m" * 257}, Reason.FIELD_INVALID, "model"),
        ({"messages": {}}, Reason.FIELD_INVALID, "messages"),
        ({"messages": "hello"}, Reason.FIELD_INVALID, "messages"),
        ({"messages": [7]}, Reason.FIELD_INVALID, "messages[0]"),
        ({"messages": [{"content": "x"}]}, Reason.FIELD_INVALID, "messages[0].role"),
        ({"messages": [{"role": "oracle", "content": "x"}]}, Reason.FIELD_INVALID, "messages[0].role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, Reason.FIELD_INVALID, "messages[0].role"),
        ({"messages": [*SAID, {"role": "user", "content": 5}]}, Reason.FIELD_INVALID, "messages[1].content"),
        ({"messages": [{"role": "user", "content": "x", "weight": 1}]}, Reason.FIELD_UNLISTED, "messages[0].weight"),
        (
            {"messages": [{"role": "user", "content": "x", "tool_calls": []}]},
            Reason.FIELD_UNLISTED,
            "messages[0].tool_calls",
        ),
        ({"messages": [{"role": "user", "content": ["x"]}]}, Reason.FIELD_INVALID, "messages[0].content[0]"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            Reason.FIELD_MISSING,
            "messages[0].content[0].text",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]},
            Reason.CONTENT_UNREADABLE,
            "messages[0].content[0]",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
            Reason.CONTENT_UNREADABLE,
            "messages[0].content[0]",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
            Reason.CONTENT_UNREADABLE,
            "messages[0].content[0]",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "hologram"}]}]},
            Reason.CONTENT_UNREADABLE,
            "messages[0].content[0].type",
        ),
        ({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, Reason.CONTENT_UNREADABLE, "messages[0].audio"),
        ({"messages": [{"role": "assistant", "annotations": [{}]}]}, Reason.FIELD_UNLISTED, "messages[0].annotations"),
        ({"store": True}, Reason.FIELD_DENIED, "store"),
        ({"store": 0}, Reason.FIELD_DENIED, "store"),
        ({"store": "false"}, Reason.FIELD_DENIED, "store"),
        ({"background": True}, Reason.FIELD_DENIED, "background"),
        ({"previous_response_id": "r"}, Reason.FIELD_DENIED, "previous_response_id"),
        ({"previous_response_id": ""}, Reason.FIELD_DENIED, "previous_response_id"),
        ({"conversation": {"id": "c"}}, Reason.FIELD_DENIED, "conversation"),
        ({"prompt_cache_retention": "24h"}, Reason.FIELD_DENIED, "prompt_cache_retention"),
        ({"stream_options": {"include_obfuscation": False}}, Reason.FIELD_DENIED, "stream_options.include_obfuscation"),
        ({"web_search_options": {"user_location": {}}}, Reason.FEATURE_DENIED, "web_search_options"),
        ({"tools": [{"type": "web_search"}]}, Reason.FEATURE_DENIED, "tools[0].type"),
        ({"tools": [{"type": "code_interpreter", "container": {}}]}, Reason.FEATURE_DENIED, "tools[0].type"),
        ({"tools": [{"type": "file_search"}]}, Reason.FEATURE_DENIED, "tools[0].type"),
        ({"tools": [{"type": "mcp", "server_url": "https://x.example"}]}, Reason.FEATURE_DENIED, "tools[0].type"),
        ({"tools": [{"function": {"name": "f"}}]}, Reason.FEATURE_DENIED, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {}}]}, Reason.FIELD_MISSING, "tools[0].function.name"),
        ({"modalities": ["text", "audio"]}, Reason.CONTENT_UNREADABLE, "modalities"),
        ({"audio": {"voice": "v"}}, Reason.CONTENT_UNREADABLE, "audio"),
        ({"temperature": "0.5"}, Reason.FIELD_INVALID, "temperature"),
        ({"temperature": True}, Reason.FIELD_INVALID, "temperature"),
        ({"stream": 1}, Reason.FIELD_INVALID, "stream"),
        ({"stream": "true"}, Reason.FIELD_INVALID, "stream"),
        ({"stop": {"a": "b"}}, Reason.FIELD_INVALID, "stop"),
        ({"stop": [1]}, Reason.FIELD_INVALID, "stop[0]"),
        ({"response_format": {"type": "xml"}}, Reason.FIELD_INVALID, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, Reason.FIELD_MISSING, "response_format.json_schema"),
        ({"tool_choice": "sometimes"}, Reason.FIELD_INVALID, "tool_choice"),
        ({"tool_choice": []}, Reason.FIELD_INVALID, "tool_choice"),
        ({"reasoning_effort": "extreme"}, Reason.FIELD_INVALID, "reasoning_effort"),
        ({"wardkeep": {"other": 1}}, Reason.FIELD_UNLISTED, "wardkeep"),
        ({"wardkeep": []}, Reason.FIELD_UNLISTED, "wardkeep"),
        ({"wardkeep": {"subject_identities": "x"}}, Reason.FIELD_INVALID, "wardkeep.subject_identities"),
        ({"wardkeep": {"subject_identities": [7]}}, Reason.FIELD_INVALID, "wardkeep.subject_identities"),
        ({"wardkeep": {"subject_identities": ["x"]}}, Reason.FIELD_INVALID, "wardkeep.subject_identities"),
        ({"wardkeep": {"subject_identities": ["xx"] * 257}}, Reason.FIELD_INVALID, "wardkeep.subject_identities"),
    ],
)
def test_chat_completions_refuse(members: dict[str, Any], reason: Reason, field: str) -> None:
    assert refused(CHAT, {**CHAT_MINIMUM, **members}) == (reason, field)


def blocks(*content: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(content)}]}


@pytest.mark.parametrize(
    ("members", "reason", "field"),
    [
        ({"frobnicate": 1}, Reason.FIELD_UNLISTED, "(a name not shown)"),
        ({"max_tokens": None}, Reason.FIELD_MISSING, "max_tokens"),
        ({"max_tokens": "5"}, Reason.FIELD_INVALID, "max_tokens"),
        ({"messages": [{"role": "user"}]}, Reason.FIELD_MISSING, "messages[0].content"),
        ({"messages": [{"role": "user", "content": None}]}, Reason.FIELD_MISSING, "messages[0].content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, Reason.FIELD_INVALID, "messages[0].role"),
        (
            blocks({"type": "image", "source": {"type": "base64", "data": ""}}),
            Reason.CONTENT_UNREADABLE,
            "messages[0].content[0]",
        ),
        (
            blocks({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": ""}}),
            Reason.CONTENT_UNREADABLE,
            "messages[0].content[0].source.type",
        ),
        (
            blocks({"type": "document", "source": {"type": "file", "file_id": "f"}}),
            Reason.CONTENT_UNREADABLE,
            "messages[0].content[0].source.type",
        ),
        (
            blocks({"type": "document", "source": {"type": "url", "url": "https://x.example"}}),
            Reason.CONTENT_UNREADABLE,
            "messages[0].content[0].source.type",
        ),
        (blocks({"type": "document"}), Reason.FIELD_MISSING, "messages[0].content[0].source"),
        (blocks({"type": "container_upload", "file_id": "f"}), Reason.FEATURE_DENIED, "messages[0].content[0]"),
        (blocks({"type": "server_tool_use", "id": "s"}), Reason.FEATURE_DENIED, "messages[0].content[0]"),
        (blocks({"type": "web_search_tool_result"}), Reason.FEATURE_DENIED, "messages[0].content[0]"),
        (blocks({"type": "hologram"}), Reason.CONTENT_UNREADABLE, "messages[0].content[0].type"),
        (blocks({"text": "no type"}), Reason.CONTENT_UNREADABLE, "messages[0].content[0].type"),
        (
            blocks({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": {}}]}),
            Reason.CONTENT_UNREADABLE,
            "messages[0].content[0].content[0]",
        ),
        (
            blocks(
                {"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": {"type": "code_execution_20250825"}}
            ),
            Reason.FIELD_INVALID,
            "messages[0].content[0].caller.type",
        ),
        (blocks({"type": "thinking", "thinking": "x"}), Reason.FIELD_MISSING, "messages[0].content[0].signature"),
        (blocks({"type": "thinking", "thinking": "x", "signature": 7}), Reason.FIELD_INVALID, "messages[0].content[0]"),
        (
            blocks({"type": "thinking", "thinking": "x", "signature": "s", "note": "y"}),
            Reason.FIELD_UNLISTED,
            "messages[0].content[0]",
        ),
        (blocks({"type": "redacted_thinking"}), Reason.FIELD_MISSING, "messages[0].content[0].data"),
        (
            blocks({"type": "text", "text": "x", "citations": [{"type": "char_location"}]}),
            Reason.FIELD_UNLISTED,
            "messages[0].content[0].citations",
        ),
        (
            blocks({"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "24h"}}),
            Reason.FIELD_INVALID,
            "messages[0].content[0].cache_control.ttl",
        ),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, Reason.FEATURE_DENIED, "tools[0].type"),
        ({"tools": [{"type": "code_execution_20250825", "name": "x"}]}, Reason.FEATURE_DENIED, "tools[0].type"),
        ({"tools": [{"type": "computer_20250124", "name": "x"}]}, Reason.FEATURE_DENIED, "tools[0].type"),
        ({"tools": [{"name": "f"}]}, Reason.FIELD_MISSING, "tools[0].input_schema"),
        ({"mcp_servers": [{"url": "https://x.example"}]}, Reason.FEATURE_DENIED, "mcp_servers"),
        ({"container": "c"}, Reason.FEATURE_DENIED, "container"),
        ({"context_management": {"edits": []}}, Reason.FEATURE_DENIED, "context_management"),
        ({"inference_geo": "global"}, Reason.FIELD_INVALID, "inference_geo"),
        ({"service_tier": "priority"}, Reason.FIELD_INVALID, "service_tier"),
        ({"speed": "fast"}, Reason.FIELD_INVALID, "speed"),
        ({"metadata": {"user_id": "u", "ward": "4b"}}, Reason.FIELD_UNLISTED, "metadata.(a name not shown)"),
        ({"system": {"type": "text"}}, Reason.FIELD_INVALID, "system"),
        ({"thinking": "enabled"}, Reason.FIELD_INVALID, "thinking"),
        ({"output_format": {"type": "json_schema"}}, Reason.FIELD_MISSING, "output_format.schema"),
    ],
)
def test_messages_refuse(members: dict[str, Any], reason: Reason, field: str) -> None:
    assert refused(MESSAGES, {**MESSAGES_MINIMUM, **members}) == (reason, field)


@pytest.mark.parametrize(
    "field", ["max_tokens", "stream", "temperature", "metadata", "stop_sequences", "inference_geo"]
)
def test_count_tokens_lists_less(field: str) -> None:
    assert refused(COUNT, {**CHAT_MINIMUM, field: ANTHROPIC[field]}) == (Reason.FIELD_UNLISTED, field)
    assert reading(COUNT, CHAT_MINIMUM).features == set()


@pytest.mark.parametrize(
    ("grammar", "body", "name"),
    [(CHAT, OPENAI, name) for name in sorted(CHAT.required)]
    + [(MESSAGES, ANTHROPIC, name) for name in sorted(MESSAGES.required)],
)
def test_a_required_field_may_not_be_absent(grammar: Record, body: dict[str, Any], name: str) -> None:
    assert refused(grammar, without(body, (name,))) == (Reason.FIELD_MISSING, name)


@pytest.mark.parametrize(("grammar", "body"), [(CHAT, OPENAI), (MESSAGES, ANTHROPIC)], ids=["chat", "messages"])
def test_null_is_absence_for_every_field_that_is_not_required(grammar: Record, body: dict[str, Any]) -> None:
    for name in set(body) - grammar.required:
        reading(grammar, {**body, name: None})


# --- features --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grammar", "members", "features"),
    [
        (CHAT, {}, set()),
        (CHAT, {"tools": [{"type": "function", "function": {"name": "f"}}]}, {"tools"}),
        (CHAT, {"functions": [{"name": "f"}]}, {"tools"}),
        (CHAT, {"messages": [{"role": "tool", "content": "x", "tool_call_id": "c"}]}, {"tools"}),
        (CHAT, {"response_format": {"type": "text"}}, set()),
        (CHAT, {"response_format": {"type": "json_object"}}, {"json_mode"}),
        (CHAT, {"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}}, {"json_schema"}),
        (CHAT, {"logprobs": True}, {"logprobs"}),
        (CHAT, {"logprobs": None}, set()),
        (CHAT, {"prompt_cache_key": "k"}, {"prompt_caching"}),
        (MESSAGES, {}, set()),
        (MESSAGES, {"tools": [{"name": "f", "input_schema": {}}]}, {"tools"}),
        (MESSAGES, blocks({"type": "tool_result", "tool_use_id": "t"}), {"tools"}),
        (MESSAGES, blocks({"type": "thinking", "thinking": "x", "signature": "s"}), {"thinking"}),
        (MESSAGES, blocks({"type": "redacted_thinking", "data": "s"}), {"thinking"}),
        (MESSAGES, {"thinking": {"type": "adaptive"}}, {"thinking"}),
        (MESSAGES, {"output_config": {"effort": "low"}}, set()),
        (MESSAGES, {"output_config": {"format": {"type": "json_schema", "schema": {}}}}, {"json_schema"}),
        (MESSAGES, {"output_format": {"type": "json_schema", "schema": {}}}, {"json_schema"}),
        (MESSAGES, blocks({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}), {"prompt_caching"}),
        (
            MESSAGES,
            {"tools": [{"name": "f", "input_schema": {}, "cache_control": {"type": "ephemeral"}}]},
            {"tools", "prompt_caching"},
        ),
        (MESSAGES, {"cache_control": {"type": "ephemeral"}}, {"prompt_caching"}),
    ],
)
def test_features_are_what_the_body_uses(grammar: Record, members: dict[str, Any], features: set[str]) -> None:
    minimum = CHAT_MINIMUM if grammar is CHAT else MESSAGES_MINIMUM
    assert reading(grammar, {**minimum, **members}).features == features


# --- what kind of leaf stands where ----------------------------------------------------------------------------------


def kinds(grammar: Record, body: dict[str, Any]) -> dict[str, LeafKind]:
    return {leaf.text: leaf.kind for _, leaf in reading(grammar, body).leaves}


@pytest.mark.parametrize(
    ("grammar", "body", "at"),
    [
        (CHAT, OPENAI, ("messages", 2, "content")),
        (CHAT, OPENAI, ("messages", 2, "name")),
        (CHAT, OPENAI, ("messages", 3, "content", 0, "text")),
        (CHAT, OPENAI, ("messages", 4, "reasoning_content")),
        (CHAT, OPENAI, ("messages", 4, "tool_calls", 2, "custom", "input")),
        (CHAT, OPENAI, ("messages", 5, "content", 0, "refusal")),
        (CHAT, OPENAI, ("messages", 6, "content")),
        (CHAT, OPENAI, ("user",)),
        (CHAT, OPENAI, ("safety_identifier",)),
        (CHAT, OPENAI, ("stop", 0)),
        (CHAT, OPENAI, ("metadata", "ward")),
        (CHAT, OPENAI, ("prediction", "content")),
        (MESSAGES, ANTHROPIC, ("system", 0, "text")),
        (MESSAGES, ANTHROPIC, ("messages", 1, "content", 1, "source", "data")),
        (MESSAGES, ANTHROPIC, ("messages", 1, "content", 1, "title")),
        (MESSAGES, ANTHROPIC, ("messages", 1, "content", 1, "context")),
        (MESSAGES, ANTHROPIC, ("messages", 1, "content", 3, "source")),
        (MESSAGES, ANTHROPIC, ("messages", 2, "content", 2, "input", "q")),
        (MESSAGES, ANTHROPIC, ("messages", 2, "content", 2, "input", "n", 1, "deep")),
        (MESSAGES, ANTHROPIC, ("messages", 3, "content", 0, "content", 0, "text")),
        (MESSAGES, ANTHROPIC, ("messages", 3, "content", 1, "content")),
        (MESSAGES, ANTHROPIC, ("metadata", "user_id")),
        (MESSAGES, ANTHROPIC, ("stop_sequences", 0)),
    ],
)
def test_text_is_rewritten_wherever_it_stands(grammar: Record, body: dict[str, Any], at: Path) -> None:
    assert kinds(grammar, bent(body, at, "a mark of its own"))["a mark of its own"] is LeafKind.TEXT


@pytest.mark.parametrize(
    ("grammar", "body", "at"),
    [
        (CHAT, OPENAI, ("tools", 0, "function", "description")),
        (CHAT, OPENAI, ("tools", 0, "function", "parameters", "properties", "q", "enum", 0)),
        (CHAT, OPENAI, ("tools", 1, "custom", "format", "type")),
        (CHAT, OPENAI, ("response_format", "json_schema", "description")),
        (CHAT, OPENAI, ("response_format", "json_schema", "schema", "type")),
        (MESSAGES, ANTHROPIC, ("tools", 0, "description")),
        (MESSAGES, ANTHROPIC, ("tools", 0, "input_schema", "properties", "q", "const")),
        (MESSAGES, ANTHROPIC, ("tools", 1, "input_examples", 0, "q")),
        (MESSAGES, ANTHROPIC, ("output_config", "format", "schema", "type")),
    ],
)
def test_schemas_must_hold_nothing(grammar: Record, body: dict[str, Any], at: Path) -> None:
    assert kinds(grammar, bent(body, at, "a mark of its own"))["a mark of its own"] is LeafKind.SCHEMA


@pytest.mark.parametrize(
    ("grammar", "body", "at"),
    [
        (CHAT, OPENAI, ("model",)),
        (CHAT, OPENAI, ("messages", 4, "tool_calls", 0, "id")),
        (CHAT, OPENAI, ("messages", 4, "tool_calls", 0, "function", "name")),
        (CHAT, OPENAI, ("messages", 6, "tool_call_id")),
        (CHAT, OPENAI, ("prompt_cache_key",)),
        (CHAT, OPENAI, ("tools", 0, "function", "name")),
        (MESSAGES, ANTHROPIC, ("messages", 2, "content", 2, "id")),
        (MESSAGES, ANTHROPIC, ("messages", 3, "content", 0, "tool_use_id")),
        (MESSAGES, ANTHROPIC, ("tools", 0, "name")),
        (MESSAGES, ANTHROPIC, ("tool_choice", "name")),
    ],
)
def test_ids_are_opaque(grammar: Record, body: dict[str, Any], at: Path) -> None:
    assert kinds(grammar, bent(body, at, "mark-of-its-own"))["mark-of-its-own"] is LeafKind.OPAQUE
    assert refused(grammar, bent(body, at, "two words"))[0] is Reason.FIELD_INVALID


# --- JSON inside JSON ------------------------------------------------------------------------------------------------

ARGUMENTS = ("messages", 4, "tool_calls", 0, "function", "arguments")


def test_embedded_arguments_are_read_as_json_with_their_keys_as_cues() -> None:
    text = r'{"mrn": "A\u0042C", "list": [1, {"dob": "2001"}], "plain": null}'
    found = reading(CHAT, bent(OPENAI, ARGUMENTS, text))
    (_, embedded), *_ = found.embedded
    assert [(leaf.text, leaf.cue) for _, leaf in embedded.leaves] == [
        ("mrn", None), ("ABC", "mrn"), ("list", None), ("1", "list"), ("dob", None), ("2001", "dob"), ("plain", None)
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["not json", "", "[1, 2]", '"text"', "{", '{"a": 1} {"a": 2}', "NaN"])
def test_arguments_that_are_no_json_object_are_scanned_as_text(text: str) -> None:
    found = reading(CHAT, bent(OPENAI, ARGUMENTS, text))
    assert text in [leaf.text for _, leaf in found.leaves if leaf.kind is LeafKind.TEXT]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "a": 2}', Reason.JSON_DUPLICATE_KEY),
        ('{"a": 1, "\\u0061": 2}', Reason.JSON_DUPLICATE_KEY),
        ('{"a":' * 65 + "1" + "}" * 65, Reason.JSON_TOO_DEEP),
    ],
)
def test_arguments_that_two_readers_may_read_in_two_ways_are_refused(text: str, reason: Reason) -> None:
    assert refused(CHAT, bent(OPENAI, ARGUMENTS, text))[0] is reason


@pytest.mark.parametrize("digits", ["12345678901234567890123", "1.23456789e8"])
def test_a_number_is_scanned_as_it_is_spelled(digits: str) -> None:
    raw = orjson.dumps(CHAT_MINIMUM)[:-1] + b',"metadata":{"mrn":' + digits.encode() + b"}}"
    assert digits in [leaf.text for _, leaf in read(parse(raw), CHAT).leaves]


def test_marks_remember_where_to_rewrite() -> None:
    found = reading(CHAT, OPENAI)
    assert set(found.marks) == {"wardkeep", "model", "stream", "n", "store"}
    assert found.marks["model"][1] == "alias"
    assert found.leaves[0][0] == found.marks["model"][0]
