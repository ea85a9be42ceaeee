"""What ends when a person leaves: everything at once, in one entry (45 CFR 164.308(a)(3)(ii)(C)).

The record stays, because the ledger names it. Sessions end with it: a page asks whether its person is active.
"""

from dataclasses import replace

from wardkeep.compliance.records import Change, Kind
from wardkeep.model.certificate import HolderKind, holder_name
from wardkeep.model.registry import Registry


def leaving(registry: Registry, person: str) -> tuple[Change, ...]:
    """Return the changes that end a person's access: credential, links, sign-in, certificates, keys, places, teams.

    A key without its owner is refused anyway; revoked, it stays so when somebody of this name ever comes back.
    """
    record = replace(registry.people[person], is_active=False, credential_mac=None, links=frozenset())
    changes = [Change(kind=Kind.PEOPLE, id=person, record=record)]
    if person in registry.logins:
        changes.append(Change(kind=Kind.LOGINS, id=person, record=None))
    theirs = holder_name(HolderKind.PERSON, person)
    changes += [
        Change(kind=Kind.CERTIFICATES, id=name, record=replace(each, is_revoked=True))
        for name, each in sorted(registry.certificates.items())
        if each.holder == theirs and not each.is_revoked
    ]
    if person in registry.offline_codes:
        changes.append(Change(kind=Kind.OFFLINE_CODES, id=person, record=None))
    changes += [
        Change(kind=Kind.KEYS, id=name, record=replace(key, is_revoked=True))
        for name, key in sorted(registry.keys.items())
        if key.owner == person and not key.is_revoked
    ]
    changes += [
        Change(kind=Kind.WORKSPACES, id=name, record=replace(place, members=place.members - {person}))
        for name, place in sorted(registry.workspaces.items())
        if person in place.members
    ]
    for tag, team in sorted(registry.care_teams.items()):
        if person in team.members or person in team.psychotherapy_authorized:
            left = replace(
                team,
                members={name: kinds for name, kinds in team.members.items() if name != person},
                psychotherapy_authorized=team.psychotherapy_authorized - {person},
            )
            changes.append(Change(kind=Kind.CARE_TEAMS, id=tag, record=left))
    return tuple(changes)
