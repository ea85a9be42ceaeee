"""What the control plane takes and shows: request forms and views of records.

A form names every field; an unknown one is refused, because a misspelt restriction would be a missing one. Views show
no credential, no MAC and no sealed secret.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final, TypeVar

import msgspec

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.forecast import Forecast
from wardkeep.compliance.two_people import confirmation
from wardkeep.model.access import DataClass
from wardkeep.model.attestation import AttestationKind
from wardkeep.model.registry import (
    Agreement,
    AgreementKind,
    AgreementStatus,
    ApiKey,
    Deployment,
    Organisation,
    Person,
    Purpose,
    Retention,
    RiskAcceptance,
    Role,
    Route,
    Scope,
    Vendor,
)
from wardkeep.model.residency import ResidencyRule
from wardkeep.model.spans import IdentifierType

# The path that the decoder names, when it is made of our own field names only.
_PATH: Final = re.compile(r"`(\$[a-z_.\[\]]*)`$")
_FIELD: Final = re.compile(r"field `([a-z_0-9]{1,40})`")


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all forms. `reason` is in words and is sealed with the change."""

    reason: str = "no reason was given"


class ReasonForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A step that needs its reason said."""

    reason: str


class OpeningForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An entry to open. `purpose` null keeps the surrogates; one reveals originals, for what it says."""

    reason: str
    purpose: Purpose | None = None


class VendorForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A vendor to record."""

    id: str
    party: str


class ScopeForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One scope; every term is stated."""

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


class AcceptanceForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A risk acceptance to record: at most `days` kept, until a day. The reason is what was weighed."""

    id: str
    agreement: str
    days: int
    until: date
    reason: str


class ResidencyForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A residency rule to record; `workspace` `*` is every workspace, `regions` null leaves it to the laws."""

    id: str
    workspace: str
    regions: frozenset[str] | None = None
    laws: frozenset[str] = frozenset()
    data_classes: frozenset[str] = frozenset({"ordinary", "psychotherapy", "part2"})

    def rule(self) -> ResidencyRule:
        """Return the record; `residency.add_rule` sets its author."""
        return ResidencyRule(
            id=self.id,
            workspace=self.workspace,
            regions=self.regions,
            laws=self.laws,
            data_classes=self.data_classes,
            added_by="",
        )


class TermsVersionForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A version of a platform's terms profile."""

    version: int


class AgreementForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An agreement to record. `expires_on` is stated even when it is null."""

    id: str
    kind: AgreementKind
    vendor: str
    party: str
    document_sha256: str
    effective_on: date
    expires_on: date | None
    scopes: tuple[ScopeForm, ...]

    def agreement(self) -> Agreement:
        """Return the record; `vendors.add_agreement` sets status and author."""
        return Agreement(
            id=self.id,
            kind=self.kind,
            vendor=self.vendor,
            party=self.party,
            status=AgreementStatus.DRAFT,
            document_sha256=self.document_sha256,
            effective_on=self.effective_on,
            expires_on=self.expires_on,
            scopes=tuple(
                Scope(
                    platform=scope.platform,
                    projects=scope.projects,
                    endpoints=scope.endpoints,
                    features=scope.features,
                    models=scope.models,
                    regions=scope.regions,
                    purposes=scope.purposes,
                    retention=scope.retention,
                    training_prohibited=scope.training_prohibited,
                    retention_days=scope.retention_days,
                )
                for scope in self.scopes
            ),
            added_by="",
        )


class DeploymentForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A deployment to record. `credential` is the vendor's key; it is sealed at once and never shown again."""

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

    def deployment(self) -> Deployment:
        """Return the record, still without credential."""
        return Deployment(
            id=self.id,
            vendor=self.vendor,
            platform=self.platform,
            project=self.project,
            dialect=self.dialect,
            base_url=self.base_url,
            model=self.model,
            region=self.region,
            ca_file=self.ca_file,
            allow_plain_http=self.allow_plain_http,
            source_region=self.source_region,
            deployment_type=self.deployment_type,
            token_url=self.token_url,
            silence_seconds=self.silence_seconds,
            total_seconds=self.total_seconds,
            attestation=self.attestation,
            evidence_path=self.evidence_path,
            pins=self.pins,
        )


class CredentialForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new vendor credential for a deployment."""

    credential: str


class RouteForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A model name for a deployment."""

    model: str
    deployment: str
    requires_subject: bool = False
    buffer_whole: bool = False
    fallbacks: tuple[str, ...] = ()
    data_classes: frozenset[DataClass] = frozenset({DataClass.ORDINARY})
    passes: frozenset[IdentifierType] | None = None
    policy: str = "balanced"
    actions: dict[str, str] = {}
    attempts: int = 1
    attempt_seconds: int = 30
    weights: dict[str, int] = {}
    reads_files: bool = False
    requires_attestation: bool = False

    def route(self) -> Route:
        """Return the record."""
        return Route(
            model=self.model,
            deployment=self.deployment,
            requires_subject=self.requires_subject,
            buffer_whole=self.buffer_whole,
            fallbacks=self.fallbacks,
            data_classes=self.data_classes,
            passes=None if self.passes is None else frozenset(each.value for each in self.passes),
            policy=self.policy,
            actions=dict(self.actions),
            attempts=self.attempts,
            attempt_seconds=self.attempt_seconds,
            weights=dict(self.weights),
            reads_files=self.reads_files,
            requires_attestation=self.requires_attestation,
        )


class PersonForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A person to enrol."""

    id: str
    roles: frozenset[Role]


class RolesForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All the roles that a person has from now on."""

    roles: frozenset[Role]


class KeyForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A key to make: nothing is granted that is not named."""

    name: str
    owner: str
    models: frozenset[str]
    purposes: frozenset[Purpose]
    workspace: str = "default"
    default_purpose: Purpose | None = None
    expires_at: datetime | None = None
    calls_per_minute: int = 6000
    calls_at_once: int = 256
    application: str | None = None
    demands_certificate: bool = False


class RotationForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A successor for a key. For `overlap_hours` both work; `expires_at` null is the old key's expiry."""

    overlap_hours: int = 24
    expires_at: datetime | None = None


F = TypeVar("F", bound=msgspec.Struct)


def read_form(form: type[F], value: Mapping[str, object]) -> F:
    """Return the filled form.

    Raises:
        NotAllowed: a field is missing, unknown or of the wrong type. Only our own field names are repeated.
    """
    try:
        return msgspec.convert(value, form)
    except msgspec.ValidationError as error:
        text = str(error)
        named = _FIELD.search(text) or _PATH.search(text)
        known = ", ".join(form.__struct_fields__)
        raise NotAllowed(
            "form_invalid",
            what=f"The request does not fit its form{f' at {named.group(1)}' if named else ''}.",
            why="Every field is known and typed, so that no restriction is lost by a misspelling.",
            fix=f"The fields are: {known}.",
            status=400,
        ) from None


def view(record: Agreement | RiskAcceptance | Vendor | Route | Organisation | Forecast) -> dict[str, object]:
    """Return a record that holds nothing secret, as it is shown."""
    return _plain(record)


def deployment_view(deployment: Deployment) -> dict[str, object]:
    """Return a deployment as it is shown: whether it has a credential, not which."""
    return {**_plain(deployment), "credential": deployment.credential is not None}


def person_view(person: Person) -> dict[str, object]:
    """Return a person as they are shown; `confirmation` says whether they count for what takes two people."""
    return {
        "id": person.id,
        "roles": sorted(person.roles),
        "is_active": person.is_active,
        "has_credential": person.credential_mac is not None,
        "enrolled_by": person.enrolled_by,
        "confirmed_by": person.confirmed_by,
        "manager": person.manager,
        "confirmation": confirmation(person).value,
    }


def key_view(key: ApiKey, *, last_used_at: datetime | None = None) -> dict[str, object]:
    """Return a key as it is shown."""
    shown = _plain(key)
    del shown["mac"]
    return {**shown, "last_used_at": None if last_used_at is None else last_used_at.isoformat()}


def _plain(record: object) -> dict[str, object]:
    plain: dict[str, object] = msgspec.to_builtins(record, order="deterministic")
    return plain
