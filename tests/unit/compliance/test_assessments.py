"""Assessments, tests by others and findings: inconclusive is no pass, and only a retest closes a finding."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.compliance.organisation import AUDITOR, PRIVACY, SECURITY, TODAY, after, working_registry

from wardkeep.compliance import assessments
from wardkeep.compliance.assessments import CHECKS
from wardkeep.compliance.errors import NotAllowed
from wardkeep.model.assessment import CheckOutcome, CheckResult, OutsideKind, OutsideTest, Severity

NOW = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)
HELD = working_registry()
PASS, FAIL, UNCLEAR = CheckOutcome.PASS, CheckOutcome.FAIL, CheckOutcome.INCONCLUSIVE


@contextmanager
def code(expected):
    with pytest.raises(NotAllowed) as caught:
        yield
    assert caught.value.code == expected


def result(check, outcome=PASS, **more):
    return CheckResult(check=check, outcome=outcome, severity=CHECKS[check], code="c", looked_at=1, **more)


def begun(held=HELD, name="a-1", by=SECURITY):
    return after(held, assessments.begin_assessment(held, by, assessment=name, now=NOW, version="1"))


def closed(held, *results, name="a-1", by=SECURITY, now=NOW, today=TODAY):
    step = assessments.close_assessment(held, by, assessment=name, results=results, now=now, today=today)
    return after(held, step)


def everything(**outcomes):
    return tuple(result(name, outcomes.get(name, PASS)) for name in CHECKS)


def outside(**more):
    plain = OutsideTest(
        id="pentest-1",
        kind=OutsideKind.PENETRATION_TEST,
        party="Testers Inc",
        is_independent=True,
        tested_on=TODAY - timedelta(days=10),
        expires_on=TODAY + timedelta(days=300),
        document_sha256="ab" * 32,
        looked_at=0,
        imported_by="x",
    )
    return replace(plain, **more)


def imported(held=HELD, by=SECURITY, **more):
    return after(held, assessments.import_test(held, by, test=outside(**more), today=TODAY))


def test_a_check_that_was_not_made_is_inconclusive_and_a_finding():
    held = closed(begun(), *(each for each in everything() if each.check != "tls"))
    run = held.assessments["a-1"]
    assert not run.is_passed
    (tls,) = (each for each in run.results if each.check == "tls")
    assert (tls.outcome, tls.code) == (UNCLEAR, "not_run")
    (finding,) = held.findings.values()
    assert (finding.check, finding.owner, finding.closed_on) == ("tls", SECURITY.id, None)
    assert finding.due_on == TODAY + timedelta(days=30)


@pytest.mark.parametrize("outcome", [FAIL, UNCLEAR])
def test_only_a_run_in_which_the_check_passes_closes_its_finding(outcome):
    held = closed(begun(), *everything(ledger=FAIL))
    (first,) = held.findings.values()
    assert not held.assessments["a-1"].is_passed
    with code("wrong_status"):
        assessments.retest_finding(held, PRIVACY, finding=first.id, outcome=PASS, today=TODAY)
    held = closed(begun(held, "a-2"), *everything(ledger=outcome), name="a-2")
    (still,) = held.findings.values()
    assert (still.closed_on, still.due_on, len(still.retests)) == (None, first.due_on, 1)
    held = closed(begun(held, "a-3"), *everything(), name="a-3", today=TODAY + timedelta(days=1))
    (done,) = held.findings.values()
    assert done.closed_on == TODAY + timedelta(days=1)
    assert [each.assessment for each in done.retests] == ["a-2", "a-3"]
    held = closed(begun(held, "a-4"), *everything(ledger=FAIL), name="a-4")
    assert sorted(each.closed_on is None for each in held.findings.values()) == [False, True]


def test_a_pass_that_looked_at_nothing_is_refused():
    with code("value_invalid"):
        closed(begun(), replace(result("ledger"), looked_at=0))
    with code("value_invalid"):
        closed(begun(), result("ledger"), result("ledger", FAIL))
    with code("value_invalid"):
        closed(begun(), replace(result("ledger"), check="another"))
    with code("value_invalid"):
        closed(begun(), replace(result("ledger"), named=("two\nlines",)))


def test_a_run_is_closed_once_by_whoever_began_it_and_soon():
    held = begun()
    with code("not_found"):
        closed(held, *everything(), by=PRIVACY)
    with code("wrong_status"):
        closed(held, *everything(), now=NOW + timedelta(hours=3))
    assert assessments.newest(held) is None
    done = closed(held, *everything())
    assert done.assessments["a-1"].is_passed
    with code("not_found"):
        closed(done, *everything())
    with code("already_exists"):
        begun(done)
    with code("role_not_permitted"):
        begun(by=AUDITOR)


def test_no_independent_test_is_said_until_one_counts_and_again_when_it_expired():
    words, test = assessments.independent_test(HELD, TODAY)
    assert test is None
    assert words.startswith("no independent penetration test")
    own = imported(is_independent=False)
    assert assessments.independent_test(own, TODAY)[1] is None
    held = imported()
    words, test = assessments.independent_test(held, TODAY)
    assert test is not None
    assert str(test.expires_on) in words
    words, test = assessments.independent_test(held, test.expires_on + timedelta(days=1))
    assert test is None
    assert "expired" in words


def test_what_others_found_is_judged_mended_by_somebody_else_than_its_owner():
    held = imported(failed={Severity.CRITICAL: 1, Severity.LOW: 3})
    assert {each.severity: (each.due_on - TODAY).days for each in held.findings.values()} == {
        Severity.CRITICAL: 7, Severity.LOW: 180,
    }  # fmt: skip
    name = "pentest-1.critical"
    with code("second_person_required"):
        assessments.retest_finding(held, SECURITY, finding=name, outcome=PASS, today=TODAY)
    held = after(held, assessments.retest_finding(held, SECURITY, finding=name, outcome=FAIL, today=TODAY))
    assert held.findings[name].closed_on is None
    assert held.findings[name].is_overdue(TODAY + timedelta(days=8))
    held = after(held, assessments.retest_finding(held, PRIVACY, finding=name, outcome=PASS, today=TODAY))
    assert held.findings[name].closed_on == TODAY
    with code("not_found"):
        assessments.retest_finding(held, PRIVACY, finding=name, outcome=PASS, today=TODAY)


def test_a_finding_is_given_to_somebody_who_is_here_for_half_a_year_at_the_most():
    held = imported(failed={Severity.HIGH: 1})
    step = {"finding": "pentest-1.high", "today": TODAY}
    due = TODAY + timedelta(days=60)
    done = after(held, assessments.assign_finding(held, SECURITY, owner=PRIVACY.id, due_on=due, **step))
    assert (done.findings["pentest-1.high"].owner, done.findings["pentest-1.high"].due_on) == (PRIVACY.id, due)
    with code("not_found"):
        assessments.assign_finding(held, SECURITY, owner="nobody", due_on=due, **step)
    with code("value_invalid"):
        assessments.assign_finding(held, SECURITY, owner=PRIVACY.id, due_on=TODAY + timedelta(days=181), **step)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tested_on": TODAY + timedelta(days=1)},
        {"expires_on": TODAY + timedelta(days=400)},
        {"expires_on": TODAY - timedelta(days=10)},
        {"document_sha256": "ab"},
        {"failed": {Severity.LOW: -1}},
        {"kind": OutsideKind.GARAK, "is_independent": False},
        {"kind": OutsideKind.PROMPTFOO, "looked_at": 3},
        {"party": HELD.organisation.name.upper()},
        {"party": ""},
    ],
)
def test_a_test_that_cannot_be_is_refused(wrong):
    with code("value_invalid"):
        imported(**wrong)
