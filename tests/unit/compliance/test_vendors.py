from dataclasses import replace
from datetime import date

import pytest
from tests.unit.compliance.organisation import (
    ADMIN,
    AUDITOR,
    DEVELOPER,
    OPERATOR,
    PRIVACY,
    SCOPE,
    SECURITY,
    TODAY,
    after,
    agreement,
    person,
    registry,
    working_registry,
)

from wardkeep.compliance import vendors
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import SEE_THIS_ENTRY
from wardkeep.model.registry import AgreementKind, AgreementStatus, Retention, Role


def refused(action):
    with pytest.raises(NotAllowed) as caught:
        action()
    error = caught.value
    assert all(sentence.endswith(".") and len(sentence) > 10 for sentence in (error.what, error.why, error.fix))
    return error.code


def drafted():
    return after(registry(), vendors.add_agreement(registry(), PRIVACY, agreement=agreement()))


def suspended():
    held = working_registry()
    return after(held, vendors.suspend(held, PRIVACY, agreement="baa-1", reason="breach notice"))


def test_an_agreement_is_recorded_as_a_draft_whatever_it_says_of_itself():
    told = agreement(status=AgreementStatus.ACTIVE, activated_by="security", added_by="somebody")
    (change,) = vendors.add_agreement(registry(), PRIVACY, agreement=told)
    assert change.record.status is AgreementStatus.DRAFT
    assert change.record.added_by == "privacy"
    assert change.record.activated_by is None


def test_who_recorded_an_agreement_cannot_activate_it():
    held = drafted()
    assert refused(lambda: vendors.activate(held, PRIVACY, agreement="baa-1", today=TODAY)) == "second_person_required"


def test_a_second_person_activates():
    (change,) = vendors.activate(drafted(), SECURITY, agreement="baa-1", today=TODAY)
    assert change.record.status is AgreementStatus.ACTIVE
    assert change.record.activated_by == "security"
    assert change.note is None


def test_a_single_officer_activates_only_under_their_own_recorded_acceptance_and_the_entry_says_so():
    held = drafted()
    accepted = replace(
        held, organisation=replace(held.organisation, officers=("privacy",), single_officer_accepted_by="privacy")
    )
    (change,) = vendors.activate(accepted, PRIVACY, agreement="baa-1", today=TODAY)
    assert change.note == "single_officer_acceptance"
    somebody_else = replace(held, organisation=replace(held.organisation, single_officer_accepted_by="security"))
    assert (
        refused(lambda: vendors.activate(somebody_else, PRIVACY, agreement="baa-1", today=TODAY))
        == "second_person_required"
    )


@pytest.mark.parametrize("by", [OPERATOR, AUDITOR, DEVELOPER])
def test_activation_needs_the_permission(by):
    assert refused(lambda: vendors.activate(drafted(), by, agreement="baa-1", today=TODAY)) == "role_not_permitted"


def test_a_person_who_left_may_nothing():
    gone = person("gone", Role.PRIVACY_OFFICER, active=False)
    assert refused(lambda: vendors.activate(drafted(), gone, agreement="baa-1", today=TODAY)) == "owner_inactive"


def test_an_expired_draft_is_not_activated():
    assert (
        refused(lambda: vendors.activate(drafted(), SECURITY, agreement="baa-1", today=date(2027, 3, 1)))
        == "wrong_status"
    )
    assert vendors.activate(drafted(), SECURITY, agreement="baa-1", today=date(2027, 2, 28))


@pytest.mark.parametrize("status", [AgreementStatus.ACTIVE, AgreementStatus.SUSPENDED, AgreementStatus.TERMINATED])
def test_only_a_draft_is_activated(status):
    held = registry(agreements={"baa-1": agreement(status=status)})
    assert refused(lambda: vendors.activate(held, SECURITY, agreement="baa-1", today=TODAY)) == "wrong_status"


@pytest.mark.parametrize(
    "change",
    [
        {"document_sha256": ""},
        {"document_sha256": "AB" * 32},
        {"document_sha256": "ab" * 31},
        {"scopes": ()},
        {"expires_on": date(2025, 12, 31)},
        {"party": "  "},
        {"party": "two\nlines"},
        {"id": "Not An Id"},
        {"id": "-x"},
        {"scopes": (replace(SCOPE, projects=frozenset()),)},
        {"scopes": (replace(SCOPE, endpoints=frozenset()),)},
        {"scopes": (replace(SCOPE, endpoints=frozenset({"/v1/everything"})),)},
        {"scopes": (replace(SCOPE, models=frozenset()),)},
        {"scopes": (replace(SCOPE, models=frozenset({"*"})),)},
        {"scopes": (replace(SCOPE, regions=frozenset()),)},
        {"scopes": (replace(SCOPE, purposes=frozenset()),)},
        {"scopes": (replace(SCOPE, purposes=frozenset({"MARKETING"})),)},
        {"scopes": (replace(SCOPE, platform=""),)},
    ],
)
def test_an_agreement_with_an_open_or_impossible_term_is_refused(change):
    assert refused(lambda: vendors.add_agreement(registry(), PRIVACY, agreement=agreement(**change))) == "value_invalid"


def test_one_day_is_a_term():
    day = date(2026, 5, 1)
    assert vendors.add_agreement(registry(), PRIVACY, agreement=agreement(effective_on=day, expires_on=day))


def test_a_scope_with_retention_is_recorded_and_opens_nothing_by_itself():
    kept = replace(SCOPE, retention=Retention.UNKNOWN)
    assert vendors.add_agreement(registry(), PRIVACY, agreement=agreement(scopes=(kept,)))


def test_an_agreement_is_never_overwritten():
    assert (
        refused(lambda: vendors.add_agreement(drafted(), PRIVACY, agreement=agreement(party="Other")))
        == "already_exists"
    )


def test_an_agreement_needs_its_vendor():
    held = registry(vendors={})
    assert refused(lambda: vendors.add_agreement(held, PRIVACY, agreement=agreement())) == "not_found"


def test_one_person_suspends_and_the_record_says_where_the_reason_is_and_not_the_reason():
    (change,) = vendors.suspend(working_registry(), PRIVACY, agreement="baa-1", reason="breach notice")
    assert change.record.status is AgreementStatus.SUSPENDED
    assert (change.record.status_reason, change.record.suspended_by) == (SEE_THIS_ENTRY, "privacy")


@pytest.mark.parametrize("reason", ["", "   ", "a\nb", "x" * 501])
def test_a_suspension_needs_a_reason_in_words(reason):
    assert (
        refused(lambda: vendors.suspend(working_registry(), PRIVACY, agreement="baa-1", reason=reason))
        == "value_invalid"
    )


def test_who_suspended_cannot_resume():
    assert (
        refused(lambda: vendors.resume(suspended(), PRIVACY, agreement="baa-1", reason="settled"))
        == "second_person_required"
    )


def test_another_person_resumes():
    (change,) = vendors.resume(suspended(), SECURITY, agreement="baa-1", reason="settled")
    assert change.record.status is AgreementStatus.ACTIVE
    assert (change.record.status_reason, change.record.suspended_by) == (None, None)


def test_a_suspension_by_nobody_known_counts_as_ones_own():
    held = registry(agreements={"baa-1": agreement(status=AgreementStatus.SUSPENDED, status_reason="imported")})
    assert (
        refused(lambda: vendors.resume(held, SECURITY, agreement="baa-1", reason="settled")) == "second_person_required"
    )


def test_only_suspended_is_resumed_and_only_active_is_suspended():
    assert (
        refused(lambda: vendors.resume(working_registry(), SECURITY, agreement="baa-1", reason="ok")) == "wrong_status"
    )
    assert refused(lambda: vendors.suspend(suspended(), SECURITY, agreement="baa-1", reason="ok")) == "wrong_status"


def test_termination_is_final():
    held = suspended()
    ended = after(held, vendors.terminate(held, SECURITY, agreement="baa-1", reason="contract ended"))
    assert ended.agreements["baa-1"].status is AgreementStatus.TERMINATED
    for step in (
        lambda: vendors.activate(ended, ADMIN, agreement="baa-1", today=TODAY),
        lambda: vendors.resume(ended, ADMIN, agreement="baa-1", reason="again"),
        lambda: vendors.terminate(ended, ADMIN, agreement="baa-1", reason="again"),
    ):
        assert refused(step) == "wrong_status"


def test_a_vendor_is_suspended_by_one_and_resumed_by_another():
    held = working_registry()
    closed = after(held, vendors.suspend_vendor(held, SECURITY, vendor="openai", reason="incident"))
    shut = closed.vendors["openai"]
    assert (shut.suspended_because, shut.suspended_by) == (SEE_THIS_ENTRY, "security")
    assert (
        refused(lambda: vendors.resume_vendor(closed, SECURITY, vendor="openai", reason="over"))
        == "second_person_required"
    )
    opened = after(closed, vendors.resume_vendor(closed, PRIVACY, vendor="openai", reason="over"))
    assert opened.vendors["openai"] == held.vendors["openai"]


def test_vendor_steps_in_the_wrong_order_are_refused():
    held = working_registry()
    closed = after(held, vendors.suspend_vendor(held, SECURITY, vendor="openai", reason="incident"))
    assert refused(lambda: vendors.suspend_vendor(closed, PRIVACY, vendor="openai", reason="x")) == "wrong_status"
    assert refused(lambda: vendors.resume_vendor(held, PRIVACY, vendor="openai", reason="x")) == "wrong_status"
    assert refused(lambda: vendors.suspend_vendor(held, PRIVACY, vendor="other", reason="x")) == "not_found"


def test_a_vendor_is_added_once():
    (change,) = vendors.add_vendor(registry(), PRIVACY, vendor="anthropic", party="Anthropic, PBC")
    assert change.record.party == "Anthropic, PBC"
    assert refused(lambda: vendors.add_vendor(registry(), PRIVACY, vendor="openai", party="X")) == "already_exists"
    assert refused(lambda: vendors.add_vendor(registry(), OPERATOR, vendor="x", party="X")) == "role_not_permitted"


@pytest.mark.parametrize("step", ["suspend", "terminate"])
def test_closing_needs_the_permission(step):
    held = working_registry()
    action = getattr(vendors, step)
    assert refused(lambda: action(held, OPERATOR, agreement="baa-1", reason="x")) == "role_not_permitted"


def test_an_own_boundary_statement_stands_until_terminated():
    statement = agreement(kind=AgreementKind.OWN_BOUNDARY)
    assert vendors.is_own_boundary(registry(agreements={"baa-1": statement}), "openai")
    ended = replace(statement, status=AgreementStatus.TERMINATED)
    assert not vendors.is_own_boundary(registry(agreements={"baa-1": ended}), "openai")
    assert not vendors.is_own_boundary(registry(agreements={"baa-1": agreement()}), "openai")
