"""The register of addressable decisions: 22 rows, one decides, another approves, a year at the most."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.compliance.organisation import ADMIN, DEVELOPER, OPERATOR, PRIVACY, SECURITY, TODAY, after, registry

from wardkeep.compliance import addressable
from wardkeep.compliance.catalogue import load_catalogue
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import stamped
from wardkeep.model.decision import Decision

CATALOGUE = load_catalogue()
IDS = addressable.addressable_ids(CATALOGUE)
CONTROL = "HSR-312-a2-iv"
YEAR = timedelta(days=366)


def code(call, *args, **given):
    with pytest.raises(NotAllowed) as caught:
        call(*args, **given)
    return caught.value.code


def words(**changes):
    return {
        "control": CONTROL, "decision": Decision.IMPLEMENTED, "until": TODAY + YEAR, "today": TODAY,
        "catalogue": CATALOGUE, **changes,
    }  # fmt: skip


def decided(held, by=PRIVACY, **changes):
    return after(held, addressable.decide_addressable(held, by, **words(**changes)))


def approved(held, control=CONTROL, by=SECURITY):
    step = {"control": control, "decision": Decision.IMPLEMENTED, "today": TODAY}
    return after(held, addressable.approve_addressable(held, by, **step))


def row(held, today=TODAY, control=CONTROL):
    (found,) = [each for each in addressable.register_view(held, CATALOGUE, today) if each["id"] == control]
    return found


def test_the_register_has_twenty_two_rows_and_none_holds_by_itself():
    shown = addressable.register_view(registry(), CATALOGUE, TODAY)
    assert len(shown) == len(IDS) == 22
    assert not any(each["holds"] for each in shown)


def test_one_decides_another_approves_and_it_ends():
    held = decided(registry())
    assert not row(held)["holds"]
    step = {"control": CONTROL, "decision": Decision.IMPLEMENTED, "today": TODAY}
    assert code(addressable.approve_addressable, held, PRIVACY, **step) == "second_person_required"
    assert code(addressable.approve_addressable, held, OPERATOR, **step) == "role_not_permitted"
    other = {**step, "decision": Decision.NOT_REASONABLE}
    assert code(addressable.approve_addressable, held, SECURITY, **other) == "wrong_status"
    late = {**step, "today": TODAY + YEAR + timedelta(days=1)}
    assert code(addressable.approve_addressable, held, SECURITY, **late) == "wrong_status"
    held = approved(held)
    assert code(addressable.approve_addressable, held, ADMIN, **step) == "wrong_status"
    assert row(held)["holds"]
    assert row(held, TODAY + YEAR)["holds"]
    assert not row(held, TODAY + YEAR + timedelta(days=1))["holds"]
    assert not row(held, TODAY - timedelta(days=1))["holds"]


def test_a_new_decision_starts_unapproved():
    held = decided(approved(decided(registry())), by=SECURITY, decision=Decision.EQUIVALENT)
    assert (row(held)["decision"], row(held)["approved_by"], row(held)["holds"]) == ("equivalent", None, False)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"control": "HSR-312-b"}, "not_found"),  # required: nothing to decide
        ({"control": "HSR-999"}, "not_found"),
        ({"until": TODAY - timedelta(days=1)}, "value_invalid"),
        ({"until": TODAY + YEAR + timedelta(days=1)}, "value_invalid"),
    ],
)
def test_a_decision_that_cannot_be(changes, expected):
    assert code(addressable.decide_addressable, registry(), PRIVACY, **words(**changes)) == expected


def test_only_officers_who_count_decide():
    assert code(addressable.decide_addressable, registry(), DEVELOPER, **words()) == "role_not_permitted"
    unconfirmed = replace(PRIVACY, enrolled_by="admin", access_by=frozenset({"admin"}))
    assert code(addressable.decide_addressable, registry(), unconfirmed, **words()) == "confirmation_required"
    step = {"control": CONTROL, "decision": Decision.IMPLEMENTED, "today": TODAY}
    assert code(addressable.approve_addressable, registry(), SECURITY, **step) == "not_found"


def test_the_words_stand_in_the_entry():
    (change,) = stamped(addressable.decide_addressable(registry(), PRIVACY, **words()), 7)
    assert change.record.reason == "see ledger entry 7"
