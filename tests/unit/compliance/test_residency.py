"""Residency rules: one officer narrows, two take a rule away, and the gate asks them."""

from dataclasses import replace

import pytest
from tests.unit.compliance.organisation import OPERATOR, PRIVACY, SECURITY, TODAY, WORKSPACE, after, working_registry

from wardkeep.compliance import residency
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.geography import load_geography
from wardkeep.compliance.profiles import load_profiles, terms_in_force
from wardkeep.model.reasons import Reason, Refused
from wardkeep.model.registry import Surface
from wardkeep.model.residency import ResidencyRule
from wardkeep.routing.choose import Need, agreement_for

RULE = ResidencyRule(
    id="texas", workspace="*", data_classes=frozenset({"ordinary"}), regions=None, laws=frozenset({"tx-sb1188"}),
    added_by="",
)  # fmt: skip


def code(call, *args, **given):
    with pytest.raises(NotAllowed) as caught:
        call(*args, **given)
    return caught.value.code


def test_one_narrows_and_two_widen():
    held = working_registry()
    held = after(held, residency.add_rule(held, PRIVACY, rule=RULE))
    assert held.residency["texas"].added_by == "privacy"
    held = after(held, residency.remove_rule(held, PRIVACY, rule="texas"))
    assert held.residency["texas"].removal_by == "privacy"
    assert code(residency.remove_rule, held, PRIVACY, rule="texas") == "second_person_required"
    held = after(held, residency.remove_rule(held, SECURITY, rule="texas"))
    assert held.residency == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"id": "A b"}, "value_invalid"),
        ({"workspace": "nowhere"}, "not_found"),
        ({"laws": frozenset({"no-such-law"})}, "value_invalid"),
        ({"laws": frozenset()}, "value_invalid"),
        ({"data_classes": frozenset()}, "value_invalid"),
        ({"data_classes": frozenset({"secret"})}, "value_invalid"),
        ({"regions": frozenset({"a b"})}, "value_invalid"),
    ],
)
def test_a_rule_that_says_nothing_or_names_what_is_not_there(changes, expected):
    assert code(residency.add_rule, working_registry(), PRIVACY, rule=replace(RULE, **changes)) == expected


def test_only_officers_and_each_id_once():
    held = working_registry()
    assert code(residency.add_rule, held, OPERATOR, rule=RULE) == "role_not_permitted"
    assert code(residency.remove_rule, held, OPERATOR, rule="texas") == "role_not_permitted"
    assert code(residency.remove_rule, held, PRIVACY, rule="texas") == "not_found"
    held = after(held, residency.add_rule(held, PRIVACY, rule=replace(RULE, workspace=WORKSPACE.id)))
    assert code(residency.add_rule, held, PRIVACY, rule=RULE) == "already_exists"


def asked(held, workspace="w"):
    need = Need(
        on=TODAY, surface=Surface.OPENAI_CHAT, features=frozenset(), purpose="TREAT",
        terms=terms_in_force(load_profiles(), held), geography=load_geography(), workspace=workspace,
    )  # fmt: skip
    return agreement_for(held, held.deployments["openai-us"], need)


def test_the_gate_asks_the_rules_of_the_workspace():
    held = working_registry()
    assert not isinstance(asked(held), Refused)
    held = after(held, residency.add_rule(held, PRIVACY, rule=RULE))
    assert not isinstance(asked(held), Refused)
    narrow = replace(RULE, id="east", workspace=WORKSPACE.id, regions=frozenset({"us-east-1"}))
    held = after(held, residency.add_rule(held, PRIVACY, rule=narrow))
    assert asked(held, WORKSPACE.id) == Refused(reason=Reason.RESIDENCY_FORBIDS)
    assert not isinstance(asked(held, "another"), Refused)


def test_a_contradicted_region_closes_whatever_the_scope_says():
    held = working_registry()
    there = replace(held.deployments["openai-us"], base_url="https://api.openai.com/v1")
    assert asked(replace(held, deployments={"openai-us": there})) == Refused(reason=Reason.REGION_CONTRADICTED)
