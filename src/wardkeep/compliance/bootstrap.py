"""The first control change of an instance: the organisation and its officers (DESIGN section 11: two people).

Pure apart from the randomness it is given. HIPAA wants a security official and a privacy official named
(45 CFR 164.308(a)(2), 164.530(a)(1)); two people are enrolled, or one with the single-officer risk accepted on record,
which every entry that would have needed two people then says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import ORGANISATION_ID, Change, Kind
from wardkeep.compliance.terms import clean_id, clean_text, invalid
from wardkeep.compliance.two_people import SINGLE_OFFICER_NOTE
from wardkeep.identity.keys import new_credential
from wardkeep.model.access import DataClass, Purpose, Role, Workspace
from wardkeep.model.registry import Organisation, Person
from wardkeep.model.sensitive import Secret
from wardkeep.policy.roles import Permission, permissions_of

# Together they can do everything and neither can open a road alone; see policy.roles.
FIRST_OFFICER: Final = frozenset({Role.PRIVACY_OFFICER, Role.ADMINISTRATOR})
SECOND_OFFICER: Final = frozenset({Role.SECURITY_OFFICER})
SINGLE_OFFICER: Final = FIRST_OFFICER | SECOND_OFFICER
FIRST_WORKSPACE: Final = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Officer:
    """Somebody to enrol at the start."""

    id: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """The first change, and the officers' credentials: shown once, kept nowhere."""

    changes: tuple[Change, ...]
    credentials: dict[str, Secret[str]]


def initialise(
    *,
    name: str,
    tenant: str,
    zone: str,
    officers: Sequence[Officer],
    is_single_officer_accepted: bool,
    mac_key: bytes,
    randomness: Callable[[int], bytes],
) -> Bootstrap:
    """Return the changes that make an instance of an empty registry.

    Raises:
        NotAllowed: a name or zone is not valid, or the officers do not satisfy the two-person rule.
    """
    _check_officers(officers, is_single_officer_accepted=is_single_officer_accepted)
    organisation = Organisation(
        name=clean_text(name, "organisation name"),
        tenant=tenant,
        zone=_checked_zone(zone),
        officers=tuple(officer.id for officer in officers),
        single_officer_accepted_by=officers[0].id if is_single_officer_accepted else None,
    )
    note = SINGLE_OFFICER_NOTE if is_single_officer_accepted else None
    changes = [Change(kind=Kind.ORGANISATION, id=ORGANISATION_ID, record=organisation, note=note)]
    credentials = {}
    for officer in officers:
        credential = new_credential("user", mac_key, randomness)
        person = Person(id=officer.id, roles=officer.roles, is_active=True, credential_mac=credential.mac)
        changes.append(Change(kind=Kind.PEOPLE, id=officer.id, record=person))
        credentials[officer.id] = credential.shown_once
    first = _first_workspace(organisation)
    changes.append(Change(kind=Kind.WORKSPACES, id=first.id, record=first))
    return Bootstrap(changes=tuple(changes), credentials=credentials)


def _first_workspace(organisation: Organisation) -> Workspace:
    """Return the workspace that keys go to when none is named: it bounds them by nothing but their own lists.

    What it does not require is declared here, visibly; `wardkeep workspace set` demands more (DESIGN section 11).
    """
    return Workspace(
        id=FIRST_WORKSPACE,
        name="Default",
        owner=organisation.officers[0],
        members=frozenset(organisation.officers),
        purposes=frozenset(Purpose),
        models=None,
        data_classes=frozenset({DataClass.ORDINARY}),
        requires=frozenset(),
        is_active=True,
    )


def _checked_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid("zone", "an IANA time zone such as America/New_York; agreements end at midnight there") from None
    return zone


def _check_officers(officers: Sequence[Officer], *, is_single_officer_accepted: bool) -> None:
    ids = [clean_id(officer.id, "officer id") for officer in officers]
    if len(set(ids)) != len(ids):
        raise invalid("list of officers", "different people; one id is there twice")
    if is_single_officer_accepted != (len(ids) == 1):
        raise NotAllowed(
            "second_person_required",
            what="Two officers are needed, or one with the risk accepted.",
            why="Opening a road for PHI takes two people; with one, that person alone can, and auditors will see it.",
            fix="Give --officer twice, or once together with --accept-single-officer.",
            status=400,
        )
    held = permissions_of(role for officer in officers for role in officer.roles)
    lacking = frozenset(Permission) - held
    if lacking:
        raise invalid(
            "choice of roles",
            f"such that the officers together hold every permission; {', '.join(sorted(lacking))} is missing",
        )
    if sum(Permission.AGREEMENT_ACTIVATE in permissions_of(officer.roles) for officer in officers) < min(2, len(ids)):
        raise invalid("choice of roles", "such that two officers can activate agreements")
