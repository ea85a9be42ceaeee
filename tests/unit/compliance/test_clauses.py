"""The clauses of an agreement: read in the signed document, checked by somebody who noted none of them."""

from dataclasses import replace

import pytest
from tests.unit.compliance.organisation import ADMIN, AUDITOR, PRIVACY, SECURITY, TODAY, after, working_registry
from tests.unit.compliance.test_policies import code

from wardkeep.compliance import clauses
from wardkeep.compliance.catalogue import load_catalogue
from wardkeep.model.registers import ClauseStanding
from wardkeep.model.registry import AgreementKind

CATALOGUE = load_catalogue()
IDS = clauses.clause_ids(CATALOGUE)
HELD = working_registry()
PRESENT = (ClauseStanding.PRESENT, "4.2(b)")


def read(held, by=PRIVACY, agreement="baa-1", found=None):
    found = dict.fromkeys(IDS, PRESENT) if found is None else found
    step = {"agreement": agreement, "found": found, "catalogue": CATALOGUE, "today": TODAY}
    return after(held, clauses.read_clauses(held, by, **step))


def check(held, by=SECURITY):
    return after(held, clauses.check_clauses(held, by, agreement="baa-1", catalogue=CATALOGUE, today=TODAY))


def test_every_confirmed_clause_of_the_rule_is_asked_for():
    assert len(IDS) == 11
    assert "HPR-504-e2-iii" not in IDS  # nobody read its text


def test_two_people_read_the_document():
    held = read(HELD)
    assert not clauses.stands(held, held.agreements["baa-1"], IDS[0])
    assert code(check, held, PRIVACY) == "second_person_required"
    assert code(check, held, AUDITOR) == "role_not_permitted"
    done = check(held)
    assert all(clauses.stands(done, done.agreements["baa-1"], name) for name in IDS)
    assert code(check, done, ADMIN) == "wrong_status"
    shown = clauses.clauses_view(done, "baa-1", CATALOGUE)
    assert (shown["checked_by"], shown["clauses"][0]["place"]) == ("security", "4.2(b)")


def test_whoever_noted_one_clause_does_not_check_the_list():
    held = read(read(HELD, by=SECURITY, found={IDS[0]: PRESENT}), found=dict.fromkeys(IDS[1:], PRESENT))
    assert code(check, held) == "second_person_required"
    assert check(held, ADMIN).clauses["baa-1"].checked_by == "admin"


def test_a_gap_an_absence_and_another_document():
    held = read(HELD, found=dict.fromkeys(IDS[:-1], PRESENT))
    assert clauses.unread(held, held.agreements["baa-1"], CATALOGUE) == IDS[-1:]
    assert code(check, held) == "wrong_status"
    held = check(read(held, found={IDS[-1]: (ClauseStanding.ABSENT, None)}))
    assert not clauses.stands(held, held.agreements["baa-1"], IDS[-1])
    assert clauses.stands(held, held.agreements["baa-1"], IDS[0])
    other = replace(held.agreements["baa-1"], document_sha256="cd" * 32)
    moved = replace(held, agreements={"baa-1": other})
    assert clauses.unread(moved, other, CATALOGUE) == IDS
    assert not clauses.stands(moved, other, IDS[0])
    assert read(moved, found={IDS[0]: PRESENT}).clauses["baa-1"].clauses.keys() == {IDS[0]}
    assert read(held, found={IDS[0]: PRESENT}).clauses["baa-1"].checked_by is None


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, "not_found"),
        ({"HSR-312-b": PRESENT}, "not_found"),
        ({IDS[0]: (ClauseStanding.PRESENT, None)}, "value_invalid"),
        ({IDS[0]: (ClauseStanding.ABSENT, "4")}, "value_invalid"),
        ({IDS[0]: (ClauseStanding.PRESENT, "a sentence, with a comma")}, "value_invalid"),
    ],
)
def test_a_reading_that_cannot_be(found, expected):
    assert code(read, HELD, found=found) == expected


def test_only_business_associate_agreements_have_clauses():
    own = replace(HELD.agreements["baa-1"], kind=AgreementKind.OWN_BOUNDARY)
    assert code(read, replace(HELD, agreements={"baa-1": own})) == "not_found"
    assert code(read, HELD, agreement="none") == "not_found"
    assert code(read, HELD, by=AUDITOR) == "role_not_permitted"
