"""Statutory clocks against days counted by hand on a calendar."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardkeep.compliance import clocks
from wardkeep.compliance.catalogue import load_catalogue
from wardkeep.compliance.clocks import Delay, Right, breach_deadlines, delayed, discovered_on, right_deadline


def day(text):
    return date.fromisoformat(text)


# 45 CFR 164.404(b): 60 calendar days after discovery, counted by hand.
INDIVIDUALS = [
    ("2026-01-01", "2026-03-02"),  # 28 days of February
    ("2028-01-01", "2028-03-01"),  # 29
    ("2027-12-31", "2028-02-29"),
    ("2026-12-31", "2027-03-01"),
    ("2028-01-31", "2028-03-31"),
    ("2026-01-31", "2026-04-01"),
    ("2026-01-30", "2026-03-31"),
    ("2028-02-29", "2028-04-29"),
    ("2026-11-23", "2027-01-22"),
    ("2026-03-08", "2026-05-07"),  # clocks go forward in New York
    ("2026-11-01", "2026-12-31"),  # and back
    ("2026-07-04", "2026-09-02"),  # due on a Wednesday; a Saturday would be no different
    ("2026-06-30", "2026-08-29"),  # due on a Saturday: calendar days
    ("2099-12-31", "2100-03-01"),  # 2100 is no leap year
    ("2000-01-01", "2000-03-01"),  # 2000 was
]


@pytest.mark.parametrize(("discovered", "due"), INDIVIDUALS)
def test_individuals_within_60_calendar_days(discovered, due):
    assert clocks.individual_notice(day(discovered)).due == day(due)
    assert clocks.associate_notice(day(discovered)).due == day(due)


# 45 CFR 164.408(c): within 60 days after the end of the calendar year of discovery.
SMALL = [
    ("2027-01-01", "2028-02-29"),
    ("2027-06-15", "2028-02-29"),
    ("2027-12-31", "2028-02-29"),
    ("2028-01-01", "2029-03-01"),
    ("2028-02-29", "2029-03-01"),
    ("2028-12-31", "2029-03-01"),
    ("2026-11-23", "2027-03-01"),
    ("2025-12-31", "2026-03-01"),
    ("2023-05-05", "2024-02-29"),
    ("2099-05-05", "2100-03-01"),
]


@pytest.mark.parametrize(("discovered", "due"), SMALL)
@pytest.mark.parametrize("individuals", [1, 499])
def test_small_breaches_by_60_days_after_the_year(discovered, due, individuals):
    found = clocks.secretary_notice(day(discovered), individuals)
    assert (found.name, found.due) == ("secretary_annual", day(due))


# Right, received, extension stated on, due. 45 CFR 164.524(b)(2), 164.526(b)(2), 164.528(c)(1).
RIGHTS = [
    (Right.ACCESS, "2026-01-31", None, "2026-03-02"),
    (Right.ACCESS, "2028-01-31", None, "2028-03-01"),
    (Right.ACCESS, "2028-01-30", None, "2028-02-29"),
    (Right.ACCESS, "2026-01-31", "2026-03-02", "2026-04-01"),
    (Right.ACCESS, "2026-01-31", "2026-03-03", "2026-03-02"),  # stated too late: nothing extended
    (Right.ACCESS, "2026-01-31", "2026-01-30", "2026-03-02"),  # stated before the request: of another one
    (Right.AMENDMENT, "2027-12-31", None, "2028-02-29"),
    (Right.AMENDMENT, "2027-12-31", "2028-02-29", "2028-03-30"),
    (Right.AMENDMENT, "2027-12-31", "2028-03-01", "2028-02-29"),
    (Right.ACCOUNTING, "2026-12-31", None, "2027-03-01"),
    (Right.ACCOUNTING, "2026-12-31", "2026-12-31", "2027-03-31"),
    (Right.ACCOUNTING, "2026-11-23", "2027-01-22", "2027-02-21"),
]


@pytest.mark.parametrize(("right", "received", "extended", "due"), RIGHTS)
def test_rights(right, received, extended, due):
    found = right_deadline(right, day(received), extended_on=None if extended is None else day(extended))
    assert found.due == day(due)


def test_there_are_enough_of_them():
    assert len(INDIVIDUALS) + len(SMALL) + len(RIGHTS) >= 30
    assert ("2027-12-31", "2028-02-29") in SMALL


@pytest.mark.parametrize(
    ("individuals", "residents", "names"),
    [
        (499, {"TX": 499}, ["individuals", "secretary_annual"]),
        (500, {"TX": 500}, ["individuals", "secretary"]),  # 500 residents are not MORE than 500
        (501, {"TX": 501}, ["individuals", "media", "secretary"]),
        (1000, {"TX": 500, "CA": 500}, ["individuals", "secretary"]),
        (1002, {"TX": 501, "CA": 501}, ["individuals", "media", "media", "secretary"]),
        (900, {}, ["individuals", "secretary"]),
        (1, {}, ["individuals", "secretary_annual"]),
        (0, {}, []),
    ],
)
def test_more_than_500_of_one_state_and_500_or_more_in_total(individuals, residents, names):
    found = breach_deadlines(day("2027-12-31"), individuals=individuals, residents=residents)
    assert [each.name for each in found] == names
    assert {each.due for each in found} <= {day("2028-02-29")}
    assert [each.about for each in found if each.name == "media"] == [
        state for state in sorted(residents) if residents[state] > 500
    ]


def test_an_associate_tells_the_entity_and_nobody_else():
    (only,) = breach_deadlines(day("2026-11-23"), individuals=900, residents={"TX": 900}, is_associate=True)
    assert (only.name, only.due, only.control) == ("covered_entity", day("2027-01-22"), "HBN-410")


@pytest.mark.parametrize(
    ("individuals", "residents"), [(-1, {}), (5, {"TX": -1}), (5, {"TX": 6}), (5, {"TX": 3, "CA": 3})]
)
def test_counts_that_cannot_be(individuals, residents):
    with pytest.raises(ValueError, match="residents"):
        breach_deadlines(day("2026-11-23"), individuals=individuals, residents=residents)


@pytest.mark.parametrize(
    ("known", "should", "found"),
    [
        ("2026-11-23", None, "2026-11-23"),
        (None, "2026-11-20", "2026-11-20"),
        ("2026-11-23", "2026-11-20", "2026-11-20"),
        ("2026-11-20", "2026-11-23", "2026-11-20"),
        (None, None, None),
    ],
)
def test_discovery_is_the_first_day_known_or_that_should_have_been(known, should, found):
    given_known, given_should, expected = (None if each is None else day(each) for each in (known, should, found))
    assert discovered_on(known=given_known, should_have_known=given_should) == expected


@pytest.mark.parametrize(("is_agent", "found"), [(True, "2026-11-01"), (False, "2026-11-23")])
def test_an_agent_s_knowledge_is_the_entity_s(is_agent, found):
    assert clocks.discovered_through_associate(
        associate_discovered=day("2026-11-01"), notified=day("2026-11-23"), is_agent=is_agent
    ) == day(found)


@pytest.mark.parametrize(
    ("stated", "until", "first", "last"),
    [
        ("2026-12-01", "2026-12-31", "2027-01-01", "2027-01-22"),  # ends before the clock: no day added
        ("2026-12-01", "2027-02-28", "2027-03-01", "2027-03-01"),
        ("2026-12-01", None, "2027-01-01", "2027-01-22"),  # oral: 30 days
        ("2027-01-10", None, "2027-02-10", "2027-02-10"),
        ("2028-01-30", None, "2028-03-01", "2028-03-01"),  # 29 February ends it
    ],
)
def test_a_law_enforcement_delay(stated, until, first, last):
    delay = Delay(stated_on=day(stated), until=None if until is None else day(until))
    assert delayed(clocks.individual_notice(day("2026-11-23")), delay) == (day(first), day(last))


@pytest.mark.parametrize(
    ("moment", "zone", "expected"),
    [
        ("2027-01-01T04:59:59+00:00", "America/New_York", "2026-12-31"),
        ("2027-01-01T05:00:00+00:00", "America/New_York", "2027-01-01"),
        ("2026-12-31T10:00:00+00:00", "Pacific/Kiritimati", "2027-01-01"),
        ("2026-03-08T06:59:59+00:00", "America/New_York", "2026-03-08"),
        ("2026-11-01T03:59:59+00:00", "America/New_York", "2026-10-31"),
        ("2026-11-02T04:59:59+00:00", "America/New_York", "2026-11-01"),
    ],
)
def test_the_day_is_the_organisation_s(moment, zone, expected):
    assert clocks.day_of(datetime.fromisoformat(moment), zone) == day(expected)


def test_a_time_without_zone_is_no_time():
    with pytest.raises(ValueError, match="aware"):
        clocks.day_of(datetime(2026, 11, 23), "UTC")  # noqa: DTZ001
    with pytest.raises(ValueError, match="aware"):
        clocks.contract_notice(datetime(2026, 11, 23), 24)  # noqa: DTZ001
    with pytest.raises(ValueError, match="hour"):
        clocks.contract_notice(datetime(2026, 11, 23, tzinfo=UTC), 0)


def test_no_clock_rests_on_a_row_that_nobody_confirmed():
    found = [
        *breach_deadlines(day("2026-11-23"), individuals=501, residents={"TX": 501}),
        *breach_deadlines(day("2026-11-23"), individuals=5, residents={}),
        *breach_deadlines(day("2026-11-23"), individuals=5, residents={}, is_associate=True),
        *(right_deadline(right, day("2026-11-23")) for right in Right),
    ]
    rows = load_catalogue().controls
    assert {each.control for each in found} == {
        "HBN-404-b", "HBN-406", "HBN-408-b", "HBN-408-c", "HBN-410", "HPR-524", "HPR-526", "HPR-528",
    }  # fmt: skip
    for each in found:
        assert not rows[each.control].is_unconfirmed
        assert each.citation.startswith(rows[each.control].citation)
    assert not rows["HBN-412"].is_unconfirmed


DAYS = st.dates(min_value=date(1996, 8, 21), max_value=date(2150, 12, 31))
ZONES = st.sampled_from(
    ["UTC", "America/New_York", "America/Los_Angeles", "America/Phoenix", "Pacific/Honolulu", "America/St_Johns",
     "Pacific/Kiritimati", "Pacific/Apia", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Kathmandu"]
)  # fmt: skip
MOMENTS = st.datetimes(min_value=datetime(1997, 1, 1), max_value=datetime(2037, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(DAYS)
def test_a_notice_has_sixty_days_and_not_one_more(discovered):
    due = clocks.individual_notice(discovered).due
    counted = 0
    today = discovered
    while today < due:
        today += timedelta(days=1)
        counted += 1
    assert counted == 60


@given(DAYS, DAYS)
def test_a_later_discovery_is_never_due_earlier(one, other):
    first, second = sorted((one, other))
    for individuals in (1, 500):
        earlier, later = (clocks.secretary_notice(each, individuals).due for each in (first, second))
        assert earlier <= later


@given(DAYS)
def test_the_annual_clock_ends_sixty_days_into_the_next_year(discovered):
    due = clocks.secretary_notice(discovered, 499).due
    assert due.year == discovered.year + 1
    assert due.timetuple().tm_yday == 60
    assert due >= clocks.individual_notice(discovered).due or discovered.month == 12
    is_leap = due.year % 4 == 0 and (due.year % 100 != 0 or due.year % 400 == 0)
    assert (due.month, due.day) == ((2, 29) if is_leap else (3, 1))


@given(DAYS, st.integers(0, 3000), st.dictionaries(st.sampled_from(["TX", "CA", "NY"]), st.integers(0, 1000)))
def test_thresholds_hold_for_every_count(discovered, more, residents):
    individuals = sum(residents.values()) + more
    names = [each.name for each in breach_deadlines(discovered, individuals=individuals, residents=residents)]
    assert names.count("media") == sum(count > 500 for count in residents.values())
    assert ("secretary" in names) == (individuals >= 500)
    assert ("secretary_annual" in names) == (1 <= individuals <= 499)
    assert ("individuals" in names) == (individuals > 0)


@given(MOMENTS, ZONES)
def test_the_same_moment_is_at_most_one_day_apart_in_any_zone(moment, zone):
    here, there = clocks.day_of(moment, zone), clocks.day_of(moment, "UTC")
    assert abs((here - there).days) <= 1
    assert clocks.day_of(moment.astimezone(), zone) == here
    assert clocks.day_of(moment + timedelta(microseconds=1), zone) >= here


@given(MOMENTS, ZONES, st.integers(1, 2000))
def test_a_contract_s_hours_are_elapsed_hours_in_every_zone(moment, zone, hours):
    local = moment.astimezone(clocks.ZoneInfo(zone))
    due = clocks.contract_notice(local, hours)
    assert due.timestamp() - moment.timestamp() == pytest.approx(hours * 3600, abs=1e-3)


@given(st.sampled_from(Right), DAYS, st.one_of(st.none(), DAYS))
def test_a_right_is_extended_once_or_not_at_all(right, received, extended):
    plain = right_deadline(right, received).due
    due = right_deadline(right, received, extended_on=extended).due
    assert due - plain in {timedelta(0), timedelta(days=30)}
    assert (due > plain) == (extended is not None and received <= extended <= plain)
