"""Reminders: every mark once, the day moved is another one, nothing of people, durable over restarts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.compliance.instance import found, keyring, running
from tests.unit.compliance.organisation import TODAY, after, working_registry

from wardkeep.compliance.reminders import ENDED, MARKS, due, endings, mark_of, reminders_view, tend

DAY = timedelta(days=1)


def expiring(last_day):
    held = working_registry()
    (agreement,) = [each for each in held.agreements.values() if each.id == "baa-1"]
    return replace(held, agreements={"baa-1": replace(agreement, expires_on=last_day)}, keys={}, risks={})


def given_over(held, first, last):
    """The marks given when looked at on each day."""
    marks = []
    day = first
    while day <= last:
        changes = [each for each in due(held, day) if each.record.kind == "agreement"]
        marks += [(each.record.given[-1].mark, (each.record.last_day - day).days) for each in changes]
        held = after(held, changes)
        day += DAY
    return marks


def test_each_mark_is_given_once_on_its_day_and_once_when_it_ended():
    last = TODAY + 120 * DAY
    assert given_over(expiring(last), TODAY, last + 30 * DAY) == [(each, each) for each in MARKS] + [(ENDED, -1)]


@given(left=st.integers(-400, 400), later=st.integers(0, 400))
def test_no_mark_is_given_twice_and_none_after_a_nearer_one(left, later):
    held = expiring(TODAY + left * DAY)
    for day in sorted({TODAY, TODAY + later * DAY}):
        held = after(held, due(held, day))
    for record in held.reminders.values():
        marks = [each.mark for each in record.given]
        assert marks == sorted(set(marks), reverse=True)
        assert all(
            mark == mark_of((record.last_day - each.on).days) for mark, each in zip(marks, record.given, strict=True)
        )


def test_a_day_that_is_moved_is_told_anew_and_what_was_over_before_is_not():
    held = expiring(TODAY + 5 * DAY)
    held = after(held, due(held, TODAY))
    assert not [each for each in due(held, TODAY) if each.record.kind == "agreement"]
    moved = replace(held, agreements=expiring(TODAY + 20 * DAY).agreements)
    (told,) = [each.record for each in due(moved, TODAY) if each.record.kind == "agreement"]
    assert [each.mark for each in told.given] == [30]
    assert not [each for each in due(expiring(TODAY - DAY), TODAY) if each.record.kind == "agreement"]


def test_the_certificate_is_an_ending_and_people_are_not_named():
    held = working_registry()
    until = TODAY + 6 * DAY
    found_ = {each.kind: each for each in endings(held, certificate_until=until)}
    assert found_["certificate"].last_day == until
    assert not {each.about for each in endings(held)} & held.people.keys()
    shown = reminders_view(expiring(TODAY + 6 * DAY), TODAY)
    assert [each["days_left"] for each in shown if each["kind"] == "agreement"] == [6]


async def test_reminders_are_entries_and_are_not_given_again_after_a_restart(tmp_path):
    ring = keyring()
    async with running(tmp_path, ring) as instance:
        today = datetime.fromtimestamp(instance.clock.wall_us / 1e6, UTC).date()
        await found(instance, expiring(today + 10 * DAY))
        assert await tend(instance.control, instance.clock) >= 1
        assert b"reminder.give" in (await instance.headers())[-1]
        size = len(await instance.headers())
        assert await tend(instance.control, instance.clock) == 0
        assert len(await instance.headers()) == size
    async with running(tmp_path, ring) as instance:
        assert await tend(instance.control, instance.clock) == 0
        (held,) = [each for each in instance.control.registry.reminders.values() if each.kind == "agreement"]
        assert [each.mark for each in held.given] == [14]


@pytest.mark.parametrize(("left", "mark"), [(91, None), (90, 90), (61, 90), (60, 60), (2, 7), (1, 1), (0, 1), (-1, 0)])
def test_the_mark_that_counts(left, mark):
    assert mark_of(left) == mark
