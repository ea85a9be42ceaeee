"""Runs a witness: one process, one state directory, one HTTP face; nothing of a log's home is read."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvloop

from wardkeep.app.faces import (
    GRACE_SECONDS,
    Clock,
)
from wardkeep.app.log import LogLine, open_log
from wardkeep.audit.witness import MOST_BODY_BYTES, open_witness
from wardkeep.model.reasons import Reason
from wardkeep.transport.listen import bind
from wardkeep.transport.tls import TlsFiles
from wardkeep.web.guard import GuardLimits, make_guard
from wardkeep.web.serving import make_server
from wardkeep.web.witness import WitnessFace

_WATCH_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessPlace:
    """Where a witness keeps its state and listens, and after how long a log's silence is an alarm (0: never)."""

    state: Path
    host: str
    port: int
    names: tuple[str, ...]
    silent_seconds: int
    tls: TlsFiles | None = None


def serve_witness(place: WitnessPlace, *, clock: Clock, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        WitnessMisconfigured, OSError: it cannot start; each says what to do.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(place, clock, on_ready))


async def _run(place: WitnessPlace, clock: Clock, on_ready: Callable[[str], None]) -> None:
    log = open_log()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    witness = open_witness(place.state, lambda: clock().wall_us // 1_000_000)
    try:
        listener = bind(place.host, place.port)
        face = WitnessFace(
            witness=witness,
            silent_seconds=place.silent_seconds,
            on_event=lambda event: log("witness_refused", answer=event),
        )
        guard = make_guard(
            GuardLimits(hosts=frozenset(place.names), max_body_bytes=MOST_BODY_BYTES),
            on_refused=_ignore,
            on_failed=lambda kind, where: log("call_failed", kind=kind, place=where),
        )
        server = make_server(face, sockets=[listener], guard=guard, tls=place.tls)
        running = asyncio.create_task(server.run())
        await server.started.wait()
        host, port = listener.getsockname()[:2]
        address = f"{'http' if place.tls is None else 'https'}://{host}:{port}"
        log("witness_ready", address=address, logs=len(witness.logs))
        on_ready(address)
        watching = asyncio.create_task(_watch(face, log))
        await stopping.wait()
        watching.cancel()
        server.stop(GRACE_SECONDS)
        await asyncio.gather(running, watching, return_exceptions=True)
    finally:
        witness.close()


async def _watch(face: WitnessFace, log: LogLine) -> None:
    """Say once when a log falls silent: an instance that was bypassed or stopped offers no more heads."""
    was_silent = False
    while True:
        await asyncio.sleep(_WATCH_SECONDS)
        is_silent = "log_silent" in face.missing()
        if is_silent and not was_silent:
            log("witness_log_silent")
        was_silent = is_silent


def _ignore(_: Reason) -> None:
    """A witness counts its own answers only."""
