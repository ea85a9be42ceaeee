"""Vendors beside their agreements: evidence that ends, notices that are settled, PHI returned or destroyed."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from tests.unit.compliance.organisation import (
    ADMIN,
    DEVELOPER,
    PRIVACY,
    SECURITY,
    TODAY,
    after,
    agreement,
    working_registry,
)
from tests.unit.compliance.test_incidents import opened
from tests.unit.compliance.test_policies import code

from wardkeep.compliance import oversight, vendors
from wardkeep.compliance.records import stamped
from wardkeep.compliance.reminders import endings
from wardkeep.compliance.status import window_of
from wardkeep.compliance.status_programme import all_queries
from wardkeep.model.oversight import Disposition, EvidenceKind, VendorEvidence, VendorNoticeKind
from wardkeep.model.registry import AgreementKind, AgreementStatus

DAY = timedelta(days=1)
HASH = "ab" * 32
HELD = working_registry()
EVIDENCE = VendorEvidence(
    id="e-1",
    vendor="openai",
    kind=EvidenceKind.VERIFICATION,
    document_sha256=HASH,
    issued_on=TODAY,
    until=TODAY + 366 * DAY,
    added_by="somebody else",
    checked_by="nobody",
)


def added(held=HELD, by=PRIVACY, *, today=TODAY, **changes):
    return after(held, oversight.add_evidence(held, by, evidence=replace(EVIDENCE, **changes), today=today))


def checked(held=HELD, **changes):
    held = added(held, **changes)
    return after(held, oversight.check_evidence(held, SECURITY, evidence=changes.get("id", "e-1")))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"id": "E 1"}, "value_invalid"),
        ({"vendor": "nobody"}, "not_found"),
        ({"document_sha256": "x"}, "value_invalid"),
        ({"issued_on": TODAY + DAY}, "value_invalid"),
        ({"issued_on": TODAY - 9 * DAY, "until": TODAY - DAY}, "value_invalid"),
        ({"until": TODAY + 367 * DAY}, "value_invalid"),
        ({"kind": EvidenceKind.SOC2_TYPE2, "until": TODAY + 1099 * DAY}, "value_invalid"),
        ({"by": DEVELOPER}, "role_not_permitted"),
    ],
)
def test_evidence_that_cannot_be(changes, expected):
    assert code(added, **changes) == expected
    assert code(added, added()) == "already_exists"


def test_evidence_counts_once_another_person_looked_at_it_until_it_ends():
    assert oversight.unverified(HELD, TODAY) == ("openai",)
    held = added()
    assert (held.vendor_evidence["e-1"].added_by, held.vendor_evidence["e-1"].checked_by) == ("privacy", None)
    assert oversight.unverified(held, TODAY) == ("openai",)
    assert code(oversight.check_evidence, held, PRIVACY, evidence="e-1") == "second_person_required"
    assert code(oversight.check_evidence, held, DEVELOPER, evidence="e-1") == "role_not_permitted"
    done = checked()
    assert oversight.unverified(done, TODAY) == ()
    later = replace(done, agreements={"baa-1": replace(done.agreements["baa-1"], expires_on=None)})
    assert oversight.unverified(later, EVIDENCE.until) == ()
    assert oversight.unverified(later, EVIDENCE.until + DAY) == ("openai",)
    assert code(oversight.check_evidence, done, ADMIN, evidence="e-1") == "value_invalid"
    gone = after(done, oversight.withdraw_evidence(done, PRIVACY, evidence="e-1"))
    assert oversight.unverified(gone, TODAY) == ("openai",)
    assert code(oversight.withdraw_evidence, gone, PRIVACY, evidence="e-1") == "not_found"
    # A report of an auditor is no verification, and a report opens nothing.
    report = checked(kind=EvidenceKind.SOC2_TYPE2)
    assert oversight.unverified(report, TODAY) == ("openai",)
    assert report.agreements == HELD.agreements


def test_reminders_tell_the_last_day_of_what_stands_and_not_of_what_was_renewed():
    held = checked(checked(), id="e-2", until=TODAY + 300 * DAY)
    held = checked(held, id="e-3", kind=EvidenceKind.SOC2_TYPE2, until=TODAY + 9 * DAY)
    held = added(held, id="e-4", kind=EvidenceKind.ISO_27001)
    told = {each.about: each.last_day for each in endings(held) if each.kind == "vendor_evidence"}
    assert told == {"e-1": EVIDENCE.until, "e-3": TODAY + 9 * DAY}


# ---- notices ---------------------------------------------------------------------------------------------------------


def noticed(held=HELD, by=DEVELOPER, **changes):
    given = {
        "notice": "n-1", "vendor": "openai", "kind": VendorNoticeKind.BREACH, "received_on": TODAY, "today": TODAY,
        **changes,
    }  # fmt: skip
    return after(held, oversight.take_notice(held, by, **given))


def settled(held, by=PRIVACY, **changes):
    given = {"notice": "n-1", "incident": None, "is_none": False, "today": TODAY, **changes}
    return after(held, stamped(oversight.settle_notice(held, by, **given), 7))


def test_a_breach_that_a_vendor_tells_of_becomes_an_incident_or_somebody_says_why_not():
    assert code(noticed, vendor="nobody") == "not_found"
    assert code(noticed, received_on=TODAY + DAY) == "value_invalid"
    held = noticed()
    assert code(noticed, held) == "already_exists"
    assert code(settled, held) == "value_invalid"
    assert code(settled, held, incident="none") == "not_found"
    assert code(settled, held, by=DEVELOPER, is_none=True) == "role_not_permitted"
    assert [each.last_day for each in endings(held) if each.kind == "vendor_notice"] == [TODAY + 5 * DAY]
    with_incident = replace(held, incidents={"inc-1": opened().incidents["inc-1"]})
    assert code(settled, with_incident, incident="inc-1", is_none=True) == "value_invalid"
    done = settled(with_incident, incident="inc-1").vendor_notices["n-1"]
    assert (done.incident, done.is_open, done.settled_words) == ("inc-1", False, "see ledger entry 7")
    none = settled(held, is_none=True)
    assert code(settled, none, is_none=True) == "not_found"
    assert not [each for each in endings(none) if each.kind == "vendor_notice"]
    assert settled(noticed(kind=VendorNoticeKind.TERMS)).vendor_notices["n-1"].settled_by == "privacy"
    assert oversight.notice_view(held.vendor_notices["n-1"], TODAY + 6 * DAY)["is_late"]


# ---- the end ---------------------------------------------------------------------------------------------------------


def terminated(held=HELD):
    return after(held, vendors.terminate(held, SECURITY, agreement="baa-1", reason="ended", today=TODAY))


def closed(held, by=PRIVACY, *, is_confirmed=True, **changes):
    given = {
        "agreement": "baa-1", "disposition": Disposition.DESTROYED, "on": TODAY, "certificate_sha256": HASH,
        "review_on": None, "today": TODAY, **changes,
    }  # fmt: skip
    held = after(held, oversight.record_close_out(held, by, **given))
    return after(held, oversight.confirm_close_out(held, SECURITY, agreement="baa-1")) if is_confirmed else held


STAYS = {"disposition": Disposition.NOT_FEASIBLE, "certificate_sha256": None}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"certificate_sha256": None}, "value_invalid"),
        ({"certificate_sha256": "x"}, "value_invalid"),
        ({"on": TODAY + DAY}, "value_invalid"),
        (STAYS, "value_invalid"),
        ({**STAYS, "review_on": TODAY + 367 * DAY}, "value_invalid"),
        ({"agreement": "none"}, "not_found"),
        ({"by": DEVELOPER}, "role_not_permitted"),
    ],
)
def test_an_end_that_cannot_be(changes, expected):
    assert code(closed, terminated(), **changes) == expected
    assert code(closed, HELD) == "wrong_status"


def due(held, today=TODAY):
    return [(each.id, last) for each, last in oversight.to_close_out(held, today)]


def test_what_a_vendor_holds_at_the_end_is_returned_or_destroyed_by_two_people():
    assert due(HELD) == []
    held = terminated()
    last = TODAY + 30 * DAY
    assert due(held) == [("baa-1", last)]
    assert [each.last_day for each in endings(held) if each.kind == "close_out"] == [last]
    waiting = closed(held, is_confirmed=False)
    assert due(waiting) == [("baa-1", last)]
    assert code(oversight.confirm_close_out, waiting, PRIVACY, agreement="baa-1") == "second_person_required"
    done = closed(held)
    assert due(done) == []
    assert code(closed, done) == "wrong_status"
    assert code(oversight.confirm_close_out, done, SECURITY, agreement="baa-1") == "not_found"
    (shown,) = oversight.close_outs_view(done, TODAY)
    assert (shown["disposition"], shown["confirmed_by"], shown["due_on"]) == ("destroyed", "security", None)
    assert not [each for each in endings(done) if each.kind == "close_out"]


def test_what_cannot_be_returned_is_looked_at_again():
    held = closed(terminated(), **STAYS, review_on=TODAY + 90 * DAY)
    assert due(held) == [("baa-1", TODAY + 90 * DAY)]
    assert [each.last_day for each in endings(held) if each.kind == "close_out"] == [TODAY + 90 * DAY]
    assert due(closed(held)) == []


def test_an_agreement_that_ran_out_is_an_end_and_a_renewed_one_is_none():
    over = replace(HELD, agreements={"baa-1": replace(HELD.agreements["baa-1"], expires_on=TODAY - 40 * DAY)})
    assert due(over) == [("baa-1", TODAY - 10 * DAY)]
    assert oversight.close_outs_view(over, TODAY)[0]["is_late"]
    renewed = agreement(id="baa-2", status=AgreementStatus.ACTIVE, activated_by="security", expires_on=None)
    assert due(replace(over, agreements={**over.agreements, "baa-2": renewed})) == []
    ours = replace(over.agreements["baa-1"], kind=AgreementKind.OWN_BOUNDARY)
    assert due(replace(over, agreements={"baa-1": ours})) == []


def test_the_certificate_says_what_the_ledger_knows():
    text = oversight.certificate(terminated(), agreement="baa-1", calls=41, organisation="Clinic", today=TODAY)
    for part in ("baa-1", "OpenAI OpCo, LLC", HASH, "41 calls", TODAY.isoformat(), "[ ] destroyed"):
        assert part in text
    given = {"agreement": "baa-1", "calls": 0, "organisation": "", "today": TODAY}
    assert code(oversight.certificate, HELD, **given) == "wrong_status"


def wrong(control, held, today):
    window = window_of((), start=0, stop=0, now=datetime.combine(today, time.min, UTC), is_writable=True)
    return all_queries()[control].run(held, window, today).wrong


def test_what_is_late_about_a_vendor_shows_in_the_status():
    held = terminated()
    last = TODAY + 30 * DAY
    assert wrong("HPR-504-e2-ii-J", held, last) == ()
    assert wrong("HPR-504-e2-ii-J", held, last + DAY) == ("agreement baa-1",)
    assert wrong("HPR-504-e2-ii-J", closed(held), last + DAY) == ()
    held = checked()
    assert wrong("HSR-308-b1", held, EVIDENCE.until) == ()
    assert wrong("HSR-308-b1", held, EVIDENCE.until + DAY) == ("evidence e-1 has run out",)
    renewed = checked(held, id="e-2", issued_on=EVIDENCE.until, until=EVIDENCE.until + DAY, today=EVIDENCE.until)
    assert wrong("HSR-308-b1", renewed, EVIDENCE.until + DAY) == ()
    assert wrong("HSR-308-a6-ii", noticed(), TODAY + 5 * DAY) == ()
    assert wrong("HSR-308-a6-ii", noticed(), TODAY + 6 * DAY) == ("notice n-1",)
