"""Two people really are two (45 CFR 164.308(a)(3)-(4), 164.312(d); DESIGN section 11).

Opening a road for PHI takes two people. One person could play both: enrol a twin, give a peer a new credential and keep
it, make an officer of a puppet, or let one of these do so. So a person counts for opening roads only once established:
named when the instance was made, or vouched for since by an officer who had no hand in their access.

`Person.access_by` names every hand that access came through, those who gave the givers theirs included, as things were
when it was given. It outlives what is done to the givers later, so that it cannot be washed off. Two people of whom one
had a hand in the other's access never count as two. A credential that people renew for themselves changes nothing: it
shows only that they held the old one.

What remains: an officer who vouches for twins of the same person, more than once. Whoever controls the host and the
root key stands above these rules (`recover_officer`); what they do is on record and shown.
"""

from dataclasses import replace
from enum import StrEnum
from typing import Final

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import require, unknown
from wardkeep.identity.keys import NewCredential
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import TWO_PERSON, Permission, permissions_of

# The ledger's name for whoever runs commands on the host. No person's id holds a colon.
HOST: Final = "host:operator"
SINGLE_OFFICER_NOTE: Final = "single_officer_acceptance"
HOST_RECOVERY_NOTE: Final = "host_recovery"

_LIST: Final = "wardkeep user list"


class Confirmation(StrEnum):
    """Whether a person counts as one of two, and since when. Values are shown and never renamed."""

    NOT_NEEDED = "not_needed"
    NAMED_AT_INIT = "named_at_init"
    CONFIRMED = "confirmed"
    AWAITED = "awaited"
    RECOVERED_BY_HOST = "recovered_by_host"


def confirmation(person: Person) -> Confirmation:
    """Return where a person stands; only those whose roles open roads need to be confirmed."""
    if not is_officer(person):
        return Confirmation.NOT_NEEDED
    if person.enrolled_by is None:
        return Confirmation.NAMED_AT_INIT
    if person.confirmed_by is None:
        return Confirmation.AWAITED
    return Confirmation.RECOVERED_BY_HOST if person.confirmed_by == HOST else Confirmation.CONFIRMED


def is_officer(person: Person) -> bool:
    """Whether a role of the person includes what takes two people."""
    return not TWO_PERSON.isdisjoint(permissions_of(person.roles))


def is_established(person: Person) -> bool:
    """Whether the person was named at `init`, or vouched for since they were last given access."""
    return person.enrolled_by is None or person.confirmed_by is not None


def hands_of(giver: Person) -> frozenset[str]:
    """Return through whose hands access goes that this person gives."""
    return giver.access_by | {giver.id}


def second_person(registry: Registry, by: Person, first: str, *, under: frozenset[str], deed: str) -> str | None:
    """Return the note for the entry when `by` and `first` surely are two people.

    `under` is the first person's `access_by` when they acted. The one who accepted on record to be the only officer
    passes as well, and the note says so.

    Raises:
        NotAllowed: one of them is not established, they are the same, or one had a hand in the other's access.
    """
    check_established(by)
    other = _another(registry, by, first, under, deed)
    if isinstance(other, NotAllowed):
        return _note_of_single_officer(registry, by, other)
    if is_established(other):
        return None
    unconfirmed = NotAllowed(
        "confirmation_required",
        what=f"The person who {deed} has not been confirmed by another officer.",
        why="Until then whoever gave them their access could have acted in their name.",
        fix=f"Have `wardkeep user confirm {other.id}` run by an officer who had no hand in their access.",
    )
    return _note_of_single_officer(registry, by, unconfirmed)


def check_opener(registry: Registry, by: Person, closer: str | None, *, deed: str) -> str | None:
    """Return the note when `by` may open again what `closer` closed.

    Closing needs no trust, so the closer need not be established: else a suspension by somebody who left unconfirmed
    could never be lifted.

    Raises:
        NotAllowed: `by` is not established, is the closer or unknown to be another, or one had a hand in the other's
            access.
    """
    check_established(by)
    other = _another(registry, by, closer, frozenset(), deed)
    return _note_of_single_officer(registry, by, other) if isinstance(other, NotAllowed) else None


def check_established(by: Person) -> None:
    """Return when the person counts for acts that take two. Raises NotAllowed."""
    if is_established(by):
        return
    raise NotAllowed(
        "confirmation_required",
        what="Your access was given to you by one person and not confirmed by another officer yet.",
        why="Whoever gave it could act in your name, so it does not count yet for what takes two people.",
        fix=f"Have `wardkeep user confirm {by.id}` run by an officer who had no hand in it; where there is none, "
        f"the host's operator runs `wardkeep recover --officer {by.id}`.",
    )


def confirm_person(registry: Registry, by: Person, *, person: str) -> tuple[Change, ...]:
    """Vouch for a person: they are who they say, and they alone hold their credential.

    Raises:
        NotAllowed: `by` is no established officer, is the person, had a hand in their access or shares one with them;
            or there is nothing to confirm.
    """
    require(by, Permission.AGREEMENT_ACTIVATE)
    found = registry.people.get(person)
    if found is None or not found.is_active:
        raise unknown("active person", _LIST)
    if found.id == by.id:
        raise NotAllowed(
            "second_person_required",
            what="Nobody confirms themselves.",
            why="Only somebody else can vouch that a credential is in the right hands (45 CFR 164.312(d)).",
            fix="Ask another officer.",
        )
    if confirmation(found) not in {Confirmation.AWAITED, Confirmation.RECOVERED_BY_HOST}:
        raise NotAllowed(
            "wrong_status",
            what="There is nothing to confirm about this person.",
            why="Only those whose roles open roads are confirmed, once for each time they are given access.",
            fix=f"`{_LIST}` shows who awaits it.",
            status=409,
        )
    check_established(by)
    note = None
    if not hands_of(by).isdisjoint(found.access_by):
        note = _note_of_single_officer(
            registry,
            by,
            NotAllowed(
                "second_person_required",
                what="You had a hand in this person's access, or somebody who had one in yours did.",
                why="Whoever hands over a credential could have kept it, and would vouch for themselves.",
                fix="Ask an officer who had no hand in it, nor has theirs from the same people. Where there is none, "
                f"the host's operator runs `wardkeep recover --officer {found.id}`.",
            ),
        )
    return (Change(kind=Kind.PEOPLE, id=person, record=replace(found, confirmed_by=by.id), note=note),)


def recover_officer(registry: Registry, *, officer: str, credential: NewCredential) -> tuple[Change, ...]:
    """Give an officer a new credential on the host's authority, when no rule lets a person do it.

    Another established officer then confirms them as anybody else. Only where there is none left does the recovery
    stand by itself; it stays visible until a person confirms it.

    Raises:
        NotAllowed: there is no such active officer.
    """
    found = registry.people.get(officer)
    if found is None or not found.is_active or not is_officer(found):
        raise unknown("active officer", _LIST)
    record = replace(
        found,
        credential_mac=credential.mac,
        enrolled_by=HOST,
        access_by=frozenset(),
        confirmed_by=None if can_be_confirmed(registry, officer) else HOST,
    )
    return (Change(kind=Kind.PEOPLE, id=officer, record=record, note=HOST_RECOVERY_NOTE),)


def can_be_confirmed(registry: Registry, person: str) -> bool:
    """Whether another officer is there who counts, and has a credential to say so with."""
    return any(
        each.id != person
        and each.is_active
        and each.credential_mac is not None
        and is_officer(each)
        and is_established(each)
        for each in registry.people.values()
    )


def _another(
    registry: Registry, by: Person, first: str | None, under: frozenset[str], deed: str
) -> Person | NotAllowed:
    """Return the first person when `by` surely is another; one who is unknown could be the same, so counts as that."""
    other = registry.people.get(first) if first is not None else None
    if other is None or other.id == by.id:
        return NotAllowed(
            "second_person_required",
            what=f"This needs another person than the one who {deed}.",
            why="Opening a road for PHI takes two people, so that one mistake or one stolen credential cannot.",
            fix="Ask another officer to do it with their own credential (`--as ID`).",
        )
    # Where their access was renewed since, who vouches for it now says nothing of who acted then.
    is_other_now = under != other.access_by and not under.isdisjoint(by.access_by)
    if by.id in other.access_by | under or other.id in by.access_by or is_other_now:
        return NotAllowed(
            "second_person_required",
            what=f"You and the person who {deed} do not count as two: one had a hand in the other's access.",
            why="Whoever hands over a credential could have kept it, and would then be both.",
            fix="Ask an officer who neither had a hand in that person's access nor was given theirs by them.",
        )
    return other


def _note_of_single_officer(registry: Registry, by: Person, refusal: NotAllowed) -> str:
    """Return the note when this person accepted on record to be the only officer. Raises the refusal otherwise."""
    organisation = registry.organisation
    if organisation is not None and organisation.single_officer_accepted_by == by.id:
        return SINGLE_OFFICER_NOTE
    raise refusal
