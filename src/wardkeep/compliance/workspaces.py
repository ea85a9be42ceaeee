"""Workspaces, applications, care teams and requests for access (45 CFR 164.308(a)(3)-(4)).

Least privilege: what is not named is not permitted, and a new identity can do nothing. Separation of duties: who asks
for access, or gets it, does not approve it; to take an application's word for a person is an officer's decision.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.people import set_roles
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import clean_id, clean_text, clean_workspace, invalid, require, taken, unknown
from wardkeep.compliance.two_people import check_established
from wardkeep.model.access import (
    AccessRequest,
    Application,
    ApplicationKind,
    CareTeam,
    DataClass,
    Relationship,
    RequestStatus,
    Requirement,
    Role,
    Workspace,
)
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission, permissions_of

_LONGEST_SECOND_FACTOR: Final = 7 * 24 * 3600
_MOST_MEMBERS: Final = 10_000
_MOST_TERMS: Final = 256
_PEOPLE: Final = "wardkeep user list"
_WORKSPACES: Final = "wardkeep workspace list"
_REQUESTS: Final = "wardkeep access list"


def add_workspace(registry: Registry, by: Person, *, workspace: Workspace) -> tuple[Change, ...]:
    """Open a workspace. Raises NotAllowed."""
    require(by, Permission.WORKSPACE_CHANGE)
    if clean_workspace(workspace.id, "workspace id") in registry.workspaces:
        raise taken("workspace", "Use another id, or change it with `wardkeep workspace set`.")
    return _put(registry, workspace)


def set_workspace(registry: Registry, by: Person, *, workspace: Workspace) -> tuple[Change, ...]:
    """Put all terms of a workspace anew; it is open afterwards. Raises NotAllowed."""
    require(by, Permission.WORKSPACE_CHANGE)
    if workspace.id not in registry.workspaces:
        raise unknown("workspace", _WORKSPACES)
    return _put(registry, workspace)


def close_workspace(registry: Registry, by: Person, *, workspace: str) -> tuple[Change, ...]:
    """Close a workspace: every call in it is refused from the next one on. Raises NotAllowed."""
    require(by, Permission.WORKSPACE_CHANGE)
    found = registry.workspaces.get(workspace)
    if found is None or not found.is_active:
        raise unknown("open workspace", _WORKSPACES)
    return (Change(kind=Kind.WORKSPACES, id=workspace, record=replace(found, is_active=False)),)


def change_members(
    registry: Registry, by: Person, *, workspace: str, add: frozenset[str], remove: frozenset[str]
) -> tuple[Change, ...]:
    """Let people in or out, as an officer or the workspace's owner; nobody lets themselves in. Raises NotAllowed."""
    require(by, Permission.OWN_ACCOUNT)
    found = registry.workspaces.get(workspace)
    if found is None:
        raise unknown("workspace", _WORKSPACES)
    _check_owner(by, found.owner, Permission.WORKSPACE_CHANGE)
    if by.id in add:
        raise _own()
    _active_people(registry, add)
    if not add and not remove:
        raise invalid("change of members", "at least one person to add or to remove")
    return _put(registry, replace(found, members=(found.members | add) - remove), is_active=found.is_active)


def add_application(
    registry: Registry,
    by: Person,
    *,
    application: str,
    name: str,
    kind: ApplicationKind,
    owner: str,
    workspace: str,
    roles: frozenset[Role],
    may_assert_person: bool,
    token_clients: frozenset[str] = frozenset(),
) -> tuple[Change, ...]:
    """Record a program as an identity: with an owner who answers for it, in one workspace. Raises NotAllowed."""
    require(by, Permission.APPLICATION_CHANGE)
    if clean_id(application, "application id") in registry.applications:
        raise taken("application", "Use another id; ids of applications that ended are not given out again.")
    _active_people(registry, frozenset({owner}))
    place = registry.workspaces.get(workspace)
    if place is None or not place.is_active:
        raise unknown("open workspace", _WORKSPACES)
    control = permissions_of(roles) - {Permission.OWN_ACCOUNT}
    if control:
        raise invalid("list of roles", "roles over data only; no application changes what the control plane holds")
    note = None
    if may_assert_person:
        # Whoever holds the application's key could then call as anybody in the workspace: an officer accepts that.
        require(by, Permission.AGREEMENT_ACTIVATE)
        check_established(by)
        note = "asserted_person_accepted"
    record = Application(
        id=application,
        name=clean_text(name, "application name", longest=80),
        kind=kind,
        owner=owner,
        workspace=workspace,
        roles=roles,
        is_active=True,
        may_assert_person=may_assert_person,
        token_clients=frozenset(clean_text(each, "token client") for each in token_clients),
    )
    return (Change(kind=Kind.APPLICATIONS, id=application, record=record, note=note),)


def disable_application(registry: Registry, by: Person, *, application: str) -> tuple[Change, ...]:
    """End an application: its keys are refused from the next call on. Its owner may as well. Raises NotAllowed."""
    require(by, Permission.OWN_ACCOUNT)
    found = registry.applications.get(application)
    if found is None or not found.is_active:
        raise unknown("active application", "wardkeep application list")
    _check_owner(by, found.owner, Permission.APPLICATION_CHANGE)
    return (Change(kind=Kind.APPLICATIONS, id=application, record=replace(found, is_active=False)),)


def set_care_team(
    registry: Registry,
    by: Person,
    *,
    tag: str,
    workspace: str,
    members: dict[str, frozenset[Relationship]],
    psychotherapy_authorized: frozenset[str],
) -> tuple[Change, ...]:
    """Put who stands in what relationship to one subject; nobody left removes the record. Raises NotAllowed.

    `tag` is the blind index of the subject in this workspace: the handle itself is not kept.
    """
    require(by, Permission.CARE_TEAM_CHANGE)
    if workspace not in registry.workspaces:
        raise unknown("workspace", _WORKSPACES)
    if by.id in members or by.id in psychotherapy_authorized:
        raise _own()
    if not members and not psychotherapy_authorized:
        return (Change(kind=Kind.CARE_TEAMS, id=tag, record=None),)
    _active_people(registry, frozenset(members) | psychotherapy_authorized)
    record = CareTeam(
        id=tag,
        workspace=workspace,
        members=members,
        psychotherapy_authorized=psychotherapy_authorized,
    )
    return (Change(kind=Kind.CARE_TEAMS, id=tag, record=record),)


def ask_access(
    registry: Registry,
    by: Person,
    *,
    request: str,
    person: str,
    roles: frozenset[Role],
    workspace: str | None,
    now: datetime,
) -> tuple[Change, ...]:
    """Ask that a person, oneself or another, get roles or enter a workspace. Nothing is granted. Raises NotAllowed."""
    require(by, Permission.OWN_ACCOUNT)
    _active_people(registry, frozenset({person}))
    if not roles and workspace is None:
        raise invalid("request", "for at least one role, or a workspace")
    if workspace is not None and workspace not in registry.workspaces:
        raise unknown("workspace", _WORKSPACES)
    record = AccessRequest(id=request, person=person, roles=roles, workspace=workspace, asked_by=by.id, asked_at=now)
    return (Change(kind=Kind.ACCESS_REQUESTS, id=request, record=record),)


def decide_access(registry: Registry, by: Person, *, request: str, is_approved: bool) -> tuple[Change, ...]:
    """Approve or deny. Who asked, or gets the access, does not decide; nobody grants more than they hold.

    Raises:
        NotAllowed: one of these does not hold, or the request is not open.
    """
    require(by, Permission.PERSON_CHANGE)
    found = registry.access_requests.get(request)
    if found is None:
        raise unknown("request for access", _REQUESTS)
    if found.status is not RequestStatus.OPEN:
        raise NotAllowed(
            "wrong_status",
            what="The request has been decided.",
            why="A decision stands as it was made; access changes by a new request.",
            fix=f"`{_REQUESTS}` shows the decision.",
            status=409,
        )
    if by.id in {found.asked_by, found.person}:
        raise NotAllowed(
            "separation_of_duties",
            what="Who asks for access, or gets it, does not decide on it.",
            why="Access is authorised by somebody else (45 CFR 164.308(a)(3)(ii)(A)).",
            fix="Ask another administrator or the security officer.",
        )
    status = RequestStatus.APPROVED if is_approved else RequestStatus.DENIED
    decided = Change(kind=Kind.ACCESS_REQUESTS, id=request, record=replace(found, status=status, decided_by=by.id))
    return (decided, *(_granted(registry, by, found) if is_approved else ()))


def _granted(registry: Registry, by: Person, request: AccessRequest) -> tuple[Change, ...]:
    changes: tuple[Change, ...] = ()
    person = registry.people[request.person]
    if request.roles:
        changes += set_roles(registry, by, person=person.id, roles=person.roles | request.roles)
    if request.workspace is not None:
        require(by, Permission.WORKSPACE_CHANGE)
        workspace = registry.workspaces[request.workspace]
        changes += _put(
            registry,
            replace(workspace, members=workspace.members | {person.id}),
            is_active=workspace.is_active,
        )
    return changes


def _put(registry: Registry, workspace: Workspace, *, is_active: bool = True) -> tuple[Change, ...]:
    """Return the change, after checking all terms."""
    clean_text(workspace.name, "workspace name", longest=80)
    _active_people(registry, frozenset({workspace.owner}))
    held = registry.workspaces.get(workspace.id)
    _active_people(registry, workspace.members - (held.members if held is not None else frozenset()))
    if len(workspace.members) > _MOST_MEMBERS:
        raise invalid("list of members", f"at most {_MOST_MEMBERS} people")
    if workspace.models is not None and not workspace.models <= registry.routes.keys():
        raise invalid("list of models", "model names that `wardkeep route list` shows, or null to leave it to the keys")
    if not workspace.assumed <= workspace.data_classes:
        raise invalid("list of assumed data classes", "among the workspace's data classes")
    if not workspace.data_classes:
        raise invalid("list of data classes", f"one or more of {', '.join(each.value for each in DataClass)}")
    is_demanded = Requirement.SECOND_FACTOR in workspace.requires
    if is_demanded and not 0 < workspace.second_factor_seconds <= _LONGEST_SECOND_FACTOR:
        raise invalid("age of the second factor", f"1 to {_LONGEST_SECOND_FACTOR} seconds where it is required")
    _check_synthetic(workspace)
    record = replace(workspace, is_active=is_active)
    return (Change(kind=Kind.WORKSPACES, id=workspace.id, record=record),)


def _check_synthetic(workspace: Workspace) -> None:
    """Refuse terms that made-up data cannot meet, or that would let a real name pass for a made-up one."""
    if workspace.synthetic_terms and not workspace.synthetic_only:
        raise invalid("list of made-up names", "empty where real data is handled")
    if len(workspace.synthetic_terms) > _MOST_TERMS:
        raise invalid("list of made-up names", f"at most {_MOST_TERMS}")
    for term in workspace.synthetic_terms:
        clean_text(term, "made-up name", longest=80)
    if not workspace.synthetic_only:
        return
    if workspace.requires & {Requirement.SUBJECT, Requirement.CARE_TEAM}:
        raise invalid(
            "list of requirements", "without subject and care_team where data is made up: nobody is a patient"
        )
    if workspace.data_classes != frozenset({DataClass.ORDINARY}):
        raise invalid("list of data classes", "ordinary alone where data is made up")


def _active_people(registry: Registry, people: frozenset[str]) -> None:
    for each in people:
        found = registry.people.get(each)
        if found is None or not found.is_active:
            raise unknown("active person", _PEOPLE)


def _check_owner(by: Person, owner: str, permission: Permission) -> None:
    """Return when the person owns the record, or their role permits the change anywhere. Raises NotAllowed."""
    if by.id != owner and permission not in permissions_of(by.roles):
        raise NotAllowed(
            "owner_required",
            what=f"This is for the owner, or for somebody with the permission {permission.value}.",
            why="Who answers for something decides who gets in (45 CFR 164.308(a)(4)).",
            fix="Ask its owner; the list shows who that is.",
        )


def _own() -> NotAllowed:
    return NotAllowed(
        "second_person_required",
        what="Nobody gives access to themselves.",
        why="Access is authorised by somebody else (45 CFR 164.308(a)(3)(ii)(A)).",
        fix="Ask with `wardkeep access request`; another officer approves it.",
    )
