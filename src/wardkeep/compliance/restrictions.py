"""What was granted to individuals: restrictions that bar the road, and other ways to be reached (45 CFR 164.522).

Pure, as `rights`. A restriction takes effect with its answer, from the next call on. Ending one opens a road, so it
takes another person than the one who agreed, and it ends only when the individual asked for that.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from wardkeep.compliance.custody import refusal
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.terms import invalid, require, unknown
from wardkeep.compliance.two_people import check_opener
from wardkeep.model.access import Purpose
from wardkeep.model.individuals import Channel, Ground, RequestKind, Restricted, Restriction, RestrictionEnd
from wardkeep.model.reasons import Reason
from wardkeep.model.registers import Outcome, RightsRequest
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

# 45 CFR 164.522(a)(1)(vi)(A): disclosure to a health plan for payment or operations.
_OWED: Final = frozenset({Purpose.HPAYMT, Purpose.HOPERAT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a granted restriction bars; `vendors` None is every vendor."""

    purposes: frozenset[Purpose]
    vendors: frozenset[str] | None = None
    bars_unnamed: bool = True


def granted(
    registry: Registry,
    by: Person,
    request: RightsRequest,
    *,
    outcome: Outcome,
    ground: Ground | None,
    terms: Terms | None,
    on: date,
) -> tuple[Change, ...]:
    """Return what an answer puts into effect.

    Raises:
        NotAllowed: a restriction that is owed is not granted whole, or its terms are missing or bar nothing.
    """
    kind = RequestKind(request.right)
    if kind is not RequestKind.RESTRICTION and terms is not None:
        raise invalid("terms", "given for a restriction alone")
    if kind is RequestKind.CONFIDENTIAL_COMMUNICATION and outcome is not Outcome.DENIED:
        channel = Channel(id=request.id, subject=request.subject, agreed_by=by.id, agreed_on=on, words=SEE_THIS_ENTRY)
        return (Change(kind=Kind.CHANNELS, id=channel.id, record=channel),)
    if kind is not RequestKind.RESTRICTION:
        return ()
    if request.is_paid_in_full and outcome is not Outcome.GRANTED and ground is not Ground.IDENTITY_NOT_VERIFIED:
        raise refusal(Reason.RIGHT_RESTRICTION_OWED)
    if outcome is Outcome.DENIED:
        if terms is not None:
            raise invalid("terms", "given when the restriction is granted")
        return ()
    return (_restrict(registry, by, request, terms, on),)


def end_restriction(
    registry: Registry, by: Person, *, individual: str, request: str, end: RestrictionEnd, on: date, today: date
) -> tuple[Change, ...]:
    """End a restriction: from the next call on it bars nothing.

    Raises:
        NotAllowed: there is none, one's own, a day that cannot be, or one that only the individual ends.
    """
    require(by, Permission.INCIDENT_CHANGE)
    held = registry.restrictions.get(individual)
    found = next((each for each in held.terms if each.id == request), None) if held is not None else None
    if held is None or found is None or not found.holds:
        raise unknown("restriction that stands", "wardkeep rights restrictions")
    if found.is_owed and end is RestrictionEnd.WE_INFORMED:
        raise refusal(Reason.RIGHT_RESTRICTION_OWED)
    if end is RestrictionEnd.WE_INFORMED:
        raise invalid(
            "end",
            "the individual's own wish: ours counts only for records made after it (45 CFR 164.522(a)(2)(iii)(B)), and "
            "no call tells when its records were made",
        )
    if not found.agreed_on <= on <= today:
        raise invalid("day", "from the day of the agreement to today")
    note = check_opener(registry, by, found.agreed_by, deed="agreed to the restriction")
    ended = replace(found, ended_on=on, ended_by=by.id, end=end)
    record = replace(held, terms=tuple(ended if each.id == request else each for each in held.terms))
    return (Change(kind=Kind.RESTRICTIONS, id=individual, record=record, note=note),)


def end_channel(registry: Registry, by: Person, *, request: str) -> tuple[Change, ...]:
    """End another way to be reached, at the individual's wish. Raises NotAllowed."""
    require(by, Permission.INCIDENT_CHANGE)
    found = registry.channels.get(request)
    if found is None or found.ended_by is not None:
        raise unknown("confidential communication that stands", "wardkeep rights channels")
    return (Change(kind=Kind.CHANNELS, id=request, record=replace(found, ended_by=by.id)),)


def individual_of(registry: Registry, request: str) -> str:
    """Return under which index the restriction of a request is kept. Raises NotAllowed."""
    found = registry.rights.get(request)
    if found is None or not found.individual:
        raise unknown("request", "wardkeep rights restrictions")
    return found.individual


def with_channels(registry: Registry, subjects: frozenset[str]) -> list[str]:
    """Return which of these subjects want to be written to another way (45 CFR 164.522(b))."""
    return sorted({each.subject for each in registry.channels.values() if each.ended_by is None} & subjects)


def _restrict(registry: Registry, by: Person, request: RightsRequest, terms: Terms | None, on: date) -> Change:
    if terms is None or not terms.purposes or terms.vendors == frozenset():
        raise invalid("terms", "the purposes that are barred, and the vendors unless all are")
    if Purpose.ETREAT in terms.purposes:
        raise invalid("purposes", "without ETREAT: emergency treatment may be given (45 CFR 164.522(a)(1)(iii))")
    if request.is_paid_in_full and not terms.purposes >= _OWED:
        raise refusal(Reason.RIGHT_RESTRICTION_OWED)
    for vendor in terms.vendors or ():
        if vendor not in registry.vendors:
            raise unknown("vendor", "wardkeep route list")
    if not request.individual:
        raise invalid("request", "taken with the handle that calls use: take it again")
    added = Restriction(
        id=request.id,
        purposes=terms.purposes,
        vendors=terms.vendors,
        bars_unnamed=terms.bars_unnamed,
        is_owed=request.is_paid_in_full,
        agreed_by=by.id,
        agreed_on=on,
        words=SEE_THIS_ENTRY,
    )
    held = registry.restrictions.get(request.individual)
    record = Restricted(
        id=request.individual,
        subject=request.subject,
        terms=(*(held.terms if held is not None else ()), added),
    )
    return Change(kind=Kind.RESTRICTIONS, id=record.id, record=record)


def restrictions_view(registry: Registry) -> list[dict[str, object]]:
    """Return every restriction, ended ones too."""
    return [
        {
            "id": each.id,
            "subject": held.subject,
            "purposes": sorted(each.purposes),
            "vendors": None if each.vendors is None else sorted(each.vendors),
            "bars_unnamed": each.bars_unnamed,
            "is_owed": each.is_owed,
            "agreed_by": each.agreed_by,
            "agreed_on": each.agreed_on.isoformat(),
            "ended_on": None if each.ended_on is None else each.ended_on.isoformat(),
            "ended_by": each.ended_by,
            "end": None if each.end is None else each.end.value,
            "holds": each.holds,
            "words": each.words,
        }
        for _, held in sorted(registry.restrictions.items())
        for each in held.terms
    ]


def channel_view(held: Channel) -> dict[str, object]:
    """Return a confidential communication as it is shown."""
    return {
        "id": held.id,
        "subject": held.subject,
        "agreed_by": held.agreed_by,
        "agreed_on": held.agreed_on.isoformat(),
        "ended_by": held.ended_by,
        "holds": held.ended_by is None,
        "words": held.words,
    }
