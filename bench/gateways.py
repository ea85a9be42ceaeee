"""Peers side by side: the same clinical chat through every gateway, in one run on one machine.

What a peer costs is CPU time of its whole process tree a request; requests a second and latency depend on how many
cores the machine has and who else uses them, CPU a request much less. Rounds alternate between the peers (A B C A B
C) and the median is reported. A run with a single answer that is not a whole 200 from the upstream gives no figure.

    python bench/gateways.py [--quick] [--peers floor,ferrogw] [--seconds 5] [--rounds 3]

It installs what it needs under `bench/.envs` and writes `bench/out/gateways.md` and `.json`.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import chat
import procfs
import report
import upstream
from peers import cloakwall, ferrogw, floor, litellm, litellm_presidio, portkey, wardkeep
from peers.contract import Peer, Place, Running, Unavailable
from peers.process import NotReadyError, stop, wait_until

_BENCH = Path(__file__).resolve().parent
_START_SECONDS = 120.0
_DRAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much to measure."""

    seconds: float
    warmup_seconds: float
    rounds: int
    chat_connections: tuple[int, ...]
    stream_connections: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A peer that is installed, with the version that will run."""

    peer: Peer
    version: str
    place: Place


def main() -> int:
    """Run the bench; exit status 0 only when there are figures and no run of a peer that passed its probe failed."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit("ended by a signal"))  # so that peers are stopped
    options = _options()
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    wanted = _peers(options)
    plan = Plan(
        seconds=options.seconds or (2.0 if options.quick else 5.0),
        warmup_seconds=0.5 if options.quick else 1.0,
        rounds=options.rounds or (1 if options.quick else 3),
        chat_connections=options.connections or ((16,) if options.quick else (16, 64)),
        stream_connections=options.stream_connections or (16,),
    )
    absent: dict[str, str] = {}
    try:
        nginx = upstream.find_nginx(_BENCH / ".envs" / "nginx")
    except (Unavailable, subprocess.SubprocessError) as error:
        _say(f"no upstream: {error}")
        return 1
    candidates = list(_installed(wanted, out=out, absent=absent))
    if options.install_only:
        return 1 if absent else 0

    seen: dict[str, report.Seen] = {}
    runs: list[report.Run] = []
    with upstream.nginx(nginx, out / "nginx") as vendor:
        candidates = list(_probed(candidates, seen=seen, absent=absent))
        for number in range(plan.rounds):
            for candidate in candidates:
                for streamed in (False, True):
                    _say(
                        f"round {number + 1}/{plan.rounds}: {candidate.peer.title}, {'stream' if streamed else 'chat'}"
                    )
                    runs.extend(_visit(candidate, vendor, plan, streamed=streamed))

    facts = report.Facts(
        taken_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine=f"{os.cpu_count()} cores, {_cpu_model()}, {platform.system()} {platform.release()}",
        plan=asdict(plan),
        request_bytes=len(chat.request_body(stream=False)),
        titles={each.name: each.title for each in wanted},
        versions={each.peer.name: each.version for each in candidates},
        absent=absent,
        seen=seen,
        identifiers=len(chat.IDENTIFIERS),
    )
    markdown = report.render(facts, runs)
    (out / "gateways.md").write_text(markdown)
    (out / "gateways.json").write_text(
        json.dumps({"facts": asdict(facts), "runs": [asdict(run) for run in runs]}, indent=1) + "\n"
    )
    print(markdown)
    return 1 if any(run.fault for run in runs) or not runs else 0


def _options() -> argparse.Namespace:
    def counts(text: str) -> tuple[int, ...]:
        return tuple(int(part) for part in text.split(","))

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="comma list of peers (default: all); see bench/README.md")
    parser.add_argument("--quick", action="store_true", help="one round of two seconds at 16 connections")
    parser.add_argument("--seconds", type=float, help="length of one measurement (default 5)")
    parser.add_argument("--rounds", type=int, help="rounds over all peers, the median counts (default 3)")
    parser.add_argument("--connections", type=counts, help="comma list for the chat (default 16,64)")
    parser.add_argument("--stream-connections", type=counts, help="comma list for the stream (default 16)")
    parser.add_argument("--wardkeep-workers", type=counts, default=(1,), help="comma list of worker counts (default 1)")
    parser.add_argument("--install-only", action="store_true", help="make the environments and stop")
    parser.add_argument("--out", type=Path, default=_BENCH / "out", help="where the results go")
    return parser.parse_args()


def _peers(options: argparse.Namespace) -> list[Peer]:
    every = [
        floor.PEER,
        *(wardkeep.peer(workers) for workers in options.wardkeep_workers),
        ferrogw.PEER,
        portkey.PEER,
        cloakwall.PEER,
        litellm.PEER,
        litellm.QUICKSTART,
        litellm.DEBUG,
        litellm_presidio.PEER,
    ]
    if not options.peers:
        return every
    names = options.peers.split(",")
    unknown = set(names) - {peer.name for peer in every}
    if unknown:
        sys.exit(f"unknown peers: {', '.join(sorted(unknown))}; there are {', '.join(peer.name for peer in every)}")
    return [peer for peer in every if peer.name in names]


def _installed(wanted: list[Peer], *, out: Path, absent: dict[str, str]) -> Iterator[Candidate]:
    for peer in wanted:
        _say(f"install {peer.title}")
        place = Place(env_dir=_BENCH / ".envs" / (peer.env or peer.name), run_dir=out / "run" / peer.name)
        try:
            yield Candidate(peer=peer, version=peer.install(place.env_dir), place=place)
        except Unavailable as unavailable:
            absent[peer.name] = f"not installed: {unavailable}"
            _say(f"  {absent[peer.name]}")


def _probed(
    candidates: list[Candidate], *, seen: dict[str, report.Seen], absent: dict[str, str]
) -> Iterator[Candidate]:
    """Start each peer once against the recorder: it must answer, and what it let through is noted."""
    for candidate in candidates:
        _say(f"probe {candidate.peer.title}")
        with upstream.recorder() as vendor:
            try:
                with _started(candidate, vendor.url) as running:
                    status, answer = _ask(running, stream=False)
            except (NotReadyError, Unavailable) as error:
                absent[candidate.peer.name] = f"does not run here: {error}"
                _say(f"  {absent[candidate.peer.name]}")
                continue
        if status != 200 or chat.MARKER.encode() not in answer or not vendor.bodies:
            absent[candidate.peer.name] = f"did not pass the probe (status {status})"
            _say(f"  {absent[candidate.peer.name]}")
            continue
        body = json.dumps(json.loads(vendor.bodies[-1]), ensure_ascii=False)
        seen[candidate.peer.name] = report.Seen(
            kinds=[kind for kind, value in chat.IDENTIFIERS.items() if value in body]
        )
        yield candidate


@contextmanager
def _started(candidate: Candidate, url: str) -> Iterator[Running]:
    """The peer, answering, pointed at `url`; stopped when the block ends."""
    run_dir = candidate.place.run_dir
    shutil.rmtree(run_dir, ignore_errors=True)
    run_dir.mkdir(parents=True)
    running = candidate.peer.start(url, candidate.place)
    try:
        streamed = "/stream/" in url
        wait_until(lambda: _ask(running, stream=streamed)[0] == 200, spawned=running.spawned[0], seconds=_START_SECONDS)
        yield running
    finally:
        for spawned in running.spawned:
            stop(spawned)


def _ask(running: Running, *, stream: bool) -> tuple[int, bytes]:
    call = urllib.request.Request(
        running.url,
        data=chat.request_body(stream=stream),
        headers={"Content-Type": "application/json", **running.headers},
    )
    try:
        with urllib.request.urlopen(call, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def _visit(candidate: Candidate, vendor: upstream.Upstream, plan: Plan, *, streamed: bool) -> Iterator[report.Run]:
    connection_counts = plan.stream_connections if streamed else plan.chat_connections
    try:
        with _started(candidate, vendor.stream_url if streamed else vendor.chat_url) as running:
            for connections in connection_counts:
                _load(running, connections=connections, seconds=plan.warmup_seconds, streamed=streamed)
                yield _measure(candidate, running, vendor, connections, seconds=plan.seconds, streamed=streamed)
    except NotReadyError as error:
        for connections in connection_counts:
            yield report.failed(candidate.peer.name, streamed=streamed, connections=connections, fault=str(error))


def _load(running: Running, *, connections: int, seconds: float, streamed: bool) -> dict[str, object]:
    target = urlsplit(running.url)
    orders = {
        "host": target.hostname,
        "port": target.port,
        "path": target.path,
        "headers": dict(running.headers),
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
        raise NotReadyError(f"the load generator failed: {done.stderr.strip().splitlines()[-1:]}")
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def _measure(
    candidate: Candidate,
    running: Running,
    vendor: upstream.Upstream,
    connections: int,
    *,
    seconds: float,
    streamed: bool,
) -> report.Run:
    everyone = (*running.pids, vendor.spawned.pid, os.getpid())
    _settle(running)
    with procfs.watch_memory(running.pids) as peak:
        upstream_before = vendor.requests()
        cpu_before, ours_before = procfs.cpu_seconds(running.pids), procfs.cpu_seconds(everyone)
        begun, (busy_before, steal_before) = time.monotonic(), procfs.machine_busy_seconds()
        result = _load(running, connections=connections, seconds=seconds, streamed=streamed)
        _settle(running)
        (busy, steal), elapsed = procfs.machine_busy_seconds(), time.monotonic() - begun
        cpu, ours = procfs.cpu_seconds(running.pids), procfs.cpu_seconds(everyone)
        upstream_requests = vendor.requests() - upstream_before - 1
    answered = sum(_mapping(result["statuses"]).values())
    fault = _fault(result, answered=answered, upstream_requests=upstream_requests, streamed=streamed)
    return report.Run(
        peer=candidate.peer.name,
        streamed=streamed,
        connections=connections,
        fault=fault,
        requests=answered,
        statuses=_mapping(result["statuses"]),
        upstream_requests=upstream_requests,
        cpu_us=(cpu - cpu_before) / answered * 1e6 if answered else 0.0,
        rps=_number(result["rps"]),
        p50_ms=_number(result["p50_ms"]),
        p99_ms=_number(result["p99_ms"]),
        first_byte_p50_ms=_number(result["first_byte_p50_ms"]),
        events_min=int(_number(result["events_min"])),
        events_max=int(_number(result["events_max"])),
        reconnects=int(_number(result["reconnects"])),
        peak_bytes=peak.bytes,
        memory_kind=peak.kind,
        generator_share=_number(result["generator_cpu_seconds"]) / max(_number(result["seconds"]), 1e-9),
        foreign_cores=max(0.0, (busy - busy_before) - (ours - ours_before)) / elapsed,
        stolen_cores=(steal - steal_before) / elapsed,
    )


def _fault(result: dict[str, object], *, answered: int, upstream_requests: int, streamed: bool) -> str:
    """Why this run gives no figure; empty when every call was answered whole, with 200, by the upstream."""
    others = {status: count for status, count in _mapping(result["statuses"]).items() if status != "200"}
    faults = [f"{count} x status {status}" for status, count in others.items()]
    faults += [
        f"{result[name]} {name.replace('_', ' ')}" for name in ("bad_bodies", "broken", "unanswered") if result[name]
    ]
    if not answered:
        faults.append("no answer")
    if not faults and upstream_requests != answered:
        faults.append(f"{answered} answers from {upstream_requests} upstream calls")
    if not faults and streamed and chat.streamed_text(str(result["sample"]).encode()) != chat.answer_text():
        faults.append("the streamed text differs from the upstream's")
    return ", ".join(faults)


def _settle(running: Running, *, longest_seconds: float = 2.0) -> None:
    """Wait until the peer rests, so that work it does after an answer counts, and counts for the right run."""
    deadline = time.monotonic() + longest_seconds
    last = procfs.cpu_seconds(running.pids)
    while time.monotonic() < deadline:
        time.sleep(0.2)
        now = procfs.cpu_seconds(running.pids)
        if now - last <= 0.01:
            return
        last = now


def _mapping(value: object) -> dict[str, int]:
    assert isinstance(value, dict)
    return {str(key): int(count) for key, count in value.items()}


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
