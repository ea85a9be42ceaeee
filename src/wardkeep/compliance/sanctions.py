"""Sanctions (45 CFR 164.308(a)(1)(ii)(C), 164.530(e)): proposed by one person, confirmed by another, facts sealed.

Pure, as `policies`. The record names the person, the policy and the level; what happened is the reason, sealed.
"""

from dataclasses import replace
from datetime import date
from typing import Final

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.policies import in_force
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.terms import clean_id, require, taken, unknown
from wardkeep.compliance.two_people import check_established, second_person
from wardkeep.model.programme import Sanction, SanctionLevel
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

_LIST: Final = "wardkeep sanction list"


def propose_sanction(
    registry: Registry, by: Person, *, sanction: str, person: str, policy: str, level: SanctionLevel, today: date
) -> tuple[Change, ...]:
    """Propose a sanction under a policy in force.

    Raises:
        NotAllowed: no permission, the id is taken, it concerns oneself, or there is no such person or policy.
    """
    require(by, Permission.CONTROL_DECIDE)
    check_established(by)
    if clean_id(sanction, "sanction id") in registry.sanctions:
        raise taken("sanction", "Choose another id; what was decided stands.")
    if person not in registry.people:
        raise unknown("person", "wardkeep user list")
    _not_oneself(by, person)
    if in_force(registry, policy) is None:
        raise unknown("policy in force", "wardkeep policies list")
    record = Sanction(
        id=sanction,
        person=person,
        policy=policy,
        level=level,
        on=today,
        proposed_by=by.id,
        proposed_under=by.access_by,
        words=SEE_THIS_ENTRY,
    )
    return (Change(kind=Kind.SANCTIONS, id=sanction, record=record),)


def confirm_sanction(registry: Registry, by: Person, *, sanction: str, level: SanctionLevel) -> tuple[Change, ...]:
    """Confirm a sanction, naming its level.

    Raises:
        NotAllowed: no permission, nothing or something else to confirm, it concerns oneself, or the two do not count.
    """
    require(by, Permission.CONTROL_DECIDE)
    found = registry.sanctions.get(sanction)
    if found is None:
        raise unknown("sanction", _LIST)
    _not_oneself(by, found.person)
    if found.confirmed_by is not None or found.level is not level:
        raise NotAllowed(
            "wrong_status",
            what="There is no such sanction to confirm.",
            why="It is confirmed, or of another level.",
            fix=f"`{_LIST}` shows where each stands.",
            status=409,
        )
    note = second_person(registry, by, found.proposed_by, under=found.proposed_under, deed="proposed the sanction")
    return (Change(kind=Kind.SANCTIONS, id=sanction, record=replace(found, confirmed_by=by.id), note=note),)


def sanction_view(sanction: Sanction) -> dict[str, object]:
    """Return a sanction as it is shown; `words` says where the facts are sealed."""
    return {
        "id": sanction.id,
        "person": sanction.person,
        "policy": sanction.policy,
        "level": sanction.level.value,
        "on": sanction.on.isoformat(),
        "proposed_by": sanction.proposed_by,
        "confirmed_by": sanction.confirmed_by,
        "words": sanction.words,
    }


def _not_oneself(by: Person, person: str) -> None:
    if by.id == person:
        raise NotAllowed(
            "second_person_required",
            what="Nobody decides on their own sanction.",
            why="A sanction that the person concerned decides is none (45 CFR 164.308(a)(1)(ii)(C)).",
            fix="Ask other officers.",
        )
