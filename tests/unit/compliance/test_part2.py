"""Substance use disorder records: what a consent must say, where records come from, and use in proceedings."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.compliance.organisation import (
    ADMIN,
    DEVELOPER,
    PRIVACY,
    SECURITY,
    TODAY,
    WORKSPACE,
    after,
    working_registry,
)
from tests.unit.compliance.test_policies import code

from wardkeep.compliance import disclosures, part2
from wardkeep.model.access import Application, ApplicationKind, Purpose
from wardkeep.model.disclosure import RecipientKind
from wardkeep.model.part2 import NOTICE, Consent, ConsentKind, Source, SourceTag, is_inherited, names_of

DAY = timedelta(days=1)
LATER = TODAY + 30 * DAY
TAG, ROAD = "ab" * 16, "cd" * 16
HASH = "ab" * 32
HELD = working_registry()
HELD = replace(
    HELD,
    workspaces={**HELD.workspaces, "ward": replace(WORKSPACE, id="ward")},
    applications={
        "chart": Application(
            id="chart", name="Chart", kind=ApplicationKind.APPLICATION, owner="admin", workspace="ward",
            roles=frozenset(),
        )
    },
)  # fmt: skip
CONSENT = Consent(
    id="c-1",
    kind=ConsentKind.SPECIFIC,
    purposes=frozenset({Purpose.TREAT}),
    disclosers=frozenset({"ward"}),
    recipients=frozenset({"openai"}),
    signed_on=TODAY,
    until=LATER,
    document_sha256=HASH,
    recorded_by="somebody else",
    confirmed_by="nobody",
)
FOR_COURT = {"kind": ConsentKind.LEGAL, "purposes": frozenset(), "recipients": None}
GENERAL = {"kind": ConsentKind.TREATMENT_PAYMENT_OPERATIONS, "recipients": None, "until": None}


def recorded(held=HELD, by=PRIVACY, **changes):
    given = {"consent": replace(CONSENT, **changes), "individual": ROAD, "subject": TAG, "today": TODAY}
    return after(held, part2.record_consent(held, by, **given))


def confirmed(held=HELD, **changes):
    held = recorded(held, **changes)
    return after(held, part2.confirm_consent(held, SECURITY, consent=changes.get("id", "c-1"), today=TODAY))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"id": "C 1"}, "value_invalid"),
        ({"document_sha256": "x"}, "value_invalid"),
        ({"signed_on": TODAY + DAY}, "value_invalid"),
        ({"signed_on": TODAY - 9 * DAY, "until": TODAY - DAY}, "value_invalid"),
        ({"until": None}, "value_invalid"),
        ({"purposes": frozenset()}, "value_invalid"),
        ({"purposes": frozenset({Purpose.ETREAT})}, "value_invalid"),
        ({"recipients": None}, "value_invalid"),
        ({"recipients": frozenset({"nobody"})}, "not_found"),
        ({"disclosers": frozenset()}, "value_invalid"),
        ({"disclosers": frozenset({"nowhere"})}, "value_invalid"),
        ({**GENERAL, "purposes": frozenset({Purpose.HRESCH})}, "value_invalid"),
        ({**GENERAL, "purposes": frozenset()}, "value_invalid"),
        ({**FOR_COURT, "purposes": frozenset({Purpose.TREAT})}, "value_invalid"),
        ({**FOR_COURT, "recipients": frozenset({"openai"})}, "value_invalid"),
        ({**FOR_COURT, "until": None}, "value_invalid"),
        ({"by": DEVELOPER}, "role_not_permitted"),
    ],
)
def test_a_consent_without_an_element_of_the_rule_is_none(changes, expected):
    assert code(recorded, **changes) == expected
    assert code(recorded, recorded()) == "already_exists"


def test_a_consent_counts_once_another_person_confirmed_it_until_it_ends_or_is_revoked():
    held = recorded()
    (found,) = held.consents[ROAD].held
    # Who recorded and confirmed it is not believed from outside.
    assert (found.recorded_by, found.confirmed_by) == ("privacy", None)
    assert not found.holds(TODAY)
    confirm = {"consent": "c-1", "today": TODAY}
    assert code(part2.confirm_consent, held, PRIVACY, **confirm) == "second_person_required"
    assert code(part2.confirm_consent, held, DEVELOPER, **confirm) == "role_not_permitted"
    assert code(part2.confirm_consent, held, SECURITY, consent="c-1", today=LATER + DAY) == "value_invalid"
    assert code(part2.confirm_consent, held, SECURITY, consent="none", today=TODAY) == "not_found"
    done = confirmed()
    assert code(part2.confirm_consent, done, ADMIN, **confirm) == "value_invalid"
    (found,) = done.consents[ROAD].held
    assert found.holds(LATER)
    assert not found.holds(LATER + DAY)
    assert not found.holds(TODAY - DAY)
    revoke = {"consent": "c-1", "on": TODAY, "today": TODAY}
    assert code(part2.revoke_consent, done, DEVELOPER, **revoke) == "role_not_permitted"
    assert code(part2.revoke_consent, done, PRIVACY, **{**revoke, "on": TODAY - DAY}) == "value_invalid"
    gone = after(done, part2.revoke_consent(done, PRIVACY, **revoke))
    assert not gone.consents[ROAD].held[0].holds(TODAY)
    assert code(part2.revoke_consent, gone, PRIVACY, **revoke) == "not_found"
    assert [each["holds"] for each in part2.consents_view(gone, TODAY)] == [False]


@pytest.mark.parametrize(
    ("changes", "purpose", "workspace", "vendor", "expected"),
    [
        ({}, Purpose.TREAT, "ward", "openai", (True, True)),
        ({}, Purpose.HPAYMT, "ward", "openai", (False, True)),
        ({}, Purpose.TREAT, "default", "openai", (False, True)),
        ({}, Purpose.TREAT, "ward", "anthropic", (True, False)),
        ({}, None, "ward", "openai", (False, True)),
        (GENERAL, Purpose.TREAT, "ward", "anthropic", (True, True)),
        (FOR_COURT, Purpose.TREAT, "ward", "openai", (False, True)),
    ],
)
def test_what_a_consent_lets_through(changes, purpose, workspace, vendor, expected):
    (found,) = confirmed(**changes).consents[ROAD].held
    assert (found.covers(purpose, workspace, TODAY), found.reaches(vendor)) == expected


# ---- where records come from -----------------------------------------------------------------------------------------


def tagged(name, tag, until=None):
    return {name: Source(id=name, set_by="one", tag=tag, until=until)}


WARD, CHART = "workspace.ward", "application.chart"
P2, CLEARED = SourceTag.PART2, SourceTag.CLEARED


@pytest.mark.parametrize(
    ("sources", "application", "expected"),
    [
        ({}, None, False),
        (tagged(WARD, P2), None, True),
        (tagged(WARD, P2), "chart", True),
        (tagged(CHART, P2), "chart", True),
        # of another source, and this one has no tag: not cleared
        (tagged(CHART, P2), None, True),
        (tagged(WARD, CLEARED, LATER), "chart", False),
        ({**tagged("workspace.x", P2), **tagged(WARD, CLEARED, LATER)}, "chart", False),
        ({**tagged("workspace.x", P2), **tagged(CHART, CLEARED, LATER)}, "chart", False),
        ({**tagged("workspace.x", P2), **tagged(CHART, CLEARED, LATER)}, None, True),
        ({**tagged("workspace.x", P2), **tagged(WARD, CLEARED, TODAY - DAY)}, None, True),
        ({**tagged("workspace.x", P2), **tagged(WARD, CLEARED, TODAY)}, None, False),
        ({**tagged("workspace.x", P2), **tagged(WARD, None)}, None, True),
        # a clearing that ended closes its source, and the others that nobody cleared
        (tagged(WARD, CLEARED, TODAY - DAY), None, True),
        (tagged(WARD, CLEARED, TODAY - DAY), "chart", True),
        ({**tagged(WARD, CLEARED, TODAY - DAY), **tagged(CHART, CLEARED, LATER)}, "chart", True),
        (tagged("workspace.x", CLEARED, TODAY - DAY), None, True),
        ({**tagged("workspace.x", CLEARED, TODAY - DAY), **tagged(WARD, CLEARED, LATER)}, "chart", False),
        # a tag of either outweighs that the other is cleared
        ({**tagged(WARD, P2), **tagged(CHART, CLEARED, LATER)}, "chart", True),
        ({**tagged(CHART, P2), **tagged(WARD, CLEARED, LATER)}, "chart", True),
    ],
)
def test_untagged_is_not_cleared(sources, application, expected):
    assert is_inherited(sources, names_of("ward", application), TODAY) is expected
    # A day that nobody knows clears nothing.
    assert is_inherited(sources, names_of("ward", application), None) >= expected


def test_a_source_is_tagged_by_one_and_cleared_by_two():
    assert code(part2.tag_source, HELD, PRIVACY, source="workspace.none") == "not_found"
    assert code(part2.tag_source, HELD, PRIVACY, source="ward") == "not_found"
    assert code(part2.tag_source, HELD, DEVELOPER, source=WARD) == "role_not_permitted"
    held = after(HELD, part2.tag_source(HELD, PRIVACY, source=WARD))
    assert all(each["calls_count_as_part2"] for each in part2.sources_view(held, TODAY))
    propose = {"source": WARD, "until": LATER, "today": TODAY}
    for until in (TODAY - DAY, TODAY + 367 * DAY):
        assert code(part2.propose_clearing, held, PRIVACY, **{**propose, "until": until}) == "value_invalid"
    approve = {"source": WARD, "today": TODAY}
    assert code(part2.approve_clearing, held, SECURITY, **approve) == "not_found"
    held = after(held, part2.propose_clearing(held, PRIVACY, **propose))
    # While it waits, the tag stands.
    assert is_inherited(held.part2_sources, names_of("ward", None), TODAY)
    assert code(part2.approve_clearing, held, PRIVACY, **approve) == "second_person_required"
    assert code(part2.approve_clearing, held, SECURITY, source=WARD, today=LATER + DAY) == "not_found"
    done = after(held, part2.approve_clearing(held, SECURITY, **approve))
    assert not is_inherited(done.part2_sources, names_of("ward", None), LATER)
    # What was cleared was tagged: the day after its last one it is closed again, and with it who was never cleared.
    after_it = {"today": LATER + DAY}
    assert is_inherited(done.part2_sources, names_of("ward", None), LATER + DAY)
    assert all(each["calls_count_as_part2"] for each in part2.sources_view(done, **after_it))
    assert not part2.is_of_part2(done, TAG, stated=None, today=LATER)
    assert part2.is_of_part2(done, TAG, stated=None, **after_it)
    assert {each["id"]: each["is_cleared"] for each in part2.sources_view(done, TODAY)}[WARD]
    again = after(done, part2.tag_source(done, PRIVACY, source=WARD))
    assert again.part2_sources[WARD].until is None


# ---- proceedings -----------------------------------------------------------------------------------------------------


def disclosed(held, **changes):
    given = {
        "disclosure": "d-1", "subject": TAG, "on": TODAY, "recipient": RecipientKind.JUDICIAL, "words": b"",
        "today": TODAY, **changes,
    }  # fmt: skip
    return after(held, disclosures.record_disclosure(held, PRIVACY, **given))


def ordered(held=HELD, *, is_confirmed=True, **changes):
    given = {"order": "o-1", "subject": TAG, "document_sha256": HASH, "until": LATER, "today": TODAY, **changes}
    held = after(held, part2.record_order(held, PRIVACY, **given))
    return after(held, part2.confirm_order(held, SECURITY, order="o-1")) if is_confirmed else held


BLOCKED = "part2_legal_use"


@pytest.mark.parametrize("recipient", list(RecipientKind))
def test_records_do_not_go_into_a_proceeding_without_consent_to_that_or_an_order(recipient):
    given = {"recipient": recipient, "is_part2": True}
    # Administrative and legislative proceedings are held before others than courts (42 CFR 2.12(d)(1)).
    assert code(disclosed, HELD, is_proceeding=True, **given) == BLOCKED
    if recipient in {RecipientKind.JUDICIAL, RecipientKind.LAW_ENFORCEMENT}:
        assert code(disclosed, HELD, is_proceeding=False, **given) == BLOCKED
    else:
        assert disclosed(HELD, is_proceeding=False, **given).disclosures["d-1"].is_part2
    if recipient in {RecipientKind.PUBLIC_HEALTH, RecipientKind.RESEARCH}:
        assert disclosed(HELD, **given).disclosures["d-1"].is_part2
        given["is_proceeding"] = True
    assert code(disclosed, HELD, **given) == BLOCKED
    assert code(disclosed, confirmed(), basis="c-1", **given) == BLOCKED
    assert code(disclosed, recorded(**FOR_COURT), basis="c-1", **given) == BLOCKED
    assert code(disclosed, confirmed(**FOR_COURT), **given) == BLOCKED
    assert code(disclosed, confirmed(**FOR_COURT), basis="c-1", **{**given, "subject": "ef" * 16}) == BLOCKED
    assert disclosed(confirmed(**FOR_COURT), basis="c-1", **given).disclosures["d-1"].basis == "c-1"
    assert code(disclosed, ordered(is_confirmed=False), basis="o-1", **given) == BLOCKED
    assert code(disclosed, ordered(), basis="o-1", **{**given, "subject": "ef" * 16}) == BLOCKED
    # What counts is the day on which the records went, not the one on which somebody writes it down.
    later = {**given, "on": LATER + DAY, "today": LATER + DAY}
    assert code(disclosed, ordered(), basis="o-1", **later) == BLOCKED
    assert disclosed(ordered(), basis="o-1", **{**later, "on": LATER}).disclosures["d-1"].basis == "o-1"
    early = {**given, "on": TODAY - DAY}
    assert code(disclosed, ordered(), basis="o-1", **early) == BLOCKED
    assert disclosed(ordered(issued_on=TODAY - DAY), basis="o-1", **early).disclosures["d-1"].basis == "o-1"
    assert code(disclosed, confirmed(**FOR_COURT), basis="c-1", **early) == BLOCKED
    agreed = confirmed(**FOR_COURT, signed_on=TODAY - 9 * DAY)
    revoked = after(agreed, part2.revoke_consent(agreed, PRIVACY, consent="c-1", on=TODAY, today=TODAY))
    assert disclosed(revoked, basis="c-1", **early).disclosures["d-1"].basis == "c-1"
    assert code(disclosed, revoked, basis="c-1", **given) == BLOCKED
    ended = after(ordered(), part2.end_order(ordered(), PRIVACY, order="o-1"))
    assert code(disclosed, ended, basis="o-1", **given) == BLOCKED
    assert disclosed(ordered(), basis="o-1", **given).disclosures["d-1"].basis == "o-1"


def test_a_basis_is_one_on_record_and_no_sentence():
    given = {"recipient": RecipientKind.RESEARCH, "is_part2": True}
    assert code(disclosed, HELD, basis="A patient, by telephone", **given) == "value_invalid"
    assert code(disclosed, HELD, basis="c-1", **given) == "not_found"
    assert code(disclosed, recorded(), basis="c-1", **given) == "not_found"
    assert code(disclosed, confirmed(), basis="c-1", **{**given, "subject": "ef" * 16}) == "not_found"
    assert code(disclosed, confirmed(), basis="c-1", **{**given, "on": TODAY - DAY}) == "not_found"
    assert disclosed(confirmed(), basis="c-1", **given).disclosures["d-1"].basis == "c-1"


def test_what_nobody_says_counts_as_such_a_record_where_there_can_be_any():
    assert not disclosed(HELD).disclosures["d-1"].is_part2
    assert code(disclosed, recorded()) == BLOCKED
    assert code(disclosed, after(HELD, part2.tag_source(HELD, PRIVACY, source=WARD))) == BLOCKED
    stated = disclosed(recorded(), is_part2=False, basis="c-1").disclosures["d-1"]
    assert (stated.is_part2, stated.basis) == (False, None)
    assert NOTICE.startswith("42 CFR part 2")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"document_sha256": "x"}, "value_invalid"),
        ({"until": TODAY - DAY}, "value_invalid"),
        ({"issued_on": TODAY + DAY}, "value_invalid"),
        ({"order": "O"}, "value_invalid"),
    ],
)
def test_an_order_that_cannot_be(changes, expected):
    assert code(ordered, **changes) == expected
    held = ordered()
    assert code(ordered, held) == "already_exists"
    assert code(part2.confirm_order, held, SECURITY, order="o-1") == "value_invalid"
    waiting = ordered(is_confirmed=False)
    assert code(part2.confirm_order, waiting, PRIVACY, order="o-1") == "second_person_required"
    assert code(part2.end_order, held, PRIVACY, order="none") == "not_found"
    assert part2.order_view(held.court_orders["o-1"], TODAY)["holds"]
