"""The parts of an evidence pack that can be looked at alone: periods, controls, proofs of many, OSCAL, tables."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.compliance.instance import found as founded
from tests.unit.compliance.instance import keyring, running
from tests.unit.compliance.organisation import TODAY
from tests.unit.compliance.test_policies import code
from tests.unit.compliance.test_status_programme import ENTRIES, NOW, held, window

from wardkeep.audit.checkpoint import verifier_key_text
from wardkeep.audit.proofs import entry_proofs
from wardkeep.audit.tree import inclusion_proof, inclusion_proofs, leaf_hash, tree_root, verify_inclusion
from wardkeep.audit.verify import verify_proof
from wardkeep.compliance import oscal
from wardkeep.compliance.catalogue import load_catalogue
from wardkeep.compliance.pack import check_period, chosen, limits, pack_facts, read_period
from wardkeep.compliance.pack_contents import _cell
from wardkeep.compliance.policy_texts import load_texts
from wardkeep.compliance.status import Known, statuses
from wardkeep.compliance.status_programme import all_queries
from wardkeep.model.instant import Instant

CATALOGUE = load_catalogue()
DAY = timedelta(days=1)


@given(st.integers(1, 70).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)))))
@settings(max_examples=60)
def test_many_proofs_are_the_single_ones(drawn):
    size, indices = drawn
    leaves = [leaf_hash(str(each).encode()) for each in range(size)]
    found = inclusion_proofs(leaves, indices)
    assert found == {each: inclusion_proof(leaves, each) for each in indices}
    for index, proof in found.items():
        verify_inclusion(leaf=leaves[index], index=index, size=size, proof=proof, expected_root=tree_root(leaves))
    with pytest.raises(IndexError):
        inclusion_proofs(leaves, {size})


async def test_proofs_of_a_real_ledger_hold_for_the_verifier(tmp_path):
    async with running(tmp_path, keyring()) as instance:
        await founded(instance)
        for number in range(5):
            await instance.control.refused(by="person:x", action="a.b", code=f"code-{number}")
        proofs = await entry_proofs(instance.ledger, {0, 3, 99})
        key = tmp_path / "ledger.pub"
        key.write_text(verifier_key_text(instance.ledger.verifier_key) + "\n")
        assert proofs.keys() == {0, 3}
        for index, proof in proofs.items():
            file = tmp_path / f"{index}.proof"
            file.write_bytes(proof)
            assert verify_proof(file, key).ok


async def test_a_period_is_whole_days_where_the_organisation_is(tmp_path):
    async with running(tmp_path, keyring()) as instance:
        await founded(instance)
        midnight = datetime(2026, 11, 24, 5, tzinfo=UTC)  # in New York
        for offset in (-1, 0, 1):
            instance.clock.wall_us = int(midnight.timestamp()) * 1_000_000 + offset * 1_000_000
            await instance.control.refused(by="person:x", action="a.b", code="c")
        zone = "America/New_York"
        day = await read_period(instance.ledger, TODAY, TODAY, zone)
        assert (day.start, day.stop) == (0, 2)
        following = await read_period(instance.ledger, TODAY + DAY, TODAY + DAY, zone)
        assert (following.start, following.stop) == (2, 4)
        both = await read_period(instance.ledger, TODAY, TODAY + DAY, zone)
        assert len(both.headers) == len(both.excerpt) == 4
        none = await read_period(instance.ledger, TODAY + 9 * DAY, TODAY + 9 * DAY, zone)
        assert none.headers == ()
        before = await read_period(instance.ledger, TODAY - 9 * DAY, TODAY - 9 * DAY, zone)
        assert (before.start, before.stop) == (0, 0)


def test_a_period_that_cannot_be():
    check_period(TODAY, TODAY, TODAY)
    assert code(check_period, TODAY, TODAY + DAY, TODAY) == "value_invalid"
    assert code(check_period, TODAY, TODAY - DAY, TODAY) == "value_invalid"
    assert code(check_period, TODAY - timedelta(days=6 * 366 + 1), TODAY, TODAY) == "value_invalid"


def test_controls_are_chosen_by_id_or_beginning():
    assert len(chosen(CATALOGUE, [])) == 125
    assert chosen(CATALOGUE, ["HSR-312-b"]) == {"HSR-312-b"}
    assert {"HSR-312-b", "HSR-312-e2-ii", "HBN-414"} <= chosen(CATALOGUE, ["HSR-312*", "HBN-414"])
    assert code(chosen, CATALOGUE, ["HSR-999"]) == "value_invalid"


def facts(wanted=("HSR-312*",), **changes):
    known = Known(now=NOW, today=TODAY, window=window(ENTRIES), registry=held(), registry_read_at=NOW)
    from wardkeep.audit.entry import decode
    from wardkeep.compliance.pack import Period

    period = Period(
        start=0,
        stop=len(ENTRIES),
        headers=tuple(decode(each.header) for each in ENTRIES),
        excerpt=tuple(each.header for each in ENTRIES),
    )
    return pack_facts(
        held(),
        catalogue=CATALOGUE,
        statuses=statuses(CATALOGUE, known, all_queries()),
        wanted=chosen(CATALOGUE, wanted),
        period=period,
        first=TODAY,
        last=TODAY,
        now=Instant(1_795_000_000_000_000, 1, "boot"),
        today=TODAY,
        texts=load_texts(),
        version="0",
        head={"size": 5, "root": "00"},
        **changes,
    )


def test_facts_count_the_period_and_name_no_person_of_a_sanction():
    told = facts()
    assert told["activity"]["calls"] == told["activity"]["calls_unresolved"] == 2
    assert told["activity"]["purposes"] == {"TREAT": 2}
    assert {each["id"] for each in told["controls"]} == chosen(CATALOGUE, ["HSR-312*"])
    assert "person" not in told["sanctions"][0]
    assert told["vendors"][1]["agreements"][0]["calls"] == 2


def test_every_control_is_computed_or_said_to_be_not():
    known = Known(now=NOW, today=TODAY, window=window(ENTRIES), registry=held(), registry_read_at=NOW)
    told = limits(CATALOGUE, statuses(CATALOGUE, known, all_queries()))
    named = {each["id"] for name in ("not_computed", "unconfirmed") for each in told[name]}
    assert named | all_queries().keys() == CATALOGUE.controls.keys()
    assert not named & all_queries().keys()


def test_oscal_is_the_same_for_the_same_facts_and_satisfied_only_where_it_holds():
    first, second = facts(), facts()
    assert oscal.catalog(first) == oscal.catalog(second)
    result = oscal.assessment_results(first)["assessment-results"]["results"][0]
    standing = {each["id"].lower(): each["standing"] for each in first["controls"]}
    for finding in result["findings"]:
        name = finding["target"]["target-id"].removesuffix("-statement")
        assert (finding["target"]["status"]["state"] == "satisfied") is (standing[name] == "holds")
    assert {each["observation-uuid"] for f in result["findings"] for each in f["related-observations"]} == {
        each["uuid"] for each in result["observations"]
    }
    items = oscal.action_plan(first)["plan-of-action-and-milestones"]["poam-items"]
    assert items


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (-3, "-3"), ("=1+1", "'=1+1"), ("@x", "'@x"), (["a", "b"], "a b"), (True, "True"), ("+1", "'+1")],
)
def test_no_cell_is_a_formula(value, shown):
    assert _cell(value) == shown
