"""The floor: a raw ASGI application that hands the body to the upstream over kept-alive sockets and hands it back.

No key check, no detection, no audit, no parsing of JSON: what is left is the price of being in the middle in Python.
The upstream's base URL comes from UPSTREAM_URL. Understands only answers with a Content-Length, which is what the
bench's upstreams give.
"""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast
from urllib.parse import urlsplit

_BASE = urlsplit(os.environ["UPSTREAM_URL"])
_HOST, _PORT = _BASE.hostname or "127.0.0.1", _BASE.port or 80
_HEAD = (
    f"POST {_BASE.path}/chat/completions HTTP/1.1\r\nHost: {_BASE.netloc}\r\n"
    "Authorization: Bearer sk-bench-upstream\r\nContent-Type: application/json\r\nContent-Length: "
).encode()
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TYPE = re.compile(rb"\r\ncontent-type: *([^\r]+)", re.IGNORECASE)

Message = MutableMapping[str, Any]


class _Connection(asyncio.Protocol):
    """One upstream connection; the bytes that came are taken by whoever waits."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.data = b""
        self.waiter: asyncio.Future[None] | None = None
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(
            "asyncio.Transport", transport
        )  # uvloop's own class, which does not inherit from asyncio's

    def data_received(self, data: bytes) -> None:
        self.data += data
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.closed = True
        self._wake()

    async def more(self) -> None:
        if self.closed:
            raise ConnectionError("the upstream closed the connection")
        self.waiter = asyncio.get_running_loop().create_future()
        await self.waiter
        self.waiter = None

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)


_idle: list[_Connection] = []  # one event loop a process, so the list needs no lock


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Pass one call through."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    connection = _idle.pop() if _idle else None
    if connection is None or connection.closed:
        _, connection = await asyncio.get_running_loop().create_connection(_Connection, _HOST, _PORT)
    assert connection.transport is not None
    connection.transport.write(_HEAD + b"%d\r\n\r\n" % len(body) + body)
    while (head_end := connection.data.find(b"\r\n\r\n")) < 0:
        await connection.more()
    head = connection.data[:head_end]
    length, kind = _LENGTH.search(head), _TYPE.search(head)
    assert length is not None
    assert kind is not None
    left = int(length[1])
    await send(
        {
            "type": "http.response.start",
            "status": int(head[9:12]),
            "headers": [(b"content-type", kind[1]), (b"content-length", length[1])],
        }
    )
    connection.data = connection.data[head_end + 4 :]
    while True:
        piece, connection.data = connection.data, b""
        left -= len(piece)
        if piece or left == 0:
            await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
        if left == 0:
            break
        await connection.more()
    _idle.append(connection)
