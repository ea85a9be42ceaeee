"""What must be kept, and what two people may destroy (45 CFR 164.310(d)(2)(i), 164.316(b)(2)(i), 164.526, 164.528).

Pure, as `incidents`. HIPAA gives nobody a right to erasure, so destroying is the organisation's own decision: refused
inside retention, under a hold, while an incident that may touch the subject, a rights request or a legal process is
open, and whenever one of these is not known. Whoever releases a hold is another than who placed it.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import Change, Kind
from wardkeep.compliance.terms import clean_id, clean_text, invalid, require, taken, unknown
from wardkeep.compliance.two_people import check_established, check_opener, second_person
from wardkeep.model.custody import Hold, HoldCause, Shred
from wardkeep.model.reasons import EXPLANATIONS, Reason
from wardkeep.model.registry import Person, Registry
from wardkeep.model.retention import LEAST_YEARS, RecordClass, RetentionRule, kept_until, last_day_of
from wardkeep.policy.roles import Permission

MOST_YEARS: Final = 100
_REASON_OF: Final = {
    HoldCause.LITIGATION: Reason.SHRED_UNDER_HOLD,
    HoldCause.LEGAL_PROCESS: Reason.SHRED_LEGAL_PROCESS,
    HoldCause.RIGHTS_REQUEST: Reason.SHRED_RIGHTS_REQUEST,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of a subject when its destruction is asked for.

    `newest_period` is the newest month of its keys, None when it has none. `incidents` were open and looked at;
    `touching` are those of them that touch the subject, or may.
    """

    subject: str
    newest_period: int | None
    incidents: frozenset[str]
    touching: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What the person states of the subject: whose State's law applies, and the day of birth of a minor.

    `born_on` None states that they were of age in every record. Neither is kept.
    """

    state: str | None
    born_on: date | None


def place_hold(
    registry: Registry, by: Person, *, hold: str, cause: HoldCause, subject: str | None, now: datetime
) -> tuple[Change, ...]:
    """Place a hold on a subject's tag, or on everybody. Raises NotAllowed: no permission, or the id is taken."""
    require(by, Permission.RECORD_HOLD)
    if clean_id(hold, "hold id") in registry.holds:
        raise taken("hold", "Choose another id; a hold that was released is placed again under a new one.")
    record = Hold(id=hold, cause=cause, subject=subject, placed_by=by.id, placed_at=now)
    return (Change(kind=Kind.HOLDS, id=hold, record=record),)


def release_hold(registry: Registry, by: Person, *, hold: str, now: datetime) -> tuple[Change, ...]:
    """Release a hold that another person placed. Raises NotAllowed."""
    require(by, Permission.RECORD_HOLD)
    found = registry.holds.get(hold)
    if found is None:
        raise unknown("hold", "wardkeep hold list")
    if found.released_by is not None:
        raise _wrong_status("The hold is released.", "`wardkeep hold list` shows what holds.")
    note = check_opener(registry, by, found.placed_by, deed="placed the hold")
    record = replace(found, released_by=by.id, released_at=now)
    return (Change(kind=Kind.HOLDS, id=hold, record=record, note=note),)


def set_rule(
    registry: Registry,  # noqa: ARG001 - every plan is asked with it
    by: Person,
    *,
    rule: RetentionRule,
) -> tuple[Change, ...]:
    """Set one retention rule. Raises NotAllowed: no permission, or shorter than the law's own clock."""
    require(by, Permission.RECORD_HOLD)
    clean_id(rule.id, "rule id")
    clean_text(rule.citation, "citation")
    if rule.state is not None:
        clean_text(rule.state, "State", longest=40)
    least = 1 if rule.record_class is RecordClass.AI_CONTENT else LEAST_YEARS
    if not least <= rule.years <= MOST_YEARS:
        raise invalid("number of years", f"{least} to {MOST_YEARS} for records of this class")
    if rule.years_after_majority is not None and not 0 <= rule.years_after_majority <= MOST_YEARS:
        raise invalid("number of years after majority", f"0 to {MOST_YEARS}")
    if not 18 <= rule.majority_age <= 21:
        raise invalid("age of majority", "18 to 21")
    return (Change(kind=Kind.RETENTION, id=rule.id, record=replace(rule, set_by=by.id)),)


def remove_rule(registry: Registry, by: Person, *, rule: str) -> tuple[Change, ...]:
    """Remove one retention rule; where no rule is left for a class, the default counts. Raises NotAllowed."""
    require(by, Permission.RECORD_HOLD)
    if rule not in registry.retention:
        raise unknown("retention rule", "wardkeep retention list")
    return (Change(kind=Kind.RETENTION, id=rule, record=None),)


def propose_shred(
    registry: Registry, by: Person, *, shred: str, standing: Standing, stated: Stated, today: date, now: datetime
) -> tuple[Change, ...]:
    """Propose to destroy a subject's keys; it is done when another person approves.

    Raises:
        NotAllowed: the person does not count as one of two, there is nothing, or it must be kept.
    """
    require(by, Permission.RECORD_DESTROY)
    check_established(by)
    if clean_id(shred, "shred id") in registry.shreds:
        raise taken("shred", "Choose another id.")
    record = Shred(
        id=shred,
        subject=standing.subject,
        kept_until=check_destroyable(registry, standing, stated, today),
        proposed_by=by.id,
        proposed_at=now,
        proposed_under=by.access_by,
    )
    return (Change(kind=Kind.SHREDS, id=shred, record=record),)


def approve_shred(
    registry: Registry, by: Person, *, shred: str, standing: Standing, stated: Stated, today: date, now: datetime
) -> tuple[Change, ...]:
    """Approve what another person proposed; all that could forbid it is asked again.

    Raises:
        NotAllowed: it is not open, the two do not count as two, or the records must be kept.
    """
    require(by, Permission.RECORD_DESTROY)
    found = find_open(registry, shred)
    note = second_person(registry, by, found.proposed_by, under=found.proposed_under, deed="proposed the shred")
    until = check_destroyable(registry, standing, stated, today)
    record = replace(found, approved_by=by.id, approved_at=now, kept_until=max(until, found.kept_until))
    return (Change(kind=Kind.SHREDS, id=shred, record=record, note=note),)


def withdraw_shred(registry: Registry, by: Person, *, shred: str) -> tuple[Change, ...]:
    """Withdraw a proposal. Raises NotAllowed: no permission, or it is not open."""
    require(by, Permission.RECORD_DESTROY)
    return (Change(kind=Kind.SHREDS, id=shred, record=replace(find_open(registry, shred), withdrawn_by=by.id)),)


def find_open(registry: Registry, shred: str) -> Shred:
    """Return a proposal that awaits the second person. Raises NotAllowed."""
    found = registry.shreds.get(shred)
    if found is None:
        raise unknown("shred", "wardkeep shred list")
    if not found.is_open:
        raise _wrong_status("The shred was approved or withdrawn.", "`wardkeep shred list` shows where each stands.")
    return found


def check_destroyable(registry: Registry, standing: Standing, stated: Stated, today: date) -> date:
    """Return the last day on which the subject's records had to be kept, when it is past and nothing else forbids.

    Raises:
        NotAllowed: with a reason of its own for each thing that forbids it.
    """
    if standing.newest_period is None:
        raise unknown("subject with a key", "wardkeep audit list")
    for hold in registry.holds.values():
        if hold.holds(standing.subject):
            raise refusal(_REASON_OF[hold.cause])
    if any(each.is_open and each.subject == standing.subject for each in registry.rights.values()):
        raise refusal(Reason.SHRED_RIGHTS_REQUEST)
    open_now = {each.id for each in registry.incidents.values() if each.closed_by is None}
    if standing.touching or not open_now <= standing.incidents:
        raise refusal(Reason.SHRED_INCIDENT_OPEN)
    until = kept_until(
        registry.retention.values(),
        RecordClass.AI_CONTENT,
        newest=last_day_of(standing.newest_period),
        state=stated.state,
        born_on=stated.born_on,
    )
    if today <= until:
        raise refusal(Reason.SHRED_INSIDE_RETENTION)
    return until


def refusal(reason: Reason) -> NotAllowed:
    """Return the refusal of a reason, in its own words."""
    row = EXPLANATIONS[reason]
    return NotAllowed(reason.value, what=row.what, why=row.why, fix=row.fix, status=row.status)


def _wrong_status(what: str, fix: str) -> NotAllowed:
    return NotAllowed("wrong_status", what=what, why="What was decided stands as it is on record.", fix=fix, status=409)
