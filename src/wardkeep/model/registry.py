"""The control records that decisions read: vendors, agreements, deployments, routes, people, keys.

All are values. `compliance` changes them (each change a ledger entry) and `storage` keeps them; `policy` and `routing`
only read them. Dates without time are calendar days in the organisation's zone: an agreement expires at the end of its
last day there (DESIGN section 6).
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from wardkeep.model.access import (
    AccessRequest,
    Application,
    CareTeam,
    DataClass,
    IdentityProvider,
    Purpose,
    Role,
    Workspace,
)
from wardkeep.model.access_review import ReviewCampaign, ReviewItem, ReviewSchedule
from wardkeep.model.activity import ActivityReview
from wardkeep.model.assessment import Assessment, AuditFinding, OutsideTest
from wardkeep.model.attestation import AttestationKind, AttestationRule
from wardkeep.model.break_glass import BreakGlass, OfflineCodes
from wardkeep.model.budget import Budget
from wardkeep.model.certificate import ClientCertificate
from wardkeep.model.custody import Hold, KeyEpoch, RootMove, Shred
from wardkeep.model.decision import AddressableDecision
from wardkeep.model.destination import Destination
from wardkeep.model.disclosure import Disclosure, Suspension
from wardkeep.model.guard import Guard, PromptApproval
from wardkeep.model.incident import Incident
from wardkeep.model.individuals import Channel, MinorCare, Representative, Restricted
from wardkeep.model.inspection import Inspection, RouteCheck
from wardkeep.model.login import Login
from wardkeep.model.oversight import CloseOut, VendorEvidence, VendorNotice
from wardkeep.model.part2 import Consents, CourtOrder, Source
from wardkeep.model.price import Price
from wardkeep.model.programme import (
    Checklist,
    CourseRule,
    Deadlines,
    Duties,
    PolicyRecord,
    Sanction,
    Signatures,
    TrainingRecord,
)
from wardkeep.model.reconciliation import Reconciliation
from wardkeep.model.registers import Asset, ClauseList, RightsRequest, Risk, UseCase
from wardkeep.model.release import DataUseAgreement, Determination, Release
from wardkeep.model.reminder import Reminder
from wardkeep.model.residency import ResidencyRule
from wardkeep.model.retention import RetentionRule
from wardkeep.model.scim import ScimClient, ScimGroup, ScimUser
from wardkeep.model.sink import Sink

# What stands in `model.access` for its length is the registry's all the same.
__all__ = ["Purpose", "Role"]


class Surface(StrEnum):
    """A client's endpoint and its wire format. A BAA scope lists the vendor's (`model.dialects.endpoint_of`)."""

    OPENAI_CHAT = "/v1/chat/completions"
    OPENAI_RESPONSES = "/v1/responses"
    OPENAI_EMBEDDINGS = "/v1/embeddings"
    ANTHROPIC_MESSAGES = "/v1/messages"
    ANTHROPIC_COUNT_TOKENS = "/v1/messages/count_tokens"

    @property
    def is_anthropic(self) -> bool:
        """Whether the Anthropic wire format is spoken."""
        return self in (Surface.ANTHROPIC_MESSAGES, Surface.ANTHROPIC_COUNT_TOKENS)


class AgreementKind(StrEnum):
    """What opens a road: a BAA with another party, or a recorded statement that no other party is involved."""

    BAA = "baa"
    OWN_BOUNDARY = "own_boundary"


class AgreementStatus(StrEnum):
    """Where an agreement stands. Only `ACTIVE` opens anything, and only inside its dates and scope."""

    DRAFT = "draft"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"


class Retention(StrEnum):
    """What the vendor keeps after answering (provider-terms retention classes).

    `ZERO` opens, `DAYS_UNDER_BAA` only with an active `RiskAcceptance`, `UNKNOWN` never.
    """

    ZERO = "zero"
    DAYS_UNDER_BAA = "days_under_baa"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What an agreement covers. A call must fit one scope whole: nothing is joined across scopes.

    Names are exact; there are no wildcards, because a wildcard covers what nobody read. An empty set covers nothing.
    `retention_days` is stated with `DAYS_UNDER_BAA` and only with it.
    """

    platform: str
    projects: frozenset[str]
    endpoints: frozenset[str]
    features: frozenset[str]
    models: frozenset[str]
    regions: frozenset[str]
    purposes: frozenset[str]
    retention: Retention
    training_prohibited: bool
    retention_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskAcceptance:
    """A risk that two people accepted for one agreement, until a day: retained days under the BAA.

    Opens nothing before `activated_by`, nothing after `until`, and nothing longer than `days`. `reason` points at the
    ledger entry in which the words are sealed. `added_under` is as in `Agreement`.
    """

    id: str
    agreement: str
    days: int
    until: date
    added_by: str
    added_under: frozenset[str] = frozenset()
    activated_by: str | None = None
    withdrawn_by: str | None = None
    reason: str | None = None

    def holds(self, on: date) -> bool:
        """Whether it opens anything on a day."""
        return self.activated_by is not None and self.withdrawn_by is None and on <= self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsAdoption:
    """Which version of a platform's terms profile this organisation holds itself to, and which one is proposed."""

    platform: str
    version: int
    proposed: int | None = None
    proposed_by: str | None = None
    proposed_under: frozenset[str] = frozenset()
    adopted_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A business associate agreement (45 CFR 164.504(e)), or an own-boundary statement.

    `expires_on` is the last day on which it holds; None means until terminated. `document_sha256` is the signed
    document's hash. `activated_by` is never `added_by` (two people), except under a recorded single-officer acceptance.
    `status_reason` says where the reason is ("see ledger entry 12"): the reason may name a patient and is sealed.
    `added_under` is the recorder's `Person.access_by` at that time: who could have recorded it in their name.
    """

    id: str
    kind: AgreementKind
    vendor: str
    party: str
    status: AgreementStatus
    document_sha256: str
    effective_on: date
    expires_on: date | None
    scopes: tuple[Scope, ...]
    added_by: str
    activated_by: str | None = None
    status_reason: str | None = None
    suspended_by: str | None = None
    added_under: frozenset[str] = frozenset()
    terminated_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """A party whose systems a call may reach. `party` is the legal name its agreements must bear.

    Anything but None in `suspended_because` closes every road to it; it says where the reason is, never the reason.
    """

    id: str
    party: str
    suspended_because: str | None = None
    suspended_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One place a model runs: the facts the scope is held against. The only source of upstream addresses.

    `region` is where the call is processed; `source_region` where it enters (Bedrock signs that one),
    `deployment_type` Azure's own word for how far it may go, `token_url` where a service account's key is exchanged for
    a token (Vertex). `silence_seconds` is how long it may be silent, `total_seconds` how long an exchange may
    take. With `attestation` nothing goes there before evidence of that kind, asked for at `evidence_path` of the same
    host, has passed a rule. `pins` are the only TLS keys it may show (`sha256/` and base64, RFC 7469 section 2.4).
    """

    id: str
    vendor: str
    platform: str
    project: str
    dialect: str
    base_url: str
    model: str
    region: str | None
    credential: str | None = None
    ca_file: str | None = None
    allow_plain_http: bool = False
    source_region: str | None = None
    deployment_type: str | None = None
    token_url: str | None = None
    silence_seconds: int | None = None
    total_seconds: int | None = None
    attestation: AttestationKind | None = None
    evidence_path: str = "/.well-known/attestation"
    pins: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A model name that clients use, and the deployment that serves it, or else the first of `fallbacks` that may.

    A deployment is considered only in the wire format that the client speaks, and only if it passes the same gate.
    `requires_subject` refuses calls that name no subject. `gate` says what is durable before the client sees it:
    every streamed segment, or the whole answer. `data_classes` may be sent here. `passes` is the task profile: the
    identifier classes that the task needs unmasked; None leaves it to the purpose. `policy` is the interactive privacy
    policy of its calls, `actions` what it does otherwise with some classes of identifier (class to action, by name).
    `attempts` is how often one call may be sent in all, none begun later than `attempt_seconds` after it came;
    `weights` (by deployment) share conversations out, and deployments without one stand behind those that have one.
    `reads_files`: documents and images in requests give way to the text that is read from them.
    `requires_attestation` passes over every deployment, fallbacks included, that is not attested.
    """

    model: str
    deployment: str
    requires_subject: bool = False
    buffer_whole: bool = False
    fallbacks: tuple[str, ...] = ()
    data_classes: frozenset[DataClass] = frozenset({DataClass.ORDINARY})
    passes: frozenset[str] | None = None
    policy: str = "balanced"
    actions: dict[str, str] = field(default_factory=dict)
    attempts: int = 1
    attempt_seconds: int = 30
    weights: dict[str, int] = field(default_factory=dict)
    reads_files: bool = False
    requires_attestation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A member of the workforce. `credential_mac` is the HMAC of a personal credential; the credential is not kept.

    `enrolled_by` is who last gave them a role or credential that counts (None: named at `init`), `confirmed_by` the
    officer who vouched since, `access_by` everybody through whose hands their access came: the givers, and those who
    gave the givers theirs. Any of them could be acting as this person; `compliance.two_people` draws the consequence.
    `links` are the subjects at identity providers that are this person, as `provider:subject`. `manager` reviews their
    access.
    """

    id: str
    roles: frozenset[Role]
    is_active: bool
    credential_mac: bytes | None = None
    enrolled_by: str | None = None
    confirmed_by: str | None = None
    access_by: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()
    manager: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An application's credential, scoped; only its HMAC is kept. Empty `models` or `purposes` permit nothing.

    `application` is the identity it belongs to; without one the key is an identity of its own, with no role.
    `replaces` is the key that this one succeeded. With `demands_certificate` it opens nothing but over a
    connection that shows a certificate of its application (of its owner, where it has none).
    """

    id: str
    mac: bytes
    name: str
    owner: str
    workspace: str
    models: frozenset[str]
    purposes: frozenset[Purpose]
    default_purpose: Purpose | None
    expires_at: datetime | None
    is_revoked: bool = False
    calls_per_minute: int = 6000
    calls_at_once: int = 256
    application: str | None = None
    replaces: str | None = None
    demands_certificate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """The one organisation of this instance. `zone` is the IANA zone in which the law's days are counted."""

    name: str
    tenant: str
    zone: str
    officers: tuple[str, ...]
    single_officer_accepted_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """All control records at one ledger index. `epoch` is that index plus one; 0 before the first change.

    `deadlines` is no record: it stands in place of trainings and signatures where those are not sent, as to workers.
    """

    epoch: int
    organisation: Organisation | None = None
    vendors: dict[str, Vendor] = field(default_factory=dict)
    agreements: dict[str, Agreement] = field(default_factory=dict)
    acceptances: dict[str, RiskAcceptance] = field(default_factory=dict)
    adoptions: dict[str, TermsAdoption] = field(default_factory=dict)
    residency: dict[str, ResidencyRule] = field(default_factory=dict)
    prices: dict[str, Price] = field(default_factory=dict)
    deployments: dict[str, Deployment] = field(default_factory=dict)
    attestations: dict[str, AttestationRule] = field(default_factory=dict)
    inspections: dict[str, Inspection] = field(default_factory=dict)
    route_checks: dict[str, RouteCheck] = field(default_factory=dict)
    reconciliations: dict[str, Reconciliation] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    keys: dict[str, ApiKey] = field(default_factory=dict)
    secrets: dict[str, bytes] = field(default_factory=dict, repr=False)
    workspaces: dict[str, Workspace] = field(default_factory=dict)
    applications: dict[str, Application] = field(default_factory=dict)
    care_teams: dict[str, CareTeam] = field(default_factory=dict)
    access_requests: dict[str, AccessRequest] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    decisions: dict[str, AddressableDecision] = field(default_factory=dict)
    logins: dict[str, Login] = field(default_factory=dict, repr=False)
    determinations: dict[str, Determination] = field(default_factory=dict)
    data_uses: dict[str, DataUseAgreement] = field(default_factory=dict)
    releases: dict[str, Release] = field(default_factory=dict)
    identity_providers: dict[str, IdentityProvider] = field(default_factory=dict)
    disclosures: dict[str, Disclosure] = field(default_factory=dict, repr=False)
    suspensions: dict[str, Suspension] = field(default_factory=dict, repr=False)
    activity: dict[str, ActivityReview] = field(default_factory=dict)
    sinks: dict[str, Sink] = field(default_factory=dict)
    destinations: dict[str, Destination] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    shreds: dict[str, Shred] = field(default_factory=dict)
    key_epochs: dict[str, KeyEpoch] = field(default_factory=dict)
    root_moves: dict[str, RootMove] = field(default_factory=dict)
    retention: dict[str, RetentionRule] = field(default_factory=dict)
    reviews: dict[str, ReviewCampaign] = field(default_factory=dict)
    review_items: dict[str, ReviewItem] = field(default_factory=dict)
    review_schedules: dict[str, ReviewSchedule] = field(default_factory=dict)
    policies: dict[str, PolicyRecord] = field(default_factory=dict)
    signatures: dict[str, Signatures] = field(default_factory=dict)
    courses: dict[str, CourseRule] = field(default_factory=dict)
    trainings: dict[str, TrainingRecord] = field(default_factory=dict)
    duties: dict[str, Duties] = field(default_factory=dict)
    sanctions: dict[str, Sanction] = field(default_factory=dict)
    checklists: dict[str, Checklist] = field(default_factory=dict)
    guards: dict[str, Guard] = field(default_factory=dict)
    prompt_approvals: dict[str, PromptApproval] = field(default_factory=dict)
    risks: dict[str, Risk] = field(default_factory=dict)
    assets: dict[str, Asset] = field(default_factory=dict)
    uses: dict[str, UseCase] = field(default_factory=dict)
    rights: dict[str, RightsRequest] = field(default_factory=dict)
    restrictions: dict[str, Restricted] = field(default_factory=dict, repr=False)
    representatives: dict[str, Representative] = field(default_factory=dict, repr=False)
    minor_care: dict[str, MinorCare] = field(default_factory=dict, repr=False)
    channels: dict[str, Channel] = field(default_factory=dict, repr=False)
    consents: dict[str, Consents] = field(default_factory=dict, repr=False)
    part2_sources: dict[str, Source] = field(default_factory=dict)
    court_orders: dict[str, CourtOrder] = field(default_factory=dict, repr=False)
    vendor_evidence: dict[str, VendorEvidence] = field(default_factory=dict)
    vendor_notices: dict[str, VendorNotice] = field(default_factory=dict)
    close_outs: dict[str, CloseOut] = field(default_factory=dict)
    clauses: dict[str, ClauseList] = field(default_factory=dict)
    assessments: dict[str, Assessment] = field(default_factory=dict)
    outside_tests: dict[str, OutsideTest] = field(default_factory=dict)
    findings: dict[str, AuditFinding] = field(default_factory=dict)
    reminders: dict[str, Reminder] = field(default_factory=dict)
    break_glass: dict[str, BreakGlass] = field(default_factory=dict, repr=False)
    offline_codes: dict[str, OfflineCodes] = field(default_factory=dict, repr=False)
    scim_clients: dict[str, ScimClient] = field(default_factory=dict, repr=False)
    scim_users: dict[str, ScimUser] = field(default_factory=dict, repr=False)
    scim_groups: dict[str, ScimGroup] = field(default_factory=dict, repr=False)
    certificates: dict[str, ClientCertificate] = field(default_factory=dict)
    budgets: dict[str, Budget] = field(default_factory=dict)
    deadlines: Deadlines | None = None
