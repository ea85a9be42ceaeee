"""Live status of backups, restores, evaluations and kept documentation: each fact turns exactly its control."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.compliance.organisation import working_registry
from tests.unit.compliance.test_status_programme import BREACH, NOW, TODAY, made, window

from wardkeep.compliance.catalogue import load_catalogue
from wardkeep.compliance.status import Known, Standing, statuses
from wardkeep.compliance.status_evidence import EVIDENCE_QUERIES
from wardkeep.compliance.status_programme import all_queries
from wardkeep.model.assessment import Assessment, AuditFinding, CheckOutcome, CheckResult, Severity
from wardkeep.model.custody import Shred
from wardkeep.model.incident import Notice, Step
from wardkeep.model.retention import RecordClass, RetentionRule

DAY = timedelta(days=1)
CATALOGUE = load_catalogue()
RESTORED = CheckResult(check="restore", outcome=CheckOutcome.PASS, severity=Severity.HIGH, code="restored", looked_at=3)
ASSESSED = Assessment(id="a", run_by="p", began_at=NOW, version="1", ended_at=NOW, results=(RESTORED,))
SHRED = Shred(
    id="s", subject="ab", kept_until=TODAY - DAY, proposed_by="p", proposed_at=NOW, approved_by="q", approved_at=NOW
)
TOLD = replace(
    BREACH,
    notices=(Notice(name="individuals", on=TODAY, by="p"),),
    steps=(*BREACH.steps, Step(at=NOW, by="p", what="letter", words="see ledger entry 4")),
)
MADE = {"type": "backup", "actor": "person:p", "at": NOW.isoformat()}
ENTRIES = (
    {**MADE, "detail": {"action": "backup"}},
    {**MADE, "detail": {"action": "backup.drill", "ok": True}},
)


def held(**changes):
    good = working_registry(assessments={"a": ASSESSED}, shreds={"s": SHRED}, incidents={"i": TOLD})
    return replace(good, **changes)


def standings(registry=None, entries=ENTRIES, *, now=NOW, today=TODAY):
    known = Known(
        now=now, today=today, window=replace(window(made(*entries)), read_at=now), registry=registry or held(),
        registry_read_at=now,
    )  # fmt: skip
    found = statuses(CATALOGUE, known, EVIDENCE_QUERIES)
    return {each.control.id: each.standing for each in found if each.control.id in EVIDENCE_QUERIES}


# Of the calls, the practices and the clauses others tell.
OWN = EVIDENCE_QUERIES.keys() - {"HSR-308-b2", "RSP-116-321"}


def test_what_was_done_holds():
    assert {name for name, each in standings().items() if each is Standing.HOLDS} >= OWN
    assert standings()["RSP-116-321"] is Standing.FAILS


@pytest.mark.parametrize(
    ("changes", "control", "expected"),
    [
        ({"entries": ENTRIES[1:]}, "HSR-308-a7-A", Standing.NOT_KNOWN),
        ({"now": NOW + 400 * DAY}, "HSR-308-a7-A", Standing.FAILS),
        ({"entries": ({**ENTRIES[0], "at": "t"},)}, "HSR-308-a7-A", Standing.FAILS),
        ({"entries": ENTRIES[:1]}, "HSR-308-a7-B", Standing.NOT_KNOWN),
        ({"now": NOW + 400 * DAY}, "HSR-308-a7-B", Standing.FAILS),
        (
            {"entries": (*ENTRIES, {**ENTRIES[1], "detail": {"action": "backup.drill", "ok": False}})},
            "HSR-308-a7-B",
            Standing.FAILS,
        ),
        ({"registry": held(assessments={})}, "HSR-308-a7-D", Standing.NOT_KNOWN),
        ({"registry": held(assessments={"a": replace(ASSESSED, results=())})}, "HSR-308-a7-D", Standing.FAILS),
        ({"today": TODAY + 367 * DAY}, "HSR-308-a7-D", Standing.FAILS),
        ({"registry": held(assessments={"a": replace(ASSESSED, ended_at=None)})}, "HSR-308-a8", Standing.NOT_KNOWN),
        ({"today": TODAY + 367 * DAY}, "HSR-308-a8", Standing.FAILS),
        ({"registry": held(shreds={"s": replace(SHRED, kept_until=TODAY)})}, "HSR-316-b2-i", Standing.FAILS),
        ({"registry": held(incidents={"i": replace(TOLD, steps=BREACH.steps)})}, "HBN-404-cd", Standing.FAILS),
        ({"registry": held(incidents={})}, "HBN-404-cd", Standing.NOT_KNOWN),
    ],
)
def test_one_fact_turns_its_control(changes, control, expected):
    assert standings(**changes)[control] is expected


def test_a_finding_past_its_day_and_a_rule_that_is_too_short_fail():
    finding = AuditFinding(
        id="a.tls", source="a", check="tls", severity=Severity.HIGH, opened_on=TODAY, due_on=TODAY - DAY, owner="p",
        outcome=CheckOutcome.FAIL,
    )  # fmt: skip
    assert standings(held(findings={"a.tls": finding}))["HSR-308-a8"] is Standing.FAILS
    rule = RetentionRule(id="r", record_class=RecordClass.DOCUMENTATION, years=5, citation="ours")
    assert standings(held(retention={"r": rule}))["HSR-316-b2-i"] is Standing.FAILS


def test_what_people_attest_by_nature_is_marked_and_has_no_query():
    marked = {each.id for each in CATALOGUE.controls.values() if each.is_attested_by_nature}
    assert len(marked) == 16
    assert not marked & all_queries().keys()
