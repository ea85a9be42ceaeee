"""Live status of the programme: everything holds on a good day, and each source that is deleted turns its controls."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.unit.compliance.organisation import AUDITOR, DEVELOPER, PRIVACY, SECURITY, WORKSPACE, working_registry
from tests.unit.compliance.test_status import CATALOGUE, DECISIONS, NOW, TODAY, made, window

from wardkeep.compliance.clauses import clause_ids
from wardkeep.compliance.policies import must_sign
from wardkeep.compliance.policy_texts import filled, hash_of, load_texts, rendered
from wardkeep.compliance.status import QUERIES, Known, Standing, statuses
from wardkeep.compliance.status_evidence import EVIDENCE_QUERIES
from wardkeep.compliance.status_programme import PROGRAMME_QUERIES, all_queries
from wardkeep.model.access import Purpose, Requirement, Role
from wardkeep.model.access_review import ItemState, ReviewCampaign, ReviewItem, ReviewKind
from wardkeep.model.activity import ActivityItem, ActivityReview, Signal, Thresholds, Verdict
from wardkeep.model.break_glass import BreakGlass, GlassMethod, GlassOutcome
from wardkeep.model.incident import Conclusion, Incident, IncidentSource, Notice, Step
from wardkeep.model.login import Login
from wardkeep.model.programme import (
    Attested,
    Certificate,
    Checklist,
    ChecklistKind,
    CourseRule,
    Duties,
    DutyTerms,
    PolicyRecord,
    PolicyVersion,
    Sanction,
    SanctionLevel,
    Signature,
    Signatures,
    TrainingRecord,
)
from wardkeep.model.registers import (
    Asset,
    AssetEvent,
    AssetKind,
    Clause,
    ClauseList,
    ClauseStanding,
    Happened,
    HumanReview,
    Outcome,
    RightsRequest,
    Risk,
    Treatment,
    UseCase,
)
from wardkeep.model.registry import ApiKey, Vendor
from wardkeep.model.release import DataUse, DataUseAgreement, Determination, Release, ReleaseBasis

DAY = timedelta(days=1)
LATER = TODAY + 100 * DAY
TEXTS = load_texts()
HASH = "ab" * 32
PEOPLE = {each.id: each for each in (PRIVACY, SECURITY, AUDITOR, DEVELOPER)}
COURSES = ("hipaa-basics", "ai-with-phi", "incident-reporting")
KEY = ApiKey(
    id="k" * 12, mac=b"m" * 32, name="App", owner="developer", workspace="default", models=frozenset({"chat"}),
    purposes=frozenset({Purpose.TREAT}), default_purpose=None, expires_at=datetime(2027, 1, 1, tzinfo=UTC),
)  # fmt: skip
SEALED = {"ct_sha256": HASH, "ct_len": 10, "key": "e1", "commit": HASH}
CALL = {
    "type": "request", "actor": f"key:{KEY.id}", "workspace": "default", "purpose": "TREAT", "policy": "2", "epoch": 1,
    "baa": "baa-1", "vendor": "openai", "decision": "permitted", **SEALED,
}  # fmt: skip
ENTRIES = made(
    {"type": "control", "actor": "person:privacy", "detail": {"action": "policy.approve"}},
    CALL,
    {"type": "response", "actor": f"key:{KEY.id}", **SEALED},
    {"type": "session", "actor": "person:privacy", "detail": {"action": "sign-in", "method": "passkey"}},
    CALL,
)


def version(name):
    text = TEXTS[name][1]
    values = filled(text, {})
    return PolicyVersion(
        number=1, text_version=1, sha256=hash_of(rendered(text, values)), variables=values, proposed_by="privacy",
        proposed_on=TODAY, review_on=LATER, approved_by="security", approved_on=TODAY,
    )  # fmt: skip


POLICIES = {name: PolicyRecord(id=name, in_force=version(name)) for name in TEXTS}
SIGNATURES = {
    name: Signatures(
        id=name,
        signed={
            policy: Signature(number=1, sha256=held.in_force.sha256, on=TODAY)
            for policy, held in POLICIES.items()
            if must_sign(person, TEXTS[policy][1])
        },
    )
    for name, person in PEOPLE.items()
}
ALL_ROLES = frozenset(Role)
PASSED = {
    name: Certificate(
        course=name, version=1, content_sha256=HASH, score_percent=90, passed_on=TODAY, until=LATER, sha256=HASH
    )
    for name in COURSES
}
STEP = Step(at=NOW, by="privacy", what="opened", words="see ledger entry 1")
BREACH = Incident(
    id="i", source=IncidentSource.REPORT, opened_by="developer", opened_at=NOW, known_on=TODAY, individuals=1,
    conclusion=Conclusion.BREACH, signed_by="privacy", countersigned_by="security", delay_stated_on=TODAY,
    notices=tuple(Notice(name=name, on=TODAY, by="privacy") for name in ("individuals", "secretary_annual")),
    steps=(STEP,),
)  # fmt: skip
SITE = Asset(
    id="site", kind=AssetKind.FACILITY, owner="security", holds_phi=False, is_encrypted=False, attested_by="security",
    attested_on=TODAY, attested_until=LATER,
    events=(
        Happened(what=AssetEvent.VISITORS, on=TODAY, by="security", words="see ledger entry 1"),
        Happened(what=AssetEvent.MAINTENANCE, on=TODAY, by="security", words="see ledger entry 1"),
    ),
)  # fmt: skip
LAPTOP = Asset(
    id="laptop", kind=AssetKind.DEVICE, owner="developer", holds_phi=True, is_encrypted=True, place="site",
    attested_by="security", attested_on=TODAY, attested_until=LATER,
    events=(Happened(what=AssetEvent.WIPED, on=TODAY, by="security", words="see ledger entry 1"),),
)  # fmt: skip
TAPE = Asset(
    id="tape", kind=AssetKind.MEDIUM, owner="developer", holds_phi=True, is_encrypted=True, place="site",
    disposed_on=TODAY, disposed_by="security", certificate_sha256=HASH,
)  # fmt: skip
EXCEPTION = Incident(
    id="e", source=IncidentSource.REPORT, opened_by="developer", opened_at=NOW, known_on=TODAY,
    conclusion=Conclusion.INADVERTENT, signed_by="privacy", countersigned_by="security", steps=(STEP,),
)  # fmt: skip
LOOKED = ActivityItem(
    number=1, signal=Signal.SAMPLE, entry=1, who="key:k", verdict=Verdict.EXPECTED, signed_by="privacy"
)
LOOKED_AT = ActivityReview(
    id="a", start=0, stop=3, ended_at=NOW, seed="00", sample=1, thresholds=Thresholds(), due=LATER, opened_by="privacy",
    items=(LOOKED,),
)  # fmt: skip
GLASS = BreakGlass(
    id="g", person="developer", workspace="default", method=GlassMethod.TOTP, began_at=NOW, until=NOW, review_by=NOW,
    ticket_mac=b"m", words="see ledger entry 1", reviewed_at=NOW, reviewed_by="privacy", outcome=GlassOutcome.JUSTIFIED,
)  # fmt: skip
CLAUSES = ClauseList(
    id="baa-1", document_sha256=HASH, read_by="privacy", checked_by="security", checked_on=TODAY,
    clauses={
        name: Clause(standing=ClauseStanding.PRESENT, place="4", by="privacy", on=TODAY)
        for name in clause_ids(CATALOGUE)
    },
)  # fmt: skip
USE = UseCase(
    id="drafts", owner="privacy", routes=frozenset({"chat"}), purposes=frozenset({Purpose.TREAT}),
    human_review=HumanReview.EVERY_ANSWER, is_patient_facing=False, tells_patients=False, review_on=LATER,
    proposed_by="privacy", approved_by="security",
)  # fmt: skip


def risk(about, **changes):
    given = Risk(
        id=about.replace(":", "."), about=about, threat="t", likelihood=3, impact=3, residual_likelihood=2,
        residual_impact=2, treatment=Treatment.REDUCE, owner="privacy", until=LATER, analysed_by="privacy",
        analysed_on=TODAY,
    )  # fmt: skip
    return replace(given, **changes)


RISKS = {
    each.id: each
    for each in (
        risk("organisation"), risk("route:chat"), risk("vendor:openai"), risk("asset:site"), risk("asset:laptop"),
        risk("use:drafts", treatment=Treatment.ACCEPT, accepted_by="security"),
    )
}  # fmt: skip
RIGHTS = {
    name: RightsRequest(
        id=name, right=name, subject="tag", received_on=TODAY, taken_by="developer", answered_on=TODAY,
        outcome=Outcome.GRANTED,
    )
    for name in ("access", "amendment", "accounting")
}  # fmt: skip


def release(name, basis, **changes):
    given = Release(
        id=name, basis=basis, policy="p", dataset_sha256=HASH, report_sha256=HASH, recipient="R", shifts_dates=False,
        is_associate=False, prepared_by="privacy", signed_by="security", signed_on=TODAY, no_actual_knowledge=True,
    )  # fmt: skip
    return replace(given, **changes)


RELEASES = {
    "s": release("s", ReleaseBasis.SAFE_HARBOR),
    "e": release("e", ReleaseBasis.EXPERT_DETERMINATION, determination="d"),
    "l": release("l", ReleaseBasis.LIMITED_DATA_SET, data_use="u"),
}


# What `status` itself asks has its own tests.
OTHERS = {**QUERIES, **EVIDENCE_QUERIES}
COMPUTED = {name: query for name, query in all_queries().items() if name not in OTHERS}


def held(**changes):
    good = working_registry(
        people=PEOPLE,
        keys={KEY.id: KEY},
        decisions=DECISIONS,
        workspaces={
            "default": replace(
                WORKSPACE, requires=frozenset(Requirement), second_factor_seconds=3600, members=frozenset(PEOPLE)
            )
        },
        vendors={
            "openai": working_registry().vendors["openai"],
            "gone": Vendor(id="gone", party="G", suspended_because="see ledger entry 0"),
        },
        policies=POLICIES,
        signatures=SIGNATURES,
        courses={
            name: CourseRule(
                id=name, roles=ALL_ROLES, due_on=TODAY - 10 * DAY, valid_days=365, pass_percent=80, set_by="privacy"
            )
            for name in COURSES
        },
        trainings={name: TrainingRecord(id=name, certificates=PASSED) for name in PEOPLE},
        duties={"duties": Duties(id="duties", terms=DutyTerms(training=True, grace_days=5), set_by="privacy")},
        sanctions={
            "s": Sanction(
                id="s", person="developer", policy="sanctions", level=SanctionLevel.CARELESS, on=TODAY,
                proposed_by="privacy", confirmed_by="security",
            )
        },
        checklists={
            "joiner.developer": Checklist(
                id="joiner.developer", kind=ChecklistKind.JOINER, person="developer", opened_by="privacy",
                opened_on=TODAY, due_on=LATER, attested={"identity": Attested(by="security", on=TODAY)},
            )
        },
        logins={"privacy": Login(id="privacy", handle=b"h", password="p", totp=b"t")},
        reviews={
            "r": ReviewCampaign(
                id="r", opened_by="privacy", opened_at=NOW, due_at=NOW, kinds=frozenset(ReviewKind), reviewer="privacy",
                closed_by="privacy", closed_at=NOW,
            )
        },
        review_items={
            "x": ReviewItem(
                id="x", campaign="r", kind=ReviewKind.KEY, subject=KEY.id, reviewer="privacy", state=ItemState.CONFIRMED
            )
        },
        risks=RISKS,
        assets={each.id: each for each in (SITE, LAPTOP, TAPE)},
        uses={"drafts": USE},
        rights=RIGHTS,
        incidents={"i": BREACH, "e": EXCEPTION},
        activity={"a": LOOKED_AT},
        break_glass={"g": GLASS},
        clauses={"baa-1": CLAUSES},
        releases=RELEASES,
        determinations={
            "d": Determination(
                id="d", expert="E", document_sha256=HASH, effective_on=TODAY, expires_on=LATER,
                allows_shifted_dates=False, added_by="privacy",
            )
        },
        data_uses={
            "u": DataUseAgreement(
                id="u", recipient="R", use=DataUse.RESEARCH, document_sha256=HASH, effective_on=TODAY, expires_on=LATER,
                added_by="privacy",
            )
        },
    )  # fmt: skip
    return replace(good, **changes)


def green(registry=None, entries=ENTRIES, **changes):
    known = {
        "now": NOW, "today": TODAY, "window": window(entries), "registry": registry or held(), "registry_read_at": NOW,
        **changes,
    }  # fmt: skip
    found = statuses(CATALOGUE, Known(**known), COMPUTED)
    return {each.control.id for each in found if each.standing is Standing.HOLDS}


def test_everything_computed_holds_on_a_good_day():
    assert green() == set(COMPUTED)
    assert not PROGRAMME_QUERIES.keys() & OTHERS.keys()
    assert not any(CATALOGUE.controls[name].is_unconfirmed for name in all_queries())
    assert len(all_queries()) == 94


KEPT = {
    "HSR-306-e", "HSR-308-a1", "HSR-308-a1-C", "HSR-308-a6", "HSR-308-a7", "HSR-310-b", "HSR-312-a2-iii", "HPR-502-b",
    "HPR-514-d",
}  # fmt: skip
CONTENT = {"HSR-312-a2-iv", "HSR-312-c2", "HBN-402-unsec"}
TLS = {"HSR-312-e1", "HSR-312-e2-i", "HSR-312-e2-ii"}
RELEASED = {"HPR-514-a", "HPR-514-b1", "HPR-514-b2", "HPR-514-e"}
CLAUSE = {*clause_ids(CATALOGUE), "HSR-314-a2-i"}
INCIDENTS = {"HBN-402-def", "HSR-308-a6-ii", "HBN-404-a2", "HBN-412", "HBN-414"}
PLACES = {"HSR-310-a1", "HSR-310-a2-ii", "HSR-310-a2-iii", "HSR-310-a2-iv"}
THINGS = {"HSR-310-c", "HSR-310-d1", "HSR-310-d2-i", "HSR-310-d2-ii", "HSR-310-d2-iii"}

# Each source deleted whole, and all the controls that no longer hold.
DELETED = {
    "people": {
        "HSR-308-a1", "HSR-308-a1-B", "HSR-308-a3", "HSR-308-a5", "HSR-310-d2-iii", "HSR-312-d", "HPR-530-b",
        "HSR-312-a2-iii",
    },
    "keys": {"HSR-308-a4-B", "HSR-312-d"},
    "workspaces": {"HSR-308-a4-B", "HSR-312-a2-iii", "HPR-502-b", "HPR-514-d"},
    "deployments": {*TLS, "HSR-314-a1"},
    "routes": {"HSR-314-a1"},
    "agreements": {*CLAUSE, "HSR-314-a1"},
    "clauses": CLAUSE,
    "activity": {"HSR-308-a1", "HSR-308-a1-D"},
    "break_glass": {"HSR-312-a2-ii"},
    "policies": {*KEPT, "HSR-316-a", "HSR-316-b1", "HSR-316-b2-ii", "HSR-316-b2-iii"},
    "signatures": {*KEPT, "HSR-316-b2-ii"},
    "courses": {"HSR-308-a5", "HPR-530-b"},
    "trainings": {"HSR-308-a5", "HPR-530-b"},
    "duties": {"HSR-308-a5", "HPR-530-b"},
    "checklists": {"HSR-308-a3-B"},
    "logins": {"HSR-308-a5-D"},
    "reviews": {"HSR-308-a4-C"},
    "risks": {"HSR-308-a1", "HSR-308-a1-A", "HSR-308-a1-B"},
    "assets": {*PLACES, *THINGS, "HSR-310-b"},
    "uses": {"HSR-306-e"},
    "rights": {"HPR-524", "HPR-526", "HPR-528"},
    "incidents": INCIDENTS,
    "releases": RELEASED,
    "determinations": {"HPR-514-a", "HPR-514-b1"},
    "data_uses": {"HPR-514-e"},
    "vendors": {"HPR-504-e1-ii"},
}  # fmt: skip


@pytest.mark.parametrize("source", DELETED)
def test_a_source_that_is_deleted_turns_its_controls(source):
    broken = held(**{source: {}})
    turned = COMPUTED.keys() - green(broken)
    assert turned == DELETED[source]


def without(entries, index, **changes):
    bodies = [msgspec.json.decode(each.header) for each in entries]
    for each in bodies:
        for name in ("v", "index", "prev", "id", "at", "mono", "boot"):
            del each[name]
    bodies[index] = {name: value for name, value in {**bodies[index], **changes}.items() if value is not None}
    return made(*bodies)


FACTS = [
    ({"entries": without(ENTRIES, 1, decision=None)}, {"HSR-312-a1"}),
    ({"entries": without(ENTRIES, 1, workspace=None)}, {"HSR-312-a1"}),
    ({"entries": without(ENTRIES, 1, actor="key:none")}, {"HSR-312-d"}),
    ({"entries": without(ENTRIES, 2, commit=None)}, CONTENT),
    ({"entries": without(ENTRIES, 3, detail={"action": "sign-in"})}, {"HSR-308-a5-C"}),
    ({"entries": without(ENTRIES, 1, vendor="gone")}, {"HPR-504-e1-ii"}),
    ({"registry": held(sanctions={"s": replace(held().sanctions["s"], confirmed_by=None)})},
     {"HSR-308-a1", "HSR-308-a1-C"}),
    ({"registry": held(logins={"p": Login(id="p", handle=b"h", password="p")})}, {"HSR-308-a5-D"}),
    ({"registry": held(risks={**RISKS, "use.drafts": replace(RISKS["use.drafts"], accepted_by=None)})},
     {"HSR-308-a1", "HSR-308-a1-A", "HSR-308-a1-B"}),
    ({"registry": held(risks={**RISKS, "organisation": replace(RISKS["organisation"], owner="nobody")})},
     {"HSR-308-a1", "HSR-308-a1-B"}),
    ({"registry": held(assets={"site": SITE, "tape": TAPE, "laptop": replace(LAPTOP, attested_until=TODAY - DAY)})},
     {"HSR-310-b", "HSR-310-c", "HSR-310-d1"}),
    ({"registry": held(assets={"site": SITE, "laptop": LAPTOP, "tape": replace(TAPE, certificate_sha256=None)})},
     {"HSR-310-b", "HSR-310-d2-i"}),
    ({"registry": held(rights={**RIGHTS, "access": replace(RIGHTS["access"], received_on=TODAY - 31 * DAY)})},
     {"HPR-524"}),
    ({"registry": held(incidents={"e": EXCEPTION, "i": replace(BREACH, steps=(replace(STEP, words="told"),))})},
     {"HBN-414"}),
    ({"registry": held(releases={**RELEASES, "s": release("s", ReleaseBasis.SAFE_HARBOR, no_actual_knowledge=False)})},
     {"HPR-514-a", "HPR-514-b2"}),
    ({"registry": held(releases={**RELEASES, "l": release("l", ReleaseBasis.LIMITED_DATA_SET, signed_by="privacy",
                                                          data_use="u")})}, {"HPR-514-e", "HPR-502-b", "HPR-514-d"}),
    ({"registry": held(reviews={"r": replace(held().reviews["r"], closed_at=NOW - 93 * DAY)})}, {"HSR-308-a4-C"}),
    ({"registry": held(review_items={"x": replace(held().review_items["x"], state=ItemState.OPEN)})}, {"HSR-308-a4-C"}),
    ({"registry": held(activity={"a": replace(LOOKED_AT, ended_at=NOW - 15 * DAY)})}, {"HSR-308-a1", "HSR-308-a1-D"}),
    ({"registry": held(activity={"a": replace(LOOKED_AT, due=TODAY - DAY, items=(replace(LOOKED, verdict=None),))})},
     {"HSR-308-a1", "HSR-308-a1-D"}),
    ({"registry": held(break_glass={"g": replace(GLASS, reviewed_by="developer")})}, {"HSR-312-a2-ii"}),
    ({"registry": held(break_glass={"g": replace(GLASS, reviewed_at=None, review_by=NOW - DAY)})}, {"HSR-312-a2-ii"}),
    ({"registry": held(clauses={"baa-1": replace(CLAUSES, checked_by=None)})}, CLAUSE),
    ({"registry": held(clauses={"baa-1": replace(CLAUSES, document_sha256="cd" * 32)})}, CLAUSE),
    ({"registry": held(incidents={"i": BREACH, "e": replace(EXCEPTION, countersigned_by="privacy")})}, {"HBN-402-def"}),
    ({"registry": held(duties={"duties": Duties(id="duties", terms=DutyTerms(), set_by="p")})},
     {"HSR-308-a5", "HPR-530-b"}),
    ({"registry": held(keys={KEY.id: replace(KEY, models=frozenset())})}, {"HSR-308-a4-B"}),
    ({"registry": held(people={**PEOPLE, "auditor": replace(AUDITOR, roles=AUDITOR.roles | {Role.OPERATOR})})},
     {"HSR-306-e", "HSR-308-a3", "HSR-308-a7", "HSR-312-a2-iii", "HSR-316-b2-ii"}),
    ({"registry": held(policies={**POLICIES, "training": replace(POLICIES["training"], in_force=replace(
        POLICIES["training"].in_force, review_on=TODAY - DAY))})}, {"HSR-316-a", "HSR-316-b2-iii"}),
    ({"registry": held(policies={**POLICIES, "training": replace(POLICIES["training"], in_force=replace(
        POLICIES["training"].in_force, approved_by="privacy"))})}, {"HSR-316-b1"}),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "turned"), FACTS)
def test_one_fact_turns_exactly_its_controls(changes, turned):
    assert COMPUTED.keys() - green(**changes) == turned


@pytest.mark.parametrize(
    "changes",
    [{"window": None}, {"registry_read_at": None}, {"window": window(ENTRIES[1:], stop=5)}, {"now": NOW + DAY}],
)
def test_nothing_holds_without_whole_and_fresh_sources(changes):
    assert green(**changes) == set()
