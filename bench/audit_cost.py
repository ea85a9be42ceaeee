"""What the audit costs: CPU of the governed call with the ledger, and of the same road without.

    .venv/bin/python bench/audit_cost.py [--quick] [--seconds 5] [--rounds 3] [--connections 16]

Three gateways, one process each, before the same nginx, measured in turn (A B C A B C), the median counts:

- `ledger`: the product, `wardkeep serve --workers 1`. Every call is sealed, sequenced, fsynced and Merkle-committed
  before the vendor hears of it, each piece of the answer before it is released, and the end before the last piece.
- `no ledger`: the same road; entries are made and sealed, and the sequencer answers at once. Nothing is written.
- `no record`: the same road; nothing is sealed or sequenced at all.

The last two exist in this file only; the product has no such switch. The goal is `ledger` at most twice `no ledger`.
Writes `bench/out/audit_cost.md` and `.json`.
"""

import argparse
import asyncio
import itertools
import json
import shutil
import signal
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

import chat
import procfs
import upstream
from peers.contract import Unavailable
from peers.process import NotReadyError, Spawned, free_port, spawn, stop, wait_until
from wardkeep.app.faces import POLICY, data_face, guard_for, owner_name, take_origins
from wardkeep.app.home import open_home
from wardkeep.app.log import open_log
from wardkeep.app.road import build_road
from wardkeep.audit.entry import Draft
from wardkeep.gateway.pipeline import Road
from wardkeep.gateway.record import Admission, Outcome, Recorder
from wardkeep.gateway.subjects import UnderSubject
from wardkeep.model.stages import Opened, Routed
from wardkeep.privacy.detect.detector import Detector
from wardkeep.settings import clock, load
from wardkeep.transport.listen import bind
from wardkeep.transport.pool import Pool
from wardkeep.web.metrics import Metrics
from wardkeep.web.serving import make_server

LEDGER, NO_LEDGER, NO_RECORD = "ledger", "no ledger", "no record"
VARIANTS = (LEDGER, NO_LEDGER, NO_RECORD)
GOAL = 2.0
_BENCH = Path(__file__).resolve().parent
_START_SECONDS = 60.0
_DRAIN_SECONDS = 30.0
_GRACE_SECONDS = 1.0


# ---- the roads without a ledger --------------------------------------------------------------------------------------


class Nowhere:
    """A `Sequencer` that keeps nothing: the next index, at once."""

    def __init__(self) -> None:
        self._next = itertools.count()

    async def append(
        self,
        drafts: Sequence[Draft],
        admission: Admission | None = None,  # noqa: ARG002
        under: UnderSubject | None = None,  # noqa: ARG002
    ) -> Sequence[int]:
        return [next(self._next) for _ in drafts]


class Unrecorded(Recorder):
    """A recorder that makes no entry, seals nothing and calls no sequencer."""

    async def open(self, routed: Routed, *, attempt: int = 1) -> Opened:  # noqa: ARG002
        return Opened(routed=routed, index=0, id=routed.safe.permitted.identified.call.id)

    async def segment(self, opened: Opened, released: bytes, sequence: int) -> None:
        """Nothing is kept."""

    async def close(self, opened: Opened, outcome: Outcome) -> None:
        """Nothing is kept."""


async def serve_without(variant: str, home: Path) -> None:
    """Serve the data port of a furnished home on a road that writes nothing, until SIGTERM."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    settings = load(home)
    opened = await open_home(settings, clock)
    pool = Pool([])
    try:
        registry = opened.control.registry
        log = open_log(settings.log.format)
        take_origins(pool, registry, log)

        async def refresh() -> None:
            """Nothing changes here."""

        road = build_road(
            keys=opened.keys,
            sequencer=Nowhere(),
            owner=owner_name(),
            clock=clock,
            registry=lambda: registry,
            refresh=refresh,
            newest_entry_us=0,
            detector=Detector(POLICY),
            pool=pool,
        )
        metrics = Metrics()
        face = data_face(settings, road if variant == NO_LEDGER else _unrecorded(road), clock, metrics)
        listener = bind(settings.listen.host, settings.listen.data_port)
        server = make_server(face, sockets=[listener], guard=guard_for(settings, metrics, log))
        running = asyncio.create_task(server.run())
        await stopping.wait()
        server.stop(_GRACE_SECONDS)
        await running
    finally:
        await pool.close()
        await opened.close()


def _unrecorded(road: Road) -> Road:
    kept = road.recorder
    return replace(
        road,
        recorder=Unrecorded(
            sequencer=kept.sequencer, keys=kept.keys, subjects=kept.subjects, owner=kept.owner, clock=kept.clock
        ),
    )


# ---- the measurement -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One measurement. `fault` says why it gives no figure."""

    variant: str
    streamed: bool
    fault: str
    requests: int
    cpu_us: float
    rps: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway that answers, and its key."""

    url: str
    key: str
    spawned: Spawned


def main() -> int:
    """Measure; exit status 0 only when every run gave a figure."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit("ended by a signal"))
    options = _options()
    if options.serve:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve_without(options.serve, options.home))
        return 0
    seconds = options.seconds or (2.0 if options.quick else 5.0)
    rounds = options.rounds or (1 if options.quick else 3)
    place = options.out / "audit_cost"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    runs: list[Run] = []
    try:
        with upstream.nginx(upstream.find_nginx(_BENCH / ".envs" / "nginx"), place / "nginx") as vendor:
            for number, streamed, variant in itertools.product(range(rounds), (False, True), VARIANTS):
                print(f"round {number + 1}/{rounds}: {_name(streamed)}, {variant}", file=sys.stderr, flush=True)
                url = vendor.stream_url if streamed else vendor.chat_url
                with _started(variant, url, place / f"{number}-{_name(streamed)}-{variant.replace(' ', '-')}") as here:
                    _load(here, streamed=streamed, seconds=min(1.0, seconds), connections=options.connections)
                    runs.append(
                        _measure(here, vendor, variant, streamed, seconds=seconds, connections=options.connections)
                    )
    except (Unavailable, NotReadyError, subprocess.SubprocessError) as error:
        print(f"no figure: {error}", file=sys.stderr)
        return 1
    text = render(runs, connections=options.connections)
    (options.out / "audit_cost.md").write_text(text)
    (options.out / "audit_cost.json").write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n")
    print(text, end="")
    return 1 if any(run.fault for run in runs) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of two seconds")
    parser.add_argument("--seconds", type=float, help="length of one measurement (default 5)")
    parser.add_argument("--rounds", type=int, help="rounds over all variants, the median counts (default 3)")
    parser.add_argument("--connections", type=int, default=16, help="connections (default 16)")
    parser.add_argument("--out", type=Path, default=_BENCH / "out", help="where the results go")
    parser.add_argument("--serve", choices=VARIANTS[1:], help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def render(runs: Sequence[Run], *, connections: int) -> str:
    """The table, and one line a scenario that says whether the goal is met."""
    lines = [
        f"Cost of the audit: one process, {connections} connections, CPU of the gateway alone; medians of its runs.",
        "",
        "| scenario | gateway | CPU us a request | lowest-highest | requests/s | p50 ms | p99 ms |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    verdicts = []
    for streamed in (False, True):
        cost = {}
        for variant in VARIANTS:
            own = [run for run in runs if run.variant == variant and run.streamed == streamed]
            faults = sorted({run.fault for run in own if run.fault})
            if faults or not own:
                lines.append(f"| {_name(streamed)} | {variant} | no figure: {'; '.join(faults)} | | | | |")
                continue
            cost[variant] = _median(own, lambda run: run.cpu_us)
            spread = f"{min(run.cpu_us for run in own):.0f}-{max(run.cpu_us for run in own):.0f}"
            lines.append(
                f"| {_name(streamed)} | {variant} | {cost[variant]:.0f} | {spread} | "
                f"{_median(own, lambda run: run.rps):.0f} | {_median(own, lambda run: run.p50_ms):.1f} | "
                f"{_median(own, lambda run: run.p99_ms):.1f} |"
            )
        if len(cost) == len(VARIANTS):
            ratio = cost[LEDGER] / cost[NO_LEDGER]
            verdicts.append(
                f"{_name(streamed)}: ledger / no ledger = {ratio:.2f} (goal at most {GOAL:.1f}: "
                f"{'met' if ratio <= GOAL else 'NOT met'}); ledger / no record = {cost[LEDGER] / cost[NO_RECORD]:.2f}"
            )
    return "\n".join([*lines, "", *verdicts, ""])


def _median(runs: Sequence[Run], value: Callable[[Run], float]) -> float:
    return statistics.median(value(run) for run in runs)


def _name(streamed: bool) -> str:
    return "stream" if streamed else "chat"


@contextmanager
def _started(variant: str, vendor_url: str, place: Path) -> Iterator[Gateway]:
    """A gateway on a fresh home, answering; stopped when the block ends."""
    place.mkdir()
    port, home = free_port(), place / "home"
    made = subprocess.run(
        [sys.executable, _BENCH / "services" / "wardkeep_home.py", home, vendor_url, chat.MODEL, str(port)],
        capture_output=True,
        text=True,
        timeout=_START_SECONDS,
        check=False,
    )
    if made.returncode != 0:
        raise Unavailable(f"the home could not be made: {made.stderr.strip()[-300:]}")
    command = (
        [sys.executable, "-m", "wardkeep", "serve", "--home", str(home), "--workers", "1"]
        if variant == LEDGER
        else [sys.executable, str(Path(__file__).resolve()), "--serve", variant, "--home", str(home)]
    )
    spawned = spawn(command, log=place / "gateway.log", cwd=place)
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    gateway = Gateway(url=url, key=made.stdout.strip(), spawned=spawned)
    try:
        streamed = "/stream/" in vendor_url
        wait_until(lambda: _ask(gateway, streamed=streamed) == 200, spawned=spawned, seconds=_START_SECONDS)
        yield gateway
    finally:
        stop(spawned)


def _headers(gateway: Gateway) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {gateway.key}"}


def _ask(gateway: Gateway, *, streamed: bool) -> int:
    headers = {"Content-Type": "application/json", **_headers(gateway)}
    call = urllib.request.Request(gateway.url, data=chat.request_body(stream=streamed), headers=headers)
    try:
        with urllib.request.urlopen(call, timeout=30) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _load(gateway: Gateway, *, streamed: bool, seconds: float, connections: int) -> dict[str, object]:
    target = urlsplit(gateway.url)
    orders = {
        "host": target.hostname,
        "port": target.port,
        "path": target.path,
        "headers": _headers(gateway),
        "body": chat.request_body(stream=streamed).decode(),
        "number": chat.NUMBER,
        "connections": connections,
        "seconds": seconds,
        "drain_seconds": _DRAIN_SECONDS,
        "marker": chat.MARKER,
        "stream": streamed,
    }
    done = subprocess.run(
        [sys.executable, "-S", str(_BENCH / "loadgen.py")],
        input=json.dumps(orders),
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + _DRAIN_SECONDS + 30,
    )
    if done.returncode != 0:
        raise NotReadyError(f"the load generator failed: {done.stderr.strip()[-300:]}")
    result: dict[str, object] = json.loads(done.stdout)
    return result


def _measure(
    gateway: Gateway, vendor: upstream.Upstream, variant: str, streamed: bool, *, seconds: float, connections: int
) -> Run:
    pids = (gateway.spawned.pid,)
    _settle(pids)
    asked_before, cpu_before = vendor.requests(), procfs.cpu_seconds(pids)
    result = _load(gateway, streamed=streamed, seconds=seconds, connections=connections)
    _settle(pids)
    cpu, asked = procfs.cpu_seconds(pids) - cpu_before, vendor.requests() - asked_before - 1
    statuses = result["statuses"]
    assert isinstance(statuses, dict)
    answered = sum(statuses.values())
    return Run(
        variant=variant,
        streamed=streamed,
        fault=_fault(result, statuses, answered=answered, asked=asked, streamed=streamed),
        requests=answered,
        cpu_us=cpu / answered * 1e6 if answered else 0.0,
        rps=float(str(result["rps"])),
        p50_ms=float(str(result["p50_ms"])),
        p99_ms=float(str(result["p99_ms"])),
    )


def _fault(result: dict[str, object], statuses: dict[str, int], *, answered: int, asked: int, streamed: bool) -> str:
    """Why this run gives no figure; empty when every call was answered whole, with 200, by the vendor."""
    faults = [f"{count} x status {status}" for status, count in statuses.items() if status != "200"]
    faults += [f"{result[name]} {name}" for name in ("bad_bodies", "broken", "unanswered") if result[name]]
    if not answered:
        faults.append("no answer")
    elif asked != answered:
        faults.append(f"{answered} answers from {asked} calls of the vendor")
    if not faults and streamed and chat.streamed_text(str(result["sample"]).encode()) != chat.answer_text():
        faults.append("the streamed text differs from the vendor's")
    return ", ".join(faults)


def _settle(pids: tuple[int, ...], *, longest_seconds: float = 2.0) -> None:
    """Wait until the gateway rests, so that work after an answer counts, and for the right run."""
    deadline = time.monotonic() + longest_seconds
    last = procfs.cpu_seconds(pids)
    while time.monotonic() < deadline:
        time.sleep(0.2)
        now = procfs.cpu_seconds(pids)
        if now - last <= 0.01:
            return
        last = now


if __name__ == "__main__":
    sys.exit(main())
