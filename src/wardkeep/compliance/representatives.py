"""Who is treated as the individual, and where a minor decides alone (45 CFR 164.502(g), 164.514(h)).

Pure, as `rights`. A representative opens records to somebody else, so one person records and another confirms what
shows their authority. That a minor decides alone closes, so one person records it; another ends it.
"""

import re
from dataclasses import replace
from datetime import date
from typing import Final

from wardkeep.compliance.custody import refusal
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.terms import clean_id, clean_text, invalid, require, taken, unknown
from wardkeep.compliance.two_people import check_established, check_opener, second_person
from wardkeep.model.individuals import Capacity, Ground, MinorBasis, MinorCare, Representative, RequestKind
from wardkeep.model.reasons import Reason
from wardkeep.model.registers import Outcome, RightsRequest
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LIST: Final = "wardkeep rights representatives"
# What opens records to whoever asks; who complains or wants another address needs no authority over all records.
_OF_RECORDS: Final = frozenset({RequestKind.ACCESS, RequestKind.ACCOUNTING})


def record_representative(
    registry: Registry,
    by: Person,
    *,
    representative: str,
    subject: str,
    capacity: Capacity,
    document_sha256: str,
    until: date | None,
    today: date,
) -> tuple[Change, ...]:
    """Record who acts for an individual and what shows it; it counts once another person confirmed it.

    Raises:
        NotAllowed: the id is taken, the hash is none, or a parent's or guardian's last day is not named or has passed.
    """
    require(by, Permission.INCIDENT_CHANGE)
    check_established(by)
    if clean_id(representative, "representative id") in registry.representatives:
        raise taken("representative", "Choose another id.")
    if _SHA256.fullmatch(document_sha256) is None:
        raise invalid("document hash", "the SHA-256 of what shows the authority, 64 hexadecimal digits in lower case")
    if until is None and capacity is not Capacity.EXECUTOR:
        raise invalid("last day", "named: the last one before the minor is of age, or on which a guardian is appointed")
    if until is not None and until < today:
        raise invalid("last day", "today or later")
    record = Representative(
        id=representative,
        subject=subject,
        capacity=capacity,
        document_sha256=document_sha256,
        until=until,
        recorded_by=by.id,
        recorded_under=by.access_by,
        words=SEE_THIS_ENTRY,
    )
    return (Change(kind=Kind.REPRESENTATIVES, id=representative, record=record),)


def confirm_representative(registry: Registry, by: Person, *, representative: str) -> tuple[Change, ...]:
    """Confirm that the authority was verified (45 CFR 164.514(h)(1)). Raises NotAllowed."""
    require(by, Permission.INCIDENT_CHANGE)
    found = _standing(registry, representative)
    if found.confirmed_by is not None:
        raise invalid("representative", "one that nobody confirmed yet")
    note = second_person(
        registry, by, found.recorded_by, under=found.recorded_under, deed="recorded the representative"
    )
    record = replace(found, confirmed_by=by.id)
    return (Change(kind=Kind.REPRESENTATIVES, id=representative, record=record, note=note),)


def end_representative(registry: Registry, by: Person, *, representative: str) -> tuple[Change, ...]:
    """End it from now on, as when abuse is to be feared (45 CFR 164.502(g)(5)). Raises NotAllowed."""
    require(by, Permission.INCIDENT_CHANGE)
    record = replace(_standing(registry, representative), ended_by=by.id)
    return (Change(kind=Kind.REPRESENTATIVES, id=representative, record=record),)


def record_minor_care(
    registry: Registry,
    by: Person,
    *,
    care: str,
    subject: str,
    basis: MinorBasis,
    citation: str,
    until: date,
    today: date,
) -> tuple[Change, ...]:
    """Record that a minor decides alone about some care; which care is the reason, sealed. Raises NotAllowed."""
    require(by, Permission.INCIDENT_CHANGE)
    if clean_id(care, "id") in registry.minor_care:
        raise taken("record of a minor's care", "Choose another id.")
    if until < today:
        raise invalid("last day", "today or later: the last one before the minor is of age")
    record = MinorCare(
        id=care,
        subject=subject,
        basis=basis,
        citation=clean_text(citation, "citation"),
        until=until,
        recorded_by=by.id,
        words=SEE_THIS_ENTRY,
    )
    return (Change(kind=Kind.MINOR_CARE, id=care, record=record),)


def end_minor_care(registry: Registry, by: Person, *, care: str) -> tuple[Change, ...]:
    """End it, as another person than the one who recorded it: it opens records to others. Raises NotAllowed."""
    require(by, Permission.INCIDENT_CHANGE)
    found = registry.minor_care.get(care)
    if found is None or found.ended_by is not None:
        raise unknown("minor's care that stands", "wardkeep rights minors")
    note = check_opener(registry, by, found.recorded_by, deed="recorded the minor's care")
    return (Change(kind=Kind.MINOR_CARE, id=care, record=replace(found, ended_by=by.id), note=note),)


def represented(registry: Registry, representative: str, subject: str, today: date) -> Representative:
    """Return who is treated as this individual today. Raises NotAllowed: nobody is, under this id."""
    found = registry.representatives.get(representative)
    if found is None or found.subject != subject or not found.holds(today):
        raise refusal(Reason.RIGHT_NOT_REPRESENTED)
    return found


def check_answerable(
    registry: Registry, request: RightsRequest, outcome: Outcome, ground: Ground | None, today: date
) -> None:
    """Return when who asked may be given that answer today.

    Raises:
        NotAllowed: they represent the individual no more, or a parent or guardian would be granted what the minor
            decides about.
    """
    if request.through is None or RequestKind(request.right) not in _OF_RECORDS:
        return
    if outcome is Outcome.DENIED:
        return
    found = represented(registry, request.through, request.subject, today)
    # 45 CFR 164.502(g)(3)(i) says "a parent, guardian, or other person acting in loco parentis".
    if found.capacity is Capacity.EXECUTOR or ground is Ground.MINOR_CONSENTED:
        return
    if any(each.subject == request.subject and each.holds(today) for each in registry.minor_care.values()):
        raise refusal(Reason.RIGHT_MINOR_DECIDES)


def _standing(registry: Registry, representative: str) -> Representative:
    found = registry.representatives.get(representative)
    if found is None or found.ended_by is not None:
        raise unknown("representative that stands", _LIST)
    return found


def representative_view(held: Representative, today: date) -> dict[str, object]:
    """Return a representative as it is shown."""
    return {
        "id": held.id,
        "subject": held.subject,
        "capacity": held.capacity.value,
        "document_sha256": held.document_sha256,
        "until": None if held.until is None else held.until.isoformat(),
        "recorded_by": held.recorded_by,
        "confirmed_by": held.confirmed_by,
        "ended_by": held.ended_by,
        "holds": held.holds(today),
        "words": held.words,
    }


def minor_care_view(held: MinorCare, today: date) -> dict[str, object]:
    """Return a minor's care as it is shown."""
    return {
        "id": held.id,
        "subject": held.subject,
        "basis": held.basis.value,
        "citation": held.citation,
        "until": held.until.isoformat(),
        "recorded_by": held.recorded_by,
        "ended_by": held.ended_by,
        "holds": held.holds(today),
        "words": held.words,
    }
