"""A guarded server on a real socket, and a client that sends exactly the bytes it is told."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from wardkeep.model.reasons import Reason
from wardkeep.transport.tls import TlsFiles
from wardkeep.web.errors import render
from wardkeep.web.guard import ClientGoneError, GuardLimits, make_guard, read_body
from wardkeep.web.serving import Server, bind, make_server

PATIENCE_SECONDS = 5.0


@dataclass(slots=True, kw_only=True)
class Wire:
    port: int
    server: Server
    refused: Counter[Reason]
    failed: list[tuple[str, str]]
    bodies: list[bytes] = field(default_factory=list)
    scopes: list[dict] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def say(self, data: bytes) -> bytes:
        """Send the bytes, then read until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            return await read_to_end(reader)
        finally:
            writer.close()


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.read(-1), PATIENCE_SECONDS)


async def read_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """One answer with a Content-Length."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return head, await asyncio.wait_for(reader.readexactly(length), PATIENCE_SECONDS)


@asynccontextmanager
async def serving(*, tls: TlsFiles | None = None, **limits: float) -> AsyncIterator[Wire]:
    """Serve an application that answers with the body's length; `/wait` waits, `/stream` never ends, `/fail` raises,
    `/broken` raises after the answer's head, `/early` answers unread, `/lazy` waits before it reads, `/flood` sends
    for ever, `/large` sends 16 MiB."""
    refused: Counter[Reason] = Counter()
    failed: list[tuple[str, str]] = []

    def count(reason: Reason) -> None:
        refused[reason] += 1

    async def app(scope, receive, send):
        try:
            await application(scope, receive, send)
        except asyncio.CancelledError:
            wire.gone.set()
            raise

    async def application(scope, receive, send):
        wire.scopes.append(scope)
        wire.entered.set()
        if scope["path"] == "/fail":
            raise ValueError("what the caller sent")
        if scope["path"] == "/broken":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            raise ValueError("what the caller sent")
        if scope["path"] == "/lazy":
            await wire.release.wait()
        if scope["path"] == "/early":
            await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"no"})
            return
        try:
            body = await read_body(receive, 1 << 30)
        except ClientGoneError:
            wire.gone.set()
            return
        wire.bodies.append(body)
        if scope["path"] == "/wait":
            await wire.release.wait()
        if scope["path"] == "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            try:
                while (await asyncio.wait_for(receive(), 0.001))["type"] != "http.disconnect":
                    pass
            except TimeoutError:
                pass
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
            while (await receive())["type"] != "http.disconnect":
                pass
            wire.gone.set()
            return
        if scope["path"] == "/flood":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while not wire.gone.is_set():
                await send({"type": "http.response.body", "body": b"x" * (1 << 20), "more_body": True})
                await asyncio.sleep(0)
                if wire.server.open_connections == 0:
                    wire.gone.set()
            return
        answer = b"x" * (16 << 20) if scope["path"] == "/large" else b"%d" % len(body)
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-length", b"%d" % len(answer))],
            }
        )
        await send({"type": "http.response.body", "body": answer})

    listener = bind("127.0.0.1", 0)
    guard = make_guard(
        GuardLimits(hosts=frozenset({"gate.example", "127.0.0.1"}), **limits),
        on_refused=count,
        on_failed=lambda kind, place: failed.append((kind, place)),
        render=render,
    )
    server = make_server(app, sockets=[listener], guard=guard, tls=tls)
    wire = Wire(port=listener.getsockname()[1], server=server, refused=refused, failed=failed)
    running = asyncio.create_task(server.run())
    await server.started.wait()
    try:
        yield wire
    finally:
        server.stop(0.0)
        await running
