"""Who may act where: purposes, roles, data classes, and the records of workspaces, applications and care teams.

All are values that `policy` reads. A workspace is the unit of least privilege: people, applications and keys act inside
one, and nothing that belongs to one serves another (45 CFR 164.308(a)(4), 164.312(a)(1)). Every set here names exactly
what is permitted; an empty one permits nothing.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Purpose(StrEnum):
    """Purpose of use, HL7 v3 PurposeOfUse codes."""

    TREAT = "TREAT"
    HPAYMT = "HPAYMT"
    HOPERAT = "HOPERAT"
    HRESCH = "HRESCH"
    ETREAT = "ETREAT"


class Role(StrEnum):
    """Roles of people, DESIGN section 5. What each may do is `policy.roles` and `policy.data_roles`."""

    ADMINISTRATOR = "administrator"
    PRIVACY_OFFICER = "privacy_officer"
    SECURITY_OFFICER = "security_officer"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    DEVELOPER = "developer"
    CLINICIAN = "clinician"
    NURSE = "nurse"
    BILLING = "billing"
    RESEARCHER = "researcher"


class DataClass(StrEnum):
    """What kind of health information a call carries; the special ones have laws of their own.

    `PSYCHOTHERAPY`: psychotherapy notes (45 CFR 164.501, 164.508(a)(2)). `PART2`: substance use disorder records
    (42 CFR Part 2).
    """

    ORDINARY = "ordinary"
    PSYCHOTHERAPY = "psychotherapy"
    PART2 = "part2"


class Requirement(StrEnum):
    """A fact that a workspace demands of every call. What is not demanded is declared so in its record, visibly."""

    PERSON = "person"
    VERIFIED_PERSON = "verified_person"
    SECOND_FACTOR = "second_factor"
    TRAINING = "training"
    ACKNOWLEDGEMENT = "acknowledgement"
    SUBJECT = "subject"
    CARE_TEAM = "care_team"


class Relationship(StrEnum):
    """What a person is to a subject. `ORIGINATOR` wrote the psychotherapy notes (45 CFR 164.508(a)(2)(i)(A))."""

    CARE_TEAM = "care_team"
    ORIGINATOR = "originator"


class ApplicationKind(StrEnum):
    """A program that people drive, or one that acts by itself under its owner's name."""

    APPLICATION = "application"
    AGENT = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Where people and applications act together: who, over which models, for what, with which data.

    `models` None leaves each key's own list as the only bound. `data_classes` may be present, `assumed` are taken to be
    in every call, stated or not. `requires` names the facts without which nothing here is permitted.

    `synthetic_only`: nothing of a real person belongs here. A call that names a subject, states a special class or has
    a value that could be somebody's is refused; `synthetic_terms` are names that officers know to be made up.
    """

    id: str
    name: str
    owner: str
    members: frozenset[str]
    purposes: frozenset[Purpose]
    models: frozenset[str] | None = frozenset()
    data_classes: frozenset[DataClass] = frozenset()
    assumed: frozenset[DataClass] = frozenset()
    requires: frozenset[Requirement] = frozenset(Requirement)
    second_factor_seconds: int = 0
    is_active: bool = False
    synthetic_only: bool = False
    synthetic_terms: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A program with an identity of its own, an owner who answers for it, one workspace, and roles over data.

    `may_assert_person`: its word for whom it acts is taken, recorded as asserted (a risk that somebody accepted).
    `token_clients`: its own names at identity providers; a token that was given to another client opens nothing here.
    """

    id: str
    name: str
    kind: ApplicationKind
    owner: str
    workspace: str
    roles: frozenset[Role]
    is_active: bool = False
    may_assert_person: bool = False
    token_clients: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOn:
    """How people sign in to the console at a provider (OpenID Connect Core 1.0 section 3.1, RFC 7636).

    `secret` is the sealed client secret, None for a public client; the keeper alone opens it, workers never have it.
    """

    client_id: str
    label: str
    authorization_endpoint: str
    token_endpoint: str
    end_session_endpoint: str | None = None
    ca_file: str | None = None
    secret: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityProvider:
    """Whose tokens are believed. Who can sign with a key of `jwks` can call as anybody linked to this provider.

    `audiences` are what its tokens for us name; `second_factor_methods` the `amr` values that count as one (RFC 8176).
    Without `sign_on` nobody signs in to the console with it.
    """

    id: str
    issuer: str
    audiences: frozenset[str]
    jwks: bytes
    algorithms: frozenset[str] = frozenset({"RS256", "ES256"})
    second_factor_methods: frozenset[str] = frozenset({"mfa"})
    is_active: bool = False
    sign_on: SignOn | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CareTeam:
    """Who stands in what relationship to one subject. `id` is the blind index of the subject's handle.

    `psychotherapy_authorized`: people whom an authorization names (45 CFR 164.508(a)(2)).
    """

    id: str
    workspace: str
    members: dict[str, frozenset[Relationship]]
    psychotherapy_authorized: frozenset[str] = frozenset()


class RequestStatus(StrEnum):
    """Where a request for access stands."""

    OPEN = "open"
    APPROVED = "approved"
    DENIED = "denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """Somebody asks that a person get roles or enter a workspace. Who asks, or whom it is for, does not decide it."""

    id: str
    person: str
    roles: frozenset[Role]
    workspace: str | None
    asked_by: str
    asked_at: datetime
    status: RequestStatus = RequestStatus.OPEN
    decided_by: str | None = None
