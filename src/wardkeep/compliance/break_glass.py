"""Breaking the glass: wider access for a person, for a while, on record, and reviewed (45 CFR 164.312(a)(2)(ii)).

Pure, as `vendors`. A person proves themselves afresh (an authenticator's code, a fresh second factor of their session,
or a code from a sealed envelope when the identity provider is down), says why, and gets a ticket that proves them to
the applications of one workspace. What it widens is `policy.criteria`'s and `policy.decide`'s: training,
acknowledgement, care team and masking, for emergency treatment; nothing else. Each is reviewed by another officer.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.people import check_may_act_for
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.terms import invalid, require, unknown
from wardkeep.compliance.two_people import SINGLE_OFFICER_NOTE
from wardkeep.crypto.mac import mac
from wardkeep.identity.keys import NewCredential
from wardkeep.model.access import Purpose
from wardkeep.model.break_glass import BreakGlass, GlassMethod, GlassOutcome, OfflineCodes
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.data_roles import DATA_ROLES
from wardkeep.policy.roles import Permission, permissions_of

NOTE: Final = "break_glass"
CODES: Final = 5
REVIEW_WITHIN: Final = timedelta(days=7)
_SHORTEST_MINUTES: Final = 5
_LONGEST_MINUTES: Final = 240
_SHORTEST_REASON: Final = 10
_SYMBOLS: Final = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
_LIST: Final = "wardkeep access break-glass list"


def begin(
    registry: Registry, by: Person, *, glass: NewCredential, workspace: str, subject_tag: str | None,
    method: GlassMethod, minutes: int, reason: str, now: datetime, spent_code: bytes | None = None,
) -> tuple[Change, ...]:  # fmt: skip
    """Break the glass. An offline code that proved the person is spent in the same entry.

    Raises:
        NotAllowed: not a member, no role for emergency treatment, no such purpose there, a bound, or the code is spent.
    """
    require(by, Permission.OWN_ACCOUNT)
    place = registry.workspaces.get(workspace)
    if place is None or not place.is_active or by.id not in place.members:
        raise unknown("open workspace that you are a member of", "wardkeep workspace list")
    rows = [DATA_ROLES[role] for role in by.roles if role in DATA_ROLES]
    if Purpose.ETREAT not in place.purposes or not any(Purpose.ETREAT in row.purposes for row in rows):
        raise NotAllowed(
            "purpose_not_permitted",
            what="Neither your roles nor this workspace widen to emergency treatment by breaking the glass.",
            why="It widens who may see for treatment in an emergency, not what anybody is employed for.",
            fix="Ask somebody whose role is of care, or have the workspace serve ETREAT (`wardkeep workspace set`).",
        )
    if not _SHORTEST_MINUTES <= minutes <= _LONGEST_MINUTES:
        raise invalid("time box", f"{_SHORTEST_MINUTES} to {_LONGEST_MINUTES} minutes")
    if len(reason.strip()) < _SHORTEST_REASON:
        raise invalid("reason", f"words that a reviewer can judge, {_SHORTEST_REASON} characters or more")
    until = now + timedelta(minutes=minutes)
    record = BreakGlass(
        id=glass.id,
        person=by.id,
        workspace=workspace,
        method=method,
        began_at=now,
        until=until,
        review_by=until + REVIEW_WITHIN,
        ticket_mac=glass.mac,
        subject_tag=subject_tag,
        words=SEE_THIS_ENTRY,
    )
    begun = Change(kind=Kind.BREAK_GLASS, id=glass.id, record=record, note=NOTE)
    return (begun,) if spent_code is None else (begun, spent(registry, by, spent_code))


def end(registry: Registry, by: Person, *, glass: str, now: datetime) -> tuple[Change, ...]:
    """End it before its time, as the person or as whoever runs reviews. Raises NotAllowed."""
    require(by, Permission.OWN_ACCOUNT)
    found = registry.break_glass.get(glass)
    if found is None or (found.person != by.id and Permission.REVIEW_CHANGE not in permissions_of(by.roles)):
        raise unknown("break-glass of yours", _LIST)
    if not found.is_open(now):
        raise _wrong_status("It has ended.")
    record = replace(found, ended_at=now, ended_by=by.id)
    return (Change(kind=Kind.BREAK_GLASS, id=glass, record=record),)


def review(registry: Registry, by: Person, *, glass: str, outcome: GlassOutcome, now: datetime) -> tuple[Change, ...]:
    """Say what it was: an officer, another than the person, after it has ended. Raises NotAllowed."""
    require(by, Permission.REVIEW_CHANGE)
    found = registry.break_glass.get(glass)
    if found is None:
        raise unknown("break-glass", _LIST)
    if found.is_open(now) or found.reviewed_at is not None:
        raise _wrong_status("It is still open." if found.is_open(now) else "It is reviewed.")
    note = None
    if by.id == found.person:
        organisation = registry.organisation
        if organisation is None or organisation.single_officer_accepted_by != by.id:
            raise NotAllowed(
                "separation_of_duties",
                what="Nobody reviews their own breaking of the glass.",
                why="Who reviews what they did would excuse themselves (45 CFR 164.308(a)(1)(ii)(D)).",
                fix="Ask another officer.",
            )
        note = SINGLE_OFFICER_NOTE
    record = replace(found, reviewed_at=now, reviewed_by=by.id, outcome=outcome, review_words=SEE_THIS_ENTRY)
    return (Change(kind=Kind.BREAK_GLASS, id=glass, record=record, note=note),)


def make_codes(
    registry: Registry, by: Person, *, person: str, macs: Sequence[bytes], now: datetime
) -> tuple[Change, ...]:
    """Record new offline codes of somebody else; the ones before are worthless at once.

    Raises:
        NotAllowed: no permission, nobody active, oneself, or more than one holds: who makes codes could use them beside
            a stolen credential.
    """
    require(by, Permission.PERSON_CHANGE)
    found = registry.people.get(person)
    if found is None or not found.is_active:
        raise unknown("active person", "wardkeep user list")
    if person == by.id:
        raise NotAllowed(
            "second_person_required",
            what="Nobody makes their own offline codes.",
            why="The code is the second thing beside one's credential; whoever made it would hold both.",
            fix="Ask another administrator or the security officer.",
        )
    check_may_act_for(by, found)
    record = OfflineCodes(id=person, macs=tuple(macs), made_by=by.id, made_at=now)
    return (Change(kind=Kind.OFFLINE_CODES, id=person, record=record),)


def new_codes(mac_key: bytes, person: str, randomness: Callable[[int], bytes]) -> dict[str, bytes]:
    """Return fresh codes, each with what is stored of it: 15 symbols of 30, 73 bits."""
    codes: dict[str, bytes] = {}
    while len(codes) < CODES:
        drawn = [byte for byte in randomness(64) if byte < 240][:15]
        if len(drawn) == 15:
            text = "".join(_SYMBOLS[byte % 30] for byte in drawn)
            shown = f"{text[:5]}-{text[5:10]}-{text[10:]}"
            codes[shown] = code_mac(mac_key, person, shown)
    return codes


def code_mac(mac_key: bytes, person: str, code: str) -> bytes:
    """Return what is stored of an offline code, however it was typed."""
    plain = "".join(symbol for symbol in code.upper() if symbol.isalnum())
    return mac(mac_key, b"offline-code", person.encode(), plain.encode())


def is_unsettled(registry: Registry, now: datetime) -> bool:
    """Whether a glass is open, or was and nobody reviewed it: an alarm stands until then."""
    return any(each.reviewed_at is None for each in registry.break_glass.values()) or any(
        each.is_open(now) for each in registry.break_glass.values()
    )


def glass_view(glass: BreakGlass, now: datetime) -> dict[str, object]:
    """Return one as it is shown; never its ticket."""
    return {
        "id": glass.id,
        "person": glass.person,
        "workspace": glass.workspace,
        "one_subject": glass.subject_tag is not None,
        "method": glass.method.value,
        "began_at": glass.began_at.isoformat(),
        "until": glass.until.isoformat(),
        "is_open": glass.is_open(now),
        "ended_at": None if glass.ended_at is None else glass.ended_at.isoformat(),
        "ended_by": glass.ended_by,
        "words": glass.words,
        "review_by": glass.review_by.isoformat(),
        "is_overdue": glass.reviewed_at is None and now > glass.review_by,
        "reviewed_by": glass.reviewed_by,
        "outcome": None if glass.outcome is None else glass.outcome.value,
        "review_words": glass.review_words,
    }


def spent(registry: Registry, by: Person, code: bytes) -> Change:
    """Return what takes an offline code away with its use. Raises NotAllowed when it is not there any more."""
    held = registry.offline_codes.get(by.id)
    if held is None or code not in held.macs:
        raise NotAllowed(
            "credential_invalid",
            what="That code was not accepted.",
            why="A code is good once.",
            fix="Use another code of the envelope, or of your authenticator.",
        )
    left = replace(held, macs=tuple(each for each in held.macs if each != code))
    return Change(kind=Kind.OFFLINE_CODES, id=by.id, record=left)


def _wrong_status(what: str) -> NotAllowed:
    return NotAllowed(
        "wrong_status",
        what=what,
        why="What happened stands as it was.",
        fix=f"`{_LIST}` shows where each stands.",
        status=409,
    )
