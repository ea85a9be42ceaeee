"""Guard terms: one officer makes them stricter, two make them weaker; approvals are another's and end."""

from datetime import UTC, datetime

import pytest
from tests.unit.compliance.organisation import OPERATOR, PRIVACY, SECURITY, WORKSPACE, after, working_registry

from wardkeep.compliance import guards
from wardkeep.compliance.errors import NotAllowed
from wardkeep.model.guard import GuardAction, GuardTerms
from wardkeep.policy.guard import DEFAULT, is_weaker, stricter, terms_for

BLOCK = GuardTerms(injection=GuardAction.BLOCK)
OFF = GuardTerms(injection=GuardAction.OFF)
PLACE = f"workspace/{WORKSPACE.id}"
NOW = datetime(2027, 1, 1, tzinfo=UTC)


def code(call, *args, **given):
    with pytest.raises(NotAllowed) as caught:
        call(*args, **given)
    return caught.value.code


def test_one_makes_it_stricter_and_two_make_it_weaker():
    held = working_registry()
    held = after(held, guards.set_guard(held, PRIVACY, guard=PLACE, terms=BLOCK))
    assert held.guards[PLACE].terms == BLOCK
    held = after(held, guards.set_guard(held, PRIVACY, guard=PLACE, terms=OFF))
    assert held.guards[PLACE].terms == BLOCK
    assert code(guards.set_guard, held, PRIVACY, guard=PLACE, terms=OFF) == "second_person_required"
    held = after(held, guards.set_guard(held, SECURITY, guard=PLACE, terms=OFF))
    assert held.guards[PLACE].terms == OFF
    assert held.guards[PLACE].proposed is None


def test_a_proposal_against_the_built_in_terms_leaves_these_in_force():
    held = working_registry()
    held = after(held, guards.set_guard(held, PRIVACY, guard=PLACE, terms=OFF))
    assert terms_for(held, workspace=WORKSPACE.id, model="x") == DEFAULT


def test_the_stricter_of_route_and_workspace_holds():
    held = working_registry()
    model = next(iter(held.routes))
    held = after(held, guards.set_guard(held, PRIVACY, guard=PLACE, terms=GuardTerms(injection=GuardAction.MASK)))
    held = after(held, guards.set_guard(held, PRIVACY, guard=f"route/{model}", terms=BLOCK))
    assert terms_for(held, workspace=WORKSPACE.id, model=model) == BLOCK
    assert terms_for(held, workspace=WORKSPACE.id, model="other").injection is GuardAction.MASK
    assert terms_for(held, workspace="other", model="other") == DEFAULT
    assert stricter(OFF, BLOCK) == stricter(BLOCK, OFF) == BLOCK
    assert is_weaker(OFF, BLOCK)
    assert not is_weaker(BLOCK, OFF)


def test_only_officers_and_only_what_is_there():
    held = working_registry()
    assert code(guards.set_guard, held, OPERATOR, guard=PLACE, terms=BLOCK) == "role_not_permitted"
    assert code(guards.set_guard, held, PRIVACY, guard="route/none", terms=BLOCK) == "not_found"
    assert code(guards.set_guard, held, PRIVACY, guard="elsewhere", terms=BLOCK) == "not_found"


def test_a_held_request_is_approved_by_another_and_for_a_time():
    held = working_registry()
    given = {"entry": 7, "tag": "ab" * 16, "now": NOW, "hours": 24}
    assert code(guards.approve_prompt, held, PRIVACY, owner=PRIVACY.id, **given) == "separation_of_duties"
    assert code(guards.approve_prompt, held, OPERATOR, owner="x", **given) == "role_not_permitted"
    assert code(guards.approve_prompt, held, PRIVACY, owner="x", **(given | {"hours": 73})) == "value_invalid"
    held = after(held, guards.approve_prompt(held, PRIVACY, owner="x", **given))
    approval = held.prompt_approvals["ab" * 16]
    assert approval.until == int(NOW.timestamp()) + 24 * 3600
    later = datetime(2027, 2, 1, tzinfo=UTC)
    other = given | {"tag": "cd" * 16, "now": later}
    held = after(held, guards.approve_prompt(held, PRIVACY, owner="x", **other))
    assert held.prompt_approvals.keys() == {"cd" * 16}
