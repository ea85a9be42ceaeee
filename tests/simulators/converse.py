"""The simulated Converse surface of Amazon Bedrock: reads requests as strictly as the service model says, answers them.

Shapes: botocore's service model of bedrock-runtime (Converse, ConverseStream).
"""

import random
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from wardkeep.demo.sim_anthropic import sign
from wardkeep.demo.sim_behaviour import MODELS, Behaviour, RejectedError
from wardkeep.demo.sim_words import Prompt, Reply, Stamp, Tool, pieces

_TOP = {
    "messages", "system", "inferenceConfig", "toolConfig", "additionalModelRequestFields", "guardrailConfig",
    "additionalModelResponseFieldPaths", "requestMetadata", "performanceConfig", "promptVariables", "outputConfig",
}  # fmt: skip
_INFERENCE = {"maxTokens", "temperature", "topP", "stopSequences"}


def _only(value: Any, names: set[str], where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) - names:
        raise RejectedError(400, f"The request body is malformed at {where}")
    return value


def read_converse(body: Any, model: str, *, stream: bool) -> Prompt:
    """Turn a Converse request into a Prompt. Raises RejectedError as the service would refuse it."""
    request = _only(body, _TOP, "the top")
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RejectedError(400, "A conversation must start with a user message.")
    if model not in MODELS:
        raise RejectedError(400, "The provided model identifier is invalid.")
    for name in request.get("inferenceConfig", {}):
        if name not in _INFERENCE:
            raise RejectedError(400, "Malformed input request")
    spoken, results, called = [], [], set()
    previous = None
    for message in messages:
        _only(message, {"role", "content"}, "a message")
        if message["role"] not in {"user", "assistant"} or message["role"] == previous:
            raise RejectedError(400, "A conversation must alternate between user and assistant roles.")
        previous = message["role"]
        if not message["content"]:
            raise RejectedError(400, "The content field in the Message object is empty.")
        texts, results = [], []
        used = set()
        for block in message["content"]:
            (kind,) = _only(block, {"text", "toolUse", "toolResult", "reasoningContent", "cachePoint"}, "a block")
            if kind == "text":
                if not block["text"].strip():
                    raise RejectedError(400, "The text field in the ContentBlock object is blank.")
                texts.append(block["text"])
            elif kind == "toolUse":
                use = _only(block["toolUse"], {"toolUseId", "name", "input"}, "toolUse")
                if not isinstance(use["input"], dict):
                    raise RejectedError(400, "toolUse.input must be a document")
                used.add(use["toolUseId"])
            elif kind == "toolResult":
                result = _only(block["toolResult"], {"toolUseId", "content", "status"}, "toolResult")
                if result["toolUseId"] not in called:
                    raise RejectedError(
                        400, "The toolResult blocks do not match the toolUse blocks of the turn before."
                    )
                results += [part["text"] if "text" in part else orjson.dumps(part["json"]).decode()
                            for part in result["content"]]  # fmt: skip
        if message["role"] == "user" and texts:
            spoken.append("\n".join(texts))
        called = used
    if messages[0]["role"] != "user":
        raise RejectedError(400, "A conversation must start with a user message.")
    for part in request.get("system", []):
        _only(part, {"text", "cachePoint"}, "system")
    config = request.get("toolConfig") or {}
    tools = []
    for tool in config.get("tools", []):
        if "toolSpec" in tool:
            spec = _only(tool["toolSpec"], {"name", "description", "inputSchema", "strict"}, "toolSpec")
            tools.append(Tool(name=spec["name"], schema=_only(spec["inputSchema"], {"json"}, "inputSchema")["json"]))
    if not config and any("toolUse" in b or "toolResult" in b for m in messages for b in m["content"]):
        raise RejectedError(400, "The toolConfig field must be defined when using toolUse and toolResult blocks.")
    choice = config.get("toolChoice") or {"auto": {}}
    return Prompt(
        model=model,
        user_text=spoken[-1] if spoken else "",
        tool_result="\n".join(results) if results else None,
        tools=tuple(tools),
        tool_choice=choice["tool"]["name"] if "tool" in choice else "required" if "any" in choice else "auto",
        json_schema=None,
        message_count=len(messages),
        input_tokens=len(orjson.dumps(messages)) // 4,
        stream=stream,
    )


def _stop(reply: Reply) -> str:
    return "tool_use" if reply.calls else "end_turn"


def _usage(reply: Reply, prompt: Prompt) -> dict[str, int]:
    used = {"inputTokens": prompt.input_tokens, "outputTokens": reply.output_tokens}
    return {**used, "totalTokens": prompt.input_tokens + reply.output_tokens}


def _tool_id(stamp: Stamp, index: int) -> str:
    return f"tooluse_{stamp.serial:016x}{index:06x}"


def converse_body(reply: Reply, prompt: Prompt, stamp: Stamp) -> bytes:
    """The whole answer."""
    content: list[dict[str, Any]] = []
    if reply.thinking is not None:
        text = {"text": reply.thinking, "signature": sign(reply.thinking)}
        content.append({"reasoningContent": {"reasoningText": text}})
    if reply.text is not None:
        content.append({"text": reply.text})
    content += [
        {"toolUse": {"toolUseId": _tool_id(stamp, index), "name": call.name, "input": orjson.loads(call.arguments)}}
        for index, call in enumerate(reply.calls)
    ]
    return orjson.dumps(
        {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": _stop(reply),
            "usage": _usage(reply, prompt),
            "metrics": {"latencyMs": 1},
        }
    )


def converse_events(
    reply: Reply, prompt: Prompt, stamp: Stamp, behaviour: Behaviour
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The events of a stream, each with its type."""
    rng = random.Random(behaviour.seed)
    yield "messageStart", {"role": "assistant"}
    index = 0
    if reply.text is not None:
        for piece in pieces(reply.text, behaviour.piece, rng):
            yield "contentBlockDelta", {"contentBlockIndex": index, "delta": {"text": piece}}
        yield "contentBlockStop", {"contentBlockIndex": index}
        index += 1
    for number, call in enumerate(reply.calls):
        use = {"toolUseId": _tool_id(stamp, number), "name": call.name}
        yield "contentBlockStart", {"contentBlockIndex": index, "start": {"toolUse": use}}
        for piece in pieces(call.arguments, behaviour.piece, rng):
            yield "contentBlockDelta", {"contentBlockIndex": index, "delta": {"toolUse": {"input": piece}}}
        yield "contentBlockStop", {"contentBlockIndex": index}
        index += 1
    yield "messageStop", {"stopReason": _stop(reply)}
    yield "metadata", {"usage": _usage(reply, prompt), "metrics": {"latencyMs": 1}}
