"""What keeper and workers set up alike: guard, data face, certificates, origins, and the process's log."""

import gc
import json
import os
import secrets
import sys
from collections.abc import Callable
from typing import Final, Protocol

from wardkeep.app.road import allow_origins
from wardkeep.gateway.pipeline import Road
from wardkeep.model.instant import Instant
from wardkeep.model.registry import Registry
from wardkeep.settings import LogFormat, Settings
from wardkeep.transport.pool import Pool
from wardkeep.transport.tls import TlsFiles
from wardkeep.web.data import DataFace
from wardkeep.web.errors import render
from wardkeep.web.guard import Guard, GuardLimits, make_guard
from wardkeep.web.metrics import Metrics

Clock = Callable[[], Instant]

POLICY: Final = "balanced"
GRACE_SECONDS: Final = 10.0


class LogLine(Protocol):
    """Writes one line of the process's log, as JSON or as text.

    Callers pass names, codes and counts of ours; nothing that was sent to us.
    """

    def __call__(self, event: str, **fields: str | int) -> None:
        """Write the line at once."""


def data_face(settings: Settings, road: Road, clock: Clock, metrics: Metrics) -> DataFace:
    """Return the data port's application."""
    return DataFace(road=road, clock=clock, metrics=metrics, max_body_bytes=settings.limits.max_body_bytes)


def guard_for(settings: Settings, metrics: Metrics) -> Guard:
    """Return what every connection is held to."""
    log = log_of(settings)
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
        render=render,
        on_refused=metrics.count_refused,
        on_failed=lambda kind, place: log("call_failed", kind=kind, place=place),
    )


def tls_files(settings: Settings) -> TlsFiles | None:
    """Return the server's certificate, when TLS is on."""
    if not settings.is_tls_on:
        return None
    return TlsFiles(certificate=settings.path(settings.tls.certificate), key=settings.path(settings.tls.key))


def take_origins(pool: Pool, registry: Registry, log: LogLine) -> None:
    """Follow the registry with the addresses that may be called."""
    for deployment in allow_origins(pool, registry):
        log("deployment_unreachable", deployment=deployment)


def settle_memory() -> None:
    """Set what was built at the start (word lists, compiled patterns) apart from what a call makes and drops.

    The collector then walks only the latter, and less often: a call leaves few cycles behind.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def owner_name() -> str:
    """Return the name under which a process opens ledger entries; never used twice."""
    return f"{os.getpid()}-{secrets.token_hex(6)}"


def log_of(settings: Settings) -> LogLine:
    """Return how this process writes its log (`log.format`)."""
    return _log_text if settings.log.format is LogFormat.TEXT else log


def log(event: str, **fields: str | int) -> None:
    """Write one line of JSON; what a process with settings uses is `log_of`."""
    _write(json.dumps({"event": event, **fields}, separators=(",", ":")))


def _log_text(event: str, **fields: str | int) -> None:
    # Values in JSON's spelling: a line break in one would begin a line that we never wrote.
    _write(" ".join([event, *(f"{name}={json.dumps(value)}" for name, value in fields.items())]))


def _write(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the process's log is its standard error
