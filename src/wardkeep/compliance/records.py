"""Control records as stored bytes, and the registry that decisions read.

One record per kind and id, as JSON of the frozen dataclasses in `model.registry`. A change is a value: a record put in
place of the old one, or its removal. Applying changes to a registry is pure and gives a new registry; nothing that a
worker already holds is ever changed under it.

Decoding is strict about types; a field that is missing takes the dataclass's default, so fields may only be appended
and only with a default that denies.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

import msgspec

from wardkeep.compliance.errors import RecordUnreadable
from wardkeep.model.access import AccessRequest, Application, CareTeam, IdentityProvider, Workspace
from wardkeep.model.access_review import ReviewCampaign, ReviewItem, ReviewSchedule
from wardkeep.model.activity import ActivityReview
from wardkeep.model.assessment import Assessment, AuditFinding, OutsideTest
from wardkeep.model.attestation import AttestationRule
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
    Duties,
    PolicyRecord,
    Sanction,
    Signatures,
    TrainingRecord,
)
from wardkeep.model.reconciliation import Reconciliation
from wardkeep.model.registers import Asset, ClauseList, RightsRequest, Risk, UseCase
from wardkeep.model.registry import (
    Agreement,
    ApiKey,
    Deployment,
    Organisation,
    Person,
    Registry,
    RiskAcceptance,
    Route,
    TermsAdoption,
    Vendor,
)
from wardkeep.model.release import DataUseAgreement, Determination, Release
from wardkeep.model.reminder import Reminder
from wardkeep.model.residency import ResidencyRule
from wardkeep.model.retention import RetentionRule
from wardkeep.model.scim import ScimClient, ScimGroup, ScimUser
from wardkeep.model.sink import Sink

ORGANISATION_ID: Final = "organisation"

# Stands in a record for the entry that carries it, whose index is not known before it is written.
SEE_THIS_ENTRY: Final = "see this ledger entry"

_REMOVED: Final = b"null"


class Kind(StrEnum):
    """The kinds of control record; the value is the name in the store, in ledger details and of the registry's field.

    A new kind is a line here, a line in `_TYPES` and a field of `Registry`.
    """

    ORGANISATION = "organisation"
    VENDORS = "vendors"
    AGREEMENTS = "agreements"
    ACCEPTANCES = "acceptances"
    ADOPTIONS = "adoptions"
    RESIDENCY = "residency"
    PRICES = "prices"
    DEPLOYMENTS = "deployments"
    ATTESTATIONS = "attestations"
    INSPECTIONS = "inspections"
    ROUTE_CHECKS = "route_checks"
    RECONCILIATIONS = "reconciliations"
    ROUTES = "routes"
    PEOPLE = "people"
    KEYS = "keys"
    SECRETS = "secrets"
    WORKSPACES = "workspaces"
    APPLICATIONS = "applications"
    CARE_TEAMS = "care_teams"
    ACCESS_REQUESTS = "access_requests"
    LOGINS = "logins"
    INCIDENTS = "incidents"
    HOLDS = "holds"
    SHREDS = "shreds"
    KEY_EPOCHS = "key_epochs"
    ROOT_MOVES = "root_moves"
    RETENTION = "retention"
    DECISIONS = "decisions"
    DETERMINATIONS = "determinations"
    DATA_USES = "data_uses"
    RELEASES = "releases"
    IDENTITY_PROVIDERS = "identity_providers"
    REVIEWS = "reviews"
    DISCLOSURES = "disclosures"
    SUSPENSIONS = "suspensions"
    ACTIVITY = "activity"
    SINKS = "sinks"
    DESTINATIONS = "destinations"
    REVIEW_ITEMS = "review_items"
    REVIEW_SCHEDULES = "review_schedules"
    POLICIES = "policies"
    SIGNATURES = "signatures"
    COURSES = "courses"
    TRAININGS = "trainings"
    DUTIES = "duties"
    SANCTIONS = "sanctions"
    CHECKLISTS = "checklists"
    GUARDS = "guards"
    PROMPT_APPROVALS = "prompt_approvals"
    RISKS = "risks"
    ASSETS = "assets"
    USES = "uses"
    RIGHTS = "rights"
    RESTRICTIONS = "restrictions"
    REPRESENTATIVES = "representatives"
    MINOR_CARE = "minor_care"
    CHANNELS = "channels"
    CONSENTS = "consents"
    PART2_SOURCES = "part2_sources"
    COURT_ORDERS = "court_orders"
    VENDOR_EVIDENCE = "vendor_evidence"
    VENDOR_NOTICES = "vendor_notices"
    CLOSE_OUTS = "close_outs"
    CLAUSES = "clauses"
    ASSESSMENTS = "assessments"
    OUTSIDE_TESTS = "outside_tests"
    FINDINGS = "findings"
    REMINDERS = "reminders"
    BREAK_GLASS = "break_glass"
    OFFLINE_CODES = "offline_codes"
    SCIM_CLIENTS = "scim_clients"
    SCIM_USERS = "scim_users"
    SCIM_GROUPS = "scim_groups"
    CERTIFICATES = "certificates"
    BUDGETS = "budgets"


_TYPES: Final = MappingProxyType(
    {
        Kind.ORGANISATION: Organisation,
        Kind.VENDORS: Vendor,
        Kind.AGREEMENTS: Agreement,
        Kind.ACCEPTANCES: RiskAcceptance,
        Kind.ADOPTIONS: TermsAdoption,
        Kind.RESIDENCY: ResidencyRule,
        Kind.PRICES: Price,
        Kind.DEPLOYMENTS: Deployment,
        Kind.ATTESTATIONS: AttestationRule,
        Kind.INSPECTIONS: Inspection,
        Kind.ROUTE_CHECKS: RouteCheck,
        Kind.RECONCILIATIONS: Reconciliation,
        Kind.ROUTES: Route,
        Kind.PEOPLE: Person,
        Kind.KEYS: ApiKey,
        Kind.SECRETS: bytes,
        Kind.WORKSPACES: Workspace,
        Kind.APPLICATIONS: Application,
        Kind.CARE_TEAMS: CareTeam,
        Kind.ACCESS_REQUESTS: AccessRequest,
        Kind.LOGINS: Login,
        Kind.INCIDENTS: Incident,
        Kind.HOLDS: Hold,
        Kind.SHREDS: Shred,
        Kind.KEY_EPOCHS: KeyEpoch,
        Kind.ROOT_MOVES: RootMove,
        Kind.RETENTION: RetentionRule,
        Kind.DECISIONS: AddressableDecision,
        Kind.DETERMINATIONS: Determination,
        Kind.DATA_USES: DataUseAgreement,
        Kind.RELEASES: Release,
        Kind.IDENTITY_PROVIDERS: IdentityProvider,
        Kind.REVIEWS: ReviewCampaign,
        Kind.DISCLOSURES: Disclosure,
        Kind.SUSPENSIONS: Suspension,
        Kind.ACTIVITY: ActivityReview,
        Kind.SINKS: Sink,
        Kind.DESTINATIONS: Destination,
        Kind.REVIEW_ITEMS: ReviewItem,
        Kind.REVIEW_SCHEDULES: ReviewSchedule,
        Kind.POLICIES: PolicyRecord,
        Kind.SIGNATURES: Signatures,
        Kind.COURSES: CourseRule,
        Kind.TRAININGS: TrainingRecord,
        Kind.DUTIES: Duties,
        Kind.SANCTIONS: Sanction,
        Kind.CHECKLISTS: Checklist,
        Kind.GUARDS: Guard,
        Kind.PROMPT_APPROVALS: PromptApproval,
        Kind.RISKS: Risk,
        Kind.ASSETS: Asset,
        Kind.USES: UseCase,
        Kind.RIGHTS: RightsRequest,
        Kind.RESTRICTIONS: Restricted,
        Kind.REPRESENTATIVES: Representative,
        Kind.MINOR_CARE: MinorCare,
        Kind.CHANNELS: Channel,
        Kind.CONSENTS: Consents,
        Kind.PART2_SOURCES: Source,
        Kind.COURT_ORDERS: CourtOrder,
        Kind.VENDOR_EVIDENCE: VendorEvidence,
        Kind.VENDOR_NOTICES: VendorNotice,
        Kind.CLOSE_OUTS: CloseOut,
        Kind.CLAUSES: ClauseList,
        Kind.ASSESSMENTS: Assessment,
        Kind.OUTSIDE_TESTS: OutsideTest,
        Kind.FINDINGS: AuditFinding,
        Kind.REMINDERS: Reminder,
        Kind.BREAK_GLASS: BreakGlass,
        Kind.OFFLINE_CODES: OfflineCodes,
        Kind.SCIM_CLIENTS: ScimClient,
        Kind.SCIM_USERS: ScimUser,
        Kind.SCIM_GROUPS: ScimGroup,
        Kind.CERTIFICATES: ClientCertificate,
        Kind.BUDGETS: Budget,
    }
)

Record = (
    Organisation
    | Vendor
    | Agreement
    | RiskAcceptance
    | TermsAdoption
    | ResidencyRule
    | Price
    | Deployment
    | AttestationRule
    | Inspection
    | RouteCheck
    | Reconciliation
    | Route
    | Person
    | ApiKey
    | bytes
    | Workspace
    | Application
    | CareTeam
    | AccessRequest
    | Login
    | Incident
    | Hold
    | Shred
    | KeyEpoch
    | RootMove
    | RetentionRule
    | AddressableDecision
    | Determination
    | DataUseAgreement
    | Release
    | IdentityProvider
    | Disclosure
    | Suspension
    | ActivityReview
    | Sink
    | Destination
    | ReviewCampaign
    | ReviewItem
    | ReviewSchedule
    | PolicyRecord
    | Signatures
    | CourseRule
    | TrainingRecord
    | Duties
    | Sanction
    | Checklist
    | Guard
    | PromptApproval
    | Risk
    | Asset
    | UseCase
    | RightsRequest
    | Restricted
    | Representative
    | MinorCare
    | Channel
    | Consents
    | Source
    | CourtOrder
    | VendorEvidence
    | VendorNotice
    | CloseOut
    | ClauseList
    | Assessment
    | OutsideTest
    | AuditFinding
    | Reminder
    | BreakGlass
    | OfflineCodes
    | ScimClient
    | ScimUser
    | ScimGroup
    | ClientCertificate
    | Budget
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One record put (`record`) or removed (`record` is None).

    `note` is a PHI-free code that the ledger entry shows, such as `single_officer_acceptance`.
    """

    kind: Kind
    id: str
    record: Record | None = field(repr=False)
    note: str | None = None


def encode(record: Record) -> bytes:
    """Return the stored bytes of a record; sets are sorted, so equal records have equal bytes."""
    return msgspec.json.encode(record, order="deterministic")


def decode(kind: Kind, body: bytes) -> Record:
    """Return the record in `body`.

    Raises:
        RecordUnreadable: the bytes are not a record of this kind. The sentence does not quote them.
    """
    try:
        record: Record = msgspec.json.decode(body, type=_TYPES[kind])
    except msgspec.DecodeError:
        raise RecordUnreadable(f"a stored record of kind {kind.value} cannot be read") from None
    return record


def load(records: Mapping[str, Mapping[str, bytes]], epoch: int) -> Registry:
    """Return the registry held in a control store.

    Raises:
        RecordUnreadable: a record cannot be read, or is of a kind that this version does not know.
    """
    changes = [
        Change(kind=_kind(name), id=identifier, record=decode(_kind(name), body))
        for name, bodies in records.items()
        for identifier, body in bodies.items()
    ]
    return apply(Registry(epoch=0), changes, epoch=epoch)


def apply(registry: Registry, changes: Iterable[Change], *, epoch: int) -> Registry:
    """Return a new registry with the changes made; the old one is untouched."""
    organisation = registry.organisation
    kinds: dict[Kind, dict[str, Record]] = {}
    for change in changes:
        if change.kind is Kind.ORGANISATION:
            organisation = change.record if isinstance(change.record, Organisation) else None
            continue
        # What no change is about stays the same object: what follows from it need not be worked out again.
        if change.kind not in kinds:
            kinds[change.kind] = {**getattr(registry, change.kind.value)}
        records = kinds[change.kind]
        if change.record is None:
            records.pop(change.id, None)
        else:
            records[change.id] = change.record
    changed: dict[str, Any] = {kind.value: _only(held, _TYPES[kind]) for kind, held in kinds.items()}
    return replace(registry, epoch=epoch, organisation=organisation, deadlines=None, **changed)


def stamped(changes: Sequence[Change], index: int) -> tuple[Change, ...]:
    """Return the changes as they are applied: `SEE_THIS_ENTRY` becomes the index. Pure, so the same at replay."""
    pointer = f"see ledger entry {index}"
    return tuple(
        change if change.record is None else replace(change, record=_pointing(change.record, pointer))
        for change in changes
    )


def _pointing(record: Record, pointer: str) -> Record:
    match record:
        case Release(statement=words) if words == SEE_THIS_ENTRY:
            return replace(record, statement=pointer)
        case Agreement(status_reason=reason) if reason == SEE_THIS_ENTRY:
            return replace(record, status_reason=pointer)
        case RiskAcceptance(reason=reason) | AddressableDecision(reason=reason) if reason == SEE_THIS_ENTRY:
            return replace(record, reason=pointer)
        case Sanction() | Risk() | UseCase() | Assessment() | OutsideTest() if record.words == SEE_THIS_ENTRY:
            return replace(record, words=pointer)
        case Reconciliation(words=words) if words == SEE_THIS_ENTRY:
            return replace(record, words=pointer)
        case RightsRequest() | Restricted() | Consents() | VendorNotice():
            return _rights_pointing(record, pointer)
        case Representative() | MinorCare() | Channel() | Source() | CourtOrder() | VendorEvidence() | CloseOut() if (
            record.words == SEE_THIS_ENTRY
        ):
            return replace(record, words=pointer)
        case Asset() | ActivityReview() | AuditFinding():
            return _listed_pointing(record, pointer)
        case Incident():
            return _incident_pointing(record, pointer)
        case ReviewItem() | ReviewCampaign() | BreakGlass():
            return _access_pointing(record, pointer)
        case Vendor(suspended_because=reason) if reason == SEE_THIS_ENTRY:
            return replace(record, suspended_because=pointer)
        case _:
            return record


def _rights_pointing(record: RightsRequest | Restricted | Consents | VendorNotice, pointer: str) -> Record:
    """Return the request, restrictions, consents or notice, with what this entry wrote pointing at it."""

    def stamp(words: str) -> str:
        return pointer if words == SEE_THIS_ENTRY else words

    if isinstance(record, VendorNotice):
        return replace(record, words=stamp(record.words), settled_words=stamp(record.settled_words))
    if isinstance(record, Consents):
        return replace(record, held=tuple(replace(each, words=stamp(each.words)) for each in record.held))
    if isinstance(record, Restricted):
        return replace(record, terms=tuple(replace(each, words=stamp(each.words)) for each in record.terms))
    review, held = record.review, record.disagreement
    return replace(
        record,
        words=stamp(record.words),
        answer_words=stamp(record.answer_words),
        record_set_words=stamp(record.record_set_words),
        review=None if review is None else replace(review, words=stamp(review.words)),
        disagreement=None if held is None else replace(held, words=stamp(held.words), rebuttal=stamp(held.rebuttal)),
    )


def _listed_pointing(record: Asset | ActivityReview | AuditFinding, pointer: str) -> Record:
    """Return the record with those of its rows that this entry wrote pointing at it."""
    match record:
        case Asset():
            events = tuple(replace(e, words=pointer) if e.words == SEE_THIS_ENTRY else e for e in record.events)
            return replace(record, events=events)
        case ActivityReview():
            items = tuple(replace(e, words=pointer) if e.words == SEE_THIS_ENTRY else e for e in record.items)
            return replace(record, items=items)
        case AuditFinding():
            retests = tuple(replace(e, words=pointer) if e.words == SEE_THIS_ENTRY else e for e in record.retests)
            return replace(record, retests=retests)


def _incident_pointing(record: Incident, pointer: str) -> Incident:
    """Return the incident with the steps and factors of this entry pointing at it."""
    steps = tuple(replace(each, words=pointer) if each.words == SEE_THIS_ENTRY else each for each in record.steps)
    factors = {
        name: replace(each, words=pointer) if each.words == SEE_THIS_ENTRY else each
        for name, each in record.factors.items()
    }
    return replace(record, steps=steps, factors=factors)


def _access_pointing(record: ReviewItem | ReviewCampaign | BreakGlass, pointer: str) -> Record:
    """Return the record with what this entry did pointing at it."""
    words = pointer if record.words == SEE_THIS_ENTRY else record.words
    match record:
        case ReviewItem():
            return replace(record, words=words)
        case BreakGlass(review_words=reviewed):
            return replace(record, words=words, review_words=pointer if reviewed == SEE_THIS_ENTRY else reviewed)
        case ReviewCampaign(closed_words=closed):
            notices = tuple(replace(e, words=pointer) if e.words == SEE_THIS_ENTRY else e for e in record.notices)
            closed = pointer if closed == SEE_THIS_ENTRY else closed
            return replace(record, notices=notices, words=words, closed_words=closed)


def stored(changes: Sequence[Change]) -> tuple[list[tuple[str, str, bytes]], list[tuple[str, str]]]:
    """Return (puts, deletes) as the control store takes them."""
    puts = [(change.kind.value, change.id, encode(change.record)) for change in changes if change.record is not None]
    return puts, [(change.kind.value, change.id) for change in changes if change.record is None]


class _StoredChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Kind
    id: str
    record: msgspec.Raw
    note: str | None = None


class _StoredPayload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    action: str
    reason: str
    changes: tuple[_StoredChange, ...]


def encode_payload(action: str, reason: str, changes: Sequence[Change]) -> bytes:
    """Return what is sealed beside a `control` entry: the full records and the reason given."""
    return msgspec.json.encode(
        _StoredPayload(
            v=1,
            action=action,
            reason=reason,
            changes=tuple(
                _StoredChange(
                    kind=change.kind,
                    id=change.id,
                    record=msgspec.Raw(_REMOVED if change.record is None else encode(change.record)),
                    note=change.note,
                )
                for change in changes
            ),
        )
    )


def decode_payload(payload: bytes) -> tuple[Change, ...]:
    """Return the changes in an opened `control` payload, for replay.

    Raises:
        RecordUnreadable: the payload is damaged or of a later version.
    """
    try:
        found = msgspec.json.decode(payload, type=_StoredPayload)
    except msgspec.DecodeError:
        raise RecordUnreadable("the payload of a control entry cannot be read") from None
    if found.v != 1:
        raise RecordUnreadable("the payload of a control entry was written by a later version")
    return tuple(
        Change(
            kind=stored_change.kind,
            id=stored_change.id,
            record=None
            if bytes(stored_change.record) == _REMOVED
            else decode(stored_change.kind, bytes(stored_change.record)),
            note=stored_change.note,
        )
        for stored_change in found.changes
    )


def _kind(name: str) -> Kind:
    try:
        return Kind(name)
    except ValueError:
        raise RecordUnreadable("the control store holds records of a kind this version does not know") from None


def _only(records: dict[str, Record], record_type: type) -> dict[str, Record]:
    """Return the records; one of another type was put by a programming error and must not pass."""
    if not all(isinstance(record, record_type) for record in records.values()):
        raise RecordUnreadable(f"a record stored as {record_type.__name__} is of another type")
    return records
