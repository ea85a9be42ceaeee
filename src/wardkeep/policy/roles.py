"""What each role may change or see: permissions as data (45 CFR 164.308(a)(3)-(4)).

Least privilege: a role not listed for a permission does not have it, and a new person has no role. Separation of
duties is not here but in the actions: who records an agreement cannot activate it (`compliance.two_people`).
"""

from collections.abc import Iterable
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import Person, Role


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


# What takes two people. Who holds one of these is an officer: they open roads, and vouch for who else may.
TWO_PERSON: Final = frozenset({Permission.AGREEMENT_ACTIVATE})

_OFFICER: Final = frozenset(
    {
        Permission.AGREEMENT_ADD,
        Permission.AGREEMENT_ACTIVATE,
        Permission.AGREEMENT_SUSPEND,
        Permission.VENDOR_CHANGE,
        Permission.REGISTRY_READ,
        Permission.LEDGER_READ,
        Permission.LEDGER_OPEN,
    }
)

GRANTS: Final = MappingProxyType(
    {
        Role.ADMINISTRATOR: frozenset(Permission) - {Permission.LEDGER_OPEN},
        Role.PRIVACY_OFFICER: _OFFICER,
        Role.SECURITY_OFFICER: _OFFICER | {Permission.KEY_CHANGE, Permission.PERSON_CHANGE},
        Role.OPERATOR: frozenset({Permission.ROUTE_CHANGE, Permission.REGISTRY_READ}),
        Role.AUDITOR: frozenset({Permission.REGISTRY_READ, Permission.LEDGER_READ}),
    }
)


def permissions_of(roles: Iterable[Role]) -> frozenset[Permission]:
    """Return all that the roles permit together."""
    return frozenset[Permission]().union(*(GRANTS.get(role, frozenset()) for role in roles))


def permit(person: Person, permission: Permission) -> Refused | None:
    """Return the refusal when no role of the person grants the permission."""
    if any(permission in GRANTS.get(role, frozenset()) for role in person.roles):
        return None
    return Refused(reason=Reason.ROLE_NOT_PERMITTED)
