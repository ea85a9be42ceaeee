from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from tests.unit.compliance.organisation import registry

from wardkeep.compliance.facts import TOLERATED_STEP_US, FactsSource
from wardkeep.model.instant import Instant
from wardkeep.model.reasons import Reason, Refused


def at(*when):
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000


class Clock:
    def __init__(self, wall_us):
        self.wall_us = wall_us

    def __call__(self):
        return Instant(self.wall_us, 0, "boot")


def in_zone(zone):
    held = registry()
    return replace(held, organisation=replace(held.organisation, zone=zone))


def test_the_day_is_the_organisations_and_changes_at_its_midnight():
    clock = Clock(at(2026, 11, 24, 4, 59, 59))
    source = FactsSource(clock)
    assert source.now(registry()).today == date(2026, 11, 23)
    clock.wall_us = at(2026, 11, 24, 5, 0, 0)
    assert source.now(registry()).today == date(2026, 11, 24)


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [
        ("America/New_York", (2026, 3, 9, 3, 59, 59), (2026, 3, 9, 4, 0, 0)),  # the 23-hour day ends an hour early
        ("America/New_York", (2026, 11, 2, 4, 59, 59), (2026, 11, 2, 5, 0, 0)),  # the 25-hour day
        ("Pacific/Kiritimati", (2026, 1, 1, 9, 59, 59), (2026, 1, 1, 10, 0, 0)),
        ("UTC", (2026, 1, 1, 23, 59, 59), (2026, 1, 2, 0, 0, 0)),
    ],
)
def test_days_of_every_length_end_at_midnight(zone, before, after):
    clock = Clock(at(*before) - 3_600_000_000)
    source = FactsSource(clock)
    first = source.now(in_zone(zone)).today
    clock.wall_us = at(*before)
    assert source.now(in_zone(zone)).today == first
    clock.wall_us = at(*after)
    assert source.now(in_zone(zone)).today.toordinal() == first.toordinal() + 1


def test_another_zone_is_another_day():
    source = FactsSource(Clock(at(2026, 1, 1, 12, 0, 0)))
    assert source.now(in_zone("UTC")).today == date(2026, 1, 1)
    assert source.now(in_zone("Pacific/Kiritimati")).today == date(2026, 1, 2)


def test_a_clock_that_goes_back_closes_the_road_until_it_has_caught_up():
    start = at(2026, 1, 1, 12, 0, 0)
    clock = Clock(start)
    source = FactsSource(clock)
    source.now(registry())
    clock.wall_us = start - TOLERATED_STEP_US
    assert not isinstance(source.now(registry()), Refused)
    clock.wall_us = start - TOLERATED_STEP_US - 1
    for _ in range(3):
        assert source.now(registry()) == Refused(reason=Reason.CLOCK_BACKWARDS)
    clock.wall_us = start
    assert not isinstance(source.now(registry()), Refused)


def test_a_clock_set_back_while_we_were_down_is_found_by_the_ledger():
    entry = at(2026, 6, 1, 0, 0, 0)
    clock = Clock(entry - TOLERATED_STEP_US - 1)
    source = FactsSource(clock, newest_entry_us=entry)
    assert source.now(registry()) == Refused(reason=Reason.CLOCK_BACKWARDS)


def test_no_organisation_no_facts():
    source = FactsSource(Clock(at(2026, 1, 1, 0, 0, 0)))
    assert source.now(replace(registry(), organisation=None)) == Refused(reason=Reason.FACTS_UNAVAILABLE)


def test_the_snapshot_says_what_it_is_of():
    held = registry()
    clock = Clock(at(2026, 1, 1, 0, 0, 0))
    facts = FactsSource(clock).now(held)
    assert facts.registry is held
    assert facts.now == clock()
    assert facts.policy_version
