"""The register of uses of AI: who answers for it, for what, who reads the answers, whether patients meet it.

Pure, as `policies`. A use is proposed by one person and approved by another, and reviewed within a year. Messages to
patients that nobody reads before carry a notice (California Health and Safety Code 1339.75 asks for it; the row of the
catalogue is unconfirmed). A route that no approved use names is a difference.
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import Final

import msgspec

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.terms import clean_id, invalid, require, unknown
from wardkeep.compliance.two_people import check_established, second_person
from wardkeep.model.access import Purpose
from wardkeep.model.registers import HumanReview, UseCase
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

LONGEST: Final = timedelta(days=366)
_LIST: Final = "wardkeep use list"


def propose_use(
    registry: Registry, by: Person, *, use: str, owner: str, routes: frozenset[str], purposes: frozenset[Purpose],
    human_review: HumanReview, is_patient_facing: bool, tells_patients: bool, model_card_sha256: str | None,
    review_on: date, today: date,
) -> tuple[Change, ...]:  # fmt: skip
    """Propose a use, or propose it anew: it counts again once another person approved it.

    Raises:
        NotAllowed: no permission, no such owner or route, or patients meet unread answers without being told.
    """
    require(by, Permission.CONTROL_DECIDE)
    check_established(by)
    clean_id(use, "id of the use")
    if (person := registry.people.get(owner)) is None or not person.is_active:
        raise unknown("active person to own it", "wardkeep user list")
    if not routes or not routes <= registry.routes.keys():
        raise unknown("route", "wardkeep route list")
    if not purposes:
        raise invalid("list of purposes", "one or more")
    if model_card_sha256 is not None and len(model_card_sha256) != 64:
        raise invalid("hash of the model card", "64 hexadecimal digits (sha256)")
    if is_patient_facing and human_review is not HumanReview.EVERY_ANSWER and not tells_patients:
        raise NotAllowed(
            "value_invalid",
            what="Patients would meet answers that no person read, and not be told.",
            why="Several States ask for a notice and a way to reach a person.",
            fix="Let a person read every answer, or add the notice and say so with `--tells-patients`.",
            status=400,
        )
    if not today < review_on <= today + LONGEST:
        raise invalid("day of review", "later than today, a year away at the most")
    record = UseCase(
        id=use,
        owner=owner,
        routes=routes,
        purposes=purposes,
        human_review=human_review,
        is_patient_facing=is_patient_facing,
        tells_patients=tells_patients,
        model_card_sha256=model_card_sha256,
        review_on=review_on,
        proposed_by=by.id,
        proposed_under=by.access_by,
        words=SEE_THIS_ENTRY,
    )
    return (Change(kind=Kind.USES, id=use, record=record),)


def approve_use(registry: Registry, by: Person, *, use: str) -> tuple[Change, ...]:
    """Approve a use: another person than the one who proposed it. Raises NotAllowed."""
    require(by, Permission.CONTROL_DECIDE)
    found = registry.uses.get(use)
    if found is None or found.approved_by is not None:
        raise unknown("use that waits for approval", _LIST)
    note = second_person(registry, by, found.proposed_by, under=found.proposed_under, deed="proposed the use")
    return (Change(kind=Kind.USES, id=use, record=replace(found, approved_by=by.id), note=note),)


def end_use(registry: Registry, by: Person, *, use: str) -> tuple[Change, ...]:
    """End a use; its routes are outside the register from now on. Raises NotAllowed."""
    require(by, Permission.CONTROL_DECIDE)
    if use not in registry.uses:
        raise unknown("use", _LIST)
    return (Change(kind=Kind.USES, id=use, record=None),)


def routes_outside(registry: Registry) -> tuple[str, ...]:
    """Return the routes that no approved use names."""
    named = {route for each in registry.uses.values() if each.approved_by is not None for route in each.routes}
    return tuple(sorted(registry.routes.keys() - named))


def use_view(use: UseCase, today: date) -> dict[str, object]:
    """Return a use as it is shown."""
    plain: dict[str, object] = msgspec.to_builtins(use, order="deterministic")
    del plain["proposed_under"]
    return {**plain, "holds": use.holds(today)}
