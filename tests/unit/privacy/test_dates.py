"""Dates that can be moved: read in every form, written back in it, never guessed."""

from datetime import date, timedelta

import pytest

from wardkeep.privacy.dates import Order, Reader, moved, order_of
from wardkeep.privacy.shift import COMPUTED, UNREAD, DateShift, days_from

US = Reader(order=Order.MONTH_FIRST, pivot=2026)
EU = Reader(order=Order.DAY_FIRST, pivot=2026)
UNSURE = Reader(order=Order.UNSURE, pivot=2026)
DAY = date(2024, 3, 14)


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-14", "2024/03/14", "2024-03-14T10:20:00Z", "03/14/2024", "3/14/2024", "03-14-2024", "03.14.2024",
        "3/14/24", "March 14, 2024", "Mar 14 2024", "MARCH 14TH, 2024", "14 March 2024", "14-Mar-2024",
        "14th of March 2024", "14 de marzo de 2024",
    ],
)  # fmt: skip
def test_a_date_is_read_and_another_written_in_its_form(text):
    (found,) = US.find(f"on {text}.")
    assert found.day == DAY
    for days in (-400, -70, -7, 7, 35, 364):
        there = moved(DAY, days)
        written = found.written(there, Order.MONTH_FIRST)
        (again,) = US.find(f"on {written}.")
        assert again.day == DAY + timedelta(days=days)
        assert again.written(DAY, Order.MONTH_FIRST).lower() in text.lower()


@pytest.mark.parametrize(
    "text",
    [
        "in March", "3/14", "03/2024", "2024", "13/14/2024", "02/30/2024", "2024-13-01", "v1.2.24", "1.2.24",
        "120/80/60", "1/2/2024/5", "12/03/20245", "10.1.2.2024", "March 2024", "May 5 mg", "a03/14/2024", "03/14/2024b",
    ],
)  # fmt: skip
def test_what_is_no_complete_date_is_left(text):
    assert list(US.find(text)) == []


def test_the_order_comes_from_the_other_dates_of_the_call():
    assert order_of(["03/04/2024"]) is Order.MONTH_FIRST
    assert order_of(["03/04/2024", "14/03/2024"]) is Order.DAY_FIRST
    assert order_of(["03/14/2024", "14/03/2024"]) is Order.UNSURE
    assert [each.day for each in EU.find("03/04/2024")] == [date(2024, 4, 3)]
    assert list(UNSURE.find("03/04/2024")) == []


def test_two_digits_are_read_around_the_pivot():
    assert [each.day.year for each in US.find("3/14/24, 3/14/46, 3/14/47, 3/14/99")] == [2024, 2046, 1947, 1999]


def test_days_follow_from_the_key_in_whole_weeks_and_are_never_none():
    for number in range(300):
        days = days_from(number.to_bytes(16) * 2)
        assert days % 7 == 0
        assert 7 <= abs(days) <= 364
    assert len({days_from(number.to_bytes(16), keep_weekdays=False) for number in range(800)}) > 500
    assert days_from(b"k" * 32) == days_from(b"k" * 32)
    with pytest.raises(ValueError):
        days_from(b"short")


def shift(days=-70, reader=US, **shown):
    return DateShift(days=days, reader=reader, shown=shown)


def test_what_was_shown_comes_back_as_it_was_in_whatever_form_the_model_writes_it():
    made = DateShift(days=-70, reader=US, shown={"01/04/2024": "03/14/2024"})
    assert made.back("on 01/04/2024") == "on 03/14/2024"
    assert made.back("on January 4, 2024, or 2024-01-04") == "on March 14, 2024, or 2024-03-14"


def test_what_the_model_computed_comes_back_marked():
    made = DateShift(days=-70, reader=US, shown={"01/04/2024": "03/14/2024"})
    assert made.back("3 days after: 01/07/2024.") == f"3 days after: 03/17/2024{COMPUTED}."


def test_what_cannot_be_read_surely_stays_and_is_marked():
    assert shift().back("on 13/14/2024") == f"on 13/14/2024{UNREAD}"
    assert shift(reader=UNSURE).back("on 03/04/2024") == f"on 03/04/2024{UNREAD}"
    assert shift().back("3 sets of 3-4-12") == f"3 sets of 3-4-12{UNREAD}"


def test_a_program_gets_bare_dates_and_a_reader_marked_ones():
    assert shift().back('{"due": "2024-01-07", "why": "by 2024-01-07"}', is_json=True) == (
        f'{{"due": "2024-03-17", "why": "by 2024-03-17{COMPUTED}"}}'
    )
    assert shift().back('"a\\n01\\/07\\/2024\\nb"', is_json=True) == f'"a\\n03\\/17\\/2024{COMPUTED}\\nb"'


def test_the_ends_of_the_calendar_are_not_crossed():
    assert moved(date(1800, 1, 5), -7) is None
    assert moved(date(9999, 12, 30), 7) is None
    assert shift(days=70).back("on 01/05/1800") == f"on 01/05/1800{UNREAD}"
