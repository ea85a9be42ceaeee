"""People, their roles and credentials, and the keys of applications (45 CFR 164.308(a)(3)-(4), 164.312(a)(2)(i)).

Least privilege: nothing is granted that was not named. Nobody changes their own roles, and nobody grants a permission
that they do not hold. Who was given access counts for what takes two people only once confirmed (`two_people`). Every
key has an active owner, because the requestor is a person even when an application calls.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.leaving import leaving
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import clean_id, clean_text, clean_workspace, invalid, require, taken, unknown
from wardkeep.compliance.two_people import hands_of
from wardkeep.identity.keys import NewCredential
from wardkeep.model.registry import ApiKey, Person, Purpose, Registry, Role
from wardkeep.policy.roles import TWO_PERSON, Permission, conflict, permissions_of, permit

_MOST_CALLS_A_MINUTE: Final = 1_000_000
_MOST_CALLS_AT_ONCE: Final = 10_000
_LONGEST_OVERLAP_HOURS: Final = 30 * 24


def add_person(
    registry: Registry, by: Person, *, person: str, roles: frozenset[Role], credential: NewCredential
) -> tuple[Change, ...]:
    """Enrol a person with explicit roles and a personal credential. Raises NotAllowed."""
    require(by, Permission.PERSON_CHANGE)
    if clean_id(person, "person id") in registry.people:
        raise taken("person", "Use another id; ids of people who left are not given out again.")
    _check_grant(by, roles)
    record = Person(
        id=person,
        roles=roles,
        is_active=True,
        credential_mac=credential.mac,
        enrolled_by=by.id,
        access_by=hands_of(by),
    )
    return (Change(kind=Kind.PEOPLE, id=person, record=record),)


def set_roles(registry: Registry, by: Person, *, person: str, roles: frozenset[Role]) -> tuple[Change, ...]:
    """Replace a person's roles; who becomes an officer is to be confirmed (again). Raises NotAllowed."""
    require(by, Permission.PERSON_CHANGE)
    found = _other(registry, by, person)
    _check_grant(by, roles)
    record = replace(found, roles=roles)
    if TWO_PERSON & (permissions_of(roles) - permissions_of(found.roles)):
        record = replace(record, enrolled_by=by.id, access_by=found.access_by | hands_of(by), confirmed_by=None)
    check_keeper_remains(registry, record)
    return (Change(kind=Kind.PEOPLE, id=person, record=record),)


def disable_person(registry: Registry, by: Person, *, person: str) -> tuple[Change, ...]:
    """End a person's access and, with it, their keys': calls are refused from the next one on. Raises NotAllowed.

    The record stays: the ledger names it.
    """
    require(by, Permission.PERSON_CHANGE)
    found = _other(registry, by, person)
    changes = leaving(registry, found.id)
    check_keeper_remains(registry, replace(found, is_active=False))
    return changes


def set_manager(registry: Registry, by: Person, *, person: str, manager: str | None) -> tuple[Change, ...]:
    """Say who reviews a person's access (`access_reviews`). Raises NotAllowed: it gives the manager nothing else."""
    require(by, Permission.PERSON_CHANGE)
    found = _other(registry, by, person)
    other = registry.people.get(manager) if manager is not None else None
    if manager is not None and (other is None or not other.is_active or manager == person):
        raise unknown("other active person to be the manager", "wardkeep user list")
    return (Change(kind=Kind.PEOPLE, id=person, record=replace(found, manager=manager)),)


def renew_credential(registry: Registry, by: Person, *, person: str, credential: NewCredential) -> tuple[Change, ...]:
    """Give a person a new credential; the old one is worthless at once. Raises NotAllowed.

    For oneself, or for somebody none of whose permissions one lacks: a new credential lets its maker act as them, so
    they are to be confirmed again. Renewing one's own leaves all that as it was: else it would launder a credential
    that another made.
    """
    found = registry.people.get(person)
    if person != by.id:
        require(by, Permission.PERSON_CHANGE)
        if found is None:
            raise unknown("person", "wardkeep user list")
        _check_grant(by, found.roles)
    if found is None or not found.is_active:
        raise unknown("active person", "wardkeep user list")
    record = replace(found, credential_mac=credential.mac)
    if person != by.id:
        record = replace(record, enrolled_by=by.id, access_by=hands_of(by), confirmed_by=None)
    return (Change(kind=Kind.PEOPLE, id=person, record=record),)


def create_key(
    registry: Registry,
    by: Person,
    *,
    credential: NewCredential,
    name: str,
    owner: str,
    workspace: str,
    models: frozenset[str],
    purposes: frozenset[Purpose],
    default_purpose: Purpose | None,
    expires_at: datetime | None,
    now: datetime,
    calls_per_minute: int = 6000,
    calls_at_once: int = 256,
    application: str | None = None,
    demands_certificate: bool = False,
) -> tuple[Change, ...]:
    """Record an application's key: its models and purposes are exactly those named. Raises NotAllowed."""
    require(by, Permission.KEY_CHANGE)
    _check_place(registry, workspace=clean_workspace(workspace, "workspace"), application=application)
    person = registry.people.get(owner)
    if person is None or not person.is_active:
        raise unknown("active person to own the key", "wardkeep user list")
    if not models or not models <= registry.routes.keys():
        raise invalid("list of models", "a list of one or more model names that `wardkeep route list` shows")
    if not purposes:
        raise invalid("list of purposes", f"one or more of {', '.join(purpose.value for purpose in Purpose)}")
    if default_purpose is not None and default_purpose not in purposes:
        raise invalid("default purpose", "one of the key's purposes")
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= now):
        raise invalid("expiry", "a time in the future, with its zone")
    if not (1 <= calls_per_minute <= _MOST_CALLS_A_MINUTE and 1 <= calls_at_once <= _MOST_CALLS_AT_ONCE):
        raise invalid("rate", f"1 to {_MOST_CALLS_A_MINUTE} calls a minute and 1 to {_MOST_CALLS_AT_ONCE} at once")
    if credential.id in registry.keys:
        raise taken("key", "Send the request again; a new key id is drawn.")
    record = ApiKey(
        id=credential.id,
        mac=credential.mac,
        name=clean_text(name, "key name", longest=80),
        owner=owner,
        workspace=workspace,
        models=models,
        purposes=purposes,
        default_purpose=default_purpose,
        expires_at=expires_at,
        calls_per_minute=calls_per_minute,
        calls_at_once=calls_at_once,
        application=application,
        demands_certificate=demands_certificate,
    )
    return (Change(kind=Kind.KEYS, id=credential.id, record=record),)


def rotate_key(
    registry: Registry,
    by: Person,
    *,
    key: str,
    credential: NewCredential,
    overlap_hours: int,
    expires_at: datetime | None,
    now: datetime,
) -> tuple[Change, ...]:
    """Make a successor with the same terms; the old key goes on for the overlap and no longer. Raises NotAllowed.

    A key that is leaked is revoked, not rotated: for that the overlap is 0, and it ends at once.
    """
    require(by, Permission.KEY_CHANGE)
    found = registry.keys.get(key)
    if found is None:
        raise unknown("key", "wardkeep key list")
    if found.is_revoked or (found.expires_at is not None and found.expires_at <= now):
        raise NotAllowed(
            "wrong_status",
            what="The key has ended.",
            why="What ended is not prolonged by a successor.",
            fix="Make a new key with `wardkeep key create`.",
            status=409,
        )
    if not 0 <= overlap_hours <= _LONGEST_OVERLAP_HOURS:
        raise invalid("overlap", f"0 to {_LONGEST_OVERLAP_HOURS} hours")
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= now):
        raise invalid("expiry", "a time in the future, with its zone")
    if credential.id in registry.keys:
        raise taken("key", "Send the request again; a new key id is drawn.")
    _check_place(registry, workspace=found.workspace, application=found.application)
    successor = replace(
        found,
        id=credential.id,
        mac=credential.mac,
        replaces=found.id,
        expires_at=expires_at if expires_at is not None else found.expires_at,
    )
    ends = now + timedelta(hours=overlap_hours)
    old = replace(found, expires_at=ends if found.expires_at is None else min(found.expires_at, ends))
    return (
        Change(kind=Kind.KEYS, id=successor.id, record=successor),
        Change(kind=Kind.KEYS, id=found.id, record=old),
    )


def revoke_key(registry: Registry, by: Person, *, key: str) -> tuple[Change, ...]:
    """Revoke a key for good, from the next call on. Raises NotAllowed."""
    require(by, Permission.KEY_CHANGE)
    found = registry.keys.get(key)
    if found is None:
        raise unknown("key", "wardkeep key list")
    if found.is_revoked:
        raise NotAllowed(
            "wrong_status",
            what="The key is already revoked.",
            why="A revoked key never works again.",
            fix="Make a new one with `wardkeep key create` if it is needed.",
            status=409,
        )
    return (Change(kind=Kind.KEYS, id=key, record=replace(found, is_revoked=True)),)


def check_may_act_for(by: Person, person: Person) -> None:
    """Return when none of the person's permissions is beyond `by`, who could come to act as them. Raises NotAllowed."""
    _check_grant(by, person.roles)


def _check_grant(by: Person, roles: frozenset[Role]) -> None:
    """Refuse to grant more than one holds: else whoever may enrol people could enrol themselves a stronger twin."""
    if not roles:
        raise invalid("list of roles", f"one or more of {', '.join(role.value for role in Role)}")
    apart = conflict(roles)
    if apart is not None:
        raise NotAllowed(
            "separation_of_duties",
            what=f"One person does not hold {' and '.join(sorted(apart))} together.",
            why="Who reviews activity would review themselves (45 CFR 164.308(a)(1)(ii)(D)).",
            fix="Give the roles to two people.",
        )
    lacking = permissions_of(roles) - permissions_of(by.roles)
    if lacking:
        raise NotAllowed(
            "grant_exceeds_own",
            what="These roles include permissions that the one who grants them does not hold.",
            why="Otherwise a person could enrol a stronger twin of themselves (45 CFR 164.308(a)(4)(ii)(B)).",
            fix=f"Ask somebody who holds {', '.join(sorted(permission.value for permission in lacking))}.",
        )


def _check_place(registry: Registry, *, workspace: str, application: str | None) -> None:
    """A key belongs to an open workspace, and to an active application of that workspace when one is named."""
    place = registry.workspaces.get(workspace)
    if place is None or not place.is_active:
        raise unknown("open workspace", "wardkeep workspace list")
    found = registry.applications.get(application) if application is not None else None
    if application is not None and (found is None or not found.is_active or found.workspace != workspace):
        raise unknown("active application in this workspace", "wardkeep application list")


def _other(registry: Registry, by: Person, person: str) -> Person:
    found = registry.people.get(person)
    if found is None or not found.is_active:
        raise unknown("active person", "wardkeep user list")
    if person == by.id:
        raise NotAllowed(
            "second_person_required",
            what="Nobody changes their own roles or access.",
            why="Access is authorised by somebody else (45 CFR 164.308(a)(3)(ii)(A)).",
            fix="Ask another administrator or the security officer.",
        )
    return found


def check_keeper_remains(registry: Registry, changed: Person) -> None:
    """Refuse to lock everybody out: somebody active must be able to enrol people. Raises NotAllowed."""
    after = {**registry.people, changed.id: changed}
    if not any(person.is_active and permit(person, Permission.PERSON_CHANGE) is None for person in after.values()):
        raise NotAllowed(
            "last_administrator",
            what="Nobody would be left who can enrol people.",
            why="The organisation would be locked out of its own control plane.",
            fix="Enrol another administrator or security officer first.",
            status=409,
        )
