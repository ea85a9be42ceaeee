"""Turn the runs of the bench into figures and Markdown. Does no I/O."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

REFERENCES = ("litellm", "litellm-presidio", "ferrogw", "floor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One measurement of one peer. With a `fault` its figures are shown nowhere."""

    peer: str
    streamed: bool
    connections: int
    fault: str
    requests: int
    statuses: Mapping[str, int]
    upstream_requests: int
    cpu_us: float
    rps: float
    p50_ms: float
    p99_ms: float
    first_byte_p50_ms: float
    events_min: int
    events_max: int
    reconnects: int
    peak_bytes: int
    memory_kind: str
    generator_share: float
    foreign_cores: float
    stolen_cores: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The identifiers of the invented patient that reached the upstream in clear."""

    kinds: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything about the run that is not a figure."""

    taken_at: str
    machine: str
    plan: Mapping[str, object]
    request_bytes: int
    titles: Mapping[str, str]
    versions: Mapping[str, str]
    absent: Mapping[str, str]
    seen: Mapping[str, Seen]
    identifiers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """The medians over the rounds of one peer in one scenario."""

    peer: str
    rounds: int
    requests: int
    cpu_us: float
    cpu_low: float
    cpu_high: float
    rps: float
    p50_ms: float
    p99_ms: float
    first_byte_p50_ms: float
    events: str
    peak_bytes: int


def failed(peer: str, *, streamed: bool, connections: int, fault: str) -> Run:
    """A run that could not be made."""
    return Run(
        peer=peer,
        streamed=streamed,
        connections=connections,
        fault=fault,
        requests=0,
        statuses={},
        upstream_requests=0,
        cpu_us=0.0,
        rps=0.0,
        p50_ms=0.0,
        p99_ms=0.0,
        first_byte_p50_ms=0.0,
        events_min=0,
        events_max=0,
        reconnects=0,
        peak_bytes=0,
        memory_kind="PSS",
        generator_share=0.0,
        foreign_cores=0.0,
        stolen_cores=0.0,
    )


def render(facts: Facts, runs: Sequence[Run]) -> str:
    """The whole report as Markdown."""
    plan = facts.plan
    lines = [
        "# Gateways side by side",
        "",
        (
            f"{facts.taken_at}; {facts.machine}. {plan['rounds']} round(s) of {plan['seconds']} s a peer and scenario, "
            f"alternating, median shown; chat of {facts.request_bytes} bytes; upstream: nginx on loopback with a fixed "
            "answer. CPU is user + system time of the peer's whole process tree divided by its answers."
        ),
        "",
    ]
    scenarios = sorted({(run.streamed, run.connections) for run in runs})
    for streamed, connections in scenarios:
        here = [run for run in runs if (run.streamed, run.connections) == (streamed, connections)]
        lines += _scenario(facts, here, streamed=streamed, connections=connections)
    lines += _privacy(facts)
    lines += _conditions(facts, runs)
    return "\n".join(lines) + "\n"


def _scenario(facts: Facts, runs: Sequence[Run], *, streamed: bool, connections: int) -> list[str]:
    what = "streamed chat of 69 events" if streamed else "chat"
    memory = "/".join(sorted({run.memory_kind for run in runs}))
    rows = [row for name in facts.titles if (row := _row(name, runs)) is not None]
    heads = ["peer", "CPU us/request", "min-max", "requests/s", "p50 ms", "p99 ms", f"peak {memory} MB", "checked 200s"]
    if streamed:
        heads += ["first byte p50 ms", "events out"]
    lines = [f"## {what}, {connections} connections", "", *_head(heads)]
    for row in rows:
        cells = [
            facts.titles[row.peer],
            f"{row.cpu_us:,.0f}",
            f"{row.cpu_low:,.0f}-{row.cpu_high:,.0f}",
            f"{row.rps:,.0f}" if row.rps >= 100 else f"{row.rps:.1f}",
            f"{row.p50_ms:,.1f}",
            f"{row.p99_ms:,.1f}",
            f"{row.peak_bytes / 1e6:,.0f}",
            f"{row.requests:,}",
        ]
        if streamed:
            cells += [f"{row.first_byte_p50_ms:,.1f}", row.events]
        lines.append(_line(cells))
    for run in runs:
        if run.fault:
            lines.append(_line([facts.titles[run.peer], f"no figure: {run.fault}", *[""] * (len(heads) - 2)]))
    lines += ["", *_ratios(facts, rows)]
    return lines


def _ratios(facts: Facts, rows: Sequence[_Row]) -> list[str]:
    by_name = {row.peer: row for row in rows}
    references = [by_name[name] for name in REFERENCES if name in by_name]
    if not references:
        return []
    lines = [
        "CPU of the column's peer divided by CPU of the row's peer: above 1, the row is that many times cheaper.",
        "",
        *_head(["peer", *(f"vs {facts.titles[reference.peer]}" for reference in references)]),
    ]
    for row in rows:
        cells = [f"{reference.cpu_us / row.cpu_us:.2f}" if row.cpu_us else "-" for reference in references]
        lines.append(_line([facts.titles[row.peer], *cells]))
    return [*lines, ""]


def _privacy(facts: Facts) -> list[str]:
    lines = [
        "## What the upstream received",
        "",
        (
            f"One call a peer against a recording upstream: which of {facts.identifiers} identifiers of the invented "
            "patient arrived in clear. A check of the set-up, not a measure of detection."
        ),
        "",
        *_head(["peer", "version", "in clear"]),
    ]
    for name, title in facts.titles.items():
        if name in facts.absent:
            lines.append(_line([title, facts.versions.get(name, "-"), f"**{facts.absent[name]}**"]))
        elif name in facts.seen:
            kinds = facts.seen[name].kinds
            shown = "none" if not kinds else f"{len(kinds)}: {', '.join(kinds)}"
            lines.append(_line([title, facts.versions[name], shown]))
    return [*lines, ""]


def _conditions(facts: Facts, runs: Sequence[Run]) -> list[str]:
    good = [run for run in runs if not run.fault]
    if not good:
        return ["No run gave a figure."]
    busiest = max(good, key=lambda run: run.generator_share)
    foreign = [run.foreign_cores for run in good]
    busiest_title = facts.titles[busiest.peer]
    stolen = max(run.stolen_cores for run in good)
    return [
        "## Conditions",
        "",
        (
            "- Every counted answer was a whole 200 from the upstream, and the upstream counted as many calls; "
            f"{sum(1 for run in runs if run.fault)} of {len(runs)} runs gave no figure."
        ),
        (
            f"- Other processes of the machine used {statistics.median(foreign):.2f} cores in the median and "
            f"{max(foreign):.2f} at most; {stolen:.2f} cores at most were stolen by its host."
        ),
        (
            f"- The load generator used at most {busiest.generator_share:.2f} of a core ({busiest_title}). It and "
            "nginx share the cores with the peer: requests a second are lower than with a client elsewhere."
        ),
    ]


def _row(name: str, runs: Sequence[Run]) -> _Row | None:
    mine = [run for run in runs if run.peer == name and not run.fault]
    if not mine:
        return None
    lowest, highest = min(run.events_min for run in mine), max(run.events_max for run in mine)
    costs = [run.cpu_us for run in mine]
    return _Row(
        peer=name,
        rounds=len(mine),
        requests=sum(run.requests for run in mine),
        cpu_us=statistics.median(costs),
        cpu_low=min(costs),
        cpu_high=max(costs),
        rps=statistics.median(run.rps for run in mine),
        p50_ms=statistics.median(run.p50_ms for run in mine),
        p99_ms=statistics.median(run.p99_ms for run in mine),
        first_byte_p50_ms=statistics.median(run.first_byte_p50_ms for run in mine),
        events=str(lowest) if lowest == highest else f"{lowest}-{highest}",
        peak_bytes=max(run.peak_bytes for run in mine),
    )


def _head(cells: Sequence[str]) -> list[str]:
    return [_line(cells), _line(["---", *["---:"] * (len(cells) - 1)])]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
