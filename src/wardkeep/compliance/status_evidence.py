"""Queries of live status over what the program did by itself: backups, restores, evaluations, kept documentation.

As `status_programme`: each says in words what it asks, and what it cannot see stays not known. Backups and drills are
entries of the window alone: one that is older than the window was not looked at, and so is not known.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Final

from wardkeep.audit.entry import StoredHeader
from wardkeep.compliance.practices import practices_view
from wardkeep.compliance.status import QUERIES, Finding, Query, Window
from wardkeep.model.assessment import Assessment, CheckOutcome
from wardkeep.model.registry import Registry
from wardkeep.model.retention import LEAST_YEARS, RecordClass, rules_in_force

BACKUP_EVERY: Final = timedelta(days=8)
DRILL_EVERY: Final = timedelta(days=183)
_YEAR: Final = timedelta(days=366)
_SAMPLES: Final = 3
# Documentation and accountings have the law's own clock; what calls said is the organisation's (`compliance.custody`).
_CLOCKED: Final = frozenset({RecordClass.DOCUMENTATION, RecordClass.ACCOUNTING_HEADERS})


def _backed_up(_: Registry, window: Window, __: date) -> Finding:
    made = _of_action(window, "backup")
    if not made:
        return Finding(looked_at=0)
    late = window.read_at - made[-1][1] > BACKUP_EVERY
    wrong = (f"the newest backup is entry {made[-1][0].index}",) if late else ()
    return Finding(looked_at=len(made), wrong=wrong, samples=_indices(made))


def _restored(_: Registry, window: Window, __: date) -> Finding:
    drills = _of_action(window, "backup.drill")
    if not drills:
        return Finding(looked_at=0)
    header, at = drills[-1]
    is_good = header.detail is not None and header.detail.get("ok") is True and window.read_at - at <= DRILL_EVERY
    wrong = () if is_good else (f"the newest drill is entry {header.index}",)
    return Finding(looked_at=len(drills), wrong=wrong, samples=_indices(drills))


def _tested(registry: Registry, _: Window, today: date) -> Finding:
    finished = _finished(registry)
    if not finished:
        return Finding(looked_at=0)
    newest = finished[-1]
    is_restored = any(row.check == "restore" and row.outcome is CheckOutcome.PASS for row in newest.results)
    wrong = [] if is_restored else [f"assessment {newest.id} restored nothing"]
    wrong += [f"assessment {newest.id} is older than a year"] if _age(newest, today) > _YEAR else []
    return Finding(looked_at=len(finished), wrong=tuple(wrong))


def _evaluated(registry: Registry, _: Window, today: date) -> Finding:
    finished = _finished(registry)
    if not finished:
        return Finding(looked_at=0)
    newest = finished[-1]
    wrong = [f"assessment {newest.id} is older than a year"] if _age(newest, today) > _YEAR else []
    late = [each for each in registry.findings.values() if each.is_overdue(today)]
    wrong += [f"finding {each.id} is past its last day" for each in late]
    return Finding(looked_at=len(finished) + len(registry.findings), wrong=tuple(sorted(wrong)))


def _kept_long_enough(registry: Registry, _: Window, __: date) -> Finding:
    rules = [each for each in rules_in_force(registry.retention.values()) if each.record_class in _CLOCKED]
    done = [each for each in registry.shreds.values() if each.approved_at is not None]
    wrong = [f"rule {each.id}" for each in rules if each.years < LEAST_YEARS]
    early = [each for each in done if each.approved_at is not None and each.approved_at.date() <= each.kept_until]
    wrong += [f"shred {each.id}" for each in early]
    return Finding(looked_at=len(rules) + len(done), wrong=tuple(sorted(wrong)))


def _written(registry: Registry, _: Window, __: date) -> Finding:
    told = [
        each for each in registry.incidents.values() if any(notice.name == "individuals" for notice in each.notices)
    ]
    wrong = [f"incident {each.id}" for each in told if all(step.what != "letter" for step in each.steps)]
    return Finding(looked_at=len(told), wrong=tuple(sorted(wrong)))


def _practised(registry: Registry, _: Window, today: date) -> Finding:
    told = practices_view(registry, today)["practices"]
    rows = told if isinstance(told, list) else []
    wrong = tuple(f"{each['id']}: {each['months_covered']} of 12 months" for each in rows if not each["is_whole"])
    return Finding(looked_at=len(rows), wrong=wrong)


def _of_action(window: Window, action: str) -> list[tuple[StoredHeader, datetime]]:
    return [
        (each, _at(each))
        for each in window.headers
        if each.type == "backup" and each.detail is not None and each.detail.get("action") == action
    ]


def _at(header: StoredHeader) -> datetime:
    """Return when an entry was made; one whose time does not parse is as old as can be."""
    try:
        return datetime.fromisoformat(header.at)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _indices(found: list[tuple[StoredHeader, datetime]]) -> tuple[int, ...]:
    return tuple(each.index for each, _ in found[-_SAMPLES:])


def _finished(registry: Registry) -> list[Assessment]:
    held = [each for each in registry.assessments.values() if each.ended_at is not None]
    return sorted(held, key=lambda each: (each.began_at, each.id))


def _age(assessment: Assessment, today: date) -> timedelta:
    return timedelta(0) if assessment.ended_at is None else today - assessment.ended_at.date()


EVIDENCE_QUERIES: Final[Mapping[str, Query]] = MappingProxyType(
    {
        "HSR-308-a7-A": Query(words="the newest backup of the window was made within eight days", run=_backed_up),
        "HSR-308-a7-B": Query(
            words="the newest restore drill of the window brought everything back, within 183 days", run=_restored
        ),
        "HSR-308-a7-D": Query(
            words="the newest self-assessment is of this year, and its own backup was restored and verified",
            run=_tested,
        ),
        "HSR-308-a8": Query(
            words="the newest self-assessment is of this year, and no finding is past its last day", run=_evaluated
        ),
        "HSR-308-b2": Query(
            words="every request of the window names an agreement on record, and so does every other place with PHI",
            run=QUERIES["HSR-308-b1"].run,
        ),
        "HSR-316-b2-i": Query(
            words="documentation and accountings are kept six years, and nothing was destroyed before its last day",
            run=_kept_long_enough,
        ),
        "HBN-404-cd": Query(
            words="whoever was told of a breach was told by a letter with the five parts; how it went is people's word",
            run=_written,
        ),
        "RSP-116-321": Query(
            words="records that stand today span each of the last twelve months, for every practice", run=_practised
        ),
    }
)
