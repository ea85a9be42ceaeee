import os
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from tests.unit.compliance.organisation import PRIVACY, WORKSPACE, agreement, deployment, registry, working_registry

from wardkeep.compliance.errors import RecordUnreadable
from wardkeep.compliance.records import (
    Change,
    Kind,
    apply,
    decode,
    decode_payload,
    encode,
    encode_payload,
    load,
    stored,
)
from wardkeep.model.access import (
    AccessRequest,
    Application,
    ApplicationKind,
    CareTeam,
    IdentityProvider,
    Relationship,
    Requirement,
)
from wardkeep.model.access_review import (
    ItemState,
    NoticeKind,
    ReviewCampaign,
    ReviewItem,
    ReviewKind,
    ReviewNotice,
    ReviewSchedule,
    Suggestion,
)
from wardkeep.model.activity import ActivityItem, ActivityReview, Signal, Thresholds, Verdict
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
from wardkeep.model.attestation import AttestationKind, AttestationRule
from wardkeep.model.break_glass import BreakGlass, GlassMethod, GlassOutcome, OfflineCodes
from wardkeep.model.budget import Budget, BudgetHolder, Period
from wardkeep.model.certificate import ClientCertificate
from wardkeep.model.custody import Hold, HoldCause, KeyEpoch, RootMove, Shred
from wardkeep.model.decision import AddressableDecision, Decision
from wardkeep.model.destination import Carries, Destination, DestinationKind
from wardkeep.model.disclosure import Disclosure, RecipientKind, Suspension
from wardkeep.model.guard import Guard, GuardAction, GuardTerms, PromptApproval
from wardkeep.model.incident import (
    Conclusion,
    Incident,
    IncidentFactor,
    IncidentSource,
    Judged,
    Notice,
    Reach,
    RiskLevel,
    Step,
)
from wardkeep.model.individuals import (
    Capacity,
    Channel,
    DenialReview,
    Disagreement,
    Ground,
    MinorBasis,
    MinorCare,
    RecordSet,
    Representative,
    Restricted,
    Restriction,
    RestrictionEnd,
)
from wardkeep.model.inspection import Aspect, Finding, Inspection, Judgement, RouteCheck
from wardkeep.model.login import Login, Passkey
from wardkeep.model.oversight import (
    CloseOut,
    Disposition,
    EvidenceKind,
    VendorEvidence,
    VendorNotice,
    VendorNoticeKind,
)
from wardkeep.model.part2 import Clearing, Consent, ConsentKind, Consents, CourtOrder, Source, SourceTag
from wardkeep.model.price import Price
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
from wardkeep.model.reconciliation import Difference, DifferenceKind, Reconciliation
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
from wardkeep.model.registry import ApiKey, Purpose, Registry, RiskAcceptance, Role, Route, TermsAdoption, Vendor
from wardkeep.model.release import DataUse, DataUseAgreement, Determination, Release, ReleaseBasis
from wardkeep.model.reminder import Given, Reminder
from wardkeep.model.residency import ResidencyRule
from wardkeep.model.retention import RecordClass, RetentionRule
from wardkeep.model.scim import ScimClient, ScimGroup, ScimUser
from wardkeep.model.sink import ExportFormat, Sink

KEY = ApiKey(
    id="k" * 12,
    mac=os.urandom(32),
    name="App",
    owner="developer",
    workspace="default",
    models=frozenset({"a", "b"}),
    purposes=frozenset({Purpose.TREAT, Purpose.HPAYMT}),
    default_purpose=Purpose.TREAT,
    expires_at=datetime(2027, 1, 1, tzinfo=UTC),
)
VERSION = PolicyVersion(
    number=2,
    text_version=1,
    sha256="ab" * 32,
    variables={"level_one_days": "7"},
    proposed_by="p",
    proposed_on=date(2027, 1, 1),
    review_on=date(2027, 6, 1),
)
SAMPLES = {
    Kind.HOLDS: Hold(
        id="h",
        cause=HoldCause.LITIGATION,
        subject="ab" * 16,
        placed_by="p",
        placed_at=datetime(2027, 1, 1, tzinfo=UTC),
    ),
    Kind.KEY_EPOCHS: KeyEpoch(id="current", epoch="e2", began_by="p", began_at=datetime(2026, 2, 28, tzinfo=UTC)),
    Kind.ROOT_MOVES: RootMove(
        id="m",
        line="file:new.key",
        proposed_by="p",
        proposed_at=datetime(2026, 2, 28, tzinfo=UTC),
        proposed_under=frozenset({"a", "b"}),
        approved_by="q",
        approved_at=datetime(2026, 3, 1, tzinfo=UTC),
        root_id="file:00",
        finished_at=datetime(2026, 3, 2, tzinfo=UTC),
    ),
    Kind.SHREDS: Shred(
        id="s",
        subject="ab" * 16,
        kept_until=date(2027, 1, 1),
        proposed_by="p",
        proposed_at=datetime(2027, 1, 1, tzinfo=UTC),
        proposed_under=frozenset({"q"}),
    ),
    Kind.RETENTION: RetentionRule(
        id="r", record_class=RecordClass.AI_CONTENT, years=10, citation="law", state="TX", years_after_majority=2
    ),
    Kind.DETERMINATIONS: Determination(
        id="e",
        expert="E",
        document_sha256="ab" * 32,
        effective_on=date(2026, 1, 1),
        expires_on=date(2027, 1, 1),
        allows_shifted_dates=True,
        added_by="p",
    ),
    Kind.DATA_USES: DataUseAgreement(
        id="d",
        recipient="R",
        use=DataUse.RESEARCH,
        document_sha256="ab" * 32,
        effective_on=date(2026, 1, 1),
        expires_on=None,
        added_by="p",
        ended_by="q",
    ),
    Kind.RELEASES: Release(
        id="r",
        basis=ReleaseBasis.LIMITED_DATA_SET,
        policy="limited_data_set",
        dataset_sha256="ab" * 32,
        report_sha256="cd" * 32,
        recipient="R",
        shifts_dates=True,
        is_associate=True,
        prepared_by="p",
        signed_by="q",
        signed_on=date(2026, 2, 1),
        no_actual_knowledge=True,
        statement="see ledger entry 3",
    ),
    Kind.DECISIONS: AddressableDecision(
        id="HSR-312-a2-iv",
        decision=Decision.EQUIVALENT,
        decided_by="p",
        decided_on=date(2027, 1, 1),
        until=date(2027, 6, 1),
        reason="see ledger entry 3",
    ),
    Kind.INCIDENTS: Incident(
        id="i",
        source=IncidentSource.LEDGER,
        opened_by="p",
        opened_at=datetime(2027, 1, 1, tzinfo=UTC),
        known_on=date(2027, 1, 1),
        entry=3,
        reach=Reach(start=0, stop=9, vendor="v"),
        residents={"TX": 1},
        factors={IncidentFactor.MITIGATION: Judged(level=RiskLevel.LOW, by="p", words="see ledger entry 3")},
        conclusion=Conclusion.BREACH,
        notices=(Notice(name="media", about="TX", on=date(2027, 1, 1), by="p"),),
        steps=(Step(at=datetime(2027, 1, 1, tzinfo=UTC), by="p", what="opened", words="see ledger entry 3"),),
    ),
    Kind.REVIEWS: ReviewCampaign(
        id="r",
        opened_by="p",
        opened_at=datetime(2026, 1, 1, tzinfo=UTC),
        due_at=datetime(2026, 2, 1, tzinfo=UTC),
        kinds=frozenset(ReviewKind),
        reviewer="p",
        notices=(
            ReviewNotice(
                at=datetime(2026, 1, 9, tzinfo=UTC),
                kind=NoticeKind.REMINDER,
                undecided=3,
                words="see ledger entry 2",
            ),
        ),
    ),
    Kind.REVIEW_ITEMS: ReviewItem(
        id="r/role:p:nurse",
        campaign="r",
        kind=ReviewKind.ROLE,
        subject="p",
        part="nurse",
        reviewer="q",
        suggestion=Suggestion.NEVER_EXERCISED,
        state=ItemState.GRACE,
        grace_until=datetime(2026, 2, 15, tzinfo=UTC),
    ),
    Kind.REVIEW_SCHEDULES: ReviewSchedule(every_days=60, set_by="p"),
    Kind.BREAK_GLASS: BreakGlass(
        id="g",
        person="p",
        workspace="w",
        method=GlassMethod.OFFLINE_CODE,
        began_at=datetime(2026, 1, 1, tzinfo=UTC),
        until=datetime(2026, 1, 2, tzinfo=UTC),
        review_by=datetime(2026, 1, 9, tzinfo=UTC),
        ticket_mac=os.urandom(32),
        subject_tag="ab" * 16,
        outcome=GlassOutcome.MISUSED,
    ),
    Kind.SCIM_CLIENTS: ScimClient(
        id="c", mac=os.urandom(32), made_by="p", roles={"Ward": frozenset({Role.NURSE})}, is_active=True
    ),
    Kind.SCIM_USERS: ScimUser(
        id="u",
        client="c",
        user_name="n",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        modified_at=datetime(2026, 1, 1, tzinfo=UTC),
        active=True,
        granted=frozenset({Role.NURSE}),
    ),
    Kind.SCIM_GROUPS: ScimGroup(
        id="g",
        client="c",
        display_name="Ward",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        modified_at=datetime(2026, 1, 1, tzinfo=UTC),
        members=("u",),
    ),
    Kind.BUDGETS: Budget(
        id="b",
        kind=BudgetHolder.KEY,
        holder="k",
        period=Period.MONTH,
        tokens=5,
        cost=Decimal("1.50"),
        currency="USD",
        set_by="a",
        told_for="2026-11",
        told_percent=80,
    ),
    Kind.CERTIFICATES: ClientCertificate(
        id="ab" * 32,
        holder="application:scheduler",
        not_after=datetime(2026, 1, 1, tzinfo=UTC),
        made_by="a",
        is_revoked=True,
    ),
    Kind.OFFLINE_CODES: OfflineCodes(
        id="p", macs=(os.urandom(32),), made_by="q", made_at=datetime(2026, 1, 1, tzinfo=UTC)
    ),
    Kind.ORGANISATION: registry().organisation,
    Kind.VENDORS: Vendor(id="v", party="P", suspended_because="x: y"),
    Kind.AGREEMENTS: agreement(expires_on=None),
    Kind.ACCEPTANCES: RiskAcceptance(id="r", agreement="baa-1", days=30, until=date(2027, 1, 1), added_by="p"),
    Kind.ATTESTATIONS: AttestationRule(
        id="r",
        deployment="d",
        kind=AttestationKind.SNP,
        anchors=(b"\x30\x00",),
        measurements=({"MEASUREMENT": "ab"},),
        tcb_floor={"snp": 1},
        added_by="p",
    ),
    Kind.INSPECTIONS: Inspection(
        id="d",
        base_url="https://a.example",
        account={"project": "p"},
        token_url="https://t.example",
        credential="c",
        set_by="p",
    ),
    Kind.ROUTE_CHECKS: RouteCheck(
        id="d",
        at=datetime(2026, 11, 23, tzinfo=UTC),
        by="host",
        asked="a.example",
        findings=(Finding(aspect=Aspect.LOGGING, expected="off", words="on", verdict=Judgement.DRIFT),),
        agreed_at=datetime(2026, 11, 22, tzinfo=UTC),
        drifted_at=datetime(2026, 11, 23, tzinfo=UTC),
        drifted=frozenset({Aspect.LOGGING}),
        accepted=frozenset({"cache=on"}),
        confirmed_by="p",
        confirmed_at=datetime(2026, 11, 23, tzinfo=UTC),
    ),
    Kind.RECONCILIATIONS: Reconciliation(
        id="v:2026-11-01:x",
        vendor="v",
        first=date(2026, 11, 1),
        last=date(2026, 11, 2),
        source="file",
        at=datetime(2026, 11, 23, tzinfo=UTC),
        by="p",
        lines=1,
        differences=(
            Difference(
                day=date(2026, 11, 1),
                model="m",
                kind=DifferenceKind.REQUESTS_UNRECORDED,
                vendor_requests=2,
                vendor_tokens=9,
                calls=1,
                metered=1,
                tokens=4,
            ),
        ),
        settled_by="p",
        words="see ledger entry 9",
    ),
    Kind.RESIDENCY: ResidencyRule(
        id="r",
        workspace="*",
        data_classes=frozenset({"ordinary"}),
        regions=None,
        laws=frozenset({"us-only"}),
        added_by="p",
    ),
    Kind.PRICES: Price(
        id="p",
        deployment="d",
        currency="USD",
        input_per_million=Decimal("0.10"),
        output_per_million=Decimal(2),
        from_day=date(2026, 10, 1),
        source="order form",
        added_by="p",
    ),
    Kind.ADOPTIONS: TermsAdoption(platform="openai-api", version=2, proposed=3, proposed_by="p"),
    Kind.DEPLOYMENTS: deployment(credential="c"),
    Kind.ROUTES: Route(model="m", deployment="d", requires_subject=True),
    Kind.PEOPLE: PRIVACY,
    Kind.KEYS: KEY,
    Kind.SECRETS: os.urandom(40),
    Kind.WORKSPACES: replace(WORKSPACE, models=frozenset({"m"}), requires=frozenset(Requirement)),
    Kind.APPLICATIONS: Application(
        id="a",
        name="A",
        kind=ApplicationKind.AGENT,
        owner="o",
        workspace="w",
        roles=frozenset({Role.BILLING}),
        is_active=True,
    ),
    Kind.CARE_TEAMS: CareTeam(
        id="ab" * 16,
        workspace="w",
        members={"p": frozenset(Relationship)},
        psychotherapy_authorized=frozenset({"q"}),
    ),
    Kind.DISCLOSURES: Disclosure(
        id="d",
        subject="ab" * 16,
        on=date(2027, 1, 1),
        recipient=RecipientKind.JUDICIAL,
        recorded_by="p",
        words=b"sealed",
        withdrawn_by="q",
    ),
    Kind.ACTIVITY: ActivityReview(
        id="w",
        start=0,
        stop=9,
        ended_at=datetime(2027, 1, 1, tzinfo=UTC),
        seed="ab" * 32,
        sample=3,
        thresholds=Thresholds(volume=7),
        due=date(2027, 1, 8),
        opened_by="p",
        items=(
            ActivityItem(
                number=1,
                signal=Signal.VOLUME,
                entry=3,
                who="key:a",
                measure=9,
                usual=2,
                verdict=Verdict.INCIDENT,
                incident="i",
                signed_by="q",
                words="see ledger entry 9",
            ),
        ),
    ),
    Kind.DESTINATIONS: Destination(
        id="store",
        kind=DestinationKind.DATABASE,
        where="db.example:5432",
        carries=Carries.CONTENT,
        party="Hosting Example, Inc.",
        region="us",
        agreement="baa-host",
        added_by="privacy",
        withdrawn_by="security",
    ),
    Kind.SINKS: Sink(
        id="s",
        format=ExportFormat.ATNA,
        host="siem.example",
        port=6514,
        agreement="baa-1",
        region="us",
        start=3,
        authority="ca.pem",
        may_end_plainly=True,
        party="Siem Example, Inc.",
        added_by="p",
        removed_by="q",
    ),
    Kind.SUSPENSIONS: Suspension(
        id="s",
        subject="ab" * 16,
        agency=RecipientKind.LAW_ENFORCEMENT,
        stated_on=date(2027, 1, 1),
        is_written=True,
        until=date(2027, 2, 1),
        recorded_by="p",
        lifted_by="q",
    ),
    Kind.IDENTITY_PROVIDERS: IdentityProvider(
        id="i", issuer="https://idp.example", audiences=frozenset({"a"}), jwks=b'{"keys":[]}', is_active=True
    ),
    Kind.GUARDS: Guard(
        id="route/m",
        terms=GuardTerms(injection=GuardAction.BLOCK),
        set_by="p",
        proposed=GuardTerms(),
        proposed_by="q",
        proposed_under=frozenset({"r"}),
    ),
    Kind.PROMPT_APPROVALS: PromptApproval(id="ab" * 16, entry=3, approved_by="p", until=1),
    Kind.LOGINS: Login(
        id="p",
        handle=b"h" * 32,
        password="$argon2id$x",
        totp=b"sealed",
        recovery=(b"r",),
        passkeys=(Passkey(id=b"i", public_key=b"k", name="n", added_at=datetime(2027, 1, 1, tzinfo=UTC)),),
    ),
    Kind.POLICIES: PolicyRecord(id="p", proposed=VERSION, in_force=replace(VERSION, approved_by="q")),
    Kind.SIGNATURES: Signatures(
        id="p", signed={"sanctions": Signature(number=1, sha256="ab" * 32, on=date(2027, 1, 1))}
    ),
    Kind.COURSES: CourseRule(
        id="c",
        roles=frozenset({Role.NURSE}),
        due_on=date(2027, 1, 1),
        valid_days=365,
        pass_percent=80,
        set_by="p",
    ),
    Kind.TRAININGS: TrainingRecord(
        id="p",
        certificates={
            "c": Certificate(
                course="c",
                version=1,
                content_sha256="ab" * 32,
                score_percent=90,
                passed_on=date(2027, 1, 1),
                until=date(2027, 6, 1),
                sha256="cd" * 32,
            )
        },
        due={"d": date(2027, 2, 1)},
        failed={"c": 2},
    ),
    Kind.DUTIES: Duties(
        id="duties", terms=DutyTerms(training=True, grace_days=3), set_by="p", proposed=DutyTerms(), proposed_by="q"
    ),
    Kind.SANCTIONS: Sanction(
        id="s",
        person="p",
        policy="sanctions",
        level=SanctionLevel.CARELESS,
        on=date(2027, 1, 1),
        proposed_by="q",
        words="see ledger entry 3",
    ),
    Kind.CHECKLISTS: Checklist(
        id="leaver.p",
        kind=ChecklistKind.LEAVER,
        person="p",
        opened_by="q",
        opened_on=date(2027, 1, 1),
        due_on=date(2027, 1, 8),
        attested={"badges": Attested(by="q", on=date(2027, 1, 2))},
    ),
    Kind.RISKS: Risk(
        id="r",
        about="route:chat",
        threat="injection",
        likelihood=3,
        impact=4,
        residual_likelihood=1,
        residual_impact=4,
        treatment=Treatment.ACCEPT,
        owner="p",
        until=date(2027, 1, 1),
        analysed_by="p",
        analysed_on=date(2026, 12, 1),
        words="see ledger entry 3",
    ),
    Kind.ASSETS: Asset(
        id="a",
        kind=AssetKind.MEDIUM,
        owner="p",
        holds_phi=True,
        is_encrypted=True,
        place="site",
        events=(Happened(what=AssetEvent.WIPED, on=date(2027, 1, 1), by="p", words="see ledger entry 3"),),
    ),
    Kind.USES: UseCase(
        id="u",
        owner="p",
        routes=frozenset({"chat"}),
        purposes=frozenset({Purpose.TREAT}),
        human_review=HumanReview.SAMPLE,
        is_patient_facing=True,
        tells_patients=True,
        review_on=date(2027, 1, 1),
        proposed_by="p",
    ),
    Kind.RIGHTS: RightsRequest(
        id="q",
        right="access",
        subject="tag",
        received_on=date(2027, 1, 1),
        taken_by="p",
        outcome=Outcome.PARTLY,
        answered_on=date(2027, 1, 9),
        words="see ledger entry 3",
        individual="cd" * 16,
        through="rep",
        entries=(3, 5),
        record_set=RecordSet.PARTLY,
        record_set_by="p",
        ground=Ground.ENDANGERS_LIFE,
        review=DenialReview(
            asked_on=date(2027, 1, 10), reviewer="r", named_by="p", decided_on=date(2027, 1, 11), is_overturned=True
        ),
        disagreement=Disagreement(on=date(2027, 1, 12), words="see ledger entry 4", rebutted_on=date(2027, 1, 13)),
    ),
    Kind.RESTRICTIONS: Restricted(
        id="cd" * 16,
        subject="ab" * 16,
        terms=(
            Restriction(
                id="q",
                purposes=frozenset({Purpose.HPAYMT}),
                vendors=frozenset({"v"}),
                bars_unnamed=False,
                is_owed=True,
                agreed_by="p",
                agreed_on=date(2027, 1, 1),
                ended_on=date(2027, 2, 1),
                ended_by="q",
                end=RestrictionEnd.INDIVIDUAL_WROTE,
            ),
        ),
    ),
    Kind.REPRESENTATIVES: Representative(
        id="rep",
        subject="ab" * 16,
        capacity=Capacity.GUARDIAN,
        document_sha256="ab" * 32,
        until=date(2028, 1, 1),
        recorded_by="p",
        recorded_under=frozenset({"q"}),
        confirmed_by="r",
    ),
    Kind.MINOR_CARE: MinorCare(
        id="m",
        subject="ab" * 16,
        basis=MinorBasis.COURT_OR_LAW,
        citation="law",
        until=date(2028, 1, 1),
        recorded_by="p",
    ),
    Kind.CHANNELS: Channel(id="q", subject="ab" * 16, agreed_by="p", agreed_on=date(2027, 1, 1), ended_by="q"),
    Kind.CONSENTS: Consents(
        id="cd" * 16,
        subject="ab" * 16,
        held=(
            Consent(
                id="c",
                kind=ConsentKind.SPECIFIC,
                purposes=frozenset({Purpose.TREAT}),
                disclosers=frozenset({"ward"}),
                recipients=frozenset({"v"}),
                signed_on=date(2027, 1, 1),
                until=date(2028, 1, 1),
                document_sha256="ab" * 32,
                recorded_by="p",
                recorded_under=frozenset({"q"}),
                confirmed_by="r",
                revoked_on=date(2027, 2, 1),
                revoked_by="p",
            ),
        ),
    ),
    Kind.PART2_SOURCES: Source(
        id="workspace.ward",
        set_by="p",
        tag=SourceTag.PART2,
        proposed=Clearing(by="q", under=frozenset(), until=date(2027, 6, 1)),
    ),
    Kind.COURT_ORDERS: CourtOrder(
        id="o", subject="ab" * 16, document_sha256="ab" * 32, until=date(2028, 1, 1), recorded_by="p"
    ),
    Kind.VENDOR_EVIDENCE: VendorEvidence(
        id="e",
        vendor="v",
        kind=EvidenceKind.HITRUST_R2,
        document_sha256="ab" * 32,
        issued_on=date(2027, 1, 1),
        until=date(2028, 1, 1),
        added_by="p",
        added_under=frozenset({"q"}),
        checked_by="r",
    ),
    Kind.VENDOR_NOTICES: VendorNotice(
        id="n",
        vendor="v",
        kind=VendorNoticeKind.BREACH,
        received_on=date(2027, 1, 1),
        taken_by="p",
        due_on=date(2027, 1, 6),
        settled_on=date(2027, 1, 2),
        settled_by="q",
        incident="i",
    ),
    Kind.CLOSE_OUTS: CloseOut(
        id="baa-1",
        disposition=Disposition.NOT_FEASIBLE,
        on=date(2027, 1, 1),
        recorded_by="p",
        review_on=date(2027, 12, 1),
        confirmed_by="q",
    ),
    Kind.CLAUSES: ClauseList(
        id="baa-1",
        document_sha256="ab" * 32,
        read_by="p",
        clauses={"HPR-504-e2-ii-A": Clause(standing=ClauseStanding.PRESENT, place="4.1", by="p", on=date(2027, 1, 1))},
    ),
    Kind.ASSESSMENTS: Assessment(
        id="a-1",
        run_by="p",
        began_at=datetime(2027, 1, 1, tzinfo=UTC),
        version="1",
        ended_at=datetime(2027, 1, 1, 0, 5, tzinfo=UTC),
        results=(
            CheckResult(
                check="ledger", outcome=CheckOutcome.PASS, severity=Severity.CRITICAL, code="whole", looked_at=3
            ),
        ),
        words="see ledger entry 3",
    ),
    Kind.OUTSIDE_TESTS: OutsideTest(
        id="t-1",
        kind=OutsideKind.PENETRATION_TEST,
        party="Testers",
        is_independent=True,
        tested_on=date(2027, 1, 1),
        expires_on=date(2027, 12, 31),
        document_sha256="ab" * 32,
        looked_at=0,
        imported_by="p",
        failed={Severity.HIGH: 2},
        words="see ledger entry 3",
    ),
    Kind.FINDINGS: AuditFinding(
        id="t-1.high",
        source="t-1",
        check="penetration_test",
        severity=Severity.HIGH,
        outcome=CheckOutcome.FAIL,
        opened_on=date(2027, 1, 1),
        owner="p",
        due_on=date(2027, 1, 31),
        retests=(Retest(on=date(2027, 1, 9), by="q", outcome=CheckOutcome.FAIL, words="see ledger entry 3"),),
    ),
    Kind.REMINDERS: Reminder(
        id="agreement:baa-1:2027-01-31",
        kind="agreement",
        about="baa-1",
        last_day=date(2027, 1, 31),
        given=(Given(mark=30, on=date(2027, 1, 1)),),
    ),
    Kind.ACCESS_REQUESTS: AccessRequest(
        id="r",
        person="p",
        roles=frozenset({Role.NURSE}),
        workspace=None,
        asked_by="q",
        asked_at=datetime(2027, 1, 1, tzinfo=UTC),
    ),
}


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_record_comes_back_as_it_was(kind):
    assert decode(kind, encode(SAMPLES[kind])) == SAMPLES[kind]


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("body", [b"", b"{}x", b"[]", b'{"id":1}', b"\xff"])
def test_damaged_records_are_refused_without_quoting_them(kind, body):
    with pytest.raises(RecordUnreadable) as caught:
        decode(kind, body)
    assert caught.value.__cause__ is None
    assert body.decode("latin-1") not in str(caught.value) or not body


def test_equal_records_have_equal_bytes():
    names = [f"model-{n}" for n in range(40)]
    one = replace(KEY, models=frozenset(names))
    other = replace(KEY, models=frozenset(reversed(names)))
    assert encode(one) == encode(other)


def test_a_registry_comes_back_from_its_store():
    held = working_registry(keys={KEY.id: KEY}, secrets={"s": b"\x00\xff"})
    bodies = {
        name: {identifier: encode(record) for identifier, record in getattr(held, name).items()}
        for name in ("vendors", "agreements", "deployments", "routes", "people", "keys", "secrets", "workspaces")
    }
    bodies["organisation"] = {"organisation": encode(held.organisation)}
    assert load(bodies, held.epoch) == held


def test_a_kind_from_the_future_is_refused():
    with pytest.raises(RecordUnreadable):
        load({"training": {"x": b"{}"}}, 1)


def test_every_part_of_the_registry_has_its_kind():
    assert {each.name for each in fields(Registry)} - {"epoch", "deadlines"} == {kind.value for kind in Kind}


def test_applying_leaves_the_old_registry_as_it_was():
    old = working_registry()
    before = dict(old.routes)
    new = apply(old, [Change(kind=Kind.ROUTES, id="chat", record=None)], epoch=9)
    assert (old.routes, new.routes, new.epoch) == (before, {}, 9)
    added = apply(new, [Change(kind=Kind.VENDORS, id="x", record=Vendor(id="x", party="y"))], epoch=10)
    assert "x" in added.vendors
    assert "x" not in old.vendors
    # what no change was about is the same object, so that what follows from it need not be worked out again
    assert added.people is new.people is old.people
    gone = apply(added, [Change(kind=Kind.VENDORS, id=name, record=None) for name in added.vendors], epoch=11)
    assert gone.vendors == {}


def test_a_record_of_the_wrong_type_does_not_pass():
    with pytest.raises(RecordUnreadable):
        apply(registry(), [Change(kind=Kind.VENDORS, id="x", record=PRIVACY)], epoch=2)


def test_a_payload_replays_to_the_same_changes():
    changes = (
        *(Change(kind=kind, id="x", record=record) for kind, record in SAMPLES.items()),
        Change(kind=Kind.KEYS, id="y", record=None, note="a_note"),
    )
    assert decode_payload(encode_payload("act", "why", changes)) == changes
    puts, deletes = stored(changes)
    assert len(puts) == len(SAMPLES)
    assert deletes == [("keys", "y")]


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"v":2,"action":"a","reason":"r","changes":[]}'])
def test_a_payload_that_is_damaged_or_newer_is_refused(payload):
    with pytest.raises(RecordUnreadable):
        decode_payload(payload)


def test_nothing_stored_shows_in_a_repr():
    assert "12345" not in repr(Change(kind=Kind.SECRETS, id="x", record=b"12345"))
    assert Role.NURSE.value not in repr(Change(kind=Kind.PEOPLE, id="x", record=replace(PRIVACY, roles={Role.NURSE})))
