"""The role table, read as a table: who may do what through the control plane, and nothing else."""

import pytest

from wardkeep.model.reasons import Reason
from wardkeep.model.registry import Person, Role
from wardkeep.policy.roles import GRANTS, Permission, conflict, permit

# One row a permission: the roles that have it. Written out again, so that no grant changes in one place only.
TABLE: dict[Permission, set[Role]] = {
    Permission.AGREEMENT_ADD: {Role.ADMINISTRATOR, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER},
    Permission.AGREEMENT_ACTIVATE: {Role.ADMINISTRATOR, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER},
    Permission.AGREEMENT_SUSPEND: {Role.ADMINISTRATOR, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER},
    Permission.VENDOR_CHANGE: {Role.ADMINISTRATOR, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER},
    Permission.BACKUP_MAKE: {Role.ADMINISTRATOR, Role.SECURITY_OFFICER, Role.OPERATOR},
    Permission.RECORD_HOLD: {Role.ADMINISTRATOR, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER},
    Permission.RECORD_DESTROY: {Role.ADMINISTRATOR, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER},
    Permission.KEY_CUSTODY: {Role.ADMINISTRATOR, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER},
    Permission.CONTROL_DECIDE: {Role.ADMINISTRATOR, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER},
    Permission.INCIDENT_CHANGE: {Role.ADMINISTRATOR, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER},
    Permission.DISCLOSURE_RECORD: {Role.ADMINISTRATOR, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER},
    Permission.ACTIVITY_REVIEW: {
        Role.ADMINISTRATOR,
        Role.PRIVACY_OFFICER,
        Role.SECURITY_OFFICER,
        Role.AUDITOR,
    },
    Permission.SINK_CHANGE: {Role.ADMINISTRATOR, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER},
    Permission.ROUTE_CHANGE: {Role.ADMINISTRATOR, Role.OPERATOR},
    Permission.KEY_CHANGE: {Role.ADMINISTRATOR, Role.SECURITY_OFFICER},
    Permission.PERSON_CHANGE: {Role.ADMINISTRATOR, Role.SECURITY_OFFICER},
    Permission.REGISTRY_READ: {
        Role.ADMINISTRATOR,
        Role.PRIVACY_OFFICER,
        Role.SECURITY_OFFICER,
        Role.OPERATOR,
        Role.AUDITOR,
    },
    Permission.LEDGER_READ: {Role.ADMINISTRATOR, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER, Role.AUDITOR},
    Permission.LEDGER_OPEN: {Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER},
    Permission.IDENTITY_REVEAL: {Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER},
    Permission.WORKSPACE_CHANGE: {Role.ADMINISTRATOR, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER},
    Permission.APPLICATION_CHANGE: {Role.ADMINISTRATOR, Role.SECURITY_OFFICER},
    Permission.CARE_TEAM_CHANGE: {Role.ADMINISTRATOR, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER},
    Permission.RELEASE_PREPARE: {
        Role.ADMINISTRATOR,
        Role.PRIVACY_OFFICER,
        Role.SECURITY_OFFICER,
        Role.RESEARCHER,
    },
    Permission.RELEASE_SIGN: {Role.ADMINISTRATOR, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER},
    Permission.REVIEW_CHANGE: {Role.ADMINISTRATOR, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER},
    Permission.OWN_ACCOUNT: set(Role),
}


def person(*roles: Role) -> Person:
    return Person(id="p", roles=frozenset(roles), is_active=True)


def test_the_table_has_a_row_for_every_permission() -> None:
    assert set(TABLE) == set(Permission)


@pytest.mark.parametrize("permission", list(Permission))
@pytest.mark.parametrize("role", list(Role))
def test_a_role_has_what_the_table_says(role: Role, permission: Permission) -> None:
    refused = permit(person(role), permission)
    if role in TABLE[permission]:
        assert refused is None
    else:
        assert refused is not None
        assert refused.reason is Reason.ROLE_NOT_PERMITTED


def test_no_role_means_no_permission() -> None:
    assert all(permit(person(), permission) is not None for permission in Permission)


def test_roles_add_up() -> None:
    both = person(Role.OPERATOR, Role.AUDITOR)
    allowed = {permission for permission in Permission if permit(both, permission) is None}
    assert allowed == {
        Permission.BACKUP_MAKE,
        Permission.ROUTE_CHANGE,
        Permission.REGISTRY_READ,
        Permission.LEDGER_READ,
        Permission.ACTIVITY_REVIEW,
        Permission.OWN_ACCOUNT,
    }


@pytest.mark.parametrize("role", [Role.DEVELOPER, Role.CLINICIAN, Role.NURSE, Role.BILLING])
def test_users_of_models_change_nothing(role: Role) -> None:
    assert GRANTS[role] == {Permission.OWN_ACCOUNT}


def test_who_reviews_does_not_act() -> None:
    for other in (Role.ADMINISTRATOR, Role.SECURITY_OFFICER, Role.PRIVACY_OFFICER, Role.OPERATOR):
        assert conflict(frozenset({Role.AUDITOR, other, Role.CLINICIAN})) == {Role.AUDITOR, other}
    assert conflict(frozenset(Role) - {Role.AUDITOR}) is None
    assert conflict(frozenset({Role.AUDITOR, Role.CLINICIAN})) is None
