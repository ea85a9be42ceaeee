"""Compares vendors' usage reports with the ledger, by day and model (45 CFR 164.308(a)(1)(ii)(D)).

Pure but for what it is given. Days are UTC, as vendors count them, and over: a report of today still grows. A vendor
that counted more requests than the ledger has calls, or more tokens than calls that were all metered can explain, saw
what no record of ours knows. Fewer is said and opens nothing: vendors do not count what they refused.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Final

import msgspec

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.terms import clean_model, clean_text, invalid, require, taken, unknown
from wardkeep.model.reconciliation import UNRECORDED, Difference, DifferenceKind, Reconciliation, UsageLine
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

MOST_DAYS: Final = 31
MOST_LINES: Final = 5000
_MOST_DIFFERENCES: Final = 200
# A vendor names the dated release that served an alias: `gpt-4o` and `gpt-4o-2026-08-06`.
_RELEASE: Final = re.compile(r"-\d{4}-?\d{2}-?\d{2}")


class _Header(msgspec.Struct, frozen=True):
    """What is read of a header."""

    type: str
    id: str
    at: str
    vendor: str = ""
    model: str = ""
    parent: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None


_DECODER: Final = msgspec.json.Decoder(_Header)


@dataclass(slots=True, kw_only=True)
class Recorded:
    """What the ledger has of one model on one day."""

    calls: int = 0
    metered: int = 0
    tokens: int = 0


@dataclass(slots=True, kw_only=True)
class DailyAccount:
    """Adds up a vendor's calls by UTC day and model, from headers in the order of the ledger; `usage.Adding`."""

    vendor: str
    first: date
    last: date
    found: dict[tuple[date, str], Recorded] = field(default_factory=dict)
    _open: dict[str, tuple[date, str]] = field(default_factory=dict)
    is_past: bool = False

    def take(self, leaf: bytes) -> None:
        """Count one header, if it is of a call to the vendor."""
        header = _DECODER.decode(leaf)
        if header.type == "request":
            day = datetime.fromisoformat(header.at).astimezone(UTC).date()
            self.is_past = day > self.last
            if header.vendor == self.vendor and self.first <= day <= self.last:
                self.found.setdefault((day, header.model), Recorded()).calls += 1
                self._open[header.id] = day, header.model
            return
        whose = self._open.pop(header.parent, None) if header.type in {"response", "aborted"} else None
        if whose is not None and (header.tokens_in is not None or header.tokens_out is not None):
            held = self.found[whose]
            held.metered += 1
            held.tokens += (header.tokens_in or 0) + (header.tokens_out or 0)

    @property
    def is_done(self) -> bool:
        """Whether nothing that is still to come can count."""
        return self.is_past and not self._open


def check_days(first: date, last: date, *, today: date) -> None:
    """Refuse days that are none, too many, or not over in UTC. Raises NotAllowed."""
    if not first <= last < today or (last - first).days >= MOST_DAYS:
        raise invalid("range of days", f"in order, over (before today in UTC), and at most {MOST_DAYS}")


def check_lines(lines: Iterable[UsageLine], first: date, last: date) -> tuple[UsageLine, ...]:
    """Return the lines of a report when they can be. Raises NotAllowed."""
    kept = tuple(lines)
    if len(kept) > MOST_LINES:
        raise invalid("report", f"of at most {MOST_LINES} lines")
    for line in kept:
        clean_model(line.model, "model of a line")
        if not first <= line.day <= last:
            raise invalid("line's day", "within the days that are compared")
        if min(line.requests or 0, line.tokens_in, line.tokens_out) < 0:
            raise invalid("count of a line", "zero or more")
    return kept


def differences(lines: Iterable[UsageLine], recorded: dict[tuple[date, str], Recorded]) -> tuple[Difference, ...]:
    """Return where report and ledger differ, what is unrecorded first. Lines of one model and day are added up."""
    names = {model for _, model in recorded}
    reported: dict[tuple[date, str], UsageLine] = {}
    for line in lines:
        key = line.day, _ledgers_name(line.model, names)
        held = reported.get(key)
        reported[key] = replace(line, model=key[1]) if held is None else _added(held, line)
    found = []
    for day, model in sorted(reported.keys() | recorded.keys()):
        line = reported.get((day, model)) or UsageLine(day=day, model=model, requests=0, tokens_in=0, tokens_out=0)
        ours = recorded.get((day, model)) or Recorded()
        kind = _kind(line, ours)
        if kind is not None:
            found.append(
                Difference(
                    day=day,
                    model=model,
                    kind=kind,
                    vendor_requests=line.requests,
                    vendor_tokens=line.tokens_in + line.tokens_out,
                    calls=ours.calls,
                    metered=ours.metered,
                    tokens=ours.tokens,
                )
            )
    return tuple(sorted(found, key=lambda each: each.kind not in UNRECORDED))[:_MOST_DIFFERENCES]


def _kind(line: UsageLine, ours: Recorded) -> DifferenceKind | None:
    tokens = line.tokens_in + line.tokens_out
    is_metered = ours.metered == ours.calls
    if line.requests is not None and line.requests > ours.calls:
        return DifferenceKind.REQUESTS_UNRECORDED
    if tokens > ours.tokens and is_metered:
        return DifferenceKind.TOKENS_UNRECORDED
    if line.requests is None and tokens > ours.tokens:
        return DifferenceKind.NOT_COMPARABLE
    fewer = tokens < ours.tokens or (line.requests is not None and line.requests < ours.calls)
    return DifferenceKind.VENDOR_FEWER if fewer else None


def _ledgers_name(reported: str, names: set[str]) -> str:
    """Return the name under which the ledger has a model: its own, or the alias that a dated release served."""
    if reported in names:
        return reported
    return next((name for name in sorted(names) if _is_release_of(reported, name)), reported)


def _is_release_of(reported: str, name: str) -> bool:
    return reported.startswith(name) and _RELEASE.fullmatch(reported[len(name) :]) is not None


def _added(held: UsageLine, line: UsageLine) -> UsageLine:
    counted = None if held.requests is None or line.requests is None else held.requests + line.requests
    return replace(
        held,
        requests=counted,
        tokens_in=held.tokens_in + line.tokens_in,
        tokens_out=held.tokens_out + line.tokens_out,
    )


def record_reconciliation(registry: Registry, by: Person, *, record: Reconciliation) -> tuple[Change, ...]:
    """Put a comparison on record. Raises NotAllowed."""
    require(by, Permission.ACTIVITY_REVIEW)
    if record.vendor not in registry.vendors:
        raise unknown("vendor", "wardkeep route list")
    if record.id in registry.reconciliations:
        raise taken("reconciliation", "It is on record already; try again.")
    note = "unrecorded_use" if record.is_open else None
    return (Change(kind=Kind.RECONCILIATIONS, id=record.id, record=replace(record, by=by.id), note=note),)


def settle_reconciliation(registry: Registry, by: Person, *, reconciliation: str, reason: str) -> tuple[Change, ...]:
    """Say why a vendor saw what the ledger did not: another key of the project, an incident. Raises NotAllowed."""
    require(by, Permission.ACTIVITY_REVIEW)
    clean_text(reason, "reason", longest=500)
    found = registry.reconciliations.get(reconciliation)
    if found is None:
        raise unknown("reconciliation", "wardkeep audit reconciliations")
    if not found.is_open:
        raise NotAllowed(
            "wrong_status",
            what="This comparison waits for nobody.",
            why="It found nothing unrecorded, or somebody has settled it.",
            fix="`wardkeep audit reconciliations` shows where each stands.",
            status=409,
        )
    record = replace(found, settled_by=by.id, words=SEE_THIS_ENTRY)
    return (Change(kind=Kind.RECONCILIATIONS, id=reconciliation, record=record),)


def reconciliation_view(record: Reconciliation) -> dict[str, object]:
    """Return a comparison as it is shown."""
    return {
        "id": record.id,
        "vendor": record.vendor,
        "from": record.first.isoformat(),
        "to": record.last.isoformat(),
        "source": record.source,
        "at": record.at.isoformat(timespec="seconds"),
        "by": record.by,
        "lines": record.lines,
        "open": record.is_open,
        "settled_by": record.settled_by,
        "words": record.words,
        "differences": [
            {
                "day": each.day.isoformat(),
                "model": each.model,
                "kind": each.kind.value,
                "vendor_requests": each.vendor_requests,
                "vendor_tokens": each.vendor_tokens,
                "calls": each.calls,
                "metered": each.metered,
                "tokens": each.tokens,
            }
            for each in record.differences
        ],
    }
