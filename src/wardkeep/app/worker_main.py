"""A worker process: serves the data port; started by the keeper with the listening socket, never by hand."""

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import Final

import uvloop

from wardkeep.app.faces import (
    GRACE_SECONDS,
    POLICY,
    Clock,
    data_face,
    guard_for,
    settle_memory,
    take_origins,
    tell_files,
    tls_files,
)
from wardkeep.app.gathering import Gathering
from wardkeep.app.log import open_log
from wardkeep.app.road import build_road
from wardkeep.app.worker import KeeperLink
from wardkeep.audit.errors import LedgerError
from wardkeep.crypto.certificate import peer_key_of
from wardkeep.crypto.harden import harden_process
from wardkeep.gateway.record import Recorder
from wardkeep.privacy.detect.detector import Detector
from wardkeep.settings import Settings, clock, load
from wardkeep.transport.listen import Listener, inherited
from wardkeep.transport.pool import Pool
from wardkeep.transport.unix import FrameClient
from wardkeep.web.metrics import SENT, Metrics
from wardkeep.web.serving import make_server

_REPORT_SECONDS: Final = 1.0


async def serve_worker(settings: Settings, *, listener: Listener, owner: str, clock: Clock) -> int:
    """Serve until told to stop, or until the keeper is gone; return the exit status."""
    stopping = asyncio.Event()
    keeper_lost = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    harden_process()
    client = FrameClient(settings.run_directory / "keeper.sock")
    link = KeeperLink(client, owner)

    def lost() -> None:
        keeper_lost.set()
        stopping.set()

    client.on_lost(lost)
    await client.connect()
    detector = Detector(POLICY)
    keys, newest = await link.join()
    pool = Pool([], key_of=peer_key_of)
    log = open_log(settings.log.format)
    take_origins(pool, link.registry(), log)
    link.on_registry(lambda registry: take_origins(pool, registry, log))
    metrics = Metrics()
    road = build_road(
        keys=keys,
        sequencer=Gathering(link.append_each),
        owner=owner,
        clock=clock,
        registry=link.registry,
        refresh=link.refresh,
        newest_entry_us=newest,
        detector=detector,
        pool=pool,
    )
    link.on_registry(road.recorder.subjects.follow)
    link.on_forget(road.recorder.subjects.forget)
    face = data_face(settings, road, clock, metrics)
    server = make_server(
        face,
        sockets=[listener],
        guard=guard_for(settings, metrics, log),
        tls=tls_files(settings, settings.tls.data_clients),
        on_files=tell_files(log, "data"),
    )
    settle_memory()
    running = asyncio.create_task(server.run())
    reporting = asyncio.create_task(_tend(link, metrics, pool, road.recorder))
    await stopping.wait()
    reporting.cancel()
    server.stop(0.0 if keeper_lost.is_set() else GRACE_SECONDS)
    await running
    await pool.close()
    await client.close()
    return 1 if keeper_lost.is_set() else 0


async def _tend(link: KeeperLink, metrics: Metrics, pool: Pool, recorder: Recorder) -> None:
    """Report counts, and pay the closings that the ledger could not take before."""
    while True:
        await link.report({**metrics.snapshot(), SENT: float(pool.sent)})
        with contextlib.suppress(LedgerError):
            await recorder.settle()
        await asyncio.sleep(_REPORT_SECONDS)


def main() -> int:
    """Run one worker; return its exit status."""
    parser = argparse.ArgumentParser(prog="wardkeep-worker", description="started by `wardkeep serve`")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--owner", required=True)
    options = parser.parse_args()
    listener = inherited(options.fd)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve_worker(load(options.home), listener=listener, owner=options.owner, clock=clock))


if __name__ == "__main__":
    sys.exit(main())
