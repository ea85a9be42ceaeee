"""The part of the control API for assessments, tests by others and findings (45 CFR 164.308(a)(8))."""

from functools import partial
from importlib.metadata import version
from typing import Final

from wardkeep.compliance import assessment_forms as form
from wardkeep.compliance import assessments
from wardkeep.model.assessment import CheckResult, OutsideTest, Severity
from wardkeep.policy.roles import Permission
from wardkeep.web.asked import ApiRoute, Asked, change, get_route, post_route, today

_DECIDE: Final = Permission.CONTROL_DECIDE
_READ: Final = Permission.REGISTRY_READ


async def _list(asked: Asked) -> object:
    day = today(asked)
    words, held = assessments.independent_test(asked.registry, day)
    runs = sorted(asked.registry.assessments.values(), key=lambda each: each.began_at, reverse=True)
    tests = sorted(asked.registry.outside_tests.values(), key=lambda each: each.tested_on, reverse=True)
    return {
        "independent_test": words,
        "independent_test_holds": held is not None,
        "assessments": [assessments.assessment_view(each) for each in runs],
        "tests": [assessments.outside_view(each, day) for each in tests],
    }


async def _begin(asked: Asked, filled: form.AssessmentForm) -> object:
    plan = partial(
        assessments.begin_assessment,
        assessment=filled.id,
        now=asked.app.clock().wall,
        version=version("wardkeep"),
    )
    return await change(asked, "assessment.begin", filled.reason, plan, id=filled.id)


async def _close(asked: Asked, filled: form.ResultsForm) -> object:
    results = tuple(
        CheckResult(
            check=each.check,
            outcome=each.outcome,
            severity=each.severity,
            code=each.code,
            looked_at=each.looked_at,
            named=each.named,
            tool=each.tool,
            evidence_sha256=each.evidence_sha256,
            seconds=each.seconds,
        )
        for each in filled.results
    )
    plan = partial(
        assessments.close_assessment,
        assessment=asked.words[0],
        results=results,
        now=asked.app.clock().wall,
        today=today(asked),
    )
    return await change(asked, "assessment.close", filled.reason, plan)


async def _import(asked: Asked, filled: form.OutsideForm) -> object:
    failed = {
        Severity.CRITICAL: filled.critical,
        Severity.HIGH: filled.high,
        Severity.MEDIUM: filled.medium,
        Severity.LOW: filled.low,
    }
    test = OutsideTest(
        id=filled.id,
        kind=filled.kind,
        party=filled.party.strip(),
        is_independent=filled.is_independent,
        tested_on=filled.tested_on,
        expires_on=filled.expires_on,
        document_sha256=filled.document_sha256,
        looked_at=filled.looked_at,
        imported_by=asked.by.id,
        failed={name: count for name, count in failed.items() if count},
        errors=filled.errors,
    )
    plan = partial(assessments.import_test, test=test, today=today(asked))
    return await change(asked, "assessment.import", filled.reason, plan, id=filled.id)


async def _findings(asked: Asked) -> object:
    day = today(asked)
    held = sorted(asked.registry.findings.values(), key=lambda each: (each.closed_on is not None, each.due_on, each.id))
    return {"findings": [assessments.finding_view(each, day) for each in held]}


async def _assign(asked: Asked, filled: form.AssignForm) -> object:
    plan = partial(
        assessments.assign_finding,
        finding=asked.words[0],
        owner=filled.owner,
        due_on=filled.due_on,
        today=today(asked),
    )
    return await change(asked, "finding.assign", filled.reason, plan)


async def _retest(asked: Asked, filled: form.RetestForm) -> object:
    plan = partial(assessments.retest_finding, finding=asked.words[0], outcome=filled.outcome, today=today(asked))
    return await change(asked, "finding.retest", filled.reason, plan)


ASSESSMENT_ROUTES: Final[tuple[ApiRoute, ...]] = (
    get_route("assessments", _READ, "assessment.list", _list),
    post_route("assessments", _DECIDE, "assessment.begin", form.AssessmentForm, _begin),
    post_route("assessments/{}/close", _DECIDE, "assessment.close", form.ResultsForm, _close),
    post_route("outside-tests", _DECIDE, "assessment.import", form.OutsideForm, _import),
    get_route("findings", _READ, "finding.list", _findings),
    post_route("findings/{}/assign", _DECIDE, "finding.assign", form.AssignForm, _assign),
    post_route("findings/{}/retest", _DECIDE, "finding.retest", form.RetestForm, _retest),
)
