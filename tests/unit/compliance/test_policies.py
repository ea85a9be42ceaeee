"""Written policies: the package's texts, versions by two people, acknowledgements by hash, drift."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.compliance.organisation import (
    ADMIN,
    AUDITOR,
    DEVELOPER,
    OPERATOR,
    PRIVACY,
    SECURITY,
    TODAY,
    WORKSPACE,
    after,
    registry,
    working_registry,
)  # fmt: skip

from wardkeep.compliance import policies
from wardkeep.compliance.catalogue import load_catalogue
from wardkeep.compliance.effective import SETTINGS, Agreeing
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.policy_texts import filled, hash_of, load_texts, rendered
from wardkeep.model.access import Requirement, Role
from wardkeep.model.instant import Instant

TEXTS = load_texts()
REVIEW = TODAY + timedelta(days=365)
NOW = Instant(1_795_000_000_000_000, 1, "boot")


def code(call, *args, **given):
    with pytest.raises(NotAllowed) as caught:
        call(*args, **given)
    return caught.value.code


def proposed(held, policy="sanctions", by=PRIVACY, **changes):
    given = {
        "policy": policy, "variables": {}, "review_on": REVIEW, "own_sha256": None, "today": TODAY, "texts": TEXTS,
        **changes,
    }  # fmt: skip
    return after(held, policies.propose_policy(held, by, **given))


def in_force(held, policy="sanctions", **changes):
    held = proposed(held, policy, **changes)
    sha256 = held.policies[policy].proposed.sha256
    return after(held, policies.approve_policy(held, SECURITY, policy=policy, sha256=sha256, today=TODAY))


def signed(held, by, policy="sanctions"):
    sha256 = held.policies[policy].in_force.sha256
    return after(held, policies.sign_policy(held, by, policy=policy, sha256=sha256, today=TODAY))


def test_fourteen_policies_name_controls_roles_and_settings_that_exist():
    controls, roles = load_catalogue().controls, {each.value for each in Role}
    assert len(TEXTS) == 14
    for versions in TEXTS.values():
        for text in versions.values():
            assert set(text.implements) <= controls.keys()
            assert set(text.audience) <= roles | {"*"}
            assert {each.setting for each in text.enforced_by} <= SETTINGS.keys()
            assert text.enforced_by
            assert len(text.rules) >= 7
            assert len(rendered(text, filled(text, {}))) > 1800


def test_two_people_put_a_version_in_force_and_the_old_one_stays_until_then():
    held = proposed(registry())
    first = held.policies["sanctions"].proposed
    approve = {"policy": "sanctions", "sha256": first.sha256, "today": TODAY}
    assert held.policies["sanctions"].in_force is None
    assert code(policies.approve_policy, held, PRIVACY, **approve) == "second_person_required"
    assert code(policies.approve_policy, held, OPERATOR, **approve) == "role_not_permitted"
    assert code(policies.approve_policy, held, SECURITY, **{**approve, "sha256": "0" * 64}) == "wrong_status"
    held = in_force(registry())
    assert held.policies["sanctions"].in_force.approved_by == "security"
    assert code(policies.approve_policy, held, ADMIN, **approve) == "not_found"
    held = proposed(held, variables={"level_one_days": 7})
    both = held.policies["sanctions"]
    assert (both.in_force.number, both.proposed.number) == (1, 2)
    assert both.in_force.sha256 != both.proposed.sha256
    assert "within 7 days" in policies.whole_view(held, TEXTS, "sanctions", ADMIN, TODAY)["proposed_text"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"policy": "none"}, "not_found"),
        ({"variables": {"other": 1}}, "value_invalid"),
        ({"variables": {"level_one_days": 31}}, "value_invalid"),
        ({"policy": "encryption-keys", "variables": {"cipher": 5}}, "value_invalid"),
        ({"review_on": TODAY}, "value_invalid"),
        ({"review_on": TODAY + timedelta(days=367)}, "value_invalid"),
        ({"own_sha256": "AB" * 32}, "value_invalid"),
    ],
)
def test_a_version_that_cannot_be(changes, expected):
    assert code(proposed, registry(), **changes) == expected


def test_only_officers_who_count_propose():
    assert code(proposed, registry(), by=DEVELOPER) == "role_not_permitted"
    puppet = replace(PRIVACY, enrolled_by="admin", access_by=frozenset({"admin"}))
    assert code(proposed, registry(), by=puppet) == "confirmation_required"


def test_people_sign_exactly_what_they_read_and_a_new_text_anew():
    held = in_force(registry())
    assert policies.unsigned(held, TEXTS)["sanctions"] == tuple(sorted(held.people))
    wrong = {"policy": "sanctions", "sha256": "0" * 64, "today": TODAY}
    assert code(policies.sign_policy, held, DEVELOPER, **wrong) == "wrong_status"
    assert code(policies.sign_policy, held, DEVELOPER, **{**wrong, "policy": "training"}) == "not_found"
    held = signed(held, DEVELOPER)
    assert "developer" not in policies.unsigned(held, TEXTS)["sanctions"]
    same = in_force(held)
    assert "developer" not in policies.unsigned(same, TEXTS)["sanctions"]
    other = in_force(held, variables={"level_one_days": 7})
    assert "developer" in policies.unsigned(other, TEXTS)["sanctions"]


def test_a_policy_binds_its_audience_and_nobody_who_left():
    held = in_force(registry(), "encryption-keys")
    assert set(policies.unsigned(held, TEXTS)["encryption-keys"]) == {"admin", "security", "operator", "developer"}
    gone = replace(held, people={**held.people, "developer": replace(DEVELOPER, is_active=False)})
    assert "developer" not in policies.unsigned(gone, TEXTS)["encryption-keys"]


def test_a_document_of_one_s_own_is_named_by_its_hash():
    held = in_force(registry(), own_sha256="cd" * 32)
    shown = policies.whole_view(held, TEXTS, "sanctions", ADMIN, TODAY)
    assert (shown["sha256"], shown["is_own"]) == ("cd" * 32, True)
    assert "cd" * 32 in shown["text"]


def test_the_text_in_force_is_the_one_that_was_hashed():
    held = in_force(registry(), "training", variables={"grace_days": 3})
    shown = policies.whole_view(held, TEXTS, "training", ADMIN, TODAY)
    assert hash_of(shown["text"]) == shown["sha256"]
    assert not policies.policy_view(held, TEXTS["training"][1], ADMIN, REVIEW)["is_past_review"]
    assert policies.policy_view(held, TEXTS["training"][1], ADMIN, REVIEW + timedelta(days=1))["is_past_review"]


def drift(held, policy):
    return {each.setting: each for each in policies.drifts(held, TEXTS, NOW, TODAY) if each.policy == policy}


def test_drift_is_computed_from_what_is_so():
    held = in_force(working_registry(), "vendors")
    found = drift(held, "vendors")
    assert {each.standing for each in found.values()} == {Agreeing.AGREES}
    alone = replace(held.agreements["baa-1"], activated_by="privacy")
    found = drift(replace(held, agreements={"baa-1": alone}), "vendors")
    assert found["agreements.activated_alone"].standing is Agreeing.DIFFERS
    expired = replace(held.agreements["baa-1"], expires_on=TODAY - timedelta(days=1))
    found = drift(replace(held, agreements={"baa-1": expired}), "vendors")
    assert (found["routes.without_agreement"].effective, found["routes.without_agreement"].promised) == (
        "1", "at most 0",
    )  # fmt: skip


def test_access_promises_follow_the_workspaces():
    demanding = replace(
        WORKSPACE,
        requires=frozenset({Requirement.PERSON, Requirement.SECOND_FACTOR}),
        second_factor_seconds=12 * 3600,
    )
    held = in_force(registry(workspaces={"default": demanding}), "workforce-access")
    assert {each.standing for each in drift(held, "workforce-access").values()} == {Agreeing.AGREES}
    longer = replace(demanding, second_factor_seconds=12 * 3600 + 1)
    found = drift(replace(held, workspaces={"default": longer}), "workforce-access")
    assert found["workspaces.second_factor_hours"].standing is Agreeing.DIFFERS
    found = drift(replace(held, workspaces={"default": WORKSPACE}), "workforce-access")
    assert found["workspaces.second_factor_hours"].effective == "not demanded everywhere"
    found = drift(replace(held, workspaces={}), "workforce-access")
    assert found["workspaces.person_required"].standing is Agreeing.NOT_KNOWN
    both = replace(AUDITOR, roles=frozenset({Role.AUDITOR, Role.OPERATOR}))
    found = drift(replace(held, people={**held.people, "auditor": both}), "workforce-access")
    assert found["people.roles_in_conflict"].standing is Agreeing.DIFFERS
