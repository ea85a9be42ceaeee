"""`POST /v1/chat/completions`, as the `openai` SDK 3.x sends it.

Source: OpenAI API reference, "Create chat completion"; which fields keep state at the vendor: "Your data" page.
"""

from types import MappingProxyType
from typing import Final

from wardkeep.model.reasons import Reason
from wardkeep.model.spans import LeafKind
from wardkeep.model.wire.grammar import (
    Either,
    Flag,
    Free,
    JsonText,
    Many,
    Mark,
    Never,
    Node,
    Number,
    Only,
    Opaque,
    Own,
    Record,
    Text,
    Trait,
    Variant,
    words,
)

_TEXT: Final = Text()
_OPAQUE: Final = Opaque()
_FLAG: Final = Flag()
_NUMBER: Final = Number()
_SCHEMA: Final = Free(LeafKind.SCHEMA)
_SCHEMA_TEXT: Final = Text(LeafKind.SCHEMA)
_UNREADABLE: Final = Never(Reason.CONTENT_UNREADABLE)
_STATE: Final = Never(Reason.FIELD_DENIED)

_PART: Final = Variant(
    {
        "text": Record({"type": words("text"), "text": _TEXT}, frozenset({"text"})),
        "refusal": Record({"type": words("refusal"), "refusal": _TEXT}, frozenset({"refusal"})),
        "image_url": _UNREADABLE,
        "input_audio": _UNREADABLE,
        "file": _UNREADABLE,
    },
    otherwise=Reason.CONTENT_UNREADABLE,
)
_CONTENT: Final = Either(_TEXT, Many(_PART))

_FUNCTION_CALL: Final = Record({"name": _OPAQUE, "arguments": JsonText()}, frozenset({"name", "arguments"}))
_TOOL_CALL: Final = Variant(
    {
        "function": Record(
            {"id": _OPAQUE, "type": words("function"), "function": _FUNCTION_CALL, "index": _NUMBER}, frozenset({"id"})
        ),
        "custom": Record({"id": _OPAQUE, "type": words("custom"), "custom": Record({"name": _OPAQUE, "input": _TEXT})}),
    },
    default="function",
)
_NAMED: Final[dict[str, Node]] = {"content": _CONTENT, "name": _TEXT}


def _message(role: str, extra: dict[str, Node] | None = None) -> Record:
    return Record(
        {"role": words(role), **_NAMED, **(extra or {})},
        features={"tool_calls": "tools", "tool_call_id": "tools", "function_call": "tools"},
    )


_MESSAGE: Final = Variant(
    {
        "developer": _message("developer"),
        "system": _message("system"),
        "user": _message("user"),
        "assistant": _message(
            "assistant",
            {
                "refusal": _TEXT,
                "tool_calls": Many(_TOOL_CALL),
                "function_call": _FUNCTION_CALL,
                "reasoning_content": _TEXT,
                "annotations": Never(Reason.FIELD_UNLISTED),
                "audio": _UNREADABLE,
            },
        ),
        "tool": _message("tool", {"tool_call_id": _OPAQUE}),
        "function": _message("function"),
    },
    by="role",
    features={"function": "tools"},
)

_FUNCTION: Final = Record(
    {"name": _OPAQUE, "description": _SCHEMA_TEXT, "parameters": _SCHEMA, "strict": _FLAG}, frozenset({"name"})
)
_TOOL: Final = Variant(
    {
        "function": Record({"type": words("function"), "function": _FUNCTION}, frozenset({"function"})),
        "custom": Record(
            {
                "type": words("custom"),
                "custom": Record(
                    {"name": _OPAQUE, "description": _SCHEMA_TEXT, "format": _SCHEMA}, frozenset({"name"})
                ),
            },
            frozenset({"custom"}),
        ),
    },
    otherwise=Reason.FEATURE_DENIED,
)
_TOOL_CHOICE: Final = Either(
    words("none", "auto", "required"),
    record=Variant(
        {
            "function": Record({"type": words("function"), "function": Record({"name": _OPAQUE})}),
            "custom": Record({"type": words("custom"), "custom": Record({"name": _OPAQUE})}),
        }
    ),
)
_RESPONSE_FORMAT: Final = Variant(
    {
        "text": Record({"type": words("text")}),
        "json_object": Record({"type": words("json_object")}),
        "json_schema": Record(
            {
                "type": words("json_schema"),
                "json_schema": Record(
                    {"name": _OPAQUE, "description": _SCHEMA_TEXT, "schema": _SCHEMA, "strict": _FLAG},
                    frozenset({"name"}),
                ),
            },
            frozenset({"json_schema"}),
        ),
    },
    features={"json_object": "json_mode", "json_schema": "json_schema"},
)

REQUEST: Final = Record(
    MappingProxyType(
        {
            "wardkeep": Mark("wardkeep", Own()),
            "model": Mark("model", _OPAQUE),
            "messages": Many(_MESSAGE),
            "stream": Mark("stream", _FLAG),
            "stream_options": Record(
                {"include_usage": _FLAG, "include_obfuscation": Only((True,), Reason.FIELD_DENIED)}
            ),
            "temperature": _NUMBER,
            "top_p": _NUMBER,
            "n": Mark("n", _NUMBER),
            "max_tokens": _NUMBER,
            "max_completion_tokens": _NUMBER,
            "stop": Either(_TEXT, Many(_TEXT)),
            "presence_penalty": _NUMBER,
            "frequency_penalty": _NUMBER,
            "logit_bias": Trait("logit_bias", Free(LeafKind.SCHEMA)),
            "logprobs": _FLAG,
            "top_logprobs": _NUMBER,
            "seed": _NUMBER,
            "user": _TEXT,
            "safety_identifier": _TEXT,
            "metadata": Trait("metadata", Free()),
            "prompt_cache_key": _OPAQUE,
            "prompt_cache_retention": Trait(
                "prompt_cache_retention", Only(("in_memory", "in-memory"), Reason.FIELD_DENIED)
            ),
            "response_format": _RESPONSE_FORMAT,
            "tools": Many(_TOOL),
            "tool_choice": _TOOL_CHOICE,
            "parallel_tool_calls": _FLAG,
            "functions": Many(_FUNCTION),
            "function_call": Either(words("none", "auto"), record=Record({"name": _OPAQUE})),
            "reasoning_effort": words("none", "minimal", "low", "medium", "high", "xhigh"),
            "verbosity": words("low", "medium", "high"),
            "service_tier": Trait(
                "service_tier",
                words("auto", "default", "flex", "priority", "scale"),
                frozenset({"flex", "priority", "scale"}),
            ),
            "modalities": Only((["text"],), Reason.CONTENT_UNREADABLE),
            "prediction": Trait("prediction", Record({"type": words("content"), "content": _CONTENT})),
            "store": Mark("store", Only((False,), Reason.FIELD_DENIED)),
            "audio": _UNREADABLE,
            "web_search_options": Never(Reason.FEATURE_DENIED),
            "background": Only((False,), Reason.FIELD_DENIED),
            "previous_response_id": _STATE,
            "conversation": _STATE,
        }
    ),
    frozenset({"model", "messages"}),
    features=MappingProxyType(
        {"tools": "tools", "functions": "tools", "logprobs": "logprobs", "prompt_cache_key": "prompt_caching"}
    ),
)
