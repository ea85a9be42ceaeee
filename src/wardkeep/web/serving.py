"""The server: listening sockets in, ASGI calls out, every connection behind the guard.

uvicorn's protocol and configuration do the work; its own `Server` is not used because it polls for its end, takes the
process's signals and bounds no TLS handshake. Whoever supervises this process calls `stop`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from email.utils import formatdate
from socket import socket
from time import time
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.server import ServerState

from wardkeep.transport.listen import BACKLOG, bind, bind_unix
from wardkeep.transport.tls import ServedTls, TlsFiles
from wardkeep.web.guard import Guard, GuardedProtocol

__all__ = ["Server", "bind", "bind_unix", "make_server"]

# An ASGI 3 application; whose spelling of the message types it uses is its own affair.
Application = Callable[[Any, Any, Any], Awaitable[None]]

_SWEEP_SECONDS_MAX: Final = 0.5
_SWEEP_SECONDS_MIN: Final = 0.01
_LAST_WORDS_SECONDS: Final = 1.0
_FLUSH_SECONDS: Final = 0.01
_FILES_SECONDS: Final = 2.0


class Server:
    """Serves until `stop` is called. Made by `make_server`; runs once."""

    def __init__(
        self,
        config: Config,
        guard: Guard,
        sockets: Sequence[socket],
        served: ServedTls | None,
        on_files: Callable[[bool], None],
    ) -> None:
        self._config = config
        self._guard = guard
        self._sockets = sockets
        self._served = served
        self._on_files = on_files
        self._state = ServerState()
        self._grace_seconds: float | None = None
        self._stopping = asyncio.Event()
        self.started = asyncio.Event()

    @property
    def open_connections(self) -> int:
        """How many callers are connected now."""
        return len(self._state.connections)

    @property
    def running_calls(self) -> int:
        """How many calls the application works on now."""
        return len(self._state.tasks)

    def stop(self, grace_seconds: float) -> None:
        """Take no more calls, let the running ones end within the grace, then cut them. Returns at once."""
        self._grace_seconds = grace_seconds
        self._stopping.set()

    async def run(self) -> None:
        """Serve until stopped. Raises OSError when a socket cannot be listened on."""
        loop = asyncio.get_running_loop()
        limits = self._guard.limits
        interval = min(
            _SWEEP_SECONDS_MAX,
            *(seconds / 4 for seconds in (limits.header_seconds, limits.body_seconds, limits.idle_seconds)),
            *(seconds / 4 for seconds in (limits.stall_seconds, limits.linger_seconds)),
        )
        self._refresh_date()
        servers = [
            await loop.create_server(
                self._accept,
                sock=listener,
                ssl=None if self._served is None else self._served.context,
                backlog=BACKLOG,
                ssl_handshake_timeout=limits.header_seconds if self._served is not None else None,
            )
            for listener in self._sockets
        ]
        tending = [loop.create_task(self._sweep(max(interval, _SWEEP_SECONDS_MIN)))]
        if self._served is not None:
            tending.append(loop.create_task(self._follow_files(self._served)))
        try:
            self.started.set()
            await self._stopping.wait()
        finally:
            for server in servers:
                server.close()
            await self._drain()
            for each in tending:
                each.cancel()

    async def _follow_files(self, served: ServedTls) -> None:
        """Take up a renewed certificate, key or authority within seconds; a disk that hangs holds up nobody."""
        while True:
            await asyncio.sleep(_FILES_SECONDS)
            changed = await asyncio.to_thread(served.refresh)
            if changed is not False:
                self._on_files(changed is True)

    def _accept(self) -> GuardedProtocol:
        return GuardedProtocol(self._config, self._state, {}, self._guard)

    def _refresh_date(self) -> None:
        self._state.default_headers = [(b"date", formatdate(time(), usegmt=True).encode())]

    async def _sweep(self, interval_seconds: float) -> None:
        """One timer for all connections: deadlines cost nothing per request."""
        loop = asyncio.get_running_loop()
        before = loop.time()
        while True:
            await asyncio.sleep(interval_seconds)
            now = loop.time()
            self._refresh_date()
            for connection in list(self._state.connections):
                assert isinstance(connection, GuardedProtocol)
                connection.sweep(now, now - before)
            before = now

    async def _drain(self) -> None:
        """Let running calls end within the grace, cancel the others, flush what was answered, cut the rest."""
        loop = asyncio.get_running_loop()
        until = loop.time() + (self._grace_seconds or 0.0)
        for connection in list(self._state.connections):
            connection.shutdown()
        tasks = set(self._state.tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=until - loop.time())
            for task in late:
                task.cancel()
            if late:
                # Cancelled calls still close their ledger entry; they get a moment for it.
                await asyncio.wait(late, timeout=_LAST_WORDS_SECONDS)
        while self._has_unsent() and loop.time() < until:  # noqa: ASYNC110 - a transport tells nobody that it is empty
            await asyncio.sleep(_FLUSH_SECONDS)
        for connection in list(self._state.connections):
            connection.transport.abort()

    def _has_unsent(self) -> bool:
        return any(connection.transport.get_write_buffer_size() for connection in self._state.connections)


def make_server(
    app: Application,
    *,
    sockets: Sequence[socket],
    guard: Guard,
    tls: TlsFiles | None = None,
    on_files: Callable[[bool], None] = lambda _: None,
) -> Server:
    """Prepare to serve `app` on bound sockets. Raises OSError, ssl.SSLError.

    `on_files` hears whether changed TLS files were taken up, or do not fit and left things as they were.
    """
    config = Config(
        app,
        http=GuardedProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    config.load()
    return Server(config, guard, sockets, ServedTls(tls) if tls is not None else None, on_files)
