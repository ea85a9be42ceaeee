"""Incidents from the first word to the last notice (45 CFR 164.308(a)(6)(ii), 164.402, 164.404 to 164.414).

Pure, as `vendors`. Anybody of the workforce opens one; officers count, judge and sign. What the rule does not permit is
presumed a breach: the clocks run from discovery until two different people signed that it is none, and a recount or a
factor judged anew takes the signatures away. Words are sealed in the entry of their step.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from wardkeep.compliance.clocks import Deadline, Delay, breach_deadlines, delayed, discovered_on
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.people import revoke_key
from wardkeep.compliance.records import SEE_THIS_ENTRY, Change, Kind
from wardkeep.compliance.terms import clean_id, clean_text, invalid, require, taken, unknown
from wardkeep.compliance.two_people import check_established, second_person
from wardkeep.compliance.vendors import suspend_vendor
from wardkeep.model.incident import (
    Conclusion,
    Incident,
    IncidentFactor,
    IncidentSource,
    Judged,
    Notice,
    Reach,
    RiskLevel,
    Step,
)
from wardkeep.model.registry import Person, Registry
from wardkeep.policy.roles import Permission

MOST_STEPS: Final = 500
MOST_INDIVIDUALS: Final = 1_000_000_000
MOST_STATES: Final = 100
_LIST: Final = "wardkeep incident list"


def open_incident(
    registry: Registry, by: Person, *, incident: str, source: IncidentSource, known_on: date,
    should_have_known_on: date | None, entry: int | None, is_associate: bool, now: datetime, today: date, size: int,
) -> tuple[Change, ...]:  # fmt: skip
    """Open an incident: anybody of the workforce may. `size` is the ledger's, `entry` the record that it is about.

    Raises:
        NotAllowed: the id is taken, a day lies ahead, or there is no such entry.
    """
    require(by, Permission.OWN_ACCOUNT)
    if clean_id(incident, "incident id") in registry.incidents:
        raise taken("incident", "Choose another id, or add to the one that is there.")
    if max(known_on, should_have_known_on or known_on) > today:
        raise invalid("day of discovery", "today or earlier")
    if (source is IncidentSource.LEDGER) != (entry is not None) or (entry is not None and not 0 <= entry < size):
        raise invalid("ledger entry", "the index of an existing entry where the source is `ledger`, else left out")
    record = Incident(
        id=incident,
        source=source,
        opened_by=by.id,
        opened_at=now,
        known_on=known_on,
        should_have_known_on=should_have_known_on,
        entry=entry,
        is_associate=is_associate,
    )
    return _put(record, by, "opened", now)


def add_note(registry: Registry, by: Person, *, incident: str, now: datetime) -> tuple[Change, ...]:
    """Add a line to the timeline; its words are the reason, sealed. Raises NotAllowed."""
    return _put(_to_change(registry, by, incident), by, "note", now)


def move_discovery(
    registry: Registry, by: Person, *, incident: str, should_have_known_on: date, now: datetime
) -> tuple[Change, ...]:
    """Set an earlier day on which reasonable diligence would have found it; a later one is not taken.

    Raises:
        NotAllowed: no permission, or the day is not earlier than what stands.
    """
    found = _to_change(registry, by, incident)
    if should_have_known_on >= discovery(found):
        raise invalid("day", "earlier than the day of discovery on record: a clock is never set back by a change")
    return _put(replace(found, should_have_known_on=should_have_known_on), by, "discovery_earlier", now)


def count_affected(
    registry: Registry, by: Person, *, incident: str, reach: Reach | None, computed: int, unresolved: int,
    individuals: int, residents: Mapping[str, int], now: datetime,
) -> tuple[Change, ...]:  # fmt: skip
    """Put the number of individuals on record: at least as many as the ledger shows for the reach.

    Raises:
        NotAllowed: no permission, fewer than the ledger shows, or more residents than individuals.
    """
    found = _to_change(registry, by, incident)
    # Calls that name nobody concern somebody.
    least = computed if computed or not unresolved else 1
    if not least <= individuals <= MOST_INDIVIDUALS:
        raise invalid("number of individuals", f"at least the {least} that the ledger shows for this reach")
    for state in residents:
        clean_text(state, "State", longest=40)
    if (
        len(residents) > MOST_STATES
        or any(count < 0 for count in residents.values())
        or sum(residents.values()) > individuals
    ):
        raise invalid("number of residents", "0 or more for each State, together at the most the individuals")
    counted = replace(
        found, reach=reach, individuals=individuals, calls_unresolved=unresolved, residents=dict(residents)
    )
    return _put(_unsigned(counted), by, "counted", now)


def judge_factor(
    registry: Registry, by: Person, *, incident: str, factor: IncidentFactor, level: RiskLevel, now: datetime
) -> tuple[Change, ...]:
    """Judge one of the four factors (45 CFR 164.402(2)); why is the reason, sealed. Raises NotAllowed."""
    found = _to_change(registry, by, incident)
    judged = {**found.factors, factor: Judged(level=level, by=by.id, words=SEE_THIS_ENTRY)}
    return _put(_unsigned(replace(found, factors=judged)), by, f"judged_{factor.value}", now)


def sign(registry: Registry, by: Person, *, incident: str, conclusion: Conclusion, now: datetime) -> tuple[Change, ...]:
    """Sign what it is; it counts when another person countersigns.

    Raises:
        NotAllowed: low probability without all four factors, or with one judged high; a breach that nobody counted.
    """
    found = _to_change(registry, by, incident)
    check_established(by)
    if conclusion is Conclusion.LOW_PROBABILITY:
        missing = sorted(set(IncidentFactor) - found.factors.keys())
        if missing or any(each.level is RiskLevel.HIGH for each in found.factors.values()):
            raise _not_shown(f"{', '.join(missing)} not judged" if missing else "a factor is judged high")
    if conclusion is Conclusion.BREACH and not found.individuals:
        raise invalid("count", "on record before it is signed to be a breach: who is affected decides the notices")
    signed = replace(found, conclusion=conclusion, signed_by=by.id, signed_under=by.access_by, countersigned_by=None)
    return _put(signed, by, f"signed_{conclusion.value}", now)


def countersign(
    registry: Registry, by: Person, *, incident: str, conclusion: Conclusion, now: datetime
) -> tuple[Change, ...]:
    """Give the second signature: another person than the first signer, for the same conclusion.

    Raises:
        NotAllowed: nothing is signed, something else is, it is done, or the two do not count as two.
    """
    found = _to_change(registry, by, incident)
    if found.signed_by is None or found.countersigned_by is not None or found.conclusion is not conclusion:
        raise _wrong_status("There is no such signature to be countersigned.")
    note = second_person(registry, by, found.signed_by, under=found.signed_under, deed="signed the assessment")
    return _put(replace(found, countersigned_by=by.id), by, f"countersigned_{conclusion.value}", now, note=note)


def set_delay(
    registry: Registry, by: Person, *, incident: str, stated_on: date, until: date | None, today: date, now: datetime
) -> tuple[Change, ...]:
    """Record a law enforcement official's statement (45 CFR 164.412): who said it is the reason, sealed.

    Raises:
        NotAllowed: no permission, a statement of the future, or an end before the statement.
    """
    found = _to_change(registry, by, incident)
    if stated_on > today or (until is not None and until < stated_on):
        raise invalid("delay", "stated today or earlier, and ending on that day or later")
    return _put(replace(found, delay_stated_on=stated_on, delay_until=until), by, "delay", now)


def record_notice(
    registry: Registry, by: Person, *, incident: str, name: str, about: str | None, on: date, today: date,
    now: datetime,
) -> tuple[Change, ...]:  # fmt: skip
    """Record that a notice was given. Raises NotAllowed: no such duty, or the day lies ahead."""
    found = _to_change(registry, by, incident)
    if (name, about) not in {(each.name, each.about) for each in clocks_of(found)}:
        raise unknown("notice that is due for this incident", "wardkeep incident show")
    if not discovery(found) <= on <= today:
        raise invalid("day of the notice", "from the discovery to today")
    kept = tuple(each for each in found.notices if (each.name, each.about) != (name, about))
    notice = Notice(name=name, about=about, on=on, by=by.id)
    return _put(replace(found, notices=(*kept, notice)), by, f"notice_{name}", now)


def contain_by_suspending(
    registry: Registry, by: Person, *, incident: str, vendor: str, reason: str, now: datetime
) -> tuple[Change, ...]:
    """Suspend a vendor from the next call on, and note it. Raises NotAllowed, as `suspend_vendor` does."""
    found = _to_change(registry, by, incident)
    changes = suspend_vendor(registry, by, vendor=vendor, reason=reason)
    return (*changes, *_put(found, by, "vendor_suspended", now))


def contain_by_revoking(
    registry: Registry, by: Person, *, incident: str, key: str, now: datetime
) -> tuple[Change, ...]:
    """Revoke a key for good, and note it. Raises NotAllowed, as `revoke_key` does."""
    found = _to_change(registry, by, incident)
    return (*revoke_key(registry, by, key=key), *_put(found, by, "key_revoked", now))


def close_incident(registry: Registry, by: Person, *, incident: str, now: datetime) -> tuple[Change, ...]:
    """Close: two signatures, and for a breach every notice on record.

    Raises:
        NotAllowed: a signature or a notice is missing.
    """
    found = _to_change(registry, by, incident)
    if found.countersigned_by is None:
        raise _wrong_status("The incident has not been signed by two people.")
    if outstanding(found):
        raise _wrong_status("A notice that is due is not on record.")
    return _put(replace(found, closed_by=by.id), by, "closed", now)


def discovery(incident: Incident) -> date:
    """Return the day of discovery (45 CFR 164.404(a)(2))."""
    found = discovered_on(known=incident.known_on, should_have_known=incident.should_have_known_on)
    return found if found is not None else incident.known_on


def clocks_of(incident: Incident) -> tuple[Deadline, ...]:
    """Return the clocks that run: none once two people signed that it is no breach.

    While nobody counted it is taken for one individual, so that a clock is shown at all; the count may add more.
    """
    if incident.is_settled_as_no_breach:
        return ()
    found = breach_deadlines(
        discovery(incident),
        individuals=max(incident.individuals or 0, 1),
        residents=incident.residents,
        is_associate=incident.is_associate,
    )
    if incident.delay_stated_on is None:
        return found
    delay = Delay(stated_on=incident.delay_stated_on, until=incident.delay_until)
    return tuple(replace(each, due=delayed(each, delay)[1]) for each in found)


def outstanding(incident: Incident) -> tuple[Deadline, ...]:
    """Return the clocks whose notice is not on record."""
    given = {(each.name, each.about) for each in incident.notices}
    return tuple(each for each in clocks_of(incident) if (each.name, each.about) not in given)


def small_breaches(registry: Registry, year: int) -> tuple[Incident, ...]:
    """Return the log of 45 CFR 164.408(c): breaches of fewer than 500 discovered in a year, signed by two people."""
    return tuple(
        each
        for _, each in sorted(registry.incidents.items())
        if each.conclusion is Conclusion.BREACH
        and each.countersigned_by is not None
        and not each.is_associate
        and discovery(each).year == year
        and any(clock.name == "secretary_annual" for clock in clocks_of(each))
    )


def find_incident(registry: Registry, incident: str) -> Incident:
    """Return one. Raises NotAllowed when there is none."""
    found = registry.incidents.get(incident)
    if found is None:
        raise unknown("incident", _LIST)
    return found


def _to_change(registry: Registry, by: Person, incident: str) -> Incident:
    require(by, Permission.INCIDENT_CHANGE)
    found = find_incident(registry, incident)
    if found.closed_by is not None:
        raise _wrong_status("The incident is closed.")
    if len(found.steps) >= MOST_STEPS:
        raise _wrong_status(f"The incident has {MOST_STEPS} steps.")
    return found


def _put(record: Incident, by: Person, what: str, now: datetime, *, note: str | None = None) -> tuple[Change, ...]:
    step = Step(at=now, by=by.id, what=what, words=SEE_THIS_ENTRY)
    return (Change(kind=Kind.INCIDENTS, id=record.id, record=replace(record, steps=(*record.steps, step)), note=note),)


def _unsigned(record: Incident) -> Incident:
    """Signatures are for what was known: what is counted or judged anew is signed anew."""
    return replace(record, conclusion=None, signed_by=None, signed_under=frozenset(), countersigned_by=None)


def _not_shown(because: str) -> NotAllowed:
    return NotAllowed(
        "low_probability_not_shown",
        what=f"A low probability of compromise is not shown: {because}.",
        why="It is a breach unless an assessment of all four factors shows otherwise (45 CFR 164.402(2)).",
        fix="Judge each factor with `wardkeep incident judge`, or sign that it is a breach.",
        status=409,
    )


def _wrong_status(what: str) -> NotAllowed:
    return NotAllowed(
        "wrong_status",
        what=what,
        why="Each step needs the one before it, and what is closed stands as it is.",
        fix="`wardkeep incident show` tells what stands and what is missing; open a new incident for new facts.",
        status=409,
    )
