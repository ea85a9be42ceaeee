"""Frames over a Unix socket: how workers call the keeper, and how the keeper tells all workers something.

A frame is a 4-byte big-endian payload length, a 4-byte number, the payload. A call carries a number that its reply
repeats; the top bit of a reply's number says that the handler failed. Number 0 is a push from the server. All frames
that are ready in one turn of the event loop leave in one write.

Only processes of the same user are served, whatever the file's mode became (SO_PEERCRED, see unix(7)). Calls are
answered in any order, are never repeated, and nothing here reads a payload.
"""

import asyncio
import os
import socket
import struct
from asyncio import AbstractEventLoop, Future, Task
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from wardkeep.transport.errors import FrameTooLargeError, KeeperFailed, KeeperLost
from wardkeep.transport.listen import bind_unix, reachable

# The largest body or answer that is taken (32 MiB), sealed, with its surrogate map beside it.
MAX_FRAME_BYTES: Final = 40 * 1024 * 1024

_PREFIX: Final = struct.Struct(">II")
_PREFIX_BYTES: Final = 8
_PUSH: Final = 0
_FAILED: Final = 0x8000_0000
_LAST_NUMBER: Final = 0x7FFF_FFFF
_PEER: Final = struct.Struct("3i")  # struct ucred: pid, uid, gid
# A peer that does not read may not make us hold more than this.
_MAX_UNREAD_BYTES: Final = 64 * 1024 * 1024

Handler = Callable[["FrameConnection", bytes], Coroutine[Any, Any, bytes]]
PushCallback = Callable[[bytes], None]


class _Framed(asyncio.Protocol):
    """Cuts the stream into frames and joins frames into writes. Both ends build on it."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._needed = _PREFIX_BYTES
        self._out: list[bytes] = []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a peer of the same user; drop any other unread."""
        self._transport = transport
        peer = transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        _, uid, _ = _PEER.unpack(peer)
        if uid != os.geteuid():
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Hand on each complete frame."""
        buffer = self._buffer
        if buffer:
            buffer += data
            if len(buffer) < self._needed:
                return
            data = bytes(buffer)
            buffer.clear()
        at, end = 0, len(data)
        self._needed = _PREFIX_BYTES
        while end - at >= _PREFIX_BYTES:
            length, number = _PREFIX.unpack_from(data, at)
            if length > MAX_FRAME_BYTES:
                self.abort()
                return
            stop = at + _PREFIX_BYTES + length
            if stop > end:
                self._needed = _PREFIX_BYTES + length
                break
            self._take(number, data[at + _PREFIX_BYTES : stop])
            at = stop
        if at < end:
            buffer += data[at:]

    def abort(self) -> None:
        """Close without waiting."""
        if self._transport is not None:
            self._transport.abort()

    def _take(self, number: int, payload: bytes) -> None:
        raise NotImplementedError

    def _post(self, number: int, payload: bytes) -> None:
        out = self._out
        if not out:
            self._loop.call_soon(self._flush)
        out.append(_PREFIX.pack(len(payload), number))
        out.append(payload)

    def _flush(self) -> None:
        data = b"".join(self._out)
        self._out.clear()
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(data)
        if transport.get_write_buffer_size() > _MAX_UNREAD_BYTES:
            transport.abort()


class FrameConnection(_Framed):
    """One worker's connection, seen by the keeper."""

    def __init__(self, loop: AbstractEventLoop, server: "FrameServer") -> None:
        super().__init__(loop)
        self._server = server
        self._tasks: set[Task[None]] = set()

    def push(self, payload: bytes) -> None:
        """Tell this worker something, unasked. Raises FrameTooLargeError."""
        _check_size(payload)
        self._post(_PUSH, payload)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Join the server's connections."""
        super().connection_made(transport)
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Leave. Calls in flight run to their end: what they began (a commit) must not be torn."""
        self._server.connections.discard(self)
        self._transport = None
        if not self._tasks:
            self._server.on_left(self)

    def _take(self, number: int, payload: bytes) -> None:
        if number == _PUSH or number > _LAST_NUMBER:
            self.abort()
            return
        task = self._loop.create_task(self._answer(number, payload))
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    def _finish(self, task: Task[None]) -> None:
        self._tasks.discard(task)
        if self._transport is None and not self._tasks:
            # Only now is it certain that this worker leaves nothing new behind.
            self._server.on_left(self)

    async def _answer(self, number: int, payload: bytes) -> None:
        try:
            reply = await self._server.handler(self, payload)
        except Exception as error:  # noqa: BLE001 - the keeper's outermost loop: one bad call must not end the others
            self._server.on_failed(type(error).__name__)
            self._post(number | _FAILED, b"")
            return
        if len(reply) > MAX_FRAME_BYTES:
            self._server.on_failed(FrameTooLargeError.__name__)
            self._post(number | _FAILED, b"")
            return
        self._post(number, reply)


def _check_size(payload: bytes) -> None:
    if len(payload) > MAX_FRAME_BYTES:
        raise FrameTooLargeError("the message is larger than a frame may be")


class FrameServer:
    """Serves calls on a Unix socket.

    `on_failed` gets the type of an exception that `handler` raised, not its text. `on_left` gets a connection that
    ended, once its last call is answered.
    """

    def __init__(
        self,
        path: Path,
        handler: Handler,
        *,
        on_failed: Callable[[str], None],
        on_left: Callable[[FrameConnection], None] | None = None,
    ) -> None:
        self.handler = handler
        self.on_failed = on_failed
        self.on_left = on_left if on_left is not None else _ignore_leaving
        self.connections: set[FrameConnection] = set()
        self._path = path
        self._server: asyncio.AbstractServer | None = None

    async def start(self) -> None:
        """Listen. Raises OSError, also when another process already does."""
        loop = asyncio.get_running_loop()
        listener = bind_unix(self._path)
        self._server = await loop.create_unix_server(lambda: FrameConnection(loop, self), sock=listener)

    def push(self, payload: bytes) -> None:
        """Tell every connected worker something. Raises FrameTooLargeError."""
        for connection in self.connections:
            connection.push(payload)

    async def close(self) -> None:
        """Stop listening and cut every worker off."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self._path.unlink(missing_ok=True)
        for connection in list(self.connections):
            connection.abort()


class _ClientConnection(_Framed):
    def __init__(self, loop: AbstractEventLoop, on_push: PushCallback, on_lost: Callable[[], None]) -> None:
        super().__init__(loop)
        self._on_push = on_push
        self._on_lost = on_lost
        self._pending: dict[int, Future[bytes]] = {}
        self._number = 0
        self._is_lost = False
        self._room: Future[None] | None = None

    def call(self, payload: bytes) -> Future[bytes]:
        if self._is_lost:
            raise KeeperLost("the keeper is not connected")
        number = self._number
        while True:
            number = number + 1 if number < _LAST_NUMBER else 1
            if number not in self._pending:
                break
        self._number = number
        reply: Future[bytes] = self._loop.create_future()
        self._pending[number] = reply
        self._post(number, payload)
        return reply

    @property
    def room(self) -> Awaitable[None] | None:
        """What to wait for before more is written, if anything."""
        return self._room

    def pause_writing(self) -> None:
        self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None
        self._is_lost = True
        self.resume_writing()
        pending, self._pending = self._pending, {}
        for reply in pending.values():
            if not reply.done():
                reply.set_exception(KeeperLost("the keeper closed the connection"))
        self._on_lost()

    def _take(self, number: int, payload: bytes) -> None:
        if number == _PUSH:
            self._on_push(payload)
            return
        # A call that was cancelled meanwhile is answered into the void.
        reply = self._pending.pop(number & _LAST_NUMBER, None)
        if reply is None or reply.done():
            return
        if number & _FAILED:
            reply.set_exception(KeeperFailed("the keeper could not answer"))
        else:
            reply.set_result(payload)


class FrameClient:
    """A worker's line to the keeper. Any number of calls may be in flight."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: _ClientConnection | None = None
        self._push_callback: PushCallback = _ignore_push
        self._lost_callback: Callable[[], None] = _ignore_loss

    def on_push(self, callback: PushCallback) -> None:
        """Set who hears pushes. It runs inside the event loop and must not block."""
        self._push_callback = callback

    def on_lost(self, callback: Callable[[], None]) -> None:
        """Set who hears that the connection ended."""
        self._lost_callback = callback

    async def connect(self) -> None:
        """Connect, also again after a loss. Raises KeeperLost when nobody listens."""
        loop = asyncio.get_running_loop()
        try:
            with reachable(self._path) as name:
                _, connection = await loop.create_unix_connection(
                    lambda: _ClientConnection(loop, self._hear_push, self._hear_loss), name
                )
        except OSError as error:
            raise KeeperLost("nobody listens on the keeper's socket") from error
        self._connection = connection

    async def call(self, payload: bytes) -> bytes:
        """Send a message and return its reply. Raises KeeperLost, KeeperFailed, FrameTooLargeError.

        Cancelling it does not cancel what the keeper does.
        """
        _check_size(payload)
        connection = self._connection
        if connection is None:
            raise KeeperLost("the keeper is not connected")
        while (room := connection.room) is not None:
            await room
        return await connection.call(payload)

    async def close(self) -> None:
        """Hang up. Calls in flight raise KeeperLost."""
        if self._connection is not None:
            self._connection.abort()

    def _hear_push(self, payload: bytes) -> None:
        self._push_callback(payload)

    def _hear_loss(self) -> None:
        self._lost_callback()


def _ignore_leaving(connection: FrameConnection) -> None:
    """Unless somebody asks."""


def _ignore_push(payload: bytes) -> None:
    """Until somebody listens."""


def _ignore_loss() -> None:
    """Until somebody listens."""
