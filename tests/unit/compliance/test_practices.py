"""Twelve months of practices from records, and the risk analysis in the SRA Tool's order: nothing counts by itself."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.compliance.organisation import TODAY, working_registry

from wardkeep.compliance.catalogue import load_catalogue
from wardkeep.compliance.practices import PRACTICES, Span, analysis_in_order, covers, last_months, practices_view
from wardkeep.model.assessment import OutsideKind, OutsideTest
from wardkeep.model.registry import Registry

DAY = timedelta(days=1)
DAYS = st.dates(date(2000, 2, 1), date(2100, 12, 31))


@given(today=DAYS)
def test_twelve_whole_months_follow_one_another_up_to_this_one(today):
    months = last_months(today)
    assert len(months) == 12
    assert months[-1].stop + DAY == today.replace(day=1)
    for before, after in pairwise(months):
        assert before.stop + DAY == after.start
        assert before.start.day == 1


@given(start=DAYS, lengths=st.lists(st.integers(0, 40), min_size=1, max_size=6), hole=st.integers(0, 300))
def test_a_month_is_covered_when_every_day_of_it_is(start, lengths, hole):
    spans, day = [], start
    for number, length in enumerate(lengths):
        spans.append(Span(day, day + length * DAY))
        day += (length + (2 if number == hole else 1)) * DAY
    month = last_months(start + 45 * DAY)[-1]
    covered = {span.start + n * DAY for span in spans for n in range((span.stop - span.start).days + 1)}
    days = {month.start + n * DAY for n in range((month.stop - month.start).days + 1)}
    assert covers([spans], month) is (days <= covered)
    assert not covers([spans, []], month)


def test_without_records_no_practice_covers_a_month():
    told = practices_view(Registry(epoch=0), TODAY)
    assert {each["id"] for each in told["practices"]} == PRACTICES.keys()
    assert all(each["months_covered"] == 0 and len(each["gaps"]) == 12 for each in told["practices"])


@pytest.mark.parametrize(("is_independent", "months"), [(True, 3), (False, 0)])
def test_a_record_covers_its_months_and_the_others_are_gaps(is_independent, months):
    last = last_months(TODAY)
    test = OutsideTest(
        id="t", kind=OutsideKind.PENETRATION_TEST, party="T", is_independent=is_independent,
        tested_on=last[-3].start, expires_on=TODAY + 90 * DAY, document_sha256="ab" * 32, looked_at=0, imported_by="p",
    )  # fmt: skip
    told = practices_view(replace(working_registry(), outside_tests={"t": test}), TODAY)
    (row,) = (each for each in told["practices"] if each["id"] == "testing")
    assert row["months_covered"] == months
    assert row["gaps"] == [f"{each.start:%Y-%m}" for each in last[: 12 - months]]


def test_every_control_of_the_security_rule_stands_in_one_section():
    catalogue = load_catalogue()
    told = analysis_in_order(working_registry(), catalogue, TODAY)
    assert len(told["sections"]) == 7
    listed = [each["id"] for section in told["sections"] for each in section["asks"]]
    assert sorted(listed) == sorted(name for name in catalogue.controls if name.startswith("HSR-"))
