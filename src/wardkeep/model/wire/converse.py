"""Chat Completions said as Amazon Bedrock's Converse: the request that is sent, out of the one that was asked.

Source: Amazon Bedrock API reference, "Converse". Pure. What Converse has no word for is refused by name, never dropped:
an answer to another question than the one asked can harm a patient. Values that ask for the default say nothing.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from wardkeep.model.reasons import Reason, RefusalError, Refused

_MOVED: Final = frozenset(
    {"model", "messages", "stream", "stream_options", "tools", "tool_choice", "max_tokens", "max_completion_tokens",
     "temperature", "top_p", "stop"}
)  # fmt: skip
# The value that asks for nothing but the default.
_SILENT: Final[Mapping[str, tuple[object, ...]]] = MappingProxyType(
    {
        "store": (False,),
        "n": (1,),
        "logprobs": (False,),
        "presence_penalty": (0, 0.0),
        "frequency_penalty": (0, 0.0),
        "parallel_tool_calls": (True,),
        "service_tier": ("auto", "default"),
        "background": (False,),
        "response_format": ({"type": "text"},),
        "modalities": (["text"],),
    }
)


def _cannot(field: str) -> RefusalError:
    return RefusalError(Refused(reason=Reason.TRANSLATION_IMPOSSIBLE, field=field))


def to_converse(raw: bytes) -> bytes:
    """Return the Converse body of a Chat Completions body that passed its grammar.

    Raises:
        RefusalError: it asks for something that Converse cannot be asked; `field` names it.
    """
    asked: dict[str, Any] = orjson.loads(raw)
    for name, value in asked.items():
        if name not in _MOVED and value is not None and value not in _SILENT.get(name, ()):
            raise _cannot(name)
    system, messages = _messages(asked["messages"])
    body: dict[str, Any] = {"messages": messages}
    if system:
        body["system"] = system
    inference = _inference(asked)
    if inference:
        body["inferenceConfig"] = inference
    tools = _tools(asked)
    if tools is not None:
        body["toolConfig"] = tools
    return orjson.dumps(body)


def _inference(asked: dict[str, Any]) -> dict[str, Any]:
    stop = asked.get("stop")
    named = {
        "maxTokens": asked.get("max_completion_tokens") or asked.get("max_tokens"),
        "temperature": asked.get("temperature"),
        "topP": asked.get("top_p"),
        "stopSequences": [stop] if isinstance(stop, str) else stop,
    }
    return {name: value for name, value in named.items() if value is not None}


def _messages(asked: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the system blocks and the turns; turns of one side that follow each other become one."""
    system: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    for position, message in enumerate(asked):
        where = f"messages[{position}]"
        for name in ("name", "refusal", "function_call", "reasoning_content", "audio"):
            if message.get(name) is not None:
                raise _cannot(f"{where}.{name}")
        role = message["role"]
        if role in {"system", "developer"}:
            if turns:
                # Converse has one place for instructions, before all turns; moving them would change what they govern.
                raise _cannot(f"{where}.role")
            system += _texts(message.get("content"))
            continue
        blocks = _blocks(message, where)
        side = "assistant" if role == "assistant" else "user"
        if not blocks:
            raise _cannot(f"{where}.content")
        if turns and turns[-1]["role"] == side:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": side, "content": blocks})
    return system, turns


def _blocks(message: dict[str, Any], where: str) -> list[dict[str, Any]]:
    texts = _texts(message.get("content"))
    if message["role"] == "tool":
        return [{"toolResult": {"toolUseId": message["tool_call_id"], "content": texts}}] if texts else []
    if message["role"] == "function":
        raise _cannot(f"{where}.role")
    return texts + [_use(call, f"{where}.tool_calls") for call in message.get("tool_calls") or ()]


def _texts(content: object) -> list[dict[str, Any]]:
    """Return the text blocks; Converse takes no blank ones, and a blank says nothing."""
    parts = [content] if isinstance(content, str) else [p.get("text", "") for p in content or ()]  # type: ignore[attr-defined]
    return [{"text": text} for text in parts if text.strip()]


def _use(call: dict[str, Any], where: str) -> dict[str, Any]:
    function = call.get("function")
    if not isinstance(function, dict):
        raise _cannot(where)
    try:
        arguments = orjson.loads(function.get("arguments") or "{}")
    except orjson.JSONDecodeError:
        raise _cannot(f"{where}.arguments") from None
    if not isinstance(arguments, dict):
        raise _cannot(f"{where}.arguments")
    return {"toolUse": {"toolUseId": call["id"], "name": function["name"], "input": arguments}}


def _tools(asked: dict[str, Any]) -> dict[str, Any] | None:
    tools = asked.get("tools")
    choice = asked.get("tool_choice")
    if not tools:
        if choice not in (None, "none", "auto"):
            raise _cannot("tool_choice")
        return None
    specs = []
    for position, tool in enumerate(tools):
        function = tool.get("function")
        if not isinstance(function, dict) or function.get("strict"):
            raise _cannot(f"tools[{position}]")
        spec = {"name": function["name"], "inputSchema": {"json": function.get("parameters") or {"type": "object"}}}
        if function.get("description"):
            spec["description"] = function["description"]
        specs.append({"toolSpec": spec})
    return {"tools": specs, **_choice(choice)}


def _choice(choice: object) -> dict[str, Any]:
    match choice:
        case None | "auto":
            return {}
        case "required":
            return {"toolChoice": {"any": {}}}
        case {"type": "function", "function": {"name": str(name)}}:
            return {"toolChoice": {"tool": {"name": name}}}
        case _:
            raise _cannot("tool_choice")
