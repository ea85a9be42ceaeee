"""A small organisation, for the tests of its rules."""

from dataclasses import replace
from datetime import date
from typing import Any

from wardkeep.compliance.records import Change, apply
from wardkeep.model.access import DataClass, Purpose, Workspace
from wardkeep.model.registry import (
    Agreement,
    AgreementKind,
    AgreementStatus,
    Deployment,
    Organisation,
    Person,
    Registry,
    Retention,
    Role,
    Route,
    Scope,
    Vendor,
)

TODAY = date(2026, 11, 23)
HASH = "ab" * 32


def person(name: str, *roles: Role, active: bool = True) -> Person:
    return Person(id=name, roles=frozenset(roles), is_active=active, credential_mac=name.encode().ljust(32, b"."))


PRIVACY = person("privacy", Role.PRIVACY_OFFICER)
SECURITY = person("security", Role.SECURITY_OFFICER)
ADMIN = person("admin", Role.ADMINISTRATOR)
OPERATOR = person("operator", Role.OPERATOR)
AUDITOR = person("auditor", Role.AUDITOR)
DEVELOPER = person("developer", Role.DEVELOPER)
EVERYBODY = (PRIVACY, SECURITY, ADMIN, OPERATOR, AUDITOR, DEVELOPER)

SCOPE = Scope(
    platform="openai-api",
    projects=frozenset({"proj-1"}),
    endpoints=frozenset({"/v1/chat/completions"}),
    features=frozenset(),
    models=frozenset({"sim-echo"}),
    regions=frozenset({"us"}),
    purposes=frozenset({"TREAT", "HPAYMT"}),
    retention=Retention.ZERO,
    training_prohibited=True,
)


WORKSPACE = Workspace(
    id="default",
    name="Default",
    owner="admin",
    members=frozenset({"privacy", "security"}),
    purposes=frozenset(Purpose),
    models=None,
    data_classes=frozenset({DataClass.ORDINARY}),
    requires=frozenset(),
    is_active=True,
)


def agreement(**changes: Any) -> Agreement:
    given = Agreement(
        id="baa-1",
        kind=AgreementKind.BAA,
        vendor="openai",
        party="OpenAI OpCo, LLC",
        status=AgreementStatus.DRAFT,
        document_sha256=HASH,
        effective_on=date(2026, 1, 1),
        expires_on=date(2027, 2, 28),
        scopes=(SCOPE,),
        added_by="privacy",
    )
    return replace(given, **changes)


# An agreement that opens one destination of the record, and no road of a call.
SINK_SCOPE = replace(SCOPE, platform="syslog", endpoints=frozenset({"syslog:siem.example"}))
SINK_AGREEMENT = agreement(
    id="baa-siem",
    party="Siem Example, Inc.",
    status=AgreementStatus.ACTIVE,
    activated_by="security",
    scopes=(SINK_SCOPE,),
)


def deployment(**changes: Any) -> Deployment:
    given = Deployment(
        id="openai-us",
        vendor="openai",
        platform="openai-api",
        project="proj-1",
        dialect="openai",
        base_url="https://us.api.openai.com/v1",
        model="sim-echo",
        region="us",
    )
    return replace(given, **changes)


def registry(**changes: Any) -> Registry:
    held = Registry(
        epoch=1,
        organisation=Organisation(
            name="General Clinic", tenant="t-1", zone="America/New_York", officers=("privacy", "security")
        ),
        vendors={"openai": Vendor(id="openai", party="OpenAI OpCo, LLC")},
        people={each.id: each for each in EVERYBODY},
        workspaces={"default": WORKSPACE},
    )
    return replace(held, **changes)


def working_registry(**changes: Any) -> Registry:
    """One with an open road."""
    active = agreement(status=AgreementStatus.ACTIVE, activated_by="security")
    held = registry(
        agreements={"baa-1": active},
        deployments={"openai-us": deployment()},
        routes={"chat": Route(model="chat", deployment="openai-us")},
    )
    return replace(held, **changes)


def after(held: Registry, changes: tuple[Change, ...]) -> Registry:
    return apply(held, changes, epoch=held.epoch + 1)
