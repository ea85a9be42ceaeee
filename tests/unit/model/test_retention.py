"""Retention is counted in calendar days: leap days, majority, months, and of several rules the longest."""

from datetime import date

import pytest

from wardkeep.model.retention import (
    RecordClass,
    RetentionRule,
    kept_until,
    last_day_of,
    period_of,
    rules_in_force,
    years_after,
)

CONTENT = RecordClass.AI_CONTENT


def rule(name="r", years=6, **more):
    return RetentionRule(id=name, record_class=CONTENT, years=years, citation="law", **more)


@pytest.mark.parametrize(
    ("day", "years", "expected"),
    [
        (date(2026, 11, 23), 6, date(2032, 11, 23)),
        (date(2024, 2, 29), 6, date(2030, 3, 1)),
        (date(2024, 2, 29), 4, date(2028, 2, 29)),
        (date(2096, 2, 29), 4, date(2100, 3, 1)),
        (date(2023, 2, 28), 1, date(2024, 2, 28)),
    ],
)
def test_years_after_a_day(day, years, expected):
    assert years_after(day, years) == expected


@pytest.mark.parametrize(
    ("day", "last"),
    [
        (date(2024, 2, 1), date(2024, 2, 29)),
        (date(2023, 2, 28), date(2023, 2, 28)),
        (date(2026, 12, 31), date(2026, 12, 31)),
        (date(2026, 1, 1), date(2026, 1, 31)),
    ],
)
def test_a_month_has_its_last_day(day, last):
    assert last_day_of(period_of(day)) == last
    assert period_of(last) == period_of(day)


def until(rules, *, newest=date(2026, 11, 30), state=None, born_on=None):
    return kept_until(rules, CONTENT, newest=newest, state=state, born_on=born_on)


def test_without_a_rule_content_is_kept_six_years():
    assert until([]) == date(2032, 11, 30)
    assert until([rule("only-texas", 10, state="TX")], state="CA") == date(2032, 11, 30)


def test_a_rule_for_everywhere_takes_the_defaults_place_and_a_states_lengthens_it():
    rules = [rule("all", 2), rule("tx", 7, state="TX")]
    assert until(rules, state="CA") == date(2028, 11, 30)
    assert until(rules, state="TX") == date(2033, 11, 30)
    assert until(rules) == date(2033, 11, 30)  # a State that is not known may be any


@pytest.mark.parametrize(
    ("born", "expected"),
    [
        (date(2020, 5, 1), date(2040, 5, 1)),
        (date(2020, 2, 29), date(2040, 3, 1)),  # of age on 1 March 2038, where there is no 29 February
        (date(1950, 1, 1), date(2032, 11, 30)),
        (None, date(2032, 11, 30)),
    ],
)
def test_a_minors_records_are_kept_beyond_majority(born, expected):
    assert until([rule("all", 6, years_after_majority=2)], born_on=born) == expected


def test_a_state_may_have_a_later_majority():
    rules = [rule("all", 1), rule("ms", 1, state="MS", years_after_majority=0, majority_age=21)]
    assert until(rules, state="MS", born_on=date(2020, 5, 1)) == date(2041, 5, 1)


def test_each_class_has_its_own_clock():
    held = [rule("content", 1)]
    for record_class in (RecordClass.DOCUMENTATION, RecordClass.ACCOUNTING_HEADERS):
        ends = kept_until(held, record_class, newest=date(2026, 1, 1), state=None, born_on=None)
        assert ends == date(2032, 1, 1)
    assert [each.record_class for each in rules_in_force(held)].count(CONTENT) == 1
