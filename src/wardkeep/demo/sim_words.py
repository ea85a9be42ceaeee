"""What the simulated model says: words taken from the prompt, never from anywhere else.

The simulator is the independent truth of the tests: an answer can hold an identifier only when the request held it. So
every answer, tool argument and JSON document is built from the bracketed tokens and the words of the last user message.
This module does no I/O and knows neither wire format.
"""

import itertools
import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

#: A surrogate as a de-identifying proxy writes it: upper-case type, dash, tag, and an optional variant after a dot.
TOKEN = re.compile(r"\[[A-Z][A-Z0-9_]*-[0-9A-Za-z]+(?:\.[0-9A-Za-z]+)*\]")

_LABELLED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)[ \t]*[:=][ \t]*([^;\n]+)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_QUOTED_CHARACTERS = 4000
_SCHEMA_DEPTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool that the request offered, in neither vendor's dialect."""

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What the simulated model can see of a request, in neither vendor's dialect."""

    model: str
    user_text: str
    tool_result: str | None
    tools: Sequence[Tool]
    #: ``auto``, ``none``, ``required``, or the name of a tool that must be called.
    tool_choice: str
    #: The JSON schema asked for; an empty one asks for any object; None asks for plain text.
    json_schema: Mapping[str, Any] | None
    message_count: int
    input_tokens: int
    stream: bool
    include_usage: bool = False
    choice_count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call the simulated model makes; ``arguments`` is JSON text as the vendor would write it."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the simulated model answers: thinking first, then text, then tool calls; each may be missing."""

    thinking: str | None = None
    text: str | None = None
    calls: Sequence[ToolCall] = ()

    @property
    def output_tokens(self) -> int:
        """A plausible token count, a quarter of the characters."""
        arguments = sum(len(call.arguments) for call in self.calls)
        return (len(self.thinking or "") + len(self.text or "") + arguments) // 4 + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What one answer carries besides its content."""

    serial: int
    created: int


def compose(
    prompt: Prompt,
    *,
    reply: str | None,
    events: int,
    calls: int,
    ascii_arguments: bool,
    chosen: tuple[str, str] | None = None,
) -> Reply:
    """Choose what the model named in ``prompt`` answers; ``reply`` replaces the text of any answer.

    ``chosen`` is the name of the one tool to call and what it is given.
    """
    thinking = _thinking(prompt.user_text) if prompt.model in {"sim-think", "sim-think-tools"} else None
    if prompt.model in {"sim-tools", "sim-think-tools"}:
        offered = _tools_to_call(prompt, calls)
        if offered and chosen is not None:
            return Reply(thinking=thinking, calls=(ToolCall(name=chosen[0], arguments=chosen[1]),))
        if offered:
            made = tuple(_call(tool, prompt.user_text, ascii_arguments=ascii_arguments) for tool in offered)
            return Reply(thinking=thinking, calls=made)
    text = reply if reply is not None else _answer(prompt, events=events, ascii_only=ascii_arguments)
    return Reply(thinking=thinking, text=text)


def pieces(text: str, size: int, rng: random.Random) -> Iterator[str]:
    """Cut ``text`` as a tokeniser would: ``size`` characters each, or one to seven when ``size`` is 0."""
    start = 0
    while start < len(text):
        end = start + (size or rng.randint(1, 7))
        yield text[start:end]
        start = end


def _answer(prompt: Prompt, *, events: int, ascii_only: bool) -> str:
    if prompt.model == "sim-long":
        return _long_text(prompt.user_text, events)
    if prompt.model == "sim-count":
        return _counts(prompt)
    if prompt.json_schema is not None or prompt.model == "sim-json":
        return _dump(_document(prompt.json_schema, prompt.tool_result or prompt.user_text), ascii_only=ascii_only)
    if prompt.tool_result is not None:
        return f"The tool returned: {_quote(prompt.tool_result)}"
    return _summary(prompt.user_text)


def _summary(text: str) -> str:
    tokens = list(dict.fromkeys(TOKEN.findall(text)))
    concerning = f" Concerning {', '.join(tokens)}." if tokens else ""
    return f"Clinical summary.{concerning} Note: {_quote(text)}"


def _thinking(text: str) -> str:
    return f"The note reads: {_quote(text)}. It asks for a summary."


def _quote(text: str) -> str:
    if len(text) <= _QUOTED_CHARACTERS:
        return text
    # Cut between words, so that no token is left half quoted.
    return text[:_QUOTED_CHARACTERS].rpartition(" ")[0]


def _long_text(text: str, events: int) -> str:
    words = text.split() or ["word"]
    return "".join(f"{word} " for word in itertools.islice(itertools.cycle(words), events))


def _counts(prompt: Prompt) -> str:
    return (
        f"messages={prompt.message_count} characters={len(prompt.user_text)} "
        f"tokens={len(TOKEN.findall(prompt.user_text))} tools={len(prompt.tools)}"
    )


def _tools_to_call(prompt: Prompt, calls: int) -> Sequence[Tool]:
    if not prompt.tools or prompt.tool_choice == "none":
        return ()
    named = [tool for tool in prompt.tools if tool.name == prompt.tool_choice]
    if named:
        return named
    if prompt.tool_result is not None:
        # A client that insists on a tool after the result wants its structured answer: its output tool comes last.
        return prompt.tools[-1:] if prompt.tool_choice == "required" else ()
    return list(itertools.islice(itertools.cycle(prompt.tools), max(1, calls)))


def _call(tool: Tool, text: str, *, ascii_arguments: bool) -> ToolCall:
    filled = _fill(tool.schema, tool.schema, _Words.of(text), name="", depth=0)
    arguments = filled if isinstance(filled, dict) else {}
    return ToolCall(name=tool.name, arguments=_dump(arguments, ascii_only=ascii_arguments))


def _document(schema: Mapping[str, Any] | None, text: str) -> Any:
    if schema:
        return _fill(schema, schema, _Words.of(text), name="", depth=0)
    return {
        "summary": _summary(text),
        "tokens": list(dict.fromkeys(TOKEN.findall(text))),
        "words": text.split()[:40],
    }


def _dump(document: Any, *, ascii_only: bool) -> str:
    # Vendors differ in whether they escape non-ASCII inside arguments; a restoring proxy must cope with both.
    return json.dumps(document) if ascii_only else orjson.dumps(document).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """The material for structured answers: ``key: value`` pairs, else tokens in turn, else the whole text."""

    text: str
    labelled: Mapping[str, str]
    tokens: Iterator[str] | None
    numbers: Sequence[str]

    @classmethod
    def of(cls, text: str) -> "_Words":
        tokens = TOKEN.findall(text)
        return cls(
            text=text,
            # Reversed, so that the first of two equal labels wins.
            labelled={key.lower(): value.strip() for key, value in reversed(_LABELLED.findall(text))},
            tokens=itertools.cycle(tokens) if tokens else None,
            numbers=_NUMBER.findall(TOKEN.sub(" ", text)),
        )

    def for_property(self, name: str) -> str:
        labelled = self.labelled.get(name.lower())
        if labelled is not None:
            return labelled
        return next(self.tokens) if self.tokens is not None else _quote(self.text)

    def number_for(self, name: str) -> float:
        labelled = _NUMBER.search(self.labelled.get(name.lower(), ""))
        if labelled:
            return float(labelled.group())
        return float(self.numbers[0]) if self.numbers else 0.0


def _fill(schema: Mapping[str, Any], root: Mapping[str, Any], words: _Words, *, name: str, depth: int) -> Any:
    """Build the smallest instance of a JSON schema (2020-12 subset that vendors accept) out of ``words``."""
    if depth > _SCHEMA_DEPTH:
        return None
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    other = _alternative(schema, root)
    if other is not None:
        return _fill(other, root, words, name=name, depth=depth + 1)
    kind = _kind(schema)
    if kind == "object":
        properties = schema.get("properties", {})
        return {key: _fill(value, root, words, name=key, depth=depth + 1) for key, value in properties.items()}
    if kind == "array":
        length = max(1, int(schema.get("minItems", 1)))
        items = schema.get("items", {"type": "string"})
        return [_fill(items, root, words, name=name, depth=depth + 1) for _ in range(length)]
    return _scalar(kind, words, name)


def _alternative(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema that stands in for this one: what a reference names, or the first branch of a combiner."""
    if "$ref" in schema:
        return _resolve(root, str(schema["$ref"]))
    branches = next((schema[name] for name in ("anyOf", "oneOf", "allOf") if schema.get(name)), None)
    return branches[0] if branches else None


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        return next((one for one in kind if one != "null"), "null")
    return str(kind)


def _scalar(kind: str, words: _Words, name: str) -> Any:
    match kind:
        case "integer":
            return int(words.number_for(name))
        case "number":
            return words.number_for(name)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return words.for_property(name)


def _resolve(root: Mapping[str, Any], reference: str) -> Mapping[str, Any]:
    found: Any = root
    for step in reference.removeprefix("#/").split("/"):
        found = found.get(step, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, dict) else {}
