"""What the policy is said to say is what it does: explained, imagined, compared over time."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.unit.compliance.instance import found, keyring, running
from tests.unit.compliance.organisation import ADMIN, SECURITY, WORKSPACE, working_registry

from wardkeep.compliance import people, workspaces
from wardkeep.compliance.access_view import (
    KnownDuties,
    Question,
    Use,
    differences,
    explained,
    imagined,
    registry_at,
    table,
)
from wardkeep.compliance.errors import NotAllowed
from wardkeep.model.access import Purpose, Requirement
from wardkeep.model.reasons import Reason
from wardkeep.model.registry import ApiKey

NOW = datetime(2026, 11, 23, tzinfo=UTC)
KEY = ApiKey(
    id="k1",
    mac=b"",
    name="K",
    owner="developer",
    workspace="default",
    models=frozenset({"chat"}),
    purposes=frozenset({Purpose.TREAT, Purpose.HPAYMT}),
    default_purpose=Purpose.TREAT,
    expires_at=None,
)
HELD = working_registry(keys={"k1": KEY})
ASKED = Question(
    key="k1", model="chat", purpose=None, subject=None, person=None, is_verified=False, second_factor_at=None,
    data_classes=(), fields=frozenset({"model", "messages"}),
)  # fmt: skip
NOTHING_IMAGINED = {
    "workspace": None,
    "roles": {},
    "disabled_people": frozenset(),
    "revoked_keys": frozenset(),
    "disabled_applications": frozenset(),
    "closed_workspaces": frozenset(),
}


def explain(registry=HELD, question=ASKED):
    return explained(registry, question, mac_key=b"k" * 32, now=NOW, duties=KnownDuties())


def test_a_permitted_call_says_what_it_would_get():
    answer = explain()
    assert (answer.permitted, answer.reason, answer.reveals) == (True, None, True)
    assert answer.passes == ("AGE", "DATE", "DEMOGRAPHIC")
    assert explain(question=replace(ASKED, purpose="HPAYMT")).passes == ()


def test_a_refused_call_names_every_rule_that_fails():
    answer = explain(question=replace(ASKED, model="nothing", purpose="HRESCH"))
    failing = {finding.name: finding.reason for finding in answer.findings if finding.reason is not None}
    assert failing["purpose"] is Reason.PURPOSE_NOT_PERMITTED
    assert failing["route"] is Reason.MODEL_UNKNOWN
    assert answer.reason is Reason.PURPOSE_NOT_PERMITTED
    revoked = replace(HELD, keys={"k1": replace(KEY, is_revoked=True)})
    assert explain(revoked).reason is Reason.CREDENTIAL_REVOKED


def test_the_table_has_every_use_and_an_imagined_change_shows_its_uses():
    now = table(HELD, now=NOW, duties=KnownDuties())
    assert now == {Use(key="k1", person="-", purpose=p, model="chat"): "permitted" for p in ("HPAYMT", "TREAT")}
    narrower = replace(WORKSPACE, purposes=frozenset({Purpose.TREAT}))
    for supposed, expected in (
        ({"workspace": narrower}, {"HPAYMT": "purpose_not_permitted"}),
        ({"disabled_people": frozenset({"developer"})}, {"HPAYMT": "owner_inactive", "TREAT": "owner_inactive"}),
        ({"revoked_keys": frozenset({"k1"})}, {"HPAYMT": "credential_revoked", "TREAT": "credential_revoked"}),
        ({"closed_workspaces": frozenset({"default"})}, {"HPAYMT": "workspace_closed", "TREAT": "workspace_closed"}),
        ({}, {}),
    ):
        after = table(imagined(HELD, **{**NOTHING_IMAGINED, **supposed}), now=NOW, duties=KnownDuties())
        assert {row["purpose"]: row["after"] for row in differences(now, after)} == expected
    with pytest.raises(NotAllowed):
        imagined(HELD, **{**NOTHING_IMAGINED, "revoked_keys": frozenset({"nothing"})})


def test_training_that_is_overdue_closes_and_a_person_that_is_demanded_is_a_row():
    late = KnownDuties(training_overdue=frozenset({"developer"}))
    assert set(table(HELD, now=NOW, duties=late).values()) == {"training_overdue"}
    demanding = replace(WORKSPACE, requires=frozenset({Requirement.PERSON}), members=frozenset({"privacy", "security"}))
    rows = table(replace(HELD, workspaces={"default": demanding}), now=NOW, duties=KnownDuties())
    assert {use.person for use in rows} == {"privacy", "security"}
    assert set(rows.values()) == {"person_not_accepted"}


async def test_the_registry_of_an_earlier_entry_comes_from_the_ledger(tmp_path):
    async with running(tmp_path, keyring()) as instance:
        first = await found(instance, HELD)
        second = await instance.control.change(
            by="person:admin",
            action="workspace.close",
            reason="ended",
            plan=lambda held: workspaces.close_workspace(held, ADMIN, workspace="default"),
        )
        third = await instance.control.change(
            by="person:security",
            action="person.disable",
            reason="left",
            plan=lambda held: people.disable_person(held, SECURITY, person="auditor"),
        )
        at = [await registry_at(instance.ledger, instance.entries, index) for index in (first, second, third)]
        assert [each.workspaces["default"].is_active for each in at] == [True, False, False]
        assert [each.people["auditor"].is_active for each in at] == [True, True, False]
        assert at[2] == instance.control.registry
        with pytest.raises(NotAllowed):
            await registry_at(instance.ledger, instance.entries, third + 1)
