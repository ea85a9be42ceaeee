"""A vendor's count against the ledger's: what it saw and we did not opens, what cannot be told is said."""

from datetime import UTC, date, datetime

import orjson
import pytest
from tests.unit.compliance.organisation import AUDITOR, OPERATOR, registry

from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.reconciling import (
    DailyAccount,
    Recorded,
    check_days,
    check_lines,
    differences,
    reconciliation_view,
    record_reconciliation,
    settle_reconciliation,
)
from wardkeep.compliance.records import apply, stamped
from wardkeep.model.reconciliation import Reconciliation, UsageLine

DAY, NEXT = date(2026, 11, 1), date(2026, 11, 2)


def line(requests: int | None, tokens: int, *, day: date = DAY, model: str = "m") -> UsageLine:
    return UsageLine(day=day, model=model, requests=requests, tokens_in=tokens, tokens_out=0)


def ours(calls: int, tokens: int, metered: int | None = None) -> dict:
    return {(DAY, "m"): Recorded(calls=calls, metered=calls if metered is None else metered, tokens=tokens)}


@pytest.mark.parametrize(
    ("reported", "recorded", "kind"),
    [
        (line(2, 10), ours(2, 10), None),
        (line(3, 10), ours(2, 10), "requests_unrecorded"),
        (line(2, 11), ours(2, 10), "tokens_unrecorded"),
        (line(2, 11), ours(2, 10, metered=1), None),
        (line(None, 11), ours(2, 10), "tokens_unrecorded"),
        (line(None, 11), ours(2, 10, metered=1), "not_comparable"),
        (line(1, 5), ours(2, 10), "vendor_fewer"),
        (line(None, 5), ours(2, 10), "vendor_fewer"),
        (line(1, 1), {}, "requests_unrecorded"),
        (line(None, 1), {}, "tokens_unrecorded"),
        (line(0, 0), {}, None),
    ],
)
def test_what_the_vendor_saw_and_the_ledger_did_not_is_told_from_what_cannot_be_compared(reported, recorded, kind):
    found = differences([reported], recorded)
    assert [each.kind.value for each in found] == ([] if kind is None else [kind])


def test_a_vendor_that_reports_nothing_of_what_we_recorded_is_shown():
    (found,) = differences([], ours(2, 10))
    assert (found.kind.value, found.calls) == ("vendor_fewer", 2)


@pytest.mark.parametrize(
    ("reported", "is_the_same"),
    [("m-2026-08-06", True), ("m-20260806", True), ("m-mini", False), ("m-2026-08-06-mini", False), ("n", False)],
)
def test_a_dated_release_counts_for_the_alias_it_served_and_nothing_else_does(reported, is_the_same):
    found = differences([line(2, 10, model=reported)], ours(2, 10))
    assert (not found) == is_the_same


def test_lines_of_one_model_and_day_are_added_up_and_days_are_apart():
    assert not differences([line(1, 4), line(1, 6, model="m-2026-08-06")], ours(2, 10))
    found = differences([line(2, 10), line(1, 1, day=NEXT)], ours(2, 10))
    assert [(each.day, each.kind.value) for each in found] == [(NEXT, "requests_unrecorded")]


def header(kind: str, identifier: str, at: str = "2026-11-01T23:59:59.000000Z", **more: object) -> bytes:
    return orjson.dumps({"type": kind, "id": identifier, "at": at, **more})


def test_the_ledger_is_added_up_by_utc_day_for_one_vendor_with_what_was_not_metered():
    daily = DailyAccount(vendor="v", first=DAY, last=DAY)
    for leaf in (
        header("request", "a", vendor="v", model="m"),
        header("request", "b", vendor="other", model="m"),
        header("request", "c", vendor="v", model="m"),
        header("response", "x", parent="a", tokens_in=3, tokens_out=4),
        header("response", "y", parent="b", tokens_in=30),
        header("request", "d", at="2026-11-02T00:00:00.000000Z", vendor="v", model="m"),
    ):
        daily.take(leaf)
    assert not daily.is_done, "one call is not closed"
    daily.take(header("aborted", "z", parent="c"))
    assert daily.is_done
    assert daily.found == {(DAY, "m"): Recorded(calls=2, metered=1, tokens=7)}


def test_only_days_that_are_over_and_a_report_of_these_days_are_compared():
    check_days(DAY, NEXT, today=date(2026, 11, 3))
    for first, last in ((NEXT, DAY), (DAY, date(2026, 11, 3)), (date(2026, 9, 1), NEXT)):
        with pytest.raises(NotAllowed):
            check_days(first, last, today=date(2026, 11, 3))
    for bad in (line(1, 1, day=date(2026, 10, 31)), line(-1, 1), line(1, -1), line(1, 1, model="not a name")):
        with pytest.raises(NotAllowed):
            check_lines([bad], DAY, NEXT)


def compared(*lines: UsageLine) -> Reconciliation:
    return Reconciliation(
        id="openai:1", vendor="openai", first=DAY, last=DAY, source="file", at=datetime(2026, 11, 3, tzinfo=UTC),
        by="", lines=len(lines), differences=differences(lines, ours(2, 10)),
    )  # fmt: skip


def test_what_is_unrecorded_stays_open_until_a_reviewer_says_why():
    held = registry()
    changes = record_reconciliation(held, AUDITOR, record=compared(line(3, 10)))
    assert changes[0].note == "unrecorded_use"
    held = apply(held, changes, epoch=2)
    assert held.reconciliations["openai:1"].is_open
    with pytest.raises(NotAllowed):
        settle_reconciliation(held, OPERATOR, reconciliation="openai:1", reason="seen")
    settled = stamped(settle_reconciliation(held, AUDITOR, reconciliation="openai:1", reason="a test key"), 7)
    held = apply(held, settled, epoch=3)
    shown = reconciliation_view(held.reconciliations["openai:1"])
    assert (shown["open"], shown["settled_by"], shown["words"]) == (False, "auditor", "see ledger entry 7")
    for name in ("openai:1", "openai:2"):
        with pytest.raises(NotAllowed):
            settle_reconciliation(held, AUDITOR, reconciliation=name, reason="again")


def test_a_comparison_that_agrees_or_finds_fewer_waits_for_nobody():
    assert not compared(line(2, 10)).is_open
    assert not compared(line(1, 1)).is_open
    held = registry()
    (change,) = record_reconciliation(held, AUDITOR, record=compared(line(2, 10)))
    assert change.note is None
    with pytest.raises(NotAllowed):
        record_reconciliation(held, OPERATOR, record=compared(line(2, 10)))
