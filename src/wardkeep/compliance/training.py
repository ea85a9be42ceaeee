"""Training: who takes which course, what they passed, until when (45 CFR 164.308(a)(5)(i), 164.530(b)).

Pure, as `policies`. Courses are assigned to roles from a day on; passing one makes a certificate whose hash anybody can
compute again from the record. While overdue training closes the road, assignments only grow.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from typing import Final

from wardkeep.compliance.courses import Course, Courses, course_of, scored
from wardkeep.compliance.duties import due_days, terms_of
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import invalid, require, unknown
from wardkeep.compliance.two_people import check_established
from wardkeep.model.access import Role
from wardkeep.model.programme import Certificate, CourseRule, TrainingRecord, grace_ends
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

LONGEST_VALIDITY_DAYS: Final = 366
LEAST_PASS_PERCENT: Final = 70
LONGEST_EXTENSION: Final = timedelta(days=30)
_LIST: Final = "wardkeep training list"
_REPORT: Final = "wardkeep training report"


def assign_course(
    registry: Registry, by: Person, *, course: str, roles: frozenset[Role], due_on: date, valid_days: int,
    pass_percent: int, today: date, courses: Courses,
) -> tuple[Change, ...]:  # fmt: skip
    """Assign a course to roles, from a day on.

    Raises:
        NotAllowed: no permission, no such course, values out of bounds, or less than before while training is demanded.
    """
    require(by, Permission.CONTROL_DECIDE)
    check_established(by)
    course_of(courses, course)
    if not roles:
        raise invalid("list of roles", "one or more roles")
    if not today <= due_on <= today + timedelta(days=366):
        raise invalid("due day", "from today to a year from today")
    if not 1 <= valid_days <= LONGEST_VALIDITY_DAYS or not LEAST_PASS_PERCENT <= pass_percent <= 100:
        raise invalid(
            "validity or pass mark", f"1 to {LONGEST_VALIDITY_DAYS} days, {LEAST_PASS_PERCENT} to 100 percent"
        )
    held = registry.courses.get(course)
    if held is not None and terms_of(registry).training:
        # What would open a road takes two people, and that is how duties are loosened (`compliance.duties`).
        due_on = min(due_on, held.due_on)
        if not held.roles <= roles or valid_days > held.valid_days or pass_percent < held.pass_percent:
            raise NotAllowed(
                "second_person_required",
                what="This would demand less than what is demanded now.",
                why="While overdue training closes the road, to demand less opens it.",
                fix="Assign to more roles or for a shorter time, or first loosen it by two people: "
                "`wardkeep duties require`, `wardkeep duties approve`.",
            )
    record = CourseRule(
        id=course, roles=roles, due_on=due_on, valid_days=valid_days, pass_percent=pass_percent, set_by=by.id
    )
    return (Change(kind=Kind.COURSES, id=course, record=record),)


def extend_due(
    registry: Registry, by: Person, *, person: str, course: str, due_on: date, today: date
) -> tuple[Change, ...]:
    """Give a person a later day for a course, a month away at the most; never oneself.

    Raises:
        NotAllowed: no permission, no such person or assignment, or a day out of bounds.
    """
    require(by, Permission.CONTROL_DECIDE)
    check_established(by)
    if person == by.id:
        raise NotAllowed(
            "second_person_required",
            what="Nobody gives themselves more time.",
            why="It opens the road for the person concerned.",
            fix="Ask another officer.",
        )
    if course not in registry.courses:
        raise unknown("assigned course", _LIST)
    if person not in registry.people:
        raise unknown("person", "wardkeep user list")
    if not today <= due_on <= today + LONGEST_EXTENSION:
        raise invalid("due day", f"from today to {LONGEST_EXTENSION.days} days from today")
    held = registry.trainings.get(person, TrainingRecord(id=person))
    return (Change(kind=Kind.TRAININGS, id=person, record=replace(held, due={**held.due, course: due_on})),)


def answer_course(
    registry: Registry, by: Person, *, course: Course, version: int, answers: Sequence[int], today: date
) -> tuple[Change, ...]:
    """Take a course's questions, for oneself: a certificate when enough are right, else an attempt on record.

    Raises:
        NotAllowed: the course is not assigned to anybody, was replaced meanwhile, or the answers are not complete.
    """
    require(by, Permission.OWN_ACCOUNT)
    rule = registry.courses.get(course.id)
    if rule is None:
        raise unknown("assigned course", _LIST)
    if version != course.version:
        raise invalid("version of the course", "the one whose questions were shown; read it again")
    percent, _ = scored(course, answers)
    held = registry.trainings.get(by.id, TrainingRecord(id=by.id))
    if percent < rule.pass_percent:
        failed = {**held.failed, course.id: held.failed.get(course.id, 0) + 1}
        return (Change(kind=Kind.TRAININGS, id=by.id, record=replace(held, failed=failed), note="course_not_passed"),)
    passed = Certificate(
        course=course.id,
        version=course.version,
        content_sha256=course.sha256,
        score_percent=percent,
        passed_on=today,
        until=today + timedelta(days=rule.valid_days),
        sha256="",
    )
    passed = replace(passed, sha256=sha256(certificate_text(registry, by.id, passed).encode()).hexdigest())
    record = replace(held, certificates={**held.certificates, course.id: passed})
    return (Change(kind=Kind.TRAININGS, id=by.id, record=record, note="course_passed"),)


def certificate_text(registry: Registry, person: str, certificate: Certificate) -> str:
    """Return what is printed; its hash stands in the record, so that a copy can be held against it."""
    tenant = "" if registry.organisation is None else registry.organisation.tenant
    return (
        "Certificate of training\n"
        f"Instance: {tenant}\nPerson: {person}\nCourse: {certificate.course}, version {certificate.version}\n"
        f"Content sha256: {certificate.content_sha256}\nRight answers: {certificate.score_percent} percent\n"
        f"Passed on: {certificate.passed_on.isoformat()}\nCounts through: {certificate.until.isoformat()}\n"
    )


def certificate_view(registry: Registry, person: str, course: str) -> dict[str, object]:
    """Return a certificate as it is printed, and whether its hash is the one on record. Raises NotAllowed."""
    held = registry.trainings.get(person)
    found = None if held is None else held.certificates.get(course)
    if found is None:
        raise unknown("certificate", _REPORT)
    text = certificate_text(registry, person, found)
    return {"text": text, "sha256": found.sha256, "agrees": sha256(text.encode()).hexdigest() == found.sha256}


def report(registry: Registry, today: date) -> list[dict[str, object]]:
    """Return a row for each person and course that they must take."""
    terms = terms_of(registry)
    rows: list[dict[str, object]] = []
    for name, person in sorted(registry.people.items()):
        if not person.is_active:
            continue
        held = registry.trainings.get(name, TrainingRecord(id=name))
        for rule, due in due_days(registry, person):
            passed = held.certificates.get(rule.id)
            rows.append(
                {
                    "person": name,
                    "course": rule.id,
                    "passed_on": None if passed is None else passed.passed_on.isoformat(),
                    "score_percent": None if passed is None else passed.score_percent,
                    "failed": held.failed.get(rule.id, 0),
                    "due_on": due.isoformat(),
                    "grace_ends": grace_ends(due, terms).isoformat(),
                    "standing": "overdue"
                    if today > grace_ends(due, terms)
                    else "in_grace"
                    if today > due
                    else "passed"
                    if passed is not None
                    else "due",
                }
            )
    return rows


def course_view(course: Course, rule: CourseRule | None) -> dict[str, object]:
    """Return a course to read and answer; the right answers are not shown."""
    return {
        "id": course.id,
        "version": course.version,
        "title": course.title,
        "minutes": course.minutes,
        "sha256": course.sha256,
        "assigned_to": [] if rule is None else sorted(role.value for role in rule.roles),
        "due_on": None if rule is None else rule.due_on.isoformat(),
        "valid_days": None if rule is None else rule.valid_days,
        "pass_percent": None if rule is None else rule.pass_percent,
        "sections": [{"title": each.title, "text": each.text} for each in course.sections],
        "questions": [{"asks": each.asks, "options": list(each.options)} for each in course.questions],
    }
