"""Turn the scores of the de-identification bench into Markdown. Does no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deid_score import Estimate, Score

_NONE = "-"
_READING = (
    "In brackets the 95 % interval: Wilson for shares, bootstrap over documents for character precision. Any type "
    "counts; only letters and digits do. Speed is thousand characters a CPU-second of detection alone, one document "
    "after the other in one process, after a warm-up; loading apart."
)
_DEVELOPMENT = "Development sets (Wardkeep's classifier may be trained on them, so they predict nothing for it): "


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFacts:
    """A set as the report names it."""

    name: str
    documents: int
    identifiers: int
    characters: int
    held_out: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One engine: its figures by set, or why there are none."""

    title: str
    version: str
    load_cpu_seconds: float = 0.0
    fault: str = ""
    scores: Mapping[str, Score] = field(default_factory=dict)
    set_faults: Mapping[str, str] = field(default_factory=dict)
    held_out: Score | None = None
    development: Score | None = None
    everything: Score | None = None


def render(rows: Sequence[Row], sets: Sequence[SetFacts], *, taken_at: str, machine: str) -> str:
    """Return the whole report."""
    lines = [
        "# De-identification side by side",
        "",
        f"{taken_at}; {machine}. {_READING}",
        "",
        *_summary(rows, sets),
    ]
    for each in sets:
        lines += ["", *_table(rows, each)]
    return "\n".join([*lines, ""])


def _summary(rows: Sequence[Row], sets: Sequence[SetFacts]) -> list[str]:
    held_out = [each.name for each in sets if each.held_out]
    development = [each.name for each in sets if not each.held_out]
    lines = ["## Summary", ""]
    if held_out:
        lines.append(f"Validation corpus (no training of ours reads it): {', '.join(held_out)}.")
    if development:
        lines.append(f"{_DEVELOPMENT}{', '.join(development)}.")
    lines += [
        "",
        *_head(
            [
                *("engine", "full", "any", "char precision", "leaking documents", "over-masked negatives"),
                *("development: full", "development: char precision", "k chars/CPU-s", "load CPU-s"),
            ]
        ),
    ]
    for row in rows:
        if row.fault:
            lines.append(_line([f"{row.title} {row.version}".strip(), f"no figure: {_cell(row.fault)}", *[""] * 8]))
            continue
        ours, theirs = row.held_out, row.development
        lines.append(
            _line(
                [
                    f"{row.title} {row.version}".strip(),
                    *_shares(ours),
                    _percent(theirs.full if theirs else None),
                    _percent(theirs.precision if theirs else None),
                    _speed(row.everything),
                    f"{row.load_cpu_seconds:.1f}",
                ]
            )
        )
    return lines


def _table(rows: Sequence[Row], each: SetFacts) -> list[str]:
    lines = [
        f"## {each.name}",
        "",
        f"{each.documents} documents, {each.identifiers} identifiers, {each.characters / 1000:.0f} k characters.",
        "",
        *_head(
            ["engine", "full", "any", "char precision", "leaking documents", "over-masked negatives", "k chars/CPU-s"]
        ),
    ]
    for row in rows:
        score = row.scores.get(each.name)
        if score is None:
            reason = row.fault or row.set_faults.get(each.name, "not run")
            lines.append(_line([row.title, f"no figure: {_cell(reason)}", *[""] * 5]))
        else:
            lines.append(_line([row.title, *_shares(score), _speed(score)]))
    return lines


def _shares(score: Score | None) -> list[str]:
    if score is None:
        return [_NONE] * 5
    return [
        _percent(score.full),
        _percent(score.any),
        _percent(score.precision),
        _counted(score.leaking),
        _counted(score.over),
    ]


def _percent(estimate: Estimate | None) -> str:
    if estimate is None:
        return _NONE
    return f"{estimate.value * 100:.1f} % ({estimate.low * 100:.1f}-{estimate.high * 100:.1f})"


def _counted(estimate: Estimate | None) -> str:
    return _NONE if estimate is None else f"{estimate.part}/{estimate.whole} = {_percent(estimate)}"


def _speed(score: Score | None) -> str:
    if score is None or score.cpu_seconds <= 0:
        return _NONE
    speed = score.thousands_a_second
    return f"{speed:,.0f}" if speed >= 10 else f"{speed:.1f}"


def _cell(text: str) -> str:
    """An error's own words may hold what would break a table."""
    return " ".join(text.replace("|", "/").split())


def _head(cells: Sequence[str]) -> list[str]:
    return [_line(cells), _line(["---", *["---:"] * (len(cells) - 1)])]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
