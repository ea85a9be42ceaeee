"""What each role may change or see: permissions as data (45 CFR 164.308(a)(3)-(4)).

Least privilege: a role not listed for a permission does not have it, and a new person has no role. Separation of
duties is not here but in the actions: who records an agreement cannot activate it (`compliance.two_people`).
"""

from collections.abc import Iterable
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from wardkeep.model.access import Role
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import Person


class Permission(StrEnum):
    """One thing a person may do through the control plane."""

    AGREEMENT_ADD = "agreement.add"
    AGREEMENT_ACTIVATE = "agreement.activate"
    AGREEMENT_SUSPEND = "agreement.suspend"
    VENDOR_CHANGE = "vendor.change"
    ROUTE_CHANGE = "route.change"
    KEY_CHANGE = "key.change"
    PERSON_CHANGE = "person.change"
    REGISTRY_READ = "registry.read"
    LEDGER_READ = "ledger.read"
    LEDGER_OPEN = "ledger.open"
    IDENTITY_REVEAL = "identity.reveal"
    WORKSPACE_CHANGE = "workspace.change"
    APPLICATION_CHANGE = "application.change"
    CARE_TEAM_CHANGE = "care_team.change"
    RELEASE_PREPARE = "release.prepare"
    RELEASE_SIGN = "release.sign"
    INCIDENT_CHANGE = "incident.change"
    DISCLOSURE_RECORD = "disclosure.record"
    ACTIVITY_REVIEW = "activity.review"
    SINK_CHANGE = "sink.change"
    CONTROL_DECIDE = "control.decide"
    RECORD_HOLD = "record.hold"
    RECORD_DESTROY = "record.destroy"
    BACKUP_MAKE = "backup.make"
    KEY_CUSTODY = "key.custody"
    REVIEW_CHANGE = "review.change"
    OWN_ACCOUNT = "own.account"


# What takes two people. Who holds one of these is an officer: they open roads, and vouch for who else may.
TWO_PERSON: Final = frozenset(
    {Permission.AGREEMENT_ACTIVATE, Permission.RELEASE_SIGN, Permission.RECORD_DESTROY, Permission.KEY_CUSTODY}
)

_OFFICER: Final = frozenset(
    {
        Permission.AGREEMENT_ADD,
        Permission.AGREEMENT_ACTIVATE,
        Permission.AGREEMENT_SUSPEND,
        Permission.VENDOR_CHANGE,
        Permission.REGISTRY_READ,
        Permission.LEDGER_READ,
        Permission.LEDGER_OPEN,
        Permission.IDENTITY_REVEAL,
        Permission.WORKSPACE_CHANGE,
        Permission.CARE_TEAM_CHANGE,
        Permission.INCIDENT_CHANGE,
        Permission.DISCLOSURE_RECORD,
        Permission.ACTIVITY_REVIEW,
        Permission.SINK_CHANGE,
        Permission.CONTROL_DECIDE,
        Permission.RECORD_HOLD,
        Permission.RECORD_DESTROY,
        Permission.KEY_CUSTODY,
        Permission.REVIEW_CHANGE,
        Permission.RELEASE_PREPARE,
        Permission.RELEASE_SIGN,
        Permission.OWN_ACCOUNT,
    }
)
# What people do for themselves: ask for access, see and end their own sessions. Every role has it, nobody without one.
_OWN: Final = frozenset({Permission.OWN_ACCOUNT})

GRANTS: Final = MappingProxyType(
    {
        Role.ADMINISTRATOR: frozenset(Permission) - {Permission.LEDGER_OPEN, Permission.IDENTITY_REVEAL},
        Role.PRIVACY_OFFICER: _OFFICER,
        Role.SECURITY_OFFICER: _OFFICER
        | {Permission.BACKUP_MAKE, Permission.KEY_CHANGE, Permission.PERSON_CHANGE, Permission.APPLICATION_CHANGE},
        Role.OPERATOR: _OWN | {Permission.BACKUP_MAKE, Permission.ROUTE_CHANGE, Permission.REGISTRY_READ},
        Role.AUDITOR: _OWN | {Permission.REGISTRY_READ, Permission.LEDGER_READ, Permission.ACTIVITY_REVIEW},
        Role.DEVELOPER: _OWN,
        Role.CLINICIAN: _OWN,
        Role.NURSE: _OWN,
        Role.BILLING: _OWN,
        Role.RESEARCHER: _OWN | {Permission.RELEASE_PREPARE},
    }
)

# Separation of duties: who reviews activity does not act, else they review themselves (45 CFR 164.308(a)(1)(ii)(D)).
APART: Final = (
    frozenset({Role.AUDITOR, Role.ADMINISTRATOR}),
    frozenset({Role.AUDITOR, Role.SECURITY_OFFICER}),
    frozenset({Role.AUDITOR, Role.PRIVACY_OFFICER}),
    frozenset({Role.AUDITOR, Role.OPERATOR}),
)


def conflict(roles: frozenset[Role]) -> frozenset[Role] | None:
    """Return two of the roles that one person may not hold together, or None."""
    return next((pair for pair in APART if pair <= roles), None)


def permissions_of(roles: Iterable[Role]) -> frozenset[Permission]:
    """Return all that the roles permit together."""
    return frozenset[Permission]().union(*(GRANTS.get(role, frozenset()) for role in roles))


def permit(person: Person, permission: Permission) -> Refused | None:
    """Return the refusal when no role of the person grants the permission."""
    if any(permission in GRANTS.get(role, frozenset()) for role in person.roles):
        return None
    return Refused(reason=Reason.ROLE_NOT_PERMITTED)
