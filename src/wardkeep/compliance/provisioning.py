"""Joiners, movers and leavers as an identity provider tells them (RFC 7643, 7644; 45 CFR 164.308(a)(3)(ii)(A)-(C)).

Pure, as `vendors`. Each telling is one change: a leaver loses credential, sessions, keys, workspaces and care teams in
one entry, a mover the roles of the groups left. A group gives only roles over data; what reaches into the control plane
becomes a request for access, which people decide. A provider touches nobody but whom it provisioned, so it can neither
take over nor end an officer who was enrolled here.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.leaving import leaving
from wardkeep.compliance.people import check_keeper_remains, check_may_act_for
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import clean_id, clean_text, invalid, require, taken, unknown
from wardkeep.identity.keys import NewCredential
from wardkeep.model.access import AccessRequest, RequestStatus, Role
from wardkeep.model.registry import Person, Registry
from wardkeep.model.scim import ScimClient, ScimGroup, ScimUser
from wardkeep.policy.roles import Permission, permissions_of

MOST_MEMBERS: Final = 10_000
MOST_RECORDS: Final = 50_000
_HARMLESS: Final = frozenset({Permission.OWN_ACCOUNT, Permission.RELEASE_PREPARE})


def put_client(
    registry: Registry, by: Person, *, client: str, roles: Mapping[str, frozenset[Role]],
    credential: NewCredential | None,
) -> tuple[Change, ...]:  # fmt: skip
    """Record who provisions, or put what its groups stand for anew. Raises NotAllowed: more than one holds oneself."""
    require(by, Permission.PERSON_CHANGE)
    held = registry.scim_clients.get(clean_id(client, "provisioning client id"))
    if credential is not None and held is not None:
        raise taken("provisioning client", "Use another id, or change it with `wardkeep scim map`.")
    if credential is None and held is None:
        raise unknown("provisioning client", "wardkeep scim list")
    for name, given in roles.items():
        clean_text(name, "name of a group", longest=200)
        check_may_act_for(by, replace(by, roles=given))
    mac = credential.mac if credential is not None else held.mac if held is not None else b""
    record = ScimClient(
        id=client,
        mac=mac,
        made_by=by.id if held is None else held.made_by,
        roles=dict(roles),
        is_active=held is None or held.is_active,
    )
    first = Change(kind=Kind.SCIM_CLIENTS, id=client, record=record)
    return (first, *_regranted(replace(registry, scim_clients={**registry.scim_clients, client: record}), client))


def end_client(registry: Registry, by: Person, *, client: str) -> tuple[Change, ...]:
    """Take no word of a provider any more; whom it provisioned stays. Raises NotAllowed."""
    require(by, Permission.PERSON_CHANGE)
    held = registry.scim_clients.get(client)
    if held is None or not held.is_active:
        raise unknown("active provisioning client", "wardkeep scim list")
    return (Change(kind=Kind.SCIM_CLIENTS, id=client, record=replace(held, is_active=False)),)


def put_user(registry: Registry, client: str, user: ScimUser) -> tuple[Change, ...]:
    """Put a provisioned person as the provider tells them: joined, moved, left or come back.

    Raises:
        NotAllowed: the client has ended, the name is another's, or nobody would be left to run the place.
    """
    _check_client(registry, client)
    held = registry.scim_users.get(user.id)
    clean_text(user.user_name, "userName", longest=200)
    for name in (user.display_name, user.external_id):
        if name is not None:
            clean_text(name, "attribute", longest=200)
    for each in registry.scim_users.values():
        if each.client == client and each.id != user.id and each.user_name.casefold() == user.user_name.casefold():
            raise taken("user", "Provision each person once: userName is unique.")
    if held is None and (user.id in registry.people or len(registry.scim_users) >= MOST_RECORDS):
        raise taken("person", "Send the request again; a new id is drawn.")
    user = replace(user, granted=held.granted, asked=held.asked) if held is not None else user
    person = registry.people.get(user.id)
    if not user.active:
        gone = _gone(registry, user) if person is not None and person.is_active else ()
        user = replace(user, granted=frozenset(), asked=frozenset())
        if person is None:
            gone = (Change(kind=Kind.PEOPLE, id=user.id, record=_nobody(registry, user)),)
        return (*gone, Change(kind=Kind.SCIM_USERS, id=user.id, record=user))
    if person is None or not person.is_active:
        # Who comes back begins with nothing but what the groups give now.
        person = replace(_nobody(registry, user), is_active=True)
        user = replace(user, granted=frozenset(), asked=frozenset())
    return _granted(registry, person, user)


def remove_user(registry: Registry, client: str, user: str, *, now: datetime) -> tuple[Change, ...]:
    """Forget a provisioned person, whose access ends. Raises NotAllowed."""
    _check_client(registry, client)
    held = find_user(registry, client, user)
    gone = _gone(registry, held) if registry.people[user].is_active else ()
    groups = [
        Change(
            kind=Kind.SCIM_GROUPS,
            id=name,
            record=replace(each, members=tuple(m for m in each.members if m != user), modified_at=now),
        )
        for name, each in sorted(registry.scim_groups.items())
        if user in each.members
    ]
    return (*gone, *groups, Change(kind=Kind.SCIM_USERS, id=user, record=None))


def put_group(registry: Registry, client: str, group: ScimGroup) -> tuple[Change, ...]:
    """Put a group; who came or went has roles given or taken in the same entry. Raises NotAllowed."""
    _check_client(registry, client)
    clean_text(group.display_name, "displayName", longest=200)
    if group.external_id is not None:
        clean_text(group.external_id, "externalId", longest=200)
    if len(group.members) > MOST_MEMBERS:
        raise invalid("list of members", f"at most {MOST_MEMBERS}")
    for member in group.members:
        find_user(registry, client, member)
    after = replace(registry, scim_groups={**registry.scim_groups, group.id: group})
    return (Change(kind=Kind.SCIM_GROUPS, id=group.id, record=group), *_regranted(after, client))


def remove_group(registry: Registry, client: str, group: str) -> tuple[Change, ...]:
    """Forget a group; its roles are taken from its members. Raises NotAllowed."""
    _check_client(registry, client)
    find_group(registry, client, group)
    after = replace(registry, scim_groups={name: each for name, each in registry.scim_groups.items() if name != group})
    return (Change(kind=Kind.SCIM_GROUPS, id=group, record=None), *_regranted(after, client))


def find_user(registry: Registry, client: str, user: str) -> ScimUser:
    """Return one of the client's own. Raises NotAllowed."""
    found = registry.scim_users.get(user)
    if found is None or found.client != client:
        raise unknown("user", "wardkeep scim list")
    return found


def find_group(registry: Registry, client: str, group: str) -> ScimGroup:
    """Return one of the client's own. Raises NotAllowed."""
    found = registry.scim_groups.get(group)
    if found is None or found.client != client:
        raise unknown("group", "wardkeep scim list")
    return found


def is_grantable(role: Role) -> bool:
    """Whether a group gives the role by itself: over data only, never into the control plane."""
    return permissions_of({role}) <= _HARMLESS


def _check_client(registry: Registry, client: str) -> ScimClient:
    found = registry.scim_clients.get(client)
    if found is None or not found.is_active:
        raise NotAllowed(
            "credential_revoked",
            what="This provisioning client has ended.",
            why="Who provisions is on record, and was taken off it.",
            fix="Ask an administrator (`wardkeep scim list`).",
            status=401,
        )
    return found


def _nobody(registry: Registry, user: ScimUser) -> Person:
    """Return the person as they begin: able to do nothing, with whose hand it was."""
    maker = registry.scim_clients[user.client].made_by
    return Person(
        id=user.id,
        roles=frozenset(),
        is_active=False,
        enrolled_by=f"scim:{user.client}",
        access_by=frozenset({f"scim:{user.client}", maker}),
    )


def _gone(registry: Registry, user: ScimUser) -> tuple[Change, ...]:
    check_keeper_remains(registry, replace(registry.people[user.id], is_active=False))
    requests = tuple(
        Change(kind=Kind.ACCESS_REQUESTS, id=name, record=replace(each, status=RequestStatus.DENIED, decided_by="host"))
        for name, each in sorted(registry.access_requests.items())
        if each.person == user.id and each.status is RequestStatus.OPEN
    )
    return (*leaving(registry, user.id), *requests)


def _regranted(registry: Registry, client: str) -> tuple[Change, ...]:
    changes: list[Change] = []
    for _, user in sorted(registry.scim_users.items()):
        person = registry.people.get(user.id)
        if user.client == client and person is not None and person.is_active:
            wanted = _wanted(registry, user)
            if wanted != user.granted | user.asked:
                changes += _granted(registry, person, user)
    return tuple(changes)


def _wanted(registry: Registry, user: ScimUser) -> frozenset[Role]:
    roles = registry.scim_clients[user.client].roles
    groups = [each for each in registry.scim_groups.values() if each.client == user.client and user.id in each.members]
    return frozenset[Role]().union(*(roles.get(each.display_name, frozenset()) for each in groups))


def _granted(registry: Registry, person: Person, user: ScimUser) -> tuple[Change, ...]:
    """Return person, user and request, as the groups have it now."""
    wanted = _wanted(registry, user)
    given = frozenset(role for role in wanted if is_grantable(role))
    asked = wanted - given
    left = (user.granted | user.asked) - wanted
    record = replace(person, roles=(person.roles - left) | given)
    if registry.people.get(person.id) is not None:
        check_keeper_remains(registry, record)
    changes = [
        Change(kind=Kind.PEOPLE, id=person.id, record=record),
        Change(kind=Kind.SCIM_USERS, id=user.id, record=replace(user, granted=given, asked=asked)),
    ]
    new = asked - user.asked - person.roles
    if new:
        name = f"scim-{user.id}-{len(registry.access_requests)}"
        request = AccessRequest(
            id=name, person=user.id, roles=new, workspace=None, asked_by=f"scim:{user.client}",
            asked_at=user.modified_at,
        )  # fmt: skip
        changes.append(Change(kind=Kind.ACCESS_REQUESTS, id=name, record=request, note="asked_by_group"))
    return tuple(changes)
