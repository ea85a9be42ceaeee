"""Risk acceptances: a vendor that keeps data under the BAA is used only while two people say so (45 CFR 164.308(a)(1)).

Pure, as `vendors`. One person records, another activates, anybody with the permission to suspend withdraws at once. An
acceptance names the agreement, the most days and its own last day, a year away at the most: what was accepted once is
looked at again. The words are sealed in the entry; auditors see the record.
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.terms import clean_id, clean_reason, invalid, require, taken, unknown
from wardkeep.compliance.two_people import second_person
from wardkeep.model.registry import Person, Registry, RiskAcceptance
from wardkeep.policy.roles import Permission

LONGEST_DAYS_KEPT: Final = 3650
LONGEST_VALIDITY: Final = timedelta(days=366)
_LIST: Final = "wardkeep baa risk list"


def add_acceptance(
    registry: Registry, by: Person, *, acceptance: str, agreement: str, days: int, until: date, reason: str, today: date
) -> tuple[Change, ...]:
    """Record a risk acceptance; it opens nothing before another person activates it.

    Raises:
        NotAllowed: no permission, no such agreement, or a term that cannot be.
    """
    require(by, Permission.AGREEMENT_ADD)
    clean_reason(reason)
    if clean_id(acceptance, "acceptance id") in registry.acceptances:
        raise taken("risk acceptance", "Record the renewal under a new id; the old record stays as evidence.")
    if agreement not in registry.agreements:
        raise unknown("agreement", "wardkeep baa list")
    if not 1 <= days <= LONGEST_DAYS_KEPT:
        raise invalid("number of days kept", f"from 1 to {LONGEST_DAYS_KEPT}")
    _check_until(until, today)
    record = RiskAcceptance(
        id=acceptance,
        agreement=agreement,
        days=days,
        until=until,
        added_by=by.id,
        added_under=by.access_by,
        reason=SEE_THIS_ENTRY,
    )
    return (Change(kind=Kind.ACCEPTANCES, id=acceptance, record=record),)


def activate_acceptance(registry: Registry, by: Person, *, acceptance: str, today: date) -> tuple[Change, ...]:
    """Let an acceptance hold: another person than the one who recorded it. Raises NotAllowed."""
    require(by, Permission.AGREEMENT_ACTIVATE)
    found = _acceptance(registry, acceptance)
    if found.activated_by is not None or found.withdrawn_by is not None:
        raise _settled()
    _check_until(found.until, today)
    note = second_person(registry, by, found.added_by, under=found.added_under, deed="recorded the risk acceptance")
    return (Change(kind=Kind.ACCEPTANCES, id=acceptance, record=replace(found, activated_by=by.id), note=note),)


def withdraw_acceptance(registry: Registry, by: Person, *, acceptance: str, reason: str) -> tuple[Change, ...]:
    """Take an acceptance back: what it held open closes from the next call on. Raises NotAllowed."""
    require(by, Permission.AGREEMENT_SUSPEND)
    clean_reason(reason)
    found = _acceptance(registry, acceptance)
    if found.withdrawn_by is not None:
        raise _settled()
    return (Change(kind=Kind.ACCEPTANCES, id=acceptance, record=replace(found, withdrawn_by=by.id)),)


def _check_until(until: date, today: date) -> None:
    if not today <= until <= today + LONGEST_VALIDITY:
        raise invalid("last day of the acceptance", "from today to a year from today")


def _acceptance(registry: Registry, acceptance: str) -> RiskAcceptance:
    found = registry.acceptances.get(acceptance)
    if found is None:
        raise unknown("risk acceptance", _LIST)
    return found


def _settled() -> NotAllowed:
    return NotAllowed(
        "wrong_status",
        what="The risk acceptance is already activated or withdrawn.",
        why="Each step is taken once; a new risk is a new record.",
        fix=f"`{_LIST}` shows where each stands; record a new one with `wardkeep baa risk add`.",
        status=409,
    )
