"""What keeper and workers set up alike: guard, data face, certificates, origins."""

import ctypes
import gc
import os
import secrets
from collections.abc import Callable
from typing import Final

from wardkeep.app.log import LogLine
from wardkeep.app.road import allow_origins
from wardkeep.gateway.pipeline import Road
from wardkeep.model.instant import Instant
from wardkeep.model.registry import Registry
from wardkeep.settings import FILE_NAME, ClientCertificates, Settings, SettingsInvalid
from wardkeep.transport.pool import Pool
from wardkeep.transport.tls import TlsFiles, server_context
from wardkeep.web.data import DataFace
from wardkeep.web.errors import render
from wardkeep.web.guard import Guard, GuardLimits, make_guard
from wardkeep.web.metrics import Metrics

Clock = Callable[[], Instant]

POLICY: Final = "balanced"
GRACE_SECONDS: Final = 10.0

_TARGET_BYTES: Final = 2 * 1024
_LONG_TARGET_BYTES: Final = 8 * 1024


def data_face(settings: Settings, road: Road, clock: Clock, metrics: Metrics) -> DataFace:
    """Return the data port's application."""
    return DataFace(road=road, clock=clock, metrics=metrics, max_body_bytes=settings.limits.max_body_bytes)


def guard_for(settings: Settings, metrics: Metrics, log: LogLine, *, takes_back: bool = False) -> Guard:
    """Return what every connection is held to.

    `takes_back` is for the port to which identity providers send browsers back: their codes make addresses long.
    """
    limits = settings.limits
    return make_guard(
        GuardLimits(
            hosts=frozenset(settings.listen.hosts),
            header_seconds=limits.header_seconds,
            body_seconds=limits.body_seconds,
            idle_seconds=limits.keep_alive_seconds,
            max_body_bytes=limits.max_body_bytes,
            max_connections=limits.connections,
            max_target_bytes=_LONG_TARGET_BYTES if takes_back else _TARGET_BYTES,
        ),
        render=render,
        on_refused=metrics.count_refused,
        on_failed=lambda kind, place: log("call_failed", kind=kind, place=place),
    )


def tls_files(settings: Settings, clients: ClientCertificates = ClientCertificates.IGNORED) -> TlsFiles | None:
    """Return the server's certificate when TLS is on, and whose certificates a port takes or demands of callers.

    Where the authority's file is not there, none are taken. Raises SettingsInvalid where one is demanded all the same.
    """
    if not settings.is_tls_on:
        return None
    authority = settings.path(settings.tls.client_authority)
    is_required = clients is ClientCertificates.REQUIRED
    is_taken = clients is not ClientCertificates.IGNORED and authority.is_file()
    if is_required and not is_taken:
        raise SettingsInvalid(
            f"{FILE_NAME}: a port demands client certificates, and tls.client_authority names no file. "
            "Put the PEM file of who issues them there and start again."
        )
    return TlsFiles(
        certificate=settings.path(settings.tls.certificate),
        key=settings.path(settings.tls.key),
        client_authority=authority if is_taken else None,
        is_client_required=is_required,
    )


def check_tls(settings: Settings) -> None:
    """Return when every port's TLS files can be served with: asked before a worker is started that could not.

    Raises SettingsInvalid.
    """
    for clients in (settings.tls.data_clients, settings.tls.console_clients):
        files = tls_files(settings, clients)
        if files is None:
            return
        try:
            server_context(files)
        except OSError as error:  # also ssl.SSLError: a file that is no PEM, or does not fit its fellow
            raise SettingsInvalid(
                f"{FILE_NAME}: a file that [tls] names cannot be used ({type(error).__name__}). "
                "Put PEM files there, a key that fits its certificate, and start again."
            ) from error


def tell_files(log: LogLine, face: str) -> Callable[[bool], None]:
    """Return what writes down whether changed TLS files of a port were taken up."""
    return lambda fits: log("certificate_renewed" if fits else "certificate_unfit", face=face)


def take_origins(pool: Pool, registry: Registry, log: LogLine) -> None:
    """Follow the registry with the addresses that may be called."""
    for deployment in allow_origins(pool, registry):
        log("deployment_unreachable", deployment=deployment)


def settle_memory() -> None:
    """Set what was built at the start (word lists, compiled patterns) apart from what a call makes and drops.

    The collector then walks only the latter, and less often: a call leaves few cycles behind. What building needed and
    nothing holds any more (patterns compile in megabytes) goes back to the system, where the C library can say so.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def owner_name() -> str:
    """Return the name under which a process opens ledger entries; never used twice."""
    return f"{os.getpid()}-{secrets.token_hex(6)}"
