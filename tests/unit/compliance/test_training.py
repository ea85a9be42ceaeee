"""Training and duties: who is late is a fact of the decision; less is demanded by two people only."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.compliance.organisation import (
    ADMIN,
    AUDITOR,
    DEVELOPER,
    PRIVACY,
    SECURITY,
    TODAY,
    after,
    person,
    registry,
)  # fmt: skip
from tests.unit.compliance.test_policies import TEXTS, code, in_force, signed

from wardkeep.compliance import duties, training
from wardkeep.compliance.courses import load_courses
from wardkeep.compliance.duties import late
from wardkeep.compliance.records import Change, Kind
from wardkeep.model.access import Role
from wardkeep.model.programme import Certificate, CourseRule, Duties, DutyTerms, TrainingRecord

COURSES = load_courses()
BASICS = COURSES["hipaa-basics"]
DAY = timedelta(days=1)
DEVELOPERS = frozenset({Role.DEVELOPER})
STRICT = DutyTerms(training=True, acknowledgement=True)


def assigned(held, by=PRIVACY, **changes):
    given_ = {
        "course": "hipaa-basics", "roles": DEVELOPERS, "due_on": TODAY, "valid_days": 365, "pass_percent": 80,
        "today": TODAY, "courses": COURSES, **changes,
    }  # fmt: skip
    return after(held, training.assign_course(held, by, **given_))


def required(held, by=PRIVACY, **terms):
    return after(held, duties.require_duties(held, by, terms=DutyTerms(**terms)))


def right_answers(course=BASICS, wrong=0):
    answers = [each.right for each in course.questions]
    for place in range(wrong):
        answers[place] = (answers[place] + 1) % len(course.questions[place].options)
    return answers


def answered(held, by=DEVELOPER, on=TODAY, **changes):
    given_ = {"course": BASICS, "version": BASICS.version, "answers": right_answers(), "today": on, **changes}
    return after(held, training.answer_course(held, by, **given_))


def test_three_courses_ask_enough():
    assert COURSES.keys() == {"hipaa-basics", "ai-with-phi", "incident-reporting"}
    for each in COURSES.values():
        assert len(each.questions) >= 8
        assert len({question.right for question in each.questions}) > 1
        assert sum(len(section.text) for section in each.sections) > 2000
        shown = training.course_view(each, None)
        assert "right" not in shown["questions"][0]


def test_what_is_not_declared_is_a_fact_that_nobody_has():
    held = in_force(assigned(registry()))
    assert late(held, TEXTS, TODAY + 9 * DAY) == duties.Late()


def test_overdue_from_the_day_after_the_grace():
    held = required(assigned(registry()), training=True, grace_days=3)
    assert late(held, TEXTS, TODAY + 3 * DAY).training == frozenset()
    assert late(held, TEXTS, TODAY + 4 * DAY).training == {"developer"}
    assert late(held, TEXTS, TODAY + 4 * DAY).policies is None
    passed = answered(held)
    assert late(passed, TEXTS, TODAY + 4 * DAY).training == frozenset()
    assert late(passed, TEXTS, TODAY + (365 + 3) * DAY).training == frozenset()
    assert late(passed, TEXTS, TODAY + (365 + 4) * DAY).training == {"developer"}


def test_who_comes_after_the_due_day_passes_first_or_is_given_a_day():
    held = required(assigned(registry()), training=True)
    later = TODAY + 30 * DAY
    joined = replace(held, people={**held.people, "new": person("new", Role.DEVELOPER)})
    assert "new" in late(joined, TEXTS, later).training
    step = {"person": "new", "course": "hipaa-basics", "due_on": later + 5 * DAY, "today": later}
    given_more = after(joined, training.extend_due(joined, SECURITY, **step))
    assert "new" not in late(given_more, TEXTS, later + 5 * DAY).training
    assert "new" in late(given_more, TEXTS, later + 6 * DAY).training
    assert code(training.extend_due, joined, SECURITY, **{**step, "person": "security"}) == "second_person_required"
    assert code(training.extend_due, joined, DEVELOPER, **step) == "role_not_permitted"
    assert code(training.extend_due, joined, SECURITY, **{**step, "due_on": later + 31 * DAY}) == "value_invalid"
    assert code(training.extend_due, joined, SECURITY, **{**step, "course": "none"}) == "not_found"


def test_unsigned_policies_count_from_their_approval():
    held = required(in_force(registry()), acknowledgement=True, grace_days=2)
    assert late(held, TEXTS, TODAY + 2 * DAY).policies == frozenset()
    assert late(held, TEXTS, TODAY + 3 * DAY).policies == frozenset(held.people)
    held = signed(held, DEVELOPER)
    assert "developer" not in late(held, TEXTS, TODAY + 3 * DAY).policies


def test_last_days_are_worked_out_once_until_something_they_follow_from_changes():
    held = required(in_force(assigned(registry())), training=True, acknowledgement=True, grace_days=2)
    source = duties.DeadlineSource(TEXTS)
    known = source.of(held)
    vendor = replace(held.vendors["openai"], suspended_because="see ledger entry 7")
    other = after(held, (Change(kind=Kind.VENDORS, id="openai", record=vendor),))
    assert source.of(other) is known
    assert "developer" not in source.of(signed(other, DEVELOPER)).policies


@pytest.mark.parametrize("days", [0, 2, 3, 30, 367, 400])
def test_last_days_in_place_of_the_records_tell_the_same_people(days):
    held = answered(required(in_force(assigned(registry())), training=True, acknowledgement=True, grace_days=2))
    held = signed(held, DEVELOPER)
    sent = replace(held, signatures={}, trainings={}, deadlines=duties.deadlines(held, TEXTS))
    assert late(sent, TEXTS, TODAY + days * DAY) == late(held, TEXTS, TODAY + days * DAY)
    # without them nobody is known to have signed or passed anything
    bare = replace(sent, deadlines=None)
    assert late(bare, TEXTS, TODAY + 3 * DAY).policies == frozenset(held.people)


def test_more_holds_at_once_and_less_takes_two_people():
    held = required(assigned(registry()), training=True, grace_days=5)
    held = required(held, training=True, grace_days=1)
    assert held.duties["duties"].terms == DutyTerms(training=True, grace_days=1)
    laxer = required(held, training=False, grace_days=1)
    assert laxer.duties["duties"].terms.training
    approve = {"terms": DutyTerms(grace_days=1)}
    assert code(duties.approve_duties, laxer, PRIVACY, **approve) == "second_person_required"
    assert code(duties.approve_duties, laxer, AUDITOR, **approve) == "role_not_permitted"
    assert code(duties.approve_duties, laxer, SECURITY, terms=DutyTerms()) == "not_found"
    assert code(duties.approve_duties, held, SECURITY, **approve) == "not_found"
    done = after(laxer, duties.approve_duties(laxer, SECURITY, **approve))
    assert done.duties["duties"].terms == DutyTerms(grace_days=1)
    assert done.duties["duties"].proposed is None


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"training": True}, "wrong_status"),
        ({"acknowledgement": True}, "wrong_status"),
        ({"grace_days": -1}, "value_invalid"),
        ({"grace_days": 91}, "value_invalid"),
    ],
)
def test_duties_that_cannot_be(terms, expected):
    assert code(required, registry(), **terms) == expected
    assert code(required, registry(), by=DEVELOPER) == "role_not_permitted"


def test_while_training_closes_the_road_an_assignment_only_grows():
    held = required(assigned(registry()), training=True)
    assert code(assigned, held, roles=frozenset({Role.NURSE})) == "second_person_required"
    assert code(assigned, held, valid_days=366) == "second_person_required"
    assert code(assigned, held, pass_percent=79) == "second_person_required"
    more = assigned(held, roles=DEVELOPERS | {Role.NURSE}, due_on=TODAY + 30 * DAY, pass_percent=90, valid_days=90)
    assert more.courses["hipaa-basics"].due_on == TODAY
    passed = answered(held)
    assert "developer" in late(assigned(passed, valid_days=10), TEXTS, TODAY + 11 * DAY).training


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"course": "none"}, "not_found"),
        ({"roles": frozenset()}, "value_invalid"),
        ({"due_on": TODAY - DAY}, "value_invalid"),
        ({"due_on": TODAY + 367 * DAY}, "value_invalid"),
        ({"valid_days": 367}, "value_invalid"),
        ({"pass_percent": 69}, "value_invalid"),
        ({"by": DEVELOPER}, "role_not_permitted"),
    ],
)
def test_an_assignment_that_cannot_be(changes, expected):
    assert code(assigned, registry(), **changes) == expected


def test_a_pass_makes_a_certificate_whose_hash_is_computed_again():
    held = answered(assigned(registry()), answers=right_answers(wrong=2))
    found = held.trainings["developer"].certificates["hipaa-basics"]
    assert (found.score_percent, found.passed_on, found.until) == (80, TODAY, TODAY + 365 * DAY)
    assert found.content_sha256 == BASICS.sha256
    assert training.certificate_view(held, "developer", "hipaa-basics")["agrees"]
    forged = replace(found, score_percent=100)
    held.trainings["developer"].certificates["hipaa-basics"] = forged
    assert not training.certificate_view(held, "developer", "hipaa-basics")["agrees"]
    assert code(training.certificate_view, held, "admin", "hipaa-basics") == "not_found"


def test_too_many_wrong_answers_are_an_attempt_on_record():
    held = answered(assigned(registry()), answers=right_answers(wrong=3))
    assert held.trainings["developer"].certificates == {}
    assert held.trainings["developer"].failed == {"hipaa-basics": 1}
    (row,) = training.report(held, TODAY + DAY)
    assert (row["person"], row["standing"], row["failed"]) == ("developer", "overdue", 1)
    assert [each["standing"] for each in training.report(held, TODAY)] == ["due"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"answers": right_answers()[:-1]}, "value_invalid"),
        ({"answers": [*right_answers()[:-1], 9]}, "value_invalid"),
        ({"answers": [*right_answers()[:-1], -1]}, "value_invalid"),
        ({"version": 2}, "value_invalid"),
    ],
)
def test_answers_that_cannot_be(changes, expected):
    assert code(answered, assigned(registry()), **changes) == expected
    assert code(answered, registry()) == "not_found"
    assert code(answered, registry(), by=person("nobody")) == "role_not_permitted"


@given(
    due=st.dates(date(2026, 1, 1), date(2030, 1, 1)),
    passed=st.none() | st.dates(date(2026, 1, 1), date(2030, 1, 1)),
    valid=st.integers(1, 366),
    grace=st.integers(0, 90),
    today=st.dates(date(2026, 1, 1), date(2032, 1, 1)),
)
def test_overdue_is_what_the_calendar_says(due, passed, valid, grace, today):
    rule = CourseRule(id="c", roles=DEVELOPERS, due_on=due, valid_days=valid, pass_percent=80, set_by="privacy")
    records = {}
    counts_until = due
    if passed is not None:
        until = passed + timedelta(days=valid)
        one = Certificate(
            course="c", version=1, content_sha256="", score_percent=90, passed_on=passed, until=until, sha256=""
        )
        records = {"developer": TrainingRecord(id="developer", certificates={"c": one})}
        counts_until = max(due, until)
    terms = DutyTerms(training=True, grace_days=grace)
    held = registry(
        courses={"c": rule}, trainings=records, duties={"duties": Duties(id="duties", terms=terms, set_by="privacy")}
    )
    is_late = (today - counts_until).days > grace
    assert late(held, {}, today).training == ({"developer"} if is_late else frozenset())
    assert ADMIN.id not in late(held, {}, today).training
