"""Self-assessment, tests by others, and the register of findings (45 CFR 164.308(a)(8), 164.308(a)(1)(ii)(B)).

Pure, as `risks`. A run is opened before it looks and closed with what every check found; a check that is missing then
was not made, and stands as inconclusive. What is not a pass becomes a finding with an owner and a last day, which only
a retest that passes closes. It is no penetration test: until one by somebody else is imported, the register says so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final

import msgspec

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.terms import clean_id, clean_text, invalid, require, taken, unknown
from wardkeep.model.assessment import (
    Assessment,
    AuditFinding,
    CheckOutcome,
    CheckResult,
    OutsideKind,
    OutsideTest,
    Retest,
    Severity,
)
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

# Every check there is, and how much it matters when it fails. A run without one of them did not make it.
CHECKS: Final[Mapping[str, Severity]] = MappingProxyType(
    {
        "ledger": Severity.CRITICAL,
        "canary": Severity.CRITICAL,
        "routes": Severity.CRITICAL,
        "host": Severity.HIGH,
        "credentials": Severity.HIGH,
        "drift": Severity.HIGH,
        "tls": Severity.HIGH,
        "dependencies": Severity.HIGH,
        "restore": Severity.HIGH,
        "prompt_attacks": Severity.MEDIUM,
        "disguises": Severity.HIGH,
        "fuzz": Severity.MEDIUM,
        "sbom": Severity.MEDIUM,
        "independent_test": Severity.MEDIUM,
    }
)
DAYS_TO_MEND: Final[Mapping[Severity, int]] = MappingProxyType(
    {Severity.CRITICAL: 7, Severity.HIGH: 30, Severity.MEDIUM: 90, Severity.LOW: 180}
)
# A yearly evaluation is what the rule's own guidance and the proposal of 2025 speak of; a test lasts no longer.
LONGEST_TEST: Final = timedelta(days=366)
_LONGEST_RUN: Final = timedelta(hours=2)
_MOST_NAMED: Final = 50
_MOST_COUNTED: Final = 10_000_000
_HASH_LENGTH: Final = 64
_LIST: Final = "wardkeep self-assess list"
_FINDINGS: Final = "wardkeep self-assess findings"


def begin_assessment(
    registry: Registry, by: Person, *, assessment: str, now: datetime, version: str
) -> tuple[Change, ...]:
    """Open a run. Raises NotAllowed."""
    require(by, Permission.CONTROL_DECIDE)
    if clean_id(assessment, "assessment id") in registry.assessments:
        raise taken("assessment", "Use another id; every run keeps its row.")
    record = Assessment(id=assessment, run_by=by.id, began_at=now, version=version, words=SEE_THIS_ENTRY)
    return (Change(kind=Kind.ASSESSMENTS, id=assessment, record=record),)


def close_assessment(
    registry: Registry, by: Person, *, assessment: str, results: Iterable[CheckResult], now: datetime, today: date
) -> tuple[Change, ...]:
    """Record what every check found; open findings for what did not pass, and close those that pass now.

    Raises:
        NotAllowed: no such open run of this person, an unknown check, or a pass that looked at nothing.
    """
    require(by, Permission.CONTROL_DECIDE)
    found = registry.assessments.get(assessment)
    if found is None or found.ended_at is not None or found.run_by != by.id:
        raise unknown("open assessment of yours", _LIST)
    if now - found.began_at > _LONGEST_RUN:
        raise NotAllowed(
            "wrong_status",
            what="This assessment was opened too long ago.",
            why=f"What was found may no longer be so; a run counts within {_LONGEST_RUN.seconds // 3600} hours.",
            fix="Run `wardkeep self-assess run` again.",
            status=409,
        )
    given = _checked(results)
    whole = tuple(
        given.get(name)
        or CheckResult(check=name, outcome=CheckOutcome.INCONCLUSIVE, severity=severity, code="not_run", looked_at=0)
        for name, severity in CHECKS.items()
    )
    record = replace(found, ended_at=now, results=whole)
    changes = [Change(kind=Kind.ASSESSMENTS, id=assessment, record=record)]
    held = {each.check: each for each in registry.findings.values() if each.closed_on is None}
    for result in whole:
        change = _followed(held.get(result.check), result, record, today)
        if change is not None:
            changes.append(change)
    return tuple(changes)


def _followed(held: AuditFinding | None, result: CheckResult, assessment: Assessment, today: date) -> Change | None:
    """Return the finding that a result opens, keeps open or closes."""
    is_passed = result.outcome is CheckOutcome.PASS
    if held is not None:
        retest = Retest(on=today, by=assessment.run_by, outcome=result.outcome, assessment=assessment.id)
        record = replace(
            held,
            outcome=result.outcome,
            severity=min(held.severity, result.severity, key=list(Severity).index),
            retests=(*held.retests, retest),
            closed_on=today if is_passed else None,
        )
        return Change(kind=Kind.FINDINGS, id=held.id, record=record)
    if is_passed:
        return None
    name = f"{assessment.id[:40]}.{result.check.replace('_', '-')}"
    record = AuditFinding(
        id=name,
        source=assessment.id,
        check=result.check,
        severity=result.severity,
        outcome=result.outcome,
        opened_on=today,
        owner=assessment.run_by,
        due_on=today + timedelta(days=DAYS_TO_MEND[result.severity]),
    )
    return Change(kind=Kind.FINDINGS, id=name, record=record)


def _checked(results: Iterable[CheckResult]) -> dict[str, CheckResult]:
    found: dict[str, CheckResult] = {}
    for each in results:
        if each.check not in CHECKS or each.check in found:
            raise invalid("check", f"one of {', '.join(CHECKS)}, each once")
        if each.outcome is CheckOutcome.PASS and each.looked_at < 1:
            raise invalid("pass", "of something that was looked at; what looked at nothing is inconclusive")
        if not 0 <= each.looked_at <= _MOST_COUNTED or len(each.named) > _MOST_NAMED or each.seconds < 0:
            raise invalid("result", f"counts from 0, and at the most {_MOST_NAMED} names")
        for name in each.named:
            clean_text(name, "name in a result")
        clean_text(each.code, "code of a result", longest=64)
        if each.tool is not None:
            clean_text(each.tool, "tool of a result", longest=64)
        if each.evidence_sha256 is not None:
            _clean_hash(each.evidence_sha256)
        found[each.check] = each
    return found


def import_test(registry: Registry, by: Person, *, test: OutsideTest, today: date) -> tuple[Change, ...]:
    """Record a test that others made, by its report's hash; what it failed becomes findings, one a severity.

    Raises:
        NotAllowed: no permission, days that do not follow one another, or a count that cannot be.
    """
    require(by, Permission.CONTROL_DECIDE)
    if clean_id(test.id, "test id") in registry.outside_tests:
        raise taken("test", "Use another id; every test keeps its row.")
    clean_text(test.party, "party")
    _clean_hash(test.document_sha256)
    if not test.tested_on <= today or not test.tested_on < test.expires_on <= test.tested_on + LONGEST_TEST:
        raise invalid("dates", "the day of the test, not after today, and a last day within a year of it")
    if test.looked_at < 0 or test.errors < 0 or any(count < 0 for count in test.failed.values()):
        raise invalid("counts", "0 or more")
    if test.kind is not OutsideKind.PENETRATION_TEST and (test.looked_at < 1 or test.is_independent):
        raise invalid("report", "one that looked at something; a tool's run is no independent test")
    organisation = registry.organisation
    if test.is_independent and organisation is not None and test.party.casefold() == organisation.name.casefold():
        raise invalid("party", "somebody else, for an independent test")
    record = replace(test, imported_by=by.id, words=SEE_THIS_ENTRY)
    return (
        Change(kind=Kind.OUTSIDE_TESTS, id=test.id, record=record),
        *(
            Change(kind=Kind.FINDINGS, id=name, record=_finding_of(test, name, severity, by, today))
            for severity, count in test.failed.items()
            if count
            for name in [f"{test.id[:40]}.{severity.value}"]
        ),
    )


def _finding_of(test: OutsideTest, name: str, severity: Severity, by: Person, today: date) -> AuditFinding:
    return AuditFinding(
        id=name,
        source=test.id,
        check=test.kind.value,
        severity=severity,
        outcome=CheckOutcome.FAIL,
        opened_on=today,
        owner=by.id,
        due_on=today + timedelta(days=DAYS_TO_MEND[severity]),
    )


def assign_finding(
    registry: Registry, by: Person, *, finding: str, owner: str, due_on: date, today: date
) -> tuple[Change, ...]:
    """Give a finding to somebody, with a day. Raises NotAllowed."""
    require(by, Permission.CONTROL_DECIDE)
    found = _open_finding(registry, finding)
    person = registry.people.get(owner)
    if person is None or not person.is_active:
        raise unknown("active person to own it", "wardkeep user list")
    latest = found.opened_on + timedelta(days=max(DAYS_TO_MEND.values()))
    if not today <= due_on <= latest:
        raise invalid("last day", f"from today to {latest.isoformat()}, which is half a year after it was found")
    return (Change(kind=Kind.FINDINGS, id=finding, record=replace(found, owner=owner, due_on=due_on)),)


def retest_finding(
    registry: Registry, by: Person, *, finding: str, outcome: CheckOutcome, today: date
) -> tuple[Change, ...]:
    """Record that a finding of a test from outside was looked at again; a pass closes it.

    Raises:
        NotAllowed: it came from a check of our own, which only another run closes, or `by` owns it.
    """
    require(by, Permission.CONTROL_DECIDE)
    found = _open_finding(registry, finding)
    if found.check in CHECKS:
        raise NotAllowed(
            "wrong_status",
            what="This finding is of a check that the program makes.",
            why="It is closed by a run in which the check passes, not by a statement.",
            fix="Mend it and run `wardkeep self-assess run`.",
            status=409,
        )
    if outcome is CheckOutcome.PASS and by.id == found.owner:
        raise NotAllowed(
            "second_person_required",
            what="Whoever mends a finding does not judge that it is mended.",
            why="A retest is worth something when another person made it (45 CFR 164.308(a)(8)).",
            fix="Ask somebody else, or give the finding to whoever mends it (`wardkeep self-assess assign`).",
        )
    retest = Retest(on=today, by=by.id, outcome=outcome, words=SEE_THIS_ENTRY)
    record = replace(
        found,
        outcome=outcome,
        retests=(*found.retests, retest),
        closed_on=today if outcome is CheckOutcome.PASS else None,
    )
    return (Change(kind=Kind.FINDINGS, id=finding, record=record),)


def independent_test(registry: Registry, today: date) -> tuple[str, OutsideTest | None]:
    """Return in words whether an independent penetration test counts today, and which."""
    made = [
        each
        for each in registry.outside_tests.values()
        if each.kind is OutsideKind.PENETRATION_TEST and each.is_independent
    ]
    if not made:
        return "no independent penetration test: import one when it was made", None
    last = max(made, key=lambda each: (each.expires_on, each.tested_on))
    if not last.holds(today):
        return f"no independent penetration test: the last one, of {last.tested_on}, expired on {last.expires_on}", None
    return f"independent penetration test of {last.tested_on}, until {last.expires_on}", last


def newest(registry: Registry) -> Assessment | None:
    """Return the newest finished run."""
    ended = [each for each in registry.assessments.values() if each.ended_at is not None]
    return max(ended, key=lambda each: each.began_at, default=None)


def assessment_view(assessment: Assessment) -> dict[str, object]:
    """Return a run as it is shown."""
    plain: dict[str, object] = msgspec.to_builtins(assessment, order="deterministic")
    counts = {each.value: sum(1 for result in assessment.results if result.outcome is each) for each in CheckOutcome}
    return {**plain, **counts, "is_passed": assessment.is_passed}


def finding_view(finding: AuditFinding, today: date) -> dict[str, object]:
    """Return a finding as it is shown."""
    plain: dict[str, object] = msgspec.to_builtins(finding, order="deterministic")
    return {**plain, "is_open": finding.closed_on is None, "is_overdue": finding.is_overdue(today)}


def outside_view(test: OutsideTest, today: date) -> dict[str, object]:
    """Return a test from outside as it is shown."""
    plain: dict[str, object] = msgspec.to_builtins(test, order="deterministic")
    return {**plain, "holds": test.holds(today)}


def _open_finding(registry: Registry, finding: str) -> AuditFinding:
    found = registry.findings.get(finding)
    if found is None or found.closed_on is not None:
        raise unknown("open finding", _FINDINGS)
    return found


def _clean_hash(value: str) -> None:
    if len(value) != _HASH_LENGTH or not set(value) <= set("0123456789abcdef"):
        raise invalid("document hash", "a sha256, 64 hexadecimal digits")
