"""Risk acceptances: two people, a year at the most, withdrawn by one, and a scope that says for how long is kept."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.unit.compliance.organisation import (
    AUDITOR,
    OPERATOR,
    PRIVACY,
    SCOPE,
    SECURITY,
    TODAY,
    after,
    agreement,
    registry,
    working_registry,
)

from wardkeep.compliance import acceptances, vendors
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import SEE_THIS_ENTRY, decode_payload, encode_payload, stamped
from wardkeep.model.registry import Retention

GIVEN = {"acceptance": "kept", "agreement": "baa-1", "days": 30, "until": TODAY, "reason": "weighed", "today": TODAY}


def code(call, *args, **given):
    with pytest.raises(NotAllowed) as caught:
        call(*args, **given)
    return caught.value.code


def recorded(held=None, **changes):
    held = held or working_registry()
    return after(held, acceptances.add_acceptance(held, PRIVACY, **{**GIVEN, **changes}))


def test_one_records_another_activates_and_anybody_of_them_withdraws():
    held = recorded()
    assert not held.acceptances["kept"].holds(TODAY)
    held = after(held, acceptances.activate_acceptance(held, SECURITY, acceptance="kept", today=TODAY))
    assert held.acceptances["kept"].holds(TODAY)
    assert not held.acceptances["kept"].holds(TODAY + timedelta(days=1))
    held = after(held, acceptances.withdraw_acceptance(held, PRIVACY, acceptance="kept", reason="over"))
    assert not held.acceptances["kept"].holds(TODAY)
    assert code(acceptances.withdraw_acceptance, held, PRIVACY, acceptance="kept", reason="over") == "wrong_status"
    assert code(acceptances.activate_acceptance, held, SECURITY, acceptance="kept", today=TODAY) == "wrong_status"


def test_nobody_activates_what_they_recorded():
    held = recorded()
    assert code(acceptances.activate_acceptance, held, PRIVACY, acceptance="kept", today=TODAY) == (
        "second_person_required"
    )


@pytest.mark.parametrize("by", [OPERATOR, AUDITOR], ids=lambda person: person.id)
def test_only_officers_take_a_step(by):
    held = recorded()
    for step, given in (
        (acceptances.add_acceptance, {**GIVEN, "acceptance": "other"}),
        (acceptances.activate_acceptance, {"acceptance": "kept", "today": TODAY}),
        (acceptances.withdraw_acceptance, {"acceptance": "kept", "reason": "x"}),
    ):
        assert code(step, held, by, **given) == "role_not_permitted"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"days": 0}, "value_invalid"),
        ({"days": 3651}, "value_invalid"),
        ({"until": TODAY - timedelta(days=1)}, "value_invalid"),
        ({"until": TODAY + timedelta(days=367)}, "value_invalid"),
        ({"agreement": "baa-9"}, "not_found"),
        ({"acceptance": "A b"}, "value_invalid"),
        ({"reason": "two\nlines"}, "value_invalid"),
    ],
)
def test_terms_that_cannot_be(changes, expected):
    assert code(acceptances.add_acceptance, working_registry(), PRIVACY, **{**GIVEN, **changes}) == expected


def test_an_id_is_used_once_and_a_missing_one_is_said():
    held = recorded()
    assert code(acceptances.add_acceptance, held, PRIVACY, **GIVEN) == "already_exists"
    assert code(acceptances.activate_acceptance, held, SECURITY, acceptance="none", today=TODAY) == "not_found"


def test_what_lapsed_before_it_was_activated_stays_closed():
    held = recorded(until=TODAY)
    late = TODAY + timedelta(days=1)
    assert code(acceptances.activate_acceptance, held, SECURITY, acceptance="kept", today=late) == "value_invalid"


def test_the_words_are_in_the_entry_and_the_record_points_there():
    changes = acceptances.add_acceptance(working_registry(), PRIVACY, **GIVEN)
    assert changes[0].record.reason == SEE_THIS_ENTRY
    (stored,) = stamped(decode_payload(encode_payload("acceptance.add", "weighed", changes)), 12)
    assert stored.record.reason == "see ledger entry 12"


@pytest.mark.parametrize(
    ("retention", "days", "is_valid"),
    [
        (Retention.ZERO, None, True),
        (Retention.DAYS_UNDER_BAA, 30, True),
        (Retention.DAYS_UNDER_BAA, None, False),
        (Retention.DAYS_UNDER_BAA, 0, False),
        (Retention.ZERO, 30, False),
        (Retention.UNKNOWN, 30, False),
    ],
)
def test_a_scope_says_for_how_long_is_kept_exactly_when_something_is(retention, days, is_valid):
    record = agreement(
        effective_on=date(2026, 1, 1), scopes=(replace(SCOPE, retention=retention, retention_days=days),)
    )
    if is_valid:
        (change,) = vendors.add_agreement(registry(), PRIVACY, agreement=record)
        assert change.record.scopes[0].retention_days == days
    else:
        assert code(vendors.add_agreement, registry(), PRIVACY, agreement=record) == "value_invalid"
