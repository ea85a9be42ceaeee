"""Twelve months of security practices (Pub. L. 116-321), and the risk analysis in the order of the SRA Tool's sections.

The law has HHS consider practices that were in place for the 12 months before; it gives no immunity, and nothing here
says that a practice is recognised. A month counts for a practice only when records that stand today span every day of
it. A version that was replaced is in the ledger and not counted here, so a gap may be one of the record alone. Pure.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from wardkeep.compliance.catalogue import Catalogue
from wardkeep.compliance.risks import risk_view
from wardkeep.model.assessment import CheckOutcome
from wardkeep.model.programme import TrainingRecord
from wardkeep.model.registers import Treatment
from wardkeep.model.registry import AgreementStatus, Registry

MONTHS: Final = 12
_QUARTER: Final = timedelta(days=92)
_HALF: Final = timedelta(days=183)
_YEAR: Final = timedelta(days=366)
_FOR_EVER: Final = date.max


@dataclass(frozen=True, slots=True)
class Span:
    """Days on which a record counts, both included."""

    start: date
    stop: date


# A practice is there on a day when each of its groups has a record that counts then; without a group it is not there.
Groups = Sequence[Sequence[Span]]


def last_months(today: date) -> tuple[Span, ...]:
    """Return the 12 whole months before the month of a day, the oldest first."""
    found = []
    first = today.replace(day=1)
    for _ in range(MONTHS):
        stop = first - timedelta(days=1)
        first = stop.replace(day=1)
        found.append(Span(first, stop))
    return tuple(reversed(found))


def covers(groups: Groups, month: Span) -> bool:
    """Whether every group spans every day of the month."""
    return bool(groups) and all(_spans(group, month) for group in groups)


def _spans(group: Iterable[Span], month: Span) -> bool:
    day = month.start
    for each in sorted(group, key=lambda span: span.start):
        if each.start <= day <= each.stop:
            if each.stop >= month.stop:
                return True
            day = each.stop + timedelta(days=1)
    return False


def _risks(registry: Registry) -> Groups:
    return [
        [
            Span(each.analysed_on, each.until)
            for each in registry.risks.values()
            if each.treatment is not Treatment.ACCEPT or each.accepted_by is not None
        ]
    ]


def _policies(registry: Registry) -> Groups:
    return [
        [] if each.in_force is None or each.in_force.approved_on is None
        else [Span(each.in_force.approved_on, each.in_force.review_on)]
        for each in registry.policies.values()
    ]  # fmt: skip


def _training(registry: Registry) -> Groups:
    groups = []
    for person in registry.people.values():
        record = registry.trainings.get(person.id, TrainingRecord(id=person.id))
        for rule in registry.courses.values():
            if person.is_active and not person.roles.isdisjoint(rule.roles):
                held = record.certificates.get(rule.id)
                groups.append([] if held is None else [Span(held.passed_on, held.until)])
    return groups


def _agreements(registry: Registry) -> Groups:
    reached = {each.vendor for each in registry.deployments.values()}
    return [
        [
            Span(each.effective_on, each.expires_on or _FOR_EVER)
            for each in registry.agreements.values()
            if each.vendor == vendor and each.status is AgreementStatus.ACTIVE
        ]
        for vendor in sorted(reached)
    ]


def _assets(registry: Registry) -> Groups:
    return [
        [Span(each.attested_on, each.attested_until)] if each.attested_on and each.attested_until else []
        for each in registry.assets.values()
        if each.disposed_on is None
    ]


def _access_reviews(registry: Registry) -> Groups:
    closed = [each.closed_at.date() for each in registry.reviews.values() if each.closed_at is not None]
    return [[Span(day, day + _QUARTER) for day in closed]]


def _evaluations(registry: Registry) -> Groups:
    ended = [each.ended_at.date() for each in registry.assessments.values() if each.ended_at is not None]
    return [[Span(day, day + _YEAR) for day in ended]]


def _restores(registry: Registry) -> Groups:
    drilled = [
        each.ended_at.date()
        for each in registry.assessments.values()
        if each.ended_at is not None
        and any(row.check == "restore" and row.outcome is CheckOutcome.PASS for row in each.results)
    ]
    return [[Span(day, day + _HALF) for day in drilled]]


def _outside_tests(registry: Registry) -> Groups:
    tests = [each for each in registry.outside_tests.values() if each.is_independent]
    return [[Span(each.tested_on, each.expires_on) for each in tests]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """One practice: what a month needs, in words, and the records that it looks at."""

    title: str
    needs: str
    groups: Callable[[Registry], Groups]


PRACTICES: Final[Mapping[str, Practice]] = MappingProxyType(
    {
        "risk_analysis": Practice(title="Risk analysis", needs="a row of the analysis that counts", groups=_risks),
        "policies": Practice(title="Policies", needs="every policy on record, within its review", groups=_policies),
        "training": Practice(
            title="Training", needs="everybody's certificate of every course assigned", groups=_training
        ),
        "vendors": Practice(
            title="Vendor management", needs="an active agreement of every vendor reached", groups=_agreements
        ),
        "assets": Practice(title="Asset management", needs="every asset in use attested", groups=_assets),
        "access": Practice(
            title="Access management", needs="a review of access closed within 92 days", groups=_access_reviews
        ),
        "evaluation": Practice(title="Evaluation", needs="a self-assessment within a year", groups=_evaluations),
        "contingency": Practice(title="Contingency", needs="a backup restored within 183 days", groups=_restores),
        "testing": Practice(title="Independent testing", needs="a test by others that counts", groups=_outside_tests),
    }
)


def practices_view(registry: Registry, today: date) -> dict[str, object]:
    """Return each practice with its months and its gaps."""
    months = last_months(today)
    names = [f"{each.start:%Y-%m}" for each in months]
    rows = []
    for name, practice in PRACTICES.items():
        groups = practice.groups(registry)
        held = [covers(groups, month) for month in months]
        rows.append(
            {
                "id": name,
                "title": practice.title,
                "needs": practice.needs,
                "months_covered": sum(held),
                "is_whole": all(held),
                "gaps": [month for month, is_covered in zip(names, held, strict=True) if not is_covered],
            }
        )
    return {
        "law": "Pub. L. 116-321",
        "from": names[0],
        "through": names[-1],
        "note": "Records that stand today; a replaced version is not counted. Whether a practice is a recognised one, "
        "and what follows from it, is for HHS to say.",
        "practices": rows,
    }


# ---- the SRA Tool's order --------------------------------------------------------------------------------------------

SECTIONS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("1 SRA Basics", ("HSR-306", "HSR-308-a1", "HSR-308-a8")),
    ("2 Security Policies", ("HSR-316",)),
    ("3 Security and Workforce", ("HSR-308-a2", "HSR-308-a3", "HSR-308-a4", "HSR-308-a5")),
    ("4 Security and Data", ("HSR-312",)),
    ("5 Security and the Practice", ("HSR-310", "HSR-308-a6")),
    ("6 Security and Business Associates", ("HSR-308-b", "HSR-314")),
    ("7 Contingency Planning", ("HSR-308-a7",)),
)
_SECTION_OF: Final = MappingProxyType({"vendor": 5, "asset": 4, "route": 3, "use": 3})


def analysis_in_order(registry: Registry, catalogue: Catalogue, today: date) -> dict[str, object]:
    """Return the risk analysis by the sections of the SRA Tool: what the rule asks there, and the rows about it."""
    sections = []
    for number, (title, prefixes) in enumerate(SECTIONS):
        asked = [
            {"id": each.id, "citation": each.citation, "title": each.title, "designation": each.designation.value}
            for name, each in catalogue.controls.items()
            if any(name == prefix or name.startswith((f"{prefix}-", f"{prefix}1", f"{prefix}2", f"{prefix}3"))
                   for prefix in prefixes)
        ]  # fmt: skip
        rows = [
            risk_view(each, today)
            for _, each in sorted(registry.risks.items())
            if _SECTION_OF.get(each.about.partition(":")[0], 0) == number
        ]
        sections.append({"section": title, "asks": asked, "risks": rows})
    return {"order": "sections of the Security Risk Assessment Tool of ONC and OCR", "sections": sections}
