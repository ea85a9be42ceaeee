"""`POST /v1/messages` and `/v1/messages/count_tokens`, as the `anthropic` SDK 2.x sends them.

Source: Anthropic API reference, "Messages" and "Count message tokens"; which features the HIPAA-ready API covers:
"API and data retention". Server-side tools, files, containers and MCP connectors keep data elsewhere and are refused.
"""

from types import MappingProxyType
from typing import Final

from wardkeep.model.reasons import Reason
from wardkeep.model.spans import LeafKind
from wardkeep.model.wire.grammar import (
    Either,
    Flag,
    Free,
    Many,
    Mark,
    Never,
    Node,
    Number,
    Opaque,
    Own,
    Record,
    Text,
    Thinking,
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
_OUTSIDE: Final = Never(Reason.FEATURE_DENIED)

_CACHE: Final = Record({"type": words("ephemeral"), "ttl": Trait("cache_ttl", words("5m", "1h"), frozenset({"1h"}))})
_CACHED: Final[dict[str, Node]] = {"cache_control": _CACHE}
_CACHE_FEATURE: Final = MappingProxyType({"cache_control": "prompt_caching"})


def _block(kind: str, fields: dict[str, Node], *required: str) -> Record:
    return Record({"type": words(kind), **fields, **_CACHED}, frozenset(required), _CACHE_FEATURE)


_TEXT_BLOCK: Final = _block("text", {"text": _TEXT, "citations": Never(Reason.FIELD_UNLISTED)}, "text")
_CITATIONS: Final = Trait("citations", Record({"enabled": _FLAG}))
_DOCUMENT: Final = _block(
    "document",
    {
        "source": Variant(
            {
                "text": Record(
                    {"type": words("text"), "media_type": words("text/plain"), "data": _TEXT}, frozenset({"data"})
                ),
                "content": Record(
                    {"type": words("content"), "content": Either(_TEXT, Many(_TEXT_BLOCK))}, frozenset({"content"})
                ),
            },
            otherwise=Reason.CONTENT_UNREADABLE,
        ),
        "title": _TEXT,
        "context": _TEXT,
        "citations": _CITATIONS,
    },
    "source",
)
_SEARCH_RESULT: Final = _block(
    "search_result", {"source": _TEXT, "title": _TEXT, "content": Many(_TEXT_BLOCK), "citations": _CITATIONS}, "content"
)
_IN_RESULT: Final = Variant(
    {"text": _TEXT_BLOCK, "document": _DOCUMENT, "search_result": _SEARCH_RESULT, "image": _UNREADABLE},
    otherwise=Reason.CONTENT_UNREADABLE,
)
_BLOCK: Final = Variant(
    {
        "text": _TEXT_BLOCK,
        "image": _UNREADABLE,
        "document": _DOCUMENT,
        "search_result": _SEARCH_RESULT,
        "tool_use": _block(
            "tool_use",
            {"id": _OPAQUE, "name": _OPAQUE, "input": Free(), "caller": Record({"type": words("direct")})},
            "id",
            "name",
            "input",
        ),
        "tool_result": _block(
            "tool_result",
            {"tool_use_id": _OPAQUE, "content": Either(_TEXT, Many(_IN_RESULT)), "is_error": _FLAG},
            "tool_use_id",
        ),
        "thinking": Thinking("thinking", "signature"),
        "redacted_thinking": Thinking("data", "data"),
        "server_tool_use": _OUTSIDE,
        "web_search_tool_result": _OUTSIDE,
        "container_upload": _OUTSIDE,
    },
    otherwise=Reason.CONTENT_UNREADABLE,
    features={"tool_use": "tools", "tool_result": "tools"},
)
_MESSAGE: Final = Record(
    {"role": words("user", "assistant", "system"), "content": Either(_TEXT, Many(_BLOCK))},
    frozenset({"role", "content"}),
)
_TOOL: Final = Variant(
    {
        "custom": Record(
            {
                "type": words("custom"),
                "name": _OPAQUE,
                "description": _SCHEMA_TEXT,
                "input_schema": _SCHEMA,
                "strict": Trait("strict_tools", _FLAG),
                "eager_input_streaming": Trait("fine_grained_streaming", _FLAG),
                "input_examples": _SCHEMA,
                **_CACHED,
            },
            frozenset({"name", "input_schema"}),
            _CACHE_FEATURE,
        ),
    },
    default="custom",
    otherwise=Reason.FEATURE_DENIED,
)
_TOOL_CHOICE: Final = Record(
    {"type": words("auto", "any", "tool", "none"), "name": _OPAQUE, "disable_parallel_tool_use": _FLAG},
    frozenset({"type"}),
)
_FORMAT: Final = Record({"type": words("json_schema"), "schema": _SCHEMA}, frozenset({"type", "schema"}))

_DISPLAY: Final[dict[str, Node]] = {"display": words("summarized", "omitted")}

_SHARED: Final[dict[str, Node]] = {
    "wardkeep": Mark("wardkeep", Own()),
    "model": Mark("model", _OPAQUE),
    "messages": Many(_MESSAGE),
    "system": Either(_TEXT, Many(_TEXT_BLOCK)),
    "tools": Many(_TOOL),
    "tool_choice": _TOOL_CHOICE,
    "thinking": Variant(
        {
            "enabled": Record({"type": words("enabled"), "budget_tokens": _NUMBER, **_DISPLAY}),
            "adaptive": Record({"type": words("adaptive"), **_DISPLAY}),
            "disabled": Record({"type": words("disabled")}),
        },
        features={"enabled": "thinking", "adaptive": "thinking"},
    ),
    "output_config": Record(
        {"effort": Trait("effort", words("low", "medium", "high", "xhigh", "max")), "format": _FORMAT},
        features={"format": "json_schema"},
    ),
    "output_format": _FORMAT,
    "mcp_servers": _OUTSIDE,
    "container": _OUTSIDE,
    "context_management": _OUTSIDE,
    **_CACHED,
}
_FEATURES: Final = MappingProxyType(
    {"tools": "tools", "output_format": "json_schema", "cache_control": "prompt_caching"}
)

COUNT_TOKENS: Final = Record(MappingProxyType(_SHARED), frozenset({"model", "messages"}), _FEATURES)

REQUEST: Final = Record(
    MappingProxyType(
        {
            **_SHARED,
            "max_tokens": _NUMBER,
            "metadata": Record({"user_id": _TEXT}),
            "stop_sequences": Many(_TEXT),
            "stream": Mark("stream", _FLAG),
            "temperature": _NUMBER,
            "top_p": _NUMBER,
            "top_k": _NUMBER,
            "service_tier": Trait("service_tier", words("auto", "standard_only"), frozenset({"auto"})),
            "inference_geo": Mark("inference_geo", words("us")),
            "speed": words("standard"),
        }
    ),
    frozenset({"model", "messages", "max_tokens"}),
    _FEATURES,
)

BETAS: Final = frozenset(
    {
        "prompt-caching-2024-07-31",
        "token-efficient-tools-2025-02-19",
        "output-128k-2025-02-19",
        "interleaved-thinking-2025-05-14",
        "fine-grained-tool-streaming-2025-05-14",
        "context-1m-2025-08-07",
        "structured-outputs-2025-11-13",
        "structured-outputs-2025-12-15",
        "effort-2025-11-24",
        "mid-conversation-system-2026-04-07",
    }
)
"""Betas whose fields the grammar reads; each is still held against the terms of the platform."""

DROPPED_BETAS: Final = frozenset({"claude-code-20250219"})
"""Betas that name the client and no field: never sent on, and what was left out stands in the record.

Anthropic's agreement does not reach Claude Code as a product; what goes there is a plain call of the Messages API."""
