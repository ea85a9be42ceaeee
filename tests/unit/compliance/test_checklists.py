"""Joiners, leavers and sanctions: what the registry shows cannot be ticked, and nobody decides about themselves."""

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
    registry,
)  # fmt: skip
from tests.unit.compliance.test_policies import TEXTS, code, in_force, signed
from tests.unit.compliance.test_training import answered, assigned

from wardkeep.compliance import checklists, sanctions
from wardkeep.compliance.records import stamped
from wardkeep.model.access import CareTeam, Purpose, Relationship
from wardkeep.model.login import Login
from wardkeep.model.programme import ChecklistKind, SanctionLevel
from wardkeep.model.registry import ApiKey

DUE = TODAY + timedelta(days=7)
GONE = replace(DEVELOPER, is_active=False, credential_mac=None)
KEY = ApiKey(
    id="k" * 12, mac=b"m" * 32, name="App", owner="developer", workspace="default", models=frozenset(),
    purposes=frozenset({Purpose.TREAT}), default_purpose=None, expires_at=None,
)  # fmt: skip
TEAM = CareTeam(id="t", workspace="default", members={"developer": frozenset({Relationship.CARE_TEAM})})


def opened(held, kind=ChecklistKind.LEAVER, who="developer", by=SECURITY, **changes):
    given = {"kind": kind, "person": who, "due_on": DUE, "today": TODAY, **changes}
    return after(held, checklists.open_checklist(held, by, **given))


def attested(held, name):
    for item in checklists.ATTESTED[held.checklists[name].kind]:
        held = after(held, checklists.attest_item(held, SECURITY, checklist=name, item=item, today=TODAY))
    return held


def missing(held, name):
    return set(checklists.missing(held, held.checklists[name], TEXTS, TODAY))


def close(held, name, by=SECURITY):
    return checklists.close_checklist(held, by, checklist=name, today=TODAY, texts=TEXTS)


LEFTOVERS = [
    ({"people": {"developer": DEVELOPER, "security": SECURITY}}, "account"),
    ({"keys": {KEY.id: KEY}}, "keys"),
    ({"workspaces": {"w": replace(WORKSPACE, owner="developer")}}, "ownership"),
    ({"workspaces": {"w": replace(WORKSPACE, members=frozenset({"developer"}))}}, "membership"),
    ({"care_teams": {"t": TEAM}}, "membership"),
    ({"logins": {"developer": Login(id="developer", handle=b"h")}}, "sign_in"),
    ({"people": {"developer": replace(GONE, links=frozenset({"idp:1"})), "security": SECURITY}}, "sign_in"),
]


@pytest.mark.parametrize(("left", "item"), LEFTOVERS)
def test_what_is_left_behind_keeps_a_leaver_s_list_open(left, item):
    clean = registry(people={"developer": GONE, "security": SECURITY})
    held = attested(opened(replace(clean, **left)), "leaver.developer")
    assert missing(held, "leaver.developer") == {item}
    assert code(close, held, "leaver.developer") == "wrong_status"
    done = attested(opened(clean), "leaver.developer")
    assert after(done, close(done, "leaver.developer")).checklists["leaver.developer"].closed_on == TODAY


def test_what_is_computed_cannot_be_attested():
    held = opened(registry())
    for item in ("account", "nothing"):
        step = {"checklist": "leaver.developer", "item": item, "today": TODAY}
        assert code(checklists.attest_item, held, SECURITY, **step) == "value_invalid"
    own = opened(registry(), who="security", by=PRIVACY)
    step = {"checklist": "leaver.security", "item": "devices", "today": TODAY}
    assert code(checklists.attest_item, own, SECURITY, **step) == "second_person_required"


def test_a_joiner_is_done_when_trained_and_signed():
    held = assigned(in_force(opened(registry(), kind=ChecklistKind.JOINER)))
    held = attested(held, "joiner.developer")
    assert missing(held, "joiner.developer") == {"training", "policies"}
    held = signed(answered(held), DEVELOPER)
    assert missing(held, "joiner.developer") == set()
    twin = replace(ADMIN, enrolled_by="security", access_by=frozenset({"security"}))
    other = opened(replace(held, people={**held.people, "admin": twin}), kind=ChecklistKind.JOINER, who="admin")
    assert "confirmed" in missing(other, "joiner.admin")


def test_a_list_that_cannot_be():
    held = opened(registry())
    assert code(opened, held) == "already_exists"
    assert code(opened, registry(), who="nobody") == "not_found"
    assert code(opened, registry(), by=DEVELOPER) == "role_not_permitted"
    assert code(opened, registry(), due_on=TODAY + timedelta(days=93)) == "value_invalid"
    assert code(close, held, "leaver.other") == "not_found"
    shown = checklists.checklist_view(held, held.checklists["leaver.developer"], TEXTS, DUE + timedelta(days=1))
    assert shown["is_late"]
    assert {each["item"] for each in shown["items"] if each["is_computed"]} == set(
        checklists.SHOWN[ChecklistKind.LEAVER]
    )


def proposed(held, by=PRIVACY, **changes):
    given = {
        "sanction": "s-1", "person": "developer", "policy": "sanctions", "level": SanctionLevel.CARELESS,
        "today": TODAY, **changes,
    }  # fmt: skip
    return sanctions.propose_sanction(held, by, **given)


def test_sanctions_take_two_people_who_are_not_concerned():
    held = in_force(registry())
    (change,) = stamped(proposed(held), 7)
    assert change.record.words == "see ledger entry 7"
    done = after(held, proposed(held))
    confirm = {"sanction": "s-1", "level": SanctionLevel.CARELESS}
    assert code(sanctions.confirm_sanction, done, PRIVACY, **confirm) == "second_person_required"
    assert code(sanctions.confirm_sanction, done, DEVELOPER, **confirm) == "role_not_permitted"
    other = {**confirm, "level": SanctionLevel.MALICIOUS}
    assert code(sanctions.confirm_sanction, done, SECURITY, **other) == "wrong_status"
    confirmed = after(done, sanctions.confirm_sanction(done, SECURITY, **confirm))
    assert sanctions.sanction_view(confirmed.sanctions["s-1"])["confirmed_by"] == "security"
    assert code(sanctions.confirm_sanction, confirmed, ADMIN, **confirm) == "wrong_status"
    assert code(proposed, done) == "already_exists"
    assert code(proposed, held, person="privacy") == "second_person_required"
    assert code(proposed, held, person="nobody") == "not_found"
    assert code(proposed, registry()) == "not_found"
    against = after(held, proposed(held, person="security"))
    assert code(sanctions.confirm_sanction, against, SECURITY, **confirm) == "second_person_required"
