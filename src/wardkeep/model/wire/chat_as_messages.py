"""Chat Completions said as Anthropic's Messages: the request that is sent, out of the one that was asked.

Source: Anthropic API reference, "Messages". Pure. What Messages has no word for is refused by name, never dropped: an
answer to another question than the one asked can harm a patient. Values that ask for the default say nothing.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from wardkeep.model.reasons import Reason, RefusalError, Refused

# Messages wants a bound; who names none gets this one, and is told by `finish_reason` when it was reached.
DEFAULT_MAX_TOKENS: Final = 8192

_MOVED: Final = frozenset(
    {"model", "messages", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls", "max_tokens",
     "max_completion_tokens", "temperature", "top_p", "stop", "response_format", "user", "inference_geo"}
)  # fmt: skip
# The values that ask for nothing but the default.
_SILENT: Final[Mapping[str, tuple[object, ...]]] = MappingProxyType(
    {
        "store": (False,),
        "n": (1,),
        "logprobs": (False,),
        "presence_penalty": (0, 0.0),
        "frequency_penalty": (0, 0.0),
        "service_tier": ("auto", "default"),
        "background": (False,),
        "modalities": (["text"],),
    }
)
_CHOICES: Final = MappingProxyType({"auto": "auto", "required": "any", "none": "none"})


def _cannot(field: str) -> RefusalError:
    return RefusalError(Refused(reason=Reason.TRANSLATION_IMPOSSIBLE, field=field))


def chat_as_messages(raw: bytes) -> bytes:
    """Return the Messages body of a Chat Completions body that passed its grammar.

    Raises:
        RefusalError: it asks for something that Messages cannot be asked; `field` names it.
    """
    asked: dict[str, Any] = orjson.loads(raw)
    for name, value in asked.items():
        if name not in _MOVED and value is not None and value not in _SILENT.get(name, ()):
            raise _cannot(name)
    system, turns = _turns(asked["messages"])
    body: dict[str, Any] = {
        "model": asked["model"],
        "max_tokens": asked.get("max_completion_tokens") or asked.get("max_tokens") or DEFAULT_MAX_TOKENS,
        "messages": turns,
        **({"system": system} if system else {}),
        **_settings(asked),
        **_tools(asked),
    }
    return orjson.dumps(body)


def _settings(asked: dict[str, Any]) -> dict[str, Any]:
    temperature, stop = asked.get("temperature"), asked.get("stop")
    if temperature is not None and temperature > 1:
        # Here 1 is the most; a lower value than asked would be another distribution.
        raise _cannot("temperature")
    said = {
        "temperature": temperature,
        "top_p": asked.get("top_p"),
        "stop_sequences": [stop] if isinstance(stop, str) else stop,
        "stream": asked.get("stream") or None,
        "metadata": None if asked.get("user") is None else {"user_id": asked["user"]},
        "output_config": _output(asked.get("response_format")),
        "inference_geo": asked.get("inference_geo"),
    }
    return {name: value for name, value in said.items() if value is not None}


def _output(wanted: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the demand for a JSON answer. The schema's name is a label only; a description has no place here."""
    match wanted:
        case None | {"type": "text"}:
            return None
        case {"type": "json_schema", "json_schema": {"schema": dict(schema), **rest}} if not rest.get("description"):
            return {"format": {"type": "json_schema", "schema": schema}}
        case _:
            raise _cannot("response_format")


def _turns(asked: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
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
                # There is one place for instructions, before all turns; moving them would change what they govern.
                raise _cannot(f"{where}.role")
            system += _texts(message.get("content"), where)
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
    texts = _texts(message.get("content"), where)
    if message["role"] == "tool":
        if not isinstance(message.get("tool_call_id"), str):
            raise _cannot(f"{where}.tool_call_id")
        result = {"type": "tool_result", "tool_use_id": message["tool_call_id"]}
        return [{**result, "content": texts} if texts else result]
    if message["role"] == "function":
        raise _cannot(f"{where}.role")
    return texts + [_use(call, f"{where}.tool_calls") for call in message.get("tool_calls") or ()]


def _texts(content: str | list[dict[str, Any]] | None, where: str) -> list[dict[str, Any]]:
    """Return the text blocks; Messages takes no blank ones, and a blank says nothing."""
    if isinstance(content, str):
        parts = [content]
    else:
        parts = []
        for part in content or ():
            if "text" not in part:
                raise _cannot(f"{where}.content")
            parts.append(part["text"])
    return [{"type": "text", "text": text} for text in parts if text.strip()]


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
    return {"type": "tool_use", "id": call["id"], "name": function["name"], "input": arguments}


def _tools(asked: dict[str, Any]) -> dict[str, Any]:
    tools, choice, parallel = asked.get("tools"), asked.get("tool_choice"), asked.get("parallel_tool_calls")
    if not tools:
        if choice not in (None, "none", "auto"):
            raise _cannot("tool_choice")
        return {}
    specs = []
    for position, tool in enumerate(tools):
        function = tool.get("function")
        if not isinstance(function, dict) or function.get("strict"):
            raise _cannot(f"tools[{position}]")
        spec = {"name": function["name"], "input_schema": function.get("parameters") or {"type": "object"}}
        if function.get("description"):
            spec["description"] = function["description"]
        specs.append(spec)
    if choice is None and parallel is not False:
        return {"tools": specs}
    chosen = _choice("auto" if choice is None else choice)
    if parallel is False and chosen["type"] != "none":
        chosen["disable_parallel_tool_use"] = True
    return {"tools": specs, "tool_choice": chosen}


def _choice(choice: object) -> dict[str, Any]:
    match choice:
        case str(word) if word in _CHOICES:
            return {"type": _CHOICES[word]}
        case {"type": "function", "function": {"name": str(name)}}:
            return {"type": "tool", "name": name}
        case _:
            raise _cannot("tool_choice")
