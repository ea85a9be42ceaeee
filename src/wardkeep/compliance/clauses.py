"""What an agreement must say (45 CFR 164.504(e)(2), 164.314(a)(2)), clause by clause, as people read the document.

Pure, as `acceptances`. One person notes where each clause stands in the signed document, another checks it. The list is
of that document's hash: a new document is read anew. Whether a clause says enough is people's judgement.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Final

from wardkeep.compliance.catalogue import Catalogue, Node
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import invalid, require, unknown
from wardkeep.compliance.two_people import check_established, second_person
from wardkeep.model.registers import Clause, ClauseList, ClauseStanding
from wardkeep.model.registry import Agreement, AgreementKind, Person, Registry
from wardkeep.policy.roles import Permission

# A place in a document, with no room for a sentence: it stands in records that reviewers see.
_PLACE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.()§ -]{0,39}")
# 164.504(e)(2)(i): what the associate may do is a clause as well, though the rule counts it otherwise.
_PERMITTED_USES: Final = "HPR-504-e2-i"
_LIST: Final = "wardkeep baa list"


def clause_ids(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the clauses that somebody confirmed in the catalogue, in the order of the rule."""
    return tuple(
        each.id
        for each in catalogue.controls.values()
        if (each.node is Node.CLAUSE or each.id == _PERMITTED_USES) and not each.is_unconfirmed
    )


def read_clauses(
    registry: Registry,
    by: Person,
    *,
    agreement: str,
    found: Mapping[str, tuple[ClauseStanding, str | None]],
    catalogue: Catalogue,
    today: date,
) -> tuple[Change, ...]:
    """Note how clauses stand in the document; what was checked before is to be checked again.

    Raises:
        NotAllowed: no permission, no such agreement or clause, or a clause that is there without its place.
    """
    require(by, Permission.AGREEMENT_ADD)
    check_established(by)
    held = _agreement(registry, agreement)
    if not found or not found.keys() <= set(clause_ids(catalogue)):
        raise unknown("clause", "wardkeep baa clauses")
    for standing, place in found.values():
        if (standing is ClauseStanding.PRESENT) != (place is not None) or (
            place is not None and _PLACE.fullmatch(place) is None
        ):
            raise invalid("place of a clause", "such as 4.2(b) where it is present, and left out where it is not")
    before = registry.clauses.get(agreement)
    kept = before.clauses if before is not None and before.document_sha256 == held.document_sha256 else {}
    noted = {
        name: Clause(standing=standing, place=place, by=by.id, on=today) for name, (standing, place) in found.items()
    }
    record = ClauseList(
        id=agreement,
        document_sha256=held.document_sha256,
        read_by=by.id,
        read_under=by.access_by,
        clauses={**kept, **noted},
    )
    return (Change(kind=Kind.CLAUSES, id=agreement, record=record),)


def check_clauses(
    registry: Registry, by: Person, *, agreement: str, catalogue: Catalogue, today: date
) -> tuple[Change, ...]:
    """Confirm that the list is what the document says: another person than whoever noted a clause of it.

    Raises:
        NotAllowed: no permission, a clause is not read yet, it is of another document, or the two do not count as two.
    """
    require(by, Permission.AGREEMENT_ACTIVATE)
    held = _agreement(registry, agreement)
    found = registry.clauses.get(agreement)
    left = unread(registry, held, catalogue)
    if found is None or left or found.checked_by is not None:
        raise NotAllowed(
            "wrong_status",
            what=f"There is no whole list to check: {len(left)} clauses are not read."
            if left
            else "The list was checked.",
            why="A list with gaps looks like one without.",
            fix="`wardkeep baa clauses` shows what is missing; note it with `wardkeep baa read`.",
            status=409,
        )
    note = second_person(registry, by, found.read_by, under=found.read_under, deed="read the clauses")
    if any(each.by == by.id for each in found.clauses.values()):
        raise NotAllowed(
            "second_person_required",
            what="You noted a clause of this list yourself.",
            why="Who checks has not written what they check.",
            fix="Ask an officer who noted none of it.",
        )
    record = replace(found, checked_by=by.id, checked_on=today)
    return (Change(kind=Kind.CLAUSES, id=agreement, record=record, note=note),)


def unread(registry: Registry, agreement: Agreement, catalogue: Catalogue) -> tuple[str, ...]:
    """Return the clauses that nobody read in the agreement's document."""
    found = registry.clauses.get(agreement.id)
    if found is None or found.document_sha256 != agreement.document_sha256:
        return clause_ids(catalogue)
    return tuple(name for name in clause_ids(catalogue) if name not in found.clauses)


def stands(registry: Registry, agreement: Agreement, clause: str) -> bool:
    """Whether a clause is in the agreement's document, or not needed there, and another person checked it."""
    found = registry.clauses.get(agreement.id)
    if found is None or found.checked_by is None or found.document_sha256 != agreement.document_sha256:
        return False
    noted = found.clauses.get(clause)
    return noted is not None and noted.standing is not ClauseStanding.ABSENT


def clauses_view(registry: Registry, agreement: str, catalogue: Catalogue) -> dict[str, object]:
    """Return every clause of an agreement, or that nobody read it. Raises NotAllowed: there is no such agreement."""
    held = _agreement(registry, agreement)
    found = registry.clauses.get(agreement)
    is_same = found is not None and found.document_sha256 == held.document_sha256
    noted = found.clauses if found is not None and is_same else {}
    return {
        "agreement": agreement,
        "document_sha256": held.document_sha256,
        "checked_by": found.checked_by if found is not None and is_same else None,
        "clauses": [
            {
                "id": name,
                "citation": catalogue.controls[name].citation,
                "title": catalogue.controls[name].title,
                "standing": None if (each := noted.get(name)) is None else each.standing.value,
                "place": None if each is None else each.place,
                "read_by": None if each is None else each.by,
            }
            for name in clause_ids(catalogue)
        ],
    }


def _agreement(registry: Registry, agreement: str) -> Agreement:
    held = registry.agreements.get(agreement)
    if held is None or held.kind is not AgreementKind.BAA:
        raise unknown("business associate agreement", _LIST)
    return held
