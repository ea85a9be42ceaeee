"""One body a wire format that uses every listed field, and ways to bend it."""

import copy
from typing import Any

from hypothesis import strategies as st

OPENAI: dict[str, Any] = {
    "wardkeep": {"subject_identities": ["Term One", "4711"]},
    "model": "alias",
    "messages": [
        {"role": "system", "content": "You are brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Be exact."}], "name": "app"},
        {"role": "user", "content": "first text", "name": "someone"},
        {"role": "user", "content": [{"type": "text", "text": "second text"}]},
        {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "reasoning_content": "so",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"q": "inner", "n": [1, 2.5]}'},
                    "index": 0,
                },
                {"id": "call_2", "function": {"name": "f", "arguments": "not json"}},
                {"id": "call_3", "type": "custom", "custom": {"name": "c", "input": "raw input"}},
            ],
        },
        {
            "role": "assistant",
            "content": [{"type": "refusal", "refusal": "no"}],
            "function_call": {"name": "f", "arguments": "{}"},
        },
        {"role": "tool", "content": "result", "tool_call_id": "call_1"},
        {"role": "function", "name": "f", "content": "old result"},
    ],
    "stream": True,
    "stream_options": {"include_usage": True, "include_obfuscation": True},
    "temperature": 0.5,
    "top_p": 1,
    "n": 1,
    "max_tokens": 10,
    "max_completion_tokens": 10,
    "stop": ["END", "STOP"],
    "presence_penalty": -1.5,
    "frequency_penalty": 0,
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "top_logprobs": 2,
    "seed": 7,
    "user": "opaque user",
    "safety_identifier": "opaque",
    "metadata": {"ward": "4b", "bed": 12, "nested": {"list": [None, True, "leaf"]}},
    "prompt_cache_key": "k-1",
    "prompt_cache_retention": "in_memory",
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "n", "description": "d", "schema": {"type": "object"}, "strict": True},
    },
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "f",
                "description": "d",
                "parameters": {"properties": {"q": {"enum": ["a"]}}},
                "strict": False,
            },
        },
        {"type": "custom", "custom": {"name": "c", "description": "d", "format": {"type": "text"}}},
    ],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "parallel_tool_calls": False,
    "functions": [{"name": "f", "parameters": {}}],
    "function_call": {"name": "f"},
    "reasoning_effort": "low",
    "verbosity": "low",
    "service_tier": "auto",
    "modalities": ["text"],
    "prediction": {"type": "content", "content": "expected"},
    "store": False,
    "background": False,
    "audio": None,
    "web_search_options": {},
    "previous_response_id": None,
    "conversation": None,
}

ANTHROPIC: dict[str, Any] = {
    "wardkeep": {"subject_identities": ["Term One"]},
    "model": "alias",
    "max_tokens": 100,
    "system": [{"type": "text", "text": "You are brief.", "cache_control": {"type": "ephemeral", "ttl": "5m"}}],
    "messages": [
        {"role": "user", "content": "first text"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "second text", "citations": None},
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "document text"},
                    "title": "title",
                    "context": "context",
                    "citations": {"enabled": False},
                },
                {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "part"}]}},
                {
                    "type": "search_result",
                    "source": "where",
                    "title": "t",
                    "content": [{"type": "text", "text": "hit"}],
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "thought", "signature": "signed"},
                {"type": "redacted_thinking", "data": "opaque"},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"q": "inner", "n": [1, {"deep": "leaf"}]}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "is_error": False,
                    "content": [{"type": "text", "text": "result"}],
                },
                {"type": "tool_result", "tool_use_id": "t2", "content": "plain result"},
            ],
        },
    ],
    "tools": [
        {
            "name": "f",
            "description": "d",
            "input_schema": {"type": "object", "properties": {"q": {"const": "a"}}},
            "strict": True,
        },
        {
            "type": "custom",
            "name": "g",
            "input_schema": {},
            "input_examples": [{"q": "x"}],
            "cache_control": {"type": "ephemeral"},
        },
    ],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    "metadata": {"user_id": "opaque user"},
    "stop_sequences": ["END"],
    "stream": True,
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 5,
    "service_tier": "auto",
    "inference_geo": "us",
    "speed": "standard",
    "cache_control": {"type": "ephemeral"},
    "mcp_servers": [],
    "container": None,
    "context_management": {},
}

Path = tuple[str | int, ...]


def paths(value: object, at: Path = ()) -> list[Path]:
    """Return the path of every value below."""
    found = [at] if at else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += paths(item, (*at, key))
    return found


def bent(body: dict[str, Any], at: Path, new: object, *, key: str | None = None) -> dict[str, Any]:
    """Return a copy with the value at a path replaced, or a member `key` added to the object there."""
    out = copy.deepcopy(body)
    holder: Any = out
    for step in at if key is not None else at[:-1]:
        holder = holder[step]
    if key is not None:
        holder[key] = new
    else:
        holder[at[-1]] = new
    return out


def without(body: dict[str, Any], at: Path) -> dict[str, Any]:
    """Return a copy without the value at a path."""
    out = copy.deepcopy(body)
    holder: Any = out
    for step in at[:-1]:
        holder = holder[step]
    del holder[at[-1]]
    return out


_WORDS = ["text", "function", "custom", "user", "ephemeral", "{}", '{"a":1,"a":2}', "image"]
_NAMES = ["type", "text", "role", "content", "name", "source", "data", "function", "arguments"]
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(_WORDS),
)
ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.sampled_from(_NAMES), inner, max_size=4)
    ),
    max_leaves=8,
)
