"""Workspaces, applications, care teams and requests: nothing that was not named, and nobody for themselves."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.unit.compliance.organisation import (
    ADMIN,
    AUDITOR,
    DEVELOPER,
    PRIVACY,
    SECURITY,
    WORKSPACE,
    after,
    person,
    registry,
    working_registry,
)

from wardkeep.compliance import workspaces
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.people import create_key
from wardkeep.identity.keys import NewCredential
from wardkeep.model.access import (
    ApplicationKind,
    DataClass,
    Purpose,
    Relationship,
    RequestStatus,
    Requirement,
    Role,
    Workspace,
)
from wardkeep.model.sensitive import Secret

NOW = datetime(2026, 11, 23, tzinfo=UTC)
WARD = replace(
    WORKSPACE, id="ward", name="Ward 7", owner="developer", members=frozenset({"developer"}), is_active=False
)
BOT = {
    "application": "bot",
    "name": "Bot",
    "kind": ApplicationKind.AGENT,
    "owner": "developer",
    "workspace": "default",
    "roles": frozenset({Role.BILLING}),
    "may_assert_person": False,
}
ASK = {"request": "r1", "person": "developer", "roles": frozenset({Role.NURSE}), "workspace": None, "now": NOW}


def refused(code, change, *given, **named):
    with pytest.raises(NotAllowed) as caught:
        change(*given, **named)
    assert caught.value.code == code, caught.value
    return caught.value


def test_a_workspace_as_a_form_leaves_it_demands_everything():
    bare = Workspace(id="w", name="W", owner="o", members=frozenset(), purposes=frozenset())
    assert bare.requires == frozenset(Requirement)
    assert not bare.is_active
    assert bare.models == frozenset()
    assert bare.data_classes == frozenset()


def test_a_workspace_opens_changes_and_closes():
    held = after(registry(), workspaces.add_workspace(registry(), PRIVACY, workspace=WARD))
    assert held.workspaces["ward"].is_active
    refused("already_exists", workspaces.add_workspace, held, PRIVACY, workspace=WARD)
    narrower = replace(WARD, purposes=frozenset({Purpose.TREAT}))
    held = after(held, workspaces.set_workspace(held, ADMIN, workspace=narrower))
    assert held.workspaces["ward"].purposes == {Purpose.TREAT}
    held = after(held, workspaces.close_workspace(held, ADMIN, workspace="ward"))
    assert not held.workspaces["ward"].is_active
    refused("not_found", workspaces.close_workspace, held, ADMIN, workspace="ward")


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"id": "No Such"}, "value_invalid"),
        ({"name": ""}, "value_invalid"),
        ({"owner": "nobody"}, "not_found"),
        ({"members": frozenset({"nobody"})}, "not_found"),
        ({"models": frozenset({"nothing"})}, "value_invalid"),
        ({"data_classes": frozenset()}, "value_invalid"),
        ({"assumed": frozenset({DataClass.PART2})}, "value_invalid"),
        ({"requires": frozenset({Requirement.SECOND_FACTOR}), "second_factor_seconds": 0}, "value_invalid"),
        ({"requires": frozenset({Requirement.SECOND_FACTOR}), "second_factor_seconds": 10**9}, "value_invalid"),
    ],
)
def test_terms_that_cannot_be_are_refused(terms, code):
    refused(code, workspaces.add_workspace, registry(), ADMIN, workspace=replace(WARD, **terms))


def test_an_owner_lets_people_in_but_nobody_themselves():
    held = after(registry(), workspaces.add_workspace(registry(), PRIVACY, workspace=WARD))
    assert workspaces.change_members(held, DEVELOPER, workspace="ward", add=frozenset({"auditor"}), remove=frozenset())
    refused(
        "owner_required", workspaces.change_members, held, AUDITOR,
        workspace="ward", add=frozenset({"operator"}), remove=frozenset(),
    )  # fmt: skip
    refused(
        "second_person_required", workspaces.change_members, held, ADMIN,
        workspace="ward", add=frozenset({"admin"}), remove=frozenset(),
    )  # fmt: skip


def test_an_application_has_an_owner_a_workspace_and_no_power_over_records():
    held = after(registry(), workspaces.add_application(registry(), ADMIN, **BOT))
    assert held.applications["bot"].is_active
    refused("already_exists", workspaces.add_application, held, ADMIN, **BOT)
    for terms, code in (
        ({"owner": "nobody"}, "not_found"),
        ({"workspace": "nowhere"}, "not_found"),
        ({"roles": frozenset({Role.ADMINISTRATOR})}, "value_invalid"),
        ({"roles": frozenset({Role.AUDITOR})}, "value_invalid"),
    ):
        refused(code, workspaces.add_application, registry(), ADMIN, **{**BOT, **terms})
    refused("role_not_permitted", workspaces.add_application, registry(), DEVELOPER, **BOT)


def test_taking_an_applications_word_is_an_established_officers_decision():
    asserting = {**BOT, "may_assert_person": True}
    change = workspaces.add_application(registry(), SECURITY, **asserting)[0]
    assert change.note == "asserted_person_accepted"
    twin = replace(SECURITY, id="twin", enrolled_by="admin", access_by=frozenset({"admin"}))
    refused("confirmation_required", workspaces.add_application, registry(), twin, **asserting)


def test_an_application_ends_by_its_owner_or_an_administrator():
    held = after(registry(), workspaces.add_application(registry(), ADMIN, **BOT))
    for by in (DEVELOPER, ADMIN):
        ended = after(held, workspaces.disable_application(held, by, application="bot"))
        assert not ended.applications["bot"].is_active
        refused("not_found", workspaces.disable_application, ended, by, application="bot")
    refused("owner_required", workspaces.disable_application, held, AUDITOR, application="bot")


def test_a_key_belongs_to_an_open_workspace_and_its_application():
    held = working_registry()
    held = after(held, workspaces.add_application(held, ADMIN, **BOT))
    held = after(held, workspaces.add_workspace(held, ADMIN, workspace=WARD))
    key = {
        "credential": NewCredential(id="k1", mac=b"", shown_once=Secret("")), "name": "K", "owner": "developer",
        "models": frozenset({"chat"}), "purposes": frozenset({Purpose.TREAT}), "default_purpose": None,
        "expires_at": None, "now": NOW,
    }  # fmt: skip
    assert create_key(held, ADMIN, **key, workspace="default", application="bot")
    refused("not_found", create_key, held, ADMIN, **key, workspace="ward", application="bot")
    refused("not_found", create_key, held, ADMIN, **key, workspace="default", application="nothing")
    refused("not_found", create_key, held, ADMIN, **key, workspace="nowhere")
    closed = after(held, workspaces.close_workspace(held, ADMIN, workspace="default"))
    refused("not_found", create_key, closed, ADMIN, **key, workspace="default")


def test_a_care_team_names_others_and_goes_when_nobody_is_left():
    team = {
        "tag": "ab" * 16,
        "workspace": "default",
        "members": {"developer": frozenset({Relationship.CARE_TEAM})},
        "psychotherapy_authorized": frozenset(),
    }
    held = after(registry(), workspaces.set_care_team(registry(), PRIVACY, **team))
    assert held.care_teams["ab" * 16].members.keys() == {"developer"}
    refused(
        "second_person_required", workspaces.set_care_team, held, PRIVACY,
        **{**team, "members": {"privacy": frozenset({Relationship.CARE_TEAM})}},
    )  # fmt: skip
    nobody = {**team, "members": {}}
    assert after(held, workspaces.set_care_team(held, PRIVACY, **nobody)).care_teams == {}


def test_who_asks_or_gets_does_not_decide():
    held = after(registry(), workspaces.ask_access(registry(), SECURITY, **ASK))
    refused("separation_of_duties", workspaces.decide_access, held, SECURITY, request="r1", is_approved=True)
    for_admin = {**ASK, "person": "admin"}
    other = after(registry(), workspaces.ask_access(registry(), DEVELOPER, **for_admin))
    refused("separation_of_duties", workspaces.decide_access, other, ADMIN, request="r1", is_approved=True)
    granted = after(held, workspaces.decide_access(held, ADMIN, request="r1", is_approved=True))
    assert granted.people["developer"].roles == {Role.DEVELOPER, Role.NURSE}
    assert granted.access_requests["r1"].status is RequestStatus.APPROVED
    refused("wrong_status", workspaces.decide_access, granted, ADMIN, request="r1", is_approved=False)
    denied = after(held, workspaces.decide_access(held, ADMIN, request="r1", is_approved=False))
    assert denied.people == held.people


def test_a_request_grants_no_more_than_its_approver_holds_and_keeps_duties_apart():
    stronger = {**ASK, "roles": frozenset({Role.PRIVACY_OFFICER})}
    held = after(registry(), workspaces.ask_access(registry(), DEVELOPER, **stronger))
    refused("grant_exceeds_own", workspaces.decide_access, held, ADMIN, request="r1", is_approved=True)
    mixed = {**ASK, "person": "auditor", "roles": frozenset({Role.OPERATOR})}
    held = after(registry(), workspaces.ask_access(registry(), DEVELOPER, **mixed))
    refused("separation_of_duties", workspaces.decide_access, held, ADMIN, request="r1", is_approved=True)


def test_a_request_for_a_workspace_makes_a_member():
    wanted = {**ASK, "roles": frozenset(), "workspace": "default"}
    held = after(registry(), workspaces.ask_access(registry(), DEVELOPER, **wanted))
    held = after(held, workspaces.decide_access(held, ADMIN, request="r1", is_approved=True))
    assert "developer" in held.workspaces["default"].members
    nothing = {**ASK, "roles": frozenset()}
    refused("value_invalid", workspaces.ask_access, held, DEVELOPER, **nothing)
    refused("role_not_permitted", workspaces.ask_access, held, person("new"), **ASK)
