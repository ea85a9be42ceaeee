import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.compliance.organisation import (
    ADMIN,
    AUDITOR,
    OPERATOR,
    PRIVACY,
    SECURITY,
    after,
    person,
    registry,
    working_registry,
)

from wardkeep.compliance import people
from wardkeep.compliance.errors import NotAllowed
from wardkeep.identity.keys import find_key, find_person, new_credential
from wardkeep.model.reasons import Reason
from wardkeep.model.registry import Purpose, Role

MAC_KEY = bytes(range(32))
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def refused(action):
    with pytest.raises(NotAllowed) as caught:
        action()
    return caught.value.code


def user():
    return new_credential("user", MAC_KEY, os.urandom)


def key_changes(held, by=SECURITY, **changes):
    given = {
        "credential": new_credential("live", MAC_KEY, os.urandom),
        "name": "Scheduling app",
        "owner": "developer",
        "workspace": "default",
        "models": frozenset({"chat"}),
        "purposes": frozenset({Purpose.TREAT}),
        "default_purpose": None,
        "expires_at": None,
        "now": NOW,
    }
    return people.create_key(held, by, **{**given, **changes})


def test_a_person_enrolled_is_known_by_their_credential():
    credential = user()
    changes = people.add_person(
        registry(), SECURITY, person="nurse1", roles=frozenset({Role.NURSE}), credential=credential
    )
    held = after(registry(), changes)
    assert find_person(credential.shown_once, held, MAC_KEY).id == "nurse1"


@pytest.mark.parametrize("by", [PRIVACY, OPERATOR, AUDITOR])
def test_enrolling_needs_the_permission(by):
    assert (
        refused(lambda: people.add_person(registry(), by, person="x", roles=frozenset({Role.NURSE}), credential=user()))
        == "role_not_permitted"
    )


@pytest.mark.parametrize(
    ("by", "role"), [(ADMIN, Role.PRIVACY_OFFICER), (ADMIN, Role.SECURITY_OFFICER), (SECURITY, Role.ADMINISTRATOR)]
)
def test_nobody_grants_more_than_they_hold(by, role):
    assert (
        refused(lambda: people.add_person(registry(), by, person="x", roles=frozenset({role}), credential=user()))
        == "grant_exceeds_own"
    )
    assert (
        refused(lambda: people.set_roles(registry(), by, person="developer", roles=frozenset({role})))
        == "grant_exceeds_own"
    )


def test_a_person_has_a_role_and_a_new_id():
    assert (
        refused(lambda: people.add_person(registry(), ADMIN, person="x", roles=frozenset(), credential=user()))
        == "value_invalid"
    )
    assert (
        refused(
            lambda: people.add_person(
                registry(), ADMIN, person="developer", roles=frozenset({Role.NURSE}), credential=user()
            )
        )
        == "already_exists"
    )


def test_nobody_changes_or_ends_their_own_access():
    assert (
        refused(lambda: people.set_roles(registry(), ADMIN, person="admin", roles=ADMIN.roles))
        == "second_person_required"
    )
    assert refused(lambda: people.disable_person(registry(), ADMIN, person="admin")) == "second_person_required"


def test_a_disabled_person_is_out_and_stays_on_record():
    held = after(registry(), people.disable_person(registry(), ADMIN, person="developer"))
    assert not held.people["developer"].is_active
    assert held.people["developer"].credential_mac is None
    assert refused(lambda: people.disable_person(held, ADMIN, person="developer")) == "not_found"
    assert refused(lambda: people.renew_credential(held, ADMIN, person="developer", credential=user())) == "not_found"


def test_the_last_who_can_enrol_people_cannot_be_taken_away():
    both = {each.id: each for each in (ADMIN, SECURITY)}
    alone = after(registry(people=both), people.disable_person(registry(people=both), ADMIN, person="security"))
    assert alone.people["admin"].is_active
    inactive_admin = person("admin", Role.ADMINISTRATOR)
    held = registry(people={"security": SECURITY, "gone": person("gone", Role.ADMINISTRATOR, active=False)})
    assert refused(lambda: people.disable_person(held, inactive_admin, person="security")) == "last_administrator"
    assert (
        refused(lambda: people.set_roles(held, inactive_admin, person="security", roles=frozenset({Role.NURSE})))
        == "last_administrator"
    )


def test_a_new_credential_replaces_the_old_one():
    old, new = user(), user()
    held = after(
        registry(),
        people.add_person(registry(), ADMIN, person="n", roles=frozenset({Role.NURSE}), credential=old),
    )
    held = after(held, people.renew_credential(held, ADMIN, person="n", credential=new))
    assert find_person(new.shown_once, held, MAC_KEY).id == "n"
    assert find_person(old.shown_once, held, MAC_KEY).reason is Reason.CREDENTIAL_INVALID


def test_nobody_makes_a_credential_for_somebody_stronger():
    assert (
        refused(lambda: people.renew_credential(registry(), ADMIN, person="privacy", credential=user()))
        == "grant_exceeds_own"
    )
    assert people.renew_credential(registry(), PRIVACY, person="privacy", credential=user())


def test_a_key_holds_exactly_what_was_named():
    changes = key_changes(working_registry(), expires_at=NOW + timedelta(days=1))
    record = changes[0].record
    assert (record.models, record.purposes) == ({"chat"}, {Purpose.TREAT})
    assert record.default_purpose is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"models": frozenset()}, "value_invalid"),
        ({"models": frozenset({"chat", "unlisted"})}, "value_invalid"),
        ({"models": frozenset({"*"})}, "value_invalid"),
        ({"purposes": frozenset()}, "value_invalid"),
        ({"default_purpose": Purpose.HRESCH}, "value_invalid"),
        ({"expires_at": NOW}, "value_invalid"),
        ({"expires_at": datetime(2030, 1, 1)}, "value_invalid"),  # noqa: DTZ001 - the zone is what is missing
        ({"calls_per_minute": 0}, "value_invalid"),
        ({"calls_at_once": 0}, "value_invalid"),
        ({"name": ""}, "value_invalid"),
        ({"workspace": "Not One"}, "value_invalid"),
        ({"owner": "nobody"}, "not_found"),
        ({"by": PRIVACY}, "role_not_permitted"),
    ],
)
def test_a_key_that_grants_unnamed_or_impossible_things_is_refused(changes, code):
    assert refused(lambda: key_changes(working_registry(), **changes)) == code


def test_a_key_needs_an_active_owner():
    held = working_registry()
    held = after(held, people.disable_person(held, ADMIN, person="developer"))
    assert refused(lambda: key_changes(held)) == "not_found"


def test_a_revoked_key_stays_revoked():
    credential = new_credential("live", MAC_KEY, os.urandom)
    held = working_registry()
    held = after(held, key_changes(held, credential=credential))
    assert find_key(credential.shown_once, held, MAC_KEY, NOW).id == credential.id
    held = after(held, people.revoke_key(held, SECURITY, key=credential.id))
    assert find_key(credential.shown_once, held, MAC_KEY, NOW).reason is Reason.CREDENTIAL_REVOKED
    assert refused(lambda: people.revoke_key(held, SECURITY, key=credential.id)) == "wrong_status"
    assert refused(lambda: people.revoke_key(held, SECURITY, key="0" * 12)) == "not_found"
    assert refused(lambda: people.revoke_key(held, PRIVACY, key=credential.id)) == "role_not_permitted"


def test_a_rotated_key_has_the_same_terms_and_the_old_one_ends_after_the_overlap():
    held = working_registry()
    first = new_credential("live", b"k" * 32, os.urandom)
    now = datetime(2026, 11, 23, tzinfo=UTC)
    terms = {
        "name": "App", "owner": "developer", "workspace": "default", "models": frozenset({"chat"}),
        "purposes": frozenset({Purpose.TREAT}), "default_purpose": Purpose.TREAT, "expires_at": None, "now": now,
    }  # fmt: skip
    held = after(held, people.create_key(held, ADMIN, credential=first, **terms))
    second = new_credential("live", b"k" * 32, os.urandom)
    given = {"key": first.id, "credential": second, "expires_at": None, "now": now}
    rotated = after(held, people.rotate_key(held, ADMIN, overlap_hours=24, **given))
    old, new = rotated.keys[first.id], rotated.keys[second.id]
    assert old.expires_at == now + timedelta(hours=24)
    assert replace(new, id=old.id, mac=old.mac, replaces=None, expires_at=old.expires_at) == old
    assert (new.replaces, new.expires_at) == (first.id, None)
    # rotating again does not prolong the first, and what has ended has no successor
    third = {**given, "credential": new_credential("live", b"k" * 32, os.urandom)}
    again = after(rotated, people.rotate_key(rotated, ADMIN, overlap_hours=48, **third))
    assert again.keys[first.id].expires_at == old.expires_at
    ended = after(held, people.rotate_key(held, ADMIN, overlap_hours=0, **given))
    for changes, code in (
        ({"overlap_hours": 1, "now": now}, "wrong_status"),
        ({"overlap_hours": 10_000}, "wrong_status"),
    ):
        with pytest.raises(NotAllowed) as caught:
            people.rotate_key(ended, ADMIN, **{**third, **changes})
        assert caught.value.code == code
    with pytest.raises(NotAllowed) as caught:
        people.rotate_key(held, ADMIN, overlap_hours=10_000, **third)
    assert caught.value.code == "value_invalid"
