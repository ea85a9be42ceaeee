"""Which duties close the road, and who is late (45 CFR 164.308(a)(5)(i), 164.316, 164.530(b)).

`late` is the fact that stage 3 decides on: None where the organisation did not declare the duty required, else the
people who are late today. To demand more takes one officer; to demand less takes two, because it opens a road.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.policies import in_force, unsigned
from wardkeep.compliance.policy_texts import Texts
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import invalid, require, unknown
from wardkeep.compliance.two_people import check_established, second_person
from wardkeep.model.programme import CourseRule, Deadlines, Duties, DutyTerms, TrainingRecord, grace_ends
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

DUTIES: Final = "duties"
LONGEST_GRACE_DAYS: Final = 90
_NOTHING: Final = DutyTerms()


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """Who is late; None where the duty is not declared required."""

    training: frozenset[str] | None = None
    policies: frozenset[str] | None = None


def terms_of(registry: Registry) -> DutyTerms:
    """Return the terms in force; without a setting nothing is declared."""
    held = registry.duties.get(DUTIES)
    return _NOTHING if held is None else held.terms


def late(registry: Registry, texts: Texts, today: date) -> Late:
    """Return who is late today, of the duties that are declared required."""
    return late_on(registry.deadlines or deadlines(registry, texts), today)


def late_on(known: Deadlines, today: date) -> Late:
    """Return whose last day is over."""
    return Late(training=_over(known.training, today), policies=_over(known.policies, today))


def deadlines(registry: Registry, texts: Texts) -> Deadlines:
    """Return the last days of the duties that are declared required."""
    terms = terms_of(registry)
    return Deadlines(
        training=_training_days(registry, terms) if terms.training else None,
        policies=_signing_days(registry, texts, terms) if terms.acknowledgement else None,
    )


class DeadlineSource:
    """Works the last days out once for all registries that agree in what they follow from. One owner."""

    __slots__ = ("_found", "_read", "_texts")

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._read: tuple[object, ...] = ()
        self._found = Deadlines()

    def of(self, registry: Registry) -> Deadlines:
        """Return the last days; they are the same object as long as nothing that they follow from changes."""
        if registry.deadlines is not None:
            return registry.deadlines
        reads = (
            registry.people, registry.policies, registry.signatures, registry.courses, registry.trainings,
            registry.duties,
        )  # fmt: skip
        if len(self._read) != len(reads) or any(a is not b for a, b in zip(self._read, reads, strict=True)):
            self._found, self._read = deadlines(registry, self._texts), reads
        return self._found


def overdue(registry: Registry, terms: DutyTerms, today: date) -> frozenset[str]:
    """Return whoever holds a role that a course is assigned to, and has not passed it by the end of grace."""
    return _over(_training_days(registry, terms), today) or frozenset()


def _over(days: dict[str, date] | None, today: date) -> frozenset[str] | None:
    return None if days is None else frozenset(name for name, day in days.items() if today > day)


def _training_days(registry: Registry, terms: DutyTerms) -> dict[str, date]:
    """Return by person with a course the day after which one of them is overdue."""
    days = {
        person.id: [grace_ends(due, terms) for _, due in due_days(registry, person)]
        for person in registry.people.values()
        if person.is_active
    }
    return {name: min(each) for name, each in days.items() if each}


def _signing_days(registry: Registry, texts: Texts, terms: DutyTerms) -> dict[str, date]:
    """Return by person who has yet to sign the day after which one signature is overdue."""
    days: dict[str, date] = {}
    for policy, people in unsigned(registry, texts).items():
        version = in_force(registry, policy)
        if version is None or version.approved_on is None:
            continue
        until = grace_ends(version.approved_on, terms)
        for name in people:
            days[name] = min(until, days.get(name, until))
    return days


def due_days(registry: Registry, person: Person) -> Iterator[tuple[CourseRule, date]]:
    """Yield each course a person must take, with the last day before it is overdue.

    Nobody joins into a grace: who comes after a course fell due passes it first, or is given a day of their own.
    """
    record = registry.trainings.get(person.id, TrainingRecord(id=person.id))
    for rule in registry.courses.values():
        if person.roles.isdisjoint(rule.roles):
            continue
        certificate = record.certificates.get(rule.id)
        due = rule.due_on
        if certificate is not None:
            # A rule that became stricter since shortens what was passed before.
            due = max(due, min(certificate.until, certificate.passed_on + timedelta(days=rule.valid_days)))
        yield rule, max(due, record.due.get(rule.id, due))


def require_duties(registry: Registry, by: Person, *, terms: DutyTerms) -> tuple[Change, ...]:
    """Declare duties: stricter terms hold at once, others wait for another person.

    Raises:
        NotAllowed: no permission, a grace out of bounds, or nothing that people could fulfil.
    """
    require(by, Permission.CONTROL_DECIDE)
    check_established(by)
    if not 0 <= terms.grace_days <= LONGEST_GRACE_DAYS:
        raise invalid("grace", f"0 to {LONGEST_GRACE_DAYS} days")
    if terms.training and not registry.courses:
        raise _nothing_to_fulfil("no course is assigned", "wardkeep training assign")
    if terms.acknowledgement and not any(in_force(registry, each) for each in registry.policies):
        raise _nothing_to_fulfil("no policy is in force", "wardkeep policies propose")
    held = registry.duties.get(DUTIES)
    now = _NOTHING if held is None else held.terms
    if terms.is_as_strict_as(now) or not (now.training or now.acknowledgement):
        record = Duties(id=DUTIES, terms=terms, set_by=by.id)
    else:
        author = by.id if held is None else held.set_by
        record = Duties(
            id=DUTIES, terms=now, set_by=author, proposed=terms, proposed_by=by.id, proposed_under=by.access_by
        )
    return (Change(kind=Kind.DUTIES, id=DUTIES, record=record),)


def approve_duties(registry: Registry, by: Person, *, terms: DutyTerms) -> tuple[Change, ...]:
    """Approve laxer terms, naming them.

    Raises:
        NotAllowed: no permission, nothing or something else to approve, or the two do not count as two.
    """
    require(by, Permission.CONTROL_DECIDE)
    held = registry.duties.get(DUTIES)
    if held is None or held.proposed is None or held.proposed != terms:
        raise unknown("proposal with these terms", "wardkeep duties show")
    note = second_person(registry, by, held.proposed_by or "", under=held.proposed_under, deed="proposed the terms")
    record = Duties(id=DUTIES, terms=terms, set_by=by.id)
    return (Change(kind=Kind.DUTIES, id=DUTIES, record=record, note=note),)


def duties_view(registry: Registry, texts: Texts, today: date) -> dict[str, object]:
    """Return what is declared, what is proposed, and who would be late today, declared or not."""
    held = registry.duties.get(DUTIES)
    terms = terms_of(registry)
    proposed = None if held is None else held.proposed
    return {
        "training": terms.training,
        "acknowledgement": terms.acknowledgement,
        "grace_days": terms.grace_days,
        "proposed": None
        if proposed is None or held is None
        else {
            "training": proposed.training,
            "acknowledgement": proposed.acknowledgement,
            "grace_days": proposed.grace_days,
            "by": held.proposed_by,
        },
        "late_with_training": sorted(overdue(registry, terms, today)),
        "late_with_policies": sorted(_over(_signing_days(registry, texts, terms), today) or ()),
    }


def _nothing_to_fulfil(what: str, command: str) -> NotAllowed:
    return NotAllowed(
        "wrong_status",
        what=f"This cannot be demanded yet: {what}.",
        why="A duty that nobody can fulfil would look like one that everybody fulfils.",
        fix=f"First run `{command}`.",
        status=409,
    )
