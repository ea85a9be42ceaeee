"""Anthropic's Messages said as Chat Completions: the request that is sent, out of the one that was asked.

Source: OpenAI API reference, "Create chat completion". Pure. What Chat Completions has no word for is refused by name,
never dropped. Silent are values that ask for the default, marks for the vendor's prompt cache, which change no answer,
and the geography, which the gate holds against the deployment's region.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from wardkeep.model.reasons import Reason, RefusalError, Refused

_MOVED: Final = frozenset(
    {"model", "messages", "system", "stream", "tools", "tool_choice", "max_tokens", "temperature", "top_p",
     "stop_sequences", "metadata", "output_config", "output_format", "thinking"}
)  # fmt: skip
_SILENT: Final[Mapping[str, tuple[object, ...]]] = MappingProxyType(
    {
        "cache_control": ({"type": "ephemeral"}, {"type": "ephemeral", "ttl": "5m"}),
        "service_tier": ("standard_only",),
        "speed": ("standard",),
        "inference_geo": ("us",),
    }
)
_CHOICES: Final = MappingProxyType({"auto": "auto", "any": "required", "none": "none"})
_TEXT_FIELDS: Final = frozenset({"type", "text", "cache_control"})
_USE_FIELDS: Final = frozenset({"type", "id", "name", "input", "cache_control", "caller"})
_RESULT_FIELDS: Final = frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"})
_TOOL_FIELDS: Final = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})


def _cannot(field: str) -> RefusalError:
    return RefusalError(Refused(reason=Reason.TRANSLATION_IMPOSSIBLE, field=field))


def messages_as_chat(raw: bytes) -> bytes:
    """Return the Chat Completions body of a Messages body that passed its grammar. It keeps nothing at the vendor.

    Raises:
        RefusalError: it asks for something that Chat Completions cannot be asked; `field` names it.
    """
    asked: dict[str, Any] = orjson.loads(raw)
    for name, value in asked.items():
        if name not in _MOVED and value is not None and value not in _SILENT.get(name, ()):
            raise _cannot(name)
    if (asked.get("thinking") or {}).get("type", "disabled") != "disabled":
        raise _cannot("thinking")
    body: dict[str, Any] = {
        "model": asked["model"],
        "messages": _system(asked.get("system")) + _messages(asked["messages"]),
        "max_completion_tokens": asked["max_tokens"],
        "store": False,
        **_settings(asked),
        **_tools(asked),
    }
    return orjson.dumps(body)


def _settings(asked: dict[str, Any]) -> dict[str, Any]:
    is_stream = asked.get("stream") is True
    user = (asked.get("metadata") or {}).get("user_id")
    said = {
        "temperature": asked.get("temperature"),
        "top_p": asked.get("top_p"),
        "stop": asked.get("stop_sequences") or None,
        "user": user,
        "response_format": _format(asked),
        "stream": True if is_stream else None,
        # A stream of Messages ends with its usage, so the vendor is asked for it.
        "stream_options": {"include_usage": True} if is_stream else None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _format(asked: dict[str, Any]) -> dict[str, Any] | None:
    output = asked.get("output_config") or {}
    if output.get("effort") is not None:
        raise _cannot("output_config.effort")
    wanted = output.get("format") or asked.get("output_format")
    if wanted is None:
        return None
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": wanted["schema"], "strict": True}}


def _system(system: str | list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    texts = _texts(system, "system")
    return [{"role": "system", "content": texts}] if texts else []


def _texts(content: str | list[dict[str, Any]] | None, where: str) -> str | list[dict[str, Any]]:
    """Return the content as a text or text parts; parts stay apart, because joining them would put words together."""
    if content is None or isinstance(content, str):
        return content or ""
    for position, block in enumerate(content):
        if block.get("type") != "text" or block.keys() - _TEXT_FIELDS:
            raise _cannot(f"{where}[{position}]")
    return [{"type": "text", "text": block["text"]} for block in content]


def _messages(asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = []
    for position, message in enumerate(asked):
        where, content = f"messages[{position}].content", message["content"]
        if message["role"] == "assistant":
            said.append(_assistant(content, where))
        elif message["role"] == "user" and not isinstance(content, str):
            said += _user(content, where)
        else:
            said.append({"role": message["role"], "content": _texts(content, where)})
    return said


def _user(content: list[dict[str, Any]], where: str) -> list[dict[str, Any]]:
    """Return the results of tools as messages of their own, and then what the user says."""
    said: list[dict[str, Any]] = []
    words: list[dict[str, Any]] = []
    for position, block in enumerate(content):
        if block.get("type") != "tool_result":
            words.append(block)
            continue
        here = f"{where}[{position}]"
        if words:
            # Results follow their calls at once; moving words behind them would change the order of what was said.
            raise _cannot(here)
        if block.keys() - _RESULT_FIELDS:
            raise _cannot(here)
        if block.get("is_error"):
            raise _cannot(f"{here}.is_error")
        result = _texts(block.get("content"), f"{here}.content")
        said.append({"role": "tool", "tool_call_id": block["tool_use_id"], "content": result})
    if words:
        said.append({"role": "user", "content": _texts(words, where)})
    return said


def _assistant(content: str | list[dict[str, Any]], where: str) -> dict[str, Any]:
    if isinstance(content, str):
        return {"role": "assistant", "content": content}
    words: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    for position, block in enumerate(content):
        if block.get("type") == "tool_use" and not block.keys() - _USE_FIELDS:
            function = {"name": block["name"], "arguments": orjson.dumps(block["input"]).decode()}
            calls.append({"id": block["id"], "type": "function", "function": function})
        elif calls or block.get("type") != "text":
            # Thinking is signed for its own vendor; words behind a call have no place of their own here.
            raise _cannot(f"{where}[{position}]")
        else:
            words.append(block)
    message: dict[str, Any] = {"role": "assistant", "content": _texts(words, where) or None}
    return {**message, "tool_calls": calls} if calls else message


def _tools(asked: dict[str, Any]) -> dict[str, Any]:
    tools, choice = asked.get("tools"), asked.get("tool_choice")
    if not tools:
        if choice is not None and choice["type"] not in {"auto", "none"}:
            raise _cannot("tool_choice")
        return {}
    said: dict[str, Any] = {"tools": [_tool(tool, f"tools[{position}]") for position, tool in enumerate(tools)]}
    if choice is None:
        return said
    if choice["type"] == "tool":
        said["tool_choice"] = {"type": "function", "function": {"name": choice["name"]}}
    else:
        said["tool_choice"] = _CHOICES[choice["type"]]
    if choice.get("disable_parallel_tool_use"):
        said["parallel_tool_calls"] = False
    return said


def _tool(tool: dict[str, Any], where: str) -> dict[str, Any]:
    for name, value in tool.items():
        if name not in _TOOL_FIELDS and value is not None:
            raise _cannot(f"{where}.{name}")
    function = {"name": tool["name"], "parameters": tool["input_schema"]}
    if tool.get("description"):
        function["description"] = tool["description"]
    if tool.get("strict") is not None:
        function["strict"] = tool["strict"]
    return {"type": "function", "function": function}
