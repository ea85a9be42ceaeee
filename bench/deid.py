"""De-identification engines side by side: same documents, same scorer, each engine in its own environment and process.

    python bench/deid.py [--only wardkeep-strict,presidio] [--sets prompts,dev:clin_inject_a] [--json]

Reads our validation corpus (`model/corpus/valid`) and, where they stand beside the tree, the development sets
(`../shared/deid/dev`). Installs the peers under `bench/.envs`; in the runs themselves Python's sockets refuse to
connect. Writes `bench/out/deid.md` and `deid.json`. What the figures are is said in `deid_score.py`. Exit status 0
when every run of this checkout gave all its figures; a peer that cannot run here is reported and costs nothing.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import deid_report
from deid_peers import PEERS, Answer, DeidPeer, Run, install, run
from deid_score import Tally, score, tally
from deid_sets import AnnotatedSet, MarkupError, load
from peers.contract import Unavailable

_BENCH = Path(__file__).resolve().parent
_ROOT = _BENCH.parent
_SHARED = Path(os.environ.get("WARDKEEP_SHARED", _ROOT.parent / "shared"))
_Named = TypeVar("_Named", AnnotatedSet, DeidPeer)


def main() -> int:
    """Run the bench; see the exit status above."""
    options = _options()
    try:
        every = load(corpus=options.corpus, development=options.development)
        sets = _chosen(every, options.sets)
        peers = _chosen(PEERS, options.only)
    except (MarkupError, UnknownNameError) as error:
        _say(str(error))
        return 2
    if not sets:
        _say("there is no annotated set: name a directory with --corpus or --development")
        return 2
    rows = [_row(peer, sets, options) for peer in peers]
    facts = [_facts(each) for each in sets]
    taken_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    markdown = deid_report.render(rows, facts, taken_at=taken_at, machine=_machine())
    machine_readable = json.dumps(
        {
            "taken_at": taken_at,
            "machine": _machine(),
            "sets": [asdict(each) for each in facts],
            "engines": [asdict(each) for each in rows],
        },
        indent=1,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "deid.md").write_text(markdown, encoding="utf-8")
    (options.out / "deid.json").write_text(machine_readable + "\n", encoding="utf-8")
    print(machine_readable if options.json else markdown)
    ours = [row for peer, row in zip(peers, rows, strict=True) if not peer.requirements]
    return 1 if any(row.fault or row.set_faults for row in ours) else 0


class UnknownNameError(ValueError):
    """A name on the command line is none of ours; the sentence lists those there are."""


def _options() -> argparse.Namespace:
    def names(text: str) -> tuple[str, ...]:
        return tuple(text.split(","))

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=names, help=f"comma list of engines: {', '.join(p.name for p in PEERS)}")
    parser.add_argument("--sets", type=names, help="comma list of sets (default: every one that is there)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    parser.add_argument("--corpus", type=Path, default=_ROOT / "model" / "corpus" / "valid")
    parser.add_argument("--development", type=Path, default=_SHARED / "deid" / "dev")
    parser.add_argument("--limit", type=float, default=1800.0, help="seconds after which a peer is ended (1800)")
    parser.add_argument("--out", type=Path, default=_BENCH / "out", help="where the results go")
    return parser.parse_args()


def _chosen(every: Sequence[_Named], wanted: Sequence[str] | None) -> list[_Named]:
    known = [each.name for each in every]
    unknown = sorted(set(wanted or ()) - set(known))
    if unknown:
        raise UnknownNameError(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    return [each for each in every if not wanted or each.name in wanted]


def _row(peer: DeidPeer, sets: Sequence[AnnotatedSet], options: argparse.Namespace) -> deid_report.Row:
    _say(f"install {peer.title}")
    try:
        version = install(peer)
    except Unavailable as unavailable:
        _say(f"  not installed: {unavailable}")
        return deid_report.Row(title=peer.title, version="", fault=f"not installed: {unavailable}")
    _say(f"run {peer.title} {version}")
    texts = {
        f"{number}:{place}": document.text
        for number, each in enumerate(sets)
        for place, document in enumerate(each.documents)
    }
    done = run(peer, texts, limit_seconds=options.limit)
    if done.fault:
        _say(f"  {done.fault}")
    return scored(peer.title, version, sets, done)


def scored(title: str, version: str, sets: Sequence[AnnotatedSet], done: Run) -> deid_report.Row:
    """Return the figures of one run; a set with a document that was not answered has none."""
    if done.fault and not done.answers:
        return deid_report.Row(title=title, version=version, fault=done.fault)
    tallies: dict[str, list[Tally]] = {}
    faults: dict[str, str] = {}
    for number, each in enumerate(sets):
        answers = [done.answers.get(f"{number}:{place}") for place in range(len(each.documents))]
        fault = _fault(answers, done)
        if fault:
            faults[each.name] = fault
            continue
        tallies[each.name] = [
            tally(document.text, document.spans, answer.spans, cpu_seconds=answer.cpu_seconds)
            for document, answer in zip(each.documents, answers, strict=True)
            if answer is not None
        ]
    return deid_report.Row(
        title=title,
        version=version,
        load_cpu_seconds=done.load_cpu_seconds,
        scores={name: score(found) for name, found in tallies.items()},
        set_faults=faults,
        held_out=_pooled([each.name for each in sets if each.held_out], tallies),
        development=_pooled([each.name for each in sets if not each.held_out], tallies),
        everything=_pooled([each.name for each in sets], tallies),
    )


def _fault(answers: Sequence[Answer | None], done: Run) -> str:
    missing = sum(answer is None for answer in answers)
    if missing:
        return f"{missing} documents without an answer" + (f": {done.fault}" if done.fault else "")
    errors = sorted({answer.error for answer in answers if answer is not None and answer.error})
    count = sum(bool(answer.error) for answer in answers if answer is not None)
    return f"{count} documents raised {', '.join(errors)}" if errors else ""


def _pooled(names: Sequence[str], tallies: Mapping[str, Sequence[Tally]]):
    """Figures over several sets; none where one of them is missing, because the rest would be another comparison."""
    if not names or any(name not in tallies for name in names):
        return None
    return score([each for name in names for each in tallies[name]])


def _facts(each: AnnotatedSet) -> deid_report.SetFacts:
    counted = score([tally(d.text, d.spans, (), cpu_seconds=0.0) for d in each.documents])
    return deid_report.SetFacts(
        name=each.name,
        documents=counted.documents,
        identifiers=counted.full.whole if counted.full else 0,
        characters=counted.characters,
        held_out=each.held_out,
    )


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}, {platform.system()}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
