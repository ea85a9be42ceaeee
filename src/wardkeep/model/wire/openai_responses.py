"""`POST /v1/responses`, as the `openai` SDK 3.x sends it.

Source: OpenAI API reference, "Create a model response"; which fields keep state at the vendor: "Your data" page. The
vendor stores responses unless told not to, so `store` is sent as false; what refers to stored state (`item_reference`,
`previous_response_id`, `conversation`, stored prompts) is refused, and so are tools that the vendor runs. Encrypted
reasoning comes back only in our wrapper (DESIGN section 11). What a client says of itself (`client_metadata`: ids of
its installation, its directories and repositories) is left out.
"""

from types import MappingProxyType
from typing import Final

from wardkeep.model.reasons import Reason
from wardkeep.model.spans import LeafKind
from wardkeep.model.wire.grammar import (
    Dropped,
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
    Sealed,
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
_STATUS: Final = words("in_progress", "completed", "incomplete")

_PART: Final = Variant(
    {
        "input_text": Record({"type": words("input_text"), "text": _TEXT}, frozenset({"text"})),
        "output_text": Record(
            {
                "type": words("output_text"),
                "text": _TEXT,
                "annotations": Never(Reason.FIELD_UNLISTED),
                "logprobs": Never(Reason.FIELD_UNLISTED),
            },
            frozenset({"text"}),
        ),
        "refusal": Record({"type": words("refusal"), "refusal": _TEXT}, frozenset({"refusal"})),
        "input_image": _UNREADABLE,
        "input_file": _UNREADABLE,
        "input_audio": _UNREADABLE,
    },
    otherwise=Reason.CONTENT_UNREADABLE,
)
_CONTENT: Final = Either(_TEXT, Many(_PART))


def _item(kind: str, fields: dict[str, Node], *required: str) -> Record:
    return Record({"type": words(kind), "id": _OPAQUE, "status": _STATUS, **fields}, frozenset(required))


_SUMMARY: Final = Record({"type": words("summary_text"), "text": _TEXT}, frozenset({"text"}))
_REASONED: Final = Record({"type": words("reasoning_text"), "text": _TEXT}, frozenset({"text"}))
_ITEM: Final = Variant(
    {
        "message": _item(
            "message",
            {
                "role": words("user", "assistant", "system", "developer"),
                "content": _CONTENT,
                "phase": words("commentary", "final_answer"),
            },
            "role",
            "content",
        ),
        "function_call": _item(
            "function_call",
            {"call_id": _OPAQUE, "name": _OPAQUE, "namespace": _OPAQUE, "arguments": JsonText()},
            "call_id",
            "name",
        ),
        "function_call_output": _item("function_call_output", {"call_id": _OPAQUE, "output": _CONTENT}, "call_id"),
        "custom_tool_call": _item(
            "custom_tool_call",
            {"call_id": _OPAQUE, "name": _OPAQUE, "namespace": _OPAQUE, "input": _TEXT},
            "call_id",
        ),
        "custom_tool_call_output": _item(
            "custom_tool_call_output", {"call_id": _OPAQUE, "output": _CONTENT}, "call_id"
        ),
        "reasoning": _item(
            "reasoning",
            {"summary": Many(_SUMMARY), "content": Many(_REASONED), "encrypted_content": Sealed()},
        ),
        "item_reference": Record({"type": words("item_reference"), "id": _STATE}),
    },
    default="message",
    otherwise=Reason.FEATURE_DENIED,
    features={
        "function_call": "tools",
        "function_call_output": "tools",
        "custom_tool_call": "tools",
        "custom_tool_call_output": "tools",
    },
)
_FUNCTION: Final = Record(
    {
        "type": words("function"),
        "name": _OPAQUE,
        "description": _SCHEMA_TEXT,
        "parameters": _SCHEMA,
        "strict": _FLAG,
    },
    frozenset({"name"}),
)
_CUSTOM: Final = Record(
    {"type": words("custom"), "name": _OPAQUE, "description": _SCHEMA_TEXT, "format": _SCHEMA},
    frozenset({"name"}),
)
# A namespace groups tools that the client runs; what would be found by the vendor's tool search is no part of it.
_NAMESPACE: Final = Record(
    {
        "type": words("namespace"),
        "name": _OPAQUE,
        "description": _SCHEMA_TEXT,
        "tools": Many(Variant({"function": _FUNCTION, "custom": _CUSTOM}, otherwise=Reason.FEATURE_DENIED)),
    },
    frozenset({"name", "tools"}),
)
_TOOL: Final = Variant(
    {"function": _FUNCTION, "custom": _CUSTOM, "namespace": _NAMESPACE},
    otherwise=Reason.FEATURE_DENIED,
)
_TOOL_CHOICE: Final = Either(
    words("none", "auto", "required"),
    record=Variant(
        {
            "function": Record({"type": words("function"), "name": _OPAQUE}),
            "custom": Record({"type": words("custom"), "name": _OPAQUE}),
        },
        otherwise=Reason.FEATURE_DENIED,
    ),
)
_FORMAT: Final = Variant(
    {
        "text": Record({"type": words("text")}),
        "json_object": Record({"type": words("json_object")}),
        "json_schema": Record(
            {
                "type": words("json_schema"),
                "name": _OPAQUE,
                "description": _SCHEMA_TEXT,
                "schema": _SCHEMA,
                "strict": _FLAG,
            },
            frozenset({"name", "schema"}),
        ),
    },
    features={"json_object": "json_mode", "json_schema": "json_schema"},
)
_EFFORT: Final = words("none", "minimal", "low", "medium", "high", "xhigh")
_SUMMARIES: Final = words("auto", "concise", "detailed")

REQUEST: Final = Record(
    MappingProxyType(
        {
            "wardkeep": Mark("wardkeep", Own()),
            "model": Mark("model", _OPAQUE),
            "input": Either(_TEXT, Many(_ITEM)),
            "instructions": _TEXT,
            "stream": Mark("stream", _FLAG),
            "stream_options": Record({"include_obfuscation": Only((True,), Reason.FIELD_DENIED)}),
            "store": Mark("store", Only((False,), Reason.FIELD_DENIED)),
            "tools": Many(_TOOL),
            "tool_choice": _TOOL_CHOICE,
            "parallel_tool_calls": _FLAG,
            "max_tool_calls": _NUMBER,
            "max_output_tokens": _NUMBER,
            "temperature": _NUMBER,
            "top_p": _NUMBER,
            "top_logprobs": _NUMBER,
            "text": Record({"format": _FORMAT, "verbosity": words("low", "medium", "high")}),
            "reasoning": Record({"effort": _EFFORT, "summary": _SUMMARIES, "generate_summary": _SUMMARIES}),
            "truncation": words("auto", "disabled"),
            "include": Many(words("reasoning.encrypted_content", "message.output_text.logprobs")),
            "metadata": Trait("metadata", Free()),
            "user": _TEXT,
            "safety_identifier": _TEXT,
            "prompt_cache_key": _OPAQUE,
            "prompt_cache_retention": Trait(
                "prompt_cache_retention", Only(("in_memory", "in-memory"), Reason.FIELD_DENIED)
            ),
            "service_tier": Trait(
                "service_tier",
                words("auto", "default", "flex", "priority", "scale"),
                frozenset({"flex", "priority", "scale"}),
            ),
            "background": Only((False,), Reason.FIELD_DENIED),
            "previous_response_id": _STATE,
            "conversation": _STATE,
            "prompt": _STATE,
            "context_management": Never(Reason.FEATURE_DENIED),
            "client_metadata": Dropped("client_metadata"),
        }
    ),
    frozenset({"model", "input"}),
    features=MappingProxyType(
        {"tools": "tools", "top_logprobs": "logprobs", "prompt_cache_key": "prompt_caching", "reasoning": "thinking"}
    ),
)
