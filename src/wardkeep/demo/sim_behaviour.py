"""How the simulator behaves besides what it says: how bytes are cut, how long it waits, when it drops the line.

Nothing here does I/O; :mod:`wardkeep.demo.simulator` holds the sockets.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

#: Every model the simulated vendors know; anything else is a vendor-shaped 404.
MODELS: Final = frozenset(
    {
        "sim-echo",
        "sim-tools",
        "sim-json",
        "sim-think",
        "sim-think-tools",
        "sim-slow",
        "sim-drop",
        "sim-garbage",
        "sim-long",
        "sim-count",
        "sim-embed",
        "sim-error-stream",
    }
    | {f"sim-error-{status}" for status in (400, 401, 403, 404, 429, 500, 503, 529)}
)

_CHUNK_WORDS = frozenset({"event", "byte", "random", "whole"})


class BehaviourError(ValueError):
    """The control request was wrong; whoever wrote the test reads the sentence and mends the call."""


class RejectedError(Exception):
    """The simulated vendor refuses the request; the surface it came in by gives the error its vendor's shape."""

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """Everything a test may set over ``POST /_sim/config``."""

    #: How response bytes are cut into writes: ``event``, ``byte``, ``random``, ``whole``, or a number of bytes.
    chunk: str = "event"
    seed: int = 0
    #: ``sim-slow`` waits this long before the first byte ...
    delay_ms: int = 200
    #: ... and this long between two writes of its body.
    event_delay_ms: int = 0
    #: Text events of ``sim-long``.
    events: int = 1000
    #: Body bytes that ``sim-drop`` lets through before it closes the connection.
    drop_after: int = 200
    #: Fixed text in place of every composed text; None composes from the prompt.
    reply: str | None = None
    #: Characters a streamed delta; 0 draws one to seven for each.
    piece: int = 0
    #: Parallel tool calls that ``sim-tools`` makes.
    calls: int = 1
    #: The one tool that ``sim-tools`` calls, and what it is given as JSON; by default those offered, filled by schema.
    tool: str = ""
    arguments: str = "{}"
    #: Escape non-ASCII inside JSON answers and tool arguments.
    ascii_arguments: bool = False
    #: Line end of server-sent events; the standard allows LF, CRLF and CR.
    newline: str = "\n"
    #: Value of the ``retry-after`` header on 429, 503 and 529.
    retry_after: str = "1"


def changed(behaviour: Behaviour, wanted: Mapping[str, Any]) -> Behaviour:
    """Apply a control request. Raises BehaviourError for an unknown name or a value of the wrong kind."""
    known = {field.name: field.type for field in fields(Behaviour)}
    values: dict[str, Any] = {}
    for name, value in wanted.items():
        if name not in known:
            raise BehaviourError(f"unknown setting {name!r}; known: {', '.join(sorted(known))}")
        values[name] = str(value) if name == "chunk" else value
        if not _fits(known[name], values[name]):
            raise BehaviourError(f"setting {name!r} has a value of the wrong kind")
    chunk = values.get("chunk", behaviour.chunk)
    if chunk not in _CHUNK_WORDS and not (chunk.isascii() and chunk.isdigit() and int(chunk) > 0):
        raise BehaviourError("chunk is event, byte, random, whole, or a number above 0")
    if values.get("newline", "\n") not in {"\n", "\r\n", "\r"}:
        raise BehaviourError("newline is LF, CRLF or CR")
    return replace(behaviour, **values)


def writes(events: Iterable[bytes], behaviour: Behaviour) -> Iterator[bytes]:
    """Cut a body into the writes that reach the socket, at any byte and across event boundaries."""
    match behaviour.chunk:
        case "event":
            yield from events
        case "whole":
            yield b"".join(events)
        case "byte":
            yield from _recut(events, lambda: 1)
        case "random":
            rng = random.Random(behaviour.seed)  # noqa: S311 - a repeatable test pattern, not a secret
            yield from _recut(events, lambda: rng.randint(1, 64))
        case number:
            size = int(number)
            yield from _recut(events, lambda: size)


def cut_after(body: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Let ``limit`` bytes of ``body`` through and nothing after them."""
    left = limit
    for part in body:
        if len(part) >= left:
            yield part[:left]
            return
        left -= len(part)
        yield part


def _recut(events: Iterable[bytes], next_size: Callable[[], int]) -> Iterator[bytes]:
    held = bytearray()
    size = next_size()
    for event in events:
        held += event
        start = 0
        while len(held) - start >= size:
            yield bytes(held[start : start + size])
            start += size
            size = next_size()
        del held[:start]
    if held:
        yield bytes(held)


def _fits(kind: Any, value: Any) -> bool:
    if kind == str | None:
        return value is None or isinstance(value, str)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return isinstance(value, kind)
