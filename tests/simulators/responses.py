"""The simulated Responses surface of OpenAI and Azure: reads requests, answers with items, streams typed events.

Shapes follow the `openai` SDK 3.x. Encrypted reasoning is checked when it comes back, as the vendor would.
"""

import random
from collections.abc import Iterator
from typing import Any

import orjson

from wardkeep.demo.sim_anthropic import sign
from wardkeep.demo.sim_behaviour import MODELS, Behaviour, RejectedError
from wardkeep.demo.sim_words import Prompt, Reply, Stamp, Tool, pieces

_FIELDS = {
    "background", "include", "input", "instructions", "max_output_tokens", "max_tool_calls", "metadata", "model",
    "parallel_tool_calls", "previous_response_id", "prompt_cache_key", "prompt_cache_retention", "reasoning",
    "safety_identifier", "service_tier", "store", "stream", "stream_options", "temperature", "text", "tool_choice",
    "tools", "top_logprobs", "top_p", "truncation", "user",
}  # fmt: skip


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content or ())


def _flat(tools: Any) -> Iterator[Any]:
    for one in tools:
        if one["type"] == "namespace":
            if not one.get("description") or not one["tools"]:
                raise RejectedError(400, "Missing required parameter: 'tools[0].description'.", param="tools")
            yield from one["tools"]
        else:
            yield one


def read_response(body: Any) -> Prompt:
    """Turn a Responses request into a Prompt. Raises RejectedError as the vendor would refuse it."""
    for name in body:
        if name not in _FIELDS:
            raise RejectedError(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    if body.get("model") not in MODELS:
        raise RejectedError(404, "The requested model does not exist", code="model_not_found")
    asked = body["input"]
    items = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
    called = {item["call_id"] for item in items if item.get("type") == "function_call"}
    results = []
    for item in items:
        if item.get("type") == "reasoning" and item.get("encrypted_content") != sign("reasoned"):
            raise RejectedError(400, "The encrypted content could not be verified.", code="invalid_encrypted_content")
        if item.get("type") == "function_call_output":
            if item["call_id"] not in called:
                raise RejectedError(400, "No tool call found for function call output.", param="input")
            results.append(_text(item["output"]))
    spoken = [_text(item["content"]) for item in items if item.get("role") == "user"]
    tools = tuple(Tool(name=one["name"], schema=one.get("parameters") or {}) for one in _flat(body.get("tools") or ()))
    chosen = (body.get("text") or {}).get("format") or {}
    choice = body.get("tool_choice", "auto")
    last_is_result = bool(items) and items[-1].get("type") == "function_call_output"
    return Prompt(
        model=body["model"],
        user_text=spoken[-1] if spoken else "",
        tool_result="\n".join(results) if last_is_result else None,
        tools=tools,
        tool_choice=choice if isinstance(choice, str) else choice["name"],
        json_schema=chosen.get("schema") if chosen.get("type") == "json_schema" else None,
        message_count=len(items),
        input_tokens=len(orjson.dumps(items)) // 4,
        stream=body.get("stream") is True,
    )


def _items(reply: Reply, stamp: Stamp) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if reply.thinking is not None:
        items.append(
            {"type": "reasoning", "id": f"rs_{stamp.serial}", "summary": [], "encrypted_content": sign("reasoned")}
        )
    if reply.text is not None:
        part = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
        message = {"type": "message", "id": f"msg_{stamp.serial}", "role": "assistant", "status": "completed"}
        items.append({**message, "content": [part]})
    for index, call in enumerate(reply.calls):
        named = {"call_id": f"call_{stamp.serial}_{index}", "name": call.name, "arguments": call.arguments}
        items.append({"type": "function_call", "id": f"fc_{stamp.serial}_{index}", "status": "completed", **named})
    return items


def _told(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool as the vendor repeats it, with what was not said filled in."""
    if tool.get("type") != "function":
        return tool
    return {"description": None, "parameters": None, "strict": True, **tool}


def _object(body: Any, reply: Reply, prompt: Prompt, stamp: Stamp, *, status: str, items: list[Any]) -> dict[str, Any]:
    used = {
        "input_tokens": prompt.input_tokens, "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": reply.output_tokens, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt.input_tokens + reply.output_tokens,
    }  # fmt: skip
    return {
        "id": f"resp_{stamp.serial:024x}", "object": "response", "created_at": stamp.created, "status": status,
        "error": None, "incomplete_details": None, "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"), "model": prompt.model, "output": items,
        "parallel_tool_calls": True, "previous_response_id": None, "reasoning": {"effort": None, "summary": None},
        "store": body.get("store", True), "temperature": 1.0, "text": body.get("text") or {"format": {"type": "text"}},
        "tool_choice": body.get("tool_choice", "auto"), "top_p": 1.0,
        "tools": [_told(tool) for tool in body.get("tools") or ()],
        "truncation": "disabled", "usage": used if status == "completed" else None, "user": None, "metadata": {},
        "background": False, "service_tier": "default", "completed_at": stamp.created,
        "presence_penalty": 0.0, "frequency_penalty": 0.0, "top_logprobs": body.get("top_logprobs", 0),
        "max_tool_calls": body.get("max_tool_calls"), "safety_identifier": body.get("safety_identifier"),
        "prompt_cache_key": body.get("prompt_cache_key"),
    }  # fmt: skip


def response_body(body: Any, reply: Reply, prompt: Prompt, stamp: Stamp) -> bytes:
    return orjson.dumps(_object(body, reply, prompt, stamp, status="completed", items=_items(reply, stamp)))


def response_events(body: Any, reply: Reply, prompt: Prompt, stamp: Stamp, behaviour: Behaviour) -> Iterator[bytes]:
    rng = random.Random(behaviour.seed)
    number = iter(range(10**9))

    def event(kind: str, **value: Any) -> bytes:
        data = orjson.dumps({"type": kind, **value, "sequence_number": next(number)})
        out = b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"
        return out if behaviour.newline == "\n" else out.replace(b"\n", behaviour.newline.encode())

    items = _items(reply, stamp)
    for kind in ("response.created", "response.in_progress"):
        yield event(kind, response=_object(body, reply, prompt, stamp, status="in_progress", items=[]))
    for index, item in enumerate(items):
        at = {"output_index": index, "item_id": item["id"]}
        opened = {**item, "status": "in_progress"} if item["type"] != "reasoning" else item
        if item["type"] == "message":
            yield event("response.output_item.added", output_index=index, item={**opened, "content": []})
            part = item["content"][0]
            yield event("response.content_part.added", **at, content_index=0, part={**part, "text": ""})
            for piece in pieces(part["text"], behaviour.piece, rng):
                yield event("response.output_text.delta", **at, content_index=0, delta=piece, logprobs=[])
            yield event("response.output_text.done", **at, content_index=0, text=part["text"], logprobs=[])
            yield event("response.content_part.done", **at, content_index=0, part=part)
        elif item["type"] == "function_call":
            yield event("response.output_item.added", output_index=index, item={**opened, "arguments": ""})
            for piece in pieces(item["arguments"], behaviour.piece, rng):
                yield event("response.function_call_arguments.delta", **at, delta=piece)
            done = {"arguments": item["arguments"], "name": item["name"]}
            yield event("response.function_call_arguments.done", **at, **done)
        else:
            yield event("response.output_item.added", output_index=index, item=item)
        yield event("response.output_item.done", output_index=index, item=item)
    yield event("response.completed", response=_object(body, reply, prompt, stamp, status="completed", items=items))
