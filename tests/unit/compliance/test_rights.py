"""Requests of individuals: clocks, grounds, reviews, who asks, and what a grant puts into effect."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.unit.compliance.organisation import (
    ADMIN,
    DEVELOPER,
    PRIVACY,
    SECURITY,
    TODAY,
    after,
    person,
    working_registry,
)
from tests.unit.compliance.test_policies import code

from wardkeep.compliance import custody, grounds, representatives, restrictions, rights
from wardkeep.compliance.records import SEE_THIS_ENTRY, stamped
from wardkeep.compliance.restrictions import Terms
from wardkeep.model.access import Purpose, Role
from wardkeep.model.individuals import (
    Capacity,
    Ground,
    MinorBasis,
    RecordSet,
    RequestKind,
    RestrictionEnd,
    bars_named,
)
from wardkeep.model.registers import Outcome

DAY = timedelta(days=1)
TAG, ROAD = "ab" * 16, "cd" * 16
NURSE = person("nurse", Role.NURSE)
DOCTOR = person("doctor", Role.CLINICIAN)
HELD = working_registry()
HELD = replace(HELD, people={**HELD.people, "nurse": NURSE, "doctor": DOCTOR})
HASH = "ab" * 32


def taken(held, by=DEVELOPER, **changes):
    given = {
        "request": "q-1", "kind": RequestKind.ACCESS, "subject": TAG, "individual": ROAD, "received_on": TODAY,
        "today": TODAY, **changes,
    }  # fmt: skip
    return after(held, rights.take_request(held, by, **given))


def in_set(held, record_set=RecordSet.IN_SET):
    return after(held, rights.decide_record_set(held, PRIVACY, request="q-1", record_set=record_set))


def answered(held, by=PRIVACY, **changes):
    given = {"request": "q-1", "outcome": Outcome.GRANTED, "on": TODAY, "today": TODAY, **changes}
    return after(held, rights.answer_request(held, by, **given))


@pytest.mark.parametrize(
    ("kind", "received", "first", "extended"),
    [
        (RequestKind.ACCESS, date(2028, 1, 30), date(2028, 2, 29), date(2028, 3, 30)),
        (RequestKind.AMENDMENT, date(2027, 12, 31), date(2028, 2, 29), date(2028, 3, 30)),
        (RequestKind.ACCOUNTING, date(2027, 1, 1), date(2027, 3, 2), date(2027, 4, 1)),
    ],
)
def test_the_clock_of_a_request(kind, received, first, extended):
    held = taken(HELD, kind=kind, received_on=received, today=received)
    assert rights.due(held.rights["q-1"]).due == first
    assert not rights.is_late(held.rights["q-1"], first)
    assert rights.is_late(held.rights["q-1"], first + DAY)
    late = {"request": "q-1", "on": first + DAY, "today": first + DAY}
    assert code(rights.extend_request, held, PRIVACY, **late) == "value_invalid"
    longer = after(held, rights.extend_request(held, PRIVACY, request="q-1", on=first, today=first))
    assert rights.due(longer.rights["q-1"]).due == extended
    assert code(rights.extend_request, longer, PRIVACY, request="q-1", on=first, today=first) == "value_invalid"
    longer = in_set(longer) if kind in grounds.OF_RECORD_SET else longer
    late = {"on": extended + DAY, "today": extended + DAY}
    done = answered(longer, **late)
    assert rights.request_view(done.rights["q-1"], extended + 99 * DAY)["is_late"]
    assert code(answered, done, **late) == "wrong_status"


@pytest.mark.parametrize(
    "kind", [RequestKind.RESTRICTION, RequestKind.CONFIDENTIAL_COMMUNICATION, RequestKind.COMPLAINT]
)
def test_what_the_rule_gives_no_clock_has_none(kind):
    held = taken(HELD, kind=kind)
    view = rights.request_view(held.rights["q-1"], TODAY + 999 * DAY)
    assert view["clock"] is None
    assert not view["is_late"]
    assert code(rights.extend_request, held, PRIVACY, request="q-1", on=TODAY, today=TODAY) == "value_invalid"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"received_on": TODAY + DAY}, "value_invalid"),
        ({"subject": ""}, "value_invalid"),
        ({"is_paid_in_full": True}, "value_invalid"),
        ({"entries": (3,)}, "value_invalid"),
        ({"kind": RequestKind.AMENDMENT, "entries": (-1,)}, "value_invalid"),
        ({"kind": RequestKind.AMENDMENT, "entries": tuple(range(101))}, "value_invalid"),
        ({"through": "nobody"}, "right_not_represented"),
        ({"request": "Q"}, "value_invalid"),
    ],
)
def test_a_request_that_cannot_be(changes, expected):
    assert code(taken, HELD, **changes) == expected
    assert code(taken, taken(HELD)) == "already_exists"


GROUNDS = [(kind, ground) for kind, known in grounds.GROUNDS.items() for ground in known]


@pytest.mark.parametrize("kind", list(RequestKind))
@pytest.mark.parametrize("ground", list(Ground))
def test_a_denial_rests_on_the_rules_own_grounds_and_no_others(kind, ground):
    held = taken(HELD, kind=kind)
    if kind in grounds.OF_RECORD_SET:
        held = in_set(held, RecordSet.NOT_IN_SET if ground is Ground.NOT_IN_SET else RecordSet.IN_SET)
    denial = {"outcome": Outcome.DENIED, "ground": ground}
    if (kind, ground) in GROUNDS:
        done = answered(held, **denial).rights["q-1"]
        text = grounds.denial_letter(done, organisation="General Clinic", contact="Privacy", secretary="OCR")
        assert grounds.GROUNDS[kind][ground].citation in text
        assert "Secretary" in text
        assert ("licensed health care professional" in text) == rights.request_view(done, TODAY)["is_reviewable"]
        assert ("statement of disagreement" in text) == (kind is RequestKind.AMENDMENT)
        assert ("Send it to: Privacy" in text) == (kind is RequestKind.AMENDMENT)
    else:
        expected = "value_invalid" if kind is RequestKind.COMPLAINT else "right_ground_not_allowed"
        assert code(answered, held, **denial) == expected


@pytest.mark.parametrize("kind", [each for each in RequestKind if each is not RequestKind.COMPLAINT])
def test_a_denial_without_ground_and_a_grant_with_one_are_refused(kind):
    held = taken(HELD, kind=kind)
    assert code(answered, held, outcome=Outcome.DENIED) == "right_ground_not_allowed"
    assert code(answered, held, outcome=Outcome.PARTLY) == "right_ground_not_allowed"
    assert code(answered, held, ground=Ground.IDENTITY_NOT_VERIFIED) == "right_ground_not_allowed"
    assert code(answered, held, outcome=Outcome.SETTLED) == "value_invalid"


def test_a_complaint_is_settled():
    held = taken(HELD, kind=RequestKind.COMPLAINT, subject="")
    assert code(answered, held) == "value_invalid"
    assert answered(held, outcome=Outcome.SETTLED).rights["q-1"].outcome is Outcome.SETTLED


OUT = "right_record_set_open"


@pytest.mark.parametrize("kind", sorted(grounds.OF_RECORD_SET))
@pytest.mark.parametrize(
    ("record_set", "outcome", "ground", "expected"),
    [
        (None, Outcome.GRANTED, None, OUT),
        (None, Outcome.DENIED, Ground.NOT_IN_SET, OUT),
        (None, Outcome.DENIED, Ground.IDENTITY_NOT_VERIFIED, None),
        (RecordSet.IN_SET, Outcome.GRANTED, None, None),
        (RecordSet.IN_SET, Outcome.DENIED, Ground.NOT_IN_SET, OUT),
        (RecordSet.PARTLY, Outcome.GRANTED, None, OUT),
        (RecordSet.PARTLY, Outcome.PARTLY, Ground.NOT_IN_SET, None),
        (RecordSet.NOT_IN_SET, Outcome.GRANTED, None, OUT),
        (RecordSet.NOT_IN_SET, Outcome.DENIED, Ground.NOT_IN_SET, None),
    ],
)
def test_access_and_amendment_reach_the_designated_record_set(kind, record_set, outcome, ground, expected):
    held = taken(HELD, kind=kind)
    held = held if record_set is None else in_set(held, record_set)
    if expected is None:
        assert answered(held, outcome=outcome, ground=ground).rights["q-1"].outcome is outcome
    else:
        assert code(answered, held, outcome=outcome, ground=ground) == expected


def test_the_record_set_is_decided_for_access_and_amendment_before_the_answer():
    assert code(in_set, taken(HELD, kind=RequestKind.ACCOUNTING)) == "value_invalid"
    assert code(in_set, answered(in_set(taken(HELD)))) == "wrong_status"
    held = taken(HELD)
    put = {"request": "q-1", "record_set": RecordSet.IN_SET}
    assert code(rights.decide_record_set, held, DEVELOPER, **put) == "role_not_permitted"


def denied(ground=Ground.ENDANGERS_LIFE, **changes):
    return answered(in_set(taken(HELD, **changes)), outcome=Outcome.DENIED, ground=ground)


def asked(held, by=PRIVACY, **changes):
    given = {"request": "q-1", "reviewer": "nurse", "on": TODAY, "today": TODAY, **changes}
    return after(held, rights.ask_review(held, by, **given))


def test_a_denial_is_reviewed_by_a_licensed_professional_who_had_no_part_in_it():
    held = denied()
    assert code(asked, held, reviewer="security") == "right_reviewer_involved"
    assert code(asked, held, reviewer="nobody") == "right_reviewer_involved"
    assert code(asked, held, on=TODAY - DAY) == "value_invalid"
    assert code(asked, denied(Ground.PSYCHOTHERAPY_NOTES)) == "value_invalid"
    assert code(asked, taken(HELD)) == "wrong_status"
    by_nurse = replace(held, rights={"q-1": replace(held.rights["q-1"], taken_by="nurse")})
    assert code(asked, by_nurse) == "right_reviewer_involved"
    from_denier = replace(held, people={**held.people, "nurse": replace(NURSE, access_by=frozenset({"privacy"}))})
    assert code(asked, from_denier) == "right_reviewer_involved"
    waiting = asked(held)
    assert waiting.rights["q-1"].is_open
    assert code(asked, waiting) == "value_invalid"
    decide = {"request": "q-1", "is_overturned": True, "today": TODAY}
    for other in (DOCTOR, PRIVACY):
        assert code(rights.decide_review, waiting, other, **decide) == "right_reviewer_involved"
    gone = replace(waiting, people={**waiting.people, "nurse": replace(NURSE, roles=frozenset({Role.BILLING}))})
    assert code(rights.decide_review, gone, NURSE, **decide) == "right_reviewer_involved"
    done = after(waiting, rights.decide_review(waiting, NURSE, **decide)).rights["q-1"]
    assert (done.outcome, done.ground, done.is_open) == (Outcome.GRANTED, None, False)
    upheld = after(waiting, rights.decide_review(waiting, NURSE, **{**decide, "is_overturned": False}))
    assert upheld.rights["q-1"].outcome is Outcome.DENIED
    assert code(rights.decide_review, upheld, NURSE, **decide) == "not_found"


def test_a_denied_amendment_is_disagreed_with_rebutted_and_shown_beside_its_entries():
    held = denied(Ground.ACCURATE_AND_COMPLETE, kind=RequestKind.AMENDMENT, entries=(7, 5, 7))
    on = {"request": "q-1", "on": TODAY, "today": TODAY}
    assert code(rights.rebut, held, PRIVACY, **on) == "value_invalid"
    assert code(rights.disagree, denied(), PRIVACY, **on) == "value_invalid"
    assert code(rights.disagree, held, PRIVACY, **{**on, "on": TODAY - DAY}) == "value_invalid"
    held = after(held, stamped(rights.disagree(held, PRIVACY, **on), 40))
    assert code(rights.disagree, held, PRIVACY, **on) == "value_invalid"
    held = after(held, stamped(rights.rebut(held, PRIVACY, **on), 41))
    assert code(rights.rebut, held, PRIVACY, **on) == "value_invalid"
    (shown,) = rights.about_entry(held, 5)
    assert (shown["request"], shown["outcome"]) == ("q-1", "denied")
    assert (shown["disagreement"], shown["rebuttal"]) == ("see ledger entry 40", "see ledger entry 41")
    assert rights.about_entry(held, 6) == []


# ---- who asks --------------------------------------------------------------------------------------------------------


def represented(held=HELD, *, is_confirmed=True, **changes):
    given = {
        "representative": "rep", "subject": TAG, "capacity": Capacity.PARENT, "document_sha256": HASH,
        "until": TODAY + 9 * DAY, "today": TODAY, **changes,
    }  # fmt: skip
    held = after(held, representatives.record_representative(held, PRIVACY, **given))
    if not is_confirmed:
        return held
    return after(held, representatives.confirm_representative(held, SECURITY, representative="rep"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"document_sha256": "x"}, "value_invalid"),
        ({"until": None}, "value_invalid"),
        ({"until": None, "capacity": Capacity.GUARDIAN}, "value_invalid"),
        ({"until": TODAY - DAY}, "value_invalid"),
        ({"representative": "?"}, "value_invalid"),
    ],
)
def test_a_representative_that_cannot_be(changes, expected):
    assert code(represented, **changes) == expected
    assert code(represented, represented()) == "already_exists"


def test_a_representative_counts_once_another_person_confirmed_it_and_until_it_ends():
    held = represented(is_confirmed=False)
    confirm = {"representative": "rep"}
    assert code(taken, held, through="rep") == "right_not_represented"
    assert code(representatives.confirm_representative, held, PRIVACY, **confirm) == "second_person_required"
    assert code(representatives.confirm_representative, held, DEVELOPER, **confirm) == "role_not_permitted"
    held = represented()
    assert code(representatives.confirm_representative, held, SECURITY, **confirm) == "value_invalid"
    assert taken(held, through="rep").rights["q-1"].through == "rep"
    assert code(taken, held, through="rep", subject="ef" * 16) == "right_not_represented"
    later = TODAY + 10 * DAY
    assert code(taken, held, through="rep", today=later) == "right_not_represented"
    asking = in_set(taken(held, through="rep"))
    ended = after(asking, representatives.end_representative(asking, PRIVACY, **confirm))
    # Whose authority has ended is shown nothing more; that they are told no is still said.
    assert code(answered, ended) == "right_not_represented"
    assert answered(ended, outcome=Outcome.DENIED, ground=Ground.HARM_BY_REPRESENTATIVE).rights["q-1"].ground
    assert code(representatives.end_representative, ended, PRIVACY, **confirm) == "not_found"
    assert not representatives.representative_view(held.representatives["rep"], later)["holds"]
    assert represented(capacity=Capacity.EXECUTOR, until=None).representatives["rep"].holds(later)


def minor(held, **changes):
    given = {
        "care": "m", "subject": TAG, "basis": MinorBasis.MINOR_CONSENTED, "citation": "State law",
        "until": TODAY + DAY, "today": TODAY, **changes,
    }  # fmt: skip
    return after(held, representatives.record_minor_care(held, PRIVACY, **given))


@pytest.mark.parametrize("kind", [RequestKind.ACCESS, RequestKind.ACCOUNTING])
@pytest.mark.parametrize("capacity", [Capacity.PARENT, Capacity.GUARDIAN])
def test_neither_parent_nor_guardian_is_granted_what_the_minor_decides_alone(kind, capacity):
    held = minor(taken(represented(capacity=capacity), kind=kind, through="rep"))
    held = in_set(held) if kind is RequestKind.ACCESS else held
    assert code(answered, held) == "right_minor_decides"
    if kind is RequestKind.ACCESS:
        partly = {"outcome": Outcome.PARTLY, "ground": Ground.HARMS_ANOTHER}
        assert code(answered, held, **partly) == "right_minor_decides"
        partly["ground"] = Ground.MINOR_CONSENTED
        assert answered(held, **partly).rights["q-1"].ground is Ground.MINOR_CONSENTED
    # The minor is of age the day after, and no care is kept from who still represents them.
    assert answered(held, on=TODAY, today=TODAY + 2 * DAY).rights["q-1"].outcome is Outcome.GRANTED
    end = {"care": "m"}
    assert code(representatives.end_minor_care, held, PRIVACY, **end) == "second_person_required"
    opened = after(held, representatives.end_minor_care(held, SECURITY, **end))
    assert answered(opened).rights["q-1"].outcome is Outcome.GRANTED
    assert code(representatives.end_minor_care, opened, SECURITY, **end) == "not_found"
    assert code(minor, held) == "already_exists"
    assert code(minor, HELD, until=TODAY - DAY) == "value_invalid"
    assert not representatives.minor_care_view(opened.minor_care["m"], TODAY)["holds"]


def test_the_minor_an_executor_and_the_guardian_of_an_adult_are_not_held_up():
    assert answered(in_set(minor(taken(HELD)))).rights["q-1"].outcome is Outcome.GRANTED
    executor = represented(capacity=Capacity.EXECUTOR)
    assert answered(in_set(minor(taken(executor, through="rep")))).rights["q-1"].outcome is Outcome.GRANTED
    # About an adult no minor's care is on record.
    guardian = represented(capacity=Capacity.GUARDIAN)
    assert answered(in_set(taken(guardian, through="rep"))).rights["q-1"].outcome is Outcome.GRANTED


def overturned(held):
    decide = {"request": "q-1", "is_overturned": True, "today": TODAY}
    return after(held, rights.decide_review(held, NURSE, **decide)).rights["q-1"]


def test_a_review_grants_nothing_that_an_answer_could_not():
    no = {"outcome": Outcome.DENIED, "ground": Ground.HARM_BY_REPRESENTATIVE}
    waiting = asked(answered(in_set(taken(represented(), through="rep")), **no))
    assert overturned(waiting).outcome is Outcome.GRANTED
    assert code(overturned, minor(waiting)) == "right_minor_decides"
    ended = after(waiting, representatives.end_representative(waiting, PRIVACY, representative="rep"))
    assert code(overturned, ended) == "right_not_represented"
    upheld = {"request": "q-1", "is_overturned": False, "today": TODAY}
    assert after(ended, rights.decide_review(ended, NURSE, **upheld)).rights["q-1"].outcome is Outcome.DENIED


@pytest.mark.parametrize("outcome", [Outcome.DENIED, Outcome.PARTLY])
def test_a_review_brings_nothing_into_the_record_set(outcome):
    held = in_set(taken(HELD), RecordSet.PARTLY)
    done = overturned(asked(answered(held, outcome=outcome, ground=Ground.ENDANGERS_LIFE)))
    assert (done.outcome, done.ground, done.is_open) == (Outcome.PARTLY, Ground.NOT_IN_SET, False)
    assert overturned(asked(denied())).ground is None


# ---- what a grant puts into effect -----------------------------------------------------------------------------------

PAY = frozenset({Purpose.HPAYMT})
OWED = frozenset({Purpose.HPAYMT, Purpose.HOPERAT})


def wished(**changes):
    return taken(HELD, kind=RequestKind.RESTRICTION, **changes)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (None, "value_invalid"),
        (Terms(purposes=frozenset()), "value_invalid"),
        (Terms(purposes=PAY, vendors=frozenset()), "value_invalid"),
        (Terms(purposes=PAY | {Purpose.ETREAT}), "value_invalid"),
        (Terms(purposes=PAY, vendors=frozenset({"nobody"})), "not_found"),
    ],
)
def test_a_restriction_says_what_it_bars(terms, expected):
    assert code(answered, wished(), terms=terms) == expected
    assert code(answered, in_set(taken(HELD)), terms=Terms(purposes=PAY)) == "value_invalid"
    no = {"outcome": Outcome.DENIED, "ground": Ground.NOT_AGREED}
    assert code(answered, wished(), terms=Terms(purposes=PAY), **no) == "value_invalid"
    assert code(answered, wished(individual=""), terms=Terms(purposes=PAY)) == "value_invalid"
    assert not answered(wished(), **no).restrictions


def test_what_was_paid_in_full_is_kept_from_a_plan_whatever_anybody_thinks():
    held = wished(is_paid_in_full=True)
    owed = "right_restriction_owed"
    assert code(answered, held, outcome=Outcome.DENIED, ground=Ground.NOT_AGREED) == owed
    partly = {"outcome": Outcome.PARTLY, "ground": Ground.NOT_AGREED}
    assert code(answered, held, terms=Terms(purposes=OWED), **partly) == owed
    assert code(answered, held, terms=Terms(purposes=PAY)) == owed
    unknown = {"outcome": Outcome.DENIED, "ground": Ground.IDENTITY_NOT_VERIFIED}
    assert not answered(held, **unknown).restrictions
    done = answered(held, terms=Terms(purposes=OWED))
    end = {"individual": ROAD, "request": "q-1", "on": TODAY, "today": TODAY}
    ours = {**end, "end": RestrictionEnd.WE_INFORMED}
    assert code(restrictions.end_restriction, done, SECURITY, **ours) == owed
    theirs = {**end, "end": RestrictionEnd.INDIVIDUAL_WROTE}
    assert code(restrictions.end_restriction, done, PRIVACY, **theirs) == "second_person_required"
    assert code(restrictions.end_restriction, done, DEVELOPER, **theirs) == "role_not_permitted"
    early = {**theirs, "on": TODAY - DAY}
    assert code(restrictions.end_restriction, done, SECURITY, **early) == "value_invalid"
    ended = after(done, restrictions.end_restriction(done, SECURITY, **theirs))
    assert code(restrictions.end_restriction, ended, SECURITY, **theirs) == "not_found"
    (shown,) = restrictions.restrictions_view(ended)
    assert (shown["holds"], shown["is_owed"], shown["end"]) == (False, True, "individual_wrote")


def test_our_own_word_ends_no_restriction():
    done = answered(wished(), terms=Terms(purposes=PAY))
    end = {"individual": ROAD, "request": "q-1", "on": TODAY, "today": TODAY}
    ours = {**end, "end": RestrictionEnd.WE_INFORMED}
    assert code(restrictions.end_restriction, done, SECURITY, **ours) == "value_invalid"
    # One that was ended so before bars as ever, until the individual ends it.
    (one,) = done.restrictions[ROAD].terms
    one = replace(one, ended_on=TODAY, ended_by="security", end=RestrictionEnd.WE_INFORMED)
    before = replace(done, restrictions={ROAD: replace(done.restrictions[ROAD], terms=(one,))})
    assert bars_named(before.restrictions[ROAD], Purpose.HPAYMT, None)
    assert restrictions.restrictions_view(before)[0]["holds"]
    theirs = {**end, "end": RestrictionEnd.INDIVIDUAL_SAID}
    ended = after(before, restrictions.end_restriction(before, SECURITY, **theirs))
    assert not bars_named(ended.restrictions[ROAD], Purpose.HPAYMT, None)


def test_restrictions_of_one_individual_stand_side_by_side():
    held = answered(wished(), terms=Terms(purposes=PAY))
    held = taken(held, request="q-2", kind=RequestKind.RESTRICTION)
    held = answered(held, request="q-2", terms=Terms(purposes=frozenset({Purpose.TREAT})))
    assert [each.id for each in held.restrictions[ROAD].terms] == ["q-1", "q-2"]
    assert restrictions.individual_of(held, "q-2") == ROAD
    assert code(restrictions.individual_of, held, "none") == "not_found"


def test_another_way_to_be_reached():
    held = answered(taken(HELD, kind=RequestKind.CONFIDENTIAL_COMMUNICATION))
    assert restrictions.with_channels(held, frozenset({TAG, "other"})) == [TAG]
    ended = after(held, restrictions.end_channel(held, PRIVACY, request="q-1"))
    assert restrictions.with_channels(ended, frozenset({TAG})) == []
    assert code(restrictions.end_channel, ended, PRIVACY, request="q-1") == "not_found"
    no = {"outcome": Outcome.DENIED, "ground": Ground.NOT_REASONABLE}
    assert not answered(taken(HELD, kind=RequestKind.CONFIDENTIAL_COMMUNICATION), **no).channels


def test_what_people_wrote_is_pointed_at_wherever_it_stands():
    held = wished()
    changes = rights.answer_request(
        held, PRIVACY, request="q-1", outcome=Outcome.GRANTED, on=TODAY, today=TODAY, terms=Terms(purposes=PAY)
    )
    assert SEE_THIS_ENTRY not in str([each.record for each in stamped(changes, 9)]).replace(
        held.rights["q-1"].words, ""
    )
    assert stamped(changes, 9)[1].record.terms[0].words == "see ledger entry 9"


def test_records_of_an_open_review_are_not_destroyed():
    held = asked(denied())
    standing = custody.Standing(subject=TAG, newest_period=1, incidents=frozenset(), touching=frozenset())
    stated = custody.Stated(state=None, born_on=None)
    given = {"standing": standing, "stated": stated, "today": TODAY}
    assert code(custody.check_destroyable, held, **given) == "shred_rights_request"
    assert ADMIN.id in held.people
