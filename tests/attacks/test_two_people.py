"""One person who would be two: a twin, a peer's credential, a puppet with a new role, a confirmation among one's own.

Opening a road for PHI takes two people (DESIGN section 11). Whoever may enrol people must not be able to play both.
"""

import os
from dataclasses import replace

import orjson
import pytest
from tests.unit.compliance.organisation import (
    ADMIN,
    DEVELOPER,
    PRIVACY,
    SECURITY,
    TODAY,
    after,
    agreement,
    registry,
    working_registry,
)
from tests.unit.web.test_control import AGREEMENT, api, code

from wardkeep.compliance import people, two_people, vendors
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.two_people import Confirmation, confirmation
from wardkeep.identity.keys import NewCredential, new_credential
from wardkeep.model.registry import AgreementStatus, Role
from wardkeep.model.sensitive import Secret

OFFICER = frozenset({Role.SECURITY_OFFICER})
NURSE = frozenset({Role.NURSE})


def user():
    return new_credential("user", bytes(32), os.urandom)


def refused(action):
    with pytest.raises(NotAllowed) as caught:
        action()
    error = caught.value
    assert all(sentence.endswith(".") and len(sentence) > 10 for sentence in (error.what, error.why, error.fix))
    return error.code


def with_person(held, by, name, roles=OFFICER):
    changes = people.add_person(held, held.people[by], person=name, roles=roles, credential=user())
    return after(held, changes)


def with_roles(held, by, name, roles=OFFICER):
    return after(held, people.set_roles(held, held.people[by], person=name, roles=roles))


def with_credential(held, by, name):
    return after(held, people.renew_credential(held, held.people[by], person=name, credential=user()))


def confirmed(held, by, name):
    return after(held, two_people.confirm_person(held, held.people[by], person=name))


def opened(held, recorder, activator):
    """Let one person record an agreement and another activate it."""
    held = after(held, vendors.add_agreement(held, held.people[recorder], agreement=agreement()))
    return after(held, vendors.activate(held, held.people[activator], agreement="baa-1", today=TODAY))


# ---- the attacks, over the API ---------------------------------------------------------------------------------------


async def test_a_twin_opens_nothing_in_either_part(tmp_path):
    async with api(tmp_path, registry()) as face:
        made = (await face.post("security", "people", id="twin", roles=["security_officer"]))[1]
        face.credentials["twin"] = made["credential"]
        assert (await face.post("twin", "vendors", id="other", party="Other, Inc."))[0] == 200
        assert (await face.post("security", "agreements", **AGREEMENT))[0] == 200
        answer = await face.post("twin", "agreements/baa-2/activate")
        assert code(answer) == (403, "confirmation_required")
        entry = await face.instance.ledger.read(answer[1]["error"]["ledger_index"])
        told = orjson.loads(entry.header)
        assert (told["actor"], told["decision"]) == ("person:twin", "confirmation_required")
        assert (await face.post("twin", "agreements", **{**AGREEMENT, "id": "baa-3"}))[0] == 200
        assert code(await face.post("security", "agreements/baa-3/activate"))[0] == 403
        for who in ("security", "twin"):
            assert code(await face.post(who, "people/twin/confirm")) == (403, "second_person_required"), who
        assert not any(
            each.status is AgreementStatus.ACTIVE for each in face.instance.control.registry.agreements.values()
        )


async def test_a_peers_credential_taken_over_opens_nothing(tmp_path):
    async with api(tmp_path, registry()) as face:
        made = (await face.post("security", "people", id="peer", roles=["security_officer"]))[1]
        face.credentials["peer"] = made["credential"]
        assert (await face.post("privacy", "people/peer/confirm"))[0] == 200
        assert (await face.post("peer", "people/security/credential"))[0] == 200
        face.credentials["security"] = "worthless now"
        made = (await face.post("admin", "people", id="other", roles=["administrator"]))[1]
        face.credentials["other"] = made["credential"]
        assert (await face.post("privacy", "agreements", **AGREEMENT))[0] == 200
        stolen = (await face.post("other", "people/admin/credential"))[1]["credential"]
        face.credentials["admin"] = stolen
        assert code(await face.post("admin", "agreements/baa-2/activate")) == (403, "confirmation_required")
        assert code(await face.post("admin", "people/other/confirm")) == (403, "confirmation_required")


async def test_a_person_confirmed_by_another_counts_and_the_list_says_so(tmp_path):
    async with api(tmp_path, registry()) as face:
        made = (await face.post("security", "people", id="third", roles=["security_officer"]))[1]
        face.credentials["third"] = made["credential"]
        shown = {each["id"]: each for each in (await face.get("auditor", "people"))[1]["people"]}
        assert (shown["third"]["confirmation"], shown["third"]["enrolled_by"]) == ("awaited", "security")
        assert (shown["privacy"]["confirmation"], shown["developer"]["confirmation"]) == ("named_at_init", "not_needed")
        assert code(await face.post("developer", "people/third/confirm")) == (403, "role_not_permitted")
        assert (await face.post("privacy", "people/third/confirm", reason="seen in person"))[0] == 200
        assert (await face.post("privacy", "agreements", **AGREEMENT))[0] == 200
        assert (await face.post("third", "agreements/baa-2/activate"))[0] == 200
        assert code(await face.post("privacy", "people/third/confirm")) == (409, "wrong_status")
        assert code(await face.post("privacy", "people/nobody/confirm")) == (404, "not_found")


# ---- the rule, act by act --------------------------------------------------------------------------------------------


def test_a_peer_whose_credential_somebody_made_counts_again_once_another_vouches():
    held = registry()
    held = replace(held, people={**held.people, "privacy": replace(PRIVACY, roles=OFFICER)})
    held = with_credential(held, "security", "privacy")
    assert confirmation(held.people["privacy"]) is Confirmation.AWAITED
    assert refused(lambda: opened(held, "admin", "privacy")) == "confirmation_required"
    assert refused(lambda: opened(held, "privacy", "admin")) == "confirmation_required"
    assert refused(lambda: confirmed(held, "security", "privacy")) == "second_person_required"
    held = confirmed(held, "admin", "privacy")
    assert opened(held, "admin", "privacy").agreements["baa-1"].activated_by == "privacy"
    # the one who made the credential may have kept it, whoever has vouched since
    assert refused(lambda: opened(held, "security", "privacy")) == "second_person_required"
    assert refused(lambda: opened(held, "privacy", "security")) == "second_person_required"


def test_renewing_ones_own_credential_launders_nothing():
    held = with_person(registry(), "security", "twin")
    held = with_credential(held, "twin", "twin")
    assert confirmation(held.people["twin"]) is Confirmation.AWAITED
    assert held.people["twin"].access_by == {"security"}
    assert refused(lambda: confirmed(held, "security", "twin")) == "second_person_required"
    established = registry()
    assert confirmation(with_credential(established, "privacy", "privacy").people["privacy"]) is (
        Confirmation.NAMED_AT_INIT
    )


def test_a_puppet_made_an_officer_by_somebody_honest_is_not_confirmed_by_who_holds_its_credential():
    held = with_person(registry(), "security", "puppet", NURSE)
    assert confirmation(held.people["puppet"]) is Confirmation.NOT_NEEDED
    held = replace(held, people={**held.people, "admin": replace(ADMIN, roles=ADMIN.roles | OFFICER)})
    held = with_roles(held, "admin", "puppet")
    assert confirmation(held.people["puppet"]) is Confirmation.AWAITED
    for by in ("security", "admin", "puppet"):
        assert refused(lambda by=by: confirmed(held, by, "puppet")) in {
            "second_person_required",
            "confirmation_required",
        }
    assert confirmation(confirmed(held, "privacy", "puppet").people["puppet"]) is Confirmation.CONFIRMED


def test_a_confirmation_ends_with_a_new_role_and_not_with_a_lesser_one():
    held = confirmed(with_person(registry(), "security", "third"), "privacy", "third")
    both = frozenset({Role.SECURITY_OFFICER, Role.NURSE})
    assert confirmation(with_roles(held, "security", "third", both).people["third"]) is Confirmation.CONFIRMED
    held = with_roles(with_roles(held, "security", "third", NURSE), "security", "third")
    assert confirmation(held.people["third"]) is Confirmation.AWAITED


def test_somebody_named_at_init_who_is_made_an_officer_is_confirmed_first():
    held = with_roles(registry(), "security", "developer")
    assert DEVELOPER.enrolled_by is None
    assert refused(lambda: opened(held, "privacy", "developer")) == "confirmation_required"


def test_who_awaits_confirmation_confirms_nobody_and_opens_nothing_that_was_closed():
    held = with_person(with_person(working_registry(), "security", "t1"), "admin", "t2", NURSE)
    held = with_roles(held, "security", "t2")
    assert refused(lambda: confirmed(held, "t1", "t2")) == "confirmation_required"
    closed = after(held, vendors.suspend(held, held.people["privacy"], agreement="baa-1", reason="x"))
    by = closed.people["t1"]
    assert refused(lambda: vendors.resume(closed, by, agreement="baa-1", reason="x")) == "confirmation_required"
    closed = after(held, vendors.suspend_vendor(held, held.people["privacy"], vendor="openai", reason="x"))
    assert refused(lambda: vendors.resume_vendor(closed, by, vendor="openai", reason="x")) == "confirmation_required"


def test_what_somebody_unconfirmed_closed_can_be_opened_even_after_they_left():
    held = with_person(working_registry(), "security", "t1")
    held = after(held, vendors.suspend(held, held.people["t1"], agreement="baa-1", reason="x"))
    held = after(held, people.disable_person(held, held.people["security"], person="t1"))
    assert (
        refused(lambda: vendors.resume(held, held.people["security"], agreement="baa-1", reason="x"))
        == "second_person_required"
    )
    assert vendors.resume(held, held.people["privacy"], agreement="baa-1", reason="x")


# ---- the single officer, and the host --------------------------------------------------------------------------------


def alone():
    held = registry()
    organisation = replace(held.organisation, officers=("security",), single_officer_accepted_by="security")
    return replace(held, organisation=organisation, people={"security": SECURITY, "developer": DEVELOPER})


def test_an_acceptance_lets_the_accepting_officer_alone_and_every_entry_says_so():
    held = with_person(alone(), "security", "second")
    (change,) = two_people.confirm_person(held, held.people["security"], person="second")
    assert change.note == "single_officer_acceptance"
    held = after(held, (change,))
    assert refused(lambda: opened(held, "security", "second")) == "second_person_required"
    assert opened(held, "second", "security")


def test_an_acceptance_is_worth_nothing_to_who_took_over_the_accepting_officer():
    held = with_credential(with_person(alone(), "security", "second"), "second", "security")
    assert refused(lambda: opened(held, "security", "security")) == "confirmation_required"
    assert refused(lambda: confirmed(held, "security", "second")) == "confirmation_required"


def recovered(held, officer):
    (change,) = two_people.recover_officer(held, officer=officer, credential=user())
    assert change.note == "host_recovery"
    return after(held, (change,))


def test_a_recovered_officer_is_confirmed_by_the_other_one():
    held = replace(registry(), people={each.id: each for each in (PRIVACY, SECURITY)})
    held = recovered(held, "privacy")
    assert confirmation(held.people["privacy"]) is Confirmation.AWAITED
    assert refused(lambda: opened(held, "security", "privacy")) == "confirmation_required"
    held = confirmed(held, "security", "privacy")
    assert opened(held, "security", "privacy")


def test_a_recovery_stands_alone_only_where_nobody_is_left_and_stays_visible():
    held = replace(registry(), people={each.id: each for each in (PRIVACY, SECURITY)})
    # each has taken over the other, or lost their own: nobody counts any more
    held = with_credential(held, "security", "security")
    held = replace(held, people={**held.people, "privacy": replace(PRIVACY, credential_mac=None)})
    held = recovered(held, "security")
    assert confirmation(held.people["security"]) is Confirmation.RECOVERED_BY_HOST
    held = recovered(held, "privacy")
    assert confirmation(held.people["privacy"]) is Confirmation.AWAITED
    held = confirmed(held, "security", "privacy")
    assert confirmation(confirmed(held, "privacy", "security").people["security"]) is Confirmation.CONFIRMED


@pytest.mark.parametrize("who", ["developer", "nobody"])
def test_only_an_officer_is_recovered(who):
    assert refused(lambda: recovered(registry(), who)) == "not_found"


# ---- everything that one person can try ------------------------------------------------------------------------------

THIEF = NewCredential(id="0" * 12, mac=b"thief".ljust(32), shown_once=Secret("x"))
BACK = NewCredential(id="1" * 12, mac=b"in the right hands".ljust(32), shown_once=Secret("x"))


def tries(held, mine):
    """Yield every change that somebody could try who acts as all of `mine`, and the repair that others would make."""
    for by in (held.people[name] for name in sorted(mine)):
        for name in ("t1", "t2"):
            if name not in held.people:
                for roles in (OFFICER, NURSE):
                    yield lambda by=by, name=name, roles=roles: people.add_person(
                        held, by, person=name, roles=roles, credential=THIEF
                    )
        for name in sorted(held.people):
            yield lambda by=by, name=name: people.renew_credential(held, by, person=name, credential=THIEF)
            yield lambda by=by, name=name: two_people.confirm_person(held, by, person=name)
            for roles in (OFFICER, NURSE):
                yield lambda by=by, name=name, roles=roles: people.set_roles(held, by, person=name, roles=roles)
        yield lambda by=by: vendors.add_agreement(held, by, agreement=agreement())
    yield lambda: two_people.recover_officer(held, officer="peer", credential=BACK)


def acting_as(held, own):
    return {own, *(name for name, person in held.people.items() if person.credential_mac == THIEF.mac)}


def explore(start, own, steps):
    """Return every state of the records that one person reaches in some steps, acting as all whom they can."""
    seen = {repr((start.people, start.agreements)): start}
    edge = [start]
    for _ in range(steps):
        reached = []
        for held in edge:
            for attempt in tries(held, acting_as(held, own)):
                try:
                    following = after(held, attempt())
                except NotAllowed:
                    continue
                key = repr((sorted(following.people.items()), following.agreements))
                if key not in seen:
                    seen[key] = following
                    reached.append(following)
        edge = reached
    return list(seen.values())


def opens(held, own):
    """Return by whom a draft of one's own, recorded now or before, is activated."""
    mine = sorted(acting_as(held, own))
    for recorder in mine if not held.agreements else [held.agreements["baa-1"].added_by]:
        for activator in mine:
            try:
                if held.agreements:
                    vendors.activate(held, held.people[activator], agreement="baa-1", today=TODAY)
                else:
                    opened(held, recorder, activator)
            except NotAllowed:
                continue
            return recorder, activator
    return None


def two_officers():
    people_then = {"own": replace(SECURITY, id="own"), "peer": replace(SECURITY, id="peer")}
    return replace(registry(), people=people_then)


def test_nothing_that_one_officer_does_makes_them_two_nor_what_others_do_to_repair_it():
    reached = explore(two_officers(), "own", 4)
    assert len(reached) > 500
    assert any(held.agreements and held.agreements["baa-1"].added_by == "peer" for held in reached)
    assert [found for held in reached if (found := opens(held, "own")) is not None] == []


def test_one_mistaken_confirmation_is_not_enough_either():
    start = two_officers()
    changes = people.add_person(start, start.people["own"], person="t1", roles=OFFICER, credential=THIEF)
    start = confirmed(after(start, changes), "peer", "t1")
    reached = explore(start, "own", 3)
    assert len(reached) > 200
    assert [found for held in reached if (found := opens(held, "own")) is not None] == []


def test_the_search_does_find_a_way_that_is_open():
    start = two_officers()
    thief = replace(start.people["peer"], credential_mac=THIEF.mac)
    assert opens(replace(start, people={**start.people, "peer": thief}), "own") == ("own", "peer")


def test_a_draft_recorded_in_a_stolen_name_stays_shut_after_the_name_is_recovered():
    held = two_officers()
    held = after(held, people.renew_credential(held, held.people["own"], person="peer", credential=THIEF))
    held = after(held, vendors.add_agreement(held, held.people["peer"], agreement=agreement()))
    (change,) = two_people.recover_officer(held, officer="peer", credential=BACK)
    held = confirmed(after(held, (change,)), "own", "peer")
    own = held.people["own"]
    assert refused(lambda: vendors.activate(held, own, agreement="baa-1", today=TODAY)) == "second_person_required"


def test_somebody_enrolled_in_a_stolen_name_stays_a_twin_after_the_name_is_recovered():
    held = two_officers()
    held = after(held, people.renew_credential(held, held.people["own"], person="peer", credential=THIEF))
    held = with_person(held, "peer", "twin")
    held = recovered(held, "peer")
    held = confirmed(held, "own", "peer")
    assert refused(lambda: confirmed(held, "own", "twin")) == "second_person_required"
