import os

import pytest
from tests.unit.compliance.organisation import TODAY, agreement

from wardkeep.compliance import vendors
from wardkeep.compliance.bootstrap import FIRST_OFFICER, SECOND_OFFICER, SINGLE_OFFICER, Officer, initialise
from wardkeep.compliance.errors import NotAllowed
from wardkeep.compliance.records import apply
from wardkeep.identity.keys import find_person
from wardkeep.model.registry import Registry, Role

MAC_KEY = bytes(32)


def made(*officers, accepted=False, **changes):
    given = {"name": "General Clinic", "tenant": "t-1", "zone": "America/New_York"}
    return initialise(
        **{**given, **changes},
        officers=officers,
        is_single_officer_accepted=accepted,
        mac_key=MAC_KEY,
        randomness=os.urandom,
    )


FIRST = Officer(id="first", roles=FIRST_OFFICER)
SECOND = Officer(id="second", roles=SECOND_OFFICER)
ALONE = Officer(id="alone", roles=SINGLE_OFFICER)


def refused(action):
    with pytest.raises(NotAllowed) as caught:
        action()
    return caught.value.code


def test_two_officers_can_do_everything_together_and_know_their_credentials():
    plan = made(FIRST, SECOND)
    held = apply(Registry(epoch=0), plan.changes, epoch=1)
    assert held.organisation.officers == ("first", "second")
    for name, credential in plan.credentials.items():
        assert find_person(credential, held, MAC_KEY).id == name
    held = apply(held, vendors.add_vendor(held, held.people["first"], vendor="openai", party="O"), epoch=2)
    held = apply(held, vendors.add_agreement(held, held.people["first"], agreement=agreement(party="O")), epoch=3)
    assert vendors.activate(held, held.people["second"], agreement="baa-1", today=TODAY)


def test_one_officer_needs_the_acceptance_and_it_is_on_record():
    assert refused(lambda: made(ALONE)) == "second_person_required"
    plan = made(ALONE, accepted=True)
    assert plan.changes[0].record.single_officer_accepted_by == "alone"
    assert plan.changes[0].note == "single_officer_acceptance"


def test_an_acceptance_with_two_officers_makes_no_sense():
    assert refused(lambda: made(FIRST, SECOND, accepted=True)) == "second_person_required"


@pytest.mark.parametrize(
    "officers",
    [
        (FIRST, FIRST),
        (FIRST, Officer(id="Second Person", roles=SECOND_OFFICER)),
        (FIRST, Officer(id="second", roles=frozenset({Role.AUDITOR}))),
        (SECOND, Officer(id="third", roles=SECOND_OFFICER)),
    ],
)
def test_officers_are_two_people_who_together_hold_every_permission(officers):
    assert refused(lambda: made(*officers)) == "value_invalid"


@pytest.mark.parametrize("changes", [{"zone": "Mars/Olympus"}, {"zone": ""}, {"zone": "../etc"}, {"name": " "}])
def test_name_and_zone_are_checked(changes):
    assert refused(lambda: made(FIRST, SECOND, **changes)) == "value_invalid"


def test_credentials_do_not_show_when_printed():
    plan = made(FIRST, SECOND)
    assert plan.credentials["first"].reveal() not in repr(plan)
