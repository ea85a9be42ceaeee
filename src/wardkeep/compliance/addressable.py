"""The register of decisions on the 22 addressable specifications (45 CFR 164.306(d)(3)).

Pure, as `acceptances`: one person decides and says why, another approves, and it lasts a year at the most. A new
decision takes the place of the old one and starts unapproved; the old one stays in the ledger. Whether the reason is a
good one is not judged here.
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from wardkeep.compliance.catalogue import Catalogue, Designation
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.terms import invalid, require, unknown
from wardkeep.compliance.two_people import check_established, second_person
from wardkeep.model.decision import AddressableDecision, Decision
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

LONGEST_VALIDITY: Final = timedelta(days=366)
_LIST: Final = "wardkeep evidence decisions"


def addressable_ids(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the controls that need a decision, in the order of the rule."""
    return tuple(each.id for each in catalogue.controls.values() if each.designation is Designation.ADDRESSABLE)


def decide_addressable(
    registry: Registry,  # noqa: ARG001 - every plan is asked with the registry
    by: Person,
    *,
    control: str,
    decision: Decision,
    until: date,
    today: date,
    catalogue: Catalogue,
) -> tuple[Change, ...]:
    """Record a decision; it counts once another person approved it.

    Raises:
        NotAllowed: no permission, no such addressable specification, or a last day that cannot be.
    """
    require(by, Permission.CONTROL_DECIDE)
    check_established(by)
    if control not in addressable_ids(catalogue):
        raise unknown("addressable specification", _LIST)
    if not today <= until <= today + LONGEST_VALIDITY:
        raise invalid("last day of the decision", "from today to a year from today")
    record = AddressableDecision(
        id=control,
        decision=decision,
        decided_by=by.id,
        decided_under=by.access_by,
        decided_on=today,
        until=until,
        reason=SEE_THIS_ENTRY,
    )
    return (Change(kind=Kind.DECISIONS, id=control, record=record),)


def approve_addressable(
    registry: Registry, by: Person, *, control: str, decision: Decision, today: date
) -> tuple[Change, ...]:
    """Approve a decision: another person than the one who made it, naming what they approve.

    Raises:
        NotAllowed: no permission, nothing or something else to approve, or the two do not count as two.
    """
    require(by, Permission.CONTROL_DECIDE)
    found = registry.decisions.get(control)
    if found is None:
        raise unknown("decision", _LIST)
    if found.approved_by is not None or found.decision is not decision or found.until < today:
        raise NotAllowed(
            "wrong_status",
            what="There is no such decision to approve.",
            why="It is approved, is another one, or its last day has passed.",
            fix=f"`{_LIST}` shows where each stands; make a new one with `wardkeep evidence decide`.",
            status=409,
        )
    note = second_person(registry, by, found.decided_by, under=found.decided_under, deed="made the decision")
    return (Change(kind=Kind.DECISIONS, id=control, record=replace(found, approved_by=by.id), note=note),)


def register_view(registry: Registry, catalogue: Catalogue, today: date) -> list[dict[str, object]]:
    """Return every addressable specification with its decision, or that there is none."""
    rows: list[dict[str, object]] = []
    for name in addressable_ids(catalogue):
        control, found = catalogue.controls[name], registry.decisions.get(name)
        rows.append(
            {
                "id": name,
                "citation": control.citation,
                "title": control.title,
                "decision": None if found is None else found.decision.value,
                "decided_by": None if found is None else found.decided_by,
                "decided_on": None if found is None else found.decided_on.isoformat(),
                "approved_by": None if found is None else found.approved_by,
                "until": None if found is None else found.until.isoformat(),
                "words": None if found is None else found.reason,
                "holds": found is not None and found.holds(today),
            }
        )
    return rows
