"""Request forms and views of workspaces, applications, care teams, requests for access, and questions to the policy.

As in `compliance.forms`: every field is named, an unknown one is refused, and what is not given demands the most.
"""

from datetime import datetime
from typing import Any

import msgspec

from wardkeep.compliance.forms import Form
from wardkeep.model.access import (
    AccessRequest,
    Application,
    ApplicationKind,
    CareTeam,
    DataClass,
    IdentityProvider,
    Purpose,
    Relationship,
    Requirement,
    Role,
    SignOn,
    Workspace,
)


class WorkspaceForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A workspace whole. Without `requires` everything is required; `models` null leaves it to each key's list."""

    id: str
    name: str
    owner: str
    members: frozenset[str]
    purposes: frozenset[Purpose]
    models: frozenset[str] | None
    data_classes: frozenset[DataClass] = frozenset({DataClass.ORDINARY})
    assumed: frozenset[DataClass] = frozenset()
    requires: frozenset[Requirement] = frozenset(Requirement)
    second_factor_seconds: int = 900
    synthetic_only: bool = False
    synthetic_terms: frozenset[str] = frozenset()

    def workspace(self) -> Workspace:
        """Return the record, not open yet."""
        return Workspace(
            id=self.id,
            name=self.name,
            owner=self.owner,
            members=self.members,
            purposes=self.purposes,
            models=self.models,
            data_classes=self.data_classes,
            assumed=self.assumed,
            requires=self.requires,
            second_factor_seconds=self.second_factor_seconds,
            synthetic_only=self.synthetic_only,
            synthetic_terms=self.synthetic_terms,
        )


class MembersForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """People to let in and out of a workspace."""

    add: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()


class ApplicationForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A program to record as an identity; without a role it can do nothing."""

    id: str
    name: str
    owner: str
    workspace: str
    kind: ApplicationKind = ApplicationKind.APPLICATION
    roles: frozenset[Role] = frozenset()
    may_assert_person: bool = False
    token_clients: frozenset[str] = frozenset()


class ProviderForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An identity provider whole. `jwks` is its public key set (RFC 7517), as its jwks_uri gives it."""

    id: str
    issuer: str
    audiences: frozenset[str]
    jwks: dict[str, Any]
    algorithms: frozenset[str] = frozenset({"RS256", "ES256"})
    second_factor_methods: frozenset[str] = frozenset({"mfa"})

    def provider(self) -> IdentityProvider:
        """Return the record, not active yet."""
        return IdentityProvider(
            id=self.id,
            issuer=self.issuer,
            audiences=self.audiences,
            jwks=msgspec.json.encode(self.jwks, order="sorted"),
            algorithms=self.algorithms,
            second_factor_methods=self.second_factor_methods,
        )


class SignOnForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How people sign in to the console at a provider; the addresses are those of its discovery document."""

    client_id: str
    label: str
    authorization_endpoint: str
    token_endpoint: str
    end_session_endpoint: str | None = None
    ca_file: str | None = None
    client_secret: str | None = None

    def sign_on(self, secret: bytes | None) -> SignOn:
        """Return the record, with its secret sealed."""
        return SignOn(
            client_id=self.client_id,
            label=self.label,
            authorization_endpoint=self.authorization_endpoint,
            token_endpoint=self.token_endpoint,
            end_session_endpoint=self.end_session_endpoint,
            ca_file=self.ca_file,
            secret=secret,
        )


class LinkForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which subject of a provider a person is."""

    provider: str
    subject: str


class UnlinkForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A provider to unlink a person from."""

    provider: str


class CareTeamForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All relationships to one subject in one workspace. `subject` is the handle that calls use; it is not kept."""

    subject: str
    workspace: str
    members: dict[str, frozenset[Relationship]] = msgspec.field(default_factory=dict)
    psychotherapy_authorized: frozenset[str] = frozenset()


class AccessRequestForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Access to ask for; `person` null is oneself."""

    person: str | None = None
    roles: frozenset[Role] = frozenset()
    workspace: str | None = None


class QuestionForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A call to explain, as it would be made with a key. `second_factor_age_seconds` null: there is none."""

    key: str
    model: str | None = None
    purpose: str | None = None
    subject: str | None = None
    person: str | None = None
    is_verified: bool = False
    second_factor_age_seconds: int | None = None
    data_classes: tuple[str, ...] = ()
    fields: frozenset[str] = frozenset({"model", "messages"})


class HypothesisForm(Form, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Changes to imagine: nothing is changed. What is null or empty stays as it is."""

    workspace: WorkspaceForm | None = None
    roles: dict[str, frozenset[Role]] = msgspec.field(default_factory=dict)
    disabled_people: frozenset[str] = frozenset()
    revoked_keys: frozenset[str] = frozenset()
    disabled_applications: frozenset[str] = frozenset()
    closed_workspaces: frozenset[str] = frozenset()
    training_overdue: frozenset[str] | None = None
    policies_unsigned: frozenset[str] | None = None
    at: datetime | None = None


def access_view(record: Workspace | Application | CareTeam | AccessRequest) -> dict[str, object]:
    """Return a record as it is shown; none of these holds a secret."""
    plain: dict[str, object] = msgspec.to_builtins(record, order="deterministic")
    return plain
