"""Requests of individuals with their clocks (45 CFR 164.522, 164.524, 164.526, 164.528, 164.530(d)).

Pure, as `policies`. The subject is kept as a blind index; what was asked and answered is sealed. An extension counts
only when its written statement was given inside the first period; the clock itself is `compliance.clocks`'. Answers
keep to the grounds of `compliance.grounds`; what was granted takes effect with the answer, in the same entry
(`compliance.restrictions`).
"""

from dataclasses import replace
from datetime import date
from typing import Final

from wardkeep.compliance.clocks import Deadline, Right, right_deadline
from wardkeep.compliance.custody import refusal
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.evidence_forms import deadline_view
from wardkeep.compliance.grounds import GROUNDS, OF_RECORD_SET, basis_of, check_ground
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.representatives import check_answerable, represented
from wardkeep.compliance.restrictions import Terms, granted
from wardkeep.compliance.terms import clean_id, invalid, require, taken, unknown
from wardkeep.model.access import Role
from wardkeep.model.individuals import DenialReview, Disagreement, Ground, RecordSet, RequestKind
from wardkeep.model.reasons import Reason
from wardkeep.model.registers import Outcome, RightsRequest
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

_LIST: Final = "wardkeep rights list"
_CLOCKED: Final = frozenset(each.value for each in Right)
# 45 CFR 164.524(a)(4): a licensed health care professional.
_LICENSED: Final = frozenset({Role.CLINICIAN, Role.NURSE})
_MOST_ENTRIES: Final = 100


def take_request(
    registry: Registry,
    by: Person,
    *,
    request: str,
    kind: RequestKind,
    subject: str,
    individual: str,
    received_on: date,
    today: date,
    through: str | None = None,
    is_paid_in_full: bool = False,
    entries: tuple[int, ...] = (),
) -> tuple[Change, ...]:
    """Put a request on record, as anybody of the workforce; `subject` and `individual` are blind indexes.

    Raises:
        NotAllowed: the id is taken, a day to come, who asks represents nobody, or a term of another kind of request.
    """
    require(by, Permission.OWN_ACCOUNT)
    if clean_id(request, "request id") in registry.rights:
        raise taken("request", "Choose another id.")
    if received_on > today:
        raise invalid("day of receipt", "today or earlier")
    if not subject and kind is not RequestKind.COMPLAINT:
        raise invalid("subject", "named, but for a complaint")
    if is_paid_in_full and kind is not RequestKind.RESTRICTION:
        raise invalid("statement that it was paid in full", "for a restriction alone")
    if entries and (kind is not RequestKind.AMENDMENT or len(entries) > _MOST_ENTRIES or min(entries) < 0):
        raise invalid("list of entries", f"for an amendment alone, {_MOST_ENTRIES} at the most")
    if through is not None:
        represented(registry, through, subject, today)
    record = RightsRequest(
        id=request,
        right=kind.value,
        subject=subject,
        individual=individual,
        received_on=received_on,
        taken_by=by.id,
        words=SEE_THIS_ENTRY,
        through=through,
        is_paid_in_full=is_paid_in_full,
        entries=tuple(sorted(set(entries))),
    )
    return (Change(kind=Kind.RIGHTS, id=request, record=record),)


def extend_request(registry: Registry, by: Person, *, request: str, on: date, today: date) -> tuple[Change, ...]:
    """Record the day on which the written statement of an extension was given.

    Raises:
        NotAllowed: no permission, no open request, no clock, extended already, or the first period was over.
    """
    found = _open(registry, by, request)
    clock = due(found)
    is_first = found.extended_on is None and found.received_on <= on <= today
    if clock is None or not is_first or on > clock.due:
        raise invalid("extension", "one, stated in writing inside the first period, today or earlier")
    return (Change(kind=Kind.RIGHTS, id=request, record=replace(found, extended_on=on)),)


def decide_record_set(registry: Registry, by: Person, *, request: str, record_set: RecordSet) -> tuple[Change, ...]:
    """Decide whether what is asked for is in a designated record set; why is the reason, sealed. Raises NotAllowed."""
    found = _open(registry, by, request)
    if RequestKind(found.right) not in OF_RECORD_SET:
        raise invalid("request", "one for access or amendment")
    record = replace(found, record_set=record_set, record_set_by=by.id, record_set_words=SEE_THIS_ENTRY)
    return (Change(kind=Kind.RIGHTS, id=request, record=record),)


def answer_request(
    registry: Registry,
    by: Person,
    *,
    request: str,
    outcome: Outcome,
    on: date,
    today: date,
    ground: Ground | None = None,
    terms: Terms | None = None,
) -> tuple[Change, ...]:
    """Record the answer; why is the reason, sealed. What is granted takes effect with it.

    Raises:
        NotAllowed: no permission, a day that cannot be, a ground that the rule does not know, records of which nobody
            decided whether they are in the set, a minor's own care, or a restriction that is owed.
    """
    found = _open(registry, by, request)
    if not found.received_on <= on <= today:
        raise invalid("day of the answer", "from the receipt to today")
    check_ground(found, outcome, ground)
    check_answerable(registry, found, outcome, ground, today)
    effect = granted(registry, by, found, outcome=outcome, ground=ground, terms=terms, on=on)
    record = replace(
        found, outcome=outcome, ground=ground, answered_on=on, answered_by=by.id, answer_words=SEE_THIS_ENTRY
    )
    return (Change(kind=Kind.RIGHTS, id=request, record=record), *effect)


def ask_review(
    registry: Registry, by: Person, *, request: str, reviewer: str, on: date, today: date
) -> tuple[Change, ...]:
    """Name who reviews a denial that the individual wants reviewed (45 CFR 164.524(d)(4)).

    Raises:
        NotAllowed: the denial is none that is reviewed, was reviewed before, or the reviewer had a part in it.
    """
    found = _answered(registry, by, request)
    basis = basis_of(found)
    if basis is None or not basis.is_reviewable or found.review is not None or found.answered_on is None:
        raise invalid("request", "a denial on a ground that is reviewed (`wardkeep rights grounds`), not reviewed yet")
    if not found.answered_on <= on <= today:
        raise invalid("day", "from the answer to today")
    _check_reviewer(registry, found, reviewer)
    review = DenialReview(asked_on=on, reviewer=reviewer, named_by=by.id)
    return (Change(kind=Kind.RIGHTS, id=request, record=replace(found, review=review)),)


def decide_review(
    registry: Registry, by: Person, *, request: str, is_overturned: bool, today: date
) -> tuple[Change, ...]:
    """Decide on a denial, as the reviewer who was named; what they decide is followed.

    Overturned, it lifts the ground that was reviewed and no other: what is not in the record set stays out, and who
    asks must still be one who may be granted it.

    Raises:
        NotAllowed: another person, or who asks represents the individual no more, or not in a minor's own care.
    """
    require(by, Permission.OWN_ACCOUNT)
    found = registry.rights.get(request)
    if found is None or found.review is None or found.review.decided_on is not None:
        raise unknown("denial that waits for review", _LIST)
    if by.id != found.review.reviewer:
        raise refusal(Reason.RIGHT_REVIEWER_INVOLVED)
    _check_reviewer(registry, found, by.id)
    review = replace(found.review, decided_on=today, is_overturned=is_overturned, words=SEE_THIS_ENTRY)
    changed = replace(found, review=review)
    if is_overturned:
        check_answerable(registry, found, Outcome.GRANTED, None, today)
        is_partly = found.record_set is RecordSet.PARTLY
        changed = replace(
            changed,
            outcome=Outcome.PARTLY if is_partly else Outcome.GRANTED,
            ground=Ground.NOT_IN_SET if is_partly else None,
        )
    return (Change(kind=Kind.RIGHTS, id=request, record=changed),)


def disagree(registry: Registry, by: Person, *, request: str, on: date, today: date) -> tuple[Change, ...]:
    """Record the individual's statement against a denied amendment (45 CFR 164.526(d)(2)); it is the reason, sealed.

    Raises:
        NotAllowed: no denied amendment, or a statement is on record.
    """
    found = _denied_amendment(registry, by, request)
    if found.disagreement is not None or found.answered_on is None or not found.answered_on <= on <= today:
        raise invalid("statement", "one, from the day of the answer to today")
    record = replace(found, disagreement=Disagreement(on=on, words=SEE_THIS_ENTRY))
    return (Change(kind=Kind.RIGHTS, id=request, record=record),)


def rebut(registry: Registry, by: Person, *, request: str, on: date, today: date) -> tuple[Change, ...]:
    """Record our rebuttal of a statement (45 CFR 164.526(d)(3)); it is the reason, sealed. Raises NotAllowed."""
    found = _denied_amendment(registry, by, request)
    held = found.disagreement
    if held is None or held.rebutted_on is not None or not held.on <= on <= today:
        raise invalid("rebuttal", "one, of a statement on record, from its day to today")
    record = replace(found, disagreement=replace(held, rebutted_on=on, rebuttal=SEE_THIS_ENTRY))
    return (Change(kind=Kind.RIGHTS, id=request, record=record),)


def note_letter(registry: Registry, by: Person, *, request: str) -> tuple[Change, ...]:
    """Put on record that the letter of a denial was made; its hash stands in the reason. Raises NotAllowed."""
    return (Change(kind=Kind.RIGHTS, id=request, record=_answered(registry, by, request)),)


def due(request: RightsRequest) -> Deadline | None:
    """Return the request's clock, or None where the rule has none."""
    if request.right not in _CLOCKED:
        return None
    return right_deadline(Right(request.right), request.received_on, extended_on=request.extended_on)


def is_late(request: RightsRequest, today: date) -> bool:
    """Whether it was answered after its last day, or is not answered and the day has passed."""
    clock = due(request)
    return clock is not None and (request.answered_on or today) > clock.due


def about_entry(registry: Registry, entry: int) -> list[dict[str, object]]:
    """Return what individuals asked to have amended in an entry: it goes wherever the entry is read (164.526(c)(1))."""
    return [
        {
            "request": each.id,
            "outcome": None if each.outcome is None else each.outcome.value,
            "answer_words": each.answer_words,
            "disagreement": None if each.disagreement is None else each.disagreement.words,
            "rebuttal": None if each.disagreement is None else each.disagreement.rebuttal,
        }
        for _, each in sorted(registry.rights.items())
        if entry in each.entries
    ]


def request_view(request: RightsRequest, today: date) -> dict[str, object]:
    """Return a request as it is shown."""
    clock, basis, review, held = due(request), basis_of(request), request.review, request.disagreement
    return {
        "id": request.id,
        "right": request.right,
        "subject": request.subject,
        "through": request.through,
        "received_on": request.received_on.isoformat(),
        "extended_on": None if request.extended_on is None else request.extended_on.isoformat(),
        "record_set": None if request.record_set is None else request.record_set.value,
        "record_set_words": request.record_set_words,
        "is_paid_in_full": request.is_paid_in_full,
        "entries": list(request.entries),
        "answered_on": None if request.answered_on is None else request.answered_on.isoformat(),
        "outcome": None if request.outcome is None else request.outcome.value,
        "ground": None if request.ground is None else request.ground.value,
        "is_reviewable": basis is not None and basis.is_reviewable,
        "review": None
        if review is None
        else {
            "asked_on": review.asked_on.isoformat(),
            "reviewer": review.reviewer,
            "decided_on": None if review.decided_on is None else review.decided_on.isoformat(),
            "is_overturned": review.is_overturned,
            "words": review.words,
        },
        "disagreement": None
        if held is None
        else {
            "on": held.on.isoformat(),
            "words": held.words,
            "rebutted_on": None if held.rebutted_on is None else held.rebutted_on.isoformat(),
            "rebuttal": held.rebuttal,
        },
        "clock": None if clock is None else deadline_view(clock, today),
        "is_open": request.is_open,
        "is_late": is_late(request, today),
        "words": request.words,
        "answer_words": request.answer_words,
    }


def _open(registry: Registry, by: Person, request: str) -> RightsRequest:
    found = _held(registry, by, request)
    if found.answered_on is not None:
        raise NotAllowed(
            "wrong_status",
            what="The request was answered.",
            why="What was answered stands as it is.",
            fix="Take a new request for what comes after it.",
            status=409,
        )
    return found


def _answered(registry: Registry, by: Person, request: str) -> RightsRequest:
    found = _held(registry, by, request)
    if found.answered_on is None:
        raise NotAllowed(
            "wrong_status",
            what="The request was not answered yet.",
            why="There is no denial before there is an answer.",
            fix="Answer it with `wardkeep rights answer`.",
            status=409,
        )
    return found


def _denied_amendment(registry: Registry, by: Person, request: str) -> RightsRequest:
    found = _answered(registry, by, request)
    if found.right != RequestKind.AMENDMENT.value or found.ground not in GROUNDS[RequestKind.AMENDMENT]:
        raise invalid("request", "an amendment that was denied, in whole or in part")
    return found


def _held(registry: Registry, by: Person, request: str) -> RightsRequest:
    require(by, Permission.INCIDENT_CHANGE)
    found = registry.rights.get(request)
    if found is None:
        raise unknown("request", _LIST)
    return found


def _check_reviewer(registry: Registry, request: RightsRequest, reviewer: str) -> None:
    """Return when this person may review the denial: licensed, here, and neither in it nor from whoever was."""
    found = registry.people.get(reviewer)
    involved = {request.taken_by, request.record_set_by, request.answered_by} - {None}
    is_apart = (
        found is not None
        and found.id not in involved
        and found.access_by.isdisjoint(each for each in (request.answered_by, request.record_set_by) if each)
    )
    if found is None or not found.is_active or found.roles.isdisjoint(_LICENSED) or not is_apart:
        raise refusal(Reason.RIGHT_REVIEWER_INVOLVED)
