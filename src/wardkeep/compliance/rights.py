"""Requests of individuals with their clocks (45 CFR 164.524, 164.526, 164.528).

Pure, as `policies`. The subject is kept as a blind index; what was asked and answered is sealed. An extension counts
only when its written statement was given inside the first period; the clock itself is `compliance.clocks`'.
"""

from dataclasses import replace
from datetime import date
from typing import Final

from wardkeep.compliance.clocks import Deadline, Right, right_deadline
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.evidence_forms import deadline_view
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.terms import clean_id, invalid, require, taken, unknown
from wardkeep.model.registers import Outcome, RightsRequest
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

_LIST: Final = "wardkeep rights list"


def take_request(
    registry: Registry, by: Person, *, request: str, right: Right, subject: str, received_on: date, today: date
) -> tuple[Change, ...]:
    """Put a request on record, as anybody of the workforce; `subject` is the blind index. Raises NotAllowed."""
    require(by, Permission.OWN_ACCOUNT)
    if clean_id(request, "request id") in registry.rights:
        raise taken("request", "Choose another id.")
    if received_on > today:
        raise invalid("day of receipt", "today or earlier")
    record = RightsRequest(
        id=request, right=right.value, subject=subject, received_on=received_on, taken_by=by.id, words=SEE_THIS_ENTRY
    )
    return (Change(kind=Kind.RIGHTS, id=request, record=record),)


def extend_request(registry: Registry, by: Person, *, request: str, on: date, today: date) -> tuple[Change, ...]:
    """Record the day on which the written statement of an extension was given.

    Raises:
        NotAllowed: no permission, no open request, extended already, or the first period was over.
    """
    found = _open(registry, by, request)
    if found.extended_on is not None or not found.received_on <= on <= today or on > due(found).due:
        raise invalid("extension", "one, stated in writing inside the first period, today or earlier")
    return (Change(kind=Kind.RIGHTS, id=request, record=replace(found, extended_on=on)),)


def answer_request(
    registry: Registry, by: Person, *, request: str, outcome: Outcome, on: date, today: date
) -> tuple[Change, ...]:
    """Record the answer; why is the reason, sealed. Raises NotAllowed."""
    found = _open(registry, by, request)
    if not found.received_on <= on <= today:
        raise invalid("day of the answer", "from the receipt to today")
    record = replace(found, outcome=outcome, answered_on=on, answered_by=by.id, answer_words=SEE_THIS_ENTRY)
    return (Change(kind=Kind.RIGHTS, id=request, record=record),)


def due(request: RightsRequest) -> Deadline:
    """Return the request's clock."""
    return right_deadline(Right(request.right), request.received_on, extended_on=request.extended_on)


def is_late(request: RightsRequest, today: date) -> bool:
    """Whether it was answered after its last day, or is not answered and the day has passed."""
    return (request.answered_on or today) > due(request).due


def request_view(request: RightsRequest, today: date) -> dict[str, object]:
    """Return a request as it is shown."""
    return {
        "id": request.id,
        "right": request.right,
        "subject": request.subject,
        "received_on": request.received_on.isoformat(),
        "extended_on": None if request.extended_on is None else request.extended_on.isoformat(),
        "answered_on": None if request.answered_on is None else request.answered_on.isoformat(),
        "outcome": None if request.outcome is None else request.outcome.value,
        "clock": deadline_view(due(request), today),
        "is_late": is_late(request, today),
        "words": request.words,
        "answer_words": request.answer_words,
    }


def _open(registry: Registry, by: Person, request: str) -> RightsRequest:
    require(by, Permission.INCIDENT_CHANGE)
    found = registry.rights.get(request)
    if found is None:
        raise unknown("request", _LIST)
    if found.answered_on is not None:
        raise NotAllowed(
            "wrong_status",
            what="The request was answered.",
            why="What was answered stands as it is.",
            fix="Take a new request for what comes after it.",
            status=409,
        )
    return found
