"""A vendor's answer read through a converter, so that the road sees the client's wire format only.

Streams are converted as they arrive, whole answers at their end; both are bounded by the pool's and the frame's limits.
Errors of platforms that have their own shape become errors of the client's format, with the vendor's status.
"""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import orjson

from wardkeep.providers.contract import VendorAnswer
from wardkeep.transport.errors import AnswerInvalid

_ANTHROPIC_KINDS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}
_OPENAI_KINDS: Final = {429: "rate_limit_error", 401: "authentication_error", 403: "permission_error"}


class Converter(Protocol):
    """Turns a vendor's bytes into the client's format. Raises AnswerInvalid or AnswerTooLarge."""

    def feed(self, data: bytes) -> bytes:
        """Take what arrived; return what can be passed on now."""

    def finish(self) -> bytes:
        """Return what is left at the end."""


@dataclass(slots=True)
class Whole:
    """Converts an answer that is not a stream: keeps it until its end."""

    convert: Callable[[bytes], bytes]
    _parts: list[bytes] = field(default_factory=list)

    def feed(self, data: bytes) -> bytes:
        """Keep the piece."""
        self._parts.append(data)
        return b""

    def finish(self) -> bytes:
        """Return the converted whole."""
        return self.convert(b"".join(self._parts))


@dataclass(slots=True)
class InTurn:
    """Converts by way of a format between: what the first gives, the second takes."""

    first: Converter
    second: Converter

    def feed(self, data: bytes) -> bytes:
        """Return what the second can say of what the first can say now."""
        said = self.first.feed(data)
        return self.second.feed(said) if said else b""

    def finish(self) -> bytes:
        """Return what is left of both."""
        said = self.first.finish()
        return (self.second.feed(said) if said else b"") + self.second.finish()


class Converted:
    """`VendorAnswer` whose body passes through a converter."""

    __slots__ = ("_converter", "_is_done", "_upstream", "headers", "status")

    def __init__(
        self, upstream: VendorAnswer, converter: Converter, *, renamed: dict[bytes, bytes] | None = None
    ) -> None:
        names = renamed or {}
        self.status = upstream.status
        self.headers = [(names.get(name, name), value) for name, value in upstream.headers]
        self._upstream = upstream
        self._converter = converter
        self._is_done = False

    async def read(self) -> bytes:
        """Return the next converted piece; empty at the end. Raises TransportError."""
        while not self._is_done:
            data = await self._upstream.read()
            if data:
                piece = self._converter.feed(data)
                if piece:
                    return piece
                continue
            self._is_done = True
            return self._converter.finish()
        return b""

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the converted body as it arrives. Raises TransportError."""
        while data := await self.read():
            yield data

    async def close(self) -> None:
        """Let go of the vendor's answer."""
        await self._upstream.close()


def anthropic_error(status: int, message: str) -> bytes:
    """Return an error body of the Anthropic format."""
    kind = _ANTHROPIC_KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return orjson.dumps({"type": "error", "error": {"type": kind, "message": message}})


def openai_error(status: int, message: str) -> bytes:
    """Return an error body of the OpenAI format."""
    kind = _OPENAI_KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": None}})


def said_by(raw: bytes) -> str:
    """Return the sentence in a platform's error: `message`, `error.message`, or the first of a list of these.

    Raises:
        AnswerInvalid: it is no JSON; an error page of something in front of the vendor.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise AnswerInvalid("the vendor's error is not JSON") from None
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, dict):
        inner = value.get("error")
        for holder in (inner, value):
            if isinstance(holder, dict):
                for name in ("message", "Message"):
                    if isinstance(holder.get(name), str):
                        return str(holder[name])
    return "The vendor gave an error without a message."
