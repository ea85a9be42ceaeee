"""Runs an instance: the faces, the keeper and its workers, from start to an orderly end."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import uvloop

from wardkeep.app.home import Opened, open_home
from wardkeep.app.keeper import KeeperDesk, LocalSequencer
from wardkeep.app.road import allow_origins, build_road
from wardkeep.app.worker import KeeperLink
from wardkeep.audit.entry import decode
from wardkeep.compliance.reading import AuditReader
from wardkeep.crypto.harden import harden_process
from wardkeep.crypto.keys import DataKeys, data_keys
from wardkeep.gateway.limits import Limits
from wardkeep.gateway.pipeline import Road
from wardkeep.model.instant import Instant
from wardkeep.model.registry import Registry
from wardkeep.privacy.detect.detector import Detector
from wardkeep.settings import Settings, clock as real_clock
from wardkeep.transport.listen import Listener, bind, bind_unix
from wardkeep.transport.pool import Pool
from wardkeep.transport.tls import TlsFiles
from wardkeep.transport.unix import FrameClient, FrameServer
from wardkeep.web.control import control_app
from wardkeep.web.data import DataFace
from wardkeep.web.errors import render
from wardkeep.web.guard import Guard, GuardLimits, make_guard
from wardkeep.web.metrics import Counts, Metrics, total
from wardkeep.web.ops import OperationsFace, Readiness
from wardkeep.web.serving import Server, make_server

Clock = Callable[[], Instant]

_GRACE_SECONDS: Final = 10.0
_REPORT_SECONDS: Final = 1.0
_RESPAWN_SECONDS: Final = 0.5
_POLICY: Final = "balanced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the faces really listen (a port of 0 is chosen by the system)."""

    data: str
    console: str
    operations: str


def serve(
    settings: Settings,
    *,
    workers: int | None = None,
    clock: Clock = real_clock,
    on_ready: Callable[[Addresses], None] = lambda _: None,
) -> None:
    """Serve until SIGTERM or SIGINT. With one worker all runs in this process.

    Raises:
        CryptoError, LedgerError, StoreError, ControlError, OSError: the instance cannot start; each says what to do.
    """
    count = workers if workers is not None else (settings.workers or os.cpu_count() or 1)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_Instance(settings=settings, clock=clock).run(max(1, count), on_ready))


@dataclass(slots=True, kw_only=True)
class _Instance:
    """One running instance, in the process that keeps the ledger."""

    settings: Settings
    clock: Clock
    metrics: Metrics = field(default_factory=Metrics)
    desk: KeeperDesk | None = None
    alive: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    expected: int = 0
    pending: set[asyncio.Task[object]] = field(default_factory=set)

    async def run(self, workers: int, on_ready: Callable[[Addresses], None]) -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        harden_process()
        _prepare_run_directory(self.settings.run_directory)
        home = await open_home(self.settings, self.clock)
        try:
            await self._serve(home, workers, on_ready, stopping)
        finally:
            await home.close()

    async def _serve(
        self, home: Opened, workers: int, on_ready: Callable[[Addresses], None], stopping: asyncio.Event
    ) -> None:
        listen = self.settings.listen
        data_socket = bind(listen.host, listen.data_port)
        console_socket = bind(listen.host, listen.console_port)
        operations_socket = bind(listen.host, listen.operations_port)
        admin_socket = bind_unix(self.settings.admin_socket_path)
        tls = tls_files(self.settings)
        sequencer = LocalSequencer(ledger=home.ledger, limits=Limits(), clock=self.clock)
        newest = await _newest_entry_us(home)
        await _record_start(home)
        guard = guard_for(self.settings, self.metrics)
        reader = AuditReader(ledger=home.ledger, entries=home.entries)
        control = control_app(
            control=home.control, reader=reader, keys=home.keys, clock=self.clock, tenant=home.keyring.tenant
        )
        operations = OperationsFace(
            readiness=lambda: self._readiness(home), counts=self._counts, gauges=lambda: _gauges(home)
        )
        servers = [
            make_server(control, sockets=[console_socket], guard=guard, tls=tls),
            make_server(control, sockets=[admin_socket], guard=guard),
            make_server(operations, sockets=[operations_socket], guard=guard, tls=tls),
        ]
        tasks: list[asyncio.Task[None]] = []
        desk = self.desk = KeeperDesk(
            sequencer=sequencer, control=home.control, keys=_without_history(home), last_wall_us=newest
        )
        frames: FrameServer | None = None
        if workers == 1:
            servers.append(self._data_server(home, sequencer, newest, data_socket, guard, tls))
        else:
            frames = FrameServer(
                self.settings.run_directory / "keeper.sock",
                desk.answer,
                on_failed=lambda kind: log("keeper_failed", kind=kind),
                on_left=lambda connection: self.later(desk.leave(connection)),
            )
            await frames.start()
            home.control.on_change(lambda _: frames.push(desk.facts_message()))
            self.expected = workers
            tasks += [asyncio.create_task(self._keep_worker(data_socket, stopping)) for _ in range(workers)]
        running = [asyncio.create_task(server.run()) for server in servers]
        scheme = "https" if tls is not None else "http"
        addresses = Addresses(
            data=_address(scheme, data_socket),
            console=_address(scheme, console_socket),
            operations=_address(scheme, operations_socket),
        )
        await self._until_ready(servers, stopping)
        log("ready", data=addresses.data, console=addresses.console, operations=addresses.operations, workers=workers)
        on_ready(addresses)
        await stopping.wait()
        log("stopping")
        for process in self.alive.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for server in servers:
            server.stop(_GRACE_SECONDS)
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*running, return_exceptions=True)
        if frames is not None:
            await frames.close()

    async def _until_ready(self, servers: list[Server], stopping: asyncio.Event) -> None:
        for server in servers:
            await server.started.wait()
        desk = self.desk
        while desk is not None and len(desk.joined) < self.expected and not stopping.is_set():
            await asyncio.sleep(0.01)

    def _data_server(
        self,
        home: Opened,
        sequencer: LocalSequencer,
        newest: int,
        data_socket: Listener,
        guard: Guard,
        tls: TlsFiles | None,
    ) -> Server:
        pool = Pool([])
        take_origins(pool, home.control.registry)
        home.control.on_change(lambda registry: take_origins(pool, registry))

        async def refresh() -> None:
            """The control's registry is the newest there is; a change is published within this loop's next turn."""
            await asyncio.sleep(0)

        road = build_road(
            keys=home.keys,
            sequencer=sequencer,
            owner=owner_name(),
            clock=self.clock,
            registry=lambda: home.control.registry,
            refresh=refresh,
            newest_entry_us=newest,
            detector=Detector(_POLICY),
            pool=pool,
        )
        return make_server(
            data_face(self.settings, road, self.clock, self.metrics), sockets=[data_socket], guard=guard, tls=tls
        )

    async def _keep_worker(self, data_socket: Listener, stopping: asyncio.Event) -> None:
        """Keep one worker running: a dead one is replaced, and what it left open was closed when its line broke."""
        while not stopping.is_set():
            owner = owner_name()
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "wardkeep.app.worker_main",
                "--home",
                str(self.settings.home),
                "--fd",
                str(data_socket.fileno()),
                "--owner",
                owner,
                pass_fds=[data_socket.fileno()],
            )
            self.alive[owner] = process
            status = await process.wait()
            del self.alive[owner]
            if not stopping.is_set():
                log("worker_ended", status=status)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), _RESPAWN_SECONDS)

    def _readiness(self, home: Opened) -> Readiness:
        missing = []
        if not home.ledger.writable:
            missing.append("ledger")
            self.later(home.ledger.probe())
        if home.control.registry.organisation is None:
            missing.append("organisation")
        if self.expected and self.desk is not None and not self.desk.joined:
            missing.append("workers")
        return Readiness(missing=tuple(missing))

    def later(self, work: Coroutine[object, object, object]) -> None:
        """Start work that nobody waits for; it is kept until it ends."""
        task = asyncio.create_task(work)
        self.pending.add(task)
        task.add_done_callback(self.pending.discard)

    def _counts(self) -> Counts:
        reported = list(self.desk.reported.values()) if self.desk is not None else []
        return total([self.metrics.snapshot(), *reported])


async def serve_worker(settings: Settings, *, listener: Listener, owner: str, clock: Clock = real_clock) -> int:
    """Serve the data port as one of several workers; return the exit status. A lost keeper ends the worker."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    harden_process()
    client = FrameClient(settings.run_directory / "keeper.sock")
    link = KeeperLink(client, owner)
    is_lost = False

    def lost() -> None:
        nonlocal is_lost
        is_lost = True
        stopping.set()

    client.on_lost(lost)
    await client.connect()
    detector = Detector(_POLICY)
    keys, newest = await link.join()
    pool = Pool([])
    take_origins(pool, link.registry())
    link.on_registry(lambda registry: take_origins(pool, registry))
    metrics = Metrics()
    road = build_road(
        keys=keys,
        sequencer=link,
        owner=owner,
        clock=clock,
        registry=link.registry,
        refresh=link.refresh,
        newest_entry_us=newest,
        detector=detector,
        pool=pool,
    )
    face = data_face(settings, road, clock, metrics)
    server = make_server(face, sockets=[listener], guard=guard_for(settings, metrics), tls=tls_files(settings))
    running = asyncio.create_task(server.run())
    reporting = asyncio.create_task(_report(link, metrics))
    await stopping.wait()
    reporting.cancel()
    server.stop(0.0 if is_lost else _GRACE_SECONDS)
    await running
    await pool.close()
    await client.close()
    return 1 if is_lost else 0


async def _report(link: KeeperLink, metrics: Metrics) -> None:
    while True:
        await link.report(metrics.snapshot())
        await asyncio.sleep(_REPORT_SECONDS)


def data_face(settings: Settings, road: Road, clock: Clock, metrics: Metrics) -> DataFace:
    """Return the data port's application."""
    return DataFace(road=road, clock=clock, metrics=metrics, max_body_bytes=settings.limits.max_body_bytes)


def guard_for(settings: Settings, metrics: Metrics) -> Guard:
    """Return what every connection is held to."""
    limits = settings.limits
    return make_guard(
        GuardLimits(
            hosts=frozenset(settings.listen.hosts),
            header_seconds=limits.header_seconds,
            body_seconds=limits.body_seconds,
            idle_seconds=limits.keep_alive_seconds,
            max_body_bytes=limits.max_body_bytes,
            max_connections=limits.connections,
        ),
        render=lambda refused, path: render(refused, path),
        on_refused=metrics.count_refused,
        on_failed=lambda kind, place: log("call_failed", kind=kind, place=place),
    )


def tls_files(settings: Settings) -> TlsFiles | None:
    """Return the server's certificate, when TLS is on."""
    if not settings.is_tls_on:
        return None
    return TlsFiles(certificate=settings.path(settings.tls.certificate), key=settings.path(settings.tls.key))


def take_origins(pool: Pool, registry: Registry) -> None:
    """Follow the registry with the addresses that may be called."""
    for deployment in allow_origins(pool, registry):
        log("deployment_unreachable", deployment=deployment)


def owner_name() -> str:
    """Return the name under which a process opens ledger entries; never used twice."""
    return f"{os.getpid()}-{secrets.token_hex(6)}"


def log(event: str, **fields: str | int) -> None:
    """Write one structured line. Callers pass names, codes and counts of ours; nothing that was sent to us."""
    line = json.dumps({"event": event, **fields}, separators=(",", ":"))
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the process's log is its standard error


def _prepare_run_directory(directory: Path) -> None:
    """Make the directory of our sockets, open to nobody else."""
    directory.mkdir(mode=0o700, exist_ok=True)
    directory.chmod(0o700)


def _address(scheme: str, listener: Listener) -> str:
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _without_history(home: Opened) -> DataKeys:
    """Return what a worker may hold: no older epoch's key."""
    return data_keys(home.keyring)


async def _newest_entry_us(home: Opened) -> int:
    """Return the newest entry's wall time, so that a clock set back while we were down is noticed."""
    head = await home.ledger.head()
    entry = await home.ledger.read(head.size - 1) if head.size else None
    if entry is None:
        return 0
    return int(datetime.fromisoformat(decode(entry.header).at).timestamp() * 1_000_000)


async def _record_start(home: Opened) -> None:
    """Record that an instance starts: gaps between starts and stops are visible to an auditor."""
    detail: dict[str, str | int | bool] = {"action": "start", "version": version("wardkeep")}
    await home.ledger.append([home.entries.draft("start", actor="host", detail=detail, payload=b"{}")])


def _gauges(home: Opened) -> dict[str, float]:
    return {"ledger_writable": float(home.ledger.writable), "facts_epoch": float(home.control.registry.epoch)}
