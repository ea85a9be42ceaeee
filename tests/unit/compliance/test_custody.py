"""What must be kept is not destroyed: each thing that forbids it has its own reason, and two people decide."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from tests.unit.compliance.organisation import AUDITOR, EVERYBODY, PRIVACY, SECURITY, person

from wardkeep.compliance import custody
from wardkeep.compliance.custody import Standing, Stated
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import Kind, apply
from wardkeep.model.custody import HoldCause
from wardkeep.model.incident import Incident, IncidentSource
from wardkeep.model.reasons import Reason
from wardkeep.model.registers import RightsRequest
from wardkeep.model.registry import Organisation, Registry, Role
from wardkeep.model.retention import RecordClass, RetentionRule, period_of

TAG = "ab" * 16
NOW = datetime(2026, 11, 23, tzinfo=UTC)
AFTER = date(2032, 12, 1)
OF_AGE = Stated(state=None, born_on=None)
RULE = RetentionRule(id="r", record_class=RecordClass.AI_CONTENT, years=1, citation="policy 7")


def registry(**more):
    held = Organisation(name="Clinic", tenant="t", zone="UTC", officers=("privacy", "security"))
    return Registry(epoch=1, organisation=held, people={each.id: each for each in EVERYBODY}, **more)


def standing(**changes):
    given = Standing(
        subject=TAG, newest_period=period_of(date(2026, 11, 1)), incidents=frozenset(), touching=frozenset()
    )
    return replace(given, **changes)


def made(held, changes):
    return apply(held, changes, epoch=held.epoch + 1)


def code(step, *arguments, **named):
    with pytest.raises(NotAllowed) as caught:
        step(*arguments, **named)
    return caught.value.code


def propose(held, by=PRIVACY, *, what=None, stated=OF_AGE, today=AFTER, name="s-1"):
    return custody.propose_shred(held, by, shred=name, standing=what or standing(), stated=stated, today=today, now=NOW)


def approve(held, by=SECURITY, *, what=None, stated=OF_AGE, today=AFTER):
    return custody.approve_shred(
        held, by, shred="s-1", standing=what or standing(), stated=stated, today=today, now=NOW
    )


def test_one_proposes_and_another_approves():
    held = made(registry(), propose(registry()))
    assert held.shreds["s-1"].is_open
    assert code(approve, held, PRIVACY) == "second_person_required"
    held = made(held, approve(held))
    assert (held.shreds["s-1"].approved_by, held.shreds["s-1"].is_open) == ("security", False)
    assert code(approve, held) == "wrong_status"
    assert code(propose, held) == "already_exists"


def test_who_may_not_and_who_does_not_count():
    assert code(propose, registry(), AUDITOR) == "role_not_permitted"
    fresh = replace(person("fresh", Role.PRIVACY_OFFICER), enrolled_by="security", access_by=frozenset({"security"}))
    held = registry()
    held = replace(held, people={**held.people, "fresh": fresh})
    assert code(propose, held, fresh) == "confirmation_required"
    confirmed = replace(fresh, confirmed_by="privacy")
    held = replace(held, people={**held.people, "fresh": confirmed})
    held = made(held, propose(held, confirmed))
    assert code(approve, held, SECURITY) == "second_person_required"


def test_a_proposal_may_be_withdrawn_and_is_then_dead():
    held = made(registry(), propose(registry()))
    held = made(held, custody.withdraw_shred(held, SECURITY, shred="s-1"))
    assert code(approve, held) == "wrong_status"
    assert code(custody.withdraw_shred, held, SECURITY, shred="s-2") == "not_found"


@pytest.mark.parametrize("today", [date(2026, 11, 23), date(2032, 11, 30)])
def test_inside_retention_nothing_is_destroyed(today):
    assert code(propose, registry(), today=today) == Reason.SHRED_INSIDE_RETENTION
    held = made(registry(), propose(registry()))
    assert code(approve, held, today=today) == Reason.SHRED_INSIDE_RETENTION


def test_the_newest_record_counts_and_a_minors_majority():
    newer = standing(newest_period=period_of(date(2026, 12, 1)))
    assert code(propose, registry(), what=newer, today=AFTER) == Reason.SHRED_INSIDE_RETENTION
    rules = {"r": replace(RULE, years_after_majority=3)}
    minor = Stated(state=None, born_on=date(2020, 5, 1))
    assert code(propose, registry(retention=rules), stated=minor) == Reason.SHRED_INSIDE_RETENTION
    assert propose(registry(retention=rules), stated=minor, today=date(2041, 5, 2))
    assert propose(registry(retention=rules), today=date(2027, 12, 1))


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (HoldCause.LITIGATION, Reason.SHRED_UNDER_HOLD),
        (HoldCause.LEGAL_PROCESS, Reason.SHRED_LEGAL_PROCESS),
        (HoldCause.RIGHTS_REQUEST, Reason.SHRED_RIGHTS_REQUEST),
    ],
)
@pytest.mark.parametrize("subject", [TAG, None])
def test_what_is_held_is_not_destroyed_until_another_person_releases_it(cause, reason, subject):
    held = made(registry(), propose(registry()))
    held = made(held, custody.place_hold(held, PRIVACY, hold="h-1", cause=cause, subject=subject, now=NOW))
    assert code(approve, held) == reason
    assert code(propose, held, name="s-2") == reason
    assert code(custody.release_hold, held, PRIVACY, hold="h-1", now=NOW) == "second_person_required"
    held = made(held, custody.release_hold(held, SECURITY, hold="h-1", now=NOW))
    assert approve(held)
    assert code(custody.release_hold, held, SECURITY, hold="h-1", now=NOW) == "wrong_status"


def test_another_subjects_hold_keeps_only_that_subject():
    held = registry()
    placed = custody.place_hold(held, PRIVACY, hold="h", cause=HoldCause.LITIGATION, subject="cd" * 16, now=NOW)
    assert propose(made(held, placed))
    assert code(custody.place_hold, made(held, placed), PRIVACY, hold="h", cause=HoldCause.LITIGATION, subject=None,
                now=NOW) == "already_exists"  # fmt: skip


def test_an_open_incident_that_touches_the_subject_or_was_not_looked_at_forbids():
    opened = Incident(id="i-1", source=IncidentSource.REPORT, opened_by="p", opened_at=NOW, known_on=date(2026, 11, 1))
    held = registry(incidents={"i-1": opened})
    looked = standing(incidents=frozenset({"i-1"}))
    assert code(propose, held) == Reason.SHRED_INCIDENT_OPEN
    assert code(propose, held, what=replace(looked, touching=frozenset({"i-1"}))) == Reason.SHRED_INCIDENT_OPEN
    assert propose(held, what=looked)
    assert propose(registry(incidents={"i-1": replace(opened, closed_by="p")}))


def test_a_request_of_the_individual_forbids_until_it_is_answered():
    asked = RightsRequest(id="r-1", right="access", subject=TAG, received_on=date(2032, 11, 1), taken_by="p")
    assert code(propose, registry(rights={"r-1": asked})) == Reason.SHRED_RIGHTS_REQUEST
    assert propose(registry(rights={"r-1": replace(asked, answered_on=AFTER)}))
    assert propose(registry(rights={"r-1": replace(asked, subject="cd" * 16)}))


def test_a_subject_without_a_key_has_nothing_to_destroy():
    assert code(propose, registry(), what=standing(newest_period=None)) == "not_found"


@pytest.mark.parametrize(
    "changes",
    [
        {"years": 0},
        {"years": 101},
        {"record_class": RecordClass.DOCUMENTATION, "years": 5},
        {"record_class": RecordClass.ACCOUNTING_HEADERS, "years": 5},
        {"years_after_majority": -1},
        {"majority_age": 17},
        {"citation": " "},
        {"state": ""},
    ],
)
def test_a_rule_shorter_than_the_law_or_without_its_citation_is_refused(changes):
    assert code(custody.set_rule, registry(), PRIVACY, rule=replace(RULE, **changes)) == "value_invalid"


def test_rules_are_set_and_removed_by_those_who_may():
    assert code(custody.set_rule, registry(), AUDITOR, rule=RULE) == "role_not_permitted"
    (change,) = custody.set_rule(registry(), PRIVACY, rule=RULE)
    assert (change.kind, change.record.set_by) == (Kind.RETENTION, "privacy")
    held = made(registry(), (change,))
    assert made(held, custody.remove_rule(held, PRIVACY, rule="r")).retention == {}
    assert code(custody.remove_rule, registry(), PRIVACY, rule="r") == "not_found"
